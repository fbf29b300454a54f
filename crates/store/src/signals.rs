//! Signals that are kept of customers: one small row each, read in the order of the customers.

use jiff::civil::Date;
use kunder_domain::fact::CustomerId;
use kunder_domain::portfolio::{Span, View};
use kunder_domain::signals::{Known, LastRecord, NewSignals};
use rusqlite::{Connection, params};

use crate::error::Failure;
use crate::health;
use crate::moment::{moment, nanos, signed, unsigned};
use crate::portfolio::within;

pub(crate) fn insert(connection: &Connection, signals: &[NewSignals]) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("INSERT OR REPLACE INTO signals(customer, body) VALUES (?1, ?2)")?;
    for one in signals {
        statement.execute(params![one.customer.as_str(), one.body])?;
    }
    Ok(())
}

/// Bounds of the span, moment, last fact, day.
pub(crate) fn known_sql(span: &Span) -> String {
    format!(
        "SELECT customers.id, customers.version, customers.last_observed, signals.body, health_models.hash, health.severity
         FROM customers LEFT JOIN signals ON signals.customer = customers.id
             LEFT JOIN health ON health.day = ?5 AND health.customer = customers.id
             LEFT JOIN health_models ON health_models.number = health.model
         WHERE {} AND customers.first_observed <= ?3 AND customers.first_fact <= ?4 ORDER BY customers.id",
        within("customers.id", span)
    )
}

pub(crate) fn known(
    connection: &Connection,
    view: View,
    span: &Span,
    day: Date,
) -> Result<Vec<Known>, Failure> {
    let (after, upto) = (
        span.after.as_ref().map(CustomerId::as_str),
        span.upto.as_ref().map(CustomerId::as_str),
    );
    let mut statement = connection.prepare_cached(&known_sql(span))?;
    let mut rows = statement.query(params![
        after,
        upto,
        nanos(view.as_of),
        signed(view.last_fact),
        health::number(day)
    ])?;
    let mut known = Vec::new();
    while let Some(row) = rows.next()? {
        let last: Option<String> = row.get(4)?;
        known.push(Known {
            customer: CustomerId(row.get(0)?),
            version: unsigned(row.get(1)?),
            last_observed: moment(row.get(2)?),
            signals: row.get(3)?,
            last: last
                .map(|hash| {
                    Ok::<_, rusqlite::Error>(LastRecord {
                        hash,
                        severity: row.get(5)?,
                    })
                })
                .transpose()?,
        });
    }
    Ok(known)
}
