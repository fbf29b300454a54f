//! Alerts about customers beside the at-risk alert: opened once when their reason comes up, closed when it has gone (S2-66 to S2-70).
//!
//! Invariants: at most one alert per customer and reason is open; what hangs on a value that is missing opens and closes nothing.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use crate::condition::{Condition, ConditionError};
use crate::customer::Customer;
use crate::definitions::{AlertFile, AlertRule, ExpansionSignal, Label, MetricFile};
use crate::exact::Exact;
use crate::fact::field;
use crate::health::{HealthRecord, Measures, Snapshot, filled};
use crate::metrics::day;
use crate::names::fold;

mod contacts;
mod score;

/// Reasons, as alert facts and events name them.
pub mod reason {
    pub const SCORE_DROP: &str = "score-drop";
    pub const BAND_WORSENED: &str = "band-worsened";
    pub const ENGAGEMENT_CHANGE: &str = "engagement-change";
    pub const COMPETITOR: &str = "competitor";
    pub const RENEWAL_RISK: &str = "renewal-risk";
    pub const EXPANSION: &str = "expansion";
}

/// Names that a condition of an expansion signal may use beside metrics.
const SCORE: &str = "score";
const SEVERITY: &str = "severity";

/// Compiled alert rules.
#[derive(Clone, Debug)]
pub struct AlertRules {
    file: AlertFile,
    /// How often one reason may alarm about one customer.
    rate: AlertRule,
    expansion: Vec<(Condition, Label)>,
    phrases: Vec<String>,
}

/// A customer as it is now, for the rules.
#[derive(Clone, Copy, Debug)]
pub struct Present<'a> {
    pub customer: &'a Customer,
    pub at: Timestamp,
    pub zone: &'a TimeZone,
    /// `None` where it is in no band.
    pub severity: Option<u8>,
    pub snapshot: &'a Snapshot,
    pub values: &'a Measures<'a>,
    /// The health records of the days before, oldest first.
    pub history: &'a [HealthRecord],
}

/// What has to become of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertChange {
    pub reason: &'static str,
    pub kind: AlertChangeKind,
    pub severity: u8,
    /// What has to be regained for it to close, where that is a number.
    pub level: Option<Decimal>,
    pub because: Label,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertChangeKind {
    Open,
    /// To be opened, but it was opened too often of late: held back until it was not.
    Damped,
    Close,
}

/// What a rule says of the present.
enum Said {
    Holds {
        level: Option<Decimal>,
        because: Label,
    },
    Gone(Label),
    /// Neither: it stays as it is.
    Unclear,
}

impl AlertRules {
    /// # Errors
    /// When a condition is wrong; a file that loaded always compiles.
    pub fn compile(file: &AlertFile, rate: AlertRule, metrics: &MetricFile) -> Result<Self, ConditionError> {
        let signals = file.expansion.iter().flat_map(|rule| &rule.signals);
        let expansion = signals.map(|signal| Ok((Self::condition(signal, metrics)?, signal.because.clone())));
        let phrases = file.competitor.iter().flat_map(|rule| &rule.phrases);
        Ok(Self {
            expansion: expansion.collect::<Result<_, _>>()?,
            phrases: phrases.map(|phrase| fold(phrase)).collect(),
            file: file.clone(),
            rate,
        })
    }

    pub(crate) fn condition(
        signal: &ExpansionSignal,
        metrics: &MetricFile,
    ) -> Result<Condition, ConditionError> {
        Condition::compile(&signal.when, &expansion_names(metrics))
    }

    /// How many days of records the rules look back on.
    #[must_use]
    pub fn history_days(&self) -> i64 {
        let drop = self.file.score_drop.as_ref();
        drop.map_or(0, |rule| rule.within_days.max(rule.median_weeks * 7))
    }

    /// Whether the rules need the records of the days before to say anything of this customer: its score or band is worse than
    /// at the last one, or an alert that they close is open.
    #[must_use]
    pub fn need_history(&self, present: &Present<'_>, last: Option<&HealthRecord>) -> bool {
        let open = present.customer.alert_open(reason::SCORE_DROP);
        let fell = last.is_some_and(|last| match (&last.snapshot.score, &present.snapshot.score) {
            (Some(before), Some(now)) => now < before,
            _ => false,
        });
        open || fell
    }

    /// Every alert that has to be opened, held back or closed, in a fixed order.
    #[must_use]
    pub fn changes(&self, present: &Present<'_>) -> Vec<AlertChange> {
        let file = &self.file;
        let rules = [
            (
                reason::SCORE_DROP,
                file.score_drop
                    .map(|rule| (rule.cooldown_days, score::drop(&rule, present))),
            ),
            (
                reason::BAND_WORSENED,
                file.band_worsened
                    .map(|rule| (rule.cooldown_days, score::worsened(&rule, present))),
            ),
            (
                reason::ENGAGEMENT_CHANGE,
                file.engagement_change
                    .map(|rule| (rule.cooldown_days, contacts::rarer(&rule, present))),
            ),
            (
                reason::COMPETITOR,
                file.competitor
                    .as_ref()
                    .map(|rule| (rule.cooldown_days, self.named(rule.within_days, present))),
            ),
            (
                reason::RENEWAL_RISK,
                file.renewal_risk
                    .map(|rule| (rule.cooldown_days, score::renewal(&rule, present))),
            ),
            (
                reason::EXPANSION,
                file.expansion
                    .as_ref()
                    .map(|rule| (rule.cooldown_days, self.expands(present))),
            ),
        ];
        let changes = rules.into_iter().filter_map(|(reason, said)| {
            let (cooldown_days, said) = said?;
            self.change(reason, cooldown_days, said, present)
        });
        changes.collect()
    }

    fn change(
        &self,
        reason: &'static str,
        cooldown_days: i64,
        said: Said,
        present: &Present<'_>,
    ) -> Option<AlertChange> {
        let Present { customer, at, .. } = *present;
        let known = customer.alerts.get(reason);
        // One that was changed later was changed by a task that knew more.
        if known.is_some_and(|known| known.observed > at) {
            return None;
        }
        let is_open = known.is_some_and(|known| known.value.open);
        let severity = present
            .severity
            .or(known.map(|known| known.value.severity))
            .unwrap_or(0);
        let (kind, level, because) = match said {
            Said::Holds { level, because } if !is_open => {
                if opened_within(customer, reason, at, cooldown_days) > 0 {
                    return None;
                }
                let kind = if is_flapping(customer, reason, at, self.rate) {
                    AlertChangeKind::Damped
                } else {
                    AlertChangeKind::Open
                };
                (kind, level, because)
            }
            Said::Gone(because) if is_open => (AlertChangeKind::Close, None, because),
            Said::Holds { .. } | Said::Gone(_) | Said::Unclear => return None,
        };
        Some(AlertChange {
            reason,
            kind,
            severity,
            level,
            because,
        })
    }

    fn named(&self, within_days: i64, present: &Present<'_>) -> Said {
        let own = present.customer.field(field::COMPETITORS).unwrap_or_default();
        let own = own.split(',').map(fold).filter(|phrase| !phrase.is_empty());
        let phrases: BTreeSet<String> = self.phrases.iter().cloned().chain(own).collect();
        contacts::named(&phrases, within_days, present)
    }

    fn expands(&self, present: &Present<'_>) -> Said {
        let value = |name: &str| match name {
            SCORE => present.snapshot.score.as_ref().map(Exact::to_decimal),
            SEVERITY => present.severity.map(Decimal::from),
            name => present.values.get(name)?.value.number(),
        };
        let mut unclear = false;
        for (condition, because) in &self.expansion {
            match condition.decide(&value) {
                Some(true) => {
                    let text = |text: &String| filled(text, &value);
                    let because = Label {
                        sv: text(&because.sv),
                        en: text(&because.en),
                        nl: because.nl.as_ref().map(text),
                    };
                    return Said::Holds { level: None, because };
                }
                Some(false) => {}
                None => unclear = true,
            }
        }
        if unclear {
            Said::Unclear
        } else {
            Said::Gone(label(
                "Tecknet på att kunden vill ha mer har gått över",
                "The sign that they want more has passed",
            ))
        }
    }
}

/// Every name that the condition of an expansion signal may use.
pub(crate) fn expansion_names(metrics: &MetricFile) -> BTreeSet<&str> {
    let numbers = metrics.metrics.iter().filter(|metric| !metric.is_text());
    numbers
        .map(|metric| metric.id.as_str())
        .chain([SCORE, SEVERITY])
        .collect()
}

/// Whether alerts with this reason were opened as often of late as the rate allows.
#[must_use]
pub fn is_flapping(customer: &Customer, reason: &str, at: Timestamp, rate: AlertRule) -> bool {
    opened_within(customer, reason, at, rate.window_days) >= rate.most
}

fn opened_within(customer: &Customer, reason: &str, at: Timestamp, days: i64) -> usize {
    let window = SignedDuration::from_hours(24 * days);
    customer.alerts_since(reason, at.checked_sub(window).unwrap_or(Timestamp::MIN))
}

fn label(sv: impl Into<String>, en: impl Into<String>) -> Label {
    Label {
        sv: sv.into(),
        en: en.into(),
        nl: None,
    }
}

impl Present<'_> {
    fn today(&self) -> Date {
        day(self.at, self.zone)
    }

    /// When the alert of this reason was opened, and what has to be regained.
    fn opened(&self, reason: &str) -> Option<(Timestamp, Option<Decimal>)> {
        let known = self.customer.alerts.get(reason)?;
        known.value.open.then_some((known.observed, known.value.level))
    }

    /// Records by the model that decides now: those of another cannot be compared.
    fn comparable(&self) -> impl DoubleEndedIterator<Item = &HealthRecord> {
        let now = self.snapshot;
        self.history
            .iter()
            .filter(|record| record.snapshot.is_comparable(now))
    }
}

/// The middle of sorted numbers; of an even count, the mean of the two in the middle.
fn median(mut numbers: Vec<Exact>) -> Option<Exact> {
    numbers.sort();
    let middle = numbers.len() / 2;
    let upper = numbers.get(middle)?;
    if numbers.len() % 2 == 1 {
        return Some(upper.clone());
    }
    numbers[middle - 1].plus(upper).over(&Exact::whole(2))
}

#[cfg(test)]
mod tests;
