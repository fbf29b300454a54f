//! Tasks over many customers: the list, the moment and the last fact are frozen, the work is cut into pages, the pages are joined.

use jiff::Timestamp;
use kunder_agent_core::agent::{GatherError, Work};
use kunder_agent_core::decision::{Decision, FollowUp};
use kunder_agent_core::outcome::{Outcome, Report, SourceUse};
use kunder_agent_core::task::Task;
use kunder_domain::fact::CustomerId;
use kunder_domain::portfolio::{Span, View};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::evidence::merged;

/// Customers a page covers at most.
pub const PAGE_CUSTOMERS: usize = 500;

/// What a page is told: it reads as of these, whenever it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    pub view: View,
    pub now: Timestamp,
    pub span: Span,
    /// Only these customers, instead of those of the span.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<CustomerId>>,
}

impl Page {
    /// Whether only the outcome is committed: a dry run, or an answer as of the past.
    #[must_use]
    pub fn is_rehearsal(&self, task: &Task) -> bool {
        task.dry_run || self.view.as_of < self.now
    }
}

/// The decision that waits for one page per span.
#[must_use]
pub fn split<C>(agent: &str, command: &str, now: Timestamp, view: View, spans: &[Span]) -> Decision<C> {
    let pages = spans.iter().enumerate().map(|(number, span)| {
        let page = Page {
            view,
            now,
            span: span.clone(),
            only: None,
        };
        follow_up(agent, command, number, &page)
    });
    Decision::wait(pages.collect())
}

/// The decision that waits for one page of just these customers.
#[must_use]
pub fn only<C>(agent: &str, command: &str, now: Timestamp, view: View, only: &[CustomerId]) -> Decision<C> {
    let page = Page {
        view,
        now,
        span: Span::default(),
        only: Some(only.to_vec()),
    };
    Decision::wait(vec![follow_up(agent, command, 0, &page)])
}

fn follow_up(agent: &str, command: &str, number: usize, page: &Page) -> FollowUp {
    let value = serde_json::to_value(page).expect("a page is plain data and always serializes");
    FollowUp::new(format!("page-{number}"), agent, command).param("page", value)
}

/// Reads the page that a task of `agent` was told. Pages are an agent's own: nobody else may cut its work.
///
/// # Errors
/// When `agent` did not make it, and when it is missing, malformed, or of a moment that has not come.
pub fn page(work: &Work, agent: &str) -> Result<Page, GatherError> {
    // The chain is never read from an envelope.
    if work
        .task
        .chain
        .last()
        .is_none_or(|parent| parent.as_str() != agent)
    {
        let command = work.task.command().unwrap_or_default();
        return Err(GatherError::Refused(format!(
            "`{command}` is an inner step of {agent}"
        )));
    }
    let page = work.task.instruction.params.get("page").cloned();
    let page: Option<Page> = page.and_then(|page| serde_json::from_value(page).ok());
    page.filter(|page| page.now <= work.now && page.view.as_of <= page.now)
        .ok_or_else(|| GatherError::Refused("`params.page` is missing or malformed".to_owned()))
}

/// What the pages of a task came to.
pub struct Pages<P> {
    pub found: Vec<P>,
    sources: Vec<SourceUse>,
    /// What the pages that failed say.
    blockers: Vec<String>,
}

impl<P: DeserializeOwned> Pages<P> {
    /// Reads the block `name` of every page.
    #[must_use]
    pub fn read(work: &Work, name: &str) -> Self {
        let outcomes = work.joined.as_deref().unwrap_or_default();
        let mut pages = Self {
            found: Vec::new(),
            sources: Vec::new(),
            blockers: Vec::new(),
        };
        for (number, outcome) in outcomes.iter().enumerate() {
            let block = outcome.report.blocks.get(name).cloned();
            match block.and_then(|block| serde_json::from_value(block).ok()) {
                Some(page) => pages.found.push(page),
                None => pages.blockers.push(failed(work, number + 1, outcome)),
            }
            pages.sources.extend(outcome.report.sources.iter().cloned());
        }
        pages
    }

    /// Puts sources and what is missing into the report.
    pub fn account(&self, report: &mut Report) {
        report.sources = merged(self.sources.iter().cloned());
        for blocker in &self.blockers {
            report.block(blocker.clone());
        }
    }
}

fn failed(work: &Work, number: usize, outcome: &Outcome) -> String {
    let why = outcome.report.blockers.first().unwrap_or(&outcome.report.summary);
    let missing = work.task.locale().pick(
        "Kunderna på en sida saknas",
        "The customers of a page are missing",
    );
    format!("{missing} ({number}): {why}")
}
