//! `kunder serve` beside other commands on its folder: the socket, the lock, a killed process, and two commands at once.

use std::process::{Command, Stdio};

use kunder_tests::system::{Kunder, QUIET, binary, eventually};

use super::{announced, customers, fails, file, outcome, portfolio};

#[test]
fn commands_go_to_the_process_that_serves() {
    let kunder = portfolio();
    let serve = kunder.serve_with(&[]);
    assert!(kunder.folder().join("kunder.sock").exists());
    let asked = outcome(&kunder.run(&["ask", "Kör kundhälsokoll", "--json"]).exits(0));
    assert_eq!(asked["customers"]["total_managed"], 15);
    assert!(announced(&kunder) > 10);
    let _ = kunder.run(&["log", "Fjällhamra Skidallians", "Möte"]).exits(0);
    let sent = kunder
        .run_with(
            &["task", "send", "-", "--json"],
            br#"{"taskId": "t", "agent": "pipeline"}"#,
        )
        .exits(0);
    assert_eq!(outcome(&sent)["status"], "complete");
    assert!(
        kunder
            .run(&["task", "status", "t"])
            .exits(0)
            .stdout
            .contains("complete  t")
    );
    fails(
        &kunder.run_with(
            &["task", "send", "-"],
            br#"{"taskId": "t", "agent": "onboarding"}"#,
        ),
        2,
        "`taskId` `t` belongs to a task with another body",
        Some("choose a new id"),
    );
    let diagnosis = kunder.run(&["doctor", "--json"]).exits(0).json();
    assert_eq!(diagnosis["customers"], 15);
    let map = file(
        &kunder,
        "map.yaml",
        "format: jsonl\nsource: s\ncustomer: id\nobserved: day\nkey: [id]\nrecords:\n  - profile: {name: name}\n",
    );
    let rows = file(
        &kunder,
        "rows.jsonl",
        "{\"id\": \"new\", \"name\": \"Nya Kunden\", \"day\": \"2026-01-01\"}\n",
    );
    assert_eq!(
        kunder.run(&["import", "--map", &map, &rows]).exits(0).stdout,
        "1 row read, 0 broken: 1 fact new, 0 known already.\n"
    );
    assert_eq!(serve.stop(), 0, "it drains on SIGTERM");
    assert!(!kunder.folder().join("kunder.sock").exists());
    assert_eq!(
        kunder.run(&["doctor", "--json"]).exits(0).json()["customers"],
        16,
        "and the folder is free"
    );
}

#[test]
fn a_second_serve_on_the_folder_is_refused() {
    let kunder = Kunder::temporary();
    let serve = kunder.serve_with(&[]);
    let second = kunder.run(&["serve"]);
    fails(&second, 2, "is in use", Some("choose another folder with --data"));
    let demo = kunder.run(&["demo"]);
    fails(&demo, 2, "is in use", Some("choose another folder with --data"));
    assert_eq!(serve.stop(), 0);
}

#[test]
fn a_killed_serve_leaves_a_folder_that_works() {
    let kunder = portfolio();
    kunder.serve_with(&[]).kill();
    assert!(
        kunder.folder().join("kunder.sock").exists(),
        "a dead socket lies there"
    );
    let asked = outcome(&kunder.run(&["ask", "Kör kundhälsokoll", "--json"]).exits(0));
    assert_eq!(asked["customers"]["total_managed"], 15);
    let serve = kunder.serve_with(&[]);
    let _ = kunder.run(&["ask", "Pipeline-analys"]).exits(0);
    assert_eq!(serve.stop(), 0);
}

#[test]
fn events_are_followed_as_they_are_announced() {
    let kunder = portfolio();
    let serve = kunder.serve_with(&[]);
    let seen = tempfile::NamedTempFile::new().unwrap();
    let mut follow = Command::new(binary());
    follow
        .args(["events", "--follow", "--json", "--data"])
        .arg(kunder.folder())
        .stdout(Stdio::from(seen.reopen().unwrap()));
    let mut follow = follow.spawn().unwrap();
    let _ = kunder.run(&["ask", "Kör kundhälsokoll"]).exits(0);
    eventually("the follower sees the summary", || {
        let seen = std::fs::read_to_string(seen.path()).unwrap();
        seen.contains("health-summary.v1").then_some(())
    });
    follow.kill().unwrap();
    let _ = follow.wait();
    assert_eq!(serve.stop(), 0);
}

#[test]
fn commands_at_the_same_time_wait_for_each_other() {
    let kunder = portfolio();
    let start = |text: &str| {
        let mut command = Command::new(binary());
        command
            .args(["ask", text, "--json", "--data"])
            .arg(kunder.folder())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let all = [
        "Kör kundhälsokoll",
        "Pipeline-analys",
        "Hämta kundinfo Åkerlunda Riksförbund",
    ]
    .map(start);
    for child in all {
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["status"], "complete");
    }
}

/// When too much hangs the process ends with the cause, and what was accepted goes on at the next start.
#[test]
fn a_serve_that_gives_up_exits_with_the_cause() {
    let kunder = customers(600);
    // No page of five hundred customers is judged as fast as that, so the first one counts as a hang.
    let config = file(
        &kunder,
        "hasty.yaml",
        format!("{QUIET}limits: {{decide_limit_ms: 0, abandoned_max: 1}}\n"),
    );
    let serve = kunder.serve_with(&["--config", &config]);
    let envelope = br#"{"taskId": "t", "agent": "customer-health"}"#;
    let _ = kunder.run_with(&["task", "send", "-"], envelope);
    let (code, log) = serve.ended_with_log();
    assert_eq!(code, 1, "{log}");
    assert!(
        log.contains("error: 1 decisions hang") && log.contains("hint: what was accepted is in the journal"),
        "{log}"
    );
    let status = kunder.run(&["task", "status", "t"]);
    assert_eq!(status.status, 0, "what was accepted is known: {status}");
}
