//! Opening the store: file, settings, schema, writer and readers.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kunder_agent_core::clock::Clock;
use kunder_domain::names::NameIndex;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use tokio::sync::Notify;

use crate::error::{Failure, OpenError};
use crate::log::Log;
use crate::readers::Readers;
use crate::schema;
use crate::seal::{Mover, Seal, SoleUse};
use crate::writer::{Flush, Writer};

/// The store of one organisation in one file. Cloning is cheap; the file is closed with the last clone.
#[derive(Clone)]
pub struct SqliteStore {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) data_dir: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) readers: Readers,
    pub(crate) writer: Writer,
    pub(crate) store_id: String,
    /// The index of names, with the count of changes it was made at.
    pub(crate) names: Mutex<Option<(i64, Arc<NameIndex>)>>,
    /// Wakes whoever waits for facts.
    pub(crate) news: Arc<Notify>,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("data_dir", &self.inner.data_dir)
            .finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens `kunder.sqlite` in the data folder, makes it where it is missing, and brings an older one to the present schema.
    /// Blocks for up to five seconds while another store of the same file is being closed; one that is open still is
    /// [`OpenError::Unavailable`].
    ///
    /// # Errors
    /// By what its owner does about it: see [`OpenError`].
    pub fn open(data_dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        std::fs::create_dir_all(data_dir).map_err(|error| OpenError::of_io(data_dir, &error))?;
        let path = Self::file(data_dir);
        let failed = |error: rusqlite::Error| OpenError::of(&path, &error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let sole = SoleUse::of(&path).map_err(|error| OpenError::of_io(&path, &error))?;
        let seal = sealed(&path)?;
        let mut connection = Connection::open_with_flags(&path, flags).map_err(failed)?;
        configure(&connection).map_err(failed)?;
        if seal.is_none() {
            whole(&connection, &path)?;
        }
        schema::migrate(&mut connection, &path, clock.now())?;
        let store_id = store_id(&connection, clock.as_ref()).map_err(failed)?;
        let mover = match seal {
            Some(seal) => Mover::new(path.clone(), seal, sole),
            None => Mover::first(&connection, path.clone(), sole)
                .map_err(|error| OpenError::of_move(&path, error))?,
        };
        let writer = Writer::new(connection, mover).map_err(|error| OpenError::of_io(&path, &error))?;
        let inner = Inner {
            data_dir: data_dir.to_owned(),
            clock,
            readers: Readers::new(path),
            writer,
            store_id,
            names: Mutex::new(None),
            news: Arc::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The file of the store in a data folder.
    #[must_use]
    pub fn file(data_dir: &Path) -> PathBuf {
        data_dir.join("kunder.sqlite")
    }

    /// The folder that artifacts lie in.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.inner.data_dir
    }

    /// Reads from one snapshot.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, Failure> {
        self.inner.readers.read(work)
    }

    /// Writes; on disk when this returns.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        self.inner.writer.write(Flush::Disk, work).await
    }
}

/// Files up to this size are compared with their seal whenever they are opened: about half a second for the largest.
/// Larger ones are compared by `doctor` alone.
const COMPARED_BYTES_MAX: u64 = 1 << 30;

/// The seal of the file, which is compared with it; `None` where there is none.
fn sealed(path: &Path) -> Result<Option<Seal>, OpenError> {
    let damaged = |reason: String| OpenError::Damaged {
        path: path.to_owned(),
        reason,
    };
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::InvalidData => damaged(error.to_string()),
        std::io::ErrorKind::NotFound => damaged("it is missing, and only its seal is there".to_owned()),
        _ => OpenError::of_io(path, &error),
    };
    let Some(seal) = Seal::read(path).map_err(failed)? else {
        return Ok(None);
    };
    let log = Log::read(path).map_err(failed)?;
    if log.cut {
        // After a power loss that is nothing that was answered; otherwise the log was damaged.
        tracing::warn!(file = %path.display(), frames = log.frames, "the log stops to hold before its end: what was committed behind that is not there");
    }
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    let damages = if bytes > COMPARED_BYTES_MAX {
        tracing::info!(file = %path.display(), bytes, "too large to be compared with its seal now: doctor does that");
        seal.damages_of_log(&log)
    } else {
        seal.damages(path, &log).map_err(failed)?
    };
    match damages.is_empty() {
        true => Ok(Some(seal)),
        false => Err(damaged(damages.join("; "))),
    }
}

/// Checks a file without a seal by what SQLite sees; an empty one is whole.
fn whole(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let said: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|error| OpenError::of(path, &error))?;
    if said == "ok" {
        return Ok(());
    }
    Err(OpenError::Damaged {
        path: path.to_owned(),
        reason: said,
    })
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(5))?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        let reason = format!("it cannot keep a write-ahead log there (journal mode {mode})");
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
            Some(reason),
        ));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -64_000)?;
    // Nothing moves from the log into the file without its seal, not even when the file is closed.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update_and_check(None, "journal_size_limit", 67_108_864, |_| Ok(()))?;
    connection.set_prepared_statement_cache_capacity(128);
    keep_plans(connection)
}

/// Has a prepared statement keep its plan whatever is bound to it. Otherwise SQLite prepares every statement that could
/// use a partial index anew each time another value is bound, which costs many times what the statement does.
pub(crate) fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// The id of this store, made once.
fn store_id(connection: &Connection, clock: &dyn Clock) -> rusqlite::Result<String> {
    let known = connection
        .query_row("SELECT value FROM settings WHERE key = 'store_id'", [], |row| {
            row.get(0)
        })
        .optional()?;
    if let Some(known) = known {
        return Ok(known);
    }
    let made = format!("{:016x}{:016x}", clock.random(), clock.random());
    connection.execute(
        "INSERT INTO settings(key, value) VALUES ('store_id', ?1)",
        params![made],
    )?;
    Ok(made)
}
