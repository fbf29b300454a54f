//! Red and green flags: what warns and what promises, each with its evidence (S0-14).

use kunder_agent_core::task::Locale;
use kunder_domain::customer::Sourced;
use kunder_domain::fact::{Coordination, CoordinationState};
use kunder_domain::metrics::overdue_todos;

use super::brief::BriefLine;
use super::sheet::{Sheet, short};
use crate::wording::{amounts, count};

/// From this severity a band is a warning (D-26).
const WARNING_SEVERITY: u8 = 2;
/// Answers up to here count as detractors, from there as promoters.
const DETRACTOR_MAX: u8 = 6;
const PROMOTER_MIN: u8 = 9;

/// What warns.
#[must_use]
pub fn red(sheet: &Sheet<'_>) -> Vec<BriefLine> {
    let mut lines = Vec::new();
    let header = &sheet.definitions.health.header;
    let warnings = sheet
        .verdict
        .reasons
        .iter()
        .filter(|reason| reason.severity >= WARNING_SEVERITY);
    lines.extend(
        warnings.map(|reason| sheet.by_rule(&header.id, header.version, sheet.say(&reason.text).to_owned())),
    );
    if sheet.flow.is_falling() {
        let before = amounts(&sheet.flow.recurring_before.moneys(), sheet.locale);
        let now = amounts(&sheet.flow.recurring.moneys(), sheet.locale);
        let text = match sheet.locale {
            Locale::Sv => format!("Återkommande intäkter faller från {before} till {now} i månaden"),
            Locale::En => format!("Recurring money falls from {before} to {now} a month"),
        };
        lines.extend(sheet.of_all(sheet.customer.subscriptions.values().flatten(), text));
    }
    if let Some(survey) = sheet
        .customer
        .surveys
        .last()
        .filter(|survey| survey.value <= DETRACTOR_MAX)
    {
        lines.push(sheet.told(survey, survey_text(sheet, survey.value)));
    }
    for open in sheet.flow.stale() {
        let (title, days) = (short(&open.opportunity.value.title), open.idle_days);
        let text = match sheet.locale {
            Locale::Sv => format!("Ingen aktivitet på {days} dagar: {title}"),
            Locale::En => format!("No activity for {days} days: {title}"),
        };
        lines.push(sheet.told(&open.opportunity, text));
    }
    lines.extend(
        sheet
            .customer
            .coordinations
            .values()
            .filter_map(|states| unanswered(sheet, states)),
    );
    let overdue = overdue_todos(sheet.customer, sheet.today).count();
    let text = match sheet.locale {
        Locale::Sv => count(overdue, "försenat åtagande", "försenade åtaganden"),
        Locale::En => count(overdue, "overdue commitment", "overdue commitments"),
    };
    lines.extend(sheet.of_all(
        overdue_todos(sheet.customer, sheet.today).map(|state| &state.todo),
        text,
    ));
    lines
}

fn unanswered(sheet: &Sheet<'_>, states: &[Sourced<Coordination>]) -> Option<BriefLine> {
    let answered = states
        .iter()
        .any(|state| state.value.state == CoordinationState::Answered);
    let late = states
        .last()
        .filter(|state| !answered && state.value.state == CoordinationState::TimedOut)?;
    let with = &late.value.with;
    let text = match sheet.locale {
        Locale::Sv => format!("{with} har inte svarat om samordningen"),
        Locale::En => format!("{with} has not answered about the coordination"),
    };
    Some(sheet.told(late, text))
}

fn survey_text(sheet: &Sheet<'_>, score: u8) -> String {
    match sheet.locale {
        Locale::Sv => format!("Skulle rekommendera oss: {score} av 10"),
        Locale::En => format!("Would recommend us: {score} of 10"),
    }
}

/// What promises.
#[must_use]
pub fn green(sheet: &Sheet<'_>) -> Vec<BriefLine> {
    let mut lines = Vec::new();
    if let Some(survey) = sheet
        .customer
        .surveys
        .last()
        .filter(|survey| survey.value >= PROMOTER_MIN)
    {
        lines.push(sheet.told(survey, survey_text(sheet, survey.value)));
    }
    for open in sheet.flow.hot() {
        let (title, probability) = (
            short(&open.opportunity.value.title),
            open.opportunity.value.probability,
        );
        let text = match sheet.locale {
            Locale::Sv => format!("Nära avslut: {title}, {probability} %"),
            Locale::En => format!("Close to a deal: {title}, {probability} %"),
        };
        lines.push(sheet.told(&open.opportunity, text));
    }
    let (before, now) = (&sheet.flow.recurring_before, &sheet.flow.recurring);
    let grows = now
        .moneys()
        .iter()
        .any(|money| before.get(&money.currency) < money.amount);
    if grows && !sheet.flow.is_falling() {
        let (before, now) = (
            amounts(&before.moneys(), sheet.locale),
            amounts(&now.moneys(), sheet.locale),
        );
        let text = match sheet.locale {
            Locale::Sv => format!("Återkommande intäkter växer från {before} till {now} i månaden"),
            Locale::En => format!("Recurring money grows from {before} to {now} a month"),
        };
        lines.extend(sheet.of_all(sheet.customer.subscriptions.values().flatten(), text));
    }
    let recent = sheet
        .metrics
        .last_contact
        .as_ref()
        .filter(|_| sheet.verdict.band.severity == 0);
    lines.extend(recent.map(|last| {
        let days = usize::try_from(sheet.metrics.days_since_contact).unwrap_or_default();
        let text = match sheet.locale {
            Locale::Sv => format!("Tät kontakt, senast för {} sedan", count(days, "dag", "dagar")),
            Locale::En => format!("In close touch, last {} ago", count(days, "day", "days")),
        };
        BriefLine {
            text,
            source: last.source.clone(),
            date: last.day,
        }
    }));
    lines
}
