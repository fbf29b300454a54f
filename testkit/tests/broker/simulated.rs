//! A machine with a broker on it, and a job that runs there to its end.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use kunder_agent_core::clock::Clock;
use kunder_bus::NatsConfig;
use kunder_testkit::broker::SimBroker;
use kunder_testkit::machine::{Machine, Process, SimClock};

pub const AGENTS: [&str; 2] = ["customer-health", "pipeline"];

pub struct Simulation {
    pub machine: Machine,
    pub clock: Arc<SimClock>,
    pub broker: Arc<SimBroker>,
}

pub fn begin() -> Timestamp {
    "2026-03-02T08:00:00Z".parse().unwrap()
}

impl Simulation {
    pub fn new(seed: u64) -> Self {
        Self::with(seed, &NatsConfig::default())
    }

    pub fn with(seed: u64, config: &NatsConfig) -> Self {
        let machine = Machine::new(seed, begin(), false);
        let broker = SimBroker::new(machine.clock(Process(0)), config, &AGENTS);
        Self {
            clock: machine.clock(Process(1)),
            machine,
            broker,
        }
    }

    /// Runs a job to its end, and all that it left behind.
    #[track_caller]
    pub fn run<T: Send + 'static>(&self, job: impl Future<Output = T> + Send + 'static) -> T {
        let ended: Arc<Mutex<Option<Result<T, String>>>> = Arc::default();
        let (told, clock) = (Arc::clone(&ended), Arc::clone(&self.clock));
        let value: Arc<Mutex<Option<T>>> = Arc::default();
        let kept = Arc::clone(&value);
        let handle = self.clock.spawn(Box::pin(async move {
            let found = job.await;
            *kept.lock().unwrap() = Some(found);
        }));
        drop(clock.spawn(Box::pin(async move {
            let result = handle.await;
            let value = value.lock().unwrap().take();
            *told.lock().unwrap() = Some(result.map(|()| value.unwrap()));
        })));
        while self.machine.step(Timestamp::MAX) {}
        let result = ended.lock().unwrap().take();
        match result {
            Some(Ok(value)) => value,
            Some(Err(panic)) => panic!("{panic}"),
            None => panic!("the job waits for ever"),
        }
    }

    pub fn bodies(&self, stream: &str) -> Vec<String> {
        let messages = self.broker.messages(stream);
        let bodies = messages
            .iter()
            .map(|message| String::from_utf8_lossy(&message.body).into_owned());
        bodies.collect()
    }
}

pub async fn sleep(clock: &dyn Clock, time: SignedDuration) {
    clock.sleep_until(clock.now() + time).await;
}
