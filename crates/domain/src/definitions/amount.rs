//! A decimal in a definition, read from its text so that `0.40` is exactly that.

use std::fmt;

use rust_decimal::Decimal;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::exact::Exact;

/// A bounded decimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(pub Decimal);

/// Largest size of a number in a definition, either way.
const MAX: i64 = 1_000_000_000;
const DECIMALS_MAX: u32 = 9;

impl Amount {
    #[must_use]
    pub fn exact(self) -> Exact {
        Exact::from(self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = Decimal::from_str_exact(text.trim())
            .map_err(|_| D::Error::custom(format!("{text:?} is no decimal number")))?;
        if number.abs() > Decimal::from(MAX) || number.scale() > DECIMALS_MAX {
            return Err(D::Error::custom(format!(
                "the number {text} is beyond {MAX} or has more than {DECIMALS_MAX} decimals"
            )));
        }
        Ok(Self(number.normalize()))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
