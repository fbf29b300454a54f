//! Tests of the schema: every question that is asked often walks an index and no table.

use kunder_domain::fact::CustomerId;
use kunder_domain::portfolio::Span;
use rusqlite::Connection;

use super::*;

fn plan(connection: &Connection, sql: &str) -> String {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let count = statement.parameter_count();
    let nulls = vec![rusqlite::types::Null; count];
    let lines = statement
        .query_map(rusqlite::params_from_iter(nulls), |row| row.get::<_, String>(3))
        .unwrap();
    lines.collect::<Result<Vec<_>, _>>().unwrap().join("; ")
}

#[track_caller]
fn uses(sql: &str, indices: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.sqlite");
    let mut connection = Connection::open(&path).unwrap();
    migrate(&mut connection, &path, Timestamp::UNIX_EPOCH).unwrap();
    let plan = plan(&connection, sql);
    for index in indices {
        assert!(plan.contains(index), "{index} is not used: {plan}");
    }
    for table in ["tasks", "outbox", "facts", "outcomes", "letters"] {
        assert!(
            !plan.contains(&format!("SCAN {table};")) && !plan.ends_with(&format!("SCAN {table}")),
            "{plan}"
        );
    }
}

#[test]
fn the_queue_and_its_timers_walk_indices() {
    uses(
        &crate::journal::queued_sql(),
        &["tasks_by_state (state=? AND agent=? AND number>?)"],
    );
    uses(
        &crate::journal::expired_sql(),
        &["tasks_by_deadline (state=? AND deadline<?)"],
    );
    uses(
        crate::journal::NEXT_DUE,
        &[
            "tasks_by_moment (state=? AND not_before>?)",
            "tasks_by_deadline (state=? AND deadline>?)",
        ],
    );
    uses(crate::journal::COUNTS, &["COVERING INDEX tasks_by_state"]);
}

#[test]
fn joins_and_lanes_walk_indices() {
    uses(crate::commit::JOIN, &["tasks_by_parent (parent=? AND state<?)"]);
    uses(crate::cancel::OPEN_BELOW, &["tasks_by_parent (parent=?)"]);
    uses(crate::outbox::DESTINATIONS, &["outbox_waiting"]);
    uses(
        "SELECT * FROM outbox WHERE state = 0 AND destination = ?1 ORDER BY number LIMIT ?2",
        &["outbox_waiting (destination=?)"],
    );
    uses(
        "SELECT * FROM outbox WHERE kind = 'event' AND number > ?1 ORDER BY number LIMIT ?2",
        &["outbox_events"],
    );
    uses(
        crate::portfolio::UNDELIVERED,
        &[
            "outbox_undelivered (state=?)",
            "outbox_undelivered (state=? AND deadline<?)",
        ],
    );
}

#[test]
fn a_page_walks_the_facts_of_its_customers() {
    let span = kunder_domain::portfolio::Span {
        after: Some(kunder_domain::fact::CustomerId::new("a")),
        upto: Some(kunder_domain::fact::CustomerId::new("b")),
    };
    uses(
        &crate::portfolio::facts_sql(&span),
        &["facts_by_customer (customer>? AND customer<?)"],
    );
}

#[test]
fn letters_are_read_by_their_numbers() {
    use kunder_agent_core::letter::LetterQuery;
    let all = LetterQuery {
        open_only: false,
        newest_first: true,
        after: 0,
        before: 9,
        limit: 1,
    };
    uses(
        &crate::letters::letters_sql(all),
        &["INTEGER PRIMARY KEY (rowid>? AND rowid<?)"],
    );
    let open = LetterQuery {
        open_only: true,
        ..all
    };
    uses(
        &crate::letters::letters_sql(open),
        &["letters_open (number>? AND number<?)"],
    );
    uses(crate::letters::COUNT_ON, &["letters_by_cause (cause=?)"]);
    uses(
        "SELECT replays FROM letters WHERE replayed_as = ?7",
        &["letters_by_replay"],
    );
    uses(
        "SELECT count(*) FROM letters WHERE state = 0",
        &["COVERING INDEX letters_open"],
    );
}

/// How often SQLite has prepared this anew while it was run with other values.
fn prepared_anew(connection: &Connection, sql: &str) -> Result<i32, crate::error::Failure> {
    let mut statement = connection.prepare(sql)?;
    for value in 1..=5 {
        let mut rows = statement.query(rusqlite::params_from_iter(vec![
            value;
            statement.parameter_count()
        ]))?;
        while rows.next()?.is_some() {}
    }
    Ok(statement.get_status(rusqlite::StatementStatus::RePrepare))
}

#[tokio::test]
async fn a_statement_is_prepared_once_whatever_is_bound_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let clock = std::sync::Arc::new(kunder::clock::SystemClock::default());
    let store = crate::SqliteStore::open(dir.path(), clock).unwrap();
    for sql in [
        crate::journal::queued_sql().as_str(),
        crate::journal::NEXT_DUE,
        crate::journal::KNOWN,
        "SELECT count(*) FROM tasks AS child WHERE child.parent = ?1 AND child.state >= 3",
    ] {
        let reads = store.read(|connection| prepared_anew(connection, sql));
        assert_eq!(reads.unwrap(), 0, "a reader: {sql}");
    }
    for sql in [crate::commit::JOIN, "SELECT number FROM tasks WHERE task_id = ?1"] {
        let writes = store.write(move |connection| prepared_anew(connection, sql));
        assert_eq!(writes.await.unwrap(), 0, "the writer: {sql}");
    }
}

#[test]
fn health_is_read_by_its_day_and_its_customers() {
    let inside = Span {
        after: Some(CustomerId::new("a")),
        upto: Some(CustomerId::new("b")),
    };
    uses(
        &crate::health::records_sql(&inside),
        &["SEARCH health USING PRIMARY KEY (day=? AND customer>? AND customer<?)"],
    );
    uses(
        &crate::health::history_sql(),
        &["SEARCH health USING PRIMARY KEY (day=? AND customer=?)"],
    );
    uses(crate::health::DAYS, &["SEARCH health USING PRIMARY KEY (day<?)"]);
    uses(
        &crate::signals::known_sql(&inside),
        &[
            "SEARCH customers USING PRIMARY KEY (id>? AND id<?)",
            "SEARCH signals USING PRIMARY KEY (customer=?)",
            "SEARCH health USING PRIMARY KEY (day=? AND customer=?)",
        ],
    );
    uses(
        crate::health::TOUCHED,
        &["SEARCH facts USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"],
    );
}
