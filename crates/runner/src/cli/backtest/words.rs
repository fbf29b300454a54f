//! A back-test in words and tables, for a person.

use std::fmt::Write;
use std::path::Path;

use kunder_domain::backtest::{Calibration, Fit, Report, RowKind, RowReport};

use super::Source;

pub(super) fn report(report: &Report, source: &Source) -> String {
    let mut text = String::new();
    let of = source
        .as_of
        .map_or_else(String::new, |day| format!(", customers as of {day}"));
    add(
        &mut text,
        format_args!(
            "Back-test of {} version {} ({}) on {}{of}",
            report.model, report.version, report.hash, source.labels
        ),
    );
    add(
        &mut text,
        format_args!(
            "{} with a label, {} of them left ({}); {} scored ({})",
            report.subjects,
            report.lost,
            percent(report.lost, report.subjects),
            report.scored,
            percent(report.scored, report.subjects)
        ),
    );
    for (why, many) in &report.not_scored {
        add(&mut text, format_args!("  not scored: {why}: {many}"));
    }
    if source.unlabelled > 0 {
        add(
            &mut text,
            format_args!("  without a label, left out: {}", source.unlabelled),
        );
    }
    text.push_str(&simulated(report));
    add(&mut text, format_args!("\n{}\n", report.sentence));
    table(&mut text, report);
    steps(&mut text, report);
    bands(&mut text, report);
    add(
        &mut text,
        format_args!(
            "\nAUC: the chance that one who left has less of it than one who stayed; 0.5 says nothing. Its 95 % interval is \
             DeLong's.\nBrier, off by: of chances read from it by cross-validated isotonic regression; less is better{}.\n\
             A value counts the way its metric says is better; points are what the model makes of it.",
            constant(report)
        ),
    );
    text.trim_end().to_owned()
}

pub(super) fn fit(fit: &Fit, out: &Path, report: &Report) -> String {
    let mut text = String::new();
    add(
        &mut text,
        format_args!(
            "\nProposed weights, written to {}; nothing goes by them until a person takes them over.{}",
            out.display(),
            simulated(report).trim_end_matches('\n')
        ),
    );
    add(
        &mut text,
        format_args!(
            "AUC in cross-validation ({} folds): {:.3}, present weights {:.3} on the same subjects; difference {:+.3}, standard \
             error {:.3}{}",
            fit.folds,
            fit.fitted_auc,
            fit.present_auc,
            fit.gain(),
            fit.standard_error,
            if fit.is_better() {
                ""
            } else {
                ": no gain beyond noise, no reason to change"
            }
        ),
    );
    for feature in &fit.features {
        let name = match &feature.input {
            Some(input) => format!("{}/{input}", feature.group),
            None => feature.group.clone(),
        };
        let useless = if feature.useless {
            "  does not go with staying"
        } else {
            ""
        };
        let weight = feature.thousandths as f64 / 1_000.0;
        add(
            &mut text,
            format_args!(
                "  {name:<44} now {:.3}  proposed {weight:.3}{useless}",
                feature.present
            ),
        );
    }
    text.trim_end().to_owned()
}

/// Stands wherever a figure of such data does.
fn simulated(report: &Report) -> String {
    report.simulated.as_ref().map_or_else(String::new, |found| {
        format!("\nTHIS DATA LOOKS SIMULATED: {}.\n", found.reasons.join(";\n  "))
    })
}

fn table(text: &mut String, report: &Report) {
    let names = report.rows.iter().map(|row| name(row).chars().count());
    let width = names.max().unwrap_or(0);
    add(
        text,
        format_args!(
            "{:<width$}  {:>5}  {:<11}  {:>8}  {:>8}  {:>5}  {:>6}",
            "", "AUC", "95 %", "subjects", "coverage", "Brier", "off by"
        ),
    );
    for row in &report.rows {
        let auc = row.auc.map_or_else(|| "-".to_owned(), |auc| format!("{auc:.3}"));
        let interval = row
            .interval
            .map_or_else(|| "-".to_owned(), |(low, high)| format!("{low:.3}–{high:.3}"));
        let (brier, off_by) = row.calibration.map_or_else(
            || ("-".to_owned(), "-".to_owned()),
            |Calibration { brier, off_by, .. }| (format!("{brier:.3}"), format!("{off_by:.3}")),
        );
        add(
            text,
            format_args!(
                "{:<width$}  {auc:>5}  {interval:<11}  {:>8}  {:>8}  {brier:>5}  {off_by:>6}",
                name(row),
                row.subjects,
                format!("{:.1} %", 100.0 * row.coverage)
            ),
        );
    }
}

fn name(row: &RowReport) -> String {
    match (row.kind, &row.group) {
        (RowKind::Score, _) if row.name == "band" => "the model: severity of the band".to_owned(),
        (RowKind::Score, _) => "the model: score".to_owned(),
        (RowKind::Group, _) => format!("group {}", row.name),
        (RowKind::Input, Some(group)) => format!("points of {} ({group})", row.name),
        (RowKind::Input, None) => format!("points of {}", row.name),
        (RowKind::Value, _) => format!("value of {}", row.name),
        (RowKind::Ranks, _) => row.name.clone(),
    }
}

fn steps(text: &mut String, report: &Report) {
    if report.steps.is_empty() {
        return;
    }
    add(
        text,
        format_args!(
            "\n{:<20} {:>8}  {:>6}  {:>6}",
            "score", "subjects", "left", "share"
        ),
    );
    for step in &report.steps {
        let range = format!("{} to {}", short(step.from), short(step.to));
        let share = percent(step.lost, step.subjects);
        add(
            text,
            format_args!("{range:<20} {:>8}  {:>6}  {share:>6}", step.subjects, step.lost),
        );
    }
    let rises = report
        .steps
        .windows(2)
        .filter(|two| two[1].share() > two[0].share())
        .count();
    let all = report.steps.len() - 1;
    add(
        text,
        format_args!(
            "{}",
            match rises {
                0 => "The share falls with every step up, as it should.".to_owned(),
                rises => format!("The share rises at {rises} of {all} steps up, where it should fall."),
            }
        ),
    );
}

fn bands(text: &mut String, report: &Report) {
    add(
        text,
        format_args!(
            "\n{:<20} {:>8}  {:>6}  {:>6}",
            "band", "subjects", "left", "share"
        ),
    );
    for band in &report.bands {
        let share = percent(band.lost, band.subjects);
        add(
            text,
            format_args!(
                "{:<20} {:>8}  {:>6}  {share:>6}",
                band.label.en, band.subjects, band.lost
            ),
        );
    }
}

/// The Brier score of a number that says nothing.
fn constant(report: &Report) -> String {
    let score = report.rows.first().and_then(|row| row.calibration);
    score.map_or_else(String::new, |score| {
        format!(", {:.3} is what the share of all gives", score.brier_constant)
    })
}

/// With at most two decimals.
fn short(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn percent(part: usize, all: usize) -> String {
    if all == 0 {
        return "-".to_owned();
    }
    format!("{:.1} %", 100.0 * part as f64 / all as f64)
}

fn add(text: &mut String, line: std::fmt::Arguments<'_>) {
    let _ = writeln!(text, "{line}");
}
