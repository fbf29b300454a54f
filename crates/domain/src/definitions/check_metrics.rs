//! What a metric file must satisfy beyond its shape.

use super::check::{DAYS_MAX, Faults};
use super::metric_file::FoldKind;
use super::{MetricDefinition, MetricFile, MetricSource};
use crate::metrics::METRICS;

pub(super) fn metrics(body: &MetricFile, faults: &mut Faults<'_>) {
    faults.unique("metrics:", "metric", body.ids());
    for metric in &body.metrics {
        let id = metric.id.as_str();
        let path = ["metrics:", id];
        let is_name = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        if !id.chars().all(is_name) || !id.starts_with(|letter: char| letter.is_ascii_lowercase()) {
            let what = format!("the metric {id:?} has no name that conditions can use");
            faults.add(&path, what, "write small letters of a to z, digits and `_`");
        }
        faults.label(&["metrics:", id, "label:"], &metric.label);
        if metric.unit.trim().is_empty() {
            faults.add(
                &path,
                format!("the metric {id:?} has no unit"),
                "name what is counted",
            );
        }
        if matches!((metric.min, metric.max), (Some(min), Some(max)) if min >= max) {
            faults.add(
                &path,
                format!("`min` of {id:?} is not below its `max`"),
                "swap them",
            );
        }
        if metric.is_text() && (metric.min.is_some() || metric.max.is_some() || metric.whole) {
            faults.add(
                &path,
                format!("{id:?} has words and the bounds of a number"),
                "remove one of them",
            );
        }
        for (key, days) in [
            ("window_days", metric.window_days),
            ("freshness_days", metric.freshness_days),
        ] {
            if days.is_some_and(|days| !(1..=DAYS_MAX).contains(&days)) {
                faults.add(
                    &["metrics:", id, key],
                    format!("{key} of {id:?} is out of range"),
                    "write 1 to 3650",
                );
            }
        }
        origin(metric, faults);
    }
}

fn origin(metric: &MetricDefinition, faults: &mut Faults<'_>) {
    let id = metric.id.as_str();
    let path = ["metrics:", id, "from:"];
    match &metric.from {
        MetricSource::BuiltIn(name) => {
            if !METRICS.iter().any(|known| known.name == name) {
                let known: Vec<&str> = METRICS.iter().map(|known| known.name).collect();
                let mend = format!("use one of {}", known.join(", "));
                faults.add(&path, format!("the program has no metric {name:?}"), &mend);
            }
        }
        MetricSource::Measurements(fold) => {
            let sums = matches!(fold.fold, FoldKind::Sum | FoldKind::Count);
            if metric.window_days.is_none() && fold.fold != FoldKind::Last {
                faults.add(&path, format!("{id:?} has no window"), "write `window_days`");
            }
            if !sums && (fold.per_days.is_some() || fold.over.is_some()) {
                faults.add(
                    &path,
                    format!("{id:?} is no sum that could be a rate"),
                    "write `fold: sum`",
                );
            }
            if metric.is_text() && fold.fold != FoldKind::Last {
                faults.add(
                    &path,
                    format!("the words of {id:?} cannot be added up"),
                    "write `fold: last`",
                );
            }
            if fold.per_days.is_some_and(|days| !(1..=DAYS_MAX).contains(&days)) {
                faults.add(
                    &path,
                    format!("per_days of {id:?} is out of range"),
                    "write 1 to 3650",
                );
            }
        }
    }
}
