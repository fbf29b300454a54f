//! The words of a typed text, folded, with their places in it; and how close they come to a command's own words.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A word without case and diacritics, and where it begins in the text.
#[derive(Debug)]
pub(super) struct Word {
    folded: String,
    start: usize,
}

/// Longest word in which a typo could make another everyday word.
const SHORT_WORD: usize = 3;

/// As many words of a text can make it look like a command: those of the longest form, twice, and some around them.
const BEGINNING_WORDS: usize = 12;

/// Cuts a text into words at everything that is neither letter, digit nor combining mark.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut inside = false;
    for (start, letter) in text.char_indices() {
        let is_mark = is_combining_mark(letter);
        if !letter.is_alphanumeric() && !is_mark {
            inside = false;
            continue;
        }
        if !inside {
            words.push(Word {
                folded: String::new(),
                start,
            });
            inside = true;
        }
        if let Some(word) = words.last_mut() {
            // Taken apart before and after: some signs have small letters only in their parts, some only then have parts.
            let parts = std::iter::once(letter).nfkd().flat_map(char::to_lowercase).nfkd();
            word.folded
                .extend(parts.filter(|letter| letter.is_alphanumeric() && !is_combining_mark(*letter)));
        }
    }
    words.retain(|word| !word.folded.is_empty());
    words
}

/// A text as its folded words, one space between them: for comparing what people wrote.
pub(crate) fn folded(text: &str) -> String {
    let words: Vec<String> = words(text).into_iter().map(|word| word.folded).collect();
    words.join(" ")
}

/// Whether a whole text is this form, however it is cut into words; the typos it takes, at most one.
pub(super) fn same(form: &[&str], words: &[Word]) -> Option<usize> {
    // No form has more letters than a typed text has words.
    let whole = form.concat();
    (words.len() <= whole.len() + 1).then(|| typos(&whole, &joined(words)))?
}

/// Whether a text begins with this form: the typos it takes, at most one, and the words it uses up.
pub(super) fn fits(form: &[&str], words: &[Word]) -> Option<(usize, usize)> {
    let whole = form.concat();
    // Cut into words otherwise than expected: then without a typo, or it could swallow the customer's first word.
    let otherwise = (1..=form.len() + 1).filter(|used| *used <= words.len());
    if let Some(used) = otherwise
        .into_iter()
        .find(|used| joined(&words[..*used]) == whole)
    {
        return Some((0, used));
    }
    let begin = words.get(..form.len())?;
    let has_slot = words.len() > form.len();
    let mut sum = 0;
    for (expected, word) in form.iter().zip(begin) {
        let found = typos(expected, &word.folded)?;
        let is_short = expected.len() <= SHORT_WORD;
        // "Onboarding Fora AB" is not "Onboarding för AB".
        if found > 0 && is_short && (!has_slot || word.folded.chars().count() > SHORT_WORD) {
            return None;
        }
        sum += found;
    }
    (sum <= 1).then_some((sum, form.len()))
}

/// What stands behind the first `used` words, as it was written, without the quotes or brackets around it.
pub(super) fn raw_slot(text: &str, words: &[Word], used: usize) -> Option<String> {
    let first = words.get(used)?;
    let around = |letter: char| letter.is_whitespace() || "\"'“”„«»‘’`´[]<>".contains(letter);
    let slot = text.get(first.start..)?.trim_matches(around);
    Some(slot.to_owned())
}

/// How close a text comes to a form, 0 where it does not: shared words count, and so does the likeness of the whole. Of
/// the text only the beginning is looked at: comparing each word of a long one with each form would take seconds.
pub(super) fn closeness(form: &[&str], words: &[Word]) -> u32 {
    let words = &words[..words.len().min(BEGINNING_WORDS)];
    let shared = form
        .iter()
        .filter(|expected| expected.len() > SHORT_WORD)
        .filter(|expected| words.iter().any(|word| typos(expected, &word.folded).is_some()));
    let shared = u32::try_from(shared.count()).unwrap_or(u32::MAX);
    let begin = &words[..words.len().min(form.len())];
    let (whole, begin) = (form.concat(), joined(begin));
    let is_alike = begin.len() <= 2 * whole.len() && strsim::osa_distance(&whole, &begin) * 3 <= whole.len();
    shared * 2 + u32::from(is_alike)
}

fn joined(words: &[Word]) -> String {
    words.iter().map(|word| word.folded.as_str()).collect()
}

/// 0 or 1 where two words are the same but for so many typos: a letter too many, too few, another, or two swapped.
fn typos(expected: &str, found: &str) -> Option<usize> {
    // Spares the comparison of texts of any length; the letters of a command have one byte each.
    if expected
        .len()
        .abs_diff(found.chars().take(expected.len() + 2).count())
        > 1
    {
        return None;
    }
    let distance = strsim::osa_distance(expected, found);
    (distance <= 1).then_some(distance)
}
