//! The simulated store on the bench.

use std::sync::Arc;

use kunder_testkit::store::SimStore;

use crate::bench::Bench;
use crate::clock::TestClock;

pub struct SimBench {
    store: SimStore,
    clock: TestClock,
}

impl Bench for SimBench {
    type Store = SimStore;

    async fn new() -> Self {
        let clock = TestClock::new();
        Self {
            store: SimStore::new(Arc::new(clock.clone())),
            clock,
        }
    }

    fn store(&self) -> &SimStore {
        &self.store
    }

    fn clock(&self) -> &TestClock {
        &self.clock
    }

    /// The memory is what lasts.
    async fn reopen(&mut self) {}

    fn artifact(&self, path: &str) -> Option<Vec<u8>> {
        self.store.artifact(path)
    }
}
