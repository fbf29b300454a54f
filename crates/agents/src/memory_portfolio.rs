//! A portfolio in memory over a list of facts, and a driver that takes a task through gather, decide, pages and join: for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use kunder_agent_core::agent::{Agent, GatherError, Work};
use kunder_agent_core::decision::{Decision, Resolution};
use kunder_agent_core::outcome::{OUTCOME_PROTOCOL, Outcome, Report};
use kunder_agent_core::task::Task;
use kunder_domain::change::Change;
use kunder_domain::customer::Customer;
use kunder_domain::fact::{CustomerId, Fact, FactBody, field};
use kunder_domain::health::HealthRecord;
use kunder_domain::names::NameIndex;
use kunder_domain::portfolio::{Portfolio, PortfolioError, Span, Undelivered, View};
use kunder_domain::signals::{Known, LastRecord};

use crate::Reader;

/// Facts in the order they were stored; a fact's number is its place, from 1.
#[derive(Default)]
pub struct MemoryPortfolio {
    facts: Mutex<Vec<Fact>>,
    health: Mutex<BTreeMap<(Date, CustomerId), HealthRecord>>,
    signals: Mutex<BTreeMap<CustomerId, Vec<u8>>>,
    undelivered: Mutex<Vec<Undelivered>>,
}

impl MemoryPortfolio {
    pub fn new(facts: impl IntoIterator<Item = Fact>) -> Arc<Self> {
        let portfolio = Arc::new(Self::default());
        portfolio.store(facts);
        portfolio
    }

    /// Stores facts as the real store does: one whose id is known changes nothing.
    pub fn store(&self, facts: impl IntoIterator<Item = Fact>) {
        let mut stored = self.facts.lock().unwrap();
        for fact in facts {
            if stored.iter().all(|known| known.id != fact.id) {
                stored.push(fact);
            }
        }
    }

    /// Commits what a decision changes.
    pub fn commit(&self, decision: &Decision<Change>) {
        for change in &decision.changes {
            match change {
                Change::Fact(fact) => self.store([fact.clone()]),
                Change::SameHealth(same) => {
                    let again = self.health();
                    let again = again.iter().filter_map(|record| same.again(record));
                    let mut health = self.health.lock().unwrap();
                    health.extend(again.map(|record| ((record.day, record.customer.clone()), record)));
                }
                Change::Signals(new) => {
                    let mut signals = self.signals.lock().unwrap();
                    signals.extend(new.iter().map(|one| (one.customer.clone(), one.body.clone())));
                }
                Change::Health(records) => {
                    let mut health = self.health.lock().unwrap();
                    for record in records {
                        let key = (record.day, record.customer.clone());
                        if health.get(&key).is_none_or(|known| record.replaces(known)) {
                            health.insert(key, record.clone());
                        }
                    }
                }
            }
        }
    }

    pub fn forget_signals(&self) {
        self.signals.lock().unwrap().clear();
    }

    pub fn health(&self) -> Vec<HealthRecord> {
        self.health.lock().unwrap().values().cloned().collect()
    }

    pub fn facts(&self) -> Vec<Fact> {
        self.facts.lock().unwrap().clone()
    }

    /// Says that a request could not be delivered.
    pub fn fail_delivery(&self, undelivered: Undelivered) {
        self.undelivered.lock().unwrap().push(undelivered);
    }

    fn visible(&self, view: View) -> BTreeMap<CustomerId, Vec<Fact>> {
        let mut visible: BTreeMap<CustomerId, Vec<Fact>> = BTreeMap::new();
        let last = usize::try_from(view.last_fact).unwrap();
        for fact in self
            .facts()
            .into_iter()
            .take(last)
            .filter(|fact| fact.observed <= view.as_of)
        {
            visible.entry(fact.customer.clone()).or_default().push(fact);
        }
        visible
    }
}

fn fold(id: CustomerId, facts: Vec<Fact>) -> Customer {
    let version = facts.len() as u64;
    Customer::fold(id, version, facts)
}

#[async_trait]
impl Portfolio for MemoryPortfolio {
    async fn view(&self, as_of: Timestamp) -> Result<View, PortfolioError> {
        Ok(View {
            as_of,
            last_fact: self.facts().len() as u64,
        })
    }

    async fn spans(&self, view: View, size: usize) -> Result<Vec<Span>, PortfolioError> {
        let ids: Vec<CustomerId> = self.visible(view).into_keys().collect();
        let mut after = None;
        let mut spans = Vec::new();
        for chunk in ids.chunks(size) {
            let upto = chunk.last().cloned();
            spans.push(Span {
                after,
                upto: upto.clone(),
            });
            after = upto;
        }
        Ok(spans)
    }

    async fn read(&self, view: View, span: &Span) -> Result<Vec<Customer>, PortfolioError> {
        Ok(self
            .visible(view)
            .into_iter()
            .filter(|(id, _)| span.holds(id))
            .map(|(id, facts)| fold(id, facts))
            .collect())
    }

    async fn customer(&self, view: View, id: &CustomerId) -> Result<Option<Customer>, PortfolioError> {
        Ok(self.visible(view).remove(id).map(|facts| fold(id.clone(), facts)))
    }

    async fn touched(&self, view: View, after: u64, limit: usize) -> Result<Vec<CustomerId>, PortfolioError> {
        let known = usize::try_from(after).unwrap();
        let new = self
            .facts()
            .into_iter()
            .take(usize::try_from(view.last_fact).unwrap())
            .skip(known);
        let news = new.filter(|fact| fact.observed <= view.as_of && fact.body.is_news());
        let touched: BTreeSet<CustomerId> = news.map(|fact| fact.customer).collect();
        Ok(touched.into_iter().take(limit).collect())
    }

    async fn signals(&self, view: View, span: &Span, day: Date) -> Result<Vec<Known>, PortfolioError> {
        let everything = View {
            as_of: Timestamp::MAX,
            last_fact: u64::MAX >> 1,
        };
        let seen: BTreeSet<CustomerId> = self.visible(view).into_keys().collect();
        let all = self.visible(everything).into_iter();
        let (signals, health) = (self.signals.lock().unwrap().clone(), self.health());
        let known = all
            .filter(|(id, _)| seen.contains(id) && span.holds(id))
            .map(|(id, facts)| Known {
                version: facts.len() as u64,
                last_observed: facts.iter().map(|fact| fact.observed).max().unwrap(),
                signals: signals.get(&id).cloned(),
                last: health
                    .iter()
                    .find(|record| record.day == day && record.customer == id)
                    .map(|record| LastRecord {
                        hash: record.snapshot.hash.to_string(),
                        severity: record.snapshot.severity,
                    }),
                customer: id,
            });
        Ok(known.collect())
    }

    async fn health_days(&self, before: Date, limit: usize) -> Result<Vec<Date>, PortfolioError> {
        let days: BTreeSet<Date> = self.health().into_iter().map(|record| record.day).collect();
        Ok(days
            .into_iter()
            .rev()
            .filter(|day| *day < before)
            .take(limit)
            .collect())
    }

    async fn health_records(&self, day: Date, span: &Span) -> Result<Vec<HealthRecord>, PortfolioError> {
        let records = self.health().into_iter();
        Ok(records
            .filter(|record| record.day == day && span.holds(&record.customer))
            .collect())
    }

    async fn health_history(
        &self,
        customer: &CustomerId,
        from: Date,
        to: Date,
    ) -> Result<Vec<HealthRecord>, PortfolioError> {
        let records = self.health().into_iter();
        let own = records.filter(|record| record.customer == *customer && (from..=to).contains(&record.day));
        Ok(own.collect())
    }

    async fn names(&self) -> Result<Arc<NameIndex>, PortfolioError> {
        let names = self.facts().into_iter().filter_map(|fact| match fact.body {
            FactBody::Profile { field, value } if field == field::NAME => Some((fact.customer, value)),
            _ => None,
        });
        Ok(Arc::new(NameIndex::new(names)))
    }

    async fn undelivered(&self) -> Result<Vec<Undelivered>, PortfolioError> {
        Ok(self.undelivered.lock().unwrap().clone())
    }
}

/// Runs a future that never waits.
pub fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a portfolio in memory never waits"),
    }
}

/// All that a task came to: its last decision, and those of its pages before it.
pub struct Finished {
    pub pages: Vec<Decision<Change>>,
    pub decision: Decision<Change>,
}

impl Finished {
    /// What the task was answered.
    pub fn report(&self) -> &Report {
        match &self.decision.verdict {
            Resolution::Done(report) => report,
            Resolution::Wait(_) => panic!("a finished task does not wait"),
        }
    }

    /// The pages' decisions and the last one, in the order they were committed.
    pub fn decisions(&self) -> impl Iterator<Item = &Decision<Change>> {
        self.pages.iter().chain(std::iter::once(&self.decision))
    }
}

/// Decides once, without committing.
pub fn decide<A: Agent<Reader, Change>>(
    agent: &A,
    work: &Work,
    portfolio: &Arc<MemoryPortfolio>,
) -> Decision<Change> {
    let reader: Reader = Arc::clone(portfolio) as Reader;
    match ready(agent.gather(work, &reader)) {
        Ok(facts) => agent.decide(work, &facts),
        Err(GatherError::Refused(reason) | GatherError::Unavailable(reason)) => {
            Decision::done(Report::failed(reason.clone(), reason))
        }
    }
}

/// Takes a task to its outcome as the runtime does: pages are run and committed in order, then joined.
pub fn run<A: Agent<Reader, Change>>(
    agent: &A,
    task: &Task,
    now: Timestamp,
    portfolio: &Arc<MemoryPortfolio>,
) -> Finished {
    let mut work = Work {
        task: task.clone(),
        now,
        attempt: 1,
        joined: None,
    };
    let first = decide(agent, &work, portfolio);
    portfolio.commit(&first);
    let Resolution::Wait(children) = &first.verdict else {
        return Finished {
            pages: Vec::new(),
            decision: first,
        };
    };
    let mut pages = Vec::new();
    let mut outcomes = Vec::new();
    for child in children {
        let child = Work {
            task: child.task(task, &agent.name()),
            now,
            attempt: 1,
            joined: None,
        };
        let page = decide(agent, &child, portfolio);
        portfolio.commit(&page);
        let Resolution::Done(report) = &page.verdict else {
            panic!("a page does not wait")
        };
        outcomes.push(outcome(&child, (**report).clone()));
        pages.push(page);
    }
    work.joined = Some(outcomes);
    let decision = decide(agent, &work, portfolio);
    portfolio.commit(&decision);
    Finished { pages, decision }
}

/// The outcome that the runtime makes of a report; it travels through JSON, as in the journal.
pub fn outcome(work: &Work, report: Report) -> Outcome {
    let outcome = Outcome {
        protocol: OUTCOME_PROTOCOL.to_owned(),
        task_id: work.task.task_id.clone(),
        agent: work.task.agent.clone().unwrap_or_default(),
        started_at: work.now,
        finished_at: work.now,
        report,
        criteria: Vec::new(),
        warnings: Vec::new(),
        cut: Vec::new(),
    };
    let stored = serde_json::to_vec(&outcome).unwrap();
    serde_json::from_slice(&stored).unwrap()
}

/// Everything but the outcome that a decision does, one line each.
pub fn effects(decision: &Decision<Change>) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(
        decision
            .expects
            .iter()
            .map(|expect| format!("expects {} at {}", expect.entity, expect.version)),
    );
    for fact in decision.changes.iter().filter_map(Change::fact) {
        let Fact {
            id,
            customer,
            observed,
            source,
            body,
            ..
        } = fact;
        let body = serde_json::to_string(body).unwrap();
        lines.push(format!(
            "stores {id} of {customer} at {observed} from {source}: {body}"
        ));
    }
    for event in &decision.events {
        let about = event.subject.as_deref().unwrap_or("all");
        lines.push(format!("tells {} of {about}: {}", event.kind, event.data));
    }
    for follow_up in &decision.follow_ups {
        let params = serde_json::to_string(&follow_up.instruction.params).unwrap();
        let command = follow_up.instruction.command.as_deref().unwrap_or_default();
        lines.push(format!(
            "gives {} {command} ({}): {params}",
            follow_up.agent, follow_up.key
        ));
    }
    for request in &decision.requests {
        let command = request.instruction.command.as_deref().unwrap_or_default();
        let text = request.instruction.text.as_deref().unwrap_or_default();
        let deadline = request
            .deadline
            .map_or_else(|| "ever".to_owned(), |deadline| deadline.to_string());
        lines.push(format!(
            "asks {} {command} ({}) until {deadline}: {text}",
            request.to, request.key
        ));
    }
    lines.extend(
        decision
            .artifacts
            .iter()
            .map(|artifact| format!("writes {}", artifact.path)),
    );
    lines
}
