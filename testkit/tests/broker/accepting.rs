//! Accepting over the simulated broker: what `crates/bus/tests/bus/queue.rs` shows on a real one, and what faults do.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use kunder_agent_core::clock::Clock;
use kunder_bus::broker::{Condition, Delivery, Headers, Outgoing};
use kunder_bus::{Acceptor, NatsConfig, Source};
use kunder_testkit::broker::{Faults, Message};
use serde_json::json;
use tokio::sync::watch;

use crate::door::MemoryDoor;
use crate::simulated::{AGENTS, Simulation, begin};

const AT_ONCE: usize = 8;

struct World {
    simulation: Simulation,
    door: Arc<MemoryDoor>,
    _stop: watch::Sender<bool>,
}

fn serve(seed: u64) -> World {
    let config = NatsConfig::default();
    let simulation = Simulation::with(seed, &config);
    let door = Arc::new(MemoryDoor::new());
    let (stop, told) = watch::channel(false);
    let tasks = AGENTS.map(|agent| Source::Tasks {
        agent: agent.to_owned(),
    });
    for source in tasks.into_iter().chain([Source::Inbox]) {
        let acceptor = Acceptor {
            broker: Arc::clone(&simulation.broker),
            door: Arc::clone(&door) as _,
            clock: Arc::clone(&simulation.clock) as _,
            source,
            ack_wait: Duration::from_millis(config.ack_wait_ms),
        };
        let consuming = Arc::clone(&simulation.broker).consume(acceptor, AT_ONCE, told.clone());
        drop(simulation.clock.spawn(Box::pin(consuming)));
    }
    World {
        simulation,
        door,
        _stop: stop,
    }
}

fn message(subject: &str, id: &str, body: impl Into<Vec<u8>>) -> Outgoing {
    Outgoing {
        subject: subject.to_owned(),
        message_id: id.to_owned(),
        headers: Headers::new(),
        body: body.into(),
        condition: Condition::Nothing,
    }
}

fn task(id: &str, command: &str) -> Vec<u8> {
    json!({ "taskId": id, "instruction": { "command": command } })
        .to_string()
        .into_bytes()
}

impl World {
    fn send(&self, id: &str, command: &str) {
        let subject = format!("kunder.task.pipeline.{id}");
        let sent = message(&subject, id, task(id, command));
        self.simulation.broker.store(sent).unwrap();
    }

    /// Lets so much time pass.
    fn pass(&self, time: SignedDuration) {
        let until = self.simulation.machine.now() + time;
        while self.simulation.machine.step(until) {}
    }

    fn waiting(&self) -> usize {
        self.simulation.broker.messages("KUNDER_TASKS").len()
    }

    fn letters(&self) -> Vec<Arc<Message>> {
        self.simulation.broker.messages("KUNDER_DLQ")
    }
}

#[test]
fn nothing_is_acknowledged_before_it_is_accepted_and_the_wait_is_bounded() {
    let world = serve(1);
    world.send("g1", "gated");
    world.send("t1", "report");
    world.pass(SignedDuration::from_secs(8));
    assert_eq!(world.door.accepted(), ["t1"], "those that wait hold nobody up");
    assert_eq!(world.waiting(), 1);
    // Given back after nine seconds, handed out again one second later: by virtual time alone.
    world.pass(SignedDuration::from_secs(60));
    assert_eq!(world.waiting(), 1);
    world.door.gate.send_replace(true);
    world.pass(SignedDuration::from_secs(1));
    assert_eq!(world.door.accepted(), ["g1", "t1"]);
    assert_eq!(world.waiting(), 0);
}

#[test]
fn a_busy_door_and_a_panic_get_the_task_again() {
    let world = serve(1);
    world.send("b1", "busy");
    world.send("p1", "panics");
    world.pass(SignedDuration::from_secs(30));
    assert_eq!(world.door.accepted(), ["b1"]);
    assert_eq!(world.door.refusals("b1"), 2);
    assert_eq!(world.waiting(), 1, "after a panic it comes again in a minute");
    world.pass(SignedDuration::from_secs(60));
    assert_eq!(world.door.accepted(), ["b1", "p1"]);
    assert_eq!((world.waiting(), world.letters().len()), (0, 0));
}

#[test]
fn what_is_refused_for_good_becomes_a_dead_letter() {
    let world = serve(1);
    let broken = message("kunder.task.pipeline.t4", "t4", "{");
    world.simulation.broker.store(broken).unwrap();
    let nameless = message("kunder.in.salj.deal-won.extra", "e1", "{}");
    world.simulation.broker.store(nameless).unwrap();
    world.pass(SignedDuration::from_secs(5));
    let letters = world.letters();
    let mut found: Vec<(&str, &str)> = letters
        .iter()
        .map(|letter| (&*letter.subject, &*letter.message_id))
        .collect();
    found.sort_unstable();
    let expected = [
        ("kunder.dlq.in.salj.deal-won.extra", "dlq-KUNDER_IN-1"),
        ("kunder.dlq.pipeline.t4", "dlq-KUNDER_TASKS-1"),
    ];
    assert_eq!(found, expected);
    assert_eq!((world.waiting(), world.simulation.broker.open()), (0, 0));
}

#[test]
fn every_task_and_event_is_accepted_and_every_refused_one_has_one_letter_whatever_goes_wrong() {
    for seed in 0..150 {
        let world = serve(seed);
        world.simulation.broker.set_faults(Faults::each(80));
        for number in 0..30 {
            world.send(&format!("t{number}"), ["report", "busy"][number % 2]);
            let event = message("kunder.in.salj.deal-won", &format!("e{number}"), "{}");
            world.simulation.broker.store(event).unwrap();
        }
        for number in 0..5 {
            let broken = message(&format!("kunder.task.pipeline.b{number}"), "", "{");
            world.simulation.broker.store(broken).unwrap();
        }
        world.pass(SignedDuration::from_mins(60));
        let broker = &world.simulation.broker;
        assert_eq!((world.waiting(), broker.open()), (0, 0), "seed {seed}");
        assert_eq!(world.door.accepted().len(), 30, "seed {seed}");
        assert_eq!(world.door.incoming().len(), 30, "seed {seed}");
        let mut letters: Vec<String> = world
            .letters()
            .iter()
            .map(|letter| letter.subject.to_string())
            .collect();
        letters.sort();
        assert_eq!(letters.len(), 5, "seed {seed}");
    }
}

/// Takes all that comes within a minute, and does nothing with it: when, and which.
fn deliveries(simulation: &Simulation, acknowledge: bool) -> Vec<(i64, u64)> {
    let source = Source::Tasks {
        agent: "pipeline".to_owned(),
    };
    let (broker, clock) = (Arc::clone(&simulation.broker), Arc::clone(&simulation.clock));
    simulation.run(async move {
        let consumer = broker.consumer(&source);
        let until = clock.now() + SignedDuration::from_secs(60);
        let mut seen = Vec::new();
        loop {
            tokio::select! {
                biased;
                () = clock.sleep_until(until) => return seen,
                delivery = consumer.next() => {
                    let at = clock.now().duration_since(begin()).as_secs();
                    seen.push((at, delivery.message.sequence));
                    if acknowledge {
                        delivery.ack().await.unwrap();
                    }
                }
            }
        }
    })
}

fn with_tasks(seed: u64, count: u64, change: fn(&mut NatsConfig)) -> Simulation {
    let mut config = NatsConfig::default();
    change(&mut config);
    let simulation = Simulation::with(seed, &config);
    for number in 1..=count {
        let subject = format!("kunder.task.pipeline.t{number}");
        simulation.broker.store(message(&subject, "", "{}")).unwrap();
    }
    simulation
}

#[test]
fn what_is_not_acknowledged_comes_again_and_no_more_is_handed_out_than_allowed() {
    let simulation = with_tasks(1, 3, |config| config.max_ack_pending = 2);
    let seen = deliveries(&simulation, false);
    let times: Vec<i64> = seen
        .iter()
        .filter(|(_, sequence)| *sequence == 1)
        .map(|(at, _)| *at)
        .collect();
    assert_eq!(times, [0, 10, 20, 30, 40, 50]);
    assert!(seen.iter().all(|(_, sequence)| *sequence < 3), "{seen:?}");
    assert_eq!(simulation.broker.messages("KUNDER_TASKS").len(), 3);
    let seen = deliveries(&with_tasks(1, 3, |_| ()), true);
    assert_eq!(seen, [(0, 1), (0, 2), (0, 3)]);
}

#[test]
fn each_fault_of_a_delivery_does_what_it_says() {
    let seen = |faults: Faults, acknowledge| {
        let simulation = with_tasks(5, 40, |_| ());
        simulation.broker.set_faults(faults);
        let seen = deliveries(&simulation, acknowledge);
        (seen, simulation.broker.messages("KUNDER_TASKS").len())
    };
    let none = Faults::none();
    let (lost, left) = seen(
        Faults {
            delivery_lost: 500,
            ..none.clone()
        },
        true,
    );
    assert!(
        (lost.len(), left) == (40, 0) && lost.iter().any(|(at, _)| *at >= 10),
        "{lost:?}"
    );
    let (twice, _) = seen(
        Faults {
            delivered_twice: 1_000,
            ..none.clone()
        },
        true,
    );
    assert_eq!(twice.len(), 80);
    let (reordered, left) = seen(
        Faults {
            reordered: 500,
            ..none.clone()
        },
        true,
    );
    assert!(!reordered.is_sorted_by_key(|(_, sequence)| *sequence) && left == 0);
    let (again, left) = seen(
        Faults {
            ack_lost: 1_000,
            ..none.clone()
        },
        true,
    );
    assert!(again.len() > 200 && left == 40, "{}", again.len());
}

#[test]
fn a_restart_keeps_what_is_stored_and_may_forget_acknowledgements() {
    let simulation = with_tasks(1, 4, |_| ());
    let faults = Faults {
        ack_forgotten: 1_000,
        ..Faults::none()
    };
    simulation.broker.set_faults(faults);
    let source = Source::Tasks {
        agent: "pipeline".to_owned(),
    };
    let (broker, clock) = (Arc::clone(&simulation.broker), Arc::clone(&simulation.clock));
    simulation.run(async move {
        let before = broker.consumer(&source);
        for _ in 0..4 {
            before.next().await.ack().await.unwrap();
        }
        assert!(broker.messages("KUNDER_TASKS").is_empty());
        broker.restart(SignedDuration::from_secs(5));
        assert_eq!(broker.messages("KUNDER_TASKS").len(), 4, "none was on disk yet");
        let again = broker.consumer(&source).next().await;
        assert_eq!(again.message.sequence, 1);
        let waited = clock.now().duration_since(begin());
        assert!((5..6).contains(&waited.as_secs()), "{waited}");
    });
}
