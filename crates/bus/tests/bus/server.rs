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
}

impl TestServer {
    /// With JetStream.
    pub async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let store = folder.path().join("jetstream").display().to_string();
        Self::start_in(folder, vec!["-js".to_owned(), "-sd".to_owned(), store]).await
    }

    pub async fn start_without_jetstream() -> Self {
        Self::start_in(TempDir::new().unwrap(), Vec::new()).await
    }

    async fn start_in(folder: TempDir, arguments: Vec<String>) -> Self {
        // Shown by the test runner where a test fails.
        let _ = tracing_subscriber::fmt()
            .with_test_writer()
            .with_max_level(tracing::Level::INFO)
            .try_init();
        let child = spawn(folder.path(), -1, &arguments);
        let suffix = format!("_{}.ports", child.id());
        let mut server = Self {
            folder,
            child,
            port: 0,
            arguments,
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

    /// On the same port, with what it had stored.
    pub async fn start_again(&mut self) {
        self.child = spawn(self.folder.path(), i32::from(self.port), &self.arguments);
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

fn spawn(folder: &Path, port: i32, arguments: &[String]) -> Child {
    Command::new(binary())
        .args(["-a", "127.0.0.1", "-p", &port.to_string(), "--ports_file_dir"])
        .arg(folder)
        .args(["-l".into(), folder.join("log")])
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn binary() -> PathBuf {
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
#[expect(clippy::disallowed_methods, reason = "waits for a real server in real time")]
pub async fn eventually<T>(what: &str, mut asked: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..1_000 {
        if let Some(found) = asked().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not within 20 seconds: {what}");
}
