//! Ids of facts: the same row gives the same id in any file, under any name, at any place.

use jiff::Timestamp;
use kunder_domain::fact::FactBody;

use super::row::Row;

/// A hash short enough to keep one per row.
pub(crate) type Short = [u8; 16];

/// What tells a row from every other row of its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowKey {
    hash: Short,
    /// The values of the key columns, where the mapping names some.
    pub named: Option<String>,
}

impl RowKey {
    /// By columns that the mapping names.
    pub(crate) fn named(values: &[&str]) -> Self {
        let mut parts = Parts::new("key");
        values.iter().for_each(|value| parts.add(value.as_bytes()));
        Self {
            hash: parts.finish(),
            named: Some(values.join("/")),
        }
    }

    /// By content, and which occurrence of that content this is, from 1.
    pub(crate) fn counted(content: Short, occurrence: u32) -> Self {
        let mut parts = Parts::new("content");
        parts.add(&content);
        parts.add(&occurrence.to_le_bytes());
        Self {
            hash: parts.finish(),
            named: None,
        }
    }

    pub(crate) fn hash(&self) -> Short {
        self.hash
    }

    /// The named key, or sixteen digits that stand for the row.
    pub(crate) fn text(&self) -> String {
        self.named.clone().unwrap_or_else(|| hex(&self.hash[..8]))
    }
}

/// The names and values of a row, whatever the order of its columns and the blanks around them.
pub(crate) fn content(row: &Row) -> Short {
    let mut parts = Parts::new("row");
    for (name, value) in row.content() {
        parts.add(name.as_bytes());
        parts.add(value.as_bytes());
    }
    parts.finish()
}

/// A hash of an id, for remembering many.
pub(crate) fn short(id: &str) -> Short {
    let mut parts = Parts::new("id");
    parts.add(id.as_bytes());
    parts.finish()
}

/// Something that happened: one per row, and place among the records of its kind.
pub(crate) fn of_event(source: &str, kind: &str, place: u32, key: &RowKey) -> String {
    let mut parts = Parts::new("event");
    parts.add(source.as_bytes());
    parts.add(kind.as_bytes());
    parts.add(&place.to_le_bytes());
    parts.add(&key.hash);
    parts.id()
}

/// How something is: one per customer, content and, unless `since` is left out, moment.
pub(crate) fn of_state(source: &str, customer: &str, body: &FactBody, since: Option<Timestamp>) -> String {
    let mut parts = Parts::new("state");
    parts.add(source.as_bytes());
    parts.add(customer.as_bytes());
    parts.add(&serde_json::to_vec(body).expect("a fact's body has only text keys"));
    if let Some(since) = since {
        parts.add(&since.as_nanosecond().to_le_bytes());
    }
    parts.id()
}

/// A hash over parts, each with its length, so that no two lists of parts are one text.
struct Parts(blake3::Hasher);

impl Parts {
    fn new(what: &str) -> Self {
        let mut parts = Self(blake3::Hasher::new());
        parts.add(what.as_bytes());
        parts
    }

    fn add(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    fn finish(&self) -> Short {
        let mut short = Short::default();
        short.copy_from_slice(&self.0.finalize().as_bytes()[..16]);
        short
    }

    fn id(&self) -> String {
        format!("import-{}", hex(&self.finish()))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
            text
        })
}
