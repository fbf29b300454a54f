//! Whole sessions at the command line, as a person or a script has them: what is said, where, and with which exit code.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "cli/ask.rs"]
mod ask;
#[path = "cli/backtest.rs"]
mod backtest;
#[path = "cli/configuration.rs"]
mod configuration;
#[path = "cli/demo.rs"]
mod demo;
#[path = "cli/health.rs"]
mod health;
#[path = "cli/import.rs"]
mod import;
#[path = "cli/kpi.rs"]
mod kpi;
#[path = "cli/letters.rs"]
mod letters;
#[path = "cli/notes.rs"]
mod notes;
#[path = "cli/overriding.rs"]
mod overriding;
#[path = "cli/resolver.rs"]
mod resolver;
#[path = "cli/serve.rs"]
mod serve;
#[path = "cli/tasks.rs"]
mod tasks;

use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use kunder::clock::SystemClock;
use kunder_agent_core::clock::Clock;
use kunder_tests::system::{Kunder, Output, pause};
use serde_json::Value;

/// The fields of the Output Protocol as seed 003 names them (S3-57).
const NINE: [&str; 9] = [
    "taskId",
    "status",
    "summary",
    "artifacts",
    "customers",
    "actions",
    "nps",
    "recommendations",
    "blockers",
];

/// The demo portfolio of today, of which nothing was asked yet.
fn portfolio() -> Kunder {
    away_from_midnight();
    Kunder::portfolio()
}

/// A folder with so many customers, added today: none of them needs anybody.
fn customers(number: usize) -> Kunder {
    let kunder = Kunder::temporary();
    let map = file(
        &kunder,
        "many.yaml",
        "format: jsonl\nsource: s\ncustomer: id\nobserved: day\nkey: [id]\nrecords:\n  - profile: {name: name}\n",
    );
    let today = SystemClock::default().now().strftime("%Y-%m-%d").to_string();
    let row = |number| {
        format!("{{\"id\": \"c{number:05}\", \"name\": \"Kund {number:05}\", \"day\": \"{today}\"}}\n")
    };
    let rows = file(&kunder, "many.jsonl", (0..number).map(row).collect::<String>());
    let _ = kunder.run(&["import", "--map", &map, &rows]).exits(0);
    kunder
}

/// What is counted in days since a contact changes at midnight: a test that began before it waits until it is over.
fn away_from_midnight() {
    let zone = TimeZone::get("Europe/Stockholm").unwrap();
    while SystemClock::default()
        .now()
        .to_zoned(zone.clone())
        .strftime("%H:%M")
        .to_string()
        .as_str()
        >= "23:57"
    {
        pause(Duration::from_secs(1));
    }
}

/// Standard output as exactly one outcome, on one line, with the nine fields.
#[track_caller]
fn outcome(output: &Output) -> Value {
    assert_eq!(output.stdout.lines().count(), 1, "{output}");
    let outcome = output.json();
    for field in NINE {
        assert!(outcome.get(field).is_some(), "no `{field}`: {output}");
    }
    outcome
}

/// How many announcements there are, but those of dead letters: in a portfolio of the past they come as time goes by.
#[track_caller]
fn announced(kunder: &Kunder) -> usize {
    let events = kunder.run(&["events", "--json"]).exits(0).json_lines();
    events
        .iter()
        .filter(|event| !event.to_string().contains(".dead-letter"))
        .count()
}

/// Standard error is `error: …`, and what the hint says after `hint: `, if anything.
#[track_caller]
fn fails(output: &Output, status: i32, error: &str, hint: Option<&str>) {
    assert_eq!(output.status, status, "{output}");
    assert_eq!(output.stdout, "", "{output}");
    let mut lines = output.stderr.lines();
    let said = lines.next().unwrap_or_default();
    assert!(
        said.starts_with("error: ") && said.contains(error),
        "`{said}` does not say `{error}`: {output}"
    );
    let hinted = lines.next().and_then(|line| line.strip_prefix("hint: "));
    match hint {
        Some(hint) => assert!(
            hinted.is_some_and(|said| said.contains(hint)),
            "no hint `{hint}`: {output}"
        ),
        None => assert_eq!(hinted, None, "{output}"),
    }
}

/// A file that holds this, beside the data folder and with it gone.
fn file(kunder: &Kunder, name: &str, content: impl AsRef<[u8]>) -> String {
    let path: PathBuf = kunder.folder().with_file_name(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}
