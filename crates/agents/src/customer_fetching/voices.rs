//! The sections about people: what the customer said lately, what comes back, and whom to talk to (S0-14).

use kunder_agent_core::task::Locale;
use kunder_domain::customer::Sourced;
use kunder_domain::fact::{Contact, ContactRole};

use super::brief::BriefLine;
use super::sheet::{Sheet, quoted, short};
use super::themes::{Theme, themes};

/// Quotes and themes shown at most, each.
const SHOWN: usize = 3;

/// The latest quotes, and the themes that come back.
#[must_use]
pub fn voices(sheet: &Sheet<'_>) -> Vec<BriefLine> {
    let quotes = quotes(sheet);
    let mut lines: Vec<BriefLine> = quotes
        .iter()
        .take(SHOWN)
        .map(|quote| sheet.told(quote, quoted(sheet.locale, &quote.value)))
        .collect();
    let notes = notes(sheet);
    let contacts = sheet
        .customer
        .contacts
        .values()
        .map(|contact| contact.value.name.as_str());
    let names: Vec<&str> = std::iter::once(sheet.customer.name()).chain(contacts).collect();
    let themes = themes(&notes, &names);
    lines.extend(
        themes
            .iter()
            .take(SHOWN)
            .filter_map(|theme| theme_line(sheet, theme)),
    );
    lines
}

fn theme_line(sheet: &Sheet<'_>, theme: &Theme<'_>) -> Option<BriefLine> {
    let (word, times) = (&theme.word, theme.times);
    let text = match sheet.locale {
        Locale::Sv => format!("Återkommande ord: {word} ({times} anteckningar)"),
        Locale::En => format!("Recurring word: {word} ({times} notes)"),
    };
    sheet.of_all(theme.notes.iter().copied(), text)
}

/// What the customer said word for word, newest first.
#[must_use]
pub fn quotes(sheet: &Sheet<'_>) -> Vec<Sourced<String>> {
    let customer = sheet.customer;
    let met = customer
        .touchpoints
        .iter()
        .filter_map(|met| Some(with_value(met, met.value.quote.clone()?)));
    let told = customer
        .feedback
        .iter()
        .filter_map(|told| Some(with_value(told, told.value.2.clone()?)));
    let mut quotes: Vec<Sourced<String>> = met.chain(told).collect();
    quotes.sort_by(|a, b| b.observed.cmp(&a.observed).then_with(|| a.value.cmp(&b.value)));
    quotes
}

/// Everything that was said or noted.
fn notes(sheet: &Sheet<'_>) -> Vec<Sourced<String>> {
    let customer = sheet.customer;
    let met = customer.touchpoints.iter().map(|met| {
        let quote = met.value.quote.as_deref().unwrap_or_default();
        with_value(met, format!("{} {quote}", met.value.summary))
    });
    let told = customer.feedback.iter().map(|told| {
        let (_, text, quote) = &told.value;
        with_value(told, format!("{text} {}", quote.as_deref().unwrap_or_default()))
    });
    met.chain(told).collect()
}

fn with_value<T, U>(fact: &Sourced<T>, value: U) -> Sourced<U> {
    Sourced {
        value,
        source: fact.source.clone(),
        actor: fact.actor.clone(),
        observed: fact.observed,
    }
}

/// Active contacts, those who decide first.
#[must_use]
pub fn contacts(sheet: &Sheet<'_>) -> Vec<BriefLine> {
    let mut contacts: Vec<&Sourced<Contact>> = sheet
        .customer
        .contacts
        .values()
        .filter(|contact| contact.value.active)
        .collect();
    contacts.sort_by(|a, b| {
        a.value
            .role
            .cmp(&b.value.role)
            .then_with(|| a.value.key.cmp(&b.value.key))
    });
    contacts
        .into_iter()
        .map(|contact| sheet.told(contact, contact_text(sheet, &contact.value)))
        .collect()
}

fn contact_text(sheet: &Sheet<'_>, contact: &Contact) -> String {
    let (sv, en) = match contact.role {
        ContactRole::DecisionMaker => ("beslutsfattare", "decision maker"),
        ContactRole::Technical => ("teknisk kontakt", "technical contact"),
        ContactRole::Finance => ("ekonomikontakt", "finance contact"),
        ContactRole::Project => ("projektkontakt", "project contact"),
        ContactRole::Other => ("kontakt", "contact"),
    };
    let mut parts = vec![short(&contact.name), sheet.pick(sv, en).to_owned()];
    parts.extend(contact.email.as_deref().map(short));
    parts.extend(contact.phone.as_deref().map(short));
    if !contact.verified {
        parts.push(sheet.pick("inte verifierad", "not verified").to_owned());
    }
    parts.join(", ")
}
