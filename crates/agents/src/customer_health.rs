//! The agent Customer-Health (S0-11): who needs us now, and why. It also keeps the log book: contacts, meetings and todos.

mod alerts;
mod check;
mod explain;
mod join;
mod kpi;
mod kpi_words;
mod logbook;
mod page;
mod rows;
mod strategy;
mod todos;
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
use kunder_domain::health::CompiledModel;
use kunder_domain::portfolio::{Span, Undelivered, View};

pub use alerts::AT_RISK_ALERT;
pub use explain::{Explanation, HealthBlock};
pub use kpi::{KpiBlock, KpiCadence, KpiDays, KpiDirection, KpiPart, KpiRow, KpiState, KpiTarget, KpiTrend};
pub use rows::{AT_RISK, HealthPage, HealthRow, LastContact, SuggestedContact};
pub use strategy::{Expansion, GrowthGoal, Movement, Retention, StrategyMetrics, StrategyPage};
pub use todos::TodoRow;

use crate::Reader;
use crate::asked::{Asked, asked, moment, unavailable};
use crate::paging::{self, PAGE_CUSTOMERS, Page};
use crate::present::catch_up;
use crate::stated_nps;

const NAME: &str = "customer-health";
const HEALTH_CHECK: &str = "health-check";
const HEALTH_PAGE: &str = "health-page";
const STRATEGY: &str = "strategy-metrics";
const STRATEGY_PAGE: &str = "strategy-page";
const LOG_TOUCHPOINT: &str = "log-touchpoint";
const MEETING_PROTOCOL: &str = "meeting-protocol";
const ADD_TODO: &str = "add-todo";
const FINISH_TODO: &str = "finish-todo";
const LIST_TODOS: &str = "list-todos";
const KPI: &str = "kpi";
const KPI_PAGE: &str = "kpi-page";
const EXPLAIN: &str = "explain-health";

/// Tells which customers need a contact, and why.
pub struct CustomerHealth {
    definitions: Arc<Definitions>,
    model: CompiledModel,
    zone: TimeZone,
}

/// What this agent's decisions rest on.
pub enum Facts {
    /// All customers, before they are cut into pages.
    Whole { view: View, spans: Vec<Span> },
    /// One page. `current` holds those whose alert may have to change, as they are now and not when the list was frozen.
    Page {
        page: Page,
        customers: Vec<Customer>,
        current: BTreeMap<CustomerId, Customer>,
    },
    /// One page of KPIs, and its customers as they were when they are compared with.
    Kpis {
        page: Page,
        customers: Vec<Customer>,
        before: Vec<Customer>,
    },
    /// The pages' outcomes are there.
    Joined {
        as_of: Timestamp,
        undelivered: Vec<Undelivered>,
    },
    /// One customer, now and before.
    Explained(Box<explain::Explained>),
    /// The customers that a command of the log book is about.
    Customers(Vec<Customer>),
    /// Nothing to decide: this is the answer.
    Answer(Box<Report>),
}

impl CustomerHealth {
    /// # Panics
    /// Where the definitions were not checked when they were loaded.
    #[must_use]
    pub fn new(definitions: Arc<Definitions>) -> Self {
        let model = CompiledModel::compile(&definitions.health, &definitions.metrics.body)
            .expect("models are checked when loaded");
        let zone =
            TimeZone::get(&definitions.organisation.body.time_zone).expect("the zone is checked when loaded");
        Self {
            definitions,
            model,
            zone,
        }
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
        if work.task.command() == Some(HEALTH_PAGE) && !page.is_rehearsal(&work.task) {
            let now = reader.view(page.view.as_of).await.map_err(unavailable)?;
            for customer in customers
                .iter()
                .filter(|customer| self.may_change_alert(customer, page.view.as_of))
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

    /// The customer that the task names.
    async fn one(&self, work: &Work, reader: &Reader) -> Result<Facts, GatherError> {
        let view = reader.view(moment(work, &self.zone)).await.map_err(unavailable)?;
        Ok(match asked(work, view, reader).await? {
            Asked::Customer(mut customer) => {
                catch_up(&mut customer, view.as_of, reader).await?;
                Facts::Customers(vec![*customer])
            }
            Asked::Answer(report) => Facts::Answer(report),
        })
    }

    /// The customer that the task names, or all active ones where it names none.
    async fn one_or_all(&self, work: &Work, reader: &Reader) -> Result<Facts, GatherError> {
        if work.task.customer().is_some_and(|text| !text.trim().is_empty()) {
            return self.one(work, reader).await;
        }
        let view = reader.view(moment(work, &self.zone)).await.map_err(unavailable)?;
        let mut customers = reader.read(view, &Span::default()).await.map_err(unavailable)?;
        customers.retain(Customer::is_active);
        for customer in customers
            .iter_mut()
            .filter(|customer| customer.alert_open(AT_RISK_ALERT))
        {
            catch_up(customer, view.as_of, reader).await?;
        }
        Ok(Facts::Customers(customers))
    }
}

#[async_trait]
impl Agent<Reader, Change> for CustomerHealth {
    type Facts = Facts;

    fn name(&self) -> AgentName {
        AgentName::new(NAME)
    }

    fn description(&self) -> &'static str {
        "Tells which customers need a contact now, and why; keeps contacts, meetings and todos."
    }

    fn commands(&self) -> &'static [&'static str] {
        &[
            HEALTH_CHECK,
            EXPLAIN,
            LOG_TOUCHPOINT,
            MEETING_PROTOCOL,
            ADD_TODO,
            FINISH_TODO,
            LIST_TODOS,
            STRATEGY,
            KPI,
        ]
    }

    async fn lane(&self, task: &Task, reader: &Reader) -> Option<String> {
        match task.command()? {
            LOG_TOUCHPOINT | MEETING_PROTOCOL | ADD_TODO | FINISH_TODO => {
                crate::asked::lane(task, reader).await
            }
            _ => None,
        }
    }

    async fn gather(&self, work: &Work, reader: &Reader) -> Result<Facts, GatherError> {
        match work.task.command().unwrap_or(HEALTH_CHECK) {
            EXPLAIN => self.explained(work, reader).await,
            HEALTH_CHECK | STRATEGY | KPI => self.whole(work, reader).await,
            KPI_PAGE => self.kpi_facts(work, reader).await,
            HEALTH_PAGE | STRATEGY_PAGE => self.page(work, reader).await,
            LOG_TOUCHPOINT | MEETING_PROTOCOL | ADD_TODO => self.one(work, reader).await,
            FINISH_TODO | LIST_TODOS => self.one_or_all(work, reader).await,
            other => Err(GatherError::Refused(format!(
                "customer-health has no command `{other}`"
            ))),
        }
    }

    fn decide(&self, work: &Work, facts: &Facts) -> Decision<Change> {
        let is_strategy = matches!(work.task.command(), Some(STRATEGY | STRATEGY_PAGE));
        let decision = match facts {
            Facts::Whole { view, spans } => {
                let pages = match work.task.command() {
                    Some(STRATEGY) => STRATEGY_PAGE,
                    Some(KPI) => KPI_PAGE,
                    _ => HEALTH_PAGE,
                };
                paging::split(NAME, pages, work.now, *view, spans)
            }
            Facts::Page { page, customers, .. } if is_strategy => self.strategy_page(page, customers),
            Facts::Page {
                page,
                customers,
                current,
            } => self.health_page(work, page, customers, current),
            Facts::Kpis {
                page,
                customers,
                before,
            } => self.kpi_page(page, customers, before),
            Facts::Joined { as_of, .. } if work.task.command() == Some(KPI) => self.join_kpis(work, *as_of),
            Facts::Joined { as_of, .. } if is_strategy => self.join_strategy(work, *as_of),
            Facts::Joined { as_of, undelivered } => self.join_health(work, *as_of, undelivered),
            Facts::Explained(explained) => Decision::done(self.explain(explained)),
            Facts::Customers(customers) => self.log(work, customers),
            Facts::Answer(report) => Decision::done((**report).clone()),
        };
        stated_nps::flagged(work, decision)
    }
}

#[cfg(test)]
mod tests;
