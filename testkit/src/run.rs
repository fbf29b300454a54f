//! Runs a seed to its verdict, and shrinks one that fails to what it needs to fail.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use kunder::store::Store;
use kunder_agent_core::journal::Journal;

use crate::day::{self, Told};
use crate::machine::{Machine, panic_text};
use crate::plan::{CLASSES, Plan, Without};
use crate::verdict;
use crate::world::World;

/// The day is over after this time: from then on nothing goes wrong.
const DAY: SignedDuration = SignedDuration::from_hours(9);
/// How long it may take until everything has come to rest after that. The timekeeper's hourly look, which would wake what
/// should have been woken long before, does not save a day.
const EVENING: SignedDuration = SignedDuration::from_mins(20);
/// Between two looks whether everything is at rest.
const LOOK: SignedDuration = SignedDuration::from_secs(20);
/// More steps than any day takes (some 5,000): a loop that never rests.
const STEPS_MAX: u64 = 50_000;

/// What came of a seed.
#[derive(Clone, Debug, Default)]
pub struct Ran {
    /// Rules that were broken, the first one first.
    pub broken: Vec<String>,
    /// What was met, and how often.
    pub hits: BTreeMap<&'static str, u64>,
    pub tasks: usize,
    pub steps: u64,
    /// Every step, where the run was recorded.
    pub log: String,
}

/// Runs one seed. A panic outside every job is a broken rule too, of the simulation or of what it calls directly.
#[must_use]
pub fn run(seed: u64, without: &Without, recorded: bool) -> Ran {
    let world = World::new(Plan::new(seed, without), recorded);
    let _until_the_end = SwitchOff(&world.machine);
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| live(&world, without))) {
        let text = panic_text(panic.as_ref());
        world.witness.broken(format!("the simulation panicked: {text}"));
    }
    for panic in world.machine.panics() {
        world.witness.broken(format!("a job panicked: {panic}"));
    }
    let broken = world.witness.verdict();
    world.machine.note(|| format!("the verdict: {broken:?}"));
    Ran {
        broken,
        hits: world.witness.hits(),
        tasks: world.witness.tasks().len(),
        steps: world.machine.steps(),
        log: world.machine.take_log(),
    }
}

/// The day, its evening, and the verdict.
fn live(world: &Arc<World>, without: &Without) {
    let told: Arc<Told> = Arc::default();
    day::begin(world, &told, &without.ops);
    world.begin_life();
    let begin = world.machine.now();
    drive(world, begin + DAY, || told.known().busy == 0 && at_rest(world));
    world.heal();
    let evening = world.machine.now();
    drive(world, evening + EVENING, || {
        told.known().busy == 0 && at_rest(world)
    });
    if told.known().busy > 0 {
        world.witness.broken("somebody never came to an end");
    }
    verdict::judge(world, &told);
}

/// Switches the machine off, whatever the day came to.
struct SwitchOff<'a>(&'a Machine);

impl Drop for SwitchOff<'_> {
    fn drop(&mut self) {
        self.0.switch_off();
    }
}

/// Steps until `done`, at the latest until `end`; ends the process where it has to die.
fn drive(world: &Arc<World>, end: Timestamp, done: impl Fn() -> bool) {
    loop {
        let now = world.machine.now();
        if now >= end || done() {
            return;
        }
        let look = (now + LOOK).min(end);
        while world.machine.step(look) {
            if world.dies.swap(false, Ordering::AcqRel) {
                world.end_life();
            }
            if world.machine.steps() > STEPS_MAX {
                return world.witness.broken("it never comes to rest");
            }
        }
    }
}

/// Whether nothing is left to be done but what waits for its moment.
fn at_rest(world: &World) -> bool {
    let counts = world
        .store
        .counts()
        .now_or_never()
        .and_then(Result::ok)
        .unwrap_or_default();
    world.witness.weighs(&counts);
    let waiting = world
        .store
        .waiting_announcements()
        .now_or_never()
        .and_then(Result::ok)
        .unwrap_or_default();
    world.lives() && counts.queued + counts.running == 0 && waiting.is_empty() && world.broker.open() == 0
}

/// The same rule broken with as little as possible: operations and classes of faults are left out one after another.
#[must_use]
pub fn shrink(seed: u64, mut without: Without) -> Without {
    let Some(rule) = run(seed, &without, false)
        .broken
        .first()
        .map(|first| rule_of(first))
    else {
        return without;
    };
    let fails = |without: &Without| {
        run(seed, without, false)
            .broken
            .iter()
            .any(|broken| rule_of(broken) == rule)
    };
    for class in CLASSES {
        let mut less = without.clone();
        less.faults.insert(class);
        if less != without && fails(&less) {
            without = less;
        }
    }
    let ops = Plan::new(seed, &without).ops.len();
    loop {
        let before = without.ops.len();
        for op in 0..ops {
            let mut less = without.clone();
            if less.ops.insert(op) && fails(&less) {
                without = less;
            }
        }
        if without.ops.len() == before {
            return without;
        }
    }
}

/// A broken rule without the numbers and names of its case.
fn rule_of(broken: &str) -> String {
    broken
        .split_whitespace()
        .filter(|word| {
            word.chars()
                .all(|letter| letter.is_alphabetic() || ",:()".contains(letter))
        })
        .collect::<Vec<_>>()
        .join(" ")
}
