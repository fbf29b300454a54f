//! The served side: the real runtime and store, an agent that does nothing, and a door of the shape the bus has.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use kunder::clock::SystemClock;
use kunder_agent_core::agent::{Agent, AnyAgent, GatherError, Work};
use kunder_agent_core::clock::Clock;
use kunder_agent_core::decision::Decision;
use kunder_agent_core::door::RefusalCode;
use kunder_agent_core::envelope;
use kunder_agent_core::id::AgentName;
use kunder_agent_core::journal::Journal;
use kunder_agent_core::outcome::{Report, Status};
use kunder_agent_core::runtime::{Runtime, RuntimeConfig};
use kunder_agent_core::task::Task;
use kunder_agents::Reader;
use kunder_domain::change::Change;
use kunder_store::SqliteStore;
use tokio::sync::{Semaphore, mpsc};

use crate::{MAILBOX, REQUESTERS, requester};

/// Messages that are accepted at once, as by a consumer of the bus.
const AT_ONCE: usize = 64;
/// Messages that wait to be read; the sender has to hold back more, as a connection makes it.
const UNREAD_MAX: usize = 4_096;

/// A message on its way to the door.
pub struct Message {
    pub sender: usize,
    pub body: String,
    pub sent: Instant,
}

/// What the sender is told.
pub struct Told {
    pub sender: usize,
    /// When to try again; `None` where the task was accepted.
    pub retry_after: Option<Duration>,
    /// Since it was sent, and since the door has read it.
    pub waited: Duration,
    pub worked: Duration,
}

/// Decisions made, in all and by requester.
pub struct Served {
    pub decided: AtomicU64,
    pub by_requester: Vec<AtomicU64>,
    gate: Semaphore,
}

/// Decides at once, and counts whom it served.
struct Counting(Arc<Served>);

#[async_trait]
impl Agent<Reader, Change> for Counting {
    type Facts = ();

    fn name(&self) -> AgentName {
        AgentName::new("first")
    }

    fn description(&self) -> &'static str {
        "counts"
    }

    fn commands(&self) -> &'static [&'static str] {
        &["note"]
    }

    async fn lane(&self, _: &Task, _: &Reader) -> Option<String> {
        None
    }

    async fn gather(&self, _: &Work, _: &Reader) -> Result<(), GatherError> {
        drop(self.0.gate.acquire().await);
        Ok(())
    }

    fn decide(&self, work: &Work, (): &()) -> Decision<Change> {
        let number = work.task.task_id.as_str().parse().expect("ids are numbers");
        self.0.by_requester[requester(number)].fetch_add(1, Ordering::Relaxed);
        self.0.decided.fetch_add(1, Ordering::Release);
        Decision::done(Report::new(Status::Complete, "counted"))
    }
}

pub struct Bench {
    _folder: tempfile::TempDir,
    pub served: Arc<Served>,
    pub runtime: Runtime<Reader, Change>,
    store: SqliteStore,
}

impl Bench {
    pub async fn new() -> Self {
        let bench = Self::holding().await;
        bench.release();
        bench
    }

    /// One whose agent serves nobody until [`Self::release`].
    pub async fn holding() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let store = SqliteStore::open(folder.path(), Arc::clone(&clock)).expect("a new store opens");
        let served = Arc::new(Served {
            decided: AtomicU64::new(0),
            by_requester: (0..REQUESTERS).map(|_| AtomicU64::new(0)).collect(),
            gate: Semaphore::new(0),
        });
        let agent: Arc<dyn AnyAgent<Reader, Change>> = Arc::new(Counting(Arc::clone(&served)));
        let config = RuntimeConfig {
            mailbox: MAILBOX,
            ..RuntimeConfig::default()
        };
        let reader: Reader = Arc::new(store.clone());
        let journal: Arc<dyn Journal<Change>> = Arc::new(store.clone());
        let runtime = Runtime::start(config, clock, journal, Arc::new(reader), vec![agent])
            .await
            .expect("a new store can be read");
        Self {
            _folder: folder,
            served,
            runtime,
            store,
        }
    }

    pub fn release(&self) {
        self.served.gate.add_permits(Semaphore::MAX_PERMITS);
    }

    /// Tasks whose outcome is on disk.
    pub async fn complete(&self) -> u64 {
        self.store.counts().await.expect("the store can be read").complete
    }

    /// Opens the door; it ends when nobody can send any more.
    pub fn door(&self, told: Sender<Told>) -> (mpsc::Sender<Message>, tokio::task::JoinHandle<()>) {
        let (sender, mut messages) = mpsc::channel(UNREAD_MAX);
        let runtime = self.runtime.clone();
        let door = tokio::spawn(async move {
            let mut accepting = FuturesUnordered::new();
            loop {
                tokio::select! {
                    biased;
                    Some(()) = accepting.next(), if !accepting.is_empty() => {}
                    message = messages.recv(), if accepting.len() < AT_ONCE => match message {
                        Some(message) => accepting.push(accept(&runtime, message, &told)),
                        None => break,
                    },
                }
            }
            while accepting.next().await.is_some() {}
        });
        (sender, door)
    }
}

/// Reads a message, hands the task in and answers.
async fn accept(runtime: &Runtime<Reader, Change>, message: Message, told: &Sender<Told>) {
    let begun = Instant::now();
    let limit = runtime.config().payload_bytes_max;
    let envelope = envelope::read(message.body.as_bytes(), limit).expect("a body of ours");
    let retry_after = match runtime.submit(envelope, None).await {
        Ok(_) => None,
        Err(refusal) => {
            assert_eq!(refusal.code, RefusalCode::Busy, "{refusal}");
            Some(Duration::from_millis(
                refusal.retry_after_ms.expect("it says when"),
            ))
        }
    };
    let now = Instant::now();
    // Who has stopped listening does not want to know.
    let _ = told.send(Told {
        sender: message.sender,
        retry_after,
        waited: now - message.sent,
        worked: now - begun,
    });
}

/// Processor time used up by now: in all, and by the threads of a name.
pub struct Used {
    pub all: Duration,
    pub by_thread: BTreeMap<String, Duration>,
}

impl Used {
    /// Reads what the kernel counts for this process.
    pub fn now() -> Self {
        let mut by_thread: BTreeMap<String, Duration> = BTreeMap::new();
        for thread in std::fs::read_dir("/proc/self/task")
            .into_iter()
            .flatten()
            .flatten()
        {
            let read = |name: &str| std::fs::read_to_string(thread.path().join(name)).unwrap_or_default();
            let nanos = read("schedstat")
                .split(' ')
                .next()
                .and_then(|nanos| nanos.parse().ok());
            *by_thread.entry(read("comm").trim().to_owned()).or_default() +=
                Duration::from_nanos(nanos.unwrap_or(0));
        }
        Self {
            all: by_thread.values().sum(),
            by_thread,
        }
    }

    /// The part that threads of this name have used since `before`, of all.
    pub fn part(&self, before: &Self, name: &str) -> f64 {
        let of = |used: &Self| used.by_thread.get(name).copied().unwrap_or_default();
        let (mine, all) = (
            of(self).saturating_sub(of(before)),
            self.all.saturating_sub(before.all),
        );
        mine.as_secs_f64() / all.as_secs_f64().max(1e-9)
    }
}
