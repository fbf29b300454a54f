//! A process that is killed: whatever it was told is stored, is stored.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use kunder_agent_core::journal::{Acceptance, Journal};
use kunder_store::{DataFolder, SqliteStore};

use crate::bench::{done, id, new_task};
use crate::clock::TestClock;

const FOLDER: &str = "KUNDER_STORE_KILLED";
const ROUND: &str = "KUNDER_STORE_KILLED_ROUND";

/// The process that is killed: accepts and ends tasks in eight lanes, and says so once it was told.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs only as the child of the next test"]
async fn child() {
    let (Some(folder), Ok(round)) = (std::env::var_os(FOLDER), std::env::var(ROUND)) else {
        return;
    };
    let folder = DataFolder::lock(folder.as_ref()).unwrap();
    let store = SqliteStore::open(folder.path(), Arc::new(TestClock::new())).unwrap();
    let epoch = store.recover().await.unwrap();
    let say = |text: String| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{text}.").and_then(|()| out.flush()).unwrap();
    };
    let lanes = (0..8).map(async |lane| {
        for number in 0.. {
            let name = format!("{round}.{lane}.{number}");
            assert!(matches!(
                store.accept(new_task(&name)).await.unwrap(),
                Acceptance::New(_)
            ));
            say(format!("accepted {name}"));
            if number % 3 > 0 {
                store.start(&id(&name), epoch);
                store.commit(done(&name, epoch)).await.unwrap();
                say(format!("done {name}"));
            }
        }
    });
    futures::future::join_all(lanes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_was_told_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let (mut accepted, mut ended) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..6_usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sqlite::killed::child", "--ignored", "--nocapture"])
            .env(FOLDER, folder.path())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = 0;
        for line in &mut lines {
            told += note(&line.unwrap(), &mut accepted, &mut ended);
            if told > 37 * (round + 1) {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said between reading and killing counts as well.
        for line in lines.map_while(Result::ok) {
            note(&line, &mut accepted, &mut ended);
        }
        assert!(told > 37, "the child worked");

        let owned = DataFolder::lock(folder.path()).unwrap();
        let store = SqliteStore::open(owned.path(), Arc::new(TestClock::new())).unwrap();
        assert_eq!(store.damages().await.unwrap(), [""; 0]);
        for name in &accepted {
            let status = store.status(&id(name)).await.unwrap();
            let status = status.unwrap_or_else(|| panic!("{name} was accepted and is lost"));
            assert!(
                status.outcome.is_some() || !ended.contains(name),
                "{name} was ended and is open"
            );
        }
        let counts = store.counts().await.unwrap();
        assert!(counts.accepted >= accepted.len() as u64 && counts.complete >= ended.len() as u64);
        assert_eq!(counts.accepted, counts.complete + counts.queued + counts.running);
    }
}

/// Counts one for a line of the child's, none for one of the harness or one that was cut short.
fn note(line: &str, accepted: &mut BTreeSet<String>, ended: &mut BTreeSet<String>) -> usize {
    match line.strip_suffix('.').and_then(|line| line.split_once(' ')) {
        Some(("accepted", name)) => usize::from(accepted.insert(name.to_owned())),
        Some(("done", name)) => usize::from(ended.insert(name.to_owned())),
        _ => 0,
    }
}
