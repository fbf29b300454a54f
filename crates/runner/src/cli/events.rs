//! `kunder events`: what was announced, and what is being announced.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use jiff::SignedDuration;
use kunder_agent_core::clock::Clock;
use serde_json::Value;

use super::{Common, Failure, ask, output};
use crate::client::Client;
use crate::control::{EventLine, Request, Response};

const PAGE: usize = 500;

#[derive(Args)]
pub(crate) struct EventsArgs {
    /// Go on until interrupted
    #[arg(long)]
    follow: bool,
    /// Only what was announced after this number
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    after: u64,
}

pub(super) async fn run(
    common: &Common,
    args: &EventsArgs,
    clock: Arc<dyn Clock>,
) -> Result<ExitCode, Failure> {
    let mut client = common.client(Arc::clone(&clock)).await?;
    if args.follow && client.is_embedded() {
        client.close().await;
        return Err(
            Failure::usage("nothing is being announced: no `kunder serve` runs on this folder")
                .hint("start it, or leave --follow out"),
        );
    }
    let mut after = args.after;
    let shown = loop {
        match show(&mut client, after, common.json).await {
            Ok(last) if last > after => after = last,
            Ok(_) if args.follow => {
                clock
                    .sleep_until(clock.now() + SignedDuration::from_millis(300))
                    .await
            }
            Ok(_) => break Ok(ExitCode::SUCCESS),
            Err(failure) => break Err(failure),
        }
    };
    client.close().await;
    shown
}

/// A page of what came after a number.
pub(super) async fn page(client: &mut Client, after: u64) -> Result<Vec<EventLine>, Failure> {
    match client.call(&Request::Events { after, limit: PAGE }).await? {
        Response::Events(lines) => Ok(lines),
        other => Err(ask::unexpected(&other)),
    }
}

/// Prints a page of what came after a number; returns the last number.
async fn show(client: &mut Client, after: u64, as_json: bool) -> Result<u64, Failure> {
    let lines = page(client, after).await?;
    for line in &lines {
        if as_json {
            output::json(&line.event);
        } else {
            output::line(&words(line));
        }
    }
    Ok(lines.last().map_or(after, |line| line.number))
}

/// `12  2026-11-22 08:00:00Z  kunder.event.customer-health.at-risk  name: reason`; a task for another process by its address.
fn words(line: &EventLine) -> String {
    let event = &line.event;
    let text = |path: &&str| event.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let first = |paths: &[&str]| paths.iter().find_map(text);
    let (subject, said) = match (first(&["/type"]), first(&["/instruction/text"])) {
        (None, said) => (
            format!("→ {}", first(&["/agent"]).unwrap_or_else(|| line.subject.clone())),
            said,
        ),
        (Some(_), _) => (line.subject.clone(), None),
    };
    let letter = || {
        Some(format!(
            "{}: {}",
            first(&["/data/letter"])?,
            first(&["/data/reason"])?
        ))
    };
    let said = said.or_else(letter).unwrap_or_else(|| {
        let about = first(&["/data/customer", "/context/customer", "/data/title/sv"]);
        let what = match (first(&["/data/from"]), first(&["/data/to"])) {
            (Some(from), Some(to)) => Some(format!("{from} → {to}")),
            (None, Some(to)) => Some(to),
            (_, None) => first(&[
                "/data/reasons/0",
                "/data/title",
                "/data/service",
                "/data/with",
                "/data/path",
                "/data/cause",
                "/instruction/command",
            ]),
        };
        let counts = event.pointer("/data/customers/total_managed").map(|total| {
            let count = |name: &str| {
                event
                    .pointer(&format!("/data/customers/{name}"))
                    .cloned()
                    .unwrap_or_default()
            };
            format!(
                "{total} customers: {} critical, {} at risk, {} healthy",
                count("critical"),
                count("at_risk"),
                count("healthy")
            )
        });
        [about, what, counts]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(": ")
    });
    let time = line.committed_at.strftime("%Y-%m-%d %H:%M:%SZ");
    format!("{:>5}  {time}  {subject:<47}  {said}", line.number)
}
