//! What a definition must satisfy beyond its shape.

use std::collections::BTreeSet;

use super::error::DefinitionError;
use super::{Header, Icp, Label, Onboarding, Organisation, PipelineRules, Process};

/// Ten years: no clock of a customer runs longer, and no sum of days leaves the calendar.
pub(super) const DAYS_MAX: i64 = 3_650;
const DAY_SECONDS: i64 = 86_400;
const EVENTS_MAX: i64 = 100_000;
/// Faults of one file that are told: finding the line of each reads the file.
const FAULTS_MAX: usize = 100;

/// The faults of one file, each with the line it is on.
pub(super) struct Faults<'a> {
    file: &'a str,
    pub text: &'a str,
    pub errors: Vec<DefinitionError>,
}

impl<'a> Faults<'a> {
    pub fn new(file: &'a str, text: &'a str) -> Self {
        Self {
            file,
            text,
            errors: Vec::new(),
        }
    }

    /// Adds a fault; `path` are words that follow each other down the file, the last one on the faulty line.
    pub fn add(&mut self, path: &[&str], what: String, mend: &str) {
        if self.errors.len() < FAULTS_MAX {
            let line = line_of(self.text, path);
            self.errors
                .push(DefinitionError::new(self.file, line, &what, mend));
        } else if self.errors.len() == FAULTS_MAX {
            let what = format!("there are more than {FAULTS_MAX} faults");
            self.errors
                .push(DefinitionError::new(self.file, None, &what, "mend these first"));
        }
    }

    pub fn label(&mut self, path: &[&str], label: &Label) {
        for (language, text) in [("sv", &label.sv), ("en", &label.en)] {
            if text.trim().is_empty() {
                let path: Vec<&str> = path.iter().copied().chain([language]).collect();
                self.add(
                    &path,
                    format!("the text in {language} is empty"),
                    "write it, in both languages",
                );
            }
        }
    }

    pub fn unique<'k>(&mut self, section: &str, kind: &str, keys: impl Iterator<Item = &'k str>) {
        let mut seen = BTreeSet::new();
        for key in keys {
            if key.trim().is_empty() {
                self.add(&[section], format!("a {kind} is empty"), "name it");
            } else if !seen.insert(key) {
                self.add(
                    &[section, key, key],
                    format!("the {kind} {key:?} occurs twice"),
                    "rename or remove one of them",
                );
            }
        }
    }

    pub fn within(&mut self, key: &str, value: i64, max: i64) {
        if !(1..=max).contains(&value) {
            let mend = format!("write a whole number from 1 to {max}");
            self.add(&[&format!("{key}:")], format!("{key} is {value}"), &mend);
        }
    }
}

/// The line on which the last word of `path` stands, each searched from the line of the one before.
pub(super) fn line_of(text: &str, path: &[&str]) -> Option<usize> {
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.split(" #").next().unwrap_or(line))
        .collect();
    let mut found = None;
    let mut column = 0;
    for word in path {
        let mut at = found.unwrap_or(0);
        loop {
            let line = lines.get(at)?;
            let rest = if line.trim_start().starts_with('#') {
                ""
            } else {
                line.get(column..).unwrap_or("")
            };
            if let Some(position) = find_word(rest, word) {
                column += position + word.len();
                found = Some(at);
                break;
            }
            at += 1;
            column = 0;
        }
    }
    found.map(|line| line + 1)
}

/// The words that lead to the definition of a band, which inputs may name before.
pub(super) fn band_word(text: &str, key: &str) -> String {
    let word = format!("key: {key}");
    if text.contains(&word) {
        word
    } else {
        key.to_owned()
    }
}

/// Where `word` stands in `line` and is not part of a longer word.
fn find_word(line: &str, word: &str) -> Option<usize> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    let stands_alone = |(position, _): &(usize, &str)| {
        let before = line[..*position]
            .chars()
            .next_back()
            .filter(|_| word.starts_with(is_part));
        let after = line[position + word.len()..]
            .chars()
            .next()
            .filter(|_| word.ends_with(is_part));
        !before.into_iter().chain(after).any(is_part)
    };
    line.match_indices(word)
        .find(stands_alone)
        .map(|(position, _)| position)
}

pub(super) fn header(header: &Header, faults: &mut Faults<'_>) {
    if header.id.trim().is_empty() {
        faults.add(
            &["id:"],
            "the id is empty".to_owned(),
            "name the file, as in `satori/health`",
        );
    }
    if header.version == 0 {
        faults.add(
            &["version:"],
            "the version is 0".to_owned(),
            "count versions from 1",
        );
    }
    if header.source.trim().is_empty() {
        faults.add(
            &["source:"],
            "the source is empty".to_owned(),
            "name the requirement rows it comes from",
        );
    }
}

pub(super) fn organisation(body: &Organisation, faults: &mut Faults<'_>) {
    if body.name.trim().is_empty() {
        faults.add(
            &["name:"],
            "the name is empty".to_owned(),
            "write the organisation's name",
        );
    }
    if jiff::tz::TimeZone::get(&body.time_zone).is_err() {
        let what = format!("the time zone {:?} is unknown", body.time_zone);
        faults.add(
            &["time_zone:"],
            what,
            "write a name of the IANA database, as in `Europe/Stockholm`",
        );
    }
    if body.currency.len() != 3 || !body.currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        let what = format!("the currency {:?} is not a code", body.currency);
        faults.add(&["currency:"], what, "write three capital letters, as in `SEK`");
    }
}

pub(super) fn onboarding(body: &Onboarding, faults: &mut Faults<'_>) {
    faults.unique(
        "groups:",
        "group",
        body.groups.iter().map(|group| group.id.as_str()),
    );
    let items = || body.groups.iter().flat_map(|group| &group.items);
    faults.unique("groups:", "item", items().map(|item| item.id.as_str()));
    if items().next().is_none() {
        faults.add(
            &["groups:"],
            "the checklist has no item".to_owned(),
            "write at least one",
        );
    }
    for group in &body.groups {
        faults.label(&["groups:", &group.id, "label:"], &group.label);
        if group.items.is_empty() {
            let what = format!("the group {:?} has no item", group.id);
            faults.add(
                &["groups:", &group.id],
                what,
                "write at least one, or remove the group",
            );
        }
    }
    for item in items() {
        faults.label(&["groups:", &item.id, "label:"], &item.label);
        if item.supplier.trim().is_empty() {
            let what = format!("the item {:?} has no supplier", item.id);
            faults.add(
                &["groups:", &item.id, "supplier:"],
                what,
                "name who can supply it, as in `Sälj`",
            );
        }
        if let Some(what) = crate::checklist::pointless(&item.done_when) {
            let what = format!("the item {:?} {what}", item.id);
            faults.add(
                &["groups:", &item.id, "done_when:"],
                what,
                "ask for something that can be missing",
            );
        }
    }
}

pub(super) fn process(body: &Process, faults: &mut Faults<'_>) {
    faults.within("delivery_days", body.delivery_days, DAYS_MAX);
    faults.within("contact_days", body.contact_days, DAYS_MAX);
    faults.within("first_review_months", body.first_review_months, DAYS_MAX / 30);
    faults.within(
        "most",
        i64::try_from(body.incoming.most).unwrap_or(i64::MAX),
        EVENTS_MAX,
    );
    faults.within("window_s", body.incoming.window_s, DAY_SECONDS);
    faults.within(
        "coordination_timeout_s",
        body.coordination_timeout_s,
        DAYS_MAX * 86_400,
    );
}

pub(super) fn pipeline(body: &PipelineRules, faults: &mut Faults<'_>) {
    faults.within("stale_days", body.stale_days, DAYS_MAX);
    faults.within("recurring_window_days", body.recurring_window_days, DAYS_MAX);
    for (key, value) in [
        ("hot_percent", body.hot_percent),
        ("probability_percent_min", body.probability_percent_min),
        ("probability_percent_max", body.probability_percent_max),
    ] {
        if value > 100 {
            faults.add(
                &[&format!("{key}:")],
                format!("{key} is {value}"),
                "write a whole percentage from 0 to 100",
            );
        }
    }
    if body.probability_percent_min > body.probability_percent_max {
        let what = "probability_percent_min is above probability_percent_max".to_owned();
        faults.add(&["probability_percent_min:"], what, "swap them");
    }
}

pub(super) fn icp(body: &Icp, faults: &mut Faults<'_>) {
    if body.employees_min > body.employees_max {
        faults.add(
            &["employees_min:"],
            "employees_min is above employees_max".to_owned(),
            "swap them",
        );
    }
    if body.sectors.is_empty() {
        faults.add(
            &["sectors:"],
            "there is no sector".to_owned(),
            "write at least one",
        );
    }
    faults.unique(
        "sectors:",
        "sector",
        body.sectors.iter().map(|sector| sector.code.as_str()),
    );
    for sector in &body.sectors {
        faults.label(&["sectors:", &sector.code, "label:"], &sector.label);
    }
}
