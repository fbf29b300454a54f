//! What every bus promises the relay, checked on both.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream;
use async_trait::async_trait;
use futures::StreamExt;
use kunder_agent_core::bus::{Announcement, Bus};
use kunder_bus::{InProcessBus, Pattern, Received, Subscription};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::clauses::{World, for_each_clause, results};
use crate::server::TestServer;

struct InProcess {
    bus: InProcessBus,
    listening: Mutex<Vec<Subscription>>,
    arrived: Mutex<Vec<Announcement>>,
}

impl InProcess {
    fn new() -> Self {
        let bus = InProcessBus::new();
        let listening = ["kunder.>", "asked.>"].map(|pattern| bus.subscribe(pattern.parse().unwrap()));
        Self {
            bus,
            listening: Mutex::new(listening.into()),
            arrived: Mutex::default(),
        }
    }
}

#[async_trait]
impl World for InProcess {
    fn bus(&self) -> &dyn Bus {
        &self.bus
    }

    async fn salj_listens(&self) {
        self.listening
            .lock()
            .await
            .push(self.bus.subscribe("salj.task.*.*".parse().unwrap()));
    }

    async fn arrived(&self, pattern: &str) -> Vec<String> {
        let mut arrived = self.arrived.lock().await;
        for subscription in self.listening.lock().await.iter_mut() {
            while let Ok(Some(received)) = timeout(Duration::from_millis(20), subscription.next()).await {
                match received {
                    Received::Announcement(announcement) => arrived.push(announcement.as_ref().clone()),
                    Received::Missed(missed) => panic!("missed {missed}"),
                }
            }
        }
        let pattern: Pattern = pattern.parse().unwrap();
        let matching = arrived
            .iter()
            .filter(|announcement| pattern.matches(&announcement.subject));
        matching
            .map(|one| format!("{} {}", one.subject, String::from_utf8_lossy(&one.body)))
            .collect()
    }
}

struct Nats {
    bus: kunder_bus::NatsBus,
    jetstream: jetstream::Context,
    replies: Mutex<(async_nats::Subscriber, Vec<String>)>,
    _server: TestServer,
}

impl Nats {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let (bus, jetstream) = (server.bus().await, server.jetstream().await);
        let client = server.client().await;
        let replies = client.subscribe("asked.>").await.unwrap();
        // The server answers in order: once it answers this, it knows the subscription.
        let _ = client.request("$JS.API.INFO", "".into()).await.unwrap();
        Self {
            bus,
            jetstream,
            replies: Mutex::new((replies, Vec::new())),
            _server: server,
        }
    }
}

#[async_trait]
impl World for Nats {
    fn bus(&self) -> &dyn Bus {
        &self.bus
    }

    async fn salj_listens(&self) {
        let subjects = vec!["salj.task.>".to_owned()];
        let config = jetstream::stream::Config {
            name: "SALJ_TASKS".to_owned(),
            subjects,
            ..Default::default()
        };
        self.jetstream.create_stream(config).await.unwrap();
    }

    async fn arrived(&self, pattern: &str) -> Vec<String> {
        let mut arrived = Vec::new();
        for name in ["KUNDER_RESULTS", "KUNDER_EVENTS", "SALJ_TASKS"] {
            arrived.extend(stored(&self.jetstream, name).await.into_iter().map(|message| {
                format!(
                    "{} {}",
                    message.subject,
                    String::from_utf8_lossy(&message.payload)
                )
            }));
        }
        let mut replies = self.replies.lock().await;
        let (subscriber, heard) = &mut *replies;
        while let Ok(Some(message)) = timeout(Duration::from_millis(50), subscriber.next()).await {
            if message.payload.starts_with(b"body") {
                heard.push(format!(
                    "{} {}",
                    message.subject,
                    String::from_utf8_lossy(&message.payload)
                ));
            }
        }
        arrived.extend(heard.iter().cloned());
        let pattern: Pattern = pattern.parse().unwrap();
        arrived.retain(|line| pattern.matches(line.split(' ').next().unwrap()));
        arrived
    }
}

/// All messages of a stream, in order.
pub async fn stored(jetstream: &jetstream::Context, name: &str) -> Vec<jetstream::message::StreamMessage> {
    let Ok(stream) = jetstream.get_stream(name).await else {
        return Vec::new();
    };
    let state = stream.cached_info().state.clone();
    let mut messages = Vec::new();
    for sequence in state.first_sequence..=state.last_sequence {
        messages.extend(stream.get_raw_message(sequence).await.ok());
    }
    messages
}

macro_rules! contract {
    ($($clause:ident),+ $(,)?) => {
        mod in_process {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $clause() {
                crate::clauses::$clause(&super::InProcess::new()).await;
            })+
        }
        mod nats {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $clause() {
                crate::clauses::$clause(&super::Nats::new().await).await;
            })+
        }
    };
}

for_each_clause!(contract);

#[tokio::test]
async fn a_slow_subscriber_is_told_what_it_missed_and_holds_nobody_up() {
    let bus = InProcessBus::new();
    let mut slow = bus.subscribe(">".parse().unwrap());
    assert_eq!(bus.announce("s", &results(1..=5_000)).await.0, 5_000);
    assert_eq!(slow.next().await, Some(Received::Missed(5_000 - 4_096)));
    assert!(matches!(slow.next().await, Some(Received::Announcement(one)) if one.number == 905));
    let described = Arc::new(bus);
    assert_eq!(described.describe(), "in-process");
}
