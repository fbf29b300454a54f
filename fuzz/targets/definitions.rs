//! Definition files, the first byte says which of the shipped ones is replaced: no panic, faults that name a file, and
//! what loads judges every customer.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use kunder_domain::definitions::{Definitions, SHIPPED};
use kunder_domain::exact::Exact;
use kunder_domain::health::{CheckContext, CompiledModel};
use kunder_domain::measure::{Measure, NUMBER_MAX};
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
            let metrics = &definitions.metrics.body;
            let model = CompiledModel::compile(&definitions.health, metrics).expect("what loads compiles");
            for value in [-NUMBER_MAX, 0, NUMBER_MAX] {
                let measure = Measure::new(value.into(), Timestamp::UNIX_EPOCH, "fuzz".to_owned(), 1);
                let measure = measure.expect("it is within the bounds");
                let measures = metrics.ids().map(|id| (id, measure.clone())).collect();
                let context = CheckContext {
                    now: Timestamp::UNIX_EPOCH,
                    today: jiff::civil::date(1970, 1, 1),
                    customer_since: None,
                    previous: None,
                    overrides: &[],
                };
                let result = model.check(&measures, &context);
                let rows: Vec<_> = result
                    .contributions
                    .iter()
                    .map(|row| row.contribution.clone())
                    .collect();
                if let Some(score) = &result.score {
                    assert_eq!(Exact::sum(&rows), *score, "contributions sum to the score");
                }
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
