//! What a check says of one customer: the score with every row that makes it up, and what it rests on.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::compile::{CompiledModel, Rule};
use super::filled;
use crate::definitions::{Band, Effect, Label};
use crate::exact::{Exact, print_rows};
use crate::measure::Measure;

/// The health of one customer by one model (requirements A7.2 point 9).
#[derive(Clone, Debug)]
pub struct HealthResult<'a> {
    pub model: &'a CompiledModel,
    /// 0 to 100; `None` for rule models and wherever [`HealthResult::state`] is no band.
    pub score: Option<Exact>,
    pub state: State<'a>,
    /// A row per input in the file's order, then one per exception that moved the score. They sum exactly to the score.
    pub contributions: Vec<Contribution<'a>>,
    /// The exceptions that hold, in the order in which they were applied.
    pub overrides: Vec<AppliedOverride<'a>>,
    /// Share of the input weight that rests on a value, 0 to 1; of a rule model, share of its metrics.
    pub coverage: Exact,
    pub freshness: Freshness<'a>,
    /// Metrics without a usable value.
    pub missing: Vec<&'a str>,
    /// Rule models: the rules that hold, in the file's order. The first of them decided.
    pub rules: Vec<&'a Rule>,
}

/// A band, or one of the states that are none and never a colour.
#[derive(Clone, Debug, PartialEq)]
pub enum State<'a> {
    Band(&'a Band),
    NotScored(Why),
    /// No rule holds.
    Unclassified,
    /// New customers have no score before this day.
    InGrace {
        until: Date,
    },
}

/// Why a customer is not scored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// These metrics have no value, and the model cannot do without.
    Missing(Vec<String>),
    /// The weight of what is known is below the model's limit.
    Coverage { is: Exact, needs: Exact },
}

/// One row of the sum.
#[derive(Clone, Debug, PartialEq)]
pub struct Contribution<'a> {
    pub row: Row<'a>,
    /// What was read, usable or not.
    pub measure: Option<&'a Measure>,
    /// 0 to 100; `None` where the input does not count.
    pub points: Option<Exact>,
    /// Its share of the score after the weight of what is missing was given to the others.
    pub weight: Exact,
    /// Points times weight.
    pub contribution: Exact,
    pub reading: Reading,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row<'a> {
    Input {
        metric: &'a str,
        group: &'a str,
        /// Both, as [`Row::name`] gives them.
        name: &'a Arc<str>,
    },
    /// By its id.
    Override(&'a str),
}

/// How an input came to its points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Fresh,
    /// Too old, and counted all the same.
    StaleKept,
    /// Too old: the model says how many points that is worth.
    StalePoints,
    StaleExcluded,
    /// No value: the model says how many points that is worth.
    MissingPoints,
    MissingExcluded,
    /// No value, and the model cannot do without.
    MissingFails,
    /// Not an input.
    Override,
}

/// An exception that holds.
#[derive(Clone, Debug, PartialEq)]
pub struct AppliedOverride<'a> {
    pub id: &'a str,
    pub effect: &'a Effect,
    pub reason: Reason<'a>,
    pub author: &'a str,
    /// The last day on which it counts.
    pub expires: Option<Date>,
    /// Whether it changed the score or the band.
    pub changed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason<'a> {
    /// Of the model, in several languages.
    Label(&'a Label),
    /// As a person wrote it.
    Text(&'a str),
}

/// How old the values are.
#[derive(Clone, Debug, PartialEq)]
pub struct Freshness<'a> {
    /// The oldest value that counts.
    pub oldest: Option<Timestamp>,
    /// Metrics whose value is past its limit.
    pub stale: Vec<&'a str>,
    /// Share of the covered weight whose value is within its limit, 0 to 1; 1 where nothing is covered.
    pub fresh: Exact,
}

impl<'a> HealthResult<'a> {
    #[must_use]
    pub fn band(&self) -> Option<&'a Band> {
        match self.state {
            State::Band(band) => Some(band),
            State::NotScored(_) | State::Unclassified | State::InGrace { .. } => None,
        }
    }

    /// The rule that decided.
    #[must_use]
    pub fn rule(&self) -> Option<&'a Rule> {
        self.rules.first().copied()
    }

    /// Each contribution with six decimals; as printed they add up to the printed score.
    #[must_use]
    pub fn printed_contributions(&self) -> Vec<String> {
        let rows: Vec<Exact> = self
            .contributions
            .iter()
            .map(|row| row.contribution.clone())
            .collect();
        print_rows(&rows, &Exact::sum(&rows))
    }

    /// The inputs on which points are lost, the costliest first, with how much of the score that is; ties in the file's order.
    #[must_use]
    pub fn losses(&self) -> Vec<(Exact, &Contribution<'a>)> {
        let full = Exact::whole(100);
        let lost = |row: &Contribution<'_>| Some(full.minus(row.points.as_ref()?).times(&row.weight));
        let rows = self.contributions.iter();
        let mut losses: Vec<_> = rows.filter_map(|row| Some((lost(row)?, row))).collect();
        losses.retain(|(lost, _)| !lost.is_zero() && !lost.is_negative());
        losses.sort_by(|one, other| other.0.cmp(&one.0));
        losses
    }

    /// With six decimals at most.
    #[must_use]
    pub fn printed_score(&self) -> Option<String> {
        self.score.as_ref().map(Exact::printed)
    }
}

impl Rule {
    /// Why it holds, its placeholders filled from `value`; `?` for what is missing.
    #[must_use]
    pub fn because_of(&self, value: &dyn Fn(&str) -> Option<Decimal>) -> Label {
        Label {
            sv: filled(&self.because.sv, value),
            en: filled(&self.because.en, value),
            nl: self.because.nl.as_ref().map(|text| filled(text, value)),
        }
    }
}

impl Row<'_> {
    /// Its name among all rows of a result.
    #[must_use]
    pub fn name(&self) -> Arc<str> {
        match self {
            Self::Input { name, .. } => Arc::clone(name),
            Self::Override(id) => format!("override/{id}").into(),
        }
    }
}
