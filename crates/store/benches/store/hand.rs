//! The same jobs by hand: rusqlite and nothing else.

use std::path::Path;

use kunder_agent_core::task::Task;
use kunder_domain::fact::Fact;
use rusqlite::{Connection, params};
use tokio::sync::{mpsc, oneshot};

use crate::{outcome, task};

fn connect(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("a database opens");
    connection
        .execute_batch(
            "PRAGMA journal_mode = wal; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 8192",
        )
        .expect("the settings are known");
    connection
}

/// Reads the open tasks of a store.
pub fn recover(database: &Path) -> Vec<(i64, Task)> {
    let connection = connect(database);
    connection
        .execute("UPDATE tasks SET state = 0 WHERE state = 1", [])
        .expect("the table is there");
    let mut statement = connection
        .prepare("SELECT number, body FROM tasks WHERE state = 0 AND agent = ?1 ORDER BY number")
        .expect("the table is there");
    let mut rows = statement.query([crate::AGENT]).expect("the query runs");
    let mut tasks = Vec::new();
    while let Some(row) = rows.next().expect("the row is there") {
        let body: String = row.get(1).expect("a text");
        let task = serde_json::from_str(&body).expect("a task");
        tasks.push((row.get(0).expect("a number"), task));
    }
    tasks
}

/// A queue of tasks.
pub struct Hand(Connection);

impl Hand {
    pub fn open(folder: &Path) -> Self {
        let connection = connect(&folder.join("hand.sqlite"));
        connection
            .execute_batch(
                "CREATE TABLE tasks (number INTEGER PRIMARY KEY, task_id TEXT NOT NULL UNIQUE, state INTEGER NOT NULL, body TEXT NOT NULL);
                 CREATE INDEX queue ON tasks(number) WHERE state = 0;
                 CREATE TABLE outcomes (task_id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
            )
            .expect("tables can be made");
        Self(connection)
    }

    /// Accepts, starts and ends tasks, a transaction each.
    pub fn lifecycle(&mut self, names: &[String]) {
        self.each(
            "INSERT INTO tasks(task_id, state, body) VALUES (?1, 0, ?2)",
            names,
            |name| serde_json::to_string(&task(name)).expect("a task is JSON"),
        );
        self.each(
            "UPDATE tasks SET state = 1 WHERE task_id = ?1 AND ?2 = ''",
            names,
            |_| String::new(),
        );
        let transaction = self.0.transaction().expect("a transaction begins");
        for name in names {
            let body = serde_json::to_string(&outcome(name)).expect("an outcome is JSON");
            run(
                &transaction,
                "UPDATE tasks SET state = 3 WHERE task_id = ?1 AND ?2 <> ''",
                name,
                &body,
            );
            run(&transaction, "INSERT INTO outcomes VALUES (?1, ?2)", name, &body);
        }
        transaction.commit().expect("the disk takes it");
    }

    fn each(&mut self, sql: &str, names: &[String], body: impl Fn(&str) -> String) {
        let transaction = self.0.transaction().expect("a transaction begins");
        for name in names {
            run(&transaction, sql, name, &body(name));
        }
        transaction.commit().expect("the disk takes it");
    }
}

fn run(connection: &Connection, sql: &str, name: &str, body: &str) {
    let changed = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute(params![name, body]))
        .expect("the statement runs");
    assert_eq!(changed, 1, "{name}");
}

/// A thread that commits what waits for it together.
#[derive(Clone)]
pub struct Group(mpsc::Sender<(Fact, oneshot::Sender<()>)>);

impl Group {
    pub fn open(folder: &Path) -> Self {
        let connection = connect(&folder.join("hand.sqlite"));
        connection
            .execute_batch("CREATE TABLE facts (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL)")
            .expect("tables can be made");
        let (sender, mut receiver) = mpsc::channel::<(Fact, oneshot::Sender<()>)>(1_024);
        std::thread::spawn(move || {
            while let Some(first) = receiver.blocking_recv() {
                let mut group = vec![first];
                while group.len() < 256
                    && let Ok(next) = receiver.try_recv()
                {
                    group.push(next);
                }
                let transaction = connection.unchecked_transaction().expect("a transaction begins");
                for (fact, _) in &group {
                    let body = serde_json::to_string(&fact.body).expect("a fact is JSON");
                    run(
                        &transaction,
                        "INSERT INTO facts(id, body) VALUES (?1, ?2)",
                        &fact.id,
                        &body,
                    );
                }
                transaction.commit().expect("the disk takes it");
                for (_, told) in group {
                    let _ = told.send(());
                }
            }
        });
        Self(sender)
    }

    pub async fn insert(&self, fact: Fact) {
        let (told, hears) = oneshot::channel();
        self.0.send((fact, told)).await.expect("the thread lives");
        hears.await.expect("the thread lives");
    }
}
