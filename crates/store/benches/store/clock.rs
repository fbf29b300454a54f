//! A clock that stands still: the store asks it for moments and an id only.

use async_trait::async_trait;
use jiff::Timestamp;
use kunder_agent_core::clock::{Clock, Computation, Computed, Handle, Job};

pub struct StillClock;

#[async_trait]
impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    async fn sleep_until(&self, _: Timestamp) {}

    fn random(&self) -> u64 {
        7
    }

    fn spawn(&self, job: Job) -> Handle {
        Handle(Box::pin(async move {
            job.await;
            Ok(())
        }))
    }

    async fn compute(&self, computation: Computation) -> Computed {
        Computed::Done(computation())
    }
}
