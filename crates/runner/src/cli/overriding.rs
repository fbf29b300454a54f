//! `kunder health override` and `withdraw`: an exception that a person makes for one customer's health, until a day.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use jiff::civil::Date;
use kunder_agent_core::clock::Clock;

use super::{Common, Failure, LocaleArg, day, notes};

#[derive(Args)]
pub(crate) struct OverrideArgs {
    /// The customer's name or id
    customer: String,
    #[command(flatten)]
    effect: EffectArgs,
    /// Why, in a sentence: it is shown wherever the exception counts
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    /// Who answers for it
    #[arg(long = "as", value_name = "PERSON", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    author: String,
    /// The last day on which it counts, at most a year away
    #[arg(long, value_name = "DAY", value_parser = day)]
    expires: Date,
    /// The language of the answer
    #[arg(long)]
    locale: Option<LocaleArg>,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct EffectArgs {
    /// The score is at most this, 0 to 100
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    cap: Option<String>,
    /// The score is at least this, 0 to 100
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    floor: Option<String>,
    /// The customer is in this band of its model, whatever the score
    #[arg(long, value_name = "KEY")]
    band: Option<String>,
}

#[derive(Args)]
pub(crate) struct WithdrawArgs {
    /// The customer's name or id
    customer: String,
    /// The exception's id, as `health explain` shows it
    id: String,
    /// Who withdraws it
    #[arg(long = "as", value_name = "PERSON", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    author: String,
    /// The language of the answer
    #[arg(long)]
    locale: Option<LocaleArg>,
}

pub(super) async fn make(
    common: &Common,
    args: OverrideArgs,
    clock: Arc<dyn Clock>,
) -> Result<ExitCode, Failure> {
    let EffectArgs { cap, floor, band } = args.effect;
    let effects = [("cap", cap), ("floor", floor), ("band", band)];
    let mut params = vec![
        ("customer", args.customer),
        ("reason", args.reason),
        ("author", args.author),
        ("expires", args.expires.to_string()),
    ];
    params.extend(
        effects
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let locale = args.locale.map(Into::into);
    notes::send(common, "override-health", params, locale, clock).await
}

pub(super) async fn withdraw(
    common: &Common,
    args: WithdrawArgs,
    clock: Arc<dyn Clock>,
) -> Result<ExitCode, Failure> {
    let params = vec![
        ("customer", args.customer),
        ("override", args.id),
        ("author", args.author),
    ];
    let locale = args.locale.map(Into::into);
    notes::send(common, "withdraw-override", params, locale, clock).await
}
