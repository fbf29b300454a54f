//! KPIs through the agent: pages, join, words; one number everywhere; and an NPS that somebody states.

use kunder_domain::definitions::Pack;
use kunder_domain::fact::{Measurement, Reading};

use super::*;

fn portfolio() -> Arc<MemoryPortfolio> {
    MemoryPortfolio::new(facts([
        customer("a", "Alfa IF")
            .meeting(5)
            .subscription(400, "satori", "1000 SEK", -400, None)
            .survey_sent(9)
            .survey(9, 10)
            .survey(8, 9),
        customer("b", "Beta SK")
            .meeting(5)
            .subscription(400, "satori", "1000 SEK", -400, None)
            .subscription(20, "extra", "500 SEK", -20, None)
            .survey_sent(30)
            .survey(20, 7),
        customer("c", "Cesar FF").survey(100, 3).fact(
            20,
            FactBody::Profile {
                field: field::STATUS.into(),
                value: "churned".into(),
            },
        ),
    ]))
}

fn kpis(finished: &Finished) -> KpiBlock {
    serde_json::from_value(finished.report().blocks["kpis"].clone()).unwrap()
}

/// S0-04, S0-05, S0-26, S1-40.
#[test]
fn every_kpi_with_what_it_was_divided_by() {
    let finished = run(&agent(), &task("t1", KPI), now(), &portfolio());
    expect![[r#"
        9 nyckeltal 2025-09-01: 1 efter, 7 utan mål, 1 kan inte mätas.
        - Kunder: 2 kunder: utan mål
          n 3; 2025-09-01; -1 mot 3 2025-08-01
        - Tillväxt i år: -13 kunder, mål minst 6,68: efter
          kunder: 2; utgångsläge: 15; n 3; 2025-01-01–2025-09-01; -1 (sämre) mot -12 2025-08-01
        - Kunder som stannat ett år: 66,67 %: utan mål
          2 kvar vid slutet av 3 kunder vid början; n 3; 2024-09-02–2025-09-01
        - Tappade kunder: 33,33 %: utan mål
          1 tappade i fönstret av 3 kunder vid början; n 3; 2025-08-01–2025-08-31; +33,33 mot 0 2025-07-31
        - NPS: 25 poäng ±81: utan mål
          ambassadörer: 2; passiva: 1; kritiker: 1; svarsfrekvens, procent: 100; svar utan utskick: 2; n 4; 2024-09-02–2025-09-01
        - Svarsfrekvens: 100 %: utan mål
          2 besvarade av 2 skickade i fönstret; svar utan utskick: 2; n 2; 2024-09-02–2025-09-01
        - Återkommande per månad: 2500 SEK: utan mål
          n 2; 2025-09-01; +500 mot 2000 2025-08-01
        - Expansion: 25 %: utan mål
          500 ökning hos dem som fanns av 2000 återkommande per månad vid början; n 2; 2025-08-01–2025-08-31; +25 mot 0 2025-07-31
        - Från onboarding till leverans: kan inte mätas: fakta saknas: `onboarding`"#]].assert_eq(finished.report().text.as_ref().unwrap());
    assert_eq!(
        finished.decisions().flat_map(effects).count(),
        0,
        "a question changes nothing"
    );
    let row = serde_json::to_string_pretty(&kpis(&finished).kpis[3]).unwrap();
    expect![[r#"
        {
          "id": "churn",
          "label": "Tappade kunder",
          "source": "S0-26, D-35",
          "unit": "percent",
          "cadence": "monthly",
          "value": "33.333333",
          "status": "watched",
          "numerator": {
            "value": "1",
            "of": "tappade i fönstret"
          },
          "denominator": {
            "value": "3",
            "of": "kunder vid början"
          },
          "n": 3,
          "window": {
            "from": "2025-08-01",
            "to": "2025-08-31"
          },
          "trend": {
            "window": {
              "from": "2025-07-01",
              "to": "2025-07-31"
            },
            "value": "0",
            "change": "33.333333",
            "better": null
          }
        }"#]]
    .assert_eq(&row);
    let mut english = task("t2", KPI);
    english.locale = Some(Locale::En);
    expect![[r#"
        9 KPIs 2025-09-01: 1 behind, 7 without a target, 1 not measurable.
        - Customers: 2 customers: without a target
          n 3; 2025-09-01; -1 against 3 2025-08-01
        - Growth this year: -13 customers, target at least 6.68: behind
          customers: 2; baseline: 15; n 3; 2025-01-01–2025-09-01; -1 (worse) against -12 2025-08-01
        - Customers kept for a year: 66.67 %: without a target
          2 still there at the end of 3 customers at the start; n 3; 2024-09-02–2025-09-01
        - Customers lost: 33.33 %: without a target
          1 lost in the window of 3 customers at the start; n 3; 2025-08-01–2025-08-31; +33.33 against 0 2025-07-31
        - NPS: 25 points ±81: without a target
          promoters: 2; passives: 1; detractors: 1; response rate, percent: 100; answers to nothing sent: 2; n 4; 2024-09-02–2025-09-01
        - Response rate: 100 %: without a target
          2 answered of 2 sent in the window; answers to nothing sent: 2; n 2; 2024-09-02–2025-09-01
        - Recurring per month: 2500 SEK: without a target
          n 2; 2025-09-01; +500 against 2000 2025-08-01
        - Expansion: 25 %: without a target
          500 increase from those who were there of 2000 recurring per month at the start; n 2; 2025-08-01–2025-08-31; +25 against 0 2025-07-31
        - From onboarding to delivery: not measurable: no facts: `onboarding`"#]].assert_eq(
        run(&agent(), &english, now(), &portfolio())
            .report()
            .text
            .as_ref()
            .unwrap(),
    );
}

#[test]
fn without_customers_nothing_is_measurable() {
    let finished = run(&agent(), &task("t1", KPI), now(), &MemoryPortfolio::new([]));
    let block = kpis(&finished);
    assert!(
        block
            .kpis
            .iter()
            .all(|row| row.status == KpiState::NotMeasurable && row.value.is_none() && row.reason.is_some()),
        "{block:?}"
    );
}

/// Whatever tells growth, retention or NPS tells the KPI's number.
#[test]
fn one_number_everywhere() {
    let portfolio = portfolio();
    let block = kpis(&run(&agent(), &task("t1", KPI), now(), &portfolio));
    let value = |id: &str| {
        let row = block.kpis.iter().find(|row| row.id == id).unwrap();
        row.value.clone().unwrap()
    };
    let strategy = run(&agent(), &task("t2", STRATEGY), now(), &portfolio);
    let health = run(&agent(), &task("t3", HEALTH_CHECK), now(), &portfolio);
    let metrics: StrategyMetrics =
        serde_json::from_value(strategy.report().blocks["strategy"].clone()).unwrap();
    assert_eq!(metrics.growth.unwrap().gained.to_string(), value("growth"));
    assert_eq!(metrics.customers.total_managed.to_string(), value("customers"));
    let retention = metrics.retention.percent.unwrap();
    assert_eq!(
        retention,
        value("retention")
            .parse::<rust_decimal::Decimal>()
            .unwrap()
            .round_dp(2)
    );
    for nps in [metrics.nps, strategy.report().nps, health.report().nps] {
        assert_eq!(nps.score.unwrap().to_string(), value("nps"));
    }
    assert_eq!(
        metrics.expansion.recurring_monthly[0]
            .amount
            .normalize()
            .to_string(),
        value("mrr")
    );
    let told = health
        .decisions()
        .flat_map(effects)
        .collect::<Vec<_>>()
        .join("\n");
    assert!(told.contains(r#""percent":"66.67""#), "{told}");
}

/// S2-94: the mean of the health scores, now and a week before.
#[test]
fn the_mean_health_score_is_compared_with_itself_a_week_before() {
    let definitions = Pack::find("boekhouding").unwrap().load().unwrap();
    let watched = Pack::find("account-intelligence").unwrap().load().unwrap();
    let agent = CustomerHealth::new(Arc::new(Definitions {
        kpis: watched.kpis,
        ..definitions
    }));
    let read = |built: Build, days: i64, metric: &str, reading: Reading| {
        built.fact(
            days,
            FactBody::Measurement(Measurement {
                metric: metric.to_owned(),
                reading,
                user: None,
                user_type: None,
            }),
        )
    };
    let mut known = customer("a", "Alfa");
    for (metric, number) in [
        ("queries_per_week", 200),
        ("features_used_28d", 6),
        ("logins_per_week", 40),
        ("emails_opened", 9),
        ("emails_sent", 10),
        ("tickets_created_30d", 0),
    ] {
        known = read(known, 10, metric, Reading::Number(number.into()));
    }
    known = read(
        known,
        10,
        "ticket_sentiment",
        Reading::Word("positive".to_owned()),
    );
    // Three days ago it turned.
    known = read(known, 3, "ticket_sentiment", Reading::Word("negative".to_owned()));
    let portfolio = MemoryPortfolio::new(facts([known, customer("b", "Beta")]));
    let mut english = task("t1", KPI);
    english.locale = Some(Locale::En);
    let finished = run(&agent, &english, now(), &portfolio);
    let row = serde_json::to_string_pretty(&kpis(&finished).kpis[0]).unwrap();
    expect![[r#"
        {
          "id": "health_score",
          "label": "Mean health score",
          "source": "S2-94",
          "unit": "points",
          "cadence": "weekly",
          "value": "88.75",
          "status": "watched",
          "n": 1,
          "window": {
            "from": "2025-09-01",
            "to": "2025-09-01"
          },
          "trend": {
            "window": {
              "from": "2025-08-25",
              "to": "2025-08-25"
            },
            "value": "100",
            "change": "-11.25",
            "better": null
          },
          "also": [
            {
              "value": "1",
              "of": "customers without a score"
            }
          ]
        }"#]]
    .assert_eq(&row);
    // It is the score of the health check.
    let checked = run(&agent, &task("t2", HEALTH_CHECK), now(), &portfolio);
    let scores: Vec<String> = rows(&checked).into_iter().filter_map(|row| row.score).collect();
    assert_eq!(scores, [kpis(&finished).kpis[0].value.clone().unwrap()]);
}

/// S3-62: the seed says 52, its counts make 50, and ours are computed from ours.
#[test]
fn a_stated_nps_is_flagged_and_never_taken_over() {
    let stated = json!({"score": 52, "promoters": 30, "passives": 15, "detractors": 5});
    for command in [HEALTH_CHECK, STRATEGY, KPI] {
        let mut task = task("t1", command);
        task.context.more.insert("nps".to_owned(), stated.clone());
        let finished = run(&agent(), &task, now(), &portfolio());
        let report = finished.report();
        assert_eq!(report.status, Status::Partial, "{command}");
        assert_eq!(
            report.blockers,
            [
                "`context.nps` säger NPS 52, men 30 ambassadörer, 15 passiva och 5 kritiker ger 50; det beräknade gäller"
            ],
            "{command}"
        );
        assert!(report.nps.score.is_none_or(|score| score == 25), "{command}");
        task.context.more["nps"]["score"] = json!(50);
        assert_eq!(
            run(&agent(), &task, now(), &portfolio()).report().status,
            Status::Complete
        );
    }
    let task = asked_with("t2", KPI, json!({"nps": stated}));
    assert!(
        run(&agent(), &task, now(), &portfolio()).report().blockers[0]
            .starts_with("`params.nps` säger NPS 52")
    );
}
