//! What some customers add to a KPI: sums and counted values, so that the tallies of pages merge to that of the whole.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::exact::Exact;

/// Significant digits of a value of which a median is taken: however many users there are, few values differ.
const VALUE_DIGITS: u32 = 4;

/// The numerator.
pub(super) const OVER: &str = "over";
/// The denominator.
pub(super) const UNDER: &str = "under";
/// Customers, users, answers or readings that were looked at.
pub(super) const N: &str = "n";
/// Facts of the kind that feeds the numerator; none means that nobody measures it.
pub(super) const FED: &str = "fed";
/// Those the denominator leaves out.
pub(super) const APART: &str = "apart";

/// Sums by name, and values with how often each occurs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tally {
    sums: BTreeMap<String, Exact>,
    values: BTreeMap<Exact, u64>,
}

impl Tally {
    pub(super) fn add(&mut self, name: &str, amount: &Exact) {
        match self.sums.get_mut(name) {
            Some(sum) => *sum = sum.plus(amount),
            None => {
                self.sums.insert(name.to_owned(), amount.clone());
            }
        }
    }

    pub(super) fn add_decimal(&mut self, name: &str, amount: Decimal) {
        self.add(name, &Exact::from(amount));
    }

    pub(super) fn count(&mut self, name: &str, number: usize) {
        if number > 0 {
            self.add(name, &Exact::whole(i64::try_from(number).unwrap_or(i64::MAX)));
        }
    }

    /// Takes a value for the median and the 90th percentile, at four significant digits.
    pub(super) fn value(&mut self, value: Decimal) {
        let rounded = value.round_sf(VALUE_DIGITS).unwrap_or(value).normalize();
        *self.values.entry(Exact::from(rounded)).or_default() += 1;
    }

    /// Zero where nothing was added.
    pub(super) fn sum(&self, name: &str) -> Exact {
        self.sums.get(name).cloned().unwrap_or_default()
    }

    pub(super) fn number(&self, name: &str) -> u64 {
        self.sum(name).to_string().parse().unwrap_or_default()
    }

    /// One sum over another; `None` where that is zero.
    pub(super) fn ratio(&self, over: &str, under: &str) -> Option<Exact> {
        self.sum(over).over(&self.sum(under))
    }

    pub(super) fn values_count(&self) -> u64 {
        self.values.values().sum()
    }

    /// The middle value, of two middle ones their mean.
    pub(super) fn median(&self) -> Option<Exact> {
        let count = self.values_count();
        let low = self.at(count.checked_add(1)? / 2)?;
        let high = self.at(count / 2 + 1)?;
        low.plus(&high).over(&Exact::whole(2))
    }

    /// The smallest value that at least 90 of 100 values do not exceed.
    pub(super) fn p90(&self) -> Option<Exact> {
        self.at((self.values_count() * 9).div_ceil(10))
    }

    /// The value at a place in their order, from 1.
    fn at(&self, place: u64) -> Option<Exact> {
        let mut seen = 0;
        let found = self.values.iter().find(|(_, count)| {
            seen += **count;
            seen >= place
        });
        found.filter(|_| place > 0).map(|(value, _)| value.clone())
    }

    /// Adds what other customers tallied.
    pub fn merge(&mut self, other: &Self) {
        for (name, amount) in &other.sums {
            self.add(name, amount);
        }
        for (value, count) in &other.values {
            *self.values.entry(value.clone()).or_default() += count;
        }
    }
}
