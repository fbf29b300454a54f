//! Typed texts: no panic, the same answer twice, and a customer only as it was written.
#![no_main]

use kunder_agents::commands::{Parsed, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let parsed = parse(text);
    assert_eq!(parsed, parse(text));
    match parsed {
        Parsed::Command(command) => {
            if let Some(customer) = command.customer {
                assert!(
                    !customer.trim().is_empty() && text.contains(&customer),
                    "{customer:?}"
                );
            }
        }
        Parsed::Unknown { suggestions } => assert!(!suggestions.is_empty()),
    }
});
