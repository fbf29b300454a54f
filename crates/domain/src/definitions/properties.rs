//! What holds for every folder of definitions, right or wrong: property tests over shipped files that were damaged.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngSeed};

use super::load::FILES;
use super::*;
use crate::exact::Exact;
use crate::health::{CheckContext, CompiledModel};
use crate::measure::{Measure, NUMBER_MAX};
use crate::metrics::METRICS;

/// Longest line that tells of a fault, in bytes: both of its texts, of the widest letters, and the place.
const FAULT_BYTES_MAX: usize = 2 * 4 * (error::TEXT_CHARS_MAX + 1) + 100;

/// The same cases in every run.
fn cases(cases: u32) -> Config {
    Config {
        cases,
        rng_seed: RngSeed::Fixed(3),
        failure_persistence: None,
        ..Config::default()
    }
}

type Files = BTreeMap<String, String>;

fn shipped() -> Files {
    SHIPPED
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect()
}

fn file() -> impl Strategy<Value = &'static str> {
    select(&FILES[..])
}

/// What stands where a value should.
fn odd_value() -> BoxedStrategy<String> {
    let odd = [
        "",
        "~",
        "null",
        "true",
        "yes",
        "0",
        "-1",
        "256",
        "4294967296",
        "9223372036854775808",
        "1e999",
        ".inf",
        ".nan",
        "0x10",
        "1_000",
        "2026-02-30",
        "[]",
        "{}",
        "[1, 2]",
        "{a: b}",
        "\"\"",
        "\" \"",
        "'",
        "\"",
        "|",
        ">-",
        "&a b",
        "*a",
        "<<",
        "!!binary x",
        "!x y",
        "# c",
        "%TAG",
        "---",
        "...",
        "@",
        "`",
        "akut",
        "frisk",
        "{nothing}",
        "{}{",
        "\u{FEFF}",
        "\u{202E}",
        "\0",
        "\u{85}",
        "\u{2028}",
        "\t",
        "Ö",
        "days_since_contact > 0",
        "days > ",
        "1 > 0",
        "!!!true",
        "-(-(1)) < 2",
        "true || false",
        "id: x",
        "- - - -",
        "? a",
        "Europe/Nowhere",
        "../../etc/passwd",
        "SEK",
        "sek",
        "{contacts: 0}",
        "{field: \"\"}",
        "{role: finance}",
    ];
    prop_oneof![
        4 => select(odd.to_vec()).prop_map(str::to_owned),
        2 => ".{0,20}",
        1 => "[a-z_0-9<>=!&|() +-]{0,30}",
        1 => (0_usize..3_000).prop_map(|length| "[".repeat(length)),
        1 => (0_usize..3_000).prop_map(|length| "x".repeat(length)),
    ]
    .boxed()
}

#[derive(Clone, Debug)]
enum Damage {
    /// Of the line at this place: what stands behind its last `: ` or `- `.
    Value(Index, String),
    Gone(Index),
    Twice(Index),
    Moved(Index, Index),
    Indent(Index, usize),
    Letter(Index, char),
    Cut(Index),
    More(Index, String),
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<Index>;
    let letter = prop_oneof![
        any::<char>(),
        select(vec![
            '\t', '\0', '\r', '\u{FEFF}', '"', ':', '-', '#', '&', '*', '{'
        ])
    ];
    prop_oneof![
        8 => (place(), odd_value()).prop_map(|(line, value)| Damage::Value(line, value)),
        2 => place().prop_map(Damage::Gone),
        2 => place().prop_map(Damage::Twice),
        2 => (place(), place()).prop_map(|(from, to)| Damage::Moved(from, to)),
        2 => (place(), 0_usize..6).prop_map(|(line, blanks)| Damage::Indent(line, blanks)),
        2 => (place(), letter).prop_map(|(place, letter)| Damage::Letter(place, letter)),
        1 => place().prop_map(Damage::Cut),
        1 => (place(), odd_value()).prop_map(|(line, text)| Damage::More(line, text)),
    ]
}

fn hurt(text: &str, damage: &Damage) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let many = lines.len().max(1);
    lines.resize(many, String::new());
    match damage {
        Damage::Value(line, value) => {
            let line = &mut lines[line.index(many)];
            let end = line
                .rfind(": ")
                .or_else(|| line.rfind("- "))
                .map_or(0, |at| at + 2);
            *line = format!("{}{value}", &line[..end]);
        }
        Damage::Gone(line) => drop(lines.remove(line.index(many))),
        Damage::Twice(line) => lines.insert(line.index(many), lines[line.index(many)].clone()),
        Damage::Moved(from, to) => lines.swap(from.index(many), to.index(many)),
        Damage::Indent(line, blanks) => {
            let line = &mut lines[line.index(many)];
            *line = format!("{}{}", " ".repeat(*blanks), line.trim_start());
        }
        Damage::More(line, text) => lines.insert(line.index(many), text.clone()),
        Damage::Letter(place, letter) => {
            let at = place.index(text.chars().count() + 1);
            let (before, after): (Vec<_>, Vec<_>) =
                text.chars().enumerate().partition(|(place, _)| *place < at);
            let letters =
                |part: Vec<(usize, char)>| part.into_iter().map(|(_, letter)| letter).collect::<String>();
            return format!("{}{letter}{}", letters(before), letters(after));
        }
        Damage::Cut(place) => return text.chars().take(place.index(text.len() + 1)).collect(),
    }
    lines.join("\n")
}

/// Everything that holds whatever the files are.
fn check_any(files: &Files) -> Result<Result<Definitions, DefinitionErrors>, TestCaseError> {
    let loaded = Definitions::parse(files);
    match &loaded {
        Ok(definitions) => check_accepted(definitions)?,
        Err(errors) => check_refused(errors, files)?,
    }
    Ok(loaded)
}

/// What loads can be used, whatever the values of its metrics.
fn check_accepted(definitions: &Definitions) -> Result<(), TestCaseError> {
    let model = CompiledModel::compile(&definitions.health, &definitions.metrics.body);
    prop_assert!(model.is_ok(), "{model:?}");
    let model = model.unwrap();
    let now = jiff::Timestamp::UNIX_EPOCH;
    let context = CheckContext {
        now,
        today: jiff::civil::date(1970, 1, 1),
        customer_since: None,
        previous: None,
        overrides: &[],
    };
    for value in [-NUMBER_MAX, -1, 0, 90, NUMBER_MAX] {
        let measure = Measure::new(value.into(), now, "test".to_owned(), 1).unwrap();
        let measures = METRICS
            .iter()
            .map(|metric| (metric.name, measure.clone()))
            .collect();
        let result = model.check(&measures, &context);
        let rows: Vec<Exact> = result
            .contributions
            .iter()
            .map(|row| row.contribution.clone())
            .collect();
        prop_assert_eq!(Exact::sum(&rows), result.score.clone().unwrap_or(Exact::ZERO));
        prop_assert!(
            result
                .band()
                .is_none_or(|band| definitions.health.body.bands.contains(band))
        );
    }
    prop_assert!(jiff::tz::TimeZone::get(&definitions.organisation.body.time_zone).is_ok());
    Ok(())
}

fn check_refused(errors: &DefinitionErrors, files: &Files) -> Result<(), TestCaseError> {
    prop_assert!(!errors.0.is_empty());
    for error in &errors.0 {
        let known = FILES.contains(&error.file.as_str()) || files.contains_key(&error.file);
        prop_assert!(known, "no such file: {error}");
        if let Some(line) = error.line {
            let lines = files[&error.file].split(['\n', '\r']).count();
            prop_assert!((1..=lines + 1).contains(&line), "{lines} lines: {error}");
        }
        let told = error.to_string();
        prop_assert!(
            told.starts_with(&error.file) && told.len() <= FAULT_BYTES_MAX,
            "{} bytes: {told}",
            told.len()
        );
        prop_assert!(!told.contains(char::is_control), "{told:?}");
    }
    prop_assert_eq!(errors.to_string().lines().count(), errors.0.len());
    Ok(())
}

/// A value that YAML takes and a rule may not.
fn wrong_value() -> impl Strategy<Value = String> {
    let wrong = [
        "0",
        "-1",
        "99999999",
        "\"\"",
        "\" \"",
        "x",
        "akut",
        "frisk",
        "\"{gone}\"",
        "1 > 0",
        "gone > 0",
        "touchpoints",
        "{contacts: 0}",
        "{sv: \"\", en: \"\"}",
        "[]",
        "sek",
    ];
    select(wrong.to_vec()).prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn a_damaged_file_loads_or_is_refused_by_name(
        name in file(),
        damages in prop::collection::vec(damage(), 1..4),
    ) {
        let mut files = shipped();
        let text = files.get_mut(name).unwrap();
        *text = damages.iter().fold(text.clone(), |text, damage| hurt(&text, damage));
        if let Err(errors) = check_any(&files)? {
            for error in &errors.0 {
                prop_assert!(error.file == name || error.what.contains(name), "{name} was damaged: {error}");
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn a_value_that_cannot_be_is_refused_by_file_and_line(name in file(), line in any::<Index>(), value in wrong_value()) {
        let mut files = shipped();
        let text = files.get_mut(name).unwrap();
        *text = hurt(text, &Damage::Value(line, value));
        if let Err(errors) = check_any(&files)? {
            prop_assert!(errors.0.iter().all(|error| error.file == name && error.line.is_some()), "{errors}");
        }
    }
}

proptest! {
    #![proptest_config(cases(25))]

    #[test]
    fn texts_of_any_kind(name in file(), text in prop_oneof![".{0,60}", "(?s).{0,60}", "[ \\[\\]{}:,&*a\n-]{0,60}"]) {
        let mut files = shipped();
        files.insert(name.to_owned(), text);
        let errors = check_any(&files)?.expect_err("no text of this kind is a definition");
        prop_assert_eq!(Definitions::parse(&files).unwrap_err(), errors);
    }

    #[test]
    fn a_file_that_is_missing_and_one_that_is_not_known_are_named(gone in file(), more in "[a-z]{1,9}\\.yaml") {
        prop_assume!(!FILES.contains(&more.as_str()));
        let mut files = shipped();
        files.remove(gone);
        files.insert(more.clone(), String::new());
        let errors = check_any(&files)?.unwrap_err();
        let named: Vec<&str> = errors.0.iter().map(|error| error.file.as_str()).collect();
        prop_assert_eq!(named, [more.as_str(), gone]);
    }

    /// Comments, blank lines, line ends, a byte order mark and the order of its keys say nothing.
    #[test]
    fn another_layout_is_the_same_definition(
        name in file(),
        comments in prop::collection::vec((any::<Index>(), "( *# [^\\x00-\\x1f\\x7f-\\x9f]{0,9})?"), 0..4),
        turn in any::<Index>(),
        windows in any::<bool>(),
        mark in any::<bool>(),
    ) {
        let files = shipped();
        let mut blocks = blocks(&files[name]);
        let places = blocks.len();
        blocks.rotate_left(turn.index(places));
        let mut lines: Vec<String> = blocks.concat().lines().map(str::to_owned).collect();
        for (place, comment) in comments {
            lines.insert(place.index(lines.len() + 1), comment);
        }
        let end = if windows { "\r\n" } else { "\n" };
        let mark = if mark { "\u{FEFF}" } else { "" };
        let text = format!("{mark}{}{end}", lines.join(end));
        let mut other = files.clone();
        other.insert(name.to_owned(), text);
        let (one, other) = (Definitions::parse(&files).unwrap(), check_any(&other)?);
        prop_assert!(other.is_ok(), "{}", other.unwrap_err());
        prop_assert_eq!(bodies(&other.unwrap()), bodies(&one));
    }
}

/// A file cut before each key of its outermost map.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    for line in text.lines() {
        if line.starts_with(|letter: char| letter.is_alphabetic()) {
            blocks.push(String::new());
        }
        let block = blocks.last_mut().unwrap();
        block.push_str(line);
        block.push('\n');
    }
    blocks
}

fn bodies(definitions: &Definitions) -> String {
    let Definitions {
        organisation,
        health,
        onboarding,
        process,
        pipeline,
        icp,
        kpis,
        metrics,
        alerts,
        warnings: _,
    } = definitions;
    let headers = [
        &organisation.header,
        &health.header,
        &onboarding.header,
        &process.header,
        &pipeline.header,
        &icp.header,
        &kpis.header,
        &metrics.header,
        &alerts.header,
    ];
    let rules = (&organisation.body, &health.body, &onboarding.body, &process.body);
    format!(
        "{headers:?} {rules:?} {:?} {:?} {:?} {:?} {:?}",
        pipeline.body, icp.body, kpis.body, metrics.body, alerts.body
    )
}
