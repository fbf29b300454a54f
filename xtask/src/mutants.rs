//! `cargo xtask mutants`: breaks the modules that carry the invariants in many small ways, and sees what notices.
//!
//! The mutants are those of cargo-mutants. A build for each would take hours, so a sample of them is woven into one copy of
//! the repository, each behind its number, and built once; every mutant is then a run of the same binaries.
#![expect(clippy::disallowed_methods, reason = "the run ends after a time that is real")]

mod list;
mod results;
mod stages;
mod tree;
mod weave;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::command::{command, output};
use crate::mutants::list::{Keyed, Mutant};
use crate::mutants::results::{Found, Results};
use crate::mutants::stages::{ALONE, Stages};
use crate::mutants::tree::Tree;
use crate::tools;

/// Where the invariants are kept.
const MODULES: [(&str, &[&str]); 5] = [
    ("crates/agent-core/src", &["letter", "runtime"]),
    (
        "crates/agent-core/src/runtime",
        &[
            "actor",
            "admit",
            "announcements",
            "bounds",
            "cancel",
            "ending",
            "lanes",
            "mailbox",
            "places",
            "supervisor",
            "timekeeper",
            "turns",
            "waiters",
            "work",
        ],
    ),
    (
        "crates/store/src",
        &[
            "cancel", "commit", "journal", "letters", "outbox", "tasks", "writer",
        ],
    ),
    ("crates/bus/src", &["accept", "announce"]),
    ("crates/runner/src", &["letters", "relay", "storms"]),
];

/// How many, which, and how long.
#[derive(Args)]
pub struct Asked {
    /// How many mutants
    #[arg(long, default_value_t = 200)]
    sample: usize,
    /// Decides which
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Stop after so many minutes, also with mutants left; the next run goes on from there
    #[arg(long, default_value_t = 120)]
    minutes: u64,
    /// Days the simulation tries on each; from 1,000 on it also fails where it meets too little
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..1_000))]
    days: u64,
    /// Run those again that survived
    #[arg(long)]
    again: bool,
    /// Run the tests of the whole on those that survived
    #[arg(long)]
    end_to_end: bool,
    /// Only print what is known
    #[arg(long)]
    table: bool,
}

/// Prints the table to stdout. Survivors are no error: whether one is a gap, a person has to say.
pub fn run(root: &Path, asked: &Asked) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(60 * asked.minutes);
    let mut sitting = Sitting::open(root, asked)?;
    eprintln!("{} mutants, {} known", sitting.sample.len(), sitting.known.len());
    let left = sitting
        .sample
        .iter()
        .any(|keyed| sitting.is_asked_for(keyed, asked));
    if left && !asked.table {
        sitting.work(root, asked, end)?;
    }
    println!("{}", results::table(&sitting.sample, &sitting.known));
    Ok(())
}

/// A sample, what is known of it, and where that is kept.
struct Sitting {
    folder: PathBuf,
    sample: Vec<Keyed>,
    /// Of the functions that the mutants stand in, by key.
    prints: BTreeMap<String, u64>,
    results: Results,
    known: BTreeMap<String, Found>,
}

impl Sitting {
    fn open(root: &Path, asked: &Asked) -> Result<Self> {
        let folder = root.join("target/mutants");
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let sample = list::sample(listed(root)?, asked.sample, asked.seed);
        let results = Results::open(&folder.join("results.jsonl"))?;
        let (mut known, mut prints) = (BTreeMap::new(), BTreeMap::new());
        for Keyed { key, mutant } in &sample {
            let source = fs::read_to_string(root.join(&mutant.file)).context("cannot read a module")?;
            let print = mutant.fingerprint(&source);
            prints.insert(key.clone(), print);
            let found = results.of(key, print);
            known.extend(found.map(|found| (key.clone(), found.clone())));
        }
        Ok(Self {
            folder,
            sample,
            prints,
            results,
            known,
        })
    }

    /// Builds the copy once, and runs in it whatever is not known yet.
    fn work(&mut self, root: &Path, asked: &Asked, end: Instant) -> Result<()> {
        let tools = tools::bring(root)?;
        let sample = std::mem::take(&mut self.sample);
        let numbered: BTreeMap<u32, &Keyed> = (1..).zip(&sample).collect();
        let mutants: BTreeMap<u32, &Mutant> = numbered
            .iter()
            .map(|(number, keyed)| (*number, &keyed.mutant))
            .collect();
        let tree = Tree::copy(root, &self.folder)?;
        let mut refused = self.refused_before(&numbered);
        let woven = tree.weave(&mutants, &mut refused)?;
        self.keep_refused(&numbered, &refused)?;
        let stages = Stages::new(&tree, &tools, &self.folder, asked.days, asked.end_to_end);
        ensure!(stages.build()?, "the copy with all mutants in it cannot be built");
        // Those that need a build of their own come last.
        let (first, last): (Vec<_>, Vec<_>) = numbered
            .iter()
            .filter(|(_, keyed)| self.is_asked_for(keyed, asked))
            .partition(|(number, _)| woven.contains(number));
        let packages: BTreeSet<&str> = first
            .iter()
            .chain(&last)
            .map(|(_, keyed)| keyed.mutant.package.as_str())
            .collect();
        stages.prove(packages)?;
        for (number, Keyed { key, mutant }) in first.into_iter().chain(last) {
            if Instant::now() >= end {
                eprintln!("the time is over");
                break;
            }
            let since = Instant::now();
            let number = woven.get(number).copied();
            let viable = number.is_some() || tree.is_viable(mutant)?;
            let caught = match number {
                Some(number) => stages.catch(number, &mutant.package)?,
                None if viable => {
                    tree.put(mutant)?;
                    ensure!(stages.build()?, "{key} can be checked but not built");
                    stages.catch(ALONE, &mutant.package)?
                }
                None => None,
            };
            if viable && number.is_none() {
                tree.weave(&mutants, &mut refused)?;
            }
            let (key, fingerprint) = (key.clone(), self.prints[key]);
            let found = Found {
                key,
                fingerprint,
                viable,
                caught,
            };
            eprintln!(
                "{:4.1} s {}: {}",
                since.elapsed().as_secs_f64(),
                mutant.name,
                found.said()
            );
            self.known.insert(found.key.clone(), found.clone());
            self.results.keep(found)?;
        }
        self.sample = sample;
        Ok(())
    }

    /// Whether this run is about this mutant.
    fn is_asked_for(&self, keyed: &Keyed, asked: &Asked) -> bool {
        let before = self.results.of(&keyed.key, self.prints[&keyed.key]);
        match before {
            Some(found) => (asked.again || asked.end_to_end) && found.survived(),
            None => !asked.end_to_end,
        }
    }

    /// What the compiler refused in an earlier run, so that it is not asked again.
    fn refused_before(&self, numbered: &BTreeMap<u32, &Keyed>) -> BTreeSet<u32> {
        let kept = fs::read(self.folder.join("refused.json")).unwrap_or_default();
        let kept: BTreeMap<String, u64> = serde_json::from_slice(&kept).unwrap_or_default();
        let still = |keyed: &&Keyed| kept.get(&keyed.key) == self.prints.get(&keyed.key);
        let numbered = numbered
            .iter()
            .filter(|(_, keyed)| kept.contains_key(&keyed.key) && still(keyed));
        numbered.map(|(number, _)| *number).collect()
    }

    fn keep_refused(&self, numbered: &BTreeMap<u32, &Keyed>, refused: &BTreeSet<u32>) -> Result<()> {
        let key = |number: &u32| numbered[number].key.as_str();
        let kept: BTreeMap<&str, u64> = refused
            .iter()
            .map(|number| (key(number), self.prints[key(number)]))
            .collect();
        let json = serde_json::to_vec(&kept).context("cannot write what is refused")?;
        fs::write(self.folder.join("refused.json"), json).context("cannot write what is refused")
    }
}

/// All mutants of the modules.
fn listed(root: &Path) -> Result<Vec<Keyed>> {
    let mut list = command(tools::bring_mutants(root)?, root);
    list.args(["mutants", "--list", "--json", "--no-config", "--workspace"]);
    for (folder, names) in MODULES {
        for name in names {
            list.args(["--file", &format!("{folder}/{name}.rs")]);
        }
    }
    let listed = output(&mut list)?;
    ensure!(
        listed.status.success(),
        "cargo-mutants cannot list: {}",
        String::from_utf8_lossy(&listed.stderr)
    );
    list::parse(&listed.stdout)
}
