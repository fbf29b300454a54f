//! A result as it is kept, and what changed since: row by row, summing exactly to the change of the score.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::result::{HealthResult, State};
use crate::exact::Exact;

/// What stays of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub model: Arc<str>,
    pub version: u32,
    pub hash: Arc<str>,
    pub score: Option<Exact>,
    pub state: Kept,
    /// Of the band; `None` where it is in none.
    pub severity: Option<u8>,
    /// The contribution of each row by its name.
    pub rows: BTreeMap<Arc<str>, Exact>,
}

/// A state as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    Band(String),
    NotScored,
    Unclassified,
    InGrace,
}

/// What is different from an earlier result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub from: Kept,
    pub to: Kept,
    /// Whether another model, or another version of it, decided then: the numbers are hardly comparable.
    pub model_changed: bool,
    /// Of the score; `None` where either had none.
    pub difference: Option<Exact>,
    /// Each row that changed, the largest change first. Empty where either had no score.
    pub rows: Vec<ChangedRow>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedRow {
    pub name: String,
    pub before: Exact,
    pub after: Exact,
    pub difference: Exact,
}

impl Snapshot {
    #[must_use]
    pub fn of(result: &HealthResult<'_>) -> Self {
        let mut rows: BTreeMap<Arc<str>, Exact> = BTreeMap::new();
        for row in &result.contributions {
            // Two exceptions may have one id.
            let sum = rows.entry(row.row.name()).or_insert(Exact::ZERO);
            *sum = sum.plus(&row.contribution);
        }
        Self {
            model: result.model.id.clone(),
            version: result.model.version,
            hash: result.model.hash.clone(),
            score: result.score.clone(),
            state: match &result.state {
                State::Band(band) => Kept::Band(band.key.clone()),
                State::NotScored(_) => Kept::NotScored,
                State::Unclassified => Kept::Unclassified,
                State::InGrace { .. } => Kept::InGrace,
            },
            severity: result.band().map(|band| band.severity),
            rows,
        }
    }

    #[must_use]
    pub fn band(&self) -> Option<&str> {
        match &self.state {
            Kept::Band(key) => Some(key),
            Kept::NotScored | Kept::Unclassified | Kept::InGrace => None,
        }
    }

    /// Whether one model, in one version, gave both.
    #[must_use]
    pub fn is_comparable(&self, other: &Self) -> bool {
        self.model == other.model && self.hash == other.hash
    }

    /// What changed from this result to a later one.
    #[must_use]
    pub fn change_to(&self, later: &Self) -> Change {
        let names: BTreeSet<&Arc<str>> = self.rows.keys().chain(later.rows.keys()).collect();
        let value =
            |rows: &BTreeMap<Arc<str>, Exact>, name: &str| rows.get(name).cloned().unwrap_or(Exact::ZERO);
        let difference = match (&self.score, &later.score) {
            (Some(before), Some(after)) => Some(after.minus(before)),
            _ => None,
        };
        let rows = names.into_iter().filter(|_| difference.is_some()).map(|name| {
            let (before, after) = (value(&self.rows, name), value(&later.rows, name));
            ChangedRow {
                name: name.to_string(),
                difference: after.minus(&before),
                before,
                after,
            }
        });
        let mut rows: Vec<ChangedRow> = rows.filter(|row| !row.difference.is_zero()).collect();
        let size = |row: &ChangedRow| {
            if row.difference.is_negative() {
                row.difference.opposite()
            } else {
                row.difference.clone()
            }
        };
        rows.sort_by_key(|row| std::cmp::Reverse(size(row)));
        Change {
            from: self.state.clone(),
            to: later.state.clone(),
            model_changed: !self.is_comparable(later),
            difference,
            rows,
        }
    }
}
