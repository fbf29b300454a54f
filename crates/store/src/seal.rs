//! The seal: a checksum of every page of the database file, so that a changed byte is told from a written one.
//!
//! SQLite checks its log and not its file. So before pages move from the log into the file, their checksums are on disk
//! in a file beside it, with how far the log has to hold as long as those pages may be half moved.

use std::fs::{File, TryLockError};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use crate::log::{Images, Log, beside};

const MAGIC: &[u8] = b"kunder seal 1\n";
/// Magic; size of a page, salts, frames, pages.
const HEADER_BYTES: usize = 14 + 5 * 4;
/// The checksum of the seal itself.
const END_BYTES: usize = 32;
/// Damaged pages that are named.
const NAMED_MAX: usize = 20;
/// Frames in the log (32 MiB) from which on they move into the file: a move costs four flushes.
const MOVE_FRAMES: u32 = 8_192;
/// Frames more before the next attempt, while a reader holds the log.
const AGAIN_FRAMES: u32 = 1_024;
/// Looks, with a pause between them, at whether a store that is being closed is closed: five seconds.
const CLOSING_LOOKS: u32 = 500;
const CLOSING_PAUSE: Duration = Duration::from_millis(10);

/// Checksums of all pages as they are once the log up to `frames` was moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    page_bytes: u32,
    /// Of the log that was moved.
    salts: (u32, u32),
    frames: u32,
    sums: Vec<u64>,
}

pub(crate) fn seal_path(database: &Path) -> PathBuf {
    beside(database, "-seal")
}

impl Seal {
    /// The seal beside `database`; `None` where there is none.
    ///
    /// # Errors
    /// `InvalidData` where it is damaged itself.
    pub(crate) fn read(database: &Path) -> io::Result<Option<Self>> {
        let bytes = match std::fs::read(seal_path(database)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let damaged = || {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "the checksum of the seal does not hold",
            )
        };
        let at = bytes.len().checked_sub(END_BYTES).ok_or_else(damaged)?;
        let (content, end) = bytes.split_at(at);
        if blake3::hash(content).as_bytes() != end || !content.starts_with(MAGIC) {
            return Err(damaged());
        }
        let numbers = content.get(MAGIC.len()..HEADER_BYTES).ok_or_else(damaged)?;
        let numbers: Vec<u32> = numbers
            .chunks_exact(4)
            .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
            .collect();
        let sums = content[HEADER_BYTES..]
            .chunks_exact(8)
            .map(|sum| u64::from_le_bytes(sum.try_into().expect("chunks of eight")))
            .collect();
        Ok(Some(Self {
            page_bytes: numbers[0],
            salts: (numbers[1], numbers[2]),
            frames: numbers[3],
            sums,
        }))
    }

    /// The seal of a file into which everything was moved.
    fn of_file(database: &Path) -> io::Result<Self> {
        let mut header = [0; 18];
        File::open(database)?.read_exact(&mut header)?;
        let page_bytes = match u16::from_be_bytes([header[16], header[17]]) {
            1 => 65_536,
            bytes => u32::from(bytes),
        };
        let mut sums = Vec::new();
        each_page(database, page_bytes, |_, sum| sums.push(sum))?;
        Ok(Self {
            page_bytes,
            salts: (0, 0),
            frames: 0,
            sums,
        })
    }

    /// Takes in what the first `frames` frames of the log change.
    fn cover(&mut self, database: &Path, frames: u32) -> io::Result<()> {
        // A seal must never ask for more of the log than a power loss leaves of it.
        let images = Images::of(database, frames)?;
        images.flush()?;
        self.salts = images.salts;
        self.frames = frames;
        self.sums.resize(images.pages_after as usize, 0);
        let mut page = Vec::new();
        for (&number, &frame) in &images.last {
            if let Some(known) = self.sums.get_mut(number as usize - 1) {
                images.read(frame, &mut page)?;
                *known = sum(number, &page);
            }
        }
        Ok(())
    }

    /// Puts it in the place of the one before, on disk when this returns.
    fn write(&self, database: &Path) -> io::Result<()> {
        let pages = u32::try_from(self.sums.len()).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.sums.len() * 8 + END_BYTES);
        bytes.extend_from_slice(MAGIC);
        for number in [self.page_bytes, self.salts.0, self.salts.1, self.frames, pages] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for sum in &self.sums {
            bytes.extend_from_slice(&sum.to_le_bytes());
        }
        let end = blake3::hash(&bytes);
        bytes.extend_from_slice(end.as_bytes());
        let new = beside(database, "-seal.new");
        let mut file = File::create(&new)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(&new, seal_path(database))?;
        match database.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }

    /// Compares the file and the log with the seal and says what is not as it was written; empty when all is.
    pub(crate) fn damages(&self, database: &Path, log: &Log) -> io::Result<Vec<String>> {
        let mut damages = self.damages_of_log(log);
        let mut checked = 0;
        each_page(database, self.page_bytes, |number, sum| {
            let known = self.sums.get(number as usize - 1);
            checked = number;
            // A page that the log brings is not read from the file.
            if known.is_some_and(|known| *known != sum) && !log.pages.contains(&number) {
                damages.push(format!("page {number} is not what was written"));
            }
        })?;
        let pages = u32::try_from(self.sums.len()).unwrap_or(u32::MAX);
        let missing = (checked + 1..=pages)
            .filter(|number| !log.pages.contains(number))
            .count();
        if missing > 0 {
            damages.push(format!("{missing} of {pages} pages are missing at its end"));
        }
        damages.truncate(NAMED_MAX);
        Ok(damages)
    }

    /// Old images in front of a file that is further on would be a mixture of two moments.
    pub(crate) fn damages_of_log(&self, log: &Log) -> Vec<String> {
        let short = log.salts == Some(self.salts) && log.frames > 0 && log.frames < self.frames;
        let said = || {
            let (holds, moved) = (log.frames, self.frames);
            format!("its log holds only up to frame {holds} of the {moved} that were moved into it")
        };
        short.then(said).into_iter().collect()
    }
}

fn each_page(database: &Path, page_bytes: u32, mut visit: impl FnMut(u32, u64)) -> io::Result<()> {
    let mut file = BufReader::with_capacity(1 << 20, File::open(database)?);
    let mut page = vec![0; page_bytes as usize];
    let mut number = 0;
    loop {
        match file.read_exact(&mut page) {
            Ok(()) => number += 1,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
        visit(number, sum(number, &page));
    }
}

/// Of a page at its place: one at another page's place is as wrong as a changed one.
fn sum(number: u32, page: &[u8]) -> u64 {
    let hash = blake3::hash(page);
    let (first, _) = hash.as_bytes().split_first_chunk().expect("a hash has 32 bytes");
    u64::from_le_bytes(*first) ^ u64::from(number)
}

/// The sole right to the files, held until the last of them is moved and closed.
///
/// The lock of the data folder is not enough: it is its owner's, who may let go of it while a clone of the store lives on.
/// Whoever compared the file with its seal meanwhile would find a move half done and call it damage.
#[derive(Debug)]
pub(crate) struct SoleUse {
    _lock: File,
}

impl SoleUse {
    /// Waits a while for whoever is about to close the store.
    pub(crate) fn of(database: &Path) -> io::Result<Self> {
        let lock = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(beside(database, "-lock"))?;
        for _ in 0..CLOSING_LOOKS {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { _lock: lock }),
                Err(TryLockError::WouldBlock) => std::thread::sleep(CLOSING_PAUSE),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "it is still open elsewhere",
        ))
    }
}

/// Moves the log into the file, sealed. Owned by the writing thread: nobody else moves anything.
#[derive(Debug)]
pub(crate) struct Mover {
    database: PathBuf,
    seal: Seal,
    _sole: SoleUse,
    /// Frames in the log from which on the next move is tried.
    next: u32,
}

impl Mover {
    pub(crate) fn new(database: PathBuf, seal: Seal, sole: SoleUse) -> Self {
        Self {
            database,
            seal,
            _sole: sole,
            next: MOVE_FRAMES,
        }
    }

    /// Seals a file that has no seal: one that is new, or of a build that made none.
    pub(crate) fn first(
        connection: &Connection,
        database: PathBuf,
        sole: SoleUse,
    ) -> Result<Self, MoveError> {
        // Whoever still reads it ends within the patience of the connection, or this store is not opened.
        let left = checkpoint(connection, "TRUNCATE")?;
        if left.busy {
            return Err(io::Error::other("someone else reads it").into());
        }
        let seal = Seal::of_file(&database)?;
        seal.write(&database)?;
        Ok(Self::new(database, seal, sole))
    }

    /// Moves what the log holds once that is much.
    pub(crate) fn after_commit(&mut self, connection: &Connection) -> Result<(), MoveError> {
        let found = checkpoint(connection, "NOOP")?;
        if found.frames < MOVE_FRAMES {
            self.next = MOVE_FRAMES;
        }
        if found.frames < self.next || found.moved == found.frames {
            return Ok(());
        }
        self.next = found.frames.saturating_add(AGAIN_FRAMES);
        self.take(connection, found)
    }

    /// Moves everything and empties the log, where no one else reads it.
    pub(crate) fn at_end(&mut self, connection: &Connection) -> Result<(), MoveError> {
        let found = checkpoint(connection, "NOOP")?;
        if found.moved < found.frames {
            self.take(connection, found)?;
        }
        checkpoint(connection, "TRUNCATE")?;
        Ok(())
    }

    fn take(&mut self, connection: &Connection, found: Found) -> Result<(), MoveError> {
        let mut seal = self.seal.clone();
        seal.cover(&self.database, found.frames)?;
        seal.write(&self.database)?;
        self.seal = seal;
        checkpoint(connection, "PASSIVE")?;
        Ok(())
    }
}

/// What SQLite says of the log.
#[derive(Clone, Copy)]
struct Found {
    busy: bool,
    frames: u32,
    moved: u32,
}

fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<Found> {
    connection
        .prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?
        .query_row([], |row| {
            let count = |column| {
                row.get::<_, i64>(column)
                    .map(|count| u32::try_from(count).unwrap_or(0))
            };
            Ok(Found {
                busy: row.get(0)?,
                frames: count(1)?,
                moved: count(2)?,
            })
        })
}

/// Why the log could not be moved; it stays whole and is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MoveError {
    #[error("cannot move the log into the file")]
    Database(#[from] rusqlite::Error),
    #[error("cannot seal the file")]
    Seal(#[from] io::Error),
}
