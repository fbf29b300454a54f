//! A clock that moves only when it is told to, for tests of timers and deadlines.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use kunder::clock::SystemClock;
use kunder_agent_core::clock::{Clock, Computation, Computed, Handle, Job};
use tokio::sync::watch;

/// Starts at 2026-03-02T08:00:00Z and stands still.
pub struct ManualClock {
    now: watch::Sender<Timestamp>,
    drawn: AtomicU64,
}

impl Default for ManualClock {
    fn default() -> Self {
        let start: Timestamp = "2026-03-02T08:00:00Z".parse().expect("a well-formed time");
        Self {
            now: watch::channel(start).0,
            drawn: AtomicU64::new(0),
        }
    }
}

impl ManualClock {
    /// Moves the time on and wakes whoever waited for it.
    pub fn advance(&self, by: SignedDuration) {
        self.now.send_modify(|now| *now += by);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    async fn sleep_until(&self, at: Timestamp) {
        let mut seen = self.now.subscribe();
        // The sender lives as long as the clock, which the caller holds.
        let _ = seen.wait_for(|now| *now >= at).await;
    }

    fn random(&self) -> u64 {
        self.drawn.fetch_add(1, Ordering::Relaxed)
    }

    fn spawn(&self, job: Job) -> Handle {
        SystemClock::default().spawn(job)
    }

    async fn compute(&self, computation: Computation) -> Computed {
        SystemClock::default().compute(computation).await
    }
}
