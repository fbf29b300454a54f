//! Announcing: batches sent without waiting for each answer, counted from the front, harmless when repeated.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use kunder_agent_core::bus::{AnnounceError, Announcement, AnnouncementKind, Bus};
use kunder_agent_core::subject::token;

use crate::broker::{Broker, Condition, Outgoing, PublishError, Stored};
use crate::headers;
use crate::pattern::check_subject;
use crate::tail::Tail;

/// As many messages are sent before the first answer is awaited.
pub(crate) const WINDOW_MESSAGES: usize = 256;
/// Or as many bytes.
const WINDOW_BYTES: usize = 8 << 20;
/// How often events are tried again in one call when someone else wrote to their stream in between.
const CHAIN_TRIES: usize = 4;

type Taken = (usize, Option<AnnounceError>);

/// Our rules of announcing, over any broker.
pub struct Announcer<B> {
    broker: Arc<B>,
    /// The end of the event stream as our own publishing left it; `None` when it must be read again.
    tail: Mutex<Option<Tail>>,
}

#[async_trait]
impl<B: Broker> Bus for Announcer<B> {
    fn describe(&self) -> String {
        self.broker.describe()
    }

    async fn announce(&self, store: &str, batch: &[Announcement]) -> Taken {
        if self.broker.connection().is_none() {
            // What is sent now would wait in the client and arrive out of order with the next try.
            let reason = "not connected to nats".to_owned();
            return (0, Some(AnnounceError::Unavailable(reason)));
        }
        let mut taken = 0;
        for run in batch.chunk_by(|one, next| one.kind == next.kind) {
            let (count, error) = match run[0].kind {
                AnnouncementKind::Result | AnnouncementKind::Request => {
                    self.announce_once_per_subject(store, run).await
                }
                AnnouncementKind::Event => self.announce_events(store, run).await,
                AnnouncementKind::Reply => self.announce_replies(store, run).await,
            };
            taken += count;
            if error.is_some() {
                return (taken, error);
            }
        }
        (taken, None)
    }

    async fn last_event(&self, store: &str) -> Option<u64> {
        let tail = match self.read_tail().await {
            Ok(tail) => tail,
            Err(error) => {
                tracing::warn!(%error, "cannot read the end of the event stream");
                return None;
            }
        };
        let number = tail.number(store);
        if let (None, Some((other, _))) = (number, &tail.last) {
            tracing::warn!(
                store,
                other,
                "the newest event is from another store, events may be announced again"
            );
        }
        number
    }
}

impl<B: Broker> Announcer<B> {
    #[must_use]
    pub fn new(broker: Arc<B>) -> Self {
        Self {
            broker,
            tail: Mutex::new(None),
        }
    }

    /// Results and requests have a subject of their own: the broker refuses a second message there.
    async fn announce_once_per_subject(&self, store: &str, run: &[Announcement]) -> Taken {
        let mut taken = 0;
        while taken < run.len() {
            let (window, refused) = window(store, &run[taken..], |_| Condition::SubjectIsNew);
            for answer in self.broker.publish(window).await {
                let subject = &run[taken].subject;
                match answer {
                    Ok(_) => {}
                    Err(PublishError::WrongLastSequence(_)) => {
                        tracing::debug!(subject, "announced before");
                    }
                    Err(error) => return (taken, Some(reaction(subject, error))),
                }
                taken += 1;
            }
            if refused.is_some() {
                return (taken, refused);
            }
        }
        (taken, None)
    }

    /// Events resume after the last number found in their stream, so a hole must never arise: where one was not stored,
    /// none after it may be. The first of a window names the sequence it must follow, each later one the id of the
    /// event before it. Sequences alone would not do: a stranger's message would stand in for one that was refused.
    async fn announce_events(&self, store: &str, run: &[Announcement]) -> Taken {
        let (mut taken, mut tries) = (0, 0);
        loop {
            let mut tail = match self.take_tail().await {
                Ok(tail) => tail,
                Err(error) => return (taken, Some(error)),
            };
            let held = tail.number(store).unwrap_or(0);
            taken += run[taken..]
                .iter()
                .take_while(|event| event.number <= held)
                .count();
            if taken == run.len() {
                self.put_tail(tail);
                return (taken, None);
            }
            let rest = &run[taken..];
            let (window, refused) = window(store, rest, |index| match index.checked_sub(1) {
                None => Condition::LastSequence(tail.sequence),
                Some(before) => Condition::LastMessageId(token(&rest[before].message_id)),
            });
            let answers = self.broker.publish(window).await;
            let before = taken;
            match follow(store, run, &mut taken, &mut tail, answers) {
                None => self.put_tail(tail),
                Some(Broken::Failed(error)) => return (taken, Some(error)),
                Some(Broken::Overtaken) => {
                    tries = if taken > before { 0 } else { tries + 1 };
                    if tries == CHAIN_TRIES {
                        let stream = &self.broker.streams().events;
                        let reason = format!("others keep writing to {stream}");
                        return (taken, Some(AnnounceError::Unavailable(reason)));
                    }
                    continue;
                }
            }
            if refused.is_some() {
                return (taken, refused);
            }
        }
    }

    /// Replies go to whoever listens. The broker answers in order, so its answer to a later question tells that it has
    /// them, if both went over the same connection.
    async fn announce_replies(&self, store: &str, run: &[Announcement]) -> Taken {
        let (mut taken, mut problem) = (0, None);
        while taken < run.len() && problem.is_none() {
            let (window, refused) = window(store, &run[taken..], |_| Condition::Nothing);
            problem = refused;
            let connection = self.broker.connection();
            let mut sent = 0;
            for message in window {
                if let Err(error) = self.broker.send(message).await {
                    problem = Some(reaction(&run[taken + sent].subject, error));
                    break;
                }
                sent += 1;
            }
            if sent > 0 {
                if let Err(error) = self.broker.flush().await {
                    return (taken, Some(AnnounceError::Unavailable(error.to_string())));
                }
                if connection.is_none() || self.broker.connection() != connection {
                    let reason = "the connection broke while replies were sent".to_owned();
                    return (taken, Some(AnnounceError::Unavailable(reason)));
                }
            }
            taken += sent;
        }
        (taken, problem)
    }

    /// Takes the remembered end of the stream out, or reads it. Whoever publishes puts it back when all went well.
    async fn take_tail(&self) -> Result<Tail, AnnounceError> {
        let remembered = self.tail.lock().unwrap_or_else(PoisonError::into_inner).take();
        match remembered {
            Some(tail) => Ok(tail),
            None => self.read_tail().await,
        }
    }

    fn put_tail(&self, tail: Tail) {
        *self.tail.lock().unwrap_or_else(PoisonError::into_inner) = Some(tail);
    }

    async fn read_tail(&self) -> Result<Tail, AnnounceError> {
        let end = self.broker.end_of_events().await;
        end.map(|end| Tail::of(&end))
            .map_err(|error| AnnounceError::Unavailable(error.to_string()))
    }
}

/// The first messages, as many as go out in one window, up to one that can never be sent.
fn window(
    store: &str,
    run: &[Announcement],
    condition: impl Fn(usize) -> Condition,
) -> (Vec<Outgoing>, Option<AnnounceError>) {
    let mut window = Vec::with_capacity(run.len().min(WINDOW_MESSAGES));
    let mut bytes = 0;
    for (index, announcement) in run.iter().take(WINDOW_MESSAGES).enumerate() {
        bytes += announcement.body.len();
        if index > 0 && bytes > WINDOW_BYTES {
            break;
        }
        let headers = check_subject(&announcement.subject)
            .map_err(|error| AnnounceError::Refused(error.to_string()))
            .and_then(|()| headers::of_announcement(store, announcement));
        match headers {
            Ok(headers) => window.push(Outgoing {
                subject: announcement.subject.clone(),
                message_id: token(&announcement.message_id),
                headers,
                body: announcement.body.clone(),
                condition: condition(index),
            }),
            Err(error) => return (window, Some(error)),
        }
    }
    (window, None)
}

/// Why a chain of events ended early.
enum Broken {
    /// The stream did not end where it was expected to: look again.
    Overtaken,
    Failed(AnnounceError),
}

/// Counts the events that were stored; `None` when all were.
fn follow(
    store: &str,
    run: &[Announcement],
    taken: &mut usize,
    tail: &mut Tail,
    answers: Vec<Result<Stored, PublishError>>,
) -> Option<Broken> {
    let mut overtaken = false;
    for answer in answers {
        let event = &run[*taken];
        match answer {
            // A repeat inside the broker's window was not stored again: what follows it in this window was refused.
            Ok(stored) => {
                overtaken |= stored.duplicate;
                tail.sequence = stored.sequence;
                tail.last = Some((token(store), event.number));
                *taken += 1;
            }
            Err(PublishError::WrongLastSequence(_) | PublishError::WrongLastMessageId(_)) => {
                return Some(Broken::Overtaken);
            }
            Err(error) => return Some(Broken::Failed(reaction(&event.subject, error))),
        }
    }
    overtaken.then_some(Broken::Overtaken)
}

/// What a failed publish means for the relay.
fn reaction(subject: &str, error: PublishError) -> AnnounceError {
    match error {
        PublishError::TooLarge(reason) | PublishError::InvalidSubject(reason) => {
            AnnounceError::Refused(reason)
        }
        PublishError::NobodyTakesIt(_) => {
            AnnounceError::Unavailable(format!("nobody takes messages on {subject}"))
        }
        PublishError::Unavailable(reason)
        | PublishError::WrongLastSequence(reason)
        | PublishError::WrongLastMessageId(reason) => AnnounceError::Unavailable(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u64, body_bytes: usize) -> Announcement {
        Announcement {
            number,
            destination: "events".to_owned(),
            kind: AnnouncementKind::Event,
            subject: "kunder.event.pipeline.x".to_owned(),
            message_id: format!("event/{number}"),
            headers: Vec::new(),
            body: vec![b'x'; body_bytes],
            committed_at: jiff::Timestamp::UNIX_EPOCH,
            deadline: None,
            attempt: 1,
        }
    }

    #[test]
    fn a_window_is_full_at_its_bytes_or_its_messages_and_holds_one_at_least() {
        for (bytes, count, wanted) in [
            (WINDOW_BYTES / 2, 4, 2),
            (WINDOW_BYTES / 2 + 1, 4, 1),
            (WINDOW_BYTES + 1, 4, 1),
            (1, WINDOW_MESSAGES + 4, WINDOW_MESSAGES),
        ] {
            let run: Vec<Announcement> = (0..count as u64).map(|number| event(number, bytes)).collect();
            let (window, refused) = window("s", &run, |_| Condition::Nothing);
            assert_eq!(
                (window.len(), refused.is_none()),
                (wanted, true),
                "{bytes} bytes each"
            );
        }
    }

    #[test]
    fn a_repeat_in_a_chain_is_taken_and_the_end_of_the_stream_is_read_again() {
        let run = [event(1, 1), event(2, 1)];
        let stored = |sequence, duplicate| Ok(Stored { sequence, duplicate });
        let followed = |answers| {
            let (mut taken, mut tail) = (
                0,
                Tail {
                    sequence: 0,
                    last: None,
                },
            );
            let broken = follow("s", &run, &mut taken, &mut tail, answers);
            (taken, matches!(broken, Some(Broken::Overtaken)), broken.is_none())
        };
        assert_eq!(
            followed(vec![stored(7, false), stored(8, false)]),
            (2, false, true)
        );
        assert_eq!(
            followed(vec![stored(7, false), stored(3, true)]),
            (2, true, false)
        );
        let refused = Err(PublishError::WrongLastSequence(String::new()));
        assert_eq!(followed(vec![stored(7, false), refused]), (1, true, false));
    }
}
