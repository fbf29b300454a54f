//! `kunder health explain`: one customer's health, every point with where it comes from.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Subcommand, ValueEnum};
use jiff::civil::Date;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::task::Locale;

use super::{Common, Failure, day, notes, output};

#[derive(Subcommand)]
pub(crate) enum HealthCommand {
    /// Why a customer is as it is: contributions that sum to the score, what is missing or old, what changed
    Explain {
        /// The customer's name or id
        customer: String,
        /// As of the end of this day, 2026-11-22
        #[arg(long, value_name = "DAY", value_parser = day)]
        as_of: Option<Date>,
        /// Compared with the end of this day [default: a week before]
        #[arg(long, value_name = "DAY", value_parser = day)]
        since: Option<Date>,
        /// The language
        #[arg(long)]
        locale: Option<Language>,
    },
}

/// Languages a customer's own people may read.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Language {
    Sv,
    En,
    Nl,
}

pub(super) async fn run(
    common: &Common,
    command: HealthCommand,
    clock: Arc<dyn Clock>,
) -> Result<ExitCode, Failure> {
    let HealthCommand::Explain {
        customer,
        as_of,
        since,
        locale,
    } = command;
    let mut params = vec![("customer", customer)];
    params.extend(since.map(|since| ("since", since.to_string())));
    let (locale, language) = match locale {
        None => (None, None),
        Some(Language::Sv) => (Some(Locale::Sv), Some("sv")),
        Some(Language::En) => (Some(Locale::En), Some("en")),
        Some(Language::Nl) => (Some(Locale::En), Some("nl")),
    };
    params.extend(language.map(|language| ("language", language.to_owned())));
    let mut task = notes::task("explain-health", params, locale, clock.as_ref());
    task.as_of = as_of;
    let outcome = notes::answered(common, &task, clock).await?;
    Ok(output::block(&outcome, "health", common.json))
}
