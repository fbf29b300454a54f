//! What `cargo mutants --list --json` offers, and a sample of it that a seed decides.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;

/// One mutant, as the list describes it.
#[derive(Clone, Debug, Deserialize)]
pub struct Mutant {
    pub package: String,
    /// From the root of the repository.
    pub file: String,
    /// `file:line:column: what is changed in what function`.
    pub name: String,
    pub function: Option<Function>,
    pub span: Span,
    pub replacement: String,
    pub genre: Genre,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Function {
    pub span: Span,
}

/// From one place in the text to before another.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Span {
    pub start: Place,
    pub end: Place,
}

/// Both counted from 1, columns in characters.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// Kinds of mutants.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum Genre {
    FnValue,
    BinaryOperator,
    UnaryOperator,
    MatchArm,
    MatchArmGuard,
    StructField,
}

/// A mutant by what does not change when lines above it do.
pub struct Keyed {
    /// `file: what is changed in what function`, and which of those that are called alike.
    pub key: String,
    pub mutant: Mutant,
}

/// # Errors
/// A list of another form, as another version of cargo-mutants may print.
pub fn parse(json: &[u8]) -> Result<Vec<Keyed>> {
    let mutants: Vec<Mutant> =
        serde_json::from_slice(json).context("cannot read the list of `cargo mutants --list --json`")?;
    let mut alike: BTreeMap<String, usize> = BTreeMap::new();
    let mut keyed = Vec::new();
    for mutant in mutants {
        let bare = format!("{}: {}", mutant.file, mutant.what());
        let nth = alike.entry(bare.clone()).or_default();
        *nth += 1;
        let key = if *nth == 1 {
            bare
        } else {
            format!("{bare} ({nth})")
        };
        keyed.push(Keyed { key, mutant });
    }
    Ok(keyed)
}

/// `count` of them, decided by the seed: each mutant draws a lot of its own, so that one more or less in the list changes
/// the sample by one at most. In the order of the list.
pub fn sample(mutants: Vec<Keyed>, count: usize, seed: u64) -> Vec<Keyed> {
    let mut lots: Vec<(u64, usize)> = mutants
        .iter()
        .enumerate()
        .map(|(index, keyed)| (hash(&format!("{seed}/{}", keyed.key)), index))
        .collect();
    lots.sort_unstable();
    let mut drawn: Vec<bool> = vec![false; mutants.len()];
    for (_, index) in lots.into_iter().take(count) {
        drawn[index] = true;
    }
    mutants
        .into_iter()
        .zip(drawn)
        .filter_map(|(mutant, drawn)| drawn.then_some(mutant))
        .collect()
}

impl Mutant {
    /// `replace < with == in f`.
    pub fn what(&self) -> &str {
        self.name.splitn(4, ':').last().unwrap_or_default().trim()
    }

    /// Bytes of the source that are replaced.
    pub fn range(&self, source: &str) -> std::ops::Range<usize> {
        self.span.start.offset(source)..self.span.end.offset(source)
    }

    /// Of the function it stands in, or of the line: another number where that was changed.
    pub fn fingerprint(&self, source: &str) -> u64 {
        let span = self.function.as_ref().map_or(self.span, |function| function.span);
        hash(&source[span.start.offset(source)..span.end.offset(source)])
    }
}

impl Place {
    fn offset(self, source: &str) -> usize {
        let line: usize = source
            .split_inclusive('\n')
            .take(self.line - 1)
            .map(str::len)
            .sum();
        let column = source[line..].char_indices().nth(self.column - 1);
        column.map_or(source.len(), |(index, _)| line + index)
    }
}

/// FNV-1a, mixed once more so that texts that end alike lie apart.
fn hash(text: &str) -> u64 {
    let folded = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (folded ^ (folded >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(line: usize, change: &str) -> String {
        format!(
            r#"{{"package": "p", "file": "src/a.rs", "name": "src/a.rs:{line}:5: {change} in b::c", "diff": "",
                "function": {{"function_name": "b::c", "return_type": "", "span": {{"start": {{"line": 1, "column": 1}}, "end": {{"line": 9, "column": 2}}}}}},
                "span": {{"start": {{"line": {line}, "column": 5}}, "end": {{"line": {line}, "column": 6}}}},
                "replacement": ">", "genre": "BinaryOperator"}}"#
        )
    }

    fn list(count: usize, skip: Option<usize>) -> Vec<Keyed> {
        let entries: Vec<String> = (0..count)
            .filter(|index| Some(*index) != skip)
            .map(|index| entry(index + 1, &format!("replace <{index}> with >")))
            .collect();
        parse(format!("[{}]", entries.join(",")).as_bytes()).unwrap()
    }

    fn keys(mutants: &[Keyed]) -> Vec<&str> {
        mutants.iter().map(|keyed| keyed.key.as_str()).collect()
    }

    #[test]
    fn a_list_is_read_with_keys_that_know_no_lines() {
        let json = format!(
            "[{}, {}]",
            entry(3, "replace < with >"),
            entry(8, "replace < with >")
        );
        let mutants = parse(json.as_bytes()).unwrap();
        assert_eq!(
            keys(&mutants),
            [
                "src/a.rs: replace < with > in b::c",
                "src/a.rs: replace < with > in b::c (2)"
            ]
        );
        let first = &mutants[0].mutant;
        assert_eq!((first.genre, first.span.start.line), (Genre::BinaryOperator, 3));
        let source = "\nå\n   å< b\n";
        assert_eq!(&source[first.range(source)], "<");
    }

    #[test]
    fn what_is_no_list_is_said() {
        assert!(parse(br#"[{"file": "a"}]"#).is_err());
    }

    #[test]
    fn the_same_seed_draws_the_same_sample_and_another_one_another() {
        let drawn = |seed| sample(list(300, None), 40, seed);
        assert_eq!(drawn(1).len(), 40);
        assert_eq!(keys(&drawn(1)), keys(&drawn(1)));
        assert_ne!(keys(&drawn(1)), keys(&drawn(2)));
        assert_eq!(sample(list(3, None), 40, 1).len(), 3);
    }

    #[test]
    fn a_mutant_that_is_gone_takes_no_other_with_it() {
        let whole = sample(list(300, None), 40, 1);
        let gone = whole[0].mutant.span.start.line - 1;
        let less = sample(list(300, Some(gone)), 40, 1);
        let kept = keys(&less)
            .iter()
            .filter(|key| keys(&whole).contains(key))
            .count();
        assert_eq!(kept, 39);
    }

    #[test]
    fn a_changed_function_has_another_fingerprint() {
        let mutants = list(1, None);
        let of = |source: &str| mutants[0].mutant.fingerprint(source);
        let long = "a\n".repeat(8) + "}}";
        assert_eq!(of(&long), of(&(long.clone() + "more\n")));
        assert_ne!(of(&long), of(&long.replace('a', "b")));
    }
}
