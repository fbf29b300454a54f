//! What people tell us of a customer: touchpoints and meeting protocols become contact history and todos (S0-22, S0-23).

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kunder_agent_core::agent::Work;
use kunder_domain::customer::Customer;
use kunder_domain::fact::{Fact, FactBody, Priority, Todo, Touchpoint, TouchpointChannel};

use crate::params::{Bad, Params};

/// What a command of the log book came to: facts to store, and what is said of them.
#[derive(Debug)]
pub(super) struct Entry {
    pub facts: Vec<Fact>,
    pub summary: String,
}

/// Words for how we met, in both languages.
const CHANNELS: &[(&str, TouchpointChannel)] = &[
    ("meeting", TouchpointChannel::Meeting),
    ("call", TouchpointChannel::Call),
    ("mail", TouchpointChannel::Mail),
    ("chat", TouchpointChannel::Chat),
    ("other", TouchpointChannel::Other),
    ("möte", TouchpointChannel::Meeting),
    ("samtal", TouchpointChannel::Call),
    ("mejl", TouchpointChannel::Mail),
    ("email", TouchpointChannel::Mail),
    ("chatt", TouchpointChannel::Chat),
    ("annat", TouchpointChannel::Other),
];

pub(super) const PRIORITIES: &[(&str, Priority)] = &[
    ("high", Priority::High),
    ("normal", Priority::Normal),
    ("low", Priority::Low),
    ("hög", Priority::High),
    ("låg", Priority::Low),
];

/// `log-touchpoint`: one contact.
pub(super) fn touchpoint(work: &Work, customer: &Customer, zone: &TimeZone) -> Result<Entry, Bad> {
    let locale = work.task.locale();
    let params = Params::new(&work.task.instruction.params, locale);
    let channel = params.word(&["kind", "channel"], CHANNELS)?.unwrap_or_default();
    let observed = params.past(&["time", "date"], work.now, zone)?;
    let body = Touchpoint {
        channel,
        summary: params.needed_text(&["summary", "text"])?.to_owned(),
        quote: params.text(&["quote"])?.map(str::to_owned),
        with: Some(params.texts(&["with", "participants"])?.join(", ")).filter(|with| !with.is_empty()),
    };
    let source = params.text(&["source"])?.unwrap_or("manual");
    let id = fact_id(work, customer, source, params.text(&["id"])?, 0);
    let fact = new_fact(work, customer, id, observed, source, FactBody::Touchpoint(body));
    let day = observed.to_zoned(zone.clone()).date();
    let summary = format!(
        "{} {} {day}.",
        locale.pick("Kontakten är noterad:", "Contact noted:"),
        customer.name()
    );
    Ok(Entry {
        facts: vec![fact],
        summary,
    })
}

/// `meeting-protocol`: a meeting with what was agreed to be done.
pub(super) fn protocol(work: &Work, customer: &Customer, zone: &TimeZone) -> Result<Entry, Bad> {
    let locale = work.task.locale();
    let params = Params::new(&work.task.instruction.params, locale);
    let observed = params.past(&["date", "time"], work.now, zone)?;
    let source = params.text(&["source"])?.unwrap_or("Admin");
    let given = params.text(&["id"])?;
    let meeting = Touchpoint {
        channel: TouchpointChannel::Meeting,
        summary: params.needed_text(&["summary", "text"])?.to_owned(),
        quote: params.text(&["quote"])?.map(str::to_owned),
        with: Some(params.texts(&["participants", "with"])?.join(", ")).filter(|with| !with.is_empty()),
    };
    let id = fact_id(work, customer, source, given, 0);
    let key = short_key(&id);
    let mut facts = vec![new_fact(
        work,
        customer,
        id,
        observed,
        source,
        FactBody::Touchpoint(meeting),
    )];
    for (number, item) in params.objects(&["actionItems"])?.iter().enumerate() {
        let todo = Todo {
            key: format!("{key}-{}", number + 1),
            text: item.needed_text(&["text"])?.to_owned(),
            due: item.date(&["due"])?,
            owner: item.text(&["owner"])?.map(str::to_owned),
            priority: item.word(&["priority"], PRIORITIES)?.unwrap_or_default(),
        };
        let id = fact_id(work, customer, source, given, number + 1);
        facts.push(new_fact(
            work,
            customer,
            id,
            observed,
            source,
            FactBody::Todo(todo),
        ));
    }
    let day = observed.to_zoned(zone.clone()).date();
    let (name, todos) = (customer.name(), facts.len() - 1);
    let summary = locale.pick("Mötet är noterat", "The meeting is noted");
    let summary = format!(
        "{summary}: {name} {day}, {todos} {}.",
        locale.pick("att göra", "to do")
    );
    Ok(Entry { facts, summary })
}

/// The id of the fact numbered `number` of a task; of what its source calls `given`, where the source has an id,
/// so that any number of tasks about the same thing store it once.
pub(super) fn fact_id(
    work: &Work,
    customer: &Customer,
    source: &str,
    given: Option<&str>,
    number: usize,
) -> String {
    match given {
        Some(given) => {
            let command = work.task.command().unwrap_or_default();
            format!("{command}/{}/{source}/{given}/{number}", customer.id)
        }
        None => format!("{}/{number}", work.task.task_id),
    }
}

/// A short key that people can type, made from a longer id.
pub(super) fn short_key(id: &str) -> String {
    blake3::hash(id.as_bytes()).to_hex()[..8].to_owned()
}

pub(super) fn new_fact(
    work: &Work,
    customer: &Customer,
    id: String,
    observed: Timestamp,
    source: &str,
    body: FactBody,
) -> Fact {
    let actor = work
        .task
        .requested_by
        .clone()
        .unwrap_or_else(|| "customer-health".to_owned());
    Fact {
        id,
        customer: customer.id.clone(),
        observed,
        source: source.to_owned(),
        actor,
        body,
    }
}
