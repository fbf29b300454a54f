//! `cargo xtask test` and `cargo xtask ci`: every check in order, the tests last.

use std::path::Path;

use anyhow::Result;

use crate::{command, coverage, guarantees, layers, tidy, tools};

/// Everything to stderr, nextest's summary last; a failing run ends with nextest's own code.
pub fn test(root: &Path, args: &[String]) -> Result<()> {
    let tools = tools::bring(root)?;
    eprintln!("{tools}");
    eprintln!("{}", layers::check(root)?);
    eprintln!("{}", tidy::check(root)?);
    eprintln!("{}", coverage::check(root)?);
    if root.join(guarantees::FILE).exists() {
        eprintln!("{}", guarantees::check(root)?);
    }
    simulate(
        root,
        &["--seeds", SIMULATED_SEEDS, "--seconds", SIMULATED_SECONDS].map(str::to_owned),
    )?;
    command::run(command::cargo(root).args(["build", "--package", "kunder"]))?;
    command::run(
        command::cargo(root)
            .args(["nextest", "run", "--workspace"])
            .args(args)
            .env(
                "KUNDER_BIN",
                layers::metadata(root)?.target_directory.join("debug/kunder"),
            )
            .env("KUNDER_NATS_SERVER", tools.nats_server)
            .env("KUNDER_NATS_SERVERS", tools.nats_servers)
            .env("KUNDER_PYTHON", tools.python)
            .env("KUNDER_CDNOW", tools.cdnow),
    )
}

/// Seconds of simulation that belong to the tests.
const SIMULATED_SECONDS: &str = "120";
/// And seeds at most, which bounds the time on a fast machine.
const SIMULATED_SEEDS: &str = "60000";

/// Runs seeds in a release build.
pub fn simulate(root: &Path, args: &[String]) -> Result<()> {
    command::run(
        command::cargo(root)
            .args([
                "run",
                "--quiet",
                "--release",
                "--package",
                "kunder-testkit",
                "--bin",
                "simulate",
                "--",
            ])
            .args(args),
    )
}

pub fn ci(root: &Path) -> Result<()> {
    command::run(command::cargo(root).args(["fmt", "--all", "--check"]))?;
    command::run(command::cargo(root).args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    test(root, &[])
}
