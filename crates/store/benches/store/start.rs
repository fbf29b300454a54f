//! From the files of a killed process to a runtime that accepts, and to its first task at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::future::join_all;
use jiff::Timestamp;
use kunder::clock::SystemClock;
use kunder_agent_core::agent::{Agent, AnyAgent, GatherError, Work};
use kunder_agent_core::decision::Decision;
use kunder_agent_core::id::AgentName;
use kunder_agent_core::journal::{Journal, NewTask};
use kunder_agent_core::outcome::{Report, Status};
use kunder_agent_core::runtime::{Runtime, RuntimeConfig};
use kunder_agent_core::task::Task;
use kunder_domain::change::Change;
use kunder_store::SqliteStore;
use tokio::sync::Notify;

use crate::{accept_task, copy, folder, new_task, open};

const AGENTS: [&str; 4] = ["customer-health", "onboarding", "pipeline", "customer-fetching"];
const CUSTOMERS: u64 = 1_000;

/// Tells when its first task begins, and goes no further.
struct First {
    name: &'static str,
    begun: Arc<AtomicBool>,
    told: Arc<Notify>,
}

#[async_trait]
impl Agent<(), Change> for First {
    type Facts = ();

    fn name(&self) -> AgentName {
        AgentName::new(self.name)
    }

    fn description(&self) -> &'static str {
        "begins"
    }

    fn commands(&self) -> &'static [&'static str] {
        &["health-check"]
    }

    async fn lane(&self, task: &Task, (): &()) -> Option<String> {
        task.customer().map(str::to_owned)
    }

    async fn gather(&self, _: &Work, (): &()) -> Result<(), GatherError> {
        if self.begun.swap(true, Ordering::AcqRel) {
            return std::future::pending().await;
        }
        Ok(())
    }

    fn decide(&self, _: &Work, (): &()) -> Decision<Change> {
        self.told.notify_one();
        Decision::done(Report::new(Status::Complete, "begun"))
    }
}

/// Times since opening began, the middle of all passes.
pub struct Start {
    pub opened: Duration,
    pub accepting: Duration,
    pub first: Duration,
}

/// Opens a store with so many open tasks, of four agents and a thousand customers.
pub fn start(passes: usize, tasks: u64) -> Start {
    let source = folder();
    let runtime = tokio_runtime();
    let store = open(source.path());
    runtime.block_on(async {
        let names: Vec<u64> = (0..tasks).collect();
        for some in names.chunks(256) {
            join_all(some.iter().map(|number| accept_task(&store, of(*number)))).await;
        }
    });
    let mut found: Vec<[Duration; 3]> = Vec::new();
    for _ in 0..passes {
        let files = copy(source.path());
        let runtime = tokio_runtime();
        found.push(runtime.block_on(pass(files.path())));
        // With whatever runs in it.
        runtime.shutdown_timeout(Duration::from_millis(100));
    }
    let middle = |at: usize| {
        let mut times: Vec<Duration> = found.iter().map(|times| times[at]).collect();
        times.sort_unstable();
        times[times.len() / 2]
    };
    Start {
        opened: middle(0),
        accepting: middle(1),
        first: middle(2),
    }
}

async fn pass(folder: &std::path::Path) -> [Duration; 3] {
    let (begun, told) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let agents = AGENTS.map(|name| {
        let (begun, told) = (Arc::clone(&begun), Arc::clone(&told));
        let agent: Arc<dyn AnyAgent<(), Change>> = Arc::new(First { name, begun, told });
        agent
    });
    let since = Instant::now();
    let clock = Arc::new(SystemClock::default());
    let store = SqliteStore::open(folder, Arc::clone(&clock) as _).expect("a store opens");
    let opened = since.elapsed();
    let journal: Arc<dyn Journal<Change>> = Arc::new(store);
    let config = RuntimeConfig::default();
    let runtime = Runtime::start(config, clock, journal, Arc::new(()), agents.into());
    let runtime = runtime.await.expect("the journal can be read");
    let accepting = since.elapsed();
    told.notified().await;
    let first = since.elapsed();
    assert!(runtime.fatal().borrow().is_none());
    [opened, accepting, first]
}

fn of(number: u64) -> NewTask {
    let mut new = new_task(&format!("task-{number}"));
    new.agent = AgentName::new(AGENTS[(number % 4) as usize]);
    let customer = format!("customer-{}", number * 7 % CUSTOMERS);
    new.task.context.customer = Some(customer.clone());
    new.lane = Some(customer);
    new.now = Timestamp::UNIX_EPOCH;
    new
}

fn tokio_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be built")
}
