//! Money: a decimal amount with its currency; never a float.

use std::collections::BTreeMap;
use std::fmt;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// On the wire `{"amount":"2500315.63","currency":"USD"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// A decimal written as text, so that no reader makes a float of it.
    #[schemars(with = "String")]
    pub amount: Decimal,
    /// ISO 4217, three capital letters.
    pub currency: String,
}

impl Money {
    #[must_use]
    pub fn new(amount: Decimal, currency: &str) -> Self {
        Self {
            amount,
            currency: currency.to_owned(),
        }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} {}", self.amount, self.currency)
    }
}

/// A sum per currency; currencies are never mixed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums(BTreeMap<String, Decimal>);

impl Sums {
    pub fn add(&mut self, money: &Money) {
        *self.0.entry(money.currency.clone()).or_default() += money.amount;
    }

    pub fn add_all(&mut self, other: &Sums) {
        for (currency, amount) in &other.0 {
            *self.0.entry(currency.clone()).or_default() += amount;
        }
    }

    /// One amount per currency, in the order of the currencies' codes, at two decimals at least.
    #[must_use]
    pub fn moneys(&self) -> Vec<Money> {
        self.0
            .iter()
            .map(|(currency, amount)| {
                let mut amount = amount.normalize();
                if amount.scale() < 2 {
                    amount.rescale(2);
                }
                Money {
                    amount,
                    currency: currency.clone(),
                }
            })
            .collect()
    }

    #[must_use]
    pub fn get(&self, currency: &str) -> Decimal {
        self.0.get(currency).copied().unwrap_or_default()
    }

    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.values().all(Decimal::is_zero)
    }

    /// The largest amount of any currency, for ordering customers by value.
    #[must_use]
    pub fn largest(&self) -> Decimal {
        self.0.values().copied().max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_keep_currencies_apart_and_the_last_ore() {
        let mut sums = Sums::default();
        for (amount, currency) in [("0.10", "SEK"), ("0.20", "SEK"), ("5", "EUR")] {
            sums.add(&Money::new(amount.parse().unwrap(), currency));
        }
        let printed: Vec<String> = sums
            .moneys()
            .iter()
            .map(|money| serde_json::to_string(money).unwrap())
            .collect();
        assert_eq!(
            printed,
            [
                r#"{"amount":"5.00","currency":"EUR"}"#,
                r#"{"amount":"0.30","currency":"SEK"}"#
            ]
        );
    }
}
