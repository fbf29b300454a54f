//! The end of the event stream: where the relay resumes, and what the next event must follow.

use std::sync::PoisonError;

use async_nats::jetstream::stream::LastRawMessageErrorKind;
use kunder_agent_core::bus::AnnounceError;
use kunder_agent_core::subject::token;

use super::connection::with_causes;
use super::headers;
use super::{NatsBus, Shared};

/// The last message of the event stream.
#[derive(Clone, Debug)]
pub(crate) struct Tail {
    /// The last sequence the stream gave, 0 for a new stream.
    pub(crate) sequence: u64,
    /// The store (as a token) and the outbox number of the last message, where it came from an outbox.
    pub(crate) last: Option<(String, u64)>,
}

impl Tail {
    /// The newest number of this store that the stream holds, where it can tell.
    pub(crate) fn number(&self, store: &str) -> Option<u64> {
        self.last
            .as_ref()
            .filter(|(other, _)| *other == token(store))
            .map(|(_, number)| *number)
    }
}

impl NatsBus {
    pub(crate) async fn read_last_event(&self, store: &str) -> Option<u64> {
        let tail = match self.shared.read_tail().await {
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

impl Shared {
    /// Takes the remembered end of the stream out, or reads it. Whoever publishes puts it back when all went well.
    pub(crate) async fn take_tail(&self) -> Result<Tail, AnnounceError> {
        let remembered = self.tail.lock().unwrap_or_else(PoisonError::into_inner).take();
        match remembered {
            Some(tail) => Ok(tail),
            None => self.read_tail().await,
        }
    }

    pub(crate) fn put_tail(&self, tail: Tail) {
        *self.tail.lock().unwrap_or_else(PoisonError::into_inner) = Some(tail);
    }

    pub(crate) async fn read_tail(&self) -> Result<Tail, AnnounceError> {
        let unavailable = |error: &dyn std::error::Error| AnnounceError::Unavailable(with_causes(error));
        let stream = self
            .jetstream
            .get_stream_no_info(&self.streams.events)
            .await
            .map_err(|error| unavailable(&error))?;
        let sequence = stream
            .get_info()
            .await
            .map_err(|error| unavailable(&error))?
            .state
            .last_sequence;
        let last = match stream
            .get_last_raw_message_by_subject(&self.streams.event_subjects())
            .await
        {
            Ok(message) => {
                let store = headers::find(Some(&message.headers), headers::STORE);
                let number =
                    headers::find(Some(&message.headers), headers::OUTBOX).and_then(|text| text.parse().ok());
                store.map(str::to_owned).zip(number)
            }
            Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => None,
            Err(error) => return Err(unavailable(&error)),
        };
        Ok(Tail { sequence, last })
    }
}
