//! The outbox: what is to be announced, and what was, in commit order.

use kunder_agent_core::bus::{Announcement, AnnouncementKind};
use kunder_agent_core::journal::JournalError;
use rusqlite::{Connection, Row, params};

use crate::error::Failure;
use crate::journal::limit_of;
use crate::moment::{moment, nanos, signed, unsigned};
use crate::open::{Inner, SqliteStore};
use crate::writer::Flush;

/// An announcement as it is written.
pub(crate) struct AnnouncementRow {
    destination: String,
    kind: &'static str,
    subject: String,
    message_id: String,
    headers: String,
    body: Vec<u8>,
    committed_at: i64,
    deadline: Option<i64>,
}

impl AnnouncementRow {
    pub(crate) fn all(announcements: &[Announcement]) -> Result<Vec<Self>, serde_json::Error> {
        announcements.iter().map(Self::new).collect()
    }

    fn new(announcement: &Announcement) -> Result<Self, serde_json::Error> {
        Ok(Self {
            destination: announcement.destination.clone(),
            kind: kind_text(announcement.kind),
            subject: announcement.subject.clone(),
            message_id: announcement.message_id.clone(),
            headers: serde_json::to_string(&announcement.headers)?,
            body: announcement.body.clone(),
            committed_at: nanos(announcement.committed_at),
            deadline: announcement.deadline.map(nanos),
        })
    }

    /// Adds it at the end of its lane; one whose message id the lane has seen is there already.
    pub(crate) fn insert(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "INSERT INTO outbox(destination, kind, subject, message_id, headers, body, committed_at, deadline)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT(message_id, destination) DO NOTHING",
            )?
            .execute(params![
                self.destination,
                self.kind,
                self.subject,
                self.message_id,
                self.headers,
                self.body,
                self.committed_at,
                self.deadline,
            ])?;
        Ok(())
    }
}

fn kind_text(kind: AnnouncementKind) -> &'static str {
    match kind {
        AnnouncementKind::Result => "result",
        AnnouncementKind::Event => "event",
        AnnouncementKind::Request => "request",
        AnnouncementKind::Reply => "reply",
    }
}

fn kind_of(text: &str) -> Result<AnnouncementKind, Failure> {
    match text {
        "result" => Ok(AnnouncementKind::Result),
        "event" => Ok(AnnouncementKind::Event),
        "request" => Ok(AnnouncementKind::Request),
        "reply" => Ok(AnnouncementKind::Reply),
        other => Err(Failure::Unavailable(format!(
            "an announcement has the unknown kind {other:?}"
        ))),
    }
}

const COLUMNS: &str =
    "number, destination, kind, subject, message_id, headers, body, committed_at, deadline, handed";

fn announcement(row: &Row<'_>) -> Result<Announcement, Failure> {
    Ok(Announcement {
        number: unsigned(row.get(0)?),
        destination: row.get(1)?,
        kind: kind_of(row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?)?,
        subject: row.get(3)?,
        message_id: row.get(4)?,
        headers: serde_json::from_str(row.get_ref(5)?.as_str().map_err(rusqlite::Error::from)?)?,
        body: row.get(6)?,
        committed_at: moment(row.get(7)?),
        deadline: row.get::<_, Option<i64>>(8)?.map(moment),
        attempt: row.get::<_, u32>(9)?.saturating_add(1),
    })
}

fn select(
    connection: &Connection,
    rest: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<Announcement>, Failure> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM outbox {rest}"))?;
    let mut rows = statement.query(params)?;
    let mut announcements = Vec::new();
    while let Some(row) = rows.next()? {
        announcements.push(announcement(row)?);
    }
    Ok(announcements)
}

/// What waits for one destination.
pub(crate) fn waiting(
    connection: &Connection,
    destination: &str,
    limit: i64,
) -> Result<Vec<Announcement>, Failure> {
    let rest = "WHERE state = 0 AND destination = ?1 ORDER BY number LIMIT ?2";
    select(connection, rest, params![destination, limit])
}

pub(crate) const DESTINATIONS: &str = "WITH RECURSIVE lane(name) AS (
            SELECT min(destination) FROM outbox WHERE state = 0
            UNION ALL
            SELECT (SELECT min(destination) FROM outbox WHERE state = 0 AND destination > lane.name)
            FROM lane WHERE lane.name IS NOT NULL)
         SELECT name FROM lane WHERE name IS NOT NULL";

/// Destinations for which something waits, in the order of their names. Steps from one to the next in the index,
/// so that a long queue for one of them costs nothing.
pub(crate) fn destinations(connection: &Connection) -> Result<Vec<String>, Failure> {
    let mut statement = connection.prepare_cached(DESTINATIONS)?;
    let names = statement
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(names)
}

pub(crate) fn mark_undeliverable(connection: &Connection, number: u64, reason: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE outbox SET state = 2, reason = ?2 WHERE number = ?1 AND state = 0")?
        .execute(params![signed(number), reason])?;
    Ok(())
}

/// Counts a handing-out of everything that waits in a lane, up to and including this number.
pub(crate) fn count_sending(connection: &Connection, destination: &str, upto: u64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE outbox SET handed = handed + 1 WHERE state = 0 AND destination = ?1 AND number <= ?2",
        )?
        .execute(params![destination, signed(upto)])?;
    Ok(())
}

impl Inner {
    /// A mark that a power loss undoes only makes the bus take a repeat, which is harmless: no flush of its own.
    pub(crate) async fn mark_announced(&self, destination: String, number: u64) -> Result<(), Failure> {
        let mark = move |connection: &Connection| {
            connection
                .prepare_cached(
                    "UPDATE outbox SET state = 1 WHERE state = 0 AND destination = ?1 AND number <= ?2",
                )?
                .execute(params![destination, signed(number)])?;
            Ok(())
        };
        self.writer.write(Flush::Later, mark).await
    }
}

impl SqliteStore {
    /// Events numbered above `after`, announced or not, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn events(&self, after: u64, limit: usize) -> Result<Vec<Announcement>, JournalError> {
        let rest = "WHERE kind = 'event' AND number > ?1 ORDER BY number LIMIT ?2";
        Ok(self.read(|connection| select(connection, rest, params![signed(after), limit_of(limit)]))?)
    }

    /// Announcements of every kind numbered above `after`, announced or not, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn announcements(&self, after: u64, limit: usize) -> Result<Vec<Announcement>, JournalError> {
        let rest = "WHERE number > ?1 ORDER BY number LIMIT ?2";
        Ok(self.read(|connection| select(connection, rest, params![signed(after), limit_of(limit)]))?)
    }

    /// How many announcements wait, per destination, in the order of their names.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn waiting_announcements(&self) -> Result<Vec<(String, u64)>, JournalError> {
        Ok(self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT destination, count(*) FROM outbox WHERE state = 0 GROUP BY destination ORDER BY destination",
            )?;
            let counts = statement.query_map([], |row| Ok((row.get(0)?, unsigned(row.get(1)?))))?;
            Ok(counts.collect::<Result<_, _>>()?)
        })?)
    }
}
