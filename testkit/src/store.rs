//! A simulated store: everything SQLite keeps for a runner, in memory, with the same answers.
//!
//! Every operation happens at once under one lock and returns ready. What the end of a process leaves is the memory itself:
//! a clone opened later finds everything.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use kunder::store::{FactCounts, IngestReport, Sizes, Store};
use kunder_agent_core::bus::Announcement;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::journal::JournalError;
use kunder_domain::fact::Fact;
use tokio::sync::Notify;

mod commit;
mod facts;
mod health;
mod journal;
mod letters;
mod outbox;
mod portfolio;
mod tasks;

pub use facts::InitialFacts;

use facts::Facts;
use health::Health;
use letters::Letters;
use outbox::Outbox;
use tasks::Tasks;

/// The store of one organisation in memory. Clones share it.
#[derive(Clone)]
pub struct SimStore {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Arc<dyn Clock>,
    store_id: String,
    memory: Mutex<Memory>,
}

/// What is kept.
#[derive(Default)]
struct Memory {
    tasks: Tasks,
    outbox: Outbox,
    letters: Letters,
    facts: Facts,
    health: Health,
    artifacts: BTreeMap<String, Vec<u8>>,
    /// By id: until when, and the JSON.
    conversations: BTreeMap<String, (Timestamp, String)>,
    settings: BTreeMap<String, String>,
}

impl fmt::Debug for SimStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimStore")
            .field("store_id", &self.inner.store_id)
            .finish_non_exhaustive()
    }
}

impl SimStore {
    /// An empty store.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::on(&InitialFacts::default(), clock)
    }

    /// A store in which these facts are known already. Cheap, however many: they are shared until a customer changes.
    #[must_use]
    pub fn on(initial: &InitialFacts, clock: Arc<dyn Clock>) -> Self {
        let store_id = format!("{:016x}{:016x}", clock.random(), clock.random());
        let memory = Memory {
            facts: initial.facts(),
            ..Memory::default()
        };
        let inner = Inner {
            clock,
            store_id,
            memory: Mutex::new(memory),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// What an artifact holds.
    #[must_use]
    pub fn artifact(&self, path: &str) -> Option<Vec<u8>> {
        self.memory().artifacts.get(path).cloned()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.inner.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }
}

#[async_trait]
impl Store for SimStore {
    async fn ingest(&self, facts: Vec<Fact>) -> Result<IngestReport, JournalError> {
        let recorded = self.now();
        Ok(self.memory().facts.ingest(facts, recorded))
    }

    async fn announcements(&self, after: u64, limit: usize) -> Result<Vec<Announcement>, JournalError> {
        Ok(self.memory().outbox.after(after, limit))
    }

    async fn waiting_announcements(&self) -> Result<Vec<(String, u64)>, JournalError> {
        Ok(self.memory().outbox.waiting_counts())
    }

    async fn open_letters(&self) -> Result<u64, JournalError> {
        Ok(self.memory().letters.open_count())
    }

    async fn put_conversation(&self, id: &str, json: &str, expires: Timestamp) -> Result<(), JournalError> {
        let now = self.now();
        let conversations = &mut self.memory().conversations;
        conversations.retain(|_, (expires, _)| *expires > now);
        conversations.insert(id.to_owned(), (expires, json.to_owned()));
        Ok(())
    }

    async fn conversation(&self, id: &str, now: Timestamp) -> Result<Option<String>, JournalError> {
        let memory = self.memory();
        let known = memory.conversations.get(id).filter(|(expires, _)| *expires > now);
        Ok(known.map(|(_, json)| json.clone()))
    }

    /// Nobody waits for it in the simulation.
    fn news(&self) -> Arc<Notify> {
        Arc::default()
    }

    async fn setting(&self, key: &str) -> Result<Option<String>, JournalError> {
        Ok(self.memory().settings.get(key).cloned())
    }

    async fn set_setting(&self, key: &str, value: &str) -> Result<(), JournalError> {
        self.memory().settings.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    async fn fact_counts(&self) -> Result<FactCounts, JournalError> {
        Ok(self.memory().facts.counts())
    }

    /// Nothing is on disk.
    fn sizes(&self) -> Sizes {
        Sizes::default()
    }
}
