//! Options, the configuration file, definitions, the data folder, `kunder doctor` and `kunder schema`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use kunder_tests::system::{Kunder, Output, binary};

use super::{fails, file, portfolio};

#[test]
fn doctor_says_what_there_is_and_what_would_be_lost() {
    let kunder = portfolio();
    let _ = kunder.run(&["ask", "Kör kundhälsokoll"]).exits(0);
    let said = kunder.run(&["doctor"]).exits(0);
    for line in [
        "data         ",
        "store        SQLite, WAL, synchronous=FULL",
        "bus          in-process",
        "definitions  shipped (satori)",
        "to announce  ",
        "if           the disk below",
    ] {
        assert!(
            said.stdout.lines().any(|said| said.starts_with(line)),
            "no `{line}`: {said}"
        );
    }
    let diagnosis = kunder.run(&["doctor", "--json"]).exits(0).json();
    assert_eq!(diagnosis["customers"], 15);
    let tasks = &diagnosis["tasks"];
    let sum: u64 = ["complete", "partial", "failed", "queued", "running", "waiting"]
        .iter()
        .map(|state| tasks[state].as_u64().unwrap())
        .sum();
    assert_eq!(tasks["accepted"], sum);
    assert!(sum > 2);
}

#[test]
fn schema_writes_the_protocol_folder() {
    let kunder = Kunder::temporary();
    let out = kunder.folder().with_file_name("protocols");
    let said = kunder.run(&["schema", "--out", out.to_str().unwrap()]).exits(0);
    assert!(said.stdout.contains(" files written to "), "{said}");
    let there = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocols");
    for name in [
        "task.schema.json",
        "outcome.schema.json",
        "events.json",
        "examples/task.json",
    ] {
        assert_eq!(
            std::fs::read(out.join(name)).unwrap(),
            std::fs::read(there.join(name)).unwrap(),
            "{name}"
        );
    }
    assert!(!kunder.folder().exists(), "no data folder is made for it");
    let file = file(&kunder, "file", "");
    fails(
        &kunder.run(&["schema", "--out", &file]),
        2,
        "cannot write to ",
        None,
    );
}

#[test]
fn wrong_options_are_usage() {
    let kunder = Kunder::temporary();
    fails(
        &kunder.run(&["ask", "Pipeline-analys", "--bogus"]),
        2,
        "unexpected argument '--bogus'",
        None,
    );
    fails(
        &kunder.run(&["ask"]),
        2,
        "required arguments were not provided",
        None,
    );
    fails(
        &kunder.run(&["ask", "Pipeline-analys", "--locale", "nl"]),
        2,
        "invalid value 'nl'",
        None,
    );
    fails(
        &kunder.run(&["task", "send"]),
        2,
        "required arguments were not provided",
        None,
    );
    fails(
        &kunder.run(&["schema"]),
        2,
        "required arguments were not provided",
        None,
    );
    fails(
        &kunder.run(&["import", "x.csv"]),
        2,
        "required arguments were not provided",
        None,
    );
    fails(
        &kunder.run(&["ask", "Pipeline-analys", "--nats", "nats://127.0.0.1:1"]),
        2,
        "cannot reach NATS at nats://127.0.0.1:1",
        Some("is the server running"),
    );
    fails(
        &kunder.run(&["serve", "--nats", "nats://127.0.0.1:1"]),
        2,
        "cannot reach NATS at nats://127.0.0.1:1",
        Some("nats-server -js"),
    );
}

#[test]
fn help_is_there_for_every_command() {
    let kunder = Kunder::temporary();
    let help = kunder.run(&["--help"]).exits(0);
    assert!(
        help.stdout
            .contains("Exit codes: 0 complete or partial, 1 failed, 2 usage or configuration."),
        "{help}"
    );
    for command in [
        vec!["demo"],
        vec!["serve"],
        vec!["ask"],
        vec!["task"],
        vec!["task", "send"],
        vec!["task", "status"],
        vec!["task", "cancel"],
        vec!["task", "list"],
        vec!["import"],
        vec!["events"],
        vec!["schema"],
        vec!["log"],
        vec!["todo"],
        vec!["todo", "add"],
        vec!["todo", "done"],
        vec!["todo", "list"],
        vec!["doctor"],
        vec!["metrics"],
    ] {
        assert!(
            help.stdout.contains(&format!("\n  {} ", command[0])),
            "{command:?} is not in the help"
        );
        let said = kunder.run(&[command, vec!["--help"]].concat()).exits(0);
        let options = said
            .stdout
            .lines()
            .filter(|line| line.trim_start().starts_with(['-', '<', '[']));
        for option in options {
            assert!(
                option.trim().contains("  "),
                "`{option}` is not explained: {said}"
            );
        }
    }
}

#[test]
fn a_configuration_file_is_checked_whole() {
    let kunder = Kunder::temporary();
    let with = |content: &str| {
        let path = file(&kunder, "kunder.yaml", content);
        kunder.run(&["ask", "Pipeline-analys", "--config", &path])
    };
    fails(
        &with("natz: nats://x\n"),
        2,
        "unknown field `natz`, expected one of data, nats",
        None,
    );
    fails(
        &with("limits: {mailbox: 0}\n"),
        2,
        "`limits.mailbox` must be at least 1",
        None,
    );
    fails(&with("process: a.b\n"), 2, "`process` must be one token", None);
    fails(
        &kunder.run(&["doctor", "--config", "/nowhere.yaml"]),
        2,
        "cannot read /nowhere.yaml",
        None,
    );
    assert!(
        !kunder.folder().exists(),
        "nothing is opened before the configuration is known to be right"
    );
    let _ = with("limits: {outcome_rows_max: 2}\n").exits(0);
}

#[test]
fn a_limit_of_rows_cuts_lists_and_says_so() {
    let kunder = portfolio();
    let path = file(&kunder, "kunder.yaml", "limits: {outcome_rows_max: 2}\n");
    let check = super::outcome(
        &kunder
            .run(&["ask", "Kör kundhälsokoll", "--json", "--config", &path])
            .exits(0),
    );
    assert_eq!(
        (
            check["health"].as_array().unwrap().len(),
            &check["customers"]["total_managed"]
        ),
        (2, &15.into())
    );
    let cut = check["cut"]
        .as_array()
        .unwrap()
        .iter()
        .find(|cut| cut["list"] == "health")
        .unwrap();
    assert_eq!((&cut["shown"], &cut["total"]), (&2.into(), &15.into()));
    let artifact = std::fs::read_to_string(kunder.folder().join(cut["artifact"].as_str().unwrap())).unwrap();
    assert_eq!(artifact.lines().count(), 15);
}

/// D-05, S0-36: rules are files; a wrong one is named by file and line, a changed one decides.
#[test]
fn definitions_of_a_folder_take_the_place_of_the_shipped_ones() {
    let kunder = portfolio();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../definitions/satori");
    let folder = kunder.folder().with_file_name("definitions");
    std::fs::create_dir(&folder).unwrap();
    for entry in std::fs::read_dir(shipped).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    let (health, path) = (folder.join("health.yaml"), folder.to_str().unwrap());
    let right = std::fs::read_to_string(&health).unwrap();
    let ask = || kunder.run(&["ask", "Kör kundhälsokoll", "--json", "--definitions", path]);
    let before = super::outcome(&ask().exits(0));
    std::fs::write(&health, right.replace("red_days: 90", "red_days: 100")).unwrap();
    let after = super::outcome(&ask().exits(0));
    assert!(
        after["customers"]["critical"].as_u64() < before["customers"]["critical"].as_u64(),
        "{after}"
    );
    assert_ne!(before["definitions"][0]["hash"], after["definitions"][0]["hash"]);

    for (wrong, error) in [
        (right.replace("version: 1", "version: one"), "health.yaml:7"),
        (
            right.replace("days_since_contact > red_days", "days_since_lunch > red_days"),
            "days_since_lunch",
        ),
        (right.replace("params:", "parms:"), "parms"),
        (right.replace("band: akut", "band: rosa"), "rosa"),
    ] {
        std::fs::write(&health, wrong).unwrap();
        let refused = ask();
        fails(&refused, 2, "health.yaml", None);
        assert!(refused.stderr.contains(error), "no `{error}`: {refused}");
    }
    std::fs::remove_file(&health).unwrap();
    fails(&ask(), 2, "health", None);
    fails(
        &kunder.run(&["doctor", "--definitions", "/nowhere"]),
        2,
        "cannot read the definitions in /nowhere",
        None,
    );
}

#[test]
fn a_data_folder_that_cannot_be_is_told() {
    let kunder = Kunder::temporary();
    let blocked = Kunder::new(file(&kunder, "a-file", "this is no folder"));
    fails(
        &blocked.run(&["doctor"]),
        2,
        "as data folder",
        Some("choose a folder that this user may write"),
    );
    let damaged = Kunder::new(kunder.folder().with_file_name("damaged"));
    std::fs::create_dir(damaged.folder()).unwrap();
    std::fs::write(
        damaged.folder().join("kunder.sqlite"),
        "this is no database, whatever its name says, and it is long enough to be read",
    )
    .unwrap();
    let refused = damaged.run(&["ask", "Pipeline-analys"]);
    assert_eq!(refused.status, 2, "{refused}");
    assert!(
        refused.stderr.starts_with("error: ") && refused.stderr.contains("hint: "),
        "{refused}"
    );
}

/// A byte that changed in the file of the store: nothing is served from it, and the operator is told what to do.
#[test]
fn a_damaged_store_is_refused_with_what_to_do() {
    let kunder = Kunder::temporary();
    assert_eq!(kunder.run(&["ask", "Pipeline-analys"]).status, 0);
    let store = kunder.folder().join("kunder.sqlite");
    let mut bytes = std::fs::read(&store).unwrap();
    let last = bytes.len() - 100;
    bytes[last] ^= 1;
    std::fs::write(&store, bytes).unwrap();
    for command in ["doctor", "serve"] {
        fails(
            &kunder.run(&[command]),
            2,
            "is not what was written",
            Some("put a backup in its place"),
        );
    }
}

/// The option comes first, then the environment, then `kunder-data` in the folder where one stands.
#[test]
fn the_data_folder_is_that_of_the_option_then_of_the_environment() {
    let place = tempfile::tempdir().unwrap();
    let doctor = |environment: Option<&str>, arguments: &[&str]| {
        let mut command = Command::new(binary());
        command
            .args(["doctor", "--json"])
            .args(arguments)
            .current_dir(place.path())
            .env_remove("KUNDER_DATA");
        command.envs(environment.map(|data| ("KUNDER_DATA", data)));
        Output::of(&mut command, b"", Duration::from_secs(120))
            .exits(0)
            .json()["data"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(doctor(None, &[]), "kunder-data");
    assert_eq!(doctor(Some("theirs"), &[]), "theirs");
    assert_eq!(doctor(Some("theirs"), &["--data", "mine"]), "mine");
    assert!(place.path().join("mine/kunder.sqlite").exists());
}
