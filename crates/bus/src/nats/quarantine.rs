//! Messages that cannot be read at all: their headers are not UTF-8, and the client drops the connection over them.
//! They are fetched through the broker's API, which carries them as base64, and become dead letters.

use async_nats::jetstream::response::Response;
use kunder_agent_core::door::{Refusal, RefusalCode};
use serde::Deserialize;
use serde_json::json;
use tracing::{error, warn};

use super::connection::with_causes;
use super::consume::Consumption;
use super::letter::{Letter, Origin};
use crate::base64;

#[derive(Deserialize)]
struct Stored {
    message: StoredMessage,
}

#[derive(Deserialize)]
struct StoredMessage {
    subject: String,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
}

impl Consumption {
    /// Looks through what the consumer has handed out and not seen acknowledged.
    pub(crate) async fn set_unreadable_aside(&self) {
        if let Err(reason) = self.try_to_set_aside().await {
            warn!(stream = self.stream(), reason, "cannot look for unreadable messages");
        }
    }

    async fn try_to_set_aside(&self) -> Result<(), String> {
        let stream = self.shared.jetstream.get_stream_no_info(self.stream()).await.map_err(|error| with_causes(&error))?;
        let info = stream.consumer_info(self.consumer_name()).await.map_err(|error| with_causes(&error))?;
        let first = info.ack_floor.stream_sequence + 1;
        let most = u64::try_from(self.shared.config.max_ack_pending).unwrap_or(1);
        let last = info.delivered.stream_sequence.min(first + 4 * most);
        for sequence in first..=last {
            let Some(stored) = self.stored(sequence).await? else { continue };
            let headers = base64::decode(&stored.hdrs).unwrap_or_default();
            if std::str::from_utf8(&headers).is_ok() {
                continue;
            }
            error!(stream = self.stream(), sequence, "a message with unreadable headers is set aside");
            let refusal = Refusal::new(RefusalCode::Malformed, "the headers are not UTF-8");
            let payload = base64::decode(&stored.data).unwrap_or_default();
            let origin = Origin { stream: self.stream(), sequence, subject: &stored.subject };
            let letter = Letter { origin, headers: None, payload: &payload, refusal: &refusal };
            self.shared.write_letter(&letter).await?;
            stream.delete_message(sequence).await.map_err(|error| with_causes(&error))?;
        }
        Ok(())
    }

    async fn stored(&self, sequence: u64) -> Result<Option<StoredMessage>, String> {
        let subject = format!("STREAM.MSG.GET.{}", self.stream());
        let answer: Response<Stored> = self
            .shared
            .jetstream
            .request(subject, &json!({ "seq": sequence }))
            .await
            .map_err(|error| with_causes(&error))?;
        match answer {
            Response::Ok(stored) => Ok(Some(stored.message)),
            // Acknowledged or deleted meanwhile.
            Response::Err { .. } => Ok(None),
        }
    }
}
