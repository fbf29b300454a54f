//! Cancelling: a task and everything below it ends in one transaction.

use jiff::Timestamp;
use kunder_agent_core::bus::Announcement;
use kunder_agent_core::id::{AgentName, TaskId};
use kunder_agent_core::journal::CommitError;
use kunder_agent_core::outcome::Outcome;
use kunder_agent_core::task::Task;
use rusqlite::{Connection, params};

use crate::commit::{OutcomeRow, finish, hold, join};
use crate::error::Failure;
use crate::moment::moment;
use crate::outbox::AnnouncementRow;

/// The end of a task by someone's wish, whoever holds its lease: a commit of its run comes too late.
pub(crate) struct Cancellation {
    task: TaskId,
    outcome: Outcome,
    row: OutcomeRow,
    announcements: Vec<AnnouncementRow>,
}

impl Cancellation {
    pub(crate) fn new(
        task: TaskId,
        outcome: Outcome,
        announcements: &[Announcement],
    ) -> Result<Self, CommitError> {
        let invalid = |reason: String| CommitError::Invalid {
            task: task.clone(),
            reason,
        };
        if outcome.task_id != task {
            return Err(invalid(format!(
                "its outcome is that of task {}",
                outcome.task_id
            )));
        }
        let row = OutcomeRow::new(&outcome).map_err(|error| invalid(error.to_string()))?;
        let announcements =
            AnnouncementRow::all(announcements).map_err(|error| invalid(error.to_string()))?;
        Ok(Self {
            task,
            outcome,
            row,
            announcements,
        })
    }

    pub(crate) fn apply(&self, connection: &Connection) -> Result<(), Failure> {
        let held = hold(connection, &self.task)?;
        if held.is_done() {
            return Err(CommitError::AlreadyDone {
                task: self.task.clone(),
            }
            .into());
        }
        for descendant in open_below(connection, &self.task)? {
            let ended = self
                .outcome
                .of_one_below(&descendant.task, &descendant.agent, descendant.now);
            let outcome = OutcomeRow::new(&ended)?;
            finish(connection, descendant.number, &outcome)?;
        }
        finish(connection, held.number, &self.row)?;
        for announcement in &self.announcements {
            announcement.insert(connection)?;
        }
        join(connection, held.parent.as_deref())?;
        Ok(())
    }
}

/// An open task below another one.
struct Descendant {
    number: i64,
    agent: AgentName,
    now: Timestamp,
    task: Task,
}

/// Task. The cross join keeps the order: from those below to their rows, never through all tasks.
pub(crate) const OPEN_BELOW: &str = "WITH RECURSIVE below(number, task_id) AS (
        SELECT number, task_id FROM tasks WHERE parent = ?1
        UNION SELECT child.number, child.task_id FROM below JOIN tasks AS child ON child.parent = below.task_id)
    SELECT tasks.number, tasks.agent, tasks.now, tasks.body
    FROM below CROSS JOIN tasks ON tasks.number = below.number
    WHERE tasks.state < 3 AND tasks.task_id <> ?1 ORDER BY tasks.number";

/// Open tasks below `task`, at any depth, whatever became of those between.
fn open_below(connection: &Connection, task: &TaskId) -> Result<Vec<Descendant>, Failure> {
    let mut statement = connection.prepare_cached(OPEN_BELOW)?;
    let mut rows = statement.query(params![task.as_str()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Descendant {
            number: row.get(0)?,
            agent: AgentName::new(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?),
            now: moment(row.get(2)?),
            task: serde_json::from_str(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?)?,
        });
    }
    Ok(found)
}
