//! A command that has ended: its exit code and what it wrote.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::patience::{Stopwatch, pause};

/// What a command did.
#[derive(Clone, Debug)]
pub struct Output {
    /// The exit code; -1 where a signal ended it.
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
    /// The command, for messages.
    pub command: String,
}

impl Output {
    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it cannot be started, or does not end in time.
    #[track_caller]
    pub fn of(command: &mut Command, stdin: &[u8], limit: Duration) -> Self {
        let shown = format!("{command:?}");
        let (mut out, mut err, mut input) = (scratch(), scratch(), scratch());
        input
            .write_all(stdin)
            .and_then(|()| input.rewind())
            .expect("a scratch file takes the input");
        let same = |file: &File| Stdio::from(file.try_clone().expect("a scratch file has a second handle"));
        let child = command
            .stdin(Stdio::from(input))
            .stdout(same(&out))
            .stderr(same(&err))
            .spawn();
        let mut child = child.unwrap_or_else(|error| panic!("cannot start {shown}: {error}"));
        let status = ended(&mut child, limit);
        let (stdout, stderr) = (text(&mut out), text(&mut err));
        let Some(status) = status else {
            let _ = child.kill();
            let _ = child.wait();
            panic!(
                "{shown} did not end within {} s\n--- stdout\n{stdout}\n--- stderr\n{stderr}",
                limit.as_secs()
            );
        };
        Self {
            status,
            stdout,
            stderr,
            command: shown,
        }
    }

    /// Itself, where the exit code is this one.
    ///
    /// # Panics
    /// With everything it wrote, where it is not.
    #[track_caller]
    #[must_use]
    pub fn exits(self, status: i32) -> Self {
        assert!(self.status == status, "the exit code is not {status}\n{self}");
        self
    }

    /// Standard output as one JSON value.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("standard output is not one JSON value: {error}\n{self}"))
    }

    /// Standard output as one JSON value a line.
    ///
    /// # Panics
    /// When a line is none.
    #[track_caller]
    #[must_use]
    pub fn json_lines(&self) -> Vec<Value> {
        let value = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("`{line}` is not JSON: {error}\n{self}"))
        };
        self.stdout.lines().map(value).collect()
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} exited with {}\n--- stdout\n{}\n--- stderr\n{}",
            self.command, self.status, self.stdout, self.stderr
        )
    }
}

/// The exit code of a child that ends in time; -1 where a signal ended it.
pub(super) fn ended(child: &mut Child, limit: Duration) -> Option<i32> {
    let watch = Stopwatch::start();
    loop {
        if let Some(status) = child.try_wait().expect("a child of ours can be waited for") {
            return Some(status.code().unwrap_or(-1));
        }
        if watch.elapsed() > limit {
            return None;
        }
        pause(Duration::from_millis(5));
    }
}

fn scratch() -> File {
    tempfile::tempfile().expect("the temporary folder takes a file")
}

fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind()
        .and_then(|()| file.read_to_end(&mut bytes))
        .expect("a scratch file can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}
