//! What conditions say, and what is none.

use super::*;

fn compile(text: &str) -> Result<Condition, ConditionError> {
    Condition::compile(text, &BTreeSet::from(["days", "limit"]))
}

#[track_caller]
fn holds(text: &str, days: i64) -> bool {
    let value = |name: &str| Some(Decimal::from(if name == "days" { days } else { 10 }));
    compile(text).unwrap().holds(&value)
}

#[test]
fn conditions_compare_and_join() {
    assert!(holds("days > limit", 11) && !holds("days > limit", 10));
    assert!(holds("days >= limit && !(days > 20) || days == -1", 20));
    assert!(holds("days + limit - 1 == 14", 5));
    assert!(holds("days < 0", i64::MIN) && holds("days + days + days > 0", i64::MAX));
}

#[test]
fn what_could_fail_or_loop_is_refused_when_loaded() {
    for text in [
        "days",
        "days > ",
        "dayz > 1",
        "days > 1.5.2",
        "days > .5",
        "days > 5.",
        "days > 1e5",
        "days > 1.5e3",
        "days > 0x1F",
        "days > 1.23456789012345678",
        "days > 9999999999.5",
        "days > '1'",
        "days > \"1\"",
        "days && true",
        "days * 2 > 1",
        "1 / days > 1",
        "[1, 2].all(x, x > days)",
        "size('a') > 0",
        "days > 99999999999",
        "days.x > 1",
        "days ? true : false",
        "true + 1 > 0",
        "days in [1]",
        "days > 1 == true",
        "",
    ] {
        assert!(compile(text).is_err(), "{text:?} was accepted");
    }
    assert_eq!(
        compile(&format!("days > {}", " ".repeat(LENGTH_MAX_BYTES))).unwrap_err(),
        ConditionError::TooLong
    );
    assert_eq!(compile(&"(".repeat(400)).unwrap_err(), ConditionError::TooDeep);
    assert_eq!(
        compile(&"!".repeat(400)).unwrap_err(),
        ConditionError::TooManyOperators
    );
    for piece in [
        "1+", "(1)+", "!(", "1>", "days>1&&", "days>1||", "1?", "a.b", "-1-", "{", "a(", "(", "(-",
    ] {
        let _ = compile(&piece.repeat(LENGTH_MAX_BYTES / piece.len()));
        // Within the limits it ends, however it ends.
        for times in 1..=OPERATORS_MAX {
            let text = format!("{}1", piece.repeat(times));
            let _ = compile(&text);
            let _ = compile(&format!("{text}{}", ")".repeat(text.matches('(').count())));
        }
    }
    assert_eq!(
        compile("dayz > 1").unwrap_err(),
        ConditionError::UnknownName("dayz".to_owned())
    );
}

#[test]
fn fractions_are_exact() {
    let decide = |text: &str, days: &str| {
        let value = |name: &str| {
            if name == "days" {
                Some(days.parse().unwrap())
            } else {
                None
            }
        };
        compile(text).unwrap().decide(&value)
    };
    assert_eq!(decide("days < 0.40", "0.4"), Some(false));
    assert_eq!(
        decide("days < 0.40", "0.3999999999999999999999999999"),
        Some(true)
    );
    // As floats, 0.1 + 0.2 is more than 0.3.
    assert_eq!(decide("0.1 + 0.2 == days", "0.3"), Some(true));
    assert_eq!(decide("days - 0.7 == -(0.4)", "0.3"), Some(true));
    assert_eq!(decide("days > 123456789.12345", "123456789.12346"), Some(true));
    let far = "0.0000000000000000000000000001";
    assert_eq!(decide("days + 1000000000 > 1000000000", far), Some(true));
}

#[test]
fn a_missing_value_decides_only_where_it_must() {
    let value = |name: &str| (name == "days").then(|| Decimal::from(5));
    let decide = |text: &str| compile(text).unwrap().decide(&value);
    assert_eq!(decide("days > 9 && limit > 1"), Some(false));
    assert_eq!(decide("limit > 1 && days > 9"), Some(false));
    assert_eq!(decide("limit > 1 || days > 1"), Some(true));
    assert_eq!(decide("days > 1 || limit > 1"), Some(true));
    assert_eq!(decide("days > 1 && limit > 1"), None);
    assert_eq!(decide("!(limit + 1 > days) || days > 9"), None);
    assert!(compile("days > 9 && limit > 1").unwrap().holds(&value));
    assert_eq!(
        compile("limit > 1 && days > limit").unwrap().names(),
        ["days", "limit"]
    );
}
