//! The bus over NATS: one connection, five streams, the services of the agents.

use std::sync::Arc;

use async_nats::Client;
use async_nats::jetstream::Context;
use async_trait::async_trait;
use kunder_agent_core::bus::{AnnounceError, Announcement, Bus};
use kunder_agent_core::clock::Clock;
use kunder_agent_core::subject::Subjects;
use tokio::sync::watch;

mod broker;
pub(crate) mod client;
pub(crate) mod config;
mod connection;
mod consume;
pub(crate) mod error;
mod header_map;
pub(crate) mod inspect;
mod quarantine;
mod received;
mod reply;
pub(crate) mod serve;
mod services;
mod streams;

use config::NatsConfig;
use error::BusError;
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
    /// The JetStream API level the server reported when we connected.
    pub(crate) api_level: usize,
}

impl NatsBus {
    /// Connects, looks at what the server can do, and creates or updates the streams.
    /// The work queue is set up by [`NatsBus::serve`], which knows the agents.
    ///
    /// # Errors
    /// A wrong setting, no connection, a server that lacks what is needed, or a stream that cannot be as we need it.
    pub async fn connect(config: NatsConfig, clock: Arc<dyn Clock>) -> Result<Self, BusError> {
        config.check()?;
        let (client, connects) = connection::open(&config, &format!("{} runner", config.process)).await?;
        let jetstream = connection::jetstream(&client, &config);
        let api_level = connection::api_level(&client, &jetstream, &config).await?;
        let streams = Streams::new(&config);
        let shared = Shared {
            subjects: Subjects::new(&config.process),
            client,
            connects,
            jetstream,
            config,
            clock,
            streams,
            api_level,
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
