//! Ten times the load: goodput against the peak of the same run, the time to refuse, and how evenly requesters are served.
//! `cargo bench -p kunder-tests --bench overload`, with `-- --quick` for a look of a few seconds.
#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures real time and runs its clients beside itself"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kunder::clock::SystemClock;
use kunder_agent_core::agent::AnyAgent;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::envelope::Envelope;
use kunder_agent_core::id::TaskId;
use kunder_agent_core::journal::Journal;
use kunder_agent_core::runtime::{Runtime, RuntimeConfig};
use kunder_agent_core::task::Task;
use kunder_agents::Reader;
use kunder_domain::fact::Fact;
use kunder_store::SqliteStore;
use kunder_tests::scripted::{Script, Scripted};

const REQUESTERS: u64 = 100;
const MAILBOX: usize = 1_024;
/// Clients of the closed loop: enough to keep the agent at work, and never a full mailbox.
const CLOSED: u64 = 64;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let seconds = Duration::from_secs(if quick { 2 } else { 30 });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    runtime.block_on(async {
        let peak = peak(seconds).await;
        println!("peak, closed loop of {CLOSED}: {peak:.0} tasks/s");
        let flood = flood(seconds, peak * 10.0).await;
        println!(
            "offered: {:.0} tasks/s ({:.1} times the peak)",
            flood.offered,
            flood.offered / peak
        );
        println!(
            "goodput: {:.0} tasks/s, {:.0} % of the peak",
            flood.goodput,
            100.0 * flood.goodput / peak
        );
        println!(
            "refused: {} tasks, told in p50 {:?}, p99 {:?}",
            flood.refused, flood.p50, flood.p99
        );
        println!(
            "Jain index of {REQUESTERS} requesters, one sending 100 times as much: {:.4}",
            flood.jain
        );
    });
}

struct Bench {
    _folder: tempfile::TempDir,
    store: SqliteStore,
    script: Arc<Script>,
    runtime: Runtime<Reader, Fact>,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let store = SqliteStore::open(folder.path(), Arc::clone(&clock)).expect("a new store opens");
        let script = Arc::new(Script::default());
        let agent: Arc<dyn AnyAgent<Reader, Fact>> = Arc::new(Scripted {
            name: "first",
            script: Arc::clone(&script),
        });
        let config = RuntimeConfig {
            mailbox: MAILBOX,
            ..RuntimeConfig::default()
        };
        let reader: Reader = Arc::new(store.clone());
        let journal: Arc<dyn Journal<Fact>> = Arc::new(store.clone());
        let runtime = Runtime::start(config, clock, journal, Arc::new(reader), vec![agent])
            .await
            .expect("a new store can be read");
        Self {
            _folder: folder,
            store,
            script,
            runtime,
        }
    }

    async fn complete(&self) -> u64 {
        self.store.counts().await.expect("the store can be read").complete
    }
}

fn envelope(id: String, requester: u64) -> Envelope {
    let id = TaskId::new(id).expect("a short id");
    let mut task = Task::new(id, "first", "note");
    task.requested_by = Some(format!("requester-{requester}"));
    Envelope {
        task,
        warnings: Vec::new(),
    }
}

/// Who sends this task: of two hundred, one hundred and one are from the first requester and one from each other.
fn requester(number: u64) -> u64 {
    (number % (2 * REQUESTERS)).saturating_sub(REQUESTERS)
}

/// Tasks a second where each client sends its next one when it has the outcome of the last.
async fn peak(seconds: Duration) -> f64 {
    let bench = Arc::new(Bench::new().await);
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLOSED)
        .map(|client| {
            let (bench, stop) = (Arc::clone(&bench), Arc::clone(&stop));
            tokio::spawn(async move {
                for number in 0.. {
                    if stop.load(Ordering::Acquire) {
                        return;
                    }
                    let sent = envelope(format!("c{client}-{number}"), client);
                    let receipt = bench.runtime.submit(sent, None).await.expect("there is room");
                    let ended = bench.runtime.outcome(&receipt.task_id, Duration::from_secs(60));
                    ended.await.expect("it ends");
                }
            })
        })
        .collect();
    let rate = rate(&bench, seconds).await;
    stop.store(true, Ordering::Release);
    for client in clients {
        client.await.expect("a client ends");
    }
    rate
}

/// Tasks completed a second, after a warm-up.
async fn rate(bench: &Bench, seconds: Duration) -> f64 {
    tokio::time::sleep(seconds / 10).await;
    let (before, begun) = (bench.complete().await, Instant::now());
    tokio::time::sleep(seconds).await;
    (bench.complete().await - before) as f64 / begun.elapsed().as_secs_f64()
}

struct Flooded {
    offered: f64,
    goodput: f64,
    refused: usize,
    p50: Duration,
    p99: Duration,
    jain: f64,
}

/// An open loop that offers so many tasks a second, half of them from one requester.
async fn flood(seconds: Duration, offered: f64) -> Flooded {
    let bench = Arc::new(Bench::new().await);
    let stop = Arc::new(AtomicBool::new(false));
    let sent = Arc::new(AtomicU64::new(0));
    let (driver_bench, driver_stop, driver_sent) = (Arc::clone(&bench), Arc::clone(&stop), Arc::clone(&sent));
    let driver = tokio::spawn(async move { drive(&driver_bench, &driver_stop, &driver_sent, offered).await });
    let begun = Instant::now();
    let goodput = rate(&bench, seconds).await;
    let offered = sent.load(Ordering::Acquire) as f64 / begun.elapsed().as_secs_f64();
    stop.store(true, Ordering::Release);
    let mut told = driver.await.expect("the driver ends");
    let mut by_requester = vec![0_u64; REQUESTERS as usize];
    for id in bench.script.order.lock().expect("no decision panics").iter() {
        let number = id[1..].parse().expect("a number");
        by_requester[requester(number) as usize] += 1;
    }
    told.sort_unstable();
    let at = |part: f64| {
        told.get((told.len() as f64 * part) as usize)
            .copied()
            .unwrap_or_default()
    };
    let sum: u64 = by_requester.iter().sum();
    let squares: f64 = by_requester.iter().map(|count| (*count as f64).powi(2)).sum();
    Flooded {
        offered,
        goodput,
        refused: told.len(),
        p50: at(0.5),
        p99: at(0.99),
        jain: (sum as f64).powi(2) / (by_requester.len() as f64 * squares),
    }
}

/// Sends in steps of a millisecond, each task as one of its own; returns the times to refuse.
async fn drive(bench: &Arc<Bench>, stop: &AtomicBool, sent: &AtomicU64, offered: f64) -> Vec<Duration> {
    let mut under_way = tokio::task::JoinSet::new();
    let mut told = Vec::new();
    let begun = Instant::now();
    let mut number = 0_u64;
    while !stop.load(Ordering::Acquire) {
        let due = (begun.elapsed().as_secs_f64() * offered) as u64;
        while number < due {
            number += 1;
            let bench = Arc::clone(bench);
            under_way.spawn(async move {
                let sent = envelope(format!("f{number}"), requester(number));
                let begun = Instant::now();
                let refused = bench.runtime.submit(sent, None).await.is_err();
                refused.then(|| begun.elapsed())
            });
        }
        sent.store(number, Ordering::Release);
        tokio::time::sleep(Duration::from_millis(1)).await;
        while let Some(ended) = under_way.try_join_next() {
            told.extend(ended.expect("a submission does not panic"));
        }
    }
    told
}
