//! What was found of each mutant, kept in a file so that nothing is done twice, and the table of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::mutants::list::Keyed;
use crate::mutants::stages::{Catch, Stage};

/// What became of one mutant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Found {
    pub key: String,
    /// Of the function it stands in.
    pub fingerprint: u64,
    /// Whether it compiles.
    pub viable: bool,
    pub caught: Option<Catch>,
}

impl Found {
    pub fn survived(&self) -> bool {
        self.viable
            && self
                .caught
                .as_ref()
                .is_none_or(|caught| caught.stage == Stage::EndToEnd)
    }
}

/// A line per mutant; a later one counts.
pub struct Results {
    path: PathBuf,
    found: BTreeMap<String, Found>,
}

impl Results {
    pub fn open(path: &Path) -> Result<Self> {
        let lines = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read.with_context(|| format!("cannot read {}", path.display()))?,
        };
        // A line that was cut off when a run ended is a mutant that was not done.
        let found = lines
            .lines()
            .filter_map(|line| serde_json::from_str::<Found>(line).ok())
            .map(|found| (found.key.clone(), found))
            .collect();
        Ok(Self {
            path: path.to_owned(),
            found,
        })
    }

    /// What is known of a mutant whose function has not changed since.
    pub fn of(&self, key: &str, fingerprint: u64) -> Option<&Found> {
        self.found
            .get(key)
            .filter(|found| found.fingerprint == fingerprint)
    }

    pub fn keep(&mut self, found: Found) -> Result<()> {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(&self.path)
            .with_context(|| format!("cannot open {}", self.path.display()))?;
        let line = serde_json::to_string(&found).context("cannot write a result")?;
        // A line of its own, also behind one that was cut off.
        write!(file, "\n{line}\n").context("cannot write a result")?;
        self.found.insert(found.key.clone(), found);
        Ok(())
    }
}

/// Mutants of one file, or of all.
#[derive(Default)]
struct Row {
    done: usize,
    unviable: usize,
    unit: usize,
    simulation: usize,
    hung: usize,
    end_to_end: usize,
    survived: usize,
}

impl Row {
    fn add(&mut self, found: &Found) {
        self.done += 1;
        if !found.viable {
            self.unviable += 1;
            return;
        }
        let Some(caught) = &found.caught else {
            self.survived += 1;
            return;
        };
        self.hung += usize::from(caught.hung);
        match caught.stage {
            Stage::Unit => self.unit += 1,
            Stage::Simulation => self.simulation += 1,
            Stage::EndToEnd => self.end_to_end += 1,
        }
    }

    fn write(&self, name: &str, table: &mut String) {
        let Self {
            done,
            unviable,
            unit,
            simulation,
            hung,
            end_to_end,
            survived,
        } = self;
        writeln!(
            table,
            "| {name} | {done} | {unviable} | {unit} | {simulation} | {hung} | {end_to_end} | {survived} |"
        )
        .expect("a string takes what is written");
    }
}

/// A row per file, the sum, the share, and every mutant that neither unit tests nor the simulation catch.
pub fn table(sample: &[Keyed], found: &BTreeMap<String, Found>) -> String {
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    let mut sum = Row::default();
    let mut left = String::new();
    for Keyed { key, mutant } in sample {
        let Some(found) = found.get(key) else { continue };
        rows.entry(&mutant.file).or_default().add(found);
        sum.add(found);
        if found.survived() {
            let by = found.caught.as_ref().map_or("nothing", |caught| &caught.by);
            writeln!(left, "{} (caught by {by})", mutant.name).expect("a string takes what is written");
        }
    }
    let mut table = "| file | mutants | unviable | unit tests | simulation | of these by time | only end to end | survived |\n\
        |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for (name, row) in rows {
        row.write(name, &mut table);
    }
    sum.write("all", &mut table);
    let (viable, caught) = (sum.done - sum.unviable, sum.unit + sum.simulation);
    let percent = 100.0 * caught as f64 / viable.max(1) as f64;
    let whole = sample.len();
    format!(
        "{table}\n{} of {whole} done; {caught} of {viable} viable ones caught by unit tests and simulation: {percent:.1} %\n{left}",
        sum.done
    )
}

impl Found {
    /// In one line.
    pub fn said(&self) -> String {
        match &self.caught {
            _ if !self.viable => "does not compile".to_owned(),
            None => "SURVIVED".to_owned(),
            Some(caught) => {
                let how = if caught.hung { ", which hung" } else { "" };
                format!("{:?}: {}{how}", caught.stage, caught.by)
            }
        }
    }
}
