//! A CSV file with a header, read whole: for tables that a command computes with and that are no facts to store.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use encoding_rs::UTF_8;

use crate::import::error::{ImportError, RowError, file_name};
use crate::import::layout::TableLayout;
use crate::import::lines::Lines;
use crate::import::table::Table;

/// Largest table, in rows.
const ROWS_MAX: usize = 2_000_000;

/// The rows of a file, their values in the order of its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// As messages name it.
    pub file: String,
    pub columns: Vec<String>,
    pub rows: Vec<SheetRow>,
    /// Rows that could not be read.
    pub broken: Vec<RowError>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SheetRow {
    /// The line it starts on, from 1.
    pub line: u64,
    /// Without the blanks around them; as many as the sheet has columns.
    pub values: Vec<String>,
}

impl Sheet {
    /// Reads `path`, UTF-8 with a header, separated by commas, or by semicolons or tabs where the header has no comma.
    ///
    /// # Errors
    /// When the file cannot be read at all; a row that cannot be read is among the broken ones.
    pub fn read(path: &Path) -> Result<Self, ImportError> {
        let file = file_name(path);
        let unread =
            |error: std::io::Error| ImportError::new(&file, None, format!("cannot be read: {error}"), "");
        let mut reader = BufReader::new(File::open(path).map_err(unread)?);
        let begin = reader.fill_buf().map_err(unread)?;
        let header: Vec<u8> = begin.iter().copied().take_while(|byte| *byte != b'\n').collect();
        let delimiter = [',', ';', '\t']
            .into_iter()
            .find(|sign| header.contains(&(*sign as u8)));
        let layout = TableLayout {
            delimiter: Some(delimiter.unwrap_or(',')),
            header: true,
            columns: None,
        };
        let mut table = Table::open(&file, Lines::new(Box::new(reader), UTF_8), &layout)?;
        let columns = table.columns().names().to_vec();
        let (mut rows, mut broken) = (Vec::new(), Vec::new());
        while let Some(row) = table.next() {
            if rows.len() + broken.len() == ROWS_MAX {
                let what = format!("has more than {ROWS_MAX} rows");
                return Err(ImportError::new(&file, None, what, "take a sample of them"));
            }
            match row {
                Ok(row) => {
                    let value = |column: &String| row.get(column).unwrap_or_default().to_owned();
                    rows.push(SheetRow {
                        line: row.line,
                        values: columns.iter().map(value).collect(),
                    });
                }
                Err(error) => broken.push(error),
            }
        }
        Ok(Self {
            file,
            columns,
            rows,
            broken,
        })
    }

    /// The place of a column.
    #[must_use]
    pub fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| name == column)
    }

    /// What is wrong with a value of a row.
    #[must_use]
    pub fn fault(&self, row: &SheetRow, column: &str, message: impl Into<String>) -> RowError {
        RowError {
            file: self.file.clone(),
            line: row.line,
            column: Some(column.to_owned()),
            message: message.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(text: &str) -> Result<Sheet, ImportError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.csv");
        std::fs::write(&path, text).unwrap();
        Sheet::read(&path)
    }

    #[test]
    fn the_header_says_what_separates_and_a_bad_row_costs_itself() {
        let read = sheet("a;b\n1; \"x, y\"\n\n2\n3;z\n").unwrap();
        assert_eq!(read.columns, ["a", "b"]);
        let rows: Vec<(u64, Vec<&str>)> = read
            .rows
            .iter()
            .map(|row| (row.line, row.values.iter().map(String::as_str).collect()))
            .collect();
        assert_eq!(rows, [(2, vec!["1", "x, y"]), (5, vec!["3", "z"])]);
        let broken: Vec<String> = read.broken.iter().map(ToString::to_string).collect();
        assert!(
            broken.len() == 1 && broken[0].contains("labels.csv:4: the row has 1 column"),
            "{broken:?}"
        );
        assert_eq!((read.place("b"), read.place("c")), (Some(1), None));
        assert_eq!(sheet("one\n7\n").unwrap().rows[0].values, ["7"]);
    }

    #[test]
    fn a_column_named_twice_is_refused() {
        assert!(
            sheet("a,a\n1,2\n")
                .unwrap_err()
                .to_string()
                .contains("names the column `a` twice")
        );
    }
}
