//! The block `health` of an explanation, as the outcome shows it.

use jiff::Timestamp;
use jiff::civil::Date;
use kunder_domain::fact::CustomerId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The block `health` of an explanation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    pub customer: String,
    pub customer_id: CustomerId,
    /// The moment it is about.
    pub as_of: Timestamp,
    /// The model's id, version, and the hash of its file.
    pub model: String,
    pub version: u32,
    pub hash: String,
    /// 0 to 100 with six decimals; null where the model gives none.
    pub score: Option<String>,
    /// The band's key; null in every other state.
    pub band: Option<String>,
    /// `band`, `not_scored`, `unclassified` or `in_grace`.
    pub state: String,
    /// The state in words.
    pub label: String,
    /// They sum to the score, as printed too; exceptions that moved it are rows of their own.
    pub contributions: Vec<ContributionRow>,
    /// Rule models: the rules that hold, the deciding one first.
    pub rules: Vec<RuleRow>,
    pub overrides: Vec<OverrideRow>,
    /// Share of the weight that rests on a value, 0 to 1.
    pub coverage: String,
    pub freshness: FreshnessRow,
    /// Metrics without a usable value.
    pub missing: Vec<String>,
    /// Values that cannot be, and were not used.
    pub refused: Vec<String>,
    /// Null where nothing was known of the customer then.
    pub change: Option<ChangeRow>,
    /// What other models say, which decide nothing for this customer (D-27).
    #[serde(default)]
    pub shadows: Vec<ShadowRow>,
    /// One sentence to say aloud.
    pub sentence: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContributionRow {
    /// The metric, or the exception's id.
    pub input: String,
    pub label: String,
    /// Null for an exception.
    pub group: Option<String>,
    /// Points times weight, with six decimals at most.
    pub contribution: String,
    /// 0 to 100; null where it does not count.
    pub points: Option<String>,
    /// Its share of the score, 0 to 1.
    pub weight: String,
    /// What was read; null where nothing was.
    pub value: Option<String>,
    pub as_of: Option<Timestamp>,
    /// Its day where the organisation is.
    pub day: Option<Date>,
    pub source: Option<String>,
    /// Observations it rests on.
    pub n: Option<u64>,
    /// `fresh`, `stale`, `missing`, and what the model makes of it: `stale_kept`, `missing_points` …
    pub reading: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleRow {
    pub rule: String,
    pub because: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OverrideRow {
    pub id: String,
    /// `cap 50`, `floor 60`, `band at_risk`.
    pub effect: String,
    pub reason: String,
    pub author: String,
    pub expires: Option<Date>,
    /// Whether it changed the score or the band.
    pub changed: bool,
}

/// The customer by a model that is only looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShadowRow {
    pub model: String,
    pub version: u32,
    /// 0 to 100 with six decimals; null where the model gives none.
    pub score: Option<String>,
    /// The band's key; null in every other state.
    pub band: Option<String>,
    /// The state in words.
    pub label: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FreshnessRow {
    /// The oldest value that counts.
    pub oldest: Option<Timestamp>,
    /// Share of the covered weight whose value is within its limit, 0 to 1.
    pub fresh: String,
    pub stale: Vec<String>,
}

/// The difference to an earlier moment, input by input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeRow {
    /// The day compared with.
    pub since: Date,
    /// Whether another model, or another version of it, decided then: points are not compared.
    #[serde(default)]
    pub model_changed: bool,
    pub from: String,
    /// In words.
    pub from_label: String,
    pub to: String,
    /// Of the score; null where either has none.
    pub difference: Option<String>,
    /// The largest first; they sum to the difference, as printed too.
    pub rows: Vec<ChangedInput>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangedInput {
    pub input: String,
    pub label: String,
    pub before: String,
    pub after: String,
    pub difference: String,
}
