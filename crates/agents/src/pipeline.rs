//! The agent Pipeline (S0-13, S0-17): invoiced, recurring, coming; what stands still, what is hot, what falls.

mod block;
mod join;
mod page;
mod told;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
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
use kunder_domain::portfolio::{Span, Undelivered, View};

pub use block::{OpportunityRow, PipelineBlock, PipelinePage, PipelineRow, Standing};

use crate::Reader;
use crate::asked::{Asked, asked, moment, unavailable};
use crate::paging::{self, PAGE_CUSTOMERS, Page};
use crate::present::catch_up;

const NAME: &str = "pipeline";
const ANALYSIS: &str = "pipeline-analysis";
const PAGE: &str = "pipeline-page";
const AT_RISK: &str = "at-risk-alert";
const RENEWAL_RISK: &str = "renewal-risk";
const EXPANSION: &str = "expansion";

/// Tells what is invoiced, recurring and coming, per customer and in all.
pub struct Pipeline {
    definitions: Arc<Definitions>,
    zone: TimeZone,
}

/// What this agent's decisions rest on.
pub enum Facts {
    /// All customers, before they are cut into pages.
    Whole { view: View, spans: Vec<Span> },
    /// One page. `current` holds those of whose opportunities something may be told, as they are now and not when the
    /// list was frozen.
    Page {
        page: Page,
        customers: Vec<Customer>,
        current: BTreeMap<CustomerId, Customer>,
    },
    /// The pages' outcomes are there.
    Joined {
        as_of: Timestamp,
        undelivered: Vec<Undelivered>,
    },
    /// The customer of an alert.
    Customer {
        as_of: Timestamp,
        customer: Box<Customer>,
    },
    /// Nothing to decide: this is the answer.
    Answer(Box<Report>),
}

impl Pipeline {
    /// # Panics
    /// Where the definitions were not checked when they were loaded.
    #[must_use]
    pub fn new(definitions: Arc<Definitions>) -> Self {
        let zone =
            TimeZone::get(&definitions.organisation.body.time_zone).expect("the zone is checked when loaded");
        Self { definitions, zone }
    }

    async fn whole(&self, work: &Work, reader: &Reader) -> Result<Facts, GatherError> {
        let as_of = moment(work, &self.zone);
        if work.joined.is_some() {
            let undelivered = reader.undelivered().await.map_err(unavailable)?;
            return Ok(Facts::Joined { as_of, undelivered });
        }
        let view = reader.view(as_of).await.map_err(unavailable)?;
        let spans = reader.spans(view, PAGE_CUSTOMERS).await.map_err(unavailable)?;
        if spans.is_empty() {
            return Ok(Facts::Joined {
                as_of,
                undelivered: Vec::new(),
            });
        }
        Ok(Facts::Whole { view, spans })
    }

    async fn page(&self, work: &Work, reader: &Reader) -> Result<Facts, GatherError> {
        let page = paging::page(work, NAME)?;
        let customers = reader.read(page.view, &page.span).await.map_err(unavailable)?;
        let mut current = BTreeMap::new();
        if !page.is_rehearsal(&work.task) {
            let now = reader.view(page.view.as_of).await.map_err(unavailable)?;
            for customer in customers
                .iter()
                .filter(|customer| !told::untold(customer, page.now).is_empty())
            {
                if let Some(mut customer) = reader.customer(now, &customer.id).await.map_err(unavailable)? {
                    catch_up(&mut customer, now.as_of, reader).await?;
                    current.insert(customer.id.clone(), customer);
                }
            }
        }
        Ok(Facts::Page {
            page,
            customers,
            current,
        })
    }

    async fn one(&self, work: &Work, reader: &Reader) -> Result<Facts, GatherError> {
        let as_of = moment(work, &self.zone);
        let view = reader.view(as_of).await.map_err(unavailable)?;
        Ok(match asked(work, view, reader).await? {
            Asked::Customer(customer) => Facts::Customer { as_of, customer },
            Asked::Answer(report) => Facts::Answer(report),
        })
    }
}

#[async_trait]
impl Agent<Reader, Change> for Pipeline {
    type Facts = Facts;

    fn name(&self) -> AgentName {
        AgentName::new(NAME)
    }

    fn description(&self) -> &'static str {
        "Tells what is invoiced, recurring and coming, per customer and in all; what stands still, is hot, or falls."
    }

    fn commands(&self) -> &'static [&'static str] {
        &[ANALYSIS, AT_RISK, RENEWAL_RISK, EXPANSION]
    }

    async fn lane(&self, task: &Task, reader: &Reader) -> Option<String> {
        match task.command()? {
            AT_RISK | RENEWAL_RISK | EXPANSION => crate::asked::lane(task, reader).await,
            _ => None,
        }
    }

    async fn gather(&self, work: &Work, reader: &Reader) -> Result<Facts, GatherError> {
        match work.task.command().unwrap_or(ANALYSIS) {
            ANALYSIS => self.whole(work, reader).await,
            PAGE => self.page(work, reader).await,
            AT_RISK | RENEWAL_RISK | EXPANSION => self.one(work, reader).await,
            other => Err(GatherError::Refused(format!("pipeline has no command `{other}`"))),
        }
    }

    fn decide(&self, work: &Work, facts: &Facts) -> Decision<Change> {
        match facts {
            Facts::Whole { view, spans } => paging::split(NAME, PAGE, work.now, *view, spans),
            Facts::Page {
                page,
                customers,
                current,
            } => self.pipeline_page(work, page, customers, current),
            Facts::Joined { as_of, undelivered } => self.join(work, *as_of, undelivered),
            Facts::Customer { as_of, customer } => self.alerted(work, *as_of, customer),
            Facts::Answer(report) => Decision::done((**report).clone()),
        }
    }
}

#[cfg(test)]
mod tests;
