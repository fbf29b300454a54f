//! Files of every format, the first byte says by which mapping: no panic, facts that can be stored, short messages.
#![no_main]

use std::collections::HashSet;
use std::io::Cursor;
use std::sync::LazyLock;

use kunder_connect::Mapping;
use kunder_domain::fact::Fact;
use libfuzzer_sys::fuzz_target;

static MAPPINGS: LazyLock<Vec<Mapping>> = LazyLock::new(|| {
    let texts = [
        include_str!("../../examples/cdnow/map.yaml"),
        include_str!("../../crates/connect/src/import/properties/csv.yaml"),
        include_str!("../../crates/connect/src/import/properties/json.yaml"),
        include_str!("../../crates/connect/src/import/properties/jsonl.yaml"),
    ];
    texts
        .iter()
        .map(|text| Mapping::parse(text, "map.yaml").expect("the mapping is right"))
        .collect()
});

fuzz_target!(|bytes: &[u8]| {
    let Some((which, bytes)) = bytes.split_first() else {
        return;
    };
    let mapping = &MAPPINGS[usize::from(*which) % MAPPINGS.len()];
    let mut rows = match mapping.read("rows", Cursor::new(bytes.to_vec())) {
        Ok(rows) => rows,
        Err(error) => return told(&error.to_string()),
    };
    let mut ids = HashSet::new();
    for row in rows.by_ref() {
        match row {
            Ok(facts) => {
                for fact in facts {
                    let stored = serde_json::to_vec(&fact).expect("a fact is plain data");
                    assert_eq!(
                        serde_json::from_slice::<Fact>(&stored).expect("a stored fact is read"),
                        fact
                    );
                    assert!(ids.insert(fact.id), "an id is there twice");
                }
            }
            Err(error) => told(&error.to_string()),
        }
    }
    assert_eq!(rows.bytes_read(), bytes.len() as u64);
});

fn told(message: &str) {
    assert!(
        message.len() <= 4_000 && !message.contains(char::is_control),
        "{message:?}"
    );
}
