//! Checking a customer: grace, the model, exceptions, the band. Pure; time is what the context says it is.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::compile::{CompiledModel, Kind, Trigger};
use super::result::{
    AppliedOverride, Contribution, Freshness, HealthResult, Reading, Reason, Row, State, Why,
};
use super::snapshot::Snapshot;
use super::{hysteresis, rules, weighted};
use crate::customer::Sourced;
use crate::definitions::Effect;
use crate::exact::Exact;
use crate::measure::{Measure, Value};

/// What a check needs to know beside the measures.
#[derive(Clone, Copy, Debug)]
pub struct CheckContext<'a> {
    pub now: Timestamp,
    /// The day of `now` where the organisation is.
    pub today: Date,
    pub customer_since: Option<Date>,
    /// The last result by the same model, for bands that are left later than they are entered.
    pub previous: Option<&'a Snapshot>,
    /// What persons decided about this customer.
    pub overrides: &'a [Sourced<Override>],
}

/// An exception that a person made for one customer (A7.2 point 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Override {
    pub id: String,
    pub effect: Effect,
    pub reason: String,
    /// Who answers for it.
    pub author: String,
    /// The last day on which it counts.
    pub expires: Date,
}

/// Measures by metric.
pub type Measures<'a> = BTreeMap<&'a str, Measure>;

impl CompiledModel {
    /// The health of the customer with these measures. A measure from after `now` is not known yet.
    #[must_use]
    pub fn check<'a>(&'a self, measures: &'a Measures<'_>, context: &CheckContext<'a>) -> HealthResult<'a> {
        let known = Known {
            model: self,
            measures,
            now: context.now,
        };
        let mut result = match &self.kind {
            Kind::Weighted(model) => weighted::check(model, &known),
            Kind::Rules(model) => rules::check(model, &known),
        };
        if let Some(until) = self.grace_ends(context) {
            result.set_aside(State::InGrace { until });
        }
        if matches!(result.state, State::NotScored(_) | State::InGrace { .. }) {
            return result;
        }
        let mut forced = None;
        for applied in self.holding(&known, context, &result.contributions) {
            result.apply(applied, &mut forced);
        }
        if let (Kind::Weighted(model), Some(score)) = (&self.kind, &result.score) {
            let previous = context.previous.filter(|previous| previous.model == self.id);
            let before = previous.and_then(Snapshot::band).and_then(|key| self.place(key));
            let place = hysteresis::band(&model.ladder, score, before);
            result.state = State::Band(&self.bands[place]);
        }
        let by_score = result.band().map(|band| band.key.as_str());
        for applied in &mut result.overrides {
            if let Effect::Band(key) = applied.effect {
                // A band that the model has no more changes nothing.
                applied.changed = self.place(key).is_some() && by_score != Some(key.as_str());
            }
        }
        if let Some(place) = forced {
            result.state = State::Band(&self.bands[place]);
        }
        result
    }

    fn place(&self, key: &str) -> Option<usize> {
        self.bands.iter().position(|band| band.key == key)
    }

    /// The first day with a score, where that is still to come.
    fn grace_ends(&self, context: &CheckContext<'_>) -> Option<Date> {
        let until = context
            .customer_since?
            .checked_add(self.grace_days?.days())
            .ok()?;
        (context.today < until).then_some(until)
    }

    /// The exceptions that hold: the model's first, then those of persons, who have the last word.
    /// A value that is too old to be scored is too old for an exception.
    fn holding<'a>(
        &'a self,
        known: &Known<'a, '_>,
        context: &CheckContext<'a>,
        rows: &[Contribution<'_>],
    ) -> Vec<AppliedOverride<'a>> {
        let today = context.today;
        let too_old = |name: &str| {
            rows.iter().any(|row| {
                row.reading == Reading::StaleExcluded
                    && matches!(row.row, Row::Input { metric, .. } if metric == name)
            })
        };
        let of_model = self.overrides.iter().filter(|exception| {
            exception.expires.is_none_or(|last| today <= last)
                && match &exception.when {
                    // What cannot be told is no reason for an exception.
                    Trigger::Condition(condition) => {
                        let value = |name: &str| known.number(name).filter(|_| !too_old(name));
                        condition.decide(&value).unwrap_or(false)
                    }
                    Trigger::Is { metric, word } => {
                        let text = known.measure(metric).and_then(|measure| measure.value.text());
                        text == Some(word) && !too_old(metric)
                    }
                }
        });
        let of_model = of_model.map(|exception| AppliedOverride {
            id: &exception.id,
            effect: &exception.effect,
            reason: Reason::Label(&exception.reason),
            author: &exception.author,
            expires: exception.expires,
            changed: false,
        });
        let of_persons = context.overrides.iter().map(|one| &one.value);
        let of_persons = of_persons.filter(|one| today <= one.expires);
        let of_persons = of_persons.map(|one| AppliedOverride {
            id: &one.id,
            effect: &one.effect,
            reason: Reason::Text(&one.reason),
            author: &one.author,
            expires: Some(one.expires),
            changed: false,
        });
        of_model.chain(of_persons).collect()
    }
}

/// What is known at the moment of the check.
pub(super) struct Known<'a, 'm> {
    pub model: &'a CompiledModel,
    pub measures: &'a Measures<'m>,
    pub now: Timestamp,
}

impl<'a> Known<'a, '_> {
    pub fn measure(&self, metric: &str) -> Option<&'a Measure> {
        self.measures
            .get(metric)
            .filter(|measure| measure.as_of <= self.now)
    }

    /// A metric's or a parameter's number.
    pub fn number(&self, name: &str) -> Option<Decimal> {
        match self.measure(name).map(|measure| &measure.value) {
            Some(Value::Number(number)) => Some(*number),
            Some(Value::Text(_)) => None,
            None => self.model.params.get(name).copied(),
        }
    }

    pub fn is_stale(&self, measure: &Measure, limit_days: Option<i64>) -> bool {
        const DAY_S: i64 = 86_400;
        limit_days.is_some_and(|days| {
            self.now.as_second().saturating_sub(measure.as_of.as_second()) > days.saturating_mul(DAY_S)
        })
    }
}

impl<'a> HealthResult<'a> {
    pub(super) fn new(model: &'a CompiledModel) -> Self {
        Self {
            model,
            score: None,
            state: State::Unclassified,
            contributions: Vec::new(),
            overrides: Vec::new(),
            coverage: Exact::ONE,
            freshness: Freshness {
                oldest: None,
                stale: Vec::new(),
                fresh: Exact::ONE,
            },
            missing: Vec::new(),
            rules: Vec::new(),
        }
    }

    /// No score: rows keep what was read and count for nothing.
    pub(super) fn set_aside(&mut self, state: State<'a>) {
        self.state = state;
        self.score = None;
        self.rules.clear();
        for row in &mut self.contributions {
            row.weight = Exact::ZERO;
            row.contribution = Exact::ZERO;
        }
    }

    pub(super) fn not_scored(&mut self, why: Why) {
        self.set_aside(State::NotScored(why));
    }

    fn apply(&mut self, mut applied: AppliedOverride<'a>, forced: &mut Option<usize>) {
        let limit = match applied.effect {
            Effect::Band(key) => {
                *forced = self.model.place(key).or(*forced);
                self.overrides.push(applied);
                return;
            }
            Effect::Cap(limit) | Effect::Floor(limit) => limit.exact(),
        };
        let is_cap = matches!(applied.effect, Effect::Cap(_));
        if let Some(score) = &self.score
            && (if is_cap { *score > limit } else { *score < limit })
        {
            self.contributions.push(Contribution {
                row: Row::Override(applied.id),
                measure: None,
                points: None,
                weight: Exact::ZERO,
                contribution: limit.minus(score),
                reading: Reading::Override,
            });
            self.score = Some(limit);
            applied.changed = true;
        }
        self.overrides.push(applied);
    }
}
