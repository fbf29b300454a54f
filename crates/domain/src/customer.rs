//! A customer as facts make it: the fold over them, whatever the order they arrived in.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::fact::{
    Contact, Coordination, CustomerId, Fact, FactBody, Invoice, Measurement, Opportunity, Service, Stage,
    Subscription, Todo, Touchpoint, field,
};
use crate::health::Override;

/// A value with where it comes from and when it was observed.
#[derive(Clone, Debug, PartialEq)]
pub struct Sourced<T> {
    pub value: T,
    pub source: String,
    pub actor: String,
    pub observed: Timestamp,
}

/// Everything known of one customer at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Customer {
    pub id: CustomerId,
    /// The version the store checks at commit.
    pub version: u64,
    /// When the first fact was observed: the customer's start.
    pub first_observed: Option<Timestamp>,
    pub profile: BTreeMap<String, Sourced<String>>,
    /// Every status, oldest first: whether it was a customer on any day can be told.
    pub statuses: Vec<Sourced<String>>,
    pub contacts: BTreeMap<String, Sourced<Contact>>,
    /// Oldest first.
    pub touchpoints: Vec<Sourced<Touchpoint>>,
    pub todos: BTreeMap<String, TodoState>,
    /// Oldest first.
    pub invoices: Vec<Sourced<Invoice>>,
    /// Every change of every subscription, oldest first: the recurring money of any day can be told.
    pub subscriptions: BTreeMap<String, Vec<Sourced<Subscription>>>,
    /// Every state of every opportunity, oldest first; never empty.
    pub opportunities: BTreeMap<String, Vec<Sourced<Opportunity>>>,
    pub services: BTreeMap<String, Vec<Sourced<Service>>>,
    /// Service, text, and what the customer said.
    pub feedback: Vec<Sourced<(String, String, Option<String>)>>,
    pub surveys: Vec<Sourced<u8>>,
    /// Every survey that was sent, with its name, oldest first.
    pub surveys_sent: Vec<Sourced<Option<String>>>,
    /// Every reading of each metric, oldest first.
    pub measurements: BTreeMap<String, Vec<Sourced<Measurement>>>,
    /// Every step entered, oldest first, with its cause.
    pub stages: Vec<Sourced<(Stage, String)>>,
    /// Every onboarding started, with its deal, oldest first.
    pub onboardings: Vec<Sourced<Option<String>>>,
    /// When the onboarding was completed last.
    pub onboarded: Option<Sourced<()>>,
    /// By the key of the request.
    pub coordinations: BTreeMap<String, Vec<Sourced<Coordination>>>,
    /// By reason.
    pub alerts: BTreeMap<String, Sourced<AlertState>>,
    /// When alerts were opened, by reason.
    pub alert_openings: BTreeMap<String, Vec<Timestamp>>,
    /// Exceptions that persons made for its health and nobody withdrew, oldest first; those whose last day has passed among them.
    pub overrides: Vec<Sourced<Override>>,
    /// Exceptions that were withdrawn, by their id.
    pub withdrawn: BTreeMap<String, Sourced<()>>,
    /// By what was told: the hash of the state that other processes know.
    pub told: BTreeMap<String, Sourced<String>>,
    /// Facts read, and the newest observation, by source.
    pub sources: BTreeMap<String, (u64, Timestamp)>,
}

/// An alert as it was changed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlertState {
    pub open: bool,
    pub severity: u8,
    /// What has to be regained before it is closed, where that is a number.
    pub level: Option<Decimal>,
}

/// A todo, and when it was done.
#[derive(Clone, Debug, PartialEq)]
pub struct TodoState {
    pub todo: Sourced<Todo>,
    pub done: Option<Timestamp>,
}

impl Customer {
    #[must_use]
    pub fn new(id: CustomerId, version: u64) -> Self {
        Self {
            id,
            version,
            first_observed: None,
            profile: BTreeMap::new(),
            statuses: Vec::new(),
            contacts: BTreeMap::new(),
            touchpoints: Vec::new(),
            todos: BTreeMap::new(),
            invoices: Vec::new(),
            subscriptions: BTreeMap::new(),
            opportunities: BTreeMap::new(),
            services: BTreeMap::new(),
            feedback: Vec::new(),
            surveys: Vec::new(),
            surveys_sent: Vec::new(),
            measurements: BTreeMap::new(),
            stages: Vec::new(),
            onboardings: Vec::new(),
            onboarded: None,
            coordinations: BTreeMap::new(),
            alerts: BTreeMap::new(),
            alert_openings: BTreeMap::new(),
            overrides: Vec::new(),
            withdrawn: BTreeMap::new(),
            told: BTreeMap::new(),
            sources: BTreeMap::new(),
        }
    }

    /// Folds the facts of one customer. They may come in any order; they are taken in the order they were observed.
    #[must_use]
    pub fn fold(id: CustomerId, version: u64, mut facts: Vec<Fact>) -> Self {
        facts.sort_by(|a, b| a.observed.cmp(&b.observed).then_with(|| a.id.cmp(&b.id)));
        let mut customer = Self::new(id, version);
        let mut done: BTreeMap<String, Timestamp> = BTreeMap::new();
        for fact in facts {
            customer.take(fact, &mut done);
        }
        for (key, at) in done {
            if let Some(state) = customer.todos.get_mut(&key) {
                state.done = Some(at);
            }
        }
        customer
    }

    fn take(&mut self, fact: Fact, done: &mut BTreeMap<String, Timestamp>) {
        let Fact {
            observed,
            source,
            actor,
            body,
            ..
        } = fact;
        self.first_observed = Some(self.first_observed.map_or(observed, |first| first.min(observed)));
        let seen = self.sources.entry(source.clone()).or_insert((0, observed));
        *seen = (seen.0 + 1, seen.1.max(observed));
        macro_rules! sourced {
            ($value:expr) => {
                Sourced {
                    value: $value,
                    source,
                    actor,
                    observed,
                }
            };
        }
        match body {
            FactBody::Profile { field, value } => {
                let value = sourced!(value);
                if field == field::STATUS {
                    placed(&mut self.statuses, value.clone());
                }
                newest(&mut self.profile, field, value);
            }
            FactBody::Contact(contact) => newest(&mut self.contacts, contact.key.clone(), sourced!(contact)),
            FactBody::Touchpoint(touchpoint) => placed(&mut self.touchpoints, sourced!(touchpoint)),
            FactBody::Todo(todo) => {
                let key = todo.key.clone();
                let todo = sourced!(todo);
                let state = self.todos.entry(key).or_insert_with(|| TodoState {
                    todo: todo.clone(),
                    done: None,
                });
                if todo.observed >= state.todo.observed {
                    state.todo = todo;
                }
            }
            FactBody::TodoDone { key } => {
                let first = done.entry(key).or_insert(observed);
                *first = observed.min(*first);
            }
            FactBody::Invoice(invoice) => placed(&mut self.invoices, sourced!(invoice)),
            FactBody::Subscription(subscription) => {
                placed(
                    self.subscriptions.entry(subscription.key.clone()).or_default(),
                    sourced!(subscription),
                );
            }
            FactBody::Opportunity(opportunity) => {
                placed(
                    self.opportunities.entry(opportunity.key.clone()).or_default(),
                    sourced!(opportunity),
                );
            }
            FactBody::Service(service) => placed(
                self.services.entry(service.key.clone()).or_default(),
                sourced!(service),
            ),
            FactBody::Feedback { service, text, quote } => {
                placed(&mut self.feedback, sourced!((service, text, quote)))
            }
            FactBody::Measurement(measurement) => placed(
                self.measurements.entry(measurement.metric.clone()).or_default(),
                sourced!(measurement),
            ),
            FactBody::Survey { score, .. } => placed(&mut self.surveys, sourced!(score)),
            FactBody::SurveySent { name } => placed(&mut self.surveys_sent, sourced!(name)),
            FactBody::Stage { stage, cause } => placed(&mut self.stages, sourced!((stage, cause))),
            FactBody::Onboarding { deal } => placed(&mut self.onboardings, sourced!(deal)),
            FactBody::OnboardingDone => {
                if self
                    .onboarded
                    .as_ref()
                    .is_none_or(|known| known.observed <= observed)
                {
                    self.onboarded = Some(sourced!(()));
                }
            }
            FactBody::Coordination(coordination) => {
                placed(
                    self.coordinations.entry(coordination.key.clone()).or_default(),
                    sourced!(coordination),
                );
            }
            FactBody::Alert {
                reason,
                open,
                severity,
                level,
            } => {
                if open {
                    let openings = self.alert_openings.entry(reason.clone()).or_default();
                    openings.push(fact.observed);
                }
                newest(
                    &mut self.alerts,
                    reason,
                    sourced!(AlertState {
                        open,
                        severity,
                        level
                    }),
                );
            }
            FactBody::Override(one) => self.make_exception(sourced!(one)),
            FactBody::OverrideWithdrawn { id } => {
                self.overrides.retain(|one| one.value.id != id);
                let known = self.withdrawn.get(&id);
                if known.is_none_or(|known| observed < known.observed) {
                    self.withdrawn.insert(id, sourced!(()));
                }
            }
            FactBody::Told { what, hash } => newest(&mut self.told, what, sourced!(hash)),
        }
    }

    /// Of two with one id the one made last counts, and none that was withdrawn.
    fn make_exception(&mut self, new: Sourced<Override>) {
        let id = &new.value.id;
        let has_newer = |one: &Sourced<Override>| one.value.id == *id && one.observed > new.observed;
        if self.withdrawn.contains_key(id) || self.overrides.iter().any(has_newer) {
            return;
        }
        self.overrides.retain(|one| one.value.id != *id);
        placed(&mut self.overrides, new);
    }

    /// Takes one more fact, whatever its place in time: the customer as it will be once a decision is committed.
    /// `version` stays that of the store. Of two states observed at the same moment the one learned last counts.
    pub fn learn(&mut self, fact: Fact) {
        let mut done = BTreeMap::new();
        self.take(fact, &mut done);
        for (key, at) in done {
            if let Some(state) = self.todos.get_mut(&key) {
                state.done = Some(state.done.map_or(at, |known| known.min(at)));
            }
        }
    }

    /// The name, or the id where no name is known.
    #[must_use]
    pub fn name(&self) -> &str {
        self.profile
            .get(field::NAME)
            .map_or(self.id.as_str(), |name| name.value.as_str())
    }

    #[must_use]
    pub fn field(&self, field: &str) -> Option<&str> {
        self.profile.get(field).map(|value| value.value.as_str())
    }

    /// A customer is active until its status says `churned`, `inactive` or `prospect`.
    #[must_use]
    pub fn is_active(&self) -> bool {
        is_customer(self.field(field::STATUS))
    }

    /// Whether it was an active customer just before `moment`. Before its first status it was one, unless that says that it
    /// still was a prospect.
    #[must_use]
    pub fn was_active(&self, moment: Timestamp) -> bool {
        if self.first_observed.is_none_or(|first| first >= moment) {
            return false;
        }
        let known = self.statuses.partition_point(|status| status.observed < moment);
        let status = match known.checked_sub(1) {
            Some(last) => self.statuses.get(last),
            None => self.statuses.first().filter(|status| status.value == PROSPECT),
        };
        is_customer(status.map(|status| status.value.as_str()))
    }

    /// When it became a customer.
    #[must_use]
    pub fn became_active(&self) -> Option<Timestamp> {
        match self.statuses.first() {
            Some(first) if first.value == PROSPECT => {
                let won = self
                    .statuses
                    .iter()
                    .find(|status| is_customer(Some(&status.value)));
                won.map(|status| status.observed)
            }
            _ => self.first_observed,
        }
    }

    /// Whether it was ours and has left: nothing is to come from it, and nobody is to be contacted.
    #[must_use]
    pub fn has_left(&self) -> bool {
        matches!(self.field(field::STATUS), Some("churned" | "inactive"))
    }

    /// Whether it has not become a customer yet.
    #[must_use]
    pub fn is_prospect(&self) -> bool {
        self.field(field::STATUS) == Some(PROSPECT)
    }

    /// The step of the core process, if it was ever entered.
    #[must_use]
    pub fn stage(&self) -> Option<Stage> {
        self.stages.last().map(|stage| stage.value.0)
    }

    /// The current state of each opportunity.
    pub fn current_opportunities(&self) -> impl Iterator<Item = &Sourced<Opportunity>> {
        self.opportunities.values().filter_map(|states| states.last())
    }

    /// How many alerts with this reason were opened after `since`.
    #[must_use]
    pub fn alerts_since(&self, reason: &str, since: Timestamp) -> usize {
        let openings = self.alert_openings.get(reason);
        openings.map_or(0, |openings| openings.iter().filter(|at| **at > since).count())
    }

    /// Whether an alert with this reason is open.
    #[must_use]
    pub fn alert_open(&self, reason: &str) -> bool {
        self.alerts.get(reason).is_some_and(|alert| alert.value.open)
    }
}

const PROSPECT: &str = "prospect";

fn is_customer(status: Option<&str>) -> bool {
    !matches!(status, Some("churned" | "inactive" | PROSPECT))
}

/// Keeps the value observed last.
fn newest<T>(known: &mut BTreeMap<String, Sourced<T>>, key: String, new: Sourced<T>) {
    if known.get(&key).is_none_or(|old| old.observed <= new.observed) {
        known.insert(key, new);
    }
}

/// Puts a value where its time is.
fn placed<T>(known: &mut Vec<Sourced<T>>, new: Sourced<T>) {
    let place = known.partition_point(|old| old.observed <= new.observed);
    known.insert(place, new);
}

#[cfg(test)]
mod tests;
