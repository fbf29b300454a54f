//! The engine of customer health (S0-11, A7.2): measures in, a score or a band with its reasons out. Pure.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::condition::{Condition, ConditionError, Lookup};
use crate::definitions::HealthRule;

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
pub use record::{HealthRecord, SameHealth};
pub use result::{
    AppliedOverride, Contribution, Freshness, HealthResult, Reading, Reason as OverrideReason, Row, State,
    Why,
};
pub(crate) use scorer::Scorer;
pub use snapshot::{Change, ChangedRow, Kept, Snapshot};

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

/// The names in braces.
pub(crate) fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

pub(crate) fn filled(text: &str, value: Lookup<'_>) -> String {
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
