//! KPIs of those who began together: who reached something, who stayed, how long it took (D-12, D-13, D-33).

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::readings::number;
use super::tally::{APART, FED, N, OVER, Tally, UNDER};
use super::window::Window;
use crate::customer::{Customer, Sourced};
use crate::definitions::{Milestone, TimeUnit, Who};
use crate::fact::Measurement;
use crate::metrics::{day, days_between};

/// Active on that day or later.
pub(super) const ROLLING: &str = "rolling";

/// Moments of a customer (`None`) or of each of its users.
type Moments<'a> = BTreeMap<Option<&'a str>, Timestamp>;

/// When everybody of a customer who is counted began, before the window's end.
fn began<'a>(customer: &'a Customer, who: &Who, begins: &Milestone, end: Timestamp) -> Moments<'a> {
    let Who::UsersOf(user_type) = who else {
        return reached(customer, begins, *who == Who::Users, end);
    };
    let Milestone::Measurement(name) = begins else {
        return Moments::new();
    };
    let is_counted =
        |reading: &&Sourced<Measurement>| reading.value.user_type.as_deref() == Some(user_type.as_str());
    firsts(positive(customer, name, end).filter(is_counted))
}

/// The first reading of each user.
fn firsts<'a>(readings: impl Iterator<Item = &'a Sourced<Measurement>>) -> Moments<'a> {
    let mut firsts = Moments::new();
    for reading in readings {
        if let user @ Some(_) = reading.value.user.as_deref() {
            firsts.entry(user).or_insert(reading.observed);
        }
    }
    firsts
}

/// The readings above zero before a moment, oldest first.
fn positive<'a>(
    customer: &'a Customer,
    metric: &str,
    end: Timestamp,
) -> impl Iterator<Item = &'a Sourced<Measurement>> {
    let known = customer.measurements.get(metric).map_or(&[][..], Vec::as_slice);
    let until = known.partition_point(|reading| reading.observed < end);
    let known = known.get(..until).unwrap_or_default().iter();
    known.filter(|reading| number(&reading.value).is_some_and(|number| number > Decimal::ZERO))
}

/// When a customer, or each of its users, reached a milestone first.
fn reached<'a>(customer: &'a Customer, milestone: &Milestone, of_users: bool, end: Timestamp) -> Moments<'a> {
    let at = match milestone {
        Milestone::Customer => customer.became_active(),
        Milestone::Onboarding => customer.onboardings.first().map(|started| started.observed),
        Milestone::Onboarded => customer.onboarded.as_ref().map(|done| done.observed),
        Milestone::Stage(stage) => {
            let mut entered = customer.stages.iter();
            entered
                .find(|entered| entered.value.0 == *stage)
                .map(|entered| entered.observed)
        }
        Milestone::Measurement(name) if of_users => return firsts(positive(customer, name, end)),
        Milestone::Measurement(name) => positive(customer, name, end)
            .next()
            .map(|reading| reading.observed),
    };
    at.filter(|at| *at < end)
        .map(|at| (None, at))
        .into_iter()
        .collect()
}

/// Whether anybody says this at all: what a measurement tells, zeros among it. What agents note themselves is always told.
fn fed(customer: &Customer, milestone: &Milestone, end: Timestamp) -> usize {
    match milestone {
        Milestone::Measurement(name) => {
            let known = customer.measurements.get(name).map_or(&[][..], Vec::as_slice);
            known.partition_point(|reading| reading.observed < end)
        }
        Milestone::Customer | Milestone::Onboarding | Milestone::Onboarded | Milestone::Stage(_) => 1,
    }
}

/// What a KPI of those who began rests on.
pub(super) struct Cohort<'a> {
    pub who: &'a Who,
    pub begins: &'a Milestone,
    pub window: Window,
    pub zone: &'a TimeZone,
}

impl Cohort<'_> {
    fn of_users(&self) -> bool {
        *self.who != Who::Customers
    }

    /// Those of a customer who began so many days before the window; tallies them, and those who began later.
    fn eligible<'a>(&self, tally: &mut Tally, customer: &'a Customer, days: i64) -> Moments<'a> {
        let cohort = self.window.shifted_back(days, self.zone);
        let mut all = began(customer, self.who, self.begins, self.window.end);
        tally.count(N, all.len());
        tally.count(APART, all.values().filter(|at| **at >= cohort.end).count());
        all.retain(|_, at| cohort.holds(*at));
        tally.count(UNDER, all.len());
        all
    }

    pub fn reached(
        &self,
        tally: &mut Tally,
        customer: &Customer,
        reaches: &Milestone,
        eligible_days: i64,
        within_days: Option<i64>,
    ) {
        let end = self.window.end;
        tally.count(FED, fed(customer, reaches, end));
        let reached = reached(customer, reaches, self.of_users(), end);
        for (user, began) in self.eligible(tally, customer, eligible_days) {
            let began = day(began, self.zone);
            let in_time = |at: &&Timestamp| {
                within_days.is_none_or(|within| days_between(began, day(**at, self.zone)) <= within)
            };
            tally.count(OVER, usize::from(reached.get(&user).filter(in_time).is_some()));
        }
    }

    pub fn retention(&self, tally: &mut Tally, customer: &Customer, active: &str, on_day: i64) {
        let end = self.window.end;
        tally.count(
            FED,
            fed(customer, &Milestone::Measurement(active.to_owned()), end),
        );
        let began = self.eligible(tally, customer, on_day);
        // Whether each was active on the day, and on it or later.
        let mut stayed: BTreeMap<Option<&str>, (bool, bool)> = BTreeMap::new();
        for reading in positive(customer, active, end) {
            let user = reading.value.user.as_deref().filter(|_| self.of_users());
            if let Some(start) = began.get(&user) {
                let days = days_between(day(*start, self.zone), day(reading.observed, self.zone));
                let stayed = stayed.entry(user).or_default();
                stayed.0 |= days == on_day;
                stayed.1 |= days >= on_day;
            }
        }
        tally.count(OVER, stayed.values().filter(|(classic, _)| *classic).count());
        tally.count(ROLLING, stayed.values().filter(|(_, rolling)| *rolling).count());
    }

    pub fn time_to(&self, tally: &mut Tally, customer: &Customer, reaches: &Milestone, unit: TimeUnit) {
        let end = self.window.end;
        tally.count(FED, fed(customer, reaches, end));
        let second = Decimal::from(match unit {
            TimeUnit::Minutes => 60,
            TimeUnit::Hours => 3_600,
            TimeUnit::Days => 86_400,
        });
        let reached = reached(customer, reaches, self.of_users(), end);
        for (user, began) in self.eligible(tally, customer, 0) {
            if let Some(at) = reached.get(&user) {
                let seconds = at.duration_since(began).as_secs().max(0);
                tally.count(OVER, 1);
                tally.value(Decimal::from(seconds) / second);
            }
        }
    }
}
