//! `verify-health`: the records of a day computed again from all facts, which must give the same to the last digit (D-28).

use std::collections::BTreeMap;

use jiff::civil::Date;
use kunder_agent_core::agent::{GatherError, Work};
use kunder_agent_core::decision::Decision;
use kunder_agent_core::outcome::{Report, Status};
use kunder_agent_core::task::Locale;
use kunder_domain::change::Change;
use kunder_domain::customer::Customer;
use kunder_domain::fact::CustomerId;
use kunder_domain::health::{HealthRecord, Snapshot};
use kunder_domain::metrics::day;
use kunder_domain::portfolio::View;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CustomerHealth, Facts, NAME, VERIFY_PAGE, reading};
use crate::Reader;
use crate::asked::{moment, unavailable};
use crate::evidence::decided;
use crate::paging::{self, PAGE_CUSTOMERS, Pages};
use crate::params::Params;

/// Differences named at most.
const NAMED_MAX: usize = 20;

/// The block `verification`: what computing a day's records again came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    pub day: Option<Date>,
    /// Records that were computed again and are the same.
    pub equal: u64,
    /// Records of a model that is no longer there: they cannot be computed again.
    pub other_model: u64,
    /// Customers whose record differs.
    pub different: Vec<Difference>,
}

/// A record that is not what the facts give.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    pub customer_id: CustomerId,
    pub recorded: String,
    pub computed: String,
}

/// Records with the customers they are about, as they were then.
pub struct Again {
    records: Vec<(HealthRecord, Option<Customer>)>,
    /// The records of the days before.
    last: BTreeMap<CustomerId, HealthRecord>,
}

impl CustomerHealth {
    /// Cuts the customers into pages, each with the day.
    pub(super) async fn verified(&self, work: &Work, reader: &Reader) -> Result<Facts, GatherError> {
        if work.joined.is_some() {
            return Ok(Facts::Joined {
                as_of: work.now,
                undelivered: Vec::new(),
            });
        }
        let now = moment(work, &self.zone);
        let params = Params::new(&work.task.instruction.params, work.task.locale());
        let on = match params.date(&["day"]) {
            Ok(on) => on,
            Err(bad) => return Ok(Facts::Answer(bad)),
        };
        let today = day(now, &self.zone);
        let on = match on {
            Some(on) => on,
            None => {
                let tomorrow = today.tomorrow().unwrap_or(Date::MAX);
                let days = reader.health_days(tomorrow, 1).await.map_err(unavailable)?;
                days.first().copied().unwrap_or(today)
            }
        };
        let view = reader.view(now).await.map_err(unavailable)?;
        let spans = reader.spans(view, PAGE_CUSTOMERS).await.map_err(unavailable)?;
        if spans.is_empty() {
            return Ok(Facts::Joined {
                as_of: work.now,
                undelivered: Vec::new(),
            });
        }
        Ok(Facts::Verify { view, spans, on })
    }

    pub(super) async fn again(&self, work: &Work, reader: &Reader) -> Result<Facts, GatherError> {
        let page = paging::page(work, NAME)?;
        let on = work.task.param("day").and_then(|day| day.parse::<Date>().ok());
        let on = on.ok_or_else(|| GatherError::Refused("`params.day` is missing or malformed".to_owned()))?;
        let found = reader.health_records(on, &page.span).await.map_err(unavailable)?;
        let last = reading::last_records(&page, on, found.len(), reader)
            .await
            .map_err(unavailable)?;
        // Most records of a page rest on one view.
        let mut views: BTreeMap<(jiff::Timestamp, u64), Vec<HealthRecord>> = BTreeMap::new();
        for record in found {
            views
                .entry((record.at, record.last_fact))
                .or_default()
                .push(record);
        }
        let mut records = Vec::new();
        for ((as_of, last_fact), same) in views {
            let view = View { as_of, last_fact };
            if same.len() == 1 {
                for record in same {
                    let customer = reader
                        .customer(view, &record.customer)
                        .await
                        .map_err(unavailable)?;
                    records.push((record, customer));
                }
                continue;
            }
            let read = reader.read(view, &page.span).await.map_err(unavailable)?;
            let mut customers: BTreeMap<CustomerId, Customer> = read
                .into_iter()
                .map(|customer| (customer.id.clone(), customer))
                .collect();
            records.extend(same.into_iter().map(|record| {
                let customer = customers.remove(&record.customer);
                (record, customer)
            }));
        }
        Ok(Facts::Again(Box::new(Again { records, last })))
    }

    pub(super) fn split_verification(
        &self,
        work: &Work,
        view: View,
        spans: &[kunder_domain::portfolio::Span],
        on: Date,
    ) -> Decision<Change> {
        let mut decision = paging::split(NAME, VERIFY_PAGE, work.now, view, spans);
        if let kunder_agent_core::decision::Resolution::Wait(pages) = &mut decision.verdict {
            for page in pages {
                page.instruction
                    .params
                    .insert("day".to_owned(), on.to_string().into());
            }
        }
        decision
    }

    pub(super) fn verify_page(&self, again: &Again) -> Decision<Change> {
        let mut found = Verification::default();
        for (record, customer) in &again.records {
            found.day = Some(record.day);
            if !self.models.gave(customer.as_ref(), &record.snapshot) {
                found.other_model += 1;
                continue;
            }
            let previous = again.last.get(&record.customer).map(|last| &last.snapshot);
            let computed = customer.as_ref().map(|customer| {
                let measured = self.models.measured(customer, record.at);
                self.models.snapshot(customer, &measured, record.at, previous)
            });
            if computed.as_ref() == Some(&record.snapshot) {
                found.equal += 1;
            } else {
                found.different.push(Difference {
                    customer_id: record.customer.clone(),
                    recorded: told(&record.snapshot),
                    computed: computed.as_ref().map_or_else(|| "–".to_owned(), told),
                });
            }
        }
        let mut report = Report::new(Status::Complete, format!("{} records", again.records.len()));
        report.set("verification", &found);
        Decision::done(report)
    }

    pub(super) fn join_verification(&self, work: &Work) -> Decision<Change> {
        let locale = work.task.locale();
        let pages: Pages<Verification> = Pages::read(work, "verification");
        let mut whole = Verification::default();
        for page in &pages.found {
            whole.day = whole.day.or(page.day);
            whole.equal += page.equal;
            whole.other_model += page.other_model;
            whole.different.extend(page.different.iter().cloned());
        }
        let mut report = Report::new(Status::Complete, summary(&whole, locale));
        report.text = Some(report.summary.clone());
        pages.account(&mut report);
        for difference in whole.different.iter().take(NAMED_MAX) {
            let Difference {
                customer_id,
                recorded,
                computed,
            } = difference;
            report.block(match locale {
                Locale::Sv => format!("{customer_id}: sparat {recorded}, uträknat {computed}"),
                Locale::En => format!("{customer_id}: recorded {recorded}, computed {computed}"),
            });
        }
        report.definitions = self.models.decided();
        report.definitions.push(decided(&self.definitions.metrics));
        if !whole.different.is_empty() {
            report.status = Status::Partial;
        }
        report.set("verification", &whole);
        Decision::done(report)
    }
}

fn told(snapshot: &Snapshot) -> String {
    let state = crate::health_models::wording::kept_key(&snapshot.state);
    match &snapshot.score {
        Some(score) => format!("{} {state}", score.printed()),
        None => state.to_owned(),
    }
}

fn summary(whole: &Verification, locale: Locale) -> String {
    let Some(day) = whole.day else {
        return locale
            .pick(
                "Det finns inga hälsoposter att räkna om.",
                "There are no health records to compute again.",
            )
            .to_owned();
    };
    let (equal, different, other) = (whole.equal, whole.different.len(), whole.other_model);
    let same = match locale {
        Locale::Sv => {
            format!("{day}: {equal} hälsoposter omräknade ur alla fakta är lika, {different} skiljer sig")
        }
        Locale::En => format!(
            "{day}: {equal} health records computed again from all facts are the same, {different} differ"
        ),
    };
    match (other, locale) {
        (0, _) => format!("{same}."),
        (_, Locale::Sv) => format!("{same}; {other} kommer från en annan modell."),
        (_, Locale::En) => format!("{same}; {other} are of another model."),
    }
}
