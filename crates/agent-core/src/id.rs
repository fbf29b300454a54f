//! Ids: of tasks, and of agents as `process/agent`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Longest id that is accepted, in bytes (design, section 4).
pub const ID_BYTES_MAX: usize = 128;

/// The id of a task: 1 to 128 bytes of any text without control characters. It travels unchanged in bodies and encoded in subjects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("minLength" = 1, "maxLength" = 128))]
pub struct TaskId(String);

/// Why a text is not an id.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum IdError {
    #[error("must not be empty")]
    Empty,
    #[error("is {bytes} bytes long, at most {ID_BYTES_MAX} are allowed")]
    TooLong { bytes: usize },
    #[error("contains the control character U+{code:04X}")]
    Control { code: u32 },
}

impl TaskId {
    /// # Errors
    /// An empty text, one over 128 bytes, or one with control characters.
    pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
        let text = text.into();
        if text.trim().is_empty() {
            return Err(IdError::Empty);
        }
        if text.len() > ID_BYTES_MAX {
            return Err(IdError::TooLong { bytes: text.len() });
        }
        if let Some(control) = text.chars().find(|c| c.is_control()) {
            return Err(IdError::Control { code: control as u32 });
        }
        Ok(Self(text))
    }

    /// The id of something that follows from `cause`: the same cause and key never make two.
    #[must_use]
    pub fn derived(cause: &str, key: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(cause.len() as u64).to_le_bytes());
        hasher.update(cause.as_bytes());
        hasher.update(key.as_bytes());
        Self(format!("k-{}", &hasher.finalize().to_hex()[..32]))
    }

    /// Whether it has the shape of [`TaskId::derived`].
    #[must_use]
    pub fn is_derived(&self) -> bool {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        self.0
            .strip_prefix("k-")
            .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(hex))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TaskId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// The token of an agent inside its process, `customer-health`: `[a-z0-9_-]+`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct AgentName(String);

impl AgentName {
    /// Any spelling becomes the token: `Customer-Health-Agent`, `Customer Health` and `customer-health` are one agent (S0-35).
    #[must_use]
    pub fn new(text: &str) -> Self {
        let lower = text.trim().to_lowercase().replace([' ', '.'], "-");
        let short = lower
            .strip_suffix("-agent")
            .filter(|rest| !rest.is_empty())
            .unwrap_or(&lower);
        Self(short.to_owned())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where an agent lives: `salj/pipeline-agent` is another agent than our own `kunder/pipeline` (S0-35).
/// The process token is folded (`Sälj` is `salj`); the agent's token is kept as its owner spells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    pub process: String,
    pub agent: String,
}

impl Address {
    /// Splits `process/agent`; without a slash the process is `home`.
    #[must_use]
    pub fn parse(text: &str, home: &str) -> Self {
        let (process, agent) = text.split_once('/').unwrap_or((home, text));
        Self {
            process: fold_token(process),
            agent: fold_token(agent),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.process, self.agent)
    }
}

fn fold_token(text: &str) -> String {
    text.trim()
        .to_lowercase()
        .chars()
        .map(|c| match c {
            'å' | 'ä' => 'a',
            'ö' => 'o',
            ' ' | '.' => '-',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_bounded_and_printable() {
        assert!(TaskId::new("cs-1 åäö").is_ok());
        assert_eq!(TaskId::new("  "), Err(IdError::Empty));
        assert_eq!(TaskId::new("x".repeat(129)), Err(IdError::TooLong { bytes: 129 }));
        assert_eq!(TaskId::new("a\nb"), Err(IdError::Control { code: 10 }));
    }

    #[test]
    fn derived_ids_depend_on_cause_and_key_and_their_border() {
        assert_eq!(TaskId::derived("a", "b"), TaskId::derived("a", "b"));
        assert_ne!(TaskId::derived("a", "bc"), TaskId::derived("ab", "c"));
        assert!(TaskId::derived("a", "b").is_derived());
        assert!(!TaskId::new("k-12").unwrap().is_derived());
    }

    #[test]
    fn three_pipeline_agents_resolve_differently() {
        let texts = [
            "Pipeline-Agent",
            "Sälj/Pipeline-Agent",
            "Sälj/Sales-Pipeline-Agent",
        ];
        let resolved: Vec<String> = texts
            .iter()
            .map(|text| Address::parse(text, "kunder").to_string())
            .collect();
        assert_eq!(
            resolved,
            [
                "kunder/pipeline-agent",
                "salj/pipeline-agent",
                "salj/sales-pipeline-agent"
            ]
        );
        assert_eq!(AgentName::new("Pipeline-Agent"), AgentName::new("pipeline"));
    }
}
