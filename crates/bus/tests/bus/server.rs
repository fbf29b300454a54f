//! A real nats-server of one test: on a free port, in a folder of its own, ended with the test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use kunder_bus::{NatsBus, NatsConfig};
use tempfile::TempDir;

use crate::clock::TokioClock;

/// A running nats-server.
pub struct TestServer {
    folder: TempDir,
    child: Child,
    pub port: u16,
    arguments: Vec<String>,
    binary: PathBuf,
}

impl TestServer {
    /// With JetStream.
    pub async fn start() -> Self {
        Self::start_binary(binary()).await
    }

    /// Another nats-server, with JetStream.
    pub async fn start_binary(binary: PathBuf) -> Self {
        let folder = TempDir::new().unwrap();
        let arguments = stored_in(&folder);
        Self::start_in(folder, arguments, binary).await
    }

    /// With JetStream and these lines in its configuration file.
    pub async fn start_configured(lines: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("nats.conf");
        std::fs::write(&file, lines).unwrap();
        let mut arguments = stored_in(&folder);
        arguments.extend(["-c".to_owned(), file.display().to_string()]);
        Self::start_in(folder, arguments, binary()).await
    }

    pub async fn start_without_jetstream() -> Self {
        Self::start_in(TempDir::new().unwrap(), Vec::new(), binary()).await
    }

    async fn start_in(folder: TempDir, arguments: Vec<String>, binary: PathBuf) -> Self {
        // Shown by the test runner where a test fails.
        let _ = tracing_subscriber::fmt()
            .with_test_writer()
            .with_max_level(tracing::Level::INFO)
            .try_init();
        let child = spawn(&binary, folder.path(), -1, &arguments);
        let suffix = format!("_{}.ports", child.id());
        let mut server = Self {
            folder,
            child,
            port: 0,
            arguments,
            binary,
        };
        let ports = eventually("the server writes its ports", async || {
            let mut files = std::fs::read_dir(server.folder.path()).ok()?.flatten();
            let file = files.find(|file| file.file_name().to_string_lossy().ends_with(&suffix))?;
            let ports: serde_json::Value =
                serde_json::from_str(&std::fs::read_to_string(file.path()).ok()?).ok()?;
            Some(ports["nats"][0].as_str()?.to_owned())
        });
        let url = ports.await;
        server.port = url.rsplit(':').next().unwrap().parse().unwrap();
        server
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub fn config(&self) -> NatsConfig {
        NatsConfig {
            answer_timeout_ms: 2_000,
            ack_wait_ms: 2_000,
            ..NatsConfig::new(&self.url())
        }
    }

    pub async fn bus(&self) -> NatsBus {
        NatsBus::connect(self.config(), Arc::new(TokioClock))
            .await
            .unwrap()
    }

    /// A client that knows nothing of us.
    pub async fn client(&self) -> async_nats::Client {
        async_nats::connect(self.url()).await.unwrap()
    }

    pub async fn jetstream(&self) -> async_nats::jetstream::Context {
        async_nats::jetstream::new(self.client().await)
    }

    /// As `kill -9` does it.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop by SIGTERM, and waits until it has.
    pub fn terminate(&mut self) {
        self.signal("TERM");
        self.child.wait().unwrap();
    }

    /// Other lines in its configuration file, read at once.
    pub fn reload(&self, lines: &str) {
        std::fs::write(self.folder.path().join("nats.conf"), lines).unwrap();
        self.signal("HUP");
    }

    /// What it logged since its first start.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn signal(&self, name: &str) {
        // The shell's own `kill`: a small Debian has no other one.
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", self.child.id())])
            .status();
        assert!(sent.unwrap().success());
    }

    /// On the same port, with what it had stored; does not wait.
    pub fn spawn_again(&mut self) {
        self.child = spawn(
            &self.binary,
            self.folder.path(),
            i32::from(self.port),
            &self.arguments,
        );
    }

    /// From now on another nats-server, on the same port and storage.
    pub fn replace(&mut self, binary: PathBuf) {
        self.binary = binary;
    }

    /// On the same port, with what it had stored.
    pub async fn start_again(&mut self) {
        self.spawn_again();
        let url = self.url();
        eventually("the server is back", async || {
            async_nats::connect(&url).await.ok()
        })
        .await;
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn stored_in(folder: &TempDir) -> Vec<String> {
    let store = folder.path().join("jetstream").display().to_string();
    vec!["-js".to_owned(), "-sd".to_owned(), store]
}

fn spawn(binary: &Path, folder: &Path, port: i32, arguments: &[String]) -> Child {
    Command::new(binary)
        .args(["-a", "127.0.0.1", "-p", &port.to_string(), "--ports_file_dir"])
        .arg(folder)
        .args(["-l".into(), folder.join("log")])
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

pub fn binary() -> PathBuf {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/bin/nats-server");
    let path = std::env::var_os("KUNDER_NATS_SERVER").map_or(tools, PathBuf::from);
    assert!(
        path.is_file(),
        "{} is missing: run `cargo xtask tools`, which brings nats-server",
        path.display()
    );
    path
}

/// Asks again and again, for at most 20 seconds.
pub async fn eventually<T>(what: &str, asked: impl AsyncFnMut() -> Option<T>) -> T {
    within(20, what, asked).await
}

/// Asks again and again, for at most so many seconds.
#[expect(clippy::disallowed_methods, reason = "waits for a real server in real time")]
pub async fn within<T>(seconds: u32, what: &str, mut asked: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..50 * seconds {
        if let Some(found) = asked().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not within {seconds} seconds: {what}");
}
