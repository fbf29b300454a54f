//! Announcing under faults, from many seeds, by a process that is killed again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::SignedDuration;
use kunder_agent_core::bus::{Announcement, AnnouncementKind, Bus};
use kunder_agent_core::clock::Clock;
use kunder_bus::Announcer;
use kunder_testkit::broker::{Faults, SimBroker};
use kunder_testkit::machine::Process;

use crate::clauses::{announcement, events, results};
use crate::simulated::{Simulation, begin, sleep};

/// How far a lane has come; outlives the process.
type Progress = Arc<AtomicUsize>;

/// Announces a lane as the relay does, a few at a time, until all are taken.
async fn lane(clock: Arc<dyn Clock>, broker: Arc<SimBroker>, outbox: Arc<Vec<Announcement>>, done: Progress) {
    let bus = Announcer::new(broker);
    loop {
        let from = done.load(Ordering::Relaxed);
        let batch = &outbox[from..outbox.len().min(from + 7)];
        if batch.is_empty() {
            return;
        }
        let (taken, error) = bus.announce("s", batch).await;
        // A process may die between the broker's answer and its own note of it.
        sleep(clock.as_ref(), SignedDuration::from_millis(1)).await;
        done.fetch_add(taken, Ordering::Relaxed);
        if error.is_some() {
            sleep(clock.as_ref(), SignedDuration::from_millis(300)).await;
        }
    }
}

/// Runs these lanes to their end, killed twice; the simulation after that.
fn announced(seed: u64, lanes: Vec<Vec<Announcement>>, faults: Faults, kills: u32) -> (Simulation, usize) {
    let simulation = Simulation::new(seed);
    let heard = simulation.broker.listen("asked.>".parse().unwrap());
    simulation.broker.set_faults(faults);
    let lanes: Vec<_> = lanes
        .into_iter()
        .map(|lane| (Arc::new(lane), Progress::default()))
        .collect();
    for life in 0..=kills {
        let process = Process(2 + life);
        let clock = simulation.machine.clock(process);
        for (outbox, done) in &lanes {
            let (broker, outbox, done) = (
                Arc::clone(&simulation.broker),
                Arc::clone(outbox),
                Arc::clone(done),
            );
            drop(clock.spawn(Box::pin(lane(clock.clone(), broker, outbox, done))));
        }
        let lives = SignedDuration::from_secs(if life == kills { 3_600 } else { 3 });
        let until = simulation.machine.now() + lives;
        while simulation.machine.step(until) {}
        simulation.machine.kill(process);
    }
    for (outbox, done) in &lanes {
        assert_eq!(done.load(Ordering::Relaxed), outbox.len(), "seed {seed}");
    }
    (simulation, heard)
}

fn replies(count: u64) -> Vec<Announcement> {
    (1..=count)
        .map(|number| announcement(number, AnnouncementKind::Reply, "asked.x"))
        .collect()
}

#[test]
fn results_and_events_are_stored_once_and_in_order_whatever_goes_wrong() {
    let mut repeated = 0;
    for seed in 0..300 {
        let (simulation, _) = announced(seed, vec![results(1..=20), events(21..=50)], Faults::each(60), 2);
        let numbered =
            |numbers: std::ops::RangeInclusive<u64>| numbers.map(|n| format!("body {n}")).collect::<Vec<_>>();
        let mut found = simulation.bodies("KUNDER_RESULTS");
        repeated += usize::from(found != numbered(1..=20));
        found.sort();
        let mut expected = numbered(1..=20);
        expected.sort();
        assert_eq!(found, expected, "seed {seed}");
        assert_eq!(
            simulation.bodies("KUNDER_EVENTS"),
            numbered(21..=50),
            "seed {seed}"
        );
    }
    assert!(repeated > 0, "some seeds change the order of results");
}

#[test]
fn a_reply_that_counts_as_taken_was_heard() {
    let mut twice = 0;
    for seed in 0..300 {
        let faults = Faults {
            disconnected: 60,
            away_max: SignedDuration::from_secs(3),
            ..Faults::none()
        };
        let (simulation, listener) = announced(seed, vec![replies(30)], faults, 1);
        let heard = simulation.broker.heard(listener);
        for number in 1..=30 {
            let body = format!("body {number}");
            let times = heard.iter().filter(|one| one.body == body.as_bytes()).count();
            assert!(times > 0, "seed {seed}: reply {number} is lost");
            twice += usize::from(times > 1);
        }
    }
    assert!(twice > 0, "replies are at least once, and some seeds show it");
}

#[test]
fn the_same_seed_stores_the_same_at_the_same_time() {
    let trace = |seed| {
        let (simulation, _) = announced(seed, vec![results(1..=20), events(21..=50)], Faults::each(60), 2);
        let stored = ["KUNDER_RESULTS", "KUNDER_EVENTS"].map(|stream| simulation.broker.messages(stream));
        (stored, simulation.machine.steps())
    };
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
    assert!(trace(7).0[0].iter().all(|message| message.stored_at > begin()));
}
