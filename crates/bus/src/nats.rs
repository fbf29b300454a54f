//! The bus over NATS: one connection, six streams, the services of the agents.

use std::sync::Arc;

use async_nats::Client;
use async_nats::jetstream::Context;
use async_trait::async_trait;
use kunder_agent_core::bus::{AnnounceError, Announcement, Bus};
use kunder_agent_core::clock::Clock;
use kunder_agent_core::subject::Subjects;
use tokio::sync::watch;

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
    /// Connects, looks at what the server can do, and creates or updates the streams.
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
        connection::check(&client, &jetstream, &config, &health).await?;
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
        for stream in shared.streams.without_tasks() {
            shared.streams.ensure(&shared, stream).await?;
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
