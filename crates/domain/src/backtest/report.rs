//! What a back-test says: a row per number with its noise, the score in steps, and whether one input does as well as all.

use serde::Serialize;

use super::auc::{Auc, Gap, ranks};
use super::calibration::{Calibration, Step, calibration, steps};
use super::simulated::{Simulated, simulated};
use super::{Backtest, Column};
use crate::definitions::Label;

/// A gap that is known no better than this says nothing of who is the better one.
const HALF_WIDTH_MAX: f64 = 0.05;

/// What a back-test found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub model: String,
    pub version: u32,
    pub hash: String,
    /// Subjects with a label.
    pub subjects: usize,
    pub lost: usize,
    /// Subjects with a score; of a rule model, in a band.
    pub scored: usize,
    /// Why the others are not, with how many.
    pub not_scored: Vec<(String, usize)>,
    /// Set where the data looks made up: to be printed with every figure.
    pub simulated: Option<Simulated>,
    pub alone: Option<Alone>,
    /// Whether one input does as well as the whole model, as a person would say it.
    pub sentence: String,
    pub rows: Vec<RowReport>,
    /// The score from its lowest tenth to its highest.
    pub steps: Vec<Step>,
    pub bands: Vec<BandRow>,
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    /// The whole model: its score, or the severity of its band.
    Score,
    Group,
    /// An input's points, as the model gives them.
    Input,
    /// A metric's value as it is, before the model made points of it.
    Value,
    /// The sum of the ranks of all values: what the inputs say without any weight or limit of the model.
    Ranks,
}

/// One number, and how well it tells.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RowReport {
    pub kind: RowKind,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// `None` where too little is known.
    pub auc: Option<f64>,
    /// The 95 % interval of it (DeLong).
    pub interval: Option<(f64, f64)>,
    /// How many subjects have this number.
    pub subjects: usize,
    /// The same as a share, 0 to 1.
    #[serde(serialize_with = "super::rounded")]
    pub coverage: f64,
    pub calibration: Option<Calibration>,
}

/// How the subjects of a band ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BandRow {
    pub band: String,
    #[serde(skip)]
    pub label: Label,
    pub subjects: usize,
    pub lost: usize,
}

/// The whole model against its best input.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alone {
    pub verdict: Verdict,
    pub input: String,
    pub kind: RowKind,
    /// Of the subjects that have both.
    pub subjects: usize,
    #[serde(serialize_with = "super::rounded")]
    pub auc: f64,
    #[serde(serialize_with = "super::rounded")]
    pub model_auc: f64,
    /// The model's less the input's, with its 95 % interval (DeLong, paired).
    pub ahead: (f64, f64, f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The whole is better than every input, beyond noise.
    ModelIsBetter,
    /// Within noise, and the noise is small.
    AsGood,
    /// The input is better, beyond noise.
    InputIsBetter,
    /// The noise is too large to say.
    CannotTell,
}

pub(super) fn report(test: &Backtest<'_>) -> Report {
    let lost = &test.lost;
    let ranks = rank_sum(test);
    let rows: Vec<RowReport> = test
        .columns
        .iter()
        .chain(&ranks)
        .map(|column| row(column, lost))
        .collect();
    let score = &test.columns[0];
    let (values, ends) = score.known(lost);
    let alone = alone(test, score);
    Report {
        model: test.model.id.to_string(),
        version: test.model.version,
        hash: test.model.hash.to_string(),
        subjects: lost.len(),
        lost: lost.iter().filter(|lost| **lost).count(),
        scored: values.len(),
        not_scored: test
            .not_scored
            .iter()
            .map(|(why, many)| (why.clone(), *many))
            .collect(),
        simulated: simulated(&inputs_of(test), &test.words),
        sentence: sentence(alone.as_ref(), score),
        alone,
        rows,
        steps: if test.model.is_weighted() {
            steps(&values, &ends)
        } else {
            Vec::new()
        },
        bands: bands(test),
    }
}

fn row(column: &Column, lost: &[bool]) -> RowReport {
    let (values, ends) = column.known(lost);
    let auc = Auc::of(&values, &ends);
    let short = |number: f64| (number * 1e6).round() / 1e6;
    RowReport {
        kind: column.kind,
        name: column.name.clone(),
        group: column.group.clone(),
        auc: auc.as_ref().map(|auc| short(auc.area)),
        interval: auc
            .as_ref()
            .map(Auc::interval)
            .map(|(low, high)| (short(low), short(high))),
        subjects: values.len(),
        coverage: values.len() as f64 / lost.len() as f64,
        calibration: calibration(&values, &ends),
    }
}

/// The sum of ranks over what the model reads, of subjects that have all of it; `None` with fewer than two inputs.
fn rank_sum(test: &Backtest<'_>) -> Option<Column> {
    let inputs = inputs_of(test);
    if inputs.len() < 2 {
        return None;
    }
    let whole: Vec<usize> = (0..test.lost.len())
        .filter(|place| inputs.iter().all(|(_, values)| values[*place].is_some()))
        .collect();
    let mut sums = vec![0.0; whole.len()];
    for (_, values) in &inputs {
        let known: Vec<f64> = whole.iter().filter_map(|place| values[*place]).collect();
        for (sum, rank) in sums.iter_mut().zip(ranks(&known)) {
            *sum += rank;
        }
    }
    let mut values = vec![None; test.lost.len()];
    for (place, sum) in whole.into_iter().zip(sums) {
        values[place] = Some(sum);
    }
    Some(Column {
        kind: RowKind::Ranks,
        name: "all inputs by rank".to_owned(),
        group: None,
        values,
    })
}

/// Each metric once: its value, or its points where the value has no better and worse.
fn inputs_of<'t>(test: &'t Backtest<'_>) -> Vec<(&'t str, &'t [Option<f64>])> {
    let mut inputs: Vec<(&str, &[Option<f64>])> = Vec::new();
    for column in test.of_kind(RowKind::Value).chain(test.of_kind(RowKind::Input)) {
        if !inputs.iter().any(|(name, _)| *name == column.name) {
            inputs.push((&column.name, &column.values));
        }
    }
    inputs
}

fn bands(test: &Backtest<'_>) -> Vec<BandRow> {
    let rows = test.model.bands.iter().enumerate().map(|(place, band)| {
        let in_it = test
            .bands
            .iter()
            .zip(&test.lost)
            .filter(|(own, _)| **own == Some(place));
        BandRow {
            band: band.key.clone(),
            label: band.label.clone(),
            subjects: in_it.clone().count(),
            lost: in_it.filter(|(_, lost)| **lost).count(),
        }
    });
    rows.collect()
}

/// The score against the input, by value or by points, that tells best.
fn alone(test: &Backtest<'_>, score: &Column) -> Option<Alone> {
    let mut best: Option<(&Column, usize, Auc, Auc)> = None;
    for column in test.of_kind(RowKind::Value).chain(test.of_kind(RowKind::Input)) {
        let both = score.values.iter().zip(&column.values).zip(&test.lost);
        let both: Vec<(f64, f64, bool)> = both
            .filter_map(|((score, input), lost)| Some(((*score)?, (*input)?, *lost)))
            .collect();
        let ends: Vec<bool> = both.iter().map(|(_, _, lost)| *lost).collect();
        let of = |values: Vec<f64>| Auc::of(&values, &ends);
        let whole = of(both.iter().map(|(score, _, _)| *score).collect());
        let one = of(both.iter().map(|(_, input, _)| *input).collect());
        let (Some(whole), Some(one)) = (whole, one) else {
            continue;
        };
        if best
            .as_ref()
            .is_none_or(|(_, _, _, before)| one.area > before.area)
        {
            best = Some((column, both.len(), whole, one));
        }
    }
    let (column, subjects, whole, one) = best?;
    let Gap { by, low, high } = whole.less(&one);
    let verdict = if low > 0.0 {
        Verdict::ModelIsBetter
    } else if high < 0.0 {
        Verdict::InputIsBetter
    } else if (high - low) / 2.0 > HALF_WIDTH_MAX {
        Verdict::CannotTell
    } else {
        Verdict::AsGood
    };
    let short = |number: f64| (number * 1e6).round() / 1e6;
    Some(Alone {
        verdict,
        input: column.name.clone(),
        kind: column.kind,
        subjects,
        auc: one.area,
        model_auc: whole.area,
        ahead: (short(by), short(low), short(high)),
    })
}

fn sentence(alone: Option<&Alone>, score: &Column) -> String {
    let Some(alone) = alone else {
        return format!(
            "Nothing can be said: too few subjects have a {} and an end of either kind.",
            score.name
        );
    };
    let (by, low, high) = alone.ahead;
    let figures = format!(
        "{:.3} against {:.3}, difference {by:+.3}, 95 % {low:+.3} to {high:+.3}, {} subjects",
        alone.model_auc, alone.auc, alone.subjects
    );
    let input = &alone.input;
    match alone.verdict {
        Verdict::AsGood => format!(
            "One input does as well as the whole model: {input} alone cannot be told from it within sampling noise ({figures})."
        ),
        Verdict::InputIsBetter => format!(
            "One input does better than the whole model: {input} alone, beyond sampling noise ({figures})."
        ),
        Verdict::ModelIsBetter => format!(
            "No input does as well as the whole model: the best is {input} alone, behind beyond sampling noise ({figures})."
        ),
        Verdict::CannotTell => format!(
            "Too few subjects to say whether {input} alone does as well as the whole model ({figures})."
        ),
    }
}
