//! What a seed stands for: the work of a day, the faults that go with it, and which of them a shrunk run leaves out.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use crate::dice::Dice;
use crate::faults::StoreFaults;
use crate::machine::ComputeFaults;

/// Work of one day, at most.
const OPS: u64 = 26;
/// The hours over which it is spread, in seconds: short ones make a crowd.
const SPANS: [u64; 4] = [2, 20, 600, 28_800];
/// How long after a task somebody comes back to it, in milliseconds: now and then while it is on its way.
const SOON: [u64; 3] = [30, 1_000, 30_000];

/// By which door a task comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Asked directly, again until there is an answer.
    Request,
    /// Put into the work queue.
    Queue,
}

/// One thing that somebody does.
#[derive(Clone, Debug)]
pub struct Op {
    pub at: SignedDuration,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    Task(Sent),
    /// The same task once more, by any door.
    Again {
        of: usize,
        way: Way,
    },
    /// Another body under the same id.
    Conflict {
        of: usize,
        way: Way,
    },
    Cancel {
        of: usize,
    },
    /// An event of another process, delivered so often.
    Event {
        process: &'static str,
        kind: &'static str,
        key: u64,
        times: u8,
    },
    Chat {
        text: &'static str,
    },
    /// `kill -9`.
    Kill,
    /// A stop that lets what runs end, and a start.
    Restart,
    DiskFull {
        seconds: i64,
    },
    /// The broker is started anew; what it holds stays.
    BrokerRestart,
}

/// A task as it is sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub way: Way,
    pub agent: &'static str,
    pub command: &'static str,
    /// Index of the customer that it names.
    pub customer: Option<usize>,
    pub params: Map<String, Value>,
    /// Seconds after it is sent.
    pub deadline: Option<i64>,
    pub dry_run: bool,
    pub reply: bool,
    /// Whether its sender asks again when it is refused for now.
    pub patient: bool,
}

/// Faults by class; a shrunk run switches whole classes off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    pub store: StoreFaults,
    pub compute: ComputeFaults,
    pub broker: crate::broker::Faults,
}

/// What a shrunk run leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Without {
    pub ops: BTreeSet<usize>,
    pub faults: BTreeSet<&'static str>,
}

/// The names of the classes of faults.
pub const CLASSES: [&str; 10] = [
    "slow",
    "away",
    "doubt",
    "stale",
    "crash",
    "hang",
    "broker-loss",
    "broker-repeat",
    "broker-delay",
    "broker-away",
];

/// A day and its faults.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub ops: Vec<Op>,
    pub faults: Faults,
    /// Places in a mailbox, and tasks of an agent side by side.
    pub mailbox: usize,
    pub concurrency: usize,
}

impl Plan {
    /// The plan of a seed, without what is left out.
    #[must_use]
    pub fn new(seed: u64, without: &Without) -> Self {
        let mut dice = Dice::new(seed);
        let mailbox = usize::try_from(*dice.pick(&[3, 8, 1_024])).unwrap_or(8);
        let concurrency = usize::try_from(*dice.pick(&[1, 2, 8])).unwrap_or(8);
        let mut faults = Faults::draw(&mut dice);
        for class in &without.faults {
            faults.switch_off(class);
        }
        let span = *dice.pick(&SPANS);
        let mut ops: Vec<Op> = Vec::new();
        for _ in 0..6 + dice.below(OPS - 6) {
            let what = what(&mut dice, &ops);
            let at = match what.of().filter(|_| dice.permille(800)) {
                Some(of) => {
                    let most = *dice.pick(&SOON);
                    ops[of].at + millis(dice.below(most))
                }
                None => millis(dice.below(span * 1_000)),
            };
            ops.push(Op { at, what });
        }
        // An index names an operation for as long as the plan lives, also a shrunk one.
        Self {
            seed,
            ops,
            faults,
            mailbox,
            concurrency,
        }
    }
}

fn millis(count: u64) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(count).unwrap_or(0))
}

impl What {
    /// The operation whose task it comes back to.
    #[must_use]
    pub fn of(&self) -> Option<usize> {
        match self {
            Self::Again { of, .. } | Self::Conflict { of, .. } | Self::Cancel { of } => Some(*of),
            Self::Task(_)
            | Self::Event { .. }
            | Self::Chat { .. }
            | Self::Kill
            | Self::Restart
            | Self::DiskFull { .. }
            | Self::BrokerRestart => None,
        }
    }
}

fn what(dice: &mut Dice, before: &[Op]) -> What {
    let tasks: Vec<usize> = (0..before.len())
        .filter(|&index| matches!(before[index].what, What::Task(_)))
        .collect();
    let way = if dice.permille(500) {
        Way::Request
    } else {
        Way::Queue
    };
    match dice.below(100) {
        0..5 => What::Kill,
        5..7 => What::Restart,
        7..10 => What::DiskFull {
            seconds: i64::try_from(dice.below(40)).unwrap_or(0),
        },
        10..13 => What::BrokerRestart,
        13..23 if !tasks.is_empty() => What::Again {
            of: *dice.pick(&tasks),
            way,
        },
        23..26 if !tasks.is_empty() => What::Conflict {
            of: *dice.pick(&tasks),
            way,
        },
        26..32 if !tasks.is_empty() => What::Cancel {
            of: *dice.pick(&tasks),
        },
        32..40 => {
            let (process, kind) = *dice.pick(&[
                ("salj", "deal-won"),
                ("admin", "touchpoint"),
                ("admin", "touchpoint"),
                ("tjanster", "delivery"),
            ]);
            What::Event {
                process,
                kind,
                key: dice.below(3),
                times: u8::try_from(1 + dice.below(2)).unwrap_or(1),
            }
        }
        40..44 => What::Chat {
            text: dice.pick::<&'static str>(&["Kör kundhälsokoll", "Pipeline-analys", "Vad är klockan?"]),
        },
        _ => What::Task(sent(dice, way)),
    }
}

fn sent(dice: &mut Dice, way: Way) -> Sent {
    let (agent, command, customer, params) = task(dice);
    Sent {
        way,
        agent,
        command,
        customer: customer.then(|| usize::try_from(dice.below(3)).unwrap_or(0)),
        params: params.as_object().cloned().unwrap_or_default(),
        deadline: dice
            .permille(150)
            .then(|| i64::try_from(1 + dice.below(60)).unwrap_or(1)),
        dry_run: dice.permille(50),
        reply: dice.permille(200),
        patient: dice.permille(800),
    }
}

/// The agent, its command, whether it is about one customer, and its parameters.
fn task(dice: &mut Dice) -> (&'static str, &'static str, bool, Value) {
    let number = dice.below(1_000);
    match dice.below(100) {
        0..14 => ("customer-health", "health-check", false, json!({})),
        14..26 => (
            "customer-health",
            "log-touchpoint",
            true,
            json!({"text": format!("Ringde, nr {number}"), "kind": "call"}),
        ),
        26..34 => (
            "customer-health",
            "add-todo",
            true,
            json!({"text": format!("Att göra nr {number}")}),
        ),
        34..40 => ("pipeline", "pipeline-analysis", false, json!({})),
        40..45 => ("customer-fetching", "", true, json!({})),
        45..50 => ("onboarding", "onboard", true, json!({})),
        50..64 => ("chaos", "note", true, json!({})),
        64..72 => (
            "chaos",
            "split",
            false,
            json!({"pages": 2 + dice.below(4), "doomed": dice.below(12)}),
        ),
        72..78 => (
            "chaos",
            "timer",
            dice.permille(500),
            json!({"minutes": dice.below(30)}),
        ),
        78..83 => {
            // Now and then longer than a chain may be.
            let most = if dice.permille(100) { 80 } else { 8 };
            ("chaos", "chain", false, json!({"left": dice.below(most)}))
        }
        83..89 => ("chaos", "ask", true, json!({"minutes": 1 + dice.below(90)})),
        89..94 => (
            "chaos",
            "stumble",
            dice.permille(500),
            json!({"falls": dice.below(4)}),
        ),
        94..96 => ("chaos", "doomed", true, json!({})),
        96..98 => ("chaos", "circle", false, json!({})),
        _ => ("chaos", "big", false, json!({})),
    }
}

impl Faults {
    /// Each class is there in two of three days: faults that hide each other are met apart too.
    fn draw(dice: &mut Dice) -> Self {
        let mut of = |most: u64| -> u32 {
            if dice.permille(400) {
                return 0;
            }
            u32::try_from(1 + dice.below(most)).unwrap_or(0)
        };
        Self {
            store: StoreFaults {
                slow: of(60),
                away: of(40),
                doubt: of(15),
                stale: of(60),
                crash: of(8),
                full: false,
            },
            compute: ComputeFaults {
                hang: of(4),
                slow: of(400),
            },
            broker: crate::broker::Faults {
                publish_lost: of(40),
                answer_lost: of(40),
                publish_late: of(40),
                delayed: of(80),
                delivery_lost: of(40),
                delivered_twice: of(60),
                reordered: of(100),
                ack_lost: of(40),
                disconnected: of(6),
                restarted: of(4),
                ack_forgotten: of(40),
                ..crate::broker::Faults::none()
            },
        }
    }

    fn switch_off(&mut self, class: &str) {
        match class {
            "slow" => (self.store.slow, self.compute.slow) = (0, 0),
            "away" => self.store.away = 0,
            "doubt" => self.store.doubt = 0,
            "stale" => self.store.stale = 0,
            "crash" => self.store.crash = 0,
            "hang" => self.compute.hang = 0,
            "broker-loss" => {
                let broker = &mut self.broker;
                (
                    broker.publish_lost,
                    broker.answer_lost,
                    broker.delivery_lost,
                    broker.ack_lost,
                ) = (0, 0, 0, 0);
                broker.ack_forgotten = 0;
            }
            "broker-repeat" => self.broker.delivered_twice = 0,
            "broker-delay" => {
                let broker = &mut self.broker;
                (broker.publish_late, broker.delayed, broker.reordered) = (0, 0, 0);
            }
            "broker-away" => (self.broker.disconnected, self.broker.restarted) = (0, 0),
            other => unreachable!("no class of faults is called {other}"),
        }
    }
}
