//! The words of the onboarding agent, in Swedish and English.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use kunder_agent_core::outcome::{Action, Report};
use kunder_agent_core::task::Locale;
use kunder_domain::customer::Sourced;
use kunder_domain::fact::{Coordination, CoordinationState, Stage};
use kunder_domain::metrics::day;
use kunder_domain::process::{self, IllegalTransition, legal_after};

use super::block::{CoordinationAsked, OnboardingBlock, OnboardingItem};
use super::journey;

/// The step as protocols write it.
#[must_use]
pub fn token(stage: Stage) -> &'static str {
    match stage {
        Stage::Onboarding => "onboarding",
        Stage::Delivery => "delivery",
        Stage::Partnership => "partnership",
        Stage::Expansion => "expansion",
    }
}

/// The step as a person reads it.
#[must_use]
pub fn step(locale: Locale, stage: Stage) -> String {
    let label = process::label(stage);
    locale.pick(&label.sv, &label.en).to_owned()
}

/// A transition that was refused, and what is legal (S0-10).
#[must_use]
pub fn illegal(locale: Locale, illegal: IllegalTransition) -> String {
    let from = illegal.current.map_or_else(
        || locale.pick("inget steg", "no step").to_owned(),
        |stage| step(locale, stage),
    );
    let legal: Vec<String> = legal_after(illegal.current)
        .iter()
        .map(|stage| step(locale, *stage))
        .collect();
    let (wanted, legal) = (step(locale, illegal.wanted), legal.join(", "));
    match locale {
        Locale::Sv => format!("{wanted} kan inte följa på {from}; tillåtet nu: {legal}."),
        Locale::En => format!("{wanted} cannot follow {from}; allowed now: {legal}."),
    }
}

/// ONBOARDING cannot be left while required items are open (S0-06).
#[must_use]
pub fn gate(locale: Locale, open: &[String]) -> String {
    match locale {
        Locale::Sv => format!(
            "Leveransen kan inte börja förrän checklistan är komplett; detta saknas: {}.",
            open.join(", ")
        ),
        Locale::En => format!(
            "The delivery cannot begin until the checklist is complete; missing: {}.",
            open.join(", ")
        ),
    }
}

/// The blocker of a question whose time has passed without an answer (S0-32).
#[must_use]
pub fn unanswered(locale: Locale, zone: &TimeZone, states: &[Sourced<Coordination>]) -> Option<String> {
    let standing =
        journey::standing(states).filter(|state| state.value.state == CoordinationState::TimedOut)?;
    let asked = day(states.first()?.observed, zone);
    let with = &standing.value.with;
    Some(match locale {
        Locale::Sv => format!("{with} har inte svarat sedan {asked}."),
        Locale::En => format!("{with} has not answered since {asked}."),
    })
}

/// One action per missing item: ask who can supply it.
#[must_use]
pub fn actions(locale: Locale, block: &OnboardingBlock) -> Vec<Action> {
    let actions = block.missing.iter().map(|missing| {
        let (supplier, label) = (supplier(locale, &missing.supplier), lower_first(&missing.label));
        Action {
            customer: block.customer.clone(),
            action: match locale {
                Locale::Sv => format!("Be {supplier} om: {label}"),
                Locale::En => format!("Ask {supplier} for: {label}"),
            },
            outcome: "pending".to_owned(),
            reason: Some(match locale {
                Locale::Sv => format!("{} saknas i checklistan", missing.label),
                Locale::En => format!("{} is missing from the checklist", missing.label),
            }),
        }
    });
    actions.collect()
}

/// What comes next on the journey.
#[must_use]
pub fn next_steps(locale: Locale, block: &OnboardingBlock, today: Date) -> Option<String> {
    let review = block.first_review?;
    let is_past = review < today;
    Some(match (locale, block.first_review_booked) {
        (Locale::Sv, true) if is_past => format!("Första kvartalsmötet var bokat till {review}."),
        (Locale::En, true) if is_past => format!("The first quarterly review was booked for {review}."),
        (Locale::Sv, false) if is_past => {
            format!("Första kvartalsmötet skulle ha hållits senast {review}: boka det nu.")
        }
        (Locale::En, false) if is_past => {
            format!("The first quarterly review was to be held by {review}: book it now.")
        }
        (Locale::Sv, true) => format!("Första kvartalsmötet är bokat till {review}."),
        (Locale::Sv, false) => format!("Håll första kvartalsmötet senast {review}."),
        (Locale::En, true) => format!("The first quarterly review is booked for {review}."),
        (Locale::En, false) => format!("Hold the first quarterly review by {review}."),
    })
}

/// How far the checklist is: `13 av 19 uppgifter klara`.
#[must_use]
pub fn progress(locale: Locale, block: &OnboardingBlock) -> String {
    let items = block.groups.iter().flat_map(|group| &group.items);
    let (done, all) = items.fold((0, 0), |(done, all), item| {
        (done + usize::from(item.done), all + 1)
    });
    match locale {
        Locale::Sv => format!("{done} av {all} punkter är klara"),
        Locale::En => format!("{done} of {all} items are done"),
    }
}

/// The answer in words: summary, checklist, dates, what stops it.
#[must_use]
pub fn page(locale: Locale, summary: &str, block: &OnboardingBlock, report: &Report) -> String {
    let mut lines = vec![summary.to_owned(), String::new()];
    for group in &block.groups {
        lines.push(group.label.clone());
        lines.extend(group.items.iter().map(|item| item_line(locale, item)));
    }
    lines.push(String::new());
    lines.extend(dates(locale, block));
    for blocker in &report.blockers {
        lines.push(match locale {
            Locale::Sv => format!("Hinder: {blocker}"),
            Locale::En => format!("Blocker: {blocker}"),
        });
    }
    lines.extend(report.recommendations.iter().cloned());
    lines.join("\n")
}

fn item_line(locale: Locale, item: &OnboardingItem) -> String {
    if item.done {
        let value = item.value.as_deref().unwrap_or_default();
        let source = item.source.as_deref().unwrap_or("?");
        let observed = item
            .observed
            .map_or_else(String::new, |observed| format!(", {observed}"));
        return format!("  ✓ {}: {value} ({source}{observed})", item.label);
    }
    let supplier = supplier(locale, &item.supplier);
    let mut line = match locale {
        Locale::Sv => format!("  ✗ {}: saknas, fråga {supplier}", item.label),
        Locale::En => format!("  ✗ {}: missing, ask {supplier}", item.label),
    };
    if let Some(value) = &item.value {
        line.push_str(&match locale {
            Locale::Sv => format!(" (nu: {value})"),
            Locale::En => format!(" (now: {value})"),
        });
    }
    if !item.required {
        line.push_str(locale.pick(" (valfritt)", " (optional)"));
    }
    line
}

fn dates(locale: Locale, block: &OnboardingBlock) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(stage) = block.stage {
        lines.push(format!(
            "{}: {}",
            locale.pick("Steg", "Step"),
            step(locale, stage)
        ));
    }
    if let Some(started) = block.started {
        let deal = block.deal.as_ref().map_or_else(String::new, |deal| match locale {
            Locale::Sv => format!(" (affär {deal})"),
            Locale::En => format!(" (deal {deal})"),
        });
        lines.push(format!("{}: {started}{deal}", locale.pick("Startad", "Started")));
    }
    if let Some(completed) = block.completed {
        lines.push(format!("{}: {completed}", locale.pick("Komplett", "Completed")));
    }
    if let Some(delivery) = &block.delivery {
        let late = match (delivery.overdue, delivery.completed) {
            (true, Some(_)) => locale.pick(", blev klar för sent", ", was completed late"),
            (true, None) => locale.pick(", försenad", ", overdue"),
            (false, _) => "",
        };
        lines.push(match (locale, delivery.completed) {
            (Locale::Sv, Some(completed)) => format!("Leverans: {} till {completed}{late}", delivery.started),
            (Locale::En, Some(completed)) => format!("Delivery: {} to {completed}{late}", delivery.started),
            (Locale::Sv, None) => {
                format!(
                    "Leverans: dag {} av {}, klar senast {}{late}",
                    delivery.day, delivery.of, delivery.due
                )
            }
            (Locale::En, None) => {
                format!(
                    "Delivery: day {} of {}, due {}{late}",
                    delivery.day, delivery.of, delivery.due
                )
            }
        });
    }
    if let Some(asked) = &block.coordination {
        lines.push(coordination_line(locale, asked));
    }
    lines
}

fn coordination_line(locale: Locale, asked: &CoordinationAsked) -> String {
    let with = &asked.with;
    let answer = asked.answer.as_deref().unwrap_or_default();
    match (locale, asked.state) {
        (Locale::Sv, CoordinationState::Asked) => format!("Samordning: {with} är tillfrågad"),
        (Locale::En, CoordinationState::Asked) => format!("Coordination: {with} was asked"),
        (Locale::Sv, CoordinationState::Answered) => format!("Samordning: {with} har svarat: {answer}"),
        (Locale::En, CoordinationState::Answered) => format!("Coordination: {with} answered: {answer}"),
        (Locale::Sv, CoordinationState::TimedOut) => format!("Samordning: {with} har inte svarat i tid"),
        (Locale::En, CoordinationState::TimedOut) => format!("Coordination: {with} did not answer in time"),
    }
}

/// Who supplies something, as the reader's language calls them.
fn supplier(locale: Locale, supplier: &str) -> &str {
    match (locale, supplier) {
        (Locale::Sv, "Kunden") => "kunden",
        (Locale::Sv, other) => other,
        (Locale::En, "Sälj") => "Sales",
        (Locale::En, "Kunden") => "the customer",
        (Locale::En, "Ekonomi") => "Finance",
        (Locale::En, "Tjänster") => "Services",
        (Locale::En, other) => other,
    }
}

/// A label inside a sentence; words that are written in capitals stay so.
fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if !letters.as_str().starts_with(char::is_uppercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}
