//! Why the NATS bus cannot be used, by what the operator does about it.

use thiserror::Error;

/// What keeps the bus from starting.
#[derive(Debug, Error)]
pub enum BusError {
    /// No connection: wrong address, wrong credentials, or nothing runs there.
    #[error("cannot reach NATS at {url}: {reason}")]
    Unreachable {
        url: String,
        reason: String,
        hint: String,
    },
    /// The server lacks something that we need.
    #[error("the NATS server at {url} cannot be used: {reason}")]
    Unfit {
        url: String,
        reason: String,
        hint: String,
    },
    /// The broker did not answer: try again.
    #[error("cannot set up {what}: {reason}")]
    NoAnswer { what: String, reason: String },
    /// A setting is wrong.
    #[error("setting `{key}` {reason}")]
    Setting { key: String, reason: String },
    /// A stream, consumer or service could not be set up.
    #[error("cannot set up {what}: {reason}")]
    Setup {
        what: String,
        reason: String,
        hint: String,
    },
}

impl BusError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Unreachable { hint, .. } | Self::Unfit { hint, .. } | Self::Setup { hint, .. } => {
                Some(hint)
            }
            Self::NoAnswer { .. } => Some(
                "the server does not answer, or does not permit it: its log says which; `$JS.API.>` must be permitted to publish \
                 and `_INBOX.>` to subscribe to",
            ),
            Self::Setting { .. } => None,
        }
    }

    pub(crate) fn setting(key: &str, reason: impl Into<String>) -> Self {
        Self::Setting {
            key: key.to_owned(),
            reason: reason.into(),
        }
    }

    pub(crate) fn setup(what: impl Into<String>, reason: impl ToString, hint: impl Into<String>) -> Self {
        Self::Setup {
            what: what.into(),
            reason: reason.to_string(),
            hint: hint.into(),
        }
    }
}
