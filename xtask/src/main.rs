//! `cargo xtask`: brings what the tests need, runs them, and checks the rules that no compiler checks.
#![forbid(unsafe_code)]

mod command;
mod complaint;
mod coverage;
mod crash_ledger;
mod fuzz;
mod guarantees;
mod layers;
mod mutants;
mod nats_servers;
mod references;
mod rust_source;
mod suite;
mod tidy;
mod tools;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Chores of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Bring what the tests need into target/tools: nats-server, a Python with nats-py, the purchases of CDNOW, cargo-nextest
    Tools,
    /// Bring the tools, check the rules, build `kunder`, run all tests
    Test {
        /// Passed on to `cargo nextest run --workspace`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run the runtime through days full of faults, each from a seed; prints how to see a failing one again
    Simulate {
        /// Passed on to the simulation; `--help` lists what it takes
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Check formatting and lints, then everything that `test` does
    Ci,
    /// Check which crate may depend on which, and where each outside library lives
    Layers,
    /// Check the shape of every Rust file
    Tidy,
    /// Check that what tests/coverage.toml refers to exists, and print the share of rows held
    Coverage {
        /// Also list the rows and decisions that nothing holds yet
        #[arg(long)]
        missing: bool,
    },
    /// Kill `kunder serve` and nats-server under load, over and over, and print what was lost and what came twice
    CrashLedger(crash_ledger::Kills),
    /// Break the modules that carry the invariants in many small ways, and print which neither unit tests nor the simulation notice
    Mutants(mutants::Asked),
    /// Give each parser a million inputs made by a fuzzer, and print what panicked, hung or blew up
    Fuzz(fuzz::Runs),
    /// Check that every sentence of GUARANTEES.md names tests that exist, and what the simulation watches of it
    Guarantees,
}

fn main() -> ExitCode {
    match run(Cli::parse().chore, &root()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complaint::report(&error),
    }
}

fn run(chore: Chore, root: &Path) -> Result<()> {
    match chore {
        Chore::Tools => println!("{}", tools::bring(root)?),
        Chore::Test { args } => suite::test(root, &args)?,
        Chore::Simulate { args } => suite::simulate(root, &args)?,
        Chore::Ci => suite::ci(root)?,
        Chore::Layers => println!("{}", layers::check(root)?),
        Chore::Tidy => println!("{}", tidy::check(root)?),
        Chore::Coverage { missing } => {
            println!("{}", coverage::check(root)?);
            if missing {
                println!("{}", coverage::missing(root)?.join("\n"));
            }
        }
        Chore::CrashLedger(kills) => crash_ledger::run(root, &kills)?,
        Chore::Mutants(asked) => mutants::run(root, &asked)?,
        Chore::Fuzz(runs) => fuzz::run(root, &runs)?,
        Chore::Guarantees => println!("{}", guarantees::check(root)?),
    }
    Ok(())
}

/// The folder of the root manifest: the parent of this package, which cargo names when it runs us.
fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    PathBuf::from(package)
        .parent()
        .expect("the package stands in a folder of the workspace")
        .to_owned()
}
