//! The real clock: the one place that reads the time, waits, spawns and draws randomness.
#![expect(clippy::disallowed_methods, reason = "this is the port they are kept behind")]

use std::any::Any;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use kunder_agent_core::clock::{Clock, Computation, Computed, Handle, Job};

/// The system's time, moved by an offset where a demonstration lives on another day.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock {
    offset: SignedDuration,
}

impl SystemClock {
    /// A clock that shows `moment` now and goes on from there.
    #[must_use]
    pub fn starting_at(moment: Timestamp) -> Self {
        Self {
            offset: moment.duration_since(Timestamp::now()),
        }
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
            .checked_add(self.offset)
            .unwrap_or(Timestamp::MAX)
    }

    async fn sleep_until(&self, at: Timestamp) {
        // Longer sleeps than a day are cut: whoever sleeps looks at the time again.
        let wait = at
            .duration_since(self.now())
            .clamp(SignedDuration::ZERO, SignedDuration::from_hours(24));
        tokio::time::sleep(Duration::try_from(wait).unwrap_or(Duration::ZERO)).await;
    }

    fn random(&self) -> u64 {
        getrandom::u64().expect("the operating system gives random numbers")
    }

    fn spawn(&self, job: Job) -> Handle {
        let joined = tokio::spawn(job);
        Handle(Box::pin(async move { joined.await.map_err(text) }))
    }

    async fn compute(&self, computation: Computation) -> Computed {
        match tokio::task::spawn_blocking(computation).await {
            Ok(value) => Computed::Done(value),
            Err(error) => Computed::Panicked(text(error)),
        }
    }
}

fn text(error: tokio::task::JoinError) -> String {
    if !error.is_panic() {
        return "it was stopped with the runtime".to_owned();
    }
    let panic: Box<dyn Any + Send> = error.into_panic();
    let words = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    words
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without words".to_owned())
}
