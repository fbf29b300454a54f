//! The rule engine of customer health (S0-11, D-05, D-26): metrics in, a band with its reasons out. Pure.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use thiserror::Error;

use crate::condition::{Condition, ConditionError, Lookup};
use crate::definitions::{Band, HealthModel, HealthRule, Label, ModelKind};
use crate::metrics::METRICS;

mod check;
mod compile;
mod hysteresis;
mod record;
mod result;
mod rules;
mod scorer;
mod snapshot;
mod weighted;

pub use check::{CheckContext, Measures, Override};
pub use compile::{CompiledModel, Rule};
pub use record::HealthRecord;
pub use result::{
    AppliedOverride, Contribution, Freshness, HealthResult, Reading, Reason as OverrideReason, Row, State,
    Why,
};
pub(crate) use scorer::Scorer;
pub use snapshot::{Change, ChangedRow, Kept, Snapshot};

/// A compiled rule model.
#[derive(Clone, Debug)]
pub struct HealthRules {
    params: BTreeMap<String, i64>,
    rules: Vec<BandRule>,
    bands: Vec<Band>,
    otherwise: usize,
}

#[derive(Clone, Debug)]
struct BandRule {
    id: String,
    /// Its place among the bands.
    band: usize,
    condition: Compound,
    because: Label,
}

/// The condition of a rule: one, or several of which any or all must hold.
#[derive(Clone, Debug)]
pub(crate) struct Compound {
    /// Whether all must hold; one is enough otherwise.
    all: bool,
    conditions: Vec<Condition>,
}

impl Compound {
    pub(crate) fn compile(rule: &HealthRule, names: &BTreeSet<&str>) -> Result<Self, HealthError> {
        let conditions = rule.conditions().map(|text| {
            Condition::compile(text, names).map_err(|source| HealthError::Condition {
                rule: rule.id.clone(),
                source,
            })
        });
        let conditions = conditions.collect::<Result<Vec<_>, _>>()?;
        let written = [!rule.when.is_empty(), !rule.any.is_empty(), !rule.all.is_empty()];
        if written.into_iter().filter(|written| *written).count() != 1 {
            let what = format!("the rule {:?} needs one of `when`, `any` and `all`", rule.id);
            return Err(HealthError::Model(what));
        }
        Ok(Self {
            all: rule.any.is_empty(),
            conditions,
        })
    }

    /// A condition whose metric is missing holds.
    fn holds(&self, value: Lookup<'_>) -> bool {
        let mut conditions = self.conditions.iter();
        if self.all {
            conditions.all(|condition| condition.holds(value))
        } else {
            conditions.any(|condition| condition.holds(value))
        }
    }

    /// `None` where that hangs on a value that is missing.
    pub(crate) fn decide(&self, value: Lookup<'_>) -> Option<bool> {
        // What settles it, whatever the others say.
        let settles = !self.all;
        let mut unknown = false;
        for condition in &self.conditions {
            match condition.decide(value) {
                Some(holds) if holds == settles => return Some(settles),
                Some(_) => {}
                None => unknown = true,
            }
        }
        (!unknown).then_some(!settles)
    }

    pub(crate) fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.conditions
            .iter()
            .flat_map(|condition| condition.names().iter().map(String::as_str))
    }
}

/// A model that cannot be compiled; one that [`crate::definitions::Definitions::parse`] accepted always can.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HealthError {
    #[error("the band {0:?} is not defined")]
    UnknownBand(String),
    #[error("{0}")]
    Model(String),
    #[error("the condition of rule {rule:?} is wrong")]
    Condition { rule: String, source: ConditionError },
}

/// What the rules say of one customer.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict<'a> {
    pub band: &'a Band,
    /// The rule that decided; `None` where none held.
    pub rule: Option<&'a str>,
    /// Every rule that held, worst first: the first of them decided.
    pub reasons: Vec<Reason<'a>>,
}

/// A rule that held, in words.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason<'a> {
    pub rule: &'a str,
    pub severity: u8,
    /// With every placeholder filled.
    pub text: Label,
}

impl Verdict<'_> {
    /// Why, in words; `None` for a customer for whom no rule held.
    #[must_use]
    pub fn because(&self) -> Option<&Label> {
        self.reasons.first().map(|reason| &reason.text)
    }
}

impl HealthRules {
    /// # Errors
    /// When a rule names an unknown band or has a condition that is none.
    pub fn compile(model: &HealthModel) -> Result<Self, HealthError> {
        if model.kind != ModelKind::Rules {
            return Err(HealthError::Model("the model is no rule model".to_owned()));
        }
        let place = |key: &str| {
            let place = model.bands.iter().position(|band| band.key == key);
            place.ok_or_else(|| HealthError::UnknownBand(key.to_owned()))
        };
        let metrics = METRICS.iter().map(|metric| metric.name);
        let names: BTreeSet<&str> = metrics.chain(model.params.keys().map(String::as_str)).collect();
        let mut rules = Vec::with_capacity(model.rules.len());
        for rule in &model.rules {
            let condition = Compound::compile(rule, &names)?;
            let band = place(&rule.band)?;
            rules.push(BandRule {
                id: rule.id.clone(),
                band,
                condition,
                because: rule.because.clone(),
            });
        }
        let otherwise = place(&model.otherwise)?;
        let (params, bands) = (model.params.clone(), model.bands.clone());
        Ok(Self {
            params,
            rules,
            bands,
            otherwise,
        })
    }

    /// Decides by these metrics. A rule whose metric is missing holds, with `?` in its reason: what cannot be told is not healthy.
    #[must_use]
    pub fn check(&self, metrics: &BTreeMap<&str, i64>) -> Verdict<'_> {
        let value = |name: &str| {
            let number = metrics.get(name).or_else(|| self.params.get(name));
            number.copied().map(Decimal::from)
        };
        let mut reasons = Vec::new();
        let mut band = None;
        for rule in &self.rules {
            if rule.condition.holds(&value) {
                let text = Label {
                    sv: filled(&rule.because.sv, &value),
                    en: filled(&rule.because.en, &value),
                    nl: None,
                };
                band.get_or_insert((rule.band, rule.id.as_str()));
                reasons.push(Reason {
                    rule: &rule.id,
                    severity: self.bands[rule.band].severity,
                    text,
                });
            }
        }
        // Stable: rules of one severity stay in the file's order, so that the one that decided stays first.
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.severity));
        let (place, rule) = band.map_or((self.otherwise, None), |(place, rule)| (place, Some(rule)));
        Verdict {
            band: &self.bands[place],
            rule,
            reasons,
        }
    }

    /// The bands, as the file orders them.
    #[must_use]
    pub fn bands(&self) -> &[Band] {
        &self.bands
    }
}

/// The names in braces.
pub(crate) fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

fn filled(text: &str, value: Lookup<'_>) -> String {
    let mut pieces = text.split('{');
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.split_once('}') {
            Some((name, rest)) => {
                let number =
                    value(name).map_or_else(|| "?".to_owned(), |number| number.normalize().to_string());
                filled.push_str(&number);
                filled.push_str(rest);
            }
            None => {
                filled.push('{');
                filled.push_str(piece);
            }
        }
    }
    filled
}

#[cfg(test)]
mod model_tests;

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::definitions::Definitions;

    fn rules() -> HealthRules {
        HealthRules::compile(&Definitions::shipped().health.body).unwrap()
    }

    fn metrics(days: i64, touchpoints: i64, overdue: i64) -> BTreeMap<&'static str, i64> {
        BTreeMap::from([
            ("days_since_contact", days),
            ("touchpoints", touchpoints),
            ("overdue_todos", overdue),
            ("open_todos", overdue),
            ("open_opportunities", 0),
            ("stale_opportunities", 0),
        ])
    }

    #[track_caller]
    fn check(days: i64, touchpoints: i64, overdue: i64, expected: Expect) {
        let rules = rules();
        let verdict = rules.check(&metrics(days, touchpoints, overdue));
        let reasons: Vec<String> = verdict
            .reasons
            .iter()
            .map(|reason| format!("\n{}: {}", reason.rule, reason.text.sv))
            .collect();
        expected.assert_eq(&format!("{}{}", verdict.band.key, reasons.concat()));
    }

    #[test]
    fn the_borders_of_recency_and_todos() {
        check(59, 3, 5, expect!["frisk"]);
        check(
            60,
            3,
            0,
            expect![[r#"
            uppmarksamhet
            contact_due: 60 dagar sedan senaste kontakt (varning från 60)"#]],
        );
        check(
            90,
            3,
            0,
            expect![[r#"
            uppmarksamhet
            contact_due: 90 dagar sedan senaste kontakt (varning från 60)"#]],
        );
        check(
            91,
            3,
            0,
            expect![[r#"
            akut
            contact_critical: 91 dagar sedan senaste kontakt (gräns 90)"#]],
        );
        check(
            3,
            3,
            6,
            expect![[r#"
            uppmarksamhet
            todos_overdue: 6 försenade todos (högst 5)"#]],
        );
    }

    #[test]
    fn every_rule_that_holds_is_a_reason_and_the_worst_decides() {
        check(
            120,
            3,
            9,
            expect![[r#"
            akut
            contact_critical: 120 dagar sedan senaste kontakt (gräns 90)
            todos_overdue: 9 försenade todos (högst 5)"#]],
        );
    }

    #[test]
    fn silence_from_the_start_is_not_health() {
        check(
            91,
            0,
            0,
            expect![[r#"
            akut
            never_contacted_critical: Ingen har haft kontakt sedan kunden lades upp för 91 dagar sedan (gräns 90)"#]],
        );
        check(
            60,
            0,
            0,
            expect![[r#"
            uppmarksamhet
            never_contacted: Ingen har haft kontakt sedan kunden lades upp för 60 dagar sedan (varning från 60)"#]],
        );
    }

    #[test]
    fn a_missing_metric_is_never_healthy() {
        let rules = rules();
        let mut metrics = metrics(1, 1, 0);
        metrics.remove("overdue_todos");
        let verdict = rules.check(&metrics);
        assert_eq!(verdict.band.key, "uppmarksamhet");
        assert_eq!(verdict.because().unwrap().en, "? overdue todos (at most 5)");
    }
}
