//! What other processes tell us: CloudEvents in both modes, plain messages, and what cannot be read.

use async_nats::HeaderMap;
use kunder_bus::cloud_event::encode_value;
use serde_json::json;

use crate::contract::stored;
use crate::queue::{World, serve};
use crate::server::eventually;

impl World {
    async fn tell(&self, subject: &str, headers: &[(&str, &str)], payload: &str) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, *value);
        }
        let sent = self
            .jetstream
            .publish_with_headers(subject.to_owned(), map, payload.to_owned().into());
        sent.await.unwrap().await.unwrap();
    }

    async fn told(&self, count: usize) {
        eventually("it came in", async || {
            (self.door.incoming().len() == count).then_some(())
        })
        .await;
    }

    async fn inbox_is_done(&self) {
        eventually("all is acknowledged", async || {
            let stream = self.jetstream.get_stream("KUNDER_IN").await.unwrap();
            let consumer = stream.consumer_info("runner").await.unwrap();
            (consumer.num_ack_pending == 0 && consumer.num_pending == 0).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_come_in_in_both_modes_and_plain() {
    let world = serve().await;
    let source = encode_value("/sälj/pipeline \"1\"");
    let binary = [
        ("CE-SpecVersion", "1.0"),
        ("Ce-Id", "e%2F1"),
        ("ce-source", source.as_str()),
        ("ce-type", "salj.deal-won.v1"),
        ("ce-time", "2026-11-22T10:00:00Z"),
        ("traceparent", "00-aa-bb-01"),
    ];
    world
        .tell("kunder.in.salj.deal-won", &binary, r#"{"customer":"Åby IF"}"#)
        .await;
    world.told(1).await;
    let structured =
        json!({ "specversion": "1.0", "id": "2", "source": "/admin", "type": "t", "data": { "a": 1 } });
    world
        .tell(
            "kunder.in.admin.meeting-protocol",
            &[("content-type", "application/cloudevents+json")],
            &structured.to_string(),
        )
        .await;
    world.told(2).await;
    world
        .tell("kunder.in.tjanster.result", &[("Nats-Msg-Id", "r-3")], "{}")
        .await;
    world.told(3).await;
    world.tell("kunder.in.tjanster.delivery", &[], "{}").await;
    world.told(4).await;
    let incoming = world.door.incoming();
    let told: Vec<(&str, &str)> = incoming
        .iter()
        .map(|one| (one.process.as_str(), one.kind.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("salj", "deal-won"),
            ("admin", "meeting-protocol"),
            ("tjanster", "result"),
            ("tjanster", "delivery")
        ]
    );
    let ids: Vec<&str> = incoming.iter().map(|one| one.id.as_deref().unwrap()).collect();
    assert_eq!(ids[..3], ["/sälj/pipeline \"1\"/e/1", "/admin/2", "r-3"]);
    assert!(ids[3].starts_with("KUNDER_IN/4/"), "{}", ids[3]);
    assert_eq!(incoming[0].time, Some("2026-11-22T10:00:00Z".parse().unwrap()));
    assert_eq!(incoming[0].traceparent.as_deref(), Some("00-aa-bb-01"));
    assert_eq!(incoming[0].data, r#"{"customer":"Åby IF"}"#.as_bytes());
    assert_eq!(incoming[1].data, br#"{"a":1}"#);
    world.inbox_is_done().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_door_is_told_again_and_what_cannot_be_read_is_a_dead_letter() {
    let world = serve().await;
    world
        .tell("kunder.in.salj.busy", &[("Nats-Msg-Id", "b")], "{}")
        .await;
    world.told(1).await;
    assert_eq!(world.door.refusals("b"), 2);
    world
        .tell(
            "kunder.in.salj.deal-won",
            &[("ce-id", "1"), ("ce-specversion", "1.0")],
            "{}",
        )
        .await;
    world.tell("kunder.in.salj.deal-won", &[], "bad").await;
    world.tell("kunder.in.salj.deal-won.extra", &[], "{}").await;
    let mut letters = eventually("three letters", async || {
        let letters = stored(&world.jetstream, "KUNDER_DLQ").await;
        (letters.len() == 3).then_some(letters)
    })
    .await;
    letters.sort_by_key(|letter| letter.headers.get("Nats-Msg-Id").map(ToString::to_string));
    let header = |index: usize, name: &str| {
        letters[index]
            .headers
            .get(name)
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    let errors = [0, 1, 2].map(|index| header(index, "Kunder-Error"));
    assert_eq!(errors[0], "`ce-type` is missing");
    assert_eq!(errors[1], "`customer` is missing");
    assert!(
        errors[2].starts_with("`subject` `kunder.in.salj.deal-won.extra` must end in"),
        "{errors:?}"
    );
    assert_eq!(letters[0].subject.as_str(), "kunder.dlq.in.salj.deal-won");
    assert_eq!(header(1, "Nats-Msg-Id"), "dlq-KUNDER_IN-3");
    world.inbox_is_done().await;
    assert_eq!(world.door.incoming().len(), 1);
}
