//! A health model made ready to run: names resolved, weights exact, conditions checked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::Measures;
use super::scorer::Scorer;
use super::{Compound, HealthError};
use crate::condition::Condition;
use crate::definitions::{
    Aggregate, Band, Definition, Effect, HealthModel, Input, Label, MetricFile, Missing, ModelKind,
    RuleMissing, Stale, When,
};
use crate::exact::Exact;
use crate::metrics::day;
use crate::signals::{after, tomorrow};

/// A model that can check customers.
#[derive(Clone, Debug)]
pub struct CompiledModel {
    pub id: Arc<str>,
    pub version: u32,
    /// Of the file.
    pub hash: Arc<str>,
    pub grace_days: Option<i64>,
    pub bands: Vec<Band>,
    pub(super) params: BTreeMap<String, Decimal>,
    pub(super) overrides: Vec<Exception>,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Weighted(Weighted),
    Rules(Rules),
}

#[derive(Clone, Debug)]
pub(super) struct Weighted {
    pub groups: Vec<ScoredGroup>,
    pub inputs: Vec<ScoredInput>,
    pub min_coverage: Exact,
    /// The places of the bands by rising range.
    pub ladder: Vec<Rung>,
}

/// A band on the way up.
#[derive(Clone, Debug)]
pub(super) struct Rung {
    pub band: usize,
    pub from: Exact,
    /// A customer in it leaves upwards from here.
    pub exit: Option<Exact>,
}

#[derive(Clone, Debug)]
pub(super) struct ScoredGroup {
    pub id: String,
    pub weight: GroupWeight,
    pub aggregate: Aggregate,
    /// Places of its inputs.
    pub inputs: Vec<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum GroupWeight {
    Fixed(Exact),
    /// What this metric counts.
    Metric(String),
}

#[derive(Clone, Debug)]
pub(super) struct ScoredInput {
    pub metric: String,
    /// Its name among the rows of a result.
    pub name: Arc<str>,
    pub group: usize,
    /// Its share of its group when nothing is missing.
    pub share: Exact,
    /// Its share of the score when nothing is missing; meaningless in a group that a metric weighs.
    pub base: Exact,
    pub scorer: Scorer,
    pub missing: Missing,
    pub stale_after_days: Option<i64>,
    pub stale: Stale,
}

#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub rules: Vec<Rule>,
    /// `None` is unclassified.
    pub otherwise: Option<usize>,
    pub missing: RuleMissing,
    /// Every metric that is read, with its limit of freshness in days.
    pub metrics: Vec<(String, Option<i64>)>,
}

/// A rule that was checked.
#[derive(Clone, Debug)]
pub struct Rule {
    pub id: String,
    pub because: Label,
    pub(super) band: usize,
    pub(super) condition: Compound,
}

/// An exception of the model.
#[derive(Clone, Debug)]
pub(super) struct Exception {
    pub id: String,
    pub when: Trigger,
    pub effect: Effect,
    pub reason: Label,
    pub author: String,
    pub expires: Option<Date>,
}

#[derive(Clone, Debug)]
pub(super) enum Trigger {
    Condition(Condition),
    Is { metric: String, word: String },
}

impl CompiledModel {
    /// Of the band that a rule leads to.
    #[must_use]
    pub fn severity(&self, rule: &Rule) -> u8 {
        self.bands[rule.band].severity
    }

    /// The number of a parameter.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<Decimal> {
        self.params.get(name).copied()
    }

    /// # Errors
    /// When something in it names what is not defined; a model that loaded always compiles.
    pub fn compile(definition: &Definition<HealthModel>, metrics: &MetricFile) -> Result<Self, HealthError> {
        let model = &definition.body;
        let numbers = metrics.metrics.iter().filter(|metric| !metric.is_text());
        let names: BTreeSet<&str> = numbers
            .map(|metric| metric.id.as_str())
            .chain(model.params.keys().map(String::as_str))
            .collect();
        let kind = match model.kind {
            ModelKind::Weighted => Kind::Weighted(weighted(model, metrics)?),
            ModelKind::Rules => Kind::Rules(rules(model, metrics, &names)?),
        };
        let overrides = model.overrides.iter().map(|rule| {
            let when = match &rule.when {
                When::Condition(text) => {
                    Trigger::Condition(Condition::compile(text, &names).map_err(|source| {
                        HealthError::Condition {
                            rule: rule.id.clone(),
                            source,
                        }
                    })?)
                }
                When::Is(is) => Trigger::Is {
                    metric: is.metric.clone(),
                    word: is.word.clone(),
                },
            };
            Ok(Exception {
                id: rule.id.clone(),
                when,
                effect: rule.effect.clone(),
                reason: rule.reason.clone(),
                author: rule.author.clone(),
                expires: rule.expires,
            })
        });
        Ok(Self {
            id: definition.header.id.as_str().into(),
            version: definition.header.version,
            hash: definition.hash.as_str().into(),
            grace_days: model.grace_days,
            bands: model.bands.clone(),
            params: model
                .params
                .iter()
                .map(|(name, number)| (name.clone(), Decimal::from(*number)))
                .collect(),
            overrides: overrides.collect::<Result<_, HealthError>>()?,
            kind,
        })
    }

    /// The first later day on which these values may be judged otherwise: one of them becomes too old, the customer is no longer
    /// new, or an exception ends.
    #[must_use]
    pub fn judges_alike_until(
        &self,
        measures: &Measures<'_>,
        since: Option<Date>,
        today: Date,
        zone: &TimeZone,
    ) -> Date {
        let limits: Vec<(&str, Option<i64>)> = match &self.kind {
            Kind::Weighted(model) => model
                .inputs
                .iter()
                .map(|input| (input.metric.as_str(), input.stale_after_days))
                .collect(),
            Kind::Rules(rules) => rules
                .metrics
                .iter()
                .map(|(metric, limit)| (metric.as_str(), *limit))
                .collect(),
        };
        let stale = limits.into_iter().filter_map(|(metric, limit)| {
            let measure = measures.get(metric)?;
            Some(after(day(measure.as_of, zone), limit?))
        });
        let known = since.zip(self.grace_days).map(|(since, days)| after(since, days));
        let ends = self
            .overrides
            .iter()
            .filter_map(|exception| exception.expires)
            .map(tomorrow);
        let changes = stale.chain(known).chain(ends).filter(|on| *on >= today);
        changes.min().unwrap_or(Date::MAX)
    }

    /// Whether its bands are named in this language.
    #[must_use]
    pub fn speaks(&self, language: &str) -> bool {
        language != "nl" || self.bands.iter().all(|band| band.label.nl.is_some())
    }

    /// Whether it gives a score.
    #[must_use]
    pub fn is_weighted(&self) -> bool {
        matches!(self.kind, Kind::Weighted(_))
    }

    /// Every metric it reads.
    #[must_use]
    pub fn metrics(&self) -> BTreeSet<&str> {
        let mut metrics: BTreeSet<&str> = match &self.kind {
            Kind::Weighted(weighted) => weighted.metrics().collect(),
            Kind::Rules(rules) => rules.metrics.iter().map(|(name, _)| name.as_str()).collect(),
        };
        for exception in &self.overrides {
            match &exception.when {
                Trigger::Is { metric, .. } => drop(metrics.insert(metric)),
                Trigger::Condition(condition) => metrics.extend(condition.names().iter().map(String::as_str)),
            }
        }
        metrics.retain(|name| !self.params.contains_key(*name));
        metrics
    }
}

impl Rule {
    /// The metrics and parameters that its condition reads.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.condition.names()
    }
}

impl Weighted {
    fn metrics(&self) -> impl Iterator<Item = &str> {
        let weights = self.groups.iter().filter_map(|group| match &group.weight {
            GroupWeight::Fixed(_) => None,
            GroupWeight::Metric(metric) => Some(metric.as_str()),
        });
        self.inputs
            .iter()
            .map(|input| input.metric.as_str())
            .chain(weights)
    }
}

fn weighted(model: &HealthModel, metrics: &MetricFile) -> Result<Weighted, HealthError> {
    let mut groups = Vec::with_capacity(model.groups.len());
    let mut scored: Vec<Option<ScoredInput>> = vec![None; model.inputs.len()];
    for (place, group) in model.groups.iter().enumerate() {
        let inputs: Vec<usize> = (0..model.inputs.len())
            .filter(|input| model.inputs[*input].group == group.id)
            .collect();
        let weights: Vec<Exact> = inputs
            .iter()
            .map(|input| {
                model.inputs[*input]
                    .weight
                    .map_or(Exact::ONE, |weight| weight.exact())
            })
            .collect();
        let total = Exact::sum(&weights);
        let weight = match (&group.weight, &group.weight_metric) {
            (Some(weight), None) => GroupWeight::Fixed(weight.exact()),
            (None, Some(metric)) => GroupWeight::Metric(metric.clone()),
            _ => {
                return Err(HealthError::Model(format!(
                    "the group {:?} needs one weight",
                    group.id
                )));
            }
        };
        for (input, own) in inputs.iter().zip(&weights) {
            let share = own
                .over(&total)
                .ok_or_else(|| HealthError::Model(format!("the inputs of {:?} weigh nothing", group.id)))?;
            scored[*input] = Some(scored_input(
                &model.inputs[*input],
                place,
                share,
                &weight,
                metrics,
            )?);
        }
        groups.push(ScoredGroup {
            id: group.id.clone(),
            weight,
            aggregate: group.aggregate,
            inputs,
        });
    }
    let inputs: Option<Vec<ScoredInput>> = scored.into_iter().collect();
    let inputs = inputs.ok_or_else(|| HealthError::Model("an input has no group".to_owned()))?;
    Ok(Weighted {
        groups,
        inputs,
        min_coverage: model.min_coverage.map_or(Exact::ZERO, |share| share.exact()),
        ladder: ladder(&model.bands)?,
    })
}

fn scored_input(
    input: &Input,
    group: usize,
    share: Exact,
    weight: &GroupWeight,
    metrics: &MetricFile,
) -> Result<ScoredInput, HealthError> {
    let scorer = Scorer::of(input)
        .ok_or_else(|| HealthError::Model(format!("the input {:?} needs one scorer", input.metric)))?;
    let limit = metrics
        .find(&input.metric)
        .and_then(|metric| metric.freshness_days);
    let base = match weight {
        GroupWeight::Fixed(weight) => weight.times(&share),
        GroupWeight::Metric(_) => share.clone(),
    };
    Ok(ScoredInput {
        metric: input.metric.clone(),
        name: format!("{}/{}", input.group, input.metric).into(),
        group,
        share,
        base,
        scorer,
        missing: input.missing,
        stale_after_days: input.stale_after_days.or(limit),
        stale: input.stale,
    })
}

fn ladder(bands: &[Band]) -> Result<Vec<Rung>, HealthError> {
    let mut ladder = Vec::with_capacity(bands.len());
    for (place, band) in bands.iter().enumerate() {
        let (from, _) = band
            .range
            .ok_or_else(|| HealthError::Model(format!("the band {:?} has no range", band.key)))?;
        ladder.push(Rung {
            band: place,
            from: from.exact(),
            exit: band.exit_above.map(|exit| exit.exact()),
        });
    }
    ladder.sort_by(|a, b| a.from.cmp(&b.from));
    Ok(ladder)
}

fn rules(model: &HealthModel, metrics: &MetricFile, names: &BTreeSet<&str>) -> Result<Rules, HealthError> {
    let place = |key: &str| {
        let place = model.bands.iter().position(|band| band.key == key);
        place.ok_or_else(|| HealthError::UnknownBand(key.to_owned()))
    };
    let mut used = BTreeSet::new();
    let mut rules = Vec::with_capacity(model.rules.len());
    for rule in &model.rules {
        let condition = Compound::compile(rule, names)?;
        used.extend(condition.names().map(str::to_owned));
        rules.push(Rule {
            id: rule.id.clone(),
            because: rule.because.clone(),
            band: place(&rule.band)?,
            condition,
        });
    }
    let unclassified = model.otherwise == crate::definitions::UNCLASSIFIED;
    let limit = |name: &String| metrics.find(name).and_then(|metric| metric.freshness_days);
    Ok(Rules {
        rules,
        otherwise: if unclassified {
            None
        } else {
            Some(place(&model.otherwise)?)
        },
        missing: model.missing,
        metrics: used
            .into_iter()
            .filter(|name| !model.params.contains_key(name))
            .map(|name| (name.clone(), limit(&name)))
            .collect(),
    })
}
