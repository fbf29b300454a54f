//! Reading files whose rows are lines: CSV and blank-separated. A row that cannot be read costs itself and no other.

use std::collections::VecDeque;
use std::sync::Arc;

use super::error::{FieldError, ImportError, RowError};
use super::layout::TableLayout;
use super::lines::{LINE_BYTES_MAX, Line, Lines};
use super::quoting::{Split, split};
use super::row::{Columns, NAME_BYTES_MAX, Row};

/// Over how many lines a quoted value may reach. A quote open for longer is taken for a lost one.
pub(crate) const QUOTED_LINES_MAX: usize = 200;

pub(crate) struct Table {
    file: String,
    lines: Lines,
    delimiter: Option<char>,
    columns: Arc<Columns>,
    /// Lines that were read ahead and given back.
    ahead: VecDeque<Line>,
    /// The file could not be read on: nothing comes any more.
    broken: bool,
}

impl Table {
    /// Reads the header, where there is one.
    pub(crate) fn open(file: &str, lines: Lines, layout: &TableLayout) -> Result<Self, ImportError> {
        let mut table = Self {
            file: file.to_owned(),
            lines,
            delimiter: layout.delimiter,
            columns: Arc::default(),
            ahead: VecDeque::new(),
            broken: false,
        };
        let header = if layout.header { table.header()? } else { None };
        let names = match (layout.columns.clone(), &header) {
            (Some(names), Some((line, header))) if names.len() != header.len() => {
                let message = format!(
                    "the header has {} columns, the mapping names {}",
                    header.len(),
                    names.len()
                );
                return Err(ImportError::new(
                    file,
                    Some(*line),
                    message,
                    "name them all in `columns`, in their order",
                ));
            }
            (Some(names), _) => names,
            (None, Some((_, header))) => header.clone(),
            (None, None) => Vec::new(),
        };
        if let Some(place) = names.iter().position(|name| name.len() > NAME_BYTES_MAX) {
            let message = format!(
                "the name of column {} is longer than {NAME_BYTES_MAX} bytes",
                place + 1
            );
            let line = header.as_ref().map(|(line, _)| *line);
            let hint =
                "if the first line is a row already, name the columns in `columns` and say `header: false`";
            return Err(ImportError::new(file, line, message, hint));
        }
        let columns = Columns::new(names).map_err(|name| {
            let line = header.as_ref().map(|(line, _)| *line);
            let hint = "give the columns names of their own with `columns` and `header: true`";
            ImportError::new(
                file,
                line,
                format!("the header names the column `{name}` twice"),
                hint,
            )
        })?;
        table.columns = Arc::new(columns);
        Ok(table)
    }

    pub(crate) fn columns(&self) -> &Columns {
        &self.columns
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.lines.bytes_read()
    }

    /// The next row; lines without any text are passed over.
    pub(crate) fn next(&mut self) -> Option<Result<Row, RowError>> {
        loop {
            let first = match self.line()? {
                Ok(line) => line,
                Err(error) => return Some(Err(error)),
            };
            if first.problem.is_none() && first.text.trim().is_empty() {
                continue;
            }
            let number = first.number;
            match self.fields(first, Some(self.columns.names().len())) {
                Ok(fields) if fields.iter().all(|field| field.trim().is_empty()) => {}
                Ok(fields) => return Some(Ok(Row::new(number, self.columns.clone(), fields))),
                Err((line, error)) => return Some(Err(error.at(&self.file, line))),
            }
        }
    }

    /// The names in the header and its line; `None` in an empty file.
    fn header(&mut self) -> Result<Option<(u64, Vec<String>)>, ImportError> {
        loop {
            let line = match self.line() {
                None => return Ok(None),
                Some(Ok(line)) => line,
                Some(Err(error)) => {
                    return Err(ImportError::new(&self.file, Some(error.line), error.message, ""));
                }
            };
            if line.problem.is_none() && line.text.trim().is_empty() {
                continue;
            }
            let number = line.number;
            let fields = self.fields(line, None).map_err(|(line, error)| {
                let message = format!("the header cannot be read: {}", error.message);
                ImportError::new(
                    &self.file,
                    Some(line),
                    message,
                    "mend the line, or name the file's `encoding`",
                )
            })?;
            let named = fields
                .into_iter()
                .enumerate()
                .map(|(place, name)| match name.trim() {
                    "" => format!("column {}", place + 1),
                    name => name.to_owned(),
                });
            return Ok(Some((number, named.collect())));
        }
    }

    /// The fields of the record that starts with this line; if they are not `expected` many, the line to blame and why.
    fn fields(&mut self, first: Line, expected: Option<usize>) -> Result<Vec<String>, (u64, FieldError)> {
        let Line {
            number,
            text,
            problem,
        } = first;
        let first_problem = problem.map(|problem| (number, FieldError::new(None, problem)));
        let Some(delimiter) = self.delimiter else {
            let fields: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            return match first_problem {
                Some(problem) => Err(problem),
                None => self.counted(number, None, fields, expected),
            };
        };
        let mut text = text;
        let mut problem = first_problem;
        let mut taken: Vec<Line> = Vec::new();
        let outcome = loop {
            match split(&text, delimiter) {
                Split::Fields(fields) => {
                    let last = taken.last().map(|line| line.number);
                    match (self.counted(number, last, fields, expected), problem.take()) {
                        (Ok(fields), None) => return Ok(fields),
                        // The record is whole and one of its lines is bad: it goes as a whole.
                        (Ok(_), Some(problem)) => return Err(problem),
                        (Err(error), known) => {
                            problem = known;
                            break error;
                        }
                    }
                }
                Split::Trailing(place) => {
                    break self.blame(
                        number,
                        place,
                        "goes on after its closing quote; a quote inside is doubled",
                    );
                }
                Split::Open(place) => {
                    if !self.read_to_quote(&mut text, &mut taken, &mut problem) {
                        let why = "opens a quote that is not closed; only this line is left out";
                        break self.blame(number, place, why);
                    }
                }
            }
        };
        // What looked like one record is none: only its first line is lost, the others are read again.
        for line in taken.into_iter().rev() {
            self.ahead.push_front(line);
        }
        Err(match problem {
            Some((line, problem)) if line == number => (line, problem),
            _ => outcome,
        })
    }

    /// Appends lines up to one with a quote; false where none comes soon enough.
    fn read_to_quote(
        &mut self,
        text: &mut String,
        taken: &mut Vec<Line>,
        problem: &mut Option<(u64, FieldError)>,
    ) -> bool {
        while taken.len() < QUOTED_LINES_MAX && text.len() < LINE_BYTES_MAX {
            let Some(Ok(line)) = self.line() else { return false };
            text.push('\n');
            text.push_str(&line.text);
            if let (None, Some(why)) = (&problem, &line.problem) {
                *problem = Some((line.number, FieldError::new(None, why.clone())));
            }
            let has_quote = line.text.contains('"');
            taken.push(line);
            if has_quote {
                return true;
            }
        }
        false
    }

    fn counted(
        &self,
        line: u64,
        last: Option<u64>,
        fields: Vec<String>,
        expected: Option<usize>,
    ) -> Result<Vec<String>, (u64, FieldError)> {
        let Some(expected) = expected.filter(|expected| *expected != fields.len()) else {
            return Ok(fields);
        };
        let has = fields.len();
        let message = match last {
            None => {
                let names = self.columns.names();
                let shown = names
                    .iter()
                    .take(8)
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join(", ");
                let more = if names.len() > 8 { ", …" } else { "" };
                format!("the row has {has} columns, expected {expected} ({shown}{more})")
            }
            Some(last) => format!(
                "a quoted value reaches to line {last} and makes {has} columns, expected {expected}; \
                 only this line is left out"
            ),
        };
        Err((line, FieldError::new(None, message)))
    }

    fn blame(&self, line: u64, place: usize, message: &str) -> (u64, FieldError) {
        let column = self.columns.names().get(place).map(String::as_str);
        (line, FieldError::new(column, message))
    }

    fn line(&mut self) -> Option<Result<Line, RowError>> {
        if let Some(line) = self.ahead.pop_front() {
            return Some(Ok(line));
        }
        if self.broken {
            return None;
        }
        self.lines.next().transpose().map(|line| {
            line.map_err(|error| {
                self.broken = true;
                let message = format!("the file cannot be read on: {error}");
                FieldError::new(None, message).at(&self.file, self.lines.number() + 1)
            })
        })
    }
}
