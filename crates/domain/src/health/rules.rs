//! Rule models: ordered rules, worst first; the first that holds decides. No number is pretended to (requirements A7.2 point 11).

use std::collections::BTreeSet;

use super::check::Known;
use super::compile::{Rule, Rules};
use super::result::{HealthResult, State, Why};
use crate::definitions::RuleMissing;
use crate::exact::Exact;

pub(super) fn check<'a>(model: &'a Rules, known: &Known<'a, '_>) -> HealthResult<'a> {
    let mut result = HealthResult::new(known.model);
    let mut covered = 0_i64;
    let mut fresh = 0_i64;
    for (metric, limit) in &model.metrics {
        let Some(measure) = known
            .measure(metric)
            .filter(|measure| measure.value.number().is_some())
        else {
            result.missing.push(metric);
            continue;
        };
        covered += 1;
        if known.is_stale(measure, *limit) {
            result.freshness.stale.push(metric);
        } else {
            fresh += 1;
        }
        let oldest = result.freshness.oldest.get_or_insert(measure.as_of);
        *oldest = measure.as_of.min(*oldest);
    }
    let count = i64::try_from(model.metrics.len()).unwrap_or(i64::MAX);
    result.coverage = Exact::fraction(covered, count).unwrap_or(Exact::ONE);
    result.freshness.fresh = Exact::fraction(fresh, covered).unwrap_or(Exact::ONE);
    decide(model, known, &mut result);
    result
}

fn decide<'a>(model: &'a Rules, known: &Known<'a, '_>, result: &mut HealthResult<'a>) {
    let value = |name: &str| known.number(name);
    let mut unknown: Option<&Rule> = None;
    for rule in &model.rules {
        let holds = match model.missing {
            RuleMissing::Holds => Some(rule.condition.holds(&value)),
            RuleMissing::NotScored => rule.condition.decide(&value),
        };
        match holds {
            Some(true) => result.rules.push(rule),
            Some(false) => {}
            None if result.rules.is_empty() => unknown = unknown.or(Some(rule)),
            None => {}
        }
    }
    let decided = result.rules.first().map(|rule| rule.band);
    // A worse rule that cannot be told: the band hangs on what is missing, unless both say the same.
    if let Some(rule) = unknown
        && decided != Some(rule.band)
    {
        let missing = rule.condition.names().filter(|name| value(name).is_none());
        let missing: BTreeSet<String> = missing.map(str::to_owned).collect();
        result.not_scored(Why::Missing(missing.into_iter().collect()));
        return;
    }
    result.state = match decided.or(model.otherwise) {
        Some(place) => State::Band(&result.model.bands[place]),
        None => State::Unclassified,
    };
}
