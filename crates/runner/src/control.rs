//! What the command line asks of a runtime, embedded, over the socket, or over NATS: one request, one response, as JSON.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use kunder_agent_core::door::{Receipt, Refusal};
use kunder_agent_core::id::TaskId;
use kunder_agent_core::journal::TaskStatus;
use kunder_agent_core::letter::{DeadLetter, FullLetter, LetterId};
use kunder_agent_core::outcome::Outcome;
use kunder_agent_core::task::Locale;
use kunder_domain::fact::Fact;
use kunder_domain::portfolio::{Span, View};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::doctor::Diagnosis;
use crate::measured::MeasuredCustomer;
use crate::metrics::Metrics;

/// A request of the command line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(
    tag = "op",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Request {
    /// A quick command, as a chat frontend sends it.
    Ask(ChatRequest),
    /// An Input Protocol envelope, as text; waits for its outcome at most `wait_ms`.
    Send {
        agent: Option<String>,
        envelope: String,
        wait_ms: u64,
    },
    /// The outcome of a task, waited for at most `wait_ms`.
    Outcome {
        task_id: TaskId,
        wait_ms: u64,
    },
    Status {
        task_id: TaskId,
    },
    Cancel {
        task_id: TaskId,
        by: String,
    },
    /// The newest tasks first.
    List {
        limit: usize,
    },
    /// Facts of an import; storing one twice changes nothing.
    Import {
        facts: Vec<Fact>,
    },
    /// Announcements numbered above `after`.
    Events {
        after: u64,
        limit: usize,
    },
    Doctor,
    /// Dead letters, the newest first: those numbered below `before`, the open ones or all.
    Letters {
        before: Option<u64>,
        limit: usize,
        all: bool,
    },
    Letter {
        id: LetterId,
    },
    /// Tries once more what a letter holds.
    Replay {
        id: LetterId,
    },
    /// Tries once more what the next open letters hold, the oldest first: those numbered above `after` and up to `upto`,
    /// which is the newest one where it is not given.
    ReplayNext {
        after: u64,
        upto: Option<u64>,
    },
    Drop {
        id: LetterId,
    },
    Metrics,
    /// All customers as of a moment, frozen and cut into spans.
    Spans {
        as_of: Timestamp,
    },
    /// What these definitions, by file name, measure of the customers of a span.
    Measure {
        files: BTreeMap<String, String>,
        view: View,
        span: Span,
    },
    /// Waits until nothing is queued or running, at most `wait_ms`.
    Settle {
        wait_ms: u64,
    },
}

/// What a chat frontend sends.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChatRequest {
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<Locale>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Requests with the same conversation continue it: the answer to a question needs no command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Date>,
    /// How long to wait for the outcome before saying that it takes longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

/// What a chat frontend gets.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatReply {
    /// Words for a person.
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Set while the outcome is not ready: the task, and the subject its result will have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
}

/// The answer to a [`Request`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "is", content = "value", rename_all = "kebab-case")]
pub enum Response {
    Chat(Box<ChatReply>),
    Outcome(Box<Outcome>),
    Pending(Box<TaskStatus>),
    Status(Box<TaskStatus>),
    Receipt(Receipt),
    List(Vec<TaskStatus>),
    Imported(Imported),
    Events(Vec<EventLine>),
    Doctor(Box<Diagnosis>),
    Letters(Vec<DeadLetter>),
    /// A letter with its content.
    Letter(Box<FullLetter>),
    /// A letter after it was dealt with.
    Ended(Box<DeadLetter>),
    Replays(Replays),
    Metrics(Box<Metrics>),
    Spans {
        view: View,
        spans: Vec<Span>,
    },
    Measured(Vec<MeasuredCustomer>),
    Settled {
        open: u64,
    },
    Refused(Refusal),
}

/// What became of a number of letters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Replays {
    pub replayed: u64,
    /// Letters that stay open, with the reason.
    pub refused: Vec<(LetterId, String)>,
    /// Where to go on.
    pub after: u64,
    pub upto: u64,
    /// Whether letters are left.
    pub more: bool,
    /// Set when there is no place for more now: go on after this many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// What an import did.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    pub new: u64,
    pub known: u64,
    /// Facts whose id was known with another content: kept as they were.
    pub conflicting: u64,
    pub examples: Vec<String>,
}

/// Something that was announced.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventLine {
    pub number: u64,
    pub subject: String,
    pub committed_at: Timestamp,
    /// The event in CloudEvents' JSON form; for a task sent to another process, its envelope.
    pub event: Value,
}
