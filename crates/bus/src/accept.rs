//! Accepting one message of a stream: acknowledged once it is on disk, given back when we are busy, else a dead letter.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, Stream, StreamExt};
use jiff::{SignedDuration, Timestamp};
use kunder_agent_core::clock::Clock;
use kunder_agent_core::door::{Door, Incoming, Refusal, RefusalCode};
use kunder_agent_core::envelope;
use kunder_agent_core::subject::{token, untoken};
use tokio::sync::watch;
use tracing::{error, warn};

use crate::broker::{Broker, Delivery, StreamNames};
use crate::cloud_event;
use crate::headers;
use crate::letter::{self, Letter, Origin};

/// When a message comes again where nobody said when.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const AGAIN_AFTER_MIN: Duration = Duration::from_millis(50);
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(60);

/// What is consumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The work queue of one agent.
    Tasks { agent: String },
    /// What other processes tell us.
    Inbox,
}

impl Source {
    #[must_use]
    pub fn stream<'a>(&self, names: &'a StreamNames) -> &'a str {
        match self {
            Self::Tasks { .. } => &names.tasks,
            Self::Inbox => &names.inbox,
        }
    }

    /// The durable consumer's name.
    #[must_use]
    pub fn consumer(&self) -> &str {
        match self {
            Self::Tasks { agent } => agent,
            Self::Inbox => "runner",
        }
    }

    /// The subjects it takes.
    #[must_use]
    pub fn subjects(&self, names: &StreamNames) -> String {
        match self {
            Self::Tasks { agent } => names.task_subjects(agent),
            Self::Inbox => names.inbox_subjects(),
        }
    }
}

/// Our rules of accepting, over any broker.
pub struct Acceptor<B> {
    pub broker: Arc<B>,
    pub door: Arc<dyn Door>,
    pub clock: Arc<dyn Clock>,
    pub source: Source,
    /// How long the broker waits for an acknowledgement before it hands a message out again.
    pub ack_wait: Duration,
}

/// Why messages are no longer accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to stop.
    Stopped,
    /// The messages ended, for this reason: set up again.
    Broken(String),
}

enum Verdict {
    Taken,
    Later(Duration),
    Never(Refusal),
}

impl<B: Broker> Acceptor<B> {
    /// Accepts messages, so many at once, until told to stop, until they break off, or until `broken` ends with why they
    /// will. What was handed out and not looked at is given back; what is being accepted is brought to its end.
    pub async fn accept_all<D: Delivery>(
        &self,
        mut messages: impl Stream<Item = Result<D, String>> + Unpin,
        at_once: usize,
        stop: &mut watch::Receiver<bool>,
        broken: impl Future<Output = String>,
    ) -> Ended {
        let mut accepting = FuturesUnordered::new();
        let mut broken = pin!(broken);
        let ended = loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break Ended::Stopped,
                reason = &mut broken => break Ended::Broken(reason),
                Some(()) = accepting.next(), if !accepting.is_empty() => {}
                message = messages.next(), if accepting.len() < at_once => match message {
                    Some(Ok(message)) => accepting.push(async move { self.accept(&message).await }),
                    Some(Err(reason)) => break Ended::Broken(reason),
                    None => break Ended::Broken("the consumer ended".to_owned()),
                },
            }
        };
        // Back at once, instead of after the acknowledgement time.
        while let Some(Some(Ok(message))) = messages.next().now_or_never() {
            again(&message, Duration::ZERO).await;
        }
        drop(messages);
        while accepting.next().await.is_some() {}
        ended
    }

    /// Hands a message to the door and tells the broker what became of it.
    pub async fn accept(&self, message: &dyn Delivery) {
        let subject = message.subject();
        match self.verdict(message).await {
            Verdict::Taken => {
                if let Err(error) = message.ack().await {
                    warn!(
                        subject,
                        error, "cannot acknowledge a message, it comes again and is known then"
                    );
                }
            }
            Verdict::Later(delay) => again(message, delay).await,
            Verdict::Never(refusal) => self.put_away(message, &refusal).await,
        }
    }

    async fn verdict(&self, message: &dyn Delivery) -> Verdict {
        let subject = message.subject();
        // After the acknowledgement time the broker hands it to someone else: no use in waiting longer.
        let limit = SignedDuration::try_from(self.ack_wait.mul_f32(0.9)).unwrap_or(SignedDuration::MAX);
        let until = self.clock.now().checked_add(limit);
        let handed_in = AssertUnwindSafe(self.hand_in(message)).catch_unwind();
        let handed_in = tokio::select! {
            biased;
            handed_in = handed_in => handed_in,
            () = self.clock.sleep_until(until.unwrap_or(Timestamp::MAX)) => {
                warn!(subject, "accepting a message took too long");
                return Verdict::Later(AGAIN_AFTER);
            }
        };
        match handed_in {
            Ok(Ok(())) => Verdict::Taken,
            Ok(Err(refusal)) => match refusal.code {
                RefusalCode::Busy | RefusalCode::Unavailable => Verdict::Later(again_after(&refusal)),
                RefusalCode::Malformed
                | RefusalCode::Unknown
                | RefusalCode::Conflict
                | RefusalCode::TooLarge => Verdict::Never(refusal),
            },
            Err(_panic) => {
                error!(subject, "accepting a message panicked");
                Verdict::Later(AGAIN_AFTER_MAX)
            }
        }
    }

    async fn hand_in(&self, message: &dyn Delivery) -> Result<(), Refusal> {
        match &self.source {
            Source::Tasks { agent } => self.hand_in_task(agent, message).await,
            Source::Inbox => self.hand_in_event(message).await,
        }
    }

    async fn hand_in_task(&self, agent: &str, message: &dyn Delivery) -> Result<(), Refusal> {
        let on_subject = message.subject().rsplit('.').next().unwrap_or_default();
        // A body that cannot be read is refused by the door, with the field that is wrong.
        if let Ok(envelope) = envelope::read(message.payload(), usize::MAX) {
            let id = envelope.task.task_id;
            if token(id.as_str()) != on_subject {
                let named = untoken(on_subject).unwrap_or_else(|| on_subject.to_owned());
                let hint = format!("publish it on a subject that ends in {}", token(id.as_str()));
                return Err(
                    Refusal::field("taskId", format!("is `{id}`, the subject names `{named}`")).hint(hint),
                );
            }
        }
        let traceparent = headers::find(message.headers(), "traceparent");
        self.door
            .submit(Some(agent), traceparent, message.payload())
            .await
            .map(|_| ())
    }

    async fn hand_in_event(&self, message: &dyn Delivery) -> Result<(), Refusal> {
        let rest = self.below_inbox(message);
        let named = rest
            .split_once('.')
            .and_then(|(process, kind)| untoken(process).zip(untoken(kind)));
        let Some((process, kind)) = named.filter(|_| rest.matches('.').count() == 1) else {
            let message = format!("`{}` must end in <process>.<kind>", message.subject());
            return Err(Refusal::field("subject", message));
        };
        let arrived = cloud_event::read(headers::all(message.headers()), message.payload())?;
        let id = match arrived.id {
            Some(id) => id,
            None => match headers::find(message.headers(), "nats-msg-id") {
                Some(id) => id.to_owned(),
                None => self.place_of(message)?,
            },
        };
        let incoming = Incoming {
            process,
            kind,
            id: Some(id),
            time: arrived.time,
            traceparent: arrived.traceparent,
            data: arrived.data,
        };
        self.door.incoming(incoming).await.map(|_| ())
    }

    /// Where a message without an id stands: the same for every delivery of it, and never again for another one.
    fn place_of(&self, message: &dyn Delivery) -> Result<String, Refusal> {
        let place = message
            .place()
            .map_err(|error| Refusal::new(RefusalCode::Malformed, error))?;
        let stream = self.source.stream(self.broker.streams());
        Ok(format!("{stream}/{}/{}", place.sequence, place.published_ns))
    }

    fn below_inbox<'a>(&self, message: &'a dyn Delivery) -> &'a str {
        let inbox = self.broker.streams().inbox_subjects();
        let subject = message.subject();
        subject
            .strip_prefix(inbox.trim_end_matches('>'))
            .unwrap_or(subject)
    }

    /// Writes a dead letter, and only then ends the message: in the other order a crash between the two would lose it.
    async fn put_away(&self, message: &dyn Delivery, refusal: &Refusal) {
        let subject = message.subject();
        let place = message.place().ok();
        let letter = Letter {
            origin: Origin {
                stream: self.source.stream(self.broker.streams()),
                sequence: place.map_or(0, |place| place.sequence),
                published_ns: place.map_or(0, |place| place.published_ns),
                subject,
            },
            headers: Some(message.headers()),
            payload: message.payload(),
            refusal,
        };
        let now = self.clock.now();
        if let Err(error) = letter::set_aside(self.broker.as_ref(), self.door.as_ref(), &letter, now).await {
            warn!(
                subject,
                error, "cannot write a dead letter, the message comes again"
            );
            return again(message, AGAIN_AFTER).await;
        }
        warn!(subject, code = refusal.code.number(), %refusal, "refused for good, see the dead letter");
        let reason = format!(
            "{}{}",
            letter::SET_ASIDE,
            headers::one_line(&refusal.to_string(), 200)
        );
        if let Err(error) = message.end(&reason).await {
            warn!(subject, error, "cannot end a refused message, it comes again");
        }
    }
}

/// Asks for the message again, after a while.
async fn again(message: &dyn Delivery, delay: Duration) {
    if let Err(error) = message.nak(delay).await {
        warn!(
            subject = message.subject(),
            error, "cannot give a message back, it comes again by itself"
        );
    }
}

fn again_after(refusal: &Refusal) -> Duration {
    refusal
        .retry_after_ms
        .map_or(AGAIN_AFTER, Duration::from_millis)
        .clamp(AGAIN_AFTER_MIN, AGAIN_AFTER_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_again_when_the_door_says_within_bounds() {
        for (retry_after_ms, wanted_ms) in [
            (None, 1_000),
            (Some(0), 50),
            (Some(7_000), 7_000),
            (Some(u64::MAX), 60_000),
        ] {
            let mut refusal = Refusal::new(RefusalCode::Busy, "full");
            refusal.retry_after_ms = retry_after_ms;
            assert_eq!(again_after(&refusal), Duration::from_millis(wanted_ms));
        }
    }
}
