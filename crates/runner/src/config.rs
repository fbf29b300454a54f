//! The configuration: one file, every key with a default, checked whole before anything is opened.

use std::path::{Path, PathBuf};

use kunder_agent_core::runtime::RuntimeConfig;
use serde::Deserialize;
use thiserror::Error;

/// Where the data folder is unless told otherwise.
pub const DATA_DEFAULT: &str = "kunder-data";

/// What `--config FILE` may hold (YAML). Command-line options win over it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The data folder; `--data`, then the environment's `KUNDER_DATA`, come first.
    pub data: Option<PathBuf>,
    /// The NATS server, `nats://127.0.0.1:4222`; none means in-process only.
    pub nats: Option<String>,
    /// Our process token on the wire, `kunder`.
    pub process: Option<String>,
    /// A folder of definitions in place of the shipped ones.
    pub definitions: Option<PathBuf>,
    #[serde(default)]
    pub limits: LimitsConfig,
    #[serde(default)]
    pub checks: ChecksConfig,
}

/// Which checks of health are made without being asked for while we serve.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChecksConfig {
    /// Of all customers, once a day.
    pub daily: bool,
    /// When, where the organisation is: `06:00`.
    pub at: jiff::civil::Time,
    /// Of customers there is news of, when it comes.
    pub news: bool,
}

impl Default for ChecksConfig {
    fn default() -> Self {
        Self {
            daily: true,
            at: jiff::civil::time(6, 0, 0, 0),
            news: true,
        }
    }
}

/// Limits that may be changed; see [`RuntimeConfig`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    pub mailbox: Option<usize>,
    pub mailbox_bytes: Option<usize>,
    pub concurrency: Option<usize>,
    pub payload_bytes_max: Option<usize>,
    pub outcome_bytes_max: Option<usize>,
    pub outcome_rows_max: Option<usize>,
    pub decide_limit_ms: Option<u64>,
    pub gather_limit_ms: Option<u64>,
    /// Decisions that may hang at a time before the process gives up.
    pub abandoned_max: Option<u64>,
}

/// Why a configuration is refused.
#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} is not a configuration: {reason}")]
    Parse { path: PathBuf, reason: String },
    #[error("{path}: `{key}` {reason}")]
    Value {
        path: PathBuf,
        key: &'static str,
        reason: String,
    },
}

impl Config {
    /// Reads a file; without one everything has its default.
    ///
    /// # Errors
    /// When the file cannot be read, has an unknown key, or a value that cannot be.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let config: Self = serde_saphyr::from_str(&text).map_err(|error| ConfigError::Parse {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let value = |key, reason: &str| ConfigError::Value {
            path: path.to_owned(),
            key,
            reason: reason.to_owned(),
        };
        if let Some(process) = &config.process
            && (process.is_empty()
                || !process
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'))
        {
            return Err(value("process", "must be one token of a-z, 0-9 and -"));
        }
        let limits = &config.limits;
        let zero = [
            ("limits.mailbox", limits.mailbox),
            ("limits.mailbox_bytes", limits.mailbox_bytes),
            ("limits.concurrency", limits.concurrency),
            ("limits.payload_bytes_max", limits.payload_bytes_max),
            ("limits.outcome_rows_max", limits.outcome_rows_max),
        ];
        if let Some((key, _)) = zero.into_iter().find(|(_, limit)| *limit == Some(0)) {
            return Err(value(key, "must be at least 1"));
        }
        if limits.abandoned_max == Some(0) {
            return Err(value("limits.abandoned_max", "must be at least 1"));
        }
        if limits.outcome_bytes_max.is_some_and(|bytes| bytes < 65_536) {
            return Err(value("limits.outcome_bytes_max", "must be at least 65536"));
        }
        Ok(config)
    }

    #[must_use]
    pub fn process(&self) -> &str {
        self.process.as_deref().unwrap_or("kunder")
    }

    /// The runtime's limits; outcomes stay below the broker's payload limit, where there is one.
    #[must_use]
    pub fn runtime(&self, zone: jiff::tz::TimeZone, broker_bytes_max: Option<usize>) -> RuntimeConfig {
        let mut runtime = RuntimeConfig {
            process: self.process().to_owned(),
            zone,
            ..RuntimeConfig::default()
        };
        let limits = &self.limits;
        let set = |target: &mut usize, limit: Option<usize>| *target = limit.unwrap_or(*target);
        set(&mut runtime.mailbox, limits.mailbox);
        set(&mut runtime.mailbox_bytes, limits.mailbox_bytes);
        set(&mut runtime.concurrency, limits.concurrency);
        set(&mut runtime.payload_bytes_max, limits.payload_bytes_max);
        set(&mut runtime.outcome.bytes_max, limits.outcome_bytes_max);
        set(&mut runtime.outcome.rows_max, limits.outcome_rows_max);
        if let Some(bytes) = broker_bytes_max {
            // The headers count against the broker's limit too.
            runtime.outcome.bytes_max = runtime.outcome.bytes_max.min(bytes.saturating_sub(8_192));
        }
        if let Some(ms) = limits.decide_limit_ms {
            runtime.decide_limit = std::time::Duration::from_millis(ms);
        }
        if let Some(ms) = limits.gather_limit_ms {
            runtime.gather_limit = std::time::Duration::from_millis(ms);
        }
        runtime.abandoned_max = limits.abandoned_max.unwrap_or(runtime.abandoned_max);
        runtime
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kunder.yaml");
        std::fs::write(&path, text).unwrap();
        let message = Config::load(Some(&path)).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn a_wrong_key_or_value_is_named() {
        refused("natz: nats://x\n", "natz");
        refused("process: 'a.b'\n", "`process` must be one token");
        refused("limits: {mailbox: 0}\n", "`limits.mailbox` must be at least 1");
        refused("limits: {mailbox: many}\n", "mailbox");
        refused(
            "limits: {abandoned_max: 0}\n",
            "`limits.abandoned_max` must be at least 1",
        );
    }

    #[test]
    fn outcomes_stay_below_the_brokers_limit() {
        let config = Config::default().runtime(jiff::tz::TimeZone::UTC, Some(100_000));
        assert_eq!(config.outcome.bytes_max, 91_808);
    }
}
