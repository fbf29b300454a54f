//! How tasks end: judged, cancelled, expired, failed with a letter, and with what follows from them.

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use jiff::SignedDuration;
use kunder_agent_core::agent::Work;
use kunder_agent_core::bus::AnnouncementKind;
use kunder_agent_core::decision::{Decision, FollowUp};
use kunder_agent_core::event::EventDraft;
use kunder_agent_core::id::{AgentName, TaskId};
use kunder_agent_core::journal::{Journal, NewTask};
use kunder_agent_core::outcome::Status;
use kunder_agent_core::task::Locale;
use kunder_domain::change::Change;
use kunder_testkit::machine::{Machine, Process};
use kunder_testkit::store::SimStore;
use serde_json::json;

use crate::desk::{Desk, begin, done, number, task};

#[test]
fn what_was_asked_for_is_judged_and_what_is_not_met_is_said() {
    let desk = Desk::new(|_| {}, done);
    for (id, locale, words) in [
        (
            "sv",
            Locale::Sv,
            [
                "Acceptanskriteriet är inte uppfyllt: actions > 0 (utfall 0)",
                "Acceptanskriteriet kan inte mätas: kunden är nöjd",
            ],
        ),
        (
            "en",
            Locale::En,
            [
                "The acceptance criterion is not met: actions > 0 (found 0)",
                "The acceptance criterion cannot be measured: kunden är nöjd",
            ],
        ),
    ] {
        let mut judged = task(id, "note", None);
        judged.locale = Some(locale);
        judged.acceptance_criteria = serde_json::from_value(json!([
            {"metric": "customers.critical", "op": "=", "value": 0},
            {"metric": "actions", "op": ">", "value": 0},
            "kunden är nöjd"
        ]))
        .unwrap();
        let outcome = desk.ended(judged);
        assert_eq!(outcome.report.status, Status::Partial);
        assert_eq!(
            (outcome.report.blockers, outcome.criteria.len()),
            (words.map(str::to_owned).into(), 3)
        );
    }
    let plain = desk.ended(task("plain", "note", None));
    assert_eq!(
        (plain.criteria, plain.report.status),
        (Vec::new(), Status::Complete)
    );
}

#[test]
fn an_outcome_says_when_its_last_try_began_and_when_it_ended() {
    let desk = Desk::new(|_| {}, done);
    let mut slow = task("slow", "note", Some("a"));
    slow.instruction
        .params
        .insert("gatherSeconds".to_owned(), 20.into());
    desk.submit(slow.clone()).unwrap();
    slow.task_id = TaskId::new("behind").unwrap();
    let behind = desk.ended(slow);
    let after = |at: jiff::Timestamp| at.duration_since(begin()).as_secs();
    assert_eq!((after(behind.started_at), after(behind.finished_at)), (20, 40));
}

/// Its outcome, its letter, and the event that tells of it.
#[test]
fn a_task_whose_agent_fails_each_time_leaves_a_letter_and_one_that_is_refused_none() {
    let desk = Desk::new(
        |_| {},
        |work| {
            let wanted = number(work, "falls");
            assert!(i64::from(work.attempt) > wanted, "it stumbles");
            done(work)
        },
    );
    let falls = |id: &str, falls: i64| {
        let mut stumbles = task(id, "do", None);
        stumbles
            .instruction
            .params
            .insert("falls".to_owned(), falls.into());
        stumbles
    };
    assert_eq!(desk.ended(falls("up", 2)).report.status, Status::Complete);
    assert_eq!(desk.decisions(), 3, "the third try");
    assert_eq!(desk.letters(), []);
    let begun = desk.machine.now();
    let outcome = desk.ended(falls("down", 3));
    let pauses = desk.machine.now().duration_since(begun).as_millis();
    assert!((150..160).contains(&pauses), "50 ms and 100 ms: {pauses}");
    assert_eq!(
        outcome.report.summary,
        "Uppgiften misslyckades: after 3 tries: the agent panicked while deciding: it stumbles."
    );
    let letters = desk.letters();
    assert_eq!(
        (letters.len(), letters[0].subject.as_str()),
        (1, "kunder.task.first.down")
    );
    let mut dry = falls("dry", 3);
    dry.dry_run = true;
    assert_eq!(desk.ended(dry).report.status, Status::Failed);
    let refused = desk.ended(task("refused", "refuse", None));
    assert_eq!(
        refused.report.blockers,
        ["Uppgiften misslyckades: it is not for this agent."]
    );
    assert_eq!(desk.letters().len(), 1, "neither left one");
    let told: Vec<_> = desk
        .announced()
        .into_iter()
        .filter(|one| one.kind == AnnouncementKind::Event)
        .map(|one| one.subject)
        .collect();
    assert_eq!(told, ["kunder.event.first.dead-letter"]);
}

fn pages(work: &Work) -> Decision<Change> {
    match (&work.joined, number(work, "pages")) {
        (None, pages) if pages > 0 => {
            let page = |page: i64| {
                let seconds = if page < number(work, "quick") { 1 } else { 25 };
                FollowUp::new(format!("page-{page}"), "first", "page").param("gatherSeconds", seconds)
            };
            Decision::wait((0..pages).map(page).collect())
        }
        (Some(_), _) if number(work, "again") > 0 => {
            Decision::wait(vec![FollowUp::new("again", "first", "page")])
        }
        _ => done(work),
    }
}

#[test]
fn a_cancelled_task_says_who_and_how_far_it_came_and_takes_its_pages_with_it() {
    let desk = Desk::new(|_| {}, pages);
    let mut cancelled = Vec::new();
    for (id, quick) in [("two", 2), ("none", 0)] {
        let mut whole = task(id, "do", None);
        whole.locale = Some(Locale::En);
        for (name, value) in [("pages", 4), ("quick", quick)] {
            whole.instruction.params.insert(name.to_owned(), value.into());
        }
        let id = desk.submit(whole).unwrap().task_id;
        desk.pass(SignedDuration::from_secs(5));
        let report = desk.cancel(&id).report;
        cancelled.push((report.status, report.summary, report.blockers));
    }
    let said = "Cancelled by Åsa.".to_owned();
    assert_eq!(
        cancelled,
        [
            (
                Status::Partial,
                said.clone(),
                vec![said.clone(), "2 of 4 pages were done.".to_owned()]
            ),
            (Status::Failed, said.clone(), vec![said]),
        ]
    );
    desk.pass(SignedDuration::from_secs(60));
    let counts = desk.counts();
    assert_eq!(
        (counts.accepted, counts.complete, counts.partial, counts.failed),
        (10, 2, 1, 7)
    );
    assert_eq!(desk.runtime.figures().stopped, 6, "pages that ran");
    let stays = desk.cancel(&TaskId::derived("two", "first/page-0"));
    assert_eq!(stays.report.status, Status::Complete);
}

#[test]
fn what_is_cancelled_between_two_tries_is_not_tried_again() {
    let desk = Desk::new(
        |config| config.backoff_first = std::time::Duration::from_secs(10),
        |_| panic!("it stumbles"),
    );
    let id = desk.send("t", "note", Some("a"));
    desk.pass(SignedDuration::from_secs(5));
    desk.cancel(&id);
    desk.pass(SignedDuration::from_secs(60));
    assert_eq!((desk.decisions(), desk.runtime.figures().stopped), (1, 1));
    assert_eq!(desk.letters(), []);
}

#[test]
fn a_panic_while_gathering_is_a_try_and_its_words_are_kept() {
    let desk = Desk::new(|_| {}, done);
    let fallen = desk.ended(task("t", "fall", None));
    let reason = "after 3 tries: the agent panicked while gathering: it falls";
    assert_eq!(desk.letters()[0].reason, reason);
    assert!(fallen.report.summary.contains(reason));
    assert_eq!(*desk.runtime.fatal().borrow(), None);
}

#[test]
fn a_task_that_waits_again_after_its_wait_is_over_fails() {
    let desk = Desk::new(|_| {}, pages);
    let mut whole = task("w", "do", None);
    for name in ["pages", "again", "quick"] {
        whole.instruction.params.insert(name.to_owned(), 1.into());
    }
    let outcome = desk.ended(whole);
    assert!(
        outcome
            .report
            .summary
            .contains("it waits again after its children have ended")
    );
    assert_eq!(desk.counts().accepted, 2);
}

/// The outcome at its moment, whatever else goes on: nobody starts it, and whoever works on it lets go.
#[test]
fn a_deadline_ends_a_task_in_its_queue_and_at_work() {
    let desk = Desk::new(|config| config.concurrency = 1, done);
    let slow = |id: &str, seconds: i64| {
        let mut slow = task(id, "note", None);
        slow.locale = Some(Locale::En);
        slow.instruction
            .params
            .insert("gatherSeconds".to_owned(), 25.into());
        slow.deadline = Some(begin() + SignedDuration::from_secs(seconds));
        slow
    };
    let (works, queued) = (slow("works", 20), slow("queued", 10));
    desk.submit(works).unwrap();
    let queued = desk.ended(queued);
    assert_eq!(
        queued.report.summary,
        "The deadline 2026-03-02T08:00:10Z passed before the task was done."
    );
    let works = desk.outcome(&TaskId::new("works").unwrap());
    let after = |at: jiff::Timestamp| at.duration_since(begin()).as_secs();
    assert_eq!((after(queued.finished_at), after(works.finished_at)), (10, 20));
    desk.pass(SignedDuration::from_secs(60));
    assert_eq!((desk.decisions(), desk.runtime.figures().abandoned), (0, 0));
    assert_eq!(desk.letters(), [], "its time was over: nobody's fault");
}

#[test]
fn hundreds_of_tasks_expire_at_one_moment() {
    let desk = Desk::new(|config| (config.concurrency, config.mailbox) = (1, 4_096), done);
    let mut slow = task("slow", "note", None);
    slow.instruction
        .params
        .insert("gatherSeconds".to_owned(), 25.into());
    desk.submit(slow).unwrap();
    for number in 0..600 {
        let mut short = task(&format!("t{number}"), "note", None);
        short.deadline = Some(begin() + SignedDuration::from_secs(20));
        desk.submit(short).unwrap();
    }
    desk.pass(SignedDuration::from_secs(20));
    let counts = desk.counts();
    assert_eq!((counts.failed, counts.queued, counts.running), (600, 0, 1));
}

/// Results and a copy for whoever asked, events with their cause, and pages that are nobody's business.
#[test]
fn what_is_announced_says_what_it_is_and_where_it_comes_from() {
    let desk = Desk::new(
        |_| {},
        |work| {
            let mut decision = pages(work);
            if work.joined.is_some() {
                decision.events.push(EventDraft::general("told", json!({"a": 1})));
            }
            decision
        },
    );
    let mut whole = task("t", "do", None);
    whole.reply_to = Some("asked.by".to_owned());
    whole.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    whole.instruction.params.insert("pages".to_owned(), 2.into());
    let outcome = desk.ended(whole);
    let announced = desk.announced();
    let rows: Vec<_> = announced
        .iter()
        .map(|one| {
            (
                one.kind,
                one.destination.as_str(),
                one.subject.as_str(),
                one.message_id.as_str(),
            )
        })
        .collect();
    let event = &announced[2];
    assert_eq!(
        rows,
        [
            (
                AnnouncementKind::Result,
                "results",
                "kunder.result.first.t",
                "t/result"
            ),
            (AnnouncementKind::Reply, "replies", "asked.by", "t/reply"),
            (
                AnnouncementKind::Event,
                "events",
                "kunder.event.first.told",
                event.message_id.as_str()
            ),
        ]
    );
    assert_eq!(announced[0].body, serde_json::to_vec(&outcome).unwrap());
    assert_eq!(announced[1].body, announced[0].body);
    let header = |name: &str| {
        let found = event.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(header("ce-taskid"), Some("t"));
    assert_eq!(header("ce-type"), Some("kunder.first.told.v1"));
    assert_eq!(header("ce-source"), Some("/kunder/agents/first"));
    assert!(header("traceparent").is_some() && header("ce-traceparent") == header("traceparent"));
    assert!(
        announced
            .iter()
            .all(|one| one.attempt == 1 && !one.headers.is_empty())
    );
}

#[test]
fn after_a_start_no_agent_overtakes_the_earlier_task_of_another_in_a_lane() {
    for seed in 0..20 {
        let machine = Machine::new(seed, begin(), false);
        let store = SimStore::new(machine.clock(Process(0)));
        let ids = ["earlier", "later"].map(|id| TaskId::new(id).unwrap());
        for (id, agent) in ids.iter().zip(["second", "first"]) {
            let new = NewTask {
                task: task(id.as_str(), "note", Some("a")),
                agent: AgentName::new(agent),
                lane: Some("a".to_owned()),
                now: begin(),
                parent: None,
                not_before: None,
                announced: true,
                warnings: Vec::new(),
            };
            store.accept(new).now_or_never().unwrap().unwrap();
        }
        let order: Arc<Mutex<Vec<TaskId>>> = Arc::default();
        let seen = Arc::clone(&order);
        let decide = move |work: &Work| {
            seen.lock().unwrap().push(work.task.task_id.clone());
            done(work)
        };
        let desk = Desk::over(&machine, store.clone(), Arc::new(store), |_| {}, decide);
        for id in &ids {
            assert_eq!(desk.outcome(id).report.status, Status::Complete);
        }
        assert_eq!(*order.lock().unwrap(), ids, "seed {seed}");
    }
}
