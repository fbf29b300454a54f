//! The block `onboarding` of an outcome: the checklist, the four steps, and the dates of the journey.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use kunder_agent_core::task::Locale;
use kunder_domain::checklist::{Checklist, Item};
use kunder_domain::customer::Customer;
use kunder_domain::definitions::{Definitions, Evidence, Label};
use kunder_domain::fact::{CoordinationState, Stage, field};
use kunder_domain::icp::sector_of;
use kunder_domain::metrics::{day, days_between};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::journey;

/// Where one customer's onboarding stands (A8, "Onboarding för \[kund\]").
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnboardingBlock {
    pub customer: String,
    pub customer_id: String,
    /// The step of the core process, if one was entered.
    pub stage: Option<Stage>,
    /// The day the onboarding began; nothing where none was started.
    pub started: Option<Date>,
    /// The won deal it belongs to; nothing where it was started by command.
    pub deal: Option<String>,
    /// The day it was completed.
    pub completed: Option<Date>,
    pub groups: Vec<OnboardingGroup>,
    /// The required items that are missing, in the order of the checklist.
    pub missing: Vec<MissingItem>,
    /// Whether every required item is done.
    pub complete: bool,
    /// The delivery that has begun, with its clock.
    pub delivery: Option<DeliveryClock>,
    /// What we asked another process, and how it stands.
    pub coordination: Option<CoordinationAsked>,
    /// The day of the first quarterly review: the booked one, else the last day it may be held.
    pub first_review: Option<Date>,
    pub first_review_booked: bool,
}

/// A group of the checklist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnboardingGroup {
    pub id: String,
    pub label: String,
    pub items: Vec<OnboardingItem>,
}

/// An item of the checklist: done with its value and where that comes from, or missing with who can supply it (S0-12).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnboardingItem {
    pub id: String,
    pub label: String,
    pub done: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<Date>,
    pub supplier: String,
    pub required: bool,
}

/// A required item that is missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MissingItem {
    pub id: String,
    pub label: String,
    pub supplier: String,
}

/// The clock of LEVERANS (S0-07): day 0 is the day it began; it is overdue from the day after `of`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryClock {
    pub started: Date,
    pub day: i64,
    pub of: i64,
    /// The last day it is in time.
    pub due: Date,
    pub overdue: bool,
    /// The day the last service was completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<Date>,
}

/// A question to an agent of another process (S0-32).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CoordinationAsked {
    /// `tjanster/service-delivery-agent`.
    pub with: String,
    pub state: CoordinationState,
    pub asked: Option<Timestamp>,
    /// When a missing answer becomes a blocker.
    pub deadline: Option<Timestamp>,
    pub answer: Option<String>,
}

/// In which language, on which day and by which rules a block is made.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    pub locale: Locale,
    pub today: Date,
    pub zone: &'a TimeZone,
    pub rules: &'a Definitions,
}

impl Frame<'_> {
    fn say(&self, label: &Label) -> String {
        self.locale.pick(&label.sv, &label.en).to_owned()
    }

    /// The day of the first quarterly review and whether it is booked: else the last day it may be held (A9).
    #[must_use]
    pub fn first_review(&self, customer: &Customer, started: Timestamp) -> (Option<Date>, bool) {
        let booked = customer
            .field(field::FIRST_QUARTERLY_MEETING)
            .and_then(|text| text.trim().parse().ok());
        let months = self.rules.process.body.first_review_months.months();
        let latest = || day(started, self.zone).checked_add(months).ok();
        (booked.or_else(latest), booked.is_some())
    }

    /// A sector by its name, not by its code; everything else as it was told.
    fn spoken(&self, wanted: &Evidence, value: &str) -> String {
        let sector = match wanted {
            Evidence::Field(name) if name == field::SECTOR => sector_of(value, &self.rules.icp.body),
            _ => None,
        };
        sector.map_or_else(|| value.to_owned(), |sector| self.say(&sector.label))
    }

    fn item(&self, item: &Item, wanted: &Evidence) -> OnboardingItem {
        OnboardingItem {
            id: item.id.clone(),
            label: self.say(&item.label),
            done: item.done,
            value: item.value.as_deref().map(|value| self.spoken(wanted, value)),
            source: item.source.clone(),
            observed: item.observed.map(|observed| day(observed, self.zone)),
            supplier: item.supplier.clone(),
            required: item.required,
        }
    }

    fn groups(&self, checklist: &Checklist) -> Vec<OnboardingGroup> {
        let groups = self
            .rules
            .onboarding
            .body
            .groups
            .iter()
            .map(|group| OnboardingGroup {
                id: group.id.clone(),
                label: self.say(&group.label),
                items: group
                    .items
                    .iter()
                    .filter_map(|item| {
                        let checked = checklist.items.iter().find(|checked| checked.id == item.id)?;
                        Some(self.item(checked, &item.done_when))
                    })
                    .collect(),
            });
        groups.collect()
    }

    fn delivery(&self, customer: &Customer) -> Option<DeliveryClock> {
        let delivery = journey::delivery(customer)?;
        let started = day(delivery.started, self.zone);
        let completed = delivery.completed.map(|completed| day(completed, self.zone));
        let of = self.rules.process.body.delivery_days;
        let days = days_between(started, completed.unwrap_or(self.today));
        let due = started.checked_add(of.days()).unwrap_or(Date::MAX);
        Some(DeliveryClock {
            started,
            day: days,
            of,
            due,
            overdue: days > of,
            completed,
        })
    }

    /// Where this customer's onboarding stands.
    #[must_use]
    pub fn block(&self, customer: &Customer, checklist: &Checklist) -> OnboardingBlock {
        let current = journey::current(customer);
        let (first_review, first_review_booked) = current.as_ref().map_or((None, false), |current| {
            self.first_review(customer, current.started)
        });
        let missing = checklist.missing().map(|item| MissingItem {
            id: item.id.clone(),
            label: self.say(&item.label),
            supplier: item.supplier.clone(),
        });
        OnboardingBlock {
            customer: customer.name().to_owned(),
            customer_id: customer.id.0.clone(),
            stage: customer.stage(),
            started: current.as_ref().map(|current| day(current.started, self.zone)),
            deal: current
                .as_ref()
                .and_then(|current| current.deal)
                .map(str::to_owned),
            completed: current
                .as_ref()
                .and_then(|current| current.done)
                .map(|done| day(done, self.zone)),
            groups: self.groups(checklist),
            missing: missing.collect(),
            complete: checklist.complete,
            delivery: self.delivery(customer),
            coordination: journey::coordinations(customer).last().and_then(|states| {
                let standing = journey::standing(states)?;
                Some(CoordinationAsked {
                    with: standing.value.with.clone(),
                    state: standing.value.state,
                    asked: states.first().map(|first| first.observed),
                    deadline: states.iter().find_map(|state| state.value.deadline),
                    answer: standing.value.answer.clone(),
                })
            }),
            first_review,
            first_review_booked,
        }
    }
}
