//! The journal's tasks in memory, with the indexes that SQLite has: per agent, moment, deadline and parent.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use jiff::Timestamp;
use kunder_agent_core::id::{AgentName, TaskId};
use kunder_agent_core::journal::{Acceptance, NewTask, TaskCounts, TaskRecord, TaskState, TaskStatus};
use kunder_agent_core::outcome::{Outcome, Status};

/// Where a task is in its life.
pub(super) enum State {
    /// Also one that waits for its moment.
    Queued,
    Running {
        epoch: u64,
    },
    /// For its children.
    Waiting,
    Ended(Box<Outcome>),
}

pub(super) struct Entry {
    number: u64,
    pub(super) new: NewTask,
    pub(super) state: State,
    tries: u32,
    joined: bool,
}

impl Entry {
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.state, State::Ended(_))
    }

    fn record(&self) -> TaskRecord {
        TaskRecord {
            number: self.number,
            new: self.new.clone(),
            tries: self.tries,
            joined: self.joined,
        }
    }
}

/// Those that name the same parent.
#[derive(Default)]
struct Family {
    children: Vec<usize>,
    open: usize,
}

/// Tasks in the order of acceptance; a place in `entries` stands for a task everywhere in here.
#[derive(Default)]
pub(super) struct Tasks {
    pub(super) epoch: u64,
    /// The last number that was given. A repeat uses one up too, as in SQLite.
    last: u64,
    entries: Vec<Entry>,
    places: HashMap<TaskId, usize>,
    families: HashMap<TaskId, Family>,
    queued: BTreeMap<AgentName, BTreeSet<usize>>,
    running: BTreeSet<usize>,
    waiting: u64,
    /// Queued ones that have a moment, past or to come.
    timers: BTreeSet<(Timestamp, usize)>,
    /// Of those queued or waiting.
    deadlines: BTreeSet<(Timestamp, usize)>,
    complete: u64,
    partial: u64,
    failed: u64,
}

impl Tasks {
    pub(super) fn accept(&mut self, new: NewTask, now: Timestamp) -> Acceptance {
        if let Some(place) = self.insert(&new) {
            return Acceptance::New(self.entries[place].record());
        }
        let known = &self.entries[self.places[&new.task.task_id]];
        if known.new.agent == new.agent && known.new.task.body_hash() == new.task.body_hash() {
            Acceptance::Known(self.status_of(known, now))
        } else {
            Acceptance::Conflict
        }
    }

    /// Its place, or `None` where the id is known already.
    pub(super) fn insert(&mut self, new: &NewTask) -> Option<usize> {
        self.last += 1;
        if self.places.contains_key(&new.task.task_id) {
            return None;
        }
        let place = self.entries.len();
        self.places.insert(new.task.task_id.clone(), place);
        if let Some(parent) = &new.parent {
            let family = self.families.entry(parent.clone()).or_default();
            family.children.push(place);
            family.open += 1;
        }
        self.entries.push(Entry {
            number: self.last,
            new: new.clone(),
            state: State::Queued,
            tries: 0,
            joined: false,
        });
        self.index(place);
        Some(place)
    }

    pub(super) fn recover(&mut self) -> u64 {
        self.epoch += 1;
        for place in std::mem::take(&mut self.running) {
            self.set_state(place, State::Queued);
        }
        self.epoch
    }

    /// Only the holder of the lease starts tasks, and only queued ones.
    pub(super) fn start(&mut self, task: &TaskId, epoch: u64) {
        let Some(place) = self.place(task) else { return };
        if epoch == self.epoch && matches!(self.entries[place].state, State::Queued) {
            self.entries[place].tries += 1;
            self.set_state(place, State::Running { epoch });
        }
    }

    pub(super) fn place(&self, task: &TaskId) -> Option<usize> {
        self.places.get(task).copied()
    }

    pub(super) fn entry(&self, place: usize) -> &Entry {
        &self.entries[place]
    }

    /// Ends a task; its parent is joined apart from this.
    pub(super) fn finish(&mut self, place: usize, outcome: Outcome) {
        self.set_state(place, State::Ended(Box::new(outcome)));
    }

    /// Parks a task until its children have ended.
    pub(super) fn park(&mut self, place: usize) {
        self.entries[place].joined = false;
        self.set_state(place, State::Waiting);
    }

    /// Queues a waiting parent whose children have all ended; its tries count anew.
    pub(super) fn join(&mut self, parent: &TaskId) {
        let Some(place) = self.place(parent) else { return };
        let open = self.families.get(parent).map_or(0, |family| family.open);
        if open > 0 || !matches!(self.entries[place].state, State::Waiting) {
            return;
        }
        let entry = &mut self.entries[place];
        entry.joined = true;
        entry.tries = 0;
        self.set_state(place, State::Queued);
    }

    /// Open tasks below this one, at any depth, whatever became of those between, in the order of acceptance.
    pub(super) fn open_below(&self, top: &TaskId) -> Vec<usize> {
        let mut below = BTreeSet::new();
        let mut parents = vec![top];
        while let Some(parent) = parents.pop() {
            for &child in self.children_of(parent) {
                if below.insert(child) {
                    parents.push(&self.entries[child].new.task.task_id);
                }
            }
        }
        let is_open_below = |place: &usize| {
            let entry = &self.entries[*place];
            entry.is_open() && entry.new.task.task_id != *top
        };
        below.into_iter().filter(is_open_below).collect()
    }

    fn children_of(&self, parent: &TaskId) -> &[usize] {
        self.families.get(parent).map_or(&[], |family| &family.children)
    }

    pub(super) fn children(&self, parent: &TaskId) -> Vec<Outcome> {
        let outcomes =
            self.children_of(parent)
                .iter()
                .filter_map(|&child| match &self.entries[child].state {
                    State::Ended(outcome) => Some(Outcome::clone(outcome)),
                    State::Queued | State::Running { .. } | State::Waiting => None,
                });
        outcomes.collect()
    }

    pub(super) fn queued(
        &self,
        agent: &AgentName,
        after: u64,
        limit: usize,
        now: Timestamp,
    ) -> Vec<TaskRecord> {
        let Some(queue) = self.queued.get(agent) else {
            return Vec::new();
        };
        let begin = self.entries.partition_point(|entry| entry.number <= after);
        let due = |entry: &&Entry| entry.new.not_before.is_none_or(|moment| moment <= now);
        let entries = queue.range(begin..).map(|&place| &self.entries[place]);
        entries.filter(due).take(limit).map(Entry::record).collect()
    }

    pub(super) fn expired(&self, now: Timestamp, limit: usize) -> Vec<TaskRecord> {
        let expired = self.deadlines.range(..=(now, usize::MAX)).take(limit);
        expired.map(|&(_, place)| self.entries[place].record()).collect()
    }

    pub(super) fn next_due(&self, after: Timestamp) -> Option<Timestamp> {
        let next = |moments: &BTreeSet<(Timestamp, usize)>| later(moments, after).next();
        [next(&self.timers), next(&self.deadlines)]
            .into_iter()
            .flatten()
            .min()
    }

    pub(super) fn status(&self, task: &TaskId, now: Timestamp) -> Option<TaskStatus> {
        self.place(task)
            .map(|place| self.status_of(&self.entries[place], now))
    }

    /// The newest that are announced, numbered below `before`.
    pub(super) fn newest(&self, before: Option<u64>, limit: usize, now: Timestamp) -> Vec<TaskStatus> {
        let end = before.map_or(self.entries.len(), |before| {
            self.entries.partition_point(|entry| entry.number < before)
        });
        let announced = self.entries[..end]
            .iter()
            .rev()
            .filter(|entry| entry.new.announced);
        announced
            .take(limit)
            .map(|entry| self.status_of(entry, now))
            .collect()
    }

    pub(super) fn record(&self, task: &TaskId) -> Option<TaskRecord> {
        self.place(task).map(|place| self.entries[place].record())
    }

    pub(super) fn counts(&self, now: Timestamp) -> TaskCounts {
        let timers = later(&self.timers, now).count() as u64;
        let queued: usize = self.queued.values().map(BTreeSet::len).sum();
        TaskCounts {
            accepted: self.entries.len() as u64,
            complete: self.complete,
            partial: self.partial,
            failed: self.failed,
            queued: queued as u64 - timers,
            running: self.running.len() as u64,
            waiting: self.waiting + timers,
        }
    }

    fn status_of(&self, entry: &Entry, now: Timestamp) -> TaskStatus {
        let task_id = entry.new.task.task_id.clone();
        let progress = self.families.get(&task_id).map(|family| {
            let all = family.children.len();
            ((all - family.open) as u64, all as u64)
        });
        let (state, outcome) = match &entry.state {
            State::Queued if entry.new.not_before.is_some_and(|moment| moment > now) => {
                (TaskState::Waiting, None)
            }
            State::Queued => (TaskState::Queued, None),
            State::Running { .. } => (TaskState::Running, None),
            State::Waiting => (TaskState::Waiting, None),
            State::Ended(outcome) => (TaskState::Done, Some(Outcome::clone(outcome))),
        };
        TaskStatus {
            task_id,
            agent: entry.new.agent.clone(),
            state,
            accepted_at: entry.new.now,
            not_before: entry.new.not_before,
            tries: entry.tries,
            progress,
            outcome,
        }
    }

    fn set_state(&mut self, place: usize, state: State) {
        self.unindex(place);
        self.entries[place].state = state;
        self.index(place);
    }

    /// Enters a task where its state is looked up.
    fn index(&mut self, place: usize) {
        let entry = &self.entries[place];
        let new = &entry.new;
        match &entry.state {
            State::Queued => {
                if let Some(queue) = self.queued.get_mut(&new.agent) {
                    queue.insert(place);
                } else {
                    self.queued.insert(new.agent.clone(), BTreeSet::from([place]));
                }
                self.timers.extend(new.not_before.map(|moment| (moment, place)));
                self.deadlines
                    .extend(new.task.deadline.map(|moment| (moment, place)));
            }
            State::Running { .. } => {
                self.running.insert(place);
            }
            State::Waiting => {
                self.waiting += 1;
                self.deadlines
                    .extend(new.task.deadline.map(|moment| (moment, place)));
            }
            State::Ended(outcome) => {
                match outcome.report.status {
                    Status::Complete => self.complete += 1,
                    Status::Partial => self.partial += 1,
                    Status::Failed => self.failed += 1,
                }
                let family = new
                    .parent
                    .as_ref()
                    .and_then(|parent| self.families.get_mut(parent));
                if let Some(family) = family {
                    family.open -= 1;
                }
            }
        }
    }

    /// Undoes [`Self::index`]. Nothing leaves its end.
    fn unindex(&mut self, place: usize) {
        let entry = &self.entries[place];
        let new = &entry.new;
        match &entry.state {
            State::Queued => {
                if let Some(queue) = self.queued.get_mut(&new.agent) {
                    queue.remove(&place);
                }
                if let Some(moment) = new.not_before {
                    self.timers.remove(&(moment, place));
                }
            }
            State::Running { .. } => {
                self.running.remove(&place);
            }
            State::Waiting => self.waiting -= 1,
            State::Ended(_) => debug_assert!(false, "an ended task has no other state"),
        }
        if let Some(moment) = new.task.deadline {
            self.deadlines.remove(&(moment, place));
        }
    }
}

/// The moments after one, in their order.
fn later(moments: &BTreeSet<(Timestamp, usize)>, after: Timestamp) -> impl Iterator<Item = Timestamp> {
    let begin = Bound::Excluded((after, usize::MAX));
    moments
        .range((begin, Bound::Unbounded))
        .map(|&(moment, _)| moment)
}
