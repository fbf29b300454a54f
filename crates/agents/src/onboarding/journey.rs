//! Reads one customer's journey out of what is known of it: the running onboarding, its delivery, what was asked of others.

use jiff::Timestamp;
use kunder_domain::customer::{Customer, Sourced};
use kunder_domain::fact::{Coordination, CoordinationState, Service, ServiceStatus};

/// The onboarding started last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Current<'a> {
    pub started: Timestamp,
    pub deal: Option<&'a str>,
    /// When it was completed.
    pub done: Option<Timestamp>,
}

/// The onboarding started last, if any. One started by command that a won deal then claimed began when it was started.
#[must_use]
pub fn current(customer: &Customer) -> Option<Current<'_>> {
    let (last, earlier) = customer.onboardings.split_last()?;
    let done_at = customer.onboarded.as_ref().map(|done| done.observed);
    let claimed = earlier.last().filter(|previous| {
        let done_between = done_at.is_some_and(|at| at >= previous.observed && at < last.observed);
        previous.value.is_none() && last.value.is_some() && !done_between
    });
    let started = claimed.map_or(last.observed, |previous| previous.observed);
    Some(Current {
        started,
        deal: last.value.as_deref(),
        done: done_at.filter(|at| *at >= started),
    })
}

/// Whether an onboarding was started for this deal, running or not.
#[must_use]
pub fn knows_deal(customer: &Customer, deal: &str) -> bool {
    customer
        .onboardings
        .iter()
        .any(|onboarding| onboarding.value.as_deref() == Some(deal))
}

/// The delivery that belongs to the current onboarding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub started: Timestamp,
    /// When the last of its services was completed; nothing while one is under way.
    pub completed: Option<Timestamp>,
}

/// The services under way, and those completed since the onboarding started: what was delivered before belongs to the past.
#[must_use]
pub fn delivery(customer: &Customer) -> Option<Delivery> {
    let since = current(customer).map(|current| current.started);
    let counted: Vec<&Vec<Sourced<Service>>> = customer
        .services
        .values()
        .filter(|states| {
            states.last().is_some_and(|state| match state.value.status {
                ServiceStatus::Agreed => false,
                ServiceStatus::Started => true,
                ServiceStatus::Completed => since.is_some_and(|since| state.observed >= since),
            })
        })
        .collect();
    let started = counted.iter().filter_map(|states| begun(states)).min()?;
    let under_way = counted
        .iter()
        .any(|states| status(states) == Some(ServiceStatus::Started));
    let finished = counted
        .iter()
        .filter_map(|states| states.last())
        .map(|state| state.observed)
        .max();
    Some(Delivery {
        started,
        completed: finished.filter(|_| !under_way),
    })
}

/// What was asked of agents of other processes during the current onboarding, oldest first.
#[must_use]
pub fn coordinations(customer: &Customer) -> Vec<&Vec<Sourced<Coordination>>> {
    let since = current(customer).map(|current| current.started);
    let mut asked: Vec<&Vec<Sourced<Coordination>>> = customer
        .coordinations
        .values()
        .filter(|states| {
            states
                .first()
                .is_some_and(|first| since.is_some_and(|since| first.observed >= since))
        })
        .collect();
    asked.sort_by_key(|states| states.first().map(|first| first.observed));
    asked
}

/// How a question stands: an answer counts whenever it came, also after its time.
#[must_use]
pub fn standing(states: &[Sourced<Coordination>]) -> Option<&Sourced<Coordination>> {
    states
        .iter()
        .find(|state| state.value.state == CoordinationState::Answered)
        .or_else(|| states.last())
}

fn status(states: &[Sourced<Service>]) -> Option<ServiceStatus> {
    states.last().map(|state| state.value.status)
}

/// When a service was first under way; where only its end is known, then.
fn begun(states: &[Sourced<Service>]) -> Option<Timestamp> {
    let first = |wanted| {
        states
            .iter()
            .find(|state| state.value.status == wanted)
            .map(|state| state.observed)
    };
    first(ServiceStatus::Started).or_else(|| first(ServiceStatus::Completed))
}
