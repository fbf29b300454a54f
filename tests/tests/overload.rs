//! Ten times the load that is served: everything stays within its bounds, who floods starves nobody, and who is refused is told at once.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::SignedDuration;
use kunder_agent_core::agent::AnyAgent;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::door::{Refusal, RefusalCode};
use kunder_agent_core::envelope::Envelope;
use kunder_agent_core::id::TaskId;
use kunder_agent_core::journal::Journal;
use kunder_agent_core::outcome::Status;
use kunder_agent_core::runtime::Runtime;
use kunder_agent_core::task::Task;
use kunder_agents::Reader;
use kunder_domain::change::Change;
use kunder_testkit::faulty_journal::FaultyJournal;
use kunder_tests::scripted::Scripted;
use kunder_tests::world::{World, task};

const REQUESTERS: usize = 100;
/// The one that sends a hundred times as much.
const ABUSER: usize = 0;
const SEED: u64 = 11;

/// A flood of virtual seconds over a runtime that serves so many tasks in each of them.
struct Flood {
    world: World,
    shuffle: u64,
    seconds: u64,
    accepted: Vec<u64>,
    refused: Vec<u64>,
}

impl Flood {
    async fn new(mailbox: usize) -> Self {
        Self {
            world: World::new(|config| (config.mailbox, config.concurrency) = (mailbox, 1)).await,
            shuffle: SEED,
            seconds: 0,
            accepted: vec![0; REQUESTERS],
            refused: vec![0; REQUESTERS],
        }
    }

    /// One second: everybody sends one task and the abuser a hundred, in an order drawn from the seed; then so many are
    /// served.
    async fn second(&mut self, served: u64) {
        let mut senders: Vec<usize> = (0..REQUESTERS).chain([ABUSER; 99]).collect();
        for last in (1..senders.len()).rev() {
            senders.swap(last, self.draw(last + 1));
        }
        for (number, requester) in senders.into_iter().enumerate() {
            let mut task = task(&format!("s{}-{number}", self.seconds), "serve", None);
            task.requested_by = Some(requester.to_string());
            match self.world.submit(task).await {
                Ok(_) => self.accepted[requester] += 1,
                Err(refusal) => {
                    self.refused[requester] += 1;
                    self.is_told(&refusal);
                }
            }
            self.is_bounded();
        }
        self.serve(served).await;
        self.seconds += 1;
        self.world.clock.advance(SignedDuration::from_secs(1));
    }

    /// Lets so many be served, fewer where there are fewer, and waits until the next one runs.
    async fn serve(&self, served: u64) {
        let counts = self.world.store.counts().await.unwrap();
        let all = counts.accepted;
        let done = (counts.complete + served).min(all);
        self.world.script.serve(done - counts.complete);
        let next = u64::from(done < all);
        let counts = self
            .world
            .counts(|counts| counts.complete == done && counts.running == next)
            .await;
        let accepted: u64 = self.accepted.iter().sum();
        assert_eq!(
            counts.accepted, accepted,
            "nothing of a refused task is journaled"
        );
    }

    fn is_told(&self, refusal: &Refusal) {
        assert_eq!(refusal.code, RefusalCode::Busy);
        let retry = refusal.retry_after_ms.expect("it says when to try again");
        assert!((100..=60_000).contains(&retry), "{retry}");
    }

    fn is_bounded(&self) {
        let config = &self.world.config;
        for load in self.world.runtime.loads() {
            assert!(load.places <= config.mailbox, "{load:?}");
            assert!(load.bytes <= config.mailbox_bytes, "{load:?}");
            assert!(load.window <= config.window_max(), "{load:?}");
        }
    }

    fn draw(&mut self, below: usize) -> usize {
        self.shuffle = self
            .shuffle
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.shuffle >> 33).unwrap() % below
    }

    /// Tasks that were started, by requester; each requester's in the order in which they were accepted.
    async fn started(&self) -> Vec<u64> {
        let mut by_requester: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        let order = self.world.script.order.lock().unwrap().clone();
        for id in order {
            let record = self.world.store.record(&TaskId::new(id).unwrap()).await.unwrap();
            let record = record.expect("what was started is journaled");
            let requester = record.new.task.requester().parse().unwrap();
            by_requester.entry(requester).or_default().push(record.number);
        }
        assert!(by_requester.values().all(|numbers| numbers.is_sorted()));
        let count = |requester| by_requester.get(&requester).map_or(0, Vec::len) as u64;
        (0..REQUESTERS).map(count).collect()
    }
}

/// 1 where all got the same, 1/n where one got everything (Jain, Chiu and Hawe 1984).
fn jain(shares: &[u64]) -> f64 {
    let sum: f64 = shares.iter().map(|share| *share as f64).sum();
    let squares: f64 = shares.iter().map(|share| (*share as f64).powi(2)).sum();
    sum * sum / (shares.len() as f64 * squares)
}

#[tokio::test(flavor = "multi_thread")]
async fn at_ten_times_the_load_for_a_minute_everything_is_bounded_and_all_get_the_same() {
    let mut flood = Flood::new(256).await;
    for _ in 0..60 {
        flood.second(20).await;
    }
    let started = flood.started().await;
    let index = jain(&started);
    println!(
        "Jain index {index:.4}, the abuser {} of {} sent, the others {} to {}",
        started[ABUSER],
        flood.accepted[ABUSER] + flood.refused[ABUSER],
        started[1..].iter().min().unwrap(),
        started[1..].iter().max().unwrap()
    );
    assert!(index >= 0.95, "{index}: {started:?}");
    assert!(
        flood.refused[ABUSER] > 5_800,
        "its excess is refused: {:?}",
        flood.refused
    );
    flood.world.script.serve(1_000);
    flood
        .world
        .counts(|counts| counts.running + counts.queued == 0)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_floods_takes_nothing_from_those_who_ask_for_less_than_their_share() {
    let mut flood = Flood::new(512).await;
    for _ in 0..5 {
        flood.second(150).await;
    }
    let (abuser, others) = (flood.refused[ABUSER], &flood.refused[1..]);
    assert!(
        abuser > 0 && others.iter().all(|refused| *refused == 0),
        "{:?}",
        flood.refused
    );
    let started = flood.started().await;
    assert!(
        started[1..].iter().all(|count| *count >= 4),
        "a task of theirs waits for a second at most: {started:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_costs_one_question_and_no_write() {
    let world = World::new(|_| {}).await;
    let folder = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::clone(&world.clock) as Arc<dyn Clock>;
    let store = kunder_store::SqliteStore::open(folder.path(), Arc::clone(&clock)).unwrap();
    let journal = Arc::new(FaultyJournal::new(store.clone(), 1));
    let agent: Arc<dyn AnyAgent<Reader, Change>> = Arc::new(Scripted {
        name: "first",
        script: Arc::clone(&world.script),
    });
    let config = kunder_agent_core::runtime::RuntimeConfig {
        mailbox: 1,
        concurrency: 1,
        ..world.config.clone()
    };
    let reader: Reader = Arc::new(store.clone());
    let as_journal: Arc<dyn Journal<Change>> = Arc::clone(&journal) as Arc<dyn Journal<Change>>;
    let runtime = Runtime::start(config, clock, as_journal, Arc::new(reader), vec![agent])
        .await
        .unwrap();
    let submit = |task: Task| {
        let envelope = Envelope {
            task,
            warnings: Vec::new(),
        };
        runtime.submit(envelope, None)
    };
    submit(task("runs", "gate", None)).await.unwrap();
    // It may run, read from the journal, before its actor has heard that it was accepted, and given its place back.
    while store.counts().await.unwrap().running == 0 || runtime.loads()[0].places > 0 {
        tokio::task::yield_now().await;
    }
    submit(task("queued", "gate", None)).await.unwrap();
    let accepts = journal.accepts.load(Ordering::Acquire);
    let questions = journal.questions.load(Ordering::Acquire);
    for number in 0..100 {
        let refusal = submit(task(&format!("r{number}"), "gate", None))
            .await
            .unwrap_err();
        assert_eq!(refusal.code, RefusalCode::Busy);
    }
    assert_eq!(journal.accepts.load(Ordering::Acquire), accepts);
    assert_eq!(journal.questions.load(Ordering::Acquire), questions + 100);
    // Who sends the same task again is told what it was told before, and another body is another task.
    assert!(submit(task("queued", "gate", None)).await.unwrap().known);
    let other = submit(task("queued", "note", None)).await.unwrap_err();
    assert_eq!(other.code, RefusalCode::Conflict);
    assert_eq!(store.counts().await.unwrap().accepted, 2);
    world.script.open_gate();
    runtime.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expires_in_a_full_queue_ends_in_the_order_of_its_deadlines_and_is_never_started() {
    let hour = std::time::Duration::from_secs(3_600);
    let world = World::new(|config| (config.concurrency, config.decide_limit) = (1, hour)).await;
    world.send("gate", "gate", None).await;
    world.counts(|counts| counts.running == 1).await;
    for number in 0..100_u32 {
        let mut queued = task(&format!("t{number:02}"), "note", None);
        queued.requested_by = Some((number % 7).to_string());
        // Every other one has a deadline, and who was accepted last has the first one.
        if number % 2 == 1 {
            let seconds = SignedDuration::from_secs(i64::from(200 - number));
            queued.deadline = Some(world.clock.now() + seconds);
        }
        world.submit(queued).await.unwrap();
    }
    // Those from t51 up have expired then.
    world.clock.advance(SignedDuration::from_secs(150));
    world.counts(|counts| counts.failed == 25).await;
    let results = world.store.outbox("results", 100).await.unwrap();
    let ended: Vec<&str> = results
        .iter()
        .map(|result| &result.subject["kunder.result.first.".len()..])
        .collect();
    let expected: Vec<String> = (51..100)
        .rev()
        .step_by(2)
        .map(|number| format!("t{number}"))
        .collect();
    assert_eq!(ended, expected);
    world.script.open_gate();
    let counts = world.counts(|counts| counts.queued + counts.running == 0).await;
    assert_eq!((counts.complete, counts.failed), (76, 25));
    let order = world.script.order.lock().unwrap().clone();
    assert_eq!(order.len(), 76, "what had expired was not started");
    assert!(expected.iter().all(|id| !order.contains(id)));
    assert_eq!(world.runtime.loads()[0].places, 0, "their places are free again");
    let status = world.outcome(&TaskId::new("t99").unwrap()).await.report.status;
    assert_eq!(status, Status::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_of_another_gets_its_turn_before_the_pages_of_a_large_one() {
    let world = World::new(|config| config.concurrency = 1).await;
    let mut split = task("s", "split", None);
    split.requested_by = Some("large".to_owned());
    split.instruction.params.insert("pages".to_owned(), "600".into());
    // The seventh page waits at the gate, while all others are queued and most of them only in the journal.
    let split = world.submit(split).await.unwrap().task_id;
    let seventh = TaskId::derived("s", "first/page-7");
    while world.script.decisions(seventh.as_str()) == 0 {
        tokio::task::yield_now().await;
    }
    let mut small = task("small", "note", None);
    small.requested_by = Some("small".to_owned());
    let small = world.submit(small).await.unwrap().task_id;
    world.script.open_gate();
    world.outcome(&small).await;
    let order = world.script.order.lock().unwrap().clone();
    let place = order.iter().position(|id| id == "small").unwrap();
    assert!(place <= 12, "it was started as number {place}");
    assert_eq!(world.outcome(&split).await.report.status, Status::Complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_tasks_that_are_only_in_the_journal_the_order_of_a_customer_is_kept() {
    let mut world = World::new(|config| config.mailbox = 2_000).await;
    let of_customer = |number: usize| {
        let mut task = task(
            &format!("t{number:04}"),
            "note",
            Some(["a", "b", "c"][number % 3]),
        );
        task.requested_by = Some((number % 11).to_string());
        task
    };
    for customer in ["a", "b", "c"] {
        world.send(customer, "gate", Some(customer)).await;
    }
    world.counts(|counts| counts.running == 3).await;
    for number in 0..900 {
        world.submit(of_customer(number)).await.unwrap();
    }
    world.script.open_gate();
    world.runtime.drain().await;
    // A start with a backlog of more than the window, and more tasks behind it.
    world.config.mailbox = 64;
    let world = world.restarted().await;
    let mut sent = 900;
    while sent < 1_200 {
        match world.submit(of_customer(sent)).await {
            Ok(_) => sent += 1,
            Err(refusal) => assert_eq!(refusal.code, RefusalCode::Busy),
        }
        let load = world.runtime.loads().remove(0);
        assert!(load.window <= world.config.window_max(), "{load:?}");
    }
    world.counts(|counts| counts.complete == 1_203).await;
    assert_eq!(world.script.overlaps.load(Ordering::Relaxed), 0);
    let order = world.script.order.lock().unwrap().clone();
    for customer in 0..3 {
        let mut of_one = order
            .iter()
            .filter_map(|id| id.strip_prefix('t')?.parse::<usize>().ok());
        let of_one: Vec<usize> = of_one.by_ref().filter(|number| number % 3 == customer).collect();
        assert!(of_one.is_sorted(), "{of_one:?}");
        assert_eq!(of_one.len(), 400, "started once each");
    }
}
