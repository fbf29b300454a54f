//! Whether a number can be trusted as a chance: what share of the subjects left at each height of it, and how far off a
//! chance read from it is for subjects that had no part in the reading.

use serde::Serialize;

use super::auc::{mean, rising};
use crate::dice::Dice;

/// Parts a sample is cut into: each is told by what the others say.
pub(super) const FOLDS: usize = 5;
const SEED: u64 = 4;
/// Steps a score is shown in.
const STEPS: usize = 10;

/// How far off chances are that were read from a number. The reading is isotonic regression, cross-validated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Calibration {
    /// Mean squared distance of the chance from what happened, 0 to 1: less is better.
    #[serde(serialize_with = "super::rounded")]
    pub brier: f64,
    /// The same where everybody gets the share of all: what a number must undercut to say anything.
    #[serde(serialize_with = "super::rounded")]
    pub brier_constant: f64,
    /// Mean distance between chance and share over ten steps of the chance, 0 to 1.
    #[serde(serialize_with = "super::rounded")]
    pub off_by: f64,
}

/// One step of a score: subjects with a value from `from` to `to`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Step {
    #[serde(serialize_with = "super::rounded")]
    pub from: f64,
    #[serde(serialize_with = "super::rounded")]
    pub to: f64,
    pub subjects: usize,
    pub lost: usize,
}

impl Step {
    /// 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.lost as f64 / self.subjects.max(1) as f64
    }
}

/// Ten steps of about equal size at most, from the lowest; equal values are in one step.
#[must_use]
pub(super) fn steps(values: &[f64], lost: &[bool]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for place in rising(values) {
        let (value, lost) = (values[place], usize::from(lost[place]));
        match steps.last_mut() {
            Some(step) if step.to == value || step.subjects * STEPS < values.len() => {
                step.to = value;
                step.subjects += 1;
                step.lost += lost;
            }
            _ => steps.push(Step {
                from: value,
                to: value,
                subjects: 1,
                lost,
            }),
        }
    }
    steps
}

/// `None` where a part would have nobody who left, or nobody who stayed.
#[must_use]
pub(super) fn calibration(values: &[f64], lost: &[bool]) -> Option<Calibration> {
    let folds = folds(lost)?;
    let mut chances = vec![0.0; values.len()];
    let mut constants = vec![0.0; values.len()];
    for fold in 0..FOLDS {
        let others = || (0..values.len()).filter(|place| folds[*place] != fold);
        let known: Vec<(f64, bool)> = others().map(|place| (values[place], lost[place])).collect();
        let share = known.iter().filter(|(_, lost)| *lost).count() as f64 / known.len() as f64;
        let reading = Falling::through(known);
        for place in (0..values.len()).filter(|place| folds[*place] == fold) {
            chances[place] = reading.at(values[place]);
            constants[place] = share;
        }
    }
    let squared = |chances: &[f64]| {
        let apart = chances.iter().zip(lost);
        let squares: Vec<f64> = apart
            .map(|(chance, lost)| (chance - f64::from(u8::from(*lost))).powi(2))
            .collect();
        mean(&squares)
    };
    let off_by = steps_of_chances(&chances, lost);
    Some(Calibration {
        brier: squared(&chances),
        brier_constant: squared(&constants),
        off_by,
    })
}

fn steps_of_chances(chances: &[f64], lost: &[bool]) -> f64 {
    let mut off = 0.0;
    for step in steps(chances, lost) {
        let within = chances
            .iter()
            .filter(|chance| (step.from..=step.to).contains(*chance));
        off += (within.sum::<f64>() - step.lost as f64).abs();
    }
    off / chances.len().max(1) as f64
}

/// The part of each subject: those who left and those who stayed are spread evenly, in an order drawn from a fixed seed.
/// `None` where there are not enough of either.
#[must_use]
pub(super) fn folds(lost: &[bool]) -> Option<Vec<usize>> {
    let mut folds = vec![0; lost.len()];
    let mut dice = Dice::new(SEED, 0);
    for side in [true, false] {
        let mut places: Vec<usize> = (0..lost.len()).filter(|place| lost[*place] == side).collect();
        if places.len() < FOLDS {
            return None;
        }
        for last in (1..places.len()).rev() {
            let other = dice.between(0, i64::try_from(last).unwrap_or(0));
            places.swap(last, usize::try_from(other).unwrap_or(0));
        }
        for (number, place) in places.into_iter().enumerate() {
            folds[place] = number % FOLDS;
        }
    }
    Some(folds)
}

/// The chance of leaving by value, never rising with it: the closest such line to what happened (pool adjacent violators).
struct Falling {
    /// From this value on, this chance.
    blocks: Vec<(f64, f64)>,
}

impl Falling {
    fn through(mut known: Vec<(f64, bool)>) -> Self {
        known.sort_by(|one, other| one.0.total_cmp(&other.0));
        // From, subjects, lost.
        let mut blocks: Vec<(f64, f64, f64)> = Vec::new();
        let mut value = None;
        for (next, lost) in known {
            let lost = f64::from(u8::from(lost));
            match blocks.last_mut() {
                Some(block) if value == Some(next) => {
                    block.1 += 1.0;
                    block.2 += lost;
                }
                _ => blocks.push((next, 1.0, lost)),
            }
            value = Some(next);
        }
        let mut pooled: Vec<(f64, f64, f64)> = Vec::with_capacity(blocks.len());
        for mut block in blocks {
            while let Some(before) = pooled.last().copied()
                && before.2 * block.1 <= block.2 * before.1
            {
                block = (before.0, before.1 + block.1, before.2 + block.2);
                pooled.pop();
            }
            pooled.push(block);
        }
        let chance = |(from, subjects, lost): (f64, f64, f64)| (from, lost / subjects);
        Self {
            blocks: pooled.into_iter().map(chance).collect(),
        }
    }

    fn at(&self, value: f64) -> f64 {
        let above = self.blocks.partition_point(|(from, _)| *from <= value);
        let block = self.blocks.get(above.saturating_sub(1));
        block.map_or(0.0, |(_, chance)| *chance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: at 1 both left, at 2 one of two, at 3 two of three; 2 and 3 rise and are pooled to three of five.
    #[test]
    fn rising_shares_are_pooled() {
        let known = [
            (3.0, true),
            (1.0, true),
            (2.0, false),
            (3.0, false),
            (2.0, true),
            (1.0, true),
            (3.0, true),
        ];
        let line = Falling::through(known.to_vec());
        assert_eq!(line.blocks, [(1.0, 1.0), (2.0, 0.6)]);
        assert_eq!(
            [0.0, 1.0, 1.9, 2.0, 9.0].map(|value| line.at(value)),
            [1.0, 1.0, 1.0, 0.6, 0.6]
        );
    }

    #[test]
    fn steps_hold_every_subject_once_and_ties_together() {
        let values: Vec<f64> = (0..100).map(|number| f64::from(number / 7)).collect();
        let lost: Vec<bool> = (0..100).map(|number| number % 3 == 0).collect();
        let steps = steps(&values, &lost);
        assert_eq!(steps.iter().map(|step| step.subjects).sum::<usize>(), 100);
        assert_eq!(steps.iter().map(|step| step.lost).sum::<usize>(), 34);
        assert!(steps.windows(2).all(|two| two[0].to < two[1].from));
        assert!(steps.len() <= STEPS);
        let each: Vec<f64> = (0..50).map(f64::from).collect();
        let sizes: Vec<usize> = super::steps(&each, &lost[..50])
            .iter()
            .map(|step| step.subjects)
            .collect();
        assert_eq!(sizes, [5; 10]);
    }

    /// A number that says everything is never off; one that says nothing is as good as the share of all.
    #[test]
    fn what_says_everything_is_exact_and_noise_says_nothing() {
        let lost: Vec<bool> = (0..200).map(|number| number % 4 == 0).collect();
        let telling: Vec<f64> = lost.iter().map(|lost| if *lost { 1.0 } else { 9.0 }).collect();
        let exact = calibration(&telling, &lost).unwrap();
        assert_eq!((exact.brier, exact.off_by), (0.0, 0.0));
        assert!((exact.brier_constant - 0.1875).abs() < 1e-3);
        let constant = calibration(&[5.0; 200], &lost).unwrap();
        assert!((constant.brier - constant.brier_constant).abs() < 1e-12);
        // The wrong way round it says nothing either, and never gains by it.
        let turned: Vec<f64> = telling.iter().map(|value| -value).collect();
        assert!((calibration(&turned, &lost).unwrap().brier - constant.brier_constant).abs() < 1e-12);
        assert_eq!(
            calibration(&[1.0; 6], &[true, true, false, false, false, false]),
            None
        );
    }

    #[test]
    fn parts_are_even_and_the_same_each_time() {
        let lost: Vec<bool> = (0..103).map(|number| number < 23).collect();
        let parts = folds(&lost).unwrap();
        assert_eq!(Some(&parts), folds(&lost).as_ref());
        for part in 0..FOLDS {
            let left = (0..23).filter(|place| parts[*place] == part).count();
            let stayed = (23..103).filter(|place| parts[*place] == part).count();
            assert!((4..=5).contains(&left) && stayed == 16, "{left} and {stayed}");
        }
    }
}
