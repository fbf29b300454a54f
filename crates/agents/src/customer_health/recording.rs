//! `record-health`: what is said of every customer on a day, recorded; the check that nobody has to ask for (S2-47, D-28).
//!
//! Customers of whom there is no news are judged by the signals kept of them; the others are measured anew from all facts.
//! Whose alerts may have to change is looked at again by a page of the health check, which opens and closes them.

use std::collections::BTreeSet;

use jiff::civil::Date;
use kunder_agent_core::agent::{GatherError, Work};
use kunder_agent_core::decision::{Decision, Resolution};
use kunder_agent_core::outcome::{CustomerCounts, Report, Status};
use kunder_agent_core::task::Locale;
use kunder_domain::change::Change;
use kunder_domain::customer::Customer;
use kunder_domain::fact::CustomerId;
use kunder_domain::health::{HealthRecord, SameHealth, Snapshot};
use kunder_domain::metrics::day;
use kunder_domain::portfolio::PortfolioError;
use kunder_domain::signals::{Known, NewSignals, Signals, Standing, basis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::Glance;
use super::reading::{Past, customers, last_records};
use super::rows::{AT_RISK, count};
use super::{CustomerHealth, Facts, HEALTH_PAGE, NAME};
use crate::Reader;
use crate::asked::unavailable;
use crate::evidence::decided;
use crate::paging::{self, PAGE_CUSTOMERS, Page, Pages};
use crate::rehearsal::is_rehearsal;

/// Customers that a page of it covers at most.
pub(super) const RECORD_PAGE_CUSTOMERS: usize = 1_024;

/// The block `recording`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recording {
    pub day: Option<Date>,
    /// By band.
    pub customers: CustomerCounts,
    /// Customers measured anew from all their facts; the others were judged by the signals kept of them.
    pub measured: u64,
    /// Customers whose alerts are looked at again.
    pub looked_at: u64,
}

/// A page's customers.
pub struct ToRecord {
    page: Page,
    /// The last day with records, the severity of every customer whose record of it is said again, and whose is not.
    same: Option<(Date, Vec<Option<u8>>, Vec<CustomerId>)>,
    kept: Vec<(CustomerId, Signals)>,
    anew: Vec<Customer>,
    /// Those of `anew` of whom everything known was read.
    whole: BTreeSet<CustomerId>,
    past: Past,
}

impl CustomerHealth {
    pub(super) async fn to_record(&self, work: &Work, reader: &Reader) -> Result<Facts, GatherError> {
        let page = paging::page(work, NAME)?;
        let read = self.read_record_page(page, reader).await.map_err(unavailable)?;
        Ok(Facts::ToRecord(Box::new(read)))
    }

    async fn read_record_page(&self, page: Page, reader: &Reader) -> Result<ToRecord, PortfolioError> {
        let today = day(page.view.as_of, &self.zone);
        let (mut kept, mut anew, mut whole, mut same) = (Vec::new(), Vec::new(), BTreeSet::new(), None);
        if page.only.is_some() {
            anew = customers(&page, reader).await?;
        } else {
            let basis = basis(&self.definitions);
            let last_day = reader.health_days(today, 1).await?.first().copied();
            let (mut alike, mut except, mut others) = (Vec::new(), Vec::new(), Vec::new());
            for known in reader
                .signals(page.view, &page.span, last_day.unwrap_or(Date::MIN))
                .await?
            {
                let standing = holding(&known, basis, today).filter(|_| known.version <= page.view.last_fact);
                if let Some(severity) = standing
                    .as_ref()
                    .and_then(|standing| self.alike(standing, &known, last_day, today))
                {
                    alike.push(severity);
                    continue;
                }
                if known.last.is_some() {
                    except.push(known.customer.clone());
                }
                match known
                    .signals
                    .as_deref()
                    .filter(|_| standing.is_some())
                    .map(Signals::decode)
                {
                    Some(Ok(signals)) => kept.push((known.customer, signals)),
                    Some(Err(_)) | None => others.push(known),
                }
            }
            let spared = alike.len();
            same = last_day.map(|day| (day, alike, except));
            whole = others
                .iter()
                .filter(|known| {
                    known.version <= page.view.last_fact && known.last_observed <= page.view.as_of
                })
                .map(|known| known.customer.clone())
                .collect();
            // Many are read in one go, few one by one.
            if others.len() * 4 > spared + kept.len() {
                let wanted: BTreeSet<CustomerId> = others.into_iter().map(|known| known.customer).collect();
                anew = reader.read(page.view, &page.span).await?;
                anew.retain(|customer| wanted.contains(&customer.id));
            } else {
                for known in others {
                    anew.extend(reader.customer(page.view, &known.customer).await?);
                }
            }
        }
        let ids = || {
            kept.iter()
                .map(|(id, _)| id)
                .chain(anew.iter().map(|customer| &customer.id))
        };
        let count = kept.len() + anew.len();
        // Few are read one by one.
        let few = same.as_ref().is_some_and(|(_, alike, _)| count * 4 < alike.len());
        let read = Page {
            only: few
                .then(|| ids().cloned().collect())
                .or_else(|| page.only.clone()),
            ..page.clone()
        };
        let past = Past::of(last_records(&read, today, count, reader).await?);
        Ok(ToRecord {
            page,
            same,
            kept,
            anew,
            whole,
            past,
        })
    }

    /// The severity of a customer whose health is what its last record says, if it is.
    fn alike(
        &self,
        standing: &Standing,
        known: &Known,
        last_day: Option<Date>,
        today: Date,
    ) -> Option<Option<u8>> {
        let last = known.last.as_ref()?;
        let model = self.models.of_standing(standing)?;
        let fits = last
            .severity
            .is_none_or(|severity| (severity >= AT_RISK) == standing.at_risk);
        let is_alike = standing.is_active
            && today < standing.same_until
            && last_day.is_some_and(|day| standing.from <= day)
            && *model.hash == *last.hash
            && fits;
        is_alike.then_some(last.severity)
    }

    pub(super) fn record_page(&self, work: &Work, read: &ToRecord) -> Decision<Change> {
        let ToRecord {
            page,
            same,
            kept,
            anew,
            whole,
            past,
        } = read;
        let (at, today) = (page.view.as_of, day(page.view.as_of, &self.zone));
        let mut found = Recording {
            day: Some(today),
            measured: anew.len() as u64,
            ..Recording::default()
        };
        let mut records = Vec::with_capacity(kept.len() + anew.len());
        let (mut signals, mut look_at) = (Vec::new(), Vec::new());
        let alike = same.iter().flat_map(|(_, alike, _)| alike);
        alike.for_each(|severity| count(&mut found.customers, *severity));
        let mut record = |customer: &CustomerId, snapshot: Snapshot| {
            count(&mut found.customers, snapshot.severity);
            records.push(HealthRecord {
                customer: customer.clone(),
                day: today,
                at,
                last_fact: page.view.last_fact,
                snapshot,
            });
        };
        for (id, kept) in kept.iter().filter(|(_, kept)| kept.standing.is_active) {
            let last = past.last(id);
            let previous = last.map(|last| &last.snapshot);
            let Some(snapshot) = self.models.kept_snapshot(kept, at, today, previous) else {
                look_at.push(id.clone());
                continue;
            };
            let is_as_before = previous
                .is_some_and(|last| last.score == snapshot.score && last.severity == snapshot.severity);
            let alert_fits = snapshot
                .severity
                .is_none_or(|severity| (severity >= AT_RISK) == kept.standing.at_risk);
            if !is_as_before || !alert_fits {
                look_at.push(id.clone());
            }
            record(id, snapshot);
        }
        for customer in anew {
            let Glance {
                snapshot,
                alerts_may_change,
                signals: kept,
            } = self.glance(customer, at, past);
            if whole.contains(&customer.id) {
                let body = kept.encode();
                signals.push(NewSignals {
                    customer: customer.id.clone(),
                    body,
                });
            }
            if alerts_may_change {
                look_at.push(customer.id.clone());
            }
            if !customer.is_active() {
                continue;
            }
            record(&customer.id, snapshot);
        }
        found.looked_at = look_at.len() as u64;
        let mut report = Report::new(
            Status::Complete,
            format!("{} customers", found.customers.total_managed),
        );
        report.set("recording", &found);
        let mut decision = Decision::done(Report::new(Status::Complete, ""));
        decision.verdict = Resolution::Done(Box::new(report));
        if !page.is_rehearsal(&work.task) {
            if let Some((of, alike, except)) = same
                && !alike.is_empty()
            {
                decision.change(Change::SameHealth(SameHealth {
                    day: today,
                    at,
                    last_fact: page.view.last_fact,
                    of: *of,
                    span: page.span.clone(),
                    except: except.clone(),
                }));
            }
            decision.change(Change::Health(records));
            decision.change(Change::Signals(signals));
            for (number, only) in look_at.chunks(PAGE_CUSTOMERS).enumerate() {
                decision
                    .follow_ups
                    .push(paging::again(NAME, HEALTH_PAGE, number, page, only));
            }
        }
        decision
    }

    pub(super) fn join_recording(&self, work: &Work) -> Decision<Change> {
        let locale = work.task.locale();
        let pages: Pages<Recording> = Pages::read(work, "recording");
        let mut whole = Recording {
            day: Some(day(work.now, &self.zone)),
            ..Recording::default()
        };
        for page in &pages.found {
            whole.customers.add(&page.customers);
            whole.measured += page.measured;
            whole.looked_at += page.looked_at;
        }
        let mut report = Report::new(
            Status::Complete,
            summary(&whole, is_rehearsal(work, &self.zone), locale),
        );
        report.text = Some(report.summary.clone());
        report.customers = whole.customers;
        report.definitions = self.models.decided();
        report.definitions.push(decided(&self.definitions.alerts));
        pages.account(&mut report);
        report.set("recording", &whole);
        Decision::done(report)
    }
}

/// What the signals kept of a customer hold for, where they hold.
fn holding(known: &Known, basis: u64, today: Date) -> Option<Standing> {
    let (standing, _) = Standing::decode(known.signals.as_deref()?).ok()?;
    standing.holds(known.version, basis, today).then_some(standing)
}

fn summary(whole: &Recording, rehearsal: bool, locale: Locale) -> String {
    let Recording {
        customers,
        measured,
        looked_at,
        ..
    } = whole;
    let (total, day) = (
        customers.total_managed,
        whole.day.map(|day| day.to_string()).unwrap_or_default(),
    );
    let told = match locale {
        Locale::Sv => format!(
            "Hälsan den {day}: {total} kunder bedömda, {measured} mätta på nytt, larmen för {looked_at} ses över."
        ),
        Locale::En => format!(
            "Health on {day}: {total} customers judged, {measured} measured anew, the alerts of {looked_at} are looked at."
        ),
    };
    if rehearsal {
        let nothing = locale.pick(
            "Inget sparades: det här var en provkörning.",
            "Nothing was stored: this was a dry run.",
        );
        return format!("{told} {nothing}");
    }
    told
}
