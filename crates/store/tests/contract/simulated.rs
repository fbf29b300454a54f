//! The simulated store on the bench.

use std::sync::Arc;

use kunder::store::Store;
use kunder_agent_core::journal::Journal;
use kunder_domain::fact::{CustomerId, Fact};
use kunder_domain::names::Lookup;
use kunder_domain::portfolio::Portfolio;
use kunder_testkit::store::{InitialFacts, SimStore};

use crate::bench::{Bench, at, named};
use crate::clock::TestClock;

pub struct SimBench {
    store: SimStore,
    clock: TestClock,
}

impl SimBench {
    /// A store that begins with these facts.
    pub fn knowing(facts: Vec<Fact>) -> Self {
        let clock = TestClock::new();
        let initial = InitialFacts::new(facts, clock.time());
        Self {
            store: SimStore::on(&initial, Arc::new(clock.clone())),
            clock,
        }
    }
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

/// What one store learns, another with the same beginning never knows.
#[tokio::test]
async fn stores_with_one_beginning_are_apart() {
    let clock = TestClock::new();
    let facts = vec![named("f1", "k1", "2026-01-01T00:00:00Z", "Åsens förening")];
    let initial = InitialFacts::new(facts, clock.time());
    let [one, other] = [(); 2].map(|()| SimStore::on(&initial, Arc::new(clock.clone())));
    assert_ne!(one.store_id(), other.store_id());
    let later = vec![
        named("f1", "k1", "2026-01-01T00:00:00Z", "Åsens förening"),
        named("f2", "k1", "2026-01-02T00:00:00Z", "Nya namnet"),
        named("f3", "k2", "2026-01-02T00:00:00Z", "Öns förening"),
    ];
    let report = one.ingest(later).await.unwrap();
    assert_eq!((report.new, report.known), (2, 1));

    let as_of = at("2026-02-01T00:00:00Z");
    for (store, name, customers, last_fact) in [(&one, "Nya namnet", 2, 4), (&other, "Åsens förening", 1, 1)]
    {
        let view = store.view(as_of).await.unwrap();
        assert_eq!(view.last_fact, last_fact);
        let id = CustomerId::new("k1");
        let customer = store.customer(view, &id).await.unwrap().unwrap();
        assert_eq!(customer.name(), name);
        assert_eq!(store.names().await.unwrap().find(name), Lookup::Found(id));
        assert_eq!(store.fact_counts().await.unwrap().customers, customers);
    }
}
