//! What every bus promises the relay, checked on both.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream;
use async_trait::async_trait;
use futures::StreamExt;
use jiff::Timestamp;
use kunder_agent_core::bus::{AnnounceError, Announcement, AnnouncementKind, Bus};
use kunder_bus::{InProcessBus, Pattern, Received, Subscription};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::server::TestServer;

pub fn announcement(number: u64, kind: AnnouncementKind, subject: &str) -> Announcement {
    let destination = match kind {
        AnnouncementKind::Result => "results",
        AnnouncementKind::Event => "events",
        AnnouncementKind::Request => "salj",
        AnnouncementKind::Reply => "replies",
    };
    Announcement {
        number,
        destination: destination.to_owned(),
        kind,
        subject: subject.to_owned(),
        message_id: format!("m/{number}"),
        headers: vec![("ce-subject".to_owned(), "customer/Å".to_owned())],
        body: format!("body {number}").into_bytes(),
        committed_at: Timestamp::UNIX_EPOCH,
        deadline: None,
        attempt: 1,
    }
}

pub fn events(numbers: std::ops::RangeInclusive<u64>) -> Vec<Announcement> {
    numbers
        .map(|number| announcement(number, AnnouncementKind::Event, "kunder.event.pipeline.story"))
        .collect()
}

fn results(numbers: std::ops::RangeInclusive<u64>) -> Vec<Announcement> {
    let result = |number| {
        announcement(
            number,
            AnnouncementKind::Result,
            &format!("kunder.result.pipeline.t{number}"),
        )
    };
    numbers.map(result).collect()
}

/// A bus and those who listen to it.
#[async_trait]
trait World: Send + Sync {
    fn bus(&self) -> &dyn Bus;
    /// Process `salj` begins to take tasks.
    async fn salj_listens(&self);
    /// What arrived so far on subjects that match, in order, as `subject body`.
    async fn arrived(&self, pattern: &str) -> Vec<String>;
}

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

async fn taken_in_order_and_once(world: &dyn World) {
    let batch = results(1..=600);
    let (taken, error) = world.bus().announce("s", &batch).await;
    assert_eq!((taken, error.map(|error| error.to_string())), (600, None));
    let (taken, error) = world.bus().announce("s", &batch).await;
    assert_eq!(
        (taken, error.map(|error| error.to_string())),
        (600, None),
        "repeats are taken again"
    );
    let expected: Vec<String> = (1..=600)
        .map(|n| format!("kunder.result.pipeline.t{n} body {n}"))
        .collect();
    assert_same(&world.arrived("kunder.result.>").await, &expected);
}

async fn events_know_how_far_they_came(world: &dyn World) {
    let bus = world.bus();
    assert_eq!(bus.last_event("s").await, None);
    assert_eq!(bus.announce("s", &events(1..=300)).await.0, 300);
    assert_eq!(bus.last_event("s").await, Some(300));
    assert_eq!(
        bus.announce("s", &events(200..=310)).await.0,
        111,
        "repeats in front are taken without effect"
    );
    assert_eq!(bus.last_event("s").await, Some(310));
    let bodies = world.arrived("kunder.event.>").await;
    let expected: Vec<String> = (1..=310)
        .map(|n| format!("kunder.event.pipeline.story body {n}"))
        .collect();
    assert_same(&bodies, &expected);
}

/// Names the first difference of two long lists.
#[track_caller]
fn assert_same(found: &[String], expected: &[String]) {
    let differs = found
        .iter()
        .zip(expected)
        .find(|(found, expected)| found != expected);
    assert_eq!((differs, found.len()), (None, expected.len()));
}

async fn a_request_waits_for_someone_who_takes_it(world: &dyn World) {
    let batch: Vec<Announcement> = (1..=2)
        .map(|number| {
            announcement(
                number,
                AnnouncementKind::Request,
                &format!("salj.task.pipeline-agent.t{number}"),
            )
        })
        .collect();
    let (taken, error) = world.bus().announce("s", &batch).await;
    assert_eq!(taken, 0);
    assert!(matches!(error, Some(AnnounceError::Unavailable(_))), "{error:?}");
    world.salj_listens().await;
    for _ in 0..2 {
        assert_eq!(world.bus().announce("s", &batch).await.0, 2);
    }
    let expected = [
        "salj.task.pipeline-agent.t1 body 1",
        "salj.task.pipeline-agent.t2 body 2",
    ];
    assert_eq!(world.arrived("salj.>").await, expected);
}

async fn a_reply_reaches_whoever_asked_and_nobody_is_no_fault(world: &dyn World) {
    let batch = [
        announcement(1, AnnouncementKind::Reply, "asked.1"),
        announcement(2, AnnouncementKind::Reply, "nobody.listens"),
    ];
    let (taken, error) = world.bus().announce("s", &batch).await;
    assert_eq!((taken, error.map(|error| error.to_string())), (2, None));
    assert_eq!(world.arrived("asked.>").await, ["asked.1 body 1"]);
}

async fn what_can_never_be_taken_is_refused_and_those_before_it_are_taken(world: &dyn World) {
    for kind in [
        AnnouncementKind::Result,
        AnnouncementKind::Event,
        AnnouncementKind::Reply,
    ] {
        let word = match kind {
            AnnouncementKind::Event => "event",
            AnnouncementKind::Reply => "other",
            _ => "result",
        };
        let mut batch: Vec<Announcement> = (1..=3)
            .map(|number| announcement(number, kind, &format!("kunder.{word}.x.{number}")))
            .collect();
        batch[1].body = vec![b'x'; 1_100_000];
        let (taken, error) = world.bus().announce("s", &batch).await;
        assert!(
            matches!(error, Some(AnnounceError::Refused(_))),
            "{kind:?} {error:?}"
        );
        assert_eq!(taken, 1);
        batch[1] = announcement(2, kind, "kunder.not a subject");
        let (taken, error) = world.bus().announce("s", &batch[1..]).await;
        assert!(
            matches!(error, Some(AnnounceError::Refused(_))),
            "{kind:?} {error:?}"
        );
        assert_eq!(taken, 0);
        assert_eq!(
            world.bus().announce("s", &batch[2..]).await.0,
            1,
            "the lane goes on without it"
        );
    }
    let arrived = world.arrived("kunder.*.x.*").await;
    assert!(
        arrived.contains(&"kunder.event.x.3 body 3".to_owned()),
        "{arrived:?}"
    );
    assert!(!arrived.iter().any(|line| line.contains(".2 ")), "{arrived:?}");
}

macro_rules! contract {
    ($($clause:ident),+ $(,)?) => {
        mod in_process {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $clause() {
                super::$clause(&super::InProcess::new()).await;
            })+
        }
        mod nats {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $clause() {
                super::$clause(&super::Nats::new().await).await;
            })+
        }
    };
}

contract!(
    taken_in_order_and_once,
    events_know_how_far_they_came,
    a_request_waits_for_someone_who_takes_it,
    a_reply_reaches_whoever_asked_and_nobody_is_no_fault,
    what_can_never_be_taken_is_refused_and_those_before_it_are_taken,
);

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
