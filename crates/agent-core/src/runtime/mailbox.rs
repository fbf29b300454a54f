//! The mailbox of one agent: a bounded window on the journal. A place is reserved before a task is journaled.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::lanes::LaneGuard;
use crate::journal::TaskRecord;

/// A place in a mailbox; given back when it is dropped.
pub(super) type Place = OwnedSemaphorePermit;

/// What lies in a mailbox.
pub(super) enum Letter {
    /// A task that was just accepted.
    Task(Box<TaskRecord>, Place),
    /// A task whose lane has become free.
    Granted(Box<TaskRecord>, LaneGuard),
}

/// Bounded by its places; what has been granted a lane is bounded by what was taken out before.
pub(super) struct Mailbox {
    places: Arc<Semaphore>,
    letters: Arc<Letters>,
}

/// The letters, shared with the lanes that hand tasks back.
#[derive(Default)]
pub(super) struct Letters {
    queue: Mutex<VecDeque<Letter>>,
    /// Whether the journal may hold tasks that are not in the window.
    refill: AtomicBool,
    wake: Notify,
}

impl Mailbox {
    pub(super) fn new(capacity: usize) -> Self {
        let letters = Arc::new(Letters {
            refill: AtomicBool::new(true),
            ..Letters::default()
        });
        Self {
            places: Arc::new(Semaphore::new(capacity)),
            letters,
        }
    }

    /// Reserves a place; `None` when the mailbox is full.
    pub(super) fn reserve(&self) -> Option<Place> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    pub(super) fn letters(&self) -> &Arc<Letters> {
        &self.letters
    }

    /// Tells the actor that the journal has something for it.
    pub(super) fn nudge(&self) {
        self.letters.refill.store(true, Ordering::Release);
        self.letters.wake.notify_one();
    }
}

impl Letters {
    pub(super) fn put(&self, letter: Letter) {
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(letter);
        self.wake.notify_one();
    }

    pub(super) fn take(&self) -> Option<Letter> {
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }

    /// Whether a refill was asked for; asks once.
    pub(super) fn take_refill(&self) -> bool {
        self.refill.swap(false, Ordering::AcqRel)
    }

    /// Waits until something was put or a refill was asked for.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_has_so_many_places_and_no_more() {
        let mailbox = Mailbox::new(2);
        let first = mailbox.reserve();
        let second = mailbox.reserve();
        assert!(first.is_some() && second.is_some());
        assert!(mailbox.reserve().is_none());
        drop(first);
        assert!(mailbox.reserve().is_some());
    }
}
