//! What is refused, with which field, code and words; and who waits for what was taken.

use jiff::SignedDuration;
use kunder_agent_core::decision::FollowUp;
use kunder_agent_core::door::{Answer, Refusal, RefusalCode};
use kunder_agent_core::envelope::Envelope;
use kunder_agent_core::id::TaskId;
use kunder_agent_core::outcome::Status;
use kunder_agent_core::task::Task;

use crate::desk::{Desk, begin, done, task};

#[track_caller]
fn check(refusal: &Refusal, code: RefusalCode, field: Option<&str>, message: &str) {
    assert_eq!(
        (refusal.code, refusal.field.as_deref()),
        (code, field),
        "{refusal}"
    );
    assert!(refusal.message.contains(message), "{refusal}");
}

#[test]
fn what_cannot_be_served_is_refused_by_field_and_not_journaled() {
    let desk = Desk::new(|_| {}, done);
    let refused = |change: fn(&mut Task)| {
        let mut wrong = task("w", "note", None);
        change(&mut wrong);
        desk.submit(wrong).unwrap_err()
    };
    let missing = refused(|task| task.agent = None);
    check(&missing, RefusalCode::Malformed, Some("agent"), "is missing");
    assert_eq!(missing.hint.as_deref(), Some("the agents are first, second"));
    let third = refused(|task| task.agent = Some("third".to_owned()));
    check(
        &third,
        RefusalCode::Unknown,
        Some("agent"),
        "`third` is not an agent of `kunder`",
    );
    assert_eq!(third.hint.as_deref(), Some("the agents are first, second"));
    let theirs = refused(|task| task.agent = Some("salj/first".to_owned()));
    check(
        &theirs,
        RefusalCode::Unknown,
        Some("agent"),
        "belongs to another process",
    );
    let command = refused(|task| task.instruction.command = Some("page".to_owned()));
    check(
        &command,
        RefusalCode::Unknown,
        Some("instruction.command"),
        "`page` is not a command of first",
    );
    assert_eq!(
        command.hint.as_deref(),
        Some("its commands are note, do, refuse, fall")
    );
    let late = refused(|task| task.deadline = Some(begin()));
    check(&late, RefusalCode::Malformed, Some("deadline"), "is in the past");
    for days in [1, 2] {
        let mut early = task("w", "note", None);
        early.as_of = Some(jiff::civil::date(2026, 3, 2) + jiff::Span::new().days(days));
        let refusal = desk.submit(early).unwrap_err();
        check(&refusal, RefusalCode::Malformed, Some("asOf"), "is in the future");
    }
    assert_eq!(desk.counts().accepted, 0);
}

#[test]
fn the_agent_of_the_subject_is_the_one_of_the_body() {
    let desk = Desk::new(|_| {}, done);
    let addressed = |body: Option<&str>, subject: &'static str| {
        let mut task = task("a", "note", None);
        task.agent = body.map(str::to_owned);
        let (runtime, warnings) = (desk.runtime.clone(), Vec::new());
        desk.run(async move { runtime.submit(Envelope { task, warnings }, Some(subject)).await })
    };
    let two = addressed(Some("first"), "second").unwrap_err();
    check(
        &two,
        RefusalCode::Malformed,
        Some("agent"),
        "is `first` but the subject names `second`",
    );
    assert_eq!(
        addressed(Some("second"), "second").unwrap().agent.as_str(),
        "second"
    );
    assert!(
        addressed(None, "second").unwrap().known,
        "the same body, but for where it goes"
    );
}

#[test]
fn a_second_delivery_gets_the_first_outcome_and_another_body_is_refused() {
    let desk = Desk::new(|_| {}, done);
    let mut first = task("t", "note", Some("a"));
    first.deadline = Some(begin() + SignedDuration::from_secs(60));
    let outcome = desk.ended(first.clone());
    desk.pass(SignedDuration::from_secs(90));
    assert!(
        desk.submit(first).unwrap().known,
        "also when its time is over by now"
    );
    assert_eq!(desk.outcome(&outcome.task_id), outcome);
    let refusal = desk.submit(task("t", "note", Some("b"))).unwrap_err();
    check(
        &refusal,
        RefusalCode::Conflict,
        Some("taskId"),
        "belongs to a task with another body",
    );
    assert_eq!(desk.decisions(), 1);
}

#[test]
fn a_full_mailbox_says_whose_tasks_it_holds_and_when_to_come_again() {
    let desk = Desk::new(|config| (config.mailbox, config.concurrency) = (4, 1), done);
    let slow = |id: &str, by: Option<&str>| {
        let mut slow = task(id, "note", None);
        slow.requested_by = by.map(str::to_owned);
        let params = &mut slow.instruction.params;
        params.insert("gatherSeconds".to_owned(), 20.into());
        slow
    };
    for number in 0..3 {
        desk.submit(slow(&format!("t{number}"), None)).unwrap();
    }
    desk.pass(SignedDuration::from_millis(100));
    let load = desk.runtime.loads().remove(0);
    assert_eq!((load.agent.as_str(), load.places, load.window), ("first", 2, 3));
    assert!(load.bytes > 0);
    assert_eq!(desk.runtime.config().window_max(), 2 * (4 + 256) + 1);
    let refusal = desk.submit(slow("t3", None)).unwrap_err();
    check(
        &refusal,
        RefusalCode::Busy,
        None,
        "holds 2 tasks of those who do not say who they are (2 of 4 places are taken)",
    );
    assert!(refusal.retry_after_ms.unwrap() > 0);
    desk.submit(slow("t4", Some("b"))).unwrap();
    let refusal = desk.submit(slow("t5", Some("b"))).unwrap_err();
    check(
        &refusal,
        RefusalCode::Busy,
        None,
        "holds 1 tasks of b (3 of 4 places are taken)",
    );
    desk.submit(slow("t6", Some("c"))).unwrap();
    let refusal = desk.submit(slow("t7", Some("d"))).unwrap_err();
    check(
        &refusal,
        RefusalCode::Busy,
        None,
        "the mailbox of first is full (4 tasks)",
    );
    // A second delivery needs no place, and the queue runs as before.
    assert!(desk.submit(slow("t0", None)).unwrap().known);
    assert_eq!(desk.counts().accepted, 5);
    desk.pass(SignedDuration::from_secs(200));
    assert_eq!(desk.counts().complete, 5);
    assert_eq!(desk.runtime.loads()[0].places, 0);
}

#[test]
fn whoever_waits_is_answered_in_time_or_told_how_it_stands() {
    let desk = Desk::new(|_| {}, done);
    let mut slow = task("slow", "note", None);
    slow.instruction
        .params
        .insert("gatherSeconds".to_owned(), 20.into());
    let id = desk.submit(slow).unwrap().task_id;
    let waited = |seconds: u64| {
        let (runtime, id) = (desk.runtime.clone(), id.clone());
        desk.run(async move {
            runtime
                .outcome(&id, std::time::Duration::from_secs(seconds))
                .await
        })
    };
    assert!(matches!(waited(5), Ok(Answer::Pending(_))));
    let passed = desk.machine.now().duration_since(begin()).as_secs();
    assert!((5..6).contains(&passed), "{passed} s");
    assert!(matches!(waited(60), Ok(Answer::Outcome(_))));
    let passed = desk.machine.now().duration_since(begin()).as_secs();
    assert!(
        (20..21).contains(&passed),
        "as soon as it has ended, not after {passed} s"
    );
    let runtime = desk.runtime.clone();
    let nobody = TaskId::new("nobody").unwrap();
    let refusal = desk
        .run(async move { runtime.status(&nobody).await })
        .unwrap_err();
    check(
        &refusal,
        RefusalCode::Unknown,
        Some("taskId"),
        "`nobody` is not known",
    );
}

#[test]
fn a_drained_runtime_refuses_and_lets_what_runs_end() {
    let desk = Desk::new(|config| config.concurrency = 1, done);
    let slow = |id: &str| {
        let mut slow = task(id, "note", None);
        slow.instruction
            .params
            .insert("gatherSeconds".to_owned(), 20.into());
        slow
    };
    desk.submit(slow("runs")).unwrap();
    desk.submit(slow("waits")).unwrap();
    let runtime = desk.runtime.clone();
    desk.run(async move { runtime.drain().await });
    let counts = desk.counts();
    assert_eq!((counts.complete, counts.queued, counts.running), (1, 1, 0));
    let refusal = desk.submit(task("late", "note", None)).unwrap_err();
    check(
        &refusal,
        RefusalCode::Unavailable,
        None,
        "the runtime is stopping",
    );
}

#[test]
fn a_rehearsal_commits_its_outcome_and_nothing_else() {
    let desk = Desk::new(
        |_| {},
        |work| {
            let mut decision = done(work);
            if work.task.chain.is_empty() {
                decision.follow_ups.push(FollowUp::new("on", "second", "note"));
            }
            decision
        },
    );
    let follows = |change: fn(&mut Task), id: &str| {
        let mut task = task(id, "note", None);
        change(&mut task);
        let before = desk.counts().accepted;
        assert_eq!(desk.ended(task).report.status, Status::Complete);
        desk.pass(SignedDuration::from_secs(1));
        desk.counts().accepted - before - 1
    };
    assert_eq!(follows(|task| task.dry_run = true, "dry"), 0);
    assert_eq!(
        follows(
            |task| task.as_of = Some(jiff::civil::date(2026, 3, 1)),
            "yesterday"
        ),
        0
    );
    assert_eq!(
        follows(
            |task| task.as_of = Some(jiff::civil::date(2025, 3, 1)),
            "last-year"
        ),
        0
    );
    assert_eq!(
        follows(|task| task.as_of = Some(jiff::civil::date(2026, 3, 2)), "today"),
        1
    );
    assert_eq!(follows(|_| {}, "plain"), 1);
}
