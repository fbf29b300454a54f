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

pub(super) async fn run(common: &Common, args: &EventsArgs, clock: Arc<dyn Clock>) -> Result<ExitCode, Failure> {
    let mut client = common.client(Arc::clone(&clock)).await?;
    if args.follow && client.is_embedded() {
        client.close().await;
        return Err(Failure::usage("nothing is being announced: no `kunder serve` runs on this folder").hint("start it, or leave --follow out"));
    }
    let mut after = args.after;
    let shown = loop {
        match show(&mut client, after, common.json).await {
            Ok(last) if last > after => after = last,
            Ok(_) if args.follow => clock.sleep_until(clock.now() + SignedDuration::from_millis(300)).await,
            Ok(_) => break Ok(ExitCode::SUCCESS),
            Err(failure) => break Err(failure),
        }
    };
    client.close().await;
    shown
}

/// Prints a page of what came after a number; returns the last number.
pub(super) async fn show(client: &mut Client, after: u64, as_json: bool) -> Result<u64, Failure> {
    let lines = match client.call(&Request::Events { after, limit: PAGE }).await? {
        Response::Events(lines) => lines,
        other => return Err(ask::unexpected(&other)),
    };
    for line in &lines {
        if as_json {
            output::json(&line.event);
        } else {
            output::line(&words(line));
        }
    }
    Ok(lines.last().map_or(after, |line| line.number))
}

/// `11:02:07  kunder.event.customer-health.at-risk  customer/x  name — reason`.
fn words(line: &EventLine) -> String {
    let text = |value: &Value, path: &str| value.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let event = &line.event;
    let about = ["/data/customer", "/data/title", "/data/summary", "/context/customer", "/data/customerId"].iter().find_map(|path| text(event, path));
    let why = ["/data/reason", "/data/reasons/0", "/data/cause", "/instruction/text"].iter().find_map(|path| text(event, path));
    let time = line.committed_at.strftime("%Y-%m-%d %H:%M:%SZ");
    let parts: Vec<String> = [about, why].into_iter().flatten().collect();
    format!("{time}  {:<48}  {}", line.subject, parts.join(" — "))
}
