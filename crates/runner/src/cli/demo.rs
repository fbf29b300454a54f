//! `kunder demo`: the four quick commands on an invented portfolio, with the alerts and events they cause.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use jiff::civil::Date;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::task::Locale;
use kunder_domain::demo;
use kunder_domain::fact::{CustomerId, FactBody, field};

use super::{Common, Failure, LocaleArg, ask, day, digest, output};
use crate::app::{App, Options, definitions};
use crate::client::Client;
use crate::clock::SystemClock;
use crate::control::{ChatRequest, Request, Response};

/// The seed of the portfolio: the same day and seed make the same one.
const SEED: u64 = 20_250_904;

#[derive(Args)]
pub(crate) struct DemoArgs {
    /// The day on which the demonstration happens; the same day shows the same [default: today]
    #[arg(long, value_name = "DAY", value_parser = day)]
    as_of: Option<Date>,
    /// The language of the answers
    #[arg(long)]
    locale: Option<LocaleArg>,
}

pub(super) async fn run(common: &Common, args: &DemoArgs) -> Result<ExitCode, Failure> {
    let mut config = common.config()?;
    config.nats = None;
    let locale: Locale = args.locale.map(Into::into).unwrap_or_default();
    let (definitions, _) = definitions(config.definitions.as_deref())?;
    let zone = jiff::tz::TimeZone::get(&definitions.organisation.body.time_zone)
        .map_err(|error| Failure::usage(format!("the organisation's time zone is unknown: {error}")))?;
    let clock: Arc<dyn Clock> = match args.as_of {
        None => Arc::new(SystemClock::default()),
        Some(day) => {
            let morning = day
                .at(9, 0, 0, 0)
                .to_zoned(zone.clone())
                .map_err(|error| Failure::usage(format!("no such day: {error}")))?;
            Arc::new(SystemClock::starting_at(morning.timestamp()))
        }
    };
    let today = clock.now().to_zoned(zone.clone()).date();
    let (folder, temporary) = match &common.data {
        Some(folder) => (folder.clone(), false),
        None => (
            std::env::temp_dir().join(format!("kunder-demo-{:016x}", clock.random())),
            true,
        ),
    };
    let shown = show(
        common,
        &folder,
        config,
        clock,
        demo::generate(today, SEED, &zone),
        locale,
    )
    .await;
    if temporary {
        let _ = std::fs::remove_dir_all(&folder);
    }
    shown?;
    if !common.json && !temporary {
        // On another day than the portfolio's own, everything in it would look old or not yet there.
        let day = args
            .as_of
            .map_or_else(String::new, |day| format!(" --as-of {day}"));
        let folder = folder.display();
        output::line(&match locale {
            Locale::Sv => {
                format!(
                    "\nPortföljen ligger kvar. Prova: kunder ask \"Pipeline-analys\" --data {folder}{day}"
                )
            }
            Locale::En => {
                format!("\nThe portfolio stays. Try: kunder ask \"Pipeline analysis\" --data {folder}{day}")
            }
        });
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(
    common: &Common,
    folder: &std::path::Path,
    config: crate::config::Config,
    clock: Arc<dyn Clock>,
    facts: Vec<kunder_domain::fact::Fact>,
    locale: Locale,
) -> Result<(), Failure> {
    let name = example(&facts);
    let options = Options {
        data: PathBuf::from(folder),
        config,
        serve: false,
    };
    let mut client = Client::Embedded(Box::new(App::open(options, clock).await?));
    if let Err(failure) = only_invented(&mut client, folder).await {
        client.close().await;
        return Err(failure);
    }
    let count = facts
        .iter()
        .map(|fact| &fact.customer)
        .collect::<std::collections::BTreeSet<&CustomerId>>()
        .len();
    if !common.json {
        output::line(&match locale {
            Locale::Sv => format!(
                "En påhittad portfölj: {count} påhittade föreningar, {} fakta.",
                facts.len()
            ),
            Locale::En => format!(
                "An invented portfolio: {count} invented Swedish associations, {} facts.",
                facts.len()
            ),
        });
    }
    client.call(&Request::Import { facts }).await?;
    for (sv, en) in [
        ("Kör kundhälsokoll".to_owned(), "Run health check".to_owned()),
        (format!("Onboarding för {name}"), format!("Onboarding for {name}")),
        ("Pipeline-analys".to_owned(), "Pipeline analysis".to_owned()),
        (
            format!("Hämta kundinfo {name}"),
            format!("Get customer info {name}"),
        ),
    ] {
        let text = locale.pick(&sv, &en).to_owned();
        if !common.json {
            output::line(&format!("\n━━━ {text} ━━━\n"));
        }
        let request = ChatRequest {
            text,
            locale: Some(locale),
            wait_ms: Some(400),
            ..ChatRequest::default()
        };
        let outcome = ask::ask(&mut client, request).await?;
        output::outcome(&outcome, common.json);
    }
    client.call(&Request::Settle { wait_ms: 30_000 }).await?;
    if !common.json {
        output::line(&format!(
            "\n━━━ {} ━━━\n",
            locale.pick("Larm och händelser", "Alerts and events")
        ));
        digest::show(&mut client, locale).await?;
    }
    client.close().await;
    Ok(())
}

/// Invented customers never go among those of a folder that has some, real or of another day.
async fn only_invented(client: &mut Client, folder: &std::path::Path) -> Result<(), Failure> {
    match client.call(&Request::Doctor).await? {
        Response::Doctor(diagnosis) if diagnosis.customers == 0 => Ok(()),
        Response::Doctor(diagnosis) => Err(Failure::usage(format!("{} already holds {} customers", folder.display(), diagnosis.customers))
            .hint("name an empty folder, leave --data out, or ask about what is there: kunder ask \"Kör kundhälsokoll\" --data DIR")),
        other => Err(ask::unexpected(&other)),
    }
}

/// The customer that is shown: the one being onboarded, which has most to tell.
fn example(facts: &[kunder_domain::fact::Fact]) -> String {
    let onboarding = facts
        .iter()
        .rev()
        .find(|fact| matches!(fact.body, FactBody::Onboarding { .. }))
        .or(facts.first());
    let Some(customer) = onboarding.map(|fact| &fact.customer) else {
        return String::new();
    };
    let name = facts.iter().find_map(|fact| match &fact.body {
        FactBody::Profile { field: name, value } if name == field::NAME && fact.customer == *customer => {
            Some(value.clone())
        }
        _ => None,
    });
    name.unwrap_or_else(|| customer.to_string())
}
