//! The actor runtime: a mailbox and an actor per agent, one lane per customer, supervision, timers, and the life of a task.

mod actor;
mod admit;
mod announcements;
mod bounds;
mod cancel;
mod ending;
mod figures;
mod lanes;
mod mailbox;
mod supervisor;
mod timekeeper;
mod waiters;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

pub use figures::Figures;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::{Notify, watch};

use crate::agent::AnyAgent;
use crate::clock::{Clock, Job};
use crate::fit::Limits;
use crate::id::AgentName;
use crate::journal::{Journal, JournalError};
use crate::subject::Subjects;

/// Every limit of the runtime.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// Our own process token, `kunder`.
    pub process: String,
    /// The zone in which a day begins and ends.
    pub zone: TimeZone,
    /// Tasks accepted and not yet started, per agent; more are refused with a retry-after.
    pub mailbox: usize,
    /// Tasks of one agent that run side by side.
    pub concurrency: usize,
    /// Largest envelope, in bytes.
    pub payload_bytes_max: usize,
    /// What an outcome may be; its bytes lie below the broker's payload limit.
    pub outcome: Limits,
    /// Children and follow-ups of one decision.
    pub children_max: usize,
    /// Facts, events and requests of one decision, of each.
    pub effects_max: usize,
    /// Files of one decision, and the bytes of all of them.
    pub artifacts_max: usize,
    pub artifact_bytes_max: usize,
    /// Bytes of a page's outcome, which its parent joins whole.
    pub page_bytes_max: usize,
    /// Longest chain of tasks that follow from each other.
    pub steps_max: usize,
    /// Tries of a task whose agent panics or whose facts cannot be read, and of one whose process died.
    pub tries_max: u32,
    pub interrupted_tries_max: u32,
    /// Times a decision may find its facts stale before the task fails.
    pub stale_max: u32,
    /// Longest silence of a gather: one that is woken again and again, as by page after page, goes on.
    pub gather_limit: Duration,
    /// Longest time of a gather, whatever it does.
    pub gather_whole_limit: Duration,
    pub decide_limit: Duration,
    /// Longest time without a sign of life of an actor that has something to do.
    pub heartbeat_limit: Duration,
    /// How long a request without a deadline is offered to another process before it counts as undeliverable.
    pub delivery_limit: Duration,
    /// Decisions abandoned in a hang before the process gives up.
    pub abandoned_max: u64,
    /// Restarts of one actor within the window before the process gives up.
    pub restarts_max: usize,
    pub restart_window: Duration,
    pub backoff_first: Duration,
    pub backoff_max: Duration,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self {
            process: "kunder".to_owned(),
            zone: TimeZone::UTC,
            mailbox: 1_024,
            concurrency: 8,
            payload_bytes_max: 1 << 20,
            outcome: Limits {
                rows_max: 200,
                bytes_max: 900_000,
            },
            children_max: 20_000,
            effects_max: 20_000,
            artifacts_max: 1_000,
            artifact_bytes_max: 256 << 20,
            page_bytes_max: 64 << 20,
            steps_max: 64,
            tries_max: 3,
            interrupted_tries_max: 20,
            stale_max: 50,
            gather_limit: Duration::from_secs(30),
            gather_whole_limit: Duration::from_secs(600),
            decide_limit: Duration::from_secs(30),
            heartbeat_limit: Duration::from_secs(30),
            delivery_limit: Duration::from_secs(7 * 24 * 3_600),
            abandoned_max: 16,
            restarts_max: 5,
            restart_window: Duration::from_secs(60),
            backoff_first: Duration::from_millis(50),
            backoff_max: Duration::from_secs(10),
        }
    }
}

/// The runtime over the reading side `P` of a store and its changes `C`. A cheap handle.
pub struct Runtime<P, C> {
    core: Arc<Core<P, C>>,
}

impl<P, C> Clone for Runtime<P, C> {
    fn clone(&self) -> Self {
        Self {
            core: Arc::clone(&self.core),
        }
    }
}

/// Everything the parts of the runtime share.
struct Core<P, C> {
    config: RuntimeConfig,
    subjects: Subjects,
    clock: Arc<dyn Clock>,
    journal: Arc<dyn Journal<C>>,
    portfolio: Arc<P>,
    slots: BTreeMap<AgentName, Slot<P, C>>,
    lanes: lanes::Lanes,
    waiters: waiters::Waiters,
    epoch: AtomicU64,
    draining: AtomicBool,
    drained: Notify,
    /// Actors and the timekeeper that have not ended.
    alive: AtomicUsize,
    timers: Notify,
    announced: Arc<Notify>,
    counters: Arc<figures::Counters>,
    /// Raised whenever tasks were ended by somebody else than who works on them.
    ended_outside: watch::Sender<u64>,
    fatal: watch::Sender<Option<String>>,
}

/// An agent with its mailbox.
struct Slot<P, C> {
    agent: Arc<dyn AnyAgent<P, C>>,
    mailbox: mailbox::Mailbox,
}

impl<P: Send + Sync + 'static, C: Send + 'static> Runtime<P, C> {
    /// Takes over what the journal holds and starts the actors.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn start(
        config: RuntimeConfig,
        clock: Arc<dyn Clock>,
        journal: Arc<dyn Journal<C>>,
        portfolio: Arc<P>,
        agents: Vec<Arc<dyn AnyAgent<P, C>>>,
    ) -> Result<Self, JournalError> {
        let epoch = journal.recover().await?;
        let slots = agents
            .into_iter()
            .map(|agent| {
                (
                    agent.name(),
                    Slot {
                        mailbox: mailbox::Mailbox::new(config.mailbox),
                        agent,
                    },
                )
            })
            .collect();
        let core = Arc::new(Core {
            subjects: Subjects::new(&config.process),
            config,
            clock,
            journal,
            portfolio,
            slots,
            lanes: lanes::Lanes::default(),
            waiters: waiters::Waiters::default(),
            epoch: AtomicU64::new(epoch),
            draining: AtomicBool::new(false),
            drained: Notify::new(),
            alive: AtomicUsize::new(0),
            timers: Notify::new(),
            announced: Arc::new(Notify::new()),
            counters: Arc::default(),
            ended_outside: watch::channel(0).0,
            fatal: watch::channel(None).0,
        });
        let runtime = Self { core };
        for name in runtime.core.slots.keys() {
            let core = Arc::clone(&runtime.core);
            let name = name.clone();
            runtime.keep(Box::pin(async move { supervisor::supervise(core, name).await }));
        }
        let core = Arc::clone(&runtime.core);
        runtime.keep(Box::pin(async move { timekeeper::keep_time(core).await }));
        Ok(runtime)
    }

    fn keep(&self, job: Job) {
        self.core.alive.fetch_add(1, Ordering::AcqRel);
        let core = Arc::clone(&self.core);
        let ended = core.clock.spawn(job);
        // The handle is not needed: the end is counted in `alive`, which `drain` waits for.
        drop(self.core.clock.spawn(Box::pin(async move {
            if let Err(panic) = ended.await {
                core.give_up(format!("a part of the runtime panicked: {panic}"));
            }
            core.alive.fetch_sub(1, Ordering::AcqRel);
            core.drained.notify_waiters();
        })));
    }

    /// Stops accepting, lets what runs end, and returns. What is queued stays in the journal for the next start.
    pub async fn drain(&self) {
        self.core.draining.store(true, Ordering::Release);
        for slot in self.core.slots.values() {
            slot.mailbox.nudge();
        }
        self.core.timers.notify_one();
        loop {
            let ended = self.core.drained.notified();
            if self.core.alive.load(Ordering::Acquire) == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Becomes `Some(cause)` when the runtime can no longer do its work and the process has to end.
    #[must_use]
    pub fn fatal(&self) -> watch::Receiver<Option<String>> {
        self.core.fatal.subscribe()
    }

    /// What was counted since the start.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.core.counters.read()
    }

    /// Notified after each commit that put something into the outbox.
    #[must_use]
    pub fn announced(&self) -> Arc<Notify> {
        Arc::clone(&self.core.announced)
    }

    #[must_use]
    pub fn subjects(&self) -> &Subjects {
        &self.core.subjects
    }

    #[must_use]
    pub fn journal(&self) -> &Arc<dyn Journal<C>> {
        &self.core.journal
    }

    #[must_use]
    pub fn portfolio(&self) -> &Arc<P> {
        &self.core.portfolio
    }

    #[must_use]
    pub fn config(&self) -> &RuntimeConfig {
        &self.core.config
    }

    /// The agents, in the order of their names.
    #[must_use]
    pub fn agents(&self) -> Vec<Arc<dyn AnyAgent<P, C>>> {
        self.core
            .slots
            .values()
            .map(|slot| Arc::clone(&slot.agent))
            .collect()
    }
}

impl<P, C> Core<P, C> {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Tells every actor to look into the journal.
    fn nudge_all(&self) {
        for slot in self.slots.values() {
            slot.mailbox.nudge();
        }
    }

    /// Ends the process, with this cause.
    fn give_up(&self, cause: String) {
        give_up(&self.fatal, cause);
    }

    async fn pause(&self, pause: Duration) {
        let pause = jiff::SignedDuration::try_from(pause).unwrap_or(jiff::SignedDuration::MAX);
        let until = self.now().checked_add(pause).unwrap_or(Timestamp::MAX);
        self.clock.sleep_until(until).await;
    }

    /// How long to wait before try number `attempt` (from 1), doubling from the first pause up to the longest.
    fn backoff(&self, attempt: u32) -> Duration {
        self.config
            .backoff_first
            .saturating_mul(1 << attempt.saturating_sub(1).min(16))
            .min(self.config.backoff_max)
    }
}

fn give_up(fatal: &watch::Sender<Option<String>>, cause: String) {
    tracing::error!(cause, "the runtime gives up");
    fatal.send_replace(Some(cause));
}
