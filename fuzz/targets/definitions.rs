//! Definition files, the first byte says which of the shipped ones is replaced: no panic, faults that name a file, and
//! what loads judges every customer.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use kunder_domain::definitions::{Definitions, SHIPPED};
use kunder_domain::health::HealthRules;
use kunder_domain::metrics::METRICS;
use libfuzzer_sys::fuzz_target;

static FILES: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    SHIPPED
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect()
});

fuzz_target!(|bytes: &[u8]| {
    let Some((which, bytes)) = bytes.split_first() else {
        return;
    };
    let (name, _) = SHIPPED[usize::from(*which) % SHIPPED.len()];
    let mut files = FILES.clone();
    files.insert(name.to_owned(), String::from_utf8_lossy(bytes).into_owned());
    match Definitions::parse(&files) {
        Ok(definitions) => {
            let rules = HealthRules::compile(&definitions.health.body).expect("what loads compiles");
            for value in [i64::MIN, 0, i64::MAX] {
                rules.check(&METRICS.iter().map(|metric| (metric.name, value)).collect());
            }
        }
        Err(errors) => {
            assert!(!errors.0.is_empty());
            for error in errors.0 {
                let told = error.to_string();
                assert!(files.contains_key(&error.file), "{told}");
                assert!(
                    told.len() <= 7_000 && !told.contains(char::is_control),
                    "{told:?}"
                );
            }
        }
    }
});
