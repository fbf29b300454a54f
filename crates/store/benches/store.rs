//! The store against programs written by hand for the same job, in the same run (limits G6 and G7), and recovery of 10,000 tasks.
//! `cargo bench -p kunder-store --bench store`, with `-- --quick` for a look of a few seconds.
#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures real time and runs its clients beside itself"
)]

#[path = "store/clock.rs"]
mod clock;
#[path = "store/hand.rs"]
mod hand;
#[path = "store/start.rs"]
mod start;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use jiff::Timestamp;
use kunder_agent_core::id::{AgentName, TaskId};
use kunder_agent_core::journal::{Acceptance, Commit, End, Journal, NewTask};
use kunder_agent_core::outcome::{OUTCOME_PROTOCOL, Outcome, Report, Status};
use kunder_agent_core::task::Task;
use kunder_domain::fact::{CustomerId, Fact, FactBody, field};
use kunder_store::SqliteStore;
use tempfile::TempDir;

use crate::clock::StillClock;
use crate::hand::Hand;

pub const AGENT: &str = "customer-health";
const BATCH: u64 = 64;
const SUBMITTERS: u64 = 256;

/// How much is measured.
#[derive(Clone, Copy)]
struct Size {
    passes: usize,
    open: u64,
    singles: u64,
    batches: u64,
    rows_each: u64,
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let size = if quick {
        Size {
            passes: 1,
            open: 1_000,
            singles: 20,
            batches: 4,
            rows_each: 4,
        }
    } else {
        Size {
            passes: 9,
            open: 10_000,
            singles: 300,
            batches: 100,
            rows_each: 60,
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be built");
    let start = start::start(size.passes, size.open);
    println!(
        "a killed process with {} open tasks: opened {:.1} ms, accepting {:.1} ms, first task at work {:.1} ms (aim: under 200)",
        size.open,
        start.opened.as_secs_f64() * 1e3,
        start.accepting.as_secs_f64() * 1e3,
        start.first.as_secs_f64() * 1e3
    );
    runtime.block_on(async {
        println!(
            "{:<46} {:>12} {:>12} {:>7} {:>7} {:>7}",
            "job, synchronous FULL", "store", "by hand", "ratio", "goal", "floor"
        );
        let (ours, hand) = recovery(size).await;
        let name = format!("all {} open tasks in memory, ms", size.open);
        let ratio = hand / ours;
        println!(
            "{name:<46} {:>12.1} {:>12.1} {ratio:>7.2} {:>7} {:>7}",
            ours * 1e3,
            hand * 1e3,
            "-",
            "-"
        );
        let (ours, hand) = singles(size).await;
        line("G6 lifecycle one by one, tasks/s", size.singles, ours, hand);
        let (ours, hand) = batches(size).await;
        line(
            "G6 lifecycle in batches of 64, tasks/s",
            size.batches * BATCH,
            ours,
            hand,
        );
        let (ours, hand) = ingest(size).await;
        line(
            "G7 ingest, 256 submitters, rows/s",
            SUBMITTERS * size.rows_each,
            ours,
            hand,
        );
    });
}

fn line(name: &str, units: u64, ours: f64, hand: f64) {
    let (ours, hand) = (units as f64 / ours, units as f64 / hand);
    let ratio = ours / hand;
    println!(
        "{name:<46} {ours:>12.0} {hand:>12.0} {ratio:>7.2} {:>7} {:>7}",
        "0.70", "0.50"
    );
}

/// The middle of both sides, in seconds.
fn medians(mut passes: Vec<(Duration, Duration)>) -> (f64, f64) {
    let middle = passes.len() / 2;
    passes.sort_by_key(|pass| pass.0);
    let ours = passes[middle].0;
    passes.sort_by_key(|pass| pass.1);
    (ours.as_secs_f64(), passes[middle].1.as_secs_f64())
}

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(folder, Arc::new(StillClock)).expect("a store opens")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder can be made")
}

fn id(text: &str) -> TaskId {
    TaskId::new(text).expect("an id of ours")
}

pub fn task(text: &str) -> Task {
    Task::new(id(text), AGENT, "health-check")
}

fn new_task(text: &str) -> NewTask {
    NewTask {
        task: task(text),
        agent: AgentName::new(AGENT),
        lane: None,
        now: Timestamp::UNIX_EPOCH,
        parent: None,
        not_before: None,
        announced: true,
        warnings: Vec::new(),
    }
}

pub fn outcome(text: &str) -> Outcome {
    Outcome {
        protocol: OUTCOME_PROTOCOL.to_owned(),
        task_id: id(text),
        agent: format!("kunder/{AGENT}"),
        started_at: Timestamp::UNIX_EPOCH,
        finished_at: Timestamp::UNIX_EPOCH,
        report: Report::new(Status::Complete, "done"),
        criteria: Vec::new(),
        warnings: Vec::new(),
        cut: Vec::new(),
    }
}

pub fn fact(text: &str) -> Fact {
    Fact {
        id: text.to_owned(),
        // `pass-lane-number`: as many customers as submitters, each with many facts.
        customer: CustomerId::new(text.split('-').nth(1).unwrap_or(text)),
        observed: Timestamp::UNIX_EPOCH,
        source: "Sälj".to_owned(),
        actor: "Åsa".to_owned(),
        body: FactBody::Profile {
            field: field::WEBSITE.to_owned(),
            value: "https://exempel.se".to_owned(),
        },
    }
}

async fn accept(store: &SqliteStore, text: &str) {
    accept_task(store, new_task(text)).await;
}

async fn accept_task(store: &SqliteStore, new: NewTask) {
    let accepted = store.accept(new).await.expect("the store works");
    assert!(matches!(accepted, Acceptance::New(_)), "it is new");
}

async fn end(store: &SqliteStore, text: &str, epoch: u64) {
    let task = id(text);
    store.start(&task, epoch);
    let commit = Commit {
        task,
        epoch,
        end: End::Done(Box::new(outcome(text))),
        expects: Vec::new(),
        changes: Vec::new(),
        follow_ups: Vec::new(),
        announcements: Vec::new(),
        artifacts: Vec::new(),
        letter: None,
    };
    store.commit(commit).await.expect("the store works");
}

/// Copies a store as `kill -9` leaves it.
fn copy(from: &Path) -> TempDir {
    let to = folder();
    for file in ["kunder.sqlite", "kunder.sqlite-wal", "kunder.sqlite-seal"] {
        std::fs::copy(from.join(file), to.path().join(file)).expect("a file can be copied");
    }
    to
}

/// From opening to the tasks in memory; both sides from the files of a killed process.
async fn recovery(size: Size) -> (f64, f64) {
    let source = folder();
    let store = open(source.path());
    let names: Vec<String> = (0..size.open).map(|number| format!("task-{number}")).collect();
    for some in names.chunks(256) {
        join_all(some.iter().map(|name| accept(&store, name))).await;
    }
    let agent = AgentName::new(AGENT);
    let mut passes = Vec::new();
    for _ in 0..size.passes {
        let (mine, theirs) = (copy(source.path()), copy(source.path()));
        let began = Instant::now();
        let again = open(mine.path());
        again.recover().await.expect("the lease can be taken");
        let queued = again
            .queued(&agent, 0, usize::MAX, Timestamp::UNIX_EPOCH)
            .await
            .expect("the store works");
        let ours = began.elapsed();
        assert_eq!(queued.len() as u64, size.open);
        let began = Instant::now();
        let read = hand::recover(&SqliteStore::file(theirs.path()));
        passes.push((ours, began.elapsed()));
        assert_eq!(read.len() as u64, size.open);
    }
    medians(passes)
}

async fn singles(size: Size) -> (f64, f64) {
    let (mine, theirs) = (folder(), folder());
    let store = open(mine.path());
    let epoch = store.recover().await.expect("the lease can be taken");
    let mut hand = Hand::open(theirs.path());
    let mut passes = Vec::new();
    for pass in 0..size.passes {
        let names: Vec<String> = (0..size.singles)
            .map(|number| format!("one-{pass}-{number}"))
            .collect();
        let began = Instant::now();
        for name in &names {
            accept(&store, name).await;
            end(&store, name, epoch).await;
        }
        let ours = began.elapsed();
        let began = Instant::now();
        for name in &names {
            hand.lifecycle(std::slice::from_ref(name));
        }
        passes.push((ours, began.elapsed()));
    }
    medians(passes)
}

async fn batches(size: Size) -> (f64, f64) {
    let (mine, theirs) = (folder(), folder());
    let store = open(mine.path());
    let epoch = store.recover().await.expect("the lease can be taken");
    let mut hand = Hand::open(theirs.path());
    let mut passes = Vec::new();
    for pass in 0..size.passes {
        let names: Vec<String> = (0..size.batches * BATCH)
            .map(|number| format!("{pass}-{number}"))
            .collect();
        let began = Instant::now();
        for batch in names.chunks(BATCH as usize) {
            join_all(batch.iter().map(|name| accept(&store, name))).await;
            join_all(batch.iter().map(|name| end(&store, name, epoch))).await;
        }
        let ours = began.elapsed();
        let began = Instant::now();
        for batch in names.chunks(BATCH as usize) {
            hand.lifecycle(batch);
        }
        passes.push((ours, began.elapsed()));
    }
    medians(passes)
}

async fn ingest(size: Size) -> (f64, f64) {
    let (mine, theirs) = (folder(), folder());
    let store = open(mine.path());
    let group = hand::Group::open(theirs.path());
    let mut passes = Vec::new();
    for pass in 0..size.passes {
        let began = Instant::now();
        let submitters = (0..SUBMITTERS).map(|lane| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in 0..size.rows_each {
                    let fact = fact(&format!("{pass}-{lane}-{number}"));
                    store.ingest(vec![fact]).await.expect("the store works");
                }
            })
        });
        join_all(submitters.collect::<Vec<_>>()).await;
        let ours = began.elapsed();
        let began = Instant::now();
        let submitters = (0..SUBMITTERS).map(|lane| {
            let group = group.clone();
            tokio::spawn(async move {
                for number in 0..size.rows_each {
                    group.insert(fact(&format!("{pass}-{lane}-{number}"))).await;
                }
            })
        });
        join_all(submitters.collect::<Vec<_>>()).await;
        passes.push((ours, began.elapsed()));
    }
    medians(passes)
}
