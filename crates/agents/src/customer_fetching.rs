//! The agent that knows everything about one customer: a page before a meeting, and success stories that name nobody
//! (S0-14, S0-18, S0-27, S0-34).

mod agenda;
mod brief;
mod flags;
mod markdown;
mod money;
mod overview;
mod sheet;
mod story;
#[cfg(test)]
mod tests;
mod themes;
mod voices;

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
use kunder_domain::health::HealthRecord;
use kunder_domain::metrics::day;

pub use brief::{BriefBlock, BriefLine, BriefSection};
pub use story::{StoryBlock, StoryText};

use crate::asked::{self, Asked, asked, moment, unavailable};
use crate::health_models::HealthModels;
use crate::present::{catch_up, earlier_health};
use crate::{Reader, rehearsal};

/// What the agent takes; the first is its main command.
const COMMANDS: &[&str] = &["brief", "story"];

/// Fetches all that is known of a customer.
pub struct CustomerFetching {
    definitions: Arc<Definitions>,
    models: HealthModels,
    zone: TimeZone,
}

/// Whom a task is about.
pub enum FetchingFacts {
    /// With what was recorded of its health last.
    Customer(Box<Customer>, Option<Box<HealthRecord>>),
    /// Nobody: this is the answer.
    Answer(Box<Report>),
}

impl CustomerFetching {
    /// # Panics
    /// On definitions that were not checked when they were loaded.
    #[must_use]
    pub fn new(definitions: Arc<Definitions>) -> Self {
        let models = HealthModels::new(Arc::clone(&definitions));
        let zone = TimeZone::get(&definitions.organisation.body.time_zone).unwrap_or(TimeZone::UTC);
        Self {
            definitions,
            models,
            zone,
        }
    }
}

#[async_trait]
impl Agent<Reader, Change> for CustomerFetching {
    type Facts = FetchingFacts;

    fn name(&self) -> AgentName {
        AgentName::new("customer-fetching")
    }

    fn description(&self) -> &'static str {
        "Fetches everything known of a customer onto one page before a meeting, each line with its source and date."
    }

    fn commands(&self) -> &'static [&'static str] {
        COMMANDS
    }

    async fn lane(&self, task: &Task, reader: &Reader) -> Option<String> {
        asked::lane(task, reader).await
    }

    async fn gather(&self, work: &Work, reader: &Reader) -> Result<FetchingFacts, GatherError> {
        let view = reader.view(moment(work, &self.zone)).await.map_err(unavailable)?;
        Ok(match asked(work, view, reader).await? {
            Asked::Customer(mut customer) => {
                if work.task.as_of.is_none() {
                    catch_up(&mut customer, view.as_of, reader).await?;
                }
                let today = day(view.as_of, &self.zone);
                let last = earlier_health(&customer.id, today, reader)
                    .await?
                    .pop()
                    .map(Box::new);
                FetchingFacts::Customer(customer, last)
            }
            Asked::Answer(report) => FetchingFacts::Answer(report),
        })
    }

    fn decide(&self, work: &Work, facts: &FetchingFacts) -> Decision<Change> {
        let (customer, last) = match facts {
            FetchingFacts::Customer(customer, last) => (customer, last.as_deref()),
            FetchingFacts::Answer(report) => return Decision::done((**report).clone()),
        };
        let decision = match work.task.command().unwrap_or(COMMANDS[0]) {
            "brief" => brief::brief(self, work, customer, last),
            "story" => story::story(self, work, customer),
            other => Decision::done(unknown(work, other)),
        };
        rehearsal::committable(work, &self.zone, decision)
    }
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
