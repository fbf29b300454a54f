//! Parameters of other kinds: money, percent, truth, objects, and whatever reads as text.

use kunder_domain::money::Money;
use rust_decimal::Decimal;
use serde_json::Value;

use super::{Bad, Params};

/// No amount of one deal is larger; sums of many stay far from the end of decimals.
const AMOUNT_MAX: u64 = 1_000_000_000_000_000;

/// One entry of a list that holds objects, or names that stand for them.
pub enum Entry<'a> {
    Object(Params<'a>),
    Name(&'a str),
}

impl<'a> Params<'a> {
    /// The names of the fields that have a value, in their order.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, _)| name.as_str())
    }

    /// A text; numbers and truth values are read as text, a list of texts as one text, a blank one as nothing.
    ///
    /// # Errors
    /// When it is something else.
    pub fn plain(&self, name: &str) -> Result<Option<String>, Bad> {
        let Some(value) = self.fields.get(name).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        let text = plain(value).ok_or_else(|| self.bad(name, "ska vara text", "must be text"))?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// As [`Params::plain`], and there.
    ///
    /// # Errors
    /// When it is missing, blank or no text.
    pub fn needed_plain(&self, name: &str) -> Result<String, Bad> {
        self.plain(name)?
            .ok_or_else(|| self.bad(name, "saknas", "is missing"))
    }

    /// An object.
    ///
    /// # Errors
    /// When it is something else.
    pub fn object(&self, name: &'static str) -> Result<Option<Params<'a>>, Bad> {
        match self.value(&[name]) {
            None => Ok(None),
            Some((_, Value::Object(fields))) => Ok(Some(Params {
                fields,
                path: format!("{}.{name}", self.path),
                locale: self.locale,
            })),
            Some(_) => Err(self.bad(name, "ska vara ett objekt", "must be an object")),
        }
    }

    /// A list of objects, in which a text stands for an object with that name.
    ///
    /// # Errors
    /// When it is something else.
    pub fn entries(&self, name: &'static str) -> Result<Vec<Entry<'a>>, Bad> {
        let wrong = || self.bad(name, "ska vara en lista av objekt", "must be a list of objects");
        let Some((_, value)) = self.value(&[name]) else {
            return Ok(Vec::new());
        };
        let items = value.as_array().ok_or_else(wrong)?;
        let entries = items.iter().enumerate().map(|(place, item)| match item {
            Value::Object(fields) => {
                let path = format!("{}.{name}[{place}]", self.path);
                Ok(Entry::Object(Params {
                    fields,
                    path,
                    locale: self.locale,
                }))
            }
            Value::String(text) if !text.trim().is_empty() => Ok(Entry::Name(text.trim())),
            _ => Err(wrong()),
        });
        entries.collect()
    }

    /// Money: an object with `amount` and `currency`, or a bare amount in the currency of the organisation.
    ///
    /// # Errors
    /// When it is neither, or beyond reason.
    pub fn money(&self, name: &'static str, currency: &str) -> Result<Option<Money>, Bad> {
        let wrong = || {
            self.bad(
                name,
                "ska vara ett belopp: {\"amount\":\"1000.00\",\"currency\":\"SEK\"}",
                "must be an amount: {\"amount\":\"1000.00\",\"currency\":\"SEK\"}",
            )
        };
        let Some((_, value)) = self.value(&[name]) else {
            return Ok(None);
        };
        let (amount, currency) = match value {
            Value::Object(map) => {
                let currency = map.get("currency").and_then(Value::as_str).ok_or_else(wrong)?;
                (map.get("amount").ok_or_else(wrong)?, currency.trim())
            }
            other => (other, currency),
        };
        let amount: Decimal = plain(amount)
            .and_then(|text| text.parse().ok())
            .ok_or_else(wrong)?;
        let is_code = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
        if amount.abs() > Decimal::from(AMOUNT_MAX) || !is_code {
            return Err(wrong());
        }
        Ok(Some(Money::new(amount, currency)))
    }

    /// Whole percent.
    ///
    /// # Errors
    /// When it is no whole number from 0 to 100.
    pub fn percent(&self, name: &'static str) -> Result<Option<u8>, Bad> {
        let Some((_, value)) = self.value(&[name]) else {
            return Ok(None);
        };
        let percent = value
            .as_u64()
            .and_then(|percent| u8::try_from(percent).ok())
            .filter(|percent| *percent <= 100);
        percent.map(Some).ok_or_else(|| {
            self.bad(
                name,
                "ska vara hela procent, 0 till 100",
                "must be whole percent, 0 to 100",
            )
        })
    }

    /// A whole number from 0 to 10, the answer to a survey.
    ///
    /// # Errors
    /// When it is something else.
    pub fn score(&self, name: &'static str) -> Result<Option<u8>, Bad> {
        let Some((_, value)) = self.value(&[name]) else {
            return Ok(None);
        };
        let score = value
            .as_u64()
            .and_then(|score| u8::try_from(score).ok())
            .filter(|score| *score <= 10);
        score.map(Some).ok_or_else(|| {
            self.bad(
                name,
                "ska vara ett heltal, 0 till 10",
                "must be a whole number, 0 to 10",
            )
        })
    }

    /// A number of days, 1 to `most`, as a number or in digits.
    ///
    /// # Errors
    /// When it is something else.
    pub fn days(&self, name: &'static str, most: i64) -> Result<Option<i64>, Bad> {
        let Some((_, value)) = self.value(&[name]) else {
            return Ok(None);
        };
        let days = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
        days.filter(|days| (1..=most).contains(days))
            .map(Some)
            .ok_or_else(|| {
                self.bad(
                    name,
                    &format!("ska vara ett antal dagar, 1 till {most}"),
                    &format!("must be a number of days, 1 to {most}"),
                )
            })
    }

    /// True or false.
    ///
    /// # Errors
    /// When it is something else.
    pub fn truth(&self, name: &'static str) -> Result<Option<bool>, Bad> {
        match self.value(&[name]) {
            None => Ok(None),
            Some((_, Value::Bool(value))) => Ok(Some(*value)),
            Some(_) => Err(self.bad(name, "ska vara true eller false", "must be true or false")),
        }
    }
}

/// A value that reads as text.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(true) => Some("yes".to_owned()),
        Value::Bool(false) => Some("no".to_owned()),
        Value::Array(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(|item| item.as_str().map(str::trim)).collect();
            texts.map(|texts| texts.join("; "))
        }
        Value::Null | Value::Object(_) => None,
    }
}
