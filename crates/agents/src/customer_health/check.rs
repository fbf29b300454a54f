//! One customer judged on one day: measures, rules, and a row that says why.

use jiff::Timestamp;
use kunder_agent_core::task::Locale;
use kunder_domain::customer::Customer;
use kunder_domain::fact::{Contact, ContactRole};
use kunder_domain::metrics::{Metrics, day};

use super::CustomerHealth;
use super::alerts::{AT_RISK_ALERT, Crossing};
use super::rows::{HealthRow, LastContact, SuggestedContact};

impl CustomerHealth {
    /// Judges a customer as it is at `as_of`.
    pub(super) fn judge(&self, customer: &Customer, as_of: Timestamp, locale: Locale) -> HealthRow {
        let metrics = Metrics::of(customer, day(as_of, &self.zone), &self.zone, &self.definitions);
        let judged = self.models.judged(customer, &metrics, as_of, locale);
        let reasons = judged.reasons(locale);
        HealthRow {
            customer: customer.name().to_owned(),
            customer_id: customer.id.clone(),
            model: judged.model.id.clone(),
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
        }
    }

    /// Whether the customer's alert has to be opened or closed, by what this state of it says.
    pub(super) fn may_change_alert(&self, customer: &Customer, as_of: Timestamp) -> bool {
        customer.is_active()
            && self
                .crossing(customer, self.models.severity(customer, as_of), as_of)
                .is_some()
    }

    /// What has to become of the customer's alert, by the rule of its health model. Who is in no band is not known to have
    /// recovered: the alert stays as it is.
    pub(super) fn crossing(
        &self,
        customer: &Customer,
        severity: Option<u8>,
        at: Timestamp,
    ) -> Option<Crossing> {
        let model = self.models.active(customer);
        Crossing::of(customer, severity?, at, self.models.definition(model).body.alerts)
    }
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
