//! Exact numbers against big ones, and rows that add up as printed.

use num_bigint::BigInt;
use num_rational::BigRational;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use super::*;

fn cases(cases: u32) -> Config {
    Config {
        cases,
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..Config::default()
    }
}

/// Small, large and huge fractions: the last leave the small form.
fn number() -> impl Strategy<Value = Exact> {
    let small = (-1_000_i128..1_000, 1_i128..200);
    let large = (any::<i64>(), 1..i64::MAX).prop_map(|(over, under)| (i128::from(over), i128::from(under)));
    let huge = (i128::MIN + 1..i128::MAX, 1..i128::MAX);
    prop_oneof![3 => small, 1 => large, 1 => huge].prop_map(|(over, under)| Exact::reduced(over, under))
}

fn big(number: &Exact) -> BigRational {
    let text = number.to_string();
    let (over, under) = text.split_once('/').unwrap_or((&text, "1"));
    BigRational::new(over.parse::<BigInt>().unwrap(), under.parse::<BigInt>().unwrap())
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn sums_products_and_quotients_are_those_of_big_numbers(a in number(), b in number(), c in number()) {
        prop_assert_eq!(big(&a.plus(&b)), big(&a) + big(&b));
        prop_assert_eq!(big(&a.minus(&b)), big(&a) - big(&b));
        prop_assert_eq!(big(&a.times(&b).plus(&c)), big(&a) * big(&b) + big(&c));
        if b.is_zero() {
            prop_assert!(a.over(&b).is_none());
        } else {
            prop_assert_eq!(big(&a.over(&b).unwrap()), big(&a) / big(&b));
        }
        prop_assert_eq!(a.cmp(&b), big(&a).cmp(&big(&b)));
        // One form for one number, however it came about.
        prop_assert_eq!(a.plus(&b).minus(&b), a.clone());
        prop_assert_eq!(a.to_string().parse::<Exact>().unwrap(), a);
    }

    #[test]
    fn printed_rows_add_up_to_the_printed_sum(rows in prop::collection::vec(number(), 0..12)) {
        let sum = Exact::sum(&rows);
        let printed = print_rows(&rows, &sum);
        let total = printed.iter().fold(BigRational::from(BigInt::from(0)), |total, text| total + decimal(text));
        prop_assert_eq!(total, decimal(&sum.printed()));
        for (row, text) in rows.iter().zip(&printed) {
            let away = (decimal(text) - big(row)).abs();
            prop_assert!(away < BigRational::new(1.into(), 1_000_000.into()), "{} as {}", row, text);
        }
    }
}

fn decimal(text: &str) -> BigRational {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let over: BigInt = format!("{whole}{rest}").parse().unwrap();
    BigRational::new(over, BigInt::from(10).pow(u32::try_from(rest.len()).unwrap()))
}

#[test]
fn a_third_three_times() {
    let third = Exact::fraction(100, 3).unwrap();
    let rows = [third.clone(), third.clone(), third];
    let printed = print_rows(&rows, &Exact::sum(&rows));
    assert_eq!(printed, ["33.333334", "33.333333", "33.333333"]);
    assert_eq!(Exact::sum(&rows).printed(), "100");
}

#[test]
fn texts_that_are_no_fraction_are_refused() {
    for text in ["", "1/0", "x", "1/2/3", "1.5", "1/", "/2", &"9".repeat(3_000)] {
        assert!(text.parse::<Exact>().is_err(), "{text:?} was read");
    }
    assert_eq!("-6/4".parse::<Exact>().unwrap().printed(), "-1.5");
    assert_eq!(Exact::fraction(-1, 3).unwrap().printed(), "-0.333333");
    assert_eq!(Exact::fraction(1, 0), None);
}
