//! The shape of every Rust file: what style.md asks for and neither rustfmt nor clippy checks.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::complaint::Complaint;
use crate::rust_source::{self, Attribute};

const EXCEPTIONS: &str = "xtask/tidy.toml";
const FOLDERS: [&str; 5] = ["crates", "fuzz", "testkit", "tests", "xtask"];
const LINES_MAX: usize = 450;
const NAMES_THAT_SAY_NOTHING: [&str; 3] = ["mod.rs", "utils.rs", "common.rs"];

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exceptions {
    /// Long files by path, with the reason.
    #[serde(default)]
    long: BTreeMap<String, String>,
}

struct SourceFile {
    /// From the root of the repository, with slashes.
    path: String,
    text: String,
}

pub fn check(root: &Path) -> Result<String> {
    let exceptions =
        fs::read_to_string(root.join(EXCEPTIONS)).with_context(|| format!("cannot read {EXCEPTIONS}"))?;
    let exceptions = toml::from_str(&exceptions).with_context(|| format!("cannot parse {EXCEPTIONS}"))?;
    let mut files = Vec::new();
    for folder in FOLDERS.iter().filter(|folder| root.join(folder).is_dir()) {
        collect(root, folder, &mut files)?;
    }
    Complaint::unless_empty(
        problems(&files, &exceptions),
        "style.md, section 2, says how files look here",
    )?;
    Ok(format!("tidy: {} files", files.len()))
}

/// Every `.rs` file below the folder, in order of its path; hidden folders and build output left out.
fn collect(root: &Path, folder: &str, files: &mut Vec<SourceFile>) -> Result<()> {
    let cannot_read = || format!("cannot read {folder}");
    let mut entries = fs::read_dir(root.join(folder))
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(cannot_read)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        if entry.file_type().with_context(cannot_read)?.is_dir() {
            if !name.starts_with('.') && name != "target" && name != "node_modules" {
                collect(root, &path, files)?;
            }
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(entry.path()).with_context(|| format!("cannot read {path}"))?;
            files.push(SourceFile { path, text });
        }
    }
    Ok(())
}

fn problems(files: &[SourceFile], exceptions: &Exceptions) -> Vec<String> {
    let mut problems: Vec<String> = files.iter().flat_map(problems_of_file).collect();
    let is_long = |file: &&SourceFile| file.text.lines().count() > LINES_MAX;
    for file in files
        .iter()
        .filter(is_long)
        .filter(|file| !exceptions.long.contains_key(&file.path))
    {
        let lines = file.text.lines().count();
        problems.push(format!(
            "{}: {lines} lines, at most {LINES_MAX}: split it, or list it with the reason in {EXCEPTIONS}",
            file.path
        ));
    }
    for (path, reason) in &exceptions.long {
        if reason.trim().is_empty() {
            problems.push(format!("{EXCEPTIONS}: {path} is listed without a reason"));
        }
        if !files.iter().filter(is_long).any(|file| file.path == *path) {
            problems.push(format!(
                "{EXCEPTIONS}: {path} is listed but is no long file any more: take it out"
            ));
        }
    }
    problems
}

fn problems_of_file(SourceFile { path, text }: &SourceFile) -> Vec<String> {
    let mut problems = Vec::new();
    let name = path.rsplit('/').next().unwrap_or(path);
    if NAMES_THAT_SAY_NOTHING.contains(&name) {
        problems.push(format!(
            "{path}: `{name}` says nothing; name the file after its one concept"
        ));
    }
    let says_what_for = |line: &str| {
        line.strip_prefix("//!")
            .is_some_and(|words| !words.trim().is_empty())
    };
    if !text.lines().next().is_some_and(says_what_for) {
        problems.push(format!(
            "{path}:1: the first line is not a `//!` that says what the file is for"
        ));
    }
    let attributes = rust_source::attributes(text);
    let is_crate_root = path.ends_with("src/lib.rs") || path.ends_with("src/main.rs");
    if is_crate_root && !attributes.iter().any(forbids_unsafe_code) {
        problems.push(format!("{path}: a crate root without `#![forbid(unsafe_code)]`"));
    }
    for Attribute { line, text } in attributes.iter().filter(|attribute| hides_a_lint(attribute)) {
        let first_line = text.lines().next().unwrap_or(text);
        problems.push(format!(
            "{path}:{line}: `{first_line}`: write `#[expect(…, reason = \"…\")]`"
        ));
    }
    problems
}

fn forbids_unsafe_code(attribute: &Attribute) -> bool {
    attribute.text.starts_with("#![forbid(") && attribute.text.contains("unsafe_code")
}

/// Whether it allows something, or expects it without a reason.
fn hides_a_lint(attribute: &Attribute) -> bool {
    match attribute.path() {
        "allow" => true,
        "expect" => !attribute.text.contains("reason ="),
        "cfg_attr" => {
            attribute.text.contains("allow(")
                || attribute.text.contains("expect(") && !attribute.text.contains("reason =")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[track_caller]
    fn check(path: &str, text: &str, expected: &[&str]) {
        assert_eq!(problems(&[file(path, text)], &Exceptions::default()), expected);
    }

    #[track_caller]
    fn check_long(lines: usize, exceptions: &str, expected: &[&str]) {
        let text = "//! Long.\n".repeat(lines);
        let exceptions = toml::from_str(exceptions).unwrap();
        assert_eq!(
            problems(&[file("crates/a/src/long.rs", &text)], &exceptions),
            expected
        );
    }

    #[test]
    fn a_tidy_file_passes() {
        check(
            "crates/a/src/lib.rs",
            "//! What for.\n#![forbid(unsafe_code)]\n",
            &[],
        );
        check(
            "crates/a/src/b.rs",
            "//! What for.\n#[expect(dead_code, reason = \"soon\")]\nfn b() {}\n",
            &[],
        );
    }

    #[test]
    fn the_first_line_says_what_the_file_is_for() {
        let expected = ["crates/a/src/b.rs:1: the first line is not a `//!` that says what the file is for"];
        for text in [
            "",
            "use a;\n//! Late.",
            "//!\n//! Late.",
            "// Plain.",
            "\n//! Late.",
        ] {
            check("crates/a/src/b.rs", text, &expected);
        }
    }

    #[test]
    fn long_files_need_a_reason() {
        check_long(450, "", &[]);
        check_long(451, "long.'crates/a/src/long.rs' = 'a table'", &[]);
        check_long(
            451,
            "",
            &[
                "crates/a/src/long.rs: 451 lines, at most 450: split it, or list it with the reason in xtask/tidy.toml",
            ],
        );
        check_long(
            451,
            "long.'crates/a/src/long.rs' = ' '",
            &["xtask/tidy.toml: crates/a/src/long.rs is listed without a reason"],
        );
    }

    #[test]
    fn a_file_that_became_short_leaves_the_list() {
        let expected =
            ["xtask/tidy.toml: crates/a/src/long.rs is listed but is no long file any more: take it out"];
        check_long(450, "long.'crates/a/src/long.rs' = 'a table'", &expected);
    }

    #[test]
    fn lints_are_hidden_only_with_a_reason() {
        for attribute in [
            "#[allow(dead_code)]",
            "#![allow(dead_code)]",
            "#[allow(dead_code, reason = \"soon\")]",
            "#[expect(dead_code)]",
            "#[cfg_attr(test, allow(dead_code))]",
        ] {
            let expected =
                format!("crates/a/src/b.rs:2: `{attribute}`: write `#[expect(…, reason = \"…\")]`");
            check(
                "crates/a/src/b.rs",
                &format!("//! What for.\n{attribute}\nfn b() {{}}\n"),
                &[&expected],
            );
        }
        check(
            "crates/a/src/b.rs",
            "//! What for.\n// #[allow(dead_code)]\n",
            &[],
        );
    }

    #[test]
    fn file_names_say_something() {
        for name in ["mod.rs", "utils.rs", "common.rs"] {
            let expected =
                format!("tests/a/{name}: `{name}` says nothing; name the file after its one concept");
            check(&format!("tests/a/{name}"), "//! What for.", &[&expected]);
        }
    }

    #[test]
    fn crate_roots_forbid_unsafe_code() {
        for path in ["crates/a/src/lib.rs", "crates/a/src/main.rs"] {
            let expected = format!("{path}: a crate root without `#![forbid(unsafe_code)]`");
            check(path, "//! What for.\n// #![forbid(unsafe_code)]\n", &[&expected]);
        }
    }
}
