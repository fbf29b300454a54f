//! The form of a file: which format, and the options that belong to it.

use serde_saphyr::Spanned;

use super::mapping_file::{Format, MappingFile};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Table(TableLayout),
    /// The names that lead to the array, from the outside in.
    Json(Vec<String>),
    JsonLines,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableLayout {
    /// Between the fields of a CSV file; `None` where blanks separate them.
    pub delimiter: Option<char>,
    /// Whether the first line names the columns.
    pub header: bool,
    /// The names of the columns, in place of those of the header.
    pub columns: Option<Vec<String>>,
}

/// What is wrong, and on which line of the mapping file.
pub(crate) type Problem = (u64, String);

impl Layout {
    pub(crate) fn check(file: &MappingFile) -> Result<Self, Problem> {
        let MappingFile {
            format,
            delimiter,
            header,
            columns,
            path,
            ..
        } = file;
        let format = *format;
        match format {
            Format::Csv => {
                unused("path", path.as_ref(), format)?;
                let delimiter = delimiter.as_ref().map_or(Ok(','), check_delimiter)?;
                Self::table(Some(delimiter), header.as_ref(), columns.as_ref())
            }
            Format::Blank => {
                unused("path", path.as_ref(), format)?;
                unused("delimiter", delimiter.as_ref(), format)?;
                Self::table(None, header.as_ref(), columns.as_ref())
            }
            Format::Json | Format::Jsonl => {
                unused("delimiter", delimiter.as_ref(), format)?;
                unused("header", header.as_ref(), format)?;
                unused("columns", columns.as_ref(), format)?;
                if format == Format::Jsonl {
                    unused("path", path.as_ref(), format)?;
                    return Ok(Self::JsonLines);
                }
                let names = path.iter().flat_map(|path| path.value.split('.'));
                Ok(Self::Json(
                    names
                        .map(|name| name.trim().to_owned())
                        .filter(|name| !name.is_empty())
                        .collect(),
                ))
            }
        }
    }

    fn table(
        delimiter: Option<char>,
        header: Option<&Spanned<bool>>,
        columns: Option<&Spanned<Vec<String>>>,
    ) -> Result<Self, Problem> {
        let names: Option<Vec<String>> =
            columns.map(|columns| columns.value.iter().map(|name| name.trim().to_owned()).collect());
        if let (Some(names), Some(columns)) = (&names, columns) {
            let line = columns.referenced.line();
            if names.iter().any(String::is_empty) {
                return Err((line, "a name in `columns` is empty".to_owned()));
            }
            if let Err(name) = super::row::Columns::new(names.clone()) {
                return Err((line, format!("`columns` names `{name}` twice")));
            }
        }
        if let (Some(header), None) = (header, &names)
            && !header.value
        {
            let problem = "without a header `columns` must name the columns".to_owned();
            return Err((header.referenced.line(), problem));
        }
        if let (None, Some(columns)) = (header, columns) {
            let problem = "with `columns` say `header: true` or `header: false`: whether the first line names columns \
                           or is a row already";
            return Err((columns.referenced.line(), problem.to_owned()));
        }
        let header = header.is_none_or(|header| header.value);
        Ok(Self::Table(TableLayout {
            delimiter,
            header,
            columns: names,
        }))
    }
}

fn unused<T>(key: &str, value: Option<&Spanned<T>>, format: Format) -> Result<(), Problem> {
    match value {
        None => Ok(()),
        Some(value) => Err((
            value.referenced.line(),
            format!("`{key}` says nothing for the format {format}"),
        )),
    }
}

fn check_delimiter(written: &Spanned<String>) -> Result<char, Problem> {
    let mut chars = written.value.chars();
    match (written.value.as_str(), chars.next(), chars.next()) {
        ("tab", ..) => Ok('\t'),
        (_, Some(delimiter), None)
            if !delimiter.is_alphanumeric() && !matches!(delimiter, '"' | '\n' | '\r' | '\0') =>
        {
            Ok(delimiter)
        }
        _ => Err((
            written.referenced.line(),
            format!(
                "`delimiter: {:?}` must be one sign such as \";\", or tab",
                written.value
            ),
        )),
    }
}
