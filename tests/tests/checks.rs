//! Checks that nobody asks for, in the whole program: every day and when there is news, through restarts and `kill -9`.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use kunder_agent_core::bus::AnnouncementKind;
use kunder_tests::system::{Kept, Kunder, Serve, eventually, open_tasks, pause};
use serde_json::Value;

const CUSTOMER: &str = "Fjällhamra Skidallians";

/// A configuration whose daily check is due at once.
fn eager() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("eager.yaml");
    std::fs::write(&file, "checks: { daily: true, at: \"00:00\", news: true }\n").unwrap();
    let path = file.to_str().unwrap().to_owned();
    (folder, path)
}

fn settled(kunder: &Kunder) {
    // A check may follow another: the alerts that it names are looked at by a task of their own.
    for _ in 0..3 {
        eventually("all checks have ended", || {
            (open_tasks(kunder.folder()) == 0).then_some(())
        });
        pause(std::time::Duration::from_millis(100));
    }
}

fn history(kunder: &Kunder) -> Value {
    kunder
        .run(&["health", "history", CUSTOMER, "--json"])
        .exits(0)
        .json()
}

fn accepted(kunder: &Kunder) -> u64 {
    kunder.run(&["doctor", "--json"]).exits(0).json()["tasks"]["accepted"]
        .as_u64()
        .unwrap()
}

#[test]
fn health_is_recorded_once_a_day_and_when_there_is_news() {
    let (kunder, (_folder, config)) = (Kunder::portfolio(), eager());
    let serve = kunder.serve_with(&["--config", &config]);
    let severity = |history: &Value| history["days"].as_array()?.last()?["severity"].as_u64();
    eventually("the day's record is there", || {
        (severity(&history(&kunder)) == Some(3)).then_some(())
    });
    settled(&kunder);
    let alerts = at_risk(&kunder, serve);
    assert!(alerts.contains("fjallhamra-skidallians"), "{alerts:?}");

    // The second start of the day asks for nothing again.
    let serve = kunder.serve_with(&["--config", &config]);
    settled(&kunder);
    let before = accepted(&kunder);
    assert_eq!(serve.stop(), 0);
    let serve = kunder.serve_with(&["--config", &config]);
    settled(&kunder);
    assert!(
        accepted(&kunder) <= before + 3,
        "only what this test has asked for itself"
    );

    // News of one customer: it is judged anew, without anybody asking.
    let _ = kunder.run(&["log", CUSTOMER, "Möte om läget"]).exits(0);
    eventually("the new record is there", || {
        (severity(&history(&kunder)) == Some(0)).then_some(())
    });
    let verified = kunder.run(&["health", "verify", "--json"]).exits(0).json();
    assert_eq!(verified["different"], serde_json::json!([]), "{verified}");
    assert!(verified["equal"].as_u64().unwrap() >= 15, "{verified}");
    assert_eq!(serve.stop(), 0);
}

/// Whose at-risk alert was told, each at most once; the folder is let go of to read it.
#[track_caller]
fn at_risk(kunder: &Kunder, serve: Serve) -> BTreeSet<String> {
    assert_eq!(serve.stop(), 0);
    let kept = Kept::read(kunder.folder());
    let mut told = BTreeSet::new();
    for announcement in kept
        .announcements
        .iter()
        .filter(|one| one.kind == AnnouncementKind::Event)
    {
        let data: Value = serde_json::from_slice(&announcement.body).unwrap();
        if announcement.subject.ends_with(".at-risk") {
            let customer = data["customerId"].as_str().unwrap().to_owned();
            assert!(told.insert(customer.clone()), "{customer} was told of twice");
        }
    }
    told
}

#[test]
fn a_process_that_is_killed_while_it_checks_loses_no_alert_and_raises_none_twice() {
    let (_folder, config) = eager();
    let undisturbed = Kunder::portfolio();
    let serve = undisturbed.serve_with(&["--config", &config]);
    eventually("the first check was asked for", || {
        (accepted(&undisturbed) > 0).then_some(())
    });
    settled(&undisturbed);
    let expected = at_risk(&undisturbed, serve);

    let kunder = Kunder::portfolio();
    for turn in 0..8 {
        let serve = kunder.serve_with(&["--config", &config]);
        pause(std::time::Duration::from_millis(10 * turn));
        serve.kill();
    }
    let serve = kunder.serve_with(&["--config", &config]);
    eventually("the check was asked for", || {
        (accepted(&kunder) > 0).then_some(())
    });
    settled(&kunder);
    assert_eq!(at_risk(&kunder, serve), expected);
    assert!(expected.len() > 3, "{expected:?}");
}
