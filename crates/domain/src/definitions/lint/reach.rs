//! The scores a weighted model can come to, by interval arithmetic over scorers, missing policies and exceptions.
//! The interval is never too narrow: a band outside it is unreachable.

use std::collections::BTreeSet;
use std::fmt;

use rust_decimal::Decimal;

use super::seed::Ranges;
use crate::definitions::{
    Aggregate, Effect, HealthModel, Input, MetricDefinition, MetricFile, Missing, Stale,
};
use crate::exact::Exact;
use crate::health::Scorer;
use crate::measure::Value;

/// Which cases are looked at.
pub(super) enum Cases<'a> {
    All,
    /// Those the source speaks of: every input has a value, and one that the source gives points for.
    OfTheSource(&'a [Option<Ranges>]),
}

/// What can be reached.
pub(super) struct Reach<'a> {
    pub low: Exact,
    pub high: Exact,
    /// Bands that an exception sets.
    pub forced: BTreeSet<&'a str>,
}

/// What one part of a mean can give.
struct Part {
    weight: Exact,
    low: Exact,
    high: Exact,
    /// Whether it may be left out.
    optional: bool,
}

/// `None` where the model is too broken to say.
pub(super) fn scores<'a>(
    body: &'a HealthModel,
    metrics: &MetricFile,
    cases: &Cases<'_>,
) -> Option<Reach<'a>> {
    let mut groups = Vec::with_capacity(body.groups.len());
    for group in &body.groups {
        let mut parts = Vec::new();
        for (place, input) in body
            .inputs
            .iter()
            .enumerate()
            .filter(|(_, input)| input.group == group.id)
        {
            parts.push(match cases {
                Cases::All => any_value(input, metrics.find(&input.metric)?)?,
                Cases::OfTheSource(ranges) => match ranges.get(place)? {
                    Some(ranges) => part(input, ranges.points(), false)?,
                    None => part(input, values(input, metrics.find(&input.metric)?)?, false)?,
                },
            });
        }
        let weight = group.weight.map_or(Exact::ONE, |weight| weight.exact());
        groups.push(group_part(&parts, weight, group.aggregate)?);
    }
    let counted = body.groups.iter().any(|group| group.weight_metric.is_some());
    let (mut low, mut high) = if counted {
        // The weights are what is counted: any mean of the groups may come out.
        (
            groups.iter().map(|group| group.low.clone()).min()?,
            groups.iter().map(|group| group.high.clone()).max()?,
        )
    } else {
        (lowest_mean(&groups)?, highest_mean(&groups)?)
    };
    let mut forced = BTreeSet::new();
    if matches!(cases, Cases::All) {
        for rule in &body.overrides {
            match &rule.effect {
                Effect::Cap(points) => low = low.min(points.exact()),
                Effect::Floor(points) => high = high.max(points.exact()),
                Effect::Band(key) => drop(forced.insert(key.as_str())),
            }
        }
    }
    Some(Reach { low, high, forced })
}

/// With every policy for what is missing or old.
fn any_value(input: &Input, metric: &MetricDefinition) -> Option<Part> {
    let mut points = values(input, metric)?;
    let ages = input.stale_after_days.or(metric.freshness_days).is_some();
    let mut optional = false;
    match input.missing {
        Missing::Fail => {}
        Missing::Exclude => optional = true,
        Missing::Points(given) => points.push(given.exact()),
    }
    match input.stale {
        Stale::Points(given) if ages => points.push(given.exact()),
        Stale::Exclude if ages => optional = true,
        Stale::Keep | Stale::Points(_) | Stale::Exclude => {}
    }
    part(input, points, optional)
}

fn part(input: &Input, points: Vec<Exact>, optional: bool) -> Option<Part> {
    Some(Part {
        weight: input.weight.map_or(Exact::ONE, |weight| weight.exact()),
        low: points.iter().min()?.clone(),
        high: points.iter().max()?.clone(),
        optional,
    })
}

/// The least and the most points of the values that the metric may have, and whatever lies between.
fn values(input: &Input, metric: &MetricDefinition) -> Option<Vec<Exact>> {
    let scorer = Scorer::of(input)?;
    let (min, max) = (metric.min.map(|min| min.0), metric.max.map(|max| max.0));
    Some(match &scorer {
        Scorer::Bands(pieces) => {
            let last = pieces.len().saturating_sub(1);
            let reached = pieces.iter().enumerate().filter(|(place, piece)| {
                let above = max.is_none_or(|max| piece.from <= max);
                let below = match (piece.to, min) {
                    (Some(to), Some(min)) => min < to || (*place == last && min == to),
                    _ => true,
                };
                above && below
            });
            reached.map(|(_, piece)| piece.points.clone()).collect()
        }
        Scorer::Linear { from, to } => {
            let ends = [min.unwrap_or(*from.min(to)), max.unwrap_or(*from.max(to))];
            ends.iter()
                .filter_map(|end| scorer.points(&Value::Number(*end)))
                .collect()
        }
        Scorer::Map(points) => {
            let known = points.iter().filter(|(word, _)| metric.words.contains(word));
            known.map(|(_, points)| points.clone()).collect()
        }
        Scorer::Direct => {
            let (bottom, top) = (Decimal::ZERO, Decimal::ONE_HUNDRED);
            let ends = [
                min.unwrap_or(bottom).clamp(bottom, top),
                max.unwrap_or(top).clamp(bottom, top),
            ];
            ends.iter().map(|end| (*end).into()).collect()
        }
    })
}

fn group_part(parts: &[Part], weight: Exact, aggregate: Aggregate) -> Option<Part> {
    let lows = || parts.iter().map(|part| part.low.clone());
    let highs = || parts.iter().map(|part| part.high.clone());
    let required = || parts.iter().filter(|part| !part.optional);
    let (low, high) = match aggregate {
        Aggregate::Mean | Aggregate::Weighted => (lowest_mean(parts)?, highest_mean(parts)?),
        Aggregate::Min => {
            let high = required().map(|part| part.high.clone()).min();
            (lows().min()?, high.or_else(|| highs().max())?)
        }
        Aggregate::Max => {
            let low = required().map(|part| part.low.clone()).max();
            (low.or_else(|| lows().min())?, highs().max()?)
        }
    };
    Some(Part {
        weight,
        low,
        high,
        optional: parts.iter().all(|part| part.optional),
    })
}

fn lowest_mean(parts: &[Part]) -> Option<Exact> {
    extreme_mean(parts, |part| part.low.clone(), |candidate, mean| candidate < mean)
}

fn highest_mean(parts: &[Part]) -> Option<Exact> {
    extreme_mean(
        parts,
        |part| part.high.clone(),
        |candidate, mean| candidate > mean,
    )
}

/// The mean of the required parts and of those optional ones that push it further. Taken from the furthest on, each helps
/// exactly while it is beyond the mean so far.
fn extreme_mean(
    parts: &[Part],
    value: impl Fn(&Part) -> Exact,
    helps: impl Fn(&Exact, &Exact) -> bool,
) -> Option<Exact> {
    let (mut over, mut under) = (Exact::ZERO, Exact::ZERO);
    let mut optional: Vec<&Part> = Vec::new();
    for part in parts {
        if part.optional {
            optional.push(part);
        } else {
            over = over.plus(&value(part).times(&part.weight));
            under = under.plus(&part.weight);
        }
    }
    optional.sort_by(|a, b| {
        let (a, b) = (value(a), value(b));
        match (helps(&a, &b), helps(&b, &a)) {
            (true, _) => std::cmp::Ordering::Less,
            (_, true) => std::cmp::Ordering::Greater,
            _ => std::cmp::Ordering::Equal,
        }
    });
    for part in optional {
        let taken = over.over(&under).is_none_or(|mean| helps(&value(part), &mean));
        if taken {
            over = over.plus(&value(part).times(&part.weight));
            under = under.plus(&part.weight);
        }
    }
    over.over(&under)
}

impl fmt::Display for Reach<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.low.printed(), self.high.printed())
    }
}
