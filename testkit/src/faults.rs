//! A store that goes wrong by chance: slow, away, full, in conflict, in doubt, and dead before or after each commit.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use kunder::store::{FactCounts, IngestReport, Sizes, Store};
use kunder_agent_core::bus::Announcement;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::id::{AgentName, TaskId};
use kunder_agent_core::journal::{
    Acceptance, Commit, CommitError, End, Journal, JournalError, NewTask, TaskCounts, TaskRecord, TaskStatus,
};
use kunder_agent_core::letter::{DeadLetter, FullLetter, LetterEnd, LetterId, LetterQuery, NewLetter};
use kunder_agent_core::outcome::Outcome;
use kunder_domain::change::Change;
use kunder_domain::fact::Fact;

use crate::machine::{Machine, SimClock};
use crate::store::SimStore;
use crate::witness::Witness;

mod portfolio;

/// How often a store goes wrong, in a thousand operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreFaults {
    /// Takes up to 300 ms.
    pub slow: u32,
    /// Does nothing and says that it cannot be reached.
    pub away: u32,
    /// Does it and says that it cannot be reached.
    pub doubt: u32,
    /// Refuses a commit as stale.
    pub stale: u32,
    /// The process dies before a write is stored, or after.
    pub crash: u32,
    /// Every write fails for now: the disk is full.
    pub full: bool,
}

/// The store as one life of the process sees it.
#[derive(Clone)]
pub struct FaultyStore {
    pub store: SimStore,
    pub machine: Machine,
    pub clock: Arc<SimClock>,
    pub faults: Arc<Mutex<StoreFaults>>,
    /// Set when the process has to die before its next instruction.
    pub dies: Arc<AtomicBool>,
    pub witness: Arc<Witness>,
}

fn unreachable_store() -> JournalError {
    JournalError("the store is away".to_owned())
}

impl FaultyStore {
    fn faults(&self) -> StoreFaults {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn strikes(&self, chance: u32, what: &'static str) -> bool {
        let strikes = chance > 0 && self.machine.draw(|dice| dice.permille(chance));
        if strikes {
            self.witness.hit(what);
            self.machine.note(|| what.to_owned());
        }
        strikes
    }

    async fn pause(&self) {
        let slow = self.faults().slow;
        let millis = if self.strikes(slow, "store: slow") { 300 } else { 0 };
        let micros = self.machine.draw(|dice| dice.below(millis * 1_000 + 400));
        let until = self.clock.now() + SignedDuration::from_micros(i64::try_from(micros).unwrap_or(0));
        self.clock.sleep_until(until).await;
    }

    /// The process dies here, by chance.
    async fn may_die(&self, what: &'static str) {
        if self.strikes(self.faults().crash, what) {
            self.dies.store(true, Ordering::Release);
            std::future::pending::<()>().await;
        }
    }

    async fn read(&self) -> Result<(), JournalError> {
        self.pause().await;
        if self.strikes(self.faults().away, "store: away for a read") {
            return Err(unreachable_store());
        }
        Ok(())
    }

    async fn before_write(&self) -> Result<(), JournalError> {
        self.pause().await;
        if self.faults().full {
            self.witness.hit("store: full");
            return Err(JournalError("the disk is full".to_owned()));
        }
        if self.strikes(self.faults().away, "store: away for a write") {
            return Err(unreachable_store());
        }
        self.may_die("store: death before a write").await;
        Ok(())
    }

    async fn after_write(&self) -> Result<(), JournalError> {
        self.may_die("store: death after a write").await;
        self.pause().await;
        if self.strikes(self.faults().doubt, "store: a write in doubt") {
            return Err(unreachable_store());
        }
        Ok(())
    }

    /// Tasks that a commit has journaled are looked up: the store gives their numbers.
    async fn saw_journaled(&self, new: &[NewTask]) {
        for new in new {
            let known = self.witness.knows(&new.task.task_id);
            if let (false, Ok(Some(record))) = (known, self.store.record(&new.task.task_id).await) {
                self.witness.journaled(new, record.number);
            }
        }
    }

    /// Whatever has ended by a cancellation, the whole tree of it.
    async fn saw_cancelled(&self, root: &TaskId) {
        for id in self.witness.open_tree(root) {
            if let Ok(Some(TaskStatus {
                outcome: Some(outcome),
                ..
            })) = self.store.status(&id).await
            {
                self.witness.ended(&id, outcome.report.status);
            }
        }
    }
}

#[async_trait]
impl Journal<Change> for FaultyStore {
    async fn accept(&self, task: NewTask) -> Result<Acceptance, JournalError> {
        let asked = self.clock.now();
        self.before_write().await?;
        let accepted = self.store.accept(task).await?;
        if let Acceptance::New(record) = &accepted {
            self.machine.note(|| {
                format!(
                    "journaled {} as {} for {} in {:?}",
                    record.id(),
                    record.number,
                    record.new.agent,
                    record.new.lane
                )
            });
            self.witness.journaled(&record.new, record.number);
        }
        self.after_write().await?;
        if let Acceptance::New(record) = &accepted {
            self.witness.accepted(record.id(), asked, self.clock.now());
        }
        Ok(accepted)
    }

    async fn recover(&self) -> Result<u64, JournalError> {
        self.before_write().await?;
        let epoch = self.store.recover().await?;
        self.after_write().await?;
        Ok(epoch)
    }

    fn start(&self, task: &TaskId, epoch: u64) {
        self.store.start(task, epoch);
    }

    async fn commit(&self, commit: Commit<Change>) -> Result<(), CommitError> {
        self.before_write().await?;
        let task = commit.task.clone();
        if self.strikes(self.faults().stale, "store: a conflict") {
            let entity = "somebody".to_owned();
            return Err(CommitError::Stale { task, entity });
        }
        let status = match &commit.end {
            End::Done(outcome) => Some(outcome.report.status),
            End::Wait(_) => None,
        };
        let mut new = commit.follow_ups.clone();
        if let End::Wait(children) = &commit.end {
            new.extend(children.iter().cloned());
        }
        let committed = self.store.commit(commit).await;
        self.machine
            .note(|| format!("commit of {task}: {status:?} {committed:?}"));
        committed?;
        match status {
            Some(status) => self.witness.ended(&task, status),
            None => self.witness.parked(&task),
        }
        self.saw_journaled(&new).await;
        self.after_write().await?;
        Ok(())
    }

    async fn queued(
        &self,
        agent: &AgentName,
        after: u64,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<TaskRecord>, JournalError> {
        self.read().await?;
        let queued = self.store.queued(agent, after, limit, now).await?;
        self.pause().await;
        Ok(queued)
    }

    async fn expired(&self, now: Timestamp, limit: usize) -> Result<Vec<TaskRecord>, JournalError> {
        self.read().await?;
        self.store.expired(now, limit).await
    }

    async fn next_due(&self, after: Timestamp) -> Result<Option<Timestamp>, JournalError> {
        self.read().await?;
        self.store.next_due(after).await
    }

    async fn status(&self, task: &TaskId) -> Result<Option<TaskStatus>, JournalError> {
        self.read().await?;
        self.store.status(task).await
    }

    async fn knows(&self, task: &TaskId) -> Result<bool, JournalError> {
        self.read().await?;
        self.store.knows(task).await
    }

    async fn list(&self, before: Option<u64>, limit: usize) -> Result<Vec<TaskStatus>, JournalError> {
        self.read().await?;
        self.store.list(before, limit).await
    }

    async fn record(&self, task: &TaskId) -> Result<Option<TaskRecord>, JournalError> {
        self.read().await?;
        self.store.record(task).await
    }

    async fn children(&self, parent: &TaskId) -> Result<Vec<Outcome>, JournalError> {
        self.read().await?;
        self.store.children(parent).await
    }

    async fn cancel(
        &self,
        task: &TaskId,
        outcome: Outcome,
        announcements: Vec<Announcement>,
        letter: Option<NewLetter>,
    ) -> Result<(), CommitError> {
        self.before_write().await?;
        let cancelled = self.store.cancel(task, outcome, announcements, letter).await;
        self.machine
            .note(|| format!("end of {task} from outside: {cancelled:?}"));
        cancelled?;
        self.saw_cancelled(task).await;
        self.after_write().await?;
        Ok(())
    }

    async fn counts(&self) -> Result<TaskCounts, JournalError> {
        self.read().await?;
        self.store.counts().await
    }

    async fn destinations(&self) -> Result<Vec<String>, JournalError> {
        self.read().await?;
        self.store.destinations().await
    }

    async fn outbox(&self, destination: &str, limit: usize) -> Result<Vec<Announcement>, JournalError> {
        self.read().await?;
        self.store.outbox(destination, limit).await
    }

    async fn sending(&self, destination: &str, upto: u64) -> Result<(), JournalError> {
        self.before_write().await?;
        self.store.sending(destination, upto).await?;
        self.after_write().await
    }

    async fn announced(&self, destination: &str, number: u64) -> Result<(), JournalError> {
        self.before_write().await?;
        self.store.announced(destination, number).await?;
        self.after_write().await
    }

    async fn undeliverable(
        &self,
        number: u64,
        letter: NewLetter,
        told: Option<Announcement>,
    ) -> Result<(), JournalError> {
        self.before_write().await?;
        self.store.undeliverable(number, letter, told).await?;
        self.after_write().await
    }

    async fn set_aside(&self, letter: NewLetter, told: Option<Announcement>) -> Result<bool, JournalError> {
        self.before_write().await?;
        let new = self.store.set_aside(letter, told).await?;
        self.after_write().await?;
        Ok(new)
    }

    async fn letter(&self, id: &LetterId) -> Result<Option<FullLetter>, JournalError> {
        self.read().await?;
        self.store.letter(id).await
    }

    async fn letters(&self, query: LetterQuery) -> Result<Vec<DeadLetter>, JournalError> {
        self.read().await?;
        self.store.letters(query).await
    }

    async fn end_letters(&self, ends: Vec<(LetterId, LetterEnd)>) -> Result<Vec<LetterId>, JournalError> {
        self.before_write().await?;
        let ended = self.store.end_letters(ends).await?;
        self.after_write().await?;
        Ok(ended)
    }

    fn store_id(&self) -> String {
        self.store.store_id()
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn ingest(&self, facts: Vec<Fact>) -> Result<IngestReport, JournalError> {
        self.before_write().await?;
        let report = self.store.ingest(facts).await?;
        self.after_write().await?;
        Ok(report)
    }

    async fn announcements(&self, after: u64, limit: usize) -> Result<Vec<Announcement>, JournalError> {
        self.read().await?;
        self.store.announcements(after, limit).await
    }

    async fn waiting_announcements(&self) -> Result<Vec<(String, u64)>, JournalError> {
        self.read().await?;
        self.store.waiting_announcements().await
    }

    async fn open_letters(&self) -> Result<u64, JournalError> {
        self.read().await?;
        self.store.open_letters().await
    }

    async fn put_conversation(&self, id: &str, json: &str, expires: Timestamp) -> Result<(), JournalError> {
        self.before_write().await?;
        self.store.put_conversation(id, json, expires).await?;
        self.after_write().await
    }

    async fn conversation(&self, id: &str, now: Timestamp) -> Result<Option<String>, JournalError> {
        self.read().await?;
        self.store.conversation(id, now).await
    }

    fn news(&self) -> Arc<tokio::sync::Notify> {
        self.store.news()
    }

    async fn setting(&self, key: &str) -> Result<Option<String>, JournalError> {
        self.read().await?;
        self.store.setting(key).await
    }

    async fn set_setting(&self, key: &str, value: &str) -> Result<(), JournalError> {
        self.before_write().await?;
        self.store.set_setting(key, value).await?;
        self.after_write().await
    }

    async fn fact_counts(&self) -> Result<FactCounts, JournalError> {
        self.read().await?;
        self.store.fact_counts().await
    }

    fn sizes(&self) -> Sizes {
        self.store.sizes()
    }
}
