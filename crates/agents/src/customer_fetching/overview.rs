//! The sections that say where we stand: relation, status, health, and what we have promised (S0-14).

use jiff::civil::Date;
use jiff::{Timestamp, Unit};
use kunder_agent_core::task::Locale;
use kunder_domain::customer::{Sourced, TodoState};
use kunder_domain::fact::{Priority, TouchpointChannel, field};
use kunder_domain::metrics::open_todos;
use kunder_domain::process;

use super::brief::BriefLine;
use super::sheet::{Sheet, short};
use crate::health_models::wording as health_wording;
use crate::wording::{amounts, count};

/// Who says what we reckon ourselves.
const OURSELVES: &str = "Kunder";

/// Relation, value, last contact, status, health.
#[must_use]
pub fn overview(sheet: &Sheet<'_>) -> Vec<BriefLine> {
    let mut lines = Vec::new();
    lines.extend(relation(sheet));
    lines.push(status(sheet));
    lines.push(last_contact(sheet));
    // Whoever has left is judged no more.
    if !sheet.has_left() {
        lines.push(health(sheet));
    }
    let value = amounts(&sheet.flow.invoiced.moneys(), sheet.locale);
    let text = match sheet.locale {
        Locale::Sv => format!("Totalt värde hittills: {value}"),
        Locale::En => format!("Total value so far: {value}"),
    };
    lines.extend(sheet.of_all(&sheet.customer.invoices, text));
    lines
}

fn relation(sheet: &Sheet<'_>) -> Option<BriefLine> {
    let (first, source) = earliest(sheet)?;
    let since = sheet.day(first);
    let length = length(sheet, since);
    let text = match (sheet.locale, sheet.customer.is_prospect()) {
        (Locale::Sv, false) => format!("Kund sedan {since} ({length})"),
        (Locale::En, false) => format!("Customer since {since} ({length})"),
        (Locale::Sv, true) => format!("Prospekt, känd sedan {since} ({length})"),
        (Locale::En, true) => format!("Prospect, known since {since} ({length})"),
    };
    Some(BriefLine {
        text,
        source: source.to_owned(),
        date: since,
    })
}

/// Since when it is a customer, and who says so: the first fact that only a customer has, where its status was ever
/// told; else the first that is known. A prospect has a profile, contacts and conversations too; a todo says nothing
/// of when the relation began.
fn earliest<'a>(sheet: &'a Sheet<'_>) -> Option<(Timestamp, &'a str)> {
    fn first<T>(fact: &Sourced<T>) -> (Timestamp, &str) {
        (fact.observed, fact.source.as_str())
    }
    let customer = sheet.customer;
    let status = customer.profile.get(field::STATUS);
    let ours = customer.invoices.first().map(first).into_iter();
    let ours = ours.chain(customer.subscriptions.values().flatten().map(first));
    let ours = ours.chain(customer.services.values().flatten().map(first));
    let ours = ours.chain(customer.stages.first().map(first));
    let ours = ours.chain(customer.onboardings.first().map(first));
    let ours = ours.chain(status.filter(|_| customer.is_active()).map(first));
    let known = customer.profile.values().map(first);
    let known = known.chain(customer.contacts.values().map(first));
    let known = known.chain(customer.touchpoints.first().map(first));
    let since = ours.min();
    if status.is_some() && !customer.is_prospect() && since.is_some() {
        return since;
    }
    known.chain(since).min()
}

fn length(sheet: &Sheet<'_>, since: Date) -> String {
    let span = since.until((Unit::Year, sheet.today)).unwrap_or_default();
    let years = usize::try_from(span.get_years()).unwrap_or_default();
    let months = usize::try_from(span.get_months()).unwrap_or_default();
    let mut parts = Vec::new();
    if years > 0 {
        parts.push(count(years, sheet.pick("år", "year"), sheet.pick("år", "years")));
    }
    if months > 0 {
        parts.push(count(
            months,
            sheet.pick("månad", "month"),
            sheet.pick("månader", "months"),
        ));
    }
    if parts.is_empty() {
        return sheet.pick("mindre än en månad", "less than a month").to_owned();
    }
    parts.join(sheet.pick(" och ", " and "))
}

fn status(sheet: &Sheet<'_>) -> BriefLine {
    let customer = sheet.customer;
    let known = customer.profile.get(field::STATUS);
    let status = match known.map(|status| status.value.as_str()) {
        None | Some("active") => sheet.pick("aktiv", "active"),
        Some("churned") => sheet.pick("har lämnat", "churned"),
        Some("inactive") => sheet.pick("vilande", "inactive"),
        Some("prospect") => sheet.pick("prospekt", "prospect"),
        Some(other) => other,
    };
    let label = customer.stage().map(process::label);
    let step = label
        .as_ref()
        .map_or_else(|| sheet.pick("saknas", "missing"), |label| sheet.say(label));
    let text = format!(
        "Status: {}, {}: {step}",
        short(status),
        sheet.pick("steg", "step")
    );
    match (customer.stages.last(), known) {
        (Some(stage), _) => sheet.told(stage, text),
        (None, Some(known)) => sheet.told(known, text),
        (None, None) => BriefLine {
            text,
            source: OURSELVES.to_owned(),
            date: sheet.today,
        },
    }
}

fn last_contact(sheet: &Sheet<'_>) -> BriefLine {
    let due = sheet.metrics.next_touch;
    let Some(last) = &sheet.metrics.last_contact else {
        let text = match (sheet.locale, sheet.has_left()) {
            (Locale::Sv, false) => format!("Senaste kontakt: saknas; hör av dig senast {due}"),
            (Locale::En, false) => format!("Last contact: missing; get in touch by {due}"),
            (Locale::Sv, true) => "Senaste kontakt: saknas".to_owned(),
            (Locale::En, true) => "Last contact: missing".to_owned(),
        };
        return BriefLine {
            text,
            source: OURSELVES.to_owned(),
            date: sheet.today,
        };
    };
    let days = usize::try_from(sheet.metrics.days_since_contact).unwrap_or_default();
    let summary = short(&last.summary);
    let next = match (sheet.locale, sheet.has_left()) {
        (Locale::Sv, false) => format!("; nästa senast {due}"),
        (Locale::En, false) => format!("; next by {due}"),
        (Locale::Sv | Locale::En, true) => String::new(),
    };
    let text = match sheet.locale {
        Locale::Sv => format!(
            "Senaste kontakt: {}, {} sedan; {summary}{next}",
            channel(sheet, last.channel),
            count(days, "dag", "dagar"),
        ),
        Locale::En => format!(
            "Last contact: {}, {} ago; {summary}{next}",
            channel(sheet, last.channel),
            count(days, "day", "days"),
        ),
    };
    BriefLine {
        text,
        source: last.source.clone(),
        date: last.day,
    }
}

fn channel<'a>(sheet: &Sheet<'_>, channel: TouchpointChannel) -> &'a str {
    let (sv, en) = match channel {
        TouchpointChannel::Meeting => ("möte", "meeting"),
        TouchpointChannel::Call => ("samtal", "call"),
        TouchpointChannel::Mail => ("mejl", "mail"),
        TouchpointChannel::Chat => ("chatt", "chat"),
        TouchpointChannel::Other => ("annan kontakt", "other contact"),
    };
    sheet.locale.pick(sv, en)
}

fn health(sheet: &Sheet<'_>) -> BriefLine {
    let (health, head) = (&sheet.health, sheet.pick("Hälsa", "Health"));
    let mut text = format!("{head}: {}", health.label);
    if let Some(score) = &health.score {
        let points = health_wording::points(score, sheet.pick("sv", "en"));
        text.push_str(&format!(", {points}"));
    }
    match (&health.no_band, health.because.first()) {
        (Some(why), _) => text.push_str(&format!(" – {why}")),
        (None, Some(because)) => text.push_str(&format!("; {}", because.text)),
        (None, None) => {}
    }
    sheet.by_model(text)
}

/// What is promised and not done: by priority, then by the day it is due.
#[must_use]
pub fn todos(sheet: &Sheet<'_>) -> Vec<BriefLine> {
    ranked_todos(sheet)
        .into_iter()
        .map(|state| sheet.told(&state.todo, todo(sheet, state)))
        .collect()
}

/// Open todos by priority, then by the day they are due.
#[must_use]
pub fn ranked_todos<'a>(sheet: &Sheet<'a>) -> Vec<&'a TodoState> {
    let mut open: Vec<&TodoState> = open_todos(sheet.customer).collect();
    open.sort_by_key(|state| {
        let todo = &state.todo.value;
        (todo.priority, todo.due.unwrap_or(Date::MAX), todo.key.clone())
    });
    open
}

/// `klart senast 2025-09-13`
#[must_use]
pub fn due_text(sheet: &Sheet<'_>, due: Date) -> String {
    match (sheet.locale, due < sheet.today) {
        (Locale::Sv, false) => format!("klart senast {due}"),
        (Locale::Sv, true) => format!("skulle vara klart {due}"),
        (Locale::En, false) => format!("due {due}"),
        (Locale::En, true) => format!("was due {due}"),
    }
}

fn todo(sheet: &Sheet<'_>, state: &TodoState) -> String {
    let todo = &state.todo.value;
    let mut text = match todo.priority {
        Priority::High => format!("{}: ", sheet.pick("Hög prioritet", "High priority")),
        Priority::Normal => String::new(),
        Priority::Low => format!("{}: ", sheet.pick("Låg prioritet", "Low priority")),
    };
    text.push_str(&short(&todo.text));
    if let Some(due) = todo.due {
        text.push_str(&format!(", {}", due_text(sheet, due)));
    }
    if let Some(owner) = &todo.owner {
        text.push_str(&format!(" ({})", short(owner)));
    }
    text
}
