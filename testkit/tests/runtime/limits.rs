//! Bounds of what a decision may hold, of steps and children, of gathering and deciding: the last one that is allowed, and the first one that is not.

use std::time::Duration;

use jiff::SignedDuration;
use kunder_agent_core::agent::Work;
use kunder_agent_core::decision::{Artifact, Decision, FollowUp};
use kunder_agent_core::event::EventDraft;
use kunder_agent_core::outcome::{Outcome, Status};
use kunder_domain::change::Change;
use kunder_domain::fact::{CustomerId, Fact, FactBody};
use kunder_testkit::machine::ComputeFaults;
use serde_json::json;

use crate::desk::{Desk, begin, done, number, task};

fn much(work: &Work) -> Decision<Change> {
    let mut decision = done(work);
    let fact = |at: i64| Fact {
        id: format!("{}/{at}", work.task.task_id),
        customer: CustomerId::new("much"),
        observed: work.now,
        source: "test".to_owned(),
        actor: "test".to_owned(),
        body: FactBody::Profile {
            field: "note".to_owned(),
            value: at.to_string(),
        },
    };
    let bytes = usize::try_from(number(work, "bytes")).unwrap();
    let file = |at: i64| Artifact {
        path: format!("much/{}/{at}.txt", work.task.task_id),
        content: vec![b'x'; bytes],
    };
    decision.changes = (0..number(work, "facts")).map(fact).map(Change::from).collect();
    decision.artifacts = (0..number(work, "files")).map(file).collect();
    for at in 0..number(work, "events") {
        decision
            .events
            .push(EventDraft::general("told", json!({ "at": at })));
    }
    for at in 0..number(work, "follow") {
        decision
            .follow_ups
            .push(FollowUp::new(format!("on-{at}"), "second", "note"));
    }
    decision
}

fn with(id: &str, params: &[(&str, i64)]) -> kunder_agent_core::task::Task {
    let mut task = task(id, "do", None);
    for (name, value) in params {
        task.instruction
            .params
            .insert((*name).to_owned(), (*value).into());
    }
    task
}

#[track_caller]
fn failed(outcome: &Outcome, why: &str) {
    assert_eq!(outcome.report.status, Status::Failed);
    assert!(outcome.report.summary.contains(why), "{}", outcome.report.summary);
}

#[test]
fn a_decision_may_hold_so_much_and_not_one_more() {
    let desk = Desk::new(
        |config| {
            (config.effects_max, config.children_max) = (10, 10);
            (config.artifacts_max, config.artifact_bytes_max) = (2, 1_000);
        },
        much,
    );
    for (index, (most, more, why)) in [
        (
            [("facts", 10), ("bytes", 0)],
            [("facts", 11), ("bytes", 0)],
            "11 facts, at most 10",
        ),
        (
            [("events", 10), ("bytes", 0)],
            [("events", 11), ("bytes", 0)],
            "11 events, at most 10",
        ),
        (
            [("files", 2), ("bytes", 1)],
            [("files", 3), ("bytes", 1)],
            "3 files, at most 2",
        ),
        (
            [("files", 2), ("bytes", 500)],
            [("files", 2), ("bytes", 501)],
            "1002 bytes of files, at most 1000",
        ),
        (
            [("follow", 10), ("bytes", 0)],
            [("follow", 11), ("bytes", 0)],
            "it asks for 11 further tasks, at most 10 are allowed",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let outcome = desk.ended(with(&format!("most-{index}"), &most));
        assert_eq!(outcome.report.status, Status::Complete, "{most:?}");
        failed(&desk.ended(with(&format!("more-{index}"), &more)), why);
    }
    desk.pass(SignedDuration::from_secs(1));
    assert_eq!(
        desk.counts().accepted,
        20,
        "of those that follow none too many was made"
    );
    assert_eq!(desk.letters().len(), 5);
}

#[test]
fn a_chain_ends_at_the_limit_of_its_steps_and_a_circle_before_it_closes() {
    let desk = Desk::new(
        |config| config.steps_max = 5,
        |work| {
            let mut decision = done(work);
            let own = work.task.agent.as_deref().unwrap();
            let next = match work.task.command() {
                Some("note") => own,
                _ if own == "first" => "second",
                _ => "first",
            };
            decision
                .follow_ups
                .push(FollowUp::new("on", next, work.task.command().unwrap()));
            decision
        },
    );
    desk.send("chain", "note", None);
    desk.send("circle", "do", None);
    desk.pass(SignedDuration::from_secs(10));
    let counts = desk.counts();
    assert_eq!((counts.accepted, counts.complete, counts.failed), (8, 6, 2));
    let reasons: Vec<_> = desk.letters().into_iter().map(|letter| letter.reason).collect();
    assert!(
        reasons.contains(&"it would be step 6 of a chain, at most 5 are allowed".to_owned()),
        "{reasons:?}"
    );
    assert!(
        reasons.contains(&"its agents would call each other in a circle: first → second → first".to_owned()),
        "{reasons:?}"
    );
}

#[test]
fn an_agent_that_does_not_exist_is_not_asked() {
    let desk = Desk::new(
        |_| {},
        |work| {
            let mut decision = done(work);
            decision.follow_ups.push(FollowUp::new("on", "third", "note"));
            decision
        },
    );
    failed(
        &desk.ended(with("t", &[])),
        "it asks for the agent `third`, which does not exist",
    );
}

#[test]
fn a_gather_may_be_slow_and_not_stuck_and_not_endless() {
    let desk = Desk::new(
        |config| {
            (config.gather_limit, config.gather_whole_limit) =
                (Duration::from_secs(30), Duration::from_secs(100))
        },
        done,
    );
    let gathers = |id: &str, params: &[(&str, i64)]| {
        let begun = desk.machine.now();
        let outcome = desk.ended(with(id, params));
        (outcome, desk.machine.now().duration_since(begun).as_secs())
    };
    let (slow, passed) = gathers("slow", &[("gatherSeconds", 99), ("stepSeconds", 20)]);
    assert_eq!((slow.report.status, passed), (Status::Complete, 99));
    let (stuck, passed) = gathers("stuck", &[("gatherSeconds", 31)]);
    failed(&stuck, "its facts were not there within 30s");
    assert_eq!(passed, 30);
    let (late, passed) = gathers("late", &[("firstSeconds", 20), ("gatherSeconds", 60)]);
    failed(&late, "its facts were not there within 30s");
    assert_eq!(passed, 60, "it gave a sign of life within the first 30 s");
    let (endless, passed) = gathers("endless", &[("gatherSeconds", 1_000), ("stepSeconds", 20)]);
    failed(&endless, "its facts were still being gathered after 100s");
    assert_eq!(passed, 100);
}

#[test]
fn a_decision_that_hangs_is_abandoned_and_its_agent_goes_on() {
    let desk = Desk::new(|_| {}, done);
    assert_eq!(*desk.runtime.fatal().borrow(), None);
    desk.machine.set_faults(ComputeFaults { hang: 1_000, slow: 0 });
    let outcome = desk.ended(with("hung", &[]));
    failed(&outcome, "it was not decided within 30s and was abandoned");
    assert_eq!(outcome.finished_at.duration_since(begin()).as_secs(), 30);
    assert_eq!(desk.letters().len(), 1);
    // The simulated machine drops what was abandoned: it hangs no more.
    let figures = desk.runtime.figures();
    assert_eq!((figures.abandoned, figures.hanging), (0, 0));
    desk.machine.set_faults(ComputeFaults::default());
    assert_eq!(desk.ended(with("well", &[])).report.status, Status::Complete);
}

#[test]
fn facts_that_change_each_time_fail_their_task_at_last() {
    use kunder_agent_core::decision::Expect;
    let desk = Desk::new(
        |config| config.stale_max = 4,
        |work| {
            let mut decision = done(work);
            decision.expects.push(Expect {
                entity: "a".to_owned(),
                version: 7,
            });
            decision
        },
    );
    let outcome = desk.ended(with("stale", &[]));
    failed(&outcome, "a changed each of 5 times it was read");
    assert_eq!(desk.decisions(), 5);
}

/// However many tasks a decision makes, an actor holds a bounded part of them; the rest stays in the journal, and comes.
#[test]
fn what_waits_in_the_journal_is_not_all_in_memory() {
    let desk = Desk::new(
        |config| (config.mailbox, config.concurrency) = (8, 4),
        |work| match (&work.joined, work.task.command()) {
            (None, Some("do")) => {
                let page =
                    |at: i64| FollowUp::new(format!("page-{at}"), "first", "note").param("gatherSeconds", 1);
                Decision::wait((0..2_000).map(page).collect())
            }
            _ => done(work),
        },
    );
    let whole = desk.submit(with("whole", &[])).unwrap().task_id;
    for _ in 0..20 {
        desk.pass(SignedDuration::from_secs(5));
        let load = desk.runtime.loads().remove(0);
        let most = desk.runtime.config().window_max();
        assert!(load.window > 8 && load.window <= most, "{load:?}, at most {most}");
    }
    assert_eq!(desk.outcome(&whole).report.status, Status::Complete);
    assert_eq!((desk.counts().complete, desk.decisions()), (2_001, 2_002));
}
