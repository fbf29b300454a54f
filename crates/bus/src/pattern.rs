//! Subject patterns as NATS has them: `*` is one token, `>` at the end is one or more.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A pattern that subjects match or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

/// Why a text is not a pattern, or not a subject.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PatternError {
    #[error("subject `{0}` has an empty token")]
    EmptyToken(String),
    #[error("subject `{0}` contains white space or a control character")]
    Space(String),
    #[error("subject `{0}` has a wildcard where none can stand")]
    Wildcard(String),
}

impl Pattern {
    /// Whether this subject matches.
    #[must_use]
    pub fn matches(&self, subject: &str) -> bool {
        let mut tokens = subject.split('.');
        for wanted in self.0.split('.') {
            match (wanted, tokens.next()) {
                (_, None) => return false,
                (">", Some(_)) => return true,
                ("*", Some(_)) => {}
                (wanted, Some(token)) if wanted == token => {}
                (_, Some(_)) => return false,
            }
        }
        tokens.next().is_none()
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        check_tokens(text)?;
        let count = text.split('.').count();
        for (index, token) in text.split('.').enumerate() {
            let last = index + 1 == count;
            let wild = token.contains(['*', '>']);
            if wild && token != "*" && !(token == ">" && last) {
                return Err(PatternError::Wildcard(text.to_owned()));
            }
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks a subject that is published to.
///
/// # Errors
/// Empty tokens, white space, wildcards.
pub(crate) fn check_subject(subject: &str) -> Result<(), PatternError> {
    check_tokens(subject)?;
    if subject.split('.').any(|token| token == "*" || token == ">") {
        return Err(PatternError::Wildcard(subject.to_owned()));
    }
    Ok(())
}

fn check_tokens(text: &str) -> Result<(), PatternError> {
    if text.split('.').any(str::is_empty) {
        return Err(PatternError::EmptyToken(text.to_owned()));
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(PatternError::Space(text.escape_debug().to_string()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_on_the_broker() {
        let matches = |pattern: &str, subject: &str| pattern.parse::<Pattern>().unwrap().matches(subject);
        assert!(matches("kunder.event.>", "kunder.event.customer-health.at-risk"));
        assert!(!matches("kunder.event.>", "kunder.event"));
        assert!(matches("kunder.*.pipeline", "kunder.task.pipeline"));
        assert!(!matches("kunder.*.pipeline", "kunder.task.pipeline.1"));
        assert!(!matches("kunder.*", "kunder"));
        assert!(matches("kunder", "kunder"));
        assert!(!matches("kunder.a", "kunder.b"));
    }

    #[test]
    fn what_is_no_subject_is_refused() {
        assert!(matches!(
            "a..b".parse::<Pattern>(),
            Err(PatternError::EmptyToken(_))
        ));
        assert!(matches!("a b".parse::<Pattern>(), Err(PatternError::Space(_))));
        assert!(matches!(
            "a.>.b".parse::<Pattern>(),
            Err(PatternError::Wildcard(_))
        ));
        assert!(matches!(
            "a.b*".parse::<Pattern>(),
            Err(PatternError::Wildcard(_))
        ));
        assert!(matches!(check_subject("a.*"), Err(PatternError::Wildcard(_))));
        assert_eq!(check_subject("a.b=2A"), Ok(()));
    }
}
