//! The port for messages out: announcements from the outbox, in commit order per destination, with stable ids.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What an announcement is; decides how a bus makes a repeat harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnnouncementKind {
    /// An outcome: its subject is its own, so a second one is refused by the broker and means "already there".
    Result,
    /// An event: `body` is its data, `headers` hold the CloudEvents attributes as `ce-…`.
    Event,
    /// A task for another process's agent: its subject is its own.
    Request,
    /// A copy of an outcome on the subject the sender asked for; at least once.
    Reply,
}

impl AnnouncementKind {
    /// Whether a repeat may reach a receiver, so that the times it is handed out are counted. The broker refuses a second result
    /// and a second event for ever; a stream of another process forgets what it has passed on, and nobody keeps replies.
    #[must_use]
    pub fn may_repeat(self) -> bool {
        match self {
            Self::Request | Self::Reply => true,
            Self::Result | Self::Event => false,
        }
    }
}

/// A row of the outbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Announcement {
    /// Its number in the outbox, in commit order, from 1.
    pub number: u64,
    /// The lane: `results`, `events`, `replies`, or the address of another process's agent. Lanes never wait for each other.
    pub destination: String,
    pub kind: AnnouncementKind,
    pub subject: String,
    /// `Nats-Msg-Id`; the same cause gives the same id.
    pub message_id: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub committed_at: Timestamp,
    /// When it counts as undeliverable.
    pub deadline: Option<Timestamp>,
    /// Which handing-out to the bus this is: 1 where it was never handed out before, more where it may have been sent already.
    /// Counted where [`AnnouncementKind::may_repeat`]; 1 elsewhere. The store gives it.
    pub attempt: u32,
}

/// Why an announcement was not taken.
#[derive(Debug, Error)]
pub enum AnnounceError {
    /// Nobody takes this subject, or the bus is away: try again later.
    #[error("not delivered: {0}")]
    Unavailable(String),
    /// It will never be taken, such as a body over the payload limit.
    #[error("refused: {0}")]
    Refused(String),
}

/// Messages out.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// `nats nats://127.0.0.1:4222` or `in-process`: for `doctor` and logs.
    fn describe(&self) -> String;

    /// Sends announcements of one destination, in order; returns how many of them, from the front, were taken,
    /// and why the next one was not. Repeats of one that was taken before are taken again without effect.
    async fn announce(&self, store: &str, batch: &[Announcement]) -> (usize, Option<AnnounceError>);

    /// The number of the newest event of this store that the bus holds, where it can tell.
    async fn last_event(&self, store: &str) -> Option<u64>;
}
