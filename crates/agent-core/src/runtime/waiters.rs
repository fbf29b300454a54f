//! Who waits for the outcome of which task.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::id::TaskId;
use crate::outcome::Outcome;

type Seen = watch::Sender<Option<Arc<Outcome>>>;

/// One channel per task that is waited for.
#[derive(Default)]
pub(super) struct Waiters {
    waiting: Mutex<BTreeMap<TaskId, Seen>>,
}

impl Waiters {
    /// Starts to wait; call it before asking the journal, so that no outcome falls between.
    pub(super) fn wait(&self, task: &TaskId) -> watch::Receiver<Option<Arc<Outcome>>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting
            .entry(task.clone())
            .or_insert_with(|| watch::channel(None).0)
            .subscribe()
    }

    /// Tells all who wait.
    pub(super) fn tell(&self, outcome: &Arc<Outcome>) {
        let seen = self
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&outcome.task_id);
        if let Some(seen) = seen {
            seen.send_replace(Some(Arc::clone(outcome)));
        }
    }

    /// Forgets a task nobody waits for any more.
    pub(super) fn leave(&self, task: &TaskId) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.get(task).is_some_and(|seen| seen.receiver_count() == 0) {
            waiting.remove(task);
        }
    }
}
