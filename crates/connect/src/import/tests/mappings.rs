//! Mappings that are wrong: each error names file and line, and what would mend it.

use expect_test::{Expect, expect};

use super::Mapping;

#[track_caller]
fn check(lines: &str, expected: Expect) {
    let head = [
        "format: csv",
        "source: X",
        "customer: c",
        "observed: d",
        "records: [{survey: {score: s}}]",
    ];
    // A key that the lines give themselves replaces that of the head.
    let key = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
    let own: Vec<String> = lines.lines().map(key).collect();
    let head: Vec<&str> = head
        .into_iter()
        .filter(|line| !own.contains(&key(line)))
        .collect();
    let text = format!("{lines}\n{}\n", head.join("\n"));
    let printed = match Mapping::parse(&text, "map.yaml") {
        Ok(mapping) => format!("good: {}", mapping.source()),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&printed);
}

#[test]
fn keys_and_values_are_known() {
    check(
        "time_zone: Europe/Oslo\nkey: [a, b]\nencoding: latin1",
        expect!["good: X"],
    );
    check(
        "# a comment\nsauce: X",
        expect![
            "map.yaml:2: unknown field `sauce`, expected one of format, delimiter, header, columns, path, encoding, source, actor, time_zone, key, customer, observed, only, records"
        ],
    );
    check(
        "source: X\nsource: Y",
        expect!["map.yaml:2: duplicate mapping key: source"],
    );
    check(
        "format: xml",
        expect!["map.yaml:1: unknown variant `xml`, expected one of csv, blank, json, jsonl"],
    );
    check(
        "source: ' '",
        expect!["map.yaml:1: `source` is empty; it says where the facts come from"],
    );
    check(
        "time_zone: Europe/Atlantis",
        expect!["map.yaml:1: `time_zone: Europe/Atlantis` is not known; one is Europe/Stockholm"],
    );
    check(
        "encoding: utf-16",
        expect!["map.yaml:1: `encoding: utf-16` is not known; try utf-8, windows-1252, latin1 or macintosh"],
    );
    check(
        "key: []",
        expect!["map.yaml:1: `key` names no column; leave it out to tell rows by content"],
    );
    check(
        "records: []",
        expect!["map.yaml:1: `records` is empty: the rows would yield nothing"],
    );
    check(
        "key: [a",
        expect!["map.yaml:2: illegal placement of ':' indicator"],
    );
    check("customer: n", expect!["good: X"]);
}

#[test]
fn options_fit_the_format() {
    check(
        "format: json\ndelimiter: ;",
        expect!["map.yaml:2: `delimiter` says nothing for the format json"],
    );
    check(
        "format: jsonl\npath: a.b",
        expect!["map.yaml:2: `path` says nothing for the format jsonl"],
    );
    check(
        "path: a.b",
        expect!["map.yaml:1: `path` says nothing for the format csv"],
    );
    check(
        "delimiter: abc",
        expect![[r#"map.yaml:1: `delimiter: "abc"` must be one sign such as ";", or tab"#]],
    );
    check(
        "header: false",
        expect!["map.yaml:1: without a header `columns` must name the columns"],
    );
    check(
        "columns: [a, b]",
        expect![
            "map.yaml:1: with `columns` say `header: true` or `header: false`: whether the first line names columns or is a row already"
        ],
    );
    check(
        "header: true\ncolumns: [a, a]",
        expect!["map.yaml:2: `columns` names `a` twice"],
    );
}

#[test]
fn records_are_whole() {
    check(
        "records:\n  - {}",
        expect![
            "map.yaml:2: a record needs exactly one of `profile`, `contact`, `touchpoint`, `todo`, `invoice`, `subscription`, `opportunity`, `service`, `feedback`, `measurement`, `survey` and `survey_sent`"
        ],
    );
    check(
        "records:\n  - survey: {score: s}\n    feedback: {service: a, text: b}",
        expect![
            "map.yaml:2: a record needs exactly one of `profile`, `contact`, `touchpoint`, `todo`, `invoice`, `subscription`, `opportunity`, `service`, `feedback`, `measurement`, `survey` and `survey_sent`"
        ],
    );
    check(
        "records:\n  - contact: {name: n}",
        expect![
            "map.yaml:2: the contact has no `key`, which tells a later state of it from another one; name its column, or name `key` columns for the rows"
        ],
    );
    check(
        "records:\n  - profile: {org_number: n}",
        expect!["map.yaml:2: the profile field `org_number` is spelled `orgNumber`"],
    );
    check(
        "records:\n  - survey: {score: s}\n    once: true",
        expect!["map.yaml:2: `once` says nothing for the survey: every row is one"],
    );
    check(
        "observed: ~\nrecords:\n  - survey: {score: s}",
        expect![
            "map.yaml:3: the survey has no `observed`, the day from which it was so; write it here or for the whole mapping"
        ],
    );
    check(
        "records:\n  - measurement: {metric: m}",
        expect!["map.yaml:2: the measurement says neither `number` nor `word`: one of them is what was read"],
    );
    check(
        "records:\n  - measurement: {metric: m, number: n, word: w}",
        expect!["map.yaml:2: the measurement has a `number` and a `word`: one of them is too much"],
    );
    check(
        "records:\n  - survey:\n      comment: c",
        expect!["map.yaml:3: missing field `score`"],
    );
}

#[test]
fn constants_are_checked_without_a_file() {
    check(
        "records:\n  - survey:\n      score: {value: 12}",
        expect!["map.yaml:3: `12` is not a whole number from 0 to 10"],
    );
    check(
        "records:\n  - invoice:\n      amount: a\n      currency: {value: kronor}",
        expect!["map.yaml:4: `kronor` is not a currency code such as SEK"],
    );
    check(
        "observed: {value: yesterday}",
        expect!["map.yaml:1: `yesterday` is not a date such as 2024-05-31; another form is told by `date:`"],
    );
    check(
        "records:\n  - survey:\n      score: {column: s, date: \"%Y\"}",
        expect!["map.yaml:3: `date: %Y` is not the form of a date; 31/12/2024 is `%d/%m/%Y`"],
    );
    check(
        "records:\n  - survey:\n      score: 7",
        expect![
            "map.yaml:3: invalid type: integer `7`, expected a column's name, or {column: …}, {value: …} or {template: …}; a constant is {value: …}"
        ],
    );
}

#[test]
fn a_mapping_file_that_is_not_there_says_so() {
    let error = Mapping::load(std::path::Path::new("no/map.yaml")).unwrap_err();
    expect!["no/map.yaml: the mapping file cannot be read: No such file or directory (os error 2)"]
        .assert_eq(&error.to_string());
    expect!["give the path of a mapping file by --map"].assert_eq(&error.hint.unwrap());
}
