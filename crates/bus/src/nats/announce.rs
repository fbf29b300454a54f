//! Announcing: batches sent without waiting for each answer, counted from the front, harmless when repeated.

use async_nats::HeaderMap;
use async_nats::client::PublishErrorKind as CorePublishErrorKind;
use async_nats::connection::State;
use async_nats::header::{self, HeaderValue};
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use async_trait::async_trait;
use bytes::Bytes;
use futures::future::join_all;
use kunder_agent_core::bus::{AnnounceError, Announcement, AnnouncementKind, Bus};
use kunder_agent_core::subject::token;

use super::connection::with_causes;
use super::tail::Tail;
use super::{NatsBus, Shared, headers};
use crate::pattern::check_subject;

/// As many messages are sent before the first answer is awaited.
pub(crate) const WINDOW_MESSAGES: usize = 256;
/// Or as many bytes.
const WINDOW_BYTES: usize = 8 << 20;
/// How often events are tried again in one call when someone else wrote to their stream in between.
const CHAIN_TRIES: usize = 4;

type Taken = (usize, Option<AnnounceError>);

#[async_trait]
impl Bus for NatsBus {
    fn describe(&self) -> String {
        format!("nats {}", self.shared.config.shown_url())
    }

    async fn announce(&self, store: &str, batch: &[Announcement]) -> Taken {
        let shared = &self.shared;
        if shared.client.connection_state() != State::Connected {
            // What is sent now would wait in the client and arrive out of order with the next try.
            return (
                0,
                Some(AnnounceError::Unavailable("not connected to nats".to_owned())),
            );
        }
        let mut taken = 0;
        for run in batch.chunk_by(|one, next| one.kind == next.kind) {
            let (count, error) = match run[0].kind {
                AnnouncementKind::Result | AnnouncementKind::Request => {
                    shared.announce_once_per_subject(store, run).await
                }
                AnnouncementKind::Event => shared.announce_events(store, run).await,
                AnnouncementKind::Reply => shared.announce_replies(store, run).await,
            };
            taken += count;
            if error.is_some() {
                return (taken, error);
            }
        }
        (taken, None)
    }

    async fn last_event(&self, store: &str) -> Option<u64> {
        self.read_last_event(store).await
    }
}

/// A message ready to be sent.
type Prepared = (String, HeaderMap, Bytes);

impl Shared {
    /// Results and requests have a subject of their own: the broker refuses a second message there.
    async fn announce_once_per_subject(&self, store: &str, run: &[Announcement]) -> Taken {
        let mut taken = 0;
        while taken < run.len() {
            let (prepared, refused) = self.prepare(store, &run[taken..], |headers, _| {
                headers.insert(
                    header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE,
                    HeaderValue::from(0_u64),
                );
            });
            for answer in self.publish(prepared).await {
                if let Err(error) = answer {
                    if error.kind() != PublishErrorKind::WrongLastSequence {
                        let subject = &run[taken].subject;
                        return (taken, Some(reaction(subject, &error)));
                    }
                    tracing::debug!(subject = run[taken].subject, "announced before");
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
            let (prepared, refused) =
                self.prepare(store, rest, |headers, index| match index.checked_sub(1) {
                    None => headers.insert(
                        header::NATS_EXPECTED_LAST_SEQUENCE,
                        HeaderValue::from(tail.sequence),
                    ),
                    Some(before) => headers.insert(
                        header::NATS_EXPECTED_LAST_MESSAGE_ID,
                        token(&rest[before].message_id),
                    ),
                });
            let answers = self.publish(prepared).await;
            let before = taken;
            let broken = self.follow(store, run, &mut taken, &mut tail, answers);
            match broken {
                None => self.put_tail(tail),
                Some(Broken::Failed(error)) => return (taken, Some(error)),
                Some(Broken::Overtaken) => {
                    tries = if taken > before { 0 } else { tries + 1 };
                    if tries == CHAIN_TRIES {
                        let stream = &self.streams.events;
                        return (
                            taken,
                            Some(AnnounceError::Unavailable(format!(
                                "others keep writing to {stream}"
                            ))),
                        );
                    }
                    continue;
                }
            }
            if refused.is_some() {
                return (taken, refused);
            }
        }
    }

    /// Counts the events that were stored; `None` when all were.
    fn follow(
        &self,
        store: &str,
        run: &[Announcement],
        taken: &mut usize,
        tail: &mut Tail,
        answers: Vec<Result<PublishAck, PublishError>>,
    ) -> Option<Broken> {
        let mut overtaken = false;
        for answer in answers {
            let event = &run[*taken];
            match answer {
                // A repeat inside the broker's window was not stored again: what follows it in this window was refused.
                Ok(ack) => {
                    overtaken |= ack.duplicate;
                    tail.sequence = ack.sequence;
                    tail.last = Some((token(store), event.number));
                    *taken += 1;
                }
                Err(error) if is_overtaken(&error) => return Some(Broken::Overtaken),
                Err(error) => return Some(Broken::Failed(reaction(&event.subject, &error))),
            }
        }
        overtaken.then_some(Broken::Overtaken)
    }

    /// Replies go to whoever listens. The broker answers in order, so its answer to a later question tells that it has them.
    async fn announce_replies(&self, store: &str, run: &[Announcement]) -> Taken {
        let (prepared, mut problem) = self.prepare(store, run, |_, _| {});
        let mut sent = 0;
        for (subject, headers, body) in prepared {
            if let Err(error) = self.client.publish_with_headers(subject, headers, body).await {
                problem = Some(match error.kind() {
                    CorePublishErrorKind::MaxPayloadExceeded | CorePublishErrorKind::InvalidSubject => {
                        AnnounceError::Refused(with_causes(&error))
                    }
                    _ => AnnounceError::Unavailable(with_causes(&error)),
                });
                break;
            }
            sent += 1;
        }
        if sent == 0 {
            return (0, problem);
        }
        match self.jetstream.query_account().await {
            Ok(_) if sent < run.len() && problem.is_none() => {
                let (more, problem) = Box::pin(self.announce_replies(store, &run[sent..])).await;
                (sent + more, problem)
            }
            Ok(_) => (sent, problem),
            Err(error) => (0, Some(AnnounceError::Unavailable(with_causes(&error)))),
        }
    }

    /// The first messages, as many as go out in one window, up to one that can never be sent.
    fn prepare(
        &self,
        store: &str,
        run: &[Announcement],
        condition: impl Fn(&mut HeaderMap, usize),
    ) -> (Vec<Prepared>, Option<AnnounceError>) {
        let mut prepared = Vec::new();
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
                Ok(mut headers) => {
                    condition(&mut headers, index);
                    prepared.push((
                        announcement.subject.clone(),
                        headers,
                        Bytes::copy_from_slice(&announcement.body),
                    ));
                }
                Err(error) => return (prepared, Some(error)),
            }
        }
        (prepared, None)
    }

    /// Sends all, then awaits all answers: none may be under way when the caller decides what to send next.
    async fn publish(&self, prepared: Vec<Prepared>) -> Vec<Result<PublishAck, PublishError>> {
        let mut answers = Vec::with_capacity(prepared.len());
        let mut failed = None;
        let subjects: Vec<String> = prepared.iter().map(|(subject, ..)| subject.clone()).collect();
        for (subject, mut headers, body) in prepared {
            // Where ours is gone, a stranger's stream may have its subjects: it must not take what is ours.
            if let Some(stream) = self.streams.name_of(&subject) {
                headers.insert(header::NATS_EXPECTED_STREAM, stream);
            }
            let message = PublishMessage::build().headers(headers).payload(body);
            match self.jetstream.send_publish(subject, message).await {
                Ok(answer) => answers.push(answer.into_future()),
                Err(error) => {
                    failed = Some(Err(error));
                    break;
                }
            }
        }
        let mut answers = join_all(answers).await;
        answers.extend(failed);
        for (subject, answer) in subjects.iter().zip(&answers) {
            self.heed(subject, answer).await;
        }
        answers
    }
}

/// Why a chain of events ended early.
enum Broken {
    /// The stream did not end where it was expected to: look again.
    Overtaken,
    Failed(AnnounceError),
}

fn is_overtaken(error: &PublishError) -> bool {
    matches!(
        error.kind(),
        PublishErrorKind::WrongLastSequence | PublishErrorKind::WrongLastMessageId
    )
}

/// What a failed publish means for the relay.
fn reaction(subject: &str, error: &PublishError) -> AnnounceError {
    let too_large = |code: ErrorCode| code == ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM;
    match error.kind() {
        PublishErrorKind::MaxPayloadExceeded => AnnounceError::Refused(with_causes(error)),
        PublishErrorKind::StreamNotFound => {
            AnnounceError::Unavailable(format!("nobody takes messages on {subject}"))
        }
        _ if broker_code(error).is_some_and(too_large) => AnnounceError::Refused(with_causes(error)),
        _ => AnnounceError::Unavailable(with_causes(error)),
    }
}

fn broker_code(error: &PublishError) -> Option<ErrorCode> {
    let cause = std::error::Error::source(error)?;
    cause
        .downcast_ref::<async_nats::jetstream::Error>()
        .map(async_nats::jetstream::Error::error_code)
}
