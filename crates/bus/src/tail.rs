//! The end of the event stream: where the relay resumes, and what the next event must follow.

use kunder_agent_core::subject::token;

use crate::broker::StreamEnd;
use crate::headers;

/// The last message of the event stream.
#[derive(Clone, Debug)]
pub(crate) struct Tail {
    /// The last sequence the stream gave, 0 for a new stream.
    pub(crate) sequence: u64,
    /// The store (as a token) and the outbox number of the last message, where it came from an outbox.
    pub(crate) last: Option<(String, u64)>,
}

impl Tail {
    pub(crate) fn of(end: &StreamEnd) -> Self {
        let last = end.headers.as_ref().and_then(|given| {
            let store = headers::find(given, headers::STORE)?;
            let number = headers::find(given, headers::OUTBOX)?;
            Some((store.to_owned(), number.parse().ok()?))
        });
        Self {
            sequence: end.sequence,
            last,
        }
    }

    /// The newest number of this store that the stream holds, where it can tell.
    pub(crate) fn number(&self, store: &str) -> Option<u64> {
        self.last
            .as_ref()
            .filter(|(other, _)| *other == token(store))
            .map(|(_, number)| *number)
    }
}
