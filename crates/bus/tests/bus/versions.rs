//! Servers of other versions: the bus works on each from end to end, and the report says what an old one lacks.

use std::path::{Path, PathBuf};

use kunder_agent_core::bus::{Announcement, AnnouncementKind, Bus};

use crate::clauses::{announcement, events};
use crate::contract::stored;
use crate::queue::{World, serve_on, task};
use crate::server::{TestServer, binary, eventually};

/// The nats-server of a version, where `cargo xtask tools` has put it.
fn brought(version: &str) -> PathBuf {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/nats");
    let folder = std::env::var_os("KUNDER_NATS_SERVERS").map_or(tools, PathBuf::from);
    folder.join(version).join("nats-server")
}

fn needed(version: &str) -> PathBuf {
    let path = brought(version);
    assert!(
        path.is_file(),
        "{} is missing: run `cargo xtask tools`, which brings it",
        path.display()
    );
    path
}

async fn serve_with(binary: PathBuf) -> World {
    let server = TestServer::start_binary(binary).await;
    let config = server.config();
    serve_on(server, config).await
}

fn results(last: u64) -> Vec<Announcement> {
    let result = |number| {
        let subject = format!("kunder.result.pipeline.r{number}");
        announcement(number, AnnouncementKind::Result, &subject)
    };
    (1..=last).map(result).collect()
}

impl World {
    async fn announced_once(&self, last: u64) {
        for _ in 0..2 {
            for batch in [results(last), events(1..=last)] {
                eventually("all is announced", async || {
                    let (taken, _) = self.bus.announce("s", &batch).await;
                    (taken as u64 == last).then_some(())
                })
                .await;
            }
        }
        for stream in ["KUNDER_RESULTS", "KUNDER_EVENTS"] {
            assert_eq!(self.messages(stream).await, last, "{stream}");
        }
    }

    async fn task_taken(&self, id: &str) {
        let before = self.door.accepted().len();
        eventually("the task is sent", async || {
            let subject = format!("kunder.task.pipeline.{id}");
            let sent = self.jetstream.publish(subject, task(id, "report").into()).await;
            sent.ok()?.await.ok()
        })
        .await;
        self.accepted(before + 1).await;
        self.queue_is_empty().await;
    }

    /// Refused for good: one letter, and it does not come again when the acknowledgement time is over.
    async fn letter_written_once(&self) {
        self.publish("kunder.task.pipeline.bad", "{").await;
        eventually("the letter is written", async || {
            (self.messages("KUNDER_DLQ").await == 1).then_some(())
        })
        .await;
        self.queue_is_empty().await;
        let letters = stored(&self.jetstream, "KUNDER_DLQ").await;
        assert_eq!(letters[0].subject.as_str(), "kunder.dlq.pipeline.bad");
    }
}

/// The bus from end to end, over a restart; `lacks` are the words of the report, one for each thing that is missing.
async fn works(binary: PathBuf, level: usize, lacks: &[&str]) {
    let mut world = serve_with(binary).await;
    world.task_taken("t1").await;
    world.announced_once(300).await;
    world.letter_written_once().await;
    world.server.kill();
    world.server.start_again().await;
    world.task_taken("t2").await;
    world.announced_once(310).await;
    let answered = async || {
        let request = world
            .server
            .client()
            .await
            .request("kunder.svc.control.request", "abc".into())
            .await;
        request.ok()
    };
    assert_eq!(eventually("the services answer", answered).await.payload, "cba");
    let report = world.bus.inspect().await;
    assert_eq!(
        (report.problems.len(), report.api_level),
        (0, level),
        "{report:?}"
    );
    let old: Vec<&String> = report
        .warnings
        .iter()
        .filter(|warning| warning.contains(" is old: "))
        .collect();
    assert_eq!(old.len(), lacks.len(), "{old:?}");
    for (warning, part) in old.iter().zip(lacks) {
        assert!(
            warning.contains(part) && warning.contains(&report.server_version),
            "{warning}"
        );
    }
}

const NO_LEVEL: &str = "does not report what it can do";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bus_works_on_2_15() {
    works(binary(), 5, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bus_works_on_2_14() {
    works(needed("2.14.6"), 4, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bus_works_on_2_12() {
    works(needed("2.12.8"), 3, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bus_works_on_2_11() {
    works(needed("2.11.11"), 1, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bus_works_on_2_10_and_what_is_missing_is_said() {
    works(needed("2.10.26"), 0, &[NO_LEVEL]).await;
}

/// Debian's. Where its package could not be had, `cargo xtask tools` and the first lines of `cargo xtask test` say so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bus_works_on_debians_2_9_and_what_is_missing_is_said() {
    let debian = brought("2.9.10");
    if !debian.is_file() {
        eprintln!(
            "SKIPPED: {} is not here, Debian's package could not be had",
            debian.display()
        );
        return;
    }
    works(
        debian,
        0,
        &["cannot keep whose a stream is", "takes no reason", NO_LEVEL],
    )
    .await;
}

/// The broker is upgraded while we serve: same port, same storage, and nothing to do for anyone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_of_the_broker_under_us_needs_nobody() {
    let mut world = serve_with(needed("2.10.26")).await;
    world.task_taken("t1").await;
    world.announced_once(20).await;
    for (newer, task) in [(needed("2.12.8"), "t2"), (binary(), "t3")] {
        world.server.terminate();
        world.server.replace(newer);
        world.server.start_again().await;
        world.task_taken(task).await;
        world.announced_once(20).await;
    }
    let report = world.bus.inspect().await;
    assert!(report.problems.is_empty() && report.api_level == 5, "{report:?}");
    assert!(
        !report
            .warnings
            .iter()
            .any(|warning| warning.contains(" is old: ")),
        "{report:?}"
    );
}
