//! Serving: everything that comes in over NATS, to one door, until stopped.

use std::sync::Arc;
use std::time::Duration;

use async_nats::service::Service;
use kunder_agent_core::clock::Handle;
use kunder_agent_core::door::Door;
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::advisories::Advisories;
use super::consume::Consumption;
use super::error::BusError;
use super::keeper::Keeper;
use super::quarantine::Quarantine;
use super::{NatsBus, START_LIMIT, Shared, services};
use crate::accept::{Acceptor, Source};

const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// All that serves. Stop it to bring what is under way to its end; dropped, it stops without anyone awaiting it.
pub struct Serving {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    services: Vec<Service>,
    handles: Vec<Handle>,
}

impl NatsBus {
    /// Opens the door to NATS: the services, the work queue of each agent, and what other processes tell us.
    /// A broker that does not answer is asked again for half a minute.
    ///
    /// # Errors
    /// A stream, consumer or service that cannot be set up.
    pub async fn serve(&self, door: Arc<dyn Door>) -> Result<Serving, BusError> {
        let shared = &self.shared;
        let (stop, told) = watch::channel(false);
        let agents: Vec<String> = door
            .agents()
            .iter()
            .map(|card| card.name.as_str().to_owned())
            .collect();
        let mut sources: Vec<Source> = agents
            .iter()
            .map(|agent| Source::Tasks { agent: agent.clone() })
            .collect();
        sources.push(Source::Inbox);
        let quarantine = Quarantine {
            shared: Arc::clone(shared),
            door: Arc::clone(&door),
            sources: sources.clone(),
            stop: told.clone(),
        };
        let until = shared.clock.now() + START_LIMIT;
        let mut consuming = Vec::new();
        for source in sources {
            let acceptor = Acceptor {
                broker: Arc::clone(shared),
                door: Arc::clone(&door),
                clock: Arc::clone(&shared.clock),
                source,
                ack_wait: shared.config.ack_wait(),
            };
            let consumption = Consumption {
                shared: Arc::clone(shared),
                acceptor,
                agents: agents.clone(),
                stop: told.clone(),
            };
            let consumer = loop {
                match consumption.set_up().await {
                    Ok(consumer) => break consumer,
                    Err(error) => shared.wait_to_ask_again(error, until).await?,
                }
            };
            consuming.push((consumption, consumer));
        }
        let (services, endpoints) = services::start(shared, &door, &told).await?;
        let advisories = Advisories {
            shared: Arc::clone(shared),
            door: Arc::clone(&door),
            stop: told.clone(),
        };
        if let Err(reason) = advisories.set_up().await {
            warn!(reason, "what the broker gives up on is not kept yet");
        }
        let keeper = Keeper {
            shared: Arc::clone(shared),
            agents: agents.clone(),
            stop: told.clone(),
        };
        let mut handles = vec![
            shared.clock.spawn(Box::pin(quarantine.run())),
            shared.clock.spawn(Box::pin(advisories.run())),
            shared.clock.spawn(Box::pin(keeper.run())),
        ];
        for (consumption, consumer) in consuming {
            handles.push(shared.clock.spawn(Box::pin(consumption.run(consumer))));
        }
        for endpoint in endpoints {
            handles.push(shared.clock.spawn(Box::pin(endpoint.run())));
        }
        info!(agents = agents.len(), "serving over nats");
        Ok(Serving {
            shared: Arc::clone(shared),
            stop,
            services,
            handles,
        })
    }
}

impl Serving {
    /// Takes nothing new, answers what is under way (with where its result will be, where it is not ready), and ends.
    pub async fn stop(self) {
        let Self {
            shared,
            stop,
            services,
            handles,
        } = self;
        for service in services {
            if let Err(error) = service.stop().await {
                warn!(%error, "cannot stop a service");
            }
        }
        stop.send_replace(true);
        for handle in handles {
            if let Err(panic) = handle.await {
                error!(panic, "serving over nats panicked");
            }
        }
        // Answers and acknowledgements leave before the connection may be dropped.
        if tokio::time::timeout(FLUSH_LIMIT, shared.client.flush())
            .await
            .is_err()
        {
            warn!("nats is away, the last answers may not have left");
        }
    }
}

/// Ends when told to stop, or when whoever could tell is gone.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
