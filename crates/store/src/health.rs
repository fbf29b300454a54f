//! Health records: one row per customer and day, written in the order of the days, so that a day's check appends.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::{Date, date};
use kunder_domain::exact::Exact;
use kunder_domain::fact::CustomerId;
use kunder_domain::health::{HealthRecord, Kept, Snapshot};
use kunder_domain::portfolio::{Span, View};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::Failure;
use crate::moment::{moment, nanos, signed, unsigned};
use crate::portfolio::within;

/// States that are no band.
const NO_BAND: [(Kept, &str); 3] = [
    (Kept::NotScored, ":not_scored"),
    (Kept::Unclassified, ":unclassified"),
    (Kept::InGrace, ":in_grace"),
];

/// A record as it is written.
pub(crate) struct HealthRow {
    day: i64,
    customer: String,
    model: ModelKey,
    at: i64,
    last_fact: i64,
    state: String,
    severity: Option<u8>,
    score: Option<String>,
    points: String,
}

/// A model with the names of the rows it gave.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct ModelKey {
    hash: String,
    rows: String,
    id: String,
    version: i64,
}

impl HealthRow {
    pub(crate) fn new(record: &HealthRecord) -> Result<Self, serde_json::Error> {
        let snapshot = &record.snapshot;
        let names: Vec<&String> = snapshot.rows.keys().collect();
        let points: Vec<String> = snapshot.rows.values().map(Exact::to_string).collect();
        Ok(Self {
            day: number(record.day),
            customer: record.customer.as_str().to_owned(),
            model: ModelKey {
                hash: snapshot.hash.clone(),
                rows: serde_json::to_string(&names)?,
                id: snapshot.model.clone(),
                version: i64::from(snapshot.version),
            },
            at: nanos(record.at),
            last_fact: signed(record.last_fact),
            state: state(&snapshot.state),
            severity: snapshot.severity,
            score: snapshot.score.as_ref().map(Exact::to_string),
            points: points.join(" "),
        })
    }
}

/// Writes records. Of two of one customer and day the later moment stays, whichever comes first.
pub(crate) fn insert(connection: &Connection, rows: &[HealthRow]) -> Result<(), Failure> {
    let mut models: BTreeMap<&ModelKey, i64> = BTreeMap::new();
    let mut statement = connection.prepare_cached(
        "INSERT INTO health(day, customer, model, at, last_fact, state, severity, score, points) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT(day, customer) DO UPDATE SET model = excluded.model, at = excluded.at, last_fact = excluded.last_fact,
             state = excluded.state, severity = excluded.severity, score = excluded.score, points = excluded.points
         WHERE (excluded.at, excluded.last_fact) >= (at, last_fact)",
    )?;
    for row in rows {
        let model = match models.get(&row.model) {
            Some(model) => *model,
            None => {
                let model = row.model.number(connection)?;
                models.insert(&row.model, model);
                model
            }
        };
        statement.execute(params![
            row.day,
            row.customer,
            model,
            row.at,
            row.last_fact,
            row.state,
            row.severity,
            row.score,
            row.points
        ])?;
    }
    Ok(())
}

impl ModelKey {
    /// Its number; a model that is new gets the next one.
    fn number(&self, connection: &Connection) -> Result<i64, Failure> {
        let known = connection
            .prepare_cached(
                "SELECT number FROM health_models WHERE hash = ?1 AND rows = ?2 AND id = ?3 AND version = ?4",
            )?
            .query_row(params![self.hash, self.rows, self.id, self.version], |row| {
                row.get(0)
            })
            .optional()?;
        if let Some(number) = known {
            return Ok(number);
        }
        connection
            .prepare_cached("INSERT INTO health_models(hash, rows, id, version) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![self.hash, self.rows, self.id, self.version])?;
        Ok(connection.last_insert_rowid())
    }
}

const RECORD: &str =
    "health.day, health.customer, health.at, health.last_fact, health.state, health.score, health.points,
    health_models.id, health_models.version, health_models.hash, health_models.rows, health.severity";

/// Reads a row of [`RECORD`].
fn record(row: &Row<'_>) -> Result<HealthRecord, Failure> {
    let unreadable =
        |what: &dyn std::fmt::Display| Failure::Unavailable(format!("a stored health record: {what}"));
    let exact = |text: &str| text.parse::<Exact>().map_err(|error| unreadable(&error));
    let text = |column: usize| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
    let names: Vec<String> = serde_json::from_str(text(10)?)?;
    let points: Vec<&str> = text(6)?.split_terminator(' ').collect();
    if names.len() != points.len() {
        return Err(unreadable(&format!(
            "{} rows, {} points",
            names.len(),
            points.len()
        )));
    }
    let rows = names
        .into_iter()
        .zip(points)
        .map(|(name, points)| Ok((name, exact(points)?)));
    let score = row.get_ref(5)?.as_str_or_null().map_err(rusqlite::Error::from)?;
    Ok(HealthRecord {
        customer: CustomerId(row.get(1)?),
        day: day(row.get(0)?),
        at: moment(row.get(2)?),
        last_fact: unsigned(row.get(3)?),
        snapshot: Snapshot {
            model: row.get(7)?,
            version: row.get(8)?,
            hash: row.get(9)?,
            score: score.map(exact).transpose()?,
            state: kept(text(4)?),
            severity: row.get(11)?,
            rows: rows.collect::<Result<_, Failure>>()?,
        },
    })
}

/// Bound, limit.
pub(crate) const DAYS: &str = "WITH RECURSIVE days(day) AS (
        SELECT max(day) FROM health WHERE day < ?1
        UNION ALL
        SELECT (SELECT max(day) FROM health WHERE day < days.day) FROM days WHERE days.day IS NOT NULL
    ) SELECT day FROM days WHERE day IS NOT NULL LIMIT ?2";

pub(crate) fn days(connection: &Connection, before: Date, limit: usize) -> Result<Vec<Date>, Failure> {
    let mut statement = connection.prepare_cached(DAYS)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![number(before), limit], |row| Ok(day(row.get(0)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Bounds of the span, day.
pub(crate) fn records_sql(span: &Span) -> String {
    format!(
        "SELECT {RECORD} FROM health JOIN health_models ON health_models.number = health.model
         WHERE health.day = ?3 AND {} ORDER BY health.customer",
        within("health.customer", span)
    )
}

pub(crate) fn records(connection: &Connection, on: Date, span: &Span) -> Result<Vec<HealthRecord>, Failure> {
    let (after, upto) = (
        span.after.as_ref().map(CustomerId::as_str),
        span.upto.as_ref().map(CustomerId::as_str),
    );
    let mut statement = connection.prepare_cached(&records_sql(span))?;
    read(&mut statement.query(params![after, upto, number(on)])?)
}

/// Customer, first day, last day.
pub(crate) fn history_sql() -> String {
    format!(
        "WITH RECURSIVE days(day) AS (
            SELECT min(day) FROM health WHERE day >= ?2
            UNION ALL
            SELECT (SELECT min(day) FROM health WHERE day > days.day) FROM days WHERE days.day < ?3
        ) SELECT {RECORD} FROM days CROSS JOIN health ON health.day = days.day AND health.customer = ?1
          JOIN health_models ON health_models.number = health.model
          WHERE days.day <= ?3 ORDER BY days.day"
    )
}

pub(crate) fn history(
    connection: &Connection,
    customer: &CustomerId,
    from: Date,
    to: Date,
) -> Result<Vec<HealthRecord>, Failure> {
    let mut statement = connection.prepare_cached(&history_sql())?;
    read(&mut statement.query(params![customer.as_str(), number(from), number(to)])?)
}

fn read(rows: &mut rusqlite::Rows<'_>) -> Result<Vec<HealthRecord>, Failure> {
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(record(row)?);
    }
    Ok(records)
}

/// Last fact of the view and its moment, the fact to begin after, limit. Bodies begin with their kind.
pub(crate) const TOUCHED: &str = "SELECT DISTINCT customer FROM facts WHERE number > ?3 AND number <= ?1 AND observed <= ?2
    AND body NOT GLOB '{\"kind\":\"alert\"*' AND body NOT GLOB '{\"kind\":\"told\"*' ORDER BY customer LIMIT ?4";

pub(crate) fn touched(
    connection: &Connection,
    view: View,
    after: u64,
    limit: usize,
) -> Result<Vec<CustomerId>, Failure> {
    let mut statement = connection.prepare_cached(TOUCHED)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let bounds = params![signed(view.last_fact), nanos(view.as_of), signed(after), limit];
    let rows = statement.query_map(bounds, |row| Ok(CustomerId(row.get(0)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn state(kept: &Kept) -> String {
    if let Kept::Band(key) = kept {
        return key.clone();
    }
    let known = NO_BAND.iter().find(|(state, _)| state == kept);
    known.map_or("", |(_, text)| text).to_owned()
}

fn kept(text: &str) -> Kept {
    let known = NO_BAND.iter().find(|(_, known)| *known == text);
    known.map_or_else(|| Kept::Band(text.to_owned()), |(kept, _)| kept.clone())
}

const EPOCH: Date = date(1970, 1, 1);

/// Days since 1970.
fn number(day: Date) -> i64 {
    EPOCH.until(day).map_or(0, |span| i64::from(span.get_days()))
}

fn day(number: i64) -> Date {
    EPOCH
        .checked_add(number.days())
        .unwrap_or(if number < 0 { Date::MIN } else { Date::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_states_return() {
        for at in [
            EPOCH,
            date(1969, 12, 31),
            date(2026, 11, 26),
            Date::MIN,
            Date::MAX,
        ] {
            assert_eq!(day(number(at)), at);
        }
        for one in [
            Kept::NotScored,
            Kept::Unclassified,
            Kept::InGrace,
            Kept::Band("at_risk".to_owned()),
        ] {
            assert_eq!(kept(&state(&one)), one);
        }
    }
}
