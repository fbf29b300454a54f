//! Several models in one folder: one decides on each customer, the others are looked at (D-27).

use kunder_domain::definitions::Pack;
use kunder_domain::fact::field;

use super::explain::text;
use super::*;
use crate::customer_fetching::CustomerFetching;

const RESOLVER: &str = "id: test/resolver
version: 1
updated: 2026-11-26
source: D-27
rules:
  - id: schools
    when: [{ field: segment, is: school }, { field: employees, from: 30 }]
    models: { active: response/health, shadow: [boekhouding/health] }
else: { active: boekhouding/health }
";
const BUSY: &str = "decisions_per_week=40@1 participation=0.9@1 open_tickets_14d=0@1";
const LOW: &str = "queries_per_week=1@3 features_used_28d=0@2 logins_per_week=1@3 emails_opened=0@3 emails_sent=5@3 \
                   tickets_created_30d=4@1 ticket_sentiment=negative@1";

/// Boekhouding's folder with the model of response beside its own.
fn definitions() -> Arc<Definitions> {
    definitions_by(RESOLVER)
}

fn definitions_by(resolver: &str) -> Arc<Definitions> {
    let mut files = Pack::find("boekhouding").unwrap().texts();
    let other = Pack::find("response").unwrap().texts();
    files.insert("health-schools.yaml".to_owned(), other["health.yaml"].clone());
    files.insert("resolver.yaml".to_owned(), resolver.to_owned());
    let (_, metrics) = other["metrics.yaml"].split_once("metrics:\n").unwrap();
    files.get_mut("metrics.yaml").unwrap().push_str(metrics);
    Arc::new(Definitions::parse_over_shipped(&files).unwrap())
}

fn school(id: &str, employees: &str) -> Build {
    customer(id, id)
        .meeting(1)
        .profile("segment", "School")
        .profile(field::EMPLOYEES, employees)
}

fn asked(
    portfolio: &Arc<MemoryPortfolio>,
    id: &str,
    command: &str,
    about: Option<&str>,
    params: Value,
) -> Finished {
    let mut task = asked_with(id, command, params);
    task.context.customer = about.map(str::to_owned);
    task.locale = Some(Locale::En);
    run(&CustomerHealth::new(definitions()), &task, now(), portfolio)
}

#[test]
fn one_model_decides_and_the_shadow_is_shown_beside_it() {
    let readings = format!("{BUSY} {LOW}");
    let portfolio = MemoryPortfolio::new(facts([
        school("big", "30").readings(&readings),
        school("small", "29").readings(&readings),
    ]));
    let explained = asked(
        &portfolio,
        "e1",
        EXPLAIN,
        Some("big"),
        json!({"since": "2025-09-01"}),
    );
    expect![[r#"
        big: Green – 10 decisions a week, participation 0.9, 0 open tickets; unchanged since 2025-09-01.
        response/health 1 (e856e65d3fcb2a2f)
          green_health: 10 decisions a week, participation 0.9, 0 open tickets
        coverage 1, fresh 1
        shadow boekhouding/health 1: Critical, 36.25 points of 100"#]]
    .assert_eq(&text(&explained));
    let report = explained.report();
    expect![[
        r#"[{"band":"critical","label":"Critical","model":"boekhouding/health","score":"36.25","version":1}]"#
    ]]
    .assert_eq(&report.blocks["health"]["shadows"].to_string());
    let used: Vec<&str> = report.definitions.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(
        used,
        [
            "response/health",
            "boekhouding/health",
            "test/resolver",
            "boekhouding/metrics"
        ]
    );
    let small = asked(&portfolio, "e2", EXPLAIN, Some("small"), json!({}));
    let health = &small.report().blocks["health"];
    assert_eq!(
        (&health["model"], &health["shadows"]),
        (&json!("boekhouding/health"), &json!([]))
    );
}

/// What the shadow says alarms nobody, and what the active model says does.
#[test]
fn a_check_and_its_alerts_go_by_the_active_model() {
    let readings = format!("{BUSY} {LOW}");
    let portfolio = MemoryPortfolio::new(facts([
        school("big", "30").readings(&readings),
        school("small", "29").readings(&readings),
        school("red", "300").readings("decisions_per_week=0@1 participation=0.1@1 open_tickets_14d=3@1"),
    ]));
    let check = asked(&portfolio, "h1", HEALTH_CHECK, None, json!({}));
    let told: Vec<String> = rows(&check)
        .iter()
        .map(|row| {
            format!(
                "{}: {} by {}, alert {}",
                row.customer, row.band, row.model, row.open_alert
            )
        })
        .collect();
    expect![[r#"
        red: red by response/health, alert true
        small: critical by boekhouding/health, alert true
        big: green by response/health, alert false"#]]
    .assert_eq(&told.join("\n"));
    expect!["Health check 2025-09-01: 3 active customers. Critical: 1, Red: 1, At risk: 0, Yellow: 0, Neutral: 0, Healthy: 0, Green: 1."].assert_eq(&check.report().summary);
    let used: Vec<&str> = check
        .report()
        .definitions
        .iter()
        .map(|one| one.id.as_str())
        .collect();
    assert_eq!(
        used,
        [
            "boekhouding/health",
            "response/health",
            "test/resolver",
            "satori/process",
            "boekhouding/alerts"
        ]
    );
}

#[test]
fn a_brief_and_an_exception_go_by_the_active_model() {
    let portfolio = MemoryPortfolio::new(facts([school("big", "30").readings(BUSY)]));
    let task = Task::new(TaskId::new("b1").unwrap(), "customer-fetching", "brief");
    let brief = run(
        &CustomerFetching::new(definitions()),
        &Task {
            context: kunder_agent_core::task::Context {
                customer: Some("big".to_owned()),
                ..task.context.clone()
            },
            ..task
        },
        now(),
        &portfolio,
    );
    let page = text(&brief);
    assert!(
        page.contains("Hälsa: Grön") && page.contains("response/health v1"),
        "{page}"
    );
    let params = json!({"band": "critical", "reason": "r", "author": "a", "expires": "2025-09-10"});
    let refused = asked(&portfolio, "o1", OVERRIDE, Some("big"), params);
    assert_eq!(
        refused.report().blockers,
        ["`params.band` must be one of the bands of response/health: red, yellow, green"]
    );
}

/// A band is left by the limit of its own model: boekhouding's at_risk from 65 on.
#[test]
fn a_shadow_remembers_its_own_band() {
    let before = "queries_per_week=4@9 features_used_28d=0@9 logins_per_week=4@9 emails_opened=5@9 emails_sent=5@9 \
                  tickets_created_30d=0@9 ticket_sentiment=negative@9";
    let now = "features_used_28d=2@1";
    let portfolio = MemoryPortfolio::new(facts([school("big", "30").readings(before).readings(now)]));
    let shadow = |since: &str| {
        let explained = asked(&portfolio, "e1", EXPLAIN, Some("big"), json!({"since": since}));
        let row = &explained.report().blocks["health"]["shadows"][0];
        format!("{} {}", row["score"], row["band"])
    };
    expect![[r#"
        "61.25" "at_risk"
        "61.25" "neutral""#]]
    .assert_eq(&format!("{}\n{}", shadow("2025-08-25"), shadow("2025-09-01")));
}

/// Once another model decides, what the former one said keeps its words and is not held against the records.
#[test]
fn records_of_the_model_that_decided_before_stay_what_they_were() {
    let readings = format!("{BUSY} {LOW}");
    let portfolio = MemoryPortfolio::new(facts([school("big", "30").readings(&readings)]));
    let _ = asked(&portfolio, "h1", HEALTH_CHECK, None, json!({}));
    let agent = CustomerHealth::new(definitions_by(&RESOLVER.replace("is: school", "is: club")));
    let told = |command: &str| {
        let mut task = task(command, command);
        task.context.customer = (command == HISTORY).then(|| "big".to_owned());
        let finished = run(&agent, &task, now(), &portfolio);
        format!("{}\n{}", text(&finished), finished.report().blockers.join("\n"))
    };
    expect![[r#"
        big: Grön den 2025-09-01, inget att jämföra med; 1 dag.
        2025-09-01  Grön

        2025-09-01: 0 hälsoposter omräknade ur alla fakta är lika, 0 skiljer sig; 1 kommer från en annan modell.
    "#]].assert_eq(&format!("{}\n{}", told(HISTORY), told(VERIFY)));
}
