//! Who waits for the outcome of which task.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::id::TaskId;
use crate::outcome::Outcome;

type Told = Option<Arc<Outcome>>;

/// One channel per task that is waited for, as long as somebody waits.
#[derive(Default)]
pub(super) struct Waiters {
    waiting: Mutex<BTreeMap<TaskId, watch::Sender<Told>>>,
}

/// Somebody who waits; forgotten when dropped, also in the middle of waiting.
pub(super) struct Waiter<'a> {
    waiters: &'a Waiters,
    task: &'a TaskId,
    /// `None` only while it is dropped.
    told: Option<watch::Receiver<Told>>,
}

impl Waiters {
    /// Starts to wait; call it before asking the journal, so that no outcome falls between.
    pub(super) fn wait<'a>(&'a self, task: &'a TaskId) -> Waiter<'a> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let told = waiting
            .entry(task.clone())
            .or_insert_with(|| watch::channel(None).0)
            .subscribe();
        Waiter {
            waiters: self,
            task,
            told: Some(told),
        }
    }

    /// Tells all who wait.
    pub(super) fn tell(&self, outcome: &Arc<Outcome>) {
        let told = self
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&outcome.task_id);
        if let Some(told) = told {
            told.send_replace(Some(Arc::clone(outcome)));
        }
    }
}

impl Waiter<'_> {
    /// The outcome, once it is told.
    pub(super) async fn told(&mut self) -> Told {
        let told = self.told.as_mut()?.wait_for(Option::is_some).await;
        told.ok().and_then(|outcome| outcome.clone())
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut waiting = self
            .waiters
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Another one may have begun to wait anew after this one was told: it counts, this one does not.
        self.told.take();
        if waiting
            .get(self.task)
            .is_some_and(|told| told.receiver_count() == 0)
        {
            waiting.remove(self.task);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_remembered_who_does_not_wait_any_more() {
        let (waiters, task) = (Waiters::default(), TaskId::new("t").unwrap());
        let (first, second) = (waiters.wait(&task), waiters.wait(&task));
        drop(first);
        assert_eq!(waiters.waiting.lock().unwrap().len(), 1, "the second one waits");
        drop(second);
        assert!(waiters.waiting.lock().unwrap().is_empty());
    }
}
