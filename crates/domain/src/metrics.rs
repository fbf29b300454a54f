//! What is measured of one customer on one day: numbers for the rules, and what stands behind them.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::customer::{Customer, TodoState};
use crate::definitions::{Definitions, Label};
use crate::fact::TouchpointChannel;
use crate::money::Sums;
use crate::money_flow::MoneyFlow;

/// A metric that rules may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    pub name: &'static str,
    pub sv: &'static str,
    pub en: &'static str,
}

/// Every metric, in the order of their names.
pub const METRICS: [Metric; 6] = [
    Metric {
        name: "days_since_contact",
        sv: "dagar sedan senaste kontakt",
        en: "days since the last contact",
    },
    Metric {
        name: "open_opportunities",
        sv: "öppna möjligheter",
        en: "open opportunities",
    },
    Metric {
        name: "open_todos",
        sv: "öppna todos",
        en: "open todos",
    },
    Metric {
        name: "overdue_todos",
        sv: "försenade todos",
        en: "overdue todos",
    },
    Metric {
        name: "stale_opportunities",
        sv: "möjligheter utan aktivitet",
        en: "opportunities without activity",
    },
    Metric {
        name: "touchpoints",
        sv: "kontakter",
        en: "touchpoints",
    },
];

impl Metric {
    #[must_use]
    pub fn label(&self) -> Label {
        Label {
            sv: self.sv.to_owned(),
            en: self.en.to_owned(),
            nl: None,
        }
    }
}

/// The measures of one customer on one day (S0-11).
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// Whole days from the last contact, or from the customer's start where nobody was ever in touch; never negative.
    pub days_since_contact: i64,
    /// How many contacts are known.
    pub touchpoints: i64,
    /// Todos not done, the overdue ones among them.
    pub open_todos: i64,
    /// Todos whose due day has passed.
    pub overdue_todos: i64,
    pub open_opportunities: i64,
    pub stale_opportunities: i64,
    pub last_contact: Option<LastContact>,
    /// What is lost if the customer leaves: see [`MoneyFlow::value_at_risk`].
    pub value_at_risk: Sums,
    /// The day by which the next contact is due (S0-01): the last one, or the start, and the longest time between contacts.
    pub next_touch: Date,
}

/// The newest touchpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastContact {
    pub day: Date,
    pub at: Timestamp,
    pub channel: TouchpointChannel,
    pub summary: String,
    pub with: Option<String>,
    pub source: String,
    pub actor: String,
}

impl Metrics {
    /// Measures `customer` as it is on `today`, a day of `zone`.
    #[must_use]
    pub fn of(customer: &Customer, today: Date, zone: &TimeZone, definitions: &Definitions) -> Self {
        let flow = MoneyFlow::of(customer, today, zone, &definitions.pipeline.body);
        Self::with_flow(customer, today, zone, definitions, &flow)
    }

    /// As [`Metrics::of`], where the customer's money was told already.
    #[must_use]
    pub fn with_flow(
        customer: &Customer,
        today: Date,
        zone: &TimeZone,
        definitions: &Definitions,
        flow: &MoneyFlow,
    ) -> Self {
        let last_contact = last_contact(customer, zone);
        let start = customer.first_observed.map_or(today, |at| day(at, zone));
        let from = last_contact.as_ref().map_or(start, |contact| contact.day);
        let contact_days = definitions.process.body.contact_days;
        Self {
            days_since_contact: days_between(from, today).max(0),
            touchpoints: count(customer.touchpoints.len()),
            open_todos: count(open_todos(customer).count()),
            overdue_todos: count(overdue_todos(customer, today).count()),
            open_opportunities: count(flow.open.len()),
            stale_opportunities: count(flow.stale.len()),
            last_contact,
            value_at_risk: flow.value_at_risk(),
            next_touch: from.checked_add(contact_days.days()).unwrap_or(Date::MAX),
        }
    }

    /// The numbers by the names that rules use.
    #[must_use]
    pub fn values(&self) -> BTreeMap<&'static str, i64> {
        BTreeMap::from([
            ("days_since_contact", self.days_since_contact),
            ("open_opportunities", self.open_opportunities),
            ("open_todos", self.open_todos),
            ("overdue_todos", self.overdue_todos),
            ("stale_opportunities", self.stale_opportunities),
            ("touchpoints", self.touchpoints),
        ])
    }
}

/// The day of `zone` on which `at` lies.
#[must_use]
pub fn day(at: Timestamp, zone: &TimeZone) -> Date {
    zone.to_datetime(at).date()
}

/// Days from one day to another; negative where `to` is earlier.
#[must_use]
pub fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

/// Todos that are not done.
pub fn open_todos(customer: &Customer) -> impl Iterator<Item = &TodoState> {
    customer.todos.values().filter(|state| state.done.is_none())
}

/// Todos that are not done and were due before `today`.
pub fn overdue_todos(customer: &Customer, today: Date) -> impl Iterator<Item = &TodoState> {
    open_todos(customer).filter(move |state| state.todo.value.due.is_some_and(|due| due < today))
}

fn last_contact(customer: &Customer, zone: &TimeZone) -> Option<LastContact> {
    let touchpoint = customer.touchpoints.last()?;
    Some(LastContact {
        day: day(touchpoint.observed, zone),
        at: touchpoint.observed,
        channel: touchpoint.value.channel,
        summary: touchpoint.value.summary.clone(),
        with: touchpoint.value.with.clone(),
        source: touchpoint.source.clone(),
        actor: touchpoint.actor.clone(),
    })
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
