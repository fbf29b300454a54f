//! The rows of one file as facts, streamed: what is kept of a row is a hash of it.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use kunder_domain::fact::Fact;

use super::error::{FieldError, ImportError, RowError, cited, file_name};
use super::fact_id::{self, RowKey, Short};
use super::field::get;
use super::json::{JSON_BYTES_MAX, JsonArray, JsonLines};
use super::layout::Layout;
use super::lines::{Lines, read_whole};
use super::mapping::Plan;
use super::record::RowContext;
use super::row::Row;
use super::table::Table;

const READ_BUFFER_BYTES: usize = 64 * 1024;

/// An iterator over the rows of a file: the facts of a row (none where the mapping leaves the row out, or where all
/// of them were yielded by earlier rows), or why the row yields nothing. A row yields all of its facts or none.
/// Memory grows by some bytes a row, never with what the rows hold; only a JSON document is read as a whole.
pub struct Rows {
    plan: Arc<Plan>,
    file: String,
    reader: Reader,
    total_bytes: Option<u64>,
    /// How often each content was seen, where rows are told by content.
    occurrences: HashMap<Short, u32>,
    /// The content and line of each key, where rows are told by key.
    keys: HashMap<Short, (Short, u64)>,
    /// States that were yielded.
    states: HashSet<Short>,
    check: Option<FactCheck>,
}

/// Why a fact cannot be, by what its reader knows beyond the mapping.
pub type FactCheck = Box<dyn Fn(&Fact) -> Result<(), String> + Send>;

enum Reader {
    Table(Table),
    JsonLines(JsonLines),
    Json(JsonArray),
}

impl Iterator for Rows {
    type Item = Result<Vec<Fact>, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = match &mut self.reader {
            Reader::Table(reader) => reader.next(),
            Reader::JsonLines(reader) => reader.next(),
            Reader::Json(reader) => reader.next(),
        }?;
        Some(row.and_then(|row| {
            let facts = self.facts(&row).and_then(|facts| self.checked(facts));
            facts.map_err(|error| error.at(&self.file, row.line))
        }))
    }
}

impl Rows {
    pub(crate) fn open(plan: Arc<Plan>, path: &Path) -> Result<Self, ImportError> {
        let name = file_name(path);
        let unread =
            |error: std::io::Error| ImportError::new(&name, None, format!("cannot be read: {error}"), "");
        let file = File::open(path).map_err(unread)?;
        let metadata = file.metadata().map_err(unread)?;
        if metadata.is_dir() {
            return Err(ImportError::new(
                &name,
                None,
                "is a folder",
                "name the files in it",
            ));
        }
        let total_bytes = metadata.is_file().then_some(metadata.len());
        Self::read(plan, name, file, total_bytes)
    }

    /// As [`Rows::open`], from whatever gives the bytes; `name` is what errors call it.
    pub(crate) fn read(
        plan: Arc<Plan>,
        name: String,
        bytes: impl Read + Send + 'static,
        total_bytes: Option<u64>,
    ) -> Result<Self, ImportError> {
        let mut buffered = BufReader::with_capacity(READ_BUFFER_BYTES, bytes);
        refuse_utf16(&mut buffered, &name)?;
        let reader = match &plan.layout {
            Layout::Table(layout) => {
                let lines = Lines::new(Box::new(buffered), plan.encoding);
                let table = Table::open(&name, lines, layout)?;
                require_columns(&plan, &table, &name)?;
                Reader::Table(table)
            }
            Layout::JsonLines => Reader::JsonLines(JsonLines::new(
                &name,
                Lines::new(Box::new(buffered), plan.encoding),
            )),
            Layout::Json(path) => {
                let hint = "name the file's `encoding` if it is not UTF-8; JSON Lines (`format: jsonl`) may be of any \
                            size and lose one line at most";
                let (text, bytes) = read_whole(buffered, plan.encoding, JSON_BYTES_MAX)
                    .map_err(|(line, message)| ImportError::new(&name, line, message, hint))?;
                Reader::Json(JsonArray::open(&name, text, bytes, path)?)
            }
        };
        Ok(Self {
            plan,
            file: name,
            reader,
            total_bytes,
            occurrences: HashMap::new(),
            keys: HashMap::new(),
            states: HashSet::new(),
            check: None,
        })
    }

    /// The same rows; one with a fact that `check` refuses is told as broken.
    #[must_use]
    pub fn checked_by(mut self, check: FactCheck) -> Self {
        self.check = Some(check);
        self
    }

    fn checked(&self, facts: Vec<Fact>) -> Result<Vec<Fact>, FieldError> {
        if let Some(check) = &self.check {
            let refused = facts.iter().try_for_each(check);
            refused.map_err(|message| FieldError::new(None, message))?;
        }
        Ok(facts)
    }

    /// How much of the file was read, for a progress bar.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        match &self.reader {
            Reader::Table(reader) => reader.bytes_read(),
            Reader::JsonLines(reader) => reader.bytes_read(),
            Reader::Json(reader) => reader.bytes_read(),
        }
    }

    /// The size of the file; `None` of what is not a regular file.
    #[must_use]
    pub fn total_bytes(&self) -> Option<u64> {
        self.total_bytes
    }

    fn facts(&mut self, row: &Row) -> Result<Vec<Fact>, FieldError> {
        let plan = self.plan.clone();
        let Some(key) = self.key(row)? else {
            return Ok(Vec::new());
        };
        if let Some(only) = &plan.only
            && !only.takes(row)?
        {
            return Ok(Vec::new());
        }
        let customer = plan.customer.need(row)?.0;
        let actor = get(plan.actor.as_ref(), row)?;
        let context = RowContext {
            row,
            key: &key,
            zone: &plan.zone,
            source: &plan.source,
            customer: &customer,
            actor: actor.as_deref().unwrap_or(plan.default_actor),
        };
        let mut facts = Vec::new();
        for record in &plan.records {
            let is_state = record.is_state();
            facts.extend(record.facts(&context)?.into_iter().map(|fact| (is_state, fact)));
        }
        // Only now, when the whole row is good, does a state count as yielded.
        facts.retain(|(is_state, fact)| !is_state || self.states.insert(fact_id::short(&fact.id)));
        Ok(facts.into_iter().map(|(_, fact)| fact).collect())
    }

    /// What tells this row from the others; `None` where it repeats a row with the same key.
    fn key(&mut self, row: &Row) -> Result<Option<RowKey>, FieldError> {
        let content = fact_id::content(row);
        if self.plan.key.is_empty() {
            let occurrence = self.occurrences.entry(content).or_default();
            *occurrence += 1;
            return Ok(Some(RowKey::counted(content, *occurrence)));
        }
        let mut values = Vec::with_capacity(self.plan.key.len());
        for name in &self.plan.key {
            match row.get(name) {
                Some(value) if !value.is_empty() => values.push(value),
                Some(_) => {
                    return Err(FieldError::new(
                        Some(name),
                        "is empty, and is part of the row's key",
                    ));
                }
                None => {
                    return Err(FieldError::new(
                        Some(name),
                        "is missing, and is part of the row's key",
                    ));
                }
            }
        }
        let key = RowKey::named(&values);
        match self.keys.get(&key.hash()) {
            None => {
                self.keys.insert(key.hash(), (content, row.line));
                Ok(Some(key))
            }
            Some((same, _)) if *same == content => Ok(None),
            Some((_, line)) => {
                let message = format!(
                    "the key `{}` is that of line {line} too, and the rows differ; name more columns in `key`",
                    cited(&values.join("/"))
                );
                Err(FieldError::new(
                    self.plan.key.first().map(String::as_str),
                    message,
                ))
            }
        }
    }
}

fn refuse_utf16(reader: &mut impl std::io::BufRead, name: &str) -> Result<(), ImportError> {
    let start = reader
        .fill_buf()
        .map_err(|error| ImportError::new(name, None, format!("cannot be read: {error}"), ""))?;
    if start.starts_with(&[0xFF, 0xFE]) || start.starts_with(&[0xFE, 0xFF]) {
        return Err(ImportError::new(name, None, "is UTF-16", "save it as UTF-8"));
    }
    Ok(())
}

fn require_columns(plan: &Plan, table: &Table, name: &str) -> Result<(), ImportError> {
    let has = table.columns().names();
    if has.is_empty() {
        // An empty file has no rows that could lack a column.
        return Ok(());
    }
    let Some(missing) = plan
        .required_columns()
        .into_iter()
        .find(|column| !table.columns().contains(column))
    else {
        return Ok(());
    };
    let shown = has
        .iter()
        .take(20)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    let message = format!("has no column `{missing}`; it has: {shown}");
    let hint = match has {
        [only] if only.contains([',', ';', '\t', '|']) => {
            format!(
                "the header looks as if another `delimiter` than that of {} separated it",
                plan.name
            )
        }
        _ => format!(
            "mend {}; a column that may be missing is marked `when: present`",
            plan.name
        ),
    };
    Err(ImportError::new(name, None, message, &hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_may_be_read_on_another_thread() {
        fn sent<T: Send + 'static>() {}
        sent::<Rows>();
        sent::<super::super::mapping::Mapping>();
    }
}
