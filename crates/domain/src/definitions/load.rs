//! Loading: every file read, every check made, every fault reported at once.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::check::{self, Faults};
use super::check_alerts;
use super::check_health;
use super::check_metrics;
use super::error::{DefinitionError, DefinitionErrors};
use super::{Definition, Definitions, Level, Lint, MetricFile, SHIPPED, file, lint};

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

/// Files an organisation may leave out: `metrics.yaml` then holds the built-in metrics only.
pub(super) const OPTIONAL_FILES: [&str; 1] = ["metrics.yaml"];

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
            let mend = format!("remove it, or give it one of the names {known}");
            loading.error(name, "the file is not known".to_owned(), mend);
        }
        let organisation = loading.take("organisation.yaml", check::organisation);
        let metrics = loading.metrics();
        let mut lints = Vec::new();
        let health = loading.take("health.yaml", |body, faults| {
            if let Some(metrics) = &metrics {
                check_health::health(body, &metrics.body, faults);
                // What is odd can be told only of what could be run.
                if faults.errors.is_empty() {
                    lints = lint::health("health.yaml", faults.text, body, &metrics.body);
                }
            }
        });
        let alerts = loading.take("alerts.yaml", |body, faults| {
            if let Some(metrics) = &metrics {
                check_alerts::alerts(body, &metrics.body, faults);
            }
        });
        let onboarding = loading.take("onboarding.yaml", check::onboarding);
        let process = loading.take("process.yaml", check::process);
        let pipeline = loading.take("pipeline.yaml", check::pipeline);
        let icp = loading.take("icp.yaml", check::icp);
        let kpis = loading.take("kpis.yaml", check::kpis);
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
    FILES.contains(&name) || OPTIONAL_FILES.contains(&name)
}

struct Loading<'a> {
    files: &'a BTreeMap<String, String>,
    errors: Vec<DefinitionError>,
    /// Which file has an id.
    ids: BTreeMap<String, &'static str>,
}

impl Loading<'_> {
    fn metrics(&mut self) -> Option<Definition<MetricFile>> {
        let name = OPTIONAL_FILES[0];
        if self.files.contains_key(name) {
            return self.take(name, check_metrics::metrics);
        }
        let (_, text) = SHIPPED.iter().find(|(file, _)| *file == name)?;
        file::read(name, text).ok()
    }

    fn take<T: for<'de> Deserialize<'de>>(
        &mut self,
        name: &'static str,
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
        if let Some(other) = self.ids.insert(definition.header.id.clone(), name) {
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
