//! The whole health check, joined from its pages: rows in order of urgency, counts, suggested contacts, and a summary.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kunder_agent_core::agent::Work;
use kunder_agent_core::decision::Decision;
use kunder_agent_core::event::EventDraft;
use kunder_agent_core::outcome::{Action, Nps, Report, Status};
use kunder_domain::change::Change;
use kunder_domain::fact::CustomerId;
use kunder_domain::metrics::day;
use kunder_domain::portfolio::Undelivered;
use serde_json::json;

use super::rows::{self, AT_RISK, AlertsBlock, HealthPage, HealthRow};
use super::strategy::{Expansion, Movement, Retention};
use super::{CustomerHealth, words};
use crate::evidence::decided;
use crate::paging::Pages;
use crate::rehearsal::is_rehearsal;
use crate::undelivered::{self, Missed};

/// The alerts that Sälj's Pipeline agent is sent (S0-31).
const MISSED: Missed<'static> = Missed {
    process: "salj",
    agent: "pipeline-agent",
    sv: ["larm", "larm"],
    en: ["alert", "alerts"],
};

impl CustomerHealth {
    pub(super) fn join_health(
        &self,
        work: &Work,
        as_of: Timestamp,
        missed: &[Undelivered],
    ) -> Decision<Change> {
        let locale = work.task.locale();
        let pages: Pages<HealthPage> = Pages::read(work, "healthPage");
        let mut rows: Vec<HealthRow> = pages
            .found
            .iter()
            .flat_map(|page| page.rows.iter().cloned())
            .collect();
        rows::order(&mut rows);
        let today = day(as_of, &self.zone);
        let counts = rows::counts(&rows);
        let bands = &self.models.bands();
        let mut report = Report::new(Status::Complete, words::summary(&rows, bands, today, locale));
        report.text = Some(words::report(&rows, bands, &report.summary, locale));
        report.customers = counts;
        report.actions = rows
            .iter()
            .filter(|row| row.severity >= AT_RISK)
            .map(action)
            .collect();
        report.recommendations = words::recommendations(&rows, today, locale);
        let damped: Vec<&CustomerId> = pages.found.iter().flat_map(|page| &page.damped).collect();
        for model in self.models.deciding() {
            let rule = self.models.definition(model).body.alerts;
            let judged = rows.iter().filter(|row| *row.model == *model.id);
            let held = judged.filter(|row| damped.contains(&&row.customer_id));
            report
                .recommendations
                .extend(words::damped(&held.collect::<Vec<_>>(), rule, locale));
        }
        if !rows.is_empty() {
            let fed: BTreeSet<&str> = pages
                .found
                .iter()
                .flat_map(|page| &page.fed)
                .map(String::as_str)
                .collect();
            for model in self.models.deciding() {
                let unfed: Vec<&str> = model
                    .metrics()
                    .into_iter()
                    .filter(|metric| !fed.contains(metric))
                    .collect();
                report
                    .recommendations
                    .extend(words::unfed(&model.id, &unfed, locale));
            }
        }
        let mut alerts = AlertsBlock::default();
        pages.found.iter().for_each(|page| alerts.add(&page.alerts));
        report.recommendations.extend(words::alerts(&alerts, locale));
        report.nps = Nps::of(pages.found.iter().flat_map(|page| page.answers.iter().copied()));
        report.definitions = self.models.decided();
        report.definitions.push(decided(&self.definitions.process));
        report.definitions.push(decided(&self.definitions.alerts));
        pages.account(&mut report);
        let rehearsal = is_rehearsal(work, &self.zone);
        let missed = undelivered::blocker(missed, &MISSED, work.now, &self.zone, locale);
        if let Some(blocker) = missed.filter(|_| !rehearsal) {
            report.block(blocker);
        }
        let nps = report.nps;
        report.set("health", &rows);
        report.set("alerts", &alerts);
        let mut decision = Decision::done(report);
        let is_whole = work.task.customer().is_none_or(|text| text.trim().is_empty());
        if !rehearsal && is_whole && !pages.found.is_empty() {
            let mut movement = Movement::default();
            pages.found.iter().for_each(|page| movement.add(&page.movement));
            let alerted: Vec<_> = pages.found.iter().flat_map(|page| &page.alerted).collect();
            let recovered: Vec<_> = pages.found.iter().flat_map(|page| &page.recovered).collect();
            // To Huvudstrategi (S0-28).
            decision.events.push(EventDraft::general(
                "health-summary",
                json!({
                    "asOf": today,
                    "customers": counts,
                    "alerted": alerted,
                    "recovered": recovered,
                    "damped": damped,
                    "retention": Retention::of(&movement),
                    "expansion": Expansion::of(&movement),
                    "nps": nps,
                }),
            ));
        }
        decision
    }
}

fn action(row: &HealthRow) -> Action {
    let action = match &row.contact {
        Some(contact) => format!("{} ({})", row.suggestion, contact.name),
        None => row.suggestion.clone(),
    };
    Action {
        customer: row.customer.clone(),
        action,
        outcome: "pending".to_owned(),
        reason: Some(row.reasons.join("; ")),
    }
}
