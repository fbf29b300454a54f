//! Runs a seed to its verdict, and shrinks one that fails to what it needs to fail.

use std::any::Any;
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
    let panicked =
        |panic: Box<dyn Any + Send>| format!("the simulation panicked: {}", panic_text(panic.as_ref()));
    let world = match catch_unwind(|| World::new(Plan::new(seed, without), recorded)) {
        Ok(world) => world,
        Err(panic) => {
            return Ran {
                broken: vec![panicked(panic)],
                ..Ran::default()
            };
        }
    };
    let _until_the_end = SwitchOff(&world.machine);
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| live(&world, without))) {
        world.witness.broken(panicked(panic));
    }
    for panic in world.machine.panics() {
        world.witness.broken(format!("a job panicked: {panic}"));
    }
    let broken = world.witness.verdict();
    world.machine.note(|| format!("the verdict: {broken:?}"));
    let mut hits = world.witness.hits();
    hits.extend(world.broker.struck());
    Ran {
        broken,
        hits,
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
pub fn shrink(seed: u64, without: Without) -> Without {
    let ops = Plan::new(seed, &without).ops.len();
    shrink_by(ops, without, |without| run(seed, without, false).broken)
}

/// Shrinks by what `broken` says of a plan without these.
fn shrink_by(ops: usize, mut without: Without, broken: impl Fn(&Without) -> Vec<String>) -> Without {
    let Some(rule) = broken(&without).first().map(|first| rule_of(first)) else {
        return without;
    };
    let fails = |without: &Without| broken(without).iter().any(|broken| rule_of(broken) == rule);
    for class in CLASSES {
        let mut less = without.clone();
        less.faults.insert(class);
        if less != without && fails(&less) {
            without = less;
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_is_the_same_day_step_by_step() {
        for seed in [1, 7, 23] {
            let first = run(seed, &Without::default(), true);
            assert!(first.log.lines().count() > 20, "{}", first.log);
            let again = run(seed, &Without::default(), true);
            assert_eq!(
                (&first.log, &first.hits),
                (&again.log, &again.hits),
                "seed {seed}"
            );
        }
    }

    /// Whoever reads only the verdict sees the same day.
    #[test]
    fn recording_changes_nothing() {
        let recorded = run(7, &Without::default(), true);
        let bare = run(7, &Without::default(), false);
        assert_eq!(
            (recorded.steps, recorded.tasks, recorded.hits),
            (bare.steps, bare.tasks, bare.hits)
        );
        assert_eq!(bare.log, "");
    }

    /// The rule needs operations 3 and 5 and one class of faults; numbers in it differ from run to run.
    #[test]
    fn what_is_not_needed_to_break_a_rule_is_left_out() {
        let broken = |without: &Without| {
            let needed =
                [3, 5].iter().all(|op| !without.ops.contains(op)) && !without.faults.contains(CLASSES[1]);
            let told = format!("task t{} ended twice", without.ops.len());
            let other = "another rule".to_owned();
            if needed { vec![told] } else { vec![other] }
        };
        let shrunk = shrink_by(8, Without::default(), broken);
        assert_eq!(shrunk.ops, [0, 1, 2, 4, 6, 7].into());
        let left: Vec<_> = CLASSES
            .iter()
            .filter(|class| !shrunk.faults.contains(**class))
            .collect();
        assert_eq!(left, [&CLASSES[1]]);
        let green = |_: &Without| Vec::new();
        assert_eq!(shrink_by(8, Without::default(), green), Without::default());
    }
}
