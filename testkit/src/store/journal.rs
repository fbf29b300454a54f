//! The journal of tasks in memory.

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

use super::SimStore;

#[async_trait]
impl Journal<Change> for SimStore {
    async fn accept(&self, task: NewTask) -> Result<Acceptance, JournalError> {
        let now = self.now();
        Ok(self.memory().tasks.accept(task, now))
    }

    async fn recover(&self) -> Result<u64, JournalError> {
        Ok(self.memory().tasks.recover())
    }

    fn start(&self, task: &TaskId, epoch: u64) {
        self.memory().tasks.start(task, epoch);
    }

    async fn commit(&self, commit: Commit<Change>) -> Result<(), CommitError> {
        let recorded = self.now();
        self.memory().commit(commit, recorded)
    }

    async fn queued(
        &self,
        agent: &AgentName,
        after: u64,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<TaskRecord>, JournalError> {
        Ok(self.memory().tasks.queued(agent, after, limit, now))
    }

    async fn expired(&self, now: Timestamp, limit: usize) -> Result<Vec<TaskRecord>, JournalError> {
        Ok(self.memory().tasks.expired(now, limit))
    }

    async fn next_due(&self, after: Timestamp) -> Result<Option<Timestamp>, JournalError> {
        Ok(self.memory().tasks.next_due(after))
    }

    async fn status(&self, task: &TaskId) -> Result<Option<TaskStatus>, JournalError> {
        let now = self.now();
        Ok(self.memory().tasks.status(task, now))
    }

    async fn list(&self, before: Option<u64>, limit: usize) -> Result<Vec<TaskStatus>, JournalError> {
        let now = self.now();
        Ok(self.memory().tasks.newest(before, limit, now))
    }

    async fn record(&self, task: &TaskId) -> Result<Option<TaskRecord>, JournalError> {
        Ok(self.memory().tasks.record(task))
    }

    async fn children(&self, parent: &TaskId) -> Result<Vec<Outcome>, JournalError> {
        Ok(self.memory().tasks.children(parent))
    }

    async fn cancel(
        &self,
        task: &TaskId,
        outcome: Outcome,
        announcements: Vec<Announcement>,
        letter: Option<NewLetter>,
    ) -> Result<(), CommitError> {
        self.memory().cancel(task, outcome, announcements, letter)
    }

    async fn counts(&self) -> Result<TaskCounts, JournalError> {
        let now = self.now();
        Ok(self.memory().tasks.counts(now))
    }

    async fn destinations(&self) -> Result<Vec<String>, JournalError> {
        Ok(self.memory().outbox.destinations())
    }

    async fn outbox(&self, destination: &str, limit: usize) -> Result<Vec<Announcement>, JournalError> {
        Ok(self.memory().outbox.waiting(destination, limit))
    }

    async fn sending(&self, destination: &str, upto: u64) -> Result<(), JournalError> {
        self.memory().outbox.sending(destination, upto);
        Ok(())
    }

    async fn announced(&self, destination: &str, number: u64) -> Result<(), JournalError> {
        self.memory().outbox.announced(destination, number);
        Ok(())
    }

    async fn undeliverable(
        &self,
        number: u64,
        letter: NewLetter,
        told: Option<Announcement>,
    ) -> Result<(), JournalError> {
        self.memory().undeliverable(number, letter, told);
        Ok(())
    }

    async fn set_aside(&self, letter: NewLetter, told: Option<Announcement>) -> Result<bool, JournalError> {
        Ok(self.memory().set_aside(letter, told))
    }

    async fn letter(&self, id: &LetterId) -> Result<Option<FullLetter>, JournalError> {
        Ok(self.memory().letters.find(id).cloned())
    }

    async fn letters(&self, query: LetterQuery) -> Result<Vec<DeadLetter>, JournalError> {
        Ok(self.memory().letters.page(query))
    }

    async fn end_letters(&self, ends: Vec<(LetterId, LetterEnd)>) -> Result<Vec<LetterId>, JournalError> {
        let mut memory = self.memory();
        let ended = ends
            .into_iter()
            .filter_map(|(id, end)| memory.end_letter(&id, end).then_some(id));
        Ok(ended.collect())
    }

    fn store_id(&self) -> String {
        self.inner.store_id.clone()
    }
}
