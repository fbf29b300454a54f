//! The places of a mailbox, shared fairly: nobody who asks may hold more of them than are still free.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Starts that the pace of a mailbox is measured over.
const PACE_STARTS: usize = 64;
/// When to try again while nothing has started since the mailbox was last empty.
const RETRY_UNKNOWN: Duration = Duration::from_secs(1);
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// The places of one mailbox. A requester gets another one while it holds fewer than are free, and the same of bytes:
/// alone it gets half of them, k requesters who all want more get one part in k + 1 each, and one part stays free for
/// who comes next. Nobody has to be known in advance, and nothing that was accepted is ever taken back.
pub(super) struct Places {
    places: usize,
    bytes: usize,
    held: Arc<Mutex<Held>>,
}

#[derive(Default)]
struct Held {
    all: Share,
    by_requester: BTreeMap<Arc<str>, Share>,
    /// When the mailbox last ceased to be empty, or of the oldest start that counts, and of the starts since.
    pace: VecDeque<Timestamp>,
}

#[derive(Clone, Copy, Default)]
struct Share {
    places: usize,
    bytes: usize,
}

/// A place in a mailbox; given back when it is dropped.
pub(super) struct Place {
    held: Arc<Mutex<Held>>,
    requester: Arc<str>,
    bytes: usize,
}

/// Why there is no place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full {
    /// Places that are taken, and those of them that are this requester's.
    pub(super) taken: usize,
    pub(super) mine: usize,
    /// When half of what is queued will have started, at the pace of late.
    pub(super) retry_after: Duration,
}

impl Places {
    pub(super) fn new(places: usize, bytes: usize) -> Self {
        Self {
            places,
            bytes,
            held: Arc::default(),
        }
    }

    /// Reserves a place for a task; its size is only asked for where there is a place.
    pub(super) fn reserve(
        &self,
        requester: &str,
        bytes: impl FnOnce() -> usize,
        now: Timestamp,
    ) -> Result<Place, Full> {
        self.fits(&lock(&self.held), requester, 0, now)?;
        let bytes = bytes();
        let mut held = lock(&self.held);
        self.fits(&held, requester, bytes, now)?;
        if held.all.places == 0 {
            held.pace.clear();
            held.pace.push_back(now);
        }
        let requester: Arc<str> = match held.by_requester.get_key_value(requester) {
            Some((known, _)) => Arc::clone(known),
            None => requester.into(),
        };
        for share in held.shares(&requester) {
            share.places += 1;
            share.bytes += bytes;
        }
        Ok(Place {
            held: Arc::clone(&self.held),
            requester,
            bytes,
        })
    }

    fn fits(&self, held: &Held, requester: &str, bytes: usize, now: Timestamp) -> Result<(), Full> {
        let mine = held.by_requester.get(requester).copied().unwrap_or_default();
        let (free, free_bytes) = (
            self.places.saturating_sub(held.all.places),
            self.bytes.saturating_sub(held.all.bytes),
        );
        // An empty mailbox takes any task: one that never fitted would be refused for ever.
        let light = held.all.places == 0 || mine.bytes.saturating_add(bytes) <= free_bytes;
        if mine.places >= free || !light {
            return Err(Full {
                taken: held.all.places,
                mine: mine.places,
                retry_after: held.retry_after(now),
            });
        }
        Ok(())
    }

    /// Notes that a task of this mailbox starts.
    pub(super) fn started(&self, now: Timestamp) {
        let mut held = lock(&self.held);
        held.pace.push_back(now);
        if held.pace.len() > PACE_STARTS {
            held.pace.pop_front();
        }
    }

    /// Places and bytes that are taken.
    pub(super) fn taken(&self) -> (usize, usize) {
        let held = lock(&self.held);
        (held.all.places, held.all.bytes)
    }
}

impl Held {
    fn shares(&mut self, requester: &Arc<str>) -> [&mut Share; 2] {
        [
            &mut self.all,
            self.by_requester.entry(Arc::clone(requester)).or_default(),
        ]
    }

    fn retry_after(&self, now: Timestamp) -> Duration {
        let starts = self.pace.len().saturating_sub(1);
        let (Some(first), true) = (self.pace.front(), starts > 0) else {
            return RETRY_UNKNOWN;
        };
        let passed = now
            .duration_since(*first)
            .max(SignedDuration::ZERO)
            .unsigned_abs();
        // Half of the queue: whoever comes back then finds room, and the mailbox has not run dry.
        let queued = u32::try_from(self.all.places / 2).unwrap_or(u32::MAX);
        let starts = u32::try_from(starts).unwrap_or(u32::MAX);
        passed
            .saturating_mul(queued)
            .div_f64(f64::from(starts))
            .clamp(RETRY_MIN, RETRY_MAX)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let (mut held, bytes) = (lock(&self.held), self.bytes);
        for share in held.shares(&self.requester) {
            share.places -= 1;
            share.bytes -= bytes;
        }
        if held.by_requester[&self.requester].places == 0 {
            held.by_requester.remove(&self.requester);
        }
    }
}

/// Every change of it is complete in itself.
fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn after(millis: i64) -> Timestamp {
        NOW + SignedDuration::from_millis(millis)
    }

    /// Takes places for a requester until it is refused.
    fn fill(places: &Places, requester: &str) -> Vec<Place> {
        std::iter::from_fn(|| places.reserve(requester, || 1, NOW).ok()).collect()
    }

    #[test]
    fn a_mailbox_has_so_many_places_and_no_more() {
        let places = Places::new(8, 1_000);
        let held: Vec<Place> = (0..8)
            .map(|number| places.reserve(&format!("r{number}"), || 1, NOW).ok().unwrap())
            .collect();
        assert!(places.reserve("r8", || 1, NOW).is_err());
        assert_eq!(places.taken(), (8, 8));
        drop(held);
        assert_eq!(places.taken(), (0, 0));
        assert!(
            lock(&places.held).by_requester.is_empty(),
            "who holds nothing is forgotten"
        );
        assert!(places.reserve("r8", || 1, NOW).is_ok());
    }

    #[test]
    fn who_floods_leaves_room_for_others_and_gets_as_much_as_they() {
        let places = Places::new(120, 1_000);
        let mut abuser = fill(&places, "abuser");
        assert_eq!(abuser.len(), 60);
        let other = fill(&places, "other");
        assert_eq!(other.len(), 30);
        let full = places.reserve("abuser", || 1, NOW).err().unwrap();
        assert_eq!((full.taken, full.mine), (90, 60));
        abuser.truncate(45);
        assert!(
            places.reserve("abuser", || 1, NOW).is_err(),
            "it holds 45, and 45 are free"
        );
        abuser.truncate(40);
        let more = fill(&places, "abuser");
        assert_eq!((abuser.len() + more.len(), other.len()), (45, 30));
        assert_eq!(fill(&places, "other").len(), 8, "who holds less comes first");
    }

    #[test]
    fn a_large_task_is_weighed_and_an_empty_mailbox_takes_any() {
        let places = Places::new(100, 1_000);
        let huge = places.reserve("a", || 5_000, NOW).ok().unwrap();
        assert!(places.reserve("b", || 1, NOW).is_err(), "there are no bytes left");
        drop(huge);
        let first = places.reserve("a", || 400, NOW).ok().unwrap();
        assert!(
            places.reserve("a", || 300, NOW).is_err(),
            "it would hold more than is free"
        );
        assert!(places.reserve("b", || 300, NOW).is_ok());
        drop(first);
    }

    #[test]
    fn retry_after_is_when_half_of_the_queue_will_have_started() {
        let places = Places::new(200, 1_000);
        let held = fill(&places, "a");
        assert_eq!(held.len(), 100);
        let retry = |now| places.reserve("a", || 1, now).err().unwrap().retry_after;
        assert_eq!(retry(after(50)), RETRY_UNKNOWN, "nothing has started yet");
        for start in 1..=100 {
            places.started(after(start * 20));
        }
        assert_eq!(retry(after(2_000)), Duration::from_secs(1), "50 tasks of 20 ms");
        assert_eq!(retry(after(1_260 + 740)), Duration::from_secs(1));
        assert_eq!(
            retry(after(3_260)),
            Duration::from_secs(2),
            "it has not moved for a while"
        );
        assert_eq!(retry(after(10_000_000)), RETRY_MAX);
    }
}
