//! The same row is the same fact: in a second import, in a longer file, in another order.

use std::collections::BTreeSet;

use expect_test::expect;
use kunder_domain::customer::Customer;
use kunder_domain::fact::{CustomerId, Fact, FactBody};
use rust_decimal::Decimal;

use super::{facts, import};

const PURCHASES: &str = "
format: blank
header: true
columns: [customer, date, units, amount]
source: Shop
customer: customer
observed: {column: date, date: \"%Y%m%d\"}
records:
  - invoice: {amount: amount, currency: {value: USD}}
  - profile: {name: {template: \"Customer {customer}\"}}
    once: true
";

/// Invented purchases in the form of the CDNOW file: CRLF ends, and rows that are there twice.
fn purchases(rows: u32) -> String {
    let mut text = " customer_id  date number_of_cds  dollar_value\r\n".to_owned();
    for row in 0..rows {
        let (customer, day, units) = (row / 3, 1 + row / 2 % 28, 1 + row / 2 % 3);
        text.push_str(&format!(
            " {customer:05} 199701{day:02}  {units}   {units}1.77\r\n"
        ));
    }
    text
}

fn ids(facts: &[Fact]) -> BTreeSet<String> {
    facts.iter().map(|fact| fact.id.clone()).collect()
}

fn invoices(facts: &[Fact]) -> impl Iterator<Item = &Fact> {
    facts
        .iter()
        .filter(|fact| matches!(fact.body, FactBody::Invoice(_)))
}

#[test]
fn repeated_rows_are_kept_and_names_are_told_once() {
    let facts = facts(PURCHASES, purchases(300));
    assert_eq!(ids(&facts).len(), facts.len(), "every id is there once");
    assert_eq!(invoices(&facts).count(), 300);
    assert_eq!(facts.len(), 300 + 100, "a hundred customers have a name");
    let sum: Decimal = invoices(&facts)
        .map(|fact| match &fact.body {
            FactBody::Invoice(invoice) => invoice.amount.amount,
            _ => Decimal::ZERO,
        })
        .sum();
    // One hundred each of 11.77, 21.77 and 31.77.
    assert_eq!(sum.to_string(), "6531.00");
}

#[test]
fn the_same_rows_under_another_name_or_with_other_line_ends_are_the_same_facts() {
    let once = facts(PURCHASES, purchases(300));
    let again = import(
        PURCHASES,
        "copy.txt",
        purchases(300).replace("\r\n", "\n").replace("  ", "\t"),
    )
    .unwrap();
    let again: Vec<Fact> = again.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(once, again);
}

#[test]
fn a_longer_file_adds_only_its_new_rows() {
    let (short, long) = (facts(PURCHASES, purchases(299)), facts(PURCHASES, purchases(303)));
    let new: Vec<Fact> = long
        .iter()
        .filter(|fact| !ids(&short).contains(&fact.id))
        .cloned()
        .collect();
    assert!(ids(&short).is_subset(&ids(&long)));
    assert_eq!(
        (invoices(&new).count(), new.len()),
        (4, 5),
        "four purchases and one customer are new"
    );
}

#[test]
fn a_broken_row_changes_no_other_id() {
    let whole = purchases(300);
    let broken = whole.replacen("\r\n 00001", "\r\n broken\r\n 00001", 1);
    let rows = import(PURCHASES, "orders.txt", &broken).unwrap();
    let (good, bad): (Vec<_>, Vec<_>) = rows.into_iter().partition(Result::is_ok);
    assert_eq!(bad.len(), 1);
    let good: Vec<Fact> = good.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(good, facts(PURCHASES, whole));
}

/// Rows of one file in many orders, from a small generator with a fixed seed.
fn orders(rows: &[String]) -> Vec<Vec<String>> {
    let mut state: u64 = 1997;
    let mut next = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let shuffled = |_| {
        let mut rows = rows.to_vec();
        (1..rows.len())
            .rev()
            .for_each(|place| rows.swap(place, next(place + 1)));
        rows
    };
    (0..20).map(shuffled).collect()
}

#[test]
fn the_order_of_rows_and_columns_does_not_matter_where_keys_are_named() {
    let mapping = "
format: csv
source: CRM
key: [number]
customer: customer
observed: day
records:
  - invoice: {number: number, amount: amount, currency: {value: SEK}}
  - profile: {name: name, status: status}
  - opportunity: {key: customer, title: name, status: status, value: amount, currency: {value: SEK}, probability: {value: 50}}
";
    let mapping = mapping.replace(
        "status: status}",
        "status: {column: status, map: {proposed: active, won: churned}}}",
    );
    let rows: Vec<String> = (0..60)
        .map(|row| {
            let status = if row % 3 == 0 { "won" } else { "proposed" };
            format!(
                "{row},{},2024-01-{:02},{row}.50,Kund {},{status}",
                row % 7,
                1 + row % 28,
                row % 2
            )
        })
        .collect();
    let csv = |rows: &[String]| format!("number,customer,day,amount,name,status\n{}\n", rows.join("\n"));
    let first = facts(&mapping, csv(&rows));
    let fold = |facts: &[Fact], customer: &str| {
        let own = facts
            .iter()
            .filter(|fact| fact.customer.as_str() == customer)
            .cloned()
            .collect();
        Customer::fold(CustomerId::new(customer), 0, own)
    };
    for order in orders(&rows) {
        let shuffled = facts(&mapping, csv(&order));
        assert_eq!(ids(&shuffled), ids(&first));
        for customer in ["0", "3", "6"] {
            assert_eq!(fold(&shuffled, customer), fold(&first, customer));
        }
    }
    let swapped: Vec<String> = rows
        .iter()
        .map(|row| {
            let (number, rest) = row.split_once(',').unwrap();
            format!("{rest},{number}")
        })
        .collect();
    let swapped = format!("customer,day,amount,name,status,number\n{}\n", swapped.join("\n"));
    assert_eq!(facts(&mapping, swapped), first);
}

#[test]
fn a_state_that_comes_back_is_a_new_fact() {
    let mapping = "
format: csv
source: CRM
customer: id
observed: day
records:
  - profile: {status: status}
";
    let facts = facts(
        mapping,
        "id,day,status\n7,2024-01-01,active\n7,2024-02-01,paused\n7,2024-03-01,active\n7,2024-03-01,active\n",
    );
    assert_eq!(facts.len(), 3);
    let customer = Customer::fold(CustomerId::new("7"), 0, facts);
    assert_eq!(customer.field("status"), Some("active"));
}

#[test]
fn two_records_of_one_kind_are_two_facts() {
    let mapping = "
format: csv
source: CRM
customer: id
observed: day
records:
  - touchpoint: {summary: text}
  - touchpoint: {summary: text}
";
    let facts = facts(mapping, "id,day,text\n7,2024-01-01,Hej\n");
    assert_eq!(ids(&facts).len(), 2);
}

#[test]
fn sources_are_apart() {
    let other = PURCHASES.replace("source: Shop", "source: Other");
    assert!(ids(&facts(PURCHASES, purchases(30))).is_disjoint(&ids(&facts(&other, purchases(30)))));
}

/// Ids are stored: a change of how they are made would import everything a second time.
#[test]
fn ids_stay_what_they_are() {
    let facts = facts(
        PURCHASES,
        " customer_id date cds value\n 00001 19970101 1 11.77\n 00001 19970101 1 11.77\n",
    );
    let ids: Vec<&str> = facts.iter().map(|fact| fact.id.as_str()).collect();
    expect![[r#"
        [
            "import-8f855aa2727ad0524699531232a8bade",
            "import-801aceabc0195e01ffa94d3e1e56fc5a",
            "import-2499a1467a51057393039c4857c58ef5",
        ]
    "#]]
    .assert_debug_eq(&ids);
}
