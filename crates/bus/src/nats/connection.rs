//! Connecting: the client with its log of events, JetStream, and whether the server can do what we need.

use async_nats::jetstream::{self, context::ContextBuilder};
use async_nats::{Client, ConnectOptions, Event, ServerError};
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::config::NatsConfig;
use super::error::BusError;
use crate::announce::WINDOW_MESSAGES;

/// The lowest JetStream API level that is accepted: nats-server 2.11. Older servers report none, and drop settings
/// they do not know without a word.
pub(crate) const API_LEVEL_NEEDED: usize = 1;

/// Connects. The second value counts how often the connection was made.
pub(crate) async fn open(
    config: &NatsConfig,
    name: &str,
) -> Result<(Client, watch::Receiver<u64>), BusError> {
    let url = config.shown_url();
    let mut options = ConnectOptions::new();
    if let Some(path) = &config.credentials {
        options = ConnectOptions::with_credentials_file(path)
            .await
            .map_err(|error| BusError::setting("credentials", format!("{}: {error}", path.display())))?;
    }
    if let Some(prefix) = &config.inbox_prefix {
        options = options.custom_inbox_prefix(prefix);
    }
    let (connects, connected) = watch::channel(0);
    let client = options
        .name(name)
        .connection_timeout(config.connect_timeout())
        .request_timeout(Some(config.answer_timeout()))
        .ping_interval(std::time::Duration::from_secs(20))
        .max_reconnects(None)
        .event_callback(move |event| {
            log(&event);
            if matches!(event, Event::Connected) {
                connects.send_modify(|count| *count += 1);
            }
            std::future::ready(())
        })
        .connect(addresses(&config.url))
        .await
        .map_err(|error| BusError::Unreachable {
            url,
            reason: with_causes(&error),
            hint: "start it with `nats-server -js -sd DIR`, or name another with --nats URL".to_owned(),
        })?;
    Ok((client, connected))
}

pub(crate) fn jetstream(client: &Client, config: &NatsConfig) -> jetstream::Context {
    ContextBuilder::new()
        .timeout(config.answer_timeout())
        .ack_timeout(config.answer_timeout())
        // Twice a window: a message given up on holds its place until its time is over.
        .max_ack_inflight(4 * WINDOW_MESSAGES)
        .backpressure_on_inflight(true)
        .build(client.clone())
}

/// The JetStream API level, 0 for servers that report none.
pub(crate) async fn api_level(
    client: &Client,
    jetstream: &jetstream::Context,
    config: &NatsConfig,
) -> Result<usize, BusError> {
    let version = client.server_info().version;
    let account = jetstream.query_account().await.map_err(|error| BusError::Unfit {
        url: config.shown_url(),
        reason: format!("nats-server {version} answers no JetStream request: {}", with_causes(&error)),
        hint: "JetStream keeps tasks, results and events: start the server with `-js -sd DIR`, or enable it for this account"
            .to_owned(),
    })?;
    let level = account.requests.level;
    if level < API_LEVEL_NEEDED {
        return Err(BusError::Unfit {
            url: config.shown_url(),
            reason: format!(
                "nats-server {version} has JetStream API level {level}, at least {API_LEVEL_NEEDED} is needed"
            ),
            hint: "run nats-server 2.15 (2.11 is the oldest that reports what it can do)".to_owned(),
        });
    }
    Ok(level)
}

fn addresses(url: &str) -> Vec<String> {
    url.split(',')
        .map(|one| one.trim().to_owned())
        .filter(|one| !one.is_empty())
        .collect()
}

fn log(event: &Event) {
    match event {
        Event::Connected => info!("connected to nats"),
        Event::Disconnected => warn!("lost the connection to nats, reconnecting"),
        Event::LameDuckMode => warn!("nats server is about to stop, it asks clients to move"),
        Event::SlowConsumer(subscription) => {
            warn!(subscription, "reading too slowly, nats messages were dropped")
        }
        Event::ServerError(ServerError::AuthorizationViolation) => error!("nats refused our credentials"),
        // A publish that is not permitted is told only here.
        Event::ServerError(problem)
            if problem
                .to_string()
                .to_lowercase()
                .contains("permissions violation") =>
        {
            error!(%problem, "nats does not permit us a subject we need");
        }
        Event::ServerError(problem) => warn!(%problem, "nats reported a problem"),
        Event::ClientError(problem) => warn!(%problem, "nats client reported a problem"),
        Event::Draining | Event::Closed => info!(%event, "nats connection ends"),
    }
}

/// An error with its causes on one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = said_once(&error.to_string());
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = said_once(&inner.to_string());
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

/// The library wraps errors in errors of the same words: `a: a` is `a`.
fn said_once(text: &str) -> String {
    let half = text.len().saturating_sub(2) / 2;
    match (text.get(..half), text.get(half..half + 2), text.get(half + 2..)) {
        (Some(first), Some(": "), Some(second)) if first == second => first.to_owned(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::said_once;

    #[test]
    fn nothing_is_said_twice() {
        assert_eq!(said_once("not found: not found"), "not found");
        assert_eq!(said_once("not found: no stream"), "not found: no stream");
        assert_eq!(said_once("å: å"), "å");
        assert_eq!(said_once(""), "");
    }
}
