//! The command `kpi`: every KPI of the organisation as of a moment, tallied page by page, so that no number needs all customers at once.

use jiff::Timestamp;
use jiff::civil::Date;
use kunder_agent_core::agent::{GatherError, Work};
use kunder_agent_core::decision::Decision;
use kunder_agent_core::outcome::{Nps, Report, Status};
use kunder_agent_core::task::Locale;
use kunder_domain::change::Change;
use kunder_domain::customer::Customer;
use kunder_domain::definitions::{Bound, Cadence};
use kunder_domain::exact::Exact;
use kunder_domain::kpis::{self, KpiEngine, KpiResult, KpiStatus, Part, Tallies, Window};
use kunder_domain::metrics::day;
use kunder_domain::portfolio::View;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CustomerHealth, Facts, NAME, kpi_words, words};
use crate::Reader;
use crate::asked::unavailable;
use crate::evidence::{decided, sources};
use crate::paging::{self, Page, Pages};

/// The block `kpis`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KpiBlock {
    pub as_of: Date,
    /// In the order of their file.
    pub kpis: Vec<KpiRow>,
}

/// One KPI. Every number is a decimal written as text, exact to six decimals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KpiRow {
    pub id: String,
    pub label: String,
    /// The requirement rows it comes from.
    pub source: String,
    pub unit: String,
    pub cadence: KpiCadence,
    /// Null where it is not measurable: see `reason`.
    pub value: Option<String>,
    pub status: KpiState,
    /// Why it is not measurable: what is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<KpiTarget>,
    /// What was divided, where it is a quotient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numerator: Option<KpiPart>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denominator: Option<KpiPart>,
    /// Customers, users, answers or readings behind it.
    pub n: u64,
    /// Of an NPS: whole points by which it may be off, in 19 of 20 such surveys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<u64>,
    /// The days that are counted, both inside.
    pub window: KpiDays,
    /// Null where it was not measurable before, or is not now.
    pub trend: Option<KpiTrend>,
    /// What goes with it: the 90th percentile, rolling retention, who was left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<KpiPart>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How often it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum KpiCadence {
    Weekly,
    Monthly,
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum KpiState {
    /// The target is reached; of a goal for the year, all of it.
    Reached,
    /// Of a goal for the year: as far as it asks by now.
    OnTrack,
    Behind,
    /// There is no target.
    Watched,
    NotMeasurable,
}

/// What is to be reached by now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KpiTarget {
    pub direction: KpiDirection,
    pub value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum KpiDirection {
    AtLeast,
    AtMost,
    Above,
    Below,
}

/// A number with what it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KpiPart {
    pub value: String,
    pub of: String,
}

/// Days, both inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KpiDays {
    pub from: Date,
    pub to: Date,
}

/// The same KPI of the window before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KpiTrend {
    pub window: KpiDays,
    pub value: String,
    /// Now less before.
    pub change: String,
    /// Whether the target asks for such a change; null where nothing changed or there is no target.
    pub better: Option<bool>,
}

/// What a page hands to the whole: the block `kpiPage`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KpiPage {
    tallies: Tallies,
}

impl CustomerHealth {
    pub(super) fn kpi_engine(&self, as_of: Timestamp) -> KpiEngine<'_> {
        KpiEngine {
            kpis: &self.definitions.kpis.body,
            currency: &self.definitions.organisation.body.currency,
            zone: &self.zone,
            as_of,
        }
    }

    /// One page, and the same customers as they were when the mean health score was compared with, where one is asked for.
    pub(super) async fn kpi_facts(&self, work: &Work, reader: &Reader) -> Result<Facts, GatherError> {
        let page = paging::page(work, NAME)?;
        let customers = reader.read(page.view, &page.span).await.map_err(unavailable)?;
        let before = match self.kpi_engine(page.view.as_of).health_moments() {
            Some([_, as_of]) => {
                let view = View { as_of, ..page.view };
                reader.read(view, &page.span).await.map_err(unavailable)?
            }
            None => Vec::new(),
        };
        Ok(Facts::Kpis {
            page,
            customers,
            before,
        })
    }

    pub(super) fn kpi_page(
        &self,
        page: &Page,
        customers: &[Customer],
        before: &[Customer],
    ) -> Decision<Change> {
        let engine = self.kpi_engine(page.view.as_of);
        let mut tallies = engine.tally(customers);
        if let Some(moments) = engine.health_moments() {
            for (place, (customers, at)) in [customers, before].into_iter().zip(moments).enumerate() {
                let active = customers.iter().filter(|customer| customer.is_active());
                let scores: Vec<Option<Exact>> = active.map(|customer| self.score(customer, at)).collect();
                engine.tally_health(&mut tallies, place, scores.iter().map(Option::as_ref));
            }
        }
        let mut report = Report::new(Status::Complete, format!("{} customers", customers.len()));
        report.sources = sources(customers);
        report.set("kpiPage", &KpiPage { tallies });
        Decision::done(report)
    }

    /// `None` where the model gives no score, or cannot for this customer.
    fn score(&self, customer: &Customer, at: Timestamp) -> Option<Exact> {
        let measured = self.models.measured(customer, at);
        let result = self
            .models
            .result(self.models.active(customer), customer, &measured, at, None);
        result.score
    }

    pub(super) fn join_kpis(&self, work: &Work, as_of: Timestamp) -> Decision<Change> {
        let locale = work.task.locale();
        let pages: Pages<KpiPage> = Pages::read(work, "kpiPage");
        let mut tallies = Tallies::new();
        for page in &pages.found {
            kpis::merge(&mut tallies, &page.tallies);
        }
        let engine = self.kpi_engine(as_of);
        let results = engine.results(&tallies, score);
        let block = KpiBlock {
            as_of: day(as_of, &self.zone),
            kpis: results.iter().map(|result| row(result, locale)).collect(),
        };
        let mut report = Report::new(Status::Complete, kpi_words::summary(&block, locale));
        report.text = Some(kpi_words::text(&block, &report.summary, locale));
        report.definitions = vec![decided(&self.definitions.kpis)];
        if engine.health_moments().is_some() {
            report.definitions.push(decided(&self.definitions.health));
        }
        pages.account(&mut report);
        report.set("kpis", &block);
        Decision::done(report)
    }
}

/// Promoters less detractors by the one formula (S3-62).
pub(super) fn score(promoters: u64, passives: u64, detractors: u64) -> (Option<i64>, Option<u64>) {
    let nps = Nps::from_counts(promoters, passives, detractors);
    (nps.score, nps.margin)
}

fn row(result: &KpiResult<'_>, locale: Locale) -> KpiRow {
    let kpi = result.kpi;
    let parts = result.parts.as_ref().filter(|_| result.value.is_ok());
    KpiRow {
        id: kpi.id.clone(),
        label: words::of(&kpi.label, locale).to_owned(),
        source: kpi.source.clone(),
        unit: kpi.unit.clone(),
        cadence: match kpi.cadence {
            Cadence::Weekly => KpiCadence::Weekly,
            Cadence::Monthly => KpiCadence::Monthly,
        },
        value: result.value.as_ref().ok().map(Exact::printed),
        status: match result.status {
            KpiStatus::Reached => KpiState::Reached,
            KpiStatus::OnTrack => KpiState::OnTrack,
            KpiStatus::Behind => KpiState::Behind,
            KpiStatus::Watched => KpiState::Watched,
            KpiStatus::NotMeasurable => KpiState::NotMeasurable,
        },
        reason: result
            .value
            .as_ref()
            .err()
            .map(|reason| words::of(reason, locale).to_owned()),
        target: result.target.as_ref().map(|(bound, value)| KpiTarget {
            direction: match bound {
                Bound::AtLeast => KpiDirection::AtLeast,
                Bound::AtMost => KpiDirection::AtMost,
                Bound::Above => KpiDirection::Above,
                Bound::Below => KpiDirection::Below,
            },
            value: value.printed(),
        }),
        numerator: parts.map(|[over, _]| part(over, locale)),
        denominator: parts.map(|[_, under]| part(under, locale)),
        n: result.n,
        margin: result.margin,
        window: days(&result.window),
        trend: result.trend.as_ref().map(|trend| KpiTrend {
            window: days(&trend.window),
            value: trend.value.printed(),
            change: trend.change.printed(),
            better: trend.better,
        }),
        also: result.also.iter().map(|also| part(also, locale)).collect(),
        note: kpi.note.clone(),
    }
}

fn part(part: &Part, locale: Locale) -> KpiPart {
    KpiPart {
        value: part.value.printed(),
        of: words::of(&part.label, locale).to_owned(),
    }
}

fn days(window: &Window) -> KpiDays {
    KpiDays {
        from: window.from,
        to: window.to,
    }
}
