//! Several health models in one folder: which loads, and what is said where it does not (D-27).

use std::collections::BTreeMap;

use expect_test::{Expect, expect};

use super::*;

const RESOLVER: &str = "id: test/resolver
version: 1
updated: 2026-11-26
source: D-27
rules:
  - id: schools
    when: [{ field: segment, is: school }]
    models: { active: response/health, shadow: [boekhouding/health] }
else: { active: boekhouding/health }
";

/// Boekhouding's folder with the model of response beside its own, and what that reads.
fn files(resolver: Option<&str>) -> BTreeMap<String, String> {
    let mut files = Pack::find("boekhouding").unwrap().texts();
    let other = Pack::find("response").unwrap().texts();
    files.insert("health-schools.yaml".to_owned(), other["health.yaml"].clone());
    let (_, metrics) = other["metrics.yaml"].split_once("metrics:\n").unwrap();
    files.get_mut("metrics.yaml").unwrap().push_str(metrics);
    files.extend(resolver.map(|text| ("resolver.yaml".to_owned(), text.to_owned())));
    files
}

/// The errors, or the warnings that are not about health alone.
#[track_caller]
fn check(files: &BTreeMap<String, String>, expected: Expect) {
    let printed = match Definitions::parse_over_shipped(files) {
        Ok(definitions) => {
            let warnings = definitions.warnings.iter().map(ToString::to_string);
            let told: Vec<String> = warnings.filter(|text| !text.contains("settles it")).collect();
            format!("loads\n{}", told.join("\n"))
        }
        Err(errors) => errors.to_string(),
    };
    expected.assert_eq(&printed);
}

#[test]
fn a_folder_has_several_models_and_a_resolver() {
    let definitions = Definitions::parse_over_shipped(&files(Some(RESOLVER))).unwrap();
    let ids: Vec<&str> = definitions
        .models()
        .map(|model| model.header.id.as_str())
        .collect();
    assert_eq!(ids, ["boekhouding/health", "response/health"]);
    assert_eq!(definitions.resolver.unwrap().header.id, "test/resolver");
    // Every model is looked at for what is odd.
    let odd = |file: &str| {
        definitions
            .warnings
            .iter()
            .filter(|lint| lint.fault.file == file)
            .count()
    };
    assert_eq!((odd("health.yaml"), odd("health-schools.yaml")), (9, 3));
}

#[test]
fn several_models_need_a_resolver() {
    check(
        &files(None),
        expect![
            "health-schools.yaml:3: a second health model without a resolver; say in resolver.yaml which customers each model is for, or remove this file"
        ],
    );
}

#[test]
fn a_wrong_resolver_loads_nothing() {
    check(
        &files(Some(&RESOLVER.replace(
            "else: { active: boekhouding/health }",
            "else: { active: gone }",
        ))),
        expect![[
            r#"resolver.yaml:9: there is no model "gone"; use one of boekhouding/health, response/health"#
        ]],
    );
    check(
        &files(Some(&RESOLVER.replace("is: school", "is: school, from: 3"))),
        expect![[
            r#"resolver.yaml:6: a clause of rule "schools" is no condition; write a field with `is`, or with `from`, `to` or both"#
        ]],
    );
    check(
        &files(Some(&RESOLVER.replace("rules:", "ruels:"))),
        expect![
            "resolver.yaml:5: unknown field `ruels`, expected one of rules, else; write the file as its schema says; `definitions/satori` has an example of each"
        ],
    );
    check(
        &files(Some(&RESOLVER.replace("test/resolver", "response/health"))),
        expect![[
            r#"resolver.yaml:1: the id "response/health" is also the id of health-schools.yaml; give each file its own id"#
        ]],
    );
}

#[test]
fn every_model_is_checked() {
    let mut wrong = files(Some(RESOLVER));
    let text = wrong.get_mut("health-schools.yaml").unwrap();
    *text = text.replace("band: red", "band: purple");
    check(
        &wrong,
        expect![[r#"
        health-schools.yaml:11: the band "purple" is not defined; use one of red, yellow, green, or define it under bands
        health-schools.yaml:41: the band "red" is unreachable; let a rule decide for it, or remove it
        health-schools.yaml:21: rule "yellow_warning" is worse than the one before it; put the rules in worst-first order"#]],
    );
    let mut unread = files(Some(RESOLVER));
    unread.insert("health-schools.yaml".to_owned(), "id: x".to_owned());
    check(
        &unread,
        expect![
            "health-schools.yaml:1: missing field `bands`; write the file as its schema says; `definitions/satori` has an example of each"
        ],
    );
}

#[test]
fn a_model_for_nobody_is_a_warning_and_a_name_of_no_file_an_error() {
    let alone = RESOLVER.replace(
        "response/health, shadow: [boekhouding/health]",
        "boekhouding/health",
    );
    check(
        &files(Some(&alone)),
        expect![[r#"
        loads
        warning: health-schools.yaml:3: the resolver uses the model "response/health" for nobody; name it in resolver.yaml, or remove this file"#]],
    );
    let mut misnamed = files(Some(RESOLVER));
    misnamed.insert("health_old.yaml".to_owned(), String::new());
    misnamed.insert("health-.yaml".to_owned(), String::new());
    check(
        &misnamed,
        expect![[r#"
            health-.yaml: the file is not known; remove it, or give it one of the names organisation.yaml, health.yaml, onboarding.yaml, process.yaml, pipeline.yaml, icp.yaml, kpis.yaml, alerts.yaml, metrics.yaml, resolver.yaml, health-*.yaml
            health_old.yaml: the file is not known; remove it, or give it one of the names organisation.yaml, health.yaml, onboarding.yaml, process.yaml, pipeline.yaml, icp.yaml, kpis.yaml, alerts.yaml, metrics.yaml, resolver.yaml, health-*.yaml"#]],
    );
}
