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
use crate::signals::tomorrow;

mod contacts;
mod score;

/// Reasons, as alert facts and events name them.
pub mod reason {
    /// Told by the rule of the health model.
    pub const AT_RISK: &str = "at-risk";
    pub const SCORE_DROP: &str = "score-drop";
    pub const BAND_WORSENED: &str = "band-worsened";
    pub const ENGAGEMENT_CHANGE: &str = "engagement-change";
    pub const COMPETITOR: &str = "competitor";
    pub const RENEWAL_RISK: &str = "renewal-risk";
    pub const EXPANSION: &str = "expansion";
    pub const ALL: [&str; 7] = [
        AT_RISK,
        SCORE_DROP,
        BAND_WORSENED,
        ENGAGEMENT_CHANGE,
        COMPETITOR,
        RENEWAL_RISK,
        EXPANSION,
    ];
}

/// Names that a condition of an expansion signal may use beside metrics.
const SCORE: &str = "score";
const SEVERITY: &str = "severity";

/// Compiled alert rules.
#[derive(Clone, Debug)]
pub struct AlertRules {
    file: AlertFile,
    expansion: Vec<(Condition, Label)>,
    /// Whether a sign of expansion rests on days that go by.
    ages: bool,
    phrases: Vec<String>,
}

/// A customer as it is now, for the rules.
#[derive(Clone, Copy, Debug)]
pub struct Present<'a> {
    pub customer: &'a Customer,
    pub at: Timestamp,
    pub zone: &'a TimeZone,
    /// How often one reason may alarm about it.
    pub rate: AlertRule,
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
    pub fn compile(file: &AlertFile, metrics: &MetricFile) -> Result<Self, ConditionError> {
        let signals = file.expansion.iter().flat_map(|rule| &rule.signals);
        let expansion = signals.map(|signal| Ok((Self::condition(signal, metrics)?, signal.because.clone())));
        let phrases = file.competitor.iter().flat_map(|rule| &rule.phrases);
        let expansion: Vec<(Condition, Label)> = expansion.collect::<Result<_, _>>()?;
        let aging = metrics
            .metrics
            .iter()
            .filter(|metric| metric.from.is_days_since_contact());
        let aging: BTreeSet<&str> = aging.map(|metric| metric.id.as_str()).collect();
        let names = expansion.iter().flat_map(|(condition, _)| condition.names());
        Ok(Self {
            ages: names.map(String::as_str).any(|name| aging.contains(name)),
            expansion,
            phrases: phrases.map(|phrase| fold(phrase)).collect(),
            file: file.clone(),
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
            (None, Some(_)) => true,
            (_, None) => false,
        });
        let returned =
            last.is_some_and(|last| last.snapshot.severity.is_none() && present.severity.is_some());
        open || fell || returned
    }

    /// Every alert that has to be opened, held back or closed, in a fixed order.
    #[must_use]
    pub fn changes(&self, present: &Present<'_>) -> Vec<AlertChange> {
        if !present.customer.is_active() {
            return left(present);
        }
        let changes = self.say(present).into_iter();
        let changes = changes
            .filter_map(|(reason, cooldown_days, said)| self.change(reason, cooldown_days, said, present));
        changes.collect()
    }

    /// What each rule says, with how long its reason rests.
    fn say(&self, present: &Present<'_>) -> Vec<(&'static str, i64, Said)> {
        let file = &self.file;
        let mut said = Vec::with_capacity(6);
        if let Some(rule) = &file.score_drop {
            said.push((reason::SCORE_DROP, rule.cooldown_days, score::drop(rule, present)));
        }
        if let Some(rule) = &file.band_worsened {
            said.push((
                reason::BAND_WORSENED,
                rule.cooldown_days,
                score::worsened(rule, present),
            ));
        }
        if let Some(rule) = &file.engagement_change {
            said.push((
                reason::ENGAGEMENT_CHANGE,
                rule.cooldown_days,
                contacts::rarer(rule, present),
            ));
        }
        if let Some(rule) = &file.competitor {
            let said_of = contacts::named(&self.phrases_of(present), rule.within_days, present);
            said.push((reason::COMPETITOR, rule.cooldown_days, said_of));
        }
        if let Some(rule) = &file.renewal_risk {
            said.push((
                reason::RENEWAL_RISK,
                rule.cooldown_days,
                score::renewal(rule, present),
            ));
        }
        if let Some(rule) = &file.expansion {
            said.push((reason::EXPANSION, rule.cooldown_days, self.expands(present)));
        }
        said
    }

    /// The first later day on which a rule may say something else, though no fact has come and the health stays as it is.
    #[must_use]
    pub fn hold_until(&self, present: &Present<'_>) -> Date {
        let (file, today) = (&self.file, present.today());
        let mut until = Date::MAX;
        if let Some(rule) = &file.engagement_change {
            until = until.min(contacts::rarer_until(rule, present));
        }
        if let Some(rule) = &file.competitor {
            until = until.min(contacts::named_until(
                &self.phrases_of(present),
                rule.within_days,
                present,
            ));
        }
        if let Some(rule) = &file.renewal_risk {
            until = until.min(score::renewal_until(rule, present));
        }
        // Others are closed when they are old, and what holds and is not open yet rests only for a while.
        let is_other_open = present
            .customer
            .alerts
            .iter()
            .any(|(name, alert)| alert.value.open && name != reason::AT_RISK);
        if is_other_open || self.ages || self.waits(present) {
            until = until.min(tomorrow(today));
        }
        until
    }

    /// Whether a rule holds whose alert is not open.
    fn waits(&self, present: &Present<'_>) -> bool {
        let rules = self.say(present);
        rules.into_iter().any(|(reason, _, said)| {
            matches!(said, Said::Holds { .. }) && !present.customer.alert_open(reason)
        })
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
                let kind = if is_flapping(customer, reason, at, present.rate) {
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

    /// What is looked for in what is known of the customer: the file's phrases and its own.
    fn phrases_of(&self, present: &Present<'_>) -> BTreeSet<String> {
        let own = present.customer.field(field::COMPETITORS).unwrap_or_default();
        let own = own.split(',').map(fold).filter(|phrase| !phrase.is_empty());
        self.phrases.iter().cloned().chain(own).collect()
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

/// Whoever has left leaves no alert open.
fn left(present: &Present<'_>) -> Vec<AlertChange> {
    let alerts = &present.customer.alerts;
    let open = reason::ALL.into_iter().filter_map(|reason| {
        let known = alerts.get(reason)?;
        (known.value.open && known.observed <= present.at).then(|| AlertChange {
            reason,
            kind: AlertChangeKind::Close,
            severity: known.value.severity,
            level: None,
            because: label(
                "Kunden är inte längre kund",
                "The customer is no longer a customer",
            ),
        })
    });
    open.collect()
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
