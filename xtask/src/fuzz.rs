//! `cargo xtask fuzz`: each parser against inputs that a fuzzer makes of files of the repository, and what came of it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use clap::Args;

use crate::complaint::Complaint;
use crate::{command, tools};

/// A program of `fuzz/targets`, and the longest input it gets, in bytes.
const TARGETS: [(&str, usize); 6] = [
    ("envelope", 8_192),
    ("command", 512),
    ("import", 4_096),
    ("mapping", 4_096),
    ("definitions", 8_192),
    ("condition", 512),
];
/// An input that takes longer, in seconds of the wall clock, counts as a hang: long, for a busy machine stands still for seconds.
const HANG_S: u32 = 60;
/// A process that takes more memory, in MiB, has met an input that blows up.
const MEMORY_MB: u32 = 1_024;

/// How much is tried.
#[derive(Args)]
pub struct Runs {
    /// Only this one: envelope, command, import, mapping, definitions or condition
    #[arg(long, value_parser = TARGETS.map(|(name, _)| name))]
    target: Option<String>,
    /// How many inputs each target gets
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
}

/// Prints a line a target to stdout; fails, with the file that holds the input, where one panicked, hung or blew up.
pub fn run(root: &Path, runs: &Runs) -> Result<()> {
    let fuzzer = tools::bring_fuzz(root)?;
    let folder = root.join("target/fuzz");
    command::run(&mut cargo_fuzz(&fuzzer, root, "build"))?;
    let (mut inputs, mut found) = (0, Vec::new());
    for (target, bytes_max) in TARGETS {
        if runs.target.as_deref().is_some_and(|only| only != target) {
            continue;
        }
        eprintln!("fuzzing {target}, {} inputs", runs.runs);
        let log = fuzz(&fuzzer, root, &folder, target, bytes_max, runs.runs)?;
        let report = Report::read(&log);
        println!("{target}: {report}");
        inputs += report.inputs;
        found.extend(report.found.iter().map(|path| format!("{target}: {path}")));
        if report.found.is_empty() && report.inputs < runs.runs {
            let tail: Vec<&str> = log.lines().rev().take(20).collect();
            let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
            found.push(format!("{target} ended early:\n{tail}"));
        }
    }
    println!("fuzz: {inputs} inputs, {} crashes", found.len());
    Complaint::unless_empty(
        found,
        "RUSTC_BOOTSTRAP=1 target/tools/bin/cargo-fuzz run --sanitizer none TARGET FILE shows it again",
    )
}

/// Coverage needs flags that the stable compiler keeps for itself; nothing else of the workspace is built with them.
fn cargo_fuzz(fuzzer: &Path, root: &Path, chore: &str) -> Command {
    let mut command = command::command(fuzzer, root);
    command
        .args([chore, "--fuzz-dir", "fuzz", "--target-dir", "target/fuzz"])
        // Our code has no unsafe part; without the sanitizer there is time for more inputs.
        .args(["--sanitizer", "none"])
        .env("RUSTC_BOOTSTRAP", "1");
    command
}

/// Runs one target and gives what it printed.
fn fuzz(
    fuzzer: &Path,
    root: &Path,
    folder: &Path,
    target: &str,
    bytes_max: usize,
    runs: u64,
) -> Result<String> {
    let seeds = seeds(root, target)?;
    let [corpus, seeds_folder] = ["corpus", "seeds"].map(|kind| folder.join(kind).join(target));
    for path in [&corpus, &seeds_folder] {
        fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))?;
    }
    let words = folder.join(format!("{target}.dict"));
    let write = |path: &Path, bytes: &[u8]| {
        fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
    };
    for (number, seed) in seeds.iter().enumerate() {
        write(&seeds_folder.join(number.to_string()), seed)?;
    }
    write(&words, dictionary(&seeds).as_bytes())?;
    let log = folder.join(format!("{target}.log"));
    let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut command = cargo_fuzz(fuzzer, root, "run");
    command
        .arg(target)
        .args([&corpus, &seeds_folder])
        .arg("--")
        .arg(format!("-runs={runs}"))
        .arg(format!("-max_len={bytes_max}"))
        .arg(format!("-timeout={HANG_S}"))
        // What is slower than this is told like a find, also where nothing is wrong with it.
        .arg(format!("-report_slow_units={HANG_S}"))
        .arg(format!("-rss_limit_mb={MEMORY_MB}"))
        .arg(format!("-dict={}", words.display()))
        .args(["-seed=3", "-print_final_stats=1"])
        .stdout(Stdio::null())
        .stderr(output);
    // A target that finds something ends badly: what it found stands in what it printed.
    command.status().context("cannot start cargo-fuzz")?;
    let log = fs::read(&log).with_context(|| format!("cannot read {}", log.display()))?;
    Ok(String::from_utf8_lossy(&log).into_owned())
}

/// What libFuzzer printed at its end.
#[derive(Debug, Default, PartialEq)]
struct Report {
    inputs: u64,
    per_second: u64,
    /// The files with inputs that panicked, hung or took too much memory.
    found: Vec<String>,
}

impl Report {
    fn read(log: &str) -> Self {
        let number = |name: &str| {
            let after = log.lines().find_map(|line| line.strip_prefix(name));
            after
                .and_then(|number| number.trim().parse().ok())
                .unwrap_or_default()
        };
        let found = log
            .lines()
            .filter_map(|line| line.split_once("Test unit written to ").map(|(_, path)| path));
        Self {
            inputs: number("stat::number_of_executed_units:"),
            per_second: number("stat::average_exec_per_sec:"),
            found: found.map(str::to_owned).collect(),
        }
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} inputs, {} crashes, {} inputs a second",
            self.inputs,
            self.found.len(),
            self.per_second
        )
    }
}

/// Inputs to begin with, from files of the repository.
fn seeds(root: &Path, target: &str) -> Result<Vec<Vec<u8>>> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let text =
        |path: &str| fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"));
    let all = |folder: &str| {
        files(&root.join(folder)).and_then(|paths| paths.iter().map(|path| read(path)).collect())
    };
    Ok(match target {
        "envelope" => all("protocols/examples")?,
        "command" => {
            let tests = text("crates/agents/src/commands/tests.rs")?;
            let quoted = tests.split('"').filter(|part| !part.contains('\n'));
            quoted.map(|part| part.as_bytes().to_vec()).collect()
        }
        "import" => {
            let files: Vec<Vec<u8>> = all("fuzz/seeds/import")?;
            // The first byte chooses the mapping.
            let chosen = |which: u8| files.iter().map(move |file| [&[which], file.as_slice()].concat());
            (b'0'..b'4').flat_map(chosen).collect()
        }
        "mapping" => {
            let mut seeds = vec![read(&root.join("examples/cdnow/map.yaml"))?];
            for format in ["csv", "json", "jsonl"] {
                seeds.push(read(
                    &root.join(format!("crates/connect/src/import/properties/{format}.yaml")),
                )?);
            }
            let described = text("docs/import.md")?;
            let blocks = described.split("```yaml\n").skip(1);
            seeds.extend(blocks.filter_map(|block| Some(block.split_once("```")?.0.as_bytes().to_vec())));
            seeds
        }
        "definitions" => {
            let files: Vec<Vec<u8>> = all("definitions/satori")?;
            // The first byte chooses the file, in the order of their names.
            let chosen = |(which, file): (usize, &Vec<u8>)| [&[which as u8], file.as_slice()].concat();
            files.iter().enumerate().map(chosen).collect()
        }
        _ => {
            let model = text("definitions/satori/health.yaml")?;
            let conditions = model
                .lines()
                .filter_map(|line| line.trim().strip_prefix("when: "));
            conditions
                .map(|condition| condition.as_bytes().to_vec())
                .collect()
        }
    })
}

/// The files in a folder, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let cannot_read = || format!("cannot read {}", folder.display());
    let entries = fs::read_dir(folder).with_context(cannot_read)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .with_context(cannot_read)?;
    paths.sort();
    Ok(paths)
}

/// The words of the seeds, so that the fuzzer need not guess the names of fields letter by letter.
fn dictionary(seeds: &[Vec<u8>]) -> String {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
    let words = seeds.iter().flat_map(|seed| seed.split(|byte| !is_word(byte)));
    let words: BTreeSet<&[u8]> = words.filter(|word| (2..=24).contains(&word.len())).collect();
    let line = |word: &[u8]| {
        let escaped: String = word.iter().map(|byte| format!("\\x{byte:02X}")).collect();
        format!("\"{escaped}\"\n")
    };
    words.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_fuzzer_printed_is_read() {
        let log = "#1\tINITED\nDone 70 runs in 2 second(s)\nstat::number_of_executed_units: 70\n\
                   stat::average_exec_per_sec:     35\n";
        let report = Report {
            inputs: 70,
            per_second: 35,
            found: Vec::new(),
        };
        assert_eq!(Report::read(log), report);
        let log = "==7== ERROR\nartifact_prefix='a/'; Test unit written to a/crash-1\n";
        assert_eq!(Report::read(log).found, ["a/crash-1"]);
    }

    #[test]
    fn every_target_has_its_program_and_seeds() {
        let root = crate::root();
        for (target, bytes_max) in TARGETS {
            assert!(
                root.join(format!("fuzz/targets/{target}.rs")).is_file(),
                "{target}"
            );
            let seeds = seeds(&root, target).unwrap();
            assert!(seeds.len() >= 4, "{target} has {} seeds", seeds.len());
            assert!(seeds.iter().all(|seed| seed.len() <= bytes_max), "{target}");
            assert!(dictionary(&seeds).lines().count() > 5, "{target}");
        }
    }
}
