//! The metric file: what is measured, in which unit, over which window, and from which facts (A7.2 point 1).

use std::fmt;

use serde::Deserialize;

use super::{Amount, Label};

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricFile {
    pub metrics: Vec<MetricDefinition>,
}

/// A metric that models, rules and placeholders may name.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricDefinition {
    pub id: String,
    pub label: Label,
    /// In words: `queries a week`, `share`, `days`.
    pub unit: String,
    pub from: MetricSource,
    /// The days that are looked back over, today among them; none for a metric of the moment.
    #[serde(default)]
    pub window_days: Option<i64>,
    pub direction: Direction,
    /// A value older than this is stale.
    #[serde(default)]
    pub freshness_days: Option<i64>,
    /// Bounds of a number; none where there is no bound.
    #[serde(default)]
    pub min: Option<Amount>,
    #[serde(default)]
    pub max: Option<Amount>,
    /// Whether it is always a whole number.
    #[serde(default)]
    pub whole: bool,
    /// The words of a text metric; a number has none.
    #[serde(default)]
    pub words: Vec<String>,
    /// When a customer has no value through nobody's fault: `no mails were sent`.
    #[serde(default)]
    pub undefined_when: Option<String>,
    #[serde(default)]
    pub source: Option<String>,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Up,
    Down,
    /// Neither, or a matter of the range.
    None,
}

/// The facts a metric is computed from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricSource {
    /// One that the program computes from what it knows of the customer: a name in [`crate::metrics::METRICS`].
    BuiltIn(String),
    /// Measurement facts, each a number or word of one day.
    Measurements(Fold),
}

impl MetricSource {
    /// Whether its value grows by one a day, though nothing happens.
    #[must_use]
    pub fn is_days_since_contact(&self) -> bool {
        matches!(self, Self::BuiltIn(name) if name == "days_since_contact")
    }
}

/// How measurement facts within the window become one value.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fold {
    /// The name the facts carry; without it, the metric's own.
    #[serde(default)]
    pub metric: Option<String>,
    pub fold: FoldKind,
    /// A sum or count as a rate: over so many days, whatever the window is.
    #[serde(default)]
    pub per_days: Option<i64>,
    /// A ratio: the sum divided by the sum of these facts; no value where that is zero.
    #[serde(default)]
    pub over: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FoldKind {
    /// The newest day's.
    Last,
    Sum,
    /// Over the days that have a fact.
    Mean,
    /// How many facts.
    Count,
}

impl MetricDefinition {
    /// Whether its values are words.
    #[must_use]
    pub fn is_text(&self) -> bool {
        !self.words.is_empty()
    }
}

impl MetricFile {
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&MetricDefinition> {
        self.metrics.iter().find(|metric| metric.id == id)
    }

    /// Every id, in the file's order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.metrics.iter().map(|metric| metric.id.as_str())
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::None => "none",
        })
    }
}
