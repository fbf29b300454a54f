//! The metrics of one customer at one moment, computed from what is known of it by their definitions (A7.2 point 1).

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use rust_decimal::Decimal;

use crate::customer::{Customer, Sourced};
use crate::definitions::{Fold, FoldKind, MetricDefinition, MetricFile, MetricSource};
use crate::fact::{Measurement, Reading};
use crate::health::Measures;
use crate::measure::{Measure, NUMBER_DECIMALS_MAX, Value};
use crate::metrics::{Metrics, day};

/// Who says what is computed from several facts of the customer.
const OURSELVES: &str = "kunder";
/// Sources that a value names at most.
const SOURCES_MAX: usize = 3;

/// What was measured, and what could not be used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured<'a> {
    /// By metric. A metric without a fact in its window has no value: a feed says zero where it means zero.
    pub values: Measures<'a>,
    /// Values that cannot be, in words: `participation 1.4 is above 1`. They are not among `values`.
    pub refused: Vec<String>,
}

/// Measures `customer` at `at`, a moment of `zone`. What was observed later is not known yet.
/// `built_in` are its measures on that day.
#[must_use]
pub fn measure<'a>(
    customer: &Customer,
    metrics: &'a MetricFile,
    built_in: &Metrics,
    at: Timestamp,
    zone: &TimeZone,
) -> Measured<'a> {
    let mut measured = Measured::default();
    for metric in &metrics.metrics {
        let found = match &metric.from {
            MetricSource::BuiltIn(name) => built_in_measure(name, customer, built_in, at),
            MetricSource::Measurements(fold) => {
                let since = window_begins(metric, at, zone);
                folded(customer, &metric.id, fold, metric.window_days, since, at)
            }
        };
        let Some(found) = found else { continue };
        let checked = match metric.refusal(&found.value) {
            Some(wrong) => Err(format!("{} {wrong}", metric.id)),
            None => Measure::new(found.value, found.as_of, found.source, found.n)
                .map_err(|error| format!("{}: {error}", metric.id)),
        };
        match checked {
            Ok(value) => {
                measured.values.insert(&metric.id, value);
            }
            Err(refused) => measured.refused.push(refused),
        }
    }
    measured
}

/// A measure before it is checked.
struct Found {
    value: Value,
    as_of: Timestamp,
    source: String,
    n: u64,
}

fn built_in_measure(name: &str, customer: &Customer, built_in: &Metrics, at: Timestamp) -> Option<Found> {
    let number = *built_in.values().get(name)?;
    let contact = built_in
        .last_contact
        .as_ref()
        .filter(|_| name == "days_since_contact");
    let n = match name {
        "days_since_contact" | "touchpoints" => customer.touchpoints.len(),
        "open_todos" | "overdue_todos" => customer.todos.len(),
        _ => customer.opportunities.len(),
    };
    Some(Found {
        value: number.into(),
        // Days go by without anybody saying so.
        as_of: at,
        source: contact.map_or_else(|| OURSELVES.to_owned(), |contact| contact.source.clone()),
        n: n as u64,
    })
}

/// When the window begins; `None` where there is none.
fn window_begins(metric: &MetricDefinition, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let back = metric.window_days?.checked_sub(1)?;
    let first = day(at, zone).checked_sub(back.days()).ok()?;
    first.to_zoned(zone.clone()).ok().map(|begin| begin.timestamp())
}

fn folded(
    customer: &Customer,
    id: &str,
    fold: &Fold,
    window_days: Option<i64>,
    since: Option<Timestamp>,
    at: Timestamp,
) -> Option<Found> {
    let within = |name: &str| -> &[Sourced<Measurement>] {
        let known = customer.measurements.get(name).map_or(&[][..], Vec::as_slice);
        let from = since.map_or(0, |since| known.partition_point(|one| one.observed < since));
        let until = known.partition_point(|one| one.observed <= at);
        known.get(from..until).unwrap_or_default()
    };
    let facts = within(fold.metric.as_deref().unwrap_or(id));
    let newest = facts.last()?;
    let mut value = match fold.fold {
        FoldKind::Last => last(newest),
        FoldKind::Count => Value::Number(Decimal::from(facts.len())),
        FoldKind::Sum => Value::Number(sum(facts)?),
        FoldKind::Mean => Value::Number(sum(facts)?.checked_div(Decimal::from(days(facts)))?),
    };
    let mut read: Vec<&Sourced<Measurement>> = facts.iter().collect();
    if let Value::Number(number) = &mut value {
        if let (Some(per), Some(window)) = (fold.per_days, window_days) {
            *number = number
                .checked_mul(Decimal::from(per))?
                .checked_div(Decimal::from(window))?;
        }
        if let Some(over) = &fold.over {
            let under = within(over);
            *number = number.checked_div(sum(under)?)?;
            read.extend(under);
        }
        *number = number.round_dp(NUMBER_DECIMALS_MAX).normalize();
    }
    if fold.fold == FoldKind::Last {
        read = vec![newest];
    }
    Some(Found {
        value,
        as_of: read.iter().map(|one| one.observed).max()?,
        source: sources(&read),
        n: read.len() as u64,
    })
}

fn last(newest: &Sourced<Measurement>) -> Value {
    match &newest.value.reading {
        Reading::Number(number) => Value::Number(*number),
        Reading::Word(word) => Value::Text(word.clone()),
    }
}

/// `None` where a reading is a word, or the sum has no room.
fn sum(facts: &[Sourced<Measurement>]) -> Option<Decimal> {
    facts.iter().try_fold(Decimal::ZERO, |sum, fact| {
        let Reading::Number(number) = &fact.value.reading else {
            return None;
        };
        sum.checked_add(*number)
    })
}

/// Moments with a reading: a feed that tells by the day dates all of a day's readings alike.
fn days(facts: &[Sourced<Measurement>]) -> usize {
    facts
        .iter()
        .map(|fact| fact.observed)
        .collect::<BTreeSet<_>>()
        .len()
}

/// Who said so, in alphabetical order.
fn sources(facts: &[&Sourced<Measurement>]) -> String {
    let names: BTreeSet<&str> = facts.iter().map(|fact| fact.source.as_str()).collect();
    let more = names.len().saturating_sub(SOURCES_MAX);
    let mut text: Vec<&str> = names.into_iter().take(SOURCES_MAX).collect();
    if more > 0 {
        text.push("…");
    }
    text.join(", ")
}

impl MetricDefinition {
    /// Why this cannot be a value of the metric, `1.4 is above 1`; `None` where it can.
    #[must_use]
    pub fn refusal(&self, value: &Value) -> Option<String> {
        match value {
            Value::Number(number) if self.is_text() => Some(format!("{number} is no word")),
            Value::Number(number) => {
                if let Some(min) = self.min.filter(|min| *number < min.0) {
                    return Some(format!("{number} is below {}", min.0));
                }
                if let Some(max) = self.max.filter(|max| *number > max.0) {
                    return Some(format!("{number} is above {}", max.0));
                }
                (self.whole && !number.is_integer()).then(|| format!("{number} is not a whole number"))
            }
            Value::Text(word) if self.words.contains(word) => None,
            Value::Text(word) if self.is_text() => {
                Some(format!("`{word}` is not one of {}", self.words.join(", ")))
            }
            Value::Text(word) => Some(format!("`{word}` is no number")),
        }
    }
}

impl MetricFile {
    /// Why a reading cannot be, by the metrics that read it: of a sum or ratio only its sign is bounded.
    #[must_use]
    pub fn refusal(&self, measurement: &Measurement) -> Option<String> {
        let readers = self
            .metrics
            .iter()
            .filter_map(|metric| metric.reads(&measurement.metric));
        let value = match &measurement.reading {
            Reading::Number(number) => Value::Number(*number),
            Reading::Word(word) => Value::Text(word.clone()),
        };
        for (metric, whole_value) in readers {
            let refusal = match &value {
                _ if whole_value => metric.refusal(&value),
                Value::Text(word) => Some(format!("`{word}` is no number")),
                Value::Number(number) if number.is_sign_negative() && metric.min.is_some() => {
                    Some(format!("{number} is below 0"))
                }
                Value::Number(_) => None,
            };
            if refusal.is_some() {
                return refusal;
            }
        }
        None
    }

    /// Whether any metric reads measurements of this name.
    #[must_use]
    pub fn is_read(&self, name: &str) -> bool {
        self.metrics.iter().any(|metric| metric.reads(name).is_some())
    }
}

impl MetricDefinition {
    /// Itself, and whether a reading of this name is its value as it stands; `None` where it does not read it.
    fn reads(&self, name: &str) -> Option<(&Self, bool)> {
        let MetricSource::Measurements(fold) = &self.from else {
            return None;
        };
        let own = fold.metric.as_deref().unwrap_or(&self.id) == name;
        let whole_value = own && matches!(fold.fold, FoldKind::Last | FoldKind::Mean) && fold.over.is_none();
        (own || fold.over.as_deref() == Some(name)).then_some((self, whole_value))
    }
}

#[cfg(test)]
mod tests;
