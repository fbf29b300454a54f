//! The bus over NATS: one connection, five streams, the services of the agents.

use std::sync::{Arc, Mutex};

use async_nats::Client;
use async_nats::jetstream::Context;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::subject::Subjects;
use tokio::sync::watch;

mod announce;
pub(crate) mod client;
pub(crate) mod config;
mod connection;
mod consume;
pub(crate) mod error;
mod handle;
mod headers;
mod health;
pub(crate) mod inspect;
mod keeper;
mod letter;
mod login;
mod quarantine;
mod reply;
pub(crate) mod serve;
mod server;
mod services;
mod streams;
mod tail;

use config::NatsConfig;
use connection::Opened;
use error::BusError;
use health::Health;
use server::Abilities;
use streams::Streams;
use tail::Tail;

/// The bus over NATS. Cheap to clone; all clones share one connection.
#[derive(Clone)]
pub struct NatsBus {
    pub(crate) shared: Arc<Shared>,
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
    /// The end of the event stream as our own publishing left it; `None` when it must be read again.
    pub(crate) tail: Mutex<Option<Tail>>,
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
            tail: Mutex::new(None),
        };
        for stream in shared.streams.without_tasks() {
            shared.streams.ensure(&shared, stream).await?;
        }
        Ok(Self {
            shared: Arc::new(shared),
        })
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
