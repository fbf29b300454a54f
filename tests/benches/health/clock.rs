//! A clock that goes on from any day.

use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use kunder::clock::SystemClock;
use kunder_agent_core::clock::{Clock, Computation, Computed, Handle, Job};

#[derive(Default)]
pub struct DayClock {
    system: SystemClock,
    days: AtomicI64,
}

impl DayClock {
    /// So many days from today.
    pub fn set(&self, days: i64) {
        self.days.store(days, Ordering::SeqCst);
    }

    fn shift(&self) -> SignedDuration {
        SignedDuration::from_hours(24 * self.days.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl Clock for DayClock {
    fn now(&self) -> Timestamp {
        self.system.now() + self.shift()
    }

    async fn sleep_until(&self, at: Timestamp) {
        let shift = self.shift();
        self.system.sleep_until(at.checked_sub(shift).unwrap_or(at)).await;
    }

    fn random(&self) -> u64 {
        self.system.random()
    }

    fn spawn(&self, job: Job) -> Handle {
        self.system.spawn(job)
    }

    async fn compute(&self, computation: Computation) -> Computed {
        self.system.compute(computation).await
    }
}
