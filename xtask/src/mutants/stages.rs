//! The tests a mutant goes through, in order, until the first one catches it; each with a limit of time.
#![expect(
    clippy::disallowed_methods,
    reason = "programs that are mutants are ended after a time that is real"
)]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::command::{command, output, run};
use crate::mutants::tree::{NUMBER, Tree};
use crate::tools::Tools;

/// Test binaries of which a mutant meets only those of its crate, and the simulation.
const BINARIES: [&str; 9] = [
    "contract",
    "broker",
    "runtime",
    "endings",
    "supervision",
    "overload",
    "hangs",
    "letters",
    "storms",
];
const PACKAGES: [&str; 6] = [
    "kunder-agent-core",
    "kunder-store",
    "kunder-bus",
    "kunder",
    "kunder-testkit",
    "kunder-tests",
];
/// Kilobytes of memory that one process may ask for: a mutant may never stop to.
const MEMORY_KB: u32 = 6 << 20;
/// A test that runs longer hangs.
const SETTINGS: &str = "[profile.default]\nslow-timeout = { period = \"100s\", terminate-after = 1 }\n";
/// Longest time of a whole stage.
const STAGE_LIMIT: Duration = Duration::from_secs(240);
/// Failures that were none, after which a stage counts as passed.
const LATE_MAX: u32 = 3;
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
    /// What passed without a mutant, or needs not.
    passed: RefCell<BTreeSet<String>>,
}

impl<'a> Stages<'a> {
    pub fn new(tree: &'a Tree, tools: &'a Tools, folder: &Path, seeds: u64) -> Self {
        Self {
            tree,
            tools,
            folder: folder.to_owned(),
            seeds,
            passed: RefCell::default(),
        }
    }

    /// Builds every test that a mutant may meet; false where that fails.
    pub fn build(&self) -> Result<bool> {
        let mut list = self.tree.cargo();
        list.args(["nextest", "list", "--cargo-quiet", "--list-type", "binaries-only"])
            .args(["--message-format", "json", "--lib"]);
        for package in PACKAGES {
            list.args(["--package", package]);
        }
        for binary in BINARIES {
            list.args(["--test", binary]);
        }
        let built = output(&mut list)?;
        if !built.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&built.stderr));
            return Ok(false);
        }
        let write = |name: &str, content: &[u8]| {
            fs::write(self.folder.join(name), content).with_context(|| format!("cannot write {name}"))
        };
        write("binaries.json", &built.stdout)?;
        let metadata = output(self.tree.cargo().args(["metadata", "--format-version", "1"]))?;
        write("metadata.json", &metadata.stdout)?;
        write("nextest.toml", SETTINGS.as_bytes())?;
        Ok(true)
    }

    /// Runs a mutant of this package until something catches it.
    pub fn catch(&self, number: u32, package: &str) -> Result<Option<Catch>> {
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
        let filter = format!("package(={package}) & (kind(lib) | binary(=contract))");
        self.tests(number, Stage::Unit, &filter)
    }

    fn simulation(&self, number: u32) -> Result<Option<Catch>> {
        // Cases first: they take a second, days take many.
        let cases = self.tests(number, Stage::Simulation, "package(=kunder-testkit)")?;
        match cases {
            Some(caught) => Ok(Some(caught)),
            None => self.days(number),
        }
    }

    fn days(&self, number: u32) -> Result<Option<Catch>> {
        self.passes_without("days", || self.days_of(0))?;
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
            .args(["--seeds", &self.seeds.to_string(), "--threads", "2"])
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

    /// Tests of the whole, for what nothing else catches. They take long, and some of them hang on a machine that is busy.
    pub fn end_to_end(&self, number: u32) -> Result<Option<Catch>> {
        self.tests(number, Stage::EndToEnd, "package(=kunder-tests)")
    }

    /// A failure counts where the test that failed does so again, alone: a machine at work lets a test be late now and then.
    fn tests(&self, number: u32, stage: Stage, filter: &str) -> Result<Option<Catch>> {
        self.passes_without(filter, || self.tests_of(0, stage, filter))?;
        self.tests_of(number, stage, filter)
    }

    fn tests_of(&self, number: u32, stage: Stage, filter: &str) -> Result<Option<Catch>> {
        for _ in 0..LATE_MAX {
            let Some((by, hung)) = self.failed(number, filter)? else {
                return Ok(None);
            };
            let name = by.split_whitespace().last().unwrap_or_default();
            if hung
                || self
                    .failed(number, &format!("({filter}) & test(={name})"))?
                    .is_some()
            {
                return Ok(Some(Catch { stage, by, hung }));
            }
            eprintln!("  {by} failed once, and not again");
        }
        Ok(None)
    }

    /// The first test that fails, and whether by its limit of time.
    fn failed(&self, number: u32, filter: &str) -> Result<Option<(String, bool)>> {
        let mut nextest = bounded("cargo-nextest");
        nextest.args(["nextest", "run", "--color", "never", "--test-threads", "2"]);
        nextest.args(["--max-fail", "1:immediate", "--no-tests", "pass"]);
        for (name, file) in [
            ("--binaries-metadata", "binaries.json"),
            ("--cargo-metadata", "metadata.json"),
            ("--config-file", "nextest.toml"),
        ] {
            nextest.arg(name).arg(self.folder.join(file));
        }
        nextest.args(["--failure-output", "never", "--status-level", "fail"]);
        nextest
            .args(["--user-config-file", "none", "-E", filter])
            .current_dir(&self.tree.root)
            .env("KUNDER_NATS_SERVER", &self.tools.nats_server);
        let ended = self.watched(nextest, number, "nextest.log", "\0")?;
        if ended.well && !ended.hung {
            return Ok(None);
        }
        let said = fs::read_to_string(self.folder.join("nextest.log")).unwrap_or_default();
        let nothing = || ("no test came to its end".to_owned(), true);
        Ok(Some(failed_test(&said).unwrap_or_else(nothing)))
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
            let hung = over.is_none() && begun.elapsed() >= STAGE_LIMIT;
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

struct Ended {
    well: bool,
    hung: bool,
    found: Option<String>,
}

/// First kindly, because nextest ends its tests then.
fn end(child: &mut Child) -> Result<()> {
    let _ = run(command("kill", Path::new("/")).args(["-TERM", &child.id().to_string()]));
    for _ in 0..200 {
        if child.try_wait().context("cannot wait for a stage")?.is_some() {
            return Ok(());
        }
        sleep(LOOK);
    }
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

/// The first test that nextest says has failed, and whether by its limit of time.
fn failed_test(said: &str) -> Option<(String, bool)> {
    said.lines().find_map(|line| {
        let line = line.trim();
        let (state, rest) = line.split_once(" [")?;
        let failed = state == "FAIL" || state == "TIMEOUT" || state.starts_with("SIG") || state == "ABORT";
        let name = rest.split_once(']')?.1.trim();
        // `( 3/77) package::binary test::name`
        let name = name.rsplit_once(") ").map_or(name, |(_, name)| name);
        failed.then(|| (name.to_owned(), state == "TIMEOUT"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_that_fails_is_read_from_what_nextest_says() {
        let said =
            "    Starting 3 tests\n        FAIL [   0.004s] (2/3) kunder-store::contract alike::a_name\n";
        let named = |name: &str, hung| Some((name.to_owned(), hung));
        assert_eq!(
            failed_test(said),
            named("kunder-store::contract alike::a_name", false)
        );
        let said = " TIMEOUT [  60.004s] kunder runs::b\n";
        assert_eq!(failed_test(said), named("kunder runs::b", true));
        assert_eq!(
            failed_test("     Summary [   1.2s] 3 tests run: 3 passed\n"),
            None
        );
    }
}
