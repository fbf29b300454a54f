//! KPIs in words: how many stand how, and a line for each.

use kunder_agent_core::task::Locale;
use rust_decimal::{Decimal, RoundingStrategy};

use super::kpi::{KpiBlock, KpiDirection, KpiPart, KpiRow, KpiState};

/// The states in the order they are told.
const STATES: [KpiState; 5] = [
    KpiState::Behind,
    KpiState::OnTrack,
    KpiState::Reached,
    KpiState::Watched,
    KpiState::NotMeasurable,
];

pub(super) fn summary(block: &KpiBlock, locale: Locale) -> String {
    let counts: Vec<String> = STATES
        .into_iter()
        .filter_map(|state| {
            let count = block.kpis.iter().filter(|row| row.status == state).count();
            (count > 0).then(|| format!("{count} {}", word(state, locale)))
        })
        .collect();
    let of = locale.pick("nyckeltal", "KPIs");
    format!(
        "{} {of} {}: {}.",
        block.kpis.len(),
        block.as_of,
        counts.join(", ")
    )
}

pub(super) fn text(block: &KpiBlock, summary: &str, locale: Locale) -> String {
    let mut lines = vec![summary.to_owned()];
    for row in &block.kpis {
        lines.push(line(row, locale));
        lines.extend(detail(row, locale));
    }
    lines.join("\n")
}

fn word(state: KpiState, locale: Locale) -> &'static str {
    match state {
        KpiState::Reached => locale.pick("uppnått", "reached"),
        KpiState::OnTrack => locale.pick("på väg", "on track"),
        KpiState::Behind => locale.pick("efter", "behind"),
        KpiState::Watched => locale.pick("utan mål", "without a target"),
        KpiState::NotMeasurable => locale.pick("kan inte mätas", "not measurable"),
    }
}

/// `- NPS: 67 points ±53, above 50: reached`.
fn line(row: &KpiRow, locale: Locale) -> String {
    let state = word(row.status, locale);
    let Some(value) = &row.value else {
        let reason = row.reason.as_deref().unwrap_or_default();
        return format!("- {}: {state}: {reason}", row.label);
    };
    let margin = row
        .margin
        .map_or_else(String::new, |margin| format!(" ±{margin}"));
    let target = row.target.as_ref().map_or_else(String::new, |target| {
        let direction = match target.direction {
            KpiDirection::AtLeast => locale.pick("mål minst", "target at least"),
            KpiDirection::AtMost => locale.pick("mål högst", "target at most"),
            KpiDirection::Above => locale.pick("mål över", "target above"),
            KpiDirection::Below => locale.pick("mål under", "target below"),
        };
        format!(", {direction} {}", shown(&target.value, locale))
    });
    format!(
        "- {}: {} {}{margin}{target}: {state}",
        row.label,
        shown(value, locale),
        unit(&row.unit, locale),
    )
}

/// What it was divided by, over which days, and where it was before.
fn detail(row: &KpiRow, locale: Locale) -> Option<String> {
    row.value.as_ref()?;
    let said = |part: &KpiPart| format!("{} {}", shown(&part.value, locale), part.of);
    let of = locale.pick("av", "of");
    let mut parts: Vec<String> = Vec::new();
    if let (Some(over), Some(under)) = (&row.numerator, &row.denominator) {
        parts.push(format!("{} {of} {}", said(over), said(under)));
    }
    parts.extend(
        row.also
            .iter()
            .map(|part| format!("{}: {}", part.of, shown(&part.value, locale))),
    );
    parts.push(format!("n {}", row.n));
    let days = row.window;
    parts.push(if days.from == days.to {
        days.to.to_string()
    } else {
        format!("{}–{}", days.from, days.to)
    });
    if let Some(trend) = &row.trend {
        let sign = if trend.change.starts_with(['-', '0']) {
            ""
        } else {
            "+"
        };
        let better = match trend.better {
            Some(true) => locale.pick(" (bättre)", " (better)"),
            Some(false) => locale.pick(" (sämre)", " (worse)"),
            None => "",
        };
        let against = locale.pick("mot", "against");
        let change = shown(&trend.change, locale);
        let before = shown(&trend.value, locale);
        let until = trend.window.to;
        parts.push(format!("{sign}{change}{better} {against} {before} {until}"));
    }
    Some(format!("  {}", parts.join("; ")))
}

fn unit(unit: &str, locale: Locale) -> &str {
    match (unit, locale) {
        ("percent", _) => "%",
        ("points", Locale::Sv) => "poäng",
        ("customers", Locale::Sv) => "kunder",
        ("days", Locale::Sv) => "dagar",
        ("hours", Locale::Sv) => "timmar",
        ("minutes", Locale::Sv) => "minuter",
        _ => unit,
    }
}

/// At two decimals at most.
fn shown(number: &str, locale: Locale) -> String {
    let Ok(number) = number.parse::<Decimal>() else {
        return number.to_owned();
    };
    let rounded = number.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    let text = rounded.normalize().to_string();
    match locale {
        Locale::Sv => text.replace('.', ","),
        Locale::En => text,
    }
}
