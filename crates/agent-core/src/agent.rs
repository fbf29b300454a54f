//! The agent: `gather` reads facts and may wait, `decide` is a pure function and may not.

use std::any::Any;

use async_trait::async_trait;
use jiff::Timestamp;
use thiserror::Error;

use crate::decision::Decision;
use crate::id::AgentName;
use crate::outcome::Outcome;
use crate::task::Task;

/// A task at work: the envelope and what the runtime knows about it.
#[derive(Clone, Debug)]
pub struct Work {
    pub task: Task,
    /// The task's now: frozen when it was accepted, so that every try decides alike.
    pub now: Timestamp,
    /// 1 for the first try.
    pub attempt: u32,
    /// `None` the first time; the children's outcomes, in the order they were asked for, once a wait is over.
    pub joined: Option<Vec<Outcome>>,
}

/// Why facts could not be gathered.
#[derive(Debug, Error)]
pub enum GatherError {
    /// The store cannot be read now: the task is tried again.
    #[error("cannot read the store: {0}")]
    Unavailable(String),
    /// The task asks for something that cannot be gathered: it fails with this reason.
    #[error("{0}")]
    Refused(String),
}

/// An agent over the reading side `P` of a store and its changes `C`.
#[async_trait]
pub trait Agent<P: Send + Sync, C>: Send + Sync + 'static {
    /// What `gather` hands to `decide`.
    type Facts: Send + 'static;

    /// The token of this agent, `customer-health`.
    fn name(&self) -> AgentName;

    /// One sentence for discovery.
    fn description(&self) -> &'static str;

    /// The commands others may send; the first one is its main one, taken when a task names none.
    /// What an agent asks only itself, such as its pages and timers, is not among them.
    fn commands(&self) -> &'static [&'static str];

    /// The customer whose lane the task runs in; `None` for tasks over many. Called before the task is accepted.
    async fn lane(&self, task: &Task, portfolio: &P) -> Option<String>;

    /// Reads what `decide` needs, from one consistent snapshot.
    ///
    /// # Errors
    /// When the store cannot be read, or the task asks for what cannot be.
    async fn gather(&self, work: &Work, portfolio: &P) -> Result<Self::Facts, GatherError>;

    /// Decides. No IO, no clock but `work.now`, no randomness, no hash order.
    fn decide(&self, work: &Work, facts: &Self::Facts) -> Decision<C>;
}

/// An agent whose facts' type is hidden, so that agents of all kinds stand in one list.
#[async_trait]
pub trait AnyAgent<P: Send + Sync, C>: Send + Sync + 'static {
    fn name(&self) -> AgentName;
    fn description(&self) -> &'static str;
    fn commands(&self) -> &'static [&'static str];
    async fn lane(&self, task: &Task, portfolio: &P) -> Option<String>;
    async fn gather(&self, work: &Work, portfolio: &P) -> Result<Box<dyn Any + Send>, GatherError>;
    fn decide(&self, work: &Work, facts: &(dyn Any + Send)) -> Decision<C>;
}

#[async_trait]
impl<P: Send + Sync + 'static, C: 'static, A: Agent<P, C>> AnyAgent<P, C> for A {
    fn name(&self) -> AgentName {
        Agent::name(self)
    }

    fn description(&self) -> &'static str {
        Agent::description(self)
    }

    fn commands(&self) -> &'static [&'static str] {
        Agent::commands(self)
    }

    async fn lane(&self, task: &Task, portfolio: &P) -> Option<String> {
        Agent::lane(self, task, portfolio).await
    }

    async fn gather(&self, work: &Work, portfolio: &P) -> Result<Box<dyn Any + Send>, GatherError> {
        let facts = Agent::gather(self, work, portfolio).await?;
        Ok(Box::new(facts))
    }

    fn decide(&self, work: &Work, facts: &(dyn Any + Send)) -> Decision<C> {
        let facts = facts
            .downcast_ref::<A::Facts>()
            .expect("facts come from the same agent's gather");
        Agent::decide(self, work, facts)
    }
}
