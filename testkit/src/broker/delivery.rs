//! A message that the simulated broker handed out, and the consumer it came from.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::Stream;
use futures::stream::unfold;
use jiff::{SignedDuration, Timestamp};
use kunder_bus::broker::{Broker, Delivery, Headers, Place};
use kunder_bus::{Acceptor, Ended};
use tokio::sync::watch;

use super::SimBroker;
use super::stream::Message;

/// How long a consumer waits before it is set up again after a break, at least and at most.
const PAUSE_MIN: SignedDuration = SignedDuration::from_millis(100);
const PAUSE_MAX: SignedDuration = SignedDuration::from_secs(1);

/// A durable consumer over one connection: after that broke, nothing comes any more.
pub struct Consumer {
    pub(super) broker: Arc<SimBroker>,
    pub(super) queue: usize,
    pub(super) connection: u64,
}

impl Consumer {
    /// The next message; waits for ever where its connection is gone.
    pub async fn next(&self) -> SimDelivery {
        let changed = self.broker.changed(self.queue);
        loop {
            self.broker.latency().await;
            let now = self.broker.clock.now();
            let (message, until) = self.broker.hand_out(now, self.queue, self.connection);
            if let Some(message) = message {
                return SimDelivery {
                    broker: Arc::clone(&self.broker),
                    queue: self.queue,
                    message,
                };
            }
            tokio::select! {
                biased;
                () = changed.notified() => {}
                () = self.broker.clock.sleep_until(until.unwrap_or(Timestamp::MAX)) => {}
            }
        }
    }

    /// All messages, as the rules of accepting want them.
    pub fn into_stream(self) -> impl Stream<Item = Result<SimDelivery, String>> + Unpin + Send {
        Box::pin(unfold(self, |consumer| async move {
            let delivery = consumer.next().await;
            Some((Ok(delivery), consumer))
        }))
    }
}

impl SimBroker {
    /// Consumes with our rules of accepting until told to stop, and sets up again whenever the connection broke.
    pub async fn consume(
        self: Arc<Self>,
        acceptor: Acceptor<Self>,
        at_once: usize,
        mut stop: watch::Receiver<bool>,
    ) {
        loop {
            if let Some(connection) = self.connection() {
                let messages = self.consumer(&acceptor.source).into_stream();
                let broken = self.lost(connection);
                let ended = acceptor.accept_all(messages, at_once, &mut stop, broken).await;
                if ended == Ended::Stopped {
                    return;
                }
            }
            let pause = PAUSE_MIN + self.draw(|dice| super::up_to(PAUSE_MAX - PAUSE_MIN, dice));
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                () = self.clock.sleep_until(self.clock.now() + pause) => {}
            }
        }
    }

    /// Ends when this connection is followed by another.
    async fn lost(&self, connection: u64) -> String {
        loop {
            let cut = self.cut.notified();
            let mut cut = std::pin::pin!(cut);
            cut.as_mut().enable();
            let (current, away_until) = self.connection_and_return();
            if current != connection {
                self.clock.sleep_until(away_until).await;
                return "connected anew".to_owned();
            }
            cut.await;
        }
    }
}

/// A message that was handed out.
pub struct SimDelivery {
    broker: Arc<SimBroker>,
    queue: usize,
    pub message: Arc<Message>,
}

#[async_trait]
impl Delivery for SimDelivery {
    fn subject(&self) -> &str {
        &self.message.subject
    }

    fn headers(&self) -> &Headers {
        &self.message.headers
    }

    fn payload(&self) -> &[u8] {
        &self.message.body
    }

    fn place(&self) -> Result<Place, String> {
        Ok(Place {
            sequence: self.message.sequence,
            published_ns: self.message.stored_at.as_nanosecond(),
        })
    }

    async fn ack(&self) -> Result<(), String> {
        self.broker.settle(self.queue, &self.message);
        Ok(())
    }

    async fn nak(&self, delay: Duration) -> Result<(), String> {
        let delay = SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX);
        self.broker.give_back(self.queue, &self.message, delay);
        Ok(())
    }

    async fn end(&self, _reason: &str) -> Result<(), String> {
        self.broker.settle(self.queue, &self.message);
        Ok(())
    }
}
