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
    expect![[""]].assert_eq(&said.stdout);
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
key: [customer, at, what, user]
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
    expect![[""]].assert_eq(&said.stdout);
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
