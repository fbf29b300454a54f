//! Mappings to import with: one of each format and kind of record, and the same ones after something went wrong.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// All keys that a mapping may have stand in one of these.
pub(super) fn mappings() -> Vec<&'static str> {
    vec![
        include_str!("../../../../../examples/cdnow/map.yaml"),
        include_str!("csv.yaml"),
        include_str!("json.yaml"),
        include_str!("jsonl.yaml"),
    ]
}

/// What stands where a value should.
fn odd_value() -> BoxedStrategy<String> {
    let odd = [
        "",
        "~",
        "true",
        "7",
        "-1",
        "1e999",
        "[]",
        "{}",
        "[a, a]",
        "\"\"",
        "\" \"",
        "\"",
        "|",
        "&a b",
        "*a",
        "csv",
        "blank",
        "json",
        "jsonl",
        "tab",
        "utf-16le",
        "macintosh",
        "iso-2022-jp",
        "replacement",
        "../../etc/passwd",
        "Europe/Nowhere",
        "\"%s\"",
        "\"%999d\"",
        "\"%:::z\"",
        "\"%\"",
        "\"%-5Y%j\"",
        "\"%Q\"",
        "\"%G-W%V-%u\"",
        "\"%10000000000Y\"",
        "\"{\"",
        "\"{a}}\"",
        "\"{}\"",
        "{value: SEK, column: a}",
        "{column: day, date: \"%s\"}",
        "{value: \"1e5\"}",
        "{column: amount, decimal: \"€\"}",
        "{column: name, map: {\"*\": \"\"}}",
        "{column: a, when: absent}",
        "negative",
        "{template: \"{name}{{}}{day}\"}",
        "\u{FEFF}",
        "\0",
        "\u{85}",
        "a.b.c",
        "....",
        "\u{202E}",
        "{column: gone}",
    ];
    prop_oneof![
        5 => select(odd.to_vec()).prop_map(str::to_owned),
        2 => ".{0,20}",
        1 => "(%[-_0^#]?[0-9]{0,3}[:.]{0,3}[a-zA-Z%]){1,3}".prop_map(|format| format!("{{column: day, date: {format:?}}}")),
        1 => (0_usize..3_000).prop_map(|length| "[".repeat(length)),
        1 => (0_usize..3_000).prop_map(|length| "x".repeat(length)),
    ]
    .boxed()
}

/// A mapping of which some lines went wrong.
pub(super) fn damaged_mapping() -> BoxedStrategy<String> {
    let edit = (any::<Index>(), any::<Index>(), 0_u8..5, odd_value());
    (select(mappings()), prop::collection::vec(edit, 1..3))
        .prop_map(|(mapping, edits)| {
            let mut lines: Vec<String> = mapping.lines().map(str::to_owned).collect();
            for (line, place, kind, value) in edits {
                let many = lines.len();
                let at = line.index(many);
                match kind {
                    // Of one of the line's values, or of all of them.
                    0 | 1 => {
                        let ends: Vec<usize> =
                            lines[at].match_indices(": ").map(|(end, _)| end + 2).collect();
                        let from = if ends.is_empty() { 0 } else { *place.get(&ends) };
                        let rest = lines[at][from..].find([',', '}']).filter(|_| kind == 0);
                        let rest = rest.map_or(String::new(), |to| lines[at][from + to..].to_owned());
                        lines[at] = format!("{}{value}{rest}", &lines[at][..from]);
                    }
                    2 => drop(lines.remove(at)),
                    3 => lines.insert(at, lines[place.index(many)].clone()),
                    _ => {
                        let letter = place.index(lines[at].chars().count() + 1);
                        let mut letters: Vec<char> = lines[at].chars().collect();
                        letters.splice(letter..letter, value.chars().take(2));
                        lines[at] = letters.into_iter().collect();
                    }
                }
            }
            lines.join("\n")
        })
        .boxed()
}
