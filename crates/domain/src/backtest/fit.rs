//! Weights that the history itself would give: a logistic regression on the points, cross-validated. A proposal for a person;
//! nothing here changes a model.

use serde::Serialize;
use smartcore::linalg::basic::arrays::Array;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::logistic_regression::{LogisticRegression, LogisticRegressionParameters};
use thiserror::Error;

use super::auc::{Auc, mean};
use super::calibration::{FOLDS, folds};
use super::{Backtest, Column, RowKind, is_one};
use crate::definitions::HealthModel;

/// Fewer subjects than this give weights that are noise.
pub(super) const SUBJECTS_MIN: usize = 100;
/// Penalties on large coefficients that are tried, the strongest first.
const PENALTIES: [f64; 3] = [100.0, 10.0, 1.0];
/// Weights are written in thousandths.
const WHOLE: usize = 1_000;

/// Proposed weights with what they are worth.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fit {
    pub features: Vec<Feature>,
    /// Subjects of which everything is known.
    pub subjects: usize,
    pub lost: usize,
    pub folds: usize,
    /// The penalty that did best; it was chosen on the same folds, so that the figure flatters a little.
    pub penalty: f64,
    /// Mean over the folds, each told by weights fitted to the others.
    #[serde(serialize_with = "super::rounded")]
    pub fitted_auc: f64,
    /// Of the present weights on the same folds.
    #[serde(serialize_with = "super::rounded")]
    pub present_auc: f64,
    /// Standard error of the difference, over the folds.
    #[serde(serialize_with = "super::rounded")]
    pub standard_error: f64,
}

/// What has a weight: an input, or a whole group that is the lowest or highest of its inputs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Feature {
    pub group: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// Its share of the score now, 0 to 1.
    #[serde(serialize_with = "super::rounded")]
    pub present: f64,
    /// In thousandths; at least one, since a file has no weight of nothing.
    pub thousandths: usize,
    /// Whether the history gives it no weight: more of its points do not go with staying.
    pub useless: bool,
}

/// Why there is nothing to propose.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FitError {
    #[error("the model decides by rules: it has no weights to fit")]
    Rules,
    #[error("a group of the model is weighed by what a metric counts: its weight is no matter of fitting")]
    Counted,
    #[error("only one thing has a weight, and it weighs everything")]
    One,
    #[error(
        "too little history: {subjects} subjects of which everything is known, {lost} of them left; it takes {SUBJECTS_MIN}, \
         and {FOLDS} of either kind"
    )]
    TooFew { subjects: usize, lost: usize },
    #[error("more points of any input go with leaving: no weights would help")]
    Nothing,
    #[error("the regression found no answer: {0}")]
    Failed(String),
}

impl Fit {
    /// The fitted weights' area less that of the present ones.
    #[must_use]
    pub fn gain(&self) -> f64 {
        self.fitted_auc - self.present_auc
    }

    /// Whether the gain is beyond what the folds differ by.
    #[must_use]
    pub fn is_better(&self) -> bool {
        self.gain() > 2.0 * self.standard_error
    }
}

/// Everything known of subjects of which everything is known: points from 0 to 1, a row each.
struct Sample {
    points: Vec<Vec<f64>>,
    lost: Vec<bool>,
}

pub(super) fn fit(test: &Backtest<'_>) -> Result<Fit, FitError> {
    if !test.model.is_weighted() {
        return Err(FitError::Rules);
    }
    let (mut features, columns) = features(test)?;
    if features.len() < 2 {
        return Err(FitError::One);
    }
    let sample = Sample::of(&columns, &test.lost);
    let (subjects, lost) = (
        sample.lost.len(),
        sample.lost.iter().filter(|lost| **lost).count(),
    );
    let folds = folds(&sample.lost).filter(|_| subjects >= SUBJECTS_MIN);
    let folds = folds.ok_or(FitError::TooFew { subjects, lost })?;
    let present: Vec<f64> = features.iter().map(|feature| feature.present).collect();
    let now = sample.areas(&folds, |_| Ok(present.clone()))?;
    let mut best: Option<(f64, Vec<f64>)> = None;
    for penalty in PENALTIES {
        let then = sample.areas(&folds, |others| {
            let thousandths = in_thousandths(&others.shares(penalty)?);
            Ok(thousandths.into_iter().map(|weight| weight as f64).collect())
        })?;
        if best.as_ref().is_none_or(|(_, before)| mean(&then) > mean(before)) {
            best = Some((penalty, then));
        }
    }
    let (penalty, then) = best.expect("there are penalties to try");
    let shares = sample.shares(penalty)?;
    for ((feature, thousandths), share) in features.iter_mut().zip(in_thousandths(&shares)).zip(&shares) {
        feature.thousandths = thousandths;
        feature.useless = *share == 0.0;
    }
    let gains: Vec<f64> = then.iter().zip(&now).map(|(then, now)| then - now).collect();
    let gain = mean(&gains);
    let spread: f64 = gains.iter().map(|one| (one - gain).powi(2)).sum();
    Ok(Fit {
        features,
        subjects,
        lost,
        folds: FOLDS,
        penalty,
        fitted_auc: mean(&then),
        present_auc: mean(&now),
        standard_error: (spread / ((FOLDS - 1) * FOLDS) as f64).sqrt(),
    })
}

pub(super) fn features<'t>(test: &'t Backtest<'_>) -> Result<(Vec<Feature>, Vec<&'t Column>), FitError> {
    let (mut features, mut columns) = (Vec::new(), Vec::new());
    for (group, of_group) in test.body.groups.iter().zip(test.of_kind(RowKind::Group)) {
        let weight = group.weight.ok_or(FitError::Counted)?;
        let weight = super::number(&weight.exact()).unwrap_or_default();
        let feature = |input: Option<&Column>, present| Feature {
            group: group.id.clone(),
            input: input.map(|input| input.name.clone()),
            present,
            thousandths: 0,
            useless: false,
        };
        if is_one(group.aggregate) {
            features.push(feature(None, weight));
            columns.push(of_group);
            continue;
        }
        let own = || {
            test.of_kind(RowKind::Input)
                .filter(|input| input.group.as_ref() == Some(&group.id))
        };
        let weights: Vec<f64> = own().map(|input| own_weight(test.body, input)).collect();
        let total: f64 = weights.iter().sum();
        for (input, own) in own().zip(weights) {
            features.push(feature(Some(input), weight * own / total));
            columns.push(input);
        }
    }
    Ok((features, columns))
}

fn own_weight(body: &HealthModel, column: &Column) -> f64 {
    let mut inputs = body.inputs.iter();
    let input =
        inputs.find(|input| input.metric == column.name && Some(&input.group) == column.group.as_ref());
    let weight = input.and_then(|input| input.weight);
    weight
        .and_then(|weight| super::number(&weight.exact()))
        .unwrap_or(1.0)
}

impl Sample {
    fn of(columns: &[&Column], lost: &[bool]) -> Self {
        let row = |place: usize| -> Option<Vec<f64>> {
            let points = columns.iter().map(|column| column.values[place]);
            points.map(|points| points.map(|points| points / 100.0)).collect()
        };
        let rows = lost
            .iter()
            .enumerate()
            .filter_map(|(place, lost)| Some((row(place)?, *lost)));
        let (points, lost) = rows.unzip();
        Self { points, lost }
    }

    /// The subjects that are in this fold, or those that are not.
    fn part(&self, folds: &[usize], fold: usize, within: bool) -> Self {
        let in_part = (0..self.lost.len()).filter(|place| (folds[*place] == fold) == within);
        let rows = in_part.map(|place| (self.points[place].clone(), self.lost[place]));
        let (points, lost) = rows.unzip();
        Self { points, lost }
    }

    /// The area of each fold under the weights that `weights` makes of the others.
    fn areas(
        &self,
        folds: &[usize],
        weights: impl Fn(&Self) -> Result<Vec<f64>, FitError>,
    ) -> Result<Vec<f64>, FitError> {
        let area = |fold| {
            let weights = weights(&self.part(folds, fold, false))?;
            let own = self.part(folds, fold, true);
            let scores: Vec<f64> = own
                .points
                .iter()
                .map(|row| {
                    row.iter()
                        .zip(&weights)
                        .map(|(points, weight)| points * weight)
                        .sum()
                })
                .collect();
            Ok(Auc::of(&scores, &own.lost).map_or(0.5, |auc| auc.area))
        };
        (0..FOLDS).map(area).collect()
    }

    /// The share of each feature: what keeps a customer by its coefficient. A feature whose points go with leaving gets nothing,
    /// since a score is to fall with every loss of points; the others are fitted again without it.
    fn shares(&self, penalty: f64) -> Result<Vec<f64>, FitError> {
        let many = self.points.first().map_or(0, Vec::len);
        let mut in_use: Vec<usize> = (0..many).collect();
        loop {
            let keeping = self.coefficients(&in_use, penalty)?;
            let worst = keeping
                .iter()
                .enumerate()
                .min_by(|one, other| one.1.total_cmp(other.1));
            match worst {
                None => return Err(FitError::Nothing),
                Some((place, least)) if *least <= 0.0 => {
                    in_use.remove(place);
                }
                Some(_) => {
                    let total: f64 = keeping.iter().sum();
                    let mut shares = vec![0.0; many];
                    for (place, keeping) in in_use.iter().zip(keeping) {
                        shares[*place] = keeping / total;
                    }
                    return Ok(shares);
                }
            }
        }
    }

    /// How much the points of these features keep a customer, in the log of the odds.
    fn coefficients(&self, in_use: &[usize], penalty: f64) -> Result<Vec<f64>, FitError> {
        if in_use.is_empty() {
            return Ok(Vec::new());
        }
        let failed = |error: &dyn std::fmt::Display| FitError::Failed(error.to_string());
        let rows: Vec<Vec<f64>> = self
            .points
            .iter()
            .map(|row| in_use.iter().map(|place| row[*place]).collect())
            .collect();
        let rows = DenseMatrix::from_2d_vec(&rows).map_err(|error| failed(&error))?;
        let stayed: Vec<u32> = self.lost.iter().map(|lost| u32::from(!lost)).collect();
        let parameters = LogisticRegressionParameters::default().with_alpha(penalty);
        let fitted = LogisticRegression::fit(&rows, &stayed, parameters).map_err(|error| failed(&error))?;
        let keeping: Vec<f64> = fitted.coefficients().iterator(0).copied().collect();
        if keeping.iter().all(|one| one.is_finite()) {
            Ok(keeping)
        } else {
            Err(failed(&"it did not settle"))
        }
    }
}

/// Shares as thousandths that sum to one thousand, by largest remainder, each at least one.
pub(super) fn in_thousandths(shares: &[f64]) -> Vec<usize> {
    let free = WHOLE - shares.len().min(WHOLE);
    let exact: Vec<f64> = shares.iter().map(|share| share * free as f64).collect();
    let mut thousandths: Vec<usize> = exact.iter().map(|exact| exact.floor() as usize + 1).collect();
    let left = WHOLE.saturating_sub(thousandths.iter().sum());
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by(|one, other| exact[*other].fract().total_cmp(&exact[*one].fract()));
    for place in order.into_iter().take(left) {
        thousandths[place] += 1;
    }
    thousandths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;

    /// Subjects that leave by the first of three columns alone.
    fn sample() -> Sample {
        let mut dice = Dice::new(3, 0);
        let rows = (0..600).map(|_| {
            let row: Vec<f64> = (0..3).map(|_| dice.between(0, 100) as f64 / 100.0).collect();
            let chance = 95.0 - 90.0 * row[0];
            let lost = (dice.between(0, 99) as f64) < chance;
            (row, lost)
        });
        let (points, lost) = rows.unzip();
        Sample { points, lost }
    }

    #[test]
    fn what_keeps_customers_gets_the_weight() {
        let shares = sample().shares(1.0).unwrap();
        assert!(shares[0] > 0.8, "{shares:?}");
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }

    /// Turned round, the first column goes with leaving and is left out; nothing is left that keeps anybody but noise.
    #[test]
    fn what_goes_with_leaving_gets_none() {
        let mut turned = sample();
        for row in &mut turned.points {
            row[0] = 1.0 - row[0];
        }
        match turned.shares(1.0) {
            Ok(shares) => assert_eq!(shares[0], 0.0),
            Err(error) => assert_eq!(error, FitError::Nothing),
        }
        let only = Sample {
            points: turned.points.iter().map(|row| vec![row[0]]).collect(),
            lost: turned.lost,
        };
        assert_eq!(only.shares(1.0), Err(FitError::Nothing));
    }

    #[test]
    fn thousandths_sum_to_one() {
        assert_eq!(in_thousandths(&[1.0, 0.0]), [999, 1]);
        assert_eq!(in_thousandths(&[1.0 / 3.0; 3]), [334, 333, 333]);
        let shares = [0.271, 0.1234, 0.0, 0.6056];
        assert_eq!(in_thousandths(&shares).iter().sum::<usize>(), WHOLE);
    }
}
