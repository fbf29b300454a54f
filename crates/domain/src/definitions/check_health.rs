//! What a health model must satisfy beyond its shape: whatever breaks one of these could not be run or not be explained.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::check::{DAYS_MAX, Faults};
use super::check_weighted::weighted;
use super::health_file::UNCLASSIFIED;
use super::{Band, Effect, HealthModel, MetricFile, ModelKind, When};
use crate::condition::Condition;
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
