//! Health records: one row per customer and day, written in the order of the days, so that a day's check appends.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write;
use std::sync::Arc;

use jiff::ToSpan;
use jiff::civil::{Date, date};
use kunder_domain::exact::Exact;
use kunder_domain::fact::CustomerId;
use kunder_domain::health::{HealthRecord, Kept, SameHealth, Snapshot};
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

/// Records as they are written.
#[derive(Default)]
pub(crate) struct HealthRows {
    /// Models with the names of the rows they gave, in the order they were met.
    models: Vec<ModelKey>,
    rows: Vec<HealthRow>,
}

struct HealthRow {
    day: i64,
    customer: CustomerId,
    /// Its place among the models.
    model: usize,
    at: i64,
    last_fact: i64,
    state: String,
    severity: Option<u8>,
    score: Option<String>,
    points: String,
}

/// A model with the names of the rows it gave.
struct ModelKey {
    id: Arc<str>,
    version: u32,
    hash: Arc<str>,
    rows: Vec<Arc<str>>,
}

impl HealthRows {
    pub(crate) fn push(&mut self, record: HealthRecord) {
        let HealthRecord {
            customer,
            day,
            at,
            last_fact,
            snapshot,
        } = record;
        // Neighbours have one model, mostly.
        let known = self.models.iter().rposition(|model| model.gave(&snapshot));
        let model = known.unwrap_or_else(|| {
            self.models.push(ModelKey {
                id: snapshot.model,
                version: snapshot.version,
                hash: snapshot.hash,
                rows: snapshot.rows.keys().cloned().collect(),
            });
            self.models.len() - 1
        });
        let mut points = String::with_capacity(snapshot.rows.len() * 4);
        for contribution in snapshot.rows.values() {
            if !points.is_empty() {
                points.push(' ');
            }
            // A text takes whatever is written.
            let _ = write!(points, "{contribution}");
        }
        self.rows.push(HealthRow {
            day: number(day),
            customer,
            model,
            at: nanos(at),
            last_fact: signed(last_fact),
            state: state(snapshot.state),
            severity: snapshot.severity,
            score: snapshot.score.as_ref().map(Exact::to_string),
            points,
        });
    }

    /// Writes them. Of two of one customer and day the later moment stays, whichever comes first.
    pub(crate) fn insert(&self, connection: &Connection) -> Result<(), Failure> {
        let models = self.models.iter().map(|model| model.number(connection));
        let models = models.collect::<Result<Vec<i64>, Failure>>()?;
        let mut statement = connection.prepare_cached(
            "INSERT INTO health(day, customer, model, at, last_fact, state, severity, score, points)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT(day, customer) DO UPDATE SET model = excluded.model, at = excluded.at, last_fact = excluded.last_fact,
                 state = excluded.state, severity = excluded.severity, score = excluded.score, points = excluded.points
             WHERE (excluded.at, excluded.last_fact) >= (at, last_fact)",
        )?;
        for row in &self.rows {
            statement.execute(params![
                row.day,
                row.customer.as_str(),
                models[row.model],
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
}

/// Day, moment, last fact, the earlier day, those excepted; bounds of the span before them.
fn same_sql(span: &Span) -> String {
    format!(
        "INSERT INTO health(day, customer, model, at, last_fact, state, severity, score, points)
         SELECT ?3, customer, model, ?4, ?5, state, severity, score, points FROM health
         WHERE day = ?6 AND {} AND customer NOT IN (SELECT value FROM json_each(?7))
         ON CONFLICT(day, customer) DO UPDATE SET model = excluded.model, at = excluded.at, last_fact = excluded.last_fact,
             state = excluded.state, severity = excluded.severity, score = excluded.score, points = excluded.points
         WHERE (excluded.at, excluded.last_fact) >= (at, last_fact)",
        within("customer", span)
    )
}

/// Writes the records of an earlier day again.
pub(crate) fn again(connection: &Connection, same: &SameHealth) -> Result<(), Failure> {
    let (after, upto) = (
        same.span.after.as_ref().map(CustomerId::as_str),
        same.span.upto.as_ref().map(CustomerId::as_str),
    );
    let except: Vec<&str> = same.except.iter().map(CustomerId::as_str).collect();
    let except = serde_json::to_string(&except)?;
    connection
        .prepare_cached(&same_sql(&same.span))?
        .execute(params![
            after,
            upto,
            number(same.day),
            nanos(same.at),
            signed(same.last_fact),
            number(same.of),
            except
        ])?;
    Ok(())
}

impl ModelKey {
    fn gave(&self, snapshot: &Snapshot) -> bool {
        self.hash == snapshot.hash
            && self.id == snapshot.model
            && self.version == snapshot.version
            && self.rows.iter().eq(snapshot.rows.keys())
    }

    /// Its number; a model that is new gets the next one.
    fn number(&self, connection: &Connection) -> Result<i64, Failure> {
        let rows = serde_json::to_string(&self.rows.iter().map(|name| &**name).collect::<Vec<&str>>())?;
        let key = params![&*self.hash, rows, &*self.id, self.version];
        let known = connection
            .prepare_cached(
                "SELECT number FROM health_models WHERE hash = ?1 AND rows = ?2 AND id = ?3 AND version = ?4",
            )?
            .query_row(key, |row| row.get(0))
            .optional()?;
        if let Some(number) = known {
            return Ok(number);
        }
        connection
            .prepare_cached("INSERT INTO health_models(hash, rows, id, version) VALUES (?1, ?2, ?3, ?4)")?
            .execute(key)?;
        Ok(connection.last_insert_rowid())
    }

    /// The models with these numbers.
    fn read(connection: &Connection, number: i64) -> Result<Self, Failure> {
        let mut statement = connection
            .prepare_cached("SELECT id, version, hash, rows FROM health_models WHERE number = ?1")?;
        let mut rows = statement.query(params![number])?;
        let row = rows
            .next()?
            .ok_or_else(|| unreadable(&format!("there is no model {number}")))?;
        let text = |column: usize| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
        let names: Vec<String> = serde_json::from_str(text(3)?)?;
        Ok(Self {
            id: text(0)?.into(),
            version: row.get(1)?,
            hash: text(2)?.into(),
            rows: names.into_iter().map(Arc::from).collect(),
        })
    }
}

const RECORD: &str =
    "health.day, health.customer, health.model, health.at, health.last_fact, health.state, health.severity,
    health.score, health.points";

fn unreadable(what: &dyn std::fmt::Display) -> Failure {
    Failure::Unavailable(format!("a stored health record: {what}"))
}

/// Reads a row of [`RECORD`]; each model is read once.
fn record(
    connection: &Connection,
    row: &Row<'_>,
    models: &mut BTreeMap<i64, ModelKey>,
) -> Result<HealthRecord, Failure> {
    let exact = |text: &str| text.parse::<Exact>().map_err(|error| unreadable(&error));
    let number: i64 = row.get(2)?;
    let model = match models.entry(number) {
        Entry::Occupied(model) => model.into_mut(),
        Entry::Vacant(place) => place.insert(ModelKey::read(connection, number)?),
    };
    let points = row.get_ref(8)?.as_str().map_err(rusqlite::Error::from)?;
    let mut points = points.split_terminator(' ');
    let mut rows = BTreeMap::new();
    for name in &model.rows {
        let contribution = points
            .next()
            .ok_or_else(|| unreadable(&"it has fewer points than its model has rows"))?;
        rows.insert(Arc::clone(name), exact(contribution)?);
    }
    let score = row.get_ref(7)?.as_str_or_null().map_err(rusqlite::Error::from)?;
    Ok(HealthRecord {
        customer: CustomerId(row.get(1)?),
        day: day(row.get(0)?),
        at: moment(row.get(3)?),
        last_fact: unsigned(row.get(4)?),
        snapshot: Snapshot {
            model: Arc::clone(&model.id),
            version: model.version,
            hash: Arc::clone(&model.hash),
            score: score.map(exact).transpose()?,
            state: kept(row.get_ref(5)?.as_str().map_err(rusqlite::Error::from)?),
            severity: row.get(6)?,
            rows,
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
        "SELECT {RECORD} FROM health
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
    read(
        connection,
        &mut statement.query(params![after, upto, number(on)])?,
    )
}

/// Customer, first day, last day.
pub(crate) fn history_sql() -> String {
    format!(
        "WITH RECURSIVE days(day) AS (
            SELECT min(day) FROM health WHERE day >= ?2
            UNION ALL
            SELECT (SELECT min(day) FROM health WHERE day > days.day) FROM days WHERE days.day < ?3
        ) SELECT {RECORD} FROM days CROSS JOIN health ON health.day = days.day AND health.customer = ?1
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
    read(
        connection,
        &mut statement.query(params![customer.as_str(), number(from), number(to)])?,
    )
}

fn read(connection: &Connection, rows: &mut rusqlite::Rows<'_>) -> Result<Vec<HealthRecord>, Failure> {
    let (mut records, mut models) = (Vec::new(), BTreeMap::new());
    while let Some(row) = rows.next()? {
        records.push(record(connection, row, &mut models)?);
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

fn state(kept: Kept) -> String {
    if let Kept::Band(key) = kept {
        return key;
    }
    let known = NO_BAND.iter().find(|(state, _)| *state == kept);
    known.map_or("", |(_, text)| text).to_owned()
}

fn kept(text: &str) -> Kept {
    let known = NO_BAND.iter().find(|(_, known)| *known == text);
    known.map_or_else(|| Kept::Band(text.to_owned()), |(kept, _)| kept.clone())
}

const EPOCH: Date = date(1970, 1, 1);

/// Days since 1970.
pub(crate) fn number(day: Date) -> i64 {
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
            assert_eq!(kept(&state(one.clone())), one);
        }
    }
}
