//! One row of a file, whatever its format: named texts, and the line it starts on.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Longest name of a column, in bytes: it stands in every message about a row.
pub(crate) const NAME_BYTES_MAX: usize = 1_024;

/// The names of a file's columns.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Columns {
    names: Vec<String>,
    /// By name, so that the content of a row does not depend on the order of its columns.
    places: BTreeMap<String, usize>,
}

impl Columns {
    /// The names in file order.
    ///
    /// # Errors
    /// A name that is there twice.
    pub(crate) fn new(names: Vec<String>) -> Result<Self, String> {
        let mut places = BTreeMap::new();
        for (place, name) in names.iter().enumerate() {
            if places.insert(name.clone(), place).is_some() {
                return Err(name.clone());
            }
        }
        Ok(Self { names, places })
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }
}

#[derive(Debug)]
pub(crate) struct Row {
    /// The line it starts on, from 1.
    pub line: u64,
    columns: Arc<Columns>,
    values: Vec<String>,
}

impl Row {
    /// `values` are as many as `columns` has names.
    pub(crate) fn new(line: u64, columns: Arc<Columns>, values: Vec<String>) -> Self {
        debug_assert_eq!(columns.names.len(), values.len());
        Self {
            line,
            columns,
            values,
        }
    }

    /// The value without the blanks around it; `None` where the row has no such column.
    pub(crate) fn get(&self, column: &str) -> Option<&str> {
        let place = *self.columns.places.get(column)?;
        self.values.get(place).map(|value| value.trim())
    }

    /// Names and values in the order of the names, without those that are empty.
    pub(crate) fn content(&self) -> impl Iterator<Item = (&str, &str)> {
        self.columns.places.iter().filter_map(|(name, place)| {
            let value = self.values.get(*place)?.trim();
            (!value.is_empty()).then_some((name.as_str(), value))
        })
    }
}
