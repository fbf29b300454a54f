//! Envelopes to test with: valid ones, the same ones under other names, and what becomes of them when something goes wrong.

use std::fmt;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use super::super::FIELDS;

/// Names and values in their order; unlike in a map, a name may be there twice.
#[derive(Clone, Debug)]
pub(super) struct Document(pub Vec<(String, Value)>);

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<String> = self
            .0
            .iter()
            .map(|(name, value)| format!("{}:{value}", json!(name)))
            .collect();
        write!(f, "{{{}}}", fields.join(","))
    }
}

const ODD_TEXTS: [&str; 17] = [
    "",
    " ",
    "\0",
    "\u{FEFF}",
    "a\nb",
    "Å",
    "A\u{30A}",
    "İ",
    "ß",
    "\u{202E}",
    "🦀",
    "sv",
    "2026-02-30",
    "a.*",
    "$SYS",
    "00-x",
    "null",
];
const ODD_NUMBERS: [&str; 9] = [
    "-0.0",
    "1e308",
    "5e-324",
    "18446744073709551615",
    "-9223372036854775808",
    "0.1",
    "122416294033786585",
    "1e23",
    "2.2250738585072011e-308",
];

fn text() -> BoxedStrategy<String> {
    prop_oneof![
        select(&ODD_TEXTS[..]).prop_map(str::to_owned),
        ".{0,20}",
        "[a-z]{0,8}",
        (0_usize..3_000).prop_map(|length| "å".repeat(length)),
    ]
    .boxed()
}

fn number() -> BoxedStrategy<Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        select(&ODD_NUMBERS[..]).prop_map(|number| serde_json::from_str(number).unwrap()),
    ]
    .boxed()
}

/// JSON of any kind.
pub(super) fn any_value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number(),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((any_key(), inner), 0..5).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
    .boxed()
}

/// Names of the envelope and of its parts, in odd cases too, and names of nothing.
pub(super) fn any_key() -> BoxedStrategy<String> {
    let inner = [
        "customer", "kund", "klant", "health", "hälsa", "history", "command", "kommando", "text", "params",
        "metric", "op", "value", "unit", "id", "name", "asOf", "ASOF", "locale", "Locale",
    ];
    prop_oneof![
        4 => any::<Index>().prop_map(|place| place.get(&FIELDS).0.to_owned()),
        4 => select(inner.to_vec()).prop_map(str::to_owned),
        2 => spelling(),
        1 => text(),
    ]
    .boxed()
}

/// Some name of a field as somebody may write it.
fn spelling() -> BoxedStrategy<String> {
    (any::<Index>(), any::<Index>(), written())
        .prop_map(|(field, alias, written)| {
            let (_, aliases) = field.get(&FIELDS);
            written.of(aliases[alias.index(aliases.len())])
        })
        .boxed()
}

/// Which letters are large, and where a sign that means nothing stands.
#[derive(Clone, Debug)]
struct Written {
    large: Vec<bool>,
    sign: &'static str,
    place: Index,
}

fn written() -> impl Strategy<Value = Written> {
    let large = prop::collection::vec(any::<bool>(), 8);
    (large, select(&["", "_", "-", " "][..]), any::<Index>()).prop_map(|(large, sign, place)| Written {
        large,
        sign,
        place,
    })
}

impl Written {
    fn of(&self, name: &str) -> String {
        let place = self.place.index(name.chars().count());
        let letters = name.chars().enumerate().map(|(at, letter)| {
            let letter = if self.large[at % self.large.len()] {
                letter.to_uppercase().to_string()
            } else {
                letter.to_string()
            };
            if at == place {
                format!("{}{letter}", self.sign)
            } else {
                letter
            }
        });
        letters.collect()
    }
}

fn valid(name: &'static str) -> BoxedStrategy<Value> {
    let any_text = || "[^\\x00]{0,12}".prop_map(Value::from).boxed();
    match name {
        "protocol" => Just(json!("task/1")).boxed(),
        "taskId" => "[a-zåäö0-9/. -]{0,20}[a-z]".prop_map(Value::from).boxed(),
        "context" => context(),
        "instruction" => (".{0,9}", "[a-z-]{1,9}", any_value())
            .prop_map(
                |(text, command, value)| json!({"text": text, "command": command, "params": {"p": value}}),
            )
            .boxed(),
        "acceptanceCriteria" => prop::collection::vec(criterion(), 0..4)
            .prop_map(Value::from)
            .boxed(),
        "deadline" => select(
            &[
                "2026-11-22T10:00:00Z",
                "2026-11-22T10:00:00.5Z",
                "1970-01-01T00:00:00Z",
            ][..],
        )
        .prop_map(Value::from)
        .boxed(),
        "locale" => select(&["sv", "en"][..]).prop_map(Value::from).boxed(),
        "asOf" => select(&["2026-02-28", "2024-02-29", "-000001-01-01"][..])
            .prop_map(Value::from)
            .boxed(),
        "dryRun" => Just(json!(true)).boxed(),
        "replyTo" => "[a-zA-Z0-9_-]{1,9}(\\.[a-z0-9=]{1,5}){0,3}"
            .prop_map(Value::from)
            .boxed(),
        "traceparent" => "00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"
            .prop_map(Value::from)
            .boxed(),
        _ => any_text(),
    }
}

fn context() -> BoxedStrategy<Value> {
    (".{0,9}", any_value(), any_value())
        .prop_filter("null is the same as nothing", |(_, health, _)| !health.is_null())
        .prop_map(|(customer, health, more)| json!({"customer": customer, "health": health, "more": more}))
        .boxed()
}

fn criterion() -> BoxedStrategy<Value> {
    let op = select(&["<", "<=", "=", "!=", ">", ">="][..]);
    prop_oneof![
        ".{0,9}".prop_map(Value::from),
        ("[a-z.]{1,9}", op, number())
            .prop_map(|(metric, op, value)| json!({"metric": metric, "op": op, "value": value})),
    ]
    .boxed()
}

/// A valid envelope under the canonical names: `taskId` and some of the others.
pub(super) fn document() -> BoxedStrategy<Document> {
    let others = FIELDS
        .iter()
        .filter(|(name, _)| *name != "taskId")
        .map(|(name, _)| {
            prop::option::weighted(0.4, valid(name))
                .prop_map(|value| value.map(|value| ((*name).to_owned(), value)))
        });
    (valid("taskId"), others.collect::<Vec<_>>())
        .prop_map(|(id, others)| {
            let others = others.into_iter().flatten();
            Document([("taskId".to_owned(), id)].into_iter().chain(others).collect())
        })
        .boxed()
}

/// A valid envelope, and the same one with its names, and those in its context and instruction, spelled otherwise.
pub(super) fn spelled() -> BoxedStrategy<(Document, Document)> {
    let spellings = prop::collection::vec((any::<Index>(), written()), FIELDS.len() + 3);
    (document(), spellings)
        .prop_map(|(document, spellings)| {
            let other = |(place, (name, value)): (usize, &(String, Value))| {
                let (alias, written) = &spellings[place];
                let (_, aliases) = FIELDS.iter().find(|(field, _)| field == name).unwrap();
                let inner = &spellings[FIELDS.len()..];
                (
                    written.of(aliases[alias.index(aliases.len())]),
                    respelled(value, inner),
                )
            };
            let other = Document(document.0.iter().enumerate().map(other).collect());
            (document, other)
        })
        .boxed()
}

fn respelled(value: &Value, spellings: &[(Index, Written)]) -> Value {
    const INNER: [(&str, &[&str]); 5] = [
        ("customer", &["customer", "kund", "klant"]),
        ("health", &["health", "healthscore", "hälsa"]),
        ("command", &["command", "kommando"]),
        ("params", &["params", "parametrar"]),
        ("text", &["text"]),
    ];
    let Value::Object(fields) = value else {
        return value.clone();
    };
    let other = |(place, (name, value)): (usize, (&String, &Value))| {
        let (alias, written) = &spellings[place];
        let written = Written {
            sign: "",
            ..written.clone()
        };
        match INNER.iter().find(|(field, _)| field == name) {
            Some((_, aliases)) => (written.of(aliases[alias.index(aliases.len())]), value.clone()),
            None => (name.clone(), value.clone()),
        }
    };
    fields.iter().enumerate().map(other).collect()
}

/// A value no field of this name may have.
pub(super) fn wrong_type_of(name: &str) -> Value {
    match name {
        "dryRun" => json!("true"),
        _ => json!(7),
    }
}

/// Bytes that print as the text they nearly are.
#[derive(Clone)]
pub(super) struct Payload(pub Vec<u8>);

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

#[derive(Clone, Debug)]
enum Damage {
    Value(Index, Value),
    Name(Index, String),
    Twice(Index),
    Gone(Index),
    More(String, Value),
}

/// A valid envelope in which a few fields, and then perhaps a few bytes, went wrong.
pub(super) fn damaged() -> BoxedStrategy<Payload> {
    let damage = prop_oneof![
        4 => (any::<Index>(), any_value()).prop_map(|(place, value)| Damage::Value(place, value)),
        2 => (any::<Index>(), any_key()).prop_map(|(place, name)| Damage::Name(place, name)),
        1 => any::<Index>().prop_map(Damage::Twice),
        1 => any::<Index>().prop_map(Damage::Gone),
        2 => (any_key(), any_value()).prop_map(|(name, value)| Damage::More(name, value)),
    ];
    let spelled = spelled().prop_map(|(_, other)| other);
    let fields = (
        prop_oneof![document(), spelled],
        prop::collection::vec(damage, 0..3),
    )
        .prop_map(|(document, damages)| damages.into_iter().fold(document, hurt).to_string().into_bytes());
    let bytes = prop::collection::vec((any::<Index>(), any::<u8>(), 0_u8..4), 0..3);
    (fields, prop_oneof![3 => Just(Vec::new()), 1 => bytes])
        .prop_map(|(payload, edits)| Payload(edits.into_iter().fold(payload, edited)))
        .boxed()
}

fn hurt(document: Document, damage: Damage) -> Document {
    let mut fields = document.0;
    if !fields.is_empty() {
        let many = fields.len();
        match damage {
            Damage::Value(place, value) => fields[place.index(many)].1 = value,
            Damage::Name(place, name) => fields[place.index(many)].0 = name,
            Damage::Twice(place) => fields.push(fields[place.index(many)].clone()),
            Damage::Gone(place) => drop(fields.remove(place.index(many))),
            Damage::More(name, value) => fields.push((name, value)),
        }
    }
    Document(fields)
}

fn edited(mut payload: Vec<u8>, (place, byte, kind): (Index, u8, u8)) -> Vec<u8> {
    let place = place.index(payload.len() + 1);
    match kind {
        0 => payload.truncate(place),
        1 => payload.insert(place, byte),
        2 => payload.splice(place..place, *b"\xEF\xBB\xBF").for_each(drop),
        _ => {
            if let Some(there) = payload.get_mut(place) {
                *there = byte;
            }
        }
    }
    payload
}
