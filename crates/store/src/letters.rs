//! Dead letters: stored with what they hold, read by number, ended once.

use kunder_agent_core::bus::Announcement;
use kunder_agent_core::id::TaskId;
use kunder_agent_core::journal::JournalError;
use kunder_agent_core::letter::{
    DeadLetter, FullLetter, LetterEnd, LetterId, LetterKind, LetterQuery, LetterState, NewLetter,
};
use rusqlite::{Connection, Row, params};

use crate::error::Failure;
use crate::journal::limit_of;
use crate::moment::{moment, nanos, signed, unsigned};
use crate::open::SqliteStore;
use crate::outbox::{AnnouncementRow, kind_of, kind_text};

const OPEN: i64 = 0;
const REPLAYED: i64 = 1;
const DROPPED: i64 = 2;

/// A letter as it is written.
pub(crate) struct LetterRow {
    id: String,
    kind: &'static str,
    at: i64,
    recipient: String,
    subject: String,
    pub(crate) reason: String,
    cause: String,
    headers: String,
    body: Vec<u8>,
}

impl LetterRow {
    pub(crate) fn new(letter: &NewLetter) -> Result<Self, serde_json::Error> {
        Ok(Self {
            id: letter.id.as_str().to_owned(),
            kind: letter.announcement.map_or(letter.kind.as_str(), kind_text),
            at: nanos(letter.at),
            recipient: letter.to.clone(),
            subject: letter.subject.clone(),
            reason: letter.reason.clone(),
            cause: letter.cause.clone(),
            headers: serde_json::to_string(&letter.headers)?,
            body: letter.body.clone(),
        })
    }

    /// Whether it was new. A task that was a replay, or an announcement that was one, goes on counting where that began.
    pub(crate) fn insert(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let inserted = connection
            .prepare_cached(
                "INSERT INTO letters(id, kind, at, recipient, subject, reason, cause, replays, headers, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7,
                    coalesce((SELECT replays FROM letters WHERE replayed_as = ?7), 0), ?8, ?9)
                 ON CONFLICT(id) DO NOTHING",
            )?
            .execute(params![
                self.id,
                self.kind,
                self.at,
                self.recipient,
                self.subject,
                self.reason,
                self.cause,
                self.headers,
                self.body,
            ])?;
        Ok(inserted == 1)
    }
}

/// The end of a letter, serialized.
pub(crate) enum PreparedEnd {
    Accepted(String),
    Announced {
        row: AnnouncementRow,
        message_id: String,
    },
    Dropped,
}

impl PreparedEnd {
    pub(crate) fn new(end: &LetterEnd) -> Result<Self, serde_json::Error> {
        Ok(match end {
            LetterEnd::Accepted(task) => Self::Accepted(task.as_str().to_owned()),
            LetterEnd::Announced(announcement) => Self::Announced {
                row: AnnouncementRow::new(announcement)?,
                message_id: announcement.message_id.clone(),
            },
            LetterEnd::Dropped => Self::Dropped,
        })
    }

    /// Whether it ended the letter.
    pub(crate) fn apply(&self, connection: &Connection, id: &LetterId) -> rusqlite::Result<bool> {
        let id = id.as_str();
        let replayed = |by: &str| {
            // Dropped is put aside, and no promise: what runs again says so.
            let mut statement = connection.prepare_cached(
                "UPDATE letters SET state = 1, replays = replays + 1, replayed_as = ?2 WHERE id = ?1 AND state <> 1",
            )?;
            Ok::<bool, rusqlite::Error>(statement.execute(params![id, by])? == 1)
        };
        match self {
            Self::Accepted(task) => replayed(task),
            Self::Announced { row, message_id } => {
                let ended = replayed(message_id)?;
                if ended {
                    connection
                        .prepare_cached(
                            "UPDATE outbox SET state = 3 WHERE state = 2
                             AND (message_id, destination) = (SELECT cause, recipient FROM letters WHERE id = ?1)",
                        )?
                        .execute(params![id])?;
                    row.insert(connection)?;
                    // It may have arrived before: it goes on counting how often it was handed out.
                    connection
                        .prepare_cached(
                            "UPDATE outbox SET handed = coalesce((SELECT first.handed FROM outbox AS first, letters
                                WHERE letters.id = ?1 AND first.message_id = cause AND first.destination = recipient), 0)
                             WHERE (message_id, destination) = (SELECT replayed_as, recipient FROM letters WHERE id = ?1)",
                        )?
                        .execute(params![id])?;
                }
                Ok(ended)
            }
            Self::Dropped => {
                let mut statement =
                    connection.prepare_cached("UPDATE letters SET state = 2 WHERE id = ?1 AND state = 0")?;
                Ok(statement.execute(params![id])? == 1)
            }
        }
    }
}

/// The columns that [`letter`] reads.
const LINE: &str = "id, number, state, kind, at, recipient, subject, reason, replays, replayed_as";

/// After, before, limit.
pub(crate) fn letters_sql(query: LetterQuery) -> String {
    let open = if query.open_only { "state = 0 AND" } else { "" };
    let order = if query.newest_first { "DESC" } else { "ASC" };
    format!(
        "SELECT {LINE} FROM letters WHERE {open} number > ?1 AND number < ?2 ORDER BY number {order} LIMIT ?3"
    )
}

pub(crate) fn letters(connection: &Connection, query: LetterQuery) -> Result<Vec<DeadLetter>, Failure> {
    let mut statement = connection.prepare_cached(&letters_sql(query))?;
    let mut rows = statement.query(params![
        signed(query.after),
        signed(query.before),
        limit_of(query.limit)
    ])?;
    let mut letters = Vec::new();
    while let Some(row) = rows.next()? {
        letters.push(letter(row)?);
    }
    Ok(letters)
}

pub(crate) fn full(connection: &Connection, id: &LetterId) -> Result<Option<FullLetter>, Failure> {
    let sql = format!("SELECT {LINE}, cause, headers, body FROM letters WHERE id = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![id.as_str()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let kind: String = row.get(3)?;
    let letter = letter(row)?;
    Ok(Some(FullLetter {
        announcement: (letter.kind == LetterKind::Announcement)
            .then(|| kind_of(&kind))
            .transpose()?,
        letter,
        cause: row.get(10)?,
        headers: serde_json::from_str(row.get_ref(11)?.as_str().map_err(rusqlite::Error::from)?)?,
        body: row.get(12)?,
    }))
}

fn letter(row: &Row<'_>) -> Result<DeadLetter, Failure> {
    let kind = match row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)? {
        "task" => LetterKind::Task,
        "message" => LetterKind::Message,
        other => kind_of(other).map(|_| LetterKind::Announcement)?,
    };
    // The replay of an announcement is an announcement: what replays it is noted, and is no task.
    let replayed_as: Option<String> = row.get(9)?;
    let replayed_as = replayed_as.filter(|_| kind != LetterKind::Announcement);
    Ok(DeadLetter {
        id: LetterId::new(row.get::<_, String>(0)?),
        number: unsigned(row.get(1)?),
        state: match row.get(2)? {
            OPEN => LetterState::Open,
            REPLAYED => LetterState::Replayed,
            DROPPED => LetterState::Dropped,
            other => {
                return Err(Failure::Unavailable(format!(
                    "a letter has the unknown state {other}"
                )));
            }
        },
        kind,
        at: moment(row.get(4)?),
        to: row.get(5)?,
        subject: row.get(6)?,
        reason: row.get(7)?,
        replays: row.get(8)?,
        replayed_as: replayed_as
            .map(TaskId::new)
            .transpose()
            .map_err(|error| Failure::Unavailable(format!("a stored task id {error}")))?,
    })
}

impl SqliteStore {
    pub(crate) async fn store_letter(
        &self,
        letter: &NewLetter,
        told: Option<&Announcement>,
        undeliverable: Option<u64>,
    ) -> Result<bool, Failure> {
        let row = LetterRow::new(letter)?;
        let told = told.map(AnnouncementRow::new).transpose()?;
        self.write(move |connection| {
            if let Some(number) = undeliverable
                && !crate::outbox::mark_undeliverable(connection, number, &row.reason)?
            {
                return Ok(false);
            }
            let new = row.insert(connection)?;
            if let Some(told) = told.filter(|_| new) {
                told.insert(connection)?;
            }
            Ok(new)
        })
        .await
    }

    pub(crate) async fn store_ends(
        &self,
        ends: Vec<(LetterId, LetterEnd)>,
    ) -> Result<Vec<LetterId>, Failure> {
        let prepared = ends
            .into_iter()
            .map(|(id, end)| Ok((id, PreparedEnd::new(&end)?)))
            .collect::<Result<Vec<_>, serde_json::Error>>()?;
        self.write(move |connection| {
            let mut ended = Vec::new();
            for (id, end) in prepared {
                if end.apply(connection, &id)? {
                    ended.push(id);
                }
            }
            Ok(ended)
        })
        .await
    }

    /// How many letters nobody has dealt with.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open_letters(&self) -> Result<u64, JournalError> {
        Ok(self.read(|connection| {
            let count: i64 = connection
                .prepare_cached("SELECT count(*) FROM letters WHERE state = 0")?
                .query_row([], |row| row.get(0))?;
            Ok(unsigned(count))
        })?)
    }
}
