//! The organisation's health models, ready to judge customers: the one judgement behind checks, explanations and briefs.

use std::cmp::Reverse;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kunder_agent_core::task::Locale;
use kunder_domain::customer::Customer;
use kunder_domain::definitions::Definitions;
use kunder_domain::health::{CheckContext, CompiledModel, HealthResult, Row, Rule, Snapshot};
use kunder_domain::measuring::{Measured, measure};
use kunder_domain::metrics::{Metrics, day};
use rust_decimal::Decimal;

pub mod wording;

/// Inputs that a judgement names as the reason of a score.
const LOSSES_TOLD: usize = 2;

/// The models of one organisation, with what they measure by.
pub struct HealthModels {
    definitions: Arc<Definitions>,
    model: CompiledModel,
    zone: TimeZone,
}

/// How a customer is: its band, or a state that is none, and why.
pub struct Judged<'a> {
    pub model: &'a CompiledModel,
    /// The band's key, or the name of a state that is none.
    pub key: String,
    /// `None` where it is in no band.
    pub severity: Option<u8>,
    /// The state in words.
    pub label: String,
    /// 0 to 100 with six decimals at most; rule models give none.
    pub score: Option<String>,
    /// The rules that hold, the worst first: the first of them decided. Of a score, the inputs on which most of it is lost.
    pub because: Vec<Because>,
    /// Why it is in no band, in words.
    pub no_band: Option<String>,
    /// What to do.
    pub suggestion: String,
    /// What is kept of it.
    pub snapshot: Snapshot,
}

/// One reason of a judgement.
pub struct Because {
    pub text: String,
    /// Of the band it leads to.
    pub severity: u8,
    /// What it is read from.
    pub metrics: Vec<String>,
}

impl HealthModels {
    /// # Panics
    /// Where the definitions were not checked when they were loaded.
    #[must_use]
    pub fn new(definitions: Arc<Definitions>) -> Self {
        let model = CompiledModel::compile(&definitions.health, &definitions.metrics.body)
            .expect("models are checked when loaded");
        let zone =
            TimeZone::get(&definitions.organisation.body.time_zone).expect("the zone is checked when loaded");
        Self {
            definitions,
            model,
            zone,
        }
    }

    /// The one that decides.
    #[must_use]
    pub fn active(&self) -> &CompiledModel {
        &self.model
    }

    /// The customer's metrics at a moment.
    #[must_use]
    pub fn measured(&self, customer: &Customer, at: Timestamp) -> Measured<'_> {
        let built_in = Metrics::of(customer, day(at, &self.zone), &self.zone, &self.definitions);
        self.measured_beside(customer, &built_in, at)
    }

    /// The same, where the customer's own measures are there already.
    #[must_use]
    pub fn measured_beside(&self, customer: &Customer, built_in: &Metrics, at: Timestamp) -> Measured<'_> {
        measure(customer, &self.definitions.metrics.body, built_in, at, &self.zone)
    }

    /// The customer's health by `model`; `previous` is the last result by the same model.
    pub fn result<'a>(
        &'a self,
        model: &'a CompiledModel,
        customer: &'a Customer,
        measured: &'a Measured<'_>,
        at: Timestamp,
        previous: Option<&'a Snapshot>,
    ) -> HealthResult<'a> {
        let context = CheckContext {
            now: at,
            today: day(at, &self.zone),
            customer_since: customer.first_observed.map(|first| day(first, &self.zone)),
            previous,
            overrides: &[],
        };
        model.check(&measured.values, &context)
    }

    /// Judges a customer as it is at `at`; `metrics` are its own measures of that day.
    #[must_use]
    pub fn judged(
        &self,
        customer: &Customer,
        metrics: &Metrics,
        at: Timestamp,
        locale: Locale,
    ) -> Judged<'_> {
        self.judged_by(
            customer,
            &self.measured_beside(customer, metrics, at),
            at,
            None,
            locale,
        )
    }

    /// The same by these measures; `previous` is the last result, for bands that are left later than they are entered.
    #[must_use]
    pub fn judged_by(
        &self,
        customer: &Customer,
        measured: &Measured<'_>,
        at: Timestamp,
        previous: Option<&Snapshot>,
        locale: Locale,
    ) -> Judged<'_> {
        let language = locale.pick("sv", "en");
        let model = self.active();
        let result = self.result(model, customer, measured, at, previous);
        let snapshot = Snapshot::of(&result);
        let score = result.printed_score();
        let because = match &score {
            Some(_) => self.losses(&result, language),
            None => rules_that_hold(&result, measured, language),
        };
        let lacking = |missing: &str| match locale {
            Locale::Sv => format!("Se till att detta kommer in: {missing}"),
            Locale::En => format!("See to it that this is fed: {missing}"),
        };
        Judged {
            model,
            key: wording::kept_key(&snapshot.state).to_owned(),
            severity: result.band().map(|band| band.severity),
            label: wording::kept_label(model, &snapshot.state, language),
            because,
            no_band: wording::no_band(&result, language),
            suggestion: match result.band() {
                Some(band) => locale.pick(&band.suggestion.sv, &band.suggestion.en).to_owned(),
                None if result.missing.is_empty() => String::new(),
                None => lacking(&result.missing.join(", ")),
            },
            score,
            snapshot,
        }
    }

    /// What is kept of a customer's health at a moment.
    #[must_use]
    pub fn snapshot(
        &self,
        customer: &Customer,
        measured: &Measured<'_>,
        at: Timestamp,
        previous: Option<&Snapshot>,
    ) -> Snapshot {
        Snapshot::of(&self.result(self.active(), customer, measured, at, previous))
    }

    /// The inputs on which most of the score is lost.
    fn losses(&self, result: &HealthResult<'_>, language: &str) -> Vec<Because> {
        let severity = result.band().map_or(0, |band| band.severity);
        let losses = result.losses().into_iter().take(LOSSES_TOLD);
        let told = losses.filter_map(|(lost, row)| match row.row {
            Row::Input { metric, .. } => {
                let value = row
                    .measure
                    .map_or_else(|| "–".to_owned(), |one| one.value.to_string());
                let label = self.metric_label(metric, language);
                Some(Because {
                    text: format!("{label} {value} (−{})", lost.printed()),
                    severity,
                    metrics: vec![metric.to_owned()],
                })
            }
            Row::Override(_) => None,
        });
        told.collect()
    }

    /// The metric in words.
    #[must_use]
    pub fn metric_label(&self, metric: &str, language: &str) -> String {
        let known = self.definitions.metrics.body.find(metric);
        known.map_or_else(
            || metric.to_owned(),
            |metric| metric.label.in_locale(language).to_owned(),
        )
    }
}

impl Judged<'_> {
    /// `36.25 points of 100`, then why; the rules alone where there is no score.
    #[must_use]
    pub fn reasons(&self, locale: Locale) -> Vec<String> {
        let score = self.score.as_ref();
        let score = score.map(|score| wording::points(score, locale.pick("sv", "en")));
        let because = self.because.iter().map(|because| because.text.clone());
        score.into_iter().chain(because).collect()
    }
}

/// The rules that hold, the worst first: the first of them decided.
fn rules_that_hold(result: &HealthResult<'_>, measured: &Measured<'_>, language: &str) -> Vec<Because> {
    let model = result.model;
    let mut rules = result.rules.clone();
    // Stable: rules of one severity stay in the file's order.
    rules.sort_by_key(|rule| Reverse(model.severity(rule)));
    let because = rules.iter().map(|rule| Because {
        text: because(model, rule, measured, language),
        severity: model.severity(rule),
        metrics: rule.names().map(str::to_owned).collect(),
    });
    because.collect()
}

/// Why a rule holds, with the values of its metrics and parameters.
#[must_use]
pub fn because(model: &CompiledModel, rule: &Rule, measured: &Measured<'_>, language: &str) -> String {
    let value = |name: &str| -> Option<Decimal> {
        let measured = measured.values.get(name).and_then(|one| one.value.number());
        measured.or_else(|| model.param(name))
    };
    rule.because_of(&value).in_locale(language).to_owned()
}
