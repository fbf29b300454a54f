//! A real nats-server of one test: on a free port, in a folder of its own, ended with the test.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::patience::eventually;

/// A running nats-server.
pub struct Nats {
    folder: TempDir,
    child: Child,
    port: u16,
    arguments: Vec<String>,
}

impl Nats {
    /// With JetStream.
    #[must_use]
    pub fn start() -> Self {
        Self::start_configured("")
    }

    /// With JetStream, and these lines in its configuration file, such as `max_payload: 8MB`.
    #[must_use]
    pub fn start_configured(lines: &str) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder takes a folder");
        let file = folder.path().join("nats.conf");
        std::fs::write(&file, lines).expect("the temporary folder takes a file");
        let store = folder.path().join("jetstream");
        let arguments = ["-c".into(), file, "-js".into(), "-sd".into(), store]
            .map(|argument: PathBuf| argument.display().to_string());
        Self::start_in(folder, arguments.to_vec())
    }

    #[must_use]
    pub fn start_without_jetstream() -> Self {
        Self::start_in(
            tempfile::tempdir().expect("the temporary folder takes a folder"),
            Vec::new(),
        )
    }

    fn start_in(folder: TempDir, arguments: Vec<String>) -> Self {
        let child = spawn(&folder, -1, &arguments);
        let mut nats = Self {
            folder,
            child,
            port: 0,
            arguments,
        };
        nats.port = nats.wait();
        nats
    }

    /// `nats://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Other lines in its configuration file, read at once; only where it was started with some.
    ///
    /// # Panics
    /// When it does not run.
    pub fn reload(&self, lines: &str) {
        std::fs::write(self.folder.path().join("nats.conf"), lines)
            .expect("the temporary folder takes a file");
        // The shell's own `kill`: a small Debian has no other one.
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -HUP {}", self.child.id())])
            .status();
        assert!(
            sent.expect("a shell can be started").success(),
            "no server to reload"
        );
    }

    /// As `kill -9` does it.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// On the same port, with what it had stored.
    pub fn start_again(&mut self) {
        self.child = spawn(&self.folder, i32::from(self.port), &self.arguments);
        assert_eq!(self.wait(), self.port);
    }

    /// Waits until it serves; returns its port.
    fn wait(&mut self) -> u16 {
        let suffix = format!("_{}.ports", self.child.id());
        let child = &mut self.child;
        let log = self.folder.path().join("log");
        eventually("nats-server writes its ports", || {
            if let Ok(Some(status)) = child.try_wait() {
                panic!(
                    "nats-server ended with {status}: {}",
                    std::fs::read_to_string(&log).unwrap_or_default()
                );
            }
            let mut files = std::fs::read_dir(self.folder.path()).ok()?.flatten();
            let file = files.find(|file| file.file_name().to_string_lossy().ends_with(&suffix))?;
            let ports: serde_json::Value =
                serde_json::from_str(&std::fs::read_to_string(file.path()).ok()?).ok()?;
            ports["nats"][0].as_str()?.rsplit(':').next()?.parse().ok()
        })
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(folder: &TempDir, port: i32, arguments: &[String]) -> Child {
    let mut command = Command::new(binary());
    command
        .args(["-a", "127.0.0.1", "-p", &port.to_string(), "--ports_file_dir"])
        .arg(folder.path());
    command
        .args(["-l".into(), folder.path().join("log")])
        .args(arguments);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().expect("nats-server can be started")
}

fn binary() -> PathBuf {
    super::python::tool("KUNDER_NATS_SERVER", "nats-server")
}
