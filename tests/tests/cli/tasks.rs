//! `kunder task`: envelopes by file and by standard input, what is refused, and how tasks stand.

use std::path::Path;

use kunder_tests::system::{Kunder, Output, QUIET, eventually};
use serde_json::json;

use super::{customers, fails, file, outcome, portfolio};

fn send(kunder: &Kunder, envelope: impl AsRef<[u8]>, arguments: &[&str]) -> Output {
    kunder.run_with(&[&["task", "send", "-"], arguments].concat(), envelope.as_ref())
}

#[test]
fn an_envelope_from_a_file_and_from_standard_input() {
    let kunder = portfolio();
    let envelope =
        r#"{"taskId": "t-1", "agent": "pipeline", "instruction": {"command": "pipeline-analysis"}}"#;
    let path = file(&kunder, "task.json", envelope);
    let by_file = outcome(&kunder.run(&["task", "send", &path, "--json"]).exits(0));
    assert_eq!(
        (&by_file["taskId"], &by_file["agent"], &by_file["status"]),
        (&json!("t-1"), &json!("kunder/pipeline"), &json!("complete"))
    );
    let by_stdin = outcome(&send(&kunder, envelope, &["--json"]).exits(0));
    assert_eq!(
        by_stdin, by_file,
        "the same task has the same outcome, to the moment"
    );
    let words = send(&kunder, envelope, &[]).exits(0);
    assert!(words.stdout.starts_with("Pipeline-analys "), "{words}");

    let without = r#"{"taskId": "t-2", "instruction": "Kör kundhälsokoll"}"#;
    let named = outcome(&send(&kunder, without, &["--agent", "Customer-Health-Agent", "--json"]).exits(0));
    assert_eq!(named["agent"], "kunder/customer-health");
    let words = r#"{"taskId": "t-3", "instruction": "Hämta kundinfo Silverån Kanot & Kamratskap"}"#;
    assert_eq!(
        outcome(&send(&kunder, words, &["--json"]).exits(0))["agent"],
        "kunder/customer-fetching"
    );
    let other = send(
        &kunder,
        envelope.replace("t-1", "t-4"),
        &["--agent", "onboarding"],
    );
    fails(
        &other,
        2,
        "`agent` is `pipeline` but the subject names `onboarding`",
        Some("leave one out"),
    );
}

/// S3-56, D-36, D-37: the seed's names are read, and said so; each criterion gets its verdict.
#[test]
fn the_examples_of_the_protocol_folder_are_understood() {
    let kunder = portfolio();
    let example = |name: &str| {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../protocols/examples")
            .join(name)
            .to_str()
            .unwrap()
            .to_owned()
    };
    let ours = outcome(
        &kunder
            .run(&["task", "send", &example("task.json"), "--json"])
            .exits(0),
    );
    let verdicts: Vec<&str> = ours["criteria"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["met", "met", "unknown"]);
    assert_eq!(ours["status"], "partial", "prose cannot be measured");
    let seeds = kunder
        .run(&["task", "send", &example("task-seed-names.json")])
        .exits(1);
    assert!(
        seeds
            .stdout
            .contains("Ingen kund heter ”Björklunda Studieförbund”."),
        "{seeds}"
    );
    assert!(
        seeds
            .stderr
            .contains("note: `Instructie` was read as `instruction`"),
        "{seeds}"
    );
}

#[test]
fn the_same_id_with_another_body_is_refused() {
    let kunder = portfolio();
    let _ = send(&kunder, r#"{"taskId": "t", "agent": "pipeline"}"#, &[]).exits(0);
    let other = send(
        &kunder,
        r#"{"taskId": "t", "agent": "pipeline", "locale": "en"}"#,
        &[],
    );
    fails(
        &other,
        2,
        "`taskId` `t` belongs to a task with another body",
        Some("choose a new id"),
    );
    let accepted = kunder.run(&["task", "list", "--json"]).json_lines();
    assert_eq!(accepted.iter().filter(|task| task["taskId"] == "t").count(), 1);
}

#[test]
fn every_bad_envelope_names_what_is_wrong_and_is_not_stored() {
    let kunder = portfolio();
    let bad: [(&[u8], &str, Option<&str>); 17] = [
        (b"{", "the payload is not JSON", Some("protocols/")),
        (b"", "the payload is not JSON", Some("protocols/")),
        (b"[]", "the payload is a list, not a JSON object", Some("protocols/")),
        (b"{\"agent\":\"pipeline\"}", "`taskId` is missing", Some("choose an id")),
        (b"{\"taskId\":\"\",\"agent\":\"pipeline\"}", "`taskId` must not be empty", Some("protocols/")),
        (b"{\"taskId\":7,\"agent\":\"pipeline\"}", "`taskId` must be text, found a number", Some("protocols/")),
        (b"{\"taskId\":\"t\"}", "`agent` is missing", Some("customer-fetching, customer-health, onboarding, pipeline")),
        (b"{\"taskId\":\"t\",\"agent\":\"accounts\"}", "`agent` `accounts` is not an agent of `kunder`", Some("customer-fetching, customer-health")),
        (b"{\"taskId\":\"t\",\"agent\":{}}", "`agent` must be text, found an object", Some("protocols/")),
        (b"{\"taskId\":\"t\",\"agent\":\"pipeline\",\"instruction\":{\"command\":\"fly\"}}", "`instruction.command` `fly` is not a command", Some("pipeline-analysis")),
        (b"{\"taskId\":\"t\",\"agent\":\"pipeline\",\"context\":7}", "`context` must be an object or text, found a number", Some("protocols/")),
        (b"{\"taskId\":\"t\",\"agent\":\"pipeline\",\"deadline\":\"2020-01-01T00:00:00Z\"}", "`deadline` is in the past: 2020-01-01T00:00:00Z", Some("protocols/")),
        (b"{\"taskId\":\"t\",\"agent\":\"pipeline\",\"deadline\":\"soon\"}", "`deadline` must be an RFC 3339 time", Some("protocols/")),
        (b"{\"taskId\":\"t\",\"agent\":\"pipeline\",\"acceptanceCriteria\":[{\"metric\":\"a\",\"op\":\"~\",\"value\":1}]}", "`acceptanceCriteria[0].op` must be one of", Some("protocols/")),
        (b"{\"taskId\":\"t\",\"agent\":\"pipeline\",\"urgency\":1}", "`urgency` is not a field of the envelope", Some("taskId")),
        (b"{\"taskId\":\"t\xff\",\"agent\":\"pipeline\"}", "the payload is not UTF-8: broken at byte 12", Some("protocols/")),
        (&[b' '; 2 << 20], "the payload is 2097152 bytes, the limit is 1048576", Some("put large data into a file")),
    ];
    for (envelope, error, hint) in bad {
        fails(&send(&kunder, envelope, &[]), 2, error, hint);
    }
    fails(
        &kunder.run(&["task", "send", "/nowhere/task.json"]),
        2,
        "cannot read /nowhere/task.json",
        None,
    );
    assert_eq!(
        kunder.run(&["task", "list"]).exits(0).stdout,
        "",
        "nothing of it was accepted"
    );
    assert_eq!(
        send(&kunder, r#"{"taskId": "t", "agent": "pipeline"}"#, &[]).status,
        0,
        "and the id is still free"
    );
}

#[test]
fn status_cancel_and_list() {
    let kunder = portfolio();
    fails(
        &kunder.run(&["task", "status", "t-9"]),
        2,
        "`taskId` `t-9` is not known",
        Some("kunder task list"),
    );
    fails(
        &kunder.run(&["task", "cancel", "t-9"]),
        2,
        "`taskId` `t-9` is not known",
        Some("kunder task list"),
    );
    fails(
        &kunder.run(&["task", "status", ""]),
        2,
        "the task id must not be empty",
        None,
    );
    let answer = send(
        &kunder,
        r#"{"taskId": "t-1", "agent": "customer-health", "instruction": {"command": "list-todos"}}"#,
        &["--json"],
    )
    .exits(0);
    let status = kunder.run(&["task", "status", "t-1", "--json"]).exits(0);
    assert_eq!(outcome(&status), outcome(&answer));
    let words = kunder.run(&["task", "status", "t-1"]).exits(0);
    assert!(
        words.stdout.contains("customer-health    complete  t-1"),
        "{words}"
    );
    // What has ended stays as it ended.
    let cancelled = kunder.run(&["task", "cancel", "t-1"]).exits(0);
    assert!(
        cancelled.stdout.contains("complete  t-1") && cancelled.stdout.lines().count() == 1,
        "{cancelled}"
    );

    let failed = send(
        &kunder,
        r#"{"taskId": "t-2", "instruction": "Hämta kundinfo Zzyzx"}"#,
        &["--json"],
    )
    .exits(1);
    assert_eq!(outcome(&failed)["status"], "failed");
    let list = kunder.run(&["task", "list", "--json"]).exits(0).json_lines();
    let ids: Vec<&str> = list.iter().map(|task| task["taskId"].as_str().unwrap()).collect();
    assert_eq!(ids, ["t-2", "t-1"], "the newest first");
    let short = kunder.run(&["task", "list", "--limit", "1"]).exits(0);
    assert_eq!(short.stdout.lines().count(), 1);
    assert!(
        short.stdout.contains("failed    t-2  Ingen kund heter"),
        "{short}"
    );
}

/// A rehearsal answers like the real thing and changes nothing.
#[test]
fn a_dry_run_announces_nothing() {
    let kunder = portfolio();
    let rehearsed = outcome(
        &send(
            &kunder,
            r#"{"taskId": "t-1", "agent": "customer-health", "dryRun": true}"#,
            &["--json"],
        )
        .exits(0),
    );
    assert_eq!(rehearsed["customers"]["critical"], 2);
    assert_eq!(super::announced(&kunder), 0);
    let real = outcome(
        &send(
            &kunder,
            r#"{"taskId": "t-2", "agent": "customer-health"}"#,
            &["--json"],
        )
        .exits(0),
    );
    assert_eq!(real["customers"], rehearsed["customers"]);
    assert!(super::announced(&kunder) > 5);
}

/// Progress is told live; a cancellation stops between pages and says what was done; what it held is free at once.
#[test]
fn a_long_check_tells_its_pages_and_is_cancelled_between_them() {
    let kunder = customers(20_000);
    let config = file(
        &kunder,
        "one.yaml",
        format!("{QUIET}limits: {{concurrency: 1}}\n"),
    );
    let serve = kunder.serve_with(&["--config", &config]);
    let envelope = br#"{"taskId": "long", "agent": "customer-health", "locale": "en"}"#;
    let mut sending = kunder.start(&["task", "send", "-", "--json"], envelope);
    let status = || kunder.run(&["task", "status", "long", "--json"]);
    let live = eventually("some pages are done", || {
        let said = status();
        let status = (said.status == 0).then(|| said.json())?;
        assert!(
            status.get("status").is_none(),
            "it ended before it was looked at: {said}"
        );
        let done = status["progress"][0].as_u64()?;
        (done > 0).then_some(status)
    });
    let all = live["progress"][1].as_u64().unwrap();
    let done = live["progress"][0].as_u64().unwrap();
    assert_eq!((all, &live["state"]), (40, &json!("waiting")));
    assert_eq!(live["percent"], done * 100 / all);
    assert_eq!(
        live["words"],
        format!("{done} of 40 pages done ({} %)", done * 100 / all)
    );
    let words = kunder.run(&["task", "status", "long"]).exits(0);
    assert!(
        words
            .stdout
            .lines()
            .last()
            .unwrap()
            .contains(" of 40 pages done ("),
        "{words}"
    );

    let cancelled = kunder.run(&["task", "cancel", "long"]).exits(0);
    assert!(
        cancelled.stdout.contains("partial   long  Cancelled by "),
        "{cancelled}"
    );
    let outcome = outcome(&status().exits(0));
    let said = outcome["blockers"][1].as_str().unwrap();
    let told: u64 = said.split(' ').next().unwrap().parse().unwrap();
    assert!(
        (done..40).contains(&told) && said.ends_with(" of 40 pages were done."),
        "{outcome}"
    );
    assert!(sending.wait().unwrap().success(), "who waited got the outcome");
    // The agent works on one task at a time, and this one is not behind the pages that were left.
    let after = send(
        &kunder,
        r#"{"taskId": "after", "instruction": "Hämta kundinfo Kund 00001"}"#,
        &[],
    );
    assert_eq!(after.status, 0, "{after}");
    let doctor = kunder.run(&["doctor", "--json"]).exits(0).json();
    let tasks = &doctor["tasks"];
    assert_eq!(
        (&tasks["queued"], &tasks["running"], &tasks["waiting"]),
        (&json!(0), &json!(0), &json!(0))
    );
    assert_eq!(doctor["drift"], 0);
    assert_eq!(
        tasks["accepted"], 42,
        "the check, its forty pages and the one after it"
    );
    let metrics = kunder.run(&["metrics"]).exits(0);
    for line in [
        "kunder_tasks_accepted_total 42",
        "kunder_tasks{state=\"partial\"} 1",
        "kunder_tasks{state=\"running\"} 0",
        "kunder_tasks_drift 0",
        "kunder_decisions_hanging 0",
    ] {
        assert!(
            metrics.stdout.lines().any(|said| said == line),
            "no `{line}`: {metrics}"
        );
    }
    assert_eq!(kunder.run(&["metrics", "--json"]).exits(0).json()["drift"], 0);
    assert_eq!(serve.stop(), 0);
}
