//! At-risk alerts (S0-31): opened once when a customer comes to be at risk, closed when it has recovered.

use jiff::{SignedDuration, Timestamp};
use kunder_agent_core::agent::Work;
use kunder_agent_core::decision::{Decision, Due, Expect, FollowUp, RequestDraft};
use kunder_agent_core::event::EventDraft;
use kunder_agent_core::id::Address;
use kunder_agent_core::task::Instruction;
use kunder_domain::alerts::{AlertChange, AlertChangeKind, is_flapping, reason};
use kunder_domain::change::Change;
use kunder_domain::customer::Customer;
use kunder_domain::definitions::AlertRule;
use kunder_domain::fact::{Fact, FactBody};
use serde_json::json;

use super::rows::{AT_RISK, AlertLine, HealthRow};
use super::{CustomerHealth, NAME, words};

/// The reason of an at-risk alert among a customer's alerts, and the kind of its event.
pub const AT_RISK_ALERT: &str = "at-risk";

/// Events of the other alerts.
const ALERT_OPENED: &str = "alert-opened";
const ALERT_CLOSED: &str = "alert-closed";

/// What has to become of a customer's alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crossing {
    Opened,
    Recovered,
    /// To be opened, but it was opened too often of late: held back until it was not.
    Damped,
}

impl Crossing {
    /// By the customer's own alert facts: an open alert is never opened again until the customer has recovered.
    /// One that was changed after `at` was changed by a task that knew more: it stays as it is.
    /// One that was opened as often as the rule allows is held back.
    pub(super) fn of(customer: &Customer, severity: u8, at: Timestamp, rule: AlertRule) -> Option<Self> {
        let changed = customer.alerts.get(AT_RISK_ALERT).map(|alert| alert.observed);
        if changed.is_some_and(|changed| changed > at) {
            return None;
        }
        match (severity >= AT_RISK, customer.alert_open(AT_RISK_ALERT)) {
            (true, false) if is_flapping(customer, AT_RISK_ALERT, at, rule) => Some(Self::Damped),
            (true, false) => Some(Self::Opened),
            (false, true) => Some(Self::Recovered),
            (true, true) | (false, false) => None,
        }
    }
}

impl CustomerHealth {
    /// Opens or closes the alert of a customer, and tells whoever is concerned.
    /// `row` says how the customer is, `now` is the moment it is so.
    pub(super) fn change_alert(
        &self,
        decision: &mut Decision<Change>,
        work: &Work,
        crossing: Crossing,
        customer: &Customer,
        row: &HealthRow,
        now: Timestamp,
    ) {
        if crossing == Crossing::Damped {
            return;
        }
        let id = customer.id.as_str();
        let is_open = crossing == Crossing::Opened;
        decision.expects.push(Expect {
            entity: id.to_owned(),
            version: customer.version,
        });
        decision.change(Fact {
            id: format!("{}/alert/{id}", work.task.task_id),
            customer: customer.id.clone(),
            observed: now,
            source: NAME.to_owned(),
            actor: format!("kunder/{NAME}"),
            body: FactBody::Alert {
                reason: AT_RISK_ALERT.to_owned(),
                open: is_open,
                severity: row.severity,
                level: None,
            },
        });
        let data = json!({
            "customerId": row.customer_id,
            "customer": row.customer,
            "severity": row.severity,
            "band": row.band,
            "reasons": row.reasons,
            "valueAtRisk": row.value_at_risk,
        });
        match crossing {
            Crossing::Damped => {}
            Crossing::Recovered => decision.events.push(EventDraft::about("recovered", id, data)),
            Crossing::Opened => {
                decision
                    .events
                    .push(EventDraft::about(AT_RISK_ALERT, id, data.clone()));
                decision.follow_ups.push(self.own_alert(row));
                decision.requests.push(self.sales_alert(work, row, data, now));
            }
        }
    }

    /// Opens or closes another alert of a customer, and tells whoever is concerned; the line of it, unless it is held back.
    /// The decision has to expect the customer's version.
    pub(super) fn apply(
        &self,
        decision: &mut Decision<Change>,
        work: &Work,
        change: &AlertChange,
        customer: &Customer,
        row: &HealthRow,
        now: Timestamp,
    ) -> Option<AlertLine> {
        let id = customer.id.as_str();
        let (is_open, event) = match change.kind {
            AlertChangeKind::Open => (true, ALERT_OPENED),
            AlertChangeKind::Close => (false, ALERT_CLOSED),
            AlertChangeKind::Damped => return None,
        };
        decision.change(Fact {
            id: format!("{}/alert/{}/{id}", work.task.task_id, change.reason),
            customer: customer.id.clone(),
            observed: now,
            source: NAME.to_owned(),
            actor: format!("kunder/{NAME}"),
            body: FactBody::Alert {
                reason: change.reason.to_owned(),
                open: is_open,
                severity: change.severity,
                level: change.level,
            },
        });
        let because = json!({ "sv": change.because.sv, "en": change.because.en });
        let data = json!({
            "customerId": row.customer_id,
            "customer": row.customer,
            "reason": change.reason,
            "severity": change.severity,
            "band": row.band,
            "score": row.score,
            "because": because,
        });
        decision.events.push(EventDraft::about(event, id, data));
        let because = work
            .task
            .locale()
            .pick(&change.because.sv, &change.because.en)
            .to_owned();
        // What concerns money is Pipeline's (S2-69, S2-70).
        if is_open && [reason::RENEWAL_RISK, reason::EXPANSION].contains(&change.reason) {
            decision.follow_ups.push(
                FollowUp::new(format!("{}/{id}", change.reason), "pipeline", change.reason)
                    .param("customerId", id)
                    .param("name", row.customer.as_str())
                    .param("severity", change.severity)
                    .param("reasons", vec![because.clone()])
                    .param("valueAtRisk", json!(row.value_at_risk))
                    .about(id)
                    .due(Due::Never),
            );
        }
        Some(AlertLine {
            customer: row.customer.clone(),
            customer_id: customer.id.clone(),
            reason: change.reason.to_owned(),
            severity: change.severity,
            because,
        })
    }

    /// The alert to our own Pipeline agent.
    fn own_alert(&self, row: &HealthRow) -> FollowUp {
        FollowUp::new(
            format!("{AT_RISK_ALERT}/{}", row.customer_id),
            "pipeline",
            "at-risk-alert",
        )
        .param("customerId", row.customer_id.as_str())
        .param("name", row.customer.as_str())
        .param("severity", row.severity)
        .param("reasons", row.reasons.clone())
        .param("valueAtRisk", json!(row.value_at_risk))
        .about(row.customer_id.as_str())
        .due(Due::Never)
    }

    /// The alert to Sälj's Pipeline agent, which is another one than ours (S0-35).
    fn sales_alert(
        &self,
        work: &Work,
        row: &HealthRow,
        data: serde_json::Value,
        now: Timestamp,
    ) -> RequestDraft {
        let instruction = Instruction {
            command: Some("at-risk-alert".to_owned()),
            text: Some(words::alert(row, work.task.locale())),
            params: data.as_object().cloned().unwrap_or_default(),
        };
        let patience = SignedDuration::from_secs(self.definitions.process.body.coordination_timeout_s);
        RequestDraft {
            to: Address::parse("salj/pipeline-agent", "kunder"),
            key: format!("{AT_RISK_ALERT}/{}", row.customer_id),
            instruction,
            customer: Some(row.customer_id.as_str().to_owned()),
            context: json!({ "health": data }),
            deadline: now.checked_add(patience).ok(),
        }
    }
}
