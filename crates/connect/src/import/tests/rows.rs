//! Rows that are wrong: each is told with file and line, and costs no other row.

use expect_test::expect;

use super::{ORDERS, check};

fn csv() -> String {
    format!("format: csv\ndelimiter: ;\nkey: [id]{ORDERS}")
}

#[test]
fn each_broken_row_is_told_and_the_rest_is_read() {
    let mut bytes = b"id;customer;day;amount\n".to_vec();
    for row in [
        b"a;7;2024-01-31;1".as_slice(),
        b"b;7;2024-01-31",
        b"c;7;2024-01-31;1;x",
        b"d;7;2024-02-30;1",
        b"e;7;2024-02-03;1,50",
        b"f;7;2024-02-03;-1.50",
        b"g;\xE5;2024-02-03;1",
        b"h;7;2024-02-03;1\0",
        b"i;;2024-02-03;1",
        b"j;7;2024-02-03;",
        b"k;7;;1",
        b";7;2024-02-03;1",
        b"l;\"7\"x;2024-02-03;1",
        b"a;8;2024-01-31;1",
        b"a;7;2024-01-31;1",
        b"z;7;2024-01-31;2",
    ] {
        bytes.extend_from_slice(row);
        bytes.extend_from_slice(b"\r\n");
    }
    check(
        &csv(),
        bytes,
        expect![[r#"
        7 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"a","amount":{"amount":"1","currency":"SEK"},"creditNote":false}
        orders.txt:3: the row has 3 columns, expected 4 (id, customer, day, amount)
        orders.txt:4: the row has 5 columns, expected 4 (id, customer, day, amount)
        orders.txt:5: column `day`: `2024-02-30` is not a date such as 2024-05-31; another form is told by `date:`
        orders.txt:6: column `amount`: `1,50` is not a number; a comma as decimal sign is told by `decimal: ","`
        orders.txt:7: column `amount`: the amount -1.50 is negative and not marked as a credit note; `credit_note:` in the mapping tells which are
        orders.txt:8: byte 0xE5 at position 3 is not UTF-8
        orders.txt:9: the line contains a NUL byte
        orders.txt:10: column `customer`: is empty
        orders.txt:11: column `amount`: is empty
        orders.txt:12: column `day`: is empty
        orders.txt:13: column `id`: is empty, and is part of the row's key
        orders.txt:14: column `customer`: goes on after its closing quote; a quote inside is doubled
        orders.txt:15: column `id`: the key `a` is that of line 2 too, and the rows differ; name more columns in `key`
        nothing
        7 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"z","amount":{"amount":"2","currency":"SEK"},"creditNote":false}
    "#]],
    );
}

#[test]
fn blank_separated_rows_too() {
    let mapping = "
format: blank
header: true
columns: [customer, date, units, amount]
source: Shop
customer: customer
observed: {column: date, date: \"%Y%m%d\"}
records:
  - invoice: {number: units, amount: amount, currency: {value: USD}}
";
    let bytes = b" customer_id  date number_of_cds  dollar_value\r\n 00001 19970101  1   11.77\r\n 00002 19970112  1\r\n \
        00002 19971301  5   77.00\r\n 00003 19970102  2  -20.76\r\n 0000\xFF 19970102  2   20.76\r\n 00004 19970101  2   29.33\r\n";
    check(
        mapping,
        bytes,
        expect![[r#"
        00001 1996-12-31T23:00:00Z Shop/import {"kind":"invoice","number":"1","amount":{"amount":"11.77","currency":"USD"},"creditNote":false}
        orders.txt:3: the row has 3 columns, expected 4 (customer, date, units, amount)
        orders.txt:4: column `date`: `19971301` is not a date of the form %Y%m%d
        orders.txt:5: column `amount`: the amount -20.76 is negative and not marked as a credit note; `credit_note:` in the mapping tells which are
        orders.txt:6: byte 0xFF at position 6 is not UTF-8
        00004 1996-12-31T23:00:00Z Shop/import {"kind":"invoice","number":"2","amount":{"amount":"29.33","currency":"USD"},"creditNote":false}
    "#]],
    );
}

#[test]
fn a_lost_quote_costs_its_own_line() {
    let rows = "id;customer;day;amount\n\
        a;\"7;2024-01-31;1\n\
        b;7;2024-01-31;1\n\
        c;\"7\";2024-01-31;1\n\
        d;\"7;2024-01-31;1\n";
    check(
        &csv(),
        rows,
        expect![[r#"
        orders.txt:2: column `customer`: goes on after its closing quote; a quote inside is doubled
        7 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"b","amount":{"amount":"1","currency":"SEK"},"creditNote":false}
        7 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"c","amount":{"amount":"1","currency":"SEK"},"creditNote":false}
        orders.txt:5: column `customer`: opens a quote that is not closed; only this line is left out
    "#]],
    );
}

#[test]
fn a_quote_is_open_for_so_many_lines_and_no_more() {
    let note = |lines: usize| {
        format!(
            "id;customer;day;amount;note\na;7;2024-01-31;1;\"{}\"\nb;7;2024-01-31;1;\n",
            "x\n".repeat(lines)
        )
    };
    check(
        &csv(),
        note(200),
        expect![[r#"
        7 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"a","amount":{"amount":"1","currency":"SEK"},"creditNote":false}
        7 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"b","amount":{"amount":"1","currency":"SEK"},"creditNote":false}
    "#]],
    );
    let rows = super::import(&csv(), "orders.txt", note(201)).unwrap();
    let errors = rows.iter().filter(|row| row.is_err()).count();
    assert_eq!((rows.len(), errors), (203, 202), "only the last row is good");
}

#[test]
fn a_bad_line_inside_a_quoted_value_costs_its_row() {
    let rows = b"id;customer;day;amount;note\na;7;2024-01-31;1;\"one\ntw\xE5\nthree\"\nb;7;2024-01-31;1;\n";
    check(
        &csv(),
        rows,
        expect![[r#"
        orders.txt:3: byte 0xE5 at position 3 is not UTF-8
        7 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"b","amount":{"amount":"1","currency":"SEK"},"creditNote":false}
    "#]],
    );
}

#[test]
fn broken_json_lines() {
    let mapping = format!("format: jsonl\nkey: [id]{ORDERS}");
    let deep = format!(
        "{{\"id\": 6, \"x\": {}1{}}}",
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    let lines = [
        r#"{"id": 1, "customer": "7", "day": "2024-01-31", "amount": 1}"#,
        r#"{"id": 2, "customer": "7", "day": "2024-01-31", "amount": }"#,
        r#"{"id": 3, "customer": "7", "day": "2024-01-31"}"#,
        r#"[4]"#,
        r#"{"id": 5, "customer": "7", "day": "2024-01-31", "amount": 1} x"#,
        &deep,
        r#"{"id": 7, "customer": "7\u0000", "day": "2024-01-31", "amount": 1}"#,
        r#"{"id": 8, "customer": true, "day": null, "amount": 1}"#,
        r#"{"id": 9, "a.b": 1, "a": {"b": 2}}"#,
        r#"{"id": 10, "customer": "8", "day": "2024-01-31", "amount": 1e2}"#,
        r#"{"id": 11, "customer": "8", "day": "2024-01-31", "amount": 1, "amount": 1}"#,
        r#"{"id": 12, "lines": [{"a": {}, "a": 2}]}"#,
    ];
    check(
        &mapping,
        lines.join("\n"),
        expect![[r#"
        7 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"1","amount":{"amount":"1","currency":"SEK"},"creditNote":false}
        orders.txt:2: is not JSON: expected value at column 59
        orders.txt:3: column `amount`: is missing; if it may be, write `when: present`
        orders.txt:4: is not a JSON object
        orders.txt:5: is not JSON: trailing characters at column 62
        orders.txt:6: column `x.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0`: is nested deeper than 16 levels
        orders.txt:7: column `customer`: contains a NUL character
        orders.txt:8: column `day`: is empty
        orders.txt:9: column `a.b`: is there twice
        8 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"10","amount":{"amount":"100","currency":"SEK"},"creditNote":false}
        orders.txt:11: column `amount`: is there twice
        orders.txt:12: column `lines.0.a`: is there twice
    "#]],
    );
}

#[test]
fn credit_notes_are_marked() {
    let mapping = |credit_note: &str| {
        format!(
            "format: csv\nkey: [id]{}",
            ORDERS.replace(
                "amount: amount",
                &format!("amount: amount, credit_note: {credit_note}")
            )
        )
    };
    let rows = "id,customer,day,amount,credit\n1,7,2024-01-31,-1.50,ja\n2,7,2024-01-31,-1,nej\n3,7,2024-01-31,1,ja\n4,7,2024-01-31,1,\n";
    check(
        &mapping("credit"),
        rows,
        expect![[r#"
        7 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"1","amount":{"amount":"-1.50","currency":"SEK"},"creditNote":true}
        orders.txt:3: column `amount`: the amount -1 is negative and not marked as a credit note; `credit_note:` in the mapping tells which are
        orders.txt:4: column `amount`: a credit note's amount is negative, not 1
        7 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"4","amount":{"amount":"1","currency":"SEK"},"creditNote":false}
    "#]],
    );
    check(
        &mapping("negative"),
        rows,
        expect![[r#"
        7 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"1","amount":{"amount":"-1.50","currency":"SEK"},"creditNote":true}
        7 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"2","amount":{"amount":"-1","currency":"SEK"},"creditNote":true}
        7 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"3","amount":{"amount":"1","currency":"SEK"},"creditNote":false}
        7 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"4","amount":{"amount":"1","currency":"SEK"},"creditNote":false}
    "#]],
    );
}

#[test]
fn a_row_yields_all_of_its_facts_or_none() {
    let mapping = "
format: csv
source: Shop
customer: customer
observed: day
records:
  - profile: {name: name}
  - invoice: {number: day, amount: amount, currency: {value: SEK}}
";
    let rows = "customer,name,day,amount\n7,Sju,2024-01-31,x\n7,Sju,2024-01-31,1\n";
    check(
        mapping,
        rows,
        expect![[r#"
        orders.txt:2: column `amount`: `x` is not a number
        7 2024-01-30T23:00:00Z Shop/import {"kind":"profile","field":"name","value":"Sju"}
        7 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"2024-01-31","amount":{"amount":"1","currency":"SEK"},"creditNote":false}
    "#]],
    );
}

#[test]
fn a_file_that_cannot_be_imported_says_why() {
    check(
        &csv(),
        "id;customer;amount\n1;2;3\n",
        expect![[r#"
        error: orders.txt: has no column `day`; it has: id, customer, amount
        hint: mend map.yaml; a column that may be missing is marked `when: present`
    "#]],
    );
    check(
        &csv(),
        "id,customer,day,amount\n",
        expect![[r#"
        error: orders.txt: has no column `id`; it has: id,customer,day,amount
        hint: the header looks as if another `delimiter` than that of map.yaml separated it
    "#]],
    );
    check(
        &csv(),
        "id;customer;id\n1;2;3\n",
        expect![[r#"
        error: orders.txt:1: the header names the column `id` twice
        hint: give the columns names of their own with `columns` and `header: true`
    "#]],
    );
    check(
        &csv(),
        b"id;kund\xE5r\n1;2;3\n",
        expect![[r#"
        error: orders.txt:1: the header cannot be read: byte 0xE5 at position 8 is not UTF-8
        hint: mend the line, or name the file's `encoding`
    "#]],
    );
    check(
        &csv(),
        b"\xFF\xFEi\0d\0",
        expect![[r#"
        error: orders.txt: is UTF-16
        hint: save it as UTF-8
    "#]],
    );
}

#[test]
fn a_file_that_is_not_there_says_so() {
    let mapping = super::Mapping::parse(&csv(), "map.yaml").unwrap();
    let missing = mapping
        .open(std::path::Path::new("no/such/file.csv"))
        .map(|_| ())
        .unwrap_err();
    expect!["no/such/file.csv: cannot be read: No such file or directory (os error 2)"]
        .assert_eq(&missing.to_string());
    let folder = mapping.open(std::path::Path::new("src")).map(|_| ()).unwrap_err();
    expect!["src: is a folder"].assert_eq(&folder.to_string());
}

/// What is told of a row is small whatever the file is called and holds: it may be told of every row.
#[test]
fn long_and_odd_names_make_no_long_messages() {
    let name = "x".repeat(1_025);
    check(
        &csv(),
        format!("id;customer;day;amount;{name}\n"),
        expect![[r#"
        error: orders.txt:1: the name of column 5 is longer than 1024 bytes
        hint: if the first line is a row already, name the columns in `columns` and say `header: false`
    "#]],
    );
    check(
        &csv(),
        "id;customer;day;\u{1}amount\n",
        expect![[r#"
        error: orders.txt: has no column `amount`; it has: id, customer, day, \u{1}amount
        hint: mend map.yaml; a column that may be missing is marked `when: present`
    "#]],
    );
    check(
        &format!("format: jsonl{ORDERS}"),
        format!(r#"{{"{name}": 1}}"#),
        expect![[r#"
        orders.txt:1: the name `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` is longer than 1024 bytes
    "#]],
    );
}

/// A name of a thousand bytes around an array of 100,000 values stands before each of them.
#[test]
fn a_row_that_would_grow_out_of_all_bounds_is_left_out() {
    let values = vec!["1"; 100_000].join(",");
    check(
        &format!("format: jsonl{ORDERS}"),
        format!(r#"{{"{}": [{values}]}}"#, "x".repeat(1_000)),
        expect![[r#"
        orders.txt:1: its names are longer than 16 MiB together
    "#]],
    );
}
