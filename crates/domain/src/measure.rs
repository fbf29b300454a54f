//! What an input of a health model reads: a metric's value with its moment, its source and how many observations it rests on.

use std::fmt;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One metric of one customer (requirements A7.2 point 1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    pub value: Value,
    /// When it was true.
    pub as_of: Timestamp,
    /// Who says so.
    pub source: String,
    /// How many observations it rests on.
    pub n: u64,
}

/// A number, or one of a text metric's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Number(Decimal),
    Text(String),
}

/// Largest size of a number that is measured, either way.
pub const NUMBER_MAX: i64 = 1_000_000_000_000;
/// Decimals a measured number may have; a mean is rounded to so many before it is measured.
pub const NUMBER_DECIMALS_MAX: u32 = 12;
/// Longest word of a text metric, in bytes.
pub const TEXT_BYTES_MAX: usize = 200;

/// A value that cannot be a measure.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MeasureError {
    #[error("the number {0} is beyond {NUMBER_MAX}")]
    TooLarge(Decimal),
    #[error("the number {0} has more than {NUMBER_DECIMALS_MAX} decimals")]
    TooFine(Decimal),
    #[error("the text is empty or longer than {TEXT_BYTES_MAX} bytes")]
    Text,
}

impl Measure {
    /// # Errors
    /// When the value is out of the bounds that keep scores exact and fast.
    pub fn new(value: Value, as_of: Timestamp, source: String, n: u64) -> Result<Self, MeasureError> {
        match &value {
            Value::Number(number) if number.abs() > Decimal::from(NUMBER_MAX) => {
                return Err(MeasureError::TooLarge(*number));
            }
            Value::Number(number) if number.normalize().scale() > NUMBER_DECIMALS_MAX => {
                return Err(MeasureError::TooFine(*number));
            }
            Value::Text(text) if text.trim().is_empty() || text.len() > TEXT_BYTES_MAX => {
                return Err(MeasureError::Text);
            }
            Value::Number(_) | Value::Text(_) => {}
        }
        Ok(Self {
            value,
            as_of,
            source,
            n,
        })
    }
}

impl Value {
    #[must_use]
    pub fn number(&self) -> Option<Decimal> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) => None,
        }
    }

    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Number(_) => None,
            Self::Text(text) => Some(text),
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number.into())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{}", number.normalize()),
            Self::Text(text) => f.write_str(text),
        }
    }
}
