//! Artifacts: files below the data folder, on disk before the commit that names them.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use kunder_agent_core::decision::Artifact;
use thiserror::Error;

/// Where files are written before they get their names; cleared by whoever locks the folder.
pub(crate) const STAGING: &str = "tmp";

/// Files this process has staged.
static STAGED: AtomicU64 = AtomicU64::new(0);

/// Why a path is none for an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("artifact path {path:?} {reason}")]
pub struct ArtifactPathError {
    pub path: String,
    pub reason: &'static str,
}

/// The file of an artifact below `data_dir`: relative, `/`-separated, neither upwards nor one of the store's own files.
///
/// # Errors
/// For every other path; nothing outside the data folder can be named.
pub fn artifact_path(data_dir: &Path, path: &str) -> Result<PathBuf, ArtifactPathError> {
    let refuse = |reason| {
        Err(ArtifactPathError {
            path: path.to_owned(),
            reason,
        })
    };
    if path.is_empty() {
        return refuse("is empty");
    }
    if path.starts_with('/') {
        return refuse("is not relative");
    }
    if path.contains(['\\', ':']) || path.chars().any(char::is_control) {
        return refuse("contains a backslash, a colon or a control character");
    }
    if path
        .split('/')
        .any(|part| part.is_empty() || part == "." || part == "..")
    {
        return refuse("has an empty part, `.` or `..`");
    }
    if path.split('/').any(|part| part.len() > 200) {
        return refuse("has a part of more than 200 bytes");
    }
    let first = path.split('/').next().unwrap_or_default().to_lowercase();
    if first == "lock" || first == STAGING || first.starts_with("kunder.") {
        return refuse("belongs to the store itself");
    }
    Ok(data_dir.join(path))
}

/// An artifact that is on disk but does not have its name yet. Dropped, it is removed.
#[derive(Debug)]
pub(crate) struct Staged {
    written: PathBuf,
    target: PathBuf,
    root: PathBuf,
}

impl Staged {
    /// Writes the content, flushed to disk, under a name of its own.
    pub(crate) fn write(data_dir: &Path, artifact: &Artifact, target: PathBuf) -> std::io::Result<Self> {
        let staging = data_dir.join(STAGING);
        std::fs::create_dir_all(&staging)?;
        // One process owns the folder, so a number tells its files apart; one of an earlier process is nobody's.
        let written = staging.join(STAGED.fetch_add(1, Ordering::Relaxed).to_string());
        let staged = Self {
            written,
            target,
            root: data_dir.to_owned(),
        };
        let mut file = File::create(&staged.written)?;
        file.write_all(&artifact.content)?;
        file.sync_all()?;
        Ok(staged)
    }

    /// Gives the file its name, on disk when this returns.
    pub(crate) fn publish(&self) -> std::io::Result<()> {
        let parent = self.target.parent().unwrap_or(&self.root);
        std::fs::create_dir_all(parent)?;
        std::fs::rename(&self.written, &self.target)?;
        // Every folder up to the root may be new: a name is safe once the folder that holds it is flushed.
        for folder in parent
            .ancestors()
            .take_while(|folder| folder.starts_with(&self.root))
        {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After publishing there is nothing left to remove, which is as well.
        let _ = std::fs::remove_file(&self.written);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leaves_the_folder_or_names_the_stores_own_files() {
        let refused = [
            "",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a//b",
            "a/",
            "./a",
            "a\\b",
            "c:x",
            "a\0b",
            "lock",
            "kunder.sqlite",
            "KUNDER.sqlite-wal",
            "kunder.sock",
            "tmp/x",
        ];
        for path in refused {
            assert!(artifact_path(Path::new("/data"), path).is_err(), "{path:?}");
        }
        assert!(artifact_path(Path::new("/data"), &"x".repeat(201)).is_err());
        for path in [
            "briefs/förening å.md",
            "a/b/c.json",
            "artifacts/kunder.md",
            "..a/b",
        ] {
            assert_eq!(
                artifact_path(Path::new("/data"), path).unwrap(),
                Path::new("/data").join(path)
            );
        }
    }

    #[test]
    fn a_file_has_its_name_only_once_published() {
        let dir = tempfile::tempdir().unwrap();
        let artifact = Artifact {
            path: "a/b/c.md".into(),
            content: b"text".to_vec(),
        };
        let target = artifact_path(dir.path(), &artifact.path).unwrap();
        let staged = Staged::write(dir.path(), &artifact, target.clone()).unwrap();
        assert!(!target.exists());
        staged.publish().unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"text");
        let dropped = Staged::write(dir.path(), &artifact, target.clone()).unwrap();
        drop(dropped);
        assert_eq!(std::fs::read_dir(dir.path().join(STAGING)).unwrap().count(), 0);
        assert_eq!(std::fs::read(&target).unwrap(), b"text");
    }
}
