//! `kunder import`: what is read, what is told of broken rows, and that a second time changes nothing.

use kunder_tests::system::{Kunder, Output};
use serde_json::json;

use super::{fails, file, outcome};

const MAP: &str = r#"
format: csv
delimiter: ";"
source: Fortnox
customer: Kundnr
observed: {column: Datum, date: "%Y-%m-%d"}
key: [Fakturanr]
records:
  - profile: {name: Kundnamn}
    once: true
  - invoice:
      number: Fakturanr
      amount: {column: Belopp, decimal: ","}
      currency: {value: SEK}
"#;
const HEAD: &str = "Kundnr;Kundnamn;Fakturanr;Datum;Belopp\n";

/// Imports these files, each `Kundnr;Kundnamn;Fakturanr;Datum;Belopp`.
fn import(kunder: &Kunder, files: &[(&str, &[u8])], json: bool) -> Output {
    let map = file(kunder, "map.yaml", MAP);
    let errors = kunder.folder().with_file_name("errors.txt");
    let files: Vec<String> = files
        .iter()
        .map(|(name, rows)| file(kunder, name, [HEAD.as_bytes(), rows].concat()))
        .collect();
    let mut arguments = vec!["import", "--map", &map, "--errors", errors.to_str().unwrap()];
    arguments.extend(files.iter().map(String::as_str));
    if json {
        arguments.push("--json");
    }
    kunder.run(&arguments)
}

#[test]
fn files_are_read_and_a_second_time_changes_nothing() {
    let kunder = Kunder::temporary();
    let january = "1;Åsa & Co;F1;2026-01-05;100,50\n2;Bo;F2;2026-01-07;20\n".as_bytes();
    let february = "3;Cia;F3;2026-02-05;99,50\n".as_bytes();
    let both: [(&str, &[u8]); 2] = [("january.csv", january), ("february.csv", february)];
    let said = import(&kunder, &both, false).exits(0);
    assert_eq!(
        said.stdout, "3 rows read, 0 broken: 6 facts new, 0 known already.\n",
        "an invoice and a name each"
    );
    assert_eq!(said.stderr, "");
    let again = outcome(&import(&kunder, &both, true).exits(0));
    assert_eq!(
        again["import"],
        json!({"rows": 3, "broken": 0, "new": 0, "known": 6, "conflicting": 0})
    );
    let analysis = outcome(&kunder.run(&["ask", "Pipeline-analys", "--json"]).exits(0));
    assert_eq!(
        analysis["pipeline"]["invoiced"],
        json!({"amount": "220.00", "currency": "SEK"})
    );
    let brief = kunder.run(&["ask", "Hämta kundinfo Åsa & Co"]).exits(0);
    assert!(brief.stdout.contains("källa: Fortnox"), "{brief}");
}

#[test]
fn every_kind_of_broken_row_is_told_by_file_and_line_and_the_rest_is_kept() {
    let kunder = Kunder::temporary();
    let rows = b"1;Ada;F1;2026-01-05;100,50\n\
        1;Ada;F2;2026-13-05;7\n\
        2;Bo;F3;2026-02-01;-5\n\
        2;Bo;F4;2026-02-01\n\
        2;B\xf6;F5;2026-02-01;9\n\
        ;Bo;F6;2026-02-01;9\n\
        3;Cy;F7;2026-02-01;abc\n\
        3;Cy;F8;2026-03-01;20\n\
        3;Cy;F8;2026-03-01;21\n";
    let said = import(&kunder, &[("rows.csv", rows)], false).exits(0);
    let place = |line: u32| {
        format!(
            "{}:{line}: ",
            kunder.folder().with_file_name("rows.csv").display()
        )
    };
    let told: Vec<&str> = said.stderr.lines().collect();
    let expected = [
        (3, "column `Datum`: `2026-13-05` is not a date"),
        (
            4,
            "column `Belopp`: the amount -5 is negative and not marked as a credit note",
        ),
        (5, "the row has 4 columns, expected 5"),
        (6, "byte 0xF6 at position 4 is not UTF-8"),
        (7, "column `Kundnr`"),
        (8, "column `Belopp`: `abc` is not a number"),
        (10, "the key `F8` is that of line 9 too"),
    ];
    assert_eq!(told.len(), expected.len(), "{said}");
    for (told, (line, reason)) in told.iter().zip(expected) {
        assert!(
            told.starts_with(&format!("error: {}", place(line))) && told.contains(reason),
            "`{told}` is not line {line}: {reason}"
        );
    }
    assert!(said.stdout.starts_with("2 rows read, 7 broken: 4 facts new, 0 known already.\n! 7 rows broken and left out; the list is in "), "{said}");
    let listed = std::fs::read_to_string(kunder.folder().with_file_name("errors.txt")).unwrap();
    assert_eq!(listed.lines().count(), 7);

    let again = outcome(&import(&kunder, &[("rows.csv", rows)], true).exits(0));
    assert_eq!(
        (
            &again["status"],
            &again["import"]["new"],
            &again["import"]["known"]
        ),
        (&json!("partial"), &json!(0), &json!(4))
    );
}

#[test]
fn ten_broken_rows_are_told_and_all_are_listed() {
    let kunder = Kunder::temporary();
    let rows: String = (0..25)
        .map(|number| format!("{number};Ada;F{number};never;1\n"))
        .collect();
    let said = import(&kunder, &[("rows.csv", rows.as_bytes())], false).exits(1);
    assert!(
        said.stdout.starts_with("0 rows read, 25 broken: 0 facts new"),
        "{said}"
    );
    assert_eq!(
        said.stderr
            .lines()
            .filter(|line| line.starts_with("error: "))
            .count(),
        10
    );
    assert!(
        said.stderr.contains("hint: all 25 broken rows are listed in "),
        "{said}"
    );
    let listed = std::fs::read_to_string(kunder.folder().with_file_name("errors.txt")).unwrap();
    assert_eq!(listed.lines().count(), 25);
}

#[test]
fn what_is_known_with_another_content_is_told_and_stays() {
    let kunder = Kunder::temporary();
    let _ = import(&kunder, &[("a.csv", b"1;Ada;F1;2026-01-05;100\n")], false).exits(0);
    let said = import(&kunder, &[("b.csv", b"1;Ada;F1;2026-01-05;999\n")], false).exits(0);
    assert_eq!(
        said.stdout,
        "1 row read, 0 broken: 0 facts new, 1 known already.\n! 1 fact known with another content, kept as it was: invoice F1 of customer 1\n"
    );
    let analysis = outcome(&kunder.run(&["ask", "Pipeline-analys", "--json"]).exits(0));
    assert_eq!(analysis["pipeline"]["invoiced"]["amount"], "100.00");
}

#[test]
fn what_cannot_be_read_at_all_is_usage_and_nothing_is_stored() {
    let kunder = Kunder::temporary();
    let (good, map) = (
        file(&kunder, "good.csv", format!("{HEAD}1;Ada;F1;2026-01-05;1\n")),
        file(&kunder, "map.yaml", MAP),
    );
    let other = file(&kunder, "other.csv", "Kundnr;Kundnamn\n1;Ada\n");
    let unknown = file(&kunder, "unknown.yaml", MAP.replace("source:", "sorce:"));
    fails(
        &kunder.run(&["import", "--map", "/nowhere/map.yaml", &good]),
        2,
        "/nowhere/map.yaml: the mapping file cannot be read",
        Some("by --map"),
    );
    fails(
        &kunder.run(&["import", "--map", &unknown, &good]),
        2,
        "unknown.yaml:4: unknown field `sorce`",
        Some("docs/import.md"),
    );
    fails(
        &kunder.run(&["import", "--map", &map, &good, "/nowhere/rows.csv"]),
        2,
        "/nowhere/rows.csv is not a file that can be read",
        None,
    );
    fails(
        &kunder.run(&["import", "--map", &map, &good, &other]),
        2,
        "other.csv: has no column `Fakturanr`; it has: Kundnr, Kundnamn",
        None,
    );
    assert_eq!(
        kunder.run(&["doctor", "--json"]).json()["facts"],
        0,
        "the good file waits until all can be read"
    );
    let empty = file(&kunder, "empty.csv", "");
    assert_eq!(
        kunder.run(&["import", "--map", &map, &empty]).exits(0).stdout,
        "No rows to read.\n"
    );
}
