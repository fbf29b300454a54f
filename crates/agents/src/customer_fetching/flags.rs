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
    let mut lines = warnings(sheet);
    if sheet.flow.is_falling() {
        let text = falls(sheet);
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
    for open in sheet.flow.stale().filter(|_| !sheet.has_left()) {
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
    if warned_of_overdue(sheet) {
        return lines;
    }
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

/// The reasons of the health model. Whoever has left is judged no more.
fn warnings(sheet: &Sheet<'_>) -> Vec<BriefLine> {
    if sheet.has_left() {
        return Vec::new();
    }
    let worrying = sheet
        .health
        .because
        .iter()
        .filter(|one| one.severity >= WARNING_SEVERITY);
    worrying.map(|one| sheet.by_model(one.text.clone())).collect()
}

/// Whether a reason of the health model tells of overdue todos already: one finding does not warn twice.
fn warned_of_overdue(sheet: &Sheet<'_>) -> bool {
    let mut because = sheet.health.because.iter();
    !sheet.has_left()
        && because.any(|one| {
            one.severity >= WARNING_SEVERITY && one.metrics.iter().any(|name| name == "overdue_todos")
        })
}

fn falls(sheet: &Sheet<'_>) -> String {
    let before = amounts(&sheet.flow.recurring_before.moneys(), sheet.locale);
    let now = amounts(&sheet.flow.recurring.moneys(), sheet.locale);
    match (sheet.locale, sheet.flow.recurring.is_zero()) {
        (Locale::Sv, true) => format!("Återkommande intäkter har upphört (var {before} i månaden)"),
        (Locale::En, true) => format!("Recurring revenue has ended (was {before} a month)"),
        (Locale::Sv, false) => format!("Återkommande intäkter minskar från {before} till {now} i månaden"),
        (Locale::En, false) => format!("Recurring revenue is falling from {before} to {now} a month"),
    }
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

/// An answer to the question whether they would recommend us.
#[must_use]
pub fn survey_text(sheet: &Sheet<'_>, score: u8) -> String {
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
    // What is to come, and how close we are, is no promise of one that has left.
    if sheet.has_left() {
        return lines;
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
        let text = match (sheet.locale, sheet.flow.recurring_before.is_zero()) {
            (Locale::Sv, true) => format!("Nya återkommande intäkter: {now} i månaden"),
            (Locale::En, true) => format!("New recurring revenue: {now} a month"),
            (Locale::Sv, false) => {
                format!("Återkommande intäkter växer från {before} till {now} i månaden")
            }
            (Locale::En, false) => format!("Recurring revenue is growing from {before} to {now} a month"),
        };
        lines.extend(sheet.of_all(sheet.customer.subscriptions.values().flatten(), text));
    }
    let recent = sheet
        .metrics
        .last_contact
        .as_ref()
        .filter(|_| sheet.health.severity == Some(0));
    lines.extend(recent.map(|last| {
        let days = usize::try_from(sheet.metrics.days_since_contact).unwrap_or_default();
        let text = match sheet.locale {
            Locale::Sv => format!("Tät kontakt, senast för {} sedan", count(days, "dag", "dagar")),
            Locale::En => format!("In close contact, last {} ago", count(days, "day", "days")),
        };
        BriefLine {
            text,
            source: last.source.clone(),
            date: last.day,
        }
    }));
    lines
}
