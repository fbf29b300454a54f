//! What the runtime counts since its start, and decisions that outlive their limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// What the runtime has counted since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Decisions that hang on their threads by now.
    pub hanging: u64,
    /// Decisions that were ever left alone in a hang.
    pub abandoned: u64,
    /// Restarts of actors.
    pub restarts: u64,
    /// Tasks that were stopped while they ran, because somebody had ended them.
    pub stopped: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    hanging: AtomicU64,
    abandoned: AtomicU64,
    pub(super) restarts: AtomicU64,
    pub(super) stopped: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> Figures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        Figures {
            hanging: read(&self.hanging),
            abandoned: read(&self.abandoned),
            restarts: read(&self.restarts),
            stopped: read(&self.stopped),
        }
    }
}

const RUNNING: u8 = 0;
const ENDED: u8 = 1;
const LEFT: u8 = 2;

/// One decision on its thread: hanging from when it was left alone until it ends after all.
pub(super) struct Decision {
    counters: Arc<Counters>,
    state: AtomicU8,
}

impl Decision {
    pub(super) fn new(counters: &Arc<Counters>) -> Arc<Self> {
        Arc::new(Self {
            counters: Arc::clone(counters),
            state: AtomicU8::new(RUNNING),
        })
    }

    /// Leaves it alone. Returns how many hang by now; `None` where it has ended in time after all.
    pub(super) fn leave(&self) -> Option<u64> {
        let hanging = self.counters.hanging.fetch_add(1, Ordering::AcqRel) + 1;
        let left = self
            .state
            .compare_exchange(RUNNING, LEFT, Ordering::AcqRel, Ordering::Acquire);
        if left.is_err() {
            self.counters.hanging.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        self.counters.abandoned.fetch_add(1, Ordering::AcqRel);
        Some(hanging)
    }
}

/// Held by the thread of a decision; dropped when it ends, by a panic too.
pub(super) struct Ending(pub(super) Arc<Decision>);

impl Drop for Ending {
    fn drop(&mut self) {
        if self.0.state.swap(ENDED, Ordering::AcqRel) == LEFT {
            self.0.counters.hanging.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_hangs_from_when_it_is_left_until_it_ends() {
        let counters = Arc::new(Counters::default());
        let (one, other) = (Decision::new(&counters), Decision::new(&counters));
        let ending = Ending(Arc::clone(&one));
        assert_eq!((one.leave(), other.leave()), (Some(1), Some(2)));
        drop(ending);
        let figures = counters.read();
        assert_eq!((figures.hanging, figures.abandoned), (1, 2));
        let in_time = Decision::new(&counters);
        drop(Ending(Arc::clone(&in_time)));
        assert_eq!(in_time.leave(), None);
        assert_eq!(counters.read(), figures);
    }
}
