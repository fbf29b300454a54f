//! The back-test of a health model on history whose end is known: do its score, its groups and its inputs tell those who left
//! from those who stayed? The product's own checks are counted, no copy of them.

use std::collections::{BTreeMap, BTreeSet};

use num_traits::ToPrimitive;
use serde::Serializer;
use thiserror::Error;

mod auc;
mod calibration;
mod fit;
mod proposal;
mod report;
mod simulated;
#[cfg(test)]
mod tests;

pub use auc::{Auc, Gap};
pub use calibration::{Calibration, Step};
pub use fit::{Feature, Fit, FitError};
pub use proposal::{Proposal, ProposalError};
pub use report::{Alone, BandRow, Report, RowKind, RowReport, Verdict};
pub use simulated::{Simulated, WordColumn};

use crate::definitions::{Aggregate, Direction, HealthModel, MetricFile};
use crate::exact::Exact;
use crate::health::{CheckContext, CompiledModel, HealthResult, Measures, Row, State, Why};

/// A back-test being filled with subjects.
pub struct Backtest<'a> {
    model: &'a CompiledModel,
    body: &'a HealthModel,
    metrics: &'a MetricFile,
    /// Whether the subject left; one per subject.
    lost: Vec<bool>,
    columns: Vec<Column>,
    /// The band of each subject, by its place in the model.
    bands: Vec<Option<usize>>,
    /// Why subjects have no band, with how many.
    not_scored: BTreeMap<String, usize>,
    words: Vec<WordColumn>,
}

/// One number of every subject; more is healthier.
struct Column {
    kind: RowKind,
    name: String,
    /// Of an input: its group.
    group: Option<String>,
    values: Vec<Option<f64>>,
}

/// Why a back-test has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BacktestError {
    #[error("there is no subject")]
    Nobody,
    /// Nothing can be told apart.
    #[error("all {0} labels are 1: nobody stayed")]
    AllLost(usize),
    #[error("all {0} labels are 0: nobody left")]
    NoneLost(usize),
}

impl<'a> Backtest<'a> {
    /// Of `model`, which was compiled from `body`.
    #[must_use]
    pub fn new(model: &'a CompiledModel, body: &'a HealthModel, metrics: &'a MetricFile) -> Self {
        let column = |kind, name: &str, group: Option<&str>| Column {
            kind,
            name: name.to_owned(),
            group: group.map(str::to_owned),
            values: Vec::new(),
        };
        let mut columns = vec![column(
            RowKind::Score,
            if model.is_weighted() { "score" } else { "band" },
            None,
        )];
        columns.extend(
            body.groups
                .iter()
                .map(|group| column(RowKind::Group, &group.id, None)),
        );
        let inputs = body.inputs.iter();
        columns.extend(inputs.map(|input| column(RowKind::Input, &input.metric, Some(&input.group))));
        let read = model.metrics();
        let directed = metrics.metrics.iter().filter(|metric| {
            read.contains(metric.id.as_str()) && !metric.is_text() && metric.direction != Direction::None
        });
        columns.extend(directed.map(|metric| column(RowKind::Value, &metric.id, None)));
        Self {
            model,
            body,
            metrics,
            lost: Vec::new(),
            columns,
            bands: Vec::new(),
            not_scored: BTreeMap::new(),
            words: Vec::new(),
        }
    }

    /// One more subject with a known end: checked as a customer is.
    pub fn add(&mut self, lost: bool, measures: &Measures<'_>, context: &CheckContext<'_>) {
        let result = self.model.check(measures, context);
        self.lost.push(lost);
        let band = result.band();
        self.bands
            .push(band.and_then(|band| self.model.bands.iter().position(|one| one.key == band.key)));
        if let Some(why) = why_not(&result) {
            *self.not_scored.entry(why).or_default() += 1;
        }
        let mut input = 0;
        for column in &mut self.columns {
            let value = match column.kind {
                RowKind::Score if self.model.is_weighted() => result.score.as_ref().and_then(number),
                RowKind::Score => band.map(|band| -f64::from(band.severity)),
                RowKind::Group => group_points(&result, &column.name),
                RowKind::Input => {
                    let row = result.contributions.get(input);
                    input += 1;
                    row.and_then(|row| row.points.as_ref()).and_then(number)
                }
                RowKind::Value => {
                    let value = measures
                        .get(column.name.as_str())
                        .and_then(|one| one.value.number());
                    let upwards = self
                        .metrics
                        .find(&column.name)
                        .is_some_and(|one| one.direction == Direction::Up);
                    let number = value.and_then(|value| value.to_f64());
                    number.map(|number| if upwards { number } else { -number })
                }
                RowKind::Ranks => None,
            };
            column.values.push(value);
        }
    }

    /// One more subject of which nothing is known: it counts against the coverage.
    pub fn add_unknown(&mut self, lost: bool, why: &str) {
        self.lost.push(lost);
        self.bands.push(None);
        *self.not_scored.entry(why.to_owned()).or_default() += 1;
        for column in &mut self.columns {
            column.values.push(None);
        }
    }

    /// Words about the subjects that the model does not read: they help to tell whether the data is real.
    pub fn beside(&mut self, words: Vec<WordColumn>) {
        self.words = words;
    }

    /// # Errors
    /// When the labels are all alike.
    pub fn report(&self) -> Result<Report, BacktestError> {
        let left = self.lost.iter().filter(|lost| **lost).count();
        match (left, self.lost.len()) {
            (_, 0) => Err(BacktestError::Nobody),
            (0, all) => Err(BacktestError::NoneLost(all)),
            (left, all) if left == all => Err(BacktestError::AllLost(all)),
            _ => Ok(report::report(self)),
        }
    }

    /// Weights that a logistic regression proposes.
    ///
    /// # Errors
    /// When the model has no weights to fit, or too little is known to fit them.
    pub fn fit(&self) -> Result<Fit, FitError> {
        fit::fit(self)
    }

    fn of_kind(&self, kind: RowKind) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(move |column| column.kind == kind)
    }
}

impl Column {
    /// What is known of it.
    fn known(&self, lost: &[bool]) -> (Vec<f64>, Vec<bool>) {
        let pairs = self.values.iter().zip(lost);
        pairs.filter_map(|(value, lost)| Some(((*value)?, *lost))).unzip()
    }
}

/// The metrics that a model reads, by which a table's columns are named.
#[must_use]
pub fn needed<'a>(model: &'a CompiledModel, metrics: &MetricFile) -> BTreeSet<&'a str> {
    let mut read = model.metrics();
    read.retain(|name| metrics.find(name).is_some());
    read
}

fn number(exact: &Exact) -> Option<f64> {
    exact.to_f64()
}

/// The points of a group: what it gave the score, by its share of it.
fn group_points(result: &HealthResult<'_>, group: &str) -> Option<f64> {
    let rows = || {
        let rows = result.contributions.iter();
        rows.filter(|row| matches!(row.row, Row::Input { group: own, .. } if own == group))
    };
    let weight = Exact::sum(rows().map(|row| &row.weight));
    let points = Exact::sum(rows().map(|row| &row.contribution));
    points.over(&weight).as_ref().and_then(number)
}

/// Why there is no band, in words.
fn why_not(result: &HealthResult<'_>) -> Option<String> {
    match &result.state {
        State::Band(_) => None,
        State::Unclassified => Some("no rule holds".to_owned()),
        State::InGrace { .. } => Some("too new for a score".to_owned()),
        State::NotScored(Why::Missing(metrics)) => Some(format!("no {}", metrics.join(", no "))),
        State::NotScored(Why::Coverage { .. }) => Some("too little is known".to_owned()),
    }
}

/// Whether a group is one number to the score: what its inputs weigh is then no matter of weights.
fn is_one(aggregate: Aggregate) -> bool {
    matches!(aggregate, Aggregate::Min | Aggregate::Max)
}

/// Six decimals are more than any sample is worth.
fn rounded<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((number * 1e6).round() / 1e6)
}
