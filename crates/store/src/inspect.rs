//! What `doctor` tells of the store.

use jiff::Timestamp;
use kunder_agent_core::journal::JournalError;

use crate::error::Failure;
use crate::log::Log;
use crate::moment::{moment, unsigned};
use crate::open::SqliteStore;
use crate::seal::Seal;
use crate::unreadable;
use crate::writer::Flush;

/// Damages of a kind that are named.
const NAMED_MAX: usize = 20;

/// How much is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FactCounts {
    pub facts: u64,
    pub customers: u64,
    /// When the newest fact was recorded.
    pub newest: Option<Timestamp>,
    /// Facts by source, in the order of their names.
    pub sources: Vec<(String, u64)>,
}

/// How large the store is on disk, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    pub database_bytes: u64,
    /// Written but not yet moved into the database file.
    pub log_bytes: u64,
}

impl SqliteStore {
    /// Counts facts, customers and sources.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn fact_counts(&self) -> Result<FactCounts, JournalError> {
        Ok(self.read(|connection| {
            let newest = "SELECT recorded FROM facts ORDER BY number DESC LIMIT 1";
            let sql =
                format!("SELECT (SELECT count(*) FROM facts), (SELECT count(*) FROM customers), ({newest})");
            let mut counts = connection.query_row(&sql, [], |row| {
                Ok(FactCounts {
                    facts: unsigned(row.get(0)?),
                    customers: unsigned(row.get(1)?),
                    newest: row.get::<_, Option<i64>>(2)?.map(moment),
                    sources: Vec::new(),
                })
            })?;
            let mut statement =
                connection.prepare("SELECT source, count(*) FROM facts GROUP BY source ORDER BY source")?;
            let sources = statement.query_map([], |row| Ok((row.get(0)?, unsigned(row.get(1)?))))?;
            counts.sources = sources.collect::<Result<_, _>>()?;
            Ok(counts)
        })?)
    }

    /// The sizes of the store's files; a missing one counts as empty.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        let file = Self::file(self.data_dir());
        let mut log = file.clone().into_os_string();
        log.push("-wal");
        let bytes = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |file| file.len());
        Sizes {
            database_bytes: bytes(&file),
            log_bytes: bytes(log.as_ref()),
        }
    }

    /// Reads the whole store and says what is damaged; empty when nothing is. Takes some seconds per gigabyte, and commits wait.
    ///
    /// # Errors
    /// When the store cannot be read at all.
    pub async fn damages(&self) -> Result<Vec<String>, JournalError> {
        let path = Self::file(self.data_dir());
        // On the writing thread nothing moves from the log into the file meanwhile.
        let found = self.inner.writer.write(Flush::Later, move |connection| {
            let unread = |error: std::io::Error| Failure::Unavailable(format!("{}: {error}", path.display()));
            let mut damages = match Seal::read(&path).map_err(unread)? {
                Some(seal) => seal
                    .damages(&path, &Log::read(&path).map_err(unread)?)
                    .map_err(unread)?,
                None => vec!["its seal has gone: at the next start SQLite alone checks the file".to_owned()],
            };
            let mut statement = connection.prepare(&format!("PRAGMA quick_check({NAMED_MAX})"))?;
            let lines = statement.query_map([], |row| row.get(0))?;
            let lines: Vec<String> = lines.collect::<Result<_, _>>()?;
            damages.extend(lines.into_iter().filter(|line| line != "ok"));
            damages.extend(unreadable::named(connection, NAMED_MAX)?);
            Ok(damages)
        });
        Ok(found.await?)
    }
}
