//! One lane per customer, over all agents: two tasks of one customer never overlap, and go in the order they were accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::mailbox::{Letter, Letters};
use crate::journal::TaskRecord;

/// All lanes. A lane exists while somebody is in it or has a ticket for it.
#[derive(Clone, Default)]
pub(super) struct Lanes {
    lanes: Arc<Mutex<BTreeMap<String, Lane>>>,
}

#[derive(Default)]
struct Lane {
    occupied: bool,
    /// Numbers of accepted tasks that have not entered; the lowest one is next, also before its actor has come to it.
    tickets: BTreeSet<u64>,
    /// Those whose actor has come.
    waiting: BTreeMap<u64, (Box<TaskRecord>, Weak<Letters>)>,
}

/// The right to be in a lane; handed to the next in line when it is dropped.
pub(super) struct LaneGuard {
    lanes: Lanes,
    /// With the task's number; `None` for tasks that have no lane.
    lane: Option<(String, u64)>,
}

/// What became of asking for a lane.
pub(super) enum Entry {
    Entered(Box<TaskRecord>, LaneGuard),
    /// Somebody is in it, or before it: the task comes back through the mailbox when it is its turn.
    Waiting,
}

impl Lanes {
    /// Takes a ticket for an accepted task, so that a later one of another agent does not overtake it.
    pub(super) fn ticket(&self, record: &TaskRecord) {
        if let Some(lane) = &record.new.lane {
            let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
            lanes
                .entry(lane.clone())
                .or_default()
                .tickets
                .insert(record.number);
        }
    }

    /// Enters the task's lane, or queues for it.
    pub(super) fn enter(&self, record: Box<TaskRecord>, mailbox: &Arc<Letters>) -> Entry {
        let Some(name) = record.new.lane.clone() else {
            return Entry::Entered(
                record,
                LaneGuard {
                    lanes: self.clone(),
                    lane: None,
                },
            );
        };
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(name.clone()).or_default();
        lane.tickets.insert(record.number);
        if lane.occupied || lane.tickets.first() != Some(&record.number) {
            lane.waiting
                .insert(record.number, (record, Arc::downgrade(mailbox)));
            return Entry::Waiting;
        }
        lane.occupied = true;
        let number = record.number;
        lane.tickets.remove(&number);
        Entry::Entered(
            record,
            LaneGuard {
                lanes: self.clone(),
                lane: Some((name, number)),
            },
        )
    }

    /// Takes a task's ticket back; whoever needs it reads the task from the journal.
    pub(super) fn forget(&self, number: u64, lane: Option<&str>) {
        let Some(name) = lane else { return };
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get_mut(name) {
            lane.tickets.remove(&number);
            lane.waiting.remove(&number);
        }
        self.admit_next(&mut lanes, name);
    }

    /// Takes back what an actor that ends leaves behind.
    pub(super) fn forget_all(&self, numbers: &BTreeSet<u64>) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let names: Vec<String> = lanes.keys().cloned().collect();
        for name in names {
            if let Some(lane) = lanes.get_mut(&name) {
                lane.tickets.retain(|number| !numbers.contains(number));
                lane.waiting.retain(|number, _| !numbers.contains(number));
            }
            self.admit_next(&mut lanes, &name);
        }
    }

    /// Lets the next in line enter if the lane is free and its actor has come.
    fn admit_next(&self, lanes: &mut BTreeMap<String, Lane>, name: &str) {
        let Some(lane) = lanes.get_mut(name) else { return };
        while let (false, Some(first)) = (lane.occupied, lane.tickets.first().copied()) {
            let Some((record, mailbox)) = lane.waiting.remove(&first) else {
                return;
            };
            lane.tickets.remove(&first);
            // The actor of a mailbox that is gone reads its task from the journal when it is back.
            if let Some(mailbox) = mailbox.upgrade() {
                lane.occupied = true;
                mailbox.put(Letter::Granted(
                    record,
                    LaneGuard {
                        lanes: self.clone(),
                        lane: Some((name.to_owned(), first)),
                    },
                ));
            }
        }
        if !lane.occupied && lane.tickets.is_empty() {
            lanes.remove(name);
        }
    }

    fn leave(&self, name: &str, number: u64) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get_mut(name) {
            lane.occupied = false;
            // Its actor may have read it from the journal, and entered, before whoever accepted it took the ticket.
            lane.tickets.remove(&number);
        }
        self.admit_next(&mut lanes, name);
    }
}

impl Drop for LaneGuard {
    fn drop(&mut self) {
        if let Some((lane, number)) = self.lane.take() {
            self.lanes.leave(&lane, number);
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
        Box::new(TaskRecord {
            number,
            new,
            tries: 0,
            joined: false,
        })
    }

    fn granted(letters: &Letters) -> Option<(u64, LaneGuard)> {
        match letters.take()? {
            Letter::Granted(record, guard) => Some((record.number, guard)),
            Letter::Task(..) => None,
        }
    }

    #[test]
    fn what_an_actor_leaves_behind_is_taken_back_and_nothing_of_others() {
        let (lanes, letters) = (Lanes::default(), Arc::new(Letters::default()));
        let Entry::Entered(_, first) = lanes.enter(record(1, Some("x")), &letters) else {
            panic!("the lane is free")
        };
        for number in [2, 3, 4] {
            drop(lanes.enter(record(number, Some("x")), &letters));
        }
        lanes.forget_all(&BTreeSet::from([2, 4]));
        drop(first);
        let (number, third) = granted(&letters).expect("the one that was not forgotten");
        assert_eq!(number, 3);
        drop(third);
        assert!(granted(&letters).is_none());
        assert!(lanes.lanes.lock().unwrap().is_empty());
    }

    #[test]
    fn a_lane_admits_one_at_a_time_in_the_order_of_acceptance() {
        let (lanes, letters) = (Lanes::default(), Arc::new(Letters::default()));
        let Entry::Entered(_, first) = lanes.enter(record(1, Some("x")), &letters) else {
            panic!("the lane is free")
        };
        assert!(matches!(
            lanes.enter(record(3, Some("x")), &letters),
            Entry::Waiting
        ));
        assert!(matches!(
            lanes.enter(record(2, Some("x")), &letters),
            Entry::Waiting
        ));
        assert!(
            matches!(lanes.enter(record(4, Some("y")), &letters), Entry::Entered(..)),
            "another lane is free"
        );
        assert!(granted(&letters).is_none());
        drop(first);
        let (number, second) = granted(&letters).expect("the next in line");
        assert_eq!(number, 2);
        assert!(granted(&letters).is_none(), "only one");
        drop(second);
        let (number, third) = granted(&letters).expect("the last in line");
        assert_eq!(number, 3);
        drop(third);
        assert!(
            matches!(lanes.enter(record(5, Some("x")), &letters), Entry::Entered(..)),
            "the lane is free again"
        );
    }

    #[test]
    fn an_accepted_task_is_not_overtaken_before_its_actor_has_come() {
        let (lanes, letters) = (Lanes::default(), Arc::new(Letters::default()));
        lanes.ticket(&record(1, Some("x")));
        lanes.ticket(&record(2, Some("x")));
        assert!(matches!(
            lanes.enter(record(2, Some("x")), &letters),
            Entry::Waiting
        ));
        let Entry::Entered(_, first) = lanes.enter(record(1, Some("x")), &letters) else {
            panic!("it is first")
        };
        drop(first);
        assert_eq!(granted(&letters).map(|(number, _)| number), Some(2));
        lanes.ticket(&record(3, Some("x")));
        assert!(matches!(
            lanes.enter(record(4, Some("x")), &letters),
            Entry::Waiting
        ));
        lanes.forget(3, Some("x"));
        assert_eq!(
            granted(&letters).map(|(number, _)| number),
            Some(4),
            "a forgotten ticket holds nobody up"
        );
    }

    #[test]
    fn a_ticket_that_is_taken_after_its_task_has_entered_is_given_back_with_the_lane() {
        let (lanes, letters) = (Lanes::default(), Arc::new(Letters::default()));
        let Entry::Entered(_, first) = lanes.enter(record(1, Some("x")), &letters) else {
            panic!("the lane is free")
        };
        lanes.ticket(&record(1, Some("x")));
        drop(first);
        assert!(
            matches!(lanes.enter(record(2, Some("x")), &letters), Entry::Entered(..)),
            "nobody is before it"
        );
    }

    #[test]
    fn a_waiting_task_of_an_actor_that_is_gone_does_not_block_the_lane() {
        let (lanes, letters) = (Lanes::default(), Arc::new(Letters::default()));
        let gone = Arc::new(Letters::default());
        let Entry::Entered(_, first) = lanes.enter(record(1, Some("x")), &letters) else {
            panic!("the lane is free")
        };
        assert!(matches!(lanes.enter(record(2, Some("x")), &gone), Entry::Waiting));
        assert!(matches!(
            lanes.enter(record(3, Some("x")), &letters),
            Entry::Waiting
        ));
        drop(gone);
        drop(first);
        assert_eq!(granted(&letters).map(|(number, _)| number), Some(3));
    }
}
