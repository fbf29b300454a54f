//! The day's check of many customers: scores, history and alerts written durably, against a loop by hand that does just that.
//! `cargo bench -p kunder-tests --bench health`, with `-- --customers N`, `-- --rounds N`, and `-- --quick` for a look.
//!
//! Each round is a day: both sides check all customers on it, one after the other, so that the ratio holds on a busy machine.
//! Then one fact at a time is stored while the program serves, until the customer's new score can be read.
#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures real time and real memory"
)]

#[path = "health/clock.rs"]
mod clock;
#[path = "health/hand.rs"]
mod hand;
#[path = "health/ours.rs"]
mod ours;

use std::time::Duration;

use crate::hand::Hand;
use crate::ours::Ours;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Signals of a customer.
pub const SIGNALS: usize = 10;
/// Customers of which there is news on each day after the second, in a thousand.
const NEWS_PER_THOUSAND: usize = 10;
/// Facts stored one at a time.
const FACTS: usize = 200;

fn main() {
    let option = |name: &str| {
        let mut arguments = std::env::args().skip_while(|argument| argument != name);
        arguments.nth(1).and_then(|value| value.parse().ok())
    };
    let quick = std::env::args().any(|argument| argument == "--quick");
    let customers = option("--customers").unwrap_or(if quick { 5_000 } else { 100_000 });
    let rounds = option("--rounds").unwrap_or(if quick { 3 } else { 7 });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    runtime.block_on(run(customers, rounds, if quick { FACTS / 10 } else { FACTS }));
}

async fn run(customers: usize, rounds: usize, facts: usize) {
    println!("{customers} customers with {SIGNALS} signals each; {rounds} days");
    let mut ours = Ours::new(customers).await;
    let mut hand = Hand::new(customers);
    // The first day reads every fact; those after it are what happens every day.
    let first = (ours.day(0).await, hand.day(0));
    told("first day", customers, &[first.0], &[first.1]);
    reset_peak();
    let (mut by_us, mut by_hand) = (Vec::new(), Vec::new());
    for day in 1..=rounds {
        if day > 1 {
            let changed = customers * NEWS_PER_THOUSAND / 1_000;
            ours.news(day, changed).await;
            hand.news(day, changed);
        }
        by_us.push(ours.day(day).await);
        by_hand.push(hand.day(day));
    }
    told("a day", customers, &by_us, &by_hand);
    println!("peak memory of the days: {} MiB", peak_kib() / 1_024);
    assert_eq!(
        ours.scores(rounds).await,
        hand.scores(),
        "both give the same scores"
    );
    let waits = ours::fact_to_score(customers.min(10_000), facts).await;
    let at = |share: usize| waits[(waits.len() - 1) * share / 100];
    println!(
        "one new fact to its customer's new score: p50 {:.1?}, p95 {:.1?}",
        at(50),
        at(95)
    );
}

fn told(what: &str, customers: usize, ours: &[Duration], hand: &[Duration]) {
    let (ours, hand) = (median(ours), median(hand));
    let each = |time: Duration| time.as_secs_f64() * 1e6 / customers as f64;
    println!(
        "{what}: {ours:.1?} ({:.2} µs a customer), by hand {hand:.1?} ({:.2} µs): {:.2} times as long",
        each(ours),
        each(hand),
        ours.as_secs_f64() / hand.as_secs_f64()
    );
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times[times.len() / 2]
}

/// The most memory since the last reset, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok())
        .unwrap_or(0)
}

fn reset_peak() {
    // Where that is not allowed the peak is that of the whole run.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Signal `number` of a customer, 0 to 100, on a day: some move every day there is news of the customer.
pub fn signal(customer: usize, number: usize, day: usize) -> u32 {
    let mixed = (customer as u64 + 1)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add((number as u64 + 1).wrapping_mul(0xD1B5_4A32_D192_ED03))
        .wrapping_add((day as u64).wrapping_mul(0x94D0_49BB_1331_11EB));
    // Most customers are well, as they are.
    let value = (mixed ^ (mixed >> 31)) % 101;
    let floor = if customer.is_multiple_of(13) { 0 } else { 60 };
    u32::try_from(value.max(floor)).expect("at most 100")
}

/// Which customers there is news of on a day.
pub fn with_news(day: usize, customers: usize, count: usize) -> impl Iterator<Item = usize> {
    let step = customers / count.max(1);
    (0..count).map(move |number| (number * step + day * 7) % customers)
}

/// The id of a customer; in the order of the numbers.
pub fn id(customer: usize) -> String {
    format!("c{customer:07}")
}
