//! Conditions of rules: no panic when one is compiled, and one that was taken is true or false whatever the values are.
#![no_main]

use std::collections::BTreeSet;

use kunder_domain::condition::Condition;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let names = BTreeSet::from(["days_since_contact", "touchpoints", "red_days"]);
    if let Ok(condition) = Condition::compile(text, &names) {
        for value in [i64::MIN, -1, 0, 1, i64::MAX] {
            let _ = condition.holds(&|_: &str| Some(value.into()));
        }
    }
});
