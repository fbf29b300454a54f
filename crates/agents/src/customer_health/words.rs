//! A health check in words: three groups, most urgent first, each customer on a line (S0-15).

use jiff::civil::Date;
use kunder_agent_core::outcome::Nps;
use kunder_agent_core::task::Locale;
use kunder_domain::definitions::{AlertRule, Band, Label};

use super::rows::{AT_RISK, AlertsBlock, HealthRow};
use super::strategy::{GrowthGoal, StrategyMetrics};
use crate::wording::{amounts, count, shortened};

/// Customers named in each group at most.
const SHOWN: usize = 10;

pub(super) fn of(label: &Label, locale: Locale) -> &str {
    locale.pick(&label.sv, &label.en)
}

/// `Kundhälsokoll 2025-09-01: 15 aktiva kunder. Akut: 3, Uppmärksamhet: 4, Frisk: 8.`
pub(super) fn summary(rows: &[HealthRow], bands: &[Band], today: Date, locale: Locale) -> String {
    let check = locale.pick("Kundhälsokoll", "Health check");
    if rows.is_empty() {
        let none = locale.pick(
            "det finns inga aktiva kunder än. Läs in kunder med `kunder import`, eller börja med en onboarding.",
            "there are no active customers yet. Import them with `kunder import`, or start with an onboarding.",
        );
        return format!("{check} {today}: {none}");
    }
    let customers = match locale {
        Locale::Sv => count(rows.len(), "aktiv kund", "aktiva kunder"),
        Locale::En => count(rows.len(), "active customer", "active customers"),
    };
    let groups: Vec<String> = groups(rows, bands, locale)
        .iter()
        .map(|(label, group)| format!("{label}: {}", group.len()))
        .collect();
    format!("{check} {today}: {customers}. {}.", groups.join(", "))
}

/// The groups with their lines.
pub(super) fn report(rows: &[HealthRow], bands: &[Band], summary: &str, locale: Locale) -> String {
    let mut lines = vec![summary.to_owned()];
    if rows.is_empty() {
        return lines.concat();
    }
    for (label, group) in groups(rows, bands, locale) {
        lines.push(String::new());
        lines.push(format!("{} ({})", label.to_uppercase(), group.len()));
        lines.extend(shortened(
            group.into_iter().map(|row| line(row, locale)),
            SHOWN,
            locale,
        ));
    }
    lines.join("\n")
}

/// The bands, worst first, and those in none where there are any.
fn groups<'a>(
    rows: &'a [HealthRow],
    bands: &'a [Band],
    locale: Locale,
) -> Vec<(&'a str, Vec<&'a HealthRow>)> {
    let mut bands: Vec<&Band> = bands.iter().collect();
    bands.sort_by_key(|band| std::cmp::Reverse(band.severity));
    let in_band = |band: &Band| rows.iter().filter(|row| row.band == band.key).collect();
    let mut groups: Vec<(&str, Vec<&HealthRow>)> = bands
        .into_iter()
        .map(|band| (of(&band.label, locale), in_band(band)))
        .collect();
    let others: Vec<&HealthRow> = rows.iter().filter(|row| !row.is_in_a_band()).collect();
    if !others.is_empty() {
        groups.push((locale.pick("Ej bedömda", "Not scored"), others));
    }
    groups
}

fn line(row: &HealthRow, locale: Locale) -> String {
    let days = usize::try_from(row.days_since_contact.unwrap_or_default()).unwrap_or_default();
    let contact = match (&row.last_contact, locale) {
        (Some(contact), Locale::Sv) => {
            format!("kontakt {} ({} sedan)", contact.date, count(days, "dag", "dagar"))
        }
        (Some(contact), Locale::En) => {
            format!("contact {} ({} ago)", contact.date, count(days, "day", "days"))
        }
        (None, Locale::Sv) => format!("ingen kontakt på {}", count(days, "dag", "dagar")),
        (None, Locale::En) => format!("no contact in {}", count(days, "day", "days")),
    };
    let todos = match locale {
        Locale::Sv => format!(
            "todos: {} {}, {} {}",
            row.open_todos,
            if row.open_todos == 1 { "öppen" } else { "öppna" },
            row.overdue_todos,
            if row.overdue_todos == 1 {
                "försenad"
            } else {
                "försenade"
            }
        ),
        Locale::En => format!("todos: {} open, {} overdue", row.open_todos, row.overdue_todos),
    };
    let score = row
        .score
        .as_ref()
        .map(|score| format!(" ({score})"))
        .unwrap_or_default();
    let head = format!("- {}{score}: {contact}; {todos}", row.customer);
    if !row.is_in_a_band() {
        return format!("{head}\n  {}: {}", row.label, row.suggestion);
    }
    if row.severity < AT_RISK {
        return format!(
            "{head}; {} {}",
            locale.pick("nästa kontakt senast", "next contact by"),
            row.next_touch
        );
    }
    let who = row
        .contact
        .as_ref()
        .map_or(String::new(), |contact| format!(" – {}", contact.name));
    let (why, what, value) = match locale {
        Locale::Sv => ("Skäl", "Förslag", "Värde i riskzonen"),
        Locale::En => ("Reason", "Suggestion", "Value at risk"),
    };
    format!(
        "{head}\n  {why}: {}\n  {what}: {}{who}\n  {value}: {}",
        row.reasons.join("; "),
        row.suggestion,
        value_at_risk(row, locale)
    )
}

fn value_at_risk(row: &HealthRow, locale: Locale) -> String {
    if row.value_at_risk.iter().all(|money| money.amount.is_zero()) {
        return locale.pick("inget känt", "none known").to_owned();
    }
    amounts(&row.value_at_risk, locale)
}

/// Alerts that were held back, and by which rule.
pub(super) fn damped(damped: &[&HealthRow], rule: AlertRule, locale: Locale) -> Option<String> {
    let names: Vec<String> = damped.iter().map(|row| row.customer.clone()).collect();
    let names = shortened(names.into_iter(), 5, locale).join(", ");
    let AlertRule { most, window_days } = rule;
    (!damped.is_empty()).then(|| match locale {
        Locale::Sv => format!(
            "{} hölls tillbaka: samma skäl om och om igen, högst {most} larm per kund och skäl på {window_days} dagar: {names}.",
            count(damped.len(), "larm", "larm")
        ),
        Locale::En => format!(
            "{} held back: the same reason over and over, at most {most} alerts per customer and reason in {window_days} days: {names}.",
            count(damped.len(), "alert was", "alerts were")
        ),
    })
}

/// Metrics that a model reads and nobody feeds.
pub(super) fn unfed(model: &str, metrics: &[&str], locale: Locale) -> Option<String> {
    let named = metrics.join(", ");
    (!metrics.is_empty()).then(|| match locale {
        Locale::Sv => format!("Ingen matar det som {model} läser: {named}."),
        Locale::En => format!("Nobody feeds what {model} reads: {named}."),
    })
}

/// Alerts told at most.
const ALERTS_TOLD: usize = 10;

/// Alerts beside at-risk that were opened, a line each.
pub(super) fn alerts(alerts: &AlertsBlock, locale: Locale) -> Vec<String> {
    let lines = alerts.opened.iter().map(|line| {
        let reason = alert_label(&line.reason, locale);
        format!("{}: {reason}. {}.", line.customer, line.because)
    });
    shortened(lines, ALERTS_TOLD, locale)
}

/// The reason of an alert in words.
fn alert_label(reason: &str, locale: Locale) -> &str {
    let (sv, en) = match reason {
        "score-drop" => ("poängen föll", "the score fell"),
        "band-worsened" => ("sämre band", "a worse band"),
        "engagement-change" => ("färre kontakter", "fewer contacts"),
        "competitor" => ("en konkurrent nämndes", "a competitor was named"),
        "renewal-risk" => ("förnyelsen är i fara", "the renewal is at risk"),
        "expansion" => ("vill kanske ha mer", "may want more"),
        other => return other,
    };
    locale.pick(sv, en)
}

/// What to do first.
pub(super) fn recommendations(rows: &[HealthRow], today: Date, locale: Locale) -> Vec<String> {
    let mut recommendations = Vec::new();
    if rows.is_empty() {
        recommendations.push(
            locale
                .pick(
                    "Läs in kunder med `kunder import`.",
                    "Import customers with `kunder import`.",
                )
                .to_owned(),
        );
        return recommendations;
    }
    if let Some(row) = rows.first().filter(|row| row.severity >= AT_RISK) {
        let who = row
            .contact
            .as_ref()
            .map_or(String::new(), |contact| format!(" ({})", contact.name));
        recommendations.push(match locale {
            Locale::Sv => format!("Börja med {}{who}: {}.", row.customer, row.suggestion),
            Locale::En => format!("Start with {}{who}: {}.", row.customer, row.suggestion),
        });
    }
    let silent = rows.iter().filter(|row| row.last_contact.is_none()).count();
    if silent > 0 {
        recommendations.push(match locale {
            Locale::Sv => format!(
                "Boka ett första möte med {} som aldrig har kontaktats.",
                count(silent, "kund", "kunder")
            ),
            Locale::En => {
                let (customers, have) = (
                    count(silent, "customer", "customers"),
                    if silent == 1 { "has" } else { "have" },
                );
                format!("Book a first meeting with {customers} that {have} never been contacted.")
            }
        });
    }
    let healthy = rows.iter().filter(|row| row.severity < AT_RISK);
    if let Some(next) = healthy
        .filter(|row| row.next_touch >= today)
        .min_by_key(|row| (row.next_touch, &row.customer))
    {
        recommendations.push(match locale {
            Locale::Sv => format!(
                "Nästa planerade kontakt: {} senast {}.",
                next.customer, next.next_touch
            ),
            Locale::En => format!("Next planned contact: {} by {}.", next.customer, next.next_touch),
        });
    }
    recommendations
}

/// An at-risk alert in one sentence.
pub(super) fn alert(row: &HealthRow, locale: Locale) -> String {
    let value = value_at_risk(row, locale);
    match locale {
        Locale::Sv => format!(
            "{} är i riskzonen ({}): {}. Värde i riskzonen: {value}.",
            row.customer,
            row.label,
            row.reasons.join("; ")
        ),
        Locale::En => {
            format!(
                "{} is at risk ({}): {}. Value at risk: {value}.",
                row.customer,
                row.label,
                row.reasons.join("; ")
            )
        }
    }
}

pub(super) fn strategy_summary(metrics: &StrategyMetrics, locale: Locale) -> String {
    let as_of = metrics.as_of;
    let total = usize::try_from(metrics.customers.total_managed).unwrap_or(usize::MAX);
    let kept = metrics.retention.percent.map(|percent| percent.normalize());
    let growth = metrics.growth.as_ref().map(|growth| growth_words(growth, locale));
    let growth = growth.map_or_else(String::new, |growth| format!(": {growth}"));
    match locale {
        Locale::Sv => {
            let customers = count(total, "aktiv kund", "aktiva kunder");
            let kept = kept.map_or_else(
                || "För ett år sedan fanns inga kunder.".to_owned(),
                |kept| {
                    let kept = kept.to_string().replace('.', ",");
                    format!("{kept} % av förra årets kunder är kvar.")
                },
            );
            format!("{customers} {as_of}{growth}. {kept}")
        }
        Locale::En => {
            let customers = count(total, "active customer", "active customers");
            let kept = kept.map_or_else(
                || "There were no customers a year ago.".to_owned(),
                |kept| format!("{kept} % of last year's customers are still here."),
            );
            format!("{customers} {as_of}{growth}. {kept}")
        }
    }
}

/// `netto 3 fler än utgångsläget, målet hittills i år är 5,01`.
fn growth_words(growth: &GrowthGoal, locale: Locale) -> String {
    let (target, difference) = (growth.target.normalize(), growth.gained.unsigned_abs());
    match locale {
        Locale::Sv => {
            let net = match growth.gained {
                0 => "lika många som utgångsläget".to_owned(),
                1.. => format!("netto {difference} fler än utgångsläget"),
                _ => format!("netto {difference} färre än utgångsläget"),
            };
            let target = target.to_string().replace('.', ",");
            format!("{net}, målet hittills i år är {target}")
        }
        Locale::En => {
            let net = match growth.gained {
                0 => "as many as the baseline".to_owned(),
                1.. => format!("net {difference} more than the baseline"),
                _ => format!("net {difference} fewer than the baseline"),
            };
            format!("{net}, the target so far this year is {target}")
        }
    }
}

/// `50 (±27, 30 svar)`.
fn nps(nps: Nps, locale: Locale) -> String {
    let answers = usize::try_from(nps.n).unwrap_or(usize::MAX);
    let answers = match locale {
        Locale::Sv => format!("{answers} svar"),
        Locale::En => count(answers, "answer", "answers"),
    };
    match (nps.score, nps.margin) {
        (None, _) => "–".to_owned(),
        (Some(score), None) => format!("{score} ({answers})"),
        (Some(score), Some(margin)) => format!("{score} (±{margin}, {answers})"),
    }
}

pub(super) fn strategy(metrics: &StrategyMetrics, locale: Locale) -> String {
    let counts = metrics.customers;
    let nps = nps(metrics.nps, locale);
    let expansion = &metrics.expansion;
    let recurring = amounts(&expansion.recurring_monthly, locale);
    let before = amounts(&expansion.recurring_monthly_before, locale);
    let won = amounts(&expansion.won, locale);
    let summary = strategy_summary(metrics, locale);
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let (winners, alerts) = (number(expansion.customers), number(metrics.open_alerts));
    let (winners, alerts) = match locale {
        Locale::Sv => (
            count(winners, "kund", "kunder"),
            count(alerts, "öppet larm", "öppna larm"),
        ),
        Locale::En => (
            count(winners, "customer", "customers"),
            count(alerts, "open alert", "open alerts"),
        ),
    };
    match locale {
        Locale::Sv => format!(
            "{summary}\nHälsa: {} friska, {} neutrala, {} i riskzonen, {} akuta; {alerts}\nNya på ett år: {}, tappade: {}\nNPS: {nps}\nÅterkommande per månad: {recurring} (för ett år sedan {before})\nVunnet på ett år: {won} hos {winners}",
            counts.healthy,
            counts.neutral,
            counts.at_risk,
            counts.critical,
            metrics.retention.new,
            metrics.retention.lost
        ),
        Locale::En => format!(
            "{summary}\nHealth: {} healthy, {} neutral, {} at risk, {} critical; {alerts}\nNew in a year: {}, lost: {}\nNPS: {nps}\nRecurring per month: {recurring} (a year ago {before})\nWon in a year: {won} from {winners}",
            counts.healthy,
            counts.neutral,
            counts.at_risk,
            counts.critical,
            metrics.retention.new,
            metrics.retention.lost
        ),
    }
}
