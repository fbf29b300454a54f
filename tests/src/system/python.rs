//! Scripts of `tests/py`, run by the Python that has nats-py: a client nobody here wrote.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::output::Output;

/// A script runs at most so long.
const LIMIT: Duration = Duration::from_secs(180);

/// A script and what it is told.
pub struct Python {
    command: Command,
}

impl Python {
    /// A file of `tests/py`, and the function of it to run.
    #[must_use]
    pub fn new(script: &str, function: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("py");
        let mut command = Command::new(tool("KUNDER_PYTHON", "Python with nats-py"));
        // No compiled files beside the scripts: the tree stays as it was checked out.
        command
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONUTF8", "1")
            .arg("-u")
            .arg(folder.join(script))
            .arg(function);
        Self { command }
    }

    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Runs it to its end.
    #[track_caller]
    #[must_use]
    pub fn run(mut self) -> Output {
        Output::of(&mut self.command, b"", LIMIT)
    }

    /// For scripts that work beside others: the command itself.
    #[must_use]
    pub fn command(self) -> Command {
        self.command
    }
}

/// A tool that `cargo xtask tools` brings.
pub(super) fn tool(variable: &str, name: &str) -> PathBuf {
    let path = std::env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_file());
    path.unwrap_or_else(|| {
        panic!("{name} is missing ({variable} names no file): run `cargo xtask tools`, which brings it")
    })
}
