//! The life of a task over the real store: accepted once, decided once, in its lane, to exactly one outcome.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use kunder_agent_core::agent::AnyAgent;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::door::{Answer, Receipt, Refusal, RefusalCode};
use kunder_agent_core::envelope::Envelope;
use kunder_agent_core::id::TaskId;
use kunder_agent_core::journal::{Journal, TaskCounts, TaskState};
use kunder_agent_core::outcome::{Outcome, Status};
use kunder_agent_core::runtime::{Runtime, RuntimeConfig};
use kunder_agent_core::task::Task;
use kunder_agents::Reader;
use kunder_domain::fact::Fact;
use kunder_store::SqliteStore;
use kunder_tests::manual_clock::ManualClock;
use kunder_tests::scripted::{Script, Scripted};

/// Longest any single wait of these tests takes before it counts as a hang.
const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    script: Arc<Script>,
    store: SqliteStore,
    runtime: Runtime<Reader, Fact>,
    config: RuntimeConfig,
}

impl World {
    async fn new(change: impl FnOnce(&mut RuntimeConfig)) -> Self {
        let mut config = RuntimeConfig { backoff_first: Duration::ZERO, backoff_max: Duration::ZERO, ..RuntimeConfig::default() };
        change(&mut config);
        let (folder, clock, script) = (tempfile::tempdir().unwrap(), Arc::new(ManualClock::default()), Arc::new(Script::default()));
        let (store, runtime) = start(&folder, &clock, &script, &config).await;
        Self { folder, clock, script, store, runtime, config }
    }

    async fn restarted(self) -> Self {
        let Self { folder, clock, script, store, runtime, config } = self;
        drop((store, runtime));
        let (store, runtime) = start(&folder, &clock, &script, &config).await;
        Self { folder, clock, script, store, runtime, config }
    }

    async fn submit(&self, task: Task) -> Result<Receipt, Refusal> {
        self.runtime.submit(Envelope { task, warnings: Vec::new() }, None).await
    }

    async fn send(&self, id: &str, command: &str, customer: Option<&str>) -> TaskId {
        self.submit(task(id, command, customer)).await.unwrap().task_id
    }

    /// Waits for an outcome by real time: the clock of the runtime stands still.
    async fn outcome(&self, id: &TaskId) -> Outcome {
        let wait = self.runtime.outcome(id, PATIENCE);
        match tokio::time::timeout(PATIENCE, wait).await.expect("the task ends").unwrap() {
            Answer::Outcome(outcome) => *outcome,
            Answer::Pending(status) => panic!("still open: {status:?}"),
        }
    }

    /// Waits until the counts are as wanted; at every look they add up.
    async fn counts(&self, wanted: impl Fn(&TaskCounts) -> bool) -> TaskCounts {
        let look = async {
            loop {
                let counts = self.store.counts().await.unwrap();
                let sum = counts.complete + counts.partial + counts.failed + counts.queued + counts.running + counts.waiting;
                assert_eq!(counts.accepted, sum, "{counts:?}");
                if wanted(&counts) {
                    return counts;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, look).await.expect("the counts come to be as wanted")
    }
}

async fn start(folder: &tempfile::TempDir, clock: &Arc<ManualClock>, script: &Arc<Script>, config: &RuntimeConfig) -> (SqliteStore, Runtime<Reader, Fact>) {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
    let store = SqliteStore::open(folder.path(), Arc::clone(&clock)).unwrap();
    let agents = ["first", "second"].map(|name| Arc::new(Scripted { name, script: Arc::clone(script) }) as Arc<dyn AnyAgent<Reader, Fact>>);
    let reader: Reader = Arc::new(store.clone());
    let journal: Arc<dyn Journal<Fact>> = Arc::new(store.clone());
    let runtime = Runtime::start(config.clone(), clock, journal, Arc::new(reader), agents.into()).await.unwrap();
    (store, runtime)
}

fn task(id: &str, command: &str, customer: Option<&str>) -> Task {
    let mut task = Task::new(TaskId::new(id).unwrap(), "first", command);
    task.context.customer = customer.map(str::to_owned);
    task
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_task_again_is_the_first_outcome_and_another_body_is_refused() {
    let world = World::new(|_| {}).await;
    let id = world.send("t", "note", Some("a")).await;
    let first = world.outcome(&id).await;
    let again = world.submit(task("t", "note", Some("a"))).await.unwrap();
    assert!(again.known);
    assert_eq!(world.outcome(&id).await, first);
    assert_eq!(world.script.decisions("t"), 1);
    let refusal = world.submit(task("t", "note", Some("b"))).await.unwrap_err();
    assert_eq!((refusal.code, refusal.field.as_deref()), (RefusalCode::Conflict, Some("taskId")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_served_is_refused_by_field_and_not_journaled() {
    let world = World::new(|_| {}).await;
    let refused = |change: fn(&mut Task), code: RefusalCode, field: &'static str| {
        let mut wrong = task("w", "note", None);
        change(&mut wrong);
        let submitted = world.submit(wrong);
        async move {
            let refusal = submitted.await.unwrap_err();
            assert_eq!((refusal.code, refusal.field.as_deref()), (code, Some(field)), "{refusal}");
        }
    };
    refused(|task| task.agent = None, RefusalCode::Malformed, "agent").await;
    refused(|task| task.agent = Some("third".to_owned()), RefusalCode::Unknown, "agent").await;
    refused(|task| task.agent = Some("salj/first".to_owned()), RefusalCode::Unknown, "agent").await;
    refused(|task| task.instruction.command = Some("dance".to_owned()), RefusalCode::Unknown, "instruction.command").await;
    refused(|task| task.deadline = "2026-03-02T08:00:00Z".parse().ok(), RefusalCode::Malformed, "deadline").await;
    refused(|task| task.as_of = "2026-03-03".parse().ok(), RefusalCode::Malformed, "asOf").await;
    assert_eq!(world.store.counts().await.unwrap().accepted, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_mailbox_refuses_at_once_with_a_retry_after_and_journals_nothing() {
    let world = World::new(|config| (config.mailbox, config.concurrency) = (4, 2)).await;
    for number in 0..2 {
        world.send(&format!("running-{number}"), "gate", None).await;
    }
    world.counts(|counts| counts.running == 2).await;
    for number in 0..4 {
        world.send(&format!("queued-{number}"), "gate", None).await;
    }
    let refusal = world.submit(task("one-more", "gate", None)).await.unwrap_err();
    assert_eq!(refusal.code, RefusalCode::Busy);
    assert!(refusal.retry_after_ms.is_some());
    assert_eq!(world.store.counts().await.unwrap().accepted, 6);
    let known = world.submit(task("queued-0", "gate", None)).await.unwrap();
    assert!(known.known, "a second delivery is answered even when the mailbox is full");
    world.script.open_gate();
    world.counts(|counts| counts.complete == 6).await;
    world.send("one-more", "note", None).await;
    world.counts(|counts| counts.complete == 7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_one_customer_never_overlap_and_keep_their_order_over_both_agents() {
    let world = World::new(|_| {}).await;
    for number in 0..200 {
        let mut task = task(&format!("t{number:03}"), "note", Some(["a", "b", "c"][number % 3]));
        task.agent = Some(["first", "second"][number / 3 % 2].to_owned());
        world.submit(task).await.unwrap();
    }
    world.counts(|counts| counts.complete == 200).await;
    assert_eq!(world.script.overlaps.load(std::sync::atomic::Ordering::Relaxed), 0);
    let order = world.script.order.lock().unwrap().clone();
    for lane in 0..3 {
        let of_lane: Vec<&String> = order.iter().filter(|id| id[1..].parse::<usize>().unwrap() % 3 == lane).collect();
        assert!(of_lane.is_sorted(), "{of_lane:?}");
        assert_eq!(of_lane.len(), if lane < 2 { 67 } else { 66 }, "decided once each");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_ends_its_own_task_after_its_tries_and_nothing_else() {
    let world = World::new(|_| {}).await;
    let bad = world.send("bad", "panic", Some("a")).await;
    let good = world.send("good", "note", Some("a")).await;
    let outcome = world.outcome(&bad).await;
    assert_eq!(outcome.report.status, Status::Failed);
    assert!(outcome.report.blockers[0].contains("told to"), "{:?}", outcome.report.blockers);
    assert_eq!(world.script.decisions("bad"), 3);
    assert_eq!(world.outcome(&good).await.report.status, Status::Complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_hangs_is_abandoned_and_its_agent_goes_on() {
    let world = World::new(|config| config.concurrency = 1).await;
    let hung = world.send("hung", "spin", Some("a")).await;
    let next = world.send("next", "note", Some("a")).await;
    world.counts(|counts| counts.running == 1).await;
    while world.script.decisions("hung") == 0 {
        tokio::task::yield_now().await;
    }
    // The limit begins when the decision does; the clock is moved until it is over.
    while world.store.counts().await.unwrap().failed == 0 {
        world.clock.advance(SignedDuration::from_secs(10));
        tokio::task::yield_now().await;
    }
    let outcome = world.outcome(&hung).await;
    assert!(outcome.report.blockers[0].contains("abandoned"), "{:?}", outcome.report.blockers);
    assert_eq!(world.outcome(&next).await.report.status, Status::Complete);
    world.script.open_gate();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_split_task_joins_its_pages_in_order_and_pages_are_not_announced() {
    let world = World::new(|config| config.concurrency = 3).await;
    world.script.open_gate();
    let mut split = task("s", "split", None);
    split.instruction.params.insert("pages".to_owned(), "20".into());
    let id = world.submit(split).await.unwrap().task_id;
    let expected: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    assert_eq!(world.outcome(&id).await.report.summary, expected.join(" "));
    let results = world.store.outbox("results", 100).await.unwrap();
    assert_eq!(results.iter().map(|result| result.subject.as_str()).collect::<Vec<_>>(), ["kunder.result.first.s"]);
    let empty = {
        let mut split = task("none", "split", None);
        split.instruction.params.insert("pages".to_owned(), "0".into());
        world.submit(split).await.unwrap().task_id
    };
    assert_eq!(world.outcome(&empty).await.report.summary, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_task_ends_with_who_cancelled_it_and_its_pages_end_with_it() {
    let world = World::new(|config| config.concurrency = 4).await;
    let mut split = task("s", "split", None);
    split.instruction.params.insert("pages".to_owned(), "12".into());
    let id = world.submit(split).await.unwrap().task_id;
    world.counts(|counts| counts.complete == 11 && counts.running == 1).await;
    let status = world.runtime.cancel(&id, "Åsa").await.unwrap();
    let outcome = status.outcome.expect("it has ended");
    assert_eq!(outcome.report.status, Status::Partial);
    assert!(outcome.report.blockers[0].contains("Åsa"), "{:?}", outcome.report.blockers);
    world.script.open_gate();
    let counts = world.counts(|counts| counts.running + counts.queued + counts.waiting == 0).await;
    assert_eq!((counts.accepted, counts.partial, counts.failed), (13, 1, 1));
    assert_eq!(world.runtime.cancel(&id, "Bo").await.unwrap().outcome, Some(outcome), "an ended task stays as it is");
    let unknown = world.runtime.cancel(&TaskId::new("nobody").unwrap(), "Bo").await.unwrap_err();
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
    world.counts(|counts| counts.complete == 1 && counts.failed == 1).await;
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
    tokio::time::timeout(PATIENCE, draining).await.expect("the drain ends").unwrap();
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
    let (second, _) = start(&world.folder, &world.clock, &world.script, &world.config).await;
    assert_ne!(second.status(&id).await.unwrap().unwrap().state, TaskState::Done);
    world.script.open_gate();
    let outcome = async {
        loop {
            if let Some(outcome) = second.status(&id).await.unwrap().unwrap().outcome {
                return outcome;
            }
            tokio::task::yield_now().await;
        }
    };
    let outcome = tokio::time::timeout(PATIENCE, outcome).await.expect("it ends");
    assert_eq!(outcome.report.status, Status::Complete);
    assert_eq!(second.outbox("results", 10).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_and_a_past_day_commit_their_outcome_and_nothing_else() {
    let world = World::new(|_| {}).await;
    for (id, change) in [("dry", (|task| task.dry_run = true) as fn(&mut Task)), ("past", |task| task.as_of = "2026-03-01".parse().ok())] {
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
async fn a_large_outcome_fits_and_its_whole_list_is_a_file() {
    let world = World::new(|config| config.outcome.bytes_max = 100_000).await;
    let id = world.send("b", "big", None).await;
    let outcome = world.outcome(&id).await;
    assert!(serde_json::to_vec(&outcome).unwrap().len() <= 100_000);
    assert_eq!((outcome.cut[0].list.as_str(), outcome.cut[0].total), ("health", 5_000));
    let whole = std::fs::read_to_string(world.folder.path().join(&outcome.report.artifacts[0])).unwrap();
    assert_eq!(whole.lines().count(), 5_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn unmet_and_unmeasurable_criteria_make_a_complete_outcome_partial() {
    let world = World::new(|_| {}).await;
    let mut judged = task("j", "note", None);
    judged.acceptance_criteria = serde_json::from_value(serde_json::json!([
        {"metric": "customers.critical", "op": "=", "value": 0},
        {"metric": "actions", "op": ">", "value": 0},
        "kunden är nöjd"
    ]))
    .unwrap();
    let id = world.submit(judged).await.unwrap().task_id;
    let outcome = world.outcome(&id).await;
    assert_eq!(outcome.report.status, Status::Partial);
    let verdicts: Vec<String> = outcome.criteria.iter().map(|verdict| serde_json::to_value(verdict.verdict).unwrap().as_str().unwrap().to_owned()).collect();
    assert_eq!(verdicts, ["met", "unmet", "unknown"]);
    assert_eq!(outcome.report.blockers.len(), 2);
}

/// Spawns on the test's own runtime.
struct SystemSpawn;

impl SystemSpawn {
    #[expect(clippy::disallowed_methods, reason = "a test runs something beside itself and waits for its end")]
    fn spawn<F: std::future::Future<Output = ()> + Send + 'static>(job: F) -> tokio::task::JoinHandle<()> {
        tokio::spawn(job)
    }
}
