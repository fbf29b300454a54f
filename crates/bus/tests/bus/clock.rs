//! The clock of these tests: real time on tokio.

use async_trait::async_trait;
use futures::FutureExt;
use jiff::Timestamp;
use kunder_agent_core::clock::{Clock, Computation, Computed, Handle, Job};

pub struct TokioClock;

/// Starts a stopwatch.
#[expect(
    clippy::disallowed_methods,
    reason = "how long a real broker takes is what is asked"
)]
pub fn stopwatch() -> std::time::Instant {
    std::time::Instant::now()
}

#[async_trait]
#[expect(clippy::disallowed_methods, reason = "this is the clock of these tests")]
impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep_until(&self, at: Timestamp) {
        let wait = at.duration_since(Timestamp::now());
        tokio::time::sleep(wait.try_into().unwrap_or_default()).await;
    }

    fn random(&self) -> u64 {
        u64::from(Timestamp::now().subsec_nanosecond().unsigned_abs())
    }

    fn spawn(&self, job: Job) -> Handle {
        let task = tokio::spawn(job);
        Handle(task.map(|ended| ended.map_err(|error| error.to_string())).boxed())
    }

    async fn compute(&self, computation: Computation) -> Computed {
        Computed::Done(computation())
    }
}
