//! Mapping files: no panic when one is read, nor when one that was taken reads files.
#![no_main]

use std::io::Cursor;

use kunder_connect::Mapping;
use libfuzzer_sys::fuzz_target;

const FILES: [&str; 4] = [
    include_str!("../seeds/import/orders.txt"),
    include_str!("../seeds/import/orders.csv"),
    include_str!("../seeds/import/orders.json"),
    include_str!("../seeds/import/orders.jsonl"),
];

fuzz_target!(|text: &str| {
    match Mapping::parse(text, "map.yaml") {
        Ok(mapping) => {
            for file in FILES {
                if let Ok(rows) = mapping.read("rows", Cursor::new(file.as_bytes())) {
                    rows.for_each(drop);
                }
            }
        }
        Err(error) => {
            let told = error.to_string();
            assert!(
                told.len() <= 4_000 && !told.contains(char::is_control),
                "{told:?}"
            );
        }
    }
});
