//! The alert file: who is to be told what of a customer, beside the at-risk alert (S2-66 to S2-70, D-04).

use serde::Deserialize;

use super::Label;

/// The file `alerts.yaml`. A section that is left out alarms nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertFile {
    #[serde(default)]
    pub score_drop: Option<ScoreDrop>,
    #[serde(default)]
    pub band_worsened: Option<BandWorsened>,
    #[serde(default)]
    pub engagement_change: Option<EngagementChange>,
    #[serde(default)]
    pub competitor: Option<Competitor>,
    #[serde(default)]
    pub renewal_risk: Option<RenewalRisk>,
    #[serde(default)]
    pub expansion: Option<Expansion>,
}

/// The score fell (S2-66).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreDrop {
    /// By so many points or more below the best of the last `within_days`.
    pub points: i64,
    pub within_days: i64,
    /// Or so many percent or more below the median of the customer's own last weeks.
    pub below_median_percent: i64,
    pub median_weeks: i64,
    /// It has recovered when at most so many points are missing.
    pub regained_points: i64,
    /// After so many days the low is how the customer is.
    pub forget_days: i64,
    pub cooldown_days: i64,
}

/// The customer came into a worse band (S2-66).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BandWorsened {
    pub forget_days: i64,
    pub cooldown_days: i64,
}

/// Contacts became rarer (S2-67).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngagementChange {
    pub window_days: i64,
    /// Windows before the present one, whose median is the customer's own measure.
    pub windows: i64,
    /// A median below this says nothing.
    pub median_least: i64,
    /// Of the median, in percent: at or below this the alert opens, from `regained_percent` on it closes.
    pub falls_to_percent: i64,
    pub regained_percent: i64,
    /// After so many days this is how the customer is.
    pub forget_days: i64,
    pub cooldown_days: i64,
}

/// Somebody else was named (S2-68).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Competitor {
    /// Words or phrases looked for in what is known of every customer; those of one stand in its profile.
    pub phrases: Vec<String>,
    pub within_days: i64,
    pub cooldown_days: i64,
}

/// The customer may soon leave (S2-70).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenewalRisk {
    /// A subscription ends within so many days,
    pub days: i64,
    /// and the customer is at this severity or worse.
    pub severity: u8,
    pub cooldown_days: i64,
}

/// The customer may want more (S2-69, S3-41).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expansion {
    pub signals: Vec<ExpansionSignal>,
    pub cooldown_days: i64,
}

/// One reason to think so.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpansionSignal {
    pub id: String,
    /// A CEL condition over metrics, `score` and `severity`. What hangs on a missing value does not hold.
    pub when: String,
    /// In words; `{metric}` stands for the metric's value.
    pub because: Label,
}
