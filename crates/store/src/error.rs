//! What goes wrong with the store: when it is opened, and inside an operation.

use std::path::PathBuf;

use kunder_agent_core::journal::{CommitError, JournalError};
use kunder_domain::portfolio::PortfolioError;
use rusqlite::ErrorCode;
use thiserror::Error;

use crate::seal::MoveError;

/// Why a store cannot be opened, by what its owner does about it; [`OpenError::hint`] says that in words.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The content is no longer what was written.
    #[error("{path} is damaged: {reason}")]
    Damaged { path: PathBuf, reason: String },
    /// Not ours.
    #[error("{path} is an SQLite file that kunder did not make")]
    Foreign { path: PathBuf },
    /// A later build wrote it.
    #[error("{path} has version {found} of the schema, this build knows versions up to {known}")]
    Newer { path: PathBuf, found: i64, known: i64 },
    /// We may not read or write it.
    #[error("may not read and write {path}: {reason}")]
    Permission { path: PathBuf, reason: String },
    /// Something else: no space, someone holds it, not a folder.
    #[error("cannot open {path}: {reason}")]
    Unavailable { path: PathBuf, reason: String },
}

impl OpenError {
    /// What would mend it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Damaged { .. } => {
                "put a backup in its place, and move the other files whose names begin with `kunder.sqlite` away first; moved away all together, the folder begins anew. No other program may write to them"
            }
            Self::Foreign { .. } => "choose another data folder with --data",
            Self::Newer { .. } => "use the kunder that wrote it, or a later one",
            Self::Permission { .. } => {
                "give this user the right to write the data folder and every file in it"
            }
            Self::Unavailable { .. } => {
                "see that the disk has space left and that no other program holds the file"
            }
        }
    }

    pub(crate) fn of(path: &std::path::Path, error: &rusqlite::Error) -> Self {
        let (path, reason) = (path.to_owned(), error.to_string());
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged { path, reason },
            Some(
                ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::AuthorizationForStatementDenied,
            ) => Self::Permission { path, reason },
            // SQLite says only "cannot open" where the operating system said why.
            Some(ErrorCode::CannotOpen) => {
                match std::fs::OpenOptions::new().read(true).append(true).open(&path) {
                    Err(cause) if cause.kind() == std::io::ErrorKind::PermissionDenied => Self::Permission {
                        path,
                        reason: cause.to_string(),
                    },
                    _ => Self::Unavailable { path, reason },
                }
            }
            _ => Self::Unavailable { path, reason },
        }
    }

    pub(crate) fn of_move(path: &std::path::Path, error: MoveError) -> Self {
        match error {
            MoveError::Database(error) => Self::of(path, &error),
            MoveError::Seal(error) => Self::of_io(path, &error),
        }
    }

    pub(crate) fn of_io(path: &std::path::Path, error: &std::io::Error) -> Self {
        let (path, reason) = (path.to_owned(), error.to_string());
        if error.kind() == std::io::ErrorKind::PermissionDenied {
            Self::Permission { path, reason }
        } else {
            Self::Unavailable { path, reason }
        }
    }
}

/// Why an operation failed; it then changed nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The store cannot be reached, or is damaged.
    Unavailable(String),
    /// A commit is refused.
    Refused(CommitError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unavailable(match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                format!("the store is damaged ({error}): stop kunder and put a backup in its place")
            }
            _ => error.to_string(),
        })
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Unavailable(format!(
            "a stored row cannot be read: {error}; `kunder doctor` names it"
        ))
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        Self::Refused(error)
    }
}

impl From<Failure> for CommitError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unavailable(reason) => Self::Unavailable(JournalError(reason)),
            Failure::Refused(error) => error,
        }
    }
}

impl From<Failure> for JournalError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unavailable(reason) => Self(reason),
            Failure::Refused(error) => Self(error.to_string()),
        }
    }
}

impl From<Failure> for PortfolioError {
    fn from(failure: Failure) -> Self {
        Self(JournalError::from(failure).0)
    }
}
