//! The actor of one agent: takes tasks from its mailbox and the journal, and runs them side by side, each in its lane.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::lanes::{Entry, LaneGuard, Lanes};
use super::mailbox::{Letter, Place};
use super::{Core, work};
use crate::id::AgentName;
use crate::journal::TaskRecord;

/// Tasks read from the journal at a time.
const REFILL: usize = 256;

/// What an actor holds. All of it can be lost: the journal has it.
#[derive(Default)]
struct Window {
    /// Ready to run, by number; granted ones hold their lane already.
    ready: BTreeMap<u64, (Box<TaskRecord>, Option<LaneGuard>)>,
    /// All numbers that are ready, waiting for a lane, or running.
    known: BTreeSet<u64>,
    running: BTreeSet<u64>,
    /// Running ones that the journal has as queued: a parent whose children ended before its own job did.
    again: BTreeSet<u64>,
    /// Places of accepted tasks that have not started, in the window or only in the journal.
    places: BTreeMap<u64, Place>,
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
    slot.mailbox.nudge();
    loop {
        while let Some(letter) = slot.mailbox.letters().take() {
            window.open(letter, &core.lanes);
        }
        let room = !core.is_draining() && window.ready.len() < REFILL;
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
            let Some((number, (record, guard))) = window.ready.pop_first() else {
                break;
            };
            let entry = match guard {
                Some(guard) => Entry::Entered(record, guard),
                None => core.lanes.enter(record, slot.mailbox.letters()),
            };
            if let Entry::Entered(record, guard) = entry {
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
        if window.ready.is_empty() && window.overflowed {
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
                if came_late {
                    lanes.forget(&record);
                    return;
                }
                self.places.insert(number, place);
                if self.overflowed {
                    // Behind tasks that are only in the journal it has to wait for its turn there.
                    lanes.forget(&record);
                } else if self.known.insert(number) {
                    self.ready.insert(number, (record, None));
                }
            }
            Letter::Granted(record, guard) => {
                self.known.insert(record.number);
                self.ready.insert(record.number, (record, Some(guard)));
            }
        }
    }

    /// Takes in what the journal has queued, read with this limit.
    fn refill(&mut self, records: Vec<TaskRecord>, limit: usize, lanes: &Lanes) {
        self.overflowed = records.len() >= limit;
        self.drop_ended(&records, lanes);
        for record in records {
            self.refilled = self.refilled.max(record.number);
            if self.running.contains(&record.number) {
                self.again.insert(record.number);
            } else if self.known.insert(record.number) {
                lanes.ticket(&record);
                self.ready.insert(record.number, (Box::new(record), None));
            }
        }
        if !self.overflowed {
            // Everything that is queued is known now: other places belong to tasks that were cancelled or expired.
            self.places.retain(|number, _| self.known.contains(number));
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
            self.ready.remove(number);
        }
        lanes.forget_all(&ended);
    }
}
