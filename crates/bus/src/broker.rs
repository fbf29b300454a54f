//! The port to a broker: what JetStream does for our rules of announcing and accepting. NATS implements it, and a simulation.

use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

/// Headers of a message, as they stand on the wire; the values of one name stand together.
pub type Headers = Vec<(String, String)>;

/// The streams of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamNames {
    /// The first token of every subject: `kunder`.
    pub process: String,
    /// The work queues of the agents: `KUNDER_TASKS`.
    pub tasks: String,
    pub results: String,
    pub events: String,
    /// What other processes tell us: `KUNDER_IN`.
    pub inbox: String,
    /// Dead letters: `KUNDER_DLQ`.
    pub letters: String,
}

impl StreamNames {
    #[must_use]
    pub fn of(process: &str) -> Self {
        let name = |what: &str| format!("{}_{what}", process.to_ascii_uppercase());
        Self {
            process: process.to_owned(),
            tasks: name("TASKS"),
            results: name("RESULTS"),
            events: name("EVENTS"),
            inbox: name("IN"),
            letters: name("DLQ"),
        }
    }

    /// The subjects of an agent's work queue: `kunder.task.pipeline.*`.
    #[must_use]
    pub fn task_subjects(&self, agent: &str) -> String {
        format!("{}.task.{agent}.*", self.process)
    }

    #[must_use]
    pub fn result_subjects(&self) -> String {
        format!("{}.result.>", self.process)
    }

    #[must_use]
    pub fn event_subjects(&self) -> String {
        format!("{}.event.>", self.process)
    }

    #[must_use]
    pub fn inbox_subjects(&self) -> String {
        format!("{}.in.>", self.process)
    }

    #[must_use]
    pub fn letter_subjects(&self) -> String {
        format!("{}.dlq.>", self.process)
    }
}

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    pub subject: String,
    /// `Nats-Msg-Id`: the broker stores one message per id, as long as it remembers.
    pub message_id: String,
    pub headers: Headers,
    pub body: Vec<u8>,
    /// When the broker stores it.
    pub condition: Condition,
}

/// On what condition a message is stored. A broker looks at the message id first: a repeat inside its memory
/// is answered as one, whatever its condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    Nothing,
    /// Its stream holds no message on this subject (`Nats-Expected-Last-Subject-Sequence: 0`).
    SubjectIsNew,
    /// The stream's last sequence is this one (`Nats-Expected-Last-Sequence`).
    LastSequence(u64),
    /// The stream's last message has this id (`Nats-Expected-Last-Msg-Id`).
    LastMessageId(String),
}

/// A message that its stream holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    pub sequence: u64,
    /// It was there before, known by its id.
    pub duplicate: bool,
}

/// Why a message was not stored, or may not have been.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PublishError {
    /// Another sequence than the condition names, of the stream or of the subject.
    #[error("the last sequence is another one: {0}")]
    WrongLastSequence(String),
    #[error("the last message id is another one: {0}")]
    WrongLastMessageId(String),
    /// It can never be stored.
    #[error("{0}")]
    TooLarge(String),
    /// It can never be sent.
    #[error("{0}")]
    InvalidSubject(String),
    /// No stream has this subject.
    #[error("no stream takes it: {0}")]
    NobodyTakesIt(String),
    /// The broker is away, or did not answer: it may have stored the message or not.
    #[error("{0}")]
    Unavailable(String),
}

/// The end of the event stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEnd {
    /// The last sequence the stream gave, 0 for a new stream.
    pub sequence: u64,
    /// The headers of the last message, where the stream holds one.
    pub headers: Option<Headers>,
}

/// A broker as one process sees it, over one connection that is made anew when it breaks.
#[async_trait]
pub trait Broker: Send + Sync + 'static {
    /// For `doctor` and logs: `nats nats://127.0.0.1:4222`.
    fn describe(&self) -> String;

    fn streams(&self) -> &StreamNames;

    /// The number of the connection, another one each time it is made; `None` while it is away: what is sent then
    /// would wait and arrive out of order.
    fn connection(&self) -> Option<u64>;

    /// The largest message that is taken, in bytes, headers included.
    fn max_payload(&self) -> usize;

    /// Sends all without waiting in between, then awaits every answer. One answer each, in order; where one could not
    /// be sent, its error is the last answer, and those behind it are not sent.
    async fn publish(&self, messages: Vec<Outgoing>) -> Vec<Result<Stored, PublishError>>;

    /// Where the event stream ends.
    ///
    /// # Errors
    /// The broker is away, or does not know the stream.
    async fn end_of_events(&self) -> Result<StreamEnd, PublishError>;

    /// Sends a message to whoever listens now, nothing more; its condition is not looked at.
    ///
    /// # Errors
    /// It can never be sent, or there is no connection.
    async fn send(&self, message: Outgoing) -> Result<(), PublishError>;

    /// Returns once the broker has everything that was sent before over the same connection. What was sent over an
    /// earlier one may be lost.
    ///
    /// # Errors
    /// The broker is away: nothing is known of what was sent.
    async fn flush(&self) -> Result<(), PublishError>;
}

/// A message that a broker handed out, and that is to be acknowledged.
#[async_trait]
pub trait Delivery: Send + Sync {
    fn subject(&self) -> &str;

    fn headers(&self) -> &Headers;

    fn payload(&self) -> &[u8];

    /// Where it stands.
    ///
    /// # Errors
    /// The broker did not say.
    fn place(&self) -> Result<Place, String>;

    /// It is dealt with, and need not come again.
    ///
    /// # Errors
    /// The connection is away: it comes again.
    async fn ack(&self) -> Result<(), String>;

    /// It shall come again after this time, at once for zero.
    ///
    /// # Errors
    /// The connection is away: it comes again by itself.
    async fn nak(&self, delay: Duration) -> Result<(), String>;

    /// It shall never come again, for this reason (one line).
    ///
    /// # Errors
    /// The connection is away: it comes again.
    async fn end(&self, reason: &str) -> Result<(), String>;
}

/// Where a message stands in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub sequence: u64,
    /// When the broker stored it, in nanoseconds of Unix time.
    pub published_ns: i128,
}
