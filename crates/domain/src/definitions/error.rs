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
