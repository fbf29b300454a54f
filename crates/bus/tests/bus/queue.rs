//! The work queue: acknowledged once accepted, given back when busy, a dead letter when refused for good.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::PublishErrorKind;
use kunder_bus::{NatsBus, NatsConfig, Serving};
use serde_json::json;

use crate::clock::TokioClock;
use crate::contract::stored;
use crate::door::MemoryDoor;
use crate::server::{TestServer, eventually};

pub struct World {
    pub server: TestServer,
    pub bus: NatsBus,
    pub door: Arc<MemoryDoor>,
    pub serving: Serving,
    pub jetstream: Context,
}

pub async fn serve() -> World {
    let server = TestServer::start().await;
    let config = server.config();
    serve_on(server, config).await
}

pub async fn serve_on(server: TestServer, config: NatsConfig) -> World {
    let bus = NatsBus::connect(config, Arc::new(TokioClock)).await.unwrap();
    let door = Arc::new(MemoryDoor::new());
    let serving = bus.serve(Arc::clone(&door) as _).await.unwrap();
    let jetstream = server.jetstream().await;
    World {
        server,
        bus,
        door,
        serving,
        jetstream,
    }
}

impl World {
    pub async fn publish(&self, subject: &str, payload: impl Into<Vec<u8>>) {
        self.jetstream
            .publish(subject.to_owned(), payload.into().into())
            .await
            .unwrap()
            .await
            .unwrap();
    }

    pub async fn accepted(&self, count: usize) {
        eventually("tasks are accepted", async || {
            (self.door.accepted().len() == count).then_some(())
        })
        .await;
    }

    pub async fn messages(&self, stream: &str) -> u64 {
        self.jetstream
            .get_stream(stream)
            .await
            .unwrap()
            .cached_info()
            .state
            .messages
    }

    pub async fn queue_is_empty(&self) {
        eventually("the queue is empty", async || {
            (self.messages("KUNDER_TASKS").await == 0).then_some(())
        })
        .await;
    }
}

pub fn task(id: &str, command: &str) -> String {
    json!({ "taskId": id, "instruction": { "command": command } }).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_are_accepted_many_at_once_and_leave_the_queue() {
    let world = serve().await;
    for number in 0..200 {
        world
            .publish(
                &format!("kunder.task.pipeline.t{number}"),
                task(&format!("t{number}"), "report"),
            )
            .await;
    }
    world.accepted(200).await;
    world.queue_is_empty().await;
    assert_eq!(world.door.task("t7").agent.as_deref(), Some("pipeline"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acknowledged_before_it_is_accepted() {
    let world = serve().await;
    for number in 0..3 {
        world
            .publish(
                &format!("kunder.task.pipeline.g{number}"),
                task(&format!("g{number}"), "gated"),
            )
            .await;
    }
    world
        .publish("kunder.task.pipeline.t1", task("t1", "report"))
        .await;
    world.accepted(1).await;
    assert_eq!(world.door.accepted(), ["t1"], "those that wait hold nobody up");
    eventually("only the accepted one has left", async || {
        (world.messages("KUNDER_TASKS").await == 3).then_some(())
    })
    .await;
    world.door.gate.send_replace(true);
    world.accepted(4).await;
    world.queue_is_empty().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_door_gets_the_task_again_after_the_time_it_asked_for() {
    let world = serve().await;
    world.publish("kunder.task.pipeline.b1", task("b1", "busy")).await;
    world.accepted(1).await;
    assert_eq!(world.door.refusals("b1"), 2);
    world.queue_is_empty().await;
    assert_eq!(world.messages("KUNDER_DLQ").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_for_good_becomes_a_dead_letter() {
    let world = serve().await;
    world
        .publish("kunder.task.pipeline.t1", task("t1", "report"))
        .await;
    world.accepted(1).await;
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("X-Mine", "kept");
    headers.insert("Nats-Msg-Id", "original");
    let conflicting = task("t1", "other");
    let publish =
        world
            .jetstream
            .publish_with_headers("kunder.task.pipeline.t1", headers, conflicting.clone().into());
    publish.await.unwrap().await.unwrap();
    world
        .publish("kunder.task.pipeline.t2", task("t3", "report"))
        .await;
    world.publish("kunder.task.customer-health.t4", "{").await;
    world
        .publish("kunder.task.pipeline.t5", vec![b' '; 1_048_500])
        .await;
    let letters = eventually("four letters", async || {
        let letters = stored(&world.jetstream, "KUNDER_DLQ").await;
        (letters.len() == 4).then_some(letters)
    })
    .await;
    world.queue_is_empty().await;
    let of = |subject: &str| {
        letters
            .iter()
            .find(|letter| letter.subject.as_str() == subject)
            .unwrap()
    };
    let header = |subject: &str, name: &str| {
        of(subject)
            .headers
            .get(name)
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    let conflict = "kunder.dlq.pipeline.t1";
    let names = [
        "Kunder-Error-Code",
        "Kunder-Error",
        "Kunder-Subject",
        "X-Mine",
        "Nats-Msg-Id",
    ];
    let expected = [
        "409",
        "task `t1` has another body",
        "kunder.task.pipeline.t1",
        "kept",
        "dlq-KUNDER_TASKS-2",
    ];
    assert_eq!(names.map(|name| header(conflict, name)), expected);
    assert_eq!(of(conflict).payload, conflicting);
    let mismatch = "kunder.dlq.pipeline.t2";
    assert_eq!(
        header(mismatch, "Kunder-Error"),
        "`taskId` is `t3`, the subject names `t2`"
    );
    assert_eq!(
        [
            header(mismatch, "Kunder-Error-Code"),
            header(mismatch, "Kunder-Error-Field")
        ],
        ["400", "taskId"]
    );
    assert_eq!(
        header("kunder.dlq.customer-health.t4", "Kunder-Error-Code"),
        "400"
    );
    let large = "kunder.dlq.pipeline.t5";
    assert_eq!(
        [
            header(large, "Kunder-Error-Code"),
            header(large, "Kunder-Truncated")
        ],
        ["413", "1048500"]
    );
    assert!(of(large).payload.len() > 1_000_000);
    assert_eq!(world.door.accepted(), ["t1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_broker_refuses_a_task_for_an_agent_that_does_not_exist() {
    let world = serve().await;
    let sent = world
        .jetstream
        .publish("kunder.task.onbording.t1", task("t1", "report").into())
        .await
        .unwrap();
    assert_eq!(sent.await.unwrap_err().kind(), PublishErrorKind::StreamNotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_gives_back_what_was_not_accepted() {
    let World {
        server: _server,
        bus,
        door,
        serving,
        jetstream,
    } = serve().await;
    serving.stop().await;
    jetstream
        .publish("kunder.task.pipeline.t1", task("t1", "report").into())
        .await
        .unwrap()
        .await
        .unwrap();
    assert!(door.accepted().is_empty(), "it has stopped");
    let door = Arc::new(MemoryDoor::new());
    let serving = bus.serve(Arc::clone(&door) as _).await.unwrap();
    eventually("accepted after a new start", async || {
        (door.accepted() == ["t1"]).then_some(())
    })
    .await;
    tokio::time::timeout(Duration::from_secs(5), serving.stop())
        .await
        .unwrap();
}

/// Headers that are no text make the client drop the connection; the queue must not stand still for ever behind them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_with_unreadable_headers_is_set_aside() {
    use tokio::io::AsyncWriteExt;
    let world = serve().await;
    let mut raw = tokio::net::TcpStream::connect(("127.0.0.1", world.server.port))
        .await
        .unwrap();
    let headers = b"NATS/1.0\r\nX-Bad: \xFF\xFE\r\n\r\n";
    let body = task("bad", "report");
    let start = format!(
        "CONNECT {{\"headers\":true,\"verbose\":false}}\r\nHPUB kunder.task.pipeline.bad {} {}\r\n",
        headers.len(),
        headers.len() + body.len()
    );
    raw.write_all(&[start.as_bytes(), headers, body.as_bytes(), b"\r\nPING\r\n"].concat())
        .await
        .unwrap();
    // It may be set aside before anyone can look.
    eventually("it came in", async || {
        let stream = world.jetstream.get_stream("KUNDER_TASKS").await.ok()?;
        (stream.cached_info().state.last_sequence == 1).then_some(())
    })
    .await;
    world
        .publish("kunder.task.pipeline.good", task("good", "report"))
        .await;
    world.accepted(1).await;
    world.queue_is_empty().await;
    assert_eq!(world.door.accepted(), ["good"]);
    let letters = stored(&world.jetstream, "KUNDER_DLQ").await;
    assert_eq!(
        (letters.len(), letters[0].subject.as_str()),
        (1, "kunder.dlq.pipeline.bad")
    );
    assert_eq!(letters[0].payload, body);
}
