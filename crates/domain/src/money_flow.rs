//! The arithmetic of the pipeline (S0-13, S0-17): invoiced, recurring, coming; exact decimals, currencies apart.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use rust_decimal::{Decimal, RoundingStrategy};

use crate::customer::{Customer, Sourced};
use crate::definitions::PipelineRules;
use crate::fact::{Opportunity, Subscription};
use crate::metrics::{day, days_between};
use crate::money::{Money, Sums};

/// One customer's money on one day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MoneyFlow {
    /// All that was invoiced, credit notes taken off.
    pub invoiced: Sums,
    /// The same, of the day's calendar year.
    pub invoiced_year: Sums,
    /// The same, of the last 365 days.
    pub invoiced_365: Sums,
    /// Recurring per month on the day.
    pub recurring: Sums,
    /// Recurring per month as it was one window earlier.
    pub recurring_before: Sums,
    /// Open opportunities at their full value.
    pub pipeline: Sums,
    /// Open opportunities, each times its probability.
    pub weighted: Sums,
    pub open: Vec<OpenOpportunity>,
    /// Places in `open` of those without activity for too long.
    pub stale: Vec<usize>,
    /// Places in `open` of those that are likely to come.
    pub hot: Vec<usize>,
}

/// An open opportunity and its arithmetic.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenOpportunity {
    pub opportunity: Sourced<Opportunity>,
    pub weighted: Money,
    /// Whole days since the last fact about it.
    pub idle_days: i64,
    pub stale: bool,
    pub hot: bool,
    /// Its probability is not one an open opportunity may have.
    pub improbable: bool,
}

impl MoneyFlow {
    /// Tells the money of `customer` on `today`, a day of `zone`.
    #[must_use]
    pub fn of(customer: &Customer, today: Date, zone: &TimeZone, rules: &PipelineRules) -> Self {
        let mut flow = Self::default();
        flow.take_invoices(customer, today, zone);
        flow.recurring = recurring(customer, today, zone);
        let before = today
            .checked_sub(rules.recurring_window_days.days())
            .unwrap_or(Date::MIN);
        flow.recurring_before = recurring(customer, before, zone);
        for opportunity in customer
            .current_opportunities()
            .filter(|current| current.value.status.is_open())
        {
            flow.take_opportunity(opportunity, today, zone, rules);
        }
        flow
    }

    fn take_invoices(&mut self, customer: &Customer, today: Date, zone: &TimeZone) {
        let starts = Starts::of(today, zone);
        for invoice in &customer.invoices {
            let amount = &invoice.value.amount;
            self.invoiced.add(amount);
            if invoice.observed >= starts.year {
                self.invoiced_year.add(amount);
            }
            if invoice.observed >= starts.days_365 {
                self.invoiced_365.add(amount);
            }
        }
    }

    fn take_opportunity(
        &mut self,
        opportunity: &Sourced<Opportunity>,
        today: Date,
        zone: &TimeZone,
        rules: &PipelineRules,
    ) {
        let Opportunity {
            value, probability, ..
        } = &opportunity.value;
        // Rounded here, once, so that every sum of what is printed is to the öre what is printed.
        let weighted = (value.amount * Decimal::new(i64::from(*probability), 2))
            .round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
        let weighted = Money::new(weighted, &value.currency);
        let idle_days = days_between(day(opportunity.observed, zone), today).max(0);
        let (stale, hot) = (idle_days > rules.stale_days, *probability > rules.hot_percent);
        let usual = rules.probability_percent_min..=rules.probability_percent_max;
        let improbable = !usual.contains(probability);
        self.pipeline.add(value);
        self.weighted.add(&weighted);
        let place = self.open.len();
        if stale {
            self.stale.push(place);
        }
        if hot {
            self.hot.push(place);
        }
        self.open.push(OpenOpportunity {
            opportunity: opportunity.clone(),
            weighted,
            idle_days,
            stale,
            hot,
            improbable,
        });
    }

    /// What is lost if the customer leaves, per currency: a year of what recurs and what is likely to come;
    /// where there is neither, what was invoiced in the last 365 days.
    #[must_use]
    pub fn value_at_risk(&self) -> Sums {
        let mut value = Sums::default();
        for month in self.recurring.moneys() {
            value.add(&Money::new(month.amount * Decimal::from(12), &month.currency));
        }
        value.add_all(&self.weighted);
        if value.is_zero() {
            self.invoiced_365.clone()
        } else {
            value
        }
    }

    /// Whether recurring money of any currency is lower than it was.
    #[must_use]
    pub fn is_falling(&self) -> bool {
        self.recurring_before
            .moneys()
            .iter()
            .any(|before| self.recurring.get(&before.currency) < before.amount)
    }

    /// Open opportunities expected from `today` up to and including `last`, each times its probability.
    #[must_use]
    pub fn weighted_until(&self, last: Date) -> Sums {
        let mut sums = Sums::default();
        for open in &self.open {
            if open
                .opportunity
                .value
                .expected
                .is_some_and(|expected| expected <= last)
            {
                sums.add(&open.weighted);
            }
        }
        sums
    }

    pub fn stale(&self) -> impl Iterator<Item = &OpenOpportunity> {
        self.open.iter().filter(|open| open.stale)
    }

    pub fn hot(&self) -> impl Iterator<Item = &OpenOpportunity> {
        self.open.iter().filter(|open| open.hot)
    }
}

/// When the spans of a day begin; compared with timestamps, so that no invoice needs a calendar.
struct Starts {
    year: Timestamp,
    days_365: Timestamp,
}

impl Starts {
    fn of(today: Date, zone: &TimeZone) -> Self {
        let start = |day: Date| zone.to_timestamp(day.to_datetime(jiff::civil::Time::midnight()));
        // The window of 365 days has today as its last.
        let first = today.checked_sub(364.days()).unwrap_or(Date::MIN);
        Self {
            year: start(today.first_of_year()).unwrap_or(Timestamp::MIN),
            days_365: start(first).unwrap_or(Timestamp::MIN),
        }
    }
}

/// Recurring money per month on `on`: every subscription that runs that day, in its state of that day.
#[must_use]
pub fn recurring(customer: &Customer, on: Date, zone: &TimeZone) -> Sums {
    let mut sums = Sums::default();
    for states in customer.subscriptions.values() {
        if let Some(subscription) = running(states, on, zone) {
            sums.add(&subscription.monthly);
        }
    }
    sums
}

/// The state in which a subscription runs on a day. A state with a start of its own counts from that start; one that keeps
/// the start of the state before it (a new price, an end) counts from the day it was observed. An end, however late we
/// heard of it, ends the states before it too.
fn running<'a>(states: &'a [Sourced<Subscription>], on: Date, zone: &TimeZone) -> Option<&'a Subscription> {
    let counts_from = |place: usize| {
        let start = states[place].value.start;
        let kept = place > 0 && states[place - 1].value.start == start;
        if kept {
            start.max(day(states[place].observed, zone))
        } else {
            start
        }
    };
    let place = (0..states.len()).rev().find(|place| counts_from(*place) <= on)?;
    let ended = states[place..]
        .iter()
        .any(|state| state.value.end.is_some_and(|end| end <= on));
    (!ended).then(|| &states[place].value)
}

#[cfg(test)]
mod tests;
