//! The bus over NATS: one connection, six streams, the services of the agents.

use std::sync::Arc;

use async_nats::Client;
use async_nats::jetstream::Context;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use kunder_agent_core::bus::{AnnounceError, Announcement, Bus};
use kunder_agent_core::clock::Clock;
use kunder_agent_core::subject::Subjects;
use tokio::sync::watch;
use tracing::warn;

mod advisories;
mod broker;
pub(crate) mod client;
pub(crate) mod config;
mod connection;
mod consume;
pub(crate) mod error;
mod header_map;
mod health;
pub(crate) mod inspect;
mod keeper;
mod login;
mod quarantine;
mod received;
mod reply;
pub(crate) mod serve;
mod server;
mod services;
mod streams;

use config::NatsConfig;
use connection::Opened;
use error::BusError;
use health::Health;
use server::Abilities;
use streams::Streams;

use crate::announce::Announcer;

/// How long a broker that does not answer is asked again at the start, and how often.
const START_LIMIT: SignedDuration = SignedDuration::from_secs(30);
const START_PAUSE: SignedDuration = SignedDuration::from_millis(250);

/// The bus over NATS. Cheap to clone; all clones share one connection.
#[derive(Clone)]
pub struct NatsBus {
    pub(crate) shared: Arc<Shared>,
    announcer: Arc<Announcer<Shared>>,
}

pub(crate) struct Shared {
    pub(crate) client: Client,
    /// How often the connection was made.
    pub(crate) connects: watch::Receiver<u64>,
    pub(crate) jetstream: Context,
    pub(crate) config: NatsConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) subjects: Subjects,
    pub(crate) streams: Streams,
    pub(crate) health: Arc<Health>,
    /// Held while a stream is made or changed.
    pub(crate) keeping: tokio::sync::Mutex<()>,
}

impl NatsBus {
    /// Connects, looks at what the server can do, and creates or updates the streams. A server that takes the connection and
    /// does not answer is asked again for half a minute: it may have just started, or be busy.
    /// The work queue is set up by [`NatsBus::serve`], which knows the agents.
    ///
    /// # Errors
    /// A wrong setting, no connection, a server that lacks what is needed, or a stream that cannot be as we need it.
    pub async fn connect(config: NatsConfig, clock: Arc<dyn Clock>) -> Result<Self, BusError> {
        config.check()?;
        let opened = connection::open(&config, &format!("{} runner", config.process)).await?;
        let Opened {
            client,
            connects,
            health,
        } = opened;
        let jetstream = connection::jetstream(&client, &config);
        let streams = Streams::new(&config);
        let shared = Shared {
            subjects: Subjects::new(&config.process),
            client,
            connects,
            jetstream,
            config,
            clock,
            streams,
            health,
            keeping: tokio::sync::Mutex::new(()),
        };
        let until = shared.clock.now() + START_LIMIT;
        while let Err(error) = shared.set_up().await {
            shared.wait_to_ask_again(error, until).await?;
        }
        let shared = Arc::new(shared);
        let announcer = Arc::new(Announcer::new(Arc::clone(&shared)));
        Ok(Self { shared, announcer })
    }

    /// The largest message the server takes, in bytes, headers included.
    #[must_use]
    pub fn max_payload(&self) -> usize {
        self.shared.client.max_payload()
    }
}

impl Shared {
    async fn set_up(&self) -> Result<(), BusError> {
        connection::check(self).await?;
        for stream in self.streams.without_tasks() {
            self.streams.ensure(self, stream).await?;
        }
        Ok(())
    }

    /// Waits a little where an answer may come yet; gives the error back where it does not pass, or the time is over.
    async fn wait_to_ask_again(&self, error: BusError, until: Timestamp) -> Result<(), BusError> {
        let passes = matches!(error, BusError::NoAnswer { .. }) && self.health.problems().is_empty();
        if !passes || self.clock.now() >= until {
            return Err(error);
        }
        warn!(%error, "nats is asked again");
        self.clock.sleep_until(self.clock.now() + START_PAUSE).await;
        Ok(())
    }

    /// What the server can do that we are connected to now.
    pub(crate) fn abilities(&self) -> Abilities {
        Abilities::of(&self.client.server_info().version)
    }
}

#[async_trait]
impl Bus for NatsBus {
    fn describe(&self) -> String {
        self.announcer.describe()
    }

    async fn announce(&self, store: &str, batch: &[Announcement]) -> (usize, Option<AnnounceError>) {
        self.announcer.announce(store, batch).await
    }

    async fn last_event(&self, store: &str) -> Option<u64> {
        self.announcer.last_event(store).await
    }
}
