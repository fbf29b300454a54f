//! One typo, and names that come close: the rules that compare letter by letter.

use std::collections::BTreeSet;

use super::fold::words;
use super::{NameIndex, SHOWN_MAX, TYPO_LETTERS_MIN, having};

/// Names that differ in more letters than this are not close, however long.
const CLOSE_LETTERS_MAX: usize = 4;

/// The entries whose name, or one word of it, is one typo from `bare`.
pub(super) fn candidates(index: &NameIndex, bare: &str) -> Vec<usize> {
    let text: Vec<char> = bare.chars().collect();
    if letters(&text) < TYPO_LETTERS_MIN {
        return Vec::new();
    }
    let typed = words(bare);
    let whole: Vec<usize> = index
        .entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| one_typo(&text, &entry.bare) && !differs_in_a_short_word(&typed, &entry.bare))
        .map(|(place, _)| place)
        .collect();
    if whole.is_empty() {
        by_word(index, &typed)
    } else {
        whole
    }
}

/// The entries that have all typed words but one, and a word one typo from that one.
fn by_word(index: &NameIndex, typed: &[String]) -> Vec<usize> {
    let mut found = BTreeSet::new();
    for (wrong, word) in typed.iter().enumerate() {
        let word: Vec<char> = word.chars().collect();
        if letters(&word) < TYPO_LETTERS_MIN {
            continue;
        }
        let mut others = typed.to_vec();
        others.remove(wrong);
        let fitting = (!others.is_empty()).then(|| having(&index.bare_words, &others));
        if fitting.as_ref().is_some_and(Vec::is_empty) {
            continue;
        }
        for (known, places) in &index.bare_words {
            let known: Vec<char> = known.chars().collect();
            if one_typo(&word, &known) {
                let fits = |place: &&usize| {
                    fitting
                        .as_ref()
                        .is_none_or(|fitting| fitting.binary_search(place).is_ok())
                };
                found.extend(places.iter().filter(fits).copied());
            }
        }
    }
    found.into_iter().collect()
}

/// The entries whose name, or a word of it, is reasonably close: a third of the letters may differ, and at most four.
pub(super) fn closest(index: &NameIndex, bare: &str) -> Vec<usize> {
    let text: Vec<char> = bare.chars().collect();
    let limit = (text.len() / 3).clamp(1, CLOSE_LETTERS_MAX);
    let mut rows = Rows::default();
    let mut near = |other: &[char]| rows.distance(&text, other, limit);
    let mut close: BTreeSet<(usize, usize)> = BTreeSet::new();
    for (place, entry) in index.entries.iter().enumerate() {
        close.extend(near(&entry.bare).map(|distance| (distance, place)));
    }
    for (word, places) in &index.bare_words {
        let word: Vec<char> = word.chars().collect();
        if let Some(distance) = near(&word) {
            // A word of the name is less than the name.
            close.extend(places.iter().map(|place| (distance + 1, *place)));
        }
    }
    let mut seen = BTreeSet::new();
    let places = close
        .into_iter()
        .map(|(_, place)| place)
        .filter(|place| seen.insert(*place));
    places.take(SHOWN_MAX).collect()
}

/// Three rows of the table of distances, kept from one name to the next: a hundred thousand names are compared in one look-up.
#[derive(Default)]
pub(super) struct Rows {
    before: Vec<usize>,
    above: Vec<usize>,
    row: Vec<usize>,
}

impl Rows {
    /// The distance with neighbours swapped counted as one, if it is at most `limit`. Only the diagonal band that can stay
    /// within the limit is computed, and none of it after a row that left it.
    pub fn distance(&mut self, a: &[char], b: &[char], limit: usize) -> Option<usize> {
        if a.len().abs_diff(b.len()) > limit {
            return None;
        }
        let far = limit + 1;
        for row in [&mut self.before, &mut self.above, &mut self.row] {
            row.clear();
            row.resize(b.len() + 1, far);
        }
        for (column, cell) in self.above.iter_mut().enumerate().take(far) {
            *cell = column;
        }
        for i in 1..=a.len() {
            let (first, last) = (i.saturating_sub(limit).max(1), (i + limit).min(b.len()));
            self.row[first - 1] = if first == 1 { i.min(far) } else { far };
            let mut nearest = self.row[first - 1];
            for j in first..=last {
                let changed = self.above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut cell = changed.min(self.above[j] + 1).min(self.row[j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    cell = cell.min(self.before[j - 2] + 1);
                }
                self.row[j] = cell.min(far);
                nearest = nearest.min(self.row[j]);
            }
            if last < b.len() {
                self.row[last + 1] = far;
            }
            if nearest > limit {
                return None;
            }
            std::mem::swap(&mut self.before, &mut self.above);
            std::mem::swap(&mut self.above, &mut self.row);
        }
        self.above.last().copied().filter(|distance| *distance <= limit)
    }
}

/// Whether one letter was left out, added or changed, or two neighbours were swapped (Damerau-Levenshtein 1). Digits must agree:
/// "Distrikt 12" is no typo of "Distrikt 13".
pub(super) fn one_typo(typed: &[char], known: &[char]) -> bool {
    if typed.len().abs_diff(known.len()) > 1 {
        return false;
    }
    let same_before = typed.iter().zip(known).take_while(|(a, b)| a == b).count();
    let (typed_rest, known_rest) = (&typed[same_before..], &known[same_before..]);
    let same_after = typed_rest
        .iter()
        .rev()
        .zip(known_rest.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let (a, b) = (
        &typed_rest[..typed_rest.len() - same_after],
        &known_rest[..known_rest.len() - same_after],
    );
    let is_one = match (a, b) {
        ([_], []) | ([], [_]) | ([_], [_]) => true,
        ([a1, a2], [b1, b2]) => a1 == b2 && a2 == b1,
        _ => false,
    };
    is_one && a.iter().chain(b).all(|letter| !letter.is_numeric())
}

/// Whether the typo is a changed letter in a word too short to be taken for a typo: "Norra IK" is not "Norra IF".
fn differs_in_a_short_word(typed: &[String], known: &[char]) -> bool {
    let known = words(&known.iter().collect::<String>());
    if typed.len() != known.len() {
        return false;
    }
    let differing = typed.iter().zip(&known).find(|(a, b)| a != b);
    let length = |word: &str| word.chars().count();
    differing.is_some_and(|(a, b)| length(a) == length(b) && length(a) < TYPO_LETTERS_MIN)
}

fn letters(text: &[char]) -> usize {
    text.iter().filter(|letter| letter.is_alphabetic()).count()
}
