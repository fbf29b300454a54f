//! The success metrics for Huvudstrategi (S0-26).

use super::*;

/// S0-04, S0-05, S0-26.
#[test]
fn strategy_metrics_tell_who_stayed_and_what_grew() {
    let portfolio = MemoryPortfolio::new(facts([
        customer("a", "Alfa IF")
            .meeting(5)
            .subscription(400, "satori", "1000 SEK", -400, None)
            .survey(9, 10)
            .survey(8, 9),
        customer("b", "Beta SK")
            .meeting(5)
            .subscription(400, "satori", "1000 SEK", -400, None)
            .subscription(100, "satori", "1500 SEK", -400, None)
            .opportunity(90, "kurs", OpportunityStatus::Won, "5000 SEK", 90)
            .survey(400, 0)
            .survey(20, 7),
        customer("c", "Cesar FF").fact(
            30,
            FactBody::Profile {
                field: field::STATUS.into(),
                value: "churned".into(),
            },
        ),
        customer("d", "Doris NK").profile(field::STATUS, "prospect"),
        customer("e", "Erik IK").meeting(120),
    ]));
    let finished = run(&agent(), &task("t1", STRATEGY), now(), &portfolio);
    expect![[r#"
        {
          "asOf": "2025-09-01",
          "customers": {
            "at_risk": 0,
            "critical": 1,
            "healthy": 2,
            "neutral": 0,
            "not_scored": 0,
            "total_managed": 3
          },
          "expansion": {
            "customers": 1,
            "recurringMonthly": [
              {
                "amount": "2500.00",
                "currency": "SEK"
              }
            ],
            "recurringMonthlyBefore": [
              {
                "amount": "2000.00",
                "currency": "SEK"
              }
            ],
            "won": [
              {
                "amount": "5000.00",
                "currency": "SEK"
              }
            ]
          },
          "growth": {
            "baseline": 15,
            "gained": -12,
            "status": "behind",
            "target": "6.68",
            "targetYear": 10
          },
          "nps": {
            "detractors": 0,
            "margin": 53,
            "n": 3,
            "passives": 1,
            "promoters": 2,
            "score": 67
          },
          "openAlerts": 0,
          "retention": {
            "base": 4,
            "kept": 3,
            "lost": 1,
            "new": 0,
            "percent": "75.00"
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&finished.report().blocks["strategy"]).unwrap());
    expect![[r#"
        3 aktiva kunder 2025-09-01: netto 12 färre än utgångsläget, målet hittills i år är 6,68. 75 % av förra årets kunder är kvar.
        Hälsa: 2 friska, 0 neutrala, 0 i riskzonen, 1 akuta; 0 öppna larm
        Nya på ett år: 0, tappade: 1
        NPS: 67 (±53, 3 svar)
        Återkommande per månad: 2 500 SEK (för ett år sedan 2 000 SEK)
        Vunnet på ett år: 5 000 SEK hos 1 kund"#]]
    .assert_eq(finished.report().text.as_ref().unwrap());
    assert_eq!(
        finished.decisions().flat_map(effects).count(),
        0,
        "a question changes nothing"
    );
}
