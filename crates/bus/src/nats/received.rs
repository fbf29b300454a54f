//! A message as a pull consumer of a real server hands it out.

use std::time::Duration;

use async_nats::jetstream::{AckKind, Message};
use async_trait::async_trait;

use super::header_map;
use super::server::Abilities;
use crate::broker::{Delivery, Headers, Place};

pub(crate) struct Received {
    message: Message,
    headers: Headers,
}

impl Received {
    pub(crate) fn new(message: Message) -> Self {
        let headers = header_map::from_client(message.headers.as_ref());
        Self { message, headers }
    }
}

#[async_trait]
impl Delivery for Received {
    fn subject(&self) -> &str {
        &self.message.subject
    }

    fn headers(&self) -> &Headers {
        &self.headers
    }

    fn payload(&self) -> &[u8] {
        &self.message.payload
    }

    fn place(&self) -> Result<Place, String> {
        let info = self.message.info().map_err(|error| error.to_string())?;
        Ok(Place {
            sequence: info.stream_sequence,
            published_ns: info.published.unix_timestamp_nanos(),
        })
    }

    async fn ack(&self) -> Result<(), String> {
        self.message.ack().await.map_err(|error| error.to_string())
    }

    async fn nak(&self, delay: Duration) -> Result<(), String> {
        let delay = (!delay.is_zero()).then_some(delay);
        let sent = self.message.ack_with(AckKind::Nak(delay)).await;
        sent.map_err(|error| error.to_string())
    }

    async fn end(&self, reason: &str) -> Result<(), String> {
        let Some(reply) = self.message.reply.clone() else {
            return Ok(());
        };
        let client = self.message.context.client();
        let told = Abilities::of(&client.server_info().version).end(reason);
        let sent = client.publish(reply, told.into()).await;
        sent.map_err(|error| error.to_string())
    }
}
