//! What holds for every import, right or wrong: property tests over tables in every format, damaged files and damaged mappings.

mod mappings;
mod tables;

use std::collections::BTreeSet;
use std::io::Cursor;

use kunder_domain::fact::Fact;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngSeed};

use super::error::{ImportError, RowError};
use super::mapping::Mapping;
use mappings::{damaged_mapping, mappings};
use tables::{Order, bad_line, damaged, document_of, orders, style};

/// Longest line that tells of a fault, in bytes.
const FAULT_BYTES_MAX: usize = 4_000;

/// The same cases in every run.
fn cases(cases: u32) -> Config {
    Config {
        cases,
        rng_seed: RngSeed::Fixed(3),
        failure_persistence: None,
        ..Config::default()
    }
}

type Read = Vec<Result<Vec<Fact>, RowError>>;

fn import(mapping: &Mapping, bytes: &[u8]) -> Result<Read, ImportError> {
    let mut rows = mapping.read("rows.txt", Cursor::new(bytes.to_vec()))?;
    let read: Read = rows.by_ref().collect();
    assert_eq!(rows.bytes_read(), bytes.len() as u64, "every byte is read");
    Ok(read)
}

fn facts(mapping: &str, bytes: &[u8]) -> Vec<Fact> {
    let mapping = Mapping::parse(mapping, "map.yaml").unwrap_or_else(|error| panic!("{error}"));
    let rows = import(&mapping, bytes).unwrap_or_else(|error| panic!("{error}"));
    rows.into_iter()
        .flat_map(|row| row.unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(bytes))))
        .collect()
}

fn ids(facts: &[Fact]) -> BTreeSet<&str> {
    facts.iter().map(|fact| fact.id.as_str()).collect()
}

/// Everything that holds whatever the bytes are.
fn check_any(mapping: &Mapping, bytes: &[u8]) -> Result<(), TestCaseError> {
    let read = import(mapping, bytes);
    prop_assert_eq!(&read, &import(mapping, bytes), "the same bytes, other facts");
    let lines = 1 + bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() as u64;
    match read {
        Err(error) => check_told(&error.to_string(), error.line, lines),
        Ok(rows) => {
            let told = rows.iter().filter_map(|row| row.as_ref().err());
            for error in told {
                check_told(&error.to_string(), Some(error.line), lines)?;
            }
            check_facts(mapping, &rows.into_iter().flatten().flatten().collect::<Vec<_>>())
        }
    }
}

fn check_told(told: &str, line: Option<u64>, lines: u64) -> Result<(), TestCaseError> {
    prop_assert!(told.starts_with("rows.txt:"), "{}", told);
    prop_assert!(told.len() <= FAULT_BYTES_MAX, "{} bytes", told.len());
    prop_assert!(!told.contains(char::is_control), "{:?}", told);
    let known = line.is_none_or(|line| (1..=lines).contains(&line));
    prop_assert!(known, "the file has {} lines: {}", lines, told);
    Ok(())
}

/// They are stored as JSON and come back as they were, and each has its own id.
fn check_facts(mapping: &Mapping, facts: &[Fact]) -> Result<(), TestCaseError> {
    prop_assert_eq!(ids(facts).len(), facts.len(), "an id is there twice");
    for fact in facts {
        let stored = serde_json::to_string(fact).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Fact>(&stored).unwrap(), fact);
        prop_assert!((1..=128).contains(&fact.customer.as_str().len()));
        prop_assert_eq!(fact.source.as_str(), mapping.source());
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(250))]

    #[test]
    fn a_damaged_file_loses_rows_and_nothing_else(
        (format, bytes) in damaged(),
    ) {
        let mapping = Mapping::parse(&tables::mapping(&format), "map.yaml").unwrap();
        check_any(&mapping, &bytes.0)?;
    }

    #[test]
    fn a_damaged_mapping_is_taken_or_refused_with_its_line(
        (text, bytes) in (damaged_mapping(), damaged().prop_map(|(_, bytes)| bytes)),
    ) {
        let mapping = Mapping::parse(&text, "map.yaml");
        match mapping {
            Ok(mapping) => check_any(&mapping, &bytes.0)?,
            Err(error) => {
                prop_assert_eq!(Mapping::parse(&text, "map.yaml").err(), Some(error.clone()));
                let lines = text.split(['\n', '\r']).count() as u64;
                let known = error.line.is_none_or(|line| (1..=lines + 1).contains(&line));
                prop_assert!(known, "{} lines: {}", lines, error);
                let told = error.to_string();
                prop_assert!(told.starts_with("map.yaml:"), "{}", told);
                prop_assert!(told.len() <= FAULT_BYTES_MAX, "{} bytes", told.len());
                prop_assert!(!told.contains(char::is_control), "{:?}", told);
            }
        }
    }

    #[test]
    fn bytes_of_any_kind(
        place in any::<Index>(),
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..80),
            "[\",;a0\\s{}\\[\\]:\\\\\u{0}Å\u{FEFF}-]{0,80}".prop_map(String::into_bytes),
        ],
    ) {
        let known = mappings();
        let mapping = Mapping::parse(known[place.index(known.len())], "map.yaml").unwrap_or_else(|error| panic!("{error}"));
        check_any(&mapping, &bytes)?;
    }

    /// The same rows as CSV, blank-separated, JSON and JSON Lines are the same facts, however the file is written.
    #[test]
    fn facts_do_not_depend_on_how_rows_are_written(orders in orders(), one in style(), other in style()) {
        let [one, other] = [one, other].map(|style| {
            facts(&tables::mapping(&style), &document_of(&orders, &style))
        });
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(one.len(), 2 * orders.len());
    }

    /// Nor do longer files change the ids of what they begin with.
    #[test]
    fn ids_do_not_depend_on_the_order_of_the_rows(
        (orders, shuffled) in orders().prop_flat_map(|orders| (Just(orders.clone()), Just(orders).prop_shuffle())),
        style in style(),
    ) {
        let mapping = tables::mapping(&style);
        let first = facts(&mapping, &document_of(&orders, &style));
        let second = facts(&mapping, &document_of(&shuffled, &style));
        prop_assert_eq!(ids(&first), ids(&second));
        let longer: Vec<Order> = orders.iter().chain(&shuffled).cloned().collect();
        let longer = facts(&mapping, &document_of(&longer, &style));
        prop_assert!(ids(&first).is_subset(&ids(&longer)));
    }

    /// Read = good + broken, and a broken line costs itself: the others are the facts they were, on the lines they stand on.
    #[test]
    fn every_line_is_counted_once(
        orders in orders(),
        bad in prop::collection::vec((any::<Index>(), any::<Index>()), 0..5),
        style in style(),
    ) {
        prop_assume!(!style.is_whole());
        let mapping = Mapping::parse(&tables::mapping(&style), "map.yaml").unwrap();
        let whole = document_of(&orders, &style);
        let expected: Read = import(&mapping, &whole).unwrap();
        let mut lines = tables::lines(&orders, &style);
        let from = usize::from(style.has_header());
        let mut broken = Vec::new();
        for (place, kind) in bad {
            let place = from + place.index(lines.len() - from + 1);
            broken.iter_mut().filter(|at| **at >= place).for_each(|at| *at += 1);
            broken.push(place);
            lines.insert(place, bad_line(kind, &style));
        }
        let read = import(&mapping, &style.bytes(&lines)).unwrap();
        prop_assert_eq!(read.len(), orders.len() + broken.len());
        let (good, told): (Vec<_>, Vec<_>) = read.into_iter().partition(Result::is_ok);
        prop_assert_eq!(good, expected);
        let told: BTreeSet<u64> = told.into_iter().map(|row| row.unwrap_err().line).collect();
        let broken: BTreeSet<u64> = broken.into_iter().map(|place| place as u64 + 1).collect();
        prop_assert_eq!(told, broken);
    }
}
