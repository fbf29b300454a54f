//! The whole analysis, joined from its pages; and the answer to an at-risk alert: what would be lost.

use jiff::Timestamp;
use kunder_agent_core::agent::Work;
use kunder_agent_core::decision::Decision;
use kunder_agent_core::outcome::{Action, Report, Status};
use kunder_agent_core::task::Locale;
use kunder_domain::change::Change;
use kunder_domain::customer::Customer;
use kunder_domain::metrics::day;
use kunder_domain::portfolio::Undelivered;

use super::block::{PipelineBlock, PipelinePage};
use super::page::row;
use super::{Pipeline, words};
use crate::evidence::{decided, sources};
use crate::paging::Pages;
use crate::rehearsal::is_rehearsal;
use crate::undelivered::{self, Missed};

/// The news of opportunities that Sälj is sent (S0-29, S0-33).
const MISSED: Missed<'static> = Missed {
    process: "salj",
    agent: "sales-pipeline-agent",
    sv: ["besked om möjligheter", "besked om möjligheter"],
    en: ["message about opportunities", "messages about opportunities"],
};

impl Pipeline {
    pub(super) fn join(&self, work: &Work, as_of: Timestamp, missed: &[Undelivered]) -> Decision<Change> {
        let locale = work.task.locale();
        let mut pages: Pages<PipelinePage> = Pages::read(work, "pipelinePage");
        let found = std::mem::take(&mut pages.found);
        let improbable: Vec<String> = found
            .iter()
            .flat_map(|page| &page.opportunities)
            .filter(|row| row.improbable)
            .map(|row| words::improbable(row, &self.definitions.pipeline.body, locale))
            .collect();
        let block = PipelineBlock::of(
            found,
            day(as_of, &self.zone),
            &self.definitions.organisation.body.currency,
        );
        let mut report = Report::new(Status::Complete, words::summary(&block, locale));
        report.text = Some(words::report(
            &block,
            &self.definitions.pipeline.body,
            &report.summary,
            locale,
        ));
        report.actions = actions(&block, locale);
        report.recommendations = words::recommendations(&block, locale);
        report.recommendations.extend(improbable);
        report.definitions = vec![
            decided(&self.definitions.pipeline),
            decided(&self.definitions.organisation),
        ];
        pages.account(&mut report);
        let missed = undelivered::blocker(missed, &MISSED, work.now, &self.zone, locale);
        if let Some(blocker) = missed.filter(|_| !is_rehearsal(work, &self.zone)) {
            report.block(blocker);
        }
        report.set("pipeline", &block);
        Decision::done(report)
    }

    /// Answers Customer-Health's alert: what recurs and what is coming from this customer (S0-31, S2-69, S2-70).
    pub(super) fn alerted(&self, work: &Work, as_of: Timestamp, customer: &Customer) -> Decision<Change> {
        let locale = work.task.locale();
        let flow = self.flow(customer, as_of);
        let mut row = row(customer, &flow);
        row.at_risk = flow.value_at_risk().moneys();
        let opportunities: Vec<_> = flow
            .open
            .iter()
            .map(|open| self.opportunity(customer, open))
            .collect();
        let command = work.task.command().unwrap_or(super::AT_RISK);
        let text = words::alerted(command, &row, locale);
        let mut report = Report::new(Status::Complete, text.clone());
        report.recommendations = match command {
            super::EXPANSION => Vec::new(),
            _ => words::rescue(&opportunities, locale),
        };
        let page = PipelinePage {
            customers: vec![row],
            opportunities,
        };
        let home = &self.definitions.organisation.body.currency;
        let block = PipelineBlock::of(vec![page], day(as_of, &self.zone), home);
        let reasons = work
            .task
            .instruction
            .params
            .get("reasons")
            .and_then(serde_json::Value::as_array);
        let reasons = reasons
            .into_iter()
            .flatten()
            .filter_map(serde_json::Value::as_str);
        report.actions.push(Action {
            customer: customer.name().to_owned(),
            action: words::raise(command, locale).to_owned(),
            outcome: "pending".to_owned(),
            reason: Some(reasons.collect::<Vec<_>>().join("; ")).filter(|reasons| !reasons.is_empty()),
        });
        report.text = Some(text);
        report.sources = sources([customer]);
        report.definitions = vec![decided(&self.definitions.pipeline)];
        report.set("pipeline", &block);
        Decision::done(report)
    }
}

/// Hot ones first, for they can be won; then what falls; then what stands still.
fn actions(block: &PipelineBlock, locale: Locale) -> Vec<Action> {
    let action = |customer: &str, action: String, reason: String| Action {
        customer: customer.to_owned(),
        action,
        outcome: "pending".to_owned(),
        reason: Some(reason),
    };
    let hot = block.hot.iter().map(|row| {
        let what = locale.pick("Involvera sälj", "Involve Sales");
        action(
            &row.customer,
            format!("{what}: {}", row.title),
            words::chance(row, locale),
        )
    });
    let falling = block.falling.iter().map(|row| {
        let what = locale.pick(
            "Churnvarning: hör med kunden varför det återkommande minskar",
            "Churn warning: ask why recurring revenue is falling",
        );
        action(&row.customer, what.to_owned(), words::fall(row, locale))
    });
    let stale = block.stale.iter().map(|row| {
        let what = locale.pick("Ta upp igen eller stäng", "Revive or close");
        action(
            &row.customer,
            format!("{what}: {}", row.title),
            words::idle(row, locale),
        )
    });
    hot.chain(falling).chain(stale).collect()
}
