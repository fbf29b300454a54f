//! Where a command goes: to NATS, to the socket of a running `serve`, or to a runtime in this very process.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::door::{Door, Refusal};
use kunder_agent_core::subject::Subjects;
use kunder_bus::{NatsClient, RemoteError};
use tokio::net::UnixStream;

use crate::app::{App, Options};
use crate::cli::Failure;
use crate::config::Config;
use crate::control::{Request, Response};
use crate::socket;

/// Longest a single call may take before the other side counts as gone; calls that wait do so for less.
const CALL_MAX: Duration = Duration::from_secs(90);

/// How long a command waits for another one that holds the folder.
const HELD_WAIT: SignedDuration = SignedDuration::from_secs(10);
const HELD_PAUSE: SignedDuration = SignedDuration::from_millis(50);

/// A way to a runtime.
pub enum Client {
    Embedded(Box<App>),
    Socket(UnixStream),
    Nats { client: NatsClient, subject: String },
}

impl Client {
    /// NATS where it is named on the command line, else a running `serve` of the folder, else embedded.
    ///
    /// # Errors
    /// When none of them can be had.
    pub async fn open(
        data: PathBuf,
        nats: Option<&str>,
        config: Config,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        if let Some(url) = nats {
            let client = NatsClient::connect(url, config.process())
                .await
                .map_err(|error| {
                    Failure::usage(Failure::chain(&error))
                        .hint("is the server running, and is --nats its URL?")
                })?;
            let subject = Subjects::new(config.process()).service("control", "request");
            return Ok(Self::Nats { client, subject });
        }
        let config = Config { nats: None, ..config };
        let until = clock.now() + HELD_WAIT;
        loop {
            if let Ok(stream) = UnixStream::connect(socket::path(&data)).await {
                return Ok(Self::Socket(stream));
            }
            let options = Options {
                data: data.clone(),
                config: config.clone(),
                serve: false,
            };
            match App::open(options, Arc::clone(&clock)).await {
                // Another command works on the folder, or a `serve` has not made its socket yet.
                Err(failure) if failure.folder_is_held() && clock.now() < until => {
                    clock.sleep_until(clock.now() + HELD_PAUSE).await
                }
                opened => return Ok(Self::Embedded(Box::new(opened?))),
            }
        }
    }

    /// Asks for something.
    ///
    /// # Errors
    /// When it is refused, or the other side is gone.
    pub async fn call(&mut self, request: &Request) -> Result<Response, Failure> {
        let payload = serde_json::to_vec(request).expect("a request is plain data and always serializes");
        let gone = |what: &dyn std::fmt::Display| {
            Failure::failed(format!("the connection to the runtime broke: {what}"))
                .hint("what was accepted is not lost; ask again when it is back")
        };
        let answer = match self {
            Self::Embedded(app) => app.service.control(&payload).await.map_err(Failure::refused)?,
            Self::Socket(stream) => {
                socket::write_frame(stream, &payload)
                    .await
                    .map_err(|error| gone(&error))?;
                let answer = tokio::time::timeout(CALL_MAX, socket::read_frame(stream))
                    .await
                    .map_err(|_| gone(&"no answer"))?;
                answer
                    .map_err(|error| gone(&error))?
                    .ok_or_else(|| gone(&"it was closed"))?
            }
            Self::Nats { client, subject } => {
                client
                    .request(subject, payload, CALL_MAX)
                    .await
                    .map_err(|error| match error {
                        RemoteError::NoResponders { .. } => {
                            Failure::failed("nobody serves on that NATS server")
                                .hint("start `kunder serve --nats URL` first")
                        }
                        RemoteError::Refused { body, message, .. } => {
                            match serde_json::from_slice::<Refusal>(&body) {
                                Ok(refusal) => Failure::refused(refusal),
                                Err(_) => Failure::failed(message),
                            }
                        }
                        other => gone(&Failure::chain(&other)),
                    })?
            }
        };
        let response = serde_json::from_slice(&answer)
            .map_err(|error| Failure::failed(format!("the answer cannot be read: {error}")))?;
        match response {
            Response::Refused(refusal) => Err(Failure::refused(refusal)),
            response => Ok(response),
        }
    }

    /// Lets what was started come to its end where this process runs it, and closes.
    pub async fn close(self) {
        if let Self::Embedded(app) = self {
            let _ = app.service.settle(Duration::from_secs(60)).await;
            app.close().await;
        }
    }

    /// How many facts go into one import request: a broker's payload limit is smaller than a frame's.
    #[must_use]
    pub fn import_batch(&self) -> usize {
        match self {
            Self::Embedded(_) | Self::Socket(_) => 4_000,
            Self::Nats { .. } => 250,
        }
    }

    #[must_use]
    pub fn is_embedded(&self) -> bool {
        matches!(self, Self::Embedded(_))
    }
}
