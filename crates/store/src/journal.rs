//! The journal of tasks on SQLite.

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
use rusqlite::{Connection, params};

use crate::cancel::Cancellation;
use crate::commit::Prepared;
use crate::error::Failure;
use crate::letters;
use crate::moment::{moment, nanos, signed, unsigned};
use crate::open::SqliteStore;
use crate::outbox;
use crate::tasks::{self, RECORD, TaskRow};
use crate::unreadable;

#[async_trait]
impl Journal<Change> for SqliteStore {
    async fn accept(&self, task: NewTask) -> Result<Acceptance, JournalError> {
        let row = TaskRow::new(&task).map_err(Failure::from)?;
        let now = self.inner.clock.now();
        let accepted = self.write(move |connection| {
            if let Some(number) = row.insert(connection)? {
                return Ok(Found::New(number));
            }
            let known = tasks::identity(connection, &row.task_id)?;
            if known.is_none_or(|known| known.body_hash != row.body_hash || known.agent != row.agent) {
                return Ok(Found::Other);
            }
            let status = tasks::status_of(connection, &row.task_id, now)?;
            status
                .map(|status| Found::Same(Box::new(status)))
                .ok_or_else(|| Failure::Unavailable("a known task has gone".to_owned()))
        });
        Ok(match accepted.await? {
            Found::New(number) => Acceptance::New(TaskRecord {
                number,
                new: task,
                tries: 0,
                joined: false,
            }),
            Found::Same(status) => Acceptance::Known(*status),
            Found::Other => Acceptance::Conflict,
        })
    }

    async fn recover(&self) -> Result<u64, JournalError> {
        let epoch = self.write(|connection| {
            let epoch: i64 = connection.query_row(
                "UPDATE meta SET value = value + 1 WHERE key = 'epoch' RETURNING value",
                [],
                |row| row.get(0),
            )?;
            connection.execute("UPDATE tasks SET state = 0 WHERE state = 1", [])?;
            Ok(unsigned(epoch))
        });
        Ok(epoch.await?)
    }

    fn start(&self, task: &TaskId, epoch: u64) {
        self.inner.writer.start(task.clone(), epoch);
    }

    async fn commit(&self, commit: Commit<Change>) -> Result<(), CommitError> {
        let prepared = Prepared::new(self, commit)?;
        let is_news = prepared.has_facts();
        self.write(move |connection| prepared.apply(connection)).await?;
        if is_news {
            self.inner.news.notify_one();
        }
        Ok(())
    }

    async fn queued(
        &self,
        agent: &AgentName,
        after: u64,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<TaskRecord>, JournalError> {
        let found = self.read(|connection| {
            let sql = queued_sql();
            tasks::records(
                connection,
                &sql,
                params![agent.as_str(), signed(after), nanos(now), limit_of(limit)],
            )
        });
        Ok(self.readable(found?).await?)
    }

    async fn expired(&self, now: Timestamp, limit: usize) -> Result<Vec<TaskRecord>, JournalError> {
        let found = self.read(|connection| {
            tasks::records(connection, &expired_sql(), params![nanos(now), limit_of(limit)])
        });
        Ok(self.readable(found?).await?)
    }

    async fn next_due(&self, after: Timestamp) -> Result<Option<Timestamp>, JournalError> {
        Ok(self.read(|connection| {
            let next: Option<i64> = connection
                .prepare_cached(NEXT_DUE)?
                .query_row(params![nanos(after)], |row| row.get(0))?;
            Ok(next.map(moment))
        })?)
    }

    async fn status(&self, task: &TaskId) -> Result<Option<TaskStatus>, JournalError> {
        let now = self.inner.clock.now();
        Ok(self.read(|connection| tasks::status_of(connection, task.as_str(), now))?)
    }

    async fn knows(&self, task: &TaskId) -> Result<bool, JournalError> {
        let known = self.inner.readers.look(|connection| {
            let mut known = connection.prepare_cached(KNOWN)?;
            Ok(known.exists(params![task.as_str()])?)
        });
        Ok(known?)
    }

    async fn list(&self, before: Option<u64>, limit: usize) -> Result<Vec<TaskStatus>, JournalError> {
        let now = self.inner.clock.now();
        let before = before.map_or(i64::MAX, signed);
        Ok(self.read(|connection| tasks::newest(connection, before, limit_of(limit), now))?)
    }

    async fn record(&self, task: &TaskId) -> Result<Option<TaskRecord>, JournalError> {
        Ok(self.read(|connection| {
            let sql = format!("SELECT {RECORD} FROM tasks WHERE task_id = ?1");
            let (mut records, unreadable) = tasks::records(connection, &sql, params![task.as_str()])?;
            match unreadable.into_iter().next() {
                Some(row) => Err(Failure::Unavailable(row.reason)),
                None => Ok(records.pop()),
            }
        })?)
    }

    async fn children(&self, parent: &TaskId) -> Result<Vec<Outcome>, JournalError> {
        Ok(self.read(|connection| children(connection, parent))?)
    }

    async fn cancel(
        &self,
        task: &TaskId,
        outcome: Outcome,
        announcements: Vec<Announcement>,
        letter: Option<NewLetter>,
    ) -> Result<(), CommitError> {
        let cancellation = Cancellation::new(task.clone(), outcome, &announcements, letter.as_ref())?;
        self.write(move |connection| cancellation.apply(connection))
            .await?;
        Ok(())
    }

    async fn counts(&self) -> Result<TaskCounts, JournalError> {
        let now = self.inner.clock.now();
        Ok(self.read(|connection| counts(connection, now))?)
    }

    async fn destinations(&self) -> Result<Vec<String>, JournalError> {
        Ok(self.read(outbox::destinations)?)
    }

    async fn outbox(&self, destination: &str, limit: usize) -> Result<Vec<Announcement>, JournalError> {
        Ok(self.read(|connection| outbox::waiting(connection, destination, limit_of(limit)))?)
    }

    async fn sending(&self, destination: &str, upto: u64) -> Result<(), JournalError> {
        let destination = destination.to_owned();
        self.write(move |connection| Ok(outbox::count_sending(connection, &destination, upto)?))
            .await?;
        Ok(())
    }

    async fn announced(&self, destination: &str, number: u64) -> Result<(), JournalError> {
        let destination = destination.to_owned();
        Ok(self.inner.mark_announced(destination, number).await?)
    }

    async fn undeliverable(
        &self,
        number: u64,
        letter: NewLetter,
        told: Option<Announcement>,
    ) -> Result<(), JournalError> {
        self.store_letter(&letter, told.as_ref(), Some(number)).await?;
        Ok(())
    }

    async fn set_aside(&self, letter: NewLetter, told: Option<Announcement>) -> Result<bool, JournalError> {
        Ok(self.store_letter(&letter, told.as_ref(), None).await?)
    }

    async fn letter(&self, id: &LetterId) -> Result<Option<FullLetter>, JournalError> {
        Ok(self.read(|connection| letters::full(connection, id))?)
    }

    async fn letters(&self, query: LetterQuery) -> Result<Vec<DeadLetter>, JournalError> {
        Ok(self.read(|connection| letters::letters(connection, query))?)
    }

    async fn end_letters(&self, ends: Vec<(LetterId, LetterEnd)>) -> Result<Vec<LetterId>, JournalError> {
        Ok(self.store_ends(ends).await?)
    }

    fn store_id(&self) -> String {
        self.inner.store_id.clone()
    }
}

impl SqliteStore {
    /// The records that can be read; the tasks of the others end as failed, with the reason.
    async fn readable(
        &self,
        (records, unreadable): (Vec<TaskRecord>, Vec<tasks::Unreadable>),
    ) -> Result<Vec<TaskRecord>, Failure> {
        if !unreadable.is_empty() {
            let now = self.inner.clock.now();
            self.write(move |connection| unreadable::set_aside(connection, &unreadable, now))
                .await?;
        }
        Ok(records)
    }
}

/// What acceptance found in the store.
enum Found {
    New(u64),
    Same(Box<TaskStatus>),
    Other,
}

pub(crate) fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Task.
pub(crate) const KNOWN: &str = "SELECT 1 FROM tasks WHERE task_id = ?1";

/// Agent, number, now, limit.
pub(crate) fn queued_sql() -> String {
    format!(
        "SELECT {RECORD} FROM tasks WHERE state = 0 AND agent = ?1 AND number > ?2
         AND (not_before IS NULL OR not_before <= ?3) ORDER BY number LIMIT ?4"
    )
}

/// Now, limit. Two halves, because each then walks its part of the index in order.
pub(crate) fn expired_sql() -> String {
    format!(
        "SELECT {RECORD} FROM tasks WHERE number IN (
            SELECT number FROM (
                SELECT number, deadline FROM tasks WHERE state = 0 AND deadline <= ?1
                UNION ALL
                SELECT number, deadline FROM tasks WHERE state = 2 AND deadline <= ?1
            ) ORDER BY deadline, number LIMIT ?2
         ) ORDER BY deadline, number"
    )
}

/// After. The inner minimums take the first entry of an index each.
pub(crate) const NEXT_DUE: &str = "SELECT min(due) FROM (
        SELECT min(not_before) AS due FROM tasks WHERE state = 0 AND not_before > ?1
        UNION ALL SELECT min(deadline) FROM tasks WHERE state = 0 AND deadline > ?1
        UNION ALL SELECT min(deadline) FROM tasks WHERE state = 2 AND deadline > ?1)";

fn children(connection: &Connection, parent: &TaskId) -> Result<Vec<Outcome>, Failure> {
    let mut statement = connection.prepare_cached(
        "SELECT outcome.body FROM tasks AS child JOIN outcomes AS outcome ON outcome.task = child.number
         WHERE child.parent = ?1 ORDER BY child.number",
    )?;
    let mut rows = statement.query(params![parent.as_str()])?;
    let mut outcomes = Vec::new();
    while let Some(row) = rows.next()? {
        outcomes.push(serde_json::from_str(
            row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?,
        )?);
    }
    Ok(outcomes)
}

/// Now. All in one statement: the sum holds at every instant. What was accepted is a counter of its own.
pub(crate) const COUNTS: &str =
    "SELECT (SELECT value FROM meta WHERE key = 'accepted'), sum(state = 3), sum(state = 4), sum(state = 5),
        sum(state = 0 AND (not_before IS NULL OR not_before <= ?1)), sum(state = 1),
        sum(state = 2 OR (state = 0 AND not_before > ?1))
    FROM tasks";

fn counts(connection: &Connection, now: Timestamp) -> Result<TaskCounts, Failure> {
    let counts = connection
        .prepare_cached(COUNTS)?
        .query_row(params![nanos(now)], |row| {
            let count = |column: usize| {
                row.get::<_, Option<i64>>(column)
                    .map(|count| unsigned(count.unwrap_or(0)))
            };
            Ok(TaskCounts {
                accepted: unsigned(row.get(0)?),
                complete: count(1)?,
                partial: count(2)?,
                failed: count(3)?,
                queued: count(4)?,
                running: count(5)?,
                waiting: count(6)?,
            })
        })?;
    Ok(counts)
}
