//! What the broker gives up on: its advisories are kept while nobody reads them, and each message becomes one letter.

use std::sync::Arc;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::stream;
use futures::StreamExt;
use kunder_agent_core::letter::{LetterKind, NewLetter};
use serde_json::{Value, json};

use crate::contract::stored;
use crate::door::MemoryDoor;
use crate::queue::{World, serve, task};
use crate::server::{TestServer, eventually};

const MAX_DELIVERIES: &str = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.KUNDER_TASKS.pipeline";

impl World {
    async fn consumer(&self, stream: &str, name: &str) -> PullConsumer {
        let stream = self.jetstream.get_stream(stream).await.unwrap();
        stream.get_consumer(name).await.unwrap()
    }

    /// As `nats consumer edit` does it.
    async fn limit_deliveries(&self, name: &str, max_deliver: i64) {
        let known = self.consumer("KUNDER_TASKS", name).await;
        let known = known.cached_info().config.clone();
        let config = Config {
            durable_name: known.durable_name,
            filter_subject: known.filter_subject,
            ack_policy: known.ack_policy,
            ack_wait: known.ack_wait,
            max_ack_pending: known.max_ack_pending,
            max_deliver,
            ..Config::default()
        };
        let stream = self.jetstream.get_stream("KUNDER_TASKS").await.unwrap();
        stream.update_consumer(config).await.unwrap();
    }

    async fn letter(&self) -> NewLetter {
        eventually("a letter", async || self.door.letters().pop()).await
    }

    /// Until every advisory there was is dealt with.
    async fn advisories_are_done(&self, count: u64) {
        eventually("the advisories are dealt with", async || {
            let stream = self.jetstream.get_stream("KUNDER_ADVISORIES").await.ok()?;
            let state = &stream.cached_info().state;
            (state.last_sequence == count && state.messages == 0).then_some(())
        })
        .await;
    }
}

/// A limit that an operator has set on a consumer stays, and what goes beyond it is set aside: once, whole, out of the queue.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_delivered_too_often_becomes_a_letter() {
    let world = serve().await;
    world.limit_deliveries("pipeline", 2).await;
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("X-Mine", "kept");
    headers.insert("Nats-Msg-Id", "original");
    let body = task("b1", "busy");
    let sent = world
        .jetstream
        .publish_with_headers("kunder.task.pipeline.b1", headers, body.clone().into());
    sent.await.unwrap().await.unwrap();

    let letter = world.letter().await;
    assert_eq!(
        (letter.kind, letter.to.as_str(), letter.subject.as_str()),
        (LetterKind::Message, "pipeline", "kunder.task.pipeline.b1")
    );
    assert_eq!(letter.reason, "the broker gave it up after 2 deliveries");
    assert_eq!(letter.body, body.as_bytes());
    assert!(letter.headers.contains(&("X-Mine".to_owned(), "kept".to_owned())));
    world.queue_is_empty().await;
    world.advisories_are_done(1).await;
    let on_stream = stored(&world.jetstream, "KUNDER_DLQ").await;
    assert_eq!(
        (on_stream.len(), on_stream[0].subject.as_str()),
        (1, "kunder.dlq.pipeline.b1")
    );
    assert_eq!(on_stream[0].payload, body);
    assert_eq!(on_stream[0].headers.get("X-Mine").unwrap().as_str(), "kept");

    // The broker may say it again, as after a crash that left the advisory unconfirmed.
    let again = json!({
        "type": "io.nats.jetstream.advisory.v1.max_deliver", "id": "x", "timestamp": "2026-11-24T00:00:00Z",
        "stream": "KUNDER_TASKS", "consumer": "pipeline", "stream_seq": 1, "deliveries": 2,
    });
    world.publish(MAX_DELIVERIES, again.to_string()).await;
    world.publish(MAX_DELIVERIES, "not an advisory").await;
    world.advisories_are_done(3).await;
    assert_eq!(world.door.letters().len(), 1);
    assert_eq!(world.messages("KUNDER_DLQ").await, 1);
    assert_eq!(world.door.accepted(), [""; 0]);

    world.serving.stop().await;
    let serving = world.bus.serve(Arc::clone(&world.door) as _).await.unwrap();
    let consumer = world.server.jetstream().await;
    let consumer = consumer.get_stream("KUNDER_TASKS").await.unwrap();
    let info = consumer.consumer_info("pipeline").await.unwrap();
    assert_eq!(info.config.max_deliver, 2, "it is the operator's to set");
    serving.stop().await;
}

/// Being given back because the door is busy never counts where nobody has set a limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_given_up_by_default() {
    let world = serve().await;
    for (stream, consumer) in [
        ("KUNDER_TASKS", "pipeline"),
        ("KUNDER_TASKS", "customer-health"),
        ("KUNDER_IN", "runner"),
    ] {
        let consumer = world.consumer(stream, consumer).await;
        assert_eq!(consumer.cached_info().config.max_deliver, -1);
    }
}

/// Advisories of the time when nobody served are read at the next start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_else_ended_while_we_were_away_becomes_a_letter() {
    let mut world = serve().await;
    world.serving.stop().await;
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("ce-id", "7");
    let sent = world
        .jetstream
        .publish_with_headers("kunder.in.salj.deal-won", headers, r#"{"a":1}"#.into());
    sent.await.unwrap().await.unwrap();
    let taken = world.jetstream.get_stream("KUNDER_IN").await.unwrap();
    let taken: PullConsumer = taken.get_consumer("runner").await.unwrap();
    let mut taken = taken.fetch().max_messages(1).messages().await.unwrap();
    let message = taken.next().await.unwrap().unwrap();
    let client = world.server.client().await;
    client
        .publish(message.reply.clone().unwrap(), "+TERM by hand".into())
        .await
        .unwrap();
    client.flush().await.unwrap();
    eventually("the broker told it", async || {
        let stream = world.jetstream.get_stream("KUNDER_ADVISORIES").await.unwrap();
        (stream.cached_info().state.messages == 1).then_some(())
    })
    .await;

    world.serving = world.bus.serve(Arc::clone(&world.door) as _).await.unwrap();
    let letter = world.letter().await;
    assert_eq!(letter.reason, "somebody else ended it at the broker: by hand");
    assert_eq!(
        (
            letter.to.as_str(),
            letter.subject.as_str(),
            letter.body.as_slice()
        ),
        ("KUNDER_IN", "kunder.in.salj.deal-won", br#"{"a":1}"#.as_slice())
    );
    assert!(letter.headers.contains(&("ce-id".to_owned(), "7".to_owned())));
    world.advisories_are_done(1).await;
    assert_eq!(
        world.messages("KUNDER_IN").await,
        1,
        "what came in stays on its stream"
    );
}

/// A work queue forgets what is ended: that it was there is told all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_else_ended_in_the_queue_is_told_without_its_content() {
    let world = serve().await;
    world
        .publish("kunder.task.pipeline.g1", task("g1", "gated"))
        .await;
    eventually("it is handed out", async || {
        let consumer = world.consumer("KUNDER_TASKS", "pipeline").await;
        (consumer.cached_info().num_ack_pending == 1).then_some(())
    })
    .await;
    let client = world.server.client().await;
    client
        .publish("$JS.ACK.KUNDER_TASKS.pipeline.1.1.1.0.0", "+TERM by hand".into())
        .await
        .unwrap();
    let letter = world.letter().await;
    assert_eq!(
        letter.reason,
        "somebody else ended it at the broker: by hand; its content is gone"
    );
    assert_eq!((letter.to.as_str(), letter.body.len()), ("KUNDER_TASKS", 0));
}

/// What we refuse ourselves is a letter by then; the advisory about that makes no second one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_we_end_ourselves_is_one_letter() {
    let world = serve().await;
    world.publish("kunder.task.pipeline.t1", "{").await;
    world.publish("kunder.in.salj.deal-won", "bad").await;
    world.advisories_are_done(2).await;
    let mut letters = world.door.letters();
    letters.sort_by(|one, other| one.subject.cmp(&other.subject));
    let told: Vec<(&str, &[u8])> = letters
        .iter()
        .map(|letter| (letter.to.as_str(), letter.body.as_slice()))
        .collect();
    assert_eq!(told, [("KUNDER_IN", b"bad".as_slice()), ("pipeline", b"{")]);
    assert!(letters[0].cause.starts_with("KUNDER_IN/1/") && letters[0].cause.len() > 25);
    assert_eq!(world.messages("KUNDER_DLQ").await, 2);
}

/// Somebody may capture advisories already: then everything else works, and it is told what is missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_advisories_are_captured_already_the_rest_works() {
    let server = TestServer::start().await;
    let jetstream = server.jetstream().await;
    let other = stream::Config {
        name: "OTHER".to_owned(),
        subjects: vec!["$JS.EVENT.ADVISORY.>".to_owned()],
        ..stream::Config::default()
    };
    jetstream.create_stream(other).await.unwrap();
    let bus = server.bus().await;
    let door = Arc::new(MemoryDoor::new());
    let serving = bus.serve(Arc::clone(&door) as _).await.unwrap();
    let body: Value = serde_json::from_str(&task("t1", "report")).unwrap();
    jetstream
        .publish("kunder.task.pipeline.t1", body.to_string().into())
        .await
        .unwrap()
        .await
        .unwrap();
    eventually("it is accepted", async || {
        (door.accepted() == ["t1"]).then_some(())
    })
    .await;
    let report = bus.inspect().await;
    assert!(
        report
            .problems
            .iter()
            .any(|problem| problem.contains("KUNDER_ADVISORIES")),
        "{report:?}"
    );
    serving.stop().await;
}
