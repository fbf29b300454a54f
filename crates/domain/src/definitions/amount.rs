//! A decimal in a definition, read from its text so that `0.40` is exactly that.

use std::fmt;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::exact::Exact;

/// A bounded decimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
pub struct Amount(#[schemars(with = "String")] pub Decimal);

/// Largest size of a number in a definition, either way.
const MAX: i64 = 1_000_000_000;

impl Amount {
    /// Decimals it may have.
    pub const DECIMALS_MAX: u32 = 9;

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
        if number.abs() > Decimal::from(MAX) || number.scale() > Self::DECIMALS_MAX {
            return Err(D::Error::custom(format!(
                "the number {text} is beyond {MAX} or has more than {} decimals",
                Self::DECIMALS_MAX
            )));
        }
        Ok(Self(number.normalize()))
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
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
