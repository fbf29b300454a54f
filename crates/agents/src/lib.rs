//! The four agents: gather and decide, one folder each; and the quick commands that reach them.
#![forbid(unsafe_code)]

pub mod asked;
pub mod commands;
pub mod customer_fetching;
pub mod customer_health;
pub mod evidence;
#[cfg(test)]
mod fact_builder;
mod health_models;
#[cfg(test)]
mod memory_portfolio;
pub mod onboarding;
pub mod paging;
pub mod params;
pub mod pipeline;
mod present;
pub mod rehearsal;
pub mod undelivered;
pub mod wording;

use std::sync::Arc;

use kunder_agent_core::agent::AnyAgent;
use kunder_domain::change::Change;
use kunder_domain::definitions::Definitions;
use kunder_domain::portfolio::Portfolio;

/// What agents read.
pub type Reader = Arc<dyn Portfolio>;

/// The four agents over one organisation's definitions.
#[must_use]
pub fn all(definitions: &Arc<Definitions>) -> Vec<Arc<dyn AnyAgent<Reader, Change>>> {
    vec![
        Arc::new(customer_health::CustomerHealth::new(Arc::clone(definitions))),
        Arc::new(onboarding::Onboarding::new(Arc::clone(definitions))),
        Arc::new(pipeline::Pipeline::new(Arc::clone(definitions))),
        Arc::new(customer_fetching::CustomerFetching::new(Arc::clone(definitions))),
    ]
}
