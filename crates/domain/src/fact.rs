//! Facts: everything that is known, append-only, each with source, observed time and actor. Current values are folds of them.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::money::Money;

/// The id of a customer inside one organisation; any text of 1 to 128 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CustomerId(pub String);

impl CustomerId {
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One thing that was observed. Storing a fact whose `id` is known changes nothing, so that any number of deliveries is one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fact {
    /// Stable: made from the source's own key, or from content and occurrence number.
    pub id: String,
    pub customer: CustomerId,
    /// When it was so, not when we heard of it.
    pub observed: Timestamp,
    /// Where it comes from: `Sälj`, `Admin`, a file's name …
    pub source: String,
    /// Who said it: a person or an agent.
    pub actor: String,
    pub body: FactBody,
}

/// What was observed. Of facts about the same thing (same `key`, same `field`) the one observed last counts;
/// observed at the same moment, the one with the greater id, so that arrival order never matters (S0-23).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum FactBody {
    /// A field of the profile: see [`field`] for those the agents know; others are kept and shown.
    Profile {
        field: String,
        value: String,
    },
    Contact(Contact),
    Touchpoint(Touchpoint),
    Todo(Todo),
    /// The todo with this key is done.
    TodoDone {
        key: String,
    },
    Invoice(Invoice),
    Subscription(Subscription),
    Opportunity(Opportunity),
    Service(Service),
    /// What a customer said about a service.
    Feedback {
        service: String,
        text: String,
        quote: Option<String>,
    },
    /// A reading of one metric: usage, engagement, tickets (S2-24, S3-26 to S3-31).
    Measurement(Measurement),
    /// An answer from 0 to 10 to the question whether they would recommend us.
    Survey {
        score: u8,
        comment: Option<String>,
    },
    /// The customer entered this step of the core process (S0-06 to S0-10).
    Stage {
        stage: Stage,
        cause: String,
    },
    /// An onboarding was started, for this won deal or by command.
    Onboarding {
        deal: Option<String>,
    },
    /// An onboarding was completed.
    OnboardingDone,
    /// We asked an agent of another process to coordinate, or know how it ended (S0-32).
    Coordination(Coordination),
    /// An alert was opened or closed.
    Alert {
        reason: String,
        open: bool,
        severity: u8,
        /// What has to be regained before it is closed, where that is a number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        level: Option<Decimal>,
    },
    /// We told other processes about `what` in the state with this hash, so that the same state is told once (S0-29).
    Told {
        what: String,
        hash: String,
    },
}

impl FactBody {
    /// Whether it says something new about the customer: what our own agents alarmed or told others of does not.
    #[must_use]
    pub fn is_news(&self) -> bool {
        !matches!(self, Self::Alert { .. } | Self::Told { .. })
    }
}

/// Profile fields that the agents know.
pub mod field {
    pub const NAME: &str = "name";
    pub const STATUS: &str = "status";
    pub const ORG_NUMBER: &str = "orgNumber";
    pub const EMPLOYEES: &str = "employees";
    pub const SECTOR: &str = "sector";
    pub const TOWN: &str = "town";
    pub const WEBSITE: &str = "website";
    pub const INVOICE_EMAIL: &str = "invoiceEmail";
    /// How they want to be reached: `mail`, `phone`, `meeting`.
    pub const PREFERRED_CHANNEL: &str = "preferredChannel";
    /// Whether they want newsletters: `yes` or `no`.
    pub const NEWSLETTER: &str = "newsletter";
    pub const CONTRACT: &str = "contract";
    /// The day of the first quarterly meeting, `yyyy-mm-dd`.
    pub const FIRST_QUARTERLY_MEETING: &str = "firstQuarterlyMeeting";
    /// Goals and needs as Sälj heard them (S0-21).
    pub const GOALS: &str = "goals";
    pub const BACKGROUND: &str = "background";
    pub const ACCOUNT_OWNER: &str = "accountOwner";
    /// Who else might serve the customer: names with commas between (S2-68).
    pub const COMPETITORS: &str = "competitors";
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Contact {
    pub key: String,
    pub name: String,
    #[serde(default)]
    pub role: ContactRole,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Whether somebody has reached them at this address or number.
    #[serde(default)]
    pub verified: bool,
    /// False once they have left.
    #[serde(default = "yes")]
    pub active: bool,
}

fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContactRole {
    DecisionMaker,
    Technical,
    Finance,
    Project,
    #[default]
    Other,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Touchpoint {
    pub channel: TouchpointChannel,
    pub summary: String,
    /// What the customer said, word for word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// Whom we met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TouchpointChannel {
    #[default]
    Meeting,
    Call,
    Mail,
    Chat,
    Other,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Todo {
    pub key: String,
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Date>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(default)]
    pub priority: Priority,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    High,
    #[default]
    Normal,
    Low,
}

/// Money invoiced; observed on the invoice's date. A credit note has a negative amount, an invoice never.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Invoice {
    pub number: String,
    pub amount: Money,
    #[serde(default)]
    pub credit_note: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Recurring money; a later fact with the same key changes or ends it. `end` is the first day on which it no longer runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subscription {
    pub key: String,
    pub name: String,
    pub monthly: Money,
    pub start: Date,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Date>,
}

/// Coming money; every fact with its key is activity on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Opportunity {
    pub key: String,
    pub title: String,
    pub status: OpportunityStatus,
    pub value: Money,
    /// Whole percent, 0 to 100.
    pub probability: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Date>,
    /// What the customer said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
}

/// Statuses of the organisation's own words (requirements A9): discussed, proposed, negotiation, done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OpportunityStatus {
    Discussed,
    Proposed,
    Negotiation,
    Won,
    Lost,
}

impl OpportunityStatus {
    /// Whether it is still coming.
    #[must_use]
    pub fn is_open(self) -> bool {
        match self {
            Self::Discussed | Self::Proposed | Self::Negotiation => true,
            Self::Won | Self::Lost => false,
        }
    }
}

/// A service agreed with the customer, and how far its delivery is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Service {
    pub key: String,
    pub name: String,
    pub status: ServiceStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServiceStatus {
    Agreed,
    Started,
    Completed,
}

/// What was read of a metric over the day of its fact, or at its moment; what the metric means stands in its definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Measurement {
    /// The metric's id, `logins`.
    pub metric: String,
    pub reading: Reading,
    /// Which of the customer's users it is about; without it, the customer as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Which kind of user that is, `deltagare` (S1-01).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_type: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Reading {
    /// As it was written, in the metric's unit.
    Number(#[schemars(with = "String")] Decimal),
    /// `negative`, `neutral`, `positive`.
    Word(String),
}

/// The four steps of the core process (S0-06 to S0-09).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Onboarding,
    Delivery,
    Partnership,
    Expansion,
}

/// A question to another process's agent about one onboarding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Coordination {
    /// The request's task id.
    pub key: String,
    /// `tjanster/service-delivery-agent`.
    pub with: String,
    pub state: CoordinationState,
    /// When a missing answer becomes a blocker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CoordinationState {
    Asked,
    Answered,
    TimedOut,
}
