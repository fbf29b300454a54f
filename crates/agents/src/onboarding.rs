//! The agent that takes a won deal to a complete customer and on through the four steps (S0-06 to S0-12, S0-16, S0-20 to S0-25, S0-32).

mod answers;
mod block;
mod case;
mod intake;
mod journey;
mod reach;
mod steps;
#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::tz::TimeZone;
use kunder_agent_core::agent::{Agent, GatherError, Work};
use kunder_agent_core::decision::Decision;
use kunder_agent_core::id::AgentName;
use kunder_agent_core::outcome::Report;
use kunder_agent_core::task::Task;
use kunder_domain::change::Change;
use kunder_domain::customer::Customer;
use kunder_domain::definitions::Definitions;
use kunder_domain::fact::CustomerId;

pub use block::{
    CoordinationAsked, DeliveryClock, MissingItem, OnboardingBlock, OnboardingGroup, OnboardingItem,
};

use crate::Reader;
use crate::params::Params;
use crate::stated_nps;
use case::Case;

/// What the agent takes; the first is its main command.
const COMMANDS: &[&str] = &[
    "onboard",
    "deal-won",
    "handover",
    "delivery",
    "service-completed",
    "coordination-answer",
    "stage",
];

/// Opens one onboarding per won deal, holds its checklist, and lets customers enter only the steps that are legal.
pub struct Onboarding {
    definitions: Arc<Definitions>,
    zone: TimeZone,
}

/// Whom a task is about.
pub enum OnboardingFacts {
    Known(Box<Customer>),
    /// A customer that nothing is known of yet.
    New(CustomerId),
    /// Nobody: this is the answer.
    Answer(Box<Report>),
}

impl Onboarding {
    #[must_use]
    pub fn new(definitions: Arc<Definitions>) -> Self {
        // Loading the definitions checked the zone.
        let zone = TimeZone::get(&definitions.organisation.body.time_zone).unwrap_or(TimeZone::UTC);
        Self { definitions, zone }
    }
}

#[async_trait]
impl Agent<Reader, Change> for Onboarding {
    type Facts = OnboardingFacts;

    fn name(&self) -> AgentName {
        AgentName::new("onboarding")
    }

    fn description(&self) -> &'static str {
        "Takes a won deal to a complete customer: checklist, coordination with Tjänster, and the four steps of the core process."
    }

    fn commands(&self) -> &'static [&'static str] {
        COMMANDS
    }

    async fn lane(&self, task: &Task, reader: &Reader) -> Option<String> {
        reach::lane(task, reader).await
    }

    async fn gather(&self, work: &Work, reader: &Reader) -> Result<OnboardingFacts, GatherError> {
        reach::reach(work, &self.zone, reader).await
    }

    fn decide(&self, work: &Work, facts: &OnboardingFacts) -> Decision<Change> {
        let customer = match facts {
            OnboardingFacts::Known(customer) => (**customer).clone(),
            OnboardingFacts::New(id) => Customer::new(id.clone(), 0),
            OnboardingFacts::Answer(report) => return Decision::done((**report).clone()),
        };
        let params = Params::new(&work.task.instruction.params, work.task.locale());
        let open = |cause: String, source: &str| {
            Case::new(
                work,
                &self.definitions,
                &self.zone,
                customer.clone(),
                cause,
                source,
            )
        };
        let task = format!("task/{}", work.task.task_id);
        let decided = match command(&work.task) {
            "onboard" => Ok(steps::onboard(open(task, "Onboarding"))),
            "deal-won" => steps::deal_won(&params, |cause| open(cause, "Sälj")),
            "handover" => steps::handover(open(task, "Sälj"), &params),
            "delivery" => steps::delivery(open(task, "Tjänster"), &params),
            "service-completed" => steps::service_completed(open(task, "Tjänster"), &params),
            "coordination-answer" => answers::coordination_answer(open(task, "Tjänster"), &params),
            "coordination-timeout" => answers::coordination_timeout(open(task, "Onboarding"), &params),
            "stage" => steps::stage(open(task, "Onboarding"), &params),
            other => Err(Box::new(unknown(work, other))),
        };
        let decision = decided.unwrap_or_else(|bad| Decision::done(*bad));
        stated_nps::flagged(work, decision)
    }
}

/// The command of a task; the main one where it names none.
fn command(task: &Task) -> &str {
    task.command().unwrap_or(COMMANDS[0])
}

fn unknown(work: &Work, command: &str) -> Report {
    let locale = work.task.locale();
    let (sv, en) = (
        format!("Okänt kommando: {command}."),
        format!("Unknown command: {command}."),
    );
    let mut report = Report::failed(locale.pick(&sv, &en), locale.pick(&sv, &en));
    report.recommendations.push(COMMANDS.join(", "));
    report
}
