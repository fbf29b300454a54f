//! Fifty restarts of the broker under load: all goes on by itself each time, nothing is lost, nothing is there twice.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::jetstream::message::PublishMessage;
use kunder_agent_core::bus::{Announcement, AnnouncementKind, Bus};
use kunder_bus::NatsBus;

use crate::clauses::announcement;
use crate::clock::stopwatch;
use crate::contract::stored;
use crate::door::MemoryDoor;
use crate::queue::{World, serve, task};

/// Restarts, unless `KUNDER_RESTARTS` names another number.
const RESTARTS: u64 = 50;
/// Where and how they fall, unless `KUNDER_SEED` names another number.
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
const EVENT: &str = "kunder.event.pipeline.story";
/// When nothing moves for so long after the server answers again, it is a stall.
const STALL: Duration = Duration::from_secs(15);

/// A small generator: the same seed restarts at the same places.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

#[expect(clippy::disallowed_methods, reason = "paces a real broker in real time")]
async fn rest(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

#[expect(clippy::disallowed_methods, reason = "the load runs beside the restarts")]
fn beside<T: Send + 'static>(job: impl Future<Output = T> + Send + 'static) -> tokio::task::JoinHandle<T> {
    tokio::spawn(job)
}

/// Publishes tasks, each until the broker has acknowledged it; returns how many.
async fn load(url: String, go_on: Arc<AtomicBool>) -> u64 {
    let options = async_nats::ConnectOptions::new().reconnect_delay_callback(|_| Duration::from_millis(20));
    let jetstream = async_nats::jetstream::context::ContextBuilder::new()
        .timeout(Duration::from_millis(500))
        .ack_timeout(Duration::from_millis(500))
        .build(options.connect(url).await.unwrap());
    let mut number = 0;
    while go_on.load(Ordering::SeqCst) {
        let id = format!("t{number}");
        let message = PublishMessage::build()
            .message_id(&id)
            .payload(task(&id, "report").into());
        let sent = jetstream
            .send_publish(format!("kunder.task.pipeline.{id}"), message)
            .await;
        let acknowledged = match sent {
            Ok(answer) => answer.await.is_ok(),
            Err(_) => false,
        };
        number += u64::from(acknowledged);
        rest(2).await;
    }
    number
}

/// The relay in small: a result and an event for each task that was accepted, tried until taken, in order.
async fn relay(bus: NatsBus, door: Arc<MemoryDoor>, go_on: Arc<AtomicBool>) {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut waiting: [Vec<Announcement>; 2] = Default::default();
    loop {
        let more = go_on.load(Ordering::SeqCst);
        for id in door
            .accepted()
            .into_iter()
            .filter(|id| !seen.contains(id))
            .collect::<Vec<_>>()
        {
            seen.insert(id.clone());
            let number = seen.len() as u64;
            let result = format!("kunder.result.pipeline.{id}");
            waiting[0].push(announcement(number, AnnouncementKind::Result, &result));
            waiting[1].push(announcement(number, AnnouncementKind::Event, EVENT));
        }
        if !more && waiting.iter().all(Vec::is_empty) {
            return;
        }
        for lane in &mut waiting {
            let (taken, _) = bus.announce("s", &lane[..lane.len().min(100)]).await;
            lane.drain(..taken);
        }
        rest(20).await;
    }
}

/// Restarts the server; returns the pause from when it answers until the next task is taken.
async fn restart(world: &mut World, by_force: bool, away_ms: u64) -> Duration {
    if by_force {
        world.server.kill();
    } else {
        world.server.terminate();
    }
    rest(away_ms).await;
    world.server.start_again().await;
    let (back, before) = (stopwatch(), world.door.submissions());
    while world.door.submissions() == before {
        assert!(
            back.elapsed() < STALL,
            "stalled: no task was taken within {STALL:?} after the server was back"
        );
        rest(2).await;
    }
    back.elapsed()
}

async fn eventually_is(seconds: u64, so: impl Fn() -> bool) -> bool {
    let begun = stopwatch();
    while !so() {
        if begun.elapsed() > Duration::from_secs(seconds) {
            return false;
        }
        rest(20).await;
    }
    true
}

/// Of each acknowledged task that was not accepted: whether the broker still has it, so that we stall, or lost it.
async fn whereabouts(world: &World, sent: u64) -> String {
    let accepted: BTreeSet<String> = world.door.accepted().into_iter().collect();
    let kept: BTreeSet<String> = stored(&world.jetstream, "KUNDER_TASKS")
        .await
        .iter()
        .map(|message| message.subject.to_string())
        .collect();
    let missing = (0..sent)
        .map(|number| format!("t{number}"))
        .filter(|id| !accepted.contains(id));
    let told: Vec<String> = missing
        .map(|id| match kept.contains(&format!("kunder.task.pipeline.{id}")) {
            true => format!("{id} is in the stream and was not handed out"),
            false => format!("{id} was acknowledged by the broker and is gone from it"),
        })
        .collect();
    format!("not every acknowledged task was accepted: {told:?}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_restarts_under_load_lose_nothing_repeat_nothing_and_never_stall() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let restarts = number("KUNDER_RESTARTS").unwrap_or(RESTARTS);
    let mut seeded = Seeded(number("KUNDER_SEED").unwrap_or(SEED));
    let mut world = serve().await;
    let publishing = Arc::new(AtomicBool::new(true));
    let announcing = Arc::new(AtomicBool::new(true));
    let load = beside(load(world.server.url(), Arc::clone(&publishing)));
    let relay = beside(relay(
        world.bus.clone(),
        Arc::clone(&world.door),
        Arc::clone(&announcing),
    ));
    let mut pauses = Vec::new();
    for _ in 0..restarts {
        rest(seeded.below(200)).await;
        let (by_force, away_ms) = (seeded.below(3) > 0, seeded.below(100));
        pauses.push(restart(&mut world, by_force, away_ms).await);
    }
    publishing.store(false, Ordering::SeqCst);
    let sent = load.await.unwrap();
    // What was handed to a connection that died comes again after its pull and its time are over, at times twice.
    let accepted = eventually_is(60, || world.door.accepted().len() as u64 == sent).await;
    assert!(accepted, "{}", whereabouts(&world, sent).await);
    world.queue_is_empty().await;
    announcing.store(false, Ordering::SeqCst);
    relay.await.unwrap();

    let results = stored(&world.jetstream, "KUNDER_RESULTS").await;
    let subjects: BTreeSet<String> = results.iter().map(|result| result.subject.to_string()).collect();
    assert_eq!(
        (results.len() as u64, subjects.len() as u64),
        (sent, sent),
        "one result for each task"
    );
    let events = stored(&world.jetstream, "KUNDER_EVENTS").await;
    let numbers: Vec<String> = events
        .iter()
        .map(|event| String::from_utf8_lossy(&event.payload).into_owned())
        .collect();
    let expected: Vec<String> = (1..=sent).map(|number| format!("body {number}")).collect();
    assert!(numbers == expected, "{} events of {sent} in order", numbers.len());
    assert_eq!(world.messages("KUNDER_DLQ").await, 0);
    let report = world.bus.inspect().await;
    assert_eq!(report.problems, Vec::<String>::new());
    pauses.sort();
    eprintln!(
        "{restarts} restarts, {sent} tasks: 0 stalls, 0 lost, 0 twice; from when the server answered until a task was taken: \
         median {:?}, longest {:?}",
        pauses[pauses.len() / 2],
        pauses[pauses.len() - 1]
    );
}
