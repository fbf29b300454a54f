//! Taking messages off a stream: one durable pull consumer, many messages at once, set up again whenever it breaks.

use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::consumer::pull::{Config, Stream};
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer};
use async_nats::jetstream::{AckKind, Message};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use jiff::SignedDuration;
use kunder_agent_core::door::Door;
use tokio::sync::watch;
use tracing::{info, warn};

use super::Shared;
use super::connection::with_causes;
use super::error::BusError;
use super::serve::stopped;

const HEARTBEAT: Duration = Duration::from_secs(5);
/// What a dead connection asked for is handed to it until it expires: the broker notices later than we do.
const PULL_EXPIRES: Duration = Duration::from_secs(10);
const BACKOFF_MIN_MS: u64 = 100;
const BACKOFF_MAX_MS: u64 = 5_000;

/// What is consumed.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// The work queue of one agent.
    Tasks { agent: String },
    /// What other processes tell us.
    Inbox,
}

impl Source {
    pub(crate) fn stream<'a>(&self, shared: &'a Shared) -> &'a str {
        match self {
            Self::Tasks { .. } => &shared.streams.tasks,
            Self::Inbox => &shared.streams.inbox,
        }
    }

    pub(crate) fn consumer(&self) -> &str {
        match self {
            Self::Tasks { agent } => agent,
            Self::Inbox => "runner",
        }
    }
}

/// One consumer at work.
pub(crate) struct Consumption {
    pub(crate) shared: Arc<Shared>,
    pub(crate) door: Arc<dyn Door>,
    pub(crate) source: Source,
    /// All agents: they are the subjects of the work queue.
    pub(crate) agents: Vec<String>,
    pub(crate) stop: watch::Receiver<bool>,
}

enum Ended {
    Stopped,
    Broken(String),
}

impl Consumption {
    pub(crate) fn stream(&self) -> &str {
        self.source.stream(&self.shared)
    }

    fn consumer_config(&self) -> Config {
        let filter = match &self.source {
            Source::Tasks { agent } => self.shared.streams.tasks_of(agent),
            Source::Inbox => self.shared.streams.inbox_subjects(),
        };
        Config {
            durable_name: Some(self.source.consumer().to_owned()),
            filter_subject: filter,
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.shared.config.ack_wait(),
            max_ack_pending: self.shared.config.max_ack_pending,
            ..Config::default()
        }
    }

    /// Creates or updates the stream and the consumer.
    pub(crate) async fn set_up(&self) -> Result<PullConsumer, BusError> {
        let streams = &self.shared.streams;
        let stream = match self.source {
            Source::Tasks { .. } => streams.tasks_config(&self.agents),
            Source::Inbox => streams.inbox_config(),
        };
        streams.ensure(&self.shared, stream).await?;
        let config = self.consumer_config();
        self.shared.jetstream.create_consumer_on_stream(config, self.stream()).await.map_err(|error| {
            BusError::setup(
                format!("consumer {} of stream {}", self.source.consumer(), self.stream()),
                with_causes(&error),
                "a consumer of that name exists with settings that cannot be changed, or another one takes its subjects: delete that one",
            )
        })
    }

    /// Consumes until told to stop; what is being accepted then is brought to its end.
    pub(crate) async fn run(mut self, mut consumer: PullConsumer) {
        let mut breaks = 0;
        loop {
            match self.consume(&consumer, &mut breaks).await {
                Ended::Stopped => return,
                Ended::Broken(reason) => {
                    warn!(stream = self.stream(), source = ?self.source, reason, "consuming broke off")
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
            info!(stream = self.stream(), source = ?self.source, "consuming again");
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
        let mut messages = match messages {
            Ok(messages) => messages,
            Err(error) => return Ended::Broken(with_causes(&error)),
        };
        let mut stop = self.stop.clone();
        let mut accepting = FuturesUnordered::new();
        let ended = loop {
            tokio::select! {
                biased;
                () = stopped(&mut stop) => break Ended::Stopped,
                // What was asked for over the old connection may never come, and the library sees it by heartbeats only.
                () = newer(&mut connects, connection) => break Ended::Broken("connected anew".to_owned()),
                Some(()) = accepting.next(), if !accepting.is_empty() => {}
                message = messages.next(), if accepting.len() < at_once => match message {
                    Some(Ok(message)) => {
                        *breaks = 0;
                        accepting.push(self.accept(message));
                    }
                    Some(Err(error)) => break Ended::Broken(with_causes(&error)),
                    None => break Ended::Broken("the consumer ended".to_owned()),
                },
            }
        };
        give_back(&mut messages).await;
        drop(messages);
        while accepting.next().await.is_some() {}
        ended
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

/// Messages that were handed out but not looked at go back at once, instead of after the acknowledgement time.
async fn give_back(messages: &mut Stream) {
    while let Some(Some(Ok(message))) = messages.next().now_or_never() {
        negative(&message, Duration::ZERO).await;
    }
}

/// Asks for the message again, after a while.
pub(crate) async fn negative(message: &Message, delay: Duration) {
    let delay = (!delay.is_zero()).then_some(delay);
    if let Err(error) = message.ack_with(AckKind::Nak(delay)).await {
        warn!(subject = %message.subject, %error, "cannot give a message back, it comes again by itself");
    }
}
