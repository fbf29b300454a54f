//! The data folder: one process at a time owns it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::artifact::STAGING;

/// The data folder, locked as long as this lives; the operating system releases it however the process ends.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
}

/// Why a data folder could not be locked.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another process works on it: go there instead.
    #[error("{path} is in use by {holder}")]
    Held { path: PathBuf, holder: String },
    #[error("cannot use {path} as data folder")]
    Unavailable {
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
}

impl DataFolder {
    /// Makes the folder where it is missing and locks it, by `lock` in it.
    ///
    /// # Errors
    /// When another process holds it, which is then named, or when it cannot be made or written.
    pub fn lock(path: &Path) -> Result<Self, LockError> {
        let unavailable = |cause| LockError::Unavailable {
            path: path.to_owned(),
            cause,
        };
        // What is in it is personal: a folder that is made here is its owner's alone.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(unavailable)?;
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("lock"))
            .map_err(unavailable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The text is a courtesy: whoever holds the lock may be about to write it.
                let known = lock.read_to_string(&mut holder).is_ok() && !holder.trim().is_empty();
                let holder = if known {
                    holder.trim().to_owned()
                } else {
                    "another process".to_owned()
                };
                return Err(LockError::Held {
                    path: path.to_owned(),
                    holder,
                });
            }
            Err(TryLockError::Error(cause)) => return Err(unavailable(cause)),
        }
        lock.set_len(0).map_err(unavailable)?;
        lock.rewind().map_err(unavailable)?;
        writeln!(lock, "process {} ({})", std::process::id(), what()).map_err(unavailable)?;
        // What a process that was killed left half written is nobody's.
        let _ = std::fs::remove_dir_all(path.join(STAGING));
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// This program and its first argument, `kunder serve`; further arguments may hold a person's words.
fn what() -> String {
    let mut arguments = std::env::args_os();
    let program = arguments.next().unwrap_or_default();
    let program = Path::new(&program)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    match arguments.next() {
        Some(command) => format!("{program} {}", command.to_string_lossy()),
        None => program,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_owner_at_a_time_and_the_other_is_told_who() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/folder");
        let folder = DataFolder::lock(&path).unwrap();
        std::fs::create_dir_all(path.join(STAGING)).unwrap();
        let refused = DataFolder::lock(&path).unwrap_err();
        assert!(matches!(refused, LockError::Held { .. }));
        let text = refused.to_string();
        assert!(
            text.contains(&format!("process {}", std::process::id())),
            "{text}"
        );
        assert!(
            path.join(STAGING).exists(),
            "only the owner clears what is half written"
        );
        drop(folder);
        let again = DataFolder::lock(&path).unwrap();
        assert!(!again.path().join(STAGING).exists());
    }

    #[test]
    fn a_file_is_no_data_folder() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(
            DataFolder::lock(file.path()),
            Err(LockError::Unavailable { .. })
        ));
    }
}
