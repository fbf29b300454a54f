//! GUARANTEES.md: numbered sentences, each with the tests that enforce it and the invariant that the simulation watches.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::complaint::Complaint;
use crate::references;

pub const FILE: &str = "GUARANTEES.md";

/// Where the invariants stand.
const SIMULATION: &str = "testkit/src";

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
        problems(
            &guarantees,
            |reference| references::problem(root, reference),
            &simulation(root)?,
        ),
        "a guarantee is written `1. What users may rely on.`, names its tests as `path/to/file.rs::name`, and after `Simulation:` the functions of testkit/src that watch it, or `no, …` with the reason",
    )?;
    Ok(format!(
        "guarantees: {} sentences, each with its tests and what the simulation watches of it",
        guarantees.len()
    ))
}

/// The source of the simulation.
fn simulation(root: &Path) -> Result<String> {
    let mut source = String::new();
    for entry in fs::read_dir(root.join(SIMULATION)).with_context(|| format!("cannot read {SIMULATION}"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            source +=
                &fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        }
    }
    Ok(source)
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

fn problems(
    guarantees: &[Guarantee],
    problem: impl Fn(&str) -> Option<String>,
    simulation: &str,
) -> Vec<String> {
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
        problems.extend(
            unwatched(&guarantee.text, simulation).map(|problem| format!("guarantee {number} {problem}")),
        );
    }
    problems
}

/// What is wrong with what a guarantee says of the simulation.
fn unwatched(text: &str, simulation: &str) -> Option<String> {
    let Some((_, said)) = text.split_once("Simulation: ") else {
        return Some("does not say what the simulation watches".to_owned());
    };
    if said.starts_with("no, ") {
        return None;
    }
    let mut named = said.split('`').skip(1).step_by(2).peekable();
    if named.peek().is_none() {
        return Some("names no invariant of the simulation".to_owned());
    }
    let missing = named.find(|name| !tells(simulation, name));
    missing.map(|name| {
        format!("names `{name}`, which is no function of {SIMULATION} that tells of a broken rule")
    })
}

/// Whether there is a function of this name that can say that a rule is broken.
fn tells(simulation: &str, name: &str) -> bool {
    let function = simulation.split("fn ").find(|function| {
        function
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('('))
    });
    function.is_some_and(|function| function.contains("broken"))
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
        let simulation = "impl Witness { pub fn sees(&self) { self.broken(1) } fn looks(&self) {} }";
        assert_eq!(problems(&guarantees(text), problem, simulation), expected);
    }

    #[test]
    fn sentences_with_their_tests_pass() {
        check(
            "# What\n\nWords.\n\n1. Kept `always`. `a.rs::here` Simulation: `sees`.\n2. Kept too:\n   `a.rs::here`\n   Simulation: no, it is blind.\n\n## More\n3. And. `a.rs::here` Simulation: `sees`",
            &[],
        );
    }

    #[test]
    fn a_sentence_without_a_test_is_refused() {
        check(
            "1. Kept. `a.rs::here` Simulation: `sees`\n2. Hoped for, `truly`. Simulation: `sees`",
            &["guarantee 2 names no test"],
        );
        check(
            "1. Hoped for. Simulation: `sees`\n\n## Notes\n`a.rs::here`",
            &["guarantee 1 names no test"],
        );
    }

    #[test]
    fn a_test_that_does_not_exist_is_refused() {
        check(
            "1. Kept. `a.rs::here`, `a.rs::gone`, `b.py::gone` Simulation: `sees`",
            &["guarantee 1: no a.rs::gone", "guarantee 1: no b.py::gone"],
        );
    }

    #[test]
    fn what_the_simulation_watches_is_said_and_exists() {
        check(
            "1. A `a.rs::here`\n2. B `a.rs::here` Simulation: yes\n3. C `a.rs::here` Simulation: `sees`, `see`\n4. D `a.rs::here` Simulation: `looks`",
            &[
                "guarantee 1 does not say what the simulation watches",
                "guarantee 2 names no invariant of the simulation",
                "guarantee 3 names `see`, which is no function of testkit/src that tells of a broken rule",
                "guarantee 4 names `looks`, which is no function of testkit/src that tells of a broken rule",
            ],
        );
    }

    #[test]
    fn numbers_follow_each_other() {
        check(
            "1. A `a.rs::here` Simulation: `sees`\n3. B `a.rs::here` Simulation: `sees`",
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
            .map(|number| format!("{number}. A `a.rs::here` Simulation: `sees`\n"))
            .collect();
        check(
            &many,
            &["GUARANTEES.md has 21 numbered sentences, it should have 1 to 20"],
        );
    }
}
