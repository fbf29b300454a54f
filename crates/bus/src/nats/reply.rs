//! Answers of the services: a body, or a refusal in the headers every client of NATS services looks for.

use async_nats::header::{HeaderMap, HeaderValue};
use async_nats::service::error::Error as ServiceError;
use async_nats::service::{NATS_SERVICE_ERROR, NATS_SERVICE_ERROR_CODE, Request};
use async_nats::{Client, Subject};
use kunder_agent_core::door::{Refusal, RefusalCode};
use tracing::debug;

use crate::headers::one_line;

const ERROR_CHARACTERS: usize = 200;

/// Answers a request. An answer over the payload limit becomes a refusal that says where to find it.
pub(crate) async fn answer(client: &Client, request: Request, outcome: Result<Vec<u8>, Refusal>) {
    let body = match outcome {
        Ok(body) if body.len() > client.max_payload() => {
            let message = format!(
                "the answer is {} bytes, the broker takes {}",
                body.len(),
                client.max_payload()
            );
            return refuse(client, request, &Refusal::new(RefusalCode::TooLarge, message)).await;
        }
        Ok(body) => body,
        Err(refusal) => return refuse(client, request, &refusal).await,
    };
    if let Err(error) = request.respond(Ok(body.into())).await {
        debug!(%error, "cannot answer a request");
    }
}

async fn refuse(client: &Client, mut request: Request, refusal: &Refusal) {
    let status = one_line(&refusal.to_string(), ERROR_CHARACTERS);
    let code = refusal.code.number();
    let Some(reply) = request.message.reply.clone() else {
        return;
    };
    let mut headers = HeaderMap::new();
    headers.insert(NATS_SERVICE_ERROR, status.as_str());
    headers.insert(NATS_SERVICE_ERROR_CODE, HeaderValue::from(code));
    if let Some(retry_after_ms) = refusal.retry_after_ms {
        headers.insert("Retry-After-Ms", HeaderValue::from(retry_after_ms));
    }
    let body = serde_json::to_vec(refusal).unwrap_or_default();
    if let Err(error) = client.publish_with_headers(reply, headers, body.into()).await {
        debug!(%error, "cannot answer a request");
    }
    // The library's own refusal counts in the statistics, but carries no body. On an empty subject it is counted and not sent.
    request.message.reply = Some(Subject::from_static(""));
    let counted = ServiceError {
        status,
        code: usize::from(code),
    };
    let sent = request.respond(Err(counted)).await;
    debug_assert!(sent.is_err(), "nothing can be sent on an empty subject");
}
