//! `health-history`: how a customer was said to be on each day, with every change of the model marked, and the trend
//! against a day that is named (A7.2 point 8).

use jiff::ToSpan;
use jiff::civil::Date;
use kunder_agent_core::agent::{GatherError, Work};
use kunder_agent_core::outcome::{Report, Status};
use kunder_agent_core::task::Locale;
use kunder_domain::customer::Customer;
use kunder_domain::exact::Exact;
use kunder_domain::fact::CustomerId;
use kunder_domain::health::{CompiledModel, HealthRecord};
use kunder_domain::metrics::day;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CustomerHealth, Facts};
use crate::Reader;
use crate::asked::{Asked, asked, moment, unavailable};
use crate::evidence::decided;
use crate::health_models::wording::{kept_key, kept_label};
use crate::params::Params;
use crate::wording::count;

/// Days looked back on, unless the task says `days`.
const DAYS: i64 = 90;
const DAYS_MAX: i64 = 3_650;
/// The trend compares with the record so many days before the last one, or the next later one.
const TREND_DAYS: i64 = 28;
/// Days that the text lists.
const DAYS_TOLD: usize = 31;

/// The block `healthHistory`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthHistory {
    pub customer: String,
    pub customer_id: CustomerId,
    pub from: Date,
    pub to: Date,
    /// Oldest first; days without a record are left out.
    pub days: Vec<HealthDay>,
    /// Null where there are not two days that can be compared.
    pub trend: Option<Trend>,
}

/// What was said on one day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthDay {
    pub day: Date,
    /// 0 to 100 with six decimals at most; null where the model gave none.
    pub score: Option<String>,
    /// The band's key, or `not_scored`, `unclassified` or `in_grace`.
    pub band: String,
    /// In words.
    pub label: String,
    /// 0 to 3; null in no band.
    pub severity: Option<u8>,
    pub model: String,
    pub version: u32,
    pub hash: String,
    /// Whether another model, or another version of it, decided on the day before: the numbers cannot be compared.
    pub model_changed: bool,
}

/// How the score moved between two named days, by one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trend {
    pub since: Date,
    pub until: Date,
    pub before: String,
    pub after: String,
    /// In points.
    pub difference: String,
}

/// A customer with its records.
pub struct Recorded {
    customer: Customer,
    from: Date,
    to: Date,
    records: Vec<HealthRecord>,
}

impl CustomerHealth {
    pub(super) async fn recorded(&self, work: &Work, reader: &Reader) -> Result<Facts, GatherError> {
        let as_of = moment(work, &self.zone);
        let view = reader.view(as_of).await.map_err(unavailable)?;
        let customer = match asked(work, view, reader).await? {
            Asked::Customer(customer) => *customer,
            Asked::Answer(report) => return Ok(Facts::Answer(report)),
        };
        let params = Params::new(&work.task.instruction.params, work.task.locale());
        let days = match params.days("days", DAYS_MAX) {
            Ok(days) => days.unwrap_or(DAYS),
            Err(bad) => return Ok(Facts::Answer(bad)),
        };
        let to = day(as_of, &self.zone);
        let from = to.checked_sub((days - 1).days()).unwrap_or(Date::MIN);
        let records = reader
            .health_history(&customer.id, from, to)
            .await
            .map_err(unavailable)?;
        Ok(Facts::Recorded(Box::new(Recorded {
            customer,
            from,
            to,
            records,
        })))
    }

    pub(super) fn history(&self, work: &Work, recorded: &Recorded) -> Report {
        let locale = work.task.locale();
        let active = self.models.active(&recorded.customer);
        let history = HealthHistory {
            customer: recorded.customer.name().to_owned(),
            customer_id: recorded.customer.id.clone(),
            from: recorded.from,
            to: recorded.to,
            days: self.health_days(&recorded.records, active, locale),
            trend: trend(&recorded.records),
        };
        let summary = summary(&history, locale);
        let mut report = Report::new(Status::Complete, summary.clone());
        let lines = history
            .days
            .iter()
            .rev()
            .take(DAYS_TOLD)
            .map(|one| line(one, locale));
        report.text = Some(
            std::iter::once(summary)
                .chain(lines)
                .collect::<Vec<_>>()
                .join("\n"),
        );
        report.definitions = vec![decided(self.models.definition(active))];
        report.set("healthHistory", &history);
        report
    }

    /// Each in the words of the model that gave it, where that is still here.
    fn health_days(
        &self,
        records: &[HealthRecord],
        active: &CompiledModel,
        locale: Locale,
    ) -> Vec<HealthDay> {
        let before = std::iter::once(None).chain(records.iter().map(Some));
        let days = records.iter().zip(before).map(|(record, before)| {
            let snapshot = &record.snapshot;
            let model = self.models.by_id(&snapshot.model).unwrap_or(active);
            HealthDay {
                day: record.day,
                score: snapshot.score.as_ref().map(Exact::printed),
                band: kept_key(&snapshot.state).to_owned(),
                label: kept_label(model, &snapshot.state, locale.pick("sv", "en")),
                severity: snapshot.severity,
                model: snapshot.model.to_string(),
                version: snapshot.version,
                hash: snapshot.hash.to_string(),
                model_changed: before.is_some_and(|before| !snapshot.is_comparable(&before.snapshot)),
            }
        });
        days.collect()
    }
}

/// From the record [`TREND_DAYS`] before the last one, or the first one after that, if one model gave both.
fn trend(records: &[HealthRecord]) -> Option<Trend> {
    let last = records.last()?;
    let since = last.day.checked_sub(TREND_DAYS.days()).ok()?;
    let first = records
        .iter()
        .find(|record| record.day >= since && record.day < last.day)?;
    if !first.snapshot.is_comparable(&last.snapshot) {
        return None;
    }
    let (before, after) = (first.snapshot.score.as_ref()?, last.snapshot.score.as_ref()?);
    Some(Trend {
        since: first.day,
        until: last.day,
        before: before.printed(),
        after: after.printed(),
        difference: after.minus(before).printed(),
    })
}

fn summary(history: &HealthHistory, locale: Locale) -> String {
    let customer = &history.customer;
    let (Some(last), days) = (history.days.last(), history.days.len()) else {
        let (from, to) = (history.from, history.to);
        return match locale {
            Locale::Sv => format!("{customer} har inte bedömts från {from} till {to}."),
            Locale::En => format!("{customer} was not judged from {from} to {to}."),
        };
    };
    let score = last
        .score
        .as_ref()
        .map(|score| format!("{score}, "))
        .unwrap_or_default();
    let now = format!("{score}{}", last.label);
    let told = history.trend.as_ref().map_or_else(
        || {
            locale
                .pick("inget att jämföra med", "nothing to compare with")
                .to_owned()
        },
        |trend| trend.words(locale),
    );
    let days = match locale {
        Locale::Sv => count(days, "dag", "dagar"),
        Locale::En => count(days, "day", "days"),
    };
    let on = locale.pick("den", "on");
    format!("{customer}: {now} {on} {}, {told}; {days}.", last.day)
}

impl Trend {
    /// `−7.5 since 2026-10-29 (70 then)`.
    fn words(&self, locale: Locale) -> String {
        let Self {
            since,
            before,
            difference,
            ..
        } = self;
        let moved = match difference.strip_prefix('-') {
            Some(fall) => format!("−{fall}"),
            None if difference == "0" => locale.pick("oförändrad", "unchanged").to_owned(),
            None => format!("+{difference}"),
        };
        match locale {
            Locale::Sv => format!("{moved} sedan {since} (då {before})"),
            Locale::En => format!("{moved} since {since} ({before} then)"),
        }
    }
}

fn line(one: &HealthDay, locale: Locale) -> String {
    let score = one
        .score
        .as_ref()
        .map(|score| format!("{score}  "))
        .unwrap_or_default();
    let changed = if one.model_changed {
        let model = locale.pick("ny modell", "another model");
        format!("  [{model}: {} {}]", one.model, one.version)
    } else {
        String::new()
    };
    format!("{}  {score}{}{changed}", one.day, one.label)
}
