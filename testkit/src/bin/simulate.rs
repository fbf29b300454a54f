//! Runs seeds, many or one, and prints what broke and the one command that shows it again.
#![forbid(unsafe_code)]
#![expect(
    clippy::disallowed_methods,
    reason = "the pace is measured in real time, outside the simulation"
)]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kunder_testkit::chaos::PLANNED_PANICS;
use kunder_testkit::plan::{CLASSES, Plan, Without};
use kunder_testkit::run::{Ran, run, shrink};

/// Half of a simulated day is asking for memory and giving it back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "\
usage: simulate [--seeds N] [--from SEED] [--seconds S] [--threads T]
       simulate --seed SEED [--without-ops 1,2] [--without-faults slow,crash] [--log]

--seeds N     how many seeds (default 1000)        --from SEED   the first one (default 1)
--seconds S   stop after so long, also with seeds left
--seed SEED   one seed: prints its plan and its verdict; with --log every step";

struct Asked {
    seeds: u64,
    from: u64,
    seconds: Option<u64>,
    threads: usize,
    seed: Option<u64>,
    without: Without,
    log: bool,
}

fn main() -> ExitCode {
    let asked = match read(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(wrong) => {
            eprintln!("{wrong}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    // Agents panic because they are told to; what the runtime makes of it is what counts. Any other panic breaks a rule,
    // and says where in the run of its seed alone.
    let told = asked.seed.is_some();
    std::panic::set_hook(Box::new(move |panic| {
        let planned = panic
            .payload_as_str()
            .is_some_and(|text| PLANNED_PANICS.contains(&text));
        if told && !planned {
            eprintln!("{panic}\n{}", std::backtrace::Backtrace::force_capture());
        }
    }));
    let failed = match asked.seed {
        Some(seed) => one(seed, &asked),
        None => many(&asked),
    };
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn read(mut args: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut asked = Asked {
        seeds: 1_000,
        from: 1,
        seconds: None,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        seed: None,
        without: Without::default(),
        log: false,
    };
    while let Some(name) = args.next() {
        if name == "--log" {
            asked.log = true;
            continue;
        }
        let value = args.next().ok_or_else(|| format!("`{name}` wants a value"))?;
        let number = || {
            value
                .parse::<u64>()
                .map_err(|_| format!("`{name}` wants a number, not `{value}`"))
        };
        match name.as_str() {
            "--seeds" => asked.seeds = number()?,
            "--from" => asked.from = number()?,
            "--seconds" => asked.seconds = Some(number()?),
            "--threads" => asked.threads = usize::try_from(number()?.max(1)).unwrap_or(1),
            "--seed" => asked.seed = Some(number()?),
            "--without-ops" => {
                let ops = value.split(',').map(str::parse).collect::<Result<_, _>>();
                asked.without.ops = ops.map_err(|_| format!("`{value}` is not a list of numbers"))?;
            }
            "--without-faults" => {
                for given in value.split(',') {
                    let class = CLASSES.iter().find(|class| **class == given);
                    let known = || format!("no faults are called `{given}`, only {}", CLASSES.join(", "));
                    asked.without.faults.insert(class.ok_or_else(known)?);
                }
            }
            _ => return Err(format!("`{name}` is not known")),
        }
    }
    Ok(asked)
}

fn one(seed: u64, asked: &Asked) -> bool {
    let ran = run(seed, &asked.without, asked.log);
    print!("{}", ran.log);
    let plan = Plan::new(seed, &asked.without);
    println!(
        "seed {seed}: {:?}, mailbox {}, concurrency {}",
        plan.faults, plan.mailbox, plan.concurrency
    );
    for (number, op) in plan
        .ops
        .iter()
        .enumerate()
        .filter(|(number, _)| !asked.without.ops.contains(number))
    {
        println!("op {number} after {:#}: {:?}", op.at, op.what);
    }
    println!("{} tasks, {} steps", ran.tasks, ran.steps);
    for (what, times) in &ran.hits {
        println!("  {times:>6} {what}");
    }
    for broken in &ran.broken {
        println!("BROKEN: {broken}");
    }
    !ran.broken.is_empty()
}

#[derive(Default)]
struct Sum {
    tasks: u64,
    steps: u64,
    /// Of the longest day.
    steps_most: u64,
    hits: BTreeMap<&'static str, u64>,
    failed: Vec<(u64, String)>,
}

impl Sum {
    fn add(&mut self, seed: u64, ran: Ran) {
        self.tasks += ran.tasks as u64;
        self.steps += ran.steps;
        self.steps_most = self.steps_most.max(ran.steps);
        for (what, times) in ran.hits {
            *self.hits.entry(what).or_default() += times;
        }
        self.failed
            .extend(ran.broken.into_iter().next().map(|broken| (seed, broken)));
    }
}

/// Failing seeds after which no more are looked for.
const ENOUGH: usize = 5;

/// What so many days meet, or the simulation looks away: a rule that is never put to the test proves nothing.
const ENOUGH_TO_MEET_ALL: u64 = 1_000;
const MET: [&str; 27] = [
    "a conflict was refused",
    "a reply came again",
    "a task was cancelled with what was below it",
    "a task was given up and left a letter",
    "an alert was raised or closed",
    "broker: a connection broke",
    "broker: a delivery came twice",
    "broker: a delivery overtook another",
    "broker: a delivery was late",
    "broker: a delivery was lost",
    "broker: a message came after its sender gave up",
    "broker: a message was lost",
    "broker: an acknowledgement was lost",
    "broker: an acknowledgement was not on disk",
    "broker: an answer was lost",
    "broker: it died",
    "refused: busy",
    "store: a conflict",
    "store: a write in doubt",
    "store: away for a read",
    "store: away for a write",
    "store: death after a write",
    "store: death before a write",
    "store: full",
    "store: slow",
    "the process died",
    "the process was stopped",
];

fn many(asked: &Asked) -> bool {
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let sum = Mutex::new(Sum::default());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..asked.threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let late = asked
                        .seconds
                        .is_some_and(|most| begun.elapsed() >= Duration::from_secs(most));
                    if number >= asked.seeds || late || stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let seed = asked.from + number;
                    let ran = run(seed, &Without::default(), false);
                    let mut sum = sum.lock().expect("no other thread panics");
                    sum.add(seed, ran);
                    stop.fetch_or(sum.failed.len() >= ENOUGH, Ordering::Relaxed);
                }
            });
        }
    });
    let elapsed = begun.elapsed();
    let mut sum = sum.into_inner().expect("no other thread panics");
    let seeds = next.load(Ordering::Relaxed).min(asked.seeds);
    let a_second = |count: u64| count as f64 / elapsed.as_secs_f64();
    println!(
        "{seeds} seeds from {} in {:.1} s on {} threads: {:.0} seeds/s per thread, {:.0} tasks/s, {} tasks, {} steps (at most {} a day)",
        asked.from,
        elapsed.as_secs_f64(),
        asked.threads,
        a_second(seeds) / asked.threads as f64,
        a_second(sum.tasks),
        sum.tasks,
        sum.steps,
        sum.steps_most
    );
    for (what, times) in &sum.hits {
        println!("  {times:>9} {what}");
    }
    let missed: Vec<&str> = MET
        .into_iter()
        .filter(|what| !sum.hits.contains_key(what))
        .collect();
    let blind = seeds >= ENOUGH_TO_MEET_ALL && !missed.is_empty();
    if blind {
        println!("BLIND: never met: {}", missed.join(", "));
    }
    sum.failed.sort();
    for (seed, broken) in &sum.failed {
        println!("seed {seed} BROKEN: {broken}");
    }
    if let Some((seed, _)) = sum.failed.first() {
        let without = shrink(*seed, Without::default());
        println!("shrunk: {}", command(*seed, &without));
    }
    blind || !sum.failed.is_empty()
}

/// The command that runs this again.
fn command(seed: u64, without: &Without) -> String {
    let mut command = format!("cargo xtask simulate --seed {seed}");
    if !without.ops.is_empty() {
        let ops: Vec<String> = without.ops.iter().map(usize::to_string).collect();
        command += &format!(" --without-ops {}", ops.join(","));
    }
    if !without.faults.is_empty() {
        let faults: Vec<&str> = without.faults.iter().copied().collect();
        command += &format!(" --without-faults {}", faults.join(","));
    }
    command
}
