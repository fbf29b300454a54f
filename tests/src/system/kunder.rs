//! The binary on a data folder: its commands, and `kunder serve` started, stopped and killed.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::output::{Output, ended};
use super::patience::{PATIENCE, eventually};
use super::portfolio;

/// No check is made that nobody asked for.
pub const QUIET: &str = "checks: { daily: false, news: false }\n";

/// A command runs at most so long.
const LIMIT: Duration = Duration::from_secs(120);

/// A data folder and the binary that works on it.
pub struct Kunder {
    folder: PathBuf,
    /// Logs of `serve`; the data folder itself where that is a temporary one.
    scratch: TempDir,
}

impl Kunder {
    /// On this data folder.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            scratch: tempfile::tempdir().expect("the temporary folder takes a folder"),
        }
    }

    /// On an empty folder that goes with the test.
    #[must_use]
    pub fn temporary() -> Self {
        let scratch = tempfile::tempdir().expect("the temporary folder takes a folder");
        Self {
            folder: scratch.path().join("data"),
            scratch,
        }
    }

    /// On a temporary folder in which `kunder demo` has run: the portfolio as of today, checked once, its alerts raised.
    #[must_use]
    pub fn demo() -> Self {
        let kunder = Self::temporary();
        let _ = kunder.run(&["demo"]).exits(0);
        kunder
    }

    /// On a temporary folder with the portfolio of the demo as of today, of which nothing was asked yet: no alert is open.
    #[must_use]
    pub fn portfolio() -> Self {
        let kunder = Self::temporary();
        portfolio::store_demo(&kunder.folder);
        kunder
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs a command on the folder, such as `&["ask", "Kör kundhälsokoll"]`.
    #[track_caller]
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, b"")
    }

    /// Runs a command on the folder, with this on its standard input.
    #[track_caller]
    #[must_use]
    pub fn run_with(&self, arguments: &[&str], stdin: &[u8]) -> Output {
        Output::of(self.command().args(arguments), stdin, LIMIT)
    }

    /// Starts `kunder serve --nats URL` and waits until it serves.
    #[track_caller]
    #[must_use]
    pub fn serve(&self, nats: &str) -> Serve {
        self.serve_with(&["--nats", nats])
    }

    /// Starts `kunder serve` with these arguments and waits until it serves.
    #[track_caller]
    #[must_use]
    pub fn serve_with(&self, arguments: &[&str]) -> Serve {
        let mut serve = self.start_serve(arguments);
        serve.wait_until_ready();
        serve
    }

    /// Starts `kunder serve` and does not wait.
    #[track_caller]
    #[must_use]
    pub fn start_serve(&self, arguments: &[&str]) -> Serve {
        let (out, log) = (
            self.scratch.path().join("serve.out"),
            self.scratch.path().join("serve.log"),
        );
        let stdout = std::fs::File::create(&out).expect("the temporary folder takes a file");
        let stderr = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .expect("the temporary folder takes a file");
        let mut command = self.command();
        command.arg("serve");
        if !arguments.contains(&"--config") {
            // Whoever counts tasks wants only those that were asked for.
            let quiet = self.scratch.path().join("quiet.yaml");
            std::fs::write(&quiet, QUIET).expect("the temporary folder takes a file");
            command.arg("--config").arg(quiet);
        }
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        Serve { child, out, log }
    }

    /// Starts a command with this on its standard input and does not wait; what it says is not kept.
    #[track_caller]
    #[must_use]
    pub fn start(&self, arguments: &[&str], stdin: &[u8]) -> Child {
        let mut command = self.command();
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let mut input = child.stdin.take().expect("it has a standard input");
        std::io::Write::write_all(&mut input, stdin).expect("it reads its standard input");
        child
    }

    fn command(&self) -> Command {
        let mut command = Command::new(binary());
        command
            .env_remove("KUNDER_DATA")
            .env_remove("KUNDER_LOG")
            .env("NO_COLOR", "1");
        command.arg("--data").arg(&self.folder);
        command
    }
}

/// A running `kunder serve`; killed where the test drops it.
pub struct Serve {
    child: Child,
    out: PathBuf,
    log: PathBuf,
}

impl Serve {
    /// Waits until it says that it serves.
    ///
    /// # Panics
    /// When it ends instead.
    #[track_caller]
    pub fn wait_until_ready(&mut self) {
        eventually("`kunder serve` says that it serves", || {
            let said = std::fs::read_to_string(&self.out).unwrap_or_default();
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("`kunder serve` ended with {status}\n{}", self.log());
            }
            said.contains('\n').then_some(())
        });
    }

    /// Whether it has not ended by itself.
    #[must_use]
    pub fn still_runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// As `kill -9` does it.
    pub fn kill(mut self) {
        self.end();
    }

    /// Asks it to stop by SIGTERM.
    pub fn terminate(&self) {
        // The shell's own `kill`: a small Debian has no other one.
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -TERM {}", self.child.id())])
            .status();
        assert!(
            sent.expect("a shell can be started").success(),
            "no process to stop"
        );
    }

    /// Waits until it has ended; returns its exit code.
    ///
    /// # Panics
    /// When it does not end.
    #[track_caller]
    #[must_use]
    pub fn ended(self) -> i32 {
        self.ended_with_log().0
    }

    /// Waits until it has ended; returns its exit code and what it logged.
    ///
    /// # Panics
    /// When it does not end.
    #[track_caller]
    #[must_use]
    pub fn ended_with_log(mut self) -> (i32, String) {
        let code = ended(&mut self.child, PATIENCE);
        let code = code.unwrap_or_else(|| panic!("`kunder serve` does not end\n{}", self.log()));
        (code, self.log())
    }

    /// Stops it by SIGTERM; returns its exit code.
    #[track_caller]
    #[must_use]
    pub fn stop(self) -> i32 {
        self.terminate();
        self.ended()
    }

    /// What all starts on this folder logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        self.end();
        // Shown by the test runner where the test fails.
        if std::thread::panicking() {
            eprintln!("--- kunder serve\n{}", self.log());
        }
    }
}

/// The binary that `cargo xtask test` built, or the one in the workspace's target folder.
#[must_use]
pub fn binary() -> PathBuf {
    let built = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debug/kunder");
    let path = std::env::var_os("KUNDER_BIN").map_or_else(built, PathBuf::from);
    assert!(
        path.is_file(),
        "{} is missing: run `cargo build -p kunder`, or `cargo xtask test`",
        path.display()
    );
    path
}
