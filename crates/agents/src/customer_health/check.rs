//! One customer judged on one day: measures, rules, and a row that says why.

use std::cmp::Reverse;

use jiff::Timestamp;
use kunder_agent_core::task::Locale;
use kunder_domain::customer::Customer;
use kunder_domain::exact::Exact;
use kunder_domain::fact::{Contact, ContactRole};
use kunder_domain::health::{HealthResult, Row, Rule, Snapshot};
use kunder_domain::measuring::Measured;
use kunder_domain::metrics::{Metrics, day};

use super::alerts::{AT_RISK_ALERT, Crossing};
use super::rows::{HealthRow, LastContact, SuggestedContact};
use super::{CustomerHealth, explain, words};

/// Inputs that a row names as the reason of a score.
const LOSSES_TOLD: usize = 2;

/// How a customer is: its band, or a state that is none.
struct Judged {
    key: String,
    /// 0 where it is in no band: nobody is alarmed by what is not known.
    severity: u8,
    label: String,
    suggestion: String,
    score: Option<String>,
    reasons: Vec<String>,
}

impl CustomerHealth {
    /// Judges a customer as it is at `as_of`.
    pub(super) fn judge(&self, customer: &Customer, as_of: Timestamp, locale: Locale) -> HealthRow {
        let metrics = Metrics::of(customer, day(as_of, &self.zone), &self.zone, &self.definitions);
        let judged = self.judged(customer, &metrics, as_of, locale);
        HealthRow {
            customer: customer.name().to_owned(),
            customer_id: customer.id.clone(),
            band: judged.key,
            severity: judged.severity,
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
            reasons: judged.reasons,
            suggestion: judged.suggestion,
            contact: suggested_contact(customer),
            value_at_risk: metrics.value_at_risk.moneys(),
            next_touch: metrics.next_touch,
            stage: customer.stage(),
            open_alert: customer.alert_open(AT_RISK_ALERT),
        }
    }

    fn judged(&self, customer: &Customer, metrics: &Metrics, as_of: Timestamp, locale: Locale) -> Judged {
        let language = locale.pick("sv", "en");
        let measured = self.measured_beside(customer, metrics, as_of);
        let result = self.result(&self.model, customer, &measured, as_of, None);
        let state = Snapshot::of(&result).state;
        let score = result.printed_score();
        let reasons = match &score {
            Some(score) => self.losses(&result, score, language),
            None => self.rules_that_hold(&result, &measured, language),
        };
        let lacking = |missing: &str| match locale {
            Locale::Sv => format!("Se till att detta kommer in: {missing}"),
            Locale::En => format!("See to it that this is fed: {missing}"),
        };
        Judged {
            key: explain::kept_key(&state).to_owned(),
            severity: result.band().map_or(0, |band| band.severity),
            label: self.kept_label(&state, language),
            suggestion: match result.band() {
                Some(band) => words::of(&band.suggestion, locale).to_owned(),
                None if result.missing.is_empty() => String::new(),
                None => lacking(&result.missing.join(", ")),
            },
            score,
            reasons,
        }
    }

    /// The rules that hold, the worst first: the first of them decided.
    fn rules_that_hold(
        &self,
        result: &HealthResult<'_>,
        measured: &Measured<'_>,
        language: &str,
    ) -> Vec<String> {
        let mut rules = result.rules.clone();
        // Stable: rules of one severity stay in the file's order.
        rules.sort_by_key(|rule| Reverse(self.model.severity(rule)));
        let because = |rule: &&Rule| self.because(rule, measured, language);
        rules.iter().map(because).collect()
    }

    /// The score, and the inputs on which most of it is lost.
    fn losses(&self, result: &HealthResult<'_>, score: &str, language: &str) -> Vec<String> {
        let of = explain::pick(language, "poäng av 100", "points of 100", "punten van 100");
        let mut reasons = vec![format!("{score} {of}")];
        for (lost, row) in result.losses().into_iter().take(LOSSES_TOLD) {
            if let Row::Input { metric, .. } = row.row {
                let value = row
                    .measure
                    .map_or_else(|| "–".to_owned(), |one| one.value.to_string());
                reasons.push(format!(
                    "{} {value} (−{})",
                    self.metric_label(metric, language),
                    lost.printed()
                ));
            }
        }
        reasons
    }

    /// The score alone; `None` where the model gives none, or cannot for this customer.
    pub(super) fn score(&self, customer: &Customer, as_of: Timestamp) -> Option<Exact> {
        let measured = self.measured(customer, as_of);
        self.result(&self.model, customer, &measured, as_of, None).score
    }

    /// The severity alone; `None` where the customer is in no band.
    fn severity(&self, customer: &Customer, as_of: Timestamp) -> Option<u8> {
        let measured = self.measured(customer, as_of);
        let result = self.result(&self.model, customer, &measured, as_of, None);
        result.band().map(|band| band.severity)
    }

    /// Whether the customer's alert has to be opened or closed, by what this state of it says.
    pub(super) fn may_change_alert(&self, customer: &Customer, as_of: Timestamp) -> bool {
        customer.is_active()
            && self
                .crossing(customer, self.severity(customer, as_of), as_of)
                .is_some()
    }

    /// What has to become of the customer's alert, by the rule of the health model. Who is in no band is not known to have
    /// recovered: the alert stays as it is.
    pub(super) fn crossing(
        &self,
        customer: &Customer,
        severity: Option<u8>,
        at: Timestamp,
    ) -> Option<Crossing> {
        Crossing::of(customer, severity?, at, self.definitions.health.body.alerts)
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
