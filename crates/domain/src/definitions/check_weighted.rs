//! What a weighted model must satisfy beyond its shape: weights, pieces and bands that are a whole, each once.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::check::{DAYS_MAX, Faults, band_word};
use super::{
    Aggregate, Amount, Band, Group, HealthModel, Input, MetricDefinition, MetricFile, Missing, Stale,
};
use crate::exact::Exact;

pub(super) fn weighted(body: &HealthModel, metrics: &MetricFile, faults: &mut Faults<'_>) {
    faults.unique(
        "groups:",
        "group",
        body.groups.iter().map(|group| group.id.as_str()),
    );
    for (key, written) in [
        ("rules:", !body.rules.is_empty()),
        ("else:", !body.otherwise.is_empty()),
    ] {
        if written {
            let what = format!("a weighted model has no `{}`", key.trim_end_matches(':'));
            faults.add(&[key], what, "remove it, or write `kind: rules`");
        }
    }
    group_weights(body, metrics, faults);
    let mut seen = BTreeSet::new();
    for input in &body.inputs {
        let path = ["inputs:", input.metric.as_str()];
        if !seen.insert((&input.group, &input.metric)) {
            let what = format!("the input {:?} occurs twice in its group", input.metric);
            faults.add(&path, what, "remove one of them");
        }
        let group = body.groups.iter().find(|group| group.id == input.group);
        let Some(group) = group else {
            let what = format!(
                "the group {:?} of the input {:?} is not defined",
                input.group, input.metric
            );
            faults.add(&path, what, "define it under groups");
            continue;
        };
        check_input(input, group, metrics, faults);
    }
    if let Some(share) = body.min_coverage
        && !(Decimal::ZERO..=Decimal::ONE).contains(&share.0)
    {
        let what = format!("min_coverage is {share}");
        faults.add(&["min_coverage:"], what, "write a share from 0 to 1");
    }
    score_bands(&body.bands, faults);
}

fn group_weights(body: &HealthModel, metrics: &MetricFile, faults: &mut Faults<'_>) {
    let mut total = Exact::ZERO;
    for group in &body.groups {
        let path = ["groups:", group.id.as_str()];
        faults.label(&["groups:", &group.id, "label:"], &group.label);
        match (group.weight, &group.weight_metric) {
            (Some(weight), None) => {
                if weight.0 <= Decimal::ZERO {
                    let what = format!("the weight of {:?} is {weight}", group.id);
                    faults.add(&path, what, "write a share above 0, or remove the group");
                }
                total = total.plus(&weight.exact());
            }
            (None, Some(metric)) => number_exists(metric, metrics, &path, faults),
            _ => {
                let what = format!("the group {:?} has no weight, or two", group.id);
                faults.add(&path, what, "write `weight` or `weight_metric`");
            }
        }
        if !body.inputs.iter().any(|input| input.group == group.id) {
            let what = format!("the group {:?} has no input", group.id);
            faults.add(&path, what, "write at least one, or remove the group");
        }
    }
    let counted = body
        .groups
        .iter()
        .filter(|group| group.weight_metric.is_some())
        .count();
    if body.groups.is_empty() {
        faults.add(
            &["kind:"],
            "there is no group".to_owned(),
            "write at least one under `groups`",
        );
    } else if counted == 0 && total != Exact::ONE {
        let what = format!("the weights of the groups sum to {}, not to 1", total.printed());
        faults.add(&["groups:"], what, "write weights that sum to 1");
    } else if counted != 0 && counted != body.groups.len() {
        let what = "some groups have a weight and some a metric that weighs them".to_owned();
        faults.add(&["groups:"], what, "write one kind for all of them");
    }
}

fn number_exists(name: &str, metrics: &MetricFile, path: &[&str], faults: &mut Faults<'_>) {
    if metrics.find(name).is_none_or(MetricDefinition::is_text) {
        let what = format!("the metric {name:?} is unknown or no number");
        faults.add(path, what, "declare it in metrics.yaml");
    }
}

fn check_input(input: &Input, group: &Group, metrics: &MetricFile, faults: &mut Faults<'_>) {
    let id = input.metric.as_str();
    let path = ["inputs:", id];
    if input.weight.is_some() != (group.aggregate == Aggregate::Weighted) {
        let what = format!("the input {id:?} and the aggregate of its group do not agree on a weight");
        faults.add(
            &path,
            what,
            "write `weight` for each input of a weighted group, and for no other",
        );
    }
    if input.weight.is_some_and(|weight| weight.0 <= Decimal::ZERO) {
        faults.add(
            &path,
            format!("the weight of {id:?} is not above 0"),
            "write one that is",
        );
    }
    if let Some(days) = input.stale_after_days
        && !(1..=DAYS_MAX).contains(&days)
    {
        faults.add(
            &path,
            format!("stale_after_days of {id:?} is {days}"),
            "write 1 to 3650",
        );
    }
    let of_pieces = input.bands.iter().map(|piece| piece.points);
    let of_policies = [
        if let Missing::Points(points) = input.missing {
            Some(points)
        } else {
            None
        },
        if let Stale::Points(points) = input.stale {
            Some(points)
        } else {
            None
        },
    ];
    let all = of_pieces
        .chain(input.map.values().copied())
        .chain(of_policies.into_iter().flatten());
    for points in all {
        if !(Decimal::ZERO..=Decimal::ONE_HUNDRED).contains(&points.0) {
            faults.add(
                &path,
                format!("{id:?} gives {points} points"),
                "write points from 0 to 100",
            );
        }
    }
    let Some(metric) = metrics.find(id) else {
        let what = format!("the metric {id:?} is unknown");
        faults.add(&path, what, "declare it in metrics.yaml");
        return;
    };
    let scorers = [
        !input.bands.is_empty(),
        input.linear.is_some(),
        !input.map.is_empty(),
        input.direct,
    ];
    if scorers.into_iter().filter(|written| *written).count() != 1 {
        let what = format!("the input {id:?} has no scorer, or several");
        faults.add(&path, what, "write one of `bands`, `linear`, `map` and `direct`");
    } else if metric.is_text() == input.map.is_empty() {
        let what = format!("the input {id:?} scores numbers as words, or words as numbers");
        faults.add(
            &path,
            what,
            "write `map` for a metric of words, and another scorer for numbers",
        );
    } else if metric.is_text() {
        words(input, metric, faults);
    } else if input.linear.is_some_and(|line| line.from == line.to) {
        faults.add(
            &path,
            format!("the line of {id:?} has no length"),
            "write two different ends",
        );
    } else {
        pieces(input, metric, faults);
    }
}

fn words(input: &Input, metric: &MetricDefinition, faults: &mut Faults<'_>) {
    let path = ["inputs:", input.metric.as_str(), "map:"];
    for word in metric.words.iter().filter(|word| !input.map.contains_key(*word)) {
        let what = format!("the word {word:?} of {:?} has no points", metric.id);
        faults.add(&path, what, "write how many it gives");
    }
    for word in input.map.keys().filter(|word| !metric.words.contains(word)) {
        let what = format!("{:?} has no word {word:?}", metric.id);
        faults.add(&path, what, "use the words of metrics.yaml");
    }
}

/// Whether the pieces are the metric's whole range once.
fn pieces(input: &Input, metric: &MetricDefinition, faults: &mut Faults<'_>) {
    let id = input.metric.as_str();
    let path = ["inputs:", id, "bands:"];
    let Some(first) = input.bands.first() else { return };
    for piece in &input.bands {
        if piece.to.is_some_and(|to| to <= piece.from) {
            let what = format!("a piece of {id:?} ends where it begins, at {}", piece.from);
            faults.add(&path, what, "write `[from, to, points]` with `to` above `from`");
        }
    }
    for pair in input.bands.windows(2) {
        let end = pair[0].to;
        let next = pair[1].from;
        match end {
            Some(end) if end < next => {
                let what = format!("{id:?} has a gap: no points from {end} to {next}");
                faults.add(&path, what, "let each piece begin where the one before ends");
            }
            Some(end) if end == next => {}
            _ => {
                let what = format!("{id:?} has an overlap at {next}");
                faults.add(&path, what, "let each piece begin where the one before ends");
            }
        }
    }
    if metric.min.is_none_or(|min| first.from > min) {
        let what = format!("{id:?} has a gap: no points below {}", first.from);
        faults.add(&path, what, "begin at the metric's `min` in metrics.yaml");
    }
    let end = input.bands.last().and_then(|piece| piece.to);
    if let Some(end) = end
        && metric.max.is_none_or(|max| end < max)
    {
        let what = format!("{id:?} has a gap: no points above {end}");
        faults.add(
            &path,
            what,
            "end at the metric's `max` in metrics.yaml, or at `inf`",
        );
    }
}

/// Whether the bands are the scores from 0 to 100, each once.
fn score_bands(bands: &[Band], faults: &mut Faults<'_>) {
    let mut ranges = Vec::new();
    for band in bands {
        let word = band_word(faults.text, &band.key);
        let path = ["bands:", word.as_str()];
        let Some((from, to)) = band.range else {
            let what = format!("the band {:?} has no range", band.key);
            faults.add(&path, what, "write `range: [from, to]`");
            continue;
        };
        if to <= from {
            let what = format!("the band {:?} ends where it begins", band.key);
            faults.add(&path, what, "write `[from, to]` with `to` above `from`");
        }
        if band
            .exit_above
            .is_some_and(|exit| exit <= to || exit.0 > Decimal::ONE_HUNDRED)
        {
            let what = format!("`exit_above` of the band {:?} is not above its range", band.key);
            faults.add(
                &path,
                what,
                "write a score above its upper end and at most 100, or remove it",
            );
        }
        ranges.push((from, to, band.key.as_str()));
    }
    if ranges.len() != bands.len() || bands.is_empty() {
        return;
    }
    ranges.sort_by_key(|range| range.0);
    let (bottom, top) = (Amount(Decimal::ZERO), Amount(Decimal::ONE_HUNDRED));
    let mut reached = bottom;
    let highest = ranges.last().map_or("", |range| range.2);
    for (from, to, key) in ranges {
        if from != reached {
            let clash = if from > reached { "gap" } else { "overlap" };
            let what = format!("there is a band {clash} between {reached} and {from}");
            let word = band_word(faults.text, key);
            faults.add(
                &["bands:", &word],
                what,
                "let each band begin where the one below ends, from 0 to 100",
            );
        }
        reached = to;
    }
    if reached != top {
        let what = format!("the highest band ends at {reached}");
        let word = band_word(faults.text, highest);
        faults.add(&["bands:", &word], what, "let it end at 100");
    }
}
