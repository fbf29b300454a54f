//! The keys of a mapping file, as they are written; `mapping` checks what they say together.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_saphyr::Spanned;

use super::error::FieldError;
use super::expression::When;
use super::field::{Field, Reads};
use super::moment::Moment;
use super::reading::CustomerKey;
use super::record::RecordFile;
use super::row::Row;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MappingFile {
    pub format: Format,
    pub delimiter: Option<Spanned<String>>,
    pub header: Option<Spanned<bool>>,
    pub columns: Option<Spanned<Vec<String>>>,
    pub path: Option<Spanned<String>>,
    pub encoding: Option<Spanned<String>>,
    pub source: Spanned<String>,
    pub actor: Option<Field<String>>,
    pub time_zone: Option<Spanned<String>>,
    pub key: Option<Spanned<Vec<String>>>,
    pub customer: Field<CustomerKey>,
    pub observed: Option<Field<Moment>>,
    pub only: Option<Only>,
    pub records: Spanned<Vec<Spanned<RecordFile>>>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    Csv,
    Blank,
    Json,
    Jsonl,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "csv",
            Self::Blank => "blank",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
        })
    }
}

/// Which rows count: those whose column is not empty, is one of `is`, is none of `not`.
#[derive(Clone, Debug)]
pub(crate) struct Only {
    column: String,
    is: Option<Vec<String>>,
    not: Vec<String>,
    optional: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenOnly {
    column: String,
    is: Option<Vec<String>>,
    not: Option<Vec<String>>,
    when: Option<When>,
}

impl Only {
    pub(crate) fn takes(&self, row: &Row) -> Result<bool, FieldError> {
        let Some(text) = row.get(&self.column) else {
            if self.optional {
                return Ok(false);
            }
            return Err(FieldError::new(
                Some(&self.column),
                "is missing; if it may be, write `when: present`",
            ));
        };
        let lower = text.to_lowercase();
        let within = |words: &[String]| words.iter().any(|word| word.trim().to_lowercase() == lower);
        Ok(match &self.is {
            Some(words) => within(words),
            None => !text.is_empty(),
        } && !within(&self.not))
    }
}

impl Reads for Only {
    fn reads<'a>(&'a self, columns: &mut Vec<(&'a str, bool)>) {
        columns.push((&self.column, !self.optional));
    }
}

impl<'de> Deserialize<'de> for Only {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OnlyVisitor)
    }
}

struct OnlyVisitor;

impl<'de> Visitor<'de> for OnlyVisitor {
    type Value = Only;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a column's name, or {column: …, is: […]} or {column: …, not: […]}")
    }

    fn visit_str<E: Error>(self, column: &str) -> Result<Only, E> {
        Ok(Only {
            column: column.trim().to_owned(),
            is: None,
            not: Vec::new(),
            optional: false,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Only, A::Error> {
        let WrittenOnly {
            column,
            is,
            not,
            when,
        } = WrittenOnly::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Only {
            column,
            is,
            not: not.unwrap_or_default(),
            optional: when.is_some(),
        })
    }
}
