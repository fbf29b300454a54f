//! Every format, and every way a file of it may be written.

use expect_test::expect;

use super::{ORDERS, check};

#[test]
fn csv_with_a_header() {
    check(
        &format!("format: csv{ORDERS}"),
        "\u{FEFF}customer,day,amount,note\r\n7 , 2024-01-31, 11.70 ,\"a, \"\"b\"\"\r\nc\"\r\n\r\n , ,,\r\n8,2024-02-01,12,",
        expect![[r#"
            7 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"fb950bdf5fbf0c83","amount":{"amount":"11.70","currency":"SEK"},"creditNote":false}
            8 2024-01-31T23:00:00Z Shop/import {"kind":"invoice","number":"b25d7978c3fcfa17","amount":{"amount":"12","currency":"SEK"},"creditNote":false}
        "#]],
    );
}

#[test]
fn csv_without_a_header_and_with_another_delimiter() {
    let mapping = format!(
        "format: csv\ndelimiter: ';'\nheader: false\ncolumns: [customer, day, amount]\nkey: [customer]{ORDERS}"
    );
    check(
        &mapping,
        "7;2024-01-31;11.70\n8;2024-02-01;12",
        expect![[r#"
        7 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"7","amount":{"amount":"11.70","currency":"SEK"},"creditNote":false}
        8 2024-01-31T23:00:00Z Shop/import {"kind":"invoice","number":"8","amount":{"amount":"12","currency":"SEK"},"creditNote":false}
    "#]],
    );
    let mapping = mapping.replace("';'", "tab");
    check(
        &mapping,
        "7\t2024-01-31\t11.70\n",
        expect![[r#"
        7 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"7","amount":{"amount":"11.70","currency":"SEK"},"creditNote":false}
    "#]],
    );
}

#[test]
fn a_header_may_be_renamed() {
    let mapping =
        format!("format: csv\nheader: true\ncolumns: [customer, day, amount]\nkey: [customer]{ORDERS}");
    check(
        &mapping,
        "Kund,Datum,Belopp\n7,2024-01-31,11.70\n",
        expect![[r#"
        7 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"7","amount":{"amount":"11.70","currency":"SEK"},"creditNote":false}
    "#]],
    );
    check(
        &mapping,
        "Kund,Datum\n7,2024-01-31\n",
        expect![[r#"
        error: orders.txt:1: the header has 2 columns, the mapping names 3
        hint: name them all in `columns`, in their order
    "#]],
    );
}

#[test]
fn blank_separated() {
    let mapping = format!("format: blank\nkey: [customer]{ORDERS}");
    check(
        &mapping,
        " customer  day \tamount\r\n 00001 2024-01-31   11.77  \r\n",
        expect![[r#"
            00001 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"00001","amount":{"amount":"11.77","currency":"SEK"},"creditNote":false}
        "#]],
    );
}

#[test]
fn json_lines_with_nested_names() {
    let mapping = "
format: jsonl
source: CRM
key: [id]
customer: customer.id
observed: at
records:
  - invoice: {amount: lines.0.amount, currency: customer.currency, text: {column: text, when: present}}
";
    let bytes = r#"{"id": 1, "customer": {"id": 7, "currency": "sek"}, "at": "2024-01-31T10:00:00Z", "lines": [{"amount": 11.70}]}

{"id": 2, "customer": {"id": "å", "currency": "SEK"}, "at": "2024-01-31", "lines": [{"amount": 1234567890123456.78}], "text": null}
"#;
    check(
        mapping,
        bytes,
        expect![[r#"
        7 2024-01-31T10:00:00Z CRM/import {"kind":"invoice","number":"1","amount":{"amount":"11.70","currency":"SEK"},"creditNote":false}
        å 2024-01-30T23:00:00Z CRM/import {"kind":"invoice","number":"2","amount":{"amount":"1234567890123456.78","currency":"SEK"},"creditNote":false}
    "#]],
    );
}

#[test]
fn json_with_a_path_to_the_array() {
    let mapping = format!("format: json\npath: data.orders\nkey: [customer]{ORDERS}");
    let bytes = r#"{"data": {"count": 2, "orders": [
  {"customer": "7", "day": "2024-01-31", "amount": "11.70"},
  {"customer": "8", "day": "2024-01-32", "amount": 12},
  5,
  {"customer": "9", "day": "2024-02-01", "amount": 0}
]}}"#;
    check(
        &mapping,
        bytes,
        expect![[r#"
        7 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"7","amount":{"amount":"11.70","currency":"SEK"},"creditNote":false}
        orders.txt:3: column `day`: `2024-01-32` is not a date such as 2024-05-31; another form is told by `date:`
        orders.txt:4: is not a JSON object
        9 2024-01-31T23:00:00Z Shop/import {"kind":"invoice","number":"9","amount":{"amount":"0","currency":"SEK"},"creditNote":false}
    "#]],
    );
    check(&format!("format: json{ORDERS}"), "[]", expect![[""]]);
    let old = b"[{\"customer\": \"\xE5\", \"day\": \"2024-01-31\", \"amount\": 1}]";
    check(
        &format!("format: json\nencoding: latin1\nkey: [customer]{ORDERS}"),
        old,
        expect![[r#"
            å 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"å","amount":{"amount":"1","currency":"SEK"},"creditNote":false}
        "#]],
    );
}

#[test]
fn json_that_cannot_be_read_as_a_whole() {
    let mapping = format!("format: json\npath: data.orders{ORDERS}");
    check(
        &mapping,
        r#"{"data": {"orders": [], "orders": [1], "x": 1, "x": 2}}"#,
        expect![[r#"
            error: orders.txt: has `x` twice in the object around `orders`
            hint: `path` in the mapping names the way to the array, `data.customers`
        "#]],
    );
    check(
        &mapping,
        "{\"data\":\n{\"orders\": [}}",
        expect![[r#"
        error: orders.txt:2: is not JSON: expected value at column 13
        hint: a JSON file is read as a whole; JSON Lines (`format: jsonl`) lose one line at most
    "#]],
    );
    check(
        &mapping,
        r#"{"data": {"rows": []}}"#,
        expect![[r#"
        error: orders.txt: has no `orders`; there are: rows
        hint: `path` in the mapping names the way to the array, `data.customers`
    "#]],
    );
    check(
        &mapping,
        r#"{"data": []}"#,
        expect![[r#"
        error: orders.txt: has no object around `orders`
        hint: `path` in the mapping names the way to the array, `data.customers`
    "#]],
    );
    check(
        &mapping,
        r#"{"data": {"orders": {}}}"#,
        expect![[r#"
        error: orders.txt: `data.orders` is not an array
        hint: `path` in the mapping names the way to the array, `data.customers`
    "#]],
    );
    check(
        &mapping,
        b"{\"data\":\n\"\xE5\"}",
        expect![[r#"
            error: orders.txt:2: byte 0xE5 at position 11 is not UTF-8
            hint: name the file's `encoding` if it is not UTF-8; JSON Lines (`format: jsonl`) may be of any size and lose one line at most
        "#]],
    );
}

#[test]
fn old_encodings() {
    let mapping = |encoding: &str| {
        format!(
            "format: csv\nencoding: {encoding}\nkey: [customer]{}",
            ORDERS.replace("amount: amount", "amount: amount, text: note")
        )
    };
    let header = b"customer,day,amount,note\n7,2024-01-31,1,".as_slice();
    let with = |bytes: &[u8]| [header, bytes].concat();
    check(
        &mapping("windows-1252"),
        with(b"\xE5\xE4\xF6 \x80"),
        expect![[r#"
            7 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"7","amount":{"amount":"1","currency":"SEK"},"creditNote":false,"text":"åäö €"}
        "#]],
    );
    check(
        &mapping("macintosh"),
        with(b"\x8C\x8A\x9A"),
        expect![[r#"
        7 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"7","amount":{"amount":"1","currency":"SEK"},"creditNote":false,"text":"åäö"}
    "#]],
    );
    check(
        &mapping("shift_jis"),
        with(b"\x83\x5C"),
        expect![[r#"
        7 2024-01-30T23:00:00Z Shop/import {"kind":"invoice","number":"7","amount":{"amount":"1","currency":"SEK"},"creditNote":false,"text":"ソ"}
    "#]],
    );
}

#[test]
fn files_without_rows_yield_nothing() {
    for format in ["csv", "blank", "jsonl"] {
        check(&format!("format: {format}{ORDERS}"), "", expect![[""]]);
        check(&format!("format: {format}{ORDERS}"), "\r\n\n", expect![[""]]);
    }
    check(
        &format!("format: csv{ORDERS}"),
        "customer,day,amount\n",
        expect![[""]],
    );
}

/// The mapping of the CDNOW example reads the form of its file.
#[test]
fn the_mapping_of_the_example_is_good() {
    let mapping = include_str!("../../../../../examples/cdnow/map.yaml");
    let bytes = " customer_id  date number_of_cds  dollar_value\r\n 00001 19970101  1   11.77\r\n 00001 19970101  1   11.77\r\n";
    check(
        mapping,
        bytes,
        expect![[r#"
            00001 1996-12-31T23:00:00Z CDNOW/import {"kind":"invoice","number":"c66625884190530f","amount":{"amount":"11.77","currency":"USD"},"creditNote":false,"text":"1 CDs"}
            00001 1996-12-31T23:00:00Z CDNOW/import {"kind":"touchpoint","channel":"other","summary":"Köp: 1 CDs"}
            00001 1996-12-31T23:00:00Z CDNOW/import {"kind":"profile","field":"name","value":"Customer 00001"}
            00001 1996-12-31T23:00:00Z CDNOW/import {"kind":"invoice","number":"35bd6982abd07679","amount":{"amount":"11.77","currency":"USD"},"creditNote":false,"text":"1 CDs"}
            00001 1996-12-31T23:00:00Z CDNOW/import {"kind":"touchpoint","channel":"other","summary":"Köp: 1 CDs"}
        "#]],
    );
}

/// The mapping that the documentation begins with does what is said of it.
#[test]
fn the_mapping_of_the_documentation_is_good() {
    let page = include_str!("../../../../../docs/import.md");
    let (_, mapping) = page.split_once("```yaml\n").unwrap();
    let (mapping, _) = mapping.split_once("```").unwrap();
    let bytes = "Kundnr;Kundnamn;Ort;Fakturanr;Datum;Belopp\n7;Föreningen Åre;Åre;1001;2024-01-31;1 234,50\n7;Föreningen Åre;;1002;2024-02-01;-34,50\n";
    check(
        mapping,
        bytes,
        expect![[r#"
        7 2024-01-30T23:00:00Z Fortnox/import {"kind":"profile","field":"name","value":"Föreningen Åre"}
        7 2024-01-30T23:00:00Z Fortnox/import {"kind":"profile","field":"town","value":"Åre"}
        7 2024-01-30T23:00:00Z Fortnox/import {"kind":"invoice","number":"1001","amount":{"amount":"1234.50","currency":"SEK"},"creditNote":false}
        7 2024-01-31T23:00:00Z Fortnox/import {"kind":"profile","field":"name","value":"Föreningen Åre"}
        7 2024-01-31T23:00:00Z Fortnox/import {"kind":"invoice","number":"1002","amount":{"amount":"-34.50","currency":"SEK"},"creditNote":true}
    "#]],
    );
}
