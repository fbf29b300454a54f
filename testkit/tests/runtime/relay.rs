//! The relay over a bus that is away, refuses, or stays silent: lanes of their own, growing pauses, and letters for what is given up.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::SignedDuration;
use kunder::relay::Relay;
use kunder_agent_core::bus::{AnnounceError, Announcement, AnnouncementKind, Bus};
use kunder_agent_core::clock::Clock;
use kunder_agent_core::decision::RequestDraft;
use kunder_agent_core::event::EventDraft;
use kunder_agent_core::id::Address;
use kunder_agent_core::journal::Journal;
use kunder_agent_core::task::Instruction;
use kunder_domain::change::Change;
use kunder_testkit::machine::SimClock;
use serde_json::json;
use tokio::sync::watch;

use crate::desk::{Desk, begin, done, task};

/// What it does with one lane; every other one is taken.
#[derive(Clone, Copy)]
enum Mood {
    Away,
    Refuses,
    Takes,
}

struct MoodyBus {
    clock: Arc<SimClock>,
    lane: &'static str,
    mood: Mutex<Mood>,
    /// When this lane was offered, in milliseconds, and with which attempt.
    offered: Mutex<Vec<(i64, u32)>>,
    taken: Mutex<Vec<(String, u64)>>,
}

#[async_trait]
impl Bus for MoodyBus {
    fn describe(&self) -> String {
        "moody".to_owned()
    }

    async fn announce(&self, _store: &str, batch: &[Announcement]) -> (usize, Option<AnnounceError>) {
        if batch[0].destination == self.lane {
            let passed = self.clock.now().duration_since(begin()).as_millis();
            let passed = i64::try_from(passed).unwrap();
            self.offered.lock().unwrap().push((passed, batch[0].attempt));
            match *self.mood.lock().unwrap() {
                Mood::Away => return (0, Some(AnnounceError::Unavailable("nobody listens".to_owned()))),
                Mood::Refuses => return (0, Some(AnnounceError::Refused("too large".to_owned()))),
                Mood::Takes => {}
            }
        }
        let taken = batch.iter().map(|one| (one.destination.clone(), one.number));
        self.taken.lock().unwrap().extend(taken);
        (batch.len(), None)
    }

    async fn last_event(&self, _store: &str) -> Option<u64> {
        None
    }
}

/// Every task tells an event and asks another process, which has an hour.
fn desk() -> Desk {
    Desk::new(
        |_| {},
        |work| {
            let mut decision = done(work);
            decision.events.push(EventDraft::general("told", json!({})));
            decision.requests.push(RequestDraft {
                to: Address {
                    process: "salj".to_owned(),
                    agent: "agent".to_owned(),
                },
                key: "help".to_owned(),
                instruction: Instruction::default(),
                customer: None,
                context: json!({}),
                deadline: Some(work.now + SignedDuration::from_hours(1)),
            });
            decision
        },
    )
}

fn relay(desk: &Desk, lane: &'static str, mood: Mood) -> (Arc<MoodyBus>, watch::Sender<bool>) {
    let bus = Arc::new(MoodyBus {
        clock: Arc::clone(&desk.clock),
        lane,
        mood: Mutex::new(mood),
        offered: Mutex::default(),
        taken: Mutex::default(),
    });
    let (stop, stopped) = watch::channel(false);
    let relay = Relay {
        clock: Arc::clone(&desk.clock) as Arc<dyn Clock>,
        journal: Arc::new(desk.store.clone()) as Arc<dyn Journal<Change>>,
        bus: Arc::clone(&bus) as Arc<dyn Bus>,
        subjects: desk.runtime.subjects().clone(),
        announced: desk.runtime.announced(),
        stop: stopped,
    };
    drop(desk.clock.spawn(Box::pin(relay.run())));
    (bus, stop)
}

impl MoodyBus {
    fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn taken(&self, lane: &str) -> usize {
        let taken = self.taken.lock().unwrap();
        taken.iter().filter(|(to, _)| to == lane).count()
    }

    /// The pauses between its offers, in tenths of a second.
    fn pauses(&self) -> Vec<i64> {
        let offered = self.offered.lock().unwrap();
        offered
            .windows(2)
            .map(|two| (two[1].0 - two[0].0) / 100)
            .collect()
    }
}

#[test]
fn a_lane_that_is_away_is_offered_again_with_growing_pauses_and_holds_up_no_other() {
    let desk = desk();
    let (bus, _stop) = relay(&desk, "events", Mood::Away);
    desk.ended(task("t", "note", None));
    desk.pass(SignedDuration::from_secs(60));
    assert_eq!(bus.pauses(), [2, 4, 8, 16, 32, 64, 128, 150, 150]);
    assert_eq!(
        (bus.taken("results"), bus.taken("salj/agent"), bus.taken("events")),
        (1, 1, 0)
    );
    // What comes meanwhile waits with it, and does not make it any faster.
    desk.ended(task("u", "note", None));
    desk.pass(SignedDuration::from_millis(100));
    assert_eq!((bus.taken("results"), bus.pauses().len()), (2, 9));
    bus.set(Mood::Takes);
    desk.pass(SignedDuration::from_secs(15));
    assert_eq!(bus.taken("events"), 2);
    // Well again, it begins with the shortest pause.
    bus.set(Mood::Away);
    desk.ended(task("v", "note", None));
    desk.pass(SignedDuration::from_secs(1));
    assert_eq!(bus.pauses()[11..], [2, 4]);
    assert!(
        bus.offered
            .lock()
            .unwrap()
            .iter()
            .all(|(_, attempt)| *attempt == 1)
    );
}

#[test]
fn what_is_not_taken_by_its_deadline_is_given_up_with_a_letter() {
    let desk = desk();
    let (bus, _stop) = relay(&desk, "salj/agent", Mood::Away);
    desk.ended(task("t", "note", None));
    desk.pass(SignedDuration::from_secs(59 * 60));
    assert_eq!(desk.letters(), []);
    desk.pass(SignedDuration::from_secs(90));
    let letters = desk.letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(
        (letters[0].to.as_str(), letters[0].reason.as_str()),
        ("salj/agent", "nobody listens")
    );
    assert_eq!(bus.taken("salj/agent"), 0);
    let attempts: Vec<u32> = bus
        .offered
        .lock()
        .unwrap()
        .iter()
        .map(|(_, attempt)| *attempt)
        .collect();
    assert_eq!(attempts[..3], [1, 2, 3], "what may have been sent says so");
    let offers = attempts.len();
    desk.pass(SignedDuration::from_secs(600));
    assert_eq!(
        bus.offered.lock().unwrap().len(),
        offers,
        "and is not offered again"
    );
    assert_eq!(bus.taken("events"), 2, "one of them tells of the letter");
}

#[test]
fn what_is_refused_is_given_up_at_once_and_the_next_is_offered() {
    let desk = desk();
    let (bus, _stop) = relay(&desk, "results", Mood::Refuses);
    desk.ended(task("t", "note", None));
    desk.pass(SignedDuration::from_secs(1));
    bus.set(Mood::Takes);
    desk.ended(task("u", "note", None));
    desk.pass(SignedDuration::from_secs(1));
    assert_eq!(bus.taken("results"), 1);
    let letters = desk.letters();
    assert_eq!((letters.len(), letters[0].reason.as_str()), (1, "too large"));
    let of_letter = desk
        .announced()
        .into_iter()
        .filter(|one| one.kind == AnnouncementKind::Event && one.subject.ends_with("dead-letter"));
    assert_eq!(of_letter.count(), 1);
}

#[test]
fn a_stop_makes_one_last_go_through_every_lane() {
    let desk = desk();
    let (bus, stop) = relay(&desk, "events", Mood::Away);
    desk.ended(task("t", "note", None));
    desk.pass(SignedDuration::from_secs(20));
    let offers = bus.offered.lock().unwrap().len();
    bus.set(Mood::Takes);
    stop.send_replace(true);
    desk.pass(SignedDuration::from_millis(1));
    assert_eq!(bus.offered.lock().unwrap().len(), offers + 1);
    assert_eq!(bus.taken("events"), 1, "it does not wait for its pause");
    desk.ended(task("u", "note", None));
    desk.pass(SignedDuration::from_secs(60));
    assert_eq!(bus.taken("results"), 1, "and then it has ended");
}
