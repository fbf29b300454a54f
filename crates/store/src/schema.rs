//! The schema: numbered migrations, each applied once and never changed after it was released.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use crate::error::OpenError;
use crate::moment::nanos;

/// The migrations in their order; the first one makes version 1.
const MIGRATIONS: [&str; 3] = [
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
];

/// The version this build writes.
pub(crate) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Brings the file to [`VERSION`], one transaction per step.
///
/// # Errors
/// A file of a later version, of another program, or a damaged one.
pub(crate) fn migrate(connection: &mut Connection, path: &Path, now: Timestamp) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| OpenError::of(path, &error);
    let found = match version(connection).map_err(failed)? {
        Some(found) => found,
        None if is_empty(connection).map_err(failed)? => 0,
        None => {
            return Err(OpenError::Foreign {
                path: path.to_owned(),
            });
        }
    };
    if found > VERSION {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known: VERSION,
        });
    }
    for (number, step) in (1_i64..).zip(MIGRATIONS) {
        if number <= found {
            continue;
        }
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        transaction
            .execute_batch("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied INTEGER NOT NULL)")
            .and_then(|()| transaction.execute_batch(step))
            .and_then(|()| {
                transaction.execute("INSERT INTO schema_version(version, applied) VALUES (?1, ?2)", params![number, nanos(now)])
            })
            .map_err(failed)?;
        transaction.commit().map_err(failed)?;
    }
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let known = connection
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'",
            [],
            |_| Ok(()),
        )
        .optional()?;
    match known {
        Some(()) => connection.query_row("SELECT max(version) FROM schema_version", [], |row| row.get(0)),
        None => Ok(None),
    }
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

#[cfg(test)]
mod tests;
