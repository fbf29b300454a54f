//! The relay: announces what the outbox holds, in commit order, one lane per destination; none waits for another.

use std::collections::{BTreeMap, BTreeSet};
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
    pub async fn run(self) {
        let mut stop = self.stop.clone();
        // The failures of each lane that is stuck, and when it is tried again.
        let mut stuck: BTreeMap<String, (u32, Timestamp)> = BTreeMap::new();
        let mut busy: BTreeSet<String> = BTreeSet::new();
        let mut lanes = FuturesUnordered::new();
        loop {
            let stopping = *stop.borrow();
            let due = |stuck: &BTreeMap<String, (u32, Timestamp)>, destination: &String, now: Timestamp| {
                stopping || stuck.get(destination).is_none_or(|(_, due)| *due <= now)
            };
            let now = self.clock.now();
            let mut next = stuck.values().map(|(_, due)| *due).filter(|due| *due > now).min();
            match self.journal.destinations().await {
                Ok(destinations) => {
                    for destination in destinations {
                        if !busy.contains(&destination) && due(&stuck, &destination, now) {
                            busy.insert(destination.clone());
                            lanes.push(self.go(destination));
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the relay cannot read the outbox");
                    next = Some(now + PAUSE_FIRST * 10);
                }
            }
            if stopping {
                while lanes.next().await.is_some() {}
                return;
            }
            tokio::select! {
                biased;
                _ = stop.changed() => {}
                Some((destination, lane)) = lanes.next(), if !lanes.is_empty() => {
                    busy.remove(&destination);
                    self.settle(&mut stuck, destination, lane);
                }
                () = self.announced.notified() => {}
                () = self.clock.sleep_until(next.unwrap_or(Timestamp::MAX)) => {}
            }
        }
    }

    async fn go(&self, destination: String) -> (String, Result<Lane, JournalError>) {
        let lane = self.lane(&destination).await;
        (destination, lane)
    }

    /// Notes how a lane's go ended.
    fn settle(
        &self,
        stuck: &mut BTreeMap<String, (u32, Timestamp)>,
        destination: String,
        lane: Result<Lane, JournalError>,
    ) {
        let reason = match lane {
            Ok(Lane::Empty | Lane::More) => {
                stuck.remove(&destination);
                return;
            }
            Ok(Lane::Stuck(reason)) => reason,
            Err(error) => error.to_string(),
        };
        let failures = stuck
            .get(&destination)
            .map_or(1, |(failures, _)| failures.saturating_add(1));
        if failures == 1 {
            tracing::warn!(destination, reason, "announcements wait");
        }
        let pause = (PAUSE_FIRST * (1 << failures.min(12))).min(PAUSE_MAX);
        stuck.insert(destination, (failures, self.clock.now() + pause));
    }

    async fn lane(&self, destination: &str) -> Result<Lane, JournalError> {
        let batch = self.journal.outbox(destination, BATCH).await?;
        if batch.is_empty() {
            return Ok(Lane::Empty);
        }
        if let Some(last) = batch.iter().rfind(|announcement| announcement.kind.may_repeat()) {
            // Noted before it is sent: after a crash in between, what may have been sent says so.
            self.journal.sending(destination, last.number).await?;
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
