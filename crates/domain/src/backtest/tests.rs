//! The back-test as a whole: what is counted, what is said of it, and that a proposal is a model.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::date;
use rust_decimal::Decimal;

use super::*;
use crate::definitions::{Definitions, PACKS};
use crate::dice::Dice;
use crate::measure::{Measure, Value};

const ORGANISATION: &str = "id: t/organisation
version: 1
updated: 2026-01-01
source: test
name: T
time_zone: UTC
currency: EUR
";
const METRICS: &str = "id: t/metrics
version: 1
updated: 2026-01-01
source: test
metrics:
  - { id: use, label: { sv: a, en: a }, unit: x, from: { measurements: { fold: last } }, direction: up, min: 0, max: 100 }
  - { id: tickets, label: { sv: b, en: b }, unit: x, from: { measurements: { fold: last } }, direction: down, min: 0 }
";
const HEALTH: &str = "id: t/health
version: 1
updated: 2026-01-01
source: test
kind: weighted
groups:
  - id: usage
    weight: 0.5
    label: { sv: a, en: a }
  - id: support
    weight: 0.5
    label: { sv: b, en: b }
inputs:
  - metric: use
    group: usage
    direct: true
  - metric: tickets
    group: support
    linear: { from: 10, to: 0 }
    missing: exclude
bands:
  - { key: low, severity: 2, label: { sv: l, en: l }, suggestion: { sv: l, en: l }, range: [0, 50] }
  - { key: high, severity: 0, label: { sv: h, en: h }, suggestion: { sv: h, en: h }, range: [50, 100] }
";
const RULES: &str = "id: t/health
version: 1
updated: 2026-01-01
source: test
kind: rules
missing: not_scored
rules:
  - { id: bad, band: low, when: 'tickets > 5', because: { sv: x, en: x } }
else: high
bands:
  - { key: low, severity: 2, label: { sv: l, en: l }, suggestion: { sv: l, en: l } }
  - { key: high, severity: 0, label: { sv: h, en: h }, suggestion: { sv: h, en: h } }
";

fn definitions(health: &str) -> Definitions {
    let files = [
        ("organisation.yaml", ORGANISATION),
        ("metrics.yaml", METRICS),
        ("health.yaml", health),
    ];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
    Definitions::parse_over_shipped(&BTreeMap::from(files)).unwrap()
}

/// A subject: whether it left, its use, its tickets.
type Subject = (bool, Option<i64>, Option<i64>);

fn on<T>(definitions: &Definitions, subjects: &[Subject], then: impl FnOnce(&Backtest<'_>) -> T) -> T {
    let (body, metrics) = (&definitions.health.body, &definitions.metrics.body);
    let model = CompiledModel::compile(&definitions.health, metrics).unwrap();
    let mut test = Backtest::new(&model, body, metrics);
    let now: Timestamp = "2026-06-01T12:00:00Z".parse().unwrap();
    let context = CheckContext {
        now,
        today: date(2026, 6, 1),
        customer_since: None,
        previous: None,
        overrides: &[],
    };
    for (lost, usage, tickets) in subjects {
        let known = [("use", usage), ("tickets", tickets)];
        let known = known
            .into_iter()
            .filter_map(|(name, value)| Some((name, (*value)?)));
        let measures: Measures<'_> = known
            .map(|(name, value)| {
                let measure = Measure::new(Value::Number(Decimal::from(value)), now, "test".to_owned(), 1);
                (name, measure.unwrap())
            })
            .collect();
        test.add(*lost, &measures, &context);
    }
    then(&test)
}

fn report(health: &str, subjects: &[Subject]) -> Report {
    on(&definitions(health), subjects, |test| test.report().unwrap())
}

fn area(report: &Report, kind: RowKind, name: &str) -> Option<f64> {
    let mut rows = report.rows.iter();
    rows.find(|row| row.kind == kind && row.name == name).unwrap().auc
}

/// By hand: scores 25, 70, 60, 95 and one subject without use; of the four pairs three are right, and all by tickets.
#[test]
fn score_groups_inputs_and_values_are_counted_apart() {
    let subjects = [
        (true, Some(20), Some(7)),
        (true, Some(90), Some(5)),
        (false, Some(40), Some(2)),
        (false, Some(90), Some(0)),
        (false, None, Some(1)),
    ];
    let report = report(HEALTH, &subjects);
    assert_eq!((report.subjects, report.lost, report.scored), (5, 2, 4));
    assert_eq!(report.not_scored, [("no use".to_owned(), 1)]);
    assert_eq!(area(&report, RowKind::Score, "score"), Some(0.75));
    assert_eq!(area(&report, RowKind::Group, "support"), Some(1.0));
    assert_eq!(area(&report, RowKind::Input, "use"), Some(2.5 / 4.0));
    // The fifth has tickets, and counts where its points do.
    assert_eq!(area(&report, RowKind::Value, "tickets"), Some(1.0));
    let tickets = report
        .rows
        .iter()
        .find(|row| row.kind == RowKind::Value && row.name == "tickets")
        .unwrap();
    assert_eq!((tickets.subjects, tickets.coverage), (5, 1.0));
    // Ranks 1+1, 3.5+2, 2+3, 3.5+4: as the score.
    assert_eq!(area(&report, RowKind::Ranks, "all inputs by rank"), Some(0.75));
    let ends: Vec<(usize, usize)> = report
        .bands
        .iter()
        .map(|band| (band.subjects, band.lost))
        .collect();
    assert_eq!(ends, [(1, 1), (3, 1)]);
    assert_eq!(
        report.steps.iter().map(|step| step.from).collect::<Vec<_>>(),
        [25.0, 60.0, 70.0, 95.0]
    );
}

#[test]
fn a_rule_model_is_tested_by_the_severity_of_its_band() {
    let subjects = [
        (true, None, Some(9)),
        (true, None, Some(1)),
        (false, None, Some(3)),
        (false, Some(1), None),
        (false, None, Some(6)),
    ];
    let report = report(RULES, &subjects);
    // One right, one wrong, two ties.
    assert_eq!(area(&report, RowKind::Score, "band"), Some(0.5));
    assert_eq!((report.scored, report.steps.len()), (4, 0));
    assert_eq!(report.not_scored, [("no tickets".to_owned(), 1)]);
    assert_eq!(
        on(&definitions(RULES), &subjects, |test| test.fit()),
        Err(FitError::Rules)
    );
}

#[test]
fn labels_that_are_all_alike_tell_nothing() {
    let error = |subjects: &[Subject]| on(&definitions(HEALTH), subjects, |test| test.report().unwrap_err());
    assert_eq!(error(&[]), BacktestError::Nobody);
    assert_eq!(error(&[(true, Some(1), Some(1)); 3]), BacktestError::AllLost(3));
    assert_eq!(error(&[(false, Some(1), Some(1))]), BacktestError::NoneLost(1));
}

/// So many subjects; whether one leaves hangs on its use by so much, and on its tickets by so much, in percent.
fn drawn(many: usize, by_use: i64, by_tickets: i64) -> Vec<Subject> {
    let mut dice = Dice::new(9, 0);
    let one = |_| {
        let (usage, tickets) = (dice.between(0, 100), dice.between(0, 10));
        let chance = 50 + (50 - usage) * by_use / 100 + (tickets - 5) * 10 * by_tickets / 100;
        (dice.between(0, 99) < chance, Some(usage), Some(tickets))
    };
    (0..many).map(one).collect()
}

#[track_caller]
fn verdict(subjects: &[Subject], verdict: Verdict, input: &str, words: &str) {
    let report = report(HEALTH, subjects);
    let alone = report.alone.unwrap();
    assert_eq!(
        (alone.verdict, alone.input.as_str()),
        (verdict, input),
        "{}",
        report.sentence
    );
    assert!(report.sentence.contains(words), "{}", report.sentence);
}

#[test]
fn one_input_is_held_against_the_whole() {
    verdict(
        &drawn(3_000, 50, 50),
        Verdict::ModelIsBetter,
        "tickets",
        "No input does as well",
    );
    verdict(
        &drawn(3_000, 90, 0),
        Verdict::InputIsBetter,
        "use",
        "does better than the whole model: use alone",
    );
    verdict(
        &drawn(40, 50, 50),
        Verdict::CannotTell,
        "use",
        "Too few subjects to say",
    );
    // Tickets never vary, so that the whole is its use and nothing else.
    let same: Vec<Subject> = drawn(3_000, 70, 0)
        .iter()
        .map(|(lost, usage, _)| (*lost, *usage, Some(3)))
        .collect();
    verdict(
        &same,
        Verdict::AsGood,
        "use",
        "does as well as the whole model: use alone",
    );
}

#[test]
fn a_fit_finds_what_counts_and_says_when_it_is_no_gain() {
    let fit = |subjects: &[Subject]| on(&definitions(HEALTH), subjects, |test| test.fit().unwrap());
    let found = fit(&drawn(3_000, 90, 0));
    assert!(
        found.features[0].thousandths > 900 && found.is_better(),
        "{found:?}"
    );
    assert_eq!(
        found.features.iter().map(|one| one.thousandths).sum::<usize>(),
        1_000
    );
    let even = fit(&drawn(3_000, 50, 50));
    assert!(
        !even.is_better() && even.features[0].thousandths.abs_diff(500) < 80,
        "{even:?}"
    );
    assert_eq!(fit(&drawn(3_000, 50, 50)), even, "the same each time");
    let few = on(&definitions(HEALTH), &drawn(60, 50, 50), |test| test.fit());
    assert!(
        matches!(few, Err(FitError::TooFew { subjects: 60, .. })),
        "{few:?}"
    );
}

/// Every shipped model with weights takes proposed ones: the file loads, has them, and is otherwise the same.
#[test]
fn every_shipped_model_can_be_proposed_anew() {
    let mut proposed = 0;
    for pack in PACKS {
        let present = pack.load().unwrap();
        let model = CompiledModel::compile(&present.health, &present.metrics.body).unwrap();
        let test = Backtest::new(&model, &present.health.body, &present.metrics.body);
        let Ok((mut features, _)) = fit::features(&test) else {
            continue;
        };
        if !model.is_weighted() || features.len() < 2 {
            continue;
        }
        let shares: Vec<f64> = (1..=features.len()).map(|place| place as f64).collect();
        let total: f64 = shares.iter().sum();
        let shares: Vec<f64> = shares.iter().map(|share| share / total).collect();
        for (feature, thousandths) in features.iter_mut().zip(fit::in_thousandths(&shares)) {
            feature.thousandths = thousandths;
        }
        let fit = Fit {
            features,
            subjects: 1_000,
            lost: 300,
            folds: 5,
            penalty: 1.0,
            fitted_auc: 0.71,
            present_auc: 0.70,
            standard_error: 0.02,
        };
        let proposal = Proposal {
            fit: &fit,
            today: date(2026, 6, 1),
            fitted_on: "labels.csv",
            simulated: Some("drawn"),
        };
        let text = proposal.file(&pack.texts(), &present).unwrap();
        for words in [
            "# PROPOSAL, not in force",
            "no gain beyond noise",
            "THE DATA LOOKS SIMULATED: drawn",
            "0.710, present weights 0.700",
        ] {
            assert!(text.contains(words), "{}: no {words:?} in {text}", pack.name);
        }
        let mut files = pack.texts();
        files.insert("health.yaml".to_owned(), text);
        let new = Definitions::parse_over_shipped(&files).unwrap();
        assert_eq!(new.health.header.version, present.health.header.version + 1);
        let model = CompiledModel::compile(&new.health, &new.metrics.body).unwrap();
        let again = Backtest::new(&model, &new.health.body, &new.metrics.body);
        for (wanted, got) in fit.features.iter().zip(fit::features(&again).unwrap().0) {
            let wanted_share = wanted.thousandths as f64 / 1_000.0;
            assert!(
                (got.present - wanted_share).abs() < 1e-9,
                "{}: {got:?} is not {wanted_share}",
                pack.name
            );
        }
        assert_eq!(
            (&new.health.body.bands, &new.health.body.settled),
            (&present.health.body.bands, &present.health.body.settled)
        );
        proposed += 1;
    }
    assert_eq!(proposed, 4);
}
