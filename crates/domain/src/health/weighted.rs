//! Weighted models: inputs to points, points to groups, groups to the score, the weight of what is missing to the others (D-30).

use super::check::Known;
use super::compile::{GroupWeight, ScoredGroup, ScoredInput, Weighted};
use super::result::{Contribution, HealthResult, Reading, Row, Why};
use crate::definitions::{Aggregate, Missing, Stale};
use crate::exact::Exact;

pub(super) fn check<'a>(model: &'a Weighted, known: &Known<'a, '_>) -> HealthResult<'a> {
    let mut result = HealthResult::new(known.model);
    result.contributions.reserve_exact(model.inputs.len());
    for input in &model.inputs {
        let row = read(input, &model.groups[input.group], known);
        note(&row, input, &mut result);
        result.contributions.push(row);
    }
    let group_weights = match group_weights(model, known) {
        Ok(weights) => weights,
        Err(metric) => {
            result.missing.push(metric);
            result.not_scored(Why::Missing(vec![metric.to_owned()]));
            return result;
        }
    };
    measure_coverage(model, &group_weights, &mut result);
    let failing = result.contributions.iter().zip(&model.inputs);
    let failing = failing
        .filter(|(row, input)| row.reading == Reading::MissingFails && !group_weights[input.group].is_zero());
    let failing: Vec<String> = failing.map(|(_, input)| input.metric.clone()).collect();
    if !failing.is_empty() {
        result.not_scored(Why::Missing(failing));
        return result;
    }
    weigh(model, &group_weights, &mut result.contributions);
    let rows = &result.contributions;
    if result.coverage < model.min_coverage || rows.iter().all(|row| row.weight.is_zero()) {
        let is = result.coverage.clone();
        let needs = model.min_coverage.clone();
        result.not_scored(Why::Coverage { is, needs });
        return result;
    }
    result.score = Some(Exact::sum(rows.iter().map(|row| &row.contribution)));
    result
}

/// What one input reads, and its points.
fn read<'a>(input: &'a ScoredInput, group: &'a ScoredGroup, known: &Known<'a, '_>) -> Contribution<'a> {
    let measure = known.measure(&input.metric);
    let scored = measure.and_then(|measure| Some((measure, input.scorer.points(&measure.value)?)));
    let (points, reading) = match scored {
        None => match input.missing {
            Missing::Fail => (None, Reading::MissingFails),
            Missing::Exclude => (None, Reading::MissingExcluded),
            Missing::Points(points) => (Some(points.exact()), Reading::MissingPoints),
        },
        Some((measure, points)) if known.is_stale(measure, input.stale_after_days) => match input.stale {
            Stale::Keep => (Some(points), Reading::StaleKept),
            Stale::Exclude => (None, Reading::StaleExcluded),
            Stale::Points(points) => (Some(points.exact()), Reading::StalePoints),
        },
        Some((_, points)) => (Some(points), Reading::Fresh),
    };
    Contribution {
        row: Row::Input {
            metric: &input.metric,
            group: &group.id,
            name: &input.name,
        },
        measure,
        points,
        weight: Exact::ZERO,
        contribution: Exact::ZERO,
        reading,
    }
}

/// Names what is missing or stale.
fn note<'a>(row: &Contribution<'a>, input: &'a ScoredInput, result: &mut HealthResult<'a>) {
    match row.reading {
        Reading::Fresh | Reading::Override => {}
        Reading::StaleKept | Reading::StalePoints | Reading::StaleExcluded => {
            result.freshness.stale.push(&input.metric);
        }
        Reading::MissingPoints | Reading::MissingExcluded | Reading::MissingFails => {
            result.missing.push(&input.metric);
        }
    }
    if let (Some(measure), Reading::Fresh | Reading::StaleKept) = (row.measure, row.reading) {
        let oldest = result.freshness.oldest.get_or_insert(measure.as_of);
        *oldest = measure.as_of.min(*oldest);
    }
}

/// The weight of each group; an error names a metric that should weigh one and has no value.
fn group_weights<'a>(model: &'a Weighted, known: &Known<'a, '_>) -> Result<Vec<Exact>, &'a str> {
    let weight = |group: &'a ScoredGroup| match &group.weight {
        GroupWeight::Fixed(weight) => Ok(weight.clone()),
        GroupWeight::Metric(metric) => {
            let number = known.number(metric).filter(|number| !number.is_sign_negative());
            number.map(Exact::from).ok_or(metric.as_str())
        }
    };
    model.groups.iter().map(weight).collect()
}

/// Coverage and freshness, by the weight that inputs have when nothing is missing.
fn measure_coverage(model: &Weighted, group_weights: &[Exact], result: &mut HealthResult<'_>) {
    let all_fresh = |row: &Contribution<'_>| row.reading == Reading::Fresh;
    if result.contributions.iter().all(all_fresh) {
        return;
    }
    let (mut total, mut covered, mut fresh) = (Exact::ZERO, Exact::ZERO, Exact::ZERO);
    for (row, input) in result.contributions.iter().zip(&model.inputs) {
        let base = match &model.groups[input.group].weight {
            GroupWeight::Fixed(_) => input.base.clone(),
            GroupWeight::Metric(_) => group_weights[input.group].times(&input.share),
        };
        total = total.plus(&base);
        match row.reading {
            Reading::Fresh => {
                covered = covered.plus(&base);
                fresh = fresh.plus(&base);
            }
            Reading::StaleKept => covered = covered.plus(&base),
            Reading::StalePoints
            | Reading::StaleExcluded
            | Reading::MissingPoints
            | Reading::MissingExcluded
            | Reading::MissingFails
            | Reading::Override => {}
        }
    }
    result.coverage = covered.over(&total).unwrap_or(Exact::ZERO);
    result.freshness.fresh = fresh.over(&covered).unwrap_or(Exact::ONE);
}

/// Gives every row its weight and contribution.
fn weigh(model: &Weighted, group_weights: &[Exact], rows: &mut [Contribution<'_>]) {
    let counts = |group: &ScoredGroup| group.inputs.iter().any(|input| rows[*input].points.is_some());
    let present: Vec<bool> = model.groups.iter().map(counts).collect();
    let in_use = group_weights.iter().zip(&present);
    let total = Exact::sum(in_use.filter(|(_, present)| **present).map(|(weight, _)| weight));
    for ((group, weight), present) in model.groups.iter().zip(group_weights).zip(present) {
        let share = if total == Exact::ONE {
            Some(weight.clone())
        } else {
            weight.over(&total)
        };
        if let (true, Some(share)) = (present, share) {
            weigh_group(model, group, &share, rows);
        }
    }
}

fn weigh_group(model: &Weighted, group: &ScoredGroup, group_share: &Exact, rows: &mut [Contribution<'_>]) {
    let counting = || group.inputs.iter().copied();
    let points = |place: &usize| rows[*place].points.clone();
    let decides = match group.aggregate {
        Aggregate::Mean | Aggregate::Weighted => None,
        // Of equal ones the first in the file.
        Aggregate::Min => counting()
            .filter(|place| points(place).is_some())
            .min_by_key(points),
        Aggregate::Max => counting()
            .rev()
            .filter(|place| points(place).is_some())
            .max_by_key(points),
    };
    let present = Exact::sum(
        counting()
            .filter(|place| rows[*place].points.is_some())
            .map(|place| &model.inputs[place].share),
    );
    for place in counting() {
        let row = &mut rows[place];
        let Some(points) = &row.points else { continue };
        let share = match decides {
            Some(decider) if decider == place => group_share.clone(),
            Some(_) => continue,
            None if present == Exact::ONE => group_share.times(&model.inputs[place].share),
            None => {
                let share = model.inputs[place].share.over(&present);
                group_share.times(&share.unwrap_or(Exact::ZERO))
            }
        };
        row.contribution = points.times(&share);
        row.weight = share;
    }
}
