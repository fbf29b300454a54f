//! The same job by hand: one loop over one SQLite file, and nothing else.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use crate::{SIGNALS, id, signal, with_news};

/// Customers read and written at a time.
const PAGE: i64 = 4_096;

pub struct Hand {
    _folder: tempfile::TempDir,
    connection: Connection,
    customers: usize,
}

impl Hand {
    /// A file with a row of signals per customer, as ten numbers in a BLOB.
    pub fn new(customers: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let connection = connect(&folder.path().join("hand.sqlite"));
        connection
            .execute_batch(
                "CREATE TABLE signals (customer TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
                 CREATE TABLE scores (customer TEXT PRIMARY KEY, score REAL NOT NULL, band INTEGER NOT NULL) WITHOUT ROWID;
                 CREATE TABLE history (day INTEGER NOT NULL, customer TEXT NOT NULL, score REAL NOT NULL, band INTEGER NOT NULL,
                     PRIMARY KEY (day, customer)) WITHOUT ROWID;
                 CREATE TABLE alerts (day INTEGER NOT NULL, customer TEXT NOT NULL, band INTEGER NOT NULL);
                 BEGIN",
            )
            .expect("tables can be made");
        for customer in 0..customers {
            let signals = std::array::from_fn(|number| signal(customer, number, 0));
            put(&connection, customer, signals);
        }
        connection.execute_batch("COMMIT").expect("it is committed");
        Self {
            _folder: folder,
            connection,
            customers,
        }
    }

    pub fn news(&mut self, day: usize, count: usize) {
        self.connection.execute_batch("BEGIN").expect("it begins");
        for customer in with_news(day, self.customers, count) {
            let old: Vec<u8> = self
                .connection
                .query_row(
                    "SELECT body FROM signals WHERE customer = ?1",
                    [id(customer)],
                    |row| row.get(0),
                )
                .expect("the row is there");
            let mut signals = read(&old);
            signals[0] = signal(customer, 0, day);
            put(&self.connection, customer, signals);
        }
        self.connection.execute_batch("COMMIT").expect("it is committed");
    }

    /// Scores everybody: a page read, then its scores, history and alerts in one flushed transaction.
    pub fn day(&mut self, day: usize) -> Duration {
        let day = day as i64;
        let begun = Instant::now();
        let mut after = String::new();
        loop {
            let page = self.page(&after);
            let Some((last, ..)) = page.last() else { break };
            after.clone_from(last);
            let transaction = self.connection.transaction().expect("it begins");
            {
                let prepare = |sql| transaction.prepare_cached(sql).expect("the table is there");
                let mut score = prepare("INSERT OR REPLACE INTO scores VALUES (?1, ?2, ?3)");
                let mut history = prepare("INSERT OR REPLACE INTO history VALUES (?1, ?2, ?3, ?4)");
                let mut alert = prepare("INSERT INTO alerts VALUES (?1, ?2, ?3)");
                for (customer, points, band, before) in &page {
                    score.execute(params![customer, points, band]).expect("a row");
                    history
                        .execute(params![day, customer, points, band])
                        .expect("a row");
                    let (now, then) = (*band >= 2, before.is_some_and(|band| band >= 2));
                    if now && !then {
                        alert.execute(params![day, customer, band]).expect("a row");
                    }
                }
            }
            transaction.commit().expect("it is committed");
        }
        begun.elapsed()
    }

    fn page(&self, after: &str) -> Vec<(String, f64, i64, Option<i64>)> {
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT signals.customer, signals.body, scores.band FROM signals LEFT JOIN scores USING (customer)
                 WHERE signals.customer > ?1 ORDER BY signals.customer LIMIT ?2",
            )
            .expect("the tables are there");
        let mut rows = statement.query(params![after, PAGE]).expect("it runs");
        let mut page = Vec::with_capacity(PAGE as usize);
        while let Some(row) = rows.next().expect("a row") {
            let signals = read(row.get_ref(1).expect("a column").as_blob().expect("a BLOB"));
            let score = score(&signals);
            page.push((
                row.get(0).expect("a text"),
                score,
                band(score),
                row.get(2).expect("a number"),
            ));
        }
        page
    }

    /// The scores in the order of the customers, in thousandths.
    pub fn scores(&self) -> Vec<i64> {
        let mut statement = self
            .connection
            .prepare("SELECT score FROM scores ORDER BY customer")
            .expect("the table is there");
        let rows = statement
            .query_map([], |row| row.get::<_, f64>(0))
            .expect("it runs");
        rows.map(|score| (score.expect("a number") * 1_000.0).round() as i64)
            .collect()
    }
}

fn connect(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("a database opens");
    connection
        .execute_batch("PRAGMA journal_mode = wal; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 8192; PRAGMA cache_size = -16000")
        .expect("the settings are known");
    connection
}

fn put(connection: &Connection, customer: usize, signals: [u32; SIGNALS]) {
    let body: Vec<u8> = signals
        .iter()
        .flat_map(|signal| f64::from(*signal).to_le_bytes())
        .collect();
    connection
        .prepare_cached("INSERT OR REPLACE INTO signals VALUES (?1, ?2)")
        .expect("the table is there")
        .execute(params![id(customer), body])
        .expect("a row");
}

fn read(body: &[u8]) -> [u32; SIGNALS] {
    let number = |place: usize| {
        let bytes = body[place * 8..place * 8 + 8].try_into().expect("eight bytes");
        f64::from_le_bytes(bytes) as u32
    };
    std::array::from_fn(number)
}

/// As the model of [`crate::ours`] says: bands of points, in two groups of 0.4 and 0.6, each the mean of five.
fn score(signals: &[u32; SIGNALS]) -> f64 {
    let points = |signal: &u32| match signal {
        0..20 => 0.0,
        20..40 => 25.0,
        40..60 => 50.0,
        60..80 => 75.0,
        _ => 100.0,
    };
    let mean = |signals: &[u32]| signals.iter().map(points).sum::<f64>() / signals.len() as f64;
    0.4 * mean(&signals[..5]) + 0.6 * mean(&signals[5..])
}

/// 0 healthy to 3 critical.
fn band(score: f64) -> i64 {
    match score {
        80.0.. => 0,
        60.0.. => 1,
        40.0.. => 2,
        _ => 3,
    }
}
