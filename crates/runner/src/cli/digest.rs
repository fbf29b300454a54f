//! What was announced, in short: alerts in full, everything else counted.

use std::collections::BTreeMap;

use kunder_agent_core::task::Locale;
use serde_json::Value;

use super::{Failure, events, output};
use crate::client::Client;
use crate::control::EventLine;

/// Alerts, counted events, counted tasks for other processes.
#[derive(Default)]
struct Digest {
    /// Severity, then the line.
    alerts: Vec<(u64, String)>,
    events: BTreeMap<String, u64>,
    tasks: BTreeMap<String, u64>,
}

/// Prints what was announced so far.
pub(super) async fn show(client: &mut Client, locale: Locale) -> Result<(), Failure> {
    let mut digest = Digest::default();
    let mut after = 0;
    loop {
        let lines = events::page(client, after).await?;
        let Some(last) = lines.last() else { break };
        after = last.number;
        lines.iter().for_each(|line| digest.take(line, locale));
    }
    output::line(&digest.words(locale));
    Ok(())
}

impl Digest {
    fn take(&mut self, line: &EventLine, locale: Locale) {
        let event = &line.event;
        let text = |path: &str| event.pointer(path).and_then(Value::as_str);
        let Some(kind) = text("/type") else {
            let (to, command) = (
                text("/agent").unwrap_or_default(),
                text("/instruction/command").unwrap_or_default(),
            );
            *self.tasks.entry(format!("{to}: {command}")).or_default() += 1;
            return;
        };
        *self.events.entry(line.subject.clone()).or_default() += 1;
        if kind.ends_with(".at-risk.v1") {
            let severity = event
                .pointer("/data/severity")
                .and_then(Value::as_u64)
                .unwrap_or_default();
            let band = if severity > 2 {
                locale.pick("akut", "critical")
            } else {
                locale.pick("uppmärksamhet", "attention")
            };
            let (customer, reason) = (
                text("/data/customer").unwrap_or_default(),
                text("/data/reasons/0").unwrap_or_default(),
            );
            self.alerts
                .push((severity, format!("{customer}, {band}: {reason}")));
        }
    }

    fn words(mut self, locale: Locale) -> String {
        self.alerts
            .sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
        let mut lines = vec![format!(
            "{} ({})",
            locale.pick("LARM", "ALERTS"),
            self.alerts.len()
        )];
        lines.extend(self.alerts.iter().map(|(_, alert)| format!("- {alert}")));
        for (title, counts) in [
            (
                locale.pick("HÄNDELSER, för den som lyssnar", "EVENTS, for whoever listens"),
                &self.events,
            ),
            (
                locale.pick(
                    "UPPDRAG till andra processers agenter",
                    "TASKS for agents of other processes",
                ),
                &self.tasks,
            ),
        ] {
            lines.push(format!("\n{title} ({})", counts.values().sum::<u64>()));
            lines.extend(counts.iter().map(|(what, count)| format!("{count:>4}  {what}")));
        }
        lines.join("\n")
    }
}
