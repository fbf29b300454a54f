//! As much of Rust's grammar as the checks need: attributes, and the functions they stand above.

use std::collections::BTreeMap;

/// `#[…]` or `#![…]` as written, over as many lines as it takes.
#[derive(Debug, PartialEq)]
pub struct Attribute {
    /// Counted from 1.
    pub line: usize,
    pub text: String,
}

/// Whether a test that exists also runs.
#[derive(Debug, PartialEq)]
pub enum Test {
    Runs,
    Ignored,
}

enum Item {
    Attribute(Attribute),
    Function(String),
    Other,
}

/// The functions with `#[test]`, `#[tokio::test(…)]` and their like above them, by name.
pub fn tests(source: &str) -> BTreeMap<String, Test> {
    let mut tests = BTreeMap::new();
    let mut above = Vec::new();
    for item in items(source) {
        match item {
            Item::Attribute(attribute) => above.push(attribute),
            Item::Other => above.clear(),
            Item::Function(name) => {
                let above = std::mem::take(&mut above);
                if above.iter().any(Attribute::marks_a_test) {
                    let ignored = above.iter().any(|attribute| attribute.path() == "ignore");
                    tests.insert(name, if ignored { Test::Ignored } else { Test::Runs });
                }
            }
        }
    }
    tests
}

pub fn attributes(source: &str) -> Vec<Attribute> {
    let attribute = |item| match item {
        Item::Attribute(attribute) => Some(attribute),
        Item::Function(_) | Item::Other => None,
    };
    items(source).into_iter().filter_map(attribute).collect()
}

impl Attribute {
    /// `tokio::test` of `#[tokio::test(flavor = "multi_thread")]`.
    pub fn path(&self) -> &str {
        let inner = self.text.trim_start_matches(['#', '!', '[', ' ']);
        let end = inner
            .find(|c: char| !(c.is_alphanumeric() || "_:".contains(c)))
            .unwrap_or(inner.len());
        &inner[..end]
    }

    fn marks_a_test(&self) -> bool {
        matches!(
            self.path().rsplit("::").next(),
            Some("test" | "rstest" | "test_case")
        )
    }
}

/// What a source is made of, without blank lines and line comments.
fn items(source: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut rest = source;
    while !rest.is_empty() {
        let start = rest.trim_start();
        let line_end = start.find('\n').unwrap_or(start.len());
        rest = if start.is_empty() || start.starts_with("//") {
            &start[line_end..]
        } else if let Some(length) = attribute_length(start) {
            let line = source[..source.len() - start.len()].matches('\n').count() + 1;
            items.push(Item::Attribute(Attribute {
                line,
                text: start[..length].to_owned(),
            }));
            &start[length..]
        } else {
            items.push(function_name(&start[..line_end]).map_or(Item::Other, Item::Function));
            &start[line_end..]
        };
    }
    items
}

/// Where the attribute that `text` starts with ends: at the bracket that closes its first, strings and characters left out.
fn attribute_length(text: &str) -> Option<usize> {
    if !text.starts_with("#[") && !text.starts_with("#![") {
        return None;
    }
    let is_char =
        |at: usize, c: char| text[..at].ends_with('\'') && text[at + c.len_utf8()..].starts_with('\'');
    let (mut depth, mut in_string, mut escaped) = (0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            _ if !in_string && is_char(at, c) => {}
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            '[' if !in_string => depth += 1,
            ']' if !in_string && depth == 1 => return Some(at + 1),
            ']' if !in_string => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The name of the function that a line declares.
fn function_name(line: &str) -> Option<String> {
    let mut rest = line;
    loop {
        let (word, after) = rest.split_once(' ')?;
        rest = after.trim_start();
        match word {
            "fn" => break,
            "async" | "const" | "unsafe" | "extern" | "\"C\"" => {}
            _ if word.starts_with("pub") => {}
            _ => return None,
        }
    }
    let name = &rest[..rest.find(['(', '<'])?];
    Some(name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &[(&str, Test)]) {
        let found = tests(source);
        let found: Vec<(&str, &Test)> = found.iter().map(|(name, test)| (name.as_str(), test)).collect();
        assert_eq!(
            found,
            expected
                .iter()
                .map(|(name, test)| (*name, test))
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn functions_with_a_test_attribute_are_tests() {
        check("#[test]\nfn plain() {}", &[("plain", Test::Runs)]);
        check(
            "    #[tokio::test]\n    async fn waits() {",
            &[("waits", Test::Runs)],
        );
        check(
            "#[tokio::test(\n  flavor = \"a]\",\n)]\n\n// why\npub async fn long() {",
            &[("long", Test::Runs)],
        );
        check("#[test] fn on_one_line() {}", &[("on_one_line", Test::Runs)]);
        check(
            "#[rstest]\n#[case('\"', '[', \"'\")]\nfn quotes() {}",
            &[("quotes", Test::Runs)],
        );
        check(
            "#[test]\n#[should_panic]\nfn two() {\n}\n#[rstest]\nfn three<T>(",
            &[("three", Test::Runs), ("two", Test::Runs)],
        );
    }

    #[test]
    fn other_functions_are_not() {
        check("fn helper() {}", &[]);
        check("#[cfg(test)]\nfn helper() {}", &[]);
        check("// #[test]\nfn switched_off() {}", &[]);
        check("#[test]\nconst A: u8 = 1;\nfn helper() {}", &[]);
        check("let fn_like = \"fn x()\";", &[]);
    }

    #[test]
    fn an_ignored_test_is_known_as_such() {
        check(
            "#[test]\n#[ignore = \"slow\"]\nfn slow() {}",
            &[("slow", Test::Ignored)],
        );
    }

    #[test]
    fn attributes_keep_their_line_and_text() {
        let source =
            "//! x\n#![forbid(unsafe_code)]\n\n  #[expect(\n  dead_code,\n reason = \"]\\\"\")]\nfn x() {}";
        assert_eq!(
            attributes(source),
            [
                Attribute {
                    line: 2,
                    text: "#![forbid(unsafe_code)]".into()
                },
                Attribute {
                    line: 4,
                    text: "#[expect(\n  dead_code,\n reason = \"]\\\"\")]".into()
                },
            ]
        );
        assert_eq!(attributes(source)[1].path(), "expect");
    }
}
