//! One lane per customer, over all agents: two tasks of one customer never overlap, and go in the order they were accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::mailbox::{Letter, Letters};
use crate::journal::TaskRecord;

/// All lanes. A lane exists while somebody is in it.
#[derive(Clone, Default)]
pub(super) struct Lanes {
    lanes: Arc<Mutex<BTreeMap<String, Waiting>>>,
}

/// Who waits for a lane, by the number of the task.
type Waiting = BTreeMap<u64, (Box<TaskRecord>, Weak<Letters>)>;

/// The right to be in a lane; handed to the next in line when it is dropped.
pub(super) struct LaneGuard {
    lanes: Lanes,
    /// `None` for tasks that have no lane.
    lane: Option<String>,
}

/// What became of asking for a lane.
pub(super) enum Entry {
    Entered(Box<TaskRecord>, LaneGuard),
    /// Somebody is in it: the task comes back through the mailbox when it is its turn.
    Waiting,
}

impl Lanes {
    /// Enters the task's lane, or queues for it.
    pub(super) fn enter(&self, record: Box<TaskRecord>, mailbox: &Arc<Letters>) -> Entry {
        let Some(lane) = record.new.lane.clone() else {
            return Entry::Entered(record, LaneGuard { lanes: self.clone(), lane: None });
        };
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = lanes.get_mut(&lane) {
            waiting.insert(record.number, (record, Arc::downgrade(mailbox)));
            return Entry::Waiting;
        }
        lanes.insert(lane.clone(), Waiting::new());
        Entry::Entered(record, LaneGuard { lanes: self.clone(), lane: Some(lane) })
    }

    /// Forgets what of these numbers waits; whoever restarts reads them from the journal again.
    pub(super) fn forget(&self, numbers: &BTreeSet<u64>) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        for waiting in lanes.values_mut() {
            waiting.retain(|number, _| !numbers.contains(number));
        }
    }

    fn leave(&self, lane: &str) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let next = lanes.get_mut(lane).and_then(BTreeMap::pop_first);
            let Some((_, (record, mailbox))) = next else {
                lanes.remove(lane);
                return;
            };
            if let Some(mailbox) = mailbox.upgrade() {
                let guard = LaneGuard { lanes: self.clone(), lane: Some(lane.to_owned()) };
                mailbox.put(Letter::Granted(record, guard));
                return;
            }
        }
    }
}

impl Drop for LaneGuard {
    fn drop(&mut self) {
        if let Some(lane) = self.lane.take() {
            self.lanes.leave(&lane);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{AgentName, TaskId};
    use crate::journal::NewTask;
    use crate::task::Task;

    fn record(number: u64, lane: Option<&str>) -> Box<TaskRecord> {
        let new = NewTask {
            task: Task::new(TaskId::new(format!("t{number}")).unwrap(), "a", "c"),
            agent: AgentName::new("a"),
            lane: lane.map(str::to_owned),
            now: jiff::Timestamp::UNIX_EPOCH,
            parent: None,
            not_before: None,
            announced: true,
            warnings: Vec::new(),
        };
        Box::new(TaskRecord { number, new, tries: 0, joined: false })
    }

    fn granted(letters: &Letters) -> Option<(u64, LaneGuard)> {
        match letters.take()? {
            Letter::Granted(record, guard) => Some((record.number, guard)),
            Letter::Task(..) => None,
        }
    }

    #[test]
    fn a_lane_admits_one_at_a_time_in_the_order_of_acceptance() {
        let (lanes, letters) = (Lanes::default(), Arc::new(Letters::default()));
        let Entry::Entered(_, first) = lanes.enter(record(1, Some("x")), &letters) else { panic!("the lane is free") };
        assert!(matches!(lanes.enter(record(3, Some("x")), &letters), Entry::Waiting));
        assert!(matches!(lanes.enter(record(2, Some("x")), &letters), Entry::Waiting));
        assert!(matches!(lanes.enter(record(4, Some("y")), &letters), Entry::Entered(..)), "another lane is free");
        assert!(granted(&letters).is_none());
        drop(first);
        let (number, second) = granted(&letters).expect("the next in line");
        assert_eq!(number, 2);
        assert!(granted(&letters).is_none(), "only one");
        drop(second);
        let (number, third) = granted(&letters).expect("the last in line");
        assert_eq!(number, 3);
        drop(third);
        assert!(matches!(lanes.enter(record(5, Some("x")), &letters), Entry::Entered(..)), "the lane is free again");
    }

    #[test]
    fn a_waiting_task_of_an_actor_that_is_gone_does_not_block_the_lane() {
        let (lanes, letters) = (Lanes::default(), Arc::new(Letters::default()));
        let gone = Arc::new(Letters::default());
        let Entry::Entered(_, first) = lanes.enter(record(1, Some("x")), &letters) else { panic!("the lane is free") };
        assert!(matches!(lanes.enter(record(2, Some("x")), &gone), Entry::Waiting));
        assert!(matches!(lanes.enter(record(3, Some("x")), &letters), Entry::Waiting));
        drop(gone);
        drop(first);
        assert_eq!(granted(&letters).map(|(number, _)| number), Some(3));
    }
}
