//! Subjects from the data folder: customers as they were on a day, by what was known of them then; a file says how they ended.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use kunder_connect::Sheet;
use kunder_domain::backtest::Backtest;
use kunder_domain::fact::CustomerId;
use kunder_domain::health::{CheckContext, Measures};

use super::{Failure, end, need, refuse};
use crate::cli::ask;
use crate::client::Client;
use crate::control::{Request, Response};
use crate::measured::MeasuredCustomer;
use crate::progress;

/// The column that names a customer by id or name.
const CUSTOMER: &str = "customer";

/// How customers ended.
pub(super) struct Labels {
    ends: BTreeMap<String, bool>,
    pub unlabelled: usize,
}

pub(super) fn labels(sheet: &Sheet, label: &str) -> Result<Labels, Failure> {
    let customer_place = need(sheet, CUSTOMER, "which names the customer by id or name")?;
    let label_place = need(sheet, label, "which says who left")?;
    let mut labels = Labels {
        ends: BTreeMap::new(),
        unlabelled: 0,
    };
    let mut broken = sheet.broken.clone();
    for row in &sheet.rows {
        let customer = &row.values[customer_place];
        match end(&row.values[label_place]) {
            Err(what) => broken.push(sheet.fault(row, label, what)),
            Ok(_) if customer.is_empty() => broken.push(sheet.fault(row, CUSTOMER, "is empty")),
            Ok(None) => labels.unlabelled += 1,
            Ok(Some(lost)) => {
                if labels.ends.insert(customer.clone(), lost).is_some() {
                    broken.push(sheet.fault(row, CUSTOMER, format!("`{customer}` has a label already")));
                }
            }
        }
    }
    refuse(sheet, broken)?;
    Ok(labels)
}

/// Adds every customer with a label, measured as of the end of `as_of` by the definitions in `files`.
pub(super) async fn fill(
    test: &mut Backtest<'_>,
    labels: &Labels,
    client: &mut Client,
    files: BTreeMap<String, String>,
    as_of: Date,
    zone: &TimeZone,
    now: Timestamp,
) -> Result<(), Failure> {
    let next = as_of
        .tomorrow()
        .ok()
        .and_then(|next| next.to_zoned(zone.clone()).ok());
    let moment = next
        .map_or(now, |next| next.timestamp() - SignedDuration::from_nanos(1))
        .min(now);
    let (view, spans) = match client.call(&Request::Spans { as_of: moment }).await? {
        Response::Spans { view, spans } => (view, spans),
        other => return Err(ask::unexpected(&other)),
    };
    // Whom each label was taken to name.
    let mut named: BTreeMap<&str, CustomerId> = BTreeMap::new();
    let bar = progress::bar(spans.len() as u64, progress::PARTS, "measuring");
    for span in spans {
        let files = files.clone();
        let customers = match client.call(&Request::Measure { files, view, span }).await? {
            Response::Measured(customers) => customers,
            other => return Err(ask::unexpected(&other)),
        };
        for customer in &customers {
            let end = labels.ends.get_key_value(&customer.id.0);
            let Some((label, lost)) = end.or_else(|| labels.ends.get_key_value(&customer.name)) else {
                continue;
            };
            if let Some(other) = named.insert(label, customer.id.clone()) {
                let what = format!("`{label}` names two customers, {} and {}", other.0, customer.id.0);
                return Err(Failure::usage(what).hint("name customers by their ids"));
            }
            add(test, *lost, customer, moment, as_of);
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    for (_, lost) in labels
        .ends
        .iter()
        .filter(|(label, _)| !named.contains_key(label.as_str()))
    {
        test.add_unknown(*lost, "not known on that day");
    }
    Ok(())
}

fn add(test: &mut Backtest<'_>, lost: bool, customer: &MeasuredCustomer, now: Timestamp, today: Date) {
    if !customer.active {
        return test.add_unknown(lost, "no active customer on that day");
    }
    let measures: Measures<'_> = customer
        .measures
        .iter()
        .map(|(metric, measure)| (metric.as_str(), measure.clone()))
        .collect();
    let context = CheckContext {
        now,
        today,
        customer_since: customer.since,
        previous: None,
        overrides: &[],
    };
    test.add(lost, &measures, &context);
}
