//! Exact numbers of scores: fractions that never round, small ones without the heap.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::{BigRational, Ratio};
use num_traits::{Signed, ToPrimitive, Zero};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A fraction in lowest terms with a positive denominator. Equal numbers are equal values: what fits the small form has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Exact(Form);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Form {
    Small {
        over: i128,
        under: i128,
    },
    /// Only where the small form has no room.
    Big(Box<BigRational>),
}

/// A text that is no fraction.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no fraction")]
pub struct NoFraction(String);

/// Decimals of a printed score.
pub const DECIMALS: u32 = 6;
const MICRO: i128 = 1_000_000;
/// Longest text of a fraction that is read, in bytes.
const TEXT_BYTES_MAX: usize = 2_000;

impl Exact {
    pub const ZERO: Self = Self::whole(0);
    pub const ONE: Self = Self::whole(1);

    #[must_use]
    pub const fn whole(number: i64) -> Self {
        Self(Form::Small {
            over: number as i128,
            under: 1,
        })
    }

    /// `over / under`; `None` where `under` is zero.
    #[must_use]
    pub fn fraction(over: i64, under: i64) -> Option<Self> {
        (under != 0).then(|| Self::reduced(i128::from(over), i128::from(under)))
    }

    fn reduced(over: i128, under: i128) -> Self {
        debug_assert!(under != 0, "nothing is divided by zero");
        let divisor = gcd(over, under);
        if divisor == 1 && under > 0 {
            return Self(Form::Small { over, under });
        }
        let sign = if under < 0 { -1 } else { 1 };
        // Only i128::MIN has no opposite; `small` keeps it out.
        Self(Form::Small {
            over: over / divisor * sign,
            under: under / divisor * sign,
        })
    }

    fn big(&self) -> BigRational {
        match &self.0 {
            Form::Small { over, under } => Ratio::new_raw(BigInt::from(*over), BigInt::from(*under)),
            Form::Big(ratio) => (**ratio).clone(),
        }
    }

    fn from_big(ratio: BigRational) -> Self {
        match (ratio.numer().to_i128(), ratio.denom().to_i128()) {
            (Some(over), Some(under)) if over != i128::MIN => Self(Form::Small { over, under }),
            _ => Self(Form::Big(Box::new(ratio))),
        }
    }

    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        if let (Form::Small { over: a, under: b }, Form::Small { over: c, under: d }) = (&self.0, &other.0)
            && let Some(sum) = small_sum(*a, *b, *c, *d)
        {
            return sum;
        }
        Self::from_big(self.big() + other.big())
    }

    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.plus(&other.opposite())
    }

    #[must_use]
    pub fn opposite(&self) -> Self {
        match &self.0 {
            Form::Small { over, under } => Self(Form::Small {
                over: -over,
                under: *under,
            }),
            Form::Big(ratio) => Self::from_big(-(**ratio).clone()),
        }
    }

    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        if let (Form::Small { over: a, under: b }, Form::Small { over: c, under: d }) = (&self.0, &other.0)
            && let (Some(over), Some(under)) = (a.checked_mul(*c), b.checked_mul(*d))
            && over != i128::MIN
        {
            return Self::reduced(over, under);
        }
        Self::from_big(self.big() * other.big())
    }

    /// `None` where `other` is zero.
    #[must_use]
    pub fn over(&self, other: &Self) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        if let (Form::Small { over: a, under: b }, Form::Small { over: c, under: d }) = (&self.0, &other.0)
            && let (Some(over), Some(under)) = (a.checked_mul(*d), b.checked_mul(*c))
            && over != i128::MIN
            && under != i128::MIN
        {
            return Some(Self::reduced(over, under));
        }
        Some(Self::from_big(self.big() / other.big()))
    }

    #[must_use]
    pub fn is_zero(&self) -> bool {
        matches!(self.0, Form::Small { over: 0, .. })
    }

    #[must_use]
    pub fn is_negative(&self) -> bool {
        match &self.0 {
            Form::Small { over, .. } => *over < 0,
            Form::Big(ratio) => ratio.is_negative(),
        }
    }

    #[must_use]
    pub fn sum<'a>(numbers: impl IntoIterator<Item = &'a Self>) -> Self {
        numbers
            .into_iter()
            .fold(Self::ZERO, |sum, number| sum.plus(number))
    }

    /// In millionths: the whole part, towards minus infinity, and the rest, from 0 to below 1.
    fn millionths(&self) -> (BigInt, Self) {
        let scaled = self.times(&Self(Form::Small {
            over: MICRO,
            under: 1,
        }));
        match &scaled.0 {
            Form::Small { over, under } => {
                let whole = over.div_euclid(*under);
                let rest = Self::reduced(over.rem_euclid(*under), *under);
                (BigInt::from(whole), rest)
            }
            Form::Big(ratio) => {
                let whole = ratio.floor();
                let rest = (**ratio).clone() - whole.clone();
                (whole.to_integer(), Self::from_big(rest))
            }
        }
    }

    /// The nearest float, for statistics; nothing is decided on it.
    #[must_use]
    pub fn to_f64(&self) -> Option<f64> {
        match &self.0 {
            Form::Small { over, under } => Some(*over as f64 / *under as f64),
            Form::Big(ratio) => ratio.to_f64(),
        }
    }

    /// With six decimals, the nearest; a half goes up.
    #[must_use]
    pub fn printed(&self) -> String {
        decimal_text(&self.rounded_millionths())
    }

    fn rounded_millionths(&self) -> BigInt {
        let (whole, rest) = self.millionths();
        let half = Self(Form::Small { over: 1, under: 2 });
        if rest >= half { whole + 1 } else { whole }
    }
}

/// The rows of a sum with six decimals each, by largest remainder: as printed they add up to the printed sum.
/// Each is its exact value rounded down or up; of equal remainders the first goes up.
#[must_use]
pub fn print_rows(rows: &[Exact], sum: &Exact) -> Vec<String> {
    let (mut wholes, rests): (Vec<BigInt>, Vec<Exact>) = rows.iter().map(Exact::millionths).unzip();
    let given: BigInt = wholes.iter().sum();
    let missing = (sum.rounded_millionths() - given).to_usize().unwrap_or(0);
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|a, b| rests[*b].cmp(&rests[*a]));
    for place in order.into_iter().take(missing) {
        wholes[place] += 1;
    }
    wholes.iter().map(decimal_text).collect()
}

fn decimal_text(millionths: &BigInt) -> String {
    let sign = if millionths.is_negative() { "-" } else { "" };
    let (whole, rest) = millionths.abs().div_rem(&BigInt::from(MICRO));
    let text = format!("{sign}{whole}.{rest:0>6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Two fractions added, where the result and every step on the way have room.
fn small_sum(a: i128, b: i128, c: i128, d: i128) -> Option<Exact> {
    let (over, under) = if b == d {
        (a.checked_add(c)?, b)
    } else {
        let shared = gcd(b, d);
        let under = (b / shared).checked_mul(d)?;
        let left = a.checked_mul(under / b)?;
        (left.checked_add(c.checked_mul(under / d)?)?, under)
    };
    (over != i128::MIN).then(|| Exact::reduced(over, under))
}

/// The greatest common divisor; on machine words where both fit, which is three times as fast.
fn gcd(a: i128, b: i128) -> i128 {
    match (u64::try_from(a.unsigned_abs()), u64::try_from(b.unsigned_abs())) {
        (_, Ok(1)) | (Ok(1), _) => 1,
        (Ok(a), Ok(b)) => i128::from(a.gcd(&b)),
        _ => a.gcd(&b),
    }
}

impl Default for Exact {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Exact {
    /// The nearest decimal, for conditions: to 28 digits, six decimals where the fraction is too large for that.
    #[must_use]
    pub fn to_decimal(&self) -> Decimal {
        let near = || match &self.0 {
            Form::Small { over, under } => {
                let whole = |number: i128| Decimal::try_from_i128_with_scale(number, 0).ok();
                whole(*over)?.checked_div(whole(*under)?)
            }
            Form::Big(_) => None,
        };
        near().or_else(|| self.printed().parse().ok()).unwrap_or_default()
    }
}

impl From<Decimal> for Exact {
    fn from(number: Decimal) -> Self {
        let under = 10_i128.pow(number.scale());
        if under == 1 {
            return Self(Form::Small {
                over: number.mantissa(),
                under,
            });
        }
        Self::reduced(number.mantissa(), under)
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Self) -> Ordering {
        if let (Form::Small { over: a, under: b }, Form::Small { over: c, under: d }) = (&self.0, &other.0) {
            if b == d {
                return a.cmp(c);
            }
            if let (Some(left), Some(right)) = (a.checked_mul(*d), c.checked_mul(*b)) {
                return left.cmp(&right);
            }
        }
        self.big().cmp(&other.big())
    }
}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `37/2`, or `40` for a whole number: nothing is lost.
impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Small { over, under: 1 } => write!(f, "{over}"),
            Form::Small { over, under } => write!(f, "{over}/{under}"),
            Form::Big(ratio) => write!(f, "{ratio}"),
        }
    }
}

impl FromStr for Exact {
    type Err = NoFraction;

    fn from_str(text: &str) -> Result<Self, NoFraction> {
        let wrong = || NoFraction(text.chars().take(80).collect());
        if text.len() > TEXT_BYTES_MAX {
            return Err(wrong());
        }
        let (over, under) = text.split_once('/').unwrap_or((text, "1"));
        if let (Ok(over), Ok(under)) = (over.parse::<i64>(), under.parse::<i64>()) {
            return Self::fraction(over, under).ok_or_else(wrong);
        }
        let over: BigInt = over.parse().map_err(|_| wrong())?;
        let under: BigInt = under.parse().map_err(|_| wrong())?;
        if under.is_zero() {
            return Err(wrong());
        }
        Ok(Self::from_big(BigRational::new(over, under)))
    }
}

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
