//! Facts as they are written: append-only, each id once; what is known of a customer's versions and names follows from them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use kunder_agent_core::journal::JournalError;
use kunder_domain::fact::{Fact, FactBody, field};
use rusqlite::{Connection, params};
use tokio::sync::Notify;

use crate::error::Failure;
use crate::moment::{moment, nanos};
use crate::open::SqliteStore;

/// Ids of conflicting facts that a report names.
pub const CONFLICTS_NAMED_MAX: usize = 20;

/// What became of facts that were handed in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IngestReport {
    /// Stored now.
    pub new: u64,
    /// Known before, with the same content: nothing changed.
    pub known: u64,
    /// Known before with another content; the stored one stays.
    pub conflicts: u64,
    /// The first [`CONFLICTS_NAMED_MAX`] ids of those.
    pub conflicting: Vec<String>,
}

/// A fact as it is written.
pub(crate) struct FactRow {
    id: String,
    customer: String,
    observed: i64,
    observed_exact: Option<String>,
    source: String,
    actor: String,
    body: String,
    /// The name it gives its customer.
    name: Option<String>,
}

impl FactRow {
    pub(crate) fn new(fact: &Fact) -> Result<Self, serde_json::Error> {
        let name = match &fact.body {
            FactBody::Profile { field: known, value } if known == field::NAME => Some(value.clone()),
            _ => None,
        };
        Ok(Self {
            id: fact.id.clone(),
            customer: fact.customer.as_str().to_owned(),
            observed: nanos(fact.observed),
            observed_exact: exact(fact.observed),
            source: fact.source.clone(),
            actor: fact.actor.clone(),
            body: serde_json::to_string(&fact.body)?,
            name,
        })
    }
}

/// The moment in words, where nanoseconds cannot tell it.
fn exact(observed: Timestamp) -> Option<String> {
    (moment(nanos(observed)) != observed).then(|| observed.to_string())
}

/// What facts change about their customer.
struct CustomerChange<'a> {
    version: i64,
    first_fact: i64,
    first_observed: i64,
    /// The name observed last, with that moment and the fact's id.
    name: Option<(i64, &'a str, &'a str)>,
}

impl SqliteStore {
    /// Stores facts, all or none; those whose id is known change nothing. On disk when this returns.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn ingest(&self, facts: Vec<Fact>) -> Result<IngestReport, JournalError> {
        let rows = facts
            .iter()
            .map(FactRow::new)
            .collect::<Result<Vec<_>, _>>()
            .map_err(Failure::from)?;
        drop(facts);
        let recorded = nanos(self.inner.clock.now());
        let report = self
            .write(move |connection| insert(connection, &rows, recorded))
            .await?;
        if report.new > 0 {
            self.inner.news.notify_one();
        }
        Ok(report)
    }

    /// Wakes when facts have been stored; one who waits at a time.
    #[must_use]
    pub fn news(&self) -> Arc<Notify> {
        Arc::clone(&self.inner.news)
    }
}

/// Appends facts and brings their customers up to date.
pub(crate) fn insert(
    connection: &Connection,
    facts: &[FactRow],
    recorded: i64,
) -> Result<IngestReport, Failure> {
    let mut report = IngestReport::default();
    let mut changes: BTreeMap<&str, CustomerChange<'_>> = BTreeMap::new();
    let mut statement = connection.prepare_cached(
        "INSERT INTO facts(id, customer, observed, observed_exact, recorded, source, actor, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT(id) DO NOTHING",
    )?;
    for fact in facts {
        let inserted = statement.execute(params![
            fact.id,
            fact.customer,
            fact.observed,
            fact.observed_exact,
            recorded,
            fact.source,
            fact.actor,
            fact.body,
        ])?;
        if inserted == 0 {
            if is_same(connection, fact)? {
                report.known += 1;
            } else {
                report.conflicts += 1;
                if report.conflicting.len() < CONFLICTS_NAMED_MAX {
                    report.conflicting.push(fact.id.clone());
                }
            }
            continue;
        }
        report.new += 1;
        let number = connection.last_insert_rowid();
        let change = changes.entry(&fact.customer).or_insert(CustomerChange {
            version: number,
            first_fact: number,
            first_observed: fact.observed,
            name: None,
        });
        change.version = number;
        change.first_observed = change.first_observed.min(fact.observed);
        if let Some(name) = &fact.name {
            let named = (fact.observed, fact.id.as_str(), name.as_str());
            change.name = change.name.max(Some(named));
        }
    }
    drop(statement);
    change_customers(connection, &changes)?;
    Ok(report)
}

/// In the order of their ids, which is the order of the table.
fn change_customers(
    connection: &Connection,
    changes: &BTreeMap<&str, CustomerChange<'_>>,
) -> rusqlite::Result<()> {
    let mut known = connection.prepare_cached("SELECT 1 FROM customers WHERE id = ?1")?;
    let mut upsert = connection.prepare_cached(
        "INSERT INTO customers(id, version, first_fact, first_observed) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT(id) DO UPDATE SET version = excluded.version, first_observed = min(first_observed, excluded.first_observed)",
    )?;
    let mut rename = connection.prepare_cached(
        "UPDATE customers SET name = ?2, name_observed = ?3, name_fact = ?4
         WHERE id = ?1 AND (name_observed IS NULL OR (name_observed, name_fact) < (?3, ?4))",
    )?;
    let mut named_anew = false;
    for (customer, change) in changes {
        named_anew |= !known.exists(params![customer])?;
        upsert.execute(params![
            customer,
            change.version,
            change.first_fact,
            change.first_observed
        ])?;
        if let Some((observed, fact, name)) = change.name {
            named_anew |= rename.execute(params![customer, name, observed, fact])? > 0;
        }
    }
    if named_anew {
        connection
            .prepare_cached("UPDATE meta SET value = value + 1 WHERE key = 'names'")?
            .execute([])?;
    }
    Ok(())
}

/// Whether the stored fact with this id says the same. Bodies are compared as values where their texts differ:
/// a later build may write the same fact in another way.
fn is_same(connection: &Connection, fact: &FactRow) -> Result<bool, Failure> {
    let mut statement = connection.prepare_cached(
        "SELECT customer, observed, observed_exact, source, actor, body FROM facts WHERE id = ?1",
    )?;
    let mut rows = statement.query(params![fact.id])?;
    let Some(row) = rows.next()? else { return Ok(false) };
    let text = |column: usize| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
    let around = text(0)? == fact.customer
        && row.get::<_, i64>(1)? == fact.observed
        && row.get::<_, Option<String>>(2)? == fact.observed_exact
        && text(3)? == fact.source
        && text(4)? == fact.actor;
    if !around {
        return Ok(false);
    }
    let stored = text(5)?;
    Ok(stored == fact.body || serde_json::from_str::<FactBody>(stored)? == serde_json::from_str(&fact.body)?)
}
