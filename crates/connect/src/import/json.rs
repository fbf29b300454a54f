//! Reading JSON and JSON Lines: objects become rows whose columns are named by their path, `customer.id`, `lines.0.amount`.
//! Numbers are kept as they are written; no float is made of them.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::{FieldError, ImportError, RowError, cited};
use super::lines::{Lines, line_at};
use super::row::{Columns, NAME_BYTES_MAX, Row};

/// Largest JSON file, in bytes: it is read as a whole. JSON Lines have no limit.
pub(crate) const JSON_BYTES_MAX: u64 = 512 << 20;
/// How deep objects and arrays of one row may be nested.
const DEPTH_MAX: usize = 16;
/// How long the names of one row may be together, in bytes: the name of an array is part of the name of each of its values.
const NAMES_BYTES_MAX: usize = 16 << 20;

/// A JSON document with an array of objects.
pub(crate) struct JsonArray {
    file: String,
    text: String,
    /// Where the elements stand, and on which line, last one first.
    elements: Vec<(Range<usize>, u64)>,
    /// How far in the text, and how many bytes the file has, which may be another number in its encoding.
    read: usize,
    file_bytes: u64,
}

impl JsonArray {
    /// Finds the array that the names lead to.
    pub(crate) fn open(
        file: &str,
        text: String,
        file_bytes: u64,
        path: &[String],
    ) -> Result<Self, ImportError> {
        let hint = "`path` in the mapping names the way to the array, `data.customers`";
        let mut raw: &RawValue = serde_json::from_str(&text).map_err(|error| {
            let line = Some(error.line() as u64).filter(|line| *line > 0);
            let whole = "a JSON file is read as a whole; JSON Lines (`format: jsonl`) lose one line at most";
            ImportError::new(
                file,
                line,
                format!("is not JSON: {}", json_message(&error)),
                whole,
            )
        })?;
        for name in path {
            let Ok(Members { members, twice }) = serde_json::from_str(raw.get()) else {
                return Err(ImportError::new(
                    file,
                    None,
                    format!("has no object around `{name}`"),
                    hint,
                ));
            };
            if let Some(twice) = twice {
                let message = format!("has `{}` twice in the object around `{name}`", cited(&twice));
                return Err(ImportError::new(file, None, message, hint));
            }
            let Some(inner) = members.get(name) else {
                let known: Vec<&str> = members.keys().take(20).map(String::as_str).collect();
                let message = format!("has no `{name}`; there are: {}", known.join(", "));
                return Err(ImportError::new(file, None, message, hint));
            };
            raw = inner;
        }
        let Ok(array) = serde_json::from_str::<Vec<&RawValue>>(raw.get()) else {
            let place = if path.is_empty() {
                "the document".to_owned()
            } else {
                format!("`{}`", path.join("."))
            };
            return Err(ImportError::new(
                file,
                None,
                format!("{place} is not an array"),
                hint,
            ));
        };
        let elements = places(&text, &array);
        Ok(Self {
            file: file.to_owned(),
            text,
            elements,
            read: 0,
            file_bytes,
        })
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        let share = u128::from(self.file_bytes) * self.read as u128 / (self.text.len() as u128).max(1);
        u64::try_from(share).unwrap_or(self.file_bytes)
    }

    pub(crate) fn next(&mut self) -> Option<Result<Row, RowError>> {
        let Some((range, line)) = self.elements.pop() else {
            self.read = self.text.len();
            return None;
        };
        self.read = range.end;
        Some(row(line, &self.text[range]).map_err(|error| error.at(&self.file, line)))
    }
}

/// Where the elements stand in the text they were read from, last one first.
fn places(text: &str, array: &[&RawValue]) -> Vec<(Range<usize>, u64)> {
    let start = text.as_ptr().addr();
    let mut line = 1;
    let mut seen = 0;
    let mut places = Vec::with_capacity(array.len());
    for raw in array {
        let from = raw.get().as_ptr().addr() - start;
        line += line_at(&text.as_bytes()[seen..from], from - seen) - 1;
        seen = from;
        places.push((from..from + raw.get().len(), line));
    }
    places.reverse();
    places
}

/// One JSON object per line.
pub(crate) struct JsonLines {
    file: String,
    lines: Lines,
    broken: bool,
}

impl JsonLines {
    pub(crate) fn new(file: &str, lines: Lines) -> Self {
        Self {
            file: file.to_owned(),
            lines,
            broken: false,
        }
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.lines.bytes_read()
    }

    pub(crate) fn next(&mut self) -> Option<Result<Row, RowError>> {
        while !self.broken {
            let line = match self.lines.next() {
                Ok(Some(line)) => line,
                Ok(None) => return None,
                Err(error) => {
                    self.broken = true;
                    let message = format!("the file cannot be read on: {error}");
                    return Some(Err(
                        FieldError::new(None, message).at(&self.file, self.lines.number() + 1)
                    ));
                }
            };
            let read = match line.problem {
                Some(problem) => Err(FieldError::new(None, problem)),
                None if line.text.trim().is_empty() => continue,
                None => row(line.number, &line.text),
            };
            return Some(read.map_err(|error| error.at(&self.file, line.number)));
        }
        None
    }
}

/// The row that an object is.
fn row(line: u64, text: &str) -> Result<Row, FieldError> {
    let raw: &RawValue = serde_json::from_str(text.trim())
        .map_err(|error| FieldError::new(None, format!("is not JSON: {}", json_message(&error))))?;
    if !raw.get().starts_with('{') {
        return Err(FieldError::new(None, "is not a JSON object"));
    }
    let mut flat = Flat::default();
    flatten("", raw, 0, &mut flat)?;
    let (names, values) = flat.values.into_iter().unzip();
    let columns = Columns::new(names).map_err(|name| FieldError::new(Some(&name), "is there twice"))?;
    Ok(Row::new(line, Arc::new(columns), values))
}

/// The values of one row by their names.
#[derive(Default)]
struct Flat {
    values: BTreeMap<String, String>,
    names_bytes: usize,
}

impl Flat {
    fn insert(&mut self, name: &str, text: String) -> Result<(), FieldError> {
        self.names_bytes += name.len();
        if self.names_bytes > NAMES_BYTES_MAX {
            let message = format!("its names are longer than {} MiB together", NAMES_BYTES_MAX >> 20);
            return Err(FieldError::new(None, message));
        }
        if self.values.insert(name.to_owned(), text).is_some() {
            return Err(FieldError::new(Some(name), "is there twice"));
        }
        Ok(())
    }
}

/// An object, and a name that it gives twice.
struct Members<'a> {
    members: BTreeMap<String, &'a RawValue>,
    twice: Option<String>,
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ReadMembers)
    }
}

struct ReadMembers;

impl<'de> Visitor<'de> for ReadMembers {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = BTreeMap::new();
        let mut twice = None;
        while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
            if members.insert(name.clone(), value).is_some() {
                twice = Some(name);
            }
        }
        Ok(Members { members, twice })
    }
}

fn flatten(name: &str, raw: &RawValue, depth: usize, flat: &mut Flat) -> Result<(), FieldError> {
    if name.len() > NAME_BYTES_MAX {
        let message = format!("the name `{}` is longer than {NAME_BYTES_MAX} bytes", cited(name));
        return Err(FieldError::new(None, message));
    }
    if depth > DEPTH_MAX {
        return Err(FieldError::new(
            Some(name),
            format!("is nested deeper than {DEPTH_MAX} levels"),
        ));
    }
    let bad = |error: serde_json::Error| {
        FieldError::new(Some(name), format!("is not JSON: {}", json_message(&error)))
    };
    let inner = |key: &str| {
        if name.is_empty() {
            key.to_owned()
        } else {
            format!("{name}.{key}")
        }
    };
    let text = match raw.get().as_bytes().first() {
        Some(b'{') => {
            let object: Members<'_> = serde_json::from_str(raw.get()).map_err(bad)?;
            if let Some(twice) = object.twice {
                return Err(FieldError::new(Some(&inner(&cited(&twice))), "is there twice"));
            }
            return object
                .members
                .iter()
                .try_for_each(|(key, raw)| flatten(&inner(key), raw, depth + 1, flat));
        }
        Some(b'[') => {
            let array: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(bad)?;
            let mut places = array.iter().enumerate();
            return places
                .try_for_each(|(place, raw)| flatten(&inner(&place.to_string()), raw, depth + 1, flat));
        }
        Some(b'"') => serde_json::from_str(raw.get()).map_err(bad)?,
        Some(b'n') => String::new(),
        _ => raw.get().to_owned(),
    };
    if text.contains('\0') {
        return Err(FieldError::new(Some(name), "contains a NUL character"));
    }
    flat.insert(name, text)
}

/// The message with the column only: the line is that of the row.
fn json_message(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rsplit_once(" at line ") {
        Some((what, _)) => format!("{what} at column {}", error.column()),
        None => message,
    }
}
