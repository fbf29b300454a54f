//! Connecting: the client and what it tells us, JetStream, and whether the server can do what we need.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::context::{ContextBuilder, RequestErrorKind};
use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions, Event};
use serde_json::Value;
use thiserror::Error;
use tokio::sync::watch;

use super::config::NatsConfig;
use super::error::BusError;
use super::health::Health;
use super::login::{self, Login};
use super::{Shared, server};
use crate::announce::WINDOW_MESSAGES;

/// The longest pause between two tries to connect again: a server that comes back is not kept waiting.
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// A connection and what becomes of it.
pub(crate) struct Opened {
    pub(crate) client: Client,
    /// How often the connection was made.
    pub(crate) connects: watch::Receiver<u64>,
    pub(crate) health: Arc<Health>,
}

/// Connects.
pub(crate) async fn open(config: &NatsConfig, name: &str) -> Result<Opened, BusError> {
    let mut options = ConnectOptions::new();
    if let Some(path) = &config.credentials {
        options = ConnectOptions::with_credentials_file(path)
            .await
            .map_err(|error| BusError::setting("credentials", format!("{}: {error}", path.display())))?;
    }
    if let Some(prefix) = &config.inbox_prefix {
        options = options.custom_inbox_prefix(prefix);
    }
    let (addresses, login) = login::split(&config.url);
    options = match login {
        Some(Login::User { name, password }) => options.user_and_password(name, password),
        Some(Login::Token(token)) => options.token(token),
        None => options,
    };
    let (connects, connected) = watch::channel(0);
    let health = Arc::new(Health::new(&config.process));
    let told = Arc::clone(&health);
    let client = options
        .name(name)
        .connection_timeout(config.connect_timeout())
        .request_timeout(Some(config.answer_timeout()))
        .ping_interval(config.ping_interval())
        .reconnect_delay_callback(reconnect_pause)
        .max_reconnects(None)
        .event_callback(move |event| {
            told.told(&event);
            if matches!(event, Event::Connected) {
                connects.send_modify(|count| *count += 1);
            }
            std::future::ready(())
        })
        .connect(addresses)
        .await
        .map_err(|error| unreachable(config, &error))?;
    Ok(Opened {
        client,
        connects: connected,
        health,
    })
}

fn unreachable(config: &NatsConfig, error: &ConnectError) -> BusError {
    let hint = match error.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
            "name user and password in the URL, nats://USER:PASSWORD@HOST, with `%40` for an `@` in them"
        }
        _ => "start it with `nats-server -js -sd DIR`, or name another with --nats URL",
    };
    BusError::Unreachable {
        url: config.shown_url(),
        reason: with_causes(error),
        hint: hint.to_owned(),
    }
}

/// At once, then a little longer each time.
fn reconnect_pause(tries: usize) -> Duration {
    let Some(doublings) = tries.checked_sub(2) else {
        return Duration::ZERO;
    };
    let doublings = u32::try_from(doublings).unwrap_or(u32::MAX).min(10);
    (Duration::from_millis(10) * 2_u32.pow(doublings)).min(RECONNECT_PAUSE_MAX)
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

/// Why there is no JetStream API level.
#[derive(Debug, Error)]
pub(crate) enum NoLevel {
    /// Nothing came in time: it may come yet.
    #[error("{0}")]
    Late(String),
    #[error("{0}")]
    Refused(String),
}

/// The JetStream API level, 0 for servers that report none.
/// The library's own question fails on servers older than 2.10, whose answer lacks fields it insists on.
pub(crate) async fn api_level(jetstream: &jetstream::Context) -> Result<usize, NoLevel> {
    let answer: Value = jetstream
        .request("INFO", &())
        .await
        .map_err(|error| match error.kind() {
            RequestErrorKind::TimedOut => NoLevel::Late(with_causes(&error)),
            _ => NoLevel::Refused(with_causes(&error)),
        })?;
    if let Some(reason) = answer["error"]["description"].as_str() {
        return Err(NoLevel::Refused(reason.to_owned()));
    }
    let level = answer["api"]["level"].as_u64().unwrap_or_default();
    Ok(usize::try_from(level).unwrap_or(usize::MAX))
}

/// Refuses a server that cannot do what we need.
pub(crate) async fn check(shared: &Shared) -> Result<(), BusError> {
    let version = shared.client.server_info().version;
    let unfit = |reason: String, hint: &str| BusError::Unfit {
        url: shared.config.shown_url(),
        reason,
        hint: hint.to_owned(),
    };
    if let Some(reason) = server::refusal(&version) {
        return Err(unfit(reason, "run nats-server 2.15"));
    }
    let Err(error) = api_level(&shared.jetstream).await else {
        return Ok(());
    };
    // A permission that is missing was told by the way.
    let problems = shared.health.problems();
    if !problems.is_empty() {
        return Err(unfit(
            problems.join("; "),
            "the server's configuration file holds the permissions of each user",
        ));
    }
    match error {
        NoLevel::Late(reason) => Err(BusError::NoAnswer {
            what: format!(
                "JetStream on nats-server {version} at {}",
                shared.config.shown_url()
            ),
            reason,
        }),
        NoLevel::Refused(reason) => Err(unfit(
            format!("nats-server {version} answers no JetStream request: {reason}"),
            "JetStream keeps tasks, results and events: start the server with `-js -sd DIR`, or enable it for this account",
        )),
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
    use super::{reconnect_pause, said_once};

    #[test]
    fn nothing_is_said_twice() {
        assert_eq!(said_once("not found: not found"), "not found");
        assert_eq!(said_once("not found: no stream"), "not found: no stream");
        assert_eq!(said_once("å: å"), "å");
        assert_eq!(said_once(""), "");
    }

    #[test]
    fn a_server_that_comes_back_waits_at_most_a_second_for_us() {
        let pauses = [0, 1, 2, 3, 8, 9, 50, usize::MAX].map(|tries| reconnect_pause(tries).as_millis());
        assert_eq!(pauses, [0, 0, 10, 20, 640, 1_000, 1_000, 1_000]);
    }
}
