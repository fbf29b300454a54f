//! The port for memory: the journal of tasks, their outcomes, and the outbox. The journal is the queue.

use async_trait::async_trait;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::bus::Announcement;
use crate::decision::{Artifact, Expect};
use crate::id::{AgentName, TaskId};
use crate::letter::{DeadLetter, FullLetter, LetterEnd, LetterId, LetterQuery, NewLetter};
use crate::outcome::Outcome;
use crate::task::Task;

/// Where a task is in its life. `accepted = complete + partial + failed + queued + running + waiting`, at every instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    Queued,
    Running,
    /// For its children, or for its moment (`not_before`).
    Waiting,
    Done,
}

/// A task to be journaled.
#[derive(Clone, Debug)]
pub struct NewTask {
    pub task: Task,
    pub agent: AgentName,
    /// The customer whose lane it runs in.
    pub lane: Option<String>,
    /// The moment it was accepted: the task's now.
    pub now: Timestamp,
    /// The parent that waits for it.
    pub parent: Option<TaskId>,
    pub not_before: Option<Timestamp>,
    /// Whether its outcome is announced (pages of a larger task are not).
    pub announced: bool,
    /// What was read differently from how it was written.
    pub warnings: Vec<String>,
}

/// A journaled task.
#[derive(Clone, Debug)]
pub struct TaskRecord {
    /// Its number in the journal, in the order of acceptance.
    pub number: u64,
    pub new: NewTask,
    /// How often it was started before.
    pub tries: u32,
    /// Whether it waited for children that have all ended.
    pub joined: bool,
}

impl TaskRecord {
    #[must_use]
    pub fn id(&self) -> &TaskId {
        &self.new.task.task_id
    }
}

/// What acceptance found.
#[derive(Clone, Debug)]
pub enum Acceptance {
    /// Journaled, on disk.
    New(TaskRecord),
    /// The same task was accepted before.
    Known(TaskStatus),
    /// The id belongs to a task with another body (409).
    Conflict,
}

/// What is known of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskStatus {
    pub task_id: TaskId,
    pub agent: AgentName,
    pub state: TaskState,
    pub accepted_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    pub tries: u32,
    /// Children that have ended, of how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<(u64, u64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// How tasks stand. `accepted` is counted when a task is accepted, the others by the state it is in:
/// their sum is `accepted`, or something was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskCounts {
    pub accepted: u64,
    pub complete: u64,
    pub partial: u64,
    pub failed: u64,
    pub queued: u64,
    pub running: u64,
    pub waiting: u64,
}

impl TaskCounts {
    /// Tasks that were accepted and that no state accounts for; below 0 for tasks that nobody accepted. Always 0.
    #[must_use]
    pub fn drift(&self) -> i64 {
        let states = [
            self.complete,
            self.partial,
            self.failed,
            self.queued,
            self.running,
            self.waiting,
        ];
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        signed(self.accepted).saturating_sub(signed(states.iter().sum()))
    }
}

/// One transaction that ends a task, or parks it until its children have ended.
#[derive(Clone, Debug)]
pub struct Commit<C> {
    pub task: TaskId,
    /// The lease under which it ran; another one means someone else took over.
    pub epoch: u64,
    pub end: End,
    pub expects: Vec<Expect>,
    pub changes: Vec<C>,
    pub follow_ups: Vec<NewTask>,
    /// Numbers are given by the store.
    pub announcements: Vec<Announcement>,
    pub artifacts: Vec<Artifact>,
    /// What it leaves behind where it ends a task that could not be worked on. Told of by one of the announcements.
    pub letter: Option<NewLetter>,
}

/// How a commit leaves its task.
#[derive(Clone, Debug)]
pub enum End {
    Done(Box<Outcome>),
    Wait(Vec<NewTask>),
}

/// Why a commit was refused, by what the caller does about it.
#[derive(Debug, Error)]
pub enum CommitError {
    /// Someone else finished this task: take their outcome.
    #[error("task {task} already has an outcome")]
    AlreadyDone { task: TaskId },
    /// Someone else works on it: let go.
    #[error("the lease of task {task} is no longer ours")]
    LeaseLost { task: TaskId },
    /// The snapshot is stale: gather and decide again.
    #[error("{entity} changed while task {task} was deciding")]
    Stale { task: TaskId, entity: String },
    /// This decision cannot be stored as it is, now or ever: the task fails.
    #[error("cannot store the decision of task {task}: {reason}")]
    Invalid { task: TaskId, reason: String },
    /// Storage is down: back off and try again.
    #[error(transparent)]
    Unavailable(#[from] JournalError),
}

/// The store cannot be reached, or is damaged.
#[derive(Debug, Error)]
#[error("cannot reach the store: {0}")]
pub struct JournalError(pub String);

/// The journal, the outcomes and the outbox.
#[async_trait]
pub trait Journal<C: Send + 'static>: Send + Sync + 'static {
    /// Journals a task; it is on disk when this returns.
    async fn accept(&self, task: NewTask) -> Result<Acceptance, JournalError>;

    /// Takes over everything that was running: a new epoch, all open tasks queued again. Returns the epoch.
    async fn recover(&self) -> Result<u64, JournalError>;

    /// Notes that a task starts under this lease and counts a try. Ordered before a later commit of the same task; not awaited to disk.
    fn start(&self, task: &TaskId, epoch: u64);

    /// Ends a task, or parks it, with all that follows from it.
    async fn commit(&self, commit: Commit<C>) -> Result<(), CommitError>;

    /// Queued tasks of an agent whose moment has come, in order of acceptance, those numbered above `after`.
    async fn queued(
        &self,
        agent: &AgentName,
        after: u64,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<TaskRecord>, JournalError>;

    /// Open tasks whose deadline has passed.
    async fn expired(&self, now: Timestamp, limit: usize) -> Result<Vec<TaskRecord>, JournalError>;

    /// The next moment at which a timer or a deadline falls due.
    async fn next_due(&self, after: Timestamp) -> Result<Option<Timestamp>, JournalError>;

    async fn status(&self, task: &TaskId) -> Result<Option<TaskStatus>, JournalError>;

    /// Whether a task was accepted. Asked for each one that is to be refused, so it should cost next to nothing.
    async fn knows(&self, task: &TaskId) -> Result<bool, JournalError> {
        Ok(self.status(task).await?.is_some())
    }

    /// The newest tasks first, those numbered below `before`; pages of larger tasks are left out.
    async fn list(&self, before: Option<u64>, limit: usize) -> Result<Vec<TaskStatus>, JournalError>;

    /// The journaled task itself.
    async fn record(&self, task: &TaskId) -> Result<Option<TaskRecord>, JournalError>;

    /// Outcomes of the children a task waited for, in the order they were asked for.
    async fn children(&self, parent: &TaskId) -> Result<Vec<Outcome>, JournalError>;

    /// Ends every open child of a task as cancelled, and the task itself with `outcome`, in one transaction,
    /// with the letter it leaves behind, if any.
    async fn cancel(
        &self,
        task: &TaskId,
        outcome: Outcome,
        announcements: Vec<Announcement>,
        letter: Option<NewLetter>,
    ) -> Result<(), CommitError>;

    async fn counts(&self) -> Result<TaskCounts, JournalError>;

    /// Destinations that have announcements waiting.
    async fn destinations(&self) -> Result<Vec<String>, JournalError>;

    /// Waiting announcements of a destination, in commit order.
    async fn outbox(&self, destination: &str, limit: usize) -> Result<Vec<Announcement>, JournalError>;

    /// Notes, on disk when this returns, that waiting announcements of a destination up to and including this number
    /// are about to be handed to the bus: from then on they are read with the next attempt.
    async fn sending(&self, destination: &str, upto: u64) -> Result<(), JournalError>;

    /// Marks announcements of a destination as taken, up to and including this number.
    async fn announced(&self, destination: &str, number: u64) -> Result<(), JournalError>;

    /// Takes one announcement out of its lane as undeliverable, with the reason of the letter, and stores that letter with the
    /// event that tells of it, in one transaction. One that does not wait any more stays as it is and leaves no letter.
    async fn undeliverable(
        &self,
        number: u64,
        letter: NewLetter,
        told: Option<Announcement>,
    ) -> Result<(), JournalError>;

    /// Stores a letter with the event that tells of it, unless a letter of that id is there already: then nothing changes,
    /// whatever became of that one. Returns whether it was new.
    async fn set_aside(&self, letter: NewLetter, told: Option<Announcement>) -> Result<bool, JournalError>;

    async fn letter(&self, id: &LetterId) -> Result<Option<FullLetter>, JournalError>;

    /// Letters without their content, by their numbers.
    async fn letters(&self, query: LetterQuery) -> Result<Vec<DeadLetter>, JournalError>;

    /// Ends letters, all in one transaction, and returns those that it ended: others stay as they are (see [`LetterEnd`]). An announcement is put into the outbox only with the end of its letter, and its first
    /// try no longer counts as undelivered. Each replay is counted.
    async fn end_letters(&self, ends: Vec<(LetterId, LetterEnd)>) -> Result<Vec<LetterId>, JournalError>;

    /// The id of this store, made once.
    fn store_id(&self) -> String;
}
