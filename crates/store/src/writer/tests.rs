//! Tests of the writer: groups, their order, and what fails alone.

use std::path::Path;
use std::sync::mpsc;

use kunder_agent_core::id::TaskId;
use rusqlite::Connection;

use super::*;
use crate::seal::SoleUse;

fn connection(dir: &Path) -> Connection {
    let connection = Connection::open(dir.join("t.sqlite")).unwrap();
    connection.execute_batch("PRAGMA journal_mode = wal").unwrap();
    connection
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS rows (text TEXT NOT NULL);
             CREATE TABLE IF NOT EXISTS meta (key TEXT, value INTEGER);
             CREATE TABLE IF NOT EXISTS tasks (task_id TEXT, state INTEGER, tries INTEGER, epoch INTEGER);
             INSERT INTO meta SELECT 'epoch', 1 WHERE NOT EXISTS (SELECT 1 FROM meta)",
        )
        .unwrap();
    connection
}

fn writer(connection: Connection, dir: &Path) -> Writer {
    let file = dir.join("t.sqlite");
    let sole = SoleUse::of(&file).unwrap();
    let mover = Mover::first(&connection, file, sole).unwrap();
    Writer::new(connection, mover).unwrap()
}

fn insert(text: &str) -> impl FnOnce(&Connection) -> Result<(), Failure> + Send + 'static {
    let text = text.to_owned();
    move |connection| {
        Ok(connection
            .execute("INSERT INTO rows VALUES (?1)", params![text])
            .map(|_| ())?)
    }
}

fn rows(dir: &Path) -> Vec<String> {
    let connection = Connection::open(dir.join("t.sqlite")).unwrap();
    let mut statement = connection
        .prepare("SELECT text FROM rows ORDER BY rowid")
        .unwrap();
    statement
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

/// Holds the writer until told, so that what is sent meanwhile becomes one group.
async fn held<T>(writer: &Writer, then: impl Future<Output = T>) -> T {
    let (release, wait) = mpsc::channel::<()>();
    let (running, runs) = mpsc::channel::<()>();
    let holding = writer.write(Flush::Disk, move |_| {
        let _ = running.send(());
        let _ = wait.recv();
        Ok(())
    });
    let sending = async {
        // Once it runs, its own group is closed.
        runs.recv().unwrap();
        tokio::pin!(then);
        // The first poll sends everything, in order.
        let early = futures::poll!(&mut then);
        assert!(early.is_pending());
        release.send(()).unwrap();
        then.await
    };
    let (held, result) = futures::join!(holding, sending);
    held.unwrap();
    result
}

#[tokio::test]
async fn in_a_group_bad_operations_fail_alone() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(connection(dir.path()), dir.path());
    let refused = |connection: &Connection| -> Result<(), Failure> {
        connection.execute("INSERT INTO rows VALUES ('half of a refused one')", [])?;
        Err(Failure::Unavailable("no".to_owned()))
    };
    let broken = |connection: &Connection| -> Result<(), Failure> {
        connection.execute("INSERT INTO rows VALUES ('half of a broken one')", [])?;
        connection.execute("INSERT INTO rows VALUES (NULL)", [])?;
        Ok(())
    };
    let panicking = |connection: &Connection| -> Result<(), Failure> {
        connection.execute("INSERT INTO rows VALUES ('half of a panic')", [])?;
        panic!("a defect");
    };
    let all = async {
        futures::join!(
            writer.write(Flush::Disk, insert("a")),
            writer.write(Flush::Disk, refused),
            writer.write(Flush::Disk, insert("b")),
            writer.write(Flush::Disk, broken),
            writer.write(Flush::Disk, panicking),
            writer.write(Flush::Later, insert("c")),
        )
    };
    let (a, refused, b, broken, panicked, c) = held(&writer, all).await;
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert!(refused.is_err() && broken.is_err() && panicked.is_err());
    assert_eq!(rows(dir.path()), ["a", "b", "c"]);
}

/// A full disk fails what does not fit; nothing that was answered with success is missing.
#[tokio::test]
async fn without_space_nothing_is_promised() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(connection(dir.path()), dir.path());
    let fill = writer.write(Flush::Disk, |connection| {
        let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        connection.query_row(&format!("PRAGMA max_page_count = {}", pages + 3), [], |_| Ok(()))?;
        Ok(())
    });
    fill.await.unwrap();
    let large = "x".repeat(40_000);
    let all = async {
        futures::join!(
            writer.write(Flush::Disk, insert("a")),
            writer.write(Flush::Disk, insert(&large)),
            writer.write(Flush::Disk, insert("b")),
        )
    };
    let (a, large, b) = held(&writer, all).await;
    assert!(large.is_err());
    let promised: Vec<&str> = [("a", a.is_ok()), ("b", b.is_ok())]
        .into_iter()
        .filter(|(_, ok)| *ok)
        .map(|(text, _)| text)
        .collect();
    assert_eq!(rows(dir.path()), promised);
    writer.write(Flush::Disk, insert("later")).await.unwrap();
    assert!(
        rows(dir.path()).contains(&"later".to_owned()),
        "the writer goes on"
    );
}

/// A commit that fails takes back the whole group, and every caller is told.
#[tokio::test]
async fn a_failed_commit_fails_its_whole_group() {
    let dir = tempfile::tempdir().unwrap();
    let connection = connection(dir.path());
    connection
        .execute_batch(
            "PRAGMA foreign_keys = ON; CREATE TABLE parents (id INTEGER PRIMARY KEY);
             CREATE TABLE children (parent INTEGER REFERENCES parents(id) DEFERRABLE INITIALLY DEFERRED);
             INSERT INTO tasks VALUES ('t', 0, 0, 0)",
        )
        .unwrap();
    let writer = writer(connection, dir.path());
    let orphan = |connection: &Connection| -> Result<(), Failure> {
        Ok(connection
            .execute("INSERT INTO children VALUES (7)", [])
            .map(|_| ())?)
    };
    let all = async {
        writer.start(TaskId::new("t").unwrap(), 1);
        futures::join!(
            writer.write(Flush::Disk, insert("a")),
            writer.write(Flush::Disk, orphan)
        )
    };
    let (a, orphan) = held(&writer, all).await;
    assert!(a.is_err() && orphan.is_err());
    assert_eq!(rows(dir.path()), [""; 0]);
    writer.write(Flush::Disk, insert("next")).await.unwrap();
    assert_eq!(rows(dir.path()), ["next"]);
    let tries = writer.write(Flush::Disk, |connection| {
        Ok(
            connection.query_row("SELECT tries FROM tasks WHERE task_id = 't'", [], |row| {
                row.get::<_, i64>(0)
            })?,
        )
    });
    assert_eq!(
        tries.await.unwrap(),
        1,
        "the start is written with the next group, once"
    );
}

/// Starts neither wait for a place nor come after the operation that follows them, and survive a group that failed.
#[tokio::test]
async fn starts_come_first_even_when_the_channel_is_full() {
    let dir = tempfile::tempdir().unwrap();
    let connection = connection(dir.path());
    connection.execute_batch("BEGIN").unwrap();
    for number in 0..3_000 {
        connection
            .execute(
                "INSERT INTO tasks VALUES (?1, 0, 0, 0)",
                params![number.to_string()],
            )
            .unwrap();
    }
    connection.execute_batch("COMMIT").unwrap();
    let writer = writer(connection, dir.path());
    let seen = |task: &'static str| {
        move |connection: &Connection| -> Result<i64, Failure> {
            let sql = "SELECT state FROM tasks WHERE task_id = ?1";
            Ok(connection.query_row(sql, params![task], |row| row.get(0))?)
        }
    };
    let states = async {
        for number in 0..3_000 {
            writer.start(TaskId::new(number.to_string()).unwrap(), 1);
        }
        futures::join!(
            writer.write(Flush::Disk, seen("0")),
            writer.write(Flush::Disk, seen("2999"))
        )
    };
    let (first, last) = held(&writer, states).await;
    assert_eq!((first.unwrap(), last.unwrap()), (1, 1));
    let stale = TaskId::new("stale").unwrap();
    let prepared = writer.write(Flush::Disk, |connection| {
        Ok(connection
            .execute("INSERT INTO tasks VALUES ('stale', 0, 0, 0)", [])
            .map(|_| ())?)
    });
    prepared.await.unwrap();
    writer.start(stale, 0);
    assert_eq!(
        writer.write(Flush::Disk, seen("stale")).await.unwrap(),
        0,
        "another lease starts nothing"
    );
}

/// Dropping the handle finishes what was sent.
#[tokio::test]
async fn the_end_waits_for_what_was_sent() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(connection(dir.path()), dir.path());
    let (release, wait) = mpsc::channel::<()>();
    let mut slow = Box::pin(writer.write(Flush::Disk, move |connection| {
        let _ = wait.recv();
        insert("slow")(connection)
    }));
    assert!(futures::poll!(&mut slow).is_pending());
    drop(slow);
    release.send(()).unwrap();
    drop(writer);
    assert_eq!(rows(dir.path()), ["slow"]);
}

/// So many share a commit, and not one more: each looks from outside at what is committed when it runs.
#[tokio::test]
async fn what_waits_shares_one_commit_up_to_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(connection(dir.path()), dir.path());
    let all = (0..=GROUP_MAX).map(|number| {
        let folder = dir.path().to_owned();
        writer.write(Flush::Later, move |connection| {
            insert(&number.to_string())(connection)?;
            Ok(rows(&folder).len())
        })
    });
    // Everything is sent at the first poll, however much that is.
    let all = tokio::task::unconstrained(futures::future::join_all(all));
    let seen = held(&writer, all).await;
    let seen: Vec<usize> = seen.into_iter().map(|seen| seen.unwrap()).collect();
    assert_eq!(seen[..GROUP_MAX], [0; GROUP_MAX]);
    assert_eq!(seen[GROUP_MAX], GROUP_MAX);
}

#[test]
fn the_disk_is_waited_for_where_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let connection = connection(dir.path());
    let mut current = Flush::Disk;
    for (wanted, level) in [(Flush::Later, 1), (Flush::Later, 1), (Flush::Disk, 2)] {
        set_flush(&connection, wanted, &mut current).unwrap();
        let set = connection.query_row("PRAGMA synchronous", [], |row| row.get::<_, i64>(0));
        assert_eq!(set.unwrap(), level);
    }
}
