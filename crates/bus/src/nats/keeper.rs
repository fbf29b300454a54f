//! Keeps the streams there: looks after every new connection and from time to time, makes again what is gone, and tells
//! what a person must mend.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_nats::connection::State;
use async_nats::jetstream::stream::Config;
use jiff::SignedDuration;
use tokio::sync::watch;
use tracing::{info, warn};

use super::Shared;
use super::connection::api_level;
use super::error::BusError;
use super::serve::stopped;
use crate::broker::{PublishError, Stored};

/// Watches over the streams while we serve.
pub(crate) struct Keeper {
    pub(crate) shared: Arc<Shared>,
    /// All agents: they are the subjects of the work queue.
    pub(crate) agents: Vec<String>,
    pub(crate) stop: watch::Receiver<bool>,
}

impl Keeper {
    pub(crate) async fn run(mut self) {
        let mut connects = self.shared.connects.clone();
        connects.mark_unchanged();
        let every =
            SignedDuration::try_from(self.shared.config.look_interval()).unwrap_or(SignedDuration::MAX);
        loop {
            let clock = &self.shared.clock;
            tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return,
                connected = connects.changed() => if connected.is_err() { return },
                () = clock.sleep_until(clock.now() + every) => self.shared.health.look(),
            }
            if self.shared.client.connection_state() == State::Connected {
                self.look().await;
            }
        }
    }

    async fn look(&self) {
        let streams = &self.shared.streams;
        let tasks = streams.tasks_config(&self.agents);
        for asked in streams.without_tasks().into_iter().chain([tasks]) {
            self.shared.keep(asked).await;
        }
        self.subscribe_again().await;
    }

    /// A subscription that was refused is not tried again by the library. Where it is permitted now, a new connection
    /// makes all of them again.
    async fn subscribe_again(&self) {
        let (client, health) = (&self.shared.client, &self.shared.health);
        for (subject, _) in health.unsubscribed() {
            let told = |subject: &str| {
                let all = health.unsubscribed();
                all.iter()
                    .find(|(other, _)| other == subject)
                    .map(|(_, times)| *times)
            };
            let before = told(&subject);
            let Ok(mut trial) = client.subscribe(subject.clone()).await else {
                return;
            };
            // The server answers in order: once it answers this, it has told what it thinks of the subscription.
            let answered = api_level(&self.shared.jetstream).await.is_ok();
            // What the connection was told is passed on by another task.
            self.shared.settled().await;
            let refused = told(&subject) != before;
            let _ = trial.unsubscribe().await;
            if answered && !refused && before.is_some() {
                info!(subject, "nats permits the subscription now, connecting anew");
                if let Err(error) = client.force_reconnect().await {
                    warn!(%error, "cannot connect anew");
                }
                return;
            }
        }
    }
}

impl Shared {
    /// Makes a stream again that is gone, and sets one back whose settings no longer serve.
    async fn keep(&self, asked: Config) {
        let name = asked.name.clone();
        if let Ok(stream) = self.jetstream.get_stream(&name).await
            && serves(&asked, &stream.cached_info().config)
        {
            return self.health.is_set_up(&name);
        }
        match self.streams.ensure(self, asked).await {
            Ok(()) => self.health.is_set_up(&name),
            // Away, or not permitted: that is told elsewhere, and tried again.
            Err(BusError::NoAnswer { .. }) => {}
            Err(error) => {
                let hint = error.hint().map(|hint| format!(": {hint}")).unwrap_or_default();
                self.health.cannot_be_set_up(&name, format!("{error}{hint}"));
            }
        }
    }

    /// Takes note of how a message fared: a stream that is gone is made again at once, for the next try.
    pub(crate) async fn heed(&self, subject: &str, answer: &Result<Stored, PublishError>) {
        match answer {
            Ok(_) | Err(PublishError::WrongLastSequence(_) | PublishError::WrongLastMessageId(_)) => {
                self.health.published(subject);
            }
            Err(PublishError::NobodyTakesIt(_)) => {
                if let Some(stream) = self.streams.config_of(subject) {
                    self.keep(stream).await;
                }
            }
            Err(PublishError::Unavailable(_)) => self.health.stuck(subject),
            Err(PublishError::TooLarge(_) | PublishError::InvalidSubject(_)) => {}
        }
    }

    /// Waits until what the connection was told before has been passed on to us.
    async fn settled(&self) {
        let clock = &self.clock;
        clock
            .sleep_until(clock.now() + SignedDuration::from_millis(50))
            .await;
    }
}

/// Whether work goes on with a stream as it is now; what it keeps and for how long is its owner's business meanwhile.
fn serves(asked: &Config, found: &Config) -> bool {
    let subjects = |config: &Config| config.subjects.iter().cloned().collect::<BTreeSet<String>>();
    subjects(asked) == subjects(found) && asked.retention == found.retention && !found.no_ack && !found.sealed
}
