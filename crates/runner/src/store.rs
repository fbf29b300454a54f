//! The port for the whole memory of a runner: journal, portfolio, and what the command line and the chat ask of it.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use kunder_agent_core::bus::Announcement;
use kunder_agent_core::journal::{Journal, JournalError};
use kunder_domain::change::Change;
use kunder_domain::fact::Fact;
use kunder_domain::portfolio::Portfolio;
use kunder_store::SqliteStore;
use tokio::sync::Notify;

pub use kunder_store::{CONFLICTS_NAMED_MAX, FactCounts, IngestReport, Sizes, artifact_path};

/// Everything a runner keeps.
#[async_trait]
pub trait Store: Journal<Change> + Portfolio {
    /// Stores facts, all or none; those whose id is known change nothing. On disk when this returns.
    async fn ingest(&self, facts: Vec<Fact>) -> Result<IngestReport, JournalError>;

    /// Announcements of every kind numbered above `after`, announced or not, oldest first.
    async fn announcements(&self, after: u64, limit: usize) -> Result<Vec<Announcement>, JournalError>;

    /// How many announcements wait, per destination, in the order of their names.
    async fn waiting_announcements(&self) -> Result<Vec<(String, u64)>, JournalError>;

    /// How many letters nobody has dealt with.
    async fn open_letters(&self) -> Result<u64, JournalError>;

    /// Keeps what a conversation stands at, as JSON, until `expires`; an earlier one of the same id is replaced.
    async fn put_conversation(&self, id: &str, json: &str, expires: Timestamp) -> Result<(), JournalError>;

    /// What a conversation stands at, unless it has expired.
    async fn conversation(&self, id: &str, now: Timestamp) -> Result<Option<String>, JournalError>;

    /// Wakes when facts have been stored.
    fn news(&self) -> Arc<Notify>;

    /// A text kept under a key of the caller's.
    async fn setting(&self, key: &str) -> Result<Option<String>, JournalError>;

    /// Keeps a text under a key.
    async fn set_setting(&self, key: &str, value: &str) -> Result<(), JournalError>;

    /// Counts facts, customers and sources.
    async fn fact_counts(&self) -> Result<FactCounts, JournalError>;

    /// The sizes of what it keeps on disk.
    fn sizes(&self) -> Sizes;

    /// Reads everything and says what is damaged; empty when nothing is, or where nothing lies on a disk.
    async fn damages(&self) -> Result<Vec<String>, JournalError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn ingest(&self, facts: Vec<Fact>) -> Result<IngestReport, JournalError> {
        Self::ingest(self, facts).await
    }

    async fn announcements(&self, after: u64, limit: usize) -> Result<Vec<Announcement>, JournalError> {
        Self::announcements(self, after, limit).await
    }

    async fn waiting_announcements(&self) -> Result<Vec<(String, u64)>, JournalError> {
        Self::waiting_announcements(self).await
    }

    async fn open_letters(&self) -> Result<u64, JournalError> {
        Self::open_letters(self).await
    }

    async fn put_conversation(&self, id: &str, json: &str, expires: Timestamp) -> Result<(), JournalError> {
        Self::put_conversation(self, id, json, expires).await
    }

    async fn conversation(&self, id: &str, now: Timestamp) -> Result<Option<String>, JournalError> {
        Self::conversation(self, id, now).await
    }

    fn news(&self) -> Arc<Notify> {
        Self::news(self)
    }

    async fn setting(&self, key: &str) -> Result<Option<String>, JournalError> {
        self.get_meta(key).await
    }

    async fn set_setting(&self, key: &str, value: &str) -> Result<(), JournalError> {
        self.set_meta(key, value).await
    }

    async fn fact_counts(&self) -> Result<FactCounts, JournalError> {
        Self::fact_counts(self).await
    }

    fn sizes(&self) -> Sizes {
        Self::sizes(self)
    }

    async fn damages(&self) -> Result<Vec<String>, JournalError> {
        Self::damages(self).await
    }
}
