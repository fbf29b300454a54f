//! One customer explained: every point with its source, in three languages, by a weighted and by a rule model.

use kunder_domain::definitions::Pack;
use kunder_domain::exact::Exact;
use rust_decimal::Decimal;

use super::*;

pub fn agent_of(pack: &str) -> CustomerHealth {
    CustomerHealth::new(Arc::new(Pack::find(pack).unwrap().load().unwrap()))
}

pub fn accountants() -> Arc<MemoryPortfolio> {
    let readings = "queries_per_week=20@16 queries_per_week=28@6 features_used_28d=5@16 features_used_28d=3@2 \
                    logins_per_week=4@10 emails_opened=3@10 emails_sent=4@10 tickets_created_30d=1@1 ticket_sentiment=negative@5";
    MemoryPortfolio::new(facts([customer("k1", "Räkenskap AB")
        .meeting(90)
        .readings(readings)]))
}

fn explained(pack: &str, portfolio: &Arc<MemoryPortfolio>, params: Value) -> Finished {
    run(
        &agent_of(pack),
        &asked_with("t1", EXPLAIN, params),
        now(),
        portfolio,
    )
}

pub fn text(finished: &Finished) -> String {
    finished.report().text.clone().unwrap_or_default()
}

#[test]
fn every_point_has_its_source_and_what_changed_sums() {
    let finished = explained(
        "boekhouding",
        &accountants(),
        json!({"customer": "Räkenskap", "language": "en"}),
    );
    expect![[r#"
        Räkenskap AB: Neutral, 67.5 points of 100; most is lost on sentiment of tickets (negative); -7.5 since 2025-08-25.
        boekhouding/health 1 (2b097b0cbae8835a)
          queries a week                15  75 × 0.2  12 (CRM, 2025-08-26, n 2)
          features used                 15  75 × 0.2  3 (CRM, 2025-08-30, n 1)
          logins a week                7.5  50 × 0.15  1 (CRM, 2025-08-22, n 1)
          opened mails                  15  100 × 0.15  0.75 (CRM, 2025-08-22, n 2)
          tickets created            11.25  75 × 0.15  1 (CRM, 2025-08-31, n 1)
          sentiment of tickets        3.75  25 × 0.15  negative (CRM, 2025-08-27, n 1)
          sum                         67.5
        coverage 1, fresh 1
        changed since 2025-08-25:
          features used: 28.571429 → 15 (-13.571429)
          tickets created: 0 → 11.25 (11.25)
          opened mails: 21.428571 → 15 (-6.428571)
          sentiment of tickets: 0 → 3.75 (3.75)
          logins a week: 10.714286 → 7.5 (-3.214286)
          queries a week: 14.285714 → 15 (0.714286)"#]].assert_eq(&text(&finished));
    let health = &finished.report().blocks["health"];
    let sum = |rows: &Value, name: &str| {
        let numbers: Vec<Exact> = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|row| Exact::from(row[name].as_str().unwrap().parse::<Decimal>().unwrap()))
            .collect();
        Exact::sum(&numbers).printed()
    };
    assert_eq!(
        sum(&health["contributions"], "contribution"),
        health["score"].as_str().unwrap()
    );
    assert_eq!(
        sum(&health["change"]["rows"], "difference"),
        health["change"]["difference"].as_str().unwrap()
    );
    assert_eq!(effects(finished.decisions().last().unwrap()), [""; 0]);
}

#[test]
fn it_is_said_in_swedish_and_dutch_too() {
    for (language, expected) in [
        (
            "sv",
            expect![
                "Räkenskap AB: Neutral, 67.5 poäng av 100; mest drar ner ton i ärenden (negative); -7.5 sedan 2025-08-25."
            ],
        ),
        (
            "nl",
            expect![
                "Räkenskap AB: Neutraal, 67.5 punten van 100; het meest kost sentiment van tickets (negative); -7.5 sinds 2025-08-25."
            ],
        ),
    ] {
        let finished = explained(
            "boekhouding",
            &accountants(),
            json!({"customer": "Räkenskap", "language": language}),
        );
        expected.assert_eq(&finished.report().summary);
    }
    let finished = explained(
        "boekhouding",
        &accountants(),
        json!({"customer": "Räkenskap", "language": "fr"}),
    );
    expect![[r#"
        failed: Uppgiften kunde inte läsas.
        blocker: `params.language` ska vara ett av: sv, en, nl"#]]
    .assert_eq(&shown(&finished));
}

#[test]
fn too_little_is_no_score_and_what_cannot_be_is_named() {
    let few = customer("k1", "Räkenskap AB")
        .meeting(90)
        .readings("queries_per_week=3@1 emails_opened=7@1 emails_sent=5@1");
    let finished = explained(
        "boekhouding",
        &MemoryPortfolio::new(facts([few])),
        json!({"customer": "k1", "language": "en"}),
    );
    expect![[r#"
        partial: Räkenskap AB: Not scored – only a part of the weight rests on values (0.2 / 0.6 needed); missing are features_used_28d, logins_per_week, email_open_rate, tickets_created_30d, ticket_sentiment; unchanged since 2025-08-25.
        blocker: email_open_rate 1.4 is above 1
        Räkenskap AB: Not scored – only a part of the weight rests on values (0.2 / 0.6 needed); missing are features_used_28d, logins_per_week, email_open_rate, tickets_created_30d, ticket_sentiment; unchanged since 2025-08-25.
        boekhouding/health 1 (2b097b0cbae8835a)
          queries a week                 0  50 × 0  0.75 (CRM, 2025-08-31, n 1)
          features used                  0  – × 0  [missing excluded]
          logins a week                  0  – × 0  [missing excluded]
          opened mails                   0  – × 0  [missing excluded]
          tickets created                0  – × 0  [missing excluded]
          sentiment of tickets           0  – × 0  [missing excluded]
        coverage 0.2, fresh 1"#]].assert_eq(&format!("{}\n{}", shown(&finished), text(&finished)));
}

#[test]
fn a_new_customer_is_in_grace() {
    let portfolio = MemoryPortfolio::new(facts([
        customer("k1", "Räkenskap AB").readings("queries_per_week=3@398")
    ]));
    let mut task = asked_with("t1", EXPLAIN, json!({"customer": "k1", "language": "en"}));
    task.as_of = Some(jiff::civil::date(2024, 8, 7));
    let finished = run(&agent_of("boekhouding"), &task, now(), &portfolio);
    expect!["Räkenskap AB: New customer – is scored from 2024-08-27; unchanged since 2024-07-31."]
        .assert_eq(&finished.report().summary);
}

/// A rule model has no score; it names the rule.
#[test]
fn rules_are_explained_by_the_one_that_decided() {
    let finished = explained(
        "satori",
        &portfolio(),
        json!({"customer": "c91", "language": "en", "since": "2025-08-30"}),
    );
    expect![[r#"
        Nittioett NK: Critical – 91 days since the last contact (limit 90); was Attention on 2025-08-30.
        satori/health 1 (da1c0ba2be7f38bc)
          contact_critical: 91 days since the last contact (limit 90)
        coverage 1, fresh 1"#]]
    .assert_eq(&text(&finished));
    assert_eq!(finished.report().blocks["health"]["score"], Value::Null);
}

/// D-03: who is in no band is neither healthy nor at risk, and is counted apart. S0-31: who is at risk raises an alert, once.
#[test]
fn a_weighted_model_checks_all_customers() {
    let low = "queries_per_week=1@3 features_used_28d=0@2 logins_per_week=1@3 emails_opened=0@3 emails_sent=5@3 tickets_created_30d=4@1 \
               ticket_sentiment=negative@1";
    let fine = "queries_per_week=300@3 features_used_28d=9@2 logins_per_week=40@3 emails_opened=5@3 emails_sent=5@3 tickets_created_30d=0@1 \
                ticket_sentiment=positive@1";
    let portfolio = MemoryPortfolio::new(facts([
        customer("low", "Låg AB").meeting(1).readings(low),
        customer("fine", "Fin AB").meeting(1).readings(fine),
        customer("silent", "Tyst AB").meeting(1),
    ]));
    let agent = agent_of("boekhouding");
    let finished = run(&agent, &task("t1", HEALTH_CHECK), now(), &portfolio);
    expect![[r#"
        Kundhälsokoll 2025-09-01: 3 aktiva kunder. Kritisk: 1, I riskzonen: 0, Neutral: 0, Frisk: 1, Ej bedömda: 1.

        KRITISK (1)
        - Låg AB (36.25): kontakt 2025-08-31 (1 dag sedan); todos: 0 öppna, 0 försenade
          Skäl: 36.25 poäng av 100; använda funktioner 0 (−20); ton i ärenden negative (−11.25)
          Förslag: Ring kunden i dag och lägg en räddningsplan
          Värde i riskzonen: inget känt

        I RISKZONEN (0)

        NEUTRAL (0)

        FRISK (1)
        - Fin AB (100): kontakt 2025-08-31 (1 dag sedan); todos: 0 öppna, 0 försenade; nästa kontakt senast 2025-11-29

        EJ BEDÖMDA (1)
        - Tyst AB: kontakt 2025-08-31 (1 dag sedan); todos: 0 öppna, 0 försenade
          Ej bedömd: Se till att detta kommer in: queries_per_week, features_used_28d, logins_per_week, email_open_rate, tickets_created_30d, ticket_sentiment"#]].assert_eq(&text(&finished));
    let counts = finished.report().customers;
    assert_eq!(
        (
            counts.critical,
            counts.at_risk,
            counts.healthy,
            counts.not_scored,
            counts.total_managed
        ),
        (1, 0, 1, 1, 3)
    );
    let again = run(&agent, &task("t2", HEALTH_CHECK), now(), &portfolio);
    let alerts = |finished: &Finished| {
        let told = finished.decisions().flat_map(effects);
        told.filter(|effect| effect.starts_with("tells at-risk of customer/low"))
            .count()
    };
    assert_eq!((alerts(&finished), alerts(&again)), (1, 0));
}

/// What nobody measures any more is not known to be well again.
#[test]
fn an_alert_stays_open_while_nothing_is_known() {
    let low = "queries_per_week=1@3 features_used_28d=0@2 logins_per_week=1@3 tickets_created_30d=4@1 ticket_sentiment=negative@1";
    let portfolio = MemoryPortfolio::new(facts([customer("low", "Låg AB").meeting(1).readings(low)]));
    let agent = agent_of("boekhouding");
    let told = |id: &str, days: i64| {
        let at = now() + jiff::SignedDuration::from_hours(24 * days);
        let finished = run(&agent, &task(id, HEALTH_CHECK), at, &portfolio);
        let events = finished.pages.iter().flat_map(|page| &page.events);
        let events: Vec<String> = events.map(|event| event.kind.to_owned()).collect();
        (
            rows(&finished)[0].band.clone(),
            rows(&finished)[0].open_alert,
            events,
        )
    };
    assert_eq!(
        told("t1", 0),
        ("critical".to_owned(), true, vec!["at-risk".to_owned()])
    );
    assert_eq!(told("t2", 100), ("not_scored".to_owned(), true, Vec::new()));
}

#[test]
fn a_day_to_come_is_nothing_to_compare_with() {
    let params = json!({"customer": "Räkenskap", "since": "2030-01-01"});
    expect![[r#"
        failed: Uppgiften kunde inte läsas.
        blocker: `params.since` ligger efter 2025-09-01"#]]
    .assert_eq(&shown(&explained("boekhouding", &accountants(), params)));
}

#[test]
fn a_model_without_dutch_is_explained_in_english_throughout() {
    let portfolio = MemoryPortfolio::new(facts([customer("a", "Alfa IF").meeting(91)]));
    let finished = explained(
        "satori",
        &portfolio,
        json!({"customer": "Alfa", "language": "nl"}),
    );
    expect!["Alfa IF: Critical – 91 days since the last contact (limit 90); was Attention on 2025-08-25."]
        .assert_eq(&finished.report().summary);
}
