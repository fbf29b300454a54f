//! The relay: announces what the outbox holds, in commit order, one lane per destination; none waits for another.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use kunder_agent_core::bus::{AnnounceError, Bus};
use kunder_agent_core::clock::Clock;
use kunder_agent_core::journal::{Journal, JournalError};
use tokio::sync::{Notify, watch};

/// Announcements taken from the outbox at a time.
const BATCH: usize = 256;
const PAUSE_FIRST: SignedDuration = SignedDuration::from_millis(100);
const PAUSE_MAX: SignedDuration = SignedDuration::from_secs(15);

/// Announces what the journal's outbox holds.
pub struct Relay<C> {
    pub clock: Arc<dyn Clock>,
    pub journal: Arc<dyn Journal<C>>,
    pub bus: Arc<dyn Bus>,
    /// Notified when the outbox has something new.
    pub announced: Arc<Notify>,
    /// Becomes true when the relay should stop.
    pub stop: watch::Receiver<bool>,
}

/// How a lane stands after one go.
enum Lane {
    Empty,
    /// Again at once.
    More,
    /// Nothing could be delivered; again later.
    Stuck(String),
}

impl<C: Send + 'static> Relay<C> {
    /// Runs until told to stop; then makes one last go through every lane.
    pub async fn run(mut self) {
        // The failures of each lane that is stuck, and when it is tried again.
        let mut stuck: BTreeMap<String, (u32, Timestamp)> = BTreeMap::new();
        loop {
            let stopping = *self.stop.borrow();
            let next = match self.turn(&mut stuck, stopping).await {
                Ok(next) => next,
                Err(error) => {
                    tracing::warn!(%error, "the relay cannot read the outbox");
                    Some(self.clock.now() + PAUSE_FIRST * 10)
                }
            };
            if stopping {
                return;
            }
            let until = next.unwrap_or(Timestamp::MAX);
            tokio::select! {
                biased;
                _ = self.stop.changed() => {}
                () = self.announced.notified() => {}
                () = self.clock.sleep_until(until) => {}
            }
        }
    }

    /// One go through all lanes side by side; returns when the next stuck one is due.
    async fn turn(
        &self,
        stuck: &mut BTreeMap<String, (u32, Timestamp)>,
        all: bool,
    ) -> Result<Option<Timestamp>, JournalError> {
        let mut destinations = self.journal.destinations().await?;
        let now = self.clock.now();
        destinations.retain(|destination| all || stuck.get(destination).is_none_or(|(_, due)| *due <= now));
        let mut lanes: FuturesUnordered<_> = destinations
            .into_iter()
            .map(|destination| async move {
                let lane = self.lane(&destination).await;
                (destination, lane)
            })
            .collect();
        while let Some((destination, lane)) = lanes.next().await {
            match lane? {
                Lane::Empty => {
                    stuck.remove(&destination);
                }
                Lane::More => {
                    stuck.remove(&destination);
                    self.announced.notify_one();
                }
                Lane::Stuck(reason) => {
                    let failures = stuck
                        .get(&destination)
                        .map_or(1, |(failures, _)| failures.saturating_add(1));
                    let pause = (PAUSE_FIRST * (1 << failures.min(12))).min(PAUSE_MAX);
                    if failures == 1 {
                        tracing::warn!(destination, reason, "announcements wait");
                    }
                    stuck.insert(destination, (failures, self.clock.now() + pause));
                }
            }
        }
        Ok(stuck.values().map(|(_, due)| *due).min())
    }

    async fn lane(&self, destination: &str) -> Result<Lane, JournalError> {
        let batch = self.journal.outbox(destination, BATCH).await?;
        if batch.is_empty() {
            return Ok(Lane::Empty);
        }
        let (taken, trouble) = self.bus.announce(&self.journal.store_id(), &batch).await;
        if let Some(last) = taken.checked_sub(1).and_then(|last| batch.get(last)) {
            self.journal.announced(destination, last.number).await?;
        }
        let (Some(trouble), Some(next)) = (trouble, batch.get(taken)) else {
            return Ok(Lane::More);
        };
        let overdue = next.deadline.is_some_and(|deadline| deadline <= self.clock.now());
        match trouble {
            AnnounceError::Refused(reason) => {
                tracing::error!(
                    destination,
                    subject = next.subject,
                    reason,
                    "an announcement is refused"
                );
                self.journal.undeliverable(next.number, &reason).await?;
                Ok(Lane::More)
            }
            AnnounceError::Unavailable(reason) if overdue => {
                tracing::warn!(
                    destination,
                    subject = next.subject,
                    reason,
                    "an announcement is not delivered by its deadline"
                );
                self.journal.undeliverable(next.number, &reason).await?;
                Ok(Lane::More)
            }
            AnnounceError::Unavailable(reason) => Ok(Lane::Stuck(reason)),
        }
    }
}

/// How long a stop waits for the last announcements.
pub const STOP_WAIT: Duration = Duration::from_secs(5);
