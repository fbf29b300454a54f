//! Loading: every file read, every check made, every fault reported at once.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::check::{self, Faults};
use super::error::{DefinitionError, DefinitionErrors};
use super::{Definition, Definitions, file};

/// The files an organisation consists of.
pub(super) const FILES: [&str; 7] = [
    "organisation.yaml",
    "health.yaml",
    "onboarding.yaml",
    "process.yaml",
    "pipeline.yaml",
    "icp.yaml",
    "kpis.yaml",
];

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
        for name in files.keys().filter(|name| !FILES.contains(&name.as_str())) {
            let mend = format!("remove it, or give it one of the names {}", FILES.join(", "));
            loading.error(name, "the file is not known".to_owned(), mend);
        }
        let organisation = loading.take("organisation.yaml", check::organisation);
        let health = loading.take("health.yaml", check::health);
        let onboarding = loading.take("onboarding.yaml", check::onboarding);
        let process = loading.take("process.yaml", check::process);
        let pipeline = loading.take("pipeline.yaml", check::pipeline);
        let icp = loading.take("icp.yaml", check::icp);
        let kpis = loading.take("kpis.yaml", check::kpis);
        let errors = loading.errors;
        match (organisation, health, onboarding, process, pipeline, icp, kpis) {
            (
                Some(organisation),
                Some(health),
                Some(onboarding),
                Some(process),
                Some(pipeline),
                Some(icp),
                Some(kpis),
            ) if errors.is_empty() => Ok(Self {
                organisation,
                health,
                onboarding,
                process,
                pipeline,
                icp,
                kpis,
            }),
            _ => Err(DefinitionErrors(errors)),
        }
    }
}

struct Loading<'a> {
    files: &'a BTreeMap<String, String>,
    errors: Vec<DefinitionError>,
    /// Which file has an id.
    ids: BTreeMap<String, &'static str>,
}

impl Loading<'_> {
    fn take<T: for<'de> Deserialize<'de>>(
        &mut self,
        name: &'static str,
        check: fn(&T, &mut Faults<'_>),
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
