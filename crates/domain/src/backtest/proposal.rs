//! A model file with proposed weights: the text of the present one, its weights and version exchanged, under a comment that says
//! where they come from. Everything else, comments too, stays as a person wrote it, so that a comparison shows the proposal.

use std::collections::BTreeMap;

use jiff::civil::Date;
use thiserror::Error;

use super::fit::{Feature, Fit};
use crate::definitions::{Aggregate, DefinitionErrors, Definitions};

const FILE: &str = "health.yaml";

/// What a proposal is made from.
pub struct Proposal<'a> {
    pub fit: &'a Fit,
    /// The day it is made.
    pub today: Date,
    /// What it was fitted on, for the comment: `labels.csv, 2,000 subjects`.
    pub fitted_on: &'a str,
    /// Why the data looks simulated, where it does.
    pub simulated: Option<&'a str>,
}

#[derive(Debug, Error)]
pub enum ProposalError {
    #[error("the file writes {0:?} in a way that cannot be exchanged: write its keys one per line")]
    Form(String),
    #[error("the file with the proposed weights does not load")]
    Wrong(#[source] DefinitionErrors),
}

/// A list entry of the file, its lines from the dash on.
struct Entry {
    first: usize,
    end: usize,
    /// Of its keys.
    indent: usize,
}

impl Proposal<'_> {
    /// The proposed health.yaml of the organisation that `files` define; checked by loading it.
    ///
    /// # Errors
    /// When the file cannot be rewritten so that it loads.
    pub fn file(
        &self,
        files: &BTreeMap<String, String>,
        present: &Definitions,
    ) -> Result<String, ProposalError> {
        let text = files.get(FILE).map(String::as_str).unwrap_or_default();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let version = (present.health.header.version + 1).to_string();
        set_top(&mut lines, "version", &version)?;
        set_top(&mut lines, "updated", &self.today.to_string())?;
        for group in &present.health.body.groups {
            let own: Vec<&Feature> = self
                .fit
                .features
                .iter()
                .filter(|one| one.group == group.id)
                .collect();
            let weight: usize = own.iter().map(|one| one.thousandths).sum();
            set(
                &mut lines,
                "groups:",
                &[("id", &group.id)],
                "weight",
                &decimal(weight),
            )?;
            let is_mean = group.aggregate == Aggregate::Mean;
            if own.len() < 2 {
                continue;
            }
            if is_mean {
                set(
                    &mut lines,
                    "groups:",
                    &[("id", &group.id)],
                    "aggregate",
                    "weighted",
                )?;
            }
            for feature in own {
                let Some(input) = &feature.input else { continue };
                let which = [("metric", input.as_str()), ("group", group.id.as_str())];
                set(
                    &mut lines,
                    "inputs:",
                    &which,
                    "weight",
                    &decimal(feature.thousandths),
                )?;
            }
        }
        let proposed = format!("{}{}\n", self.comment(present), lines.join("\n"));
        let mut files = files.clone();
        files.insert(FILE.to_owned(), proposed.clone());
        Definitions::parse_over_shipped(&files).map_err(ProposalError::Wrong)?;
        Ok(proposed)
    }

    fn comment(&self, present: &Definitions) -> String {
        let Fit {
            features,
            subjects,
            lost,
            folds,
            penalty,
            ..
        } = self.fit;
        let header = &present.health.header;
        let mut lines = vec![
            "PROPOSAL, not in force: weights of a logistic regression, for a person to accept or not."
                .to_owned(),
            format!(
                "Fitted on {}: {subjects} subjects of which everything is known, {lost} of them left.",
                self.fitted_on
            ),
            format!(
                "In place of {} version {} ({}).",
                header.id, header.version, present.health.hash
            ),
            format!(
                "AUC in cross-validation {:.3}, present weights {:.3} on the same subjects ({folds} folds, penalty {penalty}); \
                 difference {:+.3}, standard error {:.3}.",
                self.fit.fitted_auc,
                self.fit.present_auc,
                self.fit.gain(),
                self.fit.standard_error
            ),
        ];
        if !self.fit.is_better() {
            lines.push(
                "That is no gain beyond noise: there is no reason to leave the present weights.".to_owned(),
            );
        }
        if let Some(reason) = self.simulated {
            lines.push(format!("THE DATA LOOKS SIMULATED: {reason}"));
        }
        for feature in features {
            let name = feature.input.as_ref().unwrap_or(&feature.group);
            let weight = decimal(feature.thousandths);
            let useless = if feature.useless {
                "; its points do not go with staying, consider leaving it out"
            } else {
                ""
            };
            lines.push(format!(
                "  {name}: {weight} of the score, now {:.3}{useless}",
                feature.present
            ));
        }
        lines.iter().map(|line| format!("# {line}\n")).collect::<String>() + "\n"
    }
}

fn decimal(thousandths: usize) -> String {
    let text = format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn set_top(lines: &mut [String], key: &str, value: &str) -> Result<(), ProposalError> {
    let prefix = format!("{key}:");
    let line = lines.iter_mut().find(|line| line.starts_with(&prefix));
    let line = line.ok_or_else(|| ProposalError::Form(key.to_owned()))?;
    *line = format!("{prefix} {value}");
    Ok(())
}

/// Sets `key` of the entry under `section` that has all of `which`.
fn set(
    lines: &mut Vec<String>,
    section: &str,
    which: &[(&str, &str)],
    key: &str,
    value: &str,
) -> Result<(), ProposalError> {
    let wrong = || {
        ProposalError::Form(
            which
                .first()
                .map(|(_, name)| (*name).to_owned())
                .unwrap_or_default(),
        )
    };
    let is_it = |entry: &Entry| {
        let has = |(key, value): &(&str, &str)| {
            find(lines, entry, key).is_some_and(|place| value_of(&lines[place], key) == Some(value))
        };
        which.iter().all(has)
    };
    let entry = entries(lines, section)
        .into_iter()
        .find(is_it)
        .ok_or_else(wrong)?;
    let written = format!("{key}: {value}");
    match find(lines, &entry, key) {
        Some(place) if place > entry.first => lines[place] = format!("{}{written}", " ".repeat(entry.indent)),
        Some(_) => return Err(wrong()),
        None => lines.insert(entry.first + 1, format!("{}{written}", " ".repeat(entry.indent))),
    }
    Ok(())
}

/// The entries of a list at the top of the file.
fn entries(lines: &[String], section: &str) -> Vec<Entry> {
    let Some(begin) = lines.iter().position(|line| line.trim_end() == section) else {
        return Vec::new();
    };
    let is_top = |line: &String| {
        line.starts_with(|first: char| !first.is_whitespace() && first != '#' && first != '-')
    };
    let rest = &lines[begin + 1..];
    let end = begin + 1 + rest.iter().position(is_top).unwrap_or(rest.len());
    let dash = |line: &str| {
        line.trim_start()
            .starts_with("- ")
            .then(|| line.len() - line.trim_start().len())
    };
    let Some(depth) = lines[begin + 1..end].iter().find_map(|line| dash(line)) else {
        return Vec::new();
    };
    let firsts: Vec<usize> = (begin + 1..end)
        .filter(|place| dash(&lines[*place]) == Some(depth))
        .collect();
    let ends = firsts.iter().skip(1).copied().chain([end]);
    let entry = |(first, end): (usize, usize)| {
        let after = &lines[first][depth + 1..];
        let indent = depth + 1 + (after.len() - after.trim_start().len());
        Entry { first, end, indent }
    };
    firsts.iter().copied().zip(ends).map(entry).collect()
}

/// The line of an entry that holds this key, not a deeper one.
fn find(lines: &[String], entry: &Entry, key: &str) -> Option<usize> {
    let holds = |place: &usize| {
        lines[*place]
            .get(entry.indent..)
            .is_some_and(|text| text.starts_with(key) && text[key.len()..].starts_with(':'))
            && (*place == entry.first || lines[*place][..entry.indent].trim().is_empty())
    };
    (entry.first..entry.end).find(holds)
}

fn value_of<'l>(line: &'l str, key: &str) -> Option<&'l str> {
    let (_, value) = line.split_once(&format!("{key}:"))?;
    let value = value.split_once(" #").map_or(value, |(value, _)| value).trim();
    Some(value.trim_matches(['"', '\'']))
}
