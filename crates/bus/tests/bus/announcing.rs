//! Announcing over NATS: headers on the wire, repeats beyond the broker's memory, and no hole in the events.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::stream::StorageType;
use kunder_agent_core::bus::{AnnounceError, AnnouncementKind, Bus};
use kunder_bus::{NatsBus, NatsConfig};

use crate::clauses::{announcement, events};
use crate::clock::TokioClock;
use crate::contract::stored;
use crate::server::{TestServer, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_announcement_says_whose_it_is() {
    let server = TestServer::start().await;
    let bus = server.bus().await;
    let mut event = announcement(7, AnnouncementKind::Event, "kunder.event.pipeline.story");
    event
        .headers
        .push(("traceparent".to_owned(), "00-aa-bb-01".to_owned()));
    assert_eq!(bus.announce("store.1", &[event]).await.0, 1);
    let messages = stored(&server.jetstream().await, "KUNDER_EVENTS").await;
    let header = |name: &str| {
        messages[0]
            .headers
            .get(name)
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    let names = [
        "Nats-Msg-Id",
        "Kunder-Store",
        "Kunder-Outbox",
        "traceparent",
        "ce-subject",
    ];
    assert_eq!(
        names.map(header),
        ["m=2F7", "store=2E1", "7", "00-aa-bb-01", "customer/%C3%85"]
    );
    assert_eq!(bus.describe(), format!("nats {}", server.url()));
}

/// The broker forgets ids after its window; the subject of a result and the number of an event do not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_after_the_duplicate_window_is_still_a_repeat() {
    let server = TestServer::start().await;
    let config = NatsConfig {
        duplicate_window_ms: 100,
        ..server.config()
    };
    let connect = || NatsBus::connect(config.clone(), Arc::new(TokioClock));
    let bus = connect().await.unwrap();
    let result = [announcement(
        1,
        AnnouncementKind::Result,
        "kunder.result.pipeline.t1",
    )];
    assert_eq!(bus.announce("s", &result).await.0, 1);
    assert_eq!(bus.announce("s", &events(2..=4)).await.0, 3);
    forget_ids().await;
    let again = connect().await.unwrap();
    assert_eq!(again.announce("s", &result).await.0, 1);
    assert_eq!(again.announce("s", &events(2..=5)).await.0, 4);
    let jetstream = server.jetstream().await;
    assert_eq!(stored(&jetstream, "KUNDER_RESULTS").await.len(), 1);
    assert_eq!(stored(&jetstream, "KUNDER_EVENTS").await.len(), 4);
    assert_eq!(again.last_event("s").await, Some(5));
}

/// Resuming after the last number would skip an event for ever, if a later one could be stored without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_is_stored_before_the_ones_in_front_of_it() {
    let server = TestServer::start().await;
    let bus = server.bus().await;
    let jetstream = server.jetstream().await;
    assert_eq!(bus.announce("s", &events(1..=3)).await.0, 3);
    // The broker refuses large events from now on, so the middle of the next batch fails while its neighbours could be stored.
    let mut config = jetstream
        .get_stream("KUNDER_EVENTS")
        .await
        .unwrap()
        .cached_info()
        .config
        .clone();
    config.max_message_size = 10_000;
    jetstream.update_stream(&config).await.unwrap();
    let mut batch = events(4..=20);
    batch[5].body = vec![b'x'; 20_000];
    let (taken, error) = bus.announce("s", &batch).await;
    assert_eq!(taken, 5);
    assert!(matches!(error, Some(AnnounceError::Refused(_))), "{error:?}");
    assert_eq!(
        stored(&jetstream, "KUNDER_EVENTS").await.len(),
        8,
        "nothing after the failed one"
    );
    assert_eq!(bus.last_event("s").await, Some(8));
    batch[5].body = b"smaller".to_vec();
    assert_eq!(bus.announce("s", &batch[5..]).await.0, 12);
    assert_eq!(bus.last_event("s").await, Some(20));
    assert_eq!(stored(&jetstream, "KUNDER_EVENTS").await.len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_in_the_event_stream_do_not_stop_ours() {
    let server = TestServer::start().await;
    let bus = server.bus().await;
    let jetstream = server.jetstream().await;
    assert_eq!(bus.announce("s", &events(1..=2)).await.0, 2);
    jetstream
        .publish("kunder.event.foreign.x", "by hand".into())
        .await
        .unwrap()
        .await
        .unwrap();
    assert_eq!(bus.last_event("s").await, None, "the newest one is not ours");
    // 1 and 2 are known to the broker by their ids, which breaks the chain after each of them.
    let (taken, error) = bus.announce("s", &events(1..=4)).await;
    assert_eq!((taken, error.map(|error| error.to_string())), (4, None));
    let bodies: Vec<_> = stored(&jetstream, "KUNDER_EVENTS")
        .await
        .into_iter()
        .map(|message| message.payload)
        .collect();
    assert_eq!(bodies, ["body 1", "body 2", "by hand", "body 3", "body 4"]);
    let other = server.bus().await;
    assert_eq!(
        other.last_event("another").await,
        None,
        "another store's numbers are not ours"
    );
    assert_eq!(
        other
            .announce(
                "another",
                &[announcement(1, AnnouncementKind::Event, "kunder.event.x.y")]
            )
            .await
            .0,
        1
    );
    let (taken, error) = bus.announce("s", &events(5..=6)).await;
    assert_eq!(
        (taken, error.map(|error| error.to_string())),
        (2, None),
        "a stale end of the stream is read again"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_report_names_every_stream_and_what_could_be_lost() {
    let server = TestServer::start().await;
    let bus = server.bus().await;
    assert_eq!(bus.announce("s", &events(1..=2)).await.0, 2);
    let report = bus.inspect().await;
    assert!(report.server_version.starts_with("2."), "{report:?}");
    assert!(report.api_level >= 1);
    assert_eq!(report.max_payload_bytes, 1_048_576);
    let names: Vec<&str> = report.streams.iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!(
        names,
        ["KUNDER_RESULTS", "KUNDER_EVENTS", "KUNDER_IN", "KUNDER_DLQ"]
    );
    assert_eq!(
        (report.streams[1].messages, report.streams[1].storage),
        (2, "file")
    );
    assert!(
        report.problems[0].starts_with("stream KUNDER_TASKS"),
        "not set up before serving: {report:?}"
    );
    assert!(
        report.losses.iter().any(|loss| loss.starts_with("replicas 1")),
        "{report:?}"
    );
    let config = server
        .jetstream()
        .await
        .get_stream("KUNDER_RESULTS")
        .await
        .unwrap()
        .cached_info()
        .config
        .clone();
    assert_eq!(
        (config.storage, config.max_age),
        (StorageType::File, Duration::from_secs(90 * 86_400))
    );
}

#[expect(clippy::disallowed_methods, reason = "waits for the broker's own time")]
async fn forget_ids() {
    eventually("time passes", async || {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Some(())
    })
    .await;
}
