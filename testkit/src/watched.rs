//! A real agent, watched: the witness sees when it begins.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use kunder_agent_core::agent::{Agent, AnyAgent, GatherError, Work};
use kunder_agent_core::decision::Decision;
use kunder_agent_core::id::AgentName;
use kunder_agent_core::task::Task;
use kunder_agents::Reader;
use kunder_domain::change::Change;

use crate::machine::Machine;
use crate::witness::Witness;

/// An agent under watch.
pub struct Watched {
    pub agent: Arc<dyn AnyAgent<Reader, Change>>,
    pub machine: Machine,
    pub witness: Arc<Witness>,
}

#[async_trait]
impl Agent<Reader, Change> for Watched {
    type Facts = Box<dyn Any + Send>;

    fn name(&self) -> AgentName {
        self.agent.name()
    }

    fn description(&self) -> &'static str {
        self.agent.description()
    }

    fn commands(&self) -> &'static [&'static str] {
        self.agent.commands()
    }

    async fn lane(&self, task: &Task, reader: &Reader) -> Option<String> {
        self.agent.lane(task, reader).await
    }

    async fn gather(&self, work: &Work, reader: &Reader) -> Result<Self::Facts, GatherError> {
        self.machine.note(|| format!("{} begins", work.task.task_id));
        self.witness.began(&work.task.task_id, self.machine.now());
        self.agent.gather(work, reader).await
    }

    fn decide(&self, work: &Work, facts: &Self::Facts) -> Decision<Change> {
        self.agent.decide(work, facts.as_ref())
    }
}
