//! References to tests and files, as tests/coverage.toml and GUARANTEES.md write them.

use std::fs;
use std::path::{Component, Path};

use crate::rust_source::{self, Test};

/// Why a reference leads nowhere, if it does.
///
/// `crates/bus/src/nats.rs::requests_are_answered` is a test of a Rust file, `tests/py/client.py::sends_a_task` a
/// function of a Python file, and `definitions/satori/health.yaml` a file. A Rust file alone holds nothing: name a test.
pub fn problem(root: &Path, reference: &str) -> Option<String> {
    let (path, name) = match reference.split_once("::") {
        Some((path, name)) => (path, Some(name)),
        None => (reference, None),
    };
    if !Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)))
    {
        return Some(format!("`{path}` is not a path from the root of the repository"));
    }
    if !root.join(path).is_file() {
        return Some(format!("there is no file `{path}`"));
    }
    let extension = Path::new(path)
        .extension()
        .and_then(|extension| extension.to_str());
    match (extension, name) {
        (Some("rs"), Some(name)) => read(root, path, |source| missing_test(source, path, name)),
        (Some("py"), Some(name)) => read(root, path, |source| missing_function(source, path, name)),
        (Some("rs"), None) => Some(format!(
            "`{path}` names no test: write `{path}::name_of_the_test`"
        )),
        (_, Some(_)) => Some(format!(
            "`{path}` is neither a Rust nor a Python file: leave out what follows `::`"
        )),
        (_, None) => None,
    }
}

fn read(root: &Path, path: &str, problem: impl FnOnce(&str) -> Option<String>) -> Option<String> {
    match fs::read_to_string(root.join(path)) {
        Ok(source) => problem(&source),
        Err(error) => Some(format!("cannot read `{path}`: {error}")),
    }
}

fn missing_test(source: &str, path: &str, name: &str) -> Option<String> {
    match rust_source::tests(source).get(name) {
        Some(Test::Runs) => None,
        Some(Test::Ignored) => Some(format!("the test `{name}` in `{path}` is ignored")),
        None => Some(format!("there is no test `{name}` in `{path}`")),
    }
}

fn missing_function(source: &str, path: &str, name: &str) -> Option<String> {
    let is_it = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix("def ")
            .and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| rest.starts_with('('))
    };
    (!source.lines().any(is_it)).then(|| format!("there is no function `{name}` in `{path}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// References into this package itself.
    #[track_caller]
    fn check(reference: &str, expected: Option<&str>) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(problem(root, reference).as_deref(), expected);
    }

    #[test]
    fn tests_and_files_that_exist_are_found() {
        check("src/references.rs::tests_and_files_that_exist_are_found", None);
        check("tidy.toml", None);
    }

    #[test]
    fn what_does_not_exist_is_named() {
        check("src/gone.rs::a_test", Some("there is no file `src/gone.rs`"));
        check("src", Some("there is no file `src`"));
        check(
            "src/references.rs::gone",
            Some("there is no test `gone` in `src/references.rs`"),
        );
    }

    #[test]
    fn a_function_that_is_no_test_holds_nothing() {
        check(
            "src/references.rs::problem",
            Some("there is no test `problem` in `src/references.rs`"),
        );
    }

    #[test]
    fn references_say_exactly_what_they_mean() {
        check(
            "src/references.rs",
            Some("`src/references.rs` names no test: write `src/references.rs::name_of_the_test`"),
        );
        check(
            "tidy.toml::long",
            Some("`tidy.toml` is neither a Rust nor a Python file: leave out what follows `::`"),
        );
        check(
            "../README.md",
            Some("`../README.md` is not a path from the root of the repository"),
        );
        check(
            "/etc/passwd",
            Some("`/etc/passwd` is not a path from the root of the repository"),
        );
    }

    #[test]
    fn an_ignored_test_holds_nothing() {
        let source = "#[test]\n#[ignore]\nfn later() {}";
        let problem = missing_test(source, "a.rs", "later");
        assert_eq!(problem.as_deref(), Some("the test `later` in `a.rs` is ignored"));
    }

    #[test]
    fn python_functions_are_found_by_their_whole_name() {
        let source = "import nats\n\nasync def sends_a_task(url):\n    pass\n";
        assert_eq!(missing_function(source, "x.py", "sends_a_task"), None);
        let problem = missing_function(source, "x.py", "sends");
        assert_eq!(problem.as_deref(), Some("there is no function `sends` in `x.py`"));
    }
}
