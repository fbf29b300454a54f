//! Numbers from a seed (SplitMix64): the only source of chance in a simulation.

use std::collections::BTreeMap;

/// A stream of numbers that is the same for the same seed.
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
    /// How often what struck.
    struck: BTreeMap<&'static str, u64>,
}

impl Dice {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            state: seed,
            struck: BTreeMap::new(),
        }
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound - 1`; 0 where `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The upper half of the product is even enough for bounds far below 2^64.
        u64::try_from((u128::from(self.draw()) * u128::from(bound)) >> 64).unwrap_or(0)
    }

    /// True so many times in a thousand.
    pub fn permille(&mut self, chance: u32) -> bool {
        chance > 0 && self.below(1_000) < u64::from(chance)
    }

    /// As [`Dice::permille`], and counted.
    pub fn strikes(&mut self, chance: u32, what: &'static str) -> bool {
        let strikes = self.permille(chance);
        if strikes {
            *self.struck.entry(what).or_default() += 1;
        }
        strikes
    }

    /// How often what struck.
    #[must_use]
    pub fn struck(&self) -> &BTreeMap<&'static str, u64> {
        &self.struck
    }

    /// One of these.
    ///
    /// # Panics
    /// When there is none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let index = self.below(from.len() as u64);
        &from[usize::try_from(index).expect("an index of a slice")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_all_of_a_range() {
        let draw = |seed| {
            let mut dice = Dice::new(seed);
            (0..1_000).map(|_| dice.below(7)).collect::<Vec<_>>()
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
        for number in 0..7 {
            let seen = draw(3).iter().filter(|&&drawn| drawn == number).count();
            assert!((100..190).contains(&seen), "{number} came {seen} times");
        }
        assert!(!Dice::new(1).permille(0));
        assert!(Dice::new(1).permille(1_000));
    }
}
