//! Announcing over the simulated broker: the contract of every bus, repeats beyond its memory, and no hole in the events.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::SignedDuration;
use kunder_agent_core::bus::{AnnounceError, AnnouncementKind, Bus};
use kunder_bus::broker::{Condition, Outgoing};
use kunder_bus::{Announcer, Pattern};
use kunder_testkit::broker::{Message, SimBroker};

use crate::clauses::{World, announcement, events, for_each_clause};
use crate::simulated::{Simulation, sleep};

struct Simulated {
    broker: Arc<SimBroker>,
    announcer: Announcer<SimBroker>,
    replies: usize,
    heard: Mutex<Vec<Arc<Message>>>,
}

impl Simulated {
    fn new(broker: &Arc<SimBroker>) -> Self {
        Self {
            broker: Arc::clone(broker),
            announcer: Announcer::new(Arc::clone(broker)),
            replies: broker.listen("asked.>".parse().unwrap()),
            heard: Mutex::default(),
        }
    }
}

#[async_trait]
impl World for Simulated {
    fn bus(&self) -> &dyn Bus {
        &self.announcer
    }

    async fn salj_listens(&self) {
        self.broker
            .add_stream("SALJ_TASKS", vec!["salj.task.>".parse().unwrap()]);
    }

    async fn arrived(&self, pattern: &str) -> Vec<String> {
        self.heard.lock().unwrap().extend(self.broker.heard(self.replies));
        let mut arrived: Vec<Arc<Message>> = ["KUNDER_RESULTS", "KUNDER_EVENTS", "SALJ_TASKS"]
            .iter()
            .flat_map(|stream| self.broker.messages(stream))
            .collect();
        arrived.extend(self.heard.lock().unwrap().iter().cloned());
        let pattern: Pattern = pattern.parse().unwrap();
        arrived
            .iter()
            .filter(|message| pattern.matches(&message.subject))
            .map(|message| format!("{} {}", message.subject, String::from_utf8_lossy(&message.body)))
            .collect()
    }
}

macro_rules! contract {
    ($($clause:ident),+ $(,)?) => {
        mod contract {
            $(#[test]
            fn $clause() {
                let simulation = super::Simulation::new(1);
                let world = super::Simulated::new(&simulation.broker);
                simulation.run(async move { crate::clauses::$clause(&world).await });
            })+
        }
    };
}

for_each_clause!(contract);

#[test]
fn a_repeat_after_the_duplicate_window_is_still_a_repeat() {
    let simulation = Simulation::new(1);
    let (broker, clock) = (Arc::clone(&simulation.broker), Arc::clone(&simulation.clock));
    simulation.run(async move {
        let result = [announcement(
            1,
            AnnouncementKind::Result,
            "kunder.result.pipeline.t1",
        )];
        let bus = Announcer::new(Arc::clone(&broker));
        assert_eq!(bus.announce("s", &result).await.0, 1);
        assert_eq!(bus.announce("s", &events(2..=4)).await.0, 3);
        sleep(clock.as_ref(), SignedDuration::from_mins(3)).await;
        let again = Announcer::new(broker);
        assert_eq!(again.announce("s", &result).await.0, 1);
        assert_eq!(again.announce("s", &events(2..=5)).await.0, 4);
        assert_eq!(again.last_event("s").await, Some(5));
    });
    assert_eq!(simulation.bodies("KUNDER_RESULTS"), ["body 1"]);
    assert_eq!(
        simulation.bodies("KUNDER_EVENTS"),
        ["body 2", "body 3", "body 4", "body 5"]
    );
}

/// Resuming after the last number would skip an event for ever, if a later one could be stored without it.
#[test]
fn no_event_is_stored_before_the_ones_in_front_of_it() {
    let simulation = Simulation::new(1);
    let broker = Arc::clone(&simulation.broker);
    simulation.run(async move {
        let bus = Announcer::new(Arc::clone(&broker));
        assert_eq!(bus.announce("s", &events(1..=3)).await.0, 3);
        broker.limit_messages("KUNDER_EVENTS", 10_000);
        let mut batch = events(4..=20);
        batch[5].body = vec![b'x'; 20_000];
        let (taken, error) = bus.announce("s", &batch).await;
        assert_eq!(taken, 5);
        assert!(matches!(error, Some(AnnounceError::Refused(_))), "{error:?}");
        assert_eq!(broker.last_sequence("KUNDER_EVENTS"), 8);
        assert_eq!(bus.last_event("s").await, Some(8));
        batch[5].body = b"smaller".to_vec();
        assert_eq!(bus.announce("s", &batch[5..]).await.0, 12);
        assert_eq!(bus.last_event("s").await, Some(20));
    });
    assert_eq!(simulation.bodies("KUNDER_EVENTS").len(), 20);
}

#[test]
fn others_in_the_event_stream_do_not_stop_ours() {
    let simulation = Simulation::new(1);
    let broker = Arc::clone(&simulation.broker);
    simulation.run(async move {
        let bus = Announcer::new(Arc::clone(&broker));
        assert_eq!(bus.announce("s", &events(1..=2)).await.0, 2);
        let foreign = |body: &str| Outgoing {
            subject: "kunder.event.foreign.x".to_owned(),
            message_id: String::new(),
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
            condition: Condition::Nothing,
        };
        broker.store(foreign("by hand")).unwrap();
        assert_eq!(bus.last_event("s").await, None, "the newest one is not ours");
        let (taken, error) = bus.announce("s", &events(1..=4)).await;
        assert_eq!((taken, error.map(|error| error.to_string())), (4, None));
        broker.store(foreign("again")).unwrap();
        assert_eq!(Announcer::new(broker).last_event("another").await, None);
        let (taken, error) = bus.announce("s", &events(5..=6)).await;
        assert_eq!((taken, error.map(|error| error.to_string())), (2, None));
    });
    let expected = [
        "body 1", "body 2", "by hand", "body 3", "body 4", "again", "body 5", "body 6",
    ];
    assert_eq!(simulation.bodies("KUNDER_EVENTS"), expected);
}
