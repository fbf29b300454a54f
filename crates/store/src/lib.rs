//! Memory on disk: the SQLite store behind the journal and the portfolio, the lock of the data folder, and artifacts.
//!
//! Invariants: one writer; nothing is answered before its commit is on disk; a bad operation fails alone.
#![forbid(unsafe_code)]

mod artifact;
mod cancel;
mod commit;
mod conversations;
mod error;
mod facts;
mod folder;
mod health;
mod inspect;
mod journal;
mod letters;
mod log;
mod moment;
mod open;
mod outbox;
mod portfolio;
mod readers;
mod schema;
mod seal;
mod signals;
mod tasks;
mod unreadable;
mod writer;

pub use artifact::{ArtifactPathError, artifact_path};
pub use error::OpenError;
pub use facts::{CONFLICTS_NAMED_MAX, IngestReport};
pub use folder::{DataFolder, LockError};
pub use inspect::{FactCounts, Sizes};
pub use open::SqliteStore;
