//! The agent Customer-Health (S0-11): who needs us now, and why. It also keeps the log book: contacts, meetings and todos.

mod alerts;
mod check;
mod explain;
mod history;
mod join;
mod kpi;
mod kpi_words;
mod logbook;
mod overriding;
mod page;
mod reading;
mod recording;
mod rows;
mod strategy;
mod todos;
mod verify;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use kunder_agent_core::agent::{Agent, GatherError, Work};
use kunder_agent_core::decision::Decision;
use kunder_agent_core::id::AgentName;
use kunder_agent_core::outcome::Report;
use kunder_agent_core::task::Task;
use kunder_domain::alerts::AlertRules;
use kunder_domain::change::Change;
use kunder_domain::customer::Customer;
use kunder_domain::definitions::Definitions;
use kunder_domain::fact::CustomerId;
use kunder_domain::metrics::day;
use kunder_domain::portfolio::{Span, Undelivered, View};

pub use alerts::AT_RISK_ALERT;
pub use explain::{Explanation, HealthBlock};
pub use history::{HealthDay, HealthHistory, Trend};
pub use kpi::{KpiBlock, KpiCadence, KpiDays, KpiDirection, KpiPart, KpiRow, KpiState, KpiTarget, KpiTrend};
use recording::RECORD_PAGE_CUSTOMERS;
pub use recording::Recording;
pub use rows::{AT_RISK, AlertLine, AlertsBlock, HealthPage, HealthRow, LastContact, SuggestedContact};
pub use strategy::{Expansion, GrowthGoal, Movement, Retention, StrategyMetrics, StrategyPage};
pub use todos::TodoRow;
pub use verify::{Difference, Verification};

use crate::Reader;
use crate::asked::{Asked, asked, moment, unavailable};
use crate::health_models::HealthModels;
use crate::paging::{self, PAGE_CUSTOMERS, Page};
use crate::present::{catch_up, earlier_health};
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
/// Records the health of all customers, and looks at their alerts where these may have to change.
pub const RECORD: &str = "record-health";
const RECORD_PAGE: &str = "record-page";
/// A parameter of [`RECORD`]: the number of a fact; only customers with news after it are looked at.
pub const NEWS_AFTER: &str = "newsAfter";
const EXPLAIN: &str = "explain-health";
const HISTORY: &str = "health-history";
const VERIFY: &str = "verify-health";
const VERIFY_PAGE: &str = "verify-page";
const OVERRIDE: &str = "override-health";
const WITHDRAW: &str = "withdraw-override";

/// Tells which customers need a contact, and why.
pub struct CustomerHealth {
    definitions: Arc<Definitions>,
    models: HealthModels,
    alerts: AlertRules,
    zone: TimeZone,
}

/// What this agent's decisions rest on.
pub enum Facts {
    /// All customers, before they are cut into pages.
    Whole { view: View, spans: Vec<Span> },
    /// Only these, at most a page of them.
    Some { view: View, only: Vec<CustomerId> },
    /// One page. `current` holds those whose alert may have to change, as they are now and not when the list was frozen.
    Page {
        page: Page,
        customers: Vec<Customer>,
        past: reading::Past,
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
    /// All customers, whose records of a day are to be computed again.
    Verify { view: View, spans: Vec<Span>, on: Date },
    /// One page of customers to record.
    ToRecord(Box<recording::ToRecord>),
    /// Records to compute again, with what they rest on.
    Again(Box<verify::Again>),
    /// One customer with its records.
    Recorded(Box<history::Recorded>),
    /// One customer, now and before.
    Explained(Box<explain::Explained>),
    /// The customers that a command of the log book is about.
    Customers {
        customers: Vec<Customer>,
        past: reading::Past,
    },
    /// Nothing to decide: this is the answer.
    Answer(Box<Report>),
}

impl CustomerHealth {
    /// # Panics
    /// Where the definitions were not checked when they were loaded.
    #[must_use]
    pub fn new(definitions: Arc<Definitions>) -> Self {
        let models = HealthModels::new(Arc::clone(&definitions));
        let alerts = AlertRules::compile(&definitions.alerts.body, &definitions.metrics.body)
            .expect("alert rules are checked when loaded");
        let zone =
            TimeZone::get(&definitions.organisation.body.time_zone).expect("the zone is checked when loaded");
        Self {
            definitions,
            models,
            alerts,
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
        let command = work.task.command().unwrap_or(HEALTH_CHECK);
        let is_named = work.task.customer().is_some_and(|text| !text.trim().is_empty());
        if is_named && [HEALTH_CHECK, RECORD].contains(&command) {
            return Ok(match asked(work, view, reader).await? {
                Asked::Customer(customer) => Facts::Some {
                    view,
                    only: vec![customer.id],
                },
                Asked::Answer(report) => Facts::Answer(report),
            });
        }
        let news_after = work
            .task
            .instruction
            .params
            .get(NEWS_AFTER)
            .and_then(serde_json::Value::as_u64);
        if let Some(after) = news_after.filter(|_| command == RECORD)
            && let Some(only) = reading::touched(view, after, reader).await.map_err(unavailable)?
        {
            return Ok(Facts::Some { view, only });
        }
        let size = if command == RECORD {
            RECORD_PAGE_CUSTOMERS
        } else {
            PAGE_CUSTOMERS
        };
        let spans = reader.spans(view, size).await.map_err(unavailable)?;
        if spans.is_empty() {
            return Ok(Facts::Joined {
                as_of,
                undelivered: Vec::new(),
            });
        }
        Ok(Facts::Whole { view, spans })
    }

    /// The customer that the task names.
    async fn one(&self, work: &Work, reader: &Reader) -> Result<Facts, GatherError> {
        let view = reader.view(moment(work, &self.zone)).await.map_err(unavailable)?;
        Ok(match asked(work, view, reader).await? {
            Asked::Customer(mut customer) => {
                catch_up(&mut customer, view.as_of, reader).await?;
                self.with_past(vec![*customer], view.as_of, reader).await?
            }
            Asked::Answer(report) => Facts::Answer(report),
        })
    }

    /// Customers with what was recorded of each last.
    async fn with_past(
        &self,
        customers: Vec<Customer>,
        at: Timestamp,
        reader: &Reader,
    ) -> Result<Facts, GatherError> {
        let today = day(at, &self.zone);
        let mut last = BTreeMap::new();
        // Only one that is at risk can be no longer at risk by what is told.
        for customer in customers
            .iter()
            .filter(|customer| customer.alert_open(AT_RISK_ALERT) || customers.len() == 1)
        {
            let record = earlier_health(&customer.id, today, reader).await?.pop();
            last.extend(record.map(|record| (customer.id.clone(), record)));
        }
        Ok(Facts::Customers {
            customers,
            past: reading::Past::of(last),
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
        self.with_past(customers, view.as_of, reader).await
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
            HISTORY,
            RECORD,
            VERIFY,
            OVERRIDE,
            WITHDRAW,
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
            LOG_TOUCHPOINT | MEETING_PROTOCOL | ADD_TODO | FINISH_TODO | OVERRIDE | WITHDRAW => {
                crate::asked::lane(task, reader).await
            }
            _ => None,
        }
    }

    async fn gather(&self, work: &Work, reader: &Reader) -> Result<Facts, GatherError> {
        match work.task.command().unwrap_or(HEALTH_CHECK) {
            EXPLAIN => self.explained(work, reader).await,
            HEALTH_CHECK | STRATEGY | KPI | RECORD => self.whole(work, reader).await,
            KPI_PAGE => self.kpi_facts(work, reader).await,
            RECORD_PAGE => self.to_record(work, reader).await,
            HISTORY => self.recorded(work, reader).await,
            VERIFY => self.verified(work, reader).await,
            VERIFY_PAGE => self.again(work, reader).await,
            HEALTH_PAGE | STRATEGY_PAGE => self.page(work, reader).await,
            LOG_TOUCHPOINT | MEETING_PROTOCOL | ADD_TODO | OVERRIDE | WITHDRAW => {
                self.one(work, reader).await
            }
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
                    Some(RECORD) => RECORD_PAGE,
                    _ => HEALTH_PAGE,
                };
                paging::split(NAME, pages, work.now, *view, spans)
            }
            Facts::Page {
                page,
                customers,
                past,
                ..
            } if is_strategy => self.strategy_page(page, customers, past),
            Facts::Page {
                page,
                customers,
                past,
                current,
            } => self.health_page(work, page, customers, past, current),
            Facts::Some { view, only } => {
                let page = if work.task.command() == Some(RECORD) {
                    RECORD_PAGE
                } else {
                    HEALTH_PAGE
                };
                paging::only(NAME, page, work.now, *view, only)
            }
            Facts::ToRecord(read) => self.record_page(work, read),
            Facts::Joined { .. } if work.task.command() == Some(RECORD) => self.join_recording(work),
            Facts::Kpis {
                page,
                customers,
                before,
            } => self.kpi_page(page, customers, before),
            Facts::Joined { as_of, .. } if work.task.command() == Some(KPI) => self.join_kpis(work, *as_of),
            Facts::Joined { .. } if work.task.command() == Some(VERIFY) => self.join_verification(work),
            Facts::Verify { view, spans, on } => self.split_verification(work, *view, spans, *on),
            Facts::Again(again) => self.verify_page(again),
            Facts::Recorded(recorded) => Decision::done(self.history(work, recorded)),
            Facts::Joined { as_of, .. } if is_strategy => self.join_strategy(work, *as_of),
            Facts::Joined { as_of, undelivered } => self.join_health(work, *as_of, undelivered),
            Facts::Explained(explained) => Decision::done(self.explain(explained)),
            Facts::Customers { customers, past } => self.log(work, customers, past),
            Facts::Answer(report) => Decision::done((**report).clone()),
        };
        stated_nps::flagged(work, decision)
    }
}

#[cfg(test)]
mod tests;
