//! The tests a mutant goes through, in order, until the first one catches it; each with a limit of time.
#![expect(
    clippy::disallowed_methods,
    reason = "programs that are mutants are ended after a time that is real"
)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::command::{command, output};
use crate::mutants::tree::{NUMBER, Tree};
use crate::tools::Tools;

/// Packages and test binaries of unit tests and simulation.
const PACKAGES: [&str; 5] = [
    "kunder-agent-core",
    "kunder-store",
    "kunder-bus",
    "kunder",
    "kunder-testkit",
];
const BINARIES: [&str; 3] = ["contract", "broker", "runtime"];
/// Of the tests of the whole.
const PACKAGE_END_TO_END: &str = "kunder-tests";
const BINARIES_END_TO_END: [&str; 7] = [
    "runtime",
    "endings",
    "supervision",
    "overload",
    "hangs",
    "letters",
    "storms",
];
/// Kilobytes of memory that one process may ask for: a mutant may never stop to.
const MEMORY_KB: u32 = 6 << 20;
/// Longest time of one test binary, and of the days: what takes longer hangs.
const LIMIT: Duration = Duration::from_secs(100);
/// Failures that were none, after which a stage counts as passed.
const LATE_MAX: u32 = 3;
/// Longest time of the days, where they are slower than that.
const DAYS_SECONDS: &str = "40";
/// The number of no mutant, and of one that stands alone in the copy, in the place of the lines that it changes.
pub const NONE: u32 = 0;
pub const ALONE: u32 = u32::MAX;
const LOOK: Duration = Duration::from_millis(50);

/// What catches mutants.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub enum Stage {
    /// Unit tests of its crate; of the store also the contract.
    Unit,
    /// Days full of faults, and the tests of the simulated parts.
    Simulation,
    /// Tests of the whole, which are not counted among the above.
    EndToEnd,
}

/// How a mutant was caught.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Catch {
    pub stage: Stage,
    /// The test, or the seed and the rule it broke.
    pub by: String,
    /// It never came to an end.
    pub hung: bool,
}

pub struct Stages<'a> {
    tree: &'a Tree,
    tools: &'a Tools,
    folder: PathBuf,
    seeds: u64,
    /// Whether these are the tests of the whole.
    end_to_end: bool,
    /// By nextest's name for them.
    binaries: RefCell<BTreeMap<String, Binary>>,
    /// What passed without a mutant, or needs not.
    passed: RefCell<BTreeSet<String>>,
}

impl<'a> Stages<'a> {
    pub fn new(tree: &'a Tree, tools: &'a Tools, folder: &Path, seeds: u64, end_to_end: bool) -> Self {
        Self {
            tree,
            tools,
            folder: folder.to_owned(),
            seeds,
            end_to_end,
            binaries: RefCell::default(),
            passed: RefCell::default(),
        }
    }

    /// Builds every test that a mutant may meet; false where that fails.
    pub fn build(&self) -> Result<bool> {
        let mut list = self.tree.cargo();
        list.args(["nextest", "list", "--cargo-quiet", "--list-type", "binaries-only"])
            .args(["--message-format", "json", "--lib"]);
        if self.end_to_end {
            list.args(["--package", PACKAGE_END_TO_END]);
            list.args(BINARIES_END_TO_END.iter().flat_map(|name| ["--test", name]));
        } else {
            list.args(PACKAGES.iter().flat_map(|name| ["--package", name]));
            list.args(BINARIES.iter().flat_map(|name| ["--test", name]));
        }
        let built = output(&mut list)?;
        if !built.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&built.stderr));
            return Ok(false);
        }
        let listed: Listed =
            serde_json::from_slice(&built.stdout).context("cannot read what nextest lists")?;
        *self.binaries.borrow_mut() = listed.binaries;
        Ok(true)
    }

    /// Sees every stage pass without a mutant, before any is judged by it.
    ///
    /// # Errors
    /// When one does not.
    pub fn prove<'p>(&self, packages: impl IntoIterator<Item = &'p str>) -> Result<()> {
        for package in packages {
            self.catch(NONE, package)?;
        }
        Ok(())
    }

    /// Runs a mutant of this package until something catches it.
    pub fn catch(&self, number: u32, package: &str) -> Result<Option<Catch>> {
        if self.end_to_end {
            let binaries = BINARIES_END_TO_END.map(|name| format!("{PACKAGE_END_TO_END}::{name}"));
            return self.tests(number, Stage::EndToEnd, &binaries);
        }
        if let Some(caught) = self.unit(number, package)? {
            return Ok(Some(caught));
        }
        // The simulation has a store of its own: it never runs ours.
        if package == "kunder-store" {
            return Ok(None);
        }
        self.simulation(number)
    }

    fn unit(&self, number: u32, package: &str) -> Result<Option<Catch>> {
        let mut binaries = vec![package.to_owned()];
        if package == "kunder-store" {
            binaries.push("kunder-store::contract".to_owned());
        }
        self.tests(number, Stage::Unit, &binaries)
    }

    fn simulation(&self, number: u32) -> Result<Option<Catch>> {
        // Cases first: they take a second, days take many.
        let binaries = ["", "::runtime", "::broker"].map(|name| format!("kunder-testkit{name}"));
        let cases = self.tests(number, Stage::Simulation, &binaries)?;
        match cases {
            Some(caught) => Ok(Some(caught)),
            None => self.days(number),
        }
    }

    fn days(&self, number: u32) -> Result<Option<Catch>> {
        self.passes_without("days", || self.days_of(NONE))?;
        if number == NONE {
            return Ok(None);
        }
        self.days_of(number)
    }

    /// # Errors
    /// When what is no mutant does not pass; asked once.
    fn passes_without(&self, stage: &str, run: impl FnOnce() -> Result<Option<Catch>>) -> Result<()> {
        if !self.passed.borrow_mut().insert(stage.to_owned()) {
            return Ok(());
        }
        let caught = run()?;
        ensure!(caught.is_none(), "without a mutant it fails: {caught:?}");
        Ok(())
    }

    fn days_of(&self, number: u32) -> Result<Option<Catch>> {
        let mut simulate = bounded(
            self.tree
                .simulate()
                .as_os_str()
                .to_str()
                .context("a path that is no UTF-8")?,
        );
        simulate
            .args([
                "--seeds",
                &self.seeds.to_string(),
                "--threads",
                "2",
                "--seconds",
                DAYS_SECONDS,
            ])
            .current_dir(&self.tree.root);
        // What comes after the first broken rule only finds the shortest way to it.
        let ended = self.watched(simulate, number, "simulate.log", "BROKEN: ")?;
        if let Some(by) = ended.found {
            let caught = Catch {
                stage: Stage::Simulation,
                by,
                hung: false,
            };
            return Ok(Some(caught));
        }
        if ended.hung || !ended.well {
            let by = if ended.hung {
                "simulate"
            } else {
                "simulate: it died"
            }
            .to_owned();
            let caught = Catch {
                stage: Stage::Simulation,
                by,
                hung: ended.hung,
            };
            return Ok(Some(caught));
        }
        Ok(None)
    }

    fn tests(&self, number: u32, stage: Stage, binaries: &[String]) -> Result<Option<Catch>> {
        for binary in binaries {
            self.passes_without(binary, || self.tests_of(NONE, stage, binary))?;
            if number != NONE
                && let Some(caught) = self.tests_of(number, stage, binary)?
            {
                return Ok(Some(caught));
            }
        }
        Ok(None)
    }

    /// A failure counts where the test that failed does so again, alone: a machine at work lets a test be late now and then.
    fn tests_of(&self, number: u32, stage: Stage, binary: &str) -> Result<Option<Catch>> {
        for _ in 0..LATE_MAX {
            let Some(failed) = self.failed(number, binary, None)? else {
                return Ok(None);
            };
            let by = format!("{binary} {}", failed.test);
            let hung = failed.hung;
            if hung || failed.test.is_empty() || self.failed(number, binary, Some(&failed.test))?.is_some() {
                return Ok(Some(Catch { stage, by, hung }));
            }
            eprintln!("  {by} failed once, and not again");
        }
        Ok(None)
    }

    /// The first test of a binary that fails, of all or of one. All run in one process: that is quicker than one for each.
    fn failed(&self, number: u32, binary: &str, only: Option<&str>) -> Result<Option<Failed>> {
        let binaries = self.binaries.borrow();
        let built = binaries
            .get(binary)
            .with_context(|| format!("{binary} was not built"))?;
        let mut tests = bounded(built.path.to_str().context("a path that is no UTF-8")?);
        tests.args(["--test-threads", "2"]);
        tests.args(only.iter().flat_map(|name| ["--exact", name]));
        tests
            .current_dir(built.folder())
            .env("KUNDER_NATS_SERVER", &self.tools.nats_server);
        let ended = self.watched(tests, number, "tests.log", " ... FAILED")?;
        if ended.well && !ended.hung {
            return Ok(None);
        }
        let test = ended
            .found
            .as_deref()
            .and_then(|line| line.split_whitespace().nth(1));
        Ok(Some(Failed {
            test: test.unwrap_or_default().to_owned(),
            hung: ended.hung,
        }))
    }

    /// Runs it until it ends, until its output holds a line with `wanted`, or until the limit.
    fn watched(&self, mut program: Command, number: u32, log: &str, wanted: &str) -> Result<Ended> {
        let path = self.folder.join(log);
        let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let other = file.try_clone().context("cannot share the log")?;
        program
            .env(NUMBER, number.to_string())
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(other);
        let mut child = program.spawn().context("cannot start a stage")?;
        let begun = Instant::now();
        loop {
            let over = child.try_wait().context("cannot wait for a stage")?;
            let said = fs::read(&path).unwrap_or_default();
            let said = String::from_utf8_lossy(&said);
            let found = said
                .split_inclusive('\n')
                .find(|line| line.contains(wanted) && line.ends_with('\n'))
                .map(|line| line.trim().to_owned());
            let hung = over.is_none() && begun.elapsed() >= LIMIT;
            if over.is_none() && (hung || found.is_some()) {
                end(&mut child)?;
            }
            if over.is_some() || hung || found.is_some() {
                let well = over.is_some_and(|status| status.success());
                return Ok(Ended { well, hung, found });
            }
            sleep(LOOK);
        }
    }
}

/// What `cargo nextest list` says of what it built, as far as it is read here.
#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "rust-binaries")]
    binaries: BTreeMap<String, Binary>,
}

#[derive(Deserialize)]
struct Binary {
    #[serde(rename = "binary-path")]
    path: PathBuf,
    /// `path+file:///where/it/is#name@version`.
    #[serde(rename = "package-id")]
    package_id: String,
}

impl Binary {
    /// Tests run in the folder of their package.
    fn folder(&self) -> &str {
        let place = self
            .package_id
            .split_once("file://")
            .map_or("", |(_, place)| place);
        place.split('#').next().unwrap_or_default()
    }
}

struct Failed {
    /// Empty where the binary itself died.
    test: String,
    hung: bool,
}

struct Ended {
    well: bool,
    hung: bool,
    found: Option<String>,
}

fn end(child: &mut Child) -> Result<()> {
    child.kill().context("cannot end a stage")?;
    child.wait().context("cannot wait for a stage")?;
    Ok(())
}

/// A program with bounded memory; it takes the place of the shell, so that it can be ended.
fn bounded(program: &str) -> Command {
    let mut shell = command("sh", Path::new("/"));
    shell.args([
        "-c",
        &format!("ulimit -v {MEMORY_KB}; exec \"$@\""),
        "sh",
        program,
    ]);
    shell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_built_is_read_from_what_nextest_lists() {
        let json = r#"{"rust-binaries": {"a::b": {"binary-path": "/t/b-1", "package-id": "path+file:///r/a#a@0.1.0"}}}"#;
        let listed: Listed = serde_json::from_str(json).unwrap();
        let built = &listed.binaries["a::b"];
        assert_eq!(
            (built.path.as_path(), built.folder()),
            (Path::new("/t/b-1"), "/r/a")
        );
    }
}
