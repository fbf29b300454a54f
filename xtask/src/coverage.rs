//! Which rows of the requirements are held, and by which tests or files: tests/coverage.toml.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::complaint::Complaint;
use crate::references;

const FILE: &str = "tests/coverage.toml";

/// The seeds and how many rows each has.
const SEEDS: [(&str, usize); 5] = [("S0", 36), ("S1", 87), ("S2", 100), ("S3", 65), ("S4", 79)];

/// Our own decisions; they are counted apart.
const DECISIONS: (&str, usize) = ("D", 40);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Coverage {
    #[serde(default)]
    rows: BTreeMap<String, Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    held_by: Vec<String>,
    #[serde(rename = "note")]
    _note: Option<String>,
}

/// The share of rows held, when every reference leads somewhere.
pub fn check(root: &Path) -> Result<String> {
    let coverage = read(root)?;
    Complaint::unless_empty(
        coverage.problems(|reference| references::problem(root, reference)),
        "mend tests/coverage.toml; its first lines say how it is written",
    )?;
    Ok(coverage.share())
}

/// The rows and decisions that nothing holds yet.
pub fn missing(root: &Path) -> Result<Vec<String>> {
    let coverage = read(root)?;
    let all = SEEDS.iter().chain([&DECISIONS]).flat_map(ids);
    Ok(all.filter(|id| !coverage.rows.contains_key(id)).collect())
}

fn read(root: &Path) -> Result<Coverage> {
    let text = fs::read_to_string(root.join(FILE)).with_context(|| format!("cannot read {FILE}"))?;
    toml::from_str(&text).with_context(|| format!("cannot parse {FILE}"))
}

impl Coverage {
    fn problems(&self, problem: impl Fn(&str) -> Option<String>) -> Vec<String> {
        let mut problems = Vec::new();
        for (id, row) in &self.rows {
            if !SEEDS
                .iter()
                .chain([&DECISIONS])
                .flat_map(ids)
                .any(|known| known == *id)
            {
                problems.push(format!("{id}: there is no such row or decision"));
            }
            if row.held_by.is_empty() {
                problems.push(format!(
                    "{id}: `held_by` is empty; leave the row out until something holds it"
                ));
            }
            let here = row.held_by.iter().filter_map(|reference| problem(reference));
            problems.extend(here.map(|problem| format!("{id}: {problem}")));
        }
        problems
    }

    fn share(&self) -> String {
        let held = |group: &(&str, usize)| ids(group).filter(|id| self.rows.contains_key(id)).count();
        let rows: usize = SEEDS.iter().map(|(_, rows)| rows).sum();
        let rows_held: usize = SEEDS.iter().map(held).sum();
        let seeds = SEEDS
            .map(|seed| format!("{} {}/{}", seed.0, held(&seed), seed.1))
            .join(", ");
        format!(
            "coverage: {rows_held} of {rows} rows held ({} %): {seeds}; decisions {}/{}",
            rows_held * 100 / rows,
            held(&DECISIONS),
            DECISIONS.1,
        )
    }
}

/// `S0-01` to `S0-36`.
fn ids<'a>((group, count): &'a (&'a str, usize)) -> impl Iterator<Item = String> + 'a {
    (1..=*count).map(move |number| format!("{group}-{number:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of all references only `here` exists.
    fn problems(coverage: &str) -> Vec<String> {
        let coverage: Coverage = toml::from_str(coverage).unwrap();
        coverage.problems(|reference| (reference != "here").then(|| format!("no `{reference}`")))
    }

    #[test]
    fn rows_of_the_requirements_are_known() {
        let known = [
            "S0-01", "S0-36", "S1-87", "S2-100", "S3-65", "S4-79", "D-01", "D-40",
        ];
        for id in known {
            assert!(
                problems(&format!("rows.'{id}'.held_by = ['here']")).is_empty(),
                "{id}"
            );
        }
        for id in [
            "S0-37", "S0-00", "S0-1", "S0-001", "S1-88", "S2-101", "S3-66", "S4-80", "S5-01", "D-41", "x",
        ] {
            let expected = [format!("{id}: there is no such row or decision")];
            assert_eq!(problems(&format!("rows.'{id}'.held_by = ['here']")), expected);
        }
    }

    #[test]
    fn every_reference_that_leads_nowhere_is_listed() {
        let coverage = "
            [rows.S0-01]
            held_by = ['here', 'gone', 'lost']
            [rows.S0-02]
            held_by = []
            note = 'later'
            [rows.D-03]
            held_by = ['gone']";
        assert_eq!(
            problems(coverage),
            [
                "D-03: no `gone`",
                "S0-01: no `gone`",
                "S0-01: no `lost`",
                "S0-02: `held_by` is empty; leave the row out until something holds it",
            ]
        );
    }

    #[test]
    fn misspelt_keys_are_refused() {
        assert!(toml::from_str::<Coverage>("rows.S0-01.heldby = ['here']").is_err());
        assert!(toml::from_str::<Coverage>("row.S0-01.held_by = ['here']").is_err());
    }

    #[test]
    fn the_share_counts_rows_and_decisions_apart() {
        let coverage = "
            rows.S0-01.held_by = ['here']
            rows.S0-02.held_by = ['here']
            rows.S2-100.held_by = ['here']
            rows.S4-79.held_by = ['here']
            rows.D-03.held_by = ['here']";
        let share = toml::from_str::<Coverage>(coverage).unwrap().share();
        assert_eq!(
            share,
            "coverage: 4 of 367 rows held (1 %): S0 2/36, S1 0/87, S2 1/100, S3 0/65, S4 1/79; decisions 1/40"
        );
    }
}
