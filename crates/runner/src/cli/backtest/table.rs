//! Subjects from a table: a label, and the model's metrics as columns.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kunder_connect::{RowError, Sheet, SheetRow};
use kunder_domain::backtest::{Backtest, WordColumn, needed};
use kunder_domain::definitions::{Definitions, MetricDefinition};
use kunder_domain::health::{CheckContext, CompiledModel, Measures};
use kunder_domain::measure::{Measure, Value};
use kunder_domain::metrics::day;
use rust_decimal::Decimal;

use super::{Failure, end, need, refuse};

/// Adds every row with a label; how many have none.
pub(super) fn fill(
    test: &mut Backtest<'_>,
    sheet: &Sheet,
    label: &str,
    model: &CompiledModel,
    definitions: &Definitions,
    now: Timestamp,
    zone: &TimeZone,
) -> Result<usize, Failure> {
    let label_place = need(sheet, label, "which says who left")?;
    let metrics = &definitions.metrics.body;
    let mut read: Vec<(usize, &MetricDefinition)> = Vec::new();
    for name in needed(model, metrics) {
        let why = format!("which {} reads", model.id);
        let place = need(sheet, name, &why)?;
        read.extend(metrics.find(name).map(|metric| (place, metric)));
    }
    let context = CheckContext {
        now,
        today: day(now, zone),
        // A table knows no start: nobody is too new.
        customer_since: None,
        previous: None,
        overrides: &[],
    };
    let mut broken = sheet.broken.clone();
    let mut unlabelled = 0;
    for row in &sheet.rows {
        let lost = end(&row.values[label_place]).map_err(|what| sheet.fault(row, label, what));
        match (lost, measures(sheet, row, &read, now)) {
            (Ok(Some(lost)), Ok(measures)) => test.add(lost, &measures, &context),
            (Ok(None), Ok(_)) => unlabelled += 1,
            (Err(error), _) | (_, Err(error)) => broken.push(error),
        }
    }
    refuse(sheet, broken)?;
    let is_read = |place: usize| place == label_place || read.iter().any(|(other, _)| *other == place);
    let beside = (0..sheet.columns.len()).filter(|place| !is_read(*place));
    test.beside(beside.filter_map(|place| word_column(sheet, place)).collect());
    Ok(unlabelled)
}

fn measures<'a>(
    sheet: &Sheet,
    row: &SheetRow,
    read: &[(usize, &'a MetricDefinition)],
    now: Timestamp,
) -> Result<Measures<'a>, RowError> {
    let mut measures = Measures::new();
    for (place, metric) in read {
        let text = &row.values[*place];
        if text.is_empty() {
            continue;
        }
        let fault = |what: String| sheet.fault(row, &metric.id, what);
        let value = if metric.is_text() {
            Value::Text(text.clone())
        } else {
            let number = text.parse::<Decimal>();
            Value::Number(number.map_err(|_| fault(format!("`{text}` is not a number")))?)
        };
        if let Some(refusal) = metric.refusal(&value) {
            return Err(fault(refusal));
        }
        let measure = Measure::new(value, now, sheet.file.clone(), 1);
        measures.insert(&metric.id, measure.map_err(|error| fault(error.to_string()))?);
    }
    Ok(measures)
}

/// How often each word stands in a column; `None` where it holds numbers.
fn word_column(sheet: &Sheet, place: usize) -> Option<WordColumn> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &sheet.rows {
        let word = row.values[place].as_str();
        if word.parse::<f64>().is_ok() {
            return None;
        }
        if !word.is_empty() {
            *counts.entry(word).or_default() += 1;
        }
    }
    Some(WordColumn {
        name: sheet.columns[place].clone(),
        counts: counts.into_values().collect(),
    })
}
