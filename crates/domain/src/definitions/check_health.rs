//! What a health model must satisfy beyond its shape: whatever breaks one of these could not be run or not be explained.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::check::{DAYS_MAX, Faults, band_word};
use super::health_file::UNCLASSIFIED;
use super::{
    Aggregate, Amount, Band, Effect, Group, HealthModel, Input, MetricDefinition, MetricFile, Missing,
    ModelKind, Stale, When,
};
use crate::condition::Condition;
use crate::exact::Exact;
use crate::health::placeholders;

/// Parameters larger than this are mistakes.
const PARAM_MAX: i64 = 1_000_000_000;

pub(super) fn health(body: &HealthModel, metrics: &MetricFile, faults: &mut Faults<'_>) {
    faults.unique("bands:", "band", body.bands.iter().map(|band| band.key.as_str()));
    params(body, metrics, faults);
    faults.within(
        "most",
        i64::try_from(body.alerts.most).unwrap_or(i64::MAX),
        DAYS_MAX,
    );
    faults.within("window_days", body.alerts.window_days, DAYS_MAX);
    if let Some(days) = body.grace_days {
        faults.within("grace_days", days, DAYS_MAX);
    }
    let names = known_names(body, metrics);
    match body.kind {
        ModelKind::Rules => rules(body, &names, faults),
        ModelKind::Weighted => weighted(body, metrics, faults),
    }
    for band in &body.bands {
        band_words(band, faults);
    }
    overrides(body, metrics, &names, faults);
    let severity = |key: &str| {
        body.bands
            .iter()
            .find(|band| band.key == key)
            .map(|band| band.severity)
    };
    for pair in body.rules.windows(2) {
        if severity(&pair[0].band) < severity(&pair[1].band) {
            let id = pair[1].id.as_str();
            let what = format!("rule {id:?} is worse than the one before it");
            faults.add(&["rules:", id], what, "put the rules in worst-first order");
        }
    }
}

fn params(body: &HealthModel, metrics: &MetricFile, faults: &mut Faults<'_>) {
    for (name, value) in &body.params {
        if !(0..=PARAM_MAX).contains(value) {
            let what = format!("the parameter {name} is {value}");
            faults.add(&["params:", name], what, "write a number from 0 to 1000000000");
        }
        if metrics.find(name).is_some() {
            faults.add(
                &["params:", name],
                format!("the parameter {name} has the name of a metric"),
                "rename it",
            );
        }
    }
}

/// What conditions may name.
fn known_names<'a>(body: &'a HealthModel, metrics: &'a MetricFile) -> BTreeSet<&'a str> {
    let numbers = metrics.metrics.iter().filter(|metric| !metric.is_text());
    numbers
        .map(|metric| metric.id.as_str())
        .chain(body.params.keys().map(String::as_str))
        .collect()
}

fn rules(body: &HealthModel, names: &BTreeSet<&str>, faults: &mut Faults<'_>) {
    faults.unique("rules:", "rule", body.rules.iter().map(|rule| rule.id.as_str()));
    let known = names.iter().copied().collect::<Vec<_>>().join(", ");
    for rule in &body.rules {
        let id = rule.id.as_str();
        band_exists(body, &rule.band, &["rules:", id, "band:"], faults);
        let written = [!rule.when.is_empty(), !rule.any.is_empty(), !rule.all.is_empty()];
        if written.into_iter().filter(|written| *written).count() != 1 {
            let what = format!("rule {id:?} has no condition, or several kinds of them");
            faults.add(&["rules:", id], what, "write one of `when`, `any` and `all`");
        }
        for text in rule.conditions() {
            if let Err(error) = Condition::compile(text, names) {
                let mend = format!("compare these with numbers or each other: {known}");
                let key = if rule.when.is_empty() { text } else { "when:" };
                faults.add(
                    &["rules:", id, key],
                    format!("the condition of rule {id:?} is wrong: {error}"),
                    &mend,
                );
            }
        }
        faults.label(&["rules:", id, "because:"], &rule.because);
        let texts = [
            Some(&rule.because.sv),
            Some(&rule.because.en),
            rule.because.nl.as_ref(),
        ];
        for text in texts.into_iter().flatten() {
            for name in placeholders(text).filter(|name| !names.contains(name)) {
                let what = format!("the placeholder {{{name}}} of rule {id:?} stands for nothing");
                faults.add(
                    &["rules:", id, &format!("{{{name}}}")],
                    what,
                    &format!("use one of {known}"),
                );
            }
        }
    }
    if body.rules.is_empty() {
        faults.add(&["rules:"], "there is no rule".to_owned(), "write at least one");
    }
    if body.otherwise != UNCLASSIFIED {
        band_exists(body, &body.otherwise, &["else:"], faults);
    }
    for band in &body.bands {
        let key = band.key.as_str();
        let reached = body.otherwise == band.key || body.rules.iter().any(|rule| rule.band == band.key);
        if !reached {
            let what = format!("the band {key:?} is unreachable");
            faults.add(&["bands:", key], what, "let a rule decide for it, or remove it");
        }
        if band.range.is_some() || band.exit_above.is_some() {
            let what = format!("the band {key:?} has a range, and a rule model has no score");
            faults.add(&["bands:", key], what, "remove it");
        }
    }
    for (key, written) in [
        ("groups:", !body.groups.is_empty()),
        ("inputs:", !body.inputs.is_empty()),
        ("min_coverage:", body.min_coverage.is_some()),
    ] {
        if written {
            let what = format!("a rule model has no `{}`", key.trim_end_matches(':'));
            faults.add(&[key], what, "remove it, or write `kind: weighted`");
        }
    }
}

fn band_exists(body: &HealthModel, band: &str, path: &[&str], faults: &mut Faults<'_>) {
    if !body.bands.iter().any(|known| known.key == band) {
        let known: Vec<&str> = body.bands.iter().map(|band| band.key.as_str()).collect();
        let mend = format!("use one of {}, or define it under bands", known.join(", "));
        faults.add(path, format!("the band {band:?} is not defined"), &mend);
    }
}

fn band_words(band: &Band, faults: &mut Faults<'_>) {
    let key = band.key.as_str();
    if band.severity > 3 {
        let what = format!("the severity of band {key:?} is {}", band.severity);
        faults.add(
            &["bands:", key, "severity:"],
            what,
            "write 0 healthy, 1 neutral, 2 at risk or 3 critical",
        );
    }
    faults.label(&["bands:", key, "label:"], &band.label);
    faults.label(&["bands:", key, "suggestion:"], &band.suggestion);
    if let Some(verb) = &band.verb {
        faults.label(&["bands:", key, "verb:"], verb);
    }
}

fn weighted(body: &HealthModel, metrics: &MetricFile, faults: &mut Faults<'_>) {
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

fn overrides(body: &HealthModel, metrics: &MetricFile, names: &BTreeSet<&str>, faults: &mut Faults<'_>) {
    faults.unique(
        "overrides:",
        "override",
        body.overrides.iter().map(|rule| rule.id.as_str()),
    );
    for rule in &body.overrides {
        let path = ["overrides:", rule.id.as_str()];
        faults.label(&["overrides:", &rule.id, "reason:"], &rule.reason);
        if rule.author.trim().is_empty() {
            faults.add(
                &path,
                format!("the override {:?} has no author", rule.id),
                "name one",
            );
        }
        match &rule.when {
            When::Condition(text) => {
                if let Err(error) = Condition::compile(text, names) {
                    let what = format!("the condition of override {:?} is wrong: {error}", rule.id);
                    faults.add(
                        &path,
                        what,
                        "compare metrics of metrics.yaml with numbers or each other",
                    );
                }
            }
            When::Is(is) => {
                let metric = metrics.find(&is.metric);
                if metric.is_none_or(|metric| !metric.words.contains(&is.word)) {
                    let what = format!("no metric {:?} has the word {:?}", is.metric, is.word);
                    faults.add(&path, what, "use a metric of words, and one of them");
                }
            }
        }
        match &rule.effect {
            Effect::Band(band) => band_exists(body, band, &path, faults),
            Effect::Cap(_) | Effect::Floor(_) if body.kind == ModelKind::Rules => {
                let what = format!(
                    "the override {:?} moves a score, and a rule model has none",
                    rule.id
                );
                faults.add(&path, what, "write `band` as its effect");
            }
            Effect::Cap(points) | Effect::Floor(points) => {
                if !(Decimal::ZERO..=Decimal::ONE_HUNDRED).contains(&points.0) {
                    let what = format!("the override {:?} moves the score to {points}", rule.id);
                    faults.add(&path, what, "write a score from 0 to 100");
                }
            }
        }
    }
}
