//! GUARANTEES.md: numbered sentences, each with the test that enforces it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::complaint::Complaint;
use crate::references;

pub const FILE: &str = "GUARANTEES.md";

/// More than this nobody keeps in mind (design, section 2).
const SENTENCES_MAX: usize = 20;

struct Guarantee {
    number: usize,
    /// The sentence and all lines that belong to it.
    text: String,
}

pub fn check(root: &Path) -> Result<String> {
    let text = fs::read_to_string(root.join(FILE)).with_context(|| format!("cannot read {FILE}"))?;
    let guarantees = guarantees(&text);
    Complaint::unless_empty(
        problems(&guarantees, |reference| references::problem(root, reference)),
        "a guarantee is written `1. What users may rely on.` and names its test as `path/to/file.rs::name` in backticks",
    )?;
    Ok(format!(
        "guarantees: {} sentences, each with its test",
        guarantees.len()
    ))
}

/// A numbered sentence goes on until the next one, or a heading.
fn guarantees(text: &str) -> Vec<Guarantee> {
    let mut guarantees: Vec<Guarantee> = Vec::new();
    let mut within = false;
    for line in text.lines() {
        if let Some((number, sentence)) = numbered(line) {
            guarantees.push(Guarantee {
                number,
                text: sentence.to_owned(),
            });
            within = true;
        } else if line.starts_with('#') {
            within = false;
        } else if let Some(last) = guarantees.last_mut().filter(|_| within) {
            last.text.push('\n');
            last.text.push_str(line);
        }
    }
    guarantees
}

fn numbered(line: &str) -> Option<(usize, &str)> {
    let (number, sentence) = line.split_once(". ")?;
    Some((number.parse().ok()?, sentence))
}

fn problems(guarantees: &[Guarantee], problem: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut problems = Vec::new();
    if guarantees.is_empty() || guarantees.len() > SENTENCES_MAX {
        let count = guarantees.len();
        problems.push(format!(
            "{FILE} has {count} numbered sentences, it should have 1 to {SENTENCES_MAX}"
        ));
    }
    for (guarantee, expected) in guarantees.iter().zip(1..) {
        let number = guarantee.number;
        if number != expected {
            problems.push(format!("guarantee {number} stands where {expected} should"));
        }
        let mut tests = tests(&guarantee.text).peekable();
        if tests.peek().is_none() {
            problems.push(format!("guarantee {number} names no test"));
        }
        problems.extend(
            tests
                .filter_map(&problem)
                .map(|problem| format!("guarantee {number}: {problem}")),
        );
    }
    problems
}

/// What stands in backticks and looks like a test.
fn tests(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|quoted| quoted.contains(".rs::") || quoted.contains(".py::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of all tests only `a.rs::here` exists.
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let problem = |reference: &str| (reference != "a.rs::here").then(|| format!("no {reference}"));
        assert_eq!(problems(&guarantees(text), problem), expected);
    }

    #[test]
    fn sentences_with_their_tests_pass() {
        check(
            "# What\n\nWords.\n\n1. Kept `always`. `a.rs::here`\n2. Kept too:\n   `a.rs::here`\n\n## More\n3. And. `a.rs::here`",
            &[],
        );
    }

    #[test]
    fn a_sentence_without_a_test_is_refused() {
        check(
            "1. Kept. `a.rs::here`\n2. Hoped for, `truly`.",
            &["guarantee 2 names no test"],
        );
        check(
            "1. Hoped for.\n\n## Notes\n`a.rs::here`",
            &["guarantee 1 names no test"],
        );
    }

    #[test]
    fn a_test_that_does_not_exist_is_refused() {
        check(
            "1. Kept. `a.rs::here`, `a.rs::gone`, `b.py::gone`",
            &["guarantee 1: no a.rs::gone", "guarantee 1: no b.py::gone"],
        );
    }

    #[test]
    fn numbers_follow_each_other() {
        check(
            "1. A `a.rs::here`\n3. B `a.rs::here`",
            &["guarantee 3 stands where 2 should"],
        );
    }

    #[test]
    fn there_are_some_and_not_too_many() {
        check(
            "Nothing.",
            &["GUARANTEES.md has 0 numbered sentences, it should have 1 to 20"],
        );
        let many: String = (1..=21)
            .map(|number| format!("{number}. A `a.rs::here`\n"))
            .collect();
        check(
            &many,
            &["GUARANTEES.md has 21 numbered sentences, it should have 1 to 20"],
        );
    }
}
