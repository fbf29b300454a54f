//! A runtime with two agents that do as a test says, and a job that runs beside it to its end.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use kunder::doctor::Setting;
use kunder::service::Service;
use kunder::store::Store;
use kunder_agent_core::agent::{Agent, AnyAgent, GatherError, Work};
use kunder_agent_core::bus::Announcement;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::decision::Decision;
use kunder_agent_core::door::{Answer, Receipt, Refusal};
use kunder_agent_core::envelope::Envelope;
use kunder_agent_core::id::{AgentName, TaskId};
use kunder_agent_core::journal::{Journal, TaskCounts};
use kunder_agent_core::letter::{DeadLetter, LetterQuery};
use kunder_agent_core::outcome::{Outcome, Report, Status};
use kunder_agent_core::runtime::{Runtime, RuntimeConfig};
use kunder_agent_core::task::Task;
use kunder_agents::Reader;
use kunder_domain::change::Change;
use kunder_testkit::machine::{Machine, Process, SimClock};
use kunder_testkit::store::SimStore;

/// More steps than any job or time of a test takes.
const STEPS_MAX: u64 = 1_000_000;
/// Longest wait for an outcome, in virtual time.
const WAIT: Duration = Duration::from_secs(24 * 3_600);

type Decide = dyn Fn(&Work) -> Decision<Change> + Send + Sync;

/// An agent whose decisions a test makes. `gather` takes `firstSeconds`, then `gatherSeconds` in steps of `stepSeconds`.
struct Told {
    name: &'static str,
    decide: Arc<Decide>,
    clock: Arc<SimClock>,
    decided: Arc<AtomicU32>,
}

#[async_trait]
impl Agent<Reader, Change> for Told {
    type Facts = ();

    fn name(&self) -> AgentName {
        AgentName::new(self.name)
    }

    fn description(&self) -> &'static str {
        "does as it is told"
    }

    fn commands(&self) -> &'static [&'static str] {
        &["note", "do", "refuse", "fall"]
    }

    async fn lane(&self, task: &Task, _: &Reader) -> Option<String> {
        task.customer().map(str::to_owned)
    }

    async fn gather(&self, work: &Work, _: &Reader) -> Result<(), GatherError> {
        if work.task.command() == Some("refuse") {
            return Err(GatherError::Refused("it is not for this agent".to_owned()));
        }
        assert!(work.task.command() != Some("fall"), "it falls");
        let first = number(work, "firstSeconds");
        sleep(self.clock.as_ref(), SignedDuration::from_secs(first)).await;
        let (mut left, step) = (number(work, "gatherSeconds"), number(work, "stepSeconds"));
        while left > 0 {
            let pause = if step == 0 { left } else { step.min(left) };
            left -= pause;
            sleep(self.clock.as_ref(), SignedDuration::from_secs(pause)).await;
        }
        Ok(())
    }

    fn decide(&self, work: &Work, (): &()) -> Decision<Change> {
        self.decided.fetch_add(1, Ordering::Relaxed);
        (self.decide)(work)
    }
}

/// A parameter of the task that is a number, else 0.
pub fn number(work: &Work, name: &str) -> i64 {
    let value = work.task.instruction.params.get(name);
    value.and_then(serde_json::Value::as_i64).unwrap_or(0)
}

pub async fn sleep(clock: &dyn Clock, time: SignedDuration) {
    clock.sleep_until(clock.now() + time).await;
}

pub struct Desk {
    pub machine: Machine,
    pub clock: Arc<SimClock>,
    pub store: SimStore,
    pub runtime: Runtime<Reader, Change>,
    pub service: Service,
    /// Decisions made by both agents.
    pub decided: Arc<AtomicU32>,
}

pub fn begin() -> Timestamp {
    "2026-03-02T08:00:00Z".parse().unwrap()
}

/// A task ends complete, whatever it is.
pub fn done(_: &Work) -> Decision<Change> {
    Decision::done(Report::new(Status::Complete, "done"))
}

/// A task for the agent `first`.
pub fn task(id: &str, command: &str, customer: Option<&str>) -> Task {
    let mut task = Task::new(TaskId::new(id).unwrap(), "first", command);
    task.context.customer = customer.map(str::to_owned);
    task
}

impl Desk {
    pub fn new(
        change: impl FnOnce(&mut RuntimeConfig),
        decide: impl Fn(&Work) -> Decision<Change> + Send + Sync + 'static,
    ) -> Self {
        let machine = Machine::new(7, begin(), false);
        let store = SimStore::new(machine.clock(Process(0)));
        let journal = Arc::new(store.clone());
        Self::over(&machine, store, journal, change, decide)
    }

    /// With a journal of the test's own over this store.
    pub fn over(
        machine: &Machine,
        store: SimStore,
        journal: Arc<dyn Journal<Change>>,
        change: impl FnOnce(&mut RuntimeConfig),
        decide: impl Fn(&Work) -> Decision<Change> + Send + Sync + 'static,
    ) -> Self {
        let clock = machine.clock(Process(1));
        let mut config = RuntimeConfig::default();
        change(&mut config);
        let (decide, decided): (Arc<Decide>, _) = (Arc::new(decide), Arc::<AtomicU32>::default());
        let agents = ["first", "second"].map(|name| {
            Arc::new(Told {
                name,
                decide: Arc::clone(&decide),
                clock: Arc::clone(&clock),
                decided: Arc::clone(&decided),
            }) as Arc<dyn AnyAgent<Reader, Change>>
        });
        let reader: Reader = Arc::new(store.clone());
        let started = Runtime::start(
            config,
            Arc::clone(&clock) as Arc<dyn Clock>,
            journal,
            Arc::new(reader),
            agents.into(),
        );
        let runtime = run(machine, &clock, started).unwrap();
        let setting = Setting {
            data: "simulated".to_owned(),
            bus: "none".to_owned(),
            nats: None,
            held: None,
            definitions: "none".to_owned(),
        };
        let service = Service {
            runtime: runtime.clone(),
            store: Arc::new(store.clone()) as Arc<dyn Store>,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            facts: Arc::new(setting),
            refused: Arc::default(),
            storms: Arc::default(),
        };
        Self {
            machine: machine.clone(),
            clock,
            store,
            runtime,
            service,
            decided,
        }
    }

    /// Runs a job to its end, beside all that goes on.
    #[track_caller]
    pub fn run<T: Send + 'static>(&self, job: impl Future<Output = T> + Send + 'static) -> T {
        run(&self.machine, &self.clock, job)
    }

    /// Lets time go by.
    pub fn pass(&self, time: SignedDuration) {
        let (until, begun) = (self.machine.now() + time, self.machine.steps());
        while self.machine.step(until) {
            let steps = self.machine.steps() - begun;
            assert!(steps < STEPS_MAX, "it never comes to rest");
        }
    }

    #[track_caller]
    pub fn submit(&self, task: Task) -> Result<Receipt, Refusal> {
        let runtime = self.runtime.clone();
        let warnings = Vec::new();
        self.run(async move { runtime.submit(Envelope { task, warnings }, None).await })
    }

    /// Submits a task for `first`; its id.
    #[track_caller]
    pub fn send(&self, id: &str, command: &str, customer: Option<&str>) -> TaskId {
        self.submit(task(id, command, customer)).unwrap().task_id
    }

    #[track_caller]
    pub fn outcome(&self, id: &TaskId) -> Outcome {
        let (runtime, id) = (self.runtime.clone(), id.clone());
        match self.run(async move { runtime.outcome(&id, WAIT).await }).unwrap() {
            Answer::Outcome(outcome) => *outcome,
            Answer::Pending(status) => panic!("still open: {status:?}"),
        }
    }

    #[track_caller]
    pub fn cancel(&self, id: &TaskId) -> Outcome {
        let (runtime, id) = (self.runtime.clone(), id.clone());
        let status = self.run(async move { runtime.cancel(&id, "Åsa").await }).unwrap();
        status.outcome.unwrap()
    }

    /// Submits and waits.
    #[track_caller]
    pub fn ended(&self, task: Task) -> Outcome {
        let id = self.submit(task).unwrap().task_id;
        self.outcome(&id)
    }

    #[track_caller]
    pub fn counts(&self) -> TaskCounts {
        let store = self.store.clone();
        self.run(async move { store.counts().await }).unwrap()
    }

    /// Everything that was announced, in order.
    #[track_caller]
    pub fn announced(&self) -> Vec<Announcement> {
        let store = self.store.clone();
        self.run(async move { store.announcements(0, usize::MAX).await })
            .unwrap()
    }

    /// All letters, the oldest first.
    #[track_caller]
    pub fn letters(&self) -> Vec<DeadLetter> {
        let all = LetterQuery {
            open_only: false,
            newest_first: false,
            after: 0,
            before: u64::MAX,
            limit: 1_000,
        };
        let store = self.store.clone();
        self.run(async move { store.letters(all).await }).unwrap()
    }

    pub fn decisions(&self) -> u32 {
        self.decided.load(Ordering::Relaxed)
    }
}

#[track_caller]
fn run<T: Send + 'static>(
    machine: &Machine,
    clock: &Arc<SimClock>,
    job: impl Future<Output = T> + Send + 'static,
) -> T {
    let ended: Arc<Mutex<Option<T>>> = Arc::default();
    let kept = Arc::clone(&ended);
    drop(clock.spawn(Box::pin(async move {
        let value = job.await;
        *kept.lock().unwrap() = Some(value);
    })));
    for _ in 0..STEPS_MAX {
        if let Some(value) = ended.lock().unwrap().take() {
            return value;
        }
        assert!(machine.step(Timestamp::MAX), "the job waits for ever");
    }
    panic!("the job comes to no end");
}
