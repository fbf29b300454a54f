//! The witness: sees what is journaled, started and ended at the moment it happens, and says when a rule is broken.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use kunder_agent_core::id::TaskId;
use kunder_agent_core::journal::{NewTask, TaskCounts};
use kunder_agent_core::outcome::Status;
use kunder_agent_core::runtime::RuntimeConfig;

/// Broken rules that are kept; the first one tells the story.
const KEPT: usize = 20;

/// What happened to one task.
#[derive(Clone, Debug)]
pub struct Seen {
    pub number: u64,
    pub agent: String,
    pub lane: Option<String>,
    pub deadline: Option<Timestamp>,
    pub not_before: Option<Timestamp>,
    pub parent: Option<TaskId>,
    /// When its acceptance was asked of the store, where it was accepted and not made by another task.
    pub asked: Option<Timestamp>,
    /// Whether it was ever at work, in any life of the process.
    pub begun: bool,
    pub ended: Option<Status>,
}

/// What the witness has seen.
#[derive(Default)]
pub struct Witness {
    seen: Mutex<Sight>,
}

#[derive(Default)]
struct Sight {
    tasks: BTreeMap<TaskId, Seen>,
    /// Tasks at work in this life of the process, by lane.
    at_work: BTreeMap<String, TaskId>,
    /// Accepted tasks that have not begun, by lane: their numbers, and when their acceptance was known.
    in_line: BTreeMap<String, BTreeMap<u64, Timestamp>>,
    broken: Vec<String>,
    hits: BTreeMap<&'static str, u64>,
}

impl Witness {
    fn sight(&self) -> MutexGuard<'_, Sight> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A rule is broken.
    pub fn broken(&self, what: impl Into<String>) {
        let mut sight = self.sight();
        if sight.broken.len() < KEPT {
            sight.broken.push(what.into());
        }
    }

    /// What was broken so far.
    #[must_use]
    pub fn verdict(&self) -> Vec<String> {
        self.sight().broken.clone()
    }

    /// Counts that something was met: a fault that never strikes proves nothing.
    pub fn hit(&self, what: &'static str) {
        *self.sight().hits.entry(what).or_default() += 1;
    }

    #[must_use]
    pub fn hits(&self) -> BTreeMap<&'static str, u64> {
        self.sight().hits.clone()
    }

    /// A task was journaled, with this number where it is known.
    pub fn journaled(&self, new: &NewTask, number: u64) {
        self.chain_is_bounded(new);
        let mut sight = self.sight();
        let id = new.task.task_id.clone();
        if sight.tasks.contains_key(&id) {
            drop(sight);
            self.broken(format!("{id} was journaled twice"));
            return;
        }
        let seen = Seen {
            number,
            agent: new.agent.to_string(),
            lane: new.lane.clone(),
            deadline: new.task.deadline,
            not_before: new.not_before,
            parent: new.parent.clone(),
            asked: None,
            begun: false,
            ended: None,
        };
        sight.tasks.insert(id, seen);
    }

    /// No chain of tasks goes on for ever, and none comes back to an agent that it has left.
    fn chain_is_bounded(&self, new: &NewTask) {
        let (id, mut agents) = (&new.task.task_id, new.task.chain.clone());
        if agents.len() > RuntimeConfig::default().steps_max {
            self.broken(format!("{id} is step {} of a chain", agents.len()));
        }
        agents.push(new.agent.clone());
        agents.dedup();
        if agents.iter().filter(|agent| **agent == new.agent).count() > 1 {
            self.broken(format!("{id} closes a circle: {agents:?}"));
        }
    }

    #[must_use]
    pub fn knows(&self, id: &TaskId) -> bool {
        self.sight().tasks.contains_key(id)
    }

    /// A task and everything below it that has not ended.
    #[must_use]
    pub fn open_tree(&self, root: &TaskId) -> Vec<TaskId> {
        let sight = self.sight();
        let mut tree = vec![root.clone()];
        let mut next = 0;
        while next < tree.len() {
            let of = |seen: &Seen| seen.parent.as_ref() == Some(&tree[next]);
            let children: Vec<TaskId> = sight
                .tasks
                .iter()
                .filter(|(_, seen)| of(seen))
                .map(|(id, _)| id.clone())
                .collect();
            tree.extend(children);
            next += 1;
        }
        tree.retain(|id| sight.tasks.get(id).is_some_and(|seen| seen.ended.is_none()));
        tree
    }

    /// The acceptance of a task that was asked for at `asked` is known to the runtime from now on.
    pub fn accepted(&self, id: &TaskId, asked: Timestamp, now: Timestamp) {
        let mut sight = self.sight();
        let Some(seen) = sight.tasks.get_mut(id) else {
            return;
        };
        seen.asked = Some(asked);
        let number = seen.number;
        if let (Some(lane), false, None) = (seen.lane.clone(), seen.begun, seen.ended) {
            sight.in_line.entry(lane).or_default().insert(number, now);
        }
    }

    /// An agent begins to gather for a task.
    pub fn began(&self, id: &TaskId, now: Timestamp) {
        let mut sight = self.sight();
        let Some(seen) = sight.tasks.get(id).cloned() else {
            drop(sight);
            return self.broken(format!("{id} is at work and was never journaled"));
        };
        if seen.ended.is_some() {
            // It was ended from outside while it was on its way; what it decides is refused.
            return;
        }
        let mut broken = Vec::new();
        if let Some(deadline) = seen.deadline.filter(|deadline| *deadline <= now) {
            broken.push(format!("{id} began at {now}, after its deadline {deadline}"));
        }
        if let Some(moment) = seen.not_before.filter(|moment| *moment > now) {
            broken.push(format!("{id} began at {now}, before its moment {moment}"));
        }
        if let Some(lane) = &seen.lane {
            if let Some(other) = sight.at_work.get(lane).filter(|other| *other != id) {
                broken.push(format!("{id} and {other} are both at work for {lane}"));
            }
            let line = sight.in_line.entry(lane.clone()).or_default();
            line.remove(&seen.number);
            // Of two that are accepted at the same moment none is the first.
            let before = |known: &Timestamp| seen.asked.is_some_and(|asked| *known < asked);
            let first = line
                .range(..seen.number)
                .find(|(_, known)| before(known) && !seen.begun);
            if let Some((first, _)) = first {
                broken.push(format!(
                    "{id} (number {}) began before number {first} of the same customer",
                    seen.number
                ));
            }
            sight.at_work.insert(lane.clone(), id.clone());
        }
        if let Some(seen) = sight.tasks.get_mut(id) {
            seen.begun = true;
        }
        drop(sight);
        broken.into_iter().for_each(|what| self.broken(what));
    }

    /// A task ended, in the store.
    pub fn ended(&self, id: &TaskId, status: Status) {
        let mut sight = self.sight();
        sight.leave(id);
        let twice = match sight.tasks.get_mut(id) {
            Some(seen) => seen.ended.replace(status),
            None => Some(status),
        };
        drop(sight);
        if let Some(before) = twice {
            self.broken(format!("{id} ended as {status:?}, and as {before:?} before"));
        }
    }

    /// A task is told to be cancelled: so is everything below it, by now. `open_before` was so a moment ago.
    pub fn cancelled(&self, id: &TaskId, open_before: &[TaskId]) {
        if open_before.iter().any(|open| open != id) {
            self.hit("a task was cancelled with what was below it");
        }
        for open in self.open_tree(id) {
            self.broken(format!("{open} goes on after {id} was cancelled"));
        }
    }

    /// A task waits for its children: it is not at work.
    pub fn parked(&self, id: &TaskId) {
        self.sight().leave(id);
    }

    /// The process died: nothing is at work.
    pub fn process_died(&self) {
        self.sight().at_work.clear();
    }

    /// All tasks that were journaled.
    #[must_use]
    pub fn tasks(&self) -> BTreeMap<TaskId, Seen> {
        self.sight().tasks.clone()
    }

    /// `accepted = complete + partial + failed + queued + running + waiting`, and accepted is what was seen.
    pub fn weighs(&self, counts: &TaskCounts) {
        let sum = counts.complete
            + counts.partial
            + counts.failed
            + counts.queued
            + counts.running
            + counts.waiting;
        let sight = self.sight();
        let journaled = sight.tasks.len() as u64;
        let ended = sight.tasks.values().filter(|seen| seen.ended.is_some()).count() as u64;
        drop(sight);
        if counts.accepted != sum || counts.accepted != journaled {
            self.broken(format!(
                "{journaled} tasks were journaled, the store says {counts:?}"
            ));
        }
        if ended != counts.complete + counts.partial + counts.failed {
            self.broken(format!("{ended} tasks have ended, the store says {counts:?}"));
        }
    }
}

impl Sight {
    fn leave(&mut self, id: &TaskId) {
        let Some(seen) = self.tasks.get(id) else { return };
        if let Some(lane) = &seen.lane {
            if self.at_work.get(lane) == Some(id) {
                self.at_work.remove(lane);
            }
            if let Some(line) = self.in_line.get_mut(lane) {
                line.remove(&seen.number);
            }
        }
    }
}
