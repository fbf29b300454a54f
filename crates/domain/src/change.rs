//! What a decision may change in the store: facts that become known, and health as it was said on a day.

use crate::fact::Fact;
use crate::health::{HealthRecord, SameHealth};
use crate::signals::NewSignals;

/// One change, committed with the decision it belongs to or not at all.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Appended; one whose id is known changes nothing.
    Fact(Fact),
    /// Each takes the place of an older record of the same customer and day.
    Health(Vec<HealthRecord>),
    /// Customers whose health is what it was.
    SameHealth(SameHealth),
    /// Each takes the place of those kept of the same customer.
    Signals(Vec<NewSignals>),
}

impl Change {
    #[must_use]
    pub fn fact(&self) -> Option<&Fact> {
        match self {
            Self::Fact(fact) => Some(fact),
            Self::Health(_) | Self::SameHealth(_) | Self::Signals(_) => None,
        }
    }

    /// The facts among changes, in their order.
    pub fn facts(changes: impl IntoIterator<Item = Self>) -> impl Iterator<Item = Fact> {
        changes.into_iter().filter_map(|change| match change {
            Self::Fact(fact) => Some(fact),
            Self::Health(_) | Self::SameHealth(_) | Self::Signals(_) => None,
        })
    }
}

impl From<Fact> for Change {
    fn from(fact: Fact) -> Self {
        Self::Fact(fact)
    }
}
