//! `kunder kpi`: on the invented portfolio, and on users, surveys and tickets that were imported.

use expect_test::expect;
use kunder_tests::system::Kunder;
use serde_json::Value;

use super::{fails, file};

/// S0-04, S0-05, S0-26: the portfolio of the demo on a day long past.
#[test]
fn the_demo_portfolio_and_its_goals() {
    let kunder = Kunder::temporary();
    let _ = kunder.run(&["demo", "--as-of", "2025-09-01"]).exits(0);
    let said = kunder.run(&["kpi", "--as-of", "2025-09-01"]).exits(0);
    expect![[r#"
        9 nyckeltal 2025-09-01: 1 efter, 7 utan mål, 1 kan inte mätas.
        - Kunder: 15 kunder: utan mål
          n 15; 2025-09-01; +1 mot 14 2025-08-01
        - Tillväxt i år: 0 kunder, mål minst 6,68: efter
          kunder: 15; utgångsläge: 15; n 15; 2025-01-01–2025-09-01; +1 (bättre) mot -1 2025-08-01
        - Kunder som stannat ett år: 100 %: utan mål
          11 kvar vid slutet av 11 kunder vid början; n 11; 2024-09-02–2025-09-01; 0 mot 100 2024-09-01
        - Tappade kunder: 0 %: utan mål
          0 tappade i fönstret av 14 kunder vid början; n 14; 2025-08-01–2025-08-31; 0 mot 0 2025-07-31
        - NPS: 25 poäng ±47: utan mål
          ambassadörer: 6; passiva: 3; kritiker: 3; svar utan utskick: 12; n 12; 2024-09-02–2025-09-01
        - Svarsfrekvens: kan inte mätas: ingen enkät skickades i fönstret (fakta `surveySent`)
        - Återkommande per månad: 115450 SEK: utan mål
          n 13; 2025-09-01; -8800 mot 124250 2025-08-01
        - Expansion: 0 %: utan mål
          0 ökning hos dem som fanns av 124250 återkommande per månad vid början; n 14; 2025-08-01–2025-08-31; 0 mot 0 2025-07-31
        - Från onboarding till leverans: 25 dagar: utan mål
          3 nådde `stage delivery` av 4 kunder som började i fönstret; 90:e percentilen: 28; n 4; 2024-09-02–2025-09-01; 0 mot 25 2024-09-01
    "#]].assert_eq(&said.stdout);
    let json = kunder.run(&["kpi", "--as-of", "2025-09-01", "--json"]).exits(0);
    assert_eq!(json.stdout.lines().count(), 1, "{json}");
    let block: Value = serde_json::from_str(&json.stdout).unwrap();
    let growth = &block["kpis"][1];
    assert_eq!(
        (&block["asOf"], &growth["id"], &growth["value"], &growth["status"]),
        (
            &"2025-09-01".into(),
            &"growth".into(),
            &"0".into(),
            &"behind".into()
        )
    );
    assert_eq!(
        growth["target"],
        serde_json::json!({"direction": "atLeast", "value": "6.684932"})
    );
    // What is told to Huvudstrategi is the same number.
    let envelope = r#"{"taskId": "s-1", "agent": "customer-health", "instruction": {"command": "strategy-metrics"}, "asOf": "2025-09-01"}"#;
    let path = file(&kunder, "strategy.json", envelope);
    let strategy = kunder.run(&["task", "send", &path, "--json"]).exits(0).json();
    let value = |id: &str| {
        let rows = block["kpis"].as_array().unwrap();
        rows.iter().find(|row| row["id"] == id).unwrap()["value"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        strategy["strategy"]["growth"]["gained"].to_string(),
        value("growth")
    );
    assert_eq!(strategy["nps"]["score"].to_string(), value("nps"));
}

const MAP: &str = "format: csv
source: Portal
customer: customer
observed: at
key: [customer, at, what]
records:
  - measurement: {metric: what, number: number, user: user, user_type: type}
    only: number
  - survey: {score: score}
    only: score
  - survey_sent: {name: {value: NPS}}
    only: {column: what, is: [survey]}
  - profile: {name: {value: Stadsdelen}}
    once: true
";
const ROWS: &str = "customer,at,what,number,user,type,score
k1,2025-01-10T08:00:00Z,user_started,1,u1,deltagare,
k1,2025-01-10T08:09:00Z,first_value,1,u1,,
k1,2025-01-17T08:00:00Z,user_active,1,u1,,
k1,2025-01-20T08:00:00Z,cv_created,1,u1,,
k1,2025-01-11T08:00:00Z,user_started,1,u2,deltagare,
k1,2025-02-20T08:00:00Z,user_started,1,u3,deltagare,
k1,2025-02-20T08:12:00Z,first_value,1,u3,,
k1,2025-02-27T08:00:00Z,user_active,1,u3,,
k1,2025-02-01T08:00:00Z,survey,,u1,,
k1,2025-02-01T09:00:00Z,survey,,u2,,
k1,2025-02-02T08:00:00Z,answer,,u1,,9
k1,2025-02-03T08:00:00Z,tickets_created,2,,,
k1,2025-02-01T10:00:00Z,participants,30,,,
k1,2025-02-03T09:00:00Z,hours_to_resolve,6.5,,,
";

/// S1-33 to S1-45: imported facts, and what nobody feeds.
#[test]
fn what_was_imported_is_measured_and_the_rest_says_what_is_missing() {
    let kunder = Kunder::temporary();
    let (map, rows) = (file(&kunder, "map.yaml", MAP), file(&kunder, "rows.csv", ROWS));
    let folder = format!("{}/../definitions/deltagarportalen", env!("CARGO_MANIFEST_DIR"));
    let imported = kunder
        .run(&["--definitions", &folder, "import", "--map", &map, &rows])
        .exits(0);
    assert_eq!(imported.stderr, "", "every name is read by a KPI or a metric");
    let said = kunder
        .run(&[
            "--definitions",
            &folder,
            "kpi",
            "--as-of",
            "2025-02-28",
            "--locale",
            "en",
        ])
        .exits(0);
    expect![[r#"
        13 KPIs 2025-02-28: 2 behind, 6 reached, 5 not measurable.
        - Participants who completed the interest guide: not measurable: no facts: `guide_completed`
        - Participants who created a CV: 50 %, target at least 50: reached
          1 reached `cv_created` within 30 days of 2 users (deltagare) who began at least 30 days earlier; too new to be counted: 1; n 2; 2024-12-01–2025-02-28
        - Consultants who added a participant: not measurable: no facts: `user_started` of konsulent
        - Consultants who made a report: not measurable: no facts: `user_started` of konsulent
        - Retention on day 7: 100 %, target above 40: reached
          1 active on day 7 of 1 users whose day 7 is in the window; rolling (on that day or later), percent: 100; n 1; 2025-02-01–2025-02-28; +50 (better) against 50 2025-01-31
        - Retention on day 30: 0 %, target above 25: behind
          0 active on day 30 of 2 users whose day 30 is in the window; rolling (on that day or later), percent: 0; too new to be counted: 1; n 2; 2025-02-01–2025-02-28
        - Feature adoption: not measurable: no facts: `feature_adoption`
        - NPS: 100 points, target above 50: reached
          promoters: 1; passives: 0; detractors: 0; response rate, percent: 50; n 1; 2024-12-01–2025-02-28
        - Tickets per user: 0.07 tickets a user, target below 0.1: reached
          2 sum of `tickets_created` of 30 newest `participants` + `consultants`; n 30; 2025-01-30–2025-02-28
        - Customers lost: 0 %, target below 5: reached
          0 lost in the window of 1 customers at the start; n 1; 2025-02-01–2025-02-28
        - Expansion: not measurable: no recurring money at the start in the organisation's currency (facts `subscription`)
        - Time to value: 12 minutes, target below 10: behind
          1 reached `first_value` of 1 users who began in the window; 90th percentile: 12; n 1; 2025-02-01–2025-02-28; +3 (worse) against 9 2025-01-31
        - Support resolution: 6.5 hours, target below 24: reached
          90th percentile: 6.5; tickets, in calendar hours: 1; n 1; 2025-02-01–2025-02-28
    "#]].assert_eq(&said.stdout);
}

#[test]
fn a_wrong_file_is_told_with_its_line() {
    let kunder = Kunder::temporary();
    let folder = kunder.folder().with_file_name("rules");
    std::fs::create_dir_all(&folder).unwrap();
    let shipped = format!("{}/../definitions/boekhouding", env!("CARGO_MANIFEST_DIR"));
    for name in ["health.yaml", "metrics.yaml", "organisation.yaml", "kpis.yaml"] {
        let text = std::fs::read_to_string(format!("{shipped}/{name}")).unwrap();
        let text = text.replace("target: { above: 50 }", "target: 50");
        std::fs::write(folder.join(name), text).unwrap();
    }
    let folder = folder.to_str().unwrap();
    let said = kunder.run(&["--definitions", folder, "kpi"]);
    fails(
        &said,
        2,
        "kpis.yaml:33: the target of \"nps\" has no direction",
        None,
    );
}
