//! A clock that stands still until a test moves it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use kunder_agent_core::clock::{Clock, Computation, Computed, Handle, Job};
use tokio::sync::watch;

#[derive(Clone)]
pub struct TestClock {
    now: watch::Sender<Timestamp>,
    drawn: Arc<AtomicU64>,
}

impl TestClock {
    /// 2 March 2026, 08:00 UTC.
    pub const BEGIN: Timestamp = Timestamp::constant(1_772_438_400, 123_456_789);

    pub fn new() -> Self {
        Self {
            now: watch::Sender::new(Self::BEGIN),
            drawn: Arc::default(),
        }
    }

    pub fn time(&self) -> Timestamp {
        *self.now.borrow()
    }

    pub fn advance(&self, seconds: i64) {
        self.now
            .send_modify(|now| *now += SignedDuration::from_secs(seconds));
    }
}

/// The moment so many seconds after the clock's beginning.
pub fn after(seconds: i64) -> Timestamp {
    TestClock::BEGIN + SignedDuration::from_secs(seconds)
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.time()
    }

    async fn sleep_until(&self, at: Timestamp) {
        // The sender lives as long as the clock.
        let _ = self.now.subscribe().wait_for(|now| *now >= at).await;
    }

    fn random(&self) -> u64 {
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed) + 1;
        drawn.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    fn spawn(&self, job: Job) -> Handle {
        #[expect(clippy::disallowed_methods, reason = "this is the clock that spawns")]
        let task = tokio::spawn(job);
        Handle(Box::pin(
            async move { task.await.map_err(|error| error.to_string()) },
        ))
    }

    async fn compute(&self, computation: Computation) -> Computed {
        match catch_unwind(AssertUnwindSafe(computation)) {
            Ok(value) => Computed::Done(value),
            Err(panic) => Computed::Panicked(text_of(panic.as_ref())),
        }
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map_or_else(|| "a panic".to_owned(), |text| (*text).to_owned())
}
