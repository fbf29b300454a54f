//! Splitting one record of a CSV file into its fields, strictly: what a lenient parser would guess is an error here,
//! because a guess at a lost quote would swallow the rows after it.

/// What a text is as a CSV record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Split {
    Fields(Vec<String>),
    /// The field at this place opens a quote that the text does not close.
    Open(usize),
    /// The field at this place goes on after its closing quote.
    Trailing(usize),
}

/// Fields may be quoted with `"`, a quote inside is doubled; a quote inside an unquoted field is text.
pub(crate) fn split(text: &str, delimiter: char) -> Split {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let bare = if delimiter == ' ' {
            rest
        } else {
            rest.trim_start_matches(' ')
        };
        if let Some(quoted) = bare.strip_prefix('"') {
            let Some((field, after)) = quoted_field(quoted) else {
                return Split::Open(fields.len());
            };
            let after = if delimiter == ' ' {
                after
            } else {
                after.trim_start_matches(' ')
            };
            fields.push(field);
            if after.is_empty() {
                return Split::Fields(fields);
            }
            let Some(next) = after.strip_prefix(delimiter) else {
                return Split::Trailing(fields.len() - 1);
            };
            rest = next;
        } else if let Some((field, next)) = rest.split_once(delimiter) {
            fields.push(field.to_owned());
            rest = next;
        } else {
            fields.push(rest.to_owned());
            return Split::Fields(fields);
        }
    }
}

/// The field whose opening quote was just read, and what follows its closing quote.
fn quoted_field(text: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('"')?;
        field.push_str(part);
        match after.strip_prefix('"') {
            Some(next) => {
                field.push('"');
                rest = next;
            }
            None => return Some((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let expected = expected.iter().map(|field| (*field).to_owned()).collect();
        assert_eq!(split(text, ';'), Split::Fields(expected));
    }

    #[test]
    fn fields_are_split_and_unquoted() {
        check("a;b;", &["a", "b", ""]);
        check(r#""a;b"; "c ""d"" e" ;f"#, &["a;b", "c \"d\" e", "f"]);
        check(r#"5" skärm;x"#, &["5\" skärm", "x"]);
        check(r##"""";""""##, &["\";\""]);
        check("\"two\nlines\";x", &["two\nlines", "x"]);
    }

    #[test]
    fn a_lost_quote_is_seen() {
        assert_eq!(split(r#"a;"b;c"#, ';'), Split::Open(1));
        assert_eq!(split(r#"a;"b"c;d"#, ';'), Split::Trailing(1));
    }
}
