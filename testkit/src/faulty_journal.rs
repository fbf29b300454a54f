//! A journal with faults on order: panics when an actor reads it, and commits that cannot be stored for a while.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use kunder_agent_core::bus::Announcement;
use kunder_agent_core::id::{AgentName, TaskId};
use kunder_agent_core::journal::{
    Acceptance, Commit, CommitError, Journal, JournalError, NewTask, TaskCounts, TaskRecord, TaskStatus,
};
use kunder_agent_core::letter::{DeadLetter, FullLetter, LetterEnd, LetterId, LetterQuery, NewLetter};
use kunder_agent_core::outcome::Outcome;
use kunder_domain::change::Change;

/// A journal, and how many of the next calls go wrong.
pub struct FaultyJournal<J> {
    pub store: J,
    pub panics: AtomicU32,
    pub refused_commits: AtomicU32,
    /// Commits that are stored, and said to have failed.
    pub doubts: AtomicU32,
    /// Reads of the queue that fail.
    pub refused_reads: AtomicU32,
    /// Reads of the queue that never come back.
    pub hangs: AtomicU32,
    /// Reads of the queue.
    pub reads: AtomicU32,
    /// Tasks that were to be accepted, and questions how one stands or whether it is known.
    pub accepts: AtomicU32,
    pub questions: AtomicU32,
    /// Reads of the queue, one per agent, with which a runtime starts: before there are actors, nothing goes wrong.
    lining_up: AtomicU32,
}

impl<J> FaultyJournal<J> {
    /// For a runtime of so many agents; no call goes wrong yet.
    #[must_use]
    pub fn new(store: J, agents: u32) -> Self {
        Self {
            store,
            panics: AtomicU32::new(0),
            refused_commits: AtomicU32::new(0),
            doubts: AtomicU32::new(0),
            refused_reads: AtomicU32::new(0),
            hangs: AtomicU32::new(0),
            reads: AtomicU32::new(0),
            accepts: AtomicU32::new(0),
            questions: AtomicU32::new(0),
            lining_up: AtomicU32::new(agents),
        }
    }
}

fn strikes(left: &AtomicU32) -> bool {
    left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1))
        .is_ok()
}

#[async_trait]
impl<J: Journal<Change>> Journal<Change> for FaultyJournal<J> {
    async fn queued(
        &self,
        agent: &AgentName,
        after: u64,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<TaskRecord>, JournalError> {
        self.reads.fetch_add(1, Ordering::AcqRel);
        if strikes(&self.lining_up) {
            return self.store.queued(agent, after, limit, now).await;
        }
        assert!(!strikes(&self.panics), "the journal was told to fail");
        if strikes(&self.refused_reads) {
            return Err(JournalError("the disk cannot be read".to_owned()));
        }
        if strikes(&self.hangs) {
            std::future::pending::<()>().await;
        }
        self.store.queued(agent, after, limit, now).await
    }

    async fn commit(&self, commit: Commit<Change>) -> Result<(), CommitError> {
        if strikes(&self.refused_commits) {
            return Err(JournalError("the disk is full".to_owned()).into());
        }
        self.store.commit(commit).await?;
        if strikes(&self.doubts) {
            return Err(JournalError("no answer".to_owned()).into());
        }
        Ok(())
    }

    async fn accept(&self, task: NewTask) -> Result<Acceptance, JournalError> {
        self.accepts.fetch_add(1, Ordering::AcqRel);
        self.store.accept(task).await
    }

    async fn recover(&self) -> Result<u64, JournalError> {
        self.store.recover().await
    }

    fn start(&self, task: &TaskId, epoch: u64) {
        self.store.start(task, epoch);
    }

    async fn expired(&self, now: Timestamp, limit: usize) -> Result<Vec<TaskRecord>, JournalError> {
        self.store.expired(now, limit).await
    }

    async fn next_due(&self, after: Timestamp) -> Result<Option<Timestamp>, JournalError> {
        self.store.next_due(after).await
    }

    async fn status(&self, task: &TaskId) -> Result<Option<TaskStatus>, JournalError> {
        self.questions.fetch_add(1, Ordering::AcqRel);
        self.store.status(task).await
    }

    async fn knows(&self, task: &TaskId) -> Result<bool, JournalError> {
        self.questions.fetch_add(1, Ordering::AcqRel);
        self.store.knows(task).await
    }

    async fn list(&self, before: Option<u64>, limit: usize) -> Result<Vec<TaskStatus>, JournalError> {
        self.store.list(before, limit).await
    }

    async fn record(&self, task: &TaskId) -> Result<Option<TaskRecord>, JournalError> {
        self.store.record(task).await
    }

    async fn children(&self, parent: &TaskId) -> Result<Vec<Outcome>, JournalError> {
        self.store.children(parent).await
    }

    async fn cancel(
        &self,
        task: &TaskId,
        outcome: Outcome,
        announcements: Vec<Announcement>,
        letter: Option<NewLetter>,
    ) -> Result<(), CommitError> {
        self.store.cancel(task, outcome, announcements, letter).await
    }

    async fn counts(&self) -> Result<TaskCounts, JournalError> {
        self.store.counts().await
    }

    async fn destinations(&self) -> Result<Vec<String>, JournalError> {
        self.store.destinations().await
    }

    async fn outbox(&self, destination: &str, limit: usize) -> Result<Vec<Announcement>, JournalError> {
        self.store.outbox(destination, limit).await
    }

    async fn sending(&self, destination: &str, upto: u64) -> Result<(), JournalError> {
        self.store.sending(destination, upto).await
    }

    async fn announced(&self, destination: &str, number: u64) -> Result<(), JournalError> {
        self.store.announced(destination, number).await
    }

    async fn undeliverable(
        &self,
        number: u64,
        letter: NewLetter,
        told: Option<Announcement>,
    ) -> Result<(), JournalError> {
        self.store.undeliverable(number, letter, told).await
    }

    async fn set_aside(&self, letter: NewLetter, told: Option<Announcement>) -> Result<bool, JournalError> {
        self.store.set_aside(letter, told).await
    }

    async fn letter(&self, id: &LetterId) -> Result<Option<FullLetter>, JournalError> {
        self.store.letter(id).await
    }

    async fn letters(&self, query: LetterQuery) -> Result<Vec<DeadLetter>, JournalError> {
        self.store.letters(query).await
    }

    async fn end_letters(&self, ends: Vec<(LetterId, LetterEnd)>) -> Result<Vec<LetterId>, JournalError> {
        self.store.end_letters(ends).await
    }

    fn store_id(&self) -> String {
        self.store.store_id()
    }
}
