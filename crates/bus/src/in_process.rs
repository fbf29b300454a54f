//! The bus inside one process: announcements reach subscribers of the same process, and nothing outlives it.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use kunder_agent_core::bus::{AnnounceError, Announcement, AnnouncementKind, Bus};
use tokio::sync::broadcast;

use crate::pattern::{Pattern, check_subject};

/// As many announcements a subscriber may be behind before it misses the oldest.
const BACKLOG: usize = 4096;
/// As many message ids are remembered, so that a repeat has no effect.
const REMEMBERED_IDS: usize = 65_536;
/// The payload limit of a broker with default settings: what is taken here is taken there.
const PAYLOAD_BYTES_MAX: usize = 1_048_576;

/// Announcements to subscribers of this process. Never waits for a subscriber: one that falls behind misses, and is told how much.
pub struct InProcessBus {
    sender: broadcast::Sender<Arc<Announcement>>,
    state: Arc<Mutex<State>>,
}

struct State {
    /// Patterns of the living subscriptions, by number.
    listening: BTreeMap<u64, Pattern>,
    subscriptions: u64,
    seen: HashSet<String>,
    seen_in_order: VecDeque<String>,
    last_events: BTreeMap<String, u64>,
}

/// What a subscriber gets.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    Announcement(Arc<Announcement>),
    /// It was too slow: so many announcements, of any subject, passed by.
    Missed(u64),
}

/// A subscription to a pattern; ends when dropped.
pub struct Subscription {
    number: u64,
    pattern: Pattern,
    receiver: broadcast::Receiver<Arc<Announcement>>,
    state: Arc<Mutex<State>>,
}

impl InProcessBus {
    #[must_use]
    pub fn new() -> Self {
        let state = State {
            listening: BTreeMap::new(),
            subscriptions: 0,
            seen: HashSet::new(),
            seen_in_order: VecDeque::new(),
            last_events: BTreeMap::new(),
        };
        Self {
            sender: broadcast::channel(BACKLOG).0,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Listens from now on to all subjects that match.
    #[must_use]
    pub fn subscribe(&self, pattern: Pattern) -> Subscription {
        let mut state = lock(&self.state);
        state.subscriptions += 1;
        let number = state.subscriptions;
        state.listening.insert(number, pattern.clone());
        Subscription {
            number,
            pattern,
            receiver: self.sender.subscribe(),
            state: Arc::clone(&self.state),
        }
    }

    fn take(&self, state: &mut State, store: &str, announcement: &Announcement) -> Result<(), AnnounceError> {
        check_subject(&announcement.subject).map_err(|error| AnnounceError::Refused(error.to_string()))?;
        if announcement.body.len() > PAYLOAD_BYTES_MAX {
            let bytes = announcement.body.len();
            return Err(AnnounceError::Refused(format!(
                "{bytes} bytes are over the limit of {PAYLOAD_BYTES_MAX}"
            )));
        }
        let heard = state
            .listening
            .values()
            .any(|pattern| pattern.matches(&announcement.subject));
        match announcement.kind {
            AnnouncementKind::Request if !heard => {
                return Err(AnnounceError::Unavailable(format!(
                    "nobody listens on {}",
                    announcement.subject
                )));
            }
            AnnouncementKind::Event => {
                let last = state.last_events.entry(store.to_owned()).or_default();
                if announcement.number <= *last {
                    return Ok(());
                }
                *last = announcement.number;
            }
            AnnouncementKind::Request | AnnouncementKind::Result | AnnouncementKind::Reply => {}
        }
        if state.remember(&announcement.destination, &announcement.message_id) && heard {
            // Without a receiver there is nobody to tell, which is no fault.
            let _ = self.sender.send(Arc::new(announcement.clone()));
        }
        Ok(())
    }
}

impl Default for InProcessBus {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    /// False for an id that was there already.
    fn remember(&mut self, destination: &str, message_id: &str) -> bool {
        let id = format!("{destination} {message_id}");
        if !self.seen.insert(id.clone()) {
            return false;
        }
        self.seen_in_order.push_back(id);
        if self.seen_in_order.len() > REMEMBERED_IDS
            && let Some(oldest) = self.seen_in_order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }
}

#[async_trait]
impl Bus for InProcessBus {
    fn describe(&self) -> String {
        "in-process".to_owned()
    }

    async fn announce(&self, store: &str, batch: &[Announcement]) -> (usize, Option<AnnounceError>) {
        let mut state = lock(&self.state);
        for (taken, announcement) in batch.iter().enumerate() {
            if let Err(error) = self.take(&mut state, store, announcement) {
                return (taken, Some(error));
            }
        }
        (batch.len(), None)
    }

    async fn last_event(&self, store: &str) -> Option<u64> {
        lock(&self.state).last_events.get(store).copied()
    }
}

impl Subscription {
    /// The next announcement that matches; `None` when the bus is gone.
    pub async fn next(&mut self) -> Option<Received> {
        loop {
            match self.receiver.recv().await {
                Ok(announcement) if self.pattern.matches(&announcement.subject) => {
                    return Some(Received::Announcement(announcement));
                }
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(missed)) => return Some(Received::Missed(missed)),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        lock(&self.state).listening.remove(&self.number);
    }
}

/// A panic elsewhere leaves this state usable: every change of it is complete in itself.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_ids_is_bounded() {
        let bus = InProcessBus::new();
        let mut state = lock(&bus.state);
        for number in 0..=REMEMBERED_IDS {
            assert!(state.remember("results", &number.to_string()));
        }
        assert_eq!(state.seen.len(), REMEMBERED_IDS);
        assert!(!state.remember("results", "1"), "still known");
        assert!(state.remember("replies", "1"), "another lane");
        assert!(state.remember("results", "0"), "the oldest was forgotten");
    }
}
