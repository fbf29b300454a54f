//! The health model file (requirements A7.2): weights over scored inputs, or rules in worst-first order.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Amount, Label};

/// What `else` says where a customer for whom no rule holds is in no band.
pub const UNCLASSIFIED: &str = "unclassified";

/// A model of customer health. One struct for both kinds, so that a fault in a file keeps its line; what belongs to the
/// other kind is refused.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthModel {
    #[serde(default)]
    pub kind: ModelKind,
    /// Named numbers that conditions may use.
    #[serde(default)]
    pub params: BTreeMap<String, i64>,
    /// Rules: the first that holds decides (S0-11, S4-46 to S4-48).
    #[serde(default)]
    pub rules: Vec<HealthRule>,
    /// Rules: the band of a customer for whom none holds, or [`UNCLASSIFIED`].
    #[serde(rename = "else", default)]
    pub otherwise: String,
    /// Rules: what a rule says whose metric is missing.
    #[serde(default)]
    pub missing: RuleMissing,
    /// Weighted: the parts of the score (S2-52 to S2-56, S3-25).
    #[serde(default)]
    pub groups: Vec<Group>,
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// Below this share of the input weight there is no score (D-30); 0 to 1.
    #[serde(default)]
    pub min_coverage: Option<Amount>,
    /// So many days from its start a customer has no score.
    #[serde(default)]
    pub grace_days: Option<i64>,
    /// Exceptions, after the weighted sum, in this order.
    #[serde(default)]
    pub overrides: Vec<OverrideRule>,
    pub bands: Vec<Band>,
    #[serde(default)]
    pub alerts: AlertRule,
    /// Which decision settles a clash of the whole model.
    #[serde(default)]
    pub settled: BTreeMap<Clash, String>,
    /// Clashes of the source that no computation finds.
    #[serde(default)]
    pub clashes: Vec<DeclaredClash>,
    /// How ambiguous ranges were read.
    #[serde(default)]
    pub note: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    #[default]
    Rules,
    Weighted,
}

/// What a rule says whose metric is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleMissing {
    /// It holds: what cannot be told is not healthy.
    #[default]
    Holds,
    /// Where the band hangs on it, the customer is not scored.
    NotScored,
}

/// How often a customer that goes back and forth may be told of (S2-66): further alerts are held back, visibly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertRule {
    /// Alerts of one reason about one customer within the window.
    pub most: usize,
    pub window_days: i64,
}

impl Default for AlertRule {
    fn default() -> Self {
        Self {
            most: 3,
            window_days: 30,
        }
    }
}

/// One rule: exactly one of `when`, `any` and `all` is written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthRule {
    pub id: String,
    pub band: String,
    /// A CEL condition over params and metrics; true decides.
    #[serde(default)]
    pub when: String,
    /// Decides where one of these holds.
    #[serde(default)]
    pub any: Vec<String>,
    /// Decides where all of these hold.
    #[serde(default)]
    pub all: Vec<String>,
    /// Why, in words; `{metric}` stands for the metric's value.
    pub because: Label,
    /// As the source writes it.
    #[serde(default)]
    pub seed: Option<String>,
    #[serde(default)]
    pub note: Option<String>,
}

impl HealthRule {
    /// Its conditions, however they are joined.
    pub fn conditions(&self) -> impl Iterator<Item = &str> {
        let when = Some(self.when.as_str()).filter(|when| !when.is_empty());
        when.into_iter()
            .chain(self.any.iter().chain(&self.all).map(String::as_str))
    }
}

/// A band of customers, told by severity (D-26).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    pub key: String,
    /// 0 healthy, 1 neutral, 2 at risk, 3 critical (D-26).
    pub severity: u8,
    pub label: Label,
    /// What to do about customers in it.
    pub suggestion: Label,
    /// The verb of the band: expand, engage, intervene, save (S3-32 to S3-35).
    #[serde(default)]
    pub verb: Option<Label>,
    /// Weighted: from the first score up to, and without, the second; the highest band has its upper end too (D-02).
    #[serde(default)]
    pub range: Option<(Amount, Amount)>,
    /// Weighted: a customer in this band leaves it upwards only at this score (D-23).
    #[serde(default)]
    pub exit_above: Option<Amount>,
}

/// A part of the score.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub id: String,
    /// Its share of the score; all of them sum to 1.
    #[serde(default)]
    pub weight: Option<Amount>,
    /// Instead of a weight: a metric that counts, such as users of a type. The score is then the mean over what is counted.
    #[serde(default)]
    pub weight_metric: Option<String>,
    #[serde(default)]
    pub aggregate: Aggregate,
    pub label: Label,
    /// As the source describes the part.
    #[serde(default)]
    pub seed: Option<String>,
    #[serde(default)]
    pub settled: BTreeMap<Clash, String>,
}

/// How inputs become one number (D-01).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    #[default]
    Mean,
    Weighted,
    Min,
    Max,
}

/// A metric on its way to points: exactly one of `bands`, `linear`, `map` and `direct` is written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub metric: String,
    pub group: String,
    /// Within a weighted group.
    #[serde(default)]
    pub weight: Option<Amount>,
    /// Half-open pieces of the metric's range in rising order; the last one has its upper end too.
    #[serde(default)]
    pub bands: Vec<BandPiece>,
    #[serde(default)]
    pub linear: Option<Linear>,
    /// Points for each word of a text metric.
    #[serde(default)]
    pub map: BTreeMap<String, Amount>,
    /// The metric is points already, 0 to 100.
    #[serde(default)]
    pub direct: bool,
    /// As the source writes the range: `0-10 = 50, 10-50 = 75, 50+ = 100`.
    #[serde(default)]
    pub seed: Option<String>,
    /// Which decision settles each kind of clash of that range.
    #[serde(default)]
    pub settled: BTreeMap<Clash, String>,
    #[serde(default)]
    pub note: Option<String>,
    #[serde(default)]
    pub missing: Missing,
    /// Older than this it is stale; without it, the metric's own limit counts.
    #[serde(default)]
    pub stale_after_days: Option<i64>,
    #[serde(default)]
    pub stale: Stale,
}

/// `[from, to, points]`; `to` may be `inf`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BandPiece {
    pub from: Amount,
    /// `None` where it has no end.
    pub to: Option<Amount>,
    pub points: Amount,
}

/// From 0 points at `from` to 100 at `to`, which may be the lower one; beyond them no more and no less.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    pub from: Amount,
    pub to: Amount,
}

/// What an input without a value does (D-30).
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// The customer is not scored.
    #[default]
    Fail,
    /// Its weight goes to the others.
    Exclude,
    Points(Amount),
}

/// What an input does whose value is too old.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stale {
    /// It counts as it is, and is named.
    #[default]
    Keep,
    Exclude,
    Points(Amount),
}

/// An exception of the model (GitLab: a red sentiment makes the whole customer red).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverrideRule {
    pub id: String,
    pub when: When,
    pub effect: Effect,
    pub reason: Label,
    pub author: String,
    /// The last day on which it counts.
    #[serde(default)]
    pub expires: Option<Date>,
}

/// When an exception counts.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// A CEL condition over metrics and params.
    Condition(String),
    /// A text metric has this word.
    Is(TextIs),
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextIs {
    pub metric: String,
    pub word: String,
}

/// What an exception does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The score is at most this.
    Cap(Amount),
    /// The score is at least this.
    Floor(Amount),
    /// The customer is in this band, whatever the score.
    Band(String),
}

/// How a source contradicts itself or is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clash {
    /// One value belongs to two ranges.
    Edge,
    /// Values between two ranges belong to none.
    Hole,
    /// The case without any value has no word.
    Undefined,
    /// A band that only cases reach of which the source does not speak.
    Unreachable,
    /// One range lies inside another.
    Inside,
    /// What is measured is not said.
    Inputs,
}

/// A clash that the author of the file states.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredClash {
    pub what: String,
    #[serde(default)]
    pub settled: Option<String>,
}

impl<'de> Deserialize<'de> for BandPiece {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (from, End(to), points) = <(Amount, End, Amount)>::deserialize(deserializer)?;
        Ok(Self { from, to, points })
    }
}

struct End(Option<Amount>);

impl<'de> Deserialize<'de> for End {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "inf" {
            return Ok(Self(None));
        }
        let text: serde::de::value::StringDeserializer<D::Error> =
            serde::de::IntoDeserializer::into_deserializer(text);
        Amount::deserialize(text).map(|amount| Self(Some(amount)))
    }
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Edge => "edge",
            Self::Hole => "hole",
            Self::Undefined => "undefined",
            Self::Unreachable => "unreachable",
            Self::Inside => "inside",
            Self::Inputs => "inputs",
        })
    }
}
