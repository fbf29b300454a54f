//! Messages that cannot be read at all: their headers are not UTF-8, and the client drops the connection over them.
//! They are fetched through the broker's API, which carries them as base64, and become dead letters.

use std::sync::Arc;

use async_nats::jetstream::response::Response;
use kunder_agent_core::door::{Refusal, RefusalCode};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;
use tracing::{error, warn};

use super::Shared;
use super::connection::with_causes;
use super::serve::stopped;
use crate::accept::Source;
use crate::base64;
use crate::letter::{self, Letter, Origin};

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

/// Watches for lost connections, each of which such a message may have caused.
pub(crate) struct Quarantine {
    pub(crate) shared: Arc<Shared>,
    pub(crate) sources: Vec<Source>,
    pub(crate) stop: watch::Receiver<bool>,
}

impl Quarantine {
    pub(crate) async fn run(mut self) {
        let mut connects = self.shared.connects.clone();
        connects.mark_unchanged();
        loop {
            tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return,
                connected = connects.changed() => if connected.is_err() { return },
            }
            for source in &self.sources {
                if let Err(reason) = self.set_aside(source).await {
                    warn!(
                        stream = source.stream(&self.shared.streams.names),
                        reason, "cannot look for unreadable messages"
                    );
                }
            }
        }
    }

    /// Looks through what the consumer has handed out and not seen acknowledged.
    async fn set_aside(&self, source: &Source) -> Result<(), String> {
        let name = source.stream(&self.shared.streams.names);
        let stream = self
            .shared
            .jetstream
            .get_stream_no_info(name)
            .await
            .map_err(|error| with_causes(&error))?;
        let info = stream
            .consumer_info(source.consumer())
            .await
            .map_err(|error| with_causes(&error))?;
        if info.num_ack_pending == 0 {
            return Ok(());
        }
        let first = info.ack_floor.stream_sequence + 1;
        let most = u64::try_from(self.shared.config.max_ack_pending).unwrap_or(1);
        let last = info.delivered.stream_sequence.min(first + 4 * most);
        for sequence in first..=last {
            let Some(stored) = self.stored(name, sequence).await? else {
                continue;
            };
            let headers = base64::decode(&stored.hdrs).unwrap_or_default();
            if std::str::from_utf8(&headers).is_ok() {
                continue;
            }
            error!(
                stream = name,
                sequence, "a message with unreadable headers is set aside"
            );
            let refusal = Refusal::new(RefusalCode::Malformed, "the headers are not UTF-8");
            let payload = base64::decode(&stored.data).unwrap_or_default();
            let origin = Origin {
                stream: name,
                sequence,
                subject: &stored.subject,
            };
            let letter = Letter {
                origin,
                headers: None,
                payload: &payload,
                refusal: &refusal,
            };
            letter::write(self.shared.as_ref(), &letter).await?;
            stream
                .delete_message(sequence)
                .await
                .map_err(|error| with_causes(&error))?;
        }
        Ok(())
    }

    async fn stored(&self, stream: &str, sequence: u64) -> Result<Option<StoredMessage>, String> {
        let subject = format!("STREAM.MSG.GET.{stream}");
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
