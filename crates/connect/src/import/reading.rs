//! Reading one text as what a field needs: decimals, whole numbers, yes and no, words of a list.

use rust_decimal::Decimal;
use serde::de::value::Error as WordError;
use serde::de::{DeserializeOwned, IntoDeserializer};

use super::error::cited;
use super::expression::Writing;

/// What a field of a fact can be read from.
pub(crate) trait Reading: Sized {
    /// Whether the option `date` says something about it.
    const IS_DATE: bool = false;
    /// Whether the options `decimal` and `thousands` say something about it.
    const IS_DECIMAL: bool = false;

    /// `text` is never empty and has no blanks around it.
    ///
    /// # Errors
    /// A text that says what is wrong.
    fn read(text: &str, writing: &Writing) -> Result<Self, String>;
}

impl Reading for String {
    fn read(text: &str, _writing: &Writing) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl Reading for Decimal {
    const IS_DECIMAL: bool = true;

    fn read(text: &str, writing: &Writing) -> Result<Self, String> {
        let wrong = || {
            let hint = if writing.decimal == '.' && writing.thousands.is_none() && text.contains(',') {
                "; a comma as decimal sign is told by `decimal: \",\"`"
            } else {
                ""
            };
            format!("`{}` is not a number{hint}", cited(text))
        };
        if writing.decimal == '.' && text.contains(['e', 'E']) {
            return Decimal::from_scientific(text).map_err(|_| wrong());
        }
        let plain = plain_number(text, writing).ok_or_else(wrong)?;
        Decimal::from_str_exact(&plain)
            .map_err(|_| format!("`{}` has more digits than can be kept", cited(text)))
    }
}

/// The number as `-1234.56`; `None` where it is written otherwise than the mapping says.
fn plain_number(text: &str, writing: &Writing) -> Option<String> {
    let (sign, digits) = match text.strip_prefix(['-', '\u{2212}']) {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = match digits.split_once(writing.decimal) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let whole = match writing.thousands {
        Some(mark) => ungrouped(whole, mark)?,
        None => whole.to_owned(),
    };
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(&whole) || fraction.is_some_and(|fraction| !all_digits(fraction)) {
        return None;
    }
    Some(match fraction {
        Some(fraction) => format!("{sign}{whole}.{fraction}"),
        None => format!("{sign}{whole}"),
    })
}

/// The digits of groups of three; a number without marks is one too.
fn ungrouped(whole: &str, mark: char) -> Option<String> {
    let is_mark = |c: char| c == mark || (mark == ' ' && matches!(c, '\u{A0}' | '\u{202F}' | '\u{2009}'));
    let groups: Vec<&str> = whole.split(is_mark).collect();
    let grouped = groups.len() > 1;
    let fits =
        |(place, group): (usize, &&str)| !grouped || group.len() == 3 || (place == 0 && group.len() < 3);
    groups.iter().enumerate().all(fits).then(|| groups.concat())
}

/// A whole number from 0 to `MAX`; `60`, `60 %` and `60.0` are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whole<const MAX: u8>(pub u8);

impl<const MAX: u8> Reading for Whole<MAX> {
    fn read(text: &str, _writing: &Writing) -> Result<Self, String> {
        let digits = text
            .strip_suffix('%')
            .filter(|_| MAX == 100)
            .unwrap_or(text)
            .trim_end();
        Decimal::from_str_exact(digits)
            .ok()
            .filter(Decimal::is_integer)
            .and_then(|number| u8::try_from(number).ok())
            .filter(|number| *number <= MAX)
            .map(Self)
            .ok_or_else(|| format!("`{}` is not a whole number from 0 to {MAX}", cited(text)))
    }
}

impl Reading for bool {
    fn read(text: &str, _writing: &Writing) -> Result<Self, String> {
        yes_or_no(text).ok_or_else(|| {
            format!(
                "`{}` is neither yes nor no; other words are told by `map:`",
                cited(text)
            )
        })
    }
}

/// `true`, `yes`, `ja`, `1` and their opposites, in any case.
pub(crate) fn yes_or_no(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "ja" | "1" => Some(true),
        "false" | "no" | "nej" | "0" => Some(false),
        _ => None,
    }
}

/// A word of a list that the domain gives, `decision_maker`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word<T>(pub T);

impl<T: DeserializeOwned> Reading for Word<T> {
    fn read(text: &str, _writing: &Writing) -> Result<Self, String> {
        let word = text.to_lowercase().replace([' ', '-'], "_");
        let deserializer: serde::de::value::StrDeserializer<'_, WordError> =
            word.as_str().into_deserializer();
        T::deserialize(deserializer).map(Self).map_err(|error| {
            let error = error.to_string();
            let known = error
                .split_once("expected ")
                .map_or(error.as_str(), |(_, known)| known);
            format!("`{}` is not {known}; other words are told by `map:`", cited(text))
        })
    }
}

/// Three capital letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Currency(pub String);

impl Reading for Currency {
    fn read(text: &str, _writing: &Writing) -> Result<Self, String> {
        let code = text.to_ascii_uppercase();
        if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()) {
            Ok(Self(code))
        } else {
            Err(format!("`{}` is not a currency code such as SEK", cited(text)))
        }
    }
}

/// The longest id of a customer, in bytes.
const CUSTOMER_BYTES_MAX: usize = 128;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CustomerKey(pub String);

impl Reading for CustomerKey {
    fn read(text: &str, _writing: &Writing) -> Result<Self, String> {
        if text.len() > CUSTOMER_BYTES_MAX {
            return Err(format!(
                "the customer's id is {} bytes long, at most {CUSTOMER_BYTES_MAX} are allowed",
                text.len()
            ));
        }
        if text.chars().any(char::is_control) {
            return Err(format!(
                "the customer's id `{}` has control characters",
                cited(text)
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use kunder_domain::fact::ContactRole;

    use super::*;

    fn writing(decimal: char, thousands: Option<char>) -> Writing {
        Writing {
            date: None,
            decimal,
            thousands,
        }
    }

    #[track_caller]
    fn check_number(text: &str, decimal: char, thousands: Option<char>, expected: &str) {
        let read = Decimal::read(text, &writing(decimal, thousands));
        assert_eq!(
            read.map_or_else(|error| error, |number| number.to_string()),
            expected
        );
    }

    #[test]
    fn numbers_keep_their_decimals() {
        check_number("11.70", '.', None, "11.70");
        check_number("-1 234 567,5", ',', Some(' '), "-1234567.5");
        check_number("1\u{A0}234", ',', Some(' '), "1234");
        check_number("\u{2212}1.234,50", ',', Some('.'), "-1234.50");
        check_number("1.5e2", '.', None, "150");
    }

    #[test]
    fn bad_numbers_are_not_guessed() {
        check_number(
            "12,50",
            '.',
            None,
            "`12,50` is not a number; a comma as decimal sign is told by `decimal: \",\"`",
        );
        check_number("1,23", '.', Some(','), "`1,23` is not a number");
        for text in [
            "", "-", "1.", ".5", "1.2.3", "12 kr", "NaN", "0x10", "1_000", "1e999",
        ] {
            check_number(text, '.', None, &format!("`{text}` is not a number"));
        }
        let long = "0.1234567890123456789012345678901";
        check_number(
            long,
            '.',
            None,
            &format!("`{long}` has more digits than can be kept"),
        );
    }

    #[test]
    fn words_numbers_and_ids_are_checked() {
        let plain = writing('.', None);
        assert_eq!(Whole::<100>::read("60 %", &plain), Ok(Whole(60)));
        assert_eq!(
            Whole::<10>::read("11", &plain),
            Err("`11` is not a whole number from 0 to 10".to_owned())
        );
        assert_eq!(
            Whole::<100>::read("0.6", &plain),
            Err("`0.6` is not a whole number from 0 to 100".to_owned())
        );
        assert_eq!(bool::read("Ja", &plain), Ok(true));
        assert_eq!(
            Word::<ContactRole>::read("Decision maker", &plain),
            Ok(Word(ContactRole::DecisionMaker))
        );
        assert_eq!(
            Word::<ContactRole>::read("VD", &plain).map(|word| word.0),
            Err(
                "`VD` is not one of `decision_maker`, `technical`, `finance`, `project`, `other`; \
                 other words are told by `map:`"
                    .to_owned()
            )
        );
        assert_eq!(Currency::read("sek", &plain), Ok(Currency("SEK".to_owned())));
        assert!(Currency::read("kr", &plain).is_err());
        assert!(CustomerKey::read(&"x".repeat(129), &plain).is_err());
        assert!(CustomerKey::read(&"x".repeat(128), &plain).is_ok());
    }
}
