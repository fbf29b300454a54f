//! `kunder log` and `kunder todo`: what a person notes by hand.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::Date;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::outcome::Outcome;
use kunder_agent_core::task::{Locale, Task};
use serde_json::Value;

use super::{Common, Failure, LocaleArg, ask, day, output};
use crate::control::{Request, Response};
use crate::service::new_id;

#[derive(Args)]
pub(crate) struct LogArgs {
    /// The customer's name or id
    customer: String,
    /// What was said and decided
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    text: String,
    /// How it was held
    #[arg(long, value_enum, default_value_t = Kind::Meeting)]
    kind: Kind,
    /// The language of the answer
    #[arg(long)]
    locale: Option<LocaleArg>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Meeting,
    Call,
    Mail,
}

#[derive(Args)]
pub(crate) struct TodoArgs {
    #[command(subcommand)]
    command: TodoCommand,
    /// The language of the answer
    #[arg(long, global = true)]
    locale: Option<LocaleArg>,
}

#[derive(Subcommand)]
enum TodoCommand {
    /// Something to do for a customer
    Add {
        /// The customer's name or id
        customer: String,
        /// What to do
        #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
        text: String,
        /// The day by which it should be done
        #[arg(long, value_name = "DAY", value_parser = day)]
        due: Option<Date>,
        /// Who is to do it
        #[arg(long, value_name = "NAME")]
        owner: Option<String>,
    },
    /// It is done
    Done {
        /// The customer's name or id
        customer: String,
        /// Its key, as the list shows it in brackets, or its words
        todo: String,
    },
    /// What is to be done, for one customer or all, due first
    List {
        /// The customer's name or id
        customer: Option<String>,
    },
}

pub(super) async fn log(common: &Common, args: LogArgs, clock: Arc<dyn Clock>) -> Result<ExitCode, Failure> {
    let kind = match args.kind {
        Kind::Meeting => "meeting",
        Kind::Call => "call",
        Kind::Mail => "mail",
    };
    let params = vec![
        ("customer", args.customer),
        ("text", args.text),
        ("kind", kind.to_owned()),
    ];
    send(
        common,
        "log-touchpoint",
        params,
        args.locale.map(Into::into),
        clock,
    )
    .await
}

pub(super) async fn todo(
    common: &Common,
    args: TodoArgs,
    clock: Arc<dyn Clock>,
) -> Result<ExitCode, Failure> {
    let (command, params) = match args.command {
        TodoCommand::Add {
            customer,
            text,
            due,
            owner,
        } => {
            let mut params = vec![("customer", customer), ("text", text)];
            params.extend(due.map(|due| ("due", due.to_string())));
            params.extend(owner.map(|owner| ("owner", owner)));
            ("add-todo", params)
        }
        TodoCommand::Done { customer, todo } => ("finish-todo", vec![("customer", customer), ("key", todo)]),
        TodoCommand::List { customer } => (
            "list-todos",
            customer
                .map(|customer| ("customer", customer))
                .into_iter()
                .collect(),
        ),
    };
    send(common, command, params, args.locale.map(Into::into), clock).await
}

/// Sends a command and prints its answer.
pub(super) async fn send(
    common: &Common,
    command: &str,
    params: Vec<(&str, String)>,
    locale: Option<Locale>,
    clock: Arc<dyn Clock>,
) -> Result<ExitCode, Failure> {
    let task = task(command, params, locale, clock.as_ref());
    let outcome = answered(common, &task, clock).await?;
    Ok(output::outcome(&outcome, common.json))
}

/// A task for Customer-Health with these parameters, by whoever is at the keyboard.
pub(super) fn task(
    command: &str,
    params: Vec<(&str, String)>,
    locale: Option<Locale>,
    clock: &dyn Clock,
) -> Task {
    let mut task = Task::new(new_id(clock), "customer-health", command);
    task.instruction.params = params
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::String(value)))
        .collect();
    task.requested_by = std::env::var("USER").ok();
    task.locale = locale;
    task
}

/// Sends a task and waits for its outcome.
pub(super) async fn answered(
    common: &Common,
    task: &Task,
    clock: Arc<dyn Clock>,
) -> Result<Outcome, Failure> {
    let envelope = serde_json::to_string(task).expect("a task is plain data and always serializes");
    let mut client = common.client(clock).await?;
    let answered = match client
        .call(&Request::Send {
            agent: None,
            envelope,
            wait_ms: 400,
        })
        .await
    {
        Ok(Response::Outcome(outcome)) => Ok(*outcome),
        Ok(Response::Pending(status)) => ask::wait(&mut client, status.task_id).await,
        Ok(other) => Err(ask::unexpected(&other)),
        Err(failure) => Err(failure),
    };
    client.close().await;
    answered
}
