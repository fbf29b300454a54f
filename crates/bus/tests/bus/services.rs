//! The services as any NATS client finds and asks them.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, HeaderMap, Message};
use futures::StreamExt;
use futures::future::join_all;
use kunder_bus::{NatsBus, NatsClient, NatsConfig, RemoteError, Serving};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::clock::TokioClock;
use crate::door::MemoryDoor;
use crate::server::{TestServer, eventually};

struct World {
    server: TestServer,
    door: Arc<MemoryDoor>,
    serving: Serving,
    client: Client,
}

async fn serve(change: fn(&mut NatsConfig)) -> World {
    let server = TestServer::start().await;
    let mut config = server.config();
    change(&mut config);
    let bus = NatsBus::connect(config, Arc::new(TokioClock)).await.unwrap();
    let door = Arc::new(MemoryDoor::new());
    let serving = bus.serve(Arc::clone(&door) as _).await.unwrap();
    let client = server.client().await;
    let world = World {
        server,
        door,
        serving,
        client,
    };
    eventually("the services answer", async || {
        let asked = world
            .client
            .request("kunder.svc.control.request", "".into())
            .await;
        asked.ok()
    })
    .await;
    world
}

fn task(id: &str, command: &str) -> Vec<u8> {
    json!({ "taskId": id, "instruction": { "command": command } })
        .to_string()
        .into_bytes()
}

fn parsed(message: &Message) -> Value {
    serde_json::from_slice(&message.payload).unwrap()
}

fn header(message: &Message, name: &str) -> String {
    message
        .headers
        .as_ref()
        .and_then(|headers| headers.get(name))
        .map(ToString::to_string)
        .unwrap_or_default()
}

impl World {
    async fn ask(&self, subject: &str, payload: impl Into<Vec<u8>>) -> Message {
        self.client
            .request(subject.to_owned(), payload.into().into())
            .await
            .unwrap()
    }

    async fn refused(&self, subject: &str, payload: impl Into<Vec<u8>>) -> (String, String, Value) {
        let message = self.ask(subject, payload).await;
        (
            header(&message, "Nats-Service-Error-Code"),
            header(&message, "Nats-Service-Error"),
            parsed(&message),
        )
    }

    /// All answers to a discovery request, by service name.
    async fn discover(&self, verb: &str) -> Vec<Value> {
        let inbox = self.client.new_inbox();
        let mut answers = self.client.subscribe(inbox.clone()).await.unwrap();
        self.client
            .publish_with_reply(format!("$SRV.{verb}"), inbox, "".into())
            .await
            .unwrap();
        let mut found = Vec::new();
        while found.len() < 4 {
            let message = timeout(Duration::from_secs(5), answers.next())
                .await
                .expect("four services answer")
                .unwrap();
            found.push(parsed(&message));
        }
        found.sort_by_key(|service| service["name"].to_string());
        found
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agents_are_discovered() {
    let world = serve(|_| {}).await;
    for (verb, kind) in [("PING", "ping"), ("INFO", "info"), ("STATS", "stats")] {
        let services = world.discover(verb).await;
        let names: Vec<&Value> = services.iter().map(|service| &service["name"]).collect();
        assert_eq!(
            names,
            [
                "kunder-chat",
                "kunder-control",
                "kunder-customer-health",
                "kunder-pipeline"
            ]
        );
        for service in &services {
            assert_eq!(service["type"], format!("io.nats.micro.v1.{kind}_response"));
            assert!(
                service["id"].is_string() && service["version"].is_string(),
                "{service}"
            );
        }
    }
    let info = &world.discover("INFO").await[2];
    assert_eq!(info["description"], "the customer-health agent");
    assert_eq!(
        info["metadata"],
        json!({ "schema": "task/1", "result": "outcome/1", "commands": "health-check, report" })
    );
    let mut endpoints: Vec<String> = info["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {} {}", one["name"], one["subject"], one["queue_group"]))
        .collect();
    endpoints.sort();
    let at = |name: &str| format!("{name:?} \"kunder.svc.customer-health.{name}\" \"kunder\"");
    assert_eq!(endpoints, ["cancel", "metrics", "status", "task"].map(at));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_is_answered_with_its_outcome_or_where_it_will_be() {
    let world = serve(|config| config.request_wait_ms = 150).await;
    let mut headers = HeaderMap::new();
    headers.insert("TraceParent", "00-aa-bb-01");
    let payload = task("t.1", "report").into();
    let message = world
        .client
        .request_with_headers("kunder.svc.pipeline.task", headers, payload)
        .await
        .unwrap();
    let outcome = parsed(&message);
    assert_eq!(
        (&outcome["taskId"], &outcome["agent"], &outcome["status"]),
        (&json!("t.1"), &json!("kunder/pipeline"), &json!("complete"))
    );
    assert_eq!(world.door.task("t.1").traceparent.as_deref(), Some("00-aa-bb-01"));
    let pending = parsed(&world.ask("kunder.svc.pipeline.task", task("t.2", "slow")).await);
    assert_eq!(
        pending,
        json!({ "taskId": "t.2", "state": "queued", "result": "kunder.result.pipeline.t=2E2" })
    );
    assert_eq!(
        parsed(&world.ask("kunder.svc.pipeline.status", "t.2").await)["state"],
        "queued"
    );
    world
        .ask("kunder.svc.pipeline.cancel", r#"{"taskId":"t.2","by":"anna"}"#)
        .await;
    assert_eq!(
        world.door.task("t.2").requested_by.as_deref(),
        Some("cancelled by anna")
    );
    assert_eq!(
        parsed(&world.ask("kunder.svc.customer-health.metrics", "").await),
        json!({ "nps": null })
    );
    assert_eq!(
        parsed(&world.ask("kunder.chat", r#"{"text":"hej"}"#).await)["text"],
        "svar: hej"
    );
    assert_eq!(
        world.ask("kunder.svc.control.request", "abc").await.payload,
        "cba"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_requests_are_refused_with_code_and_field_and_the_service_goes_on() {
    let world = serve(|_| {}).await;
    let at = "kunder.svc.pipeline.task";
    let (code, text, body) = world.refused(at, "{").await;
    assert_eq!(
        (code.as_str(), &body["code"]),
        ("400", &json!("malformed")),
        "{text}"
    );
    let (code, text, body) = world.refused(at, r#"{"taskId":" "}"#).await;
    assert_eq!(
        (code.as_str(), text.as_str(), &body["field"]),
        ("400", "`taskId` must not be empty", &json!("taskId"))
    );
    let (code, text, _) = world.refused(at, b"\xFF\xFE".to_vec()).await;
    assert_eq!(code, "400");
    assert!(text.contains("not UTF-8"), "{text}");
    let (code, _, _) = world
        .refused(at, format!(r#"{{"taskId":"{}"}}"#, "x".repeat(1_000_000)))
        .await;
    assert_eq!(code, "413");
    world.ask(at, task("t1", "report")).await;
    let (code, text, _) = world.refused(at, task("t1", "other")).await;
    assert_eq!(
        (code.as_str(), text.as_str()),
        ("409", "task `t1` has another body")
    );
    let (code, _, _) = world.refused("kunder.svc.pipeline.status", "never").await;
    assert_eq!(code, "404");
    let (code, text, body) = world.refused("kunder.svc.customer-health.cancel", "t1").await;
    assert_eq!(
        (code.as_str(), &body["field"]),
        ("404", &json!("taskId")),
        "another agent's task: {text}"
    );
    let message = world.ask(at, task("t2", "busy")).await;
    assert_eq!(header(&message, "Nats-Service-Error-Code"), "429");
    assert_eq!(header(&message, "Retry-After-Ms"), "60");
    let (code, text, _) = world.refused(at, task("t3", "panics")).await;
    assert_eq!((code.as_str(), text.as_str()), ("503", "internal error"));
    let long = format!(r#"{{"taskId":"a","{}\r\nå":1}}"#, "n".repeat(500));
    let (code, text, _) = world.refused(at, long).await;
    assert_eq!(code, "400");
    assert!(
        text.chars().count() <= 200 && !text.contains(['\r', '\n']),
        "{text}"
    );
    let big = json!({ "taskId": "t4", "instruction": { "command": "x", "params": { "bytes": "1100000" } } });
    let (code, _, _) = world.refused(at, big.to_string()).await;
    assert_eq!(
        code, "413",
        "an outcome that the broker cannot carry is said so, not lost"
    );
    let outcome = world.ask(at, task("t5", "report")).await;
    assert_eq!(parsed(&outcome)["taskId"], "t5");
    let stats = &world.discover("STATS").await[3];
    let endpoints = stats["endpoints"].as_array().unwrap();
    let endpoint = endpoints
        .iter()
        .find(|endpoint| endpoint["name"] == "task")
        .unwrap();
    assert_eq!(
        (&endpoint["num_requests"], &endpoint["num_errors"]),
        (&json!(11), &json!(9))
    );
    let accepted = &endpoint["data"]["accepted"];
    assert!(
        accepted.as_u64() > Some(0),
        "the figures stand in the statistics: {endpoint}"
    );
    let status = endpoints.iter().find(|endpoint| endpoint["name"] == "status");
    assert!(status.unwrap()["data"].is_null(), "once per service is enough");
    assert!(
        endpoint["last_error"].as_str().unwrap().starts_with("413:"),
        "{endpoint}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_request_holds_up_no_other_and_one_too_many_is_told_to_come_again() {
    let world = serve(|config| {
        config.requests_max = 8;
        config.request_wait_ms = 2_000;
    })
    .await;
    let asked =
        (0..20).map(|number| world.ask("kunder.svc.pipeline.task", task(&format!("s{number}"), "slow")));
    let answers = join_all(asked).await;
    let codes: Vec<String> = answers
        .iter()
        .map(|answer| header(answer, "Nats-Service-Error-Code"))
        .collect();
    assert_eq!(
        codes.iter().filter(|code| *code == "429").count(),
        12,
        "{codes:?}"
    );
    assert_eq!(
        codes.iter().filter(|code| code.is_empty()).count(),
        8,
        "{codes:?}"
    );
    assert_eq!(world.door.accepted().len(), 8, "what is refused was not accepted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_answers_what_is_under_way_and_then_nobody_answers() {
    let world = serve(|_| {}).await;
    let World {
        server,
        door,
        serving,
        client,
    } = world;
    let asking = client.clone();
    let asked = async move {
        asking
            .request("kunder.svc.pipeline.task", task("t1", "slow").into())
            .await
            .unwrap()
    };
    let stopped = async {
        eventually("the task is accepted", async || door.accepted().first().cloned()).await;
        serving.stop().await;
    };
    let (answer, ()) = timeout(Duration::from_secs(5), async { tokio::join!(asked, stopped) })
        .await
        .unwrap();
    assert_eq!(parsed(&answer)["state"], "queued");
    let client = NatsClient::connect(&server.url(), "kunder").await.unwrap();
    let refused = client
        .request(
            "kunder.svc.pipeline.task",
            task("t2", "report"),
            Duration::from_secs(2),
        )
        .await;
    assert!(
        matches!(refused, Err(RemoteError::NoResponders { .. })),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_asks_and_is_told_why_not() {
    let world = serve(|config| config.request_wait_ms = 5_000).await;
    let client = NatsClient::connect(&world.server.url(), "kunder").await.unwrap();
    let wait = Duration::from_secs(2);
    assert_eq!(
        client
            .request("kunder.svc.control.request", b"abc".to_vec(), wait)
            .await
            .unwrap(),
        b"cba"
    );
    let refused = client
        .request(
            &client.subjects().service("pipeline", "task"),
            b"{".to_vec(),
            wait,
        )
        .await;
    match refused {
        Err(RemoteError::Refused { code, message, body }) => {
            assert_eq!(code, 400);
            assert!(message.contains("not JSON"), "{message}");
            assert_eq!(
                serde_json::from_slice::<Value>(&body).unwrap()["code"],
                "malformed"
            );
        }
        other => panic!("{other:?}"),
    }
    let slow = client
        .request(
            "kunder.svc.pipeline.task",
            task("t1", "slow"),
            Duration::from_millis(100),
        )
        .await;
    assert!(matches!(slow, Err(RemoteError::Timeout { .. })), "{slow:?}");
    let large = client
        .request("kunder.svc.pipeline.task", vec![b'x'; 2 << 20], wait)
        .await;
    assert!(matches!(large, Err(RemoteError::Unavailable(_))), "{large:?}");
    let closed = NatsClient::connect("nats://127.0.0.1:1", "kunder")
        .await
        .err()
        .unwrap();
    assert!(closed.hint().unwrap().contains("nats-server -js"), "{closed}");
}
