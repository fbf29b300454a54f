//! Where the text of one value comes from: a column, a constant or a template; then a map, then a default.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::error::{FieldError, cited};
use super::moment::is_date_format;
use super::row::Row;

/// As many entries of a map are told.
const KNOWN_MAX: usize = 20;

/// The text of one value. In the mapping file a column's name alone, or the keys of [`Written`].
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    pub origin: Origin,
    map: Option<BTreeMap<String, String>>,
    default: Option<String>,
    /// The column may be missing from the file.
    pub optional: bool,
    pub writing: Writing,
    /// Whether `date`, and whether `decimal` or `thousands`, were written.
    pub says: (bool, bool),
}

#[derive(Clone, Debug)]
pub(crate) enum Origin {
    Column(String),
    Constant(String),
    Template(Vec<Piece>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    Column(String),
}

/// How dates and numbers are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Writing {
    /// A `strptime` format; ISO 8601 without one.
    pub date: Option<String>,
    pub decimal: char,
    pub thousands: Option<char>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    column: Option<String>,
    value: Option<String>,
    template: Option<String>,
    date: Option<String>,
    decimal: Option<char>,
    thousands: Option<char>,
    map: Option<BTreeMap<String, String>>,
    default: Option<String>,
    when: Option<When>,
}

/// `when: present`: the file may lack the column.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum When {
    Present,
}

impl Expression {
    fn column(name: &str) -> Self {
        Self {
            origin: Origin::Column(name.to_owned()),
            map: None,
            default: None,
            optional: false,
            writing: Writing {
                date: None,
                decimal: '.',
                thousands: None,
            },
            says: (false, false),
        }
    }

    fn check(written: Written) -> Result<Self, String> {
        let Written {
            column,
            value,
            template,
            date,
            decimal,
            thousands,
            map,
            default,
            when,
        } = written;
        let origin = match (column, value, template) {
            (Some(column), None, None) => Origin::Column(column),
            (None, Some(value), None) => Origin::Constant(value),
            (None, None, Some(template)) => Origin::Template(pieces(&template)?),
            _ => return Err("a value needs exactly one of `column`, `value` and `template`".to_owned()),
        };
        if let Some(format) = &date
            && !is_date_format(format)
        {
            return Err(format!(
                "`date: {format}` is not the form of a date; 31/12/2024 is `%d/%m/%Y`"
            ));
        }
        let says = (date.is_some(), decimal.is_some() || thousands.is_some());
        let decimal = decimal.unwrap_or('.');
        if !matches!(decimal, '.' | ',') {
            return Err(format!("`decimal: {decimal:?}` must be \".\" or \",\""));
        }
        if thousands.is_some_and(|mark| mark == decimal || !matches!(mark, ' ' | '.' | ',' | '\'')) {
            return Err(
                "`thousands` must be \" \", \".\", \",\" or \"'\", and not the decimal sign".to_owned(),
            );
        }
        let writing = Writing {
            date,
            decimal,
            thousands,
        };
        Ok(Self {
            origin,
            map,
            default,
            optional: when.is_some(),
            writing,
            says,
        })
    }

    /// The text for this row without blanks around it; `None` where it is empty.
    pub(crate) fn text<'a>(&'a self, row: &'a Row) -> Result<Option<Cow<'a, str>>, FieldError> {
        let text = match &self.origin {
            Origin::Column(name) => self.cell(row, name)?.map(Cow::Borrowed),
            Origin::Constant(value) => Some(Cow::Borrowed(value.trim())),
            Origin::Template(pieces) => self.filled(row, pieces)?.map(Cow::Owned),
        };
        let text = match text.filter(|text| !text.is_empty()) {
            Some(text) => Some(self.mapped(text)?).filter(|text| !text.is_empty()),
            None => None,
        };
        Ok(text.or_else(|| {
            self.default
                .as_deref()
                .map(str::trim)
                .filter(|text| !text.is_empty())
                .map(Cow::Borrowed)
        }))
    }

    pub(crate) fn is_mapped(&self) -> bool {
        self.map.is_some()
    }

    /// The column to blame for a bad value.
    pub(crate) fn blamed(&self) -> Option<&str> {
        self.columns().first().copied()
    }

    pub(crate) fn columns(&self) -> Vec<&str> {
        match &self.origin {
            Origin::Column(name) => vec![name],
            Origin::Constant(_) => Vec::new(),
            Origin::Template(pieces) => pieces
                .iter()
                .filter_map(|piece| match piece {
                    Piece::Column(name) => Some(name.as_str()),
                    Piece::Text(_) => None,
                })
                .collect(),
        }
    }

    fn cell<'a>(&self, row: &'a Row, name: &str) -> Result<Option<&'a str>, FieldError> {
        match row.get(name) {
            Some(text) => Ok(Some(text)),
            None if self.optional => Ok(None),
            None => Err(FieldError::new(
                Some(name),
                "is missing; if it may be, write `when: present`",
            )),
        }
    }

    /// A template with an empty column is empty: nothing is half made.
    fn filled(&self, row: &Row, pieces: &[Piece]) -> Result<Option<String>, FieldError> {
        let mut filled = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Column(name) => match self.cell(row, name)?.filter(|text| !text.is_empty()) {
                    Some(text) => filled.push_str(text),
                    None => return Ok(None),
                },
            }
        }
        Ok(Some(filled))
    }

    fn mapped<'a>(&'a self, text: Cow<'a, str>) -> Result<Cow<'a, str>, FieldError> {
        let Some(map) = &self.map else { return Ok(text) };
        let lower = text.to_lowercase();
        let found = map
            .get(text.as_ref())
            .or_else(|| {
                map.iter()
                    .find(|(from, _)| from.to_lowercase() == lower)
                    .map(|(_, to)| to)
            })
            .or_else(|| map.get("*"));
        match found {
            Some(to) => Ok(Cow::Borrowed(to.trim())),
            None => {
                let mut known: Vec<&str> = map.keys().take(KNOWN_MAX).map(String::as_str).collect();
                if map.len() > KNOWN_MAX {
                    known.push("…");
                }
                let message = format!("`{}` is not in the map ({})", cited(&text), known.join(", "));
                Err(FieldError::new(self.blamed(), message))
            }
        }
    }
}

/// The pieces of `Customer {id}`; braces that are text are doubled.
fn pieces(template: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = template;
    while let Some(place) = rest.find(['{', '}']) {
        text.push_str(&rest[..place]);
        let brace = &rest[place..=place];
        let after = &rest[place + 1..];
        if let Some(next) = after.strip_prefix(brace) {
            text.push_str(brace);
            rest = next;
            continue;
        }
        let name = after
            .split_once('}')
            .filter(|(name, _)| brace == "{" && !name.trim().is_empty());
        let Some((name, next)) = name else {
            return Err(format!(
                "`template: {template}` has a single `{brace}`; a brace that is text is doubled"
            ));
        };
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.push(Piece::Column(name.trim().to_owned()));
        rest = next;
    }
    text.push_str(rest);
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExpressionVisitor)
    }
}

struct ExpressionVisitor;

impl<'de> Visitor<'de> for ExpressionVisitor {
    type Value = Expression;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a column's name, or {column: …}, {value: …} or {template: …}; a constant is {value: …}")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Expression, E> {
        if name.trim().is_empty() {
            return Err(E::custom("a column's name is empty"));
        }
        Ok(Expression::column(name.trim()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Expression, A::Error> {
        let written = Written::deserialize(MapAccessDeserializer::new(map))?;
        Expression::check(written).map_err(A::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::row::Columns;
    use super::*;

    #[track_caller]
    fn check(yaml: &str, expected: &str) {
        let columns = Columns::new(["id", "town", "kind", "none"].map(str::to_owned).to_vec()).unwrap();
        let values = ["7", " Åre ", "ja", ""].map(str::to_owned).to_vec();
        let row = Row::new(1, Arc::new(columns), values);
        let read = match serde_saphyr::from_str::<Expression>(yaml) {
            Ok(expression) => match expression.text(&row) {
                Ok(text) => format!("{text:?}"),
                Err(error) => format!("row: {}: {}", error.column.unwrap_or_default(), error.message),
            },
            Err(error) => error.without_snippet().to_string(),
        };
        assert!(read.starts_with(expected), "{read}");
    }

    #[test]
    fn columns_constants_and_templates() {
        check("town", r#"Some("Åre")"#);
        check("{column: none}", "None");
        check("{column: none, default: x}", r#"Some("x")"#);
        check("{value: 10.50}", r#"Some("10.50")"#);
        check(
            r#"{template: "Kund {id}, {{{town}}}"}"#,
            r#"Some("Kund 7, {Åre}")"#,
        );
        check(r#"{template: "Kund {none}"}"#, "None");
        check("{column: gone, when: present}", "None");
        check(
            "gone",
            "row: gone: is missing; if it may be, write `when: present`",
        );
    }

    #[test]
    fn maps_are_complete_or_say_so() {
        check("{column: kind, map: {Ja: yes, nej: no}}", r#"Some("yes")"#);
        check(
            "{column: town, map: {ja: true, nej: false}}",
            "row: town: `Åre` is not in the map (ja, nej)",
        );
        check(
            r#"{column: town, map: {ja: true, "*": false}}"#,
            r#"Some("false")"#,
        );
        check(r#"{column: kind, map: {ja: ""}, default: tom}"#, r#"Some("tom")"#);
    }

    #[test]
    fn what_is_written_wrongly_is_refused() {
        check(
            "{column: a, value: b}",
            "a value needs exactly one of `column`, `value` and `template`",
        );
        check(
            "{column: a, dat: b}",
            "unknown field `dat`, expected one of column, value, template",
        );
        check(
            "true",
            "invalid type: boolean `true`, expected a column's name, or {column: …}",
        );
        check(
            "{template: 'a}'}",
            "`template: a}` has a single `}`; a brace that is text is doubled",
        );
        check("{template: 'a {b'}", "`template: a {b` has a single `{`");
        check(
            "{column: a, date: yyyy}",
            "`date: yyyy` is not the form of a date; 31/12/2024 is `%d/%m/%Y`",
        );
        check(
            "{column: a, decimal: ';'}",
            "`decimal: ';'` must be \".\" or \",\"",
        );
        check("{column: a, thousands: '.'}", "`thousands` must be");
    }
}
