//! A commit: one transaction that ends a task or parks it, with all that follows from it.

use kunder_agent_core::decision::Expect;
use kunder_agent_core::id::TaskId;
use kunder_agent_core::journal::{Commit, CommitError, End};
use kunder_agent_core::outcome::{Outcome, Status};
use kunder_domain::change::Change;
use kunder_domain::health::SameHealth;
use kunder_domain::signals::NewSignals;
use rusqlite::{Connection, OptionalExtension, params};

use crate::artifact::{Staged, artifact_path};
use crate::error::Failure;
use crate::facts::{self, FactRow};
use crate::health::{self, HealthRows};
use crate::letters::LetterRow;
use crate::moment::{nanos, signed, unsigned};
use crate::open::SqliteStore;
use crate::outbox::AnnouncementRow;
use crate::signals;
use crate::tasks::{TaskRow, ended, state};

/// A commit with everything serialized and its artifacts on disk, so that the writer's thread has only SQL left.
pub(crate) struct Prepared {
    task: TaskId,
    epoch: i64,
    end: PreparedEnd,
    expects: Vec<Expect>,
    facts: Vec<FactRow>,
    health: HealthRows,
    same_health: Vec<SameHealth>,
    signals: Vec<NewSignals>,
    recorded: i64,
    follow_ups: Vec<TaskRow>,
    announcements: Vec<AnnouncementRow>,
    artifacts: Vec<Staged>,
    letter: Option<LetterRow>,
}

enum PreparedEnd {
    Done(OutcomeRow),
    Wait(Vec<TaskRow>),
}

/// An outcome as it is written.
pub(crate) struct OutcomeRow {
    status: Status,
    body: String,
}

impl OutcomeRow {
    pub(crate) fn new(outcome: &Outcome) -> Result<Self, serde_json::Error> {
        Ok(Self {
            status: outcome.report.status,
            body: serde_json::to_string(outcome)?,
        })
    }
}

/// A task as the rules of a commit see it.
pub(crate) struct Held {
    pub(crate) number: i64,
    pub(crate) parent: Option<String>,
    state: i64,
    epoch: i64,
}

impl Held {
    pub(crate) fn is_done(&self) -> bool {
        self.state >= state::COMPLETE
    }
}

impl Prepared {
    /// Serializes a commit and writes its artifacts.
    ///
    /// # Errors
    /// `Invalid` where it can never be stored, `Unavailable` where an artifact cannot be written now.
    pub(crate) fn new(store: &SqliteStore, commit: Commit<Change>) -> Result<Self, CommitError> {
        let invalid = |reason: String| CommitError::Invalid {
            task: commit.task.clone(),
            reason,
        };
        let unwritable = |error: serde_json::Error| invalid(error.to_string());
        let end = match &commit.end {
            End::Done(outcome) if outcome.task_id != commit.task => {
                return Err(invalid(format!(
                    "its outcome is that of task {}",
                    outcome.task_id
                )));
            }
            End::Done(outcome) => PreparedEnd::Done(OutcomeRow::new(outcome).map_err(unwritable)?),
            End::Wait(children) => {
                let mut rows = Vec::with_capacity(children.len());
                for child in children {
                    let mut row = TaskRow::new(child).map_err(unwritable)?;
                    row.parent = Some(commit.task.as_str().to_owned());
                    rows.push(row);
                }
                PreparedEnd::Wait(rows)
            }
        };
        if let Some(fact) = commit
            .changes
            .iter()
            .filter_map(Change::fact)
            .find(|fact| fact.id.is_empty() || fact.customer.as_str().is_empty())
        {
            return Err(invalid(format!(
                "fact {:?} of customer {:?} has an empty id",
                fact.id,
                fact.customer.as_str()
            )));
        }
        let (mut facts, mut health, mut same_health, mut signals) =
            (Vec::new(), HealthRows::default(), Vec::new(), Vec::new());
        for change in commit.changes {
            match change {
                Change::Fact(fact) => facts.push(FactRow::new(&fact).map_err(unwritable)?),
                Change::Health(records) => records.into_iter().for_each(|record| health.push(record)),
                Change::SameHealth(same) => same_health.push(same),
                Change::Signals(new) => signals.extend(new),
            }
        }
        let follow_ups = commit
            .follow_ups
            .iter()
            .map(TaskRow::new)
            .collect::<Result<_, _>>()
            .map_err(unwritable)?;
        let announcements = AnnouncementRow::all(&commit.announcements).map_err(unwritable)?;
        let letter = commit
            .letter
            .as_ref()
            .map(LetterRow::new)
            .transpose()
            .map_err(unwritable)?;
        let mut targets = Vec::with_capacity(commit.artifacts.len());
        for artifact in &commit.artifacts {
            let target = artifact_path(store.data_dir(), &artifact.path)
                .map_err(|error| invalid(error.to_string()))?;
            targets.push((artifact, target));
        }
        let mut artifacts = Vec::with_capacity(targets.len());
        for (artifact, target) in targets {
            let staged = Staged::write(store.data_dir(), artifact, target);
            let unwritten =
                |error| Failure::Unavailable(format!("cannot write artifact {}: {error}", artifact.path));
            artifacts.push(staged.map_err(unwritten)?);
        }
        Ok(Self {
            task: commit.task.clone(),
            epoch: signed(commit.epoch),
            end,
            expects: commit.expects,
            facts,
            health,
            same_health,
            signals,
            recorded: nanos(store.inner.clock.now()),
            follow_ups,
            announcements,
            artifacts,
            letter,
        })
    }

    pub(crate) fn has_facts(&self) -> bool {
        !self.facts.is_empty()
    }

    /// Checks and writes; on an error the caller undoes what was written.
    pub(crate) fn apply(&self, connection: &Connection) -> Result<(), Failure> {
        let held = self.check(connection)?;
        for artifact in &self.artifacts {
            let unnamed = |error| {
                Failure::Unavailable(format!("cannot write an artifact of task {}: {error}", self.task))
            };
            artifact.publish().map_err(unnamed)?;
        }
        // Of two facts with one id the first wins: a decision is a function of its task, so the second is the same or a late repeat.
        facts::insert(connection, &self.facts, self.recorded)?;
        self.health.insert(connection)?;
        for same in &self.same_health {
            health::again(connection, same)?;
        }
        signals::insert(connection, &self.signals)?;
        for follow_up in &self.follow_ups {
            follow_up.insert(connection)?;
        }
        match &self.end {
            PreparedEnd::Done(outcome) => {
                finish(connection, held.number, outcome)?;
                join(connection, held.parent.as_deref())?;
            }
            PreparedEnd::Wait(children) => {
                for child in children {
                    child.insert(connection)?;
                }
                connection
                    .prepare_cached("UPDATE tasks SET state = 2, joined = 0 WHERE number = ?1")?
                    .execute(params![held.number])?;
                // None may be open: there were none to wait for, or an earlier try asked for them and they have ended.
                join(connection, Some(self.task.as_str()))?;
            }
        }
        for announcement in &self.announcements {
            announcement.insert(connection)?;
        }
        if let Some(letter) = &self.letter {
            letter.insert(connection)?;
        }
        Ok(())
    }

    /// Whether the task is still ours, and what it rests on has not moved.
    fn check(&self, connection: &Connection) -> Result<Held, Failure> {
        let held = hold(connection, &self.task)?;
        if held.is_done() {
            return Err(CommitError::AlreadyDone {
                task: self.task.clone(),
            }
            .into());
        }
        // A task that is not running may be ended by the holder of the present lease: its deadline can pass before it was started.
        let lease = if held.state == state::RUNNING {
            held.epoch
        } else {
            present_epoch(connection)?
        };
        if lease != self.epoch {
            return Err(CommitError::LeaseLost {
                task: self.task.clone(),
            }
            .into());
        }
        let mut version = connection.prepare_cached("SELECT version FROM customers WHERE id = ?1")?;
        for expect in &self.expects {
            let found: Option<i64> = version
                .query_row(params![expect.entity], |row| row.get(0))
                .optional()?;
            if unsigned(found.unwrap_or(0)) != expect.version {
                let entity = format!("customer {}", expect.entity);
                return Err(CommitError::Stale {
                    task: self.task.clone(),
                    entity,
                }
                .into());
            }
        }
        Ok(held)
    }
}

/// The task that is to end.
pub(crate) fn hold(connection: &Connection, task: &TaskId) -> Result<Held, Failure> {
    let held = connection
        .prepare_cached("SELECT number, state, epoch, parent FROM tasks WHERE task_id = ?1")?
        .query_row(params![task.as_str()], |row| {
            Ok(Held {
                number: row.get(0)?,
                state: row.get(1)?,
                epoch: row.get(2)?,
                parent: row.get(3)?,
            })
        })
        .optional()?;
    let unknown = || CommitError::Invalid {
        task: task.clone(),
        reason: "it was never accepted".to_owned(),
    };
    held.ok_or_else(|| unknown().into())
}

/// Ends a task.
pub(crate) fn finish(connection: &Connection, number: i64, outcome: &OutcomeRow) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE tasks SET state = ?2 WHERE number = ?1")?
        .execute(params![number, ended(outcome.status)])?;
    connection
        .prepare_cached("INSERT INTO outcomes(task, body) VALUES (?1, ?2)")?
        .execute(params![number, outcome.body])?;
    Ok(())
}

/// Parent.
pub(crate) const JOIN: &str =
    "UPDATE tasks SET state = 0, joined = 1, tries = 0 WHERE task_id = ?1 AND state = 2
    AND NOT EXISTS (SELECT 1 FROM tasks AS child WHERE child.parent = ?1 AND child.state < 3)";

/// Queues a waiting parent whose children have all ended; its tries count anew.
pub(crate) fn join(connection: &Connection, parent: Option<&str>) -> rusqlite::Result<()> {
    let Some(parent) = parent else { return Ok(()) };
    connection.prepare_cached(JOIN)?.execute(params![parent])?;
    Ok(())
}

fn present_epoch(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE key = 'epoch'")?
        .query_row([], |row| row.get(0))
}
