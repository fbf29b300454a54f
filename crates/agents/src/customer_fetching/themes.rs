//! Recurring themes: words that come back in what was said and noted. Plain counting, so that anyone can check it.

use std::collections::{BTreeMap, BTreeSet};

use kunder_domain::customer::Sourced;

/// Shorter words carry little.
const LETTERS_MIN: usize = 5;
/// A theme is told at least so many times.
const TIMES_MIN: usize = 2;

/// Words that say nothing of the matter.
const COMMON: &str = "avstämning användare alla allt andra bara behöver behövs bland borde bättre bättrar bör dagar denna dessa detta direkt dock \
     efter eller enligt fram framåt från fått föra före första frågade frågan frågor följde genom ganska gick gillar gjort gäller göras hade hamnar hela hellre hjälp \
     hoppas idag igen igenom igång inför ingen inget innan inom inte istället kanske kommer kommit kontakt kunde kunden kunna kvartal kvartalsmöte känns lite löste löstes medarbetare \
     många möjligt möte mötet måste mellan medan mycket något några någon nästa också olika prata ringde pratade redan samma samtal samtalet \
     samtidigt sedan senare senast skulle snart stämning svarade telefon tacka tidigare tillbaka tycker under utan vecka veckan verkar vidare vilja vilken \
     vilket ville visade vore väldigt ännu återkommer öppna över about after again before being could customer every first going great \
     having hours little maybe meeting might month needs other quarter really right shall should since still their them then there \
     these they thing things think this those times today until using wants week weeks well were what when where which while will \
     with would years your";

/// A word that comes back.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme<'a> {
    pub word: String,
    /// In how many notes it stands.
    pub times: usize,
    /// Which notes, by their place.
    pub notes: Vec<&'a Sourced<String>>,
}

/// Words that stand in at least two of the notes, the most frequent first, then by the alphabet.
/// Words of these names, the customer's and its people's, are no theme.
#[must_use]
pub fn themes<'a>(notes: &'a [Sourced<String>], names: &[&str]) -> Vec<Theme<'a>> {
    let dull: BTreeSet<String> = COMMON
        .split_whitespace()
        .map(str::to_owned)
        .chain(names.iter().flat_map(|name| words(name)))
        .collect();
    let mut found: BTreeMap<String, Vec<&Sourced<String>>> = BTreeMap::new();
    for note in notes {
        let distinct: BTreeSet<String> = words(&note.value).collect();
        for word in distinct
            .into_iter()
            .filter(|word| word.chars().count() >= LETTERS_MIN && !dull.contains(word))
        {
            found.entry(word).or_default().push(note);
        }
    }
    let mut themes: Vec<Theme<'a>> = found
        .into_iter()
        .filter(|(_, notes)| notes.len() >= TIMES_MIN)
        .map(|(word, notes)| Theme {
            word,
            times: notes.len(),
            notes,
        })
        .collect();
    themes.sort_by(|a, b| b.times.cmp(&a.times).then_with(|| a.word.cmp(&b.word)));
    themes
}

fn words(text: &str) -> impl Iterator<Item = String> {
    let lower = text.to_lowercase();
    let words: Vec<String> = lower
        .split(|letter: char| !letter.is_alphabetic())
        .map(str::to_owned)
        .collect();
    words.into_iter().filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(text: &str) -> Sourced<String> {
        let observed = "2025-09-01T10:00:00Z".parse().unwrap();
        Sourced {
            value: text.to_owned(),
            source: "Admin".to_owned(),
            actor: "Anna".to_owned(),
            observed,
        }
    }

    #[test]
    fn a_word_counts_once_a_note_and_dull_words_never() {
        let notes = [
            note("Rapporter, rapporter och kunden vill ha kurser."),
            note("Kunden frågar efter Rapporter om kurser i Bollnäs"),
            note("kunden: rapporter!"),
        ];
        let found: Vec<(String, usize)> = themes(&notes, &["Bollnäs Kurser"])
            .into_iter()
            .map(|theme| (theme.word, theme.times))
            .collect();
        assert_eq!(found, [("rapporter".to_owned(), 3)]);
    }
}
