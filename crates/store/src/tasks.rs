//! Rows of tasks: how a task is written, found and told.

use jiff::Timestamp;
use kunder_agent_core::id::{AgentName, TaskId};
use kunder_agent_core::journal::{JournalError, NewTask, TaskRecord, TaskState, TaskStatus};
use kunder_agent_core::outcome::Status;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::Failure;
use crate::moment::{moment, nanos, unsigned};

/// States as they are stored; an ended task is stored with how it ended.
pub(crate) mod state {
    pub(crate) const QUEUED: i64 = 0;
    pub(crate) const RUNNING: i64 = 1;
    /// For its children. A task that waits for its moment is queued, with `not_before` ahead.
    pub(crate) const WAITING: i64 = 2;
    /// This one and those above have ended.
    pub(crate) const COMPLETE: i64 = 3;
    pub(crate) const PARTIAL: i64 = 4;
    pub(crate) const FAILED: i64 = 5;
}

/// The stored state of a task that ended like this.
pub(crate) fn ended(status: Status) -> i64 {
    match status {
        Status::Complete => state::COMPLETE,
        Status::Partial => state::PARTIAL,
        Status::Failed => state::FAILED,
    }
}

/// A task as it is written; made by the caller so that the writer's thread has no JSON to write.
pub(crate) struct TaskRow {
    pub(crate) task_id: String,
    pub(crate) parent: Option<String>,
    pub(crate) agent: String,
    pub(crate) body_hash: String,
    lane: Option<String>,
    now: i64,
    not_before: Option<i64>,
    deadline: Option<i64>,
    announced: bool,
    warnings: String,
    body: String,
}

impl TaskRow {
    pub(crate) fn new(new: &NewTask) -> Result<Self, serde_json::Error> {
        Ok(Self {
            task_id: new.task.task_id.as_str().to_owned(),
            parent: new.parent.as_ref().map(|parent| parent.as_str().to_owned()),
            agent: new.agent.as_str().to_owned(),
            body_hash: new.task.body_hash(),
            lane: new.lane.clone(),
            now: nanos(new.now),
            not_before: new.not_before.map(nanos),
            deadline: new.task.deadline.map(nanos),
            announced: new.announced,
            warnings: serde_json::to_string(&new.warnings)?,
            body: serde_json::to_string(&new.task)?,
        })
    }

    /// Its number, or `None` where the id is known already.
    pub(crate) fn insert(&self, connection: &Connection) -> rusqlite::Result<Option<u64>> {
        let mut statement = connection.prepare_cached(
            "INSERT INTO tasks(task_id, agent, announced, now, not_before, deadline, parent, lane, body_hash, warnings, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT(task_id) DO NOTHING",
        )?;
        let inserted = statement.execute(params![
            self.task_id,
            self.agent,
            self.announced,
            self.now,
            self.not_before,
            self.deadline,
            self.parent,
            self.lane,
            self.body_hash,
            self.warnings,
            self.body,
        ])?;
        Ok((inserted == 1).then(|| unsigned(connection.last_insert_rowid())))
    }
}

/// What the id of a known task stands for.
pub(crate) struct Identity {
    pub(crate) agent: String,
    pub(crate) body_hash: String,
}

pub(crate) fn identity(connection: &Connection, task: &str) -> rusqlite::Result<Option<Identity>> {
    connection
        .prepare_cached("SELECT agent, body_hash FROM tasks WHERE task_id = ?1")?
        .query_row(params![task], |row| {
            Ok(Identity {
                agent: row.get(0)?,
                body_hash: row.get(1)?,
            })
        })
        .optional()
}

/// The columns that [`record`] reads, of `tasks`.
pub(crate) const RECORD: &str =
    "number, body, agent, lane, now, parent, not_before, announced, warnings, tries, joined";

/// Reads a row of [`RECORD`].
pub(crate) fn record(row: &Row<'_>) -> Result<TaskRecord, Failure> {
    let task = serde_json::from_str(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)?;
    let parent: Option<String> = row.get(5)?;
    let new = NewTask {
        task,
        agent: AgentName::new(row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?),
        lane: row.get(3)?,
        now: moment(row.get(4)?),
        parent: parent.map(stored_id).transpose()?,
        not_before: row.get::<_, Option<i64>>(6)?.map(moment),
        announced: row.get(7)?,
        warnings: serde_json::from_str(row.get_ref(8)?.as_str().map_err(rusqlite::Error::from)?)?,
    };
    Ok(TaskRecord {
        number: unsigned(row.get(0)?),
        new,
        tries: row.get(9)?,
        joined: row.get(10)?,
    })
}

/// A task whose row cannot be read back, by its number.
#[derive(Clone, Debug)]
pub(crate) struct Unreadable {
    pub(crate) number: i64,
    pub(crate) reason: String,
}

/// All rows of a statement that selects [`RECORD`], and those that cannot be read: they hold up no other.
pub(crate) fn records(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<(Vec<TaskRecord>, Vec<Unreadable>), Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let (mut records, mut unreadable) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        match record(row) {
            Ok(record) => records.push(record),
            Err(failure) => unreadable.push(Unreadable {
                number: row.get(0)?,
                reason: JournalError::from(failure).0,
            }),
        }
    }
    Ok((records, unreadable))
}

/// The columns that [`status`] reads, of `tasks AS task` with `outcomes AS outcome`.
const STATUS: &str = "SELECT task.task_id, task.agent, task.state, task.now, task.not_before, task.tries,
        (SELECT count(*) FROM tasks AS child WHERE child.parent = task.task_id),
        (SELECT count(*) FROM tasks AS child WHERE child.parent = task.task_id AND child.state >= 3),
        outcome.body
    FROM tasks AS task LEFT JOIN outcomes AS outcome ON outcome.task = task.number";

/// What is known of one task.
pub(crate) fn status_of(
    connection: &Connection,
    task: &str,
    now: Timestamp,
) -> Result<Option<TaskStatus>, Failure> {
    let mut statement = connection.prepare_cached(&format!("{STATUS} WHERE task.task_id = ?1"))?;
    let mut rows = statement.query(params![task])?;
    rows.next()?.map(|row| status(row, now)).transpose()
}

/// The newest tasks that are announced, numbered below `before`.
pub(crate) fn newest(
    connection: &Connection,
    before: i64,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<TaskStatus>, Failure> {
    let sql =
        format!("{STATUS} WHERE task.announced = 1 AND task.number < ?1 ORDER BY task.number DESC LIMIT ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![before, limit])?;
    let mut statuses = Vec::new();
    while let Some(row) = rows.next()? {
        statuses.push(status(row, now)?);
    }
    Ok(statuses)
}

fn status(row: &Row<'_>, now: Timestamp) -> Result<TaskStatus, Failure> {
    let not_before = row.get::<_, Option<i64>>(4)?.map(moment);
    let children = unsigned(row.get(6)?);
    let outcome = row.get_ref(8)?.as_str_or_null().map_err(rusqlite::Error::from)?;
    Ok(TaskStatus {
        task_id: stored_id(row.get(0)?)?,
        agent: AgentName::new(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?),
        state: match row.get(2)? {
            state::QUEUED if not_before.is_some_and(|moment| moment > now) => TaskState::Waiting,
            state::QUEUED => TaskState::Queued,
            state::RUNNING => TaskState::Running,
            state::WAITING => TaskState::Waiting,
            state::COMPLETE | state::PARTIAL | state::FAILED => TaskState::Done,
            other => {
                return Err(Failure::Unavailable(format!(
                    "a task has the unknown state {other}"
                )));
            }
        },
        accepted_at: moment(row.get(3)?),
        not_before,
        tries: row.get(5)?,
        progress: (children > 0).then_some((unsigned(row.get(7)?), children)),
        outcome: outcome.map(serde_json::from_str).transpose()?,
    })
}

fn stored_id(text: String) -> Result<TaskId, Failure> {
    TaskId::new(text).map_err(|error| Failure::Unavailable(format!("a stored task id {error}")))
}
