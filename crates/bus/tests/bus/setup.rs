//! Starting: a broker that cannot be used is refused with the reason and what to do about it.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::stream::{Config, RetentionPolicy};
use kunder_bus::{BusError, NatsBus, NatsConfig};

use crate::clock::TokioClock;
use crate::door::MemoryDoor;
use crate::proxy::Proxy;
use crate::server::TestServer;

async fn refused(config: NatsConfig) -> BusError {
    match NatsBus::connect(config, Arc::new(TokioClock)).await {
        Err(error) => error,
        Ok(_) => panic!("must be refused"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_jetstream_is_refused() {
    let server = TestServer::start_without_jetstream().await;
    let error = refused(server.config()).await;
    assert!(matches!(error, BusError::Unfit { .. }), "{error}");
    assert!(
        error.to_string().contains("answers no JetStream request"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("-js"), "{error:?}");
}

/// One that has just started or is busy takes connections before it answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_answers_late_is_asked_again() {
    let server = TestServer::start().await;
    let proxy = Proxy::start(server.port).await;
    proxy.delay(400);
    let config = NatsConfig {
        url: proxy.url(),
        answer_timeout_ms: 300,
        ..server.config()
    };
    let mut starting = Box::pin(async {
        let bus = NatsBus::connect(config, Arc::new(TokioClock)).await?;
        bus.serve(Arc::new(MemoryDoor::new())).await
    });
    let early = tokio::time::timeout(Duration::from_secs(4), &mut starting).await;
    assert!(early.is_err(), "no answer comes in time yet");
    proxy.delay(0);
    starting.await.expect("it is asked again").stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_there_is_said_without_secrets() {
    let error = refused(NatsConfig {
        connect_timeout_ms: 500,
        ..NatsConfig::new("nats://anna:hemligt@127.0.0.1:1")
    })
    .await;
    assert!(matches!(error, BusError::Unreachable { .. }), "{error}");
    assert!(
        error.to_string().contains("nats://127.0.0.1:1") && !error.to_string().contains("hemligt"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_cannot_be_as_needed_is_refused() {
    let server = TestServer::start().await;
    let jetstream = server.jetstream().await;
    let subjects = vec!["kunder.event.>".to_owned()];
    let other = Config {
        name: "OTHER".to_owned(),
        subjects,
        ..Config::default()
    };
    jetstream.create_stream(other).await.unwrap();
    let error = refused(server.config()).await;
    assert!(
        error.to_string().contains("stream KUNDER_EVENTS") && error.to_string().contains("overlap"),
        "{error}"
    );
    let error = refused(NatsConfig {
        replicas: 3,
        ..server.config()
    })
    .await;
    assert!(error.to_string().contains("replicas"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_start_updates_the_streams_and_keeps_what_they_hold() {
    let server = TestServer::start().await;
    let bus = server.bus().await;
    let serving = bus.serve(Arc::new(MemoryDoor::new())).await.unwrap();
    serving.stop().await;
    let jetstream = server.jetstream().await;
    jetstream
        .publish("kunder.result.pipeline.t1", "{}".into())
        .await
        .unwrap()
        .await
        .unwrap();
    let config = NatsConfig {
        keep_days: 7,
        tasks_max: 10,
        ..server.config()
    };
    let again = NatsBus::connect(config, Arc::new(TokioClock)).await.unwrap();
    let serving = again.serve(Arc::new(MemoryDoor::new())).await.unwrap();
    let results = jetstream
        .get_stream("KUNDER_RESULTS")
        .await
        .unwrap()
        .cached_info()
        .clone();
    assert_eq!(
        (results.state.messages, results.config.max_age.as_secs()),
        (1, 7 * 86_400)
    );
    let tasks = jetstream
        .get_stream("KUNDER_TASKS")
        .await
        .unwrap()
        .cached_info()
        .config
        .clone();
    assert_eq!(
        (tasks.retention, tasks.max_messages),
        (RetentionPolicy::WorkQueue, 10)
    );
    assert_eq!(
        tasks.subjects,
        ["kunder.task.customer-health.*", "kunder.task.pipeline.*"]
    );
    assert_eq!(tasks.metadata["owner"], "kunder");
    serving.stop().await;
}
