//! The three things that can be wrong: the mapping, the file as a whole, one row.

use std::fmt;
use std::path::Path;

use thiserror::Error;

/// The mapping file cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{}: {message}", Place(file, *line))]
pub struct MappingError {
    pub file: String,
    /// The line in the mapping file, from 1, where one can be told.
    pub line: Option<u64>,
    pub message: String,
    /// What would mend it.
    pub hint: Option<String>,
}

/// A file cannot be imported at all; nothing of it was read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{}: {message}", Place(file, *line))]
pub struct ImportError {
    pub file: String,
    pub line: Option<u64>,
    pub message: String,
    /// What would mend it.
    pub hint: Option<String>,
}

/// One row yields nothing; the rows after it are read on.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{}: {}{message}", Place(file, Some(*line)), Column(column.as_deref()))]
pub struct RowError {
    pub file: String,
    /// The line on which the row starts, from 1; of a line that cannot be read, that line.
    pub line: u64,
    /// The column as the file names it, where one is to blame.
    pub column: Option<String>,
    pub message: String,
}

impl ImportError {
    pub(crate) fn new(file: &str, line: Option<u64>, message: impl Into<String>, hint: &str) -> Self {
        Self {
            file: file.to_owned(),
            line,
            message: one_line(&message.into()),
            hint: (!hint.is_empty()).then(|| hint.to_owned()),
        }
    }
}

/// What is wrong with one value of a row, before file and line are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldError {
    pub column: Option<String>,
    pub message: String,
}

impl FieldError {
    pub(crate) fn new(column: Option<&str>, message: impl Into<String>) -> Self {
        Self {
            column: column.map(str::to_owned),
            message: one_line(&message.into()),
        }
    }

    pub(crate) fn at(self, file: &str, line: u64) -> RowError {
        RowError {
            file: file.to_owned(),
            line,
            column: self.column,
            message: self.message,
        }
    }
}

/// A value as a message cites it: at most 40 characters, control characters escaped.
pub(crate) fn cited(text: &str) -> String {
    shown(text, 40)
}

/// A message on one line and of bounded length, whatever names it cites: one that repeats with every row must stay small.
pub(crate) fn one_line(message: &str) -> String {
    shown(message, 600)
}

fn shown(text: &str, chars_max: usize) -> String {
    let mut shown = String::new();
    for c in text.chars().take(chars_max) {
        if c.is_control() {
            shown.extend(c.escape_default())
        } else {
            shown.push(c)
        }
    }
    if text.chars().nth(chars_max).is_some() {
        shown.push('…');
    }
    shown
}

/// The path as messages print it.
pub(crate) fn file_name(path: &Path) -> String {
    path.display().to_string()
}

struct Place<'a>(&'a str, Option<u64>);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(line) => write!(f, "{}:{line}", self.0),
            None => f.write_str(self.0),
        }
    }
}

struct Column<'a>(Option<&'a str>);

impl fmt::Display for Column<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(column) => write!(f, "column `{}`: ", cited(column)),
            None => Ok(()),
        }
    }
}
