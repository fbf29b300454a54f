//! `kunder demo`.

use std::process::Command;
use std::time::Duration;

use expect_test::expect_file;
use kunder_tests::system::{Kunder, Output, binary};

use super::{announced, fails, outcome};

const LIMIT: Duration = Duration::from_secs(120);

/// Without a data folder, in a temporary folder that must be empty afterwards.
fn demo(arguments: &[&str]) -> Output {
    let temporary = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary());
    command
        .args(["demo", "--as-of", "2026-11-22"])
        .args(arguments)
        .env("TMPDIR", temporary.path())
        .env("HOME", temporary.path());
    let output = Output::of(command.current_dir(temporary.path()), b"", LIMIT);
    let left: Vec<_> = std::fs::read_dir(temporary.path()).unwrap().collect();
    assert!(left.is_empty(), "the demonstration left {left:?}");
    output
}

#[test]
fn it_shows_the_same_text_for_the_same_day() {
    let (first, second) = (demo(&[]).exits(0), demo(&[]).exits(0));
    assert_eq!(first.stdout, second.stdout);
    assert_eq!(first.stderr, "");
    expect_file!["demo.sv.txt"].assert_eq(&first.stdout);
}

#[test]
fn it_speaks_english() {
    expect_file!["demo.en.txt"].assert_eq(&demo(&["--locale", "en"]).exits(0).stdout);
}

#[test]
fn as_json_it_prints_the_four_outcomes_one_a_line() {
    let lines = demo(&["--json"]).exits(0).stdout;
    let outcomes: Vec<_> = lines
        .lines()
        .map(|line| {
            outcome(&Output {
                status: 0,
                stdout: line.to_owned(),
                stderr: String::new(),
                command: String::new(),
            })
        })
        .collect();
    let agents: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome["agent"].as_str().unwrap())
        .collect();
    assert_eq!(
        agents,
        [
            "kunder/customer-health",
            "kunder/onboarding",
            "kunder/pipeline",
            "kunder/customer-fetching"
        ]
    );
    let customers = &outcomes[0]["customers"];
    assert_eq!(
        (
            &customers["total_managed"],
            &customers["healthy"],
            &customers["at_risk"],
            &customers["critical"]
        ),
        (&15.into(), &10.into(), &3.into(), &2.into())
    );
}

#[test]
fn it_keeps_the_portfolio_where_told_and_never_adds_to_one() {
    let kunder = Kunder::temporary();
    let shown = kunder.run(&["demo", "--as-of", "2026-11-20"]).exits(0);
    assert!(
        shown
            .stdout
            .contains("Portföljen ligger kvar. Prova: kunder ask \"Pipeline-analys\" --data "),
        "{shown}"
    );
    let before = announced(&kunder);
    assert_eq!(
        before, 51,
        "5 alerts, 1 summary, 19 opportunities, 1 brief, and 25 tasks for others"
    );
    fails(
        &kunder.run(&["demo"]),
        2,
        "already holds 15 customers",
        Some("name an empty folder"),
    );
    assert_eq!(announced(&kunder), before);
    let asked = kunder
        .run(&["ask", "Pipeline-analys", "--as-of", "2026-11-20", "--json"])
        .exits(0);
    assert_eq!(
        outcome(&asked)["pipeline"]["customers"].as_array().unwrap().len(),
        15
    );
}
