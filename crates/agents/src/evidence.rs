//! What a result rests on: the sources that were read and the definitions that decided (S0-36).

use std::collections::BTreeMap;

use kunder_agent_core::outcome::{DefinitionUse, SourceUse};
use kunder_domain::customer::Customer;
use kunder_domain::definitions::Definition;

/// The sources of these customers' facts, in the order of their names.
#[must_use]
pub fn sources<'a>(customers: impl IntoIterator<Item = &'a Customer>) -> Vec<SourceUse> {
    let read =
        customers
            .into_iter()
            .flat_map(|customer| &customer.sources)
            .map(|(source, (facts, newest))| SourceUse {
                source: source.clone(),
                facts: *facts,
                newest: Some(*newest),
            });
    merged(read)
}

/// One line per source: the facts add up, the newest observation counts.
#[must_use]
pub fn merged(uses: impl IntoIterator<Item = SourceUse>) -> Vec<SourceUse> {
    let mut merged: BTreeMap<String, SourceUse> = BTreeMap::new();
    for used in uses {
        match merged.get_mut(&used.source) {
            Some(known) => {
                known.facts += used.facts;
                known.newest = known.newest.max(used.newest);
            }
            None => {
                merged.insert(used.source.clone(), used);
            }
        }
    }
    merged.into_values().collect()
}

/// A definition that decided.
#[must_use]
pub fn decided<T>(definition: &Definition<T>) -> DefinitionUse {
    DefinitionUse {
        id: definition.header.id.clone(),
        version: definition.header.version,
        hash: definition.hash.clone(),
    }
}
