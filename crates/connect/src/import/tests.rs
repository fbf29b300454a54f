//! Tests of whole imports: a mapping and files in, facts and errors out.

mod formats;
mod identity;
mod kinds;
mod mappings;
mod rows;

use std::path::Path;

use expect_test::Expect;
use kunder_domain::fact::Fact;

use super::error::{ImportError, RowError};
use super::mapping::Mapping;

/// A mapping of orders whose columns are `customer`, `day` and `amount`, after these lines.
const ORDERS: &str = "
source: Shop
customer: customer
observed: day
records:
  - invoice: {amount: amount, currency: {value: SEK}}
";

/// Imports the bytes under this name; a path in messages is the name alone.
fn import(
    mapping: &str,
    name: &str,
    bytes: impl AsRef<[u8]>,
) -> Result<Vec<Result<Vec<Fact>, RowError>>, ImportError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let mapping = Mapping::parse(mapping, "map.yaml").unwrap_or_else(|error| panic!("{error}"));
    let short = |file: &str| Path::new(file).file_name().unwrap().to_str().unwrap().to_owned();
    let mut rows = mapping.open(&path).map_err(|error| ImportError {
        file: short(&error.file),
        ..error
    })?;
    let mut read = Vec::new();
    for row in rows.by_ref() {
        read.push(row.map_err(|error| RowError {
            file: short(&error.file),
            ..error
        }));
    }
    assert_eq!(Some(rows.bytes_read()), rows.total_bytes(), "every byte is read");
    Ok(read)
}

/// The facts of an import without errors.
fn facts(mapping: &str, bytes: impl AsRef<[u8]>) -> Vec<Fact> {
    let rows = import(mapping, "orders.txt", bytes).unwrap_or_else(|error| panic!("{error}"));
    rows.into_iter()
        .flat_map(|row| row.unwrap_or_else(|error| panic!("{error}")))
        .collect()
}

/// What an import of `orders.txt` gives, one line per fact, row without facts, or error.
#[track_caller]
fn check(mapping: &str, bytes: impl AsRef<[u8]>, expected: Expect) {
    let mut printed = String::new();
    match import(mapping, "orders.txt", bytes) {
        Ok(rows) => {
            for row in rows {
                match row {
                    Ok(facts) if facts.is_empty() => printed.push_str("nothing\n"),
                    Ok(facts) => facts.iter().for_each(|fact| printed.push_str(&line(fact))),
                    Err(error) => printed.push_str(&format!("{error}\n")),
                }
            }
        }
        Err(error) => {
            printed.push_str(&format!("error: {error}\n"));
            printed.extend(error.hint.map(|hint| format!("hint: {hint}\n")));
        }
    }
    expected.assert_eq(&printed);
}

fn line(fact: &Fact) -> String {
    let Fact {
        id: _,
        customer,
        observed,
        source,
        actor,
        body,
    } = fact;
    let body = serde_json::to_string(body).unwrap();
    format!("{customer} {observed} {source}/{actor} {body}\n")
}
