//! The task envelope of the Input Protocol (S3-56), canonical form. `envelope` reads it from bytes.

use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::criteria::Criterion;
use crate::id::{AgentName, TaskId};

/// The protocol this build speaks; another major version is refused.
pub const TASK_PROTOCOL: &str = "task/1";

/// A request addressed to one agent. Never changed after it was accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Task {
    /// `task/1`.
    #[serde(default = "protocol")]
    pub protocol: String,
    /// Chosen by the sender; the same id with the same body is the same task, with another body it is refused (409).
    pub task_id: TaskId,
    /// `customer-health`, `kunder/customer-health` or `Customer-Health-Agent`; may be left out where the subject names the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// What is known already.
    #[serde(default)]
    pub context: Context,
    /// What to do.
    #[serde(default)]
    pub instruction: Instruction,
    /// What makes the result acceptable; each is evaluated and its verdict returned (D-37).
    #[serde(default)]
    pub acceptance_criteria: Vec<Criterion>,
    /// After this moment the task is never started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// Who asks: a person or `process/agent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// Language of the words in the result: `sv` (default) or `en`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<Locale>,
    /// Answer as of the end of this day. A past day commits the outcome and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Date>,
    /// Commit the outcome and nothing else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// A subject that gets a copy of the outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// W3C trace context; comes back on the result and the events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// Who asked for the first task of the chain this one belongs to; never read from an envelope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub origin: Option<String>,
    /// The agents of the tasks this one follows from, oldest first; never read from an envelope.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(skip)]
    pub chain: Vec<AgentName>,
}

fn protocol() -> String {
    TASK_PROTOCOL.to_owned()
}

/// What the sender knows already: the customer, its health, its history, and whatever else.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// A name or an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<Value>,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What to do: a command with parameters, or words. On the wire also a plain string, which is `text`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Instruction {
    /// `health-check`, `onboard`, `pipeline-analysis`, `brief` …: an agent's own command, or nothing for its main one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
}

/// Language of what a person reads (D-40).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    #[default]
    Sv,
    En,
}

impl Locale {
    /// Picks the text of this language.
    #[must_use]
    pub fn pick<'a>(self, sv: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Sv => sv,
            Self::En => en,
        }
    }
}

impl Task {
    /// A task with an id, an agent and a command; the rest is empty.
    #[must_use]
    pub fn new(task_id: TaskId, agent: &str, command: &str) -> Self {
        Self {
            protocol: protocol(),
            task_id,
            agent: Some(agent.to_owned()),
            context: Context::default(),
            instruction: Instruction {
                command: Some(command.to_owned()),
                ..Instruction::default()
            },
            acceptance_criteria: Vec::new(),
            deadline: None,
            requested_by: None,
            locale: None,
            as_of: None,
            dry_run: false,
            reply_to: None,
            traceparent: None,
            origin: None,
            chain: Vec::new(),
        }
    }

    /// On whose account it runs, where requesters share what there is: who asked for the first task of its chain. All
    /// who do not say who they are count as one, `""`. A name is what the sender says it is; nobody has checked it.
    #[must_use]
    pub fn requester(&self) -> &str {
        let requester = self.origin.as_deref().or(self.requested_by.as_deref());
        requester.unwrap_or_default()
    }

    #[must_use]
    pub fn locale(&self) -> Locale {
        self.locale.unwrap_or_default()
    }

    #[must_use]
    pub fn command(&self) -> Option<&str> {
        self.instruction.command.as_deref()
    }

    /// A text parameter of the instruction.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.instruction.params.get(name).and_then(Value::as_str)
    }

    /// The customer the task is about, as the sender wrote it: `params.customer`, else `context.customer`.
    #[must_use]
    pub fn customer(&self) -> Option<&str> {
        self.param("customer").or(self.context.customer.as_deref())
    }

    /// The bytes of its body as JSON.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let mut counter = Counter(0);
        serde_json::to_writer(&mut counter, self).expect("a task is plain data and always serializes");
        counter.0
    }

    /// The hash that tells whether a second envelope with the same id is the same task.
    #[must_use]
    pub fn body_hash(&self) -> String {
        // A second delivery comes with a trace of its own and is the same task all the same.
        let untraced = Self {
            traceparent: None,
            ..self.clone()
        };
        let canonical = serde_json::to_vec(&untraced).expect("a task is plain data and always serializes");
        blake3::hash(&canonical).to_hex().to_string()
    }
}

/// Counts what is written to it.
struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
