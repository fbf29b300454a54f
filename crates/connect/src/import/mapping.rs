//! A mapping that was read and checked: everything that can be known without a file to import is known here.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use encoding_rs::{Encoding, UTF_8};
use jiff::tz::TimeZone;
use serde_saphyr::{RenderOptions, SnippetMode};

use super::error::{ImportError, MappingError, file_name, one_line};
use super::field::{Field, Reads};
use super::layout::{Layout, Problem};
use super::mapping_file::{MappingFile, Only};
use super::reading::CustomerKey;
use super::record::Record;
use super::rows::Rows;

/// Largest mapping file, in bytes.
const MAPPING_BYTES_MAX: u64 = 1 << 20;
const HINT: &str = "docs/import.md describes every key of a mapping file";
const TIME_ZONE: &str = "Europe/Stockholm";
const ACTOR: &str = "import";

/// How the rows of a file become facts. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Mapping {
    pub(crate) plan: Arc<Plan>,
}

#[derive(Debug)]
pub(crate) struct Plan {
    /// The mapping file, for messages.
    pub name: String,
    pub layout: Layout,
    pub encoding: &'static Encoding,
    pub zone: TimeZone,
    pub source: String,
    pub default_actor: &'static str,
    pub actor: Option<Field<String>>,
    /// The columns that name a row; none where its content does.
    pub key: Vec<String>,
    pub customer: Field<CustomerKey>,
    pub only: Option<Only>,
    pub records: Vec<Record>,
}

impl Mapping {
    /// Reads and checks a mapping file.
    ///
    /// # Errors
    /// A file that cannot be read, is no YAML, has a key or value that is not known, or says what cannot be.
    pub fn load(path: &Path) -> Result<Self, MappingError> {
        let name = file_name(path);
        let fail = |message: String, hint: &str| MappingError {
            file: name.clone(),
            line: None,
            message,
            hint: Some(hint.to_owned()),
        };
        let unread = |error: std::io::Error| {
            fail(
                format!("the mapping file cannot be read: {error}"),
                "give the path of a mapping file by --map",
            )
        };
        let size = std::fs::metadata(path).map_err(unread)?.len();
        if size > MAPPING_BYTES_MAX {
            return Err(fail(
                format!("is {size} bytes long, which no mapping file is"),
                HINT,
            ));
        }
        let bytes = std::fs::read(path).map_err(unread)?;
        let text = String::from_utf8(bytes).map_err(|_| fail("is not UTF-8".to_owned(), HINT))?;
        Self::parse(&text, &name)
    }

    /// Checks the text of a mapping file; `name` is what errors call it.
    ///
    /// # Errors
    /// As [`Mapping::load`].
    pub fn parse(text: &str, name: &str) -> Result<Self, MappingError> {
        // Only `true` and `false` are booleans: a column may be called `n` or `yes`.
        let options = serde_saphyr::options! { strict_booleans: true };
        let text = text.trim_start_matches('\u{FEFF}');
        let file: MappingFile =
            serde_saphyr::from_str_with_options(text, options).map_err(|error| yaml_error(&error, name))?;
        let plan = check(file, name).map_err(|(line, message)| MappingError {
            file: name.to_owned(),
            line: Some(line).filter(|line| *line > 0),
            message: one_line(&message),
            hint: Some(HINT.to_owned()),
        })?;
        Ok(Self { plan: Arc::new(plan) })
    }

    /// What the facts give as their source.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.plan.source
    }

    /// Opens a file and reads as much of it as its header; rows are then read one by one.
    ///
    /// # Errors
    /// A file that cannot be read, whose header lacks a column that the mapping names, or a JSON document that is broken.
    pub fn open(&self, path: &Path) -> Result<Rows, ImportError> {
        Rows::open(self.plan.clone(), path)
    }

    /// As [`Mapping::open`], for bytes that are no file; `name` is what errors call them.
    ///
    /// # Errors
    /// As [`Mapping::open`].
    pub fn read(&self, name: &str, bytes: impl Read + Send + 'static) -> Result<Rows, ImportError> {
        Rows::read(self.plan.clone(), name.to_owned(), bytes, None)
    }
}

fn check(file: MappingFile, name: &str) -> Result<Plan, Problem> {
    let layout = Layout::check(&file)?;
    let encoding = match &file.encoding {
        None => UTF_8,
        Some(label) => Encoding::for_label(label.value.as_bytes())
            .filter(|encoding| encoding.is_ascii_compatible())
            .ok_or_else(|| {
                let known = "utf-8, windows-1252, latin1 or macintosh";
                (
                    label.referenced.line(),
                    format!("`encoding: {}` is not known; try {known}", label.value),
                )
            })?,
    };
    let zone_name = file
        .time_zone
        .as_ref()
        .map_or(TIME_ZONE, |zone| zone.value.as_str());
    let zone = TimeZone::get(zone_name).map_err(|_| {
        let line = file.time_zone.as_ref().map_or(0, |zone| zone.referenced.line());
        (
            line,
            format!("`time_zone: {zone_name}` is not known; one is Europe/Stockholm"),
        )
    })?;
    let source = file.source.value.trim().to_owned();
    if source.is_empty() {
        return Err((
            file.source.referenced.line(),
            "`source` is empty; it says where the facts come from".to_owned(),
        ));
    }
    let key = match file.key {
        None => Vec::new(),
        Some(key) if key.value.is_empty() || key.value.iter().any(|name| name.trim().is_empty()) => {
            return Err((
                key.referenced.line(),
                "`key` names no column; leave it out to tell rows by content".to_owned(),
            ));
        }
        Some(key) => key.value.iter().map(|name| name.trim().to_owned()).collect(),
    };
    if file.records.value.is_empty() {
        return Err((
            file.records.referenced.line(),
            "`records` is empty: the rows would yield nothing".to_owned(),
        ));
    }
    let mut records = Vec::with_capacity(file.records.value.len());
    for record in file.records.value {
        let line = record.referenced.line();
        records.push(
            record
                .value
                .check(file.observed.as_ref(), !key.is_empty())
                .map_err(|message| (line, message))?,
        );
    }
    Record::number(&mut records);
    Ok(Plan {
        name: name.to_owned(),
        layout,
        encoding,
        zone,
        source,
        default_actor: ACTOR,
        actor: file.actor,
        key,
        customer: file.customer,
        only: file.only,
        records,
    })
}

impl Plan {
    /// The columns a file must have, in the order the mapping needs them.
    pub(crate) fn required_columns(&self) -> Vec<&str> {
        let mut columns: Vec<(&str, bool)> = self.key.iter().map(|name| (name.as_str(), true)).collect();
        self.customer.reads(&mut columns);
        self.actor.reads(&mut columns);
        self.only.reads(&mut columns);
        self.records.iter().for_each(|record| record.reads(&mut columns));
        columns
            .into_iter()
            .filter_map(|(name, required)| required.then_some(name))
            .collect()
    }
}

fn yaml_error(error: &serde_saphyr::Error, name: &str) -> MappingError {
    let location = error.location();
    let mut options = RenderOptions::default();
    options.snippets = SnippetMode::Off;
    let message = error.render_with_options(options);
    let line = location.map(|location| location.line()).filter(|line| *line > 0);
    MappingError {
        file: name.to_owned(),
        line,
        message: one_line(&without_place(&message)),
        hint: Some(HINT.to_owned()),
    }
}

/// The message of the YAML reader without the place, which is told before it, and without advice for programmers.
fn without_place(message: &str) -> String {
    let what = message.rsplit_once(" at line ").map_or(message, |(what, _)| what);
    let what = what
        .split_once(", set DuplicateKeyPolicy")
        .map_or(what, |(what, _)| what);
    what.to_owned()
}
