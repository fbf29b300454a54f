//! Whose turn it is: requesters take turns, and each has its own tasks started in the order of acceptance.

use std::collections::{BTreeMap, VecDeque};

/// What is ready to start in one agent. One requester's thousand tasks delay another's one by a single turn.
pub(super) struct Turns<T> {
    ready: BTreeMap<String, BTreeMap<u64, T>>,
    /// Each requester once, the next one first; one whose tasks have all been taken stays until it is its turn.
    order: VecDeque<String>,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self {
            ready: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<T> Turns<T> {
    /// Adds a task by its number in the journal; a requester that is new comes last.
    pub(super) fn put(&mut self, requester: &str, number: u64, task: T) {
        match self.ready.get_mut(requester) {
            Some(tasks) => {
                tasks.insert(number, task);
            }
            None => {
                self.ready
                    .insert(requester.to_owned(), BTreeMap::from([(number, task)]));
                self.order.push_back(requester.to_owned());
            }
        }
    }

    /// Takes the oldest task of the requester whose turn it is. It stays that one's turn until [`Self::pass`]:
    /// a task that has to wait for its lane does not use it up.
    pub(super) fn take(&mut self) -> Option<(u64, T)> {
        while let Some(requester) = self.order.front() {
            if let Some(task) = self.ready.get_mut(requester).and_then(BTreeMap::pop_first) {
                return Some(task);
            }
            self.ready.remove(requester);
            self.order.pop_front();
        }
        None
    }

    /// Passes the turn on, after the task that was taken last has started.
    pub(super) fn pass(&mut self) {
        let Some(requester) = self.order.pop_front() else {
            return;
        };
        if self.ready.get(&requester).is_some_and(BTreeMap::is_empty) {
            self.ready.remove(&requester);
        } else {
            self.order.push_back(requester);
        }
    }

    /// Takes a task out before its turn, whoever's it is.
    pub(super) fn remove(&mut self, number: u64) -> Option<T> {
        self.ready.values_mut().find_map(|tasks| tasks.remove(&number))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.values().all(BTreeMap::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(turns: &mut Turns<()>) -> Vec<u64> {
        std::iter::from_fn(|| {
            let (number, ()) = turns.take()?;
            turns.pass();
            Some(number)
        })
        .collect()
    }

    #[test]
    fn requesters_take_turns_and_each_keeps_its_order() {
        let mut turns = Turns::default();
        for number in [3, 1, 2, 4, 5] {
            turns.put("many", number, ());
        }
        turns.put("one", 6, ());
        turns.put("two", 8, ());
        turns.put("two", 7, ());
        assert_eq!(started(&mut turns), [1, 6, 7, 2, 8, 3, 4, 5]);
        assert!(turns.is_empty() && turns.ready.is_empty() && turns.order.is_empty());
    }

    #[test]
    fn a_task_that_waits_for_its_lane_does_not_use_up_the_turn() {
        let mut turns = Turns::default();
        turns.put("a", 1, ());
        turns.put("a", 2, ());
        turns.put("b", 3, ());
        assert_eq!(turns.take(), Some((1, ())), "its lane is taken");
        assert_eq!(turns.take(), Some((2, ())));
        turns.pass();
        assert_eq!(turns.take(), Some((3, ())), "its lane is taken");
        assert_eq!(turns.take(), None);
        turns.put("c", 9, ());
        assert_eq!((turns.remove(9), turns.remove(9)), (Some(()), None));
        turns.put("b", 3, ());
        turns.put("a", 1, ());
        assert_eq!(started(&mut turns), [3, 1]);
    }
}
