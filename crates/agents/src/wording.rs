//! Numbers and lists in words, as Swedish and English readers write them.

use kunder_agent_core::task::Locale;
use kunder_domain::money::Money;
use rust_decimal::{Decimal, RoundingStrategy};

/// `2 500 315,63 USD` in Swedish, `2,500,315.63 USD` in English; whole amounts without decimals,
/// parts of an öre rounded away: weighted amounts have them.
#[must_use]
pub fn amount(money: &Money, locale: Locale) -> String {
    let (group, point) = match locale {
        Locale::Sv => (' ', ','),
        Locale::En => (',', '.'),
    };
    let ore = money
        .amount
        .round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    let mut normal = ore.normalize();
    if (1..2).contains(&normal.scale()) {
        normal.rescale(2);
    }
    let digits = normal.abs().to_string();
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let mut text = String::new();
    if normal.is_sign_negative() && !normal.is_zero() {
        text.push('−');
    }
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            text.push(group);
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push(point);
        text.push_str(fraction);
    }
    format!("{text} {}", money.currency)
}

/// Amounts of several currencies, `0` where there are none.
#[must_use]
pub fn amounts(moneys: &[Money], locale: Locale) -> String {
    let spoken: Vec<String> = moneys
        .iter()
        .filter(|money| !money.amount.is_zero())
        .map(|money| amount(money, locale))
        .collect();
    if spoken.is_empty() {
        return moneys
            .first()
            .map_or_else(|| "0".to_owned(), |money| amount(money, locale));
    }
    spoken.join(locale.pick(" och ", " and "))
}

/// Nothing, in each of these currencies; `0` where there are none.
#[must_use]
pub fn zeros(moneys: &[Money], locale: Locale) -> String {
    let zeros: Vec<String> = moneys
        .iter()
        .map(|money| amount(&Money::new(Decimal::ZERO, &money.currency), locale))
        .collect();
    if zeros.is_empty() {
        return "0".to_owned();
    }
    zeros.join(locale.pick(" och ", " and "))
}

/// What somebody said, in the quotation marks of the language.
#[must_use]
pub fn quoted(locale: Locale, text: &str) -> String {
    match locale {
        Locale::Sv => format!("”{text}”"),
        Locale::En => format!("“{text}”"),
    }
}

/// `1 kund`, `2 kunder`.
#[must_use]
pub fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The first `shown` lines, and how many more there are.
#[must_use]
pub fn shortened(lines: impl ExactSizeIterator<Item = String>, shown: usize, locale: Locale) -> Vec<String> {
    let more = lines.len().saturating_sub(shown);
    let mut lines: Vec<String> = lines.take(shown).collect();
    if more > 0 {
        lines.push(match locale {
            Locale::Sv => format!("… och {more} till"),
            Locale::En => format!("… and {more} more"),
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_as_their_readers_write_them() {
        let cases = [
            ("2500315.63", "2 500 315,63 SEK", "2,500,315.63 SEK"),
            ("1000", "1 000 SEK", "1,000 SEK"),
            ("999.5", "999,50 SEK", "999.50 SEK"),
            ("-12.00", "−12 SEK", "−12 SEK"),
            ("0.005", "0,01 SEK", "0.01 SEK"),
            ("0", "0 SEK", "0 SEK"),
        ];
        for (written, sv, en) in cases {
            let money = Money::new(written.parse().unwrap(), "SEK");
            assert_eq!(amount(&money, Locale::Sv), sv);
            assert_eq!(amount(&money, Locale::En), en);
        }
    }

    #[test]
    fn long_lists_say_how_much_is_left_out() {
        let lines = |count: usize| {
            (0..count)
                .map(|number| number.to_string())
                .collect::<Vec<_>>()
                .into_iter()
        };
        assert_eq!(shortened(lines(3), 2, Locale::Sv), ["0", "1", "… och 1 till"]);
        assert_eq!(shortened(lines(2), 2, Locale::En), ["0", "1"]);
    }
}
