//! Accepting one message of a stream: acknowledged once it is on disk, given back when we are busy, else a dead letter.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_nats::jetstream::Message;
use futures::FutureExt;
use kunder_agent_core::door::{Incoming, Refusal, RefusalCode};
use kunder_agent_core::envelope;
use kunder_agent_core::subject::{token, untoken};
use tracing::{error, warn};

use super::consume::{Consumption, Source, negative};
use super::headers;
use super::letter::{Letter, Origin};
use crate::cloud_event;

/// When a message comes again where nobody said when.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const AGAIN_AFTER_MIN: Duration = Duration::from_millis(50);
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(60);

enum Verdict {
    Taken,
    Later(Duration),
    Never(Refusal),
}

impl Consumption {
    pub(crate) async fn accept(&self, message: Message) {
        match self.verdict(&message).await {
            Verdict::Taken => {
                if let Err(error) = message.ack().await {
                    warn!(subject = %message.subject, %error, "cannot acknowledge a message, it comes again and is known then");
                }
            }
            Verdict::Later(delay) => negative(&message, delay).await,
            Verdict::Never(refusal) => self.put_away(&message, &refusal).await,
        }
    }

    async fn verdict(&self, message: &Message) -> Verdict {
        // After the acknowledgement time the broker hands it to someone else: no use in waiting longer.
        let limit = self.shared.config.ack_wait().mul_f32(0.9);
        let handed_in = AssertUnwindSafe(self.hand_in(message)).catch_unwind();
        match tokio::time::timeout(limit, handed_in).await {
            Ok(Ok(Ok(()))) => Verdict::Taken,
            Ok(Ok(Err(refusal))) => match refusal.code {
                RefusalCode::Busy | RefusalCode::Unavailable => Verdict::Later(again_after(&refusal)),
                RefusalCode::Malformed
                | RefusalCode::Unknown
                | RefusalCode::Conflict
                | RefusalCode::TooLarge => Verdict::Never(refusal),
            },
            Ok(Err(_panic)) => {
                error!(subject = %message.subject, "accepting a message panicked");
                Verdict::Later(AGAIN_AFTER_MAX)
            }
            Err(_elapsed) => {
                warn!(subject = %message.subject, "accepting a message took too long");
                Verdict::Later(AGAIN_AFTER)
            }
        }
    }

    async fn hand_in(&self, message: &Message) -> Result<(), Refusal> {
        match &self.source {
            Source::Tasks { agent } => self.hand_in_task(agent, message).await,
            Source::Inbox => self.hand_in_event(message).await,
        }
    }

    async fn hand_in_task(&self, agent: &str, message: &Message) -> Result<(), Refusal> {
        let on_subject = message.subject.rsplit('.').next().unwrap_or_default();
        // A body that cannot be read is refused by the door, with the field that is wrong.
        if let Ok(envelope) = envelope::read(&message.payload, usize::MAX) {
            let id = envelope.task.task_id;
            if token(id.as_str()) != on_subject {
                let named = untoken(on_subject).unwrap_or_else(|| on_subject.to_owned());
                let hint = format!("publish it on a subject that ends in {}", token(id.as_str()));
                return Err(
                    Refusal::field("taskId", format!("is `{id}`, the subject names `{named}`")).hint(hint),
                );
            }
        }
        let traceparent = headers::find(message.headers.as_ref(), "traceparent");
        self.door
            .submit(Some(agent), traceparent, &message.payload)
            .await
            .map(|_| ())
    }

    async fn hand_in_event(&self, message: &Message) -> Result<(), Refusal> {
        let rest = self.below_inbox(message);
        let named = rest
            .split_once('.')
            .and_then(|(process, kind)| untoken(process).zip(untoken(kind)));
        let Some((process, kind)) = named.filter(|_| rest.matches('.').count() == 1) else {
            let message = format!("`{}` must end in <process>.<kind>", message.subject);
            return Err(Refusal::field("subject", message));
        };
        let arrived = cloud_event::read(headers::all(message.headers.as_ref()), &message.payload)?;
        let id = match arrived.id {
            Some(id) => id,
            None => match headers::find(message.headers.as_ref(), "nats-msg-id") {
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
    fn place_of(&self, message: &Message) -> Result<String, Refusal> {
        let info = message
            .info()
            .map_err(|error| Refusal::new(RefusalCode::Malformed, error.to_string()))?;
        let published = info.published.unix_timestamp_nanos();
        Ok(format!("{}/{}/{published}", self.stream(), info.stream_sequence))
    }

    fn below_inbox<'a>(&self, message: &'a Message) -> &'a str {
        let inbox = self.shared.streams.inbox_subjects();
        message
            .subject
            .strip_prefix(inbox.trim_end_matches('>'))
            .unwrap_or(&message.subject)
    }

    /// Writes a dead letter, and only then ends the message: in the other order a crash between the two would lose it.
    async fn put_away(&self, message: &Message, refusal: &Refusal) {
        let sequence = message
            .info()
            .map(|info| info.stream_sequence)
            .unwrap_or_default();
        let origin = Origin {
            stream: self.stream(),
            sequence,
            subject: &message.subject,
        };
        let letter = Letter {
            origin,
            headers: message.headers.as_ref(),
            payload: &message.payload,
            refusal,
        };
        if let Err(error) = self.shared.write_letter(&letter).await {
            warn!(subject = %message.subject, error, "cannot write a dead letter, the message comes again");
            return negative(message, AGAIN_AFTER).await;
        }
        warn!(subject = %message.subject, code = refusal.code.number(), %refusal, "refused for good, see the dead letter");
        let Some(reply) = message.reply.clone() else {
            return;
        };
        let reason = headers::one_line(&refusal.to_string(), 200);
        let end = self.shared.abilities().end(&reason);
        if let Err(error) = self.shared.client.publish(reply, end.into()).await {
            warn!(subject = %message.subject, %error, "cannot end a refused message, it comes again");
        }
    }
}

fn again_after(refusal: &Refusal) -> Duration {
    refusal
        .retry_after_ms
        .map_or(AGAIN_AFTER, Duration::from_millis)
        .clamp(AGAIN_AFTER_MIN, AGAIN_AFTER_MAX)
}
