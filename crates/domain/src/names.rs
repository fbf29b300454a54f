//! Finding a customer by what a person typed (S0-19).

use std::collections::{BTreeMap, HashMap};

use crate::fact::CustomerId;

mod fold;
mod typo;

#[cfg(test)]
mod tests;

use fold::words;
pub use fold::{fold, fold_bare, slug};

/// Candidates and suggestions are at most this many.
const SHOWN_MAX: usize = 5;
/// Texts and words shorter than this are never taken for a typo.
const TYPO_LETTERS_MIN: usize = 4;
/// Nobody types a longer name; what is longer is not compared letter by letter.
const TEXT_LETTERS_MAX: usize = 128;

/// What a look-up found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    Found(CustomerId),
    /// Several fit: ask which. Ids with their names, best first.
    Ambiguous(Vec<(CustomerId, String)>),
    /// None fits; the names that come closest, at most five.
    Unknown(Vec<String>),
}

/// Names suggested where none fits.
const SUGGESTIONS_MAX: usize = 5;
/// Letters in which words agree to be akin.
const AKIN_LETTERS: usize = 4;

/// Names and ids of all customers, folded for look-up.
#[derive(Clone, Debug, Default)]
pub struct NameIndex {
    /// In the order of their folded names, then ids: places in it order every answer.
    entries: Vec<Entry>,
    ids: HashMap<String, usize>,
    folded: HashMap<String, Vec<usize>>,
    bare: HashMap<String, Vec<usize>>,
    /// Which entries have a word, with and without diacritics; places ascend.
    folded_words: BTreeMap<String, Vec<usize>>,
    bare_words: BTreeMap<String, Vec<usize>>,
}

#[derive(Clone, Debug)]
struct Entry {
    id: CustomerId,
    name: String,
    folded: String,
    bare: Vec<char>,
}

impl NameIndex {
    /// From ids and names, in any order.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = (CustomerId, String)>) -> Self {
        let mut entries: Vec<Entry> = names
            .into_iter()
            .map(|(id, name)| {
                let folded = fold(&name);
                let bare = fold_bare(&name).chars().collect();
                Entry {
                    id,
                    name,
                    folded,
                    bare,
                }
            })
            .collect();
        entries.sort_by(|a, b| a.folded.cmp(&b.folded).then_with(|| a.id.cmp(&b.id)));
        entries.dedup_by(|a, b| a.folded == b.folded && a.id == b.id);
        let mut index = Self::default();
        for (place, entry) in entries.iter().enumerate() {
            let bare: String = entry.bare.iter().collect();
            index.ids.insert(entry.id.0.clone(), place);
            for word in words(&entry.folded) {
                note(index.folded_words.entry(word).or_default(), place);
            }
            for word in words(&bare) {
                note(index.bare_words.entry(word).or_default(), place);
            }
            index.folded.entry(entry.folded.clone()).or_default().push(place);
            index.bare.entry(bare).or_default().push(place);
        }
        index.entries = entries;
        index
    }

    /// Finds the customer a person means. The rules, in this order; the first that yields a candidate decides, never a guess:
    /// the exact id; the name as folded; the name without diacritics; the same without a genitive s; every word typed is a word
    /// of the name; one typo, in the whole name or in one word, for four letters or more and never in a digit.
    #[must_use]
    pub fn find(&self, text: &str) -> Lookup {
        let exact = self.ids.get(text).or_else(|| self.ids.get(text.trim()));
        if let Some(place) = exact {
            return Lookup::Found(self.entries[*place].id.clone());
        }
        let folded = fold(text);
        if folded.is_empty() || folded.chars().count() > TEXT_LETTERS_MAX {
            return Lookup::Unknown(Vec::new());
        }
        let bare = fold_bare(text);
        let forms = [
            Some((folded.clone(), bare.clone())),
            without_genitive(&folded).zip(without_genitive(&bare)),
        ];
        let forms = || forms.iter().flatten();
        let same = |(folded, bare): &(String, String)| {
            self.folded.get(folded).or_else(|| self.bare.get(bare)).cloned()
        };
        if let Some(candidates) = forms().find_map(same) {
            return self.answer(candidates);
        }
        for (folded, bare) in forms() {
            for candidates in [
                having(&self.folded_words, &words(folded)),
                having(&self.bare_words, &words(bare)),
            ] {
                if !candidates.is_empty() {
                    return self.answer(candidates);
                }
            }
        }
        for (_, bare) in forms() {
            let candidates = typo::candidates(self, bare);
            if !candidates.is_empty() {
                return self.answer(candidates);
            }
        }
        let mut places = typo::closest(self, &bare);
        for place in self.akin(&words(&bare)) {
            if places.len() >= SUGGESTIONS_MAX {
                break;
            }
            if !places.contains(&place) {
                places.push(place);
            }
        }
        Lookup::Unknown(
            places
                .into_iter()
                .map(|place| self.entries[place].name.clone())
                .collect(),
        )
    }

    /// Customers with a word that begins as one of these does: near enough to be suggested, too far to be meant.
    fn akin(&self, typed: &[String]) -> Vec<usize> {
        let mut places = Vec::new();
        for word in typed {
            let Some((end, _)) = word.char_indices().nth(AKIN_LETTERS) else {
                continue;
            };
            let begin = &word[..end];
            let alike = self
                .bare_words
                .range(begin.to_owned()..)
                .take_while(|(known, _)| known.starts_with(begin));
            places.extend(
                alike
                    .flat_map(|(_, places)| places.iter().copied())
                    .take(SUGGESTIONS_MAX),
            );
        }
        places
    }

    /// How many customers have a name.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// One customer is found; of several the shortest names come first, being closest to what was typed.
    fn answer(&self, mut candidates: Vec<usize>) -> Lookup {
        candidates.sort_by_key(|place| (self.entries[*place].bare.len(), *place));
        candidates.dedup_by(|a, b| self.entries[*a].id == self.entries[*b].id);
        if let [place] = candidates[..] {
            return Lookup::Found(self.entries[place].id.clone());
        }
        let shown = candidates
            .iter()
            .take(SHOWN_MAX)
            .map(|place| &self.entries[*place]);
        Lookup::Ambiguous(
            shown
                .map(|entry| (entry.id.clone(), entry.name.clone()))
                .collect(),
        )
    }
}

fn note(places: &mut Vec<usize>, place: usize) {
    if places.last() != Some(&place) {
        places.push(place);
    }
}

/// `medborgarskolans` and `medborgarskolan-s` without their s; the apostrophe form too. `None` where there is none.
fn without_genitive(text: &str) -> Option<String> {
    let stem = text.strip_suffix('s')?.trim_end_matches(['\'', '-', ':']);
    (!stem.trim().is_empty()).then(|| stem.to_owned())
}

/// The entries that have every one of these words.
fn having(index: &BTreeMap<String, Vec<usize>>, words: &[String]) -> Vec<usize> {
    let mut places: Option<Vec<usize>> = None;
    for word in words {
        let Some(found) = index.get(word) else {
            return Vec::new();
        };
        places = Some(match places {
            None => found.clone(),
            Some(before) => before
                .into_iter()
                .filter(|place| found.binary_search(place).is_ok())
                .collect(),
        });
    }
    places.unwrap_or_default()
}
