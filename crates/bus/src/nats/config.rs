//! The settings of the NATS bus.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::error::BusError;

/// How to reach NATS, and what the streams keep. The defaults suit one machine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NatsConfig {
    /// `nats://[user:password@]host:port`, several separated by commas.
    pub url: String,
    /// Our process, the first token of every subject: `[a-z0-9_-]+`.
    pub process: String,
    /// A credentials file, for servers with decentralised authentication.
    pub credentials: Option<PathBuf>,
    /// The prefix of reply subjects, for servers that separate their users by it.
    pub inbox_prefix: Option<String>,
    /// Copies of each stream, 1 to 5; more than one needs a cluster.
    pub replicas: usize,
    /// How long the broker knows a message id.
    pub duplicate_window_ms: u64,
    /// How long results, events, what came in and dead letters are kept; 0 keeps them for ever.
    pub keep_days: u64,
    /// As many tasks may wait in the work queue before the broker refuses more.
    pub tasks_max: i64,
    pub connect_timeout_ms: u64,
    /// A silent connection is asked for a sign of life so often, and given up after three times this: how long a cut that
    /// nobody told us of goes unnoticed. Whatever arrives counts as a sign, so a busy connection is not asked. Shorter
    /// would take a server that waits for its disk for a dead one.
    pub ping_interval_ms: u64,
    /// How often we look whether our streams are still there.
    pub look_interval_ms: u64,
    /// How long an answer of the broker may take.
    pub answer_timeout_ms: u64,
    /// How long a request waits for its outcome before it is answered with where the result will be.
    pub request_wait_ms: u64,
    /// Requests worked on at once, for each endpoint; one more is refused with 429.
    pub requests_max: usize,
    /// Messages of a stream being accepted at once, for each agent.
    pub accepts_max: usize,
    /// Messages the broker hands out before earlier ones are acknowledged, for each agent.
    pub max_ack_pending: i64,
    /// How long accepting a message may take before the broker hands it out again; also how long one waits that was
    /// on its way when a connection broke. Accepting is one commit, and a second delivery is harmless, so it may be short.
    pub ack_wait_ms: u64,
}

impl Default for NatsConfig {
    fn default() -> Self {
        Self {
            url: "nats://127.0.0.1:4222".to_owned(),
            process: "kunder".to_owned(),
            credentials: None,
            inbox_prefix: None,
            replicas: 1,
            duplicate_window_ms: 120_000,
            keep_days: 90,
            tasks_max: 1_000_000,
            connect_timeout_ms: 5_000,
            ping_interval_ms: 4_000,
            look_interval_ms: 15_000,
            answer_timeout_ms: 5_000,
            request_wait_ms: 30_000,
            requests_max: 256,
            accepts_max: 64,
            max_ack_pending: 256,
            ack_wait_ms: 10_000,
        }
    }
}

impl NatsConfig {
    /// The defaults, at this URL.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            ..Self::default()
        }
    }

    /// The URL without user and password, for logs.
    #[must_use]
    pub fn shown_url(&self) -> String {
        shown_url(&self.url)
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(crate) fn ping_interval(&self) -> Duration {
        Duration::from_millis(self.ping_interval_ms)
    }

    pub(crate) fn look_interval(&self) -> Duration {
        Duration::from_millis(self.look_interval_ms)
    }

    pub(crate) fn answer_timeout(&self) -> Duration {
        Duration::from_millis(self.answer_timeout_ms)
    }

    pub(crate) fn request_wait(&self) -> Duration {
        Duration::from_millis(self.request_wait_ms)
    }

    pub(crate) fn ack_wait(&self) -> Duration {
        Duration::from_millis(self.ack_wait_ms)
    }

    pub(crate) fn check(&self) -> Result<(), BusError> {
        let at_least = [
            ("requests_max", self.requests_max as u64, 1),
            ("accepts_max", self.accepts_max as u64, 1),
            ("connect_timeout_ms", self.connect_timeout_ms, 1),
            ("ping_interval_ms", self.ping_interval_ms, 100),
            ("look_interval_ms", self.look_interval_ms, 100),
            ("answer_timeout_ms", self.answer_timeout_ms, 1),
            ("ack_wait_ms", self.ack_wait_ms, 100),
            ("duplicate_window_ms", self.duplicate_window_ms, 100),
        ];
        for (key, value, least) in at_least {
            if value < least {
                return Err(BusError::setting(
                    key,
                    format!("is {value}, at least {least} is needed"),
                ));
            }
        }
        if !(1..=5).contains(&self.replicas) {
            return Err(BusError::setting(
                "replicas",
                format!("is {}, must be 1 to 5", self.replicas),
            ));
        }
        if self.max_ack_pending < 1 || self.tasks_max < 1 {
            return Err(BusError::setting(
                "max_ack_pending",
                "and `tasks_max` must be at least 1",
            ));
        }
        check_process(&self.process)
    }
}

pub(crate) fn check_process(process: &str) -> Result<(), BusError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if process.is_empty() || !process.chars().all(plain) {
        return Err(BusError::setting(
            "process",
            format!("is `{process}`, must be of a-z, 0-9, `-` and `_`"),
        ));
    }
    Ok(())
}

pub(crate) fn shown_url(url: &str) -> String {
    let shown = url
        .split(',')
        .map(|one| match (one.split_once("://"), one.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
            (None, Some((_, host))) => host.to_owned(),
            (_, None) => one.to_owned(),
        });
    shown.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_secrets() {
        assert_eq!(shown_url("nats://u:p@h:4222,nats://k"), "nats://h:4222,nats://k");
        assert_eq!(shown_url("u:p@h"), "h");
    }

    #[test]
    fn settings_are_checked_by_name() {
        let broken = |change: fn(&mut NatsConfig)| {
            let mut config = NatsConfig::default();
            change(&mut config);
            config.check().unwrap_err().to_string()
        };
        assert!(NatsConfig::default().check().is_ok());
        assert!(broken(|config| config.replicas = 6).contains("`replicas` is 6"));
        assert!(broken(|config| config.process = "Kunder.x".into()).contains("`process`"));
        assert!(broken(|config| config.accepts_max = 0).contains("`accepts_max`"));
        assert!(
            serde_json::from_str::<NatsConfig>(r#"{"replica":1}"#)
                .unwrap_err()
                .to_string()
                .contains("replica")
        );
    }
}
