//! Lints of health models (requirements A7.5): what is odd in a file that could be run. Settled, it is a warning that names the
//! decision; unsettled, an error.

use std::collections::BTreeMap;

use super::check::{band_word, line_of};
use super::error::{DefinitionError, Level, Lint};
use super::{Clash, HealthModel, Input, MetricDefinition, MetricFile, ModelKind};
use crate::condition::Comparison;
use crate::exact::Exact;

mod cells;
mod reach;
mod seed;

use reach::Cases;
use seed::Ranges;

/// Everything odd in `body`, by its line in `text`.
pub(super) fn health(file: &str, text: &str, body: &HealthModel, metrics: &MetricFile) -> Vec<Lint> {
    let mut lints = Lints {
        file,
        text,
        found: Vec::new(),
    };
    match body.kind {
        ModelKind::Weighted => weighted(body, metrics, &mut lints),
        ModelKind::Rules => rules(body, metrics, &mut lints),
    }
    for clash in &body.clashes {
        lints.settled_or_error(
            &["clashes:", &clash.what],
            &clash.what,
            clash.settled.as_ref(),
            "settled",
        );
    }
    lints.found.sort_by_key(|lint| lint.fault.line);
    lints.found
}

struct Lints<'a> {
    file: &'a str,
    text: &'a str,
    found: Vec<Lint>,
}

impl Lints<'_> {
    /// A clash of the source: a warning where a decision settles it.
    fn clash(&mut self, path: &[&str], clash: Clash, what: &str, settled: &BTreeMap<Clash, String>) {
        let key = format!("settled: {{ {clash}: … }}");
        self.settled_or_error(path, what, settled.get(&clash), &key);
    }

    fn settled_or_error(&mut self, path: &[&str], what: &str, decision: Option<&String>, key: &str) {
        let (level, mend) = match decision {
            Some(decision) => (Level::Warning, format!("{decision} settles it")),
            None => (
                Level::Error,
                format!("decide it, and name the decision in `{key}`"),
            ),
        };
        self.push(level, path, what, &mend, decision.cloned());
    }

    fn error(&mut self, path: &[&str], what: &str, mend: &str) {
        self.push(Level::Error, path, what, mend, None);
    }

    fn push(&mut self, level: Level, path: &[&str], what: &str, mend: &str, decision: Option<String>) {
        self.found.push(Lint {
            level,
            fault: DefinitionError::new(self.file, line_of(self.text, path), what, mend),
            decision,
        });
    }
}

fn weighted(body: &HealthModel, metrics: &MetricFile, lints: &mut Lints<'_>) {
    for group in &body.groups {
        let mut inputs = body.inputs.iter().filter(|input| input.group == group.id);
        if let Some(seed) = &group.seed
            && inputs.all(|input| input.seed.is_none())
        {
            let what = format!(
                "the source says {seed:?} of {:?}, and not what is measured",
                group.id
            );
            lints.clash(&["groups:", &group.id], Clash::Inputs, &what, &group.settled);
        }
    }
    let mut ranges: Vec<Option<Ranges>> = Vec::with_capacity(body.inputs.len());
    for input in &body.inputs {
        let metric = metrics.find(&input.metric);
        ranges.push(metric.and_then(|metric| input_lints(input, metric, lints)));
    }
    reachable_bands(body, metrics, &ranges, lints);
}

/// What the source says of an input, against itself and against what the file makes of it.
fn input_lints(input: &Input, metric: &MetricDefinition, lints: &mut Lints<'_>) -> Option<Ranges> {
    let text = input.seed.as_ref()?;
    if input.bands.is_empty() && input.map.is_empty() {
        return None;
    }
    let path = ["inputs:", input.metric.as_str(), "seed:"];
    let Some(ranges) = Ranges::parse(text) else {
        let mend = "write it as `0-10 = 50, 10-50 = 75, 50+ = 100` or `word = 25, other = 75`";
        lints.error(
            &path,
            &format!("the seed {text:?} of {:?} cannot be read", input.metric),
            mend,
        );
        return None;
    };
    for (clash, what) in ranges.clashes(metric) {
        let what = format!("{}: {what}", input.metric);
        lints.clash(&path, clash, &what, &input.settled);
    }
    for wrong in ranges.differences(input, metric) {
        let what = format!("{}: {wrong}", input.metric);
        lints.error(&path, &what, "give the points that the source gives");
    }
    if let Some(when) = &metric.undefined_when {
        let what = format!("{}: the source does not say what holds when {when}", input.metric);
        lints.clash(&path, Clash::Undefined, &what, &input.settled);
    }
    Some(ranges)
}

/// Bands that no score reaches, or only one of which the source does not speak.
fn reachable_bands(
    body: &HealthModel,
    metrics: &MetricFile,
    ranges: &[Option<Ranges>],
    lints: &mut Lints<'_>,
) {
    let Some(all) = reach::scores(body, metrics, &Cases::All) else {
        return;
    };
    let of_source = ranges.iter().any(Option::is_some);
    let of_source = of_source
        .then(|| reach::scores(body, metrics, &Cases::OfTheSource(ranges)))
        .flatten();
    for band in &body.bands {
        let word = band_word(lints.text, &band.key);
        let path = ["bands:", word.as_str()];
        let Some((from, to)) = band.range else { continue };
        let within = |reach: &reach::Reach<'_>| {
            let top = to.exact() == Exact::whole(100);
            let below = if top {
                reach.low <= to.exact()
            } else {
                reach.low < to.exact()
            };
            reach.forced.contains(band.key.as_str()) || (below && reach.high >= from.exact())
        };
        if !within(&all) {
            let what = format!("the band {:?} is unreachable: scores run from {all}", band.key);
            lints.clash(&path, Clash::Unreachable, &what, &body.settled);
        } else if let Some(of_source) = of_source.as_ref().filter(|reach| !within(reach)) {
            let what = format!(
                "the band {:?} is reached only through cases of which the source does not speak: by its ranges, scores run from {of_source}",
                band.key
            );
            lints.clash(&path, Clash::Unreachable, &what, &body.settled);
        }
    }
}

fn rules(body: &HealthModel, metrics: &MetricFile, lints: &mut Lints<'_>) {
    let Some(found) = cells::examine(body, metrics) else {
        return;
    };
    for id in &found.never {
        let what = format!("rule {id:?} never decides: whoever it holds for was decided on before");
        lints.error(&["rules:", id], &what, "move it up, or remove it");
    }
    for (inner, outer) in &found.inside {
        let what = format!("rule {inner:?} lies inside {outer:?}: their order decides");
        lints.clash(&["rules:", inner], Clash::Inside, &what, &body.settled);
    }
    for hole in &found.holes {
        let what = format!("no rule holds for {hole}, though rules hold on both sides");
        lints.clash(&["else:"], Clash::Hole, &what, &body.settled);
    }
}

/// What is odd in a trigger on the score: a threshold that is no edge, or an edge that it cuts off (requirements A7.5).
#[must_use]
pub fn trigger(body: &HealthModel, comparison: Comparison, threshold: super::Amount) -> Option<String> {
    let edges = || {
        body.bands
            .iter()
            .filter_map(|band| Some((band.key.as_str(), band.range?)))
    };
    let top = rust_decimal::Decimal::ONE_HUNDRED;
    let begins = edges().find(|(_, (from, _))| *from == threshold);
    let is_edge = begins.is_some() || edges().any(|(_, (_, to))| to == threshold && to.0 == top);
    if !is_edge {
        return Some(format!("no band begins at {threshold}"));
    }
    let (key, _) = begins?;
    match comparison {
        Comparison::More => Some(format!(
            "{threshold} itself is in the band {key:?} and does not count"
        )),
        Comparison::AtMost if threshold.0 > rust_decimal::Decimal::ZERO => {
            Some(format!("{threshold} itself is in the band {key:?} and counts"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
