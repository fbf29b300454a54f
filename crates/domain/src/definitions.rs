//! The definitions of one organisation: files of rules, checked when loaded.

use jiff::civil::Date;
use serde::Deserialize;

mod alert_file;
mod amount;
mod check;
mod check_alerts;
mod check_health;
mod check_metrics;
mod check_weighted;
mod error;
mod file;
mod health_file;
mod lint;
mod load;
mod metric_file;
mod packs;
#[cfg(test)]
mod properties;
mod resolver;
mod shipped;
#[cfg(test)]
mod tests;

pub use alert_file::{
    AlertFile, BandWorsened, Competitor, EngagementChange, Expansion, ExpansionSignal, RenewalRisk, ScoreDrop,
};
pub use amount::Amount;
pub use error::{DefinitionError, DefinitionErrors, Level, Lint};
pub use health_file::{
    Aggregate, AlertRule, Band, BandPiece, Clash, DeclaredClash, Effect, Group, HealthModel, HealthRule,
    Input, Linear, Missing, ModelKind, OverrideRule, RuleMissing, Stale, UNCLASSIFIED, When,
};
pub use lint::trigger as trigger_clash;
pub use metric_file::{Direction, Fold, FoldKind, MetricDefinition, MetricFile, MetricSource};
pub use packs::{PACKS, Pack};
pub use resolver::{Clause, Models, Resolved, Resolver, ResolverRule};
pub use shipped::SHIPPED;

/// Text in the languages a person may read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    pub sv: String,
    pub en: String,
    /// Where somebody reads Dutch.
    #[serde(default)]
    pub nl: Option<String>,
}

impl Label {
    /// In `locale`, a tag such as `nl` or `sv-SE`; English where it is not written in that language.
    #[must_use]
    pub fn in_locale(&self, locale: &str) -> &str {
        match locale.split(['-', '_']).next() {
            Some("sv") => &self.sv,
            Some("nl") => self.nl.as_ref().unwrap_or(&self.en),
            _ => &self.en,
        }
    }
}

/// What every definition file begins with (S0-36).
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Header {
    pub id: String,
    pub version: u32,
    /// The day this version was written.
    pub updated: Date,
    /// The requirement rows it comes from.
    pub source: String,
}

/// A loaded file with its hash.
#[derive(Clone, Debug)]
pub struct Definition<T> {
    pub header: Header,
    /// The first 16 hex digits of the BLAKE3 of the file.
    pub hash: String,
    pub body: T,
}

/// Everything an organisation defines.
#[derive(Clone, Debug)]
pub struct Definitions {
    pub organisation: Definition<Organisation>,
    pub health: Definition<HealthModel>,
    pub onboarding: Definition<Onboarding>,
    pub process: Definition<Process>,
    pub pipeline: Definition<PipelineRules>,
    pub icp: Definition<Icp>,
    pub kpis: Definition<Kpis>,
    pub metrics: Definition<MetricFile>,
    pub alerts: Definition<AlertFile>,
    /// What is odd but settled: known clashes of the documents the rules come from.
    pub warnings: Vec<Lint>,
}

/// The organisation itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    pub name: String,
    /// IANA name, `Europe/Stockholm`.
    pub time_zone: String,
    pub currency: String,
}

/// How many events of one kind about one customer are taken at a time; further ones come again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StormRule {
    pub most: usize,
    pub window_s: i64,
}

impl Default for StormRule {
    fn default() -> Self {
        Self {
            most: 300,
            window_s: 60,
        }
    }
}

/// The onboarding checklist (S0-12, requirements A9).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Onboarding {
    pub groups: Vec<ChecklistGroup>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChecklistGroup {
    pub id: String,
    pub label: Label,
    pub items: Vec<ChecklistItem>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChecklistItem {
    pub id: String,
    pub label: Label,
    #[serde(default = "required")]
    pub required: bool,
    /// What makes it done.
    pub done_when: Evidence,
    /// Who can supply it: `Sälj`, `Kunden`, `Ekonomi` …
    pub supplier: String,
}

fn required() -> bool {
    true
}

/// What makes a checklist item done.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Evidence {
    /// The profile has this field.
    Field(String),
    /// At least so many active contacts.
    Contacts(usize),
    /// An active contact with this role.
    Role(crate::fact::ContactRole),
    /// A contact with a verified address or number.
    VerifiedContact(bool),
    /// At least so many services agreed.
    Services(usize),
    /// At least so many open opportunities.
    Opportunities(usize),
}

/// The four steps and their clocks (S0-06 to S0-10, S0-32, D-38).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// Length of LEVERANS in days: 56; overdue from the day after.
    pub delivery_days: i64,
    /// Longest time between contacts in PARTNERSKAP, in days.
    pub contact_days: i64,
    /// The first quarterly review is due so many months after the onboarding began.
    pub first_review_months: i64,
    /// How long an agent of another process may take to answer, in seconds.
    pub coordination_timeout_s: i64,
    #[serde(default)]
    pub incoming: StormRule,
}

/// Thresholds of the pipeline (requirements A9).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineRules {
    /// An open opportunity without activity for more than so many days is stale.
    pub stale_days: i64,
    /// An open opportunity above this probability, in percent, is hot.
    pub hot_percent: u8,
    /// Recurring money is falling when it is lower than so many days ago.
    pub recurring_window_days: i64,
    /// The statuses an open opportunity may have must lie between these probabilities.
    pub probability_percent_min: u8,
    pub probability_percent_max: u8,
}

/// Who fits us (S0-02, S0-03).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Icp {
    /// Both bounds are inside.
    pub employees_min: u32,
    pub employees_max: u32,
    pub sectors: Vec<Sector>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sector {
    pub code: String,
    pub label: Label,
}

/// Goals (S0-04, S0-05).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kpis {
    pub customers_baseline: u32,
    pub customers_growth_per_year: u32,
}
