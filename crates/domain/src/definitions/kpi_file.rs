//! The KPI file: what is to be reached, over which window, and from which facts it is computed (S1-33 to S1-45, S3-14 to S3-18).

use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Amount, Label};
use crate::fact::Stage;

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kpis {
    pub kpis: Vec<Kpi>,
}

/// One number that is watched.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kpi {
    pub id: String,
    pub label: Label,
    /// In words: `percent`, `minutes`, `tickets a user`. Shares are computed in percent.
    pub unit: String,
    pub cadence: Cadence,
    /// The requirement rows it comes from.
    pub source: String,
    #[serde(default)]
    pub target: Option<Target>,
    #[serde(default)]
    pub window: Option<KpiWindow>,
    pub compute: Compute,
    /// What a reader should know: a reading of a silent source, a decision.
    #[serde(default)]
    pub note: Option<String>,
}

/// How often it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cadence {
    Weekly,
    Monthly,
}

/// The days that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KpiWindow {
    /// The state at the end of the day that is asked about.
    Moment,
    /// So many days, the one that is asked about as the last.
    Days(i64),
    /// The last calendar month that is over.
    Month,
    /// From the first of January.
    Year,
}

/// What is to be reached. On the file one key, as in `{ at_least: 70 }`; a bare number has no direction and is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    pub bound: Option<Bound>,
    pub value: Amount,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    AtLeast,
    AtMost,
    Above,
    Below,
}

/// When somebody began, or reached something.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Milestone {
    /// It became a customer.
    Customer,
    /// Its onboarding was started.
    Onboarding,
    /// Its onboarding was completed.
    Onboarded,
    /// It entered this step of the core process.
    Stage(Stage),
    /// The first reading above zero of this measurement; of each user, where the KPI counts users.
    Measurement(String),
}

/// Who is counted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    Customers,
    /// Every user that measurements name.
    Users,
    /// Those of this type (S1-01).
    UsersOf(String),
}

/// The kinds of computation: a closed set, each over stored facts.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Compute {
    /// How many customers there are.
    Customers,
    /// Customers above a baseline, against a goal for the year taken pro rata by day (S0-05).
    Growth { baseline: u32, per_year: u32 },
    /// Customers at the window's start who still are.
    CustomerRetention,
    /// Customers lost in the window, of those at its start (D-35).
    LogoChurn,
    /// Recurring money of customers who ended all of it, of that at the start; contraction is told apart (D-35).
    RevenueChurn,
    /// More recurring money from customers who had some at the start, of that at the start (D-15).
    Expansion,
    /// Recurring money per month.
    Mrr,
    /// Recurring money per customer and month over the share of customers lost per month (S4-63).
    Ltv {
        #[serde(default)]
        margin: Option<Amount>,
    },
    /// What was spent on winning customers, by this measurement, per new customer.
    Cac { cost: String },
    /// The two before as a ratio.
    LtvToCac {
        cost: String,
        #[serde(default)]
        margin: Option<Amount>,
    },
    /// Promoters less detractors, with margin and response rate (S1-40).
    Nps,
    /// Surveys answered of those sent.
    ResponseRate,
    /// The mean of the customers' health scores.
    MeanHealth,
    /// Who reached something, of those who began long enough ago (D-12).
    Reached {
        who: Who,
        begins: Milestone,
        reaches: Milestone,
        /// Counted from so many days after they began.
        eligible_days: i64,
        /// Reached later does not count; without it, whenever.
        #[serde(default)]
        within_days: Option<i64>,
    },
    /// Who was active on that day after they began (D-13); on or after it is told as well.
    Retention {
        who: Who,
        begins: Milestone,
        /// The measurement that says so.
        active: String,
        day: i64,
    },
    /// The median time from beginning to reaching something, of those who began in the window (D-33).
    TimeTo {
        who: Who,
        begins: Milestone,
        reaches: Milestone,
        unit: TimeUnit,
    },
    /// Sums of measurements divided by each other, or by how many users there are (D-14).
    Ratio { over: String, under: Under },
    /// The median of a measurement of hours, counted by the calendar that is stated (S1-45, D-34).
    Resolution { hours: String, calendar: ClockHours },
    /// Readings of one measurement.
    Measurement { metric: String, fold: KpiFold },
}

/// What a sum is divided by.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Under {
    /// The sum of another measurement.
    Sum(String),
    /// The newest reading of these for each customer, added up.
    Newest(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    Minutes,
    Hours,
    Days,
}

/// Which hours are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockHours {
    Calendar,
    Business,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KpiFold {
    Sum,
    Mean,
    Median,
    P90,
}

impl Kpis {
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Kpi> {
        self.kpis.iter().find(|kpi| kpi.id == id)
    }

    /// Whether a KPI reads measurements of this name.
    #[must_use]
    pub fn is_read(&self, name: &str) -> bool {
        self.kpis
            .iter()
            .any(|kpi| kpi.compute.measurements().contains(&name))
    }

    /// The window over which answers to surveys are counted, by the first KPI that counts them; a year where none does.
    #[must_use]
    pub fn nps_window(&self) -> KpiWindow {
        self.window_of(|compute| *compute == Compute::Nps)
    }

    /// The window over which customers are told to have stayed; a year where no KPI says.
    #[must_use]
    pub fn retention_window(&self) -> KpiWindow {
        self.window_of(|compute| *compute == Compute::CustomerRetention)
    }

    fn window_of(&self, is_it: impl Fn(&Compute) -> bool) -> KpiWindow {
        let found = self.kpis.iter().find(|kpi| is_it(&kpi.compute));
        found.and_then(|kpi| kpi.window).unwrap_or(KpiWindow::Days(365))
    }
}

impl Compute {
    /// The names of the measurements it reads.
    #[must_use]
    pub fn measurements(&self) -> Vec<&str> {
        fn named(milestone: &Milestone) -> Option<&str> {
            match milestone {
                Milestone::Measurement(name) => Some(name),
                Milestone::Customer | Milestone::Onboarding | Milestone::Onboarded | Milestone::Stage(_) => {
                    None
                }
            }
        }
        match self {
            Self::Customers
            | Self::Growth { .. }
            | Self::CustomerRetention
            | Self::LogoChurn
            | Self::RevenueChurn
            | Self::Expansion
            | Self::Mrr
            | Self::Ltv { .. }
            | Self::Nps
            | Self::ResponseRate
            | Self::MeanHealth => Vec::new(),
            Self::Cac { cost } | Self::LtvToCac { cost, .. } => vec![cost],
            Self::Reached { begins, reaches, .. } | Self::TimeTo { begins, reaches, .. } => {
                named(begins).into_iter().chain(named(reaches)).collect()
            }
            Self::Retention { begins, active, .. } => {
                named(begins).into_iter().chain([active.as_str()]).collect()
            }
            Self::Ratio { over, under } => match under {
                Under::Sum(under) => vec![over, under],
                Under::Newest(names) => std::iter::once(over.as_str())
                    .chain(names.iter().map(String::as_str))
                    .collect(),
            },
            Self::Resolution { hours: metric, .. } | Self::Measurement { metric, .. } => vec![metric],
        }
    }

    /// Whether it is a share, told in percent.
    #[must_use]
    pub fn is_share(&self) -> bool {
        matches!(
            self,
            Self::CustomerRetention
                | Self::LogoChurn
                | Self::RevenueChurn
                | Self::Expansion
                | Self::ResponseRate
                | Self::Reached { .. }
                | Self::Retention { .. }
        )
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TargetVisitor)
    }
}

struct TargetVisitor;

impl<'de> Visitor<'de> for TargetVisitor {
    type Value = Target;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a target as `{ at_least: 70 }`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Target, A::Error> {
        let Some((bound, value)) = map.next_entry()? else {
            return Err(de::Error::custom("the target is empty"));
        };
        if map.next_key::<String>()?.is_some() {
            return Err(de::Error::custom("a target has one direction"));
        }
        Ok(Target {
            bound: Some(bound),
            value,
        })
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Target, E> {
        Ok(bare(number.to_string()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Target, E> {
        Ok(bare(number.to_string()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Target, E> {
        Ok(bare(number.to_string()))
    }
}

/// A number without a direction: only to say what is wrong with it.
fn bare(number: String) -> Target {
    Target {
        bound: None,
        value: Amount(number.parse().unwrap_or_default()),
    }
}
