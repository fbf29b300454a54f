//! Every fault a person may write into a definition, and what they are told.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};

use super::*;

fn shipped() -> BTreeMap<String, String> {
    SHIPPED
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect()
}

/// Replaces `from` by `to` in a shipped file and loads.
#[track_caller]
fn check(file: &str, from: &str, to: &str, expected: Expect) {
    let mut files = shipped();
    let text = &files[file];
    assert!(text.contains(from), "{from:?} is not in {file}");
    let text = text.replacen(from, to, 1);
    files.insert(file.to_owned(), text);
    let printed = match Definitions::parse(&files) {
        Ok(_) => "loads".to_owned(),
        Err(errors) => errors.to_string(),
    };
    expected.assert_eq(&printed);
}

#[test]
fn health_models_are_checked() {
    let file = "health.yaml";
    check(
        file,
        "band: akut",
        "band: rod",
        expect![[r#"
        health.yaml:17: the band "rod" is not defined; use one of akut, uppmarksamhet, frisk, or define it under bands
        health.yaml:22: rule "contact_critical" is worse than the one before it; put the rules in worst-first order"#]],
    );
    check(
        file,
        "else: frisk",
        "else: gron",
        expect![[r#"
        health.yaml:46: the band "gron" is not defined; use one of akut, uppmarksamhet, frisk, or define it under bands
        health.yaml:60: the band "frisk" is unreachable; let a rule decide for it, or remove it"#]],
    );
    check(
        file,
        "severity: 3",
        "severity: 4",
        expect![[
            r#"health.yaml:49: the severity of band "akut" is 4; write 0 healthy, 1 neutral, 2 at risk or 3 critical"#
        ]],
    );
    check(
        file,
        "id: contact_due",
        "id: never_contacted",
        expect![[r#"health.yaml:34: the rule "never_contacted" occurs twice; rename or remove one of them"#]],
    );
    check(
        file,
        "key: frisk",
        "key: akut",
        expect![[r#"
        health.yaml:60: the band "akut" occurs twice; rename or remove one of them
        health.yaml:46: the band "frisk" is not defined; use one of akut, uppmarksamhet, akut, or define it under bands"#]],
    );
    check(
        file,
        "when: overdue_todos > overdue_max",
        "when: overdue_todos >",
        expect![[
            r#"health.yaml:42: the condition of rule "todos_overdue" is wrong: it is not CEL: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}; compare these with numbers or each other: days_since_contact, open_opportunities, open_todos, overdue_max, overdue_todos, red_days, stale_opportunities, touchpoints, yellow_days"#
        ]],
    );
    check(
        file,
        "when: overdue_todos > overdue_max",
        "when: overdue_tasks > overdue_max",
        expect![[
            r#"health.yaml:42: the condition of rule "todos_overdue" is wrong: "overdue_tasks" is neither a parameter nor a metric; compare these with numbers or each other: days_since_contact, open_opportunities, open_todos, overdue_max, overdue_todos, red_days, stale_opportunities, touchpoints, yellow_days"#
        ]],
    );
    check(
        file,
        "when: overdue_todos > overdue_max",
        "when: overdue_todos + 1",
        expect![[
            r#"health.yaml:42: the condition of rule "todos_overdue" is wrong: it is a number, not true or false; compare these with numbers or each other: days_since_contact, open_opportunities, open_todos, overdue_max, overdue_todos, red_days, stale_opportunities, touchpoints, yellow_days"#
        ]],
    );
    check(
        file,
        "{overdue_todos} försenade todos",
        "{late_todos} försenade todos",
        expect![[
            r#"health.yaml:44: the placeholder {late_todos} of rule "todos_overdue" stands for nothing; use one of days_since_contact, open_opportunities, open_todos, overdue_max, overdue_todos, red_days, stale_opportunities, touchpoints, yellow_days"#
        ]],
    );
    check(
        file,
        "red_days: 90",
        "red_days: -1",
        expect!["health.yaml:12: the parameter red_days is -1; write a number from 0 to 1000000000"],
    );
    check(
        file,
        "red_days: 90",
        "red_days: ninety",
        expect![
            "health.yaml:12: invalid i64; write the file as its schema says; `definitions/satori` has an example of each"
        ],
    );
    check(
        file,
        "sv: Akut, en: Critical",
        "sv: Akut",
        expect![
            "health.yaml:50: missing field `en`; write the file as its schema says; `definitions/satori` has an example of each"
        ],
    );
    check(
        file,
        "sv: Akut, en: Critical",
        "sv: Akut, en: ' '",
        expect!["health.yaml:50: the text in en is empty; write it, in both languages"],
    );
    check(
        file,
        "overdue_max: 5\n",
        "overdue_max: 5\n  open_todos: 3\n",
        expect!["health.yaml:15: the parameter open_todos has the name of a metric; rename it"],
    );
    check(
        file,
        "  - id: never_contacted_critical\n    band: akut",
        "  - id: never_contacted_critical\n    band: frisk",
        expect![[
            r#"health.yaml:22: rule "contact_critical" is worse than the one before it; put the rules in worst-first order"#
        ]],
    );
    check(
        file,
        "source: S0-08",
        "surce: S0-08",
        expect![
            "health.yaml:9: unknown field `surce`, expected one of kind, params, rules, else, missing, groups, inputs, min_coverage, grace_days, overrides, bands, alerts, settled, clashes, note; write the file as its schema says; `definitions/satori` has an example of each"
        ],
    );
    check(
        file,
        "\nrules:",
        "\nrulez:",
        expect![
            "health.yaml:15: unknown field `rulez`, expected one of kind, params, rules, else, missing, groups, inputs, min_coverage, grace_days, overrides, bands, alerts, settled, clashes, note; write the file as its schema says; `definitions/satori` has an example of each"
        ],
    );
}

#[test]
fn the_other_files_are_checked() {
    check(
        "organisation.yaml",
        "Europe/Stockholm",
        "Europe/Stockholmen",
        expect![[
            r#"organisation.yaml:7: the time zone "Europe/Stockholmen" is unknown; write a name of the IANA database, as in `Europe/Stockholm`"#
        ]],
    );
    check(
        "organisation.yaml",
        "SEK",
        "kr",
        expect![[
            r#"organisation.yaml:8: the currency "kr" is not a code; write three capital letters, as in `SEK`"#
        ]],
    );
    check(
        "organisation.yaml",
        "version: 1",
        "version: 0",
        expect!["organisation.yaml:3: the version is 0; count versions from 1"],
    );
    check(
        "organisation.yaml",
        "version: 1\n",
        "",
        expect![
            "organisation.yaml:7: missing field `version`; write the file as its schema says; `definitions/satori` has an example of each"
        ],
    );
    check(
        "organisation.yaml",
        "updated: 2026-11-22",
        "updated: 2026-13-22",
        expect![
            "organisation.yaml:4: failed to parse two digit integer as month: parameter 'month' is not in the required range of 1..=12; write the file as its schema says; `definitions/satori` has an example of each"
        ],
    );
    check(
        "process.yaml",
        "contact_days: 90",
        "contact_days: 0",
        expect!["process.yaml:9: contact_days is 0; write a whole number from 1 to 3650"],
    );
    check(
        "process.yaml",
        "delivery_days: 56",
        "delivery_days: 9999999999",
        expect!["process.yaml:7: delivery_days is 9999999999; write a whole number from 1 to 3650"],
    );
    check(
        "pipeline.yaml",
        "hot_percent: 70",
        "hot_percent: 101",
        expect!["pipeline.yaml:7: hot_percent is 101; write a whole percentage from 0 to 100"],
    );
    check(
        "pipeline.yaml",
        "percent_min: 10",
        "percent_min: 95",
        expect!["pipeline.yaml:10: probability_percent_min is above probability_percent_max; swap them"],
    );
    check(
        "icp.yaml",
        "employees_min: 30",
        "employees_min: 301",
        expect!["icp.yaml:6: employees_min is above employees_max; swap them"],
    );
    check(
        "icp.yaml",
        "code: studieforbund",
        "code: forbund",
        expect![[r#"icp.yaml:13: the sector "forbund" occurs twice; rename or remove one of them"#]],
    );
    check(
        "onboarding.yaml",
        "{ contacts: 3 }",
        "{ contacts: 0 }",
        expect![[
            r#"onboarding.yaml:41: the item "three_contacts" asks for none; ask for something that can be missing"#
        ]],
    );
    check(
        "onboarding.yaml",
        "{ contacts: 3 }",
        "{ contactz: 3 }",
        expect![
            "onboarding.yaml:41: unknown variant `contactz`, expected one of field, contacts, role, verified_contact, services, opportunities; write the file as its schema says; `definitions/satori` has an example of each"
        ],
    );
    check(
        "onboarding.yaml",
        "{ role: finance }",
        "{ role: king }",
        expect![
            "onboarding.yaml:53: unknown variant `king`, expected one of decision_maker, technical, finance, project, other; write the file as its schema says; `definitions/satori` has an example of each"
        ],
    );
    check(
        "onboarding.yaml",
        "id: employees",
        "id: org_number",
        expect![[r#"onboarding.yaml:14: the item "org_number" occurs twice; rename or remove one of them"#]],
    );
    check(
        "onboarding.yaml",
        "id: satori/onboarding",
        "id: satori/kpis",
        expect![[
            r#"kpis.yaml:2: the id "satori/kpis" is also the id of onboarding.yaml; give each file its own id"#
        ]],
    );
    check(
        "kpis.yaml",
        "customers_baseline: 15",
        "customers_baseline: [15",
        expect![
            "kpis.yaml:6: expected string scalar; write the file as its schema says; `definitions/satori` has an example of each"
        ],
    );
}

#[test]
fn a_checklist_without_items_is_refused() {
    let mut files = shipped();
    let text = "id: a\nversion: 1\nupdated: 2026-01-01\nsource: S0-12\ngroups:\n  - id: g\n    label: { sv: G, en: G }\n    items: []\n";
    files.insert("onboarding.yaml".to_owned(), text.to_owned());
    expect![[r#"
        onboarding.yaml:5: the checklist has no item; write at least one
        onboarding.yaml:6: the group "g" has no item; write at least one, or remove the group"#]]
    .assert_eq(&Definitions::parse(&files).unwrap_err().to_string());
}

#[test]
fn missing_and_unknown_files_are_told_together() {
    let mut files = shipped();
    files.remove("icp.yaml");
    files.insert("helth.yaml".to_owned(), String::new());
    expect![[r#"
        helth.yaml: the file is not known; remove it, or give it one of the names organisation.yaml, health.yaml, onboarding.yaml, process.yaml, pipeline.yaml, icp.yaml, kpis.yaml, alerts.yaml, metrics.yaml
        icp.yaml: the file is missing; add icp.yaml"#]].assert_eq(&Definitions::parse(&files).unwrap_err().to_string());
}

#[test]
fn the_hash_is_of_the_text() {
    let mut files = shipped();
    let before = Definitions::parse(&files).unwrap();
    files.get_mut("icp.yaml").unwrap().push_str("# a remark\n");
    let after = Definitions::parse(&files).unwrap();
    assert_ne!(before.icp.hash, after.icp.hash);
    assert_eq!(before.kpis.hash, after.kpis.hash);
}

#[test]
fn rules_against_storms_are_checked_and_may_be_left_out() {
    check(
        "health.yaml",
        "  most: 3",
        "  most: 0",
        expect!["health.yaml:69: most is 0; write a whole number from 1 to 3650"],
    );
    check(
        "health.yaml",
        "  window_days: 30",
        "  window_days: 99999",
        expect!["health.yaml:70: window_days is 99999; write a whole number from 1 to 3650"],
    );
    check(
        "health.yaml",
        "alerts:\n  most: 3\n  window_days: 30\n",
        "",
        expect!["loads"],
    );
    check(
        "process.yaml",
        "  most: 300",
        "  most: -1",
        expect![
            "process.yaml:17: invalid u64; write the file as its schema says; `definitions/satori` has an example of each"
        ],
    );
    check(
        "process.yaml",
        "  window_s: 60",
        "  window_s: 0",
        expect!["process.yaml:18: window_s is 0; write a whole number from 1 to 86400"],
    );
    check(
        "process.yaml",
        "  window_s: 60",
        "  window_minutes: 1",
        expect![
            "process.yaml:18: unknown field `window_minutes`, expected one of most, window_s; write the file as its schema says; `definitions/satori` has an example of each"
        ],
    );
}

/// Telling of faults costs a look at the file for each: a file of thousands is told of as far as a person reads.
#[test]
fn faults_are_told_up_to_a_limit_and_each_is_short() {
    let params: Vec<String> = (0..2_000).map(|place| format!("  p{place}: -1")).collect();
    let mut files = shipped();
    let text = files["health.yaml"].replacen("params:", &format!("params:\n{}", params.join("\n")), 1);
    files.insert("health.yaml".to_owned(), text.replace("{red_days}", "{gone}"));
    let errors = Definitions::parse(&files).unwrap_err();
    assert_eq!(errors.0.len(), 101);
    expect!["health.yaml: there are more than 100 faults; mend these first"]
        .assert_eq(&errors.0[100].to_string());
    let text = files["health.yaml"].replace(": -1", ": 1");
    files.insert("health.yaml".to_owned(), text);
    let errors = Definitions::parse(&files).unwrap_err();
    assert_eq!(errors.0.len(), 4);
    assert!(
        errors.0.iter().all(|error| error.to_string().len() < 1_000),
        "{errors}"
    );
}

#[test]
fn a_file_that_is_no_definition_by_its_size_is_not_read() {
    let mut files = shipped();
    files.insert("kpis.yaml".to_owned(), "# \n".repeat(100_000));
    let errors = Definitions::parse(&files).unwrap_err().to_string();
    expect![
        "kpis.yaml: the file is 300000 bytes long, at most 262144 are allowed; take out what no rule needs"
    ]
    .assert_eq(&errors);
}

/// What could run away does not load: the answer names the rule, and no customer is ever judged by it.
#[test]
fn a_condition_that_could_run_away_is_refused_when_loaded() {
    let nested = "[1, 2, 3].all(a, [1, 2, 3].all(b, [1, 2, 3].all(c, a + b + c > days_since_contact)))";
    let long = vec!["overdue_todos > 1"; 30].join(" || ");
    for (condition, expected) in [
        (
            nested,
            expect![[
                r#"health.yaml:42: the condition of rule "todos_overdue" is wrong: `[` is not allowed: use comparisons, `&&`, `||`, `!`, `+` and `-`; compare these with numbers or each other: days_since_contact, open_opportunities, open_todos, overdue_max, overdue_todos, red_days, stale_opportunities, touchpoints, yellow_days"#
            ]],
        ),
        (
            long.as_str(),
            expect![[
                r#"health.yaml:42: the condition of rule "todos_overdue" is wrong: it is longer than 500 bytes; compare these with numbers or each other: days_since_contact, open_opportunities, open_todos, overdue_max, overdue_todos, red_days, stale_opportunities, touchpoints, yellow_days"#
            ]],
        ),
    ] {
        check(
            "health.yaml",
            "when: overdue_todos > overdue_max",
            &format!("when: \"{condition}\""),
            expected,
        );
    }
}
