//! The runtime under test, its store, and what tests ask of it.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a helper of tests fails by panicking"
)]

use std::sync::Arc;
use std::time::Duration;

use crate::manual_clock::ManualClock;
use crate::scripted::{Script, Scripted};
use kunder_agent_core::agent::AnyAgent;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::door::{Answer, Receipt, Refusal};
use kunder_agent_core::envelope::Envelope;
use kunder_agent_core::id::TaskId;
use kunder_agent_core::journal::{Journal, TaskCounts};
use kunder_agent_core::outcome::Outcome;
use kunder_agent_core::runtime::{Runtime, RuntimeConfig};
use kunder_agent_core::task::Task;
use kunder_agents::Reader;
use kunder_domain::change::Change;
use kunder_store::SqliteStore;

/// Longest any single wait takes before it counts as a hang.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A runtime over a real store, with a clock that stands still and agents that do as they are told.
pub struct World {
    pub folder: tempfile::TempDir,
    pub clock: Arc<ManualClock>,
    pub script: Arc<Script>,
    pub store: SqliteStore,
    pub runtime: Runtime<Reader, Change>,
    pub config: RuntimeConfig,
}

impl World {
    pub async fn new(change: impl FnOnce(&mut RuntimeConfig)) -> Self {
        let mut config = RuntimeConfig {
            backoff_first: Duration::ZERO,
            backoff_max: Duration::ZERO,
            ..RuntimeConfig::default()
        };
        change(&mut config);
        let (folder, clock, script) = (
            tempfile::tempdir().unwrap(),
            Arc::new(ManualClock::default()),
            Arc::new(Script::default()),
        );
        let (store, runtime) = start(&folder, &clock, &script, &config).await;
        Self {
            folder,
            clock,
            script,
            store,
            runtime,
            config,
        }
    }

    pub async fn restarted(self) -> Self {
        let Self {
            folder,
            clock,
            script,
            store,
            runtime,
            config,
        } = self;
        drop((store, runtime));
        let (store, runtime) = start(&folder, &clock, &script, &config).await;
        Self {
            folder,
            clock,
            script,
            store,
            runtime,
            config,
        }
    }

    pub async fn submit(&self, task: Task) -> Result<Receipt, Refusal> {
        self.runtime
            .submit(
                Envelope {
                    task,
                    warnings: Vec::new(),
                },
                None,
            )
            .await
    }

    pub async fn send(&self, id: &str, command: &str, customer: Option<&str>) -> TaskId {
        self.submit(task(id, command, customer)).await.unwrap().task_id
    }

    /// Waits for an outcome by real time: the clock of the runtime stands still.
    pub async fn outcome(&self, id: &TaskId) -> Outcome {
        let wait = self.runtime.outcome(id, PATIENCE);
        match tokio::time::timeout(PATIENCE, wait)
            .await
            .expect("the task ends")
            .unwrap()
        {
            Answer::Outcome(outcome) => *outcome,
            Answer::Pending(status) => panic!("still open: {status:?}"),
        }
    }

    /// Waits until the counts are as wanted; at every look they add up.
    pub async fn counts(&self, wanted: impl Fn(&TaskCounts) -> bool) -> TaskCounts {
        let look = async {
            loop {
                let counts = self.store.counts().await.unwrap();
                let sum = counts.complete
                    + counts.partial
                    + counts.failed
                    + counts.queued
                    + counts.running
                    + counts.waiting;
                assert_eq!(counts.accepted, sum, "{counts:?}");
                if wanted(&counts) {
                    return counts;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, look)
            .await
            .expect("the counts come to be as wanted")
    }
}

pub async fn start(
    folder: &tempfile::TempDir,
    clock: &Arc<ManualClock>,
    script: &Arc<Script>,
    config: &RuntimeConfig,
) -> (SqliteStore, Runtime<Reader, Change>) {
    let store = SqliteStore::open(folder.path(), Arc::clone(clock) as Arc<dyn Clock>).unwrap();
    let runtime = start_on(&store, clock, script, config).await;
    (store, runtime)
}

/// A runtime over a store that is open, beside any other over it.
pub async fn start_on(
    store: &SqliteStore,
    clock: &Arc<ManualClock>,
    script: &Arc<Script>,
    config: &RuntimeConfig,
) -> Runtime<Reader, Change> {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
    let agents = ["first", "second"].map(|name| {
        Arc::new(Scripted {
            name,
            script: Arc::clone(script),
        }) as Arc<dyn AnyAgent<Reader, Change>>
    });
    let reader: Reader = Arc::new(store.clone());
    let journal: Arc<dyn Journal<Change>> = Arc::new(store.clone());
    Runtime::start(config.clone(), clock, journal, Arc::new(reader), agents.into())
        .await
        .unwrap()
}

/// A task for the agent `first`.
#[must_use]
pub fn task(id: &str, command: &str, customer: Option<&str>) -> Task {
    let mut task = Task::new(TaskId::new(id).unwrap(), "first", command);
    task.context.customer = customer.map(str::to_owned);
    task
}
