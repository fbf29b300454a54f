//! The file itself: old ones load, strange and damaged ones are refused with what to do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::date;
use kunder_agent_core::bus::AnnouncementKind;
use kunder_agent_core::journal::{Journal, TaskCounts, TaskState};
use kunder_agent_core::letter::{LetterKind, NewLetter};
use kunder_agent_core::outcome::Status;
use kunder_domain::change::Change;
use kunder_domain::fact::CustomerId;
use kunder_domain::health::{HealthRecord, Kept, Snapshot};
use kunder_domain::portfolio::{Portfolio, Span};
use kunder_domain::signals::NewSignals;
use kunder_store::{OpenError, SqliteStore};
use rusqlite::Connection;

use super::SqliteBench;
use crate::bench::{
    Bench, accept, accept_new, announcement, at, done, id, named, new_task, outcome, page, queue, run, wait,
};
use crate::clock::{TestClock, after};

fn open(folder: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(folder, Arc::new(TestClock::new()))
}

fn golden(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/version-{version}.sqlite"))
}

fn record() -> HealthRecord {
    HealthRecord {
        customer: CustomerId::new("k2"),
        day: date(2026, 1, 2),
        at: after(0),
        last_fact: 2,
        snapshot: Snapshot {
            model: "m".into(),
            version: 1,
            hash: "h".into(),
            score: Some("125/2".parse().unwrap()),
            state: Kept::Band("good".to_owned()),
            severity: Some(1),
            rows: BTreeMap::from([("usage/logins".into(), "125/2".parse().unwrap())]),
        },
    }
}

/// What the golden files hold: something in every table, tasks in every state.
async fn fill(bench: &SqliteBench) {
    let epoch = bench.store().recover().await.unwrap();
    bench
        .ingest(vec![named("f1", "k1", "2026-01-01T00:00:00Z", "Åsens förening")])
        .await;
    accept(bench, &["done", "running", "waiting"]).await;
    let mut timer = new_task("timer");
    timer.not_before = Some(after(60));
    timer.warnings = vec!["`TaskId` lästes som `taskId`".to_owned()];
    accept_new(bench, timer).await;
    let mut all = done("done", epoch);
    all.changes = vec![
        named("f2", "k2", "2026-01-02T00:00:00Z", "Öns förening").into(),
        Change::Health(vec![record()]),
        Change::Signals(vec![NewSignals {
            customer: CustomerId::new("k2"),
            body: vec![1, 2, 3],
        }]),
    ];
    all.announcements = vec![
        announcement("events", AnnouncementKind::Event, "m1"),
        announcement("salj", AnnouncementKind::Request, "m2"),
    ];
    run(bench, all).await.unwrap();
    bench.store().announced("events", u64::MAX).await.unwrap();
    run(bench, wait("waiting", epoch, vec![page("child")]))
        .await
        .unwrap();
    bench.store().start(&id("running"), epoch);
    bench
        .store()
        .put_conversation("c1", r#"{"ask":"vilken?"}"#, after(600))
        .await
        .unwrap();
    bench.store().set_meta("seen", "42").await.unwrap();
    let letter = NewLetter::new(
        LetterKind::Message,
        "KUNDER_IN",
        "KUNDER_IN/1/2",
        "oläslig",
        after(1),
    );
    let letter = letter.holding("kunder.in.salj.x", &[0, 159, 255]);
    bench.store().set_aside(letter, None).await.unwrap();
}

/// Writes the golden file of the present version; once per version, and never again.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes a file that is kept"]
async fn write_the_golden_file() {
    let bench = SqliteBench::new().await;
    fill(&bench).await;
    let source = Connection::open(SqliteStore::file(bench.folder.path())).unwrap();
    let version: u32 = source
        .query_row("SELECT max(version) FROM schema_version", [], |row| row.get(0))
        .unwrap();
    let target = golden(version);
    assert!(!target.exists(), "{} is kept as it is", target.display());
    source
        .execute("VACUUM INTO ?1", [target.to_str().unwrap()])
        .unwrap();
}

/// Files of every version there ever was open, and say what they said.
#[tokio::test(flavor = "multi_thread")]
async fn every_old_file_still_loads() {
    for version in 1.. {
        let golden = golden(version);
        if !golden.exists() {
            assert!(version > 1, "{} is missing", golden.display());
            break;
        }
        let mut bench = SqliteBench::new().await;
        bench.store = None;
        let file = SqliteStore::file(bench.folder.path());
        std::fs::copy(&golden, &file).unwrap();
        // The hint of a damaged file says so: what lay beside the file before is not that of the backup.
        std::fs::remove_file(file.with_extension("sqlite-seal")).unwrap();
        bench.reopen().await;
        let store = bench.store();

        let expected = TaskCounts {
            accepted: 5,
            complete: 1,
            queued: 1,
            running: 1,
            waiting: 2,
            ..TaskCounts::default()
        };
        assert_eq!(store.counts().await.unwrap(), expected);
        let status = store.status(&id("done")).await.unwrap().unwrap();
        assert_eq!(status.outcome, Some(outcome("done", Status::Complete)));
        let timer = store.record(&id("timer")).await.unwrap().unwrap();
        assert_eq!(timer.new.not_before, Some(after(60)));
        assert_eq!(timer.new.warnings, ["`TaskId` lästes som `taskId`"]);
        assert_eq!(
            store.status(&id("waiting")).await.unwrap().unwrap().progress,
            Some((0, 1))
        );
        assert_eq!(store.destinations().await.unwrap(), ["salj"]);
        assert_eq!(store.events(0, 10).await.unwrap()[0].message_id, "m1");
        let view = store.view(at("2026-02-01T00:00:00Z")).await.unwrap();
        let customer = store
            .customer(view, &CustomerId::new("k2"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(customer.name(), "Öns förening");
        assert_eq!(
            store.conversation("c1", after(0)).await.unwrap().as_deref(),
            Some(r#"{"ask":"vilken?"}"#)
        );
        assert_eq!(store.get_meta("seen").await.unwrap().as_deref(), Some("42"));
        assert_eq!(store.damages().await.unwrap(), [""; 0]);
        // There were no letters before the second version.
        assert_eq!(store.open_letters().await.unwrap(), u64::from(version >= 2));

        // There were no health records before the third version.
        let since_third = version >= 3;
        let history = store
            .health_history(&CustomerId::new("k2"), date(2026, 1, 1), date(2026, 1, 9))
            .await;
        assert_eq!(
            history.unwrap(),
            since_third.then(record).into_iter().collect::<Vec<_>>()
        );
        let known = store
            .signals(view, &Span::default(), date(2026, 1, 2))
            .await
            .unwrap();
        let told: Vec<_> = known
            .iter()
            .map(|one| (one.customer.as_str(), one.last_observed))
            .collect();
        assert_eq!(
            told,
            [
                ("k1", at("2026-01-01T00:00:00Z")),
                ("k2", at("2026-01-02T00:00:00Z"))
            ]
        );
        assert_eq!(known[1].signals, since_third.then(|| vec![1, 2, 3]));

        let epoch = store.recover().await.unwrap();
        assert_eq!(queue(&bench).await, ["running", "child"]);
        run(&bench, done("child", epoch)).await.unwrap();
        assert_eq!(
            bench.store().status(&id("waiting")).await.unwrap().unwrap().state,
            TaskState::Queued
        );
    }
}

#[test]
fn a_damaged_file_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteStore::file(folder.path());
    std::fs::write(&file, "this was once a store".repeat(1_000)).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .starts_with(&format!("{} is damaged", file.display())),
        "{error}"
    );
    assert!(error.hint().contains("backup"), "{}", error.hint());
}

/// Damage inside is found by the check that `doctor` makes, and never a panic.
#[tokio::test(flavor = "multi_thread")]
async fn damage_inside_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteStore::file(folder.path());
    std::fs::copy(golden(1), &file).unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    // The first page, with the schema, stays.
    let middle = bytes.len() / 2;
    for byte in &mut bytes[4096..middle] {
        *byte ^= 0x5A;
    }
    std::fs::write(&file, bytes).unwrap();
    match open(folder.path()) {
        Err(error) => assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}"),
        Ok(store) => match store.damages().await {
            Ok(damages) => assert!(!damages.is_empty()),
            Err(error) => assert!(error.to_string().contains("malformed"), "{error}"),
        },
    }
}

/// What was accepted is counted apart from the states: a row that is gone shows as drift.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_lost_from_its_table_shows_as_drift() {
    let bench = SqliteBench::new().await;
    accept(&bench, &["one", "two", "three"]).await;
    // The same once more is no further one.
    let _ = bench.store().accept(new_task("two")).await.unwrap();
    let counts = bench.store().counts().await.unwrap();
    assert_eq!((counts.accepted, counts.queued, counts.drift()), (3, 3, 0));
    let connection = Connection::open(SqliteStore::file(bench.folder.path())).unwrap();
    connection
        .execute("DELETE FROM tasks WHERE task_id = 'two'", [])
        .unwrap();
    let counts = bench.store().counts().await.unwrap();
    assert_eq!((counts.accepted, counts.queued, counts.drift()), (3, 2, 1));
}

/// A file of the first version begins its account with what it holds.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_file_begins_its_account_with_the_tasks_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(golden(1), SqliteStore::file(folder.path())).unwrap();
    let store = open(folder.path()).unwrap();
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.accepted, counts.drift()), (5, 0));
}

#[test]
fn a_later_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    let file = SqliteStore::file(folder.path());
    let connection = Connection::open(&file).unwrap();
    connection
        .execute("INSERT INTO schema_version(version, applied) VALUES (999, 0)", [])
        .unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 999, .. }), "{error:?}");
    assert!(error.to_string().contains("version 999"), "{error}");
    assert!(error.hint().contains("later"), "{}", error.hint());
    let version: i64 = connection
        .query_row("SELECT max(version) FROM schema_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(version, 999);
}

#[test]
fn a_strange_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::open(SqliteStore::file(folder.path())).unwrap();
    connection
        .execute_batch("CREATE TABLE recipes (name TEXT)")
        .unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1, "nothing was added to it");
}

#[test]
fn a_folder_in_the_place_of_the_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(SqliteStore::file(folder.path())).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::Unavailable { .. }), "{error:?}");
}

/// Two stores have two ids.
#[test]
fn a_store_keeps_its_id() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let clock = Arc::new(TestClock::new());
    let ids: Vec<String> = [0, 1, 0]
        .iter()
        .map(|folder: &usize| {
            SqliteStore::open(folders[*folder].path(), clock.clone())
                .unwrap()
                .store_id()
        })
        .collect();
    assert_eq!(ids[0], ids[2]);
    assert_ne!(ids[0], ids[1]);
}

/// Settings of callers do not touch those of the store.
#[tokio::test(flavor = "multi_thread")]
async fn settings_of_callers_stay_apart() {
    let mut bench = SqliteBench::new().await;
    let (store, store_id) = (bench.store(), bench.store().store_id());
    store.set_meta("store_id", "mine").await.unwrap();
    assert_eq!(store.get_meta("store_id").await.unwrap().as_deref(), Some("mine"));
    bench.reopen().await;
    assert_eq!(bench.store().store_id(), store_id);
}

/// Whoever opens the file while it is being closed waits for that, and finds it whole; while it is at work it is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_open_once_and_the_next_one_waits_for_its_end() {
    let mut bench = SqliteBench::new().await;
    fill(&bench).await;
    let refused = SqliteStore::open(bench.folder.path(), Arc::new(TestClock::new())).unwrap_err();
    assert!(matches!(refused, OpenError::Unavailable { .. }), "{refused:?}");
    assert!(
        refused.to_string().ends_with("it is still open elsewhere"),
        "{refused}"
    );
    let held = bench.store.take().unwrap();
    let folder = bench.folder.path().to_owned();
    let next = tokio::task::spawn_blocking(move || SqliteStore::open(&folder, Arc::new(TestClock::new())));
    let counts = held.counts().await.unwrap();
    drop(held);
    let next = next.await.unwrap().unwrap();
    assert_eq!(next.counts().await.unwrap(), counts);
    assert_eq!(next.damages().await.unwrap(), [""; 0]);
}

/// What doctor is told of the files, and what readers of events are told.
#[tokio::test(flavor = "multi_thread")]
async fn the_store_tells_how_large_its_files_are() {
    let bench = SqliteBench::new().await;
    fill(&bench).await;
    let store = bench.store();
    assert_eq!(store.events(0, 10).await.unwrap().len(), 1);
    assert_eq!(store.events(1, 10).await.unwrap().len(), 0);
    let sizes = store.sizes();
    assert!(sizes.database_bytes + sizes.log_bytes > 4_096, "{sizes:?}");
}

/// A row that cannot be read back ends its own task, with the reason, and holds up no other.
#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_task_fails_alone_and_is_named() {
    let bench = SqliteBench::new().await;
    accept(&bench, &["a", "broken", "c"]).await;
    let connection = Connection::open(SqliteStore::file(bench.folder.path())).unwrap();
    connection
        .execute("UPDATE tasks SET body = '{' WHERE task_id = 'broken'", [])
        .unwrap();
    assert_eq!(queue(&bench).await, ["a", "c"]);
    let status = bench.store().status(&id("broken")).await.unwrap().unwrap();
    assert_eq!(status.state, TaskState::Done);
    let outcome = status.outcome.unwrap();
    assert_eq!(outcome.report.status, Status::Failed);
    assert!(
        outcome.report.blockers[0].contains("a stored row cannot be read"),
        "{outcome:?}"
    );
    let counts = bench.store().counts().await.unwrap();
    assert_eq!((counts.failed, counts.queued), (1, 2));
    let damages = bench.store().damages().await.unwrap();
    assert!(
        matches!(&damages[..], [one] if one.contains("task number 2")),
        "{damages:?}"
    );
}

/// Doctor's check compares the file with its seal also while the store is open.
#[tokio::test(flavor = "multi_thread")]
async fn damage_that_comes_while_the_store_is_open_is_found() {
    let mut bench = SqliteBench::new().await;
    fill(&bench).await;
    bench.reopen().await;
    assert_eq!(bench.store().damages().await.unwrap(), [""; 0]);
    let file = SqliteStore::file(bench.folder.path());
    let mut bytes = std::fs::read(&file).unwrap();
    let last = bytes.len() - 100;
    bytes[last] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let damages = bench.store().damages().await.unwrap();
    assert!(
        damages
            .iter()
            .any(|damage| damage.contains("is not what was written")),
        "{damages:?}"
    );
}
