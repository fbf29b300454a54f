//! Ten times the load: goodput against the peak of the same run, the time to refuse, and how evenly requesters are served.
//! `cargo bench -p kunder-tests --bench overload`, with `-- --quick` for a look of a few seconds, `-- --rounds N`, `-- --seconds N`.
//!
//! The clients are one thread and send messages to a door like the one of the bus. On a machine of their own they would take
//! no time from what is served, so the peak is measured twice: alone, and while they make ten times as many tasks and throw
//! them away. Goodput against the first is what this machine does; against the second, what refusing costs.
#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures real time and runs its clients beside itself"
)]

#[path = "overload/clients.rs"]
mod clients;
#[path = "overload/served.rs"]
mod served;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use kunder_agent_core::envelope::Envelope;
use kunder_agent_core::id::TaskId;
use kunder_agent_core::task::Task;

use crate::clients::{Clients, Demand, Sent};
use crate::served::{Bench, Used};

pub const REQUESTERS: usize = 100;
pub const MAILBOX: usize = 1_024;
/// Clients that wait when they are told to; as a multiple of two hundred, so that each asks for one requester only.
pub const PATIENT: u64 = 10_000;
/// Tasks under way while the peak is measured; the best of them counts.
const WINDOWS: [usize; 3] = [64, 256, 512];
const REFUSALS: u32 = 100_000;

/// Who sends this task: of two hundred, one hundred and one are from the first requester and one from each other.
pub fn requester(number: u64) -> usize {
    (number as usize % (2 * REQUESTERS)).saturating_sub(REQUESTERS)
}

fn main() {
    let option = |name: &str| {
        let mut arguments = std::env::args().skip_while(|argument| argument != name);
        arguments.nth(1).and_then(|value| value.parse().ok())
    };
    let quick = std::env::args().any(|argument| argument == "--quick");
    let rounds = option("--rounds").unwrap_or(if quick { 1 } else { 7 });
    let seconds = option("--seconds").unwrap_or(if quick { 2 } else { 9 });
    let seconds = Duration::from_secs(seconds);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("served")
        .enable_all()
        .build()
        .expect("a runtime can be built");
    runtime.block_on(async {
        let refusal = tokio::spawn(refusal()).await.expect("it ends");
        println!("a refusal by itself: {refusal:?}");
        let (mut window, mut best) = (0, 0.0);
        for tried in WINDOWS {
            let tried_peak = round(seconds / 3, Demand::Window(tried)).await.goodput;
            println!("peak with {tried} under way: {tried_peak:.0} tasks/s");
            if tried_peak > best {
                (window, best) = (tried, tried_peak);
            }
        }
        let ten_times = best * 10.0;
        println!("{rounds} rounds of {seconds:?}; {window} under way at the peak; ten times is {ten_times:.0} tasks/s");
        let demands = [
            Demand::Window(window),
            Demand::WindowBeside(window, ten_times),
            Demand::Open(ten_times),
            Demand::Patient(PATIENT, ten_times),
        ];
        let mut all: [Vec<Round>; 4] = Default::default();
        for _ in 0..rounds {
            for (demand, rounds) in demands.iter().zip(&mut all) {
                rounds.push(round(seconds, *demand).await);
            }
        }
        report(&all);
    });
}

/// What one round showed.
struct Round {
    goodput: f64,
    offered: f64,
    sent: Sent,
    jain: f64,
    clients: f64,
    writer: f64,
}

/// One behaviour of the clients over a new store.
async fn round(seconds: Duration, demand: Demand) -> Round {
    let bench = Bench::new().await;
    let (tell, told) = mpsc::channel();
    let (door, ended) = bench.door(tell);
    let stop = Arc::new(AtomicBool::new(false));
    let clients = Clients {
        demand,
        door,
        told,
        served: Arc::clone(&bench.served),
        stop: Arc::clone(&stop),
    };
    let begun = Instant::now();
    let thread = std::thread::Builder::new()
        .name("clients".to_owned())
        .spawn(move || clients.run())
        .expect("a thread can be started");
    tokio::time::sleep(seconds / 10).await;
    let (before, used, since) = (bench.complete().await, Used::now(), Instant::now());
    tokio::time::sleep(seconds).await;
    let goodput = (bench.complete().await - before) as f64 / since.elapsed().as_secs_f64();
    let now = Used::now();
    let (clients, writer) = (now.part(&used, "clients"), now.part(&used, "kunder-store"));
    stop.store(true, Ordering::Release);
    let whole = begun.elapsed().as_secs_f64();
    let sent = tokio::task::spawn_blocking(move || thread.join())
        .await
        .expect("it is waited for")
        .expect("the clients end");
    ended.await.expect("the door ends");
    let counts = bench.served.by_requester.iter();
    let jain = jain(
        &counts
            .map(|count| count.load(Ordering::Relaxed))
            .collect::<Vec<_>>(),
    );
    bench.runtime.drain().await;
    Round {
        goodput,
        offered: sent.offered as f64 / whole,
        sent,
        jain,
        clients,
        writer,
    }
}

/// What one refusal costs, one after the other with nothing else to do.
async fn refusal() -> Duration {
    let bench = Bench::holding().await;
    let mut number = 0;
    let mut submit = || {
        number += 1;
        let id = TaskId::new(number.to_string()).expect("a short id");
        let mut task = Task::new(id, "first", "note");
        task.requested_by = Some("requester-0".to_owned());
        let warnings = Vec::new();
        bench.runtime.submit(Envelope { task, warnings }, None)
    };
    while submit().await.is_ok() {}
    let begun = Instant::now();
    for _ in 0..REFUSALS {
        submit().await.expect_err("it has its share");
    }
    let each = begun.elapsed() / REFUSALS;
    bench.release();
    bench.runtime.drain().await;
    each
}

/// Prints the middle of every figure.
fn report([alone, beside, open, patient]: &[Vec<Round>; 4]) {
    let goodput = |rounds: &[Round]| median(rounds, |round| round.goodput);
    let (peak, peak_beside) = (goodput(alone), goodput(beside));
    let clients = |rounds: &[Round]| 100.0 * median(rounds, |round| round.clients);
    let writer = |rounds: &[Round]| 100.0 * median(rounds, |round| round.writer);
    println!(
        "{:<40} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8} {:>7}",
        "", "offered/s", "goodput/s", "of peak", "of peak", "clients", "writer", "Jain"
    );
    println!(
        "{:<40} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8} {:>7}",
        "", "", "", "alone", "beside", "cpu", "cpu", "index"
    );
    let names = [
        "peak alone",
        "peak beside clients that throw away",
        "ten times, open loop",
        "ten times, clients who wait as told",
    ];
    for (name, rounds) in names.into_iter().zip([alone, beside, open, patient]) {
        println!(
            "{name:<40} {:>9.0} {:>9.0} {:>7.0} % {:>7.0} % {:>6.0} % {:>6.0} % {:>7.4}",
            median(rounds, |round| round.offered),
            goodput(rounds),
            100.0 * median_ratio(rounds, alone),
            100.0 * median_ratio(rounds, beside),
            clients(rounds),
            writer(rounds),
            median(rounds, |round| round.jain)
        );
    }
    println!(
        "medians of {} rounds; of peak: the middle of the ratios within a round; peaks {peak:.0} and {peak_beside:.0}",
        alone.len()
    );
    for (name, rounds) in [("open loop", open), ("clients who wait", patient)] {
        let told = |part: f64, times: fn(&Sent) -> &Vec<Duration>| {
            median(rounds, |round| at(times(&round.sent), part).as_secs_f64() * 1e6)
        };
        println!(
            "{name}: refused {:.0} a round, not read in time {:.0}; told since read p50 {:.0} µs, p99 {:.0} µs; since sent p50 {:.0} µs, p99 {:.0} µs",
            median(rounds, |round| round.sent.worked.len() as f64),
            median(rounds, |round| round.sent.held_back as f64),
            told(0.5, |sent| &sent.worked),
            told(0.99, |sent| &sent.worked),
            told(0.5, |sent| &sent.waited),
            told(0.99, |sent| &sent.waited),
        );
    }
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn median(rounds: &[Round], of: impl Fn(&Round) -> f64) -> f64 {
    middle(rounds.iter().map(of).collect())
}

/// Each round against the other of its turn: what else the machine does is in both.
fn median_ratio(rounds: &[Round], others: &[Round]) -> f64 {
    let pairs = rounds.iter().zip(others);
    middle(pairs.map(|(one, other)| one.goodput / other.goodput).collect())
}

/// The time that this part of all is below.
fn at(times: &[Duration], part: f64) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let place = (times.len() as f64 * part) as usize;
    times.get(place).copied().unwrap_or_default()
}

/// 1 where all got the same, 1/n where one got everything (Jain, Chiu and Hawe 1984).
fn jain(shares: &[u64]) -> f64 {
    let sum: f64 = shares.iter().map(|share| *share as f64).sum();
    let squares: f64 = shares.iter().map(|share| (*share as f64).powi(2)).sum();
    sum * sum / (shares.len() as f64 * squares)
}
