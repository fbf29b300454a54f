//! Every fault a person may write into a KPI file, and what they are told.

use expect_test::{Expect, expect};

use super::*;

/// Replaces `from` by `to` in the portal's KPIs and loads.
#[track_caller]
fn check(from: &str, to: &str, expected: Expect) {
    let mut files = Pack::find("deltagarportalen").unwrap().texts();
    let text = files["kpis.yaml"].clone();
    assert!(text.contains(from), "{from:?} is not in kpis.yaml");
    files.insert("kpis.yaml".to_owned(), text.replacen(from, to, 1));
    let printed = match Definitions::parse_over_shipped(&files) {
        Ok(_) => "loads".to_owned(),
        Err(errors) => errors.to_string(),
    };
    expected.assert_eq(&printed);
}

#[test]
fn what_is_missing_or_unknown_is_told_with_its_line() {
    check(
        "target: { at_least: 70 }",
        "target: 70",
        expect![[
            r#"kpis.yaml:14: the target of "activation_guide" has no direction; write `target: { at_least: 70 }`, or at_most, above or below"#
        ]],
    );
    check(
        "target: { below: 0.1 }",
        "target: 0.1",
        expect![[
            r#"kpis.yaml:105: the target of "tickets_per_user" has no direction; write `target: { at_least: 0.1 }`, or at_most, above or below"#
        ]],
    );
    check(
        "target: { at_least: 70 }",
        "target: { more_than: 70 }",
        expect![
            "kpis.yaml:14: unknown variant `more_than`, expected one of at_least, at_most, above, below; write the file as its schema says; `definitions/satori` has an example of each"
        ],
    );
    check(
        "target: { at_least: 70 }",
        "target: { at_least: 70, below: 80 }",
        expect![
            "kpis.yaml:14: a target has one direction; write the file as its schema says; `definitions/satori` has an example of each"
        ],
    );
    check(
        "target: { at_least: 70 }",
        "target: {}",
        expect![
            "kpis.yaml:14: the target is empty; write the file as its schema says; `definitions/satori` has an example of each"
        ],
    );
    check(
        "target: { at_least: 70 }",
        "target: { at_least: many }",
        expect![[
            r#"kpis.yaml:14: "many" is no decimal number; write the file as its schema says; `definitions/satori` has an example of each"#
        ]],
    );
    check(
        "    window: { days: 90 }\n",
        "",
        expect![[
            r#"kpis.yaml:8: the KPI "activation_guide" has no window; write `window: moment`, `month`, `year` or `{ days: 30 }`"#
        ]],
    );
    check(
        "compute: logo_churn",
        "compute: churn",
        expect![
            "kpis.yaml:114: unknown variant `churn`, expected one of customers, growth, customer_retention, logo_churn, revenue_churn, expansion, mrr, ltv, cac, ltv_to_cac, nps, response_rate, mean_health, reached, retention, time_to, ratio, resolution, measurement; write the file as its schema says; `definitions/satori` has an example of each"
        ],
    );
    check(
        "id: activation_cv",
        "id: activation_guide",
        expect![[r#"kpis.yaml:22: the KPI "activation_guide" occurs twice; rename or remove one of them"#]],
    );
    check(
        "id: churn",
        "id: Churn",
        expect![[
            r#"kpis.yaml:107: the KPI "Churn" has no plain name; write small letters of a to z, digits and `_`"#
        ]],
    );
    check(
        "cadence: weekly",
        "cadence: hourly",
        expect![
            "kpis.yaml:12: unknown variant `hourly`, expected one of weekly, monthly; write the file as its schema says; `definitions/satori` has an example of each"
        ],
    );
    check(
        "eligible_days: 30",
        "eligible_day: 30",
        expect![
            "kpis.yaml:20: unknown field `eligible_day`, expected one of who, begins, reaches, eligible_days, within_days; write the file as its schema says; `definitions/satori` has an example of each"
        ],
    );
    check(
        "    unit: points\n",
        "    unit: ' '\n",
        expect![[r#"kpis.yaml:94: the unit of "nps" is empty; write it"#]],
    );
    check(
        "    source: S1-40\n",
        "    source: ''\n",
        expect![[r#"kpis.yaml:93: the source of "nps" is empty; write it"#]],
    );
    check(
        "sv: NPS, en: NPS",
        "sv: NPS, en: ' '",
        expect!["kpis.yaml:92: the text in en is empty; write it, in both languages"],
    );
}

#[test]
fn what_cannot_be_computed_is_refused() {
    check(
        "unit: percent",
        "unit: share",
        expect![[
            r#"kpis.yaml:11: "activation_guide" is a share and its unit is "share"; write `unit: percent`"#
        ]],
    );
    check(
        "target: { at_least: 70 }",
        "target: { at_least: 101 }",
        expect![[
            r#"kpis.yaml:14: the target of "activation_guide" cannot be reached: a share is at most 100 percent; write it in percent, below 100"#
        ]],
    );
    check(
        "target: { above: 40 }",
        "target: { above: 100 }",
        expect![[
            r#"kpis.yaml:70: the target of "retention_day_7" cannot be reached: a share is at most 100 percent; write it in percent, below 100"#
        ]],
    );
    check(
        "window: { days: 90 }",
        "window: { days: 0 }",
        expect![[
            r#"kpis.yaml:13: the window of "activation_guide" is 0 days; write a whole number from 1 to 3650"#
        ]],
    );
    check(
        "window: { days: 90 }",
        "window: { days: 3651 }",
        expect![[
            r#"kpis.yaml:13: the window of "activation_guide" is 3651 days; write a whole number from 1 to 3650"#
        ]],
    );
    check(
        "window: month",
        "window: moment",
        expect![[
            r#"kpis.yaml:112: the window of "churn" does not fit what it computes; it counts what happened: write `window: month` or `{ days: 30 }`"#
        ]],
    );
    check(
        "compute: nps",
        "compute: customers",
        expect![[
            r#"kpis.yaml:96: the window of "nps" does not fit what it computes; it tells a state: write `window: moment`"#
        ]],
    );
    check(
        "compute: nps",
        "compute: { growth: { baseline: 1, per_year: 2 } }",
        expect![[r#"
            kpis.yaml:97: the target of "nps" is its goal for the year; remove it, and write `per_year`
            kpis.yaml:96: the window of "nps" does not fit what it computes; its goal is for the year: write `window: year`"#]],
    );
    check(
        "compute: nps",
        "compute: { ltv: { margin: 1.5 } }",
        expect![[r#"
        kpis.yaml:96: the window of "nps" does not fit what it computes; it rests on a month's churn: write `window: month`
        kpis.yaml:98: the margin of "nps" is 1.5; write a share above 0 and at most 1"#]],
    );
    check(
        "eligible_days: 30",
        "eligible_days: -1",
        expect![[r#"
        kpis.yaml:20: eligible_days of "activation_guide" is -1; write a whole number from 0 to 3650
        kpis.yaml:21: "activation_guide" counts who still has time: within_days is above eligible_days; write at most eligible_days"#]],
    );
    check(
        "within_days: 30",
        "within_days: 31",
        expect![[
            r#"kpis.yaml:21: "activation_guide" counts who still has time: within_days is above eligible_days; write at most eligible_days"#
        ]],
    );
    check(
        "day: 7",
        "day: 0",
        expect![[r#"kpis.yaml:72: day of "retention_day_7" is 0; write a whole number from 1 to 3650"#]],
    );
    check(
        "{ newest: [participants, consultants] }",
        "{ newest: [] }",
        expect![[r#"kpis.yaml:106: "tickets_per_user" is divided by nothing; name a measurement"#]],
    );
    check(
        "over: tickets_created",
        "over: ''",
        expect![[
            r#"kpis.yaml:106: "tickets_per_user" reads a measurement without a name; name the measurement"#
        ]],
    );
    check(
        "begins: { measurement: user_started }",
        "begins: onboarding",
        expect![[
            r#"kpis.yaml:17: "activation_guide" counts users by what is known of customers only; use milestones `{ measurement: NAME }`, or count customers"#
        ]],
    );
    check(
        "begins: { measurement: user_started }",
        "begins: { measurement: guide_completed }",
        expect![[
            r#"kpis.yaml:19: "activation_guide" begins with what is to be reached; name two different milestones"#
        ]],
    );
}

#[test]
fn a_goal_for_the_year_has_no_other_target() {
    let mut files = Pack::find("satori").unwrap().texts();
    let text = files["kpis.yaml"].replacen(
        "window: year\n",
        "window: month\n    target: { at_least: 5 }\n",
        1,
    );
    let text = text.replacen("per_year: 10", "per_year: 1000001", 1);
    files.insert("kpis.yaml".to_owned(), text);
    expect![[r#"
        kpis.yaml:20: the target of "growth" is its goal for the year; remove it, and write `per_year`
        kpis.yaml:19: the window of "growth" does not fit what it computes; its goal is for the year: write `window: year`
        kpis.yaml:21: per_year of "growth" is 1000001; write at most 1000000"#]].assert_eq(&Definitions::parse(&files).unwrap_err().to_string());
    let empty = "id: a\nversion: 1\nupdated: 2026-01-01\nsource: S0-05\nkpis: []\n";
    files.insert("kpis.yaml".to_owned(), empty.to_owned());
    expect!["kpis.yaml:5: there is no KPI; write at least one"]
        .assert_eq(&Definitions::parse(&files).unwrap_err().to_string());
}

/// The targets as the documents state them.
#[test]
fn the_targets_of_the_seeds() {
    let targets = |pack: &str| {
        let loaded = Pack::find(pack).unwrap().load().unwrap();
        let target = |kpi: &Kpi| {
            let target = kpi.target.as_ref();
            let target = target.map(|target| format!("{:?} {}", target.bound.unwrap(), target.value));
            format!("{} {:?} {}", kpi.id, kpi.cadence, target.unwrap_or_default())
        };
        loaded
            .kpis
            .body
            .kpis
            .iter()
            .map(target)
            .collect::<Vec<_>>()
            .join("\n")
    };
    // S1-33 to S1-45.
    expect![[r#"
        activation_guide Weekly AtLeast 70
        activation_cv Weekly AtLeast 50
        activation_participant Weekly AtLeast 90
        activation_report Weekly AtLeast 60
        retention_day_7 Weekly Above 40
        retention_day_30 Weekly Above 25
        feature_adoption Monthly Above 0.6
        nps Monthly Above 50
        tickets_per_user Monthly Below 0.1
        churn Monthly Below 5
        expansion Monthly Above 10
        time_to_value Weekly Below 10
        resolution Weekly Below 24"#]]
    .assert_eq(&targets("deltagarportalen"));
    // S3-14 to S3-18.
    expect![[r#"
        onboarding_completion Weekly AtLeast 80
        time_to_first_value Weekly Below 24
        nps Monthly Above 50
        churn Monthly Below 5
        expansion Monthly AtLeast 10"#]]
    .assert_eq(&targets("boekhouding"));
    // S2-94 to S2-98.
    expect![[r#"
        health_score Weekly 
        nps Monthly 
        time_to_value Monthly 
        expansion Monthly 
        churn Monthly 
        revenue_churn Monthly "#]]
    .assert_eq(&targets("account-intelligence"));
    // S4-42 to S4-45, S4-63.
    expect![[r#"
        uptime Weekly 
        response_time Weekly 
        decision_completion Weekly 
        participation Weekly 
        decisions Weekly 
        nps Monthly 
        churn Monthly 
        revenue_churn Monthly 
        mrr Monthly 
        cac Monthly 
        ltv Monthly 
        ltv_to_cac Monthly "#]]
    .assert_eq(&targets("response"));
}
