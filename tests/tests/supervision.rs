//! Supervision and relay: actors come back, too many restarts end the process, a store that is away is waited for,
//! and a destination that is away holds up nobody else.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use kunder::clock::SystemClock;
use kunder::relay::Relay;
use kunder_agent_core::agent::AnyAgent;
use kunder_agent_core::bus::{AnnounceError, Announcement, Bus};
use kunder_agent_core::clock::{Clock, Computation, Computed, Handle, Job};
use kunder_agent_core::door::Answer;
use kunder_agent_core::envelope::Envelope;
use kunder_agent_core::id::TaskId;
use kunder_agent_core::journal::Journal;
use kunder_agent_core::outcome::{Outcome, Status};
use kunder_agent_core::runtime::{Runtime, RuntimeConfig};
use kunder_agent_core::task::Task;
use kunder_agents::Reader;
use kunder_domain::change::Change;
use kunder_store::SqliteStore;
use kunder_testkit::faulty_journal::FaultyJournal;
use kunder_tests::scripted::{Script, Scripted};
use tokio::sync::watch;

const PATIENCE: Duration = Duration::from_secs(30);

struct World {
    _folder: tempfile::TempDir,
    clock: Arc<dyn Clock>,
    store: SqliteStore,
    runtime: Runtime<Reader, Change>,
}

async fn world(panics: u32, refused_commits: u32) -> World {
    world_with(Arc::new(SystemClock::default()), panics, refused_commits).await
}

async fn world_with(clock: Arc<dyn Clock>, panics: u32, refused_commits: u32) -> World {
    let faults = |journal: &FaultyJournal<SqliteStore>| {
        journal.panics.store(panics, Ordering::Release);
        journal.refused_commits.store(refused_commits, Ordering::Release);
    };
    world_of(clock, faults).await
}

async fn hanging_world(hangs: u32) -> World {
    let faults = |journal: &FaultyJournal<SqliteStore>| journal.hangs.store(hangs, Ordering::Release);
    world_of(Arc::new(SystemClock::default()), faults).await
}

async fn world_of(clock: Arc<dyn Clock>, faults: impl FnOnce(&FaultyJournal<SqliteStore>)) -> World {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path(), Arc::clone(&clock)).unwrap();
    let journal = Arc::new(FaultyJournal::new(store.clone(), 1));
    faults(&journal);
    let config = RuntimeConfig {
        backoff_first: Duration::from_millis(2),
        backoff_max: Duration::from_millis(20),
        heartbeat_limit: Duration::from_millis(500),
        ..RuntimeConfig::default()
    };
    let agent: Arc<dyn AnyAgent<Reader, Change>> = Arc::new(Scripted {
        name: "first",
        script: Arc::new(Script::default()),
    });
    let reader: Reader = Arc::new(store.clone());
    let runtime = Runtime::start(config, Arc::clone(&clock), journal, Arc::new(reader), vec![agent])
        .await
        .unwrap();
    World {
        _folder: folder,
        clock,
        store,
        runtime,
    }
}

async fn run(world: &World, id: &str, command: &str, customer: Option<&str>) -> Outcome {
    let mut task = Task::new(TaskId::new(id).unwrap(), "first", command);
    task.context.customer = customer.map(str::to_owned);
    let receipt = world
        .runtime
        .submit(
            Envelope {
                task,
                warnings: Vec::new(),
            },
            None,
        )
        .await
        .unwrap();
    match world.runtime.outcome(&receipt.task_id, PATIENCE).await.unwrap() {
        Answer::Outcome(outcome) => *outcome,
        Answer::Pending(status) => panic!("still open: {status:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_that_panics_is_restarted_and_its_tasks_are_served() {
    let world = world(3, 0).await;
    assert_eq!(
        run(&world, "t", "note", Some("a")).await.report.status,
        Status::Complete
    );
    assert!(world.runtime.figures().restarts >= 3);
    assert_eq!(*world.runtime.fatal().borrow(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_restarts_end_the_process_with_the_cause() {
    let world = world(u32::MAX, 0).await;
    let mut fatal = world.runtime.fatal();
    let cause = tokio::time::timeout(PATIENCE, fatal.wait_for(Option::is_some))
        .await
        .expect("it gives up")
        .unwrap()
        .clone()
        .unwrap();
    assert!(
        cause.contains("agent first was restarted 5 times") && cause.contains("told to fail"),
        "{cause}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_without_a_sign_of_life_is_restarted_and_its_tasks_are_served() {
    let world = hanging_world(2).await;
    assert_eq!(
        run(&world, "t", "note", Some("a")).await.report.status,
        Status::Complete
    );
    assert!(world.runtime.figures().restarts >= 2);
    assert_eq!(*world.runtime.fatal().borrow(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_that_hangs_over_and_over_ends_the_process_with_the_cause() {
    let world = hanging_world(u32::MAX).await;
    let mut fatal = world.runtime.fatal();
    let cause = tokio::time::timeout(PATIENCE, fatal.wait_for(Option::is_some))
        .await
        .expect("it gives up")
        .unwrap()
        .clone()
        .unwrap();
    assert_eq!(
        cause,
        "agent first was restarted 5 times in 60s, last because: the journal was not read in 500ms"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_is_waited_for_and_the_task_ends_once() {
    let world = world(0, 7).await;
    assert_eq!(
        run(&world, "t", "note", Some("a")).await.report.status,
        Status::Complete
    );
    assert_eq!(world.store.fact_counts().await.unwrap().facts, 1);
    assert_eq!(world.store.outbox("results", 10).await.unwrap().len(), 1);
}

/// The real clock, under which every job is noticed to have ended only a while after it has.
struct LingeringClock(SystemClock);

#[async_trait]
impl Clock for LingeringClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn sleep_until(&self, at: Timestamp) {
        self.0.sleep_until(at).await;
    }

    fn random(&self) -> u64 {
        self.0.random()
    }

    fn spawn(&self, job: Job) -> Handle {
        let clock = self.0;
        self.0.spawn(Box::pin(async move {
            job.await;
            clock
                .sleep_until(clock.now() + SignedDuration::from_millis(30))
                .await;
        }))
    }

    async fn compute(&self, computation: Computation) -> Computed {
        self.0.compute(computation).await
    }
}

/// A parent whose wait is over before its first job was seen to end is still joined.
#[tokio::test(flavor = "multi_thread")]
async fn a_parent_is_joined_however_late_its_first_job_is_noticed_to_have_ended() {
    let world = world_with(Arc::new(LingeringClock(SystemClock::default())), 0, 0).await;
    let mut task = Task::new(TaskId::new("s").unwrap(), "first", "split");
    task.instruction.params.insert("pages".to_owned(), "0".into());
    let receipt = world
        .runtime
        .submit(
            Envelope {
                task,
                warnings: Vec::new(),
            },
            None,
        )
        .await
        .unwrap();
    let answer = world.runtime.outcome(&receipt.task_id, PATIENCE).await.unwrap();
    assert!(matches!(answer, Answer::Outcome(outcome) if outcome.report.status == Status::Complete));
}

/// Takes everything but what goes to the destination that is away.
#[derive(Default)]
struct HalfBus {
    away: AtomicBool,
    refusals: AtomicU32,
    taken: Mutex<Vec<(String, u64)>>,
}

#[async_trait]
impl Bus for HalfBus {
    fn describe(&self) -> String {
        "half".to_owned()
    }

    async fn announce(&self, _store: &str, batch: &[Announcement]) -> (usize, Option<AnnounceError>) {
        if batch.iter().any(|one| one.destination == "events") && self.away.load(Ordering::Acquire) {
            self.refusals.fetch_add(1, Ordering::AcqRel);
            return (0, Some(AnnounceError::Unavailable("nobody listens".to_owned())));
        }
        self.taken
            .lock()
            .unwrap()
            .extend(batch.iter().map(|one| (one.destination.clone(), one.number)));
        (batch.len(), None)
    }

    async fn last_event(&self, _store: &str) -> Option<u64> {
        None
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_is_away_waits_alone_and_gets_everything_in_order_when_it_is_back() {
    let world = world(0, 0).await;
    let bus = Arc::new(HalfBus::default());
    bus.away.store(true, Ordering::Release);
    let (stop, stopped) = watch::channel(false);
    let relay = Relay {
        clock: Arc::clone(&world.clock),
        journal: Arc::new(world.store.clone()) as Arc<dyn Journal<Change>>,
        bus: Arc::clone(&bus) as Arc<dyn Bus>,
        subjects: world.runtime.subjects().clone(),
        announced: world.runtime.announced(),
        stop: stopped,
    };
    let relay = world.clock.spawn(Box::pin(relay.run()));
    for number in 0..20 {
        run(&world, &format!("t{number}"), "tell", None).await;
    }
    let of = |destination: &str| -> Vec<u64> {
        bus.taken
            .lock()
            .unwrap()
            .iter()
            .filter(|(to, _)| to == destination)
            .map(|(_, number)| *number)
            .collect()
    };
    let until = |wanted: &'static str, count: usize| {
        let of = &of;
        async move {
            while of(wanted).len() < count {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::time::timeout(PATIENCE, until("results", 20))
        .await
        .expect("results do not wait for events");
    assert_eq!(of("events"), [0_u64; 0]);
    let refusals = bus.refusals.load(Ordering::Acquire);
    assert!(
        (1..100).contains(&refusals),
        "it is offered again with pauses, not all the time: {refusals} times"
    );
    bus.away.store(false, Ordering::Release);
    tokio::time::timeout(PATIENCE, until("events", 20))
        .await
        .expect("events come when somebody listens again");
    let events = of("events");
    assert!(events.is_sorted() && events.len() == 20, "{events:?}");
    let emptied = async {
        while !world.store.destinations().await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, emptied)
        .await
        .expect("the outbox knows that everything was taken");
    stop.send_replace(true);
    tokio::time::timeout(PATIENCE, relay)
        .await
        .expect("the relay stops")
        .unwrap();
}

/// Sends, and does not hear the broker's answer the first time; notes each attempt, and what the store would say of it after a crash.
struct DeafBus {
    store: SqliteStore,
    deaf: Mutex<BTreeSet<String>>,
    sent: Mutex<Vec<(String, u32, u32)>>,
}

#[async_trait]
impl Bus for DeafBus {
    fn describe(&self) -> String {
        "deaf".to_owned()
    }

    async fn announce(&self, _store: &str, batch: &[Announcement]) -> (usize, Option<AnnounceError>) {
        for one in batch {
            let after_a_crash = self.store.outbox(&one.destination, batch.len()).await.unwrap();
            let attempt = after_a_crash.iter().find(|again| again.number == one.number);
            let sent = (one.destination.clone(), one.attempt, attempt.unwrap().attempt);
            self.sent.lock().unwrap().push(sent);
        }
        if self.deaf.lock().unwrap().insert(batch[0].destination.clone()) {
            return (0, Some(AnnounceError::Unavailable("no answer".to_owned())));
        }
        (batch.len(), None)
    }

    async fn last_event(&self, _store: &str) -> Option<u64> {
        None
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_sent_says_so() {
    let world = world(0, 0).await;
    let bus = Arc::new(DeafBus {
        store: world.store.clone(),
        deaf: Mutex::default(),
        sent: Mutex::default(),
    });
    let (stop, stopped) = watch::channel(false);
    let relay = Relay {
        clock: Arc::clone(&world.clock),
        journal: Arc::new(world.store.clone()) as Arc<dyn Journal<Change>>,
        bus: Arc::clone(&bus) as Arc<dyn Bus>,
        subjects: world.runtime.subjects().clone(),
        announced: world.runtime.announced(),
        stop: stopped,
    };
    let relay = world.clock.spawn(Box::pin(relay.run()));
    let mut task = Task::new(TaskId::new("t").unwrap(), "first", "tell");
    task.reply_to = Some("asked.by".to_owned());
    let envelope = Envelope {
        task,
        warnings: Vec::new(),
    };
    let receipt = world.runtime.submit(envelope, None).await.unwrap();
    world.runtime.outcome(&receipt.task_id, PATIENCE).await.unwrap();
    let emptied = async {
        while !world.store.destinations().await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, emptied)
        .await
        .expect("everything is taken the second time");
    let sent = bus.sent.lock().unwrap().clone();
    let of = |destination: &str| -> Vec<(u32, u32)> {
        let lane = sent.iter().filter(|(to, ..)| to == destination);
        lane.map(|(_, attempt, after)| (*attempt, *after)).collect()
    };
    assert_eq!(of("replies"), [(1, 2), (2, 3)]);
    // The broker refuses repeats of these, so nobody counts.
    assert_eq!((of("results"), of("events")), (vec![(1, 1); 2], vec![(1, 1); 2]));
    stop.send_replace(true);
    relay.await.unwrap();
}
