//! Taking messages off a stream: one durable pull consumer, many messages at once, set up again whenever it breaks.

use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer};
use async_nats::jetstream::context::ConsumerInfoErrorKind;
use async_nats::jetstream::stream::ConsumerErrorKind;
use futures::StreamExt;
use jiff::SignedDuration;
use tokio::sync::watch;
use tracing::{info, warn};

use super::Shared;
use super::connection::with_causes;
use super::error::BusError;
use super::received::Received;
use super::serve::stopped;
use crate::accept::{Acceptor, Ended, Source};

const HEARTBEAT: Duration = Duration::from_secs(5);
/// What a dead connection asked for is handed to it until it expires: the broker notices later than we do.
const PULL_EXPIRES: Duration = Duration::from_secs(10);
const BACKOFF_MIN_MS: u64 = 100;
const BACKOFF_MAX_MS: u64 = 5_000;

/// One consumer at work.
pub(crate) struct Consumption {
    pub(crate) shared: Arc<Shared>,
    pub(crate) acceptor: Acceptor<Shared>,
    /// All agents: they are the subjects of the work queue.
    pub(crate) agents: Vec<String>,
    pub(crate) stop: watch::Receiver<bool>,
}

impl Consumption {
    pub(crate) fn stream(&self) -> &str {
        self.acceptor.source.stream(&self.shared.streams.names)
    }

    fn consumer_config(&self) -> Config {
        Config {
            durable_name: Some(self.acceptor.source.consumer().to_owned()),
            filter_subject: self.acceptor.source.subjects(&self.shared.streams.names),
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.shared.config.ack_wait(),
            max_ack_pending: self.shared.config.max_ack_pending,
            ..Config::default()
        }
    }

    /// Creates or updates the stream and the consumer.
    pub(crate) async fn set_up(&self) -> Result<PullConsumer, BusError> {
        let streams = &self.shared.streams;
        let stream = match self.acceptor.source {
            Source::Tasks { .. } => streams.tasks_config(&self.agents),
            Source::Inbox => streams.inbox_config(),
        };
        streams.ensure(&self.shared, stream).await?;
        let config = Config {
            max_deliver: self.deliveries_max().await?,
            ..self.consumer_config()
        };
        let made = self
            .shared
            .jetstream
            .create_consumer_on_stream(config, self.stream())
            .await;
        made.map_err(|error| {
            let what = format!("consumer {} of stream {}", self.acceptor.source.consumer(), self.stream());
            let reason = with_causes(&error);
            if error.kind() == ConsumerErrorKind::TimedOut {
                return BusError::NoAnswer { what, reason };
            }
            let hint = "a consumer of that name exists with settings that cannot be changed, or another one takes its subjects: delete that one";
            BusError::setup(what, reason, hint)
        })
    }

    /// How often the broker hands out a message before it gives up: without end, unless an operator has set a limit on the consumer.
    /// We set none ourselves, for the broker counts what we give back because we are busy.
    async fn deliveries_max(&self) -> Result<i64, BusError> {
        let unlimited = -1;
        let no_answer = |error: &dyn std::error::Error| BusError::NoAnswer {
            what: format!(
                "consumer {} of stream {}",
                self.acceptor.source.consumer(),
                self.stream()
            ),
            reason: with_causes(error),
        };
        let stream = self.shared.jetstream.get_stream_no_info(self.stream()).await;
        let stream = stream.map_err(|error| no_answer(&error))?;
        match stream.consumer_info(self.acceptor.source.consumer()).await {
            Ok(info) => Ok(info.config.max_deliver),
            Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => Ok(unlimited),
            Err(error) => Err(no_answer(&error)),
        }
    }

    /// Consumes until told to stop; what is being accepted then is brought to its end.
    pub(crate) async fn run(mut self, mut consumer: PullConsumer) {
        let mut breaks = 0;
        loop {
            match self.consume(&consumer, &mut breaks).await {
                Ended::Stopped => return,
                Ended::Broken(reason) => {
                    warn!(stream = self.stream(), source = ?self.acceptor.source, reason, "consuming broke off")
                }
            }
            consumer = loop {
                if !self.pause(breaks).await {
                    return;
                }
                breaks = breaks.saturating_add(1);
                if self.shared.client.connection_state() != State::Connected {
                    continue;
                }
                let mut connects = self.shared.connects.clone();
                let connection = *connects.borrow();
                let made = tokio::select! {
                    biased;
                    // What was asked over the old connection is never answered.
                    () = newer(&mut connects, connection) => continue,
                    made = self.set_up() => made,
                };
                match made {
                    Ok(consumer) => break consumer,
                    Err(error) => warn!(stream = self.stream(), %error, "cannot consume yet"),
                }
            };
            info!(stream = self.stream(), source = ?self.acceptor.source, "consuming again");
        }
    }

    async fn consume(&mut self, consumer: &PullConsumer, breaks: &mut u32) -> Ended {
        let at_once = self.shared.config.accepts_max;
        let mut connects = self.shared.connects.clone();
        // The first connection is told of only after it was used.
        let connection = (*connects.borrow()).max(1);
        let messages = consumer
            .stream()
            .max_messages_per_batch(at_once)
            .heartbeat(HEARTBEAT)
            .expires(PULL_EXPIRES)
            .messages()
            .await;
        let messages = match messages {
            Ok(messages) => messages,
            Err(error) => return Ended::Broken(with_causes(&error)),
        };
        let received = messages.map(|message| match message {
            Ok(message) => {
                *breaks = 0;
                Ok(Received::new(message))
            }
            Err(error) => Err(with_causes(&error)),
        });
        // What was asked for over the old connection may never come, and the library sees it by heartbeats only.
        let broken = async {
            newer(&mut connects, connection).await;
            "connected anew".to_owned()
        };
        let mut stop = self.stop.clone();
        self.acceptor
            .accept_all(received, at_once, &mut stop, broken)
            .await
    }

    /// Waits before the next try, longer each time; false when told to stop meanwhile.
    async fn pause(&mut self, breaks: u32) -> bool {
        let clock = &self.shared.clock;
        let most = (BACKOFF_MIN_MS << breaks.min(10)).min(BACKOFF_MAX_MS);
        let wait_ms = most / 2 + clock.random() % (most / 2 + 1);
        let until = clock.now() + SignedDuration::from_millis(i64::try_from(wait_ms).unwrap_or(0));
        tokio::select! {
            biased;
            () = stopped(&mut self.stop) => false,
            () = clock.sleep_until(until) => true,
        }
    }
}

/// Ends when there is a newer connection than this one.
async fn newer(connects: &mut watch::Receiver<u64>, connection: u64) {
    let _ = connects.wait_for(|count| *count > connection).await;
}
