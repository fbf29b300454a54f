//! The portfolio on SQLite: customers as of a moment, each read in one snapshot.

use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use kunder_domain::customer::Customer;
use kunder_domain::fact::{CustomerId, Fact};
use kunder_domain::health::HealthRecord;
use kunder_domain::names::NameIndex;
use kunder_domain::portfolio::{Portfolio, PortfolioError, Span, Undelivered, View};
use kunder_domain::signals::Known;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::Failure;
use crate::health;
use crate::moment::{moment, nanos, signed, unsigned};
use crate::open::SqliteStore;
use crate::signals;

#[async_trait]
impl Portfolio for SqliteStore {
    async fn view(&self, as_of: Timestamp) -> Result<View, PortfolioError> {
        Ok(self.read(|connection| {
            let last_fact: Option<i64> = connection
                .prepare_cached("SELECT max(number) FROM facts")?
                .query_row([], |row| row.get(0))?;
            Ok(View {
                as_of,
                last_fact: unsigned(last_fact.unwrap_or(0)),
            })
        })?)
    }

    async fn spans(&self, view: View, size: usize) -> Result<Vec<Span>, PortfolioError> {
        Ok(self.read(|connection| spans(connection, view, size.max(1)))?)
    }

    /// The version of each customer is that of now, not of the view: what a decision over a frozen page expects
    /// is that nobody writes between its reading and its commit.
    async fn read(&self, view: View, span: &Span) -> Result<Vec<Customer>, PortfolioError> {
        Ok(SqliteStore::read(self, |connection| {
            customers(connection, view, span)
        })?)
    }

    async fn customer(&self, view: View, id: &CustomerId) -> Result<Option<Customer>, PortfolioError> {
        Ok(SqliteStore::read(self, |connection| {
            customer(connection, view, id)
        })?)
    }

    async fn touched(&self, view: View, after: u64, limit: usize) -> Result<Vec<CustomerId>, PortfolioError> {
        Ok(SqliteStore::read(self, |connection| {
            health::touched(connection, view, after, limit)
        })?)
    }

    async fn signals(&self, view: View, span: &Span, day: Date) -> Result<Vec<Known>, PortfolioError> {
        Ok(SqliteStore::read(self, |connection| {
            signals::known(connection, view, span, day)
        })?)
    }

    async fn health_days(&self, before: Date, limit: usize) -> Result<Vec<Date>, PortfolioError> {
        Ok(SqliteStore::read(self, |connection| {
            health::days(connection, before, limit)
        })?)
    }

    async fn health_records(&self, day: Date, span: &Span) -> Result<Vec<HealthRecord>, PortfolioError> {
        Ok(SqliteStore::read(self, |connection| {
            health::records(connection, day, span)
        })?)
    }

    async fn health_history(
        &self,
        customer: &CustomerId,
        from: Date,
        to: Date,
    ) -> Result<Vec<HealthRecord>, PortfolioError> {
        Ok(SqliteStore::read(self, |connection| {
            health::history(connection, customer, from, to)
        })?)
    }

    async fn names(&self) -> Result<Arc<NameIndex>, PortfolioError> {
        Ok(SqliteStore::read(self, |connection| {
            self.current_names(connection)
        })?)
    }

    async fn undelivered(&self) -> Result<Vec<Undelivered>, PortfolioError> {
        let now = self.inner.clock.now();
        Ok(SqliteStore::read(self, |connection| {
            undelivered(connection, now)
        })?)
    }
}

impl SqliteStore {
    /// The index of names; made again only after a name has changed or a customer has come.
    fn current_names(&self, connection: &Connection) -> Result<Arc<NameIndex>, Failure> {
        let changes: i64 = connection
            .prepare_cached("SELECT value FROM meta WHERE key = 'names'")?
            .query_row([], |row| row.get(0))?;
        let cached = self
            .inner
            .names
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some((at, names)) = cached
            && at == changes
        {
            return Ok(names);
        }
        let mut statement =
            connection.prepare_cached("SELECT id, coalesce(name, id) FROM customers ORDER BY id")?;
        let named = statement.query_map([], |row| Ok((CustomerId(row.get(0)?), row.get(1)?)))?;
        let names = Arc::new(NameIndex::new(named.collect::<Result<Vec<_>, _>>()?));
        *self.inner.names.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((changes, Arc::clone(&names)));
        Ok(names)
    }
}

fn spans(connection: &Connection, view: View, size: usize) -> Result<Vec<Span>, Failure> {
    let mut statement = connection.prepare_cached(
        "SELECT id FROM customers WHERE first_observed <= ?1 AND first_fact <= ?2 ORDER BY id",
    )?;
    let mut rows = statement.query(params![nanos(view.as_of), signed(view.last_fact)])?;
    let mut spans: Vec<Span> = Vec::new();
    let mut inside = 0;
    let mut last: Option<CustomerId> = None;
    let mut after: Option<CustomerId> = None;
    while let Some(row) = rows.next()? {
        last = Some(CustomerId(row.get(0)?));
        inside += 1;
        if inside == size {
            spans.push(Span {
                after: after.take(),
                upto: last.clone(),
            });
            after = last.take();
            inside = 0;
        }
    }
    if last.is_some() {
        spans.push(Span { after, upto: last });
    }
    Ok(spans)
}

const FACT: &str = "customer, number, id, observed, observed_exact, source, actor, body";

/// Reads a row of [`FACT`].
fn fact(row: &Row<'_>) -> Result<Fact, Failure> {
    let observed = match row.get_ref(4)?.as_str_or_null().map_err(rusqlite::Error::from)? {
        None => moment(row.get(3)?),
        Some(exact) => exact
            .parse()
            .map_err(|error| Failure::Unavailable(format!("a stored moment: {error}")))?,
    };
    Ok(Fact {
        id: row.get(2)?,
        customer: CustomerId(row.get(0)?),
        observed,
        source: row.get(5)?,
        actor: row.get(6)?,
        body: serde_json::from_str(row.get_ref(7)?.as_str().map_err(rusqlite::Error::from)?)?,
    })
}

/// The condition of a span on `column`; bounds are parameters 1 and 2, and an open one is not looked at.
pub(crate) fn within(column: &str, span: &Span) -> String {
    let after = if span.after.is_some() {
        format!("{column} > ?1")
    } else {
        "?1 IS NULL".to_owned()
    };
    let upto = if span.upto.is_some() {
        format!("{column} <= ?2")
    } else {
        "?2 IS NULL".to_owned()
    };
    format!("{after} AND {upto}")
}

/// Bounds of the span, moment, last fact.
pub(crate) fn facts_sql(span: &Span) -> String {
    format!(
        "SELECT {FACT} FROM facts WHERE {} AND observed <= ?3 AND number <= ?4 ORDER BY customer, number",
        within("customer", span)
    )
}

fn customers(connection: &Connection, view: View, span: &Span) -> Result<Vec<Customer>, Failure> {
    let (after, upto) = (
        span.after.as_ref().map(CustomerId::as_str),
        span.upto.as_ref().map(CustomerId::as_str),
    );
    let mut versions = connection.prepare_cached(&format!(
        "SELECT id, version FROM customers WHERE {} ORDER BY id",
        within("id", span)
    ))?;
    let mut versions = versions.query(params![after, upto])?;
    let mut statement = connection.prepare_cached(&facts_sql(span))?;
    let mut rows = statement.query(params![after, upto, nanos(view.as_of), signed(view.last_fact)])?;

    let mut customers = Vec::new();
    let mut facts: Vec<Fact> = Vec::new();
    loop {
        let next = rows.next()?.map(fact).transpose()?;
        let same =
            matches!((&next, facts.last()), (Some(next), Some(last)) if next.customer == last.customer);
        if !same && let Some(last) = facts.last() {
            let id = last.customer.clone();
            let version = version_of(&mut versions, &id)?;
            customers.push(Customer::fold(id, version, std::mem::take(&mut facts)));
        }
        match next {
            Some(next) => facts.push(next),
            None => return Ok(customers),
        }
    }
}

/// Steps on to this customer: both lists are in the order of the ids, and every fact's customer is in the first.
fn version_of(versions: &mut rusqlite::Rows<'_>, id: &CustomerId) -> Result<u64, Failure> {
    while let Some(row) = versions.next()? {
        if row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)? == id.as_str() {
            return Ok(unsigned(row.get(1)?));
        }
    }
    Err(Failure::Unavailable(format!(
        "customer {id} has facts but no version"
    )))
}

fn customer(connection: &Connection, view: View, id: &CustomerId) -> Result<Option<Customer>, Failure> {
    let sql = format!(
        "SELECT {FACT} FROM facts WHERE customer = ?1 AND observed <= ?2 AND number <= ?3 ORDER BY number"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![id.as_str(), nanos(view.as_of), signed(view.last_fact)])?;
    let mut facts = Vec::new();
    while let Some(row) = rows.next()? {
        facts.push(fact(row)?);
    }
    if facts.is_empty() {
        return Ok(None);
    }
    let version: Option<i64> = connection
        .prepare_cached("SELECT version FROM customers WHERE id = ?1")?
        .query_row(params![id.as_str()], |row| row.get(0))
        .optional()?;
    Ok(Some(Customer::fold(
        id.clone(),
        unsigned(version.unwrap_or(0)),
        facts,
    )))
}

/// Now.
pub(crate) const UNDELIVERED: &str =
    "SELECT number, destination, subject, committed_at, coalesce(reason, 'not taken before its deadline')
         FROM outbox WHERE kind = 'request' AND state = 2
         UNION ALL
         SELECT number, destination, subject, committed_at, 'not taken before its deadline'
         FROM outbox WHERE kind = 'request' AND state = 0 AND deadline <= ?1
         ORDER BY number";

/// Requests that were given up, and those that wait although their deadline has passed.
fn undelivered(connection: &Connection, now: Timestamp) -> Result<Vec<Undelivered>, Failure> {
    let mut statement = connection.prepare_cached(UNDELIVERED)?;
    let found = statement.query_map(params![nanos(now)], |row| {
        Ok(Undelivered {
            destination: row.get(1)?,
            subject: row.get(2)?,
            since: moment(row.get(3)?),
            reason: row.get(4)?,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}
