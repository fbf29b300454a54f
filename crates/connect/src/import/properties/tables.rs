//! Orders to import: the same rows in every format and hand, lines that are wrong, and files that were damaged.

use std::fmt;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::json;

/// A row of four columns.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub customer: String,
    pub day: String,
    pub amount: String,
    pub name: String,
}

impl Order {
    fn cells(&self) -> [(&'static str, &str); 4] {
        [
            ("customer", &self.customer),
            ("day", &self.day),
            ("amount", &self.amount),
            ("name", &self.name),
        ]
    }
}

/// How a file is written.
#[derive(Clone, Debug)]
pub(super) struct Style {
    format: &'static str,
    delimiter: char,
    quoted: bool,
    padded: bool,
    turned: usize,
    end: &'static str,
    mark: bool,
    last_end: bool,
}

pub(super) fn style() -> impl Strategy<Value = Style> {
    let format = select(&["csv", "csv", "blank", "json", "jsonl"][..]);
    let written = (
        any::<bool>(),
        any::<bool>(),
        0_usize..4,
        any::<bool>(),
        any::<bool>(),
    );
    let end = select(&["\n", "\r\n", "\r"][..]);
    (format, select(&[',', ';', '\t', '|'][..]), end, written).prop_map(
        |(format, delimiter, end, written)| {
            let (quoted, padded, turned, mark, last_end) = written;
            Style {
                format,
                delimiter,
                quoted,
                padded,
                turned,
                end,
                mark,
                last_end,
            }
        },
    )
}

impl Style {
    /// One mistake costs the whole file.
    pub(super) fn is_whole(&self) -> bool {
        self.format == "json"
    }

    pub(super) fn has_header(&self) -> bool {
        matches!(self.format, "csv" | "blank")
    }

    fn cell(&self, text: &str) -> String {
        let padding = if self.padded { "  " } else { "" };
        match self.format {
            "blank" => text.to_owned(),
            _ if self.quoted || text.contains([self.delimiter, '"']) || text != text.trim() => {
                format!("{padding}\"{}\"{padding}", text.replace('"', "\"\""))
            }
            _ => format!("{padding}{text}{padding}"),
        }
    }

    fn row(&self, cells: &[&str]) -> String {
        let mut cells: Vec<String> = cells.iter().map(|cell| self.cell(cell)).collect();
        let turned = self.turned % cells.len();
        cells.rotate_left(turned);
        match self.format {
            "blank" => cells.join(if self.padded { "   " } else { " " }),
            _ => cells.join(&self.delimiter.to_string()),
        }
    }

    pub(super) fn bytes(&self, lines: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = if self.mark {
            b"\xEF\xBB\xBF".to_vec()
        } else {
            Vec::new()
        };
        bytes.extend(lines.join(self.end.as_bytes()));
        if self.last_end {
            bytes.extend(self.end.as_bytes());
        }
        bytes
    }
}

/// What every format is read with: an invoice a row, and the customer's name.
pub(super) fn mapping(style: &Style) -> String {
    let delimiter = match (style.format, style.delimiter) {
        ("csv", '\t') => "delimiter: tab\n".to_owned(),
        ("csv", delimiter) => format!("delimiter: \"{delimiter}\"\n"),
        _ => String::new(),
    };
    let path = if style.format == "json" {
        "path: data.orders\n"
    } else {
        ""
    };
    format!(
        "format: {}
{delimiter}{path}source: Shop
customer: customer
observed: day
records:
  - invoice: {{amount: amount, currency: {{value: SEK}}, text: name}}
  - touchpoint: {{summary: {{template: \"Köp {{amount}}\"}}}}
",
        style.format
    )
}

pub(super) fn lines(orders: &[Order], style: &Style) -> Vec<Vec<u8>> {
    let objects = || {
        orders.iter().map(|order| {
            let mut cells = order.cells().to_vec();
            cells.rotate_left(style.turned);
            // Numbers are taken as they are written.
            let value = |name: &str, text: &str| match name {
                "amount" if !style.quoted => text.to_owned(),
                _ => json!(text).to_string(),
            };
            let fields: Vec<String> = cells
                .iter()
                .map(|(name, text)| format!("{}: {}", json!(name), value(name, text)))
                .collect();
            format!("{{{}}}", fields.join(if style.padded { " , " } else { "," }))
        })
    };
    let lines: Vec<String> = match style.format {
        "jsonl" => objects().collect(),
        "json" => {
            let objects: Vec<String> = objects().collect();
            let around = if style.padded { "\n" } else { "" };
            vec![format!(
                "{{\"more\": [], \"data\": {{\"orders\": [{around}{}{around}]}}}}",
                objects.join(",\n")
            )]
        }
        _ => {
            let header = style.row(&["customer", "day", "amount", "name"]);
            let rows = orders
                .iter()
                .map(|order| style.row(&order.cells().map(|(_, text)| text)));
            [header].into_iter().chain(rows).collect()
        }
    };
    lines.into_iter().map(String::into_bytes).collect()
}

pub(super) fn document_of(orders: &[Order], style: &Style) -> Vec<u8> {
    style.bytes(&lines(orders, style))
}

/// Rows any format can hold: no blanks inside values. Some are there twice.
pub(super) fn orders() -> BoxedStrategy<Vec<Order>> {
    let name = prop_oneof![
        "[A-Za-zÅÄÖåäö0-9&.'#/+-]{1,9}",
        select(&["ÅÄÖ", "A\u{30A}", "北京", "5''", "x\u{202E}y", "🦀", "null", "0"][..])
            .prop_map(str::to_owned),
    ];
    let order = ("[0-9]{1,3}", 1_u8..29, 0_u32..2_000_000, 0_u32..4, name).prop_map(
        |(customer, day, amount, decimals, name)| Order {
            customer,
            day: format!("2024-02-{day:02}"),
            amount: rust_decimal::Decimal::new(i64::from(amount), decimals).to_string(),
            name,
        },
    );
    (prop::collection::vec(order, 0..9), any::<bool>())
        .prop_map(|(mut orders, twice)| {
            if twice {
                orders.extend(orders.first().cloned());
            }
            orders
        })
        .boxed()
}

/// A line that is no row, whatever stands around it.
pub(super) fn bad_line(kind: Index, style: &Style) -> Vec<u8> {
    let row = |cells: [&str; 4]| style.row(&cells).into_bytes();
    let mut lines: Vec<Vec<u8>> = match style.format {
        "jsonl" => vec![
            b"{".to_vec(),
            b"[]".to_vec(),
            b"\xFF{}".to_vec(),
            br#"{"customer": "7", "day": "2024-01-01"}"#.to_vec(),
            br#"{"customer": "7", "day": "2024-02-30", "amount": 1, "name": "x"}"#.to_vec(),
            br#"{"customer": {"id": 7}, "day": "2024-01-01", "amount": 1, "name": "x"}"#.to_vec(),
            br#"{"customer": "7", "day": "2024-01-01", "amount": 1e999, "name": "x"}"#.to_vec(),
            br#"{"customer": "7", "day": "2024-01-01", "amount": 1, "name": "\u0000"}"#.to_vec(),
        ],
        _ => vec![
            row(["7", "2024-02-30", "1", "x"]),
            row(["7", "2024-01-01", "1,5.0", "x"]),
            row(["7", "2024-01-01", "-1", "x"]),
            row(["7", "0001-01-01", "1", "x"]),
            row(["7", "2024-01-01", "1\0", "x"]),
            row(["7", "2024-01-01", "99999999999999999999999999999999", "x"]),
            [row(["7", "2024-01-01", "1", "x"]), b"\xC3".to_vec()].concat(),
            [
                row(["7", "2024-01-01", "1", "x"]),
                style.row(&["", "a"]).into_bytes(),
                b" y z".to_vec(),
            ]
            .concat(),
        ],
    };
    if style.format == "csv" {
        // A quote that is lost costs its own line, whatever would close it.
        lines.push(format!("\"7{0}2024-01-01{0}1{0}x", style.delimiter).into_bytes());
    }
    kind.get(&lines).clone()
}

/// Bytes that print as the text they nearly are.
#[derive(Clone)]
pub(super) struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// A file in which some bytes went wrong, and how it was written before.
pub(super) fn damaged() -> BoxedStrategy<(Style, Bytes)> {
    let piece = prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        select(
            &[
                "\"",
                "\"\"",
                "\n",
                "\r",
                "\r\n",
                "\0",
                "\u{FEFF}",
                ",",
                ";",
                "{",
                "}",
                "[",
                "]",
                ":",
                "\\",
                "\\u0000",
                "\\ud800",
                "null",
                "1e9999999999",
                "-",
                "é",
                "\u{2028}",
                "\"\n\"",
                "\t",
                " ",
            ][..],
        )
        .prop_map(|text| text.as_bytes().to_vec()),
        (0_usize..3_000).prop_map(|times| b"[".repeat(times)),
        (0_usize..3_000).prop_map(|times| b"x".repeat(times)),
        (0_usize..300).prop_map(|times| b"\"\n".repeat(times)),
    ];
    let edits = prop::collection::vec((any::<Index>(), 0_usize..3, piece), 1..4);
    (orders(), style(), edits, any::<Option<Index>>())
        .prop_map(|(orders, style, edits, end)| {
            let mut bytes = document_of(&orders, &style);
            for (place, gone, piece) in edits {
                let from = place.index(bytes.len() + 1);
                let to = (from + gone).min(bytes.len());
                bytes.splice(from..to, piece);
            }
            if let Some(end) = end {
                bytes.truncate(end.index(bytes.len() + 1));
            }
            (style, Bytes(bytes))
        })
        .boxed()
}
