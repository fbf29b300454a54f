//! Conversations of the chat, and settings of the runner: small texts by key.

use jiff::Timestamp;
use kunder_agent_core::journal::JournalError;
use rusqlite::{OptionalExtension, params};

use crate::moment::nanos;
use crate::open::SqliteStore;

impl SqliteStore {
    /// Keeps what a conversation stands at, as JSON, until `expires`; an earlier one of the same id is replaced,
    /// and those that have expired are forgotten.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn put_conversation(
        &self,
        id: &str,
        json: &str,
        expires: Timestamp,
    ) -> Result<(), JournalError> {
        let (id, json, now) = (id.to_owned(), json.to_owned(), nanos(self.inner.clock.now()));
        let put = self.write(move |connection| {
            connection
                .prepare_cached("DELETE FROM conversations WHERE expires <= ?1")?
                .execute(params![now])?;
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO conversations(id, expires, body) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![id, nanos(expires), json])?;
            Ok(())
        });
        Ok(put.await?)
    }

    /// What a conversation stands at, unless it has expired.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn conversation(&self, id: &str, now: Timestamp) -> Result<Option<String>, JournalError> {
        Ok(self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT body FROM conversations WHERE id = ?1 AND expires > ?2")?;
            Ok(statement
                .query_row(params![id, nanos(now)], |row| row.get(0))
                .optional()?)
        })?)
    }

    /// Keeps a text under a key of the caller's.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn set_meta(&self, key: &str, value: &str) -> Result<(), JournalError> {
        let (key, value) = (own(key), value.to_owned());
        let set = self.write(move |connection| {
            connection
                .prepare_cached("INSERT OR REPLACE INTO settings(key, value) VALUES (?1, ?2)")?
                .execute(params![key, value])?;
            Ok(())
        });
        Ok(set.await?)
    }

    /// The text that was kept under a key.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn get_meta(&self, key: &str) -> Result<Option<String>, JournalError> {
        Ok(self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT value FROM settings WHERE key = ?1")?;
            Ok(statement
                .query_row(params![own(key)], |row| row.get(0))
                .optional()?)
        })?)
    }
}

/// Callers' keys stand apart from those of the store itself.
fn own(key: &str) -> String {
    format!("runner/{key}")
}
