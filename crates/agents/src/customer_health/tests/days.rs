//! Checks day after day: what is recorded, bands that are left later than they are entered, alerts, history, and computing again.

use kunder_domain::change::Change;
use kunder_domain::definitions::{Definitions, Pack};

use super::*;
use crate::fact_builder::ago;

fn accountant() -> CustomerHealth {
    CustomerHealth::new(Arc::new(Pack::find("boekhouding").unwrap().load().unwrap()))
}

/// Readings `name=value@days ago`.
fn customer_with(readings: &str) -> Arc<MemoryPortfolio> {
    MemoryPortfolio::new(facts([customer("k1", "Räkenskap AB").readings(readings)]))
}

fn check(agent: &CustomerHealth, portfolio: &Arc<MemoryPortfolio>, days_ago: i64) -> Finished {
    let id = format!("check-{days_ago}-{}", portfolio.facts().len());
    run(agent, &task(&id, HEALTH_CHECK), ago(days_ago), portfolio)
}

fn asked_today(
    agent: &CustomerHealth,
    portfolio: &Arc<MemoryPortfolio>,
    command: &str,
    params: Value,
) -> Finished {
    run(agent, &asked_with("asked", command, params), now(), portfolio)
}

/// Usage and engagement stay as they are; the tone of tickets says how the score moves.
const STEADY: &str = "queries_per_week=25@9 features_used_28d=3@9 logins_per_week=4@9 emails_opened=2@9 emails_sent=10@9 tickets_created_30d=3@9";

#[test]
fn a_band_is_left_later_than_it_is_entered_by_what_was_recorded_the_day_before() {
    let portfolio = customer_with(&format!(
        "{STEADY} ticket_sentiment=negative@4 ticket_sentiment=neutral@2"
    ));
    let agent = accountant();
    let mut seen = Vec::new();
    for days_ago in [3, 2, 1] {
        let finished = check(&agent, &portfolio, days_ago);
        let row = &rows(&finished)[0];
        seen.push(format!("{} {}", row.score.as_ref().unwrap(), row.band));
    }
    assert_eq!(
        seen,
        ["55 at_risk", "62.5 at_risk", "62.5 at_risk"],
        "it is left at 65"
    );
    // Without the days before, the same facts are another band.
    let fresh = MemoryPortfolio::new(portfolio.facts());
    assert_eq!(rows(&check(&agent, &fresh, 1))[0].band, "neutral");
}

#[test]
fn a_fall_is_told_once_and_its_end_once() {
    let readings = format!(
        "{STEADY} ticket_sentiment=positive@9 ticket_sentiment=negative@6 ticket_sentiment=positive@2"
    );
    let (portfolio, agent) = (customer_with(&readings), accountant());
    let mut told = Vec::new();
    for days_ago in (0..9).rev() {
        let finished = check(&agent, &portfolio, days_ago);
        let events = finished.pages.iter().flat_map(|page| &page.events);
        for event in events.filter(|event| event.data["reason"] == "score-drop") {
            told.push(format!(
                "{days_ago}: {} {}",
                event.kind, event.data["because"]["en"]
            ));
        }
        // A second check of the same day tells nothing.
        let again = check(&agent, &portfolio, days_ago);
        assert!(
            again.pages.iter().all(|page| page.events.is_empty()),
            "{days_ago}"
        );
    }
    assert_eq!(
        told,
        [
            "6: alert-opened \"The score fell by 11.25, from 66.25 on 2025-08-25 to 55\"",
            "2: alert-closed \"The customer has recovered\"",
        ]
    );
}

#[test]
fn the_history_marks_another_model_and_names_the_day_it_compares_with() {
    let (portfolio, agent) = (
        customer_with(&format!("{STEADY} ticket_sentiment=positive@9")),
        accountant(),
    );
    for days_ago in [5, 4, 1, 0] {
        let _ = check(&agent, &portfolio, days_ago);
    }
    let finished = asked_today(&agent, &portfolio, HISTORY, json!({"customer": "Räkenskap"}));
    expect![[r#"
        Räkenskap AB: 66.25, Neutral den 2025-09-01, oförändrad sedan 2025-08-27 (då 66.25); 4 dagar.
        2025-09-01  66.25  Neutral
        2025-08-31  66.25  Neutral
        2025-08-28  66.25  Neutral
        2025-08-27  66.25  Neutral"#]]
    .assert_eq(finished.report().text.as_ref().unwrap());

    let pack = Pack::find("boekhouding").unwrap();
    let mut files = pack.texts();
    let changed = files["health.yaml"].replace("version: 1", "version: 2");
    files.insert("health.yaml".to_owned(), changed);
    let other = CustomerHealth::new(Arc::new(Definitions::parse_over_shipped(&files).unwrap()));
    let _ = check(&other, &portfolio, 0);
    let finished = asked_today(
        &other,
        &portfolio,
        HISTORY,
        json!({"customer": "Räkenskap", "days": 2}),
    );
    expect![[r#"
        Räkenskap AB: 66.25, Neutral den 2025-09-01, inget att jämföra med; 2 dagar.
        2025-09-01  66.25  Neutral  [ny modell: boekhouding/health 2]
        2025-08-31  66.25  Neutral"#]]
    .assert_eq(finished.report().text.as_ref().unwrap());
    let finished = asked_today(
        &other,
        &portfolio,
        HISTORY,
        json!({"customer": "Räkenskap", "days": "inga"}),
    );
    assert_eq!(
        finished.report().blockers,
        ["`params.days` ska vara ett antal dagar, 1 till 3650"]
    );
}

#[test]
fn what_was_recorded_is_what_all_facts_give() {
    let readings = format!("{STEADY} ticket_sentiment=negative@4 ticket_sentiment=neutral@2");
    let (portfolio, agent) = (customer_with(&readings), accountant());
    let mut pages = Vec::new();
    for days_ago in [3, 2, 1] {
        pages = check(&agent, &portfolio, days_ago).pages;
    }
    let verified = |agent: &CustomerHealth, params: Value| {
        let finished = asked_today(agent, &portfolio, VERIFY, params);
        (
            finished.report().summary.clone(),
            finished.report().blockers.clone(),
        )
    };
    let same = "2025-08-31: 1 hälsoposter omräknade ur alla fakta är lika, 0 skiljer sig.";
    assert_eq!(verified(&agent, json!({})), (same.to_owned(), Vec::new()));
    let none = "Det finns inga hälsoposter att räkna om.";
    assert_eq!(verified(&agent, json!({"day": "2025-08-01"})).0, none);

    // What came later and is about an earlier day does not count against what was said before it came.
    portfolio.store(
        facts([customer("k1", "Räkenskap AB").readings("ticket_sentiment=positive@8")])
            .into_iter()
            .map(|mut fact| {
                fact.id.push_str("/late");
                fact
            }),
    );
    assert_eq!(verified(&agent, json!({})).0, same);

    let Some(Change::Health(records)) = pages[0].changes.iter().find(|change| change.fact().is_none()) else {
        panic!("a check records")
    };
    let mut wrong = records[0].clone();
    wrong.at += jiff::SignedDuration::from_secs(1);
    wrong.snapshot.score = Some("70".parse().unwrap());
    let mut decision = pages[0].clone();
    decision.changes = vec![Change::Health(vec![wrong])];
    portfolio.commit(&decision);
    let (summary, blockers) = verified(&agent, json!({}));
    assert_eq!(
        summary,
        "2025-08-31: 0 hälsoposter omräknade ur alla fakta är lika, 1 skiljer sig."
    );
    assert_eq!(blockers, ["k1: sparat 70 at_risk, uträknat 62.5 at_risk"]);
}

#[test]
fn a_check_looks_only_at_whom_it_is_told_to() {
    let (agent, portfolio) = (agent(), portfolio());
    let mut one = task("one", HEALTH_CHECK);
    one.context.customer = Some("Sextio SK".to_owned());
    let finished = run(&agent, &one, now(), &portfolio);
    let names: Vec<String> = rows(&finished).into_iter().map(|row| row.customer_id.0).collect();
    assert_eq!(names, ["c60"]);
    assert!(finished.decision.events.is_empty(), "that is no summary");
}

/// What a recording said, and whose alerts it has looked at again.
fn recorded(
    agent: &CustomerHealth,
    portfolio: &Arc<MemoryPortfolio>,
    task: &Task,
    days_ago: i64,
) -> (Value, Vec<Value>) {
    let finished = run(agent, task, ago(days_ago), portfolio);
    let looked = finished.pages.iter().flat_map(|page| &page.follow_ups);
    let looked = looked.map(|follow_up| follow_up.instruction.params["page"]["only"].clone());
    (finished.report().blocks["recording"].clone(), looked.collect())
}

#[test]
fn a_recording_measures_whom_there_is_news_of_and_looks_again_at_whose_alerts_may_change() {
    let (agent, portfolio) = (agent(), portfolio());
    let record = |id: &str, days_ago| recorded(&agent, &portfolio, &task(id, RECORD), days_ago);
    let (first, looked) = record("first", 0);
    assert_eq!(
        (&first["measured"], &first["customers"]["total_managed"]),
        (&json!(8), &json!(7))
    );
    assert!(!looked.is_empty(), "those at risk");
    // The alerts are opened by the pages that look again: facts, so those customers are measured anew.
    let _ = check(&agent, &portfolio, 0);
    let upto = portfolio.facts().len();
    let (second, looked) = record("second", -1);
    assert_eq!(second["customers"]["total_managed"], 7);
    let measured = second["measured"].as_u64().unwrap();
    assert!((1..8).contains(&measured), "{second}");
    assert_eq!(
        looked,
        [json!(["c59", "c90"])],
        "sixty and ninety-one days of silence"
    );
    let news = asked_with("news", RECORD, json!({NEWS_AFTER: upto}));
    assert_eq!(
        recorded(&agent, &portfolio, &news, -1).0["customers"]["total_managed"],
        0
    );
    portfolio.store([alerts::met_today("c91", 7)]);
    let news = asked_with("more", RECORD, json!({NEWS_AFTER: upto}));
    let (found, looked) = recorded(&agent, &portfolio, &news, -1);
    assert_eq!((&found["measured"], looked), (&json!(1), vec![json!(["c91"])]));
}

/// Day after day, both ways record the same.
#[test]
fn kept_signals_record_what_all_facts_do() {
    for (agent, portfolio) in [
        (
            accountant(),
            customer_with(&format!(
                "{STEADY} ticket_sentiment=negative@4 ticket_sentiment=neutral@2"
            )),
        ),
        (agent(), portfolio()),
    ] {
        let anew = MemoryPortfolio::new(portfolio.facts());
        for days_ago in (-40..4).rev() {
            let id = format!("day{days_ago}");
            let kept = recorded(&agent, &portfolio, &task(&id, RECORD), days_ago).0;
            anew.forget_signals();
            let all = recorded(&agent, &anew, &task(&id, RECORD), days_ago).0;
            assert_eq!(kept["customers"], all["customers"], "{days_ago}");
            assert_eq!(portfolio.health(), anew.health(), "{days_ago}");
            assert!(all["measured"].as_u64().unwrap() > 0);
        }
    }
}

/// Another model reads other metrics and has other limits: what was kept under the first one says nothing of it.
#[test]
fn signals_kept_under_another_model_are_not_believed() {
    let pack = Pack::find("satori").unwrap();
    let mut files = pack.texts();
    let health = &files["health.yaml"];
    let (head, rules) = health.split_once("rules:\n").unwrap();
    let todos = rules.find("  - id: todos_overdue").unwrap();
    let many =
        "  - id: many\n    band: akut\n    when: open_todos > 50\n    because: { sv: Många, en: Many }\n";
    files.insert(
        "health.yaml".to_owned(),
        format!("{head}rules:\n{many}{}", &rules[todos..]),
    );
    let todos_only = CustomerHealth::new(Arc::new(Definitions::parse_over_shipped(&files).unwrap()));
    // Nobody was ever in touch, so that nothing of it moves by itself but the days.
    let silent = facts([customer("a", "Alfa IF")]).into_iter().map(|mut fact| {
        fact.observed = ago(55);
        fact
    });
    let portfolio = MemoryPortfolio::new(silent);
    let _ = recorded(&todos_only, &portfolio, &task("first", RECORD), 0);
    let mut bands = Vec::new();
    for ahead in 1..8 {
        let _ = recorded(
            &agent(),
            &portfolio,
            &task(&format!("day{ahead}"), RECORD),
            -ahead,
        );
        let health = portfolio.health();
        bands.push(health.last().unwrap().snapshot.severity.unwrap());
    }
    assert_eq!(
        bands,
        [0, 0, 0, 0, 2, 2, 2],
        "sixty days of silence come on the fifth"
    );
}

/// The band is left at 65 by whatever is told of the customer, as by the check.
#[test]
fn a_contact_does_not_close_the_alert_of_a_band_that_is_held() {
    let (agent, portfolio) = (
        accountant(),
        customer_with(&format!(
            "{STEADY} ticket_sentiment=negative@4 ticket_sentiment=neutral@2"
        )),
    );
    let raised = check(&agent, &portfolio, 3);
    assert_eq!(raised.pages[0].events[0].kind, "at-risk");
    let _ = check(&agent, &portfolio, 1);
    let logged = asked_today(
        &agent,
        &portfolio,
        LOG_TOUCHPOINT,
        json!({"customer": "k1", "text": "Ringde"}),
    );
    assert!(
        logged.decision.events.is_empty(),
        "62.5 is held at risk until 65: {}",
        logged.report().summary
    );
    assert!(
        check(&agent, &portfolio, 0)
            .pages
            .iter()
            .all(|page| page.events.is_empty())
    );
}

#[test]
fn whoever_has_left_leaves_no_alert_open() {
    let (agent, portfolio) = (
        agent(),
        MemoryPortfolio::new(facts([customer("a", "Alfa IF").meeting(95)])),
    );
    assert_eq!(check(&agent, &portfolio, 1).pages[0].events[0].kind, "at-risk");
    portfolio.store(
        facts([customer("a", "Alfa IF").profile(field::STATUS, "churned")])
            .into_iter()
            .map(|mut fact| {
                fact.id.push_str("/left");
                fact.observed = ago(0);
                fact
            }),
    );
    let (found, looked) = recorded(&agent, &portfolio, &task("record", RECORD), 0);
    assert_eq!(
        (&found["customers"]["total_managed"], looked),
        (&json!(0), vec![json!(["a"])])
    );
    let events = check(&agent, &portfolio, 0).pages.remove(0).events;
    let told: Vec<String> = events
        .iter()
        .map(|event| format!("{} {}", event.kind, event.data["reason"]))
        .collect();
    assert_eq!(told, ["alert-closed \"at-risk\""]);
    assert!(
        check(&agent, &portfolio, -1)
            .pages
            .iter()
            .all(|page| page.events.is_empty())
    );
}

#[test]
fn a_metric_that_nobody_feeds_is_named() {
    let portfolio = customer_with("queries_per_week=25@9");
    let told = check(&accountant(), &portfolio, 0)
        .report()
        .recommendations
        .join("\n");
    assert!(
        told.contains("Ingen matar det som boekhouding/health läser: email_open_rate, features_used_28d, "),
        "{told}"
    );
    assert!(!told.contains("queries_per_week"), "{told}");
}

#[test]
fn an_explanation_gives_the_band_that_the_check_gives() {
    let agent = accountant();
    let readings = format!("{STEADY} ticket_sentiment=negative@9 ticket_sentiment=neutral@2");
    let portfolio = customer_with(&readings);
    let explained = asked_today(&agent, &portfolio, EXPLAIN, json!({"customer": "k1"}));
    let band = explained.report().blocks["health"]["band"].clone();
    assert_eq!(
        band,
        check(&agent, &portfolio, 0).report().blocks["health"][0]["band"]
    );
    assert_eq!(band, "neutral", "nobody has recorded the days at risk");
}
