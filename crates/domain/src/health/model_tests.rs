//! Health models at work: the shipped ones against tables of their own, and what holds for every customer.

use std::collections::BTreeSet;

use jiff::civil::date;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed};

use super::*;
use crate::definitions::{Amount, Definitions, Effect, PACKS, Pack};
use crate::exact::{Exact, print_rows};
use crate::measure::{Measure, Value};

mod bands;
mod explain;
mod properties;
mod rules;
mod table;

fn cases(cases: u32) -> Config {
    Config {
        cases,
        rng_seed: RngSeed::Fixed(11),
        failure_persistence: None,
        ..Config::default()
    }
}

fn model(name: &str) -> CompiledModel {
    let definitions = Pack::find(name).unwrap().load().unwrap();
    CompiledModel::compile(&definitions.health, &definitions.metrics.body).unwrap()
}

/// The model of `name` after `from` was replaced by `to` in its file.
fn edited(name: &str, from: &str, to: &str) -> CompiledModel {
    let mut files = Pack::find(name).unwrap().texts();
    let text = files.get_mut("health.yaml").unwrap();
    assert!(text.contains(from), "{from:?} is not in the file");
    *text = text.replace(from, to);
    let definitions = Definitions::parse_over_shipped(&files).unwrap();
    CompiledModel::compile(&definitions.health, &definitions.metrics.body).unwrap()
}

fn now() -> Timestamp {
    "2026-11-26T08:00:00Z".parse().unwrap()
}

fn context() -> CheckContext<'static> {
    CheckContext {
        now: now(),
        today: date(2026, 11, 26),
        customer_since: Some(date(2025, 1, 1)),
        previous: None,
        overrides: &[],
    }
}

/// A measure of `days` ago; a number where the text is one.
fn measure(text: &str, days: i64) -> Measure {
    let value = text
        .parse()
        .map_or_else(|_| Value::Text(text.to_owned()), Value::Number);
    let as_of = now().checked_sub((days * 24).hours()).unwrap();
    Measure::new(value, as_of, "test".to_owned(), 1).unwrap()
}

/// `queries_per_week=12 ticket_sentiment=negative@40`, the number behind `@` being days of age.
fn measures(text: &str) -> Measures<'_> {
    let pairs = text.split_whitespace().map(|pair| pair.split_once('=').unwrap());
    pairs
        .map(|(metric, value)| {
            let (value, days) = value.split_once('@').unwrap_or((value, "0"));
            (metric, measure(value, days.parse().unwrap()))
        })
        .collect()
}

fn half(number: i64) -> Exact {
    Exact::fraction(number, 2).unwrap()
}
