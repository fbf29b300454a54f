//! What was measured of a customer, kept for the days on which it cannot have changed: a check of all customers reads a row
//! each instead of every fact.
//!
//! Invariant: as long as no fact of the customer has come and the day is before `until`, measuring it anew from all facts gives
//! the same values, and no alert rule that rests on contacts or contracts says anything else.

use std::borrow::Cow;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::customer::{Customer, Sourced};
use crate::definitions::{Definitions, Fold, FoldKind, MetricDefinition, MetricFile, MetricSource};
use crate::fact::{CustomerId, Measurement};
use crate::health::{CompiledModel, Measures};
use crate::measure::{Measure, Value};
use crate::measuring::Measured;
use crate::metrics::{day, days_between, open_todos};

/// A customer as the store knows it, with its signals where some are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub customer: CustomerId,
    /// The version it has now.
    pub version: u64,
    /// The latest moment that a fact of it is about.
    pub last_observed: Timestamp,
    /// As [`Signals::encode`] wrote them.
    pub signals: Option<Vec<u8>>,
    /// Its health record of the day that was asked for.
    pub last: Option<LastRecord>,
}

/// What of a health record tells whether it can be said again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRecord {
    /// Of the model that gave it.
    pub hash: String,
    pub severity: Option<u8>,
}

/// Signals as they are committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSignals {
    pub customer: CustomerId,
    pub body: Vec<u8>,
}

/// The signals of one customer.
#[derive(Clone, Debug, PartialEq)]
pub struct Signals {
    pub standing: Standing,
    values: Vec<Kept>,
}

/// What signals hold for, and of whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// That of the customer when it was measured: with another one there is news.
    pub version: u64,
    /// The definitions it was measured by.
    pub basis: u64,
    /// The day on which it was measured, and the first one on which it has to be measured again.
    #[serde(with = "day_number")]
    pub from: Date,
    #[serde(with = "day_number")]
    pub until: Date,
    pub is_active: bool,
    /// The model that decides on it.
    pub model: String,
    /// The day it was first heard of; today where that is not known.
    #[serde(with = "day_number")]
    pub since: Date,
    /// Whether an at-risk alert is open.
    pub at_risk: bool,
    /// The first day on which the customer's health may be another one than on `from`.
    #[serde(with = "day_number")]
    pub same_until: Date,
}

/// One value, by the place of its metric in the file.
#[derive(Clone, Debug, PartialEq)]
struct Kept {
    metric: u16,
    value: Value,
    as_of: Timestamp,
    source: String,
    n: u64,
    how: How,
}

/// How a kept value is read on a later day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum How {
    AsItIs,
    /// It is always of the moment it is asked for.
    OfNow,
    /// And grows by one a day.
    Aging,
}

/// Bytes that are no signals.
#[derive(Debug, Error)]
#[error("kept signals cannot be read: {0}")]
pub struct UnreadableSignals(String);

impl Signals {
    /// Keeps what was measured at `at` and judged by `model`; `rules_until` is the first later day on which an alert rule may say
    /// something else. Nothing that is known of the customer may be about a later moment.
    #[must_use]
    pub fn of(
        customer: &Customer,
        measured: &Measured<'_>,
        model: &CompiledModel,
        at: Timestamp,
        zone: &TimeZone,
        definitions: &Definitions,
        rules_until: Date,
    ) -> Self {
        let (today, metrics) = (day(at, zone), &definitions.metrics.body);
        let mut until = rules_until;
        let (mut values, mut aging) = (Vec::with_capacity(measured.values.len()), false);
        let read = model.metrics();
        for (place, metric) in (0..).zip(&metrics.metrics) {
            until = until.min(holds_until(customer, metric, today, zone, definitions));
            if let Some(measure) = measured.values.get(metric.id.as_str()) {
                let how = how(metric);
                aging |= how == How::Aging && read.contains(metric.id.as_str());
                values.push(Kept {
                    metric: place,
                    value: measure.value.clone(),
                    as_of: measure.as_of,
                    source: measure.source.clone(),
                    n: measure.n,
                    how,
                });
            }
        }
        // What could not be used is told from all facts; a person's exception ends on a day of its own.
        if !measured.refused.is_empty() || !customer.overrides.is_empty() {
            until = tomorrow(today);
        }
        let since = customer.first_observed.map(|first| day(first, zone));
        let alike = model.judges_alike_until(&measured.values, since, today, zone);
        let standing = Standing {
            version: customer.version,
            basis: basis(definitions),
            from: today,
            until,
            is_active: customer.is_active(),
            model: model.id.to_string(),
            since: since.unwrap_or(today),
            at_risk: false,
            same_until: if aging { tomorrow(today) } else { alike.min(until) },
        };
        Self { standing, values }
    }

    /// The values at a moment of `today`.
    #[must_use]
    pub fn measures<'m>(&self, metrics: &'m MetricFile, at: Timestamp, today: Date) -> Measures<'m> {
        let mut measures = Measures::new();
        for kept in &self.values {
            let Some(metric) = metrics.metrics.get(usize::from(kept.metric)) else {
                continue;
            };
            let mut measure = Measure {
                value: kept.value.clone(),
                as_of: kept.as_of,
                source: kept.source.clone(),
                n: kept.n,
            };
            match (kept.how, &mut measure.value) {
                (How::AsItIs, _) => {}
                (How::Aging, Value::Number(number)) => {
                    *number += Decimal::from(days_between(self.standing.from, today));
                    measure.as_of = at;
                }
                (How::Aging | How::OfNow, _) => measure.as_of = at,
            }
            measures.insert(&metric.id, measure);
        }
        measures
    }

    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let values = self.values.iter().map(|kept| WireValue {
            metric: kept.metric,
            number: kept
                .value
                .number()
                .map(|number| (number.mantissa(), number.scale())),
            text: Cow::Borrowed(kept.value.text().unwrap_or_default()),
            as_of: kept.as_of.as_nanosecond(),
            source: Cow::Borrowed(&kept.source),
            n: kept.n,
            how: kept.how,
        });
        let values: Vec<WireValue<'_>> = values.collect();
        postcard::to_allocvec(&(&self.standing, values)).expect("plain data always serializes")
    }

    /// # Errors
    /// Bytes that [`Signals::encode`] did not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, UnreadableSignals> {
        let (standing, rest) = Standing::decode(bytes)?;
        let wire: Vec<WireValue<'_>> =
            postcard::from_bytes(rest).map_err(|error| UnreadableSignals(error.to_string()))?;
        let values = wire.into_iter().map(|wire| {
            let number = wire
                .number
                .and_then(|(mantissa, scale)| Decimal::try_from_i128_with_scale(mantissa, scale).ok());
            Some(Kept {
                metric: wire.metric,
                value: number.map_or_else(|| Value::Text(wire.text.into_owned()), Value::Number),
                as_of: Timestamp::from_nanosecond(wire.as_of).ok()?,
                source: wire.source.into_owned(),
                n: wire.n,
                how: wire.how,
            })
        });
        let values: Option<Vec<Kept>> = values.collect();
        let values = values.ok_or_else(|| UnreadableSignals("a moment out of range".to_owned()))?;
        Ok(Self { standing, values })
    }
}

impl Standing {
    /// Whether they hold on `today` for a customer of this version, by definitions of this basis.
    #[must_use]
    pub fn holds(&self, version: u64, basis: u64, today: Date) -> bool {
        self.version == version && self.basis == basis && (self.from..self.until).contains(&today)
    }

    /// Reads it without the values, which are the rest.
    ///
    /// # Errors
    /// Bytes that [`Signals::encode`] did not write.
    pub fn decode(bytes: &[u8]) -> Result<(Self, &[u8]), UnreadableSignals> {
        postcard::take_from_bytes(bytes).map_err(|error| UnreadableSignals(error.to_string()))
    }
}

/// What signals rest on beside facts: another one makes all of them void.
#[must_use]
pub fn basis(definitions: &Definitions) -> u64 {
    let resolver = definitions.resolver.as_ref().map(|resolver| &resolver.hash);
    let models = definitions.models().map(|model| &model.hash);
    let others = [
        &definitions.organisation.hash,
        &definitions.metrics.hash,
        &definitions.process.hash,
        &definitions.pipeline.hash,
        &definitions.alerts.hash,
    ];
    let mut hasher = blake3::Hasher::new();
    for hash in others.into_iter().chain(models).chain(resolver) {
        hasher.update(hash.as_bytes());
    }
    let hash = hasher.finalize();
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a hash has 32 bytes"))
}

fn how(metric: &MetricDefinition) -> How {
    match &metric.from {
        from if from.is_days_since_contact() => How::Aging,
        MetricSource::BuiltIn(_) => How::OfNow,
        MetricSource::Measurements(_) => How::AsItIs,
    }
}

/// The first later day on which the metric may have another value, though no fact has come.
fn holds_until(
    customer: &Customer,
    metric: &MetricDefinition,
    today: Date,
    zone: &TimeZone,
    definitions: &Definitions,
) -> Date {
    match &metric.from {
        MetricSource::BuiltIn(name) => match name.as_str() {
            "overdue_todos" => {
                let due = open_todos(customer).filter_map(|state| state.todo.value.due);
                due.filter(|due| *due >= today)
                    .map(tomorrow)
                    .min()
                    .unwrap_or(Date::MAX)
            }
            "stale_opportunities" => {
                let open = customer
                    .current_opportunities()
                    .filter(|one| one.value.status.is_open());
                let stale =
                    open.map(|one| after(day(one.observed, zone), definitions.pipeline.body.stale_days + 1));
                stale.filter(|stale| *stale > today).min().unwrap_or(Date::MAX)
            }
            _ => Date::MAX,
        },
        MetricSource::Measurements(fold) => {
            let Some(window) = metric.window_days else {
                return Date::MAX;
            };
            let leaves = |name: &str| leaves(customer, name, fold, window, today, zone);
            let own = leaves(fold.metric.as_deref().unwrap_or(&metric.id));
            fold.over.as_deref().map_or(own, |over| own.min(leaves(over)))
        }
    }
}

/// The day on which the next reading that counts leaves the window: the oldest of a sum, the newest where only that counts.
fn leaves(customer: &Customer, name: &str, fold: &Fold, window: i64, today: Date, zone: &TimeZone) -> Date {
    let known: &[Sourced<Measurement>] = customer.measurements.get(name).map_or(&[], Vec::as_slice);
    let mut inside = known
        .iter()
        .map(|one| after(day(one.observed, zone), window))
        .filter(|leaves| *leaves > today);
    let next = if fold.fold == FoldKind::Last {
        inside.next_back()
    } else {
        inside.next()
    };
    next.unwrap_or(Date::MAX)
}

pub(crate) fn after(day: Date, days: i64) -> Date {
    day.checked_add(days.days()).unwrap_or(Date::MAX)
}

pub(crate) fn tomorrow(day: Date) -> Date {
    after(day, 1)
}

#[derive(Serialize, Deserialize)]
struct WireValue<'a> {
    metric: u16,
    /// Mantissa and scale.
    number: Option<(i128, u32)>,
    #[serde(borrow)]
    text: Cow<'a, str>,
    as_of: i128,
    #[serde(borrow)]
    source: Cow<'a, str>,
    n: u64,
    how: How,
}

/// A day as the number of days since 1970.
mod day_number {
    use jiff::ToSpan;
    use jiff::civil::Date;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    const EPOCH: Date = jiff::civil::date(1970, 1, 1);

    pub fn serialize<S: Serializer>(day: &Date, serializer: S) -> Result<S::Ok, S::Error> {
        EPOCH
            .until(*day)
            .map_or(0, |span| span.get_days())
            .serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
        let days = i32::deserialize(deserializer)?;
        Ok(EPOCH.checked_add(days.days()).unwrap_or(Date::MAX))
    }
}

#[cfg(test)]
mod tests;
