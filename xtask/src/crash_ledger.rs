//! `cargo xtask crash-ledger`: the test that kills `kunder serve` and nats-server over and over, as long as asked for.

use std::path::Path;

use anyhow::Result;
use clap::Args;

use crate::{command, layers, tools};

/// The test that does it; `cargo xtask test` runs its short form.
const TEST: &str = "killed_between_accept_and_announce";

/// How much is killed.
#[derive(Args)]
pub struct Kills {
    /// How many kills, of both processes together
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..))]
    kills: u64,
    /// Where the order and the moments of the kills come from
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Stop killing after so many minutes, whatever is left
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
}

/// Prints the ledger to stdout; fails, with what and which, where something is lost, twice, or repeated without saying so.
pub fn run(root: &Path, kills: &Kills) -> Result<()> {
    let tools = tools::bring(root)?;
    // What is shipped; the test command kills the debug build.
    command::run(command::cargo(root).args(["build", "--release", "--package", "kunder"]))?;
    let binary = layers::metadata(root)?.target_directory.join("release/kunder");
    let mut test = command::cargo(root);
    test.args(["test", "--package", "kunder-tests", "--test", "kill", "--"])
        .args(["--exact", TEST, "--nocapture"])
        .env("KUNDER_BIN", binary)
        .env("KUNDER_NATS_SERVER", tools.nats_server)
        .env("KUNDER_PYTHON", tools.python)
        .env("KUNDER_KILLS", kills.kills.to_string())
        .env("KUNDER_SEED", kills.seed.to_string())
        .env("KUNDER_MINUTES", kills.minutes.to_string());
    command::run(&mut test)
}
