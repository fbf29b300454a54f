//! The actor of one agent: takes tasks from its mailbox and the journal, and runs them side by side, each in its lane.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::lanes::{Entry, LaneGuard, Lanes};
use super::mailbox::Letter;
use super::places::Place;
use super::turns::Turns;
use super::{Core, REFILL, work};
use crate::id::AgentName;
use crate::journal::TaskRecord;

/// What an actor holds. All of it can be lost: the journal has it.
#[derive(Default)]
struct Window {
    /// Ready to run, by turns of those who asked; granted ones hold their lane already.
    ready: Turns<(Box<TaskRecord>, Option<LaneGuard>)>,
    /// All numbers that are ready, waiting for a lane, or running.
    known: BTreeSet<u64>,
    running: BTreeSet<u64>,
    /// Running ones that the journal has as queued: a parent whose children ended before its own job did.
    again: BTreeSet<u64>,
    /// Places of accepted tasks that have not started, in the window or only in the journal, with their lanes.
    places: BTreeMap<u64, (Place, Option<String>)>,
    /// The highest number the journal was read up to.
    refilled: u64,
    /// Whether the journal holds more than the window: then the order of acceptance is read from there.
    overflowed: bool,
}

/// A step of an actor that did not come to its end: what it was. A new actor starts from the journal.
#[derive(Debug)]
pub(super) struct Hang(pub(super) &'static str);

/// Runs until the runtime drains.
pub(super) async fn run<P: Send + Sync + 'static, C: Send + 'static>(
    core: Arc<Core<P, C>>,
    name: &AgentName,
) -> Result<(), Hang> {
    let slot = &core.slots[name];
    let mut window = Window::default();
    let mut jobs = FuturesUnordered::new();
    let mut failures = 0_u32;
    window.refill(slot.mailbox.take_found(), REFILL, &core.lanes);
    slot.mailbox.nudge();
    loop {
        while let Some(letter) = slot.mailbox.letters().take() {
            window.open(letter, &core.lanes);
        }
        let room = !core.is_draining() && window.known.len() < core.config.mailbox + REFILL;
        if room && slot.mailbox.letters().take_refill() {
            let limit = window.known.len() + REFILL;
            let read = tokio::select! {
                biased;
                read = core.journal.queued(name, 0, limit, core.now()) => read,
                () = core.pause(core.config.heartbeat_limit) => return Err(Hang("the journal was not read")),
            };
            match read {
                Ok(records) => {
                    failures = 0;
                    window.refill(records, limit, &core.lanes);
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(agent = %name, %error, failures, "an actor cannot read the journal");
                    tokio::select! {
                        biased;
                        () = slot.mailbox.letters().woken() => {}
                        () = core.pause(core.backoff(failures)) => {}
                    }
                    slot.mailbox.nudge();
                }
            }
        }
        while !core.is_draining() && jobs.len() < core.config.concurrency {
            let Some((number, (record, guard))) = window.ready.take() else {
                break;
            };
            let entry = match guard {
                Some(guard) => Entry::Entered(record, guard),
                None => core.lanes.enter(record, slot.mailbox.letters()),
            };
            if let Entry::Entered(record, guard) = entry {
                window.ready.pass();
                slot.mailbox.places.started(core.now());
                window.places.remove(&number);
                window.running.insert(number);
                let job_core = Arc::clone(&core);
                let agent = Arc::clone(&slot.agent);
                let job = core.clock.spawn(Box::pin(async move {
                    work::run(&job_core, &agent, *record).await;
                    drop(guard);
                }));
                jobs.push(async move { (number, job.await) });
            }
        }
        if core.is_draining() && jobs.is_empty() {
            core.lanes.forget_all(&window.known);
            return Ok(());
        }
        slot.mailbox.window.store(window.known.len(), Ordering::Release);
        if room && window.overflowed && window.ready.is_empty() {
            slot.mailbox.nudge();
        }
        tokio::select! {
            biased;
            Some((number, ended)) = jobs.next(), if !jobs.is_empty() => {
                window.known.remove(&number);
                window.running.remove(&number);
                if window.again.remove(&number) {
                    slot.mailbox.nudge();
                }
                if let Err(panic) = ended {
                    core.give_up(format!("the runtime itself panicked while agent {name} worked: {panic}"));
                    return Ok(());
                }
            }
            () = slot.mailbox.letters().woken() => {}
        }
    }
}

impl Window {
    fn open(&mut self, letter: Letter, lanes: &Lanes) {
        match letter {
            Letter::Task(record, place) => {
                let number = record.number;
                // The journal may have been read between the task's acceptance and this letter.
                let came_late = self.running.contains(&number)
                    || (number <= self.refilled && !self.known.contains(&number));
                let lane = record.new.lane.clone();
                if came_late {
                    lanes.forget(number, lane.as_deref());
                    return;
                }
                // Behind tasks that are only in the journal it waits for its turn there, and nobody overtakes it in its
                // lane; without a lane there is nobody it could overtake.
                let behind = self.overflowed && lane.is_some();
                self.places.insert(number, (place, lane));
                if !behind && self.known.insert(number) {
                    self.put(record, None);
                }
            }
            Letter::Granted(record, guard) => {
                self.known.insert(record.number);
                self.put(record, Some(guard));
            }
        }
    }

    fn put(&mut self, record: Box<TaskRecord>, guard: Option<LaneGuard>) {
        let (requester, number) = (record.new.task.requester().to_owned(), record.number);
        self.ready.put(&requester, number, (record, guard));
    }

    /// Takes in what the journal has queued, read with this limit.
    fn refill(&mut self, records: Vec<TaskRecord>, limit: usize, lanes: &Lanes) {
        self.overflowed = records.len() >= limit;
        self.drop_ended(&records, lanes);
        let (mut read_up_to, mut room) = (0, REFILL);
        for record in records {
            let is_new = !self.known.contains(&record.number);
            if is_new && room == 0 {
                self.overflowed = true;
                break;
            }
            read_up_to = record.number;
            self.refilled = self.refilled.max(record.number);
            if self.running.contains(&record.number) {
                self.again.insert(record.number);
            } else if is_new {
                room -= 1;
                self.known.insert(record.number);
                lanes.ticket(&record);
                self.put(Box::new(record), None);
            }
        }
        if !self.overflowed {
            read_up_to = u64::MAX;
        }
        // Everything that is queued up to there is known now: other places belong to tasks that were cancelled or expired.
        let known = &self.known;
        let gone = |number: &u64, _: &mut _| *number <= read_up_to && !known.contains(number);
        for (number, (_, lane)) in self.places.extract_if(.., gone) {
            lanes.forget(number, lane.as_deref());
        }
    }

    /// Lets go of tasks that were ended before they started: neither queued nor running any more.
    fn drop_ended(&mut self, records: &[TaskRecord], lanes: &Lanes) {
        let upto = match records.last() {
            Some(last) if self.overflowed => last.number,
            _ => u64::MAX,
        };
        let queued: BTreeSet<u64> = records.iter().map(|record| record.number).collect();
        let ended: BTreeSet<u64> = self
            .known
            .range(..=upto)
            .filter(|number| !queued.contains(number) && !self.running.contains(number))
            .copied()
            .collect();
        if ended.is_empty() {
            return;
        }
        for number in &ended {
            self.known.remove(number);
            self.places.remove(number);
            // With it a lane that it held already.
            self.ready.remove(*number);
        }
        lanes.forget_all(&ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::TaskId;
    use crate::journal::NewTask;
    use crate::task::Task;

    fn record(number: u64) -> Box<TaskRecord> {
        let new = NewTask {
            task: Task::new(TaskId::new(format!("t{number}")).unwrap(), "a", "c"),
            agent: AgentName::new("a"),
            lane: Some("x".to_owned()),
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

    #[test]
    fn a_task_that_was_ended_while_it_held_its_lane_unstarted_lets_go_of_it() {
        let (lanes, mailbox) = (Lanes::default(), Arc::default());
        let Entry::Entered(_, first) = lanes.enter(record(1), &mailbox) else {
            panic!("the lane is free")
        };
        assert!(matches!(lanes.enter(record(2), &mailbox), Entry::Waiting));
        drop(first);
        let mut window = Window::default();
        window.open(mailbox.take().expect("it is the turn of the second"), &lanes);
        // Others run; meanwhile it is cancelled, and the journal no longer has it.
        window.refill(Vec::new(), REFILL, &lanes);
        assert!(window.known.is_empty() && window.ready.take().is_none());
        assert!(
            matches!(lanes.enter(record(3), &mailbox), Entry::Entered(..)),
            "the lane is free again"
        );
    }

    #[test]
    fn a_parent_that_is_queued_again_before_its_job_has_ended_is_not_forgotten() {
        let lanes = Lanes::default();
        let mut window = Window::default();
        window.known.insert(1);
        window.running.insert(1);
        window.refill(vec![*record(1)], REFILL, &lanes);
        assert!(window.again.contains(&1) && window.ready.take().is_none());
    }
}
