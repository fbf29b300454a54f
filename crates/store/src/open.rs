//! Opening the store: file, settings, schema, writer and readers.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kunder_agent_core::clock::Clock;
use kunder_domain::names::NameIndex;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::error::{Failure, OpenError};
use crate::readers::Readers;
use crate::schema;
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
    /// The caller holds the lock of the folder (`DataFolder::lock`).
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
        let mut connection = Connection::open_with_flags(&path, flags).map_err(failed)?;
        configure(&connection).map_err(failed)?;
        schema::migrate(&mut connection, &path, clock.now())?;
        let store_id = store_id(&connection, clock.as_ref()).map_err(failed)?;
        let writer = Writer::new(connection).map_err(|error| OpenError::of_io(&path, &error))?;
        let inner = Inner {
            data_dir: data_dir.to_owned(),
            clock,
            readers: Readers::new(path),
            writer,
            store_id,
            names: Mutex::new(None),
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
    // Moving the log into the file costs two flushes: do it each 32 MiB and not each 4.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 8_192, |_| Ok(()))?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update_and_check(None, "journal_size_limit", 67_108_864, |_| Ok(()))?;
    connection.set_prepared_statement_cache_capacity(128);
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
