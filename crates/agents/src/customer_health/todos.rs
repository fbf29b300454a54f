//! Todos by hand: add one, finish one, list them.

use jiff::Timestamp;
use jiff::civil::Date;
use kunder_agent_core::agent::Work;
use kunder_agent_core::outcome::{Question, QuestionOption, Report, Status};
use kunder_agent_core::task::Locale;
use kunder_domain::customer::{Customer, TodoState};
use kunder_domain::fact::{CustomerId, FactBody, Priority, Todo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::logbook::{Entry, PRIORITIES, fact_id, new_fact, short_key};
use crate::commands::folded;
use crate::params::{Bad, Params};
use crate::wording::{count, shortened};

/// Todos named in a text at most.
const SHOWN: usize = 30;

/// One open todo in the block `todos`, which is a list of these: due first, those without a day last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TodoRow {
    pub customer: String,
    pub customer_id: CustomerId,
    pub key: String,
    pub text: String,
    pub due: Option<Date>,
    pub overdue: bool,
    pub owner: Option<String>,
    pub priority: Priority,
    /// When it was written down.
    pub since: Timestamp,
    pub source: String,
}

/// What finishing a todo came to.
#[derive(Debug)]
pub(super) enum Finish {
    /// The customer whose todo it is, by its place in the list.
    Done(usize, Entry),
    /// Nothing to store: a question, a failure, or done before.
    Answer(Box<Report>),
}

/// `add-todo`.
pub(super) fn add(work: &Work, customer: &Customer) -> Result<Entry, Bad> {
    let locale = work.task.locale();
    let params = Params::new(&work.task.instruction.params, locale);
    let source = params.text(&["source"])?.unwrap_or("manual");
    let given = params.text(&["id"])?;
    let id = fact_id(work, customer, source, given, 0);
    let todo = Todo {
        key: params
            .text(&["key"])?
            .map_or_else(|| short_key(&id), str::to_owned),
        text: params.needed_text(&["text"])?.to_owned(),
        due: params.date(&["due"])?,
        owner: params.text(&["owner"])?.map(str::to_owned),
        priority: params.word(&["priority"], PRIORITIES)?.unwrap_or_default(),
    };
    let noted = locale.pick("Todo tillagd för", "Todo added for");
    let summary = format!("{noted} {}: {} [{}]", customer.name(), todo.text, todo.key);
    let fact = new_fact(work, customer, id, work.now, source, FactBody::Todo(todo));
    Ok(Entry {
        facts: vec![fact],
        summary,
    })
}

/// `finish-todo`: by its key, else by its words; several that fit are a question, never a guess.
pub(super) fn finish(work: &Work, customers: &[Customer], today: Date) -> Result<Finish, Bad> {
    let locale = work.task.locale();
    let params = Params::new(&work.task.instruction.params, locale);
    let wanted = params.needed_text(&["key", "text"])?;
    let source = params.text(&["source"])?.unwrap_or("manual");
    let rows = rows(customers, today);
    let fitting = fitting(&rows, wanted);
    let [row] = fitting.as_slice() else {
        return Ok(Finish::Answer(Box::new(unfinished(
            locale, wanted, &fitting, &rows, customers,
        ))));
    };
    let place = customers
        .iter()
        .position(|customer| customer.id == row.customer_id);
    let Some((place, customer)) = place.and_then(|place| Some((place, customers.get(place)?))) else {
        return Ok(Finish::Answer(Box::new(unfinished(
            locale,
            wanted,
            &[],
            &rows,
            customers,
        ))));
    };
    let id = fact_id(work, customer, source, params.text(&["id"])?, 0);
    let fact = new_fact(
        work,
        customer,
        id,
        work.now,
        source,
        FactBody::TodoDone { key: row.key.clone() },
    );
    let summary = format!(
        "{} {}: {}.",
        locale.pick("Klart för", "Done for"),
        row.customer,
        row.text.trim_end_matches('.')
    );
    Ok(Finish::Done(
        place,
        Entry {
            facts: vec![fact],
            summary,
        },
    ))
}

/// `list-todos`.
pub(super) fn list(locale: Locale, customers: &[Customer], today: Date) -> Report {
    let rows = rows(customers, today);
    let overdue = rows.iter().filter(|row| row.overdue).count();
    let summary = match locale {
        Locale::Sv => format!(
            "{}, varav försenade: {overdue}.",
            count(rows.len(), "öppen todo", "öppna todos")
        ),
        Locale::En => format!(
            "{}, of which overdue: {overdue}.",
            count(rows.len(), "open todo", "open todos")
        ),
    };
    let lines = rows.iter().map(|row| line(row, locale));
    let mut text = vec![summary.clone()];
    text.extend(shortened(lines, SHOWN, locale));
    let mut report = Report::new(Status::Complete, summary);
    report.text = Some(text.join("\n"));
    report.sources = crate::evidence::sources(customers);
    report.set("todos", &rows);
    report
}

/// All open todos of these customers, due first.
fn rows(customers: &[Customer], today: Date) -> Vec<TodoRow> {
    let open = customers.iter().flat_map(|customer| {
        let open = customer.todos.values().filter(|state| state.done.is_none());
        open.map(|state| TodoRow {
            customer: customer.name().to_owned(),
            customer_id: customer.id.clone(),
            key: state.todo.value.key.clone(),
            text: state.todo.value.text.clone(),
            due: state.todo.value.due,
            overdue: state.todo.value.due.is_some_and(|due| due < today),
            owner: state.todo.value.owner.clone(),
            priority: state.todo.value.priority,
            since: state.todo.observed,
            source: state.todo.source.clone(),
        })
    });
    let mut rows: Vec<TodoRow> = open.collect();
    rows.sort_by_cached_key(|row| {
        let due = row.due.unwrap_or(Date::MAX);
        (
            due,
            row.priority,
            row.customer.clone(),
            row.customer_id.clone(),
            row.key.clone(),
        )
    });
    rows
}

/// The todos with this key; else those with these words; else those that contain them.
fn fitting<'a>(rows: &'a [TodoRow], wanted: &str) -> Vec<&'a TodoRow> {
    let by_key: Vec<&TodoRow> = rows.iter().filter(|row| row.key == wanted).collect();
    if !by_key.is_empty() {
        return by_key;
    }
    let wanted = folded(wanted);
    if wanted.is_empty() {
        return Vec::new();
    }
    let same: Vec<&TodoRow> = rows.iter().filter(|row| folded(&row.text) == wanted).collect();
    if !same.is_empty() {
        return same;
    }
    rows.iter()
        .filter(|row| folded(&row.text).contains(&wanted))
        .collect()
}

/// The done todo with this key; else with these words; else one that contains them. Of several the one done last.
fn done_before<'a>(wanted: &str, customers: &'a [Customer]) -> Option<&'a TodoState> {
    let done: Vec<&TodoState> = customers
        .iter()
        .flat_map(|customer| customer.todos.values())
        .filter(|state| state.done.is_some())
        .collect();
    let words = folded(wanted);
    let text = |state: &TodoState| folded(&state.todo.value.text);
    let last = |fits: &dyn Fn(&TodoState) -> bool| {
        let fitting = done.iter().copied().filter(|state| fits(state));
        fitting.max_by_key(|state| (state.done, state.todo.value.key.clone()))
    };
    last(&|state| state.todo.value.key == wanted)
        .or_else(|| last(&|state| !words.is_empty() && text(state) == words))
        .or_else(|| last(&|state| !words.is_empty() && text(state).contains(&words)))
}

fn unfinished(
    locale: Locale,
    wanted: &str,
    fitting: &[&TodoRow],
    rows: &[TodoRow],
    customers: &[Customer],
) -> Report {
    if fitting.is_empty() {
        if let Some(state) = done_before(wanted, customers) {
            let was = locale.pick("Redan gjord", "Already done");
            return Report::new(Status::Complete, format!("{was}: {}", state.todo.value.text));
        }
        let summary = match locale {
            Locale::Sv => format!("Ingen öppen todo stämmer med ”{wanted}”."),
            Locale::En => format!("No open todo fits “{wanted}”."),
        };
        let mut report = Report::failed(summary.clone(), summary);
        report.recommendations = shortened(rows.iter().map(|row| said(row, locale)), 5, locale);
        return report;
    }
    let text = match locale {
        Locale::Sv => format!("Flera todos stämmer med ”{wanted}”. Vilken är klar?"),
        Locale::En => format!("Several todos fit “{wanted}”. Which one is done?"),
    };
    let mut report = Report::new(Status::Partial, text.clone());
    report.blockers.push(text.clone());
    let options = fitting
        .iter()
        .map(|row| QuestionOption {
            id: row.key.clone(),
            label: said(row, locale),
        })
        .collect();
    report.question = Some(Question { text, options });
    report
}

fn line(row: &TodoRow, locale: Locale) -> String {
    format!("- {}", said(row, locale))
}

/// A todo in words, without the dash of a list.
fn said(row: &TodoRow, locale: Locale) -> String {
    let due = match (row.due, row.overdue) {
        (Some(due), true) => format!("{due} {}", locale.pick("FÖRSENAD", "OVERDUE")),
        (Some(due), false) => due.to_string(),
        (None, _) => locale.pick("utan datum", "no date").to_owned(),
    };
    let owner = row
        .owner
        .as_ref()
        .map_or(String::new(), |owner| format!(" ({owner})"));
    format!("{due} · {}: {}{owner} [{}]", row.customer, row.text, row.key)
}
