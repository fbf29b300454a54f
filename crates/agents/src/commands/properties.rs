//! What holds for every text a person may type: property tests over commands written in many ways, and over what is none.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngSeed};
use unicode_normalization::UnicodeNormalization;

use super::*;

/// The same cases in every run.
fn cases(cases: u32) -> Config {
    Config {
        cases,
        rng_seed: RngSeed::Fixed(3),
        failure_persistence: None,
        ..Config::default()
    }
}

fn understood(text: &str) -> Command {
    match parse(text) {
        Parsed::Command(command) => command,
        Parsed::Unknown { suggestions } => panic!("{text:?} is unknown: {suggestions:?}"),
    }
}

/// Everything that holds whatever the text is.
fn check_any(text: &str) -> Result<(), TestCaseError> {
    let parsed = parse(text);
    prop_assert_eq!(&parsed, &parse(text));
    match &parsed {
        Parsed::Unknown { suggestions } => {
            prop_assert!(!suggestions.is_empty());
            let known = suggestions.iter().all(|quick| QUICK_COMMANDS.contains(quick));
            prop_assert!(known);
        }
        Parsed::Command(command) => {
            let quick = QUICK_COMMANDS
                .iter()
                .find(|quick| quick.command == command.command);
            let quick = quick.expect("a command of the list");
            prop_assert_eq!(quick.agent, command.agent);
            if let Some(customer) = &command.customer {
                prop_assert!(quick.takes_customer());
                prop_assert!(
                    text.contains(customer.as_str()),
                    "{:?} was never written",
                    customer
                );
                prop_assert!(!customer.trim().is_empty() && customer.trim() == customer);
                // Asked again in the words of the help, it is the same command for the same customer.
                let usage = quick.usage(Locale::Sv).replace("[kund]", customer);
                let again = understood(&usage);
                prop_assert_eq!(
                    (again.command, again.customer),
                    (command.command, command.customer.clone())
                );
            }
        }
    }
    let folded = folded(text);
    prop_assert_eq!(super::folded(&folded), folded);
    Ok(())
}

/// A command and one way to write it, in words with their diacritics.
fn form() -> impl Strategy<Value = (&'static QuickCommand, Vec<&'static str>, bool)> {
    let forms: Vec<_> = QUICK_COMMANDS
        .iter()
        .flat_map(|quick| quick.forms.iter().map(move |form| (quick, form)))
        .map(|(quick, form)| {
            (
                quick,
                form.words.iter().map(|word| accented(word)).collect(),
                form.slot,
            )
        })
        .collect();
    select(forms)
}

/// Those that a customer belongs to.
fn form_with_customer() -> impl Strategy<Value = (&'static QuickCommand, Vec<&'static str>)> {
    form().prop_filter_map("takes no customer", |(quick, words, slot)| {
        slot.then_some((quick, words))
    })
}

fn accented(word: &'static str) -> &'static str {
    match word {
        "kor" => "kör",
        "kundhalsokoll" => "kundhälsokoll",
        "hamta" => "hämta",
        other => other,
    }
}

/// A customer that begins and ends with a letter or a digit.
fn customer() -> BoxedStrategy<String> {
    let odd = [
        "Örebro IF",
        "A",
        "3M",
        "Åsa & Co",
        "O'Neill",
        "x.se",
        "北京",
        "A\u{30A}re",
        "Kör AB",
        "for AB",
        "Info",
    ];
    prop_oneof![
        select(odd.to_vec()).prop_map(str::to_owned),
        "[A-Za-zÅÄÖåäö0-9][A-Za-zåäö0-9 &.,-]{0,12}[a-zåäö0-9]",
    ]
    .boxed()
}

/// How a text is written without changing what it says.
#[derive(Clone, Debug)]
struct Hand {
    large: Vec<bool>,
    decomposed: bool,
    plain: bool,
    blanks: &'static str,
    quotes: (&'static str, &'static str),
    end: &'static str,
}

fn hand() -> impl Strategy<Value = Hand> {
    let large = prop::collection::vec(any::<bool>(), 5);
    let blanks = select(&[" ", "  ", "\t", "-", " – ", "\u{A0}", "\n"][..]);
    let quotes = select(
        &[
            ("", ""),
            ("\"", "\""),
            ("”", "”"),
            ("«", "»"),
            ("  ", " "),
            ("\u{FEFF}", "\u{200B}"),
        ][..],
    );
    let end = select(&["", "!", ".", " ?", "…"][..]);
    (large, any::<bool>(), any::<bool>(), blanks, quotes, end).prop_map(
        |(large, decomposed, plain, blanks, quotes, end)| Hand {
            large,
            decomposed,
            plain,
            blanks,
            quotes,
            end,
        },
    )
}

impl Hand {
    fn word(&self, word: &str) -> String {
        let cased: String = word
            .chars()
            .enumerate()
            .map(|(place, letter)| {
                if self.large[place % self.large.len()] {
                    letter.to_uppercase().to_string()
                } else {
                    letter.to_string()
                }
            })
            .collect();
        match (self.plain, self.decomposed) {
            (true, _) => cased.nfd().filter(char::is_ascii).collect(),
            (false, true) => cased.nfd().collect(),
            (false, false) => cased,
        }
    }

    fn write(&self, words: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(|word| self.word(word)).collect();
        words.join(self.blanks)
    }
}

#[derive(Clone, Copy, Debug)]
enum Typo {
    Gone,
    Twice,
    Other(char),
    Swapped,
}

fn typo() -> impl Strategy<Value = Typo> {
    prop_oneof![
        Just(Typo::Gone),
        Just(Typo::Twice),
        select(vec!['x', 'q', 'e', 'ö']).prop_map(Typo::Other),
        Just(Typo::Swapped),
    ]
}

fn mistyped(word: &str, typo: Typo, place: Index) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let at = place.index(letters.len());
    match typo {
        Typo::Gone => drop(letters.remove(at)),
        Typo::Twice => letters.insert(at, letters[at]),
        Typo::Other(letter) => letters[at] = letter,
        Typo::Swapped => letters.swap(at, (at + 1) % word.chars().count()),
    }
    letters.into_iter().collect()
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn texts_of_any_kind(
        text in prop_oneof![
            ".{0,40}",
            "(?s).{0,20}",
            "(kör|Kundhälsokoll|onboarding|för|hämta|kund|info|get|pipeline|analys|customer|[ \"\\[\\]-]|\u{301}|ﷺ|Å){0,9}",
        ],
    ) {
        check_any(&text)?;
    }

    /// S0-19.
    #[test]
    fn however_it_is_written_it_is_the_same_command((quick, words, _) in form(), hand in hand()) {
        let text = format!("{}{}{}{}", hand.quotes.0, hand.write(&words), hand.end, hand.quotes.1);
        check_any(&text)?;
        let command = understood(&text);
        prop_assert_eq!((command.agent, command.command), (quick.agent, quick.command));
        prop_assert_eq!(command.customer, None);
    }

    #[test]
    fn a_customer_comes_back_as_written(
        (quick, words) in form_with_customer(),
        hand in hand(),
        customer in customer(),
        around in select(&[("", ""), ("\"", "\""), ("[", "]"), (" ", " "), ("»", "«"), ("…", "")][..]),
    ) {
        let text = format!("{} {}{customer}{}", hand.write(&words), around.0, around.1);
        check_any(&text)?;
        let command = understood(&text);
        prop_assert_eq!((command.agent, command.command), (quick.agent, quick.command));
        prop_assert_eq!(command.customer, Some(customer));
    }

    /// A customer or command is never guessed.
    #[test]
    fn typos_never_make_another_command(
        (quick, words, _) in form(),
        typos in prop::collection::vec((any::<Index>(), typo(), any::<Index>()), 1..4),
        customer in customer(),
    ) {
        let mut words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        for (word, typo, place) in typos {
            let many = words.len();
            let word = &mut words[word.index(many)];
            if word.chars().count() > 1 {
                *word = mistyped(word, typo, place);
            }
        }
        for text in [words.join(" "), format!("{} {customer}", words.join(" "))] {
            check_any(&text)?;
            if let Parsed::Command(command) = parse(&text) {
                prop_assert_eq!((command.agent, command.command), (quick.agent, quick.command), "{}", text);
            }
        }
    }
}
