//! What a health check says of one customer, and the order in which customers need us.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::civil::Date;
use kunder_agent_core::outcome::CustomerCounts;
use kunder_domain::fact::{ContactRole, CustomerId, Stage, TouchpointChannel};
use kunder_domain::money::Money;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::strategy::Movement;
use crate::health_models::wording::NO_BAND;

/// From this severity on a customer is at risk: an alert is opened, a contact is suggested (S0-31, D-26).
pub const AT_RISK: u8 = 2;

/// One customer in the block `health`, which is a list of these, most urgent first (S0-11).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthRow {
    /// The name.
    pub customer: String,
    pub customer_id: CustomerId,
    /// The health model that decided.
    #[serde(default)]
    pub model: String,
    /// The band's key in the health model, such as `akut`; `not_scored`, `unclassified` or `in_grace` for a customer in none.
    pub band: String,
    /// 0 healthy, 1 neutral, 2 at risk, 3 critical; 0 for a customer in no band, who counts as `not_scored`.
    pub severity: u8,
    /// The band in words.
    pub label: String,
    /// 0 to 100 with six decimals at most; a rule model gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<String>,
    /// Whole days since the last contact; since the customer was added where `lastContact` is null.
    pub days_since_contact: Option<i64>,
    /// Null where nobody has ever been in touch.
    pub last_contact: Option<LastContact>,
    pub open_todos: u64,
    pub overdue_todos: u64,
    /// Every rule that holds, in words, the deciding one first; of a score, on which inputs most of it is lost.
    pub reasons: Vec<String>,
    /// What to do.
    pub suggestion: String,
    /// Whom to contact, where a contact is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<SuggestedContact>,
    /// The money of the coming twelve months that would be lost, one amount per currency.
    pub value_at_risk: Vec<Money>,
    /// The day by which the customer is to hear from us (S0-01).
    pub next_touch: Date,
    /// The step of the core process.
    pub stage: Option<Stage>,
    /// Whether an at-risk alert is open, this check's included.
    pub open_alert: bool,
    /// Other reasons for which an alert is open, this check's included: `score-drop`, `renewal-risk` …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<String>,
}

impl HealthRow {
    /// Whether the model could say how the customer is.
    #[must_use]
    pub fn is_in_a_band(&self) -> bool {
        !NO_BAND.contains(&self.band.as_str())
    }
}

/// When, how and where from we know of the last contact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastContact {
    pub date: Date,
    pub channel: TouchpointChannel,
    pub source: String,
}

/// Whom to contact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuggestedContact {
    pub name: String,
    pub role: ContactRole,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// What one page of a health check hands to the whole: the block `healthPage`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthPage {
    pub rows: Vec<HealthRow>,
    /// The answers that count for the NPS.
    pub answers: Vec<u8>,
    pub movement: Movement,
    /// Alerts that this page opened.
    pub alerted: Vec<CustomerId>,
    /// Alerts that this page closed.
    pub recovered: Vec<CustomerId>,
    /// Customers whose alert was held back, because too many were raised of late.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damped: Vec<CustomerId>,
    #[serde(default)]
    pub alerts: AlertsBlock,
    /// Metrics of which a customer had a value.
    #[serde(default)]
    pub fed: BTreeSet<String>,
}

/// Alerts beside at-risk that a check opened or closed: the block `alerts` (S2-66 to S2-70).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertsBlock {
    pub opened: Vec<AlertLine>,
    pub closed: Vec<AlertLine>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertLine {
    pub customer: String,
    pub customer_id: CustomerId,
    /// `score-drop`, `band-worsened`, `engagement-change`, `competitor`, `renewal-risk` or `expansion`.
    pub reason: String,
    /// Of the customer's band, 0 to 3.
    pub severity: u8,
    /// Why, in words.
    pub because: String,
}

impl AlertsBlock {
    pub(super) fn add(&mut self, other: &Self) {
        self.opened.extend(other.opened.iter().cloned());
        self.closed.extend(other.closed.iter().cloned());
    }
}

/// Most urgent first: severity, then value at risk, then days since contact, then name.
pub fn order(rows: &mut [HealthRow]) {
    rows.sort_by(|a, b| {
        urgency(a)
            .cmp(&urgency(b))
            .then_with(|| a.customer_id.cmp(&b.customer_id))
    });
}

fn urgency(row: &HealthRow) -> (Reverse<u8>, Reverse<Decimal>, Reverse<i64>, String) {
    let value = row
        .value_at_risk
        .iter()
        .map(|money| money.amount)
        .max()
        .unwrap_or_default();
    (
        Reverse(row.severity),
        Reverse(value),
        Reverse(row.days_since_contact.unwrap_or(i64::MAX)),
        row.customer.to_lowercase(),
    )
}

/// The counts of the protocol; their sum is `total_managed` (D-03).
#[must_use]
pub fn counts(rows: &[HealthRow]) -> CustomerCounts {
    let mut counts = CustomerCounts::default();
    for row in rows {
        count(&mut counts, row.is_in_a_band().then_some(row.severity));
    }
    counts
}

/// Counts one customer, by the severity of its band, `None` where it is in none.
pub(super) fn count(counts: &mut CustomerCounts, severity: Option<u8>) {
    counts.total_managed += 1;
    let counter = match severity {
        None => &mut counts.not_scored,
        Some(0) => &mut counts.healthy,
        Some(1) => &mut counts.neutral,
        Some(2) => &mut counts.at_risk,
        Some(_) => &mut counts.critical,
    };
    *counter += 1;
}
