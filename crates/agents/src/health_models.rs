//! The organisation's health models, ready to judge customers: the one judgement behind checks, explanations and briefs.

use std::cmp::Reverse;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use kunder_agent_core::outcome::DefinitionUse;
use kunder_agent_core::task::Locale;
use kunder_domain::customer::Customer;
use kunder_domain::definitions::{AlertRule, Band, Definition, Definitions, HealthModel, Models};
use kunder_domain::health::{CheckContext, CompiledModel, HealthResult, Row, Rule, Snapshot};
use kunder_domain::measuring::{Measured, measure};
use kunder_domain::metrics::{Metrics, day};
use kunder_domain::signals::{Signals, Standing};
use rust_decimal::Decimal;

pub mod wording;

use crate::evidence::decided;

/// Inputs that a judgement names as the reason of a score.
const LOSSES_TOLD: usize = 2;

/// The models of one organisation, with what they measure by.
pub struct HealthModels {
    definitions: Arc<Definitions>,
    /// In the order of the files, that of `health.yaml` first.
    models: Vec<CompiledModel>,
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
    /// The exceptions that changed it; then the rules that hold, the worst first, or of a score the inputs on which most of it
    /// is lost.
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
        let compiled = definitions.models().map(|model| {
            CompiledModel::compile(model, &definitions.metrics.body).expect("models are checked when loaded")
        });
        let models = compiled.collect();
        let zone =
            TimeZone::get(&definitions.organisation.body.time_zone).expect("the zone is checked when loaded");
        Self {
            definitions,
            models,
            zone,
        }
    }

    /// The one that decides on this customer (D-27).
    #[must_use]
    pub fn active(&self, customer: &Customer) -> &CompiledModel {
        let resolved = self.resolved(customer);
        let active = resolved.and_then(|models| self.by_id(&models.active));
        active.unwrap_or(&self.models[0])
    }

    /// Those that are only looked at for this customer, in the resolver's order.
    #[must_use]
    pub fn shadows(&self, customer: &Customer) -> Vec<&CompiledModel> {
        let resolved = self.resolved(customer);
        let names = resolved.map_or(&[][..], |models| &models.shadow);
        names.iter().filter_map(|id| self.by_id(id)).collect()
    }

    fn resolved(&self, customer: &Customer) -> Option<&Models> {
        let resolver = self.definitions.resolver.as_ref()?;
        Some(resolver.body.resolve(&|field| customer.field(field)).models)
    }

    /// A model by its id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&CompiledModel> {
        self.models.iter().find(|model| *model.id == *id)
    }

    /// The model that these signals were judged by.
    #[must_use]
    pub fn of_standing(&self, standing: &Standing) -> Option<&CompiledModel> {
        self.by_id(&standing.model)
    }

    /// The file of a model.
    #[must_use]
    pub fn definition(&self, model: &CompiledModel) -> &Definition<HealthModel> {
        let mut files = self.definitions.models();
        files
            .find(|file| *file.header.id == *model.id)
            .unwrap_or(&self.definitions.health)
    }

    /// How often one reason may alarm about this customer.
    #[must_use]
    pub fn alert_rule(&self, customer: &Customer) -> AlertRule {
        self.definition(self.active(customer)).body.alerts
    }

    /// Whether a record was given by the model that decides on the customer now, in the same version; where nothing is known of
    /// the customer, by a model that is still here.
    #[must_use]
    pub fn gave(&self, customer: Option<&Customer>, snapshot: &Snapshot) -> bool {
        let model = customer.map_or_else(
            || self.by_id(&snapshot.model),
            |customer| Some(self.active(customer)),
        );
        model.is_some_and(|model| model.id == snapshot.model && model.hash == snapshot.hash)
    }

    /// Every model that decides on somebody, and the resolver where there is one: what a result over many customers rests on.
    #[must_use]
    pub fn decided(&self) -> Vec<DefinitionUse> {
        let resolver = self.definitions.resolver.as_ref();
        let deciding = self.deciding().map(|model| decided(self.definition(model)));
        deciding.chain(resolver.map(decided)).collect()
    }

    /// The models that decide on somebody.
    pub fn deciding(&self) -> impl Iterator<Item = &CompiledModel> {
        let resolver = self.definitions.resolver.as_ref();
        self.models
            .iter()
            .filter(move |model| resolver.is_none_or(|resolver| resolver.body.is_active(&model.id)))
    }

    /// The bands of the models that decide, each key once.
    #[must_use]
    pub fn bands(&self) -> Vec<Band> {
        let mut bands: Vec<Band> = Vec::new();
        for band in self.deciding().flat_map(|model| &model.bands) {
            if bands.iter().all(|known| known.key != band.key) {
                bands.push(band.clone());
            }
        }
        bands
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
            overrides: &customer.overrides,
        };
        model.check(&measured.values, &context)
    }

    /// Judges a customer as it is at `at` by these measures; `previous` is the last result, for bands that are left later than they are entered.
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
        let model = self.active(customer);
        let result = self.result(model, customer, measured, at, previous);
        let snapshot = Snapshot::of(&result);
        let score = result.printed_score();
        let mut because = exceptions(&result, language);
        because.extend(match &score {
            Some(_) => self.losses(&result, language),
            None => rules_that_hold(&result, measured, language),
        });
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
        Snapshot::of(&self.result(self.active(customer), customer, measured, at, previous))
    }

    /// The same by the signals kept of a customer; `None` where the model that decides on it is gone.
    #[must_use]
    pub fn kept_snapshot(
        &self,
        signals: &Signals,
        at: Timestamp,
        today: Date,
        previous: Option<&Snapshot>,
    ) -> Option<Snapshot> {
        let measures = signals.measures(&self.definitions.metrics.body, at, today);
        let context = CheckContext {
            now: at,
            today,
            customer_since: Some(signals.standing.since),
            previous,
            overrides: &[],
        };
        Some(Snapshot::of(
            &self.by_id(&signals.standing.model)?.check(&measures, &context),
        ))
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
    /// `Critical, 36.25 points of 100`.
    #[must_use]
    pub fn told(&self, locale: Locale) -> String {
        let points = self.score.as_ref();
        let points = points.map(|score| wording::points(score, locale.pick("sv", "en")));
        [Some(self.label.clone()), points]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// `36.25 points of 100`, then why; the rules alone where there is no score.
    #[must_use]
    pub fn reasons(&self, locale: Locale) -> Vec<String> {
        let score = self.score.as_ref();
        let score = score.map(|score| wording::points(score, locale.pick("sv", "en")));
        let because = self.because.iter().map(|because| because.text.clone());
        score.into_iter().chain(because).collect()
    }
}

/// The exceptions that changed the score or the band.
fn exceptions(result: &HealthResult<'_>, language: &str) -> Vec<Because> {
    let severity = result.band().map_or(0, |band| band.severity);
    let applied = result.overrides.iter().filter(|one| one.changed);
    let told = applied.map(|one| Because {
        text: wording::exception(one, language),
        severity,
        metrics: Vec::new(),
    });
    told.collect()
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
