//! The schemas as they stand in `protocols/`, each with the others at hand, dates and times checked.

use std::path::PathBuf;

use jsonschema::{Registry, Validator};
use serde_json::Value;

/// All schemas by name.
pub struct Schemas {
    named: Vec<(&'static str, Validator)>,
}

impl Schemas {
    pub fn load() -> Self {
        let schemas = kunder::schema::schemas();
        let mut registry = Registry::new();
        for (_, schema) in &schemas {
            registry = registry.add(schema["$id"].as_str().unwrap(), schema).unwrap();
        }
        let registry = registry.prepare().unwrap();
        let validator = |schema: &Value| {
            jsonschema::options()
                .with_registry(&registry)
                .should_validate_formats(true)
                .build(schema)
                .unwrap()
        };
        Self {
            named: schemas
                .iter()
                .map(|(name, schema)| (*name, validator(schema)))
                .collect(),
        }
    }

    pub fn takes(&self, name: &str, document: &Value) -> bool {
        self.named(name).is_valid(document)
    }

    #[track_caller]
    pub fn check(&self, name: &str, document: &Value) {
        obeys(self.named(name), document);
    }

    #[track_caller]
    pub fn check_with(schema: &Value, document: &Value) {
        obeys(
            &jsonschema::options()
                .should_validate_formats(true)
                .build(schema)
                .unwrap(),
            document,
        );
    }

    fn named(&self, name: &str) -> &Validator {
        self.named
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, validator)| validator)
            .unwrap()
    }
}

#[track_caller]
fn obeys(validator: &Validator, document: &Value) {
    let errors: Vec<String> = validator
        .iter_errors(document)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{}\n{document:#}", errors.join("\n"));
}

/// `protocols/`.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../protocols")
}
