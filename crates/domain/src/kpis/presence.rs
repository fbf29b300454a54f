//! Who was a customer when, and how recurring money moved between the two ends of a window (D-15, D-35).

use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::readings;
use super::tally::{APART, FED, N, OVER, Tally, UNDER};
use super::window::Window;
use crate::customer::Customer;
use crate::definitions::Amount;
use crate::exact::Exact;
use crate::money::Sums;
use crate::money_flow::recurring;

/// Recurring money that shrank without ending.
pub(super) const CONTRACTION: &str = "contraction";
/// Customers who were won.
pub(super) const NEW: &str = "new";
pub(super) const COST: &str = "cost";

/// Whether a customer was one at both ends of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presence {
    pub at_start: bool,
    pub at_end: bool,
}

impl Presence {
    #[must_use]
    pub fn of(customer: &Customer, window: &Window) -> Self {
        Self {
            at_start: customer.was_active(window.begin),
            at_end: customer.was_active(window.end),
        }
    }

    #[must_use]
    pub fn is_lost(self) -> bool {
        self.at_start && !self.at_end
    }

    #[must_use]
    pub fn is_new(self) -> bool {
        !self.at_start && self.at_end
    }
}

pub(super) fn customers(tally: &mut Tally, customer: &Customer, window: &Window) {
    // Whoever was known then, prospects and lost ones among them.
    let known = customer.first_observed.is_some_and(|first| first < window.end);
    tally.count(N, usize::from(known));
    tally.count(OVER, usize::from(customer.was_active(window.end)));
}

/// Kept or lost of those at the start.
pub(super) fn stayed(tally: &mut Tally, customer: &Customer, window: &Window, is_churn: bool) {
    let presence = Presence::of(customer, window);
    if presence.at_start {
        tally.count(UNDER, 1);
        tally.count(OVER, usize::from(presence.is_lost() == is_churn));
    } else if is_churn && customer.became_active().is_some_and(|at| window.holds(at)) && !presence.at_end {
        // Came and left in between: not of those at the start.
        tally.count(APART, 1);
    }
}

/// Recurring money per month at both ends, nothing while it is no customer.
struct Recurring {
    before: Decimal,
    after: Decimal,
    /// Whether any of it is in another currency than the organisation's.
    elsewhere: bool,
}

impl Recurring {
    fn of(customer: &Customer, window: &Window, zone: &TimeZone, currency: &str) -> Self {
        let presence = Presence::of(customer, window);
        let on = |is_there: bool, day| {
            if is_there {
                recurring(customer, day, zone)
            } else {
                Sums::default()
            }
        };
        let before = on(presence.at_start, window.eve());
        let after = on(presence.at_end, window.to);
        let is_other = |sums: &Sums| {
            let mut moneys = sums.moneys().into_iter();
            moneys.any(|money| money.currency != currency && !money.amount.is_zero())
        };
        Self {
            before: before.get(currency),
            after: after.get(currency),
            elsewhere: is_other(&before) || is_other(&after),
        }
    }
}

pub(super) fn mrr(tally: &mut Tally, customer: &Customer, window: &Window, zone: &TimeZone, currency: &str) {
    let recurring = Recurring::of(customer, window, zone, currency);
    tally.add_decimal(OVER, recurring.after);
    tally.count(N, usize::from(recurring.after > Decimal::ZERO));
    tally.count(FED, customer.subscriptions.len());
    tally.count(APART, usize::from(recurring.elsewhere));
}

impl Recurring {
    /// What was there at the start of the window is what is divided by.
    fn divides(self, tally: &mut Tally) -> Self {
        tally.add_decimal(UNDER, self.before);
        tally.count(N, usize::from(self.before > Decimal::ZERO));
        tally.count(APART, usize::from(self.elsewhere));
        self
    }
}

pub(super) fn revenue_churn(
    tally: &mut Tally,
    customer: &Customer,
    window: &Window,
    zone: &TimeZone,
    currency: &str,
) {
    let Recurring { before, after, .. } = Recurring::of(customer, window, zone, currency).divides(tally);
    // Ending one of several is contraction, not churn.
    if before > Decimal::ZERO && after.is_zero() {
        tally.add_decimal(OVER, before);
    } else if after < before {
        tally.add_decimal(CONTRACTION, before - after);
    }
}

pub(super) fn expansion(
    tally: &mut Tally,
    customer: &Customer,
    window: &Window,
    zone: &TimeZone,
    currency: &str,
) {
    let Recurring { before, after, .. } = Recurring::of(customer, window, zone, currency).divides(tally);
    // From nothing it is new business, or a return.
    if before > Decimal::ZERO && after > before {
        tally.add_decimal(OVER, after - before);
    }
}

/// Lifetime value: recurring money per customer over the share that leaves, which is all of it over those who left.
pub(super) fn ltv(
    tally: &mut Tally,
    customer: &Customer,
    window: &Window,
    zone: &TimeZone,
    currency: &str,
    margin: Option<Amount>,
) {
    let recurring = Recurring::of(customer, window, zone, currency);
    let presence = Presence::of(customer, window);
    let margin = margin.map_or(Exact::ONE, Amount::exact);
    tally.add(OVER, &Exact::from(recurring.before).times(&margin));
    tally.count(UNDER, usize::from(presence.is_lost()));
    tally.count(N, usize::from(presence.at_start));
    tally.count(APART, usize::from(recurring.elsewhere));
}

pub(super) fn cac(tally: &mut Tally, customer: &Customer, window: &Window, cost: &str) {
    let spent = readings::within(customer, cost, window);
    tally.count(FED, spent.len());
    for amount in readings::numbers(spent) {
        tally.add_decimal(COST, amount);
    }
    tally.count(NEW, usize::from(Presence::of(customer, window).is_new()));
}
