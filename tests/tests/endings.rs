//! How tasks end early, late, twice and not at all: cancellation, deadlines, timers, stops, deaths and rehearsals.

use jiff::SignedDuration;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::door::RefusalCode;
use kunder_agent_core::id::TaskId;
use kunder_agent_core::journal::{Journal, TaskState};
use kunder_agent_core::outcome::Status;
use kunder_agent_core::task::Task;

use kunder_tests::world::{PATIENCE, World, start_on, task};

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_task_ends_with_who_cancelled_it_and_its_pages_end_with_it() {
    let world = World::new(|config| config.concurrency = 4).await;
    let mut split = task("s", "split", None);
    split.instruction.params.insert("pages".to_owned(), "12".into());
    let id = world.submit(split).await.unwrap().task_id;
    world
        .counts(|counts| counts.complete == 11 && counts.running == 1)
        .await;
    let status = world.runtime.cancel(&id, "Åsa").await.unwrap();
    let outcome = status.outcome.expect("it has ended");
    assert_eq!(outcome.report.status, Status::Partial);
    assert!(
        outcome.report.blockers[0].contains("Åsa"),
        "{:?}",
        outcome.report.blockers
    );
    world.script.open_gate();
    let counts = world
        .counts(|counts| counts.running + counts.queued + counts.waiting == 0)
        .await;
    assert_eq!((counts.accepted, counts.partial, counts.failed), (13, 1, 1));
    assert_eq!(
        world.runtime.cancel(&id, "Bo").await.unwrap().outcome,
        Some(outcome),
        "an ended task stays as it is"
    );
    let unknown = world
        .runtime
        .cancel(&TaskId::new("nobody").unwrap(), "Bo")
        .await
        .unwrap_err();
    assert_eq!(unknown.code, RefusalCode::Unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn past_its_deadline_a_task_is_never_started() {
    let world = World::new(|config| config.concurrency = 1).await;
    world.send("gate", "gate", None).await;
    world.counts(|counts| counts.running == 1).await;
    let mut late = task("late", "note", None);
    late.deadline = Some(world.clock.now() + SignedDuration::from_secs(5));
    let late = world.submit(late).await.unwrap().task_id;
    world.clock.advance(SignedDuration::from_secs(6));
    let outcome = world.outcome(&late).await;
    assert_eq!(outcome.report.status, Status::Failed);
    world.script.open_gate();
    world
        .counts(|counts| counts.complete == 1 && counts.failed == 1)
        .await;
    assert_eq!(world.script.decisions("late"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_waits_for_its_moment_also_over_a_restart() {
    let world = World::new(|_| {}).await;
    let id = world.send("t", "timer", None).await;
    world.outcome(&id).await;
    let counts = world.counts(|counts| counts.complete == 1).await;
    assert_eq!((counts.accepted, counts.waiting), (2, 1));
    world.runtime.drain().await;
    let world = world.restarted().await;
    world.clock.advance(SignedDuration::from_hours(47));
    world.counts(|counts| counts.waiting == 1).await;
    world.clock.advance(SignedDuration::from_hours(2));
    world.counts(|counts| counts.complete == 2).await;
    world.runtime.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_runtime_refuses_and_leaves_its_queue_to_the_next() {
    let world = World::new(|config| config.concurrency = 1).await;
    for number in 0..10 {
        world.send(&format!("t{number}"), "gate", None).await;
    }
    world.counts(|counts| counts.running == 1).await;
    let runtime = world.runtime.clone();
    let draining = SystemSpawn::spawn(async move { runtime.drain().await });
    while world.submit(task("late", "note", None)).await.is_ok() {}
    world.script.open_gate();
    tokio::time::timeout(PATIENCE, draining)
        .await
        .expect("the drain ends")
        .unwrap();
    let counts = world.store.counts().await.unwrap();
    assert!(counts.complete >= 1 && counts.running == 0, "{counts:?}");
    let accepted = counts.accepted;
    let world = world.restarted().await;
    world.counts(|counts| counts.complete == accepted).await;
    for number in 0..10 {
        assert_eq!(world.script.decisions(&format!("t{number}")), 1);
    }
    world.runtime.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_ran_when_its_process_died_runs_again_and_ends_once() {
    let world = World::new(|_| {}).await;
    let id = world.send("t", "gate", None).await;
    world.counts(|counts| counts.running == 1).await;
    // The first runtime still runs: as after a death that nobody noticed, its commit must not count.
    let _second = start_on(&world.store, &world.clock, &world.script, &world.config).await;
    let store = &world.store;
    assert_ne!(store.status(&id).await.unwrap().unwrap().state, TaskState::Done);
    world.script.open_gate();
    let outcome = async {
        loop {
            if let Some(outcome) = store.status(&id).await.unwrap().unwrap().outcome {
                return outcome;
            }
            tokio::task::yield_now().await;
        }
    };
    let outcome = tokio::time::timeout(PATIENCE, outcome).await.expect("it ends");
    assert_eq!(outcome.report.status, Status::Complete);
    assert_eq!(store.outbox("results", 10).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_and_a_past_day_commit_their_outcome_and_nothing_else() {
    let world = World::new(|_| {}).await;
    for (id, change) in [
        ("dry", (|task| task.dry_run = true) as fn(&mut Task)),
        ("past", |task| task.as_of = "2026-03-01".parse().ok()),
    ] {
        let mut task = task(id, "note", Some("a"));
        change(&mut task);
        let id = world.submit(task).await.unwrap().task_id;
        assert_eq!(world.outcome(&id).await.report.status, Status::Complete);
    }
    assert_eq!(world.store.outbox("events", 10).await.unwrap(), []);
    assert_eq!(world.store.fact_counts().await.unwrap().facts, 0);
    let mut today = task("today", "note", Some("a"));
    today.as_of = "2026-03-02".parse().ok();
    let today = world.submit(today).await.unwrap().task_id;
    world.outcome(&today).await;
    assert_eq!(world.store.outbox("events", 10).await.unwrap().len(), 1);
    assert_eq!(world.store.fact_counts().await.unwrap().facts, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_passes_while_a_task_runs_ends_that_task_and_counts_no_hang() {
    let world = World::new(|config| config.abandoned_max = 1).await;
    for number in 0..3 {
        let mut short = task(&format!("short-{number}"), "spin", None);
        short.deadline = Some(world.clock.now() + SignedDuration::from_secs(5));
        world.submit(short).await.unwrap();
    }
    world.counts(|counts| counts.running == 3).await;
    world.clock.advance(SignedDuration::from_secs(6));
    world.counts(|counts| counts.failed == 3).await;
    assert_eq!(*world.runtime.fatal().borrow(), None);
    world.script.open_gate();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_delivery_after_the_deadline_gets_the_first_outcome() {
    let world = World::new(|_| {}).await;
    let mut short = task("t", "note", Some("a"));
    short.deadline = Some(world.clock.now() + SignedDuration::from_secs(5));
    let id = world.submit(short.clone()).await.unwrap().task_id;
    let first = world.outcome(&id).await;
    world.clock.advance(SignedDuration::from_secs(60));
    assert!(world.submit(short).await.unwrap().known);
    assert_eq!(world.outcome(&id).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_that_call_each_other_in_a_circle_are_stopped_with_the_circle_named() {
    let world = World::new(|_| {}).await;
    world.send("c", "circle", None).await;
    let counts = world
        .counts(|counts| counts.queued + counts.running == 0 && counts.failed == 1)
        .await;
    assert_eq!((counts.accepted, counts.complete), (2, 1));
    let failed = world
        .store
        .list(None, 10)
        .await
        .unwrap()
        .remove(0)
        .outcome
        .unwrap();
    assert!(
        failed.report.summary.contains("first → second → first"),
        "{}",
        failed.report.summary
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_tasks_ends_at_the_limit_of_its_steps() {
    let world = World::new(|config| config.steps_max = 5).await;
    world.send("c", "step", None).await;
    let counts = world
        .counts(|counts| counts.queued + counts.running == 0 && counts.failed == 1)
        .await;
    assert_eq!((counts.accepted, counts.complete), (6, 5));
    let last = world
        .store
        .list(None, 1)
        .await
        .unwrap()
        .remove(0)
        .outcome
        .unwrap();
    assert!(
        last.report
            .summary
            .contains("it would be step 6 of a chain, at most 5 are allowed"),
        "{}",
        last.report.summary
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_asks_for_too_many_children_fails_and_none_of_them_is_made() {
    let world = World::new(|config| config.children_max = 10).await;
    let mut split = task("s", "split", None);
    split.instruction.params.insert("pages".to_owned(), "11".into());
    let id = world.submit(split).await.unwrap().task_id;
    let outcome = world.outcome(&id).await;
    assert!(
        outcome
            .report
            .summary
            .contains("it asks for 11 further tasks, at most 10 are allowed"),
        "{}",
        outcome.report.summary
    );
    assert_eq!(world.counts(|counts| counts.failed == 1).await.accepted, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_only_ever_waits_fails_instead_of_going_round() {
    let world = World::new(|_| {}).await;
    let id = world.send("w", "wait-again", None).await;
    let outcome = world.outcome(&id).await;
    assert_eq!(outcome.report.status, Status::Failed);
    assert!(
        outcome.report.summary.contains("waits again"),
        "{}",
        outcome.report.summary
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_travels_to_what_follows_unless_that_says_otherwise() {
    let world = World::new(|_| {}).await;
    let now = world.clock.now();
    let hours = |hours| Some(now + SignedDuration::from_hours(hours));
    let mut short = task("t", "follow", None);
    short.deadline = hours(2);
    short.as_of = "2026-03-02".parse().ok();
    short.requested_by = Some("salj".to_owned());
    world.submit(short).await.unwrap();
    world
        .counts(|counts| counts.complete == 4 && counts.waiting == 2)
        .await;
    for (key, deadline) in [
        ("now", hours(2)),
        ("sooner", hours(2)),
        ("later", None),
        ("never", None),
        ("at", hours(3)),
    ] {
        let id = TaskId::derived("t", &format!("second/{key}"));
        let task = world.store.record(&id).await.unwrap().unwrap().new.task;
        assert_eq!((task.deadline, task.as_of), (deadline, None), "{key}");
        assert_eq!(
            task.requester(),
            "salj",
            "it runs on the account of whoever asked first"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_in_time_is_not_started_after_the_deadline_that_travelled_with_it() {
    let world = World::new(|config| config.concurrency = 1).await;
    let mut blocker = task("blocker", "gate", None);
    blocker.agent = Some("second".to_owned());
    world.submit(blocker).await.unwrap();
    world.counts(|counts| counts.running == 1).await;
    let mut short = task("t", "ask-other", None);
    short.deadline = Some(world.clock.now() + SignedDuration::from_secs(5));
    world.submit(short).await.unwrap();
    world
        .counts(|counts| counts.complete == 1 && counts.queued == 1)
        .await;
    world.clock.advance(SignedDuration::from_secs(6));
    let late = TaskId::derived("t", "second/on");
    let outcome = world.outcome(&late).await;
    assert_eq!(outcome.report.status, Status::Failed);
    world.script.open_gate();
    world
        .counts(|counts| counts.complete == 2 && counts.failed == 1)
        .await;
    assert_eq!(world.script.decisions(late.as_str()), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_have_the_deadline_of_the_task_that_waits_for_them() {
    let world = World::new(|_| {}).await;
    let deadline = Some(world.clock.now() + SignedDuration::from_hours(2));
    let mut split = task("s", "split", None);
    split.deadline = deadline;
    world.submit(split).await.unwrap();
    world.counts(|counts| counts.complete == 4).await;
    let page = TaskId::derived("s", "first/page-2");
    let page = world.store.record(&page).await.unwrap().unwrap();
    assert_eq!(page.new.task.deadline, deadline);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_id_with_a_long_list_still_ends() {
    let world = World::new(|config| config.outcome.bytes_max = 100_000).await;
    let id = world.send(&"å".repeat(64), "big", None).await;
    assert_eq!(world.outcome(&id).await.report.status, Status::Complete);
}

/// Spawns on the test's own runtime.
struct SystemSpawn;

impl SystemSpawn {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test runs something beside itself and waits for its end"
    )]
    fn spawn<F: std::future::Future<Output = ()> + Send + 'static>(job: F) -> tokio::task::JoinHandle<()> {
        tokio::spawn(job)
    }
}
