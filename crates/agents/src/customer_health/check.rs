//! One customer judged on one day: measures, rules, and a row that says why.

use jiff::Timestamp;
use kunder_agent_core::task::Locale;
use kunder_domain::alerts::{AlertChange, Present};
use kunder_domain::customer::Customer;
use kunder_domain::fact::{Contact, ContactRole};
use kunder_domain::health::Snapshot;
use kunder_domain::measuring::Measured;
use kunder_domain::metrics::{Metrics, day};
use kunder_domain::signals::Signals;

use super::CustomerHealth;
use super::alerts::{AT_RISK_ALERT, Crossing};
use super::reading::Past;
use super::rows::{HealthRow, LastContact, SuggestedContact};

/// A customer looked at.
pub(super) struct Look {
    pub row: HealthRow,
    /// What is kept of it.
    pub snapshot: Snapshot,
    pub crossing: Option<Crossing>,
    /// Metrics that have a value.
    pub fed: Vec<String>,
    /// What has to become of its other alerts.
    pub changes: Vec<AlertChange>,
}

/// A customer judged without words.
pub(super) struct Glance {
    pub snapshot: Snapshot,
    /// Whether its alerts have to be looked at: more may be needed to say so.
    pub alerts_may_change: bool,
    /// What can be kept of it.
    pub signals: Signals,
}

impl CustomerHealth {
    /// Judges a customer as it is at `at`, for the record.
    pub(super) fn glance(&self, customer: &Customer, at: Timestamp, past: &Past) -> Glance {
        let last = past.last(&customer.id);
        let measured = self.models.measured(customer, at);
        let previous = last.map(|record| &record.snapshot);
        let snapshot = self.models.snapshot(customer, &measured, at, previous);
        let present = self.present(customer, at, &measured, &snapshot, past);
        let of_those_here = self.crossing(customer, snapshot.severity, at).is_some()
            || self.alerts.need_history(&present, last);
        let alerts_may_change =
            (customer.is_active() && of_those_here) || !self.alerts.changes(&present).is_empty();
        let until = self.alerts.hold_until(&present);
        let mut signals = Signals::of(
            customer,
            &measured,
            self.models.active(customer),
            at,
            &self.zone,
            &self.definitions,
            until,
        );
        signals.standing.at_risk = customer.alert_open(AT_RISK_ALERT);
        if alerts_may_change {
            signals.standing.same_until = signals.standing.from;
        }
        Glance {
            alerts_may_change,
            signals,
            snapshot,
        }
    }

    /// Judges a customer as it is at `at`, after how it was before.
    pub(super) fn look(&self, customer: &Customer, at: Timestamp, past: &Past, locale: Locale) -> Look {
        let metrics = Metrics::of(customer, day(at, &self.zone), &self.zone, &self.definitions);
        let measured = self.models.measured_beside(customer, &metrics, at);
        let previous = past.last(&customer.id).map(|record| &record.snapshot);
        let judged = self.models.judged_by(customer, &measured, at, previous, locale);
        let present = self.present(customer, at, &measured, &judged.snapshot, past);
        let changes = self.alerts.changes(&present);
        let crossing = self.crossing(customer, judged.severity, at);
        let reasons = judged.reasons(locale);
        let row = HealthRow {
            customer: customer.name().to_owned(),
            customer_id: customer.id.clone(),
            model: judged.model.id.to_string(),
            band: judged.key,
            severity: judged.severity.unwrap_or_default(),
            label: judged.label,
            score: judged.score,
            days_since_contact: Some(metrics.days_since_contact),
            last_contact: metrics.last_contact.map(|contact| LastContact {
                date: contact.day,
                channel: contact.channel,
                source: contact.source,
            }),
            open_todos: u64::try_from(metrics.open_todos).unwrap_or_default(),
            overdue_todos: u64::try_from(metrics.overdue_todos).unwrap_or_default(),
            reasons,
            suggestion: judged.suggestion,
            contact: suggested_contact(customer),
            value_at_risk: metrics.value_at_risk.moneys(),
            next_touch: metrics.next_touch,
            stage: customer.stage(),
            open_alert: customer.alert_open(AT_RISK_ALERT),
            alerts: open_alerts(customer),
        };
        Look {
            row,
            snapshot: judged.snapshot,
            fed: measured
                .values
                .keys()
                .map(|metric| (*metric).to_owned())
                .collect(),
            crossing,
            changes,
        }
    }

    fn present<'a>(
        &'a self,
        customer: &'a Customer,
        at: Timestamp,
        measured: &'a Measured<'_>,
        snapshot: &'a Snapshot,
        past: &'a Past,
    ) -> Present<'a> {
        Present {
            customer,
            at,
            zone: &self.zone,
            rate: self.models.alert_rule(customer),
            severity: snapshot.severity,
            snapshot,
            values: &measured.values,
            history: past.history(&customer.id),
        }
    }

    /// Whether alerts rest on more than the customer's last record.
    pub(super) fn needs_history(&self, customer: &Customer, at: Timestamp, past: &Past) -> bool {
        let last = past.last(&customer.id);
        let measured = self.models.measured(customer, at);
        let previous = last.map(|record| &record.snapshot);
        let snapshot = self.models.snapshot(customer, &measured, at, previous);
        let present = self.present(customer, at, &measured, &snapshot, past);
        self.alerts.need_history(&present, last)
    }

    /// Whether an alert of the customer has to be changed, by what this state of it says.
    pub(super) fn may_change_alerts(&self, customer: &Customer, at: Timestamp, past: &Past) -> bool {
        let look = self.look(customer, at, past, Locale::En);
        (customer.is_active() && look.crossing.is_some()) || !look.changes.is_empty()
    }

    /// What has to become of the customer's alert, by the rule of its health model. Who is in no band is not known to have
    /// recovered: the alert stays as it is.
    fn crossing(&self, customer: &Customer, severity: Option<u8>, at: Timestamp) -> Option<Crossing> {
        Crossing::of(customer, severity?, at, self.models.alert_rule(customer))
    }
}

/// Reasons, beside at-risk, for which an alert of the customer is open.
fn open_alerts(customer: &Customer) -> Vec<String> {
    let open = customer
        .alerts
        .iter()
        .filter(|(reason, alert)| alert.value.open && reason.as_str() != AT_RISK_ALERT);
    open.map(|(reason, _)| reason.clone()).collect()
}

/// The decision maker, else whoever is known, verified ones first.
fn suggested_contact(customer: &Customer) -> Option<SuggestedContact> {
    let active = customer
        .contacts
        .values()
        .map(|contact| &contact.value)
        .filter(|contact| contact.active);
    let contact = active.min_by_key(|contact| preference(contact))?;
    Some(SuggestedContact {
        name: contact.name.clone(),
        role: contact.role,
        email: contact.email.clone(),
        phone: contact.phone.clone(),
    })
}

fn preference(contact: &Contact) -> (bool, bool, ContactRole, String) {
    let is_decision_maker = contact.role == ContactRole::DecisionMaker;
    (
        !is_decision_maker,
        !contact.verified,
        contact.role,
        contact.key.clone(),
    )
}
