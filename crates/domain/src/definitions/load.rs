//! Loading: every file read, every check made, every fault reported at once.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::check::{self, Faults};
use super::check_alerts;
use super::check_health;
use super::check_kpis;
use super::check_metrics;
use super::error::{DefinitionError, DefinitionErrors};
use super::{
    Definition, Definitions, HealthModel, Level, Lint, MetricFile, Resolver, SHIPPED, file, lint, resolver,
};

/// The files an organisation consists of.
pub(super) const FILES: [&str; 8] = [
    "organisation.yaml",
    "health.yaml",
    "onboarding.yaml",
    "process.yaml",
    "pipeline.yaml",
    "icp.yaml",
    "kpis.yaml",
    "alerts.yaml",
];

/// Files an organisation may leave out: `metrics.yaml` then holds the built-in metrics only, and without `resolver.yaml` there
/// is one health model.
pub(super) const OPTIONAL_FILES: [&str; 2] = [METRICS, RESOLVER];
const METRICS: &str = "metrics.yaml";
const RESOLVER: &str = "resolver.yaml";

impl Definitions {
    /// Reads and checks the files of one organisation, by file name.
    ///
    /// # Errors
    /// Everything that is wrong in any of them, and files that are missing or unknown.
    pub fn parse(files: &BTreeMap<String, String>) -> Result<Self, DefinitionErrors> {
        let mut loading = Loading {
            files,
            errors: Vec::new(),
            ids: BTreeMap::new(),
        };
        for name in files.keys().filter(|name| !is_known(name)) {
            let known = [&FILES[..], &OPTIONAL_FILES[..]].concat().join(", ");
            let mend = format!("remove it, or give it one of the names {known}, health-*.yaml");
            loading.error(name, "the file is not known".to_owned(), mend);
        }
        let organisation = loading.take("organisation.yaml", check::organisation);
        let metrics = loading.metrics();
        let mut lints = Vec::new();
        let health = loading.health("health.yaml", metrics.as_ref(), &mut lints);
        let more: Vec<&str> = files
            .keys()
            .map(String::as_str)
            .filter(|name| is_health(name))
            .collect();
        let more_health: Vec<_> = more
            .iter()
            .filter_map(|name| loading.health(name, metrics.as_ref(), &mut lints))
            .collect();
        let models: Vec<_> = health.iter().chain(&more_health).collect();
        let resolver = loading.resolver(&models, &more, &mut lints);
        let alerts = loading.take("alerts.yaml", |body, faults| {
            if let Some(metrics) = &metrics {
                check_alerts::alerts(body, &metrics.body, faults);
            }
        });
        let onboarding = loading.take("onboarding.yaml", check::onboarding);
        let process = loading.take("process.yaml", check::process);
        let pipeline = loading.take("pipeline.yaml", check::pipeline);
        let icp = loading.take("icp.yaml", check::icp);
        let kpis = loading.take("kpis.yaml", check_kpis::kpis);
        let (wrong, warnings): (Vec<Lint>, Vec<Lint>) =
            lints.into_iter().partition(|lint| lint.level == Level::Error);
        let mut errors = loading.errors;
        errors.extend(wrong.into_iter().map(|lint| lint.fault));
        match (
            organisation,
            health,
            onboarding,
            process,
            pipeline,
            icp,
            kpis,
            metrics,
            alerts,
        ) {
            (
                Some(organisation),
                Some(health),
                Some(onboarding),
                Some(process),
                Some(pipeline),
                Some(icp),
                Some(kpis),
                Some(metrics),
                Some(alerts),
            ) if errors.is_empty() => Ok(Self {
                organisation,
                health,
                more_health,
                resolver,
                onboarding,
                process,
                pipeline,
                icp,
                kpis,
                metrics,
                alerts,
                warnings,
            }),
            _ => Err(DefinitionErrors(errors)),
        }
    }
}

fn is_known(name: &str) -> bool {
    FILES.contains(&name) || OPTIONAL_FILES.contains(&name) || is_health(name)
}

/// Whether it is a health model beside that of `health.yaml`.
fn is_health(name: &str) -> bool {
    let rest = name
        .strip_prefix("health-")
        .and_then(|rest| rest.strip_suffix(".yaml"));
    rest.is_some_and(|rest| !rest.is_empty())
}

struct Loading<'a> {
    files: &'a BTreeMap<String, String>,
    errors: Vec<DefinitionError>,
    /// Which file has an id.
    ids: BTreeMap<String, String>,
}

impl Loading<'_> {
    fn metrics(&mut self) -> Option<Definition<MetricFile>> {
        if self.files.contains_key(METRICS) {
            return self.take(METRICS, check_metrics::metrics);
        }
        let (_, text) = SHIPPED.iter().find(|(file, _)| *file == METRICS)?;
        file::read(METRICS, text).ok()
    }

    fn health(
        &mut self,
        name: &str,
        metrics: Option<&Definition<MetricFile>>,
        lints: &mut Vec<Lint>,
    ) -> Option<Definition<HealthModel>> {
        self.take(name, |body, faults| {
            if let Some(metrics) = metrics {
                check_health::health(body, &metrics.body, faults);
                // What is odd can be told only of what could be run.
                if faults.errors.is_empty() {
                    lints.extend(lint::health(name, faults.text, body, &metrics.body));
                }
            }
        })
    }

    /// Which of several models is for whom (D-27). `more` are the files of models beside `health.yaml`.
    fn resolver(
        &mut self,
        models: &[&Definition<HealthModel>],
        more: &[&str],
        lints: &mut Vec<Lint>,
    ) -> Option<Definition<Resolver>> {
        if !self.files.contains_key(RESOLVER) {
            for name in more {
                let what = "a second health model without a resolver".to_owned();
                let fault = self.at_the_id(
                    name,
                    &what,
                    "say in resolver.yaml which customers each model is for, or remove this file",
                );
                self.errors.push(fault);
            }
            return None;
        }
        // Where a model is wrong, which ones there are is not known.
        let all_are_right = models.len() == more.len() + 1;
        let known: Vec<&str> = models.iter().map(|model| model.header.id.as_str()).collect();
        let resolver = self.take(RESOLVER, |body, faults| {
            if all_are_right {
                resolver::check(body, &known, faults);
            }
        })?;
        for (name, id) in std::iter::once(&"health.yaml").chain(more).zip(&known) {
            if all_are_right && !resolver.body.named().any(|named| named == *id) {
                let what = format!("the resolver uses the model {id:?} for nobody");
                lints.push(Lint {
                    level: Level::Warning,
                    fault: self.at_the_id(name, &what, "name it in resolver.yaml, or remove this file"),
                    decision: None,
                });
            }
        }
        Some(resolver)
    }

    fn at_the_id(&self, file: &str, what: &str, mend: &str) -> DefinitionError {
        let text = self.files.get(file).map_or("", String::as_str);
        DefinitionError::new(file, check::line_of(text, &["id:"]), what, mend)
    }

    fn take<T: for<'de> Deserialize<'de>>(
        &mut self,
        name: &str,
        check: impl FnOnce(&T, &mut Faults<'_>),
    ) -> Option<Definition<T>> {
        let Some(text) = self.files.get(name) else {
            self.error(name, "the file is missing".to_owned(), format!("add {name}"));
            return None;
        };
        let definition = match file::read::<T>(name, text) {
            Ok(definition) => definition,
            Err(error) => {
                self.errors.push(error);
                return None;
            }
        };
        let mut faults = Faults::new(name, text);
        check::header(&definition.header, &mut faults);
        check(&definition.body, &mut faults);
        if let Some(other) = self.ids.insert(definition.header.id.clone(), name.to_owned()) {
            let id = &definition.header.id;
            faults.add(
                &["id:"],
                format!("the id {id:?} is also the id of {other}"),
                "give each file its own id",
            );
        }
        self.errors.append(&mut faults.errors);
        Some(definition)
    }

    fn error(&mut self, file: &str, what: String, mend: String) {
        self.errors.push(DefinitionError::new(file, None, &what, &mend));
    }
}
