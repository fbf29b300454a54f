use std::{collections::HashSet, path::Path};
use kunder_domain::fact::FactBody;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let mapping = kunder_connect::Mapping::load(Path::new(&args[1])).unwrap();
    let mut rows = mapping.open(Path::new(&args[2])).unwrap();
    let (mut ids, mut customers, mut invoices, mut facts_n, mut errors) = (HashSet::new(), HashSet::new(), 0, 0, 0);
    let mut sum = rust_decimal::Decimal::ZERO;
    while let Some(row) = rows.next() {
        match row {
            Ok(facts) => for fact in facts {
                facts_n += 1;
                customers.insert(fact.customer.clone());
                if let FactBody::Invoice(invoice) = &fact.body { invoices += 1; sum += invoice.amount.amount; }
                if facts_n < 4 { println!("{}", serde_json::to_string(&fact).unwrap()); }
                assert!(ids.insert(fact.id));
            },
            Err(error) => { errors += 1; if errors < 6 { println!("{error}"); } }
        }
    }
    let mut all: Vec<&String> = ids.iter().collect(); all.sort();
    let hash = blake3::hash(format!("{all:?}").as_bytes());
    println!("{facts_n} facts, {invoices} invoices, {} customers, {sum}, {errors} errors, {} of {:?} bytes, ids {}", customers.len(), rows.bytes_read(), rows.total_bytes(), hash);
}
