//! What is configured, what is reachable, and what would be lost if what died.

use std::collections::BTreeMap;

use kunder_agent_core::door::{Refusal, RefusalCode};
use kunder_agent_core::journal::TaskCounts;
use kunder_bus::NatsBus;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metrics::Metrics;
use crate::service::Service;

/// Messages that were not delivered are named up to this many.
const UNDELIVERED_NAMED_MAX: usize = 10;

/// What the composition root knows.
pub struct Setting {
    pub data: String,
    /// `in-process`, or the NATS server.
    pub bus: String,
    pub nats: Option<NatsBus>,
    /// Why announcements are held back, if they are.
    pub held: Option<String>,
    /// `shipped (satori)` or the folder.
    pub definitions: String,
}

/// The findings.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    pub version: String,
    pub data: String,
    pub store: String,
    pub store_bytes: u64,
    pub facts: u64,
    pub customers: u64,
    pub bus: String,
    /// What was read of the broker, a line each.
    pub broker: Vec<String>,
    pub definitions: String,
    pub tasks: TaskCounts,
    /// Accepted tasks that no state accounts for: always 0.
    pub drift: i64,
    /// What went wrong since this process began, a line each.
    pub troubles: Vec<String>,
    /// Announcements that wait, by destination.
    pub waiting: BTreeMap<String, u64>,
    /// What does not work until a person mends it; the command's exit code is 1 while there are any.
    #[serde(default)]
    pub problems: Vec<String>,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// What would be lost if what died.
    pub losses: Vec<String>,
}

/// Looks at everything.
///
/// # Errors
/// When the store cannot be read.
pub async fn diagnose(service: &Service) -> Result<Diagnosis, Refusal> {
    let away = |error: &dyn std::fmt::Display| Refusal::new(RefusalCode::Unavailable, error.to_string());
    let setting = &service.facts;
    let metrics = Metrics::of(service).await?;
    let facts = service.store.fact_counts().await.map_err(|error| away(&error))?;
    let sizes = service.store.sizes();
    let waiting = service
        .store
        .waiting_announcements()
        .await
        .map_err(|error| away(&error))?;
    let drifted = (metrics.drift != 0).then(|| {
        format!(
            "{} tasks were accepted that no state accounts for: the store is damaged; keep a copy of it",
            metrics.drift
        )
    });
    let mut diagnosis = Diagnosis {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        data: setting.data.clone(),
        store: "SQLite, WAL, synchronous=FULL".to_owned(),
        store_bytes: sizes.database_bytes + sizes.log_bytes,
        facts: facts.facts,
        customers: facts.customers,
        bus: setting.bus.clone(),
        broker: Vec::new(),
        definitions: setting.definitions.clone(),
        tasks: metrics.tasks,
        drift: metrics.drift,
        troubles: metrics.troubles(),
        waiting: waiting.into_iter().collect(),
        problems: drifted.into_iter().collect(),
        warnings: setting.held.iter().cloned().collect(),
        losses: vec![
            "this process dies: nothing; what was accepted is in the store and is taken up at the next start"
                .to_owned(),
            format!(
                "the disk below {} dies: everything since the last backup of that folder",
                setting.data
            ),
        ],
    };
    if let Some(nats) = &setting.nats {
        let report = nats.inspect().await;
        diagnosis.broker.push(format!(
            "nats-server {}, API level {}, payloads up to {} bytes",
            report.server_version, report.api_level, report.max_payload_bytes
        ));
        diagnosis.broker.extend(report.streams.iter().map(|stream| {
            let (name, messages, bytes) = (&stream.name, stream.messages, stream.bytes);
            format!(
                "{name}: {messages} messages, {bytes} bytes, {} replica(s), {}",
                stream.replicas, stream.storage
            )
        }));
        diagnosis.problems.extend(report.problems);
        diagnosis.warnings.extend(report.warnings);
        diagnosis.losses.extend(report.losses);
    }
    let damages = service.store.damages().await.map_err(|error| away(&error))?;
    diagnosis.warnings.extend(
        damages.into_iter().map(|damage| {
            format!("the store is damaged: {damage}; stop kunder and put a backup in its place")
        }),
    );
    let undelivered = service.store.undelivered().await.map_err(|error| away(&error))?;
    let more = undelivered.len().saturating_sub(UNDELIVERED_NAMED_MAX);
    diagnosis
        .warnings
        .extend(undelivered.iter().take(UNDELIVERED_NAMED_MAX).map(|message| {
            format!(
                "not delivered to {}: {} ({})",
                message.destination, message.subject, message.reason
            )
        }));
    if more > 0 {
        diagnosis
            .warnings
            .push(format!("and {more} more were not delivered"));
    }
    let letters = service.store.open_letters().await.map_err(|error| away(&error))?;
    if letters > 0 {
        let (count, wait) = match letters {
            1 => ("1 dead letter".to_owned(), "waits"),
            _ => (format!("{letters} dead letters"), "wait"),
        };
        diagnosis
            .warnings
            .push(format!("{count} {wait} to be read: kunder dlq list"));
    }
    Ok(diagnosis)
}

impl Diagnosis {
    /// Whether nothing waits for a person.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.problems.is_empty()
    }

    /// In words, a line each.
    #[must_use]
    pub fn words(&self) -> String {
        let mut lines = vec![
            format!("kunder {}", self.version),
            format!("data         {}", self.data),
            format!(
                "store        {}, {} KiB, {} facts of {} customers",
                self.store,
                self.store_bytes / 1_024,
                self.facts,
                self.customers
            ),
            format!("bus          {}", self.bus),
        ];
        lines.extend(self.broker.iter().map(|line| format!("             {line}")));
        lines.push(format!("definitions  {}", self.definitions));
        let tasks = &self.tasks;
        lines.push(format!(
            "tasks        {} accepted = {} complete + {} partial + {} failed + {} queued + {} running + {} waiting",
            tasks.accepted, tasks.complete, tasks.partial, tasks.failed, tasks.queued, tasks.running, tasks.waiting
        ));
        lines.push(format!("drift        {}", self.drift));
        lines.extend(
            self.troubles
                .iter()
                .map(|trouble| format!("since start  {trouble}")),
        );
        let waiting: Vec<String> = self
            .waiting
            .iter()
            .map(|(destination, count)| format!("{destination} {count}"))
            .collect();
        lines.push(format!(
            "to announce  {}",
            if waiting.is_empty() {
                "nothing".to_owned()
            } else {
                waiting.join(", ")
            }
        ));
        lines.extend(
            self.problems
                .iter()
                .map(|problem| format!("problem      {problem}")),
        );
        lines.extend(
            self.warnings
                .iter()
                .map(|warning| format!("warning      {warning}")),
        );
        lines.extend(self.losses.iter().map(|loss| format!("if           {loss}")));
        lines.join("\n")
    }
}
