//! `kunder health`: one customer's health, every point with where it comes from, and exceptions that persons make.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Subcommand, ValueEnum};
use jiff::civil::Date;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::task::{Locale, Task};

use super::overriding::{OverrideArgs, WithdrawArgs};
use super::{Common, Failure, LocaleArg, backtest, day, notes, output, overriding};

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
    /// What was said of a customer on each day, the newest first, with the trend against a day that is named
    History {
        /// The customer's name or id
        customer: String,
        /// Days to look back
        #[arg(long, default_value_t = 90)]
        days: i64,
        /// Up to the end of this day, 2026-11-22
        #[arg(long, value_name = "DAY", value_parser = day)]
        as_of: Option<Date>,
        /// The language
        #[arg(long)]
        locale: Option<LocaleArg>,
    },
    /// Record the health of every customer now, as `kunder serve` does each day
    Record {
        /// The language
        #[arg(long)]
        locale: Option<LocaleArg>,
    },
    /// Compute the records of a day again from all facts, and say where they differ
    Verify {
        /// The day [default: the last one with records]
        #[arg(long, value_name = "DAY", value_parser = day)]
        day: Option<Date>,
        /// The language
        #[arg(long)]
        locale: Option<LocaleArg>,
    },
    /// Make an exception for a customer, until a day: its score is at most or at least so many points, or it is in a band
    Override(OverrideArgs),
    /// End an exception before its last day
    Withdraw(WithdrawArgs),
    /// Whether a model tells who left from who stayed, on history whose end is known
    Backtest(backtest::BacktestArgs),
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
    let shared = clock;
    let clock = shared.as_ref();
    let (task, block) = match command {
        HealthCommand::Override(args) => return overriding::make(common, args, shared).await,
        HealthCommand::Withdraw(args) => return overriding::withdraw(common, args, shared).await,
        HealthCommand::Backtest(args) => return backtest::run(common, args, shared).await,
        HealthCommand::Explain {
            customer,
            as_of,
            since,
            locale,
        } => (explain(customer, as_of, since, locale, clock), "health"),
        HealthCommand::History {
            customer,
            days,
            as_of,
            locale,
        } => {
            let params = vec![("customer", customer), ("days", days.to_string())];
            let mut task = notes::task("health-history", params, locale.map(Locale::from), clock);
            task.as_of = as_of;
            (task, "healthHistory")
        }
        HealthCommand::Record { locale } => {
            let locale = locale.map(Locale::from);
            (
                notes::task("record-health", Vec::new(), locale, clock),
                "recording",
            )
        }
        HealthCommand::Verify { day, locale } => {
            let params = day.map(|day| ("day", day.to_string()));
            let locale = locale.map(Locale::from);
            (
                notes::task("verify-health", params.into_iter().collect(), locale, clock),
                "verification",
            )
        }
    };
    let outcome = notes::answered(common, &task, Arc::clone(&shared)).await?;
    Ok(output::block(&outcome, block, common.json))
}

fn explain(
    customer: String,
    as_of: Option<Date>,
    since: Option<Date>,
    locale: Option<Language>,
    clock: &dyn Clock,
) -> Task {
    let mut params = vec![("customer", customer)];
    params.extend(since.map(|since| ("since", since.to_string())));
    let (locale, language) = match locale {
        None => (None, None),
        Some(Language::Sv) => (Some(Locale::Sv), Some("sv")),
        Some(Language::En) => (Some(Locale::En), Some("en")),
        Some(Language::Nl) => (Some(Locale::En), Some("nl")),
    };
    params.extend(language.map(|language| ("language", language.to_owned())));
    let mut task = notes::task("explain-health", params, locale, clock);
    task.as_of = as_of;
    task
}
