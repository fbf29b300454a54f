//! The figures of a runtime: the account of its tasks and what went wrong, as JSON and as Prometheus reads it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use jiff::SignedDuration;
use kunder_agent_core::door::{Refusal, RefusalCode};
use kunder_agent_core::journal::TaskCounts;
use kunder_agent_core::runtime::Figures;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::service::Service;

/// Refusals since the process began, by the number of their code.
#[derive(Debug, Default)]
pub struct Refused(Mutex<BTreeMap<u16, u64>>);

impl Refused {
    /// Counts a refusal and hands it on.
    pub(crate) fn count<T>(&self, answer: Result<T, Refusal>) -> Result<T, Refusal> {
        if let Err(refusal) = &answer {
            *self.lock().entry(refusal.code.number()).or_default() += 1;
        }
        answer
    }

    fn read(&self) -> BTreeMap<u16, u64> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u16, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is counted. Counters begin at 0 when the process does; the account of tasks is the store's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    pub tasks: TaskCounts,
    /// Accepted tasks that no state accounts for: always 0.
    pub drift: i64,
    /// Announcements that wait, by destination.
    pub outbox: BTreeMap<String, u64>,
    /// How long the oldest of them has waited, in milliseconds.
    pub outbox_lag_ms: u64,
    /// Messages to other processes that were never taken.
    pub undelivered: u64,
    /// Decisions that hang on their threads by now, and those that were ever left so.
    pub hanging: u64,
    pub abandoned: u64,
    /// Restarts of actors.
    pub restarts: u64,
    /// Tasks that were stopped while they ran.
    pub stopped: u64,
    /// Refusals, by the number of their code.
    pub refused: BTreeMap<u16, u64>,
    /// Events of other processes that were put off because too many came about one customer.
    pub put_off: u64,
}

impl Metrics {
    /// Reads them. It only reads memory and the store, and so never waits.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn of(service: &Service) -> Result<Self, Refusal> {
        let away = |error: &dyn std::fmt::Display| Refusal::new(RefusalCode::Unavailable, error.to_string());
        let store = &service.store;
        let tasks = store.counts().await.map_err(|error| away(&error))?;
        let outbox = store
            .waiting_announcements()
            .await
            .map_err(|error| away(&error))?;
        let mut lag = SignedDuration::ZERO;
        for (destination, _) in &outbox {
            // In commit order: the first one has waited longest.
            let first = store.outbox(destination, 1).await.map_err(|error| away(&error))?;
            if let Some(first) = first.first() {
                lag = lag.max(service.clock.now().duration_since(first.committed_at));
            }
        }
        let undelivered = store.undelivered().await.map_err(|error| away(&error))?;
        let Figures {
            hanging,
            abandoned,
            restarts,
            stopped,
        } = service.runtime.figures();
        Ok(Self {
            tasks,
            drift: tasks.drift(),
            outbox: outbox.into_iter().collect(),
            outbox_lag_ms: u64::try_from(lag.as_millis()).unwrap_or(0),
            undelivered: undelivered.len() as u64,
            hanging,
            abandoned,
            restarts,
            stopped,
            refused: service.refused.read(),
            put_off: service.storms.put_off(),
        })
    }

    /// What went wrong since the process began, in words; nothing where nothing did.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        let counted = [
            (self.hanging, "decisions hang now"),
            (self.abandoned, "decisions were abandoned in a hang"),
            (self.restarts, "restarts of actors"),
            (self.put_off, "events of storms were put off"),
        ];
        let told = |(count, what): (u64, &str)| (count > 0).then(|| format!("{count} {what}"));
        counted.into_iter().filter_map(told).collect()
    }

    /// In the text form that Prometheus reads, in a fixed order.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let tasks = &self.tasks;
        let states = [
            ("complete", tasks.complete),
            ("partial", tasks.partial),
            ("failed", tasks.failed),
            ("queued", tasks.queued),
            ("running", tasks.running),
            ("waiting", tasks.waiting),
        ];
        let mut text = Text::default();
        text.one(
            "tasks_accepted_total",
            "counter",
            "Tasks that were ever accepted.",
            tasks.accepted,
        );
        text.many("tasks", "gauge", "Tasks, by how they stand.", "state", states);
        text.one(
            "tasks_drift",
            "gauge",
            "Accepted tasks that no state accounts for: always 0.",
            self.drift,
        );
        text.many(
            "outbox_waiting",
            "gauge",
            "Announcements that wait.",
            "destination",
            &self.outbox,
        );
        text.one(
            "outbox_lag_milliseconds",
            "gauge",
            "How long the oldest of them has waited.",
            self.outbox_lag_ms,
        );
        text.one(
            "letters_open",
            "gauge",
            "Messages to other processes that were never taken.",
            self.undelivered,
        );
        text.one(
            "decisions_hanging",
            "gauge",
            "Decisions that hang on their threads.",
            self.hanging,
        );
        text.one(
            "decisions_abandoned_total",
            "counter",
            "Decisions that were left in a hang.",
            self.abandoned,
        );
        text.one(
            "actor_restarts_total",
            "counter",
            "Restarts of actors.",
            self.restarts,
        );
        text.one(
            "tasks_stopped_total",
            "counter",
            "Tasks that were stopped while they ran.",
            self.stopped,
        );
        text.many("refused_total", "counter", "Refusals.", "code", &self.refused);
        text.one(
            "events_put_off_total",
            "counter",
            "Events of a storm that were put off.",
            self.put_off,
        );
        text.0
    }
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, kind, help);
        self.line(&format!("kunder_{name} {value}"));
    }

    fn many<K: std::fmt::Display, V: std::fmt::Display>(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (K, V)>,
    ) {
        self.head(name, kind, help);
        for (key, value) in values {
            // The names of destinations hold none of the three letters that would have to be escaped.
            self.line(&format!("kunder_{name}{{{label}=\"{key}\"}} {value}"));
        }
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.line(&format!("# HELP kunder_{name} {help}"));
        self.line(&format!("# TYPE kunder_{name} {kind}"));
    }

    fn line(&mut self, line: &str) {
        writeln!(self.0, "{line}").expect("text grows");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_reads_each_figure_with_its_kind_and_labels() {
        let metrics = Metrics {
            tasks: TaskCounts {
                accepted: 3,
                complete: 2,
                ..TaskCounts::default()
            },
            drift: 1,
            outbox: BTreeMap::from([("events".to_owned(), 2)]),
            refused: BTreeMap::from([(429, 7)]),
            ..Metrics::default()
        };
        let text = metrics.prometheus();
        for line in [
            "# TYPE kunder_tasks_accepted_total counter",
            "kunder_tasks_accepted_total 3",
            "kunder_tasks{state=\"complete\"} 2",
            "kunder_tasks_drift 1",
            "kunder_outbox_waiting{destination=\"events\"} 2",
            "kunder_refused_total{code=\"429\"} 7",
        ] {
            assert!(text.lines().any(|said| said == line), "no `{line}` in\n{text}");
        }
        assert!(text.ends_with('\n') && !text.contains("\n\n"));
    }
}
