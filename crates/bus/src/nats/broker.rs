//! The broker port over async-nats and a real server.

use std::sync::atomic::Ordering;

use async_nats::HeaderMap;
use async_nats::client::PublishErrorKind as CorePublishErrorKind;
use async_nats::connection::State;
use async_nats::header::{self, HeaderValue};
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{PublishError as ClientError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use async_trait::async_trait;
use futures::future::join_all;

use super::connection::{api_level, with_causes};
use super::{Shared, header_map};
use crate::broker::{Broker, Condition, Outgoing, PublishError, Stored, StreamEnd, StreamNames};

#[async_trait]
impl Broker for Shared {
    fn describe(&self) -> String {
        format!("nats {}", self.config.shown_url())
    }

    fn streams(&self) -> &StreamNames {
        &self.streams.names
    }

    fn connection(&self) -> Option<u64> {
        let connected = self.client.connection_state() == State::Connected;
        connected.then(|| self.client.statistics().connects.load(Ordering::Relaxed))
    }

    fn max_payload(&self) -> usize {
        self.client.max_payload()
    }

    async fn publish(&self, messages: Vec<Outgoing>) -> Vec<Result<Stored, PublishError>> {
        let mut answers = Vec::with_capacity(messages.len());
        let mut failed = None;
        let subjects: Vec<String> = messages.iter().map(|message| message.subject.clone()).collect();
        for message in messages {
            let headers = match headers_of(&message) {
                Ok(mut headers) => {
                    // Where ours is gone, a stranger's stream may have its subjects: it must not take what is ours.
                    if let Some(stream) = self.streams.name_of(&message.subject) {
                        headers.insert(header::NATS_EXPECTED_STREAM, stream);
                    }
                    headers
                }
                Err(error) => {
                    failed = Some(Err(error));
                    break;
                }
            };
            let publish = PublishMessage::build()
                .headers(headers)
                .payload(message.body.into());
            match self.jetstream.send_publish(message.subject, publish).await {
                Ok(answer) => answers.push(answer.into_future()),
                Err(error) => {
                    failed = Some(Err(meaning(&error)));
                    break;
                }
            }
        }
        let answers = join_all(answers).await.into_iter();
        let answers = answers.map(|answer| match answer {
            Ok(ack) => Ok(Stored {
                sequence: ack.sequence,
                duplicate: ack.duplicate,
            }),
            Err(error) => Err(meaning(&error)),
        });
        let answers: Vec<_> = answers.chain(failed).collect();
        for (subject, answer) in subjects.iter().zip(&answers) {
            self.heed(subject, answer).await;
        }
        answers
    }

    async fn end_of_events(&self) -> Result<StreamEnd, PublishError> {
        let unavailable = |error: &dyn std::error::Error| PublishError::Unavailable(with_causes(error));
        let names = &self.streams.names;
        let stream = self
            .jetstream
            .get_stream_no_info(&names.events)
            .await
            .map_err(|error| unavailable(&error))?;
        let info = stream.get_info().await.map_err(|error| unavailable(&error))?;
        let last = stream
            .get_last_raw_message_by_subject(&names.event_subjects())
            .await;
        let headers = match last {
            Ok(message) => Some(header_map::from_client(Some(&message.headers))),
            Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => None,
            Err(error) => return Err(unavailable(&error)),
        };
        Ok(StreamEnd {
            sequence: info.state.last_sequence,
            headers,
        })
    }

    async fn send(&self, message: Outgoing) -> Result<(), PublishError> {
        let headers = headers_of(&message)?;
        let sent = self
            .client
            .publish_with_headers(message.subject, headers, message.body.into());
        sent.await.map_err(|error| match error.kind() {
            CorePublishErrorKind::MaxPayloadExceeded => PublishError::TooLarge(with_causes(&error)),
            CorePublishErrorKind::InvalidSubject => PublishError::InvalidSubject(with_causes(&error)),
            CorePublishErrorKind::Send => PublishError::Unavailable(with_causes(&error)),
        })
    }

    async fn flush(&self) -> Result<(), PublishError> {
        let answer = api_level(&self.jetstream).await;
        answer
            .map(|_| ())
            .map_err(|error| PublishError::Unavailable(error.to_string()))
    }
}

fn headers_of(message: &Outgoing) -> Result<HeaderMap, PublishError> {
    let mut headers = header_map::to_client(&message.headers)?;
    headers.insert(header::NATS_MESSAGE_ID, message.message_id.as_str());
    match &message.condition {
        Condition::Nothing => {}
        Condition::SubjectIsNew => headers.insert(
            header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE,
            HeaderValue::from(0_u64),
        ),
        Condition::LastSequence(sequence) => {
            headers.insert(header::NATS_EXPECTED_LAST_SEQUENCE, HeaderValue::from(*sequence));
        }
        Condition::LastMessageId(id) => {
            headers.insert(header::NATS_EXPECTED_LAST_MESSAGE_ID, id.as_str());
        }
    }
    Ok(headers)
}

fn meaning(error: &ClientError) -> PublishError {
    let too_large = |code: ErrorCode| code == ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM;
    let not_ours = |code: ErrorCode| code == ErrorCode::STREAM_NOT_MATCH;
    let text = with_causes(error);
    match error.kind() {
        PublishErrorKind::WrongLastSequence => PublishError::WrongLastSequence(text),
        PublishErrorKind::WrongLastMessageId => PublishError::WrongLastMessageId(text),
        PublishErrorKind::MaxPayloadExceeded => PublishError::TooLarge(text),
        PublishErrorKind::StreamNotFound => PublishError::NobodyTakesIt(text),
        _ if broker_code(error).is_some_and(not_ours) => PublishError::NobodyTakesIt(text),
        _ if broker_code(error).is_some_and(too_large) => PublishError::TooLarge(text),
        _ => PublishError::Unavailable(text),
    }
}

fn broker_code(error: &ClientError) -> Option<ErrorCode> {
    let cause = std::error::Error::source(error)?;
    cause
        .downcast_ref::<async_nats::jetstream::Error>()
        .map(async_nats::jetstream::Error::error_code)
}
