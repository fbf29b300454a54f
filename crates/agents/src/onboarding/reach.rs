//! Whom a task of the onboarding agent is about: a customer that is known, or one that comes with the message.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kunder_agent_core::agent::{GatherError, Work};
use kunder_agent_core::outcome::{Report, Status};
use kunder_agent_core::task::{Locale, Task};
use kunder_domain::customer::Customer;
use kunder_domain::fact::{CustomerId, field};
use kunder_domain::names::{Lookup, fold, slug};
use kunder_domain::portfolio::View;
use serde_json::Value;

use super::intake::{self, Arriving};
use super::{OnboardingFacts, command, journey};
use crate::Reader;
use crate::asked::{self, Asked, asked, unavailable};
use crate::paging::PAGE_CUSTOMERS;
use crate::params::Params;
use crate::present::LOOK_AHEAD;
use crate::rehearsal::is_rehearsal;

/// The customer whose lane a task runs in; a new customer's is the id it will get.
pub async fn lane(task: &Task, reader: &Reader) -> Option<String> {
    let params = Params::new(&task.instruction.params, Locale::En);
    if brings_customer(task)
        && let Ok(arriving) = intake::arriving(&params)
    {
        if let Lookup::Found(id) = reader.names().await.ok()?.find(&arriving.name) {
            return Some(id.0);
        }
        return Some(slug(&arriving.name));
    }
    asked::lane(&named(task), reader).await
}

/// Finds the customer.
///
/// # Errors
/// When the store cannot be read.
pub async fn reach(work: &Work, zone: &TimeZone, reader: &Reader) -> Result<OnboardingFacts, GatherError> {
    let view = reader.view(until(work, zone)).await.map_err(unavailable)?;
    let params = Params::new(&work.task.instruction.params, work.task.locale());
    if brings_customer(&work.task) {
        return match intake::arriving(&params) {
            Ok(arriving) => {
                let found = find_arriving(&arriving, view, reader).await?;
                match params.plain("dealId") {
                    Ok(Some(deal)) if command(&work.task) == "deal-won" => {
                        find_deal(&deal, found, view, reader).await
                    }
                    _ => Ok(found),
                }
            }
            Err(bad) => Ok(OnboardingFacts::Answer(bad)),
        };
    }
    let task = named(&work.task);
    if command(&task) == "coordination-answer" && task.customer().is_none() {
        return find_asked(work, view, reader).await;
    }
    let work = Work { task, ..work.clone() };
    Ok(match asked(&work, view, reader).await? {
        Asked::Customer(customer) => OnboardingFacts::Known(customer),
        Asked::Answer(report) => OnboardingFacts::Answer(Box::new(with_hint(&work, *report))),
    })
}

/// It sees what tasks that were accepted after it have committed already, so that a deal that waited in a queue never
/// starts a second onboarding.
fn until(work: &Work, zone: &TimeZone) -> Timestamp {
    if work.task.as_of.is_some() && is_rehearsal(work, zone) {
        return asked::moment(work, zone);
    }
    work.now.checked_add(LOOK_AHEAD).unwrap_or(Timestamp::MAX)
}

/// Messages of Sälj may bring a customer that is new to us; one named only by text in a handover is looked up like any other.
fn brings_customer(task: &Task) -> bool {
    let described = task
        .instruction
        .params
        .get("customer")
        .is_some_and(Value::is_object);
    match command(task) {
        "deal-won" => true,
        "handover" => described,
        _ => false,
    }
}

/// The task with its customer as text, where the message names it as an object or by its id.
fn named(task: &Task) -> Task {
    let mut task = task.clone();
    let params = &mut task.instruction.params;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let name = match params.get("customer") {
        Some(Value::Object(customer)) => text(customer.get("id")).or_else(|| text(customer.get("name"))),
        _ => text(params.get("customerId")).or_else(|| text(params.get("customer"))),
    };
    params.remove("customer");
    if let Some(name) = name {
        params.insert("customer".to_owned(), Value::String(name));
    }
    task
}

async fn find_arriving(
    arriving: &Arriving,
    view: View,
    reader: &Reader,
) -> Result<OnboardingFacts, GatherError> {
    let mut candidates: Vec<CustomerId> = arriving.id.iter().map(|id| CustomerId::new(id.clone())).collect();
    if let Some(id) = candidates.first()
        && let Some(customer) = reader.customer(view, id).await.map_err(unavailable)?
    {
        return Ok(OnboardingFacts::Known(Box::new(customer)));
    }
    candidates = match reader.names().await.map_err(unavailable)?.find(&arriving.name) {
        Lookup::Found(id) => vec![id],
        Lookup::Ambiguous(several) => several.into_iter().map(|(id, _)| id).collect(),
        Lookup::Unknown(_) => Vec::new(),
    };
    let plain = CustomerId::new(slug(&arriving.name));
    candidates.push(plain.clone());
    let mut taken = false;
    for id in candidates {
        if let Some(customer) = reader.customer(view, &id).await.map_err(unavailable)? {
            if is_same(&customer, arriving) {
                return Ok(OnboardingFacts::Known(Box::new(customer)));
            }
            taken |= id == plain;
        }
    }
    if !taken {
        return Ok(OnboardingFacts::New(plain));
    }
    // Another organisation has this name's id already: the registration number tells them apart.
    let apart = digits(arriving.org_number.as_deref().unwrap_or_default());
    let id = CustomerId::new(slug(&format!("{} {apart}", arriving.name)));
    let known = reader.customer(view, &id).await.map_err(unavailable)?;
    Ok(known.map_or(OnboardingFacts::New(id), |customer| {
        OnboardingFacts::Known(Box::new(customer))
    }))
}

/// A deal that comes again under another name belongs to the customer whose onboarding it opened (S0-20). Only a name that is
/// new to us makes a search of all customers worth its while.
async fn find_deal(
    deal: &str,
    found: OnboardingFacts,
    view: View,
    reader: &Reader,
) -> Result<OnboardingFacts, GatherError> {
    if !matches!(found, OnboardingFacts::New(_)) {
        return Ok(found);
    }
    let holder = search(view, reader, |customer| journey::knows_deal(customer, deal)).await?;
    Ok(holder.map_or(found, |customer| OnboardingFacts::Known(Box::new(customer))))
}

/// The first customer that fits, in the order of their ids.
async fn search(
    view: View,
    reader: &Reader,
    fits: impl Fn(&Customer) -> bool + Send,
) -> Result<Option<Customer>, GatherError> {
    for span in reader.spans(view, PAGE_CUSTOMERS).await.map_err(unavailable)? {
        let customers = reader.read(view, &span).await.map_err(unavailable)?;
        if let Some(customer) = customers.into_iter().find(|customer| fits(customer)) {
            return Ok(Some(customer));
        }
    }
    Ok(None)
}

/// Registration numbers decide where both are known, else the names.
fn is_same(customer: &Customer, arriving: &Arriving) -> bool {
    match (customer.field(field::ORG_NUMBER), &arriving.org_number) {
        (Some(known), Some(told)) => digits(known) == digits(told),
        _ => fold(customer.name()) == fold(&arriving.name),
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// An answer that names only our question: the customer is the one whose onboarding asked it.
async fn find_asked(work: &Work, view: View, reader: &Reader) -> Result<OnboardingFacts, GatherError> {
    let Some(key) = work.task.param("taskId") else {
        return Ok(OnboardingFacts::Answer(Box::new(unknown_question(work))));
    };
    let asked = search(view, reader, |customer| customer.coordinations.contains_key(key)).await?;
    Ok(asked.map_or_else(
        || OnboardingFacts::Answer(Box::new(unknown_question(work))),
        |customer| OnboardingFacts::Known(Box::new(customer)),
    ))
}

/// An answer to a question that nobody asked.
pub fn unknown_question(work: &Work) -> Report {
    let locale = work.task.locale();
    let Some(key) = work.task.param("taskId").or(work.task.param("key")) else {
        let params = Params::new(&work.task.instruction.params, locale);
        return *params.bad("taskId", "saknas", "is missing");
    };
    let blocker = match locale {
        Locale::Sv => format!("Ingen fråga med taskId ”{key}” har ställts."),
        Locale::En => format!("No question with the taskId “{key}” was asked."),
    };
    Report::failed(
        locale.pick(
            "Svaret hör inte till någon fråga.",
            "The answer belongs to no question.",
        ),
        blocker,
    )
}

/// New customers are not made by naming them.
fn with_hint(work: &Work, mut report: Report) -> Report {
    if command(&work.task) == "onboard" && report.status == Status::Failed && work.task.customer().is_some() {
        let hint = crate::asked::newcomers(work.task.locale()).to_owned();
        if !report.recommendations.contains(&hint) {
            report.recommendations.push(hint);
        }
    }
    report
}
