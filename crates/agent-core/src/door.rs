//! The way in: what every face of the runtime (NATS, socket, command line, chat) calls, and how it is refused.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::{AgentName, TaskId};
use crate::journal::TaskStatus;
use crate::outcome::Outcome;

/// Why something was not accepted. Nothing of it was journaled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    pub code: RefusalCode,
    /// The field that is wrong, where there is one: `taskId`, `acceptanceCriteria[1].op` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// One line that names what and where.
    pub message: String,
    /// What would mend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// When to try again, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// Codes as HTTP has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RefusalCode {
    /// 400: malformed.
    Malformed,
    /// 404: no such agent, command or task.
    Unknown,
    /// 409: the id belongs to another body.
    Conflict,
    /// 413: the payload is over the limit.
    TooLarge,
    /// 429: the mailbox is full; see `retry_after_ms`.
    Busy,
    /// 503: the store is away, or the runtime is draining.
    Unavailable,
}

impl RefusalCode {
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Unknown => 404,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::Busy => 429,
            Self::Unavailable => 503,
        }
    }
}

impl Refusal {
    #[must_use]
    pub fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self {
            code,
            field: None,
            message: message.into(),
            hint: None,
            retry_after_ms: None,
        }
    }

    /// A malformed field.
    #[must_use]
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            ..Self::new(RefusalCode::Malformed, message)
        }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "`{field}` {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Refusal {}

/// An accepted task: it is on disk and will have exactly one outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    pub task_id: TaskId,
    pub agent: AgentName,
    /// Accepted before: nothing new was started.
    pub known: bool,
}

/// What a request is answered with.
#[derive(Clone, Debug)]
pub enum Answer {
    Outcome(Box<Outcome>),
    /// Not ready in time; the status tells how far it is.
    Pending(Box<TaskStatus>),
}

/// An agent as it is discovered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentCard {
    pub name: AgentName,
    pub description: String,
    pub commands: Vec<String>,
}

/// An event from another process, as it came in.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// `salj`.
    pub process: String,
    /// `deal-won`.
    pub kind: String,
    /// What makes a second delivery the same: the CloudEvents `source` and `id`, else the message id.
    pub id: Option<String>,
    /// The CloudEvents `time`, where given.
    pub time: Option<jiff::Timestamp>,
    pub traceparent: Option<String>,
    pub data: Vec<u8>,
}

/// What every face of the runtime calls.
#[async_trait]
pub trait Door: Send + Sync + 'static {
    fn agents(&self) -> Vec<AgentCard>;

    /// Accepts an Input Protocol envelope; `agent` is the one its subject names, if any. Durable when it returns.
    async fn submit(
        &self,
        agent: Option<&str>,
        traceparent: Option<&str>,
        payload: &[u8],
    ) -> Result<Receipt, Refusal>;

    /// Waits for an outcome, at most `wait`.
    async fn outcome(&self, task: &TaskId, wait: Duration) -> Result<Answer, Refusal>;

    async fn status(&self, task: &TaskId) -> Result<TaskStatus, Refusal>;

    async fn cancel(&self, task: &TaskId, by: &str) -> Result<TaskStatus, Refusal>;

    /// `{text, locale?, user?, conversation?}` in, `{text, outcome}` out.
    async fn chat(&self, payload: &[u8]) -> Result<Vec<u8>, Refusal>;

    /// The success metrics that Huvudstrategi asks for (S0-26, D-07).
    async fn metrics(&self) -> Result<Value, Refusal>;

    /// A request of the command line, as over the socket.
    async fn control(&self, payload: &[u8]) -> Result<Vec<u8>, Refusal>;

    /// What is counted, for whoever watches; null where nothing is. Never waits.
    fn figures(&self) -> Value {
        Value::Null
    }

    /// An event from another process. Durable when it returns.
    async fn incoming(&self, incoming: Incoming) -> Result<Receipt, Refusal>;
}
