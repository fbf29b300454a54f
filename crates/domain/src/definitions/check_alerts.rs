//! What an alert file must satisfy beyond its shape.

use super::check::{DAYS_MAX, Faults};
use super::{AlertFile, MetricFile};
use crate::alerts::{AlertRules, expansion_names};
use crate::health::placeholders;

pub(super) fn alerts(body: &AlertFile, metrics: &MetricFile, faults: &mut Faults<'_>) {
    let mut days: Vec<(&str, &str, i64, i64)> = Vec::new();
    if let Some(rule) = &body.score_drop {
        let section = "score_drop:";
        days.extend([
            (section, "points:", rule.points, 100),
            (section, "within_days:", rule.within_days, DAYS_MAX),
            (section, "below_median_percent:", rule.below_median_percent, 100),
            (section, "median_weeks:", rule.median_weeks, DAYS_MAX / 7),
            (section, "regained_points:", rule.regained_points, 100),
            (section, "forget_days:", rule.forget_days, DAYS_MAX),
            (section, "cooldown_days:", rule.cooldown_days, DAYS_MAX),
        ]);
        if rule.regained_points >= rule.points {
            let what = format!(
                "the fall of {} points is regained before it has happened",
                rule.points
            );
            faults.add(
                &[section, "regained_points:"],
                what,
                "write fewer points than `points`",
            );
        }
    }
    if let Some(rule) = &body.band_worsened {
        let section = "band_worsened:";
        days.push((section, "forget_days:", rule.forget_days, DAYS_MAX));
        days.push((section, "cooldown_days:", rule.cooldown_days, DAYS_MAX));
    }
    if let Some(rule) = &body.engagement_change {
        let section = "engagement_change:";
        days.extend([
            (section, "window_days:", rule.window_days, 365),
            (section, "windows:", rule.windows, 52),
            (section, "median_least:", rule.median_least, 1_000),
            (section, "falls_to_percent:", rule.falls_to_percent, 99),
            (section, "regained_percent:", rule.regained_percent, 100),
            (section, "forget_days:", rule.forget_days, DAYS_MAX),
            (section, "cooldown_days:", rule.cooldown_days, DAYS_MAX),
        ]);
        if rule.regained_percent <= rule.falls_to_percent {
            let what = "`regained_percent` is not above `falls_to_percent`: the alert would flap".to_owned();
            faults.add(&[section, "regained_percent:"], what, "write a larger share");
        }
    }
    if let Some(rule) = &body.competitor {
        let section = "competitor:";
        days.push((section, "within_days:", rule.within_days, DAYS_MAX));
        days.push((section, "cooldown_days:", rule.cooldown_days, DAYS_MAX));
        faults.unique(section, "phrase", rule.phrases.iter().map(String::as_str));
    }
    if let Some(rule) = &body.renewal_risk {
        let section = "renewal_risk:";
        days.push((section, "days:", rule.days, DAYS_MAX));
        days.push((section, "cooldown_days:", rule.cooldown_days, DAYS_MAX));
        if rule.severity > 3 {
            let what = format!("the severity {} does not exist", rule.severity);
            faults.add(&[section, "severity:"], what, "write 0 to 3");
        }
    }
    if let Some(rule) = &body.expansion {
        days.push(("expansion:", "cooldown_days:", rule.cooldown_days, DAYS_MAX));
    }
    for (section, key, value, most) in days {
        if !(1..=most).contains(&value) {
            let mend = format!("write a whole number from 1 to {most}");
            faults.add(
                &[section, key],
                format!("{} is {value}", key.trim_end_matches(':')),
                &mend,
            );
        }
    }
    expansion(body, metrics, faults);
}

fn expansion(body: &AlertFile, metrics: &MetricFile, faults: &mut Faults<'_>) {
    let Some(rule) = &body.expansion else { return };
    let section = "expansion:";
    faults.unique(
        section,
        "signal",
        rule.signals.iter().map(|signal| signal.id.as_str()),
    );
    let names = expansion_names(metrics);
    for signal in &rule.signals {
        let path = [section, signal.id.as_str()];
        faults.label(&[section, &signal.id, "because:"], &signal.because);
        if let Err(error) = AlertRules::condition(signal, metrics) {
            let what = format!("the condition of signal {:?} is wrong: {error}", signal.id);
            faults.add(&path, what, "mend the condition");
        }
        let texts = [
            Some(&signal.because.sv),
            Some(&signal.because.en),
            signal.because.nl.as_ref(),
        ];
        for name in texts.into_iter().flatten().flat_map(|text| placeholders(text)) {
            if !names.contains(name) {
                let what = format!(
                    "the text of signal {:?} names {name:?}, which is no metric",
                    signal.id
                );
                let known: Vec<&str> = names.iter().copied().collect();
                faults.add(&path, what, &format!("use one of {}", known.join(", ")));
            }
        }
    }
}
