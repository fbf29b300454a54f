//! What the broker gives up on: its advisories are kept in a stream, and the messages they name become dead letters.
//!
//! Nobody tells a client that a message was delivered as often as its consumer allows, or that somebody ended it: the broker says
//! it once to whoever listens, and a work queue keeps the message for ever without handing it out.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer};
use async_nats::jetstream::response::Response;
use async_nats::jetstream::{AckKind, ErrorCode, Message};
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use kunder_agent_core::door::{Door, Refusal, RefusalCode};
use kunder_agent_core::letter::{LetterKind, NewLetter};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;
use tracing::{info, warn};

use super::Shared;
use super::connection::with_causes;
use super::serve::stopped;
use crate::base64;
use crate::broker::Headers;
use crate::letter::{self, Letter, Origin, SET_ASIDE};

const HEARTBEAT: Duration = Duration::from_secs(5);
const EXPIRES: Duration = Duration::from_secs(30);
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const PAUSE_MIN_MS: u64 = 500;
const PAUSE_MAX_MS: u64 = 30_000;

/// Reads the advisories.
pub(crate) struct Advisories {
    pub(crate) shared: Arc<Shared>,
    pub(crate) door: Arc<dyn Door>,
    pub(crate) stop: watch::Receiver<bool>,
}

/// `io.nats.jetstream.advisory.v1.max_deliver` or `.terminated`; what else is in it does not matter here.
#[derive(Deserialize)]
struct Advisory {
    #[serde(rename = "type")]
    kind: String,
    stream: String,
    stream_seq: u64,
    #[serde(default)]
    deliveries: u64,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
struct Stored {
    message: StoredMessage,
}

/// A message as the broker's API tells it, `hdrs` and `data` in base64: nothing in it can break the connection.
#[derive(Deserialize)]
pub(crate) struct StoredMessage {
    pub(crate) subject: String,
    #[serde(default)]
    pub(crate) hdrs: String,
    #[serde(default)]
    pub(crate) data: String,
    pub(crate) time: Timestamp,
}

impl Advisories {
    /// Reads until told to stop; sets itself up again whenever that breaks. Without the stream, for instance because another one
    /// captures advisories already, everything else works all the same, and `doctor` says that it is missing.
    pub(crate) async fn run(mut self) {
        let mut failures = 0_u32;
        loop {
            match self.read(&mut failures).await {
                Ok(()) => return,
                Err(reason) => warn!(reason, "cannot read what the broker gives up on"),
            }
            let pause = (PAUSE_MIN_MS << failures.min(10)).min(PAUSE_MAX_MS);
            failures = failures.saturating_add(1);
            let clock = &self.shared.clock;
            let until = clock.now() + SignedDuration::from_millis(i64::try_from(pause).unwrap_or(i64::MAX));
            tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return,
                () = clock.sleep_until(until) => {}
            }
        }
    }

    /// Returns when told to stop.
    async fn read(&mut self, failures: &mut u32) -> Result<(), String> {
        let mut connects = self.shared.connects.clone();
        connects.mark_unchanged();
        let consumer = self.set_up().await?;
        let messages = consumer.stream().heartbeat(HEARTBEAT).expires(EXPIRES);
        let mut messages = messages.messages().await.map_err(|error| with_causes(&error))?;
        loop {
            let message = tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return Ok(()),
                _ = connects.changed() => return Err("connected anew".to_owned()),
                message = messages.next() => message,
            };
            let message = message.ok_or("the consumer ended")?;
            let message = message.map_err(|error| with_causes(&error))?;
            *failures = 0;
            if let Err(reason) = self.handle(&message).await {
                warn!(subject = %message.subject, reason, "cannot set aside what the broker gave up on, it is told again");
                told_again(&message).await;
            }
        }
    }

    /// Creates or updates the stream and its consumer.
    pub(crate) async fn set_up(&self) -> Result<PullConsumer, String> {
        let shared = &self.shared;
        let stream = shared.streams.advisories_config();
        shared
            .streams
            .ensure(shared, stream)
            .await
            .map_err(|error| with_causes(&error))?;
        let config = Config {
            durable_name: Some("runner".to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: shared.config.ack_wait(),
            ..Config::default()
        };
        let name = shared.streams.names.advisories.as_str();
        let made = shared.jetstream.create_consumer_on_stream(config, name).await;
        made.map_err(|error| with_causes(&error))
    }

    /// The letter first, then the message leaves the queue, then the advisory is confirmed: a crash anywhere in between repeats
    /// steps that change nothing the second time.
    async fn handle(&self, message: &Message) -> Result<(), String> {
        match serde_json::from_slice::<Advisory>(&message.payload) {
            Ok(advisory) if advisory.reason.starts_with(SET_ASIDE) => {}
            Ok(advisory) => self.set_aside(&advisory).await?,
            Err(error) => warn!(subject = %message.subject, %error, "an advisory cannot be read"),
        }
        message.double_ack().await.map_err(|error| error.to_string())
    }

    async fn set_aside(&self, advisory: &Advisory) -> Result<(), String> {
        let shared = &self.shared;
        let (stream, sequence) = (advisory.stream.as_str(), advisory.stream_seq);
        let terminated = advisory.kind.ends_with(".terminated");
        let why = match (terminated, advisory.reason.as_str()) {
            (false, _) => format!("the broker gave it up after {} deliveries", advisory.deliveries),
            (true, "") => "somebody else ended it at the broker".to_owned(),
            (true, reason) => format!("somebody else ended it at the broker: {reason}"),
        };
        let Some(stored) = shared.stored(stream, sequence).await? else {
            if terminated {
                // A work queue forgets at once what is ended: that it was there is all that can be kept.
                let why = format!("{why}; its content is gone");
                let place = format!("{stream}/{sequence}/ended");
                let letter = NewLetter::new(LetterKind::Message, stream, &place, &why, shared.clock.now());
                return self
                    .door
                    .set_aside(letter)
                    .await
                    .map_err(|refusal| refusal.to_string());
            }
            // Acknowledged after all, or set aside before a crash.
            return Ok(());
        };
        let headers = headers_of(&base64::decode(&stored.hdrs).unwrap_or_default());
        let payload = base64::decode(&stored.data).unwrap_or_default();
        let refusal = Refusal::new(RefusalCode::Unavailable, why);
        let origin = Origin {
            stream,
            sequence,
            published_ns: stored.time.as_nanosecond(),
            subject: &stored.subject,
        };
        let letter = Letter {
            origin,
            headers: Some(&headers),
            payload: &payload,
            refusal: &refusal,
        };
        letter::set_aside(shared.as_ref(), self.door.as_ref(), &letter, shared.clock.now()).await?;
        info!(stream, sequence, reason = %refusal, "the broker gave up on a message, see the dead letter");
        if stream == shared.streams.names.tasks {
            let queue = shared.jetstream.get_stream_no_info(stream).await;
            let queue = queue.map_err(|error| with_causes(&error))?;
            // One that has gone meanwhile need not go.
            if let Err(error) = queue.delete_message(sequence).await
                && shared.stored(stream, sequence).await?.is_some()
            {
                return Err(with_causes(&error));
            }
        }
        Ok(())
    }
}

impl Shared {
    /// A message of a stream, through the broker's API; `None` where it has gone.
    pub(crate) async fn stored(&self, stream: &str, sequence: u64) -> Result<Option<StoredMessage>, String> {
        let subject = format!("STREAM.MSG.GET.{stream}");
        let answer: Response<Stored> = self
            .jetstream
            .request(subject, &json!({ "seq": sequence }))
            .await
            .map_err(|error| with_causes(&error))?;
        match answer {
            Response::Ok(stored) => Ok(Some(stored.message)),
            Response::Err { error } => match error.error_code() {
                // Acknowledged or deleted meanwhile.
                ErrorCode::NO_MESSAGE_FOUND | ErrorCode::STREAM_NOT_FOUND => Ok(None),
                _ => Err(error.to_string()),
            },
        }
    }
}

/// The headers of a stored message; lines that are none are left out.
fn headers_of(bytes: &[u8]) -> Headers {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
    let named = lines.filter(|(name, _)| !name.is_empty());
    named
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}

/// Asks to be told again, after a while.
async fn told_again(message: &Message) {
    if let Err(error) = message.ack_with(AckKind::Nak(Some(AGAIN_AFTER))).await {
        warn!(%error, "cannot give an advisory back, it comes again by itself");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_headers_are_read_and_what_is_none_is_left_out() {
        let headers =
            headers_of("NATS/1.0\r\nX-Mine: å: b\r\nX-Mine: c\r\nno colon\r\n: x\r\n\r\n".as_bytes());
        let expected = [("X-Mine", "å: b"), ("X-Mine", "c")];
        assert_eq!(
            headers,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        assert_eq!(headers_of(b""), []);
    }
}
