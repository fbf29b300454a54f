//! Whether data looks made up: what is computed here is printed beside every figure of such data.

use serde::Serialize;

use super::auc::ranks;

/// With fewer subjects a weak link between two inputs would not show.
const SUBJECTS_MIN: usize = 500;
/// Fewer inputs may well have nothing to do with each other.
const COLUMNS_MIN: usize = 3;
/// Standard errors within which a correlation is told from none by nobody.
const ERRORS: f64 = 3.0;
/// Words a column has where their spread is looked at.
const WORDS: std::ops::RangeInclusive<usize> = 5..=50;
/// Subjects per word, with which an uneven spread shows.
const PER_WORD_MIN: f64 = 100.0;

/// A column of words that no model reads, by how many subjects have each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordColumn {
    pub name: String,
    pub counts: Vec<usize>,
}

/// Why data looks simulated.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Simulated {
    pub pairs: usize,
    /// The largest rank correlation of any two inputs, without its sign.
    #[serde(serialize_with = "super::rounded")]
    pub strongest: f64,
    /// What would have shown.
    #[serde(serialize_with = "super::rounded")]
    pub limit: f64,
    /// In words, one sentence each.
    pub reasons: Vec<String>,
}

/// Real customers who use one thing more use other things more: over many subjects at least two inputs hang together. Where
/// no two do, each was drawn by itself. `columns` are the inputs by name, of every subject.
#[must_use]
pub(super) fn simulated(columns: &[(&str, &[Option<f64>])], words: &[WordColumn]) -> Option<Simulated> {
    if columns.len() < COLUMNS_MIN {
        return None;
    }
    let mut strongest = 0.0_f64;
    let mut limit = 0.0_f64;
    let mut pairs = 0;
    let mut subjects = usize::MAX;
    for (place, (_, one)) in columns.iter().enumerate() {
        for (_, other) in &columns[place + 1..] {
            let both: (Vec<f64>, Vec<f64>) = one
                .iter()
                .zip(*other)
                .filter_map(|(a, b)| Some(((*a)?, (*b)?)))
                .unzip();
            let many = both.0.len();
            if many < SUBJECTS_MIN {
                return None;
            }
            let correlation = correlation(&ranks(&both.0), &ranks(&both.1)).abs();
            let noise = ERRORS / (many as f64 - 1.0).sqrt();
            if correlation > noise {
                return None;
            }
            (strongest, limit) = (strongest.max(correlation), limit.max(noise));
            pairs += 1;
            subjects = subjects.min(many);
        }
    }
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let mut reasons = vec![format!(
        "no two of the {} inputs ({}) hang together: over {subjects} subjects the strongest rank correlation of {pairs} pairs is \
         {strongest:.3}, and {limit:.3} would show; what real customers do goes together",
        names.len(),
        names.join(", "),
    )];
    reasons.extend(words.iter().filter_map(even));
    Some(Simulated {
        pairs,
        strongest,
        limit,
        reasons,
    })
}

/// A sentence where the words are as evenly spread as a die would spread them.
fn even(column: &WordColumn) -> Option<String> {
    let words = column.counts.len();
    let each = column.counts.iter().sum::<usize>() as f64 / words.max(1) as f64;
    if !WORDS.contains(&words) || each < PER_WORD_MIN {
        return None;
    }
    let squares = column
        .counts
        .iter()
        .map(|count| (*count as f64 - each).powi(2) / each);
    let distance: f64 = squares.sum();
    let free = (words - 1) as f64;
    (distance <= free + 2.0 * (2.0 * free).sqrt()).then(|| {
        format!(
            "the {words} words of {} are spread as by a die (chi-squared {distance:.1}, chance alone gives about {free})",
            column.name
        )
    })
}

/// 0 where one of them is the same everywhere.
fn correlation(one: &[f64], other: &[f64]) -> f64 {
    let (mean_one, mean_other) = (super::auc::mean(one), super::auc::mean(other));
    let (mut both, mut squares_one, mut squares_other) = (0.0, 0.0, 0.0);
    for (a, b) in one.iter().zip(other) {
        both += (a - mean_one) * (b - mean_other);
        squares_one += (a - mean_one).powi(2);
        squares_other += (b - mean_other).powi(2);
    }
    let scale = (squares_one * squares_other).sqrt();
    if scale > 0.0 { both / scale } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;

    /// Columns of so many subjects, the third a copy of the second with this much noise, or drawn by itself.
    fn columns(subjects: usize, noise: Option<i64>) -> Vec<Vec<Option<f64>>> {
        let mut dice = Dice::new(1, 0);
        let mut columns = vec![Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..subjects {
            let [a, b, c] = [0; 3].map(|_| dice.between(0, 30));
            let third = noise.map_or(c, |noise| b + dice.between(0, noise));
            for (column, value) in columns.iter_mut().zip([a, b, third]) {
                column.push(Some(value as f64));
            }
        }
        columns
    }

    fn looks_simulated(columns: &[Vec<Option<f64>>]) -> bool {
        let named: Vec<(&str, &[Option<f64>])> = columns.iter().map(|one| ("x", one.as_slice())).collect();
        simulated(&named, &[]).is_some()
    }

    #[test]
    fn only_many_subjects_with_nothing_in_common_look_simulated() {
        assert!(looks_simulated(&columns(800, None)));
        assert!(
            !looks_simulated(&columns(800, Some(100))),
            "a weak link is a link"
        );
        assert!(!looks_simulated(&columns(300, None)), "too few to tell");
        assert!(
            !looks_simulated(&columns(800, None)[..2]),
            "two inputs may well be strangers"
        );
        assert!((correlation(&[1.0, 2.0, 3.0], &[2.0, 4.0, 7.0]) - 0.993_399).abs() < 1e-6);
    }

    #[test]
    fn words_spread_as_by_a_die_are_told() {
        let column = |counts: &[usize]| WordColumn {
            name: "region".to_owned(),
            counts: counts.to_vec(),
        };
        let told = even(&column(&[208, 211, 217, 217, 218, 225, 234, 235, 235])).unwrap();
        assert!(told.contains("chi-squared 3.9"), "{told}");
        assert_eq!(even(&column(&[63, 244, 316, 687, 690])), None);
        assert_eq!(even(&column(&[50, 50, 50, 50, 50])), None);
    }
}
