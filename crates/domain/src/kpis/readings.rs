//! KPIs of plain measurements: sums, means, medians, and sums divided by each other (D-14, S1-45, S4-42 to S4-44).

use rust_decimal::Decimal;

use super::tally::{APART, FED, N, OVER, Tally, UNDER};
use super::window::Window;
use crate::customer::{Customer, Sourced};
use crate::definitions::Under;
use crate::fact::{Measurement, Reading};

/// The readings of a metric in a window.
pub(super) fn within<'a>(
    customer: &'a Customer,
    metric: &str,
    window: &Window,
) -> &'a [Sourced<Measurement>] {
    let known = customer.measurements.get(metric).map_or(&[][..], Vec::as_slice);
    let from = known.partition_point(|reading| reading.observed < window.begin);
    let until = known.partition_point(|reading| reading.observed < window.end);
    known.get(from..until).unwrap_or_default()
}

pub(super) fn numbers(readings: &[Sourced<Measurement>]) -> impl Iterator<Item = Decimal> {
    readings.iter().filter_map(|reading| number(&reading.value))
}

/// The number that was read; a word is none.
pub(super) fn number(measurement: &Measurement) -> Option<Decimal> {
    match &measurement.reading {
        Reading::Number(number) => Some(*number),
        Reading::Word(_) => None,
    }
}

pub(super) fn ratio(tally: &mut Tally, customer: &Customer, window: &Window, over: &str, under: &Under) {
    let counted = within(customer, over, window);
    tally.count(FED, counted.len());
    numbers(counted).for_each(|amount| tally.add_decimal(OVER, amount));
    match under {
        Under::Sum(under) => {
            let counted = within(customer, under, window);
            tally.count(N, counted.len());
            numbers(counted).for_each(|amount| tally.add_decimal(UNDER, amount));
        }
        Under::Newest(names) => {
            for name in names {
                let known = customer.measurements.get(name).map_or(&[][..], Vec::as_slice);
                let until = known.partition_point(|reading| reading.observed < window.end);
                let newest = known.get(..until).and_then(<[_]>::last);
                if let Some(amount) = newest.and_then(|newest| number(&newest.value)) {
                    tally.count(N, 1);
                    tally.add_decimal(UNDER, amount);
                }
            }
        }
    }
}

/// Every reading counts once, whoever it is about.
pub(super) fn measurement(
    tally: &mut Tally,
    customer: &Customer,
    window: &Window,
    metric: &str,
    spread: bool,
) {
    let counted = within(customer, metric, window);
    for reading in counted {
        match number(&reading.value) {
            Some(amount) => {
                tally.count(N, 1);
                tally.add_decimal(OVER, amount);
                if spread {
                    tally.value(amount);
                }
            }
            None => tally.count(APART, 1),
        }
    }
}
