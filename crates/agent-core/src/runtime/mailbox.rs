//! The mailbox of one agent: a bounded window on the journal. A place is reserved before a task is journaled.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::lanes::LaneGuard;
use super::places::{Place, Places};
use crate::journal::TaskRecord;

/// What lies in a mailbox.
pub(super) enum Letter {
    /// A task that was just accepted.
    Task(Box<TaskRecord>, Place),
    /// A task whose lane has become free.
    Granted(Box<TaskRecord>, LaneGuard),
}

/// Bounded by its places; what has been granted a lane is bounded by what was taken out before.
pub(super) struct Mailbox {
    pub(super) places: Places,
    letters: Arc<Letters>,
    /// Tasks its actor holds in memory, as of its last look.
    pub(super) window: AtomicUsize,
    /// What the journal held when the runtime was started, oldest first.
    found: Mutex<Vec<TaskRecord>>,
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
    pub(super) fn new(places: usize, bytes: usize) -> Self {
        let letters = Arc::new(Letters {
            refill: AtomicBool::new(true),
            ..Letters::default()
        });
        Self {
            places: Places::new(places, bytes),
            letters,
            window: AtomicUsize::new(0),
            found: Mutex::default(),
        }
    }

    /// Leaves to the first actor what the journal holds.
    pub(super) fn leave(&self, found: Vec<TaskRecord>) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = found;
    }

    /// What was left, once.
    pub(super) fn take_found(&self) -> Vec<TaskRecord> {
        std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner))
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
