//! What an agent decides: outcome or what it waits for, and everything that is to happen with it, in one transaction.

use jiff::Timestamp;
use serde_json::Value;

use crate::event::EventDraft;
use crate::id::{Address, AgentName};
use crate::outcome::Report;
use crate::task::{Instruction, Task};

/// One transaction: all of it is committed, or nothing. `C` is what the store can change.
#[derive(Clone, Debug)]
pub struct Decision<C> {
    pub verdict: Resolution,
    /// What the decision rests on; a commit is refused as stale where one of these has moved on.
    pub expects: Vec<Expect>,
    pub changes: Vec<C>,
    pub events: Vec<EventDraft>,
    /// Tasks for our own agents; never refused, journaled in the same commit.
    pub follow_ups: Vec<FollowUp>,
    /// Tasks for agents of other processes.
    pub requests: Vec<RequestDraft>,
    pub artifacts: Vec<Artifact>,
}

/// How a decision leaves its task.
#[derive(Clone, Debug)]
pub enum Resolution {
    /// The task ends with this.
    Done(Box<Report>),
    /// The task waits for these children and is then decided again with their outcomes.
    Wait(Vec<FollowUp>),
}

/// `entity` (a customer's id) was at `version` when it was read; 0 means it did not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    pub entity: String,
    pub version: u64,
}

/// A task that follows from this one. Its id derives from the parent's and `key`: the same cause never makes two.
#[derive(Clone, Debug, PartialEq)]
pub struct FollowUp {
    pub key: String,
    pub agent: AgentName,
    pub instruction: Instruction,
    pub customer: Option<String>,
    /// Not before this moment: a timer.
    pub not_before: Option<Timestamp>,
    pub due: Due,
}

/// The deadline of a task that follows from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Due {
    /// The deadline of its cause travels with it: what was asked for in time is of no use later. A timer for that very
    /// moment or a later one has none, it was meant to run then. A child always ends with the parent that waits for it.
    #[default]
    Inherited,
    /// It has to be done, however late: an alert, for example, which is of use to others than who asked.
    Never,
    At(Timestamp),
}

/// A task for an agent of another process; its id derives from the task's and `key`.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestDraft {
    pub to: Address,
    pub key: String,
    pub instruction: Instruction,
    pub customer: Option<String>,
    /// What goes along as context.
    pub context: Value,
    /// When no delivery by then makes a blocker.
    pub deadline: Option<Timestamp>,
}

/// A file below the data folder; written before the commit that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Relative, `/`-separated, without `..`.
    pub path: String,
    pub content: Vec<u8>,
}

impl<C> Decision<C> {
    /// The task ends with this report and nothing else.
    #[must_use]
    pub fn done(report: Report) -> Self {
        Self::with(Resolution::Done(Box::new(report)))
    }

    /// The task waits for these children.
    #[must_use]
    pub fn wait(children: Vec<FollowUp>) -> Self {
        Self::with(Resolution::Wait(children))
    }

    /// Changes this too.
    pub fn change(&mut self, change: impl Into<C>) {
        self.changes.push(change.into());
    }

    fn with(verdict: Resolution) -> Self {
        Self {
            verdict,
            expects: Vec::new(),
            changes: Vec::new(),
            events: Vec::new(),
            follow_ups: Vec::new(),
            requests: Vec::new(),
            artifacts: Vec::new(),
        }
    }
}

impl FollowUp {
    #[must_use]
    pub fn new(key: impl Into<String>, agent: &str, command: &str) -> Self {
        Self {
            key: key.into(),
            agent: AgentName::new(agent),
            instruction: Instruction {
                command: Some(command.to_owned()),
                ..Instruction::default()
            },
            customer: None,
            not_before: None,
            due: Due::default(),
        }
    }

    #[must_use]
    pub fn param(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.instruction.params.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn about(mut self, customer: &str) -> Self {
        self.customer = Some(customer.to_owned());
        self
    }

    #[must_use]
    pub fn at(mut self, moment: Timestamp) -> Self {
        self.not_before = Some(moment);
        self
    }

    #[must_use]
    pub fn due(mut self, due: Due) -> Self {
        self.due = due;
        self
    }

    /// The envelope of this follow-up of a task of `from`: it inherits language, day, dry run, trace and who asked,
    /// and the deadline as [`Due`] says.
    #[must_use]
    pub fn task(&self, parent: &Task, from: &AgentName) -> Task {
        let id = crate::id::TaskId::derived(parent.task_id.as_str(), &format!("{}/{}", self.agent, self.key));
        let mut task = Task::new(id, self.agent.as_str(), "");
        task.instruction = self.instruction.clone();
        task.context.customer.clone_from(&self.customer);
        task.requested_by = Some(format!("task {}", parent.task_id));
        task.locale = parent.locale;
        task.as_of = parent.as_of;
        task.dry_run = parent.dry_run;
        task.traceparent.clone_from(&parent.traceparent);
        task.deadline = match self.due {
            Due::Inherited => parent
                .deadline
                .filter(|deadline| self.not_before.is_none_or(|moment| moment < *deadline)),
            Due::Never => None,
            Due::At(moment) => Some(moment),
        };
        task.origin = Some(parent.requester().to_owned());
        task.chain.clone_from(&parent.chain);
        task.chain.push(from.clone());
        task
    }

    /// The agents from the first task to this one, if it closes a circle: `a → b → a`.
    #[must_use]
    pub fn circle(&self, parent: &Task, from: &AgentName) -> Option<String> {
        let mut chain: Vec<&str> = parent
            .chain
            .iter()
            .chain([from])
            .chain([&self.agent])
            .map(AgentName::as_str)
            .collect();
        // An agent may ask itself, as with a timer: that is a step, not a circle.
        chain.dedup();
        let last = chain.last()?;
        let earlier = chain.iter().filter(|agent| *agent == last).count() > 1;
        earlier.then(|| chain.join(" → "))
    }
}
