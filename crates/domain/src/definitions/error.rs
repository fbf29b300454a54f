//! What is wrong with a definition file, where, and what would mend it.

use std::fmt;

use thiserror::Error;

/// One thing to mend in one file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct DefinitionError {
    /// The file's name, `health.yaml`.
    pub file: String,
    /// Counted from 1; `None` where the fault has no one place.
    pub line: Option<usize>,
    pub what: String,
    /// What would mend it.
    pub mend: String,
}

/// How bad a lint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It does not load.
    Error,
    /// It loads: odd, and settled by a decision.
    Warning,
}

/// Something odd in a definition (requirements A7.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    pub level: Level,
    pub fault: DefinitionError,
    /// What settles it.
    pub decision: Option<String>,
}

/// Longest text of what is wrong, and of what would mend it, in characters: they may cite names of any length.
pub(super) const TEXT_CHARS_MAX: usize = 800;

impl DefinitionError {
    pub(super) fn new(file: &str, line: Option<usize>, what: &str, mend: &str) -> Self {
        Self {
            file: file.to_owned(),
            line,
            what: one_line(what),
            mend: one_line(mend),
        }
    }
}

fn one_line(text: &str) -> String {
    let mut line: String = text
        .chars()
        .take(TEXT_CHARS_MAX)
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    if text.chars().nth(TEXT_CHARS_MAX).is_some() {
        line.push('…');
    }
    line
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}; {}", self.file, self.what, self.mend),
            None => write!(f, "{}: {}; {}", self.file, self.what, self.mend),
        }
    }
}

/// Everything that is wrong, in the order of the files; one fault a line when printed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct DefinitionErrors(pub Vec<DefinitionError>);

impl fmt::Display for DefinitionErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.level, self.fault)
    }
}
