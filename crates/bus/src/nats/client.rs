//! The client of the command line: one request, one answer.

use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::service::{NATS_SERVICE_ERROR, NATS_SERVICE_ERROR_CODE};
use async_nats::{Client, Request};
use bytes::Bytes;
use kunder_agent_core::subject::Subjects;
use thiserror::Error;

use super::config::{NatsConfig, check_process};
use super::connection::{self, with_causes};
use super::error::BusError;
use super::header_map;

/// A connection that asks. Needs no JetStream.
pub struct NatsClient {
    client: Client,
    subjects: Subjects,
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum RemoteError {
    /// The other side refused; `body` is the refusal in JSON where the other side is one of ours.
    #[error("{message}")]
    Refused {
        code: u16,
        message: String,
        body: Vec<u8>,
    },
    #[error("nobody answers on {subject}")]
    NoResponders { subject: String },
    #[error("no answer on {subject} within {} ms", waited.as_millis())]
    Timeout { subject: String, waited: Duration },
    #[error("cannot ask: {0}")]
    Unavailable(String),
}

impl NatsClient {
    /// # Errors
    /// No connection, or a process name that is none.
    pub async fn connect(url: &str, process: &str) -> Result<Self, BusError> {
        check_process(process)?;
        let config = NatsConfig {
            process: process.to_owned(),
            ..NatsConfig::new(url)
        };
        let opened = connection::open(&config, &format!("{process} command line")).await?;
        Ok(Self {
            client: opened.client,
            subjects: Subjects::new(process),
        })
    }

    /// The subjects of the process we ask.
    #[must_use]
    pub fn subjects(&self) -> &Subjects {
        &self.subjects
    }

    /// Asks on a subject such as `kunder.svc.pipeline.task` and waits for the answer.
    ///
    /// # Errors
    /// A refusal of the other side, or why there is no answer.
    pub async fn request(
        &self,
        subject: &str,
        payload: Vec<u8>,
        timeout: Duration,
    ) -> Result<Vec<u8>, RemoteError> {
        let request = Request::new()
            .payload(Bytes::from(payload))
            .timeout(Some(timeout));
        let message = self
            .client
            .send_request(subject.to_owned(), request)
            .await
            .map_err(|error| match error.kind() {
                RequestErrorKind::NoResponders => RemoteError::NoResponders {
                    subject: subject.to_owned(),
                },
                RequestErrorKind::TimedOut => RemoteError::Timeout {
                    subject: subject.to_owned(),
                    waited: timeout,
                },
                RequestErrorKind::InvalidSubject
                | RequestErrorKind::MaxPayloadExceeded
                | RequestErrorKind::Other => RemoteError::Unavailable(with_causes(&error)),
            })?;
        let header = |name: &str| header_map::find(message.headers.as_ref(), name);
        match (header(NATS_SERVICE_ERROR), header(NATS_SERVICE_ERROR_CODE)) {
            (None, None) => Ok(message.payload.to_vec()),
            (text, code) => Err(RemoteError::Refused {
                code: code.and_then(|code| code.parse().ok()).unwrap_or(500),
                message: text.unwrap_or("refused without a reason").to_owned(),
                body: message.payload.to_vec(),
            }),
        }
    }
}
