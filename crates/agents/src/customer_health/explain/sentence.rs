//! An explanation in words: one sentence to say aloud, and a table of every point, in Swedish, English or Dutch.

use std::fmt::Write as _;

use kunder_domain::health::{HealthResult, State};

use super::{ChangeRow, ContributionRow, Explanation};
use crate::health_models::wording::{self, pick};

/// How the customer is, the first reason, and what changed.
pub(super) fn sentence(explanation: &Explanation, result: &HealthResult<'_>, language: &str) -> String {
    let mut sentence = match (&result.state, &explanation.score) {
        (State::Band(_), Some(score)) => scored(explanation, result, score, language),
        (State::Band(_), None) => {
            let rule = explanation.rules.first().map(|rule| rule.because.clone());
            let none = || {
                pick(
                    language,
                    "ingen regel slår till",
                    "no rule holds",
                    "geen regel slaat aan",
                )
            };
            let because = exceptions(result, language)
                .or(rule)
                .unwrap_or_else(|| none().to_owned());
            format!("{}: {} – {because}", explanation.customer, explanation.label)
        }
        (State::NotScored(_) | State::Unclassified | State::InGrace { .. }, _) => {
            let why = wording::no_band(result, language).unwrap_or_default();
            format!("{}: {} – {why}", explanation.customer, explanation.label)
        }
    };
    if let Some(change) = &explanation.change {
        sentence.push_str(&changed(change, language));
    }
    sentence.push('.');
    sentence
}

fn scored(explanation: &Explanation, result: &HealthResult<'_>, score: &str, language: &str) -> String {
    let points = wording::points(score, language);
    let head = format!("{}: {}, {points}", explanation.customer, explanation.label);
    let costliest = result.losses().first().and_then(|(_, lost)| {
        let place = result.contributions.iter().position(|row| row.row == lost.row)?;
        explanation.contributions.get(place)
    });
    let head =
        exceptions(result, language).map_or(head.clone(), |exceptions| format!("{head}; {exceptions}"));
    match costliest {
        Some(row) => {
            let costs = pick(language, "mest drar ner", "most is lost on", "het meest kost");
            let value = row.value.as_deref().unwrap_or("–");
            format!("{head}; {costs} {} ({value})", row.label)
        }
        None => head,
    }
}

/// The exceptions that changed the score or the band; `None` where there are none.
fn exceptions(result: &HealthResult<'_>, language: &str) -> Option<String> {
    let applied = result.overrides.iter().filter(|one| one.changed);
    let told: Vec<String> = applied.map(|one| wording::exception(one, language)).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

fn changed(change: &ChangeRow, language: &str) -> String {
    let since = pick(language, "sedan", "since", "sinds");
    let unchanged = pick(language, "oförändrat", "unchanged", "ongewijzigd");
    if change.model_changed {
        let other = pick(language, "var", "was", "was");
        let by = pick(
            language,
            "enligt en annan modell",
            "by another model",
            "volgens een ander model",
        );
        let on = pick(language, "den", "on", "op");
        return format!("; {other} {} {on} {} {by}", change.from_label, change.since);
    }
    match &change.difference {
        Some(difference) if difference != "0" => {
            let plus = if difference.starts_with('-') { "" } else { "+" };
            format!("; {plus}{difference} {since} {}", change.since)
        }
        _ if change.from == change.to => format!("; {unchanged} {since} {}", change.since),
        _ => {
            let was = pick(language, "var", "was", "was");
            let on = pick(language, "den", "on", "op");
            format!("; {was} {} {on} {}", change.from_label, change.since)
        }
    }
}

/// The sentence, and every row.
pub(super) fn text(explanation: &Explanation, language: &str) -> String {
    let mut text = format!("{}\n", explanation.sentence);
    let _ = writeln!(
        text,
        "{} {} ({})",
        explanation.model, explanation.version, explanation.hash
    );
    for rule in &explanation.rules {
        let _ = writeln!(text, "  {}: {}", rule.rule, rule.because);
    }
    let width = explanation
        .contributions
        .iter()
        .map(|row| row.label.chars().count())
        .max()
        .unwrap_or(0);
    for row in &explanation.contributions {
        let _ = writeln!(text, "{}", line(row, width));
    }
    if let (Some(score), false) = (&explanation.score, explanation.contributions.is_empty()) {
        let sum = pick(language, "summa", "sum", "som");
        let _ = writeln!(text, "  {sum:<width$}  {score:>10}");
    }
    for one in &explanation.overrides {
        let until = one.expires.map(|day| format!(" – {day}")).unwrap_or_default();
        let _ = writeln!(
            text,
            "  {}: {}, {} ({}{until})",
            one.id, one.effect, one.reason, one.author
        );
    }
    let (coverage, fresh) = (
        pick(language, "täckning", "coverage", "dekking"),
        pick(language, "färskt", "fresh", "actueel"),
    );
    let _ = write!(
        text,
        "{coverage} {}, {fresh} {}",
        explanation.coverage, explanation.freshness.fresh
    );
    for shadow in &explanation.shadows {
        let head = pick(language, "skugga", "shadow", "schaduw");
        let score = shadow.score.as_ref();
        let points = score.map_or_else(String::new, |score| {
            format!(", {}", wording::points(score, language))
        });
        let _ = write!(
            text,
            "\n{head} {} {}: {}{points}",
            shadow.model, shadow.version, shadow.label
        );
    }
    if let Some(change) = explanation
        .change
        .as_ref()
        .filter(|change| !change.rows.is_empty())
    {
        let since = pick(language, "ändrat sedan", "changed since", "gewijzigd sinds");
        let _ = write!(text, "\n{since} {}:", change.since);
        for row in &change.rows {
            let _ = write!(
                text,
                "\n  {}: {} → {} ({})",
                row.label, row.before, row.after, row.difference
            );
        }
    }
    text
}

/// `queries a week       15  75 × 0.2  12 (App, 2026-11-25, n 2)`.
fn line(row: &ContributionRow, width: usize) -> String {
    let points = row.points.as_deref().unwrap_or("–");
    let mut line = format!(
        "  {:<width$}  {:>10}  {points} × {}",
        row.label, row.contribution, row.weight
    );
    if let (Some(value), Some(day), Some(source)) = (&row.value, row.day, &row.source) {
        let n = row.n.unwrap_or_default();
        let _ = write!(line, "  {value} ({source}, {day}, n {n})");
    }
    if row.reading != "fresh" && row.reading != "override" {
        let _ = write!(line, "  [{}]", row.reading.replace('_', " "));
    }
    line
}
