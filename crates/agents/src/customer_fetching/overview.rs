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
    lines.push(health(sheet));
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
    let text = match sheet.locale {
        Locale::Sv => format!("Kund sedan {since} ({length})"),
        Locale::En => format!("Customer since {since} ({length})"),
    };
    Some(BriefLine {
        text,
        source: source.to_owned(),
        date: since,
    })
}

/// The first thing that was observed of the customer, and who says so.
fn earliest<'a>(sheet: &'a Sheet<'_>) -> Option<(Timestamp, &'a str)> {
    fn first<T>(fact: &Sourced<T>) -> (Timestamp, &str) {
        (fact.observed, fact.source.as_str())
    }
    let customer = sheet.customer;
    let facts = customer.profile.values().map(first);
    let facts = facts.chain(customer.contacts.values().map(first));
    let facts = facts.chain(customer.touchpoints.first().map(first));
    let facts = facts.chain(customer.todos.values().map(|state| first(&state.todo)));
    let facts = facts.chain(customer.invoices.first().map(first));
    let facts = facts.chain(customer.subscriptions.values().flatten().map(first));
    let facts = facts.chain(customer.opportunities.values().flatten().map(first));
    let facts = facts.chain(customer.services.values().flatten().map(first));
    let facts = facts.chain(customer.stages.first().map(first));
    facts.chain(customer.onboardings.first().map(first)).min()
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
        let text = match sheet.locale {
            Locale::Sv => format!("Senaste kontakt: saknas; hör av dig senast {due}"),
            Locale::En => format!("Last contact: missing; get in touch by {due}"),
        };
        return BriefLine {
            text,
            source: OURSELVES.to_owned(),
            date: sheet.today,
        };
    };
    let days = usize::try_from(sheet.metrics.days_since_contact).unwrap_or_default();
    let summary = short(&last.summary);
    let text = match sheet.locale {
        Locale::Sv => format!(
            "Senaste kontakt: {}, {} sedan; {summary}; nästa senast {due}",
            channel(sheet, last.channel),
            count(days, "dag", "dagar"),
        ),
        Locale::En => format!(
            "Last contact: {}, {} ago; {summary}; next by {due}",
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
    let header = &sheet.definitions.health.header;
    let band = sheet.say(&sheet.verdict.band.label);
    let text = match sheet.verdict.because() {
        Some(because) => format!(
            "{}: {band}; {}",
            sheet.pick("Hälsa", "Health"),
            sheet.say(because)
        ),
        None => format!("{}: {band}", sheet.pick("Hälsa", "Health")),
    };
    sheet.by_rule(&header.id, header.version, text)
}

/// What is promised and not done: by priority, then by the day it is due.
#[must_use]
pub fn todos(sheet: &Sheet<'_>) -> Vec<BriefLine> {
    let mut open: Vec<&TodoState> = open_todos(sheet.customer).collect();
    open.sort_by_key(|state| {
        let todo = &state.todo.value;
        (todo.priority, todo.due.unwrap_or(Date::MAX), todo.key.clone())
    });
    open.into_iter()
        .map(|state| sheet.told(&state.todo, todo(sheet, state)))
        .collect()
}

fn todo(sheet: &Sheet<'_>, state: &TodoState) -> String {
    let todo = &state.todo.value;
    let mut text = match todo.priority {
        Priority::High => format!("{}: ", sheet.pick("Hög", "High")),
        Priority::Normal => String::new(),
        Priority::Low => format!("{}: ", sheet.pick("Låg", "Low")),
    };
    text.push_str(&short(&todo.text));
    if let Some(due) = todo.due {
        text.push_str(&match (sheet.locale, due < sheet.today) {
            (Locale::Sv, false) => format!(", klart senast {due}"),
            (Locale::Sv, true) => format!(", skulle vara klart {due}"),
            (Locale::En, false) => format!(", due {due}"),
            (Locale::En, true) => format!(", was due {due}"),
        });
    }
    if let Some(owner) = &todo.owner {
        text.push_str(&format!(" ({})", short(owner)));
    }
    text
}
