//! Several health models in one folder, through the whole program: which decides, which is looked at, and what is refused.

use std::path::PathBuf;

use kunder_tests::system::Kunder;
use serde_json::{Value, json};

use super::file;

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
const MAP: &str = "format: csv
source: App
customer: customer
observed: day
key: [customer, day, metric]
records:
  - measurement: {metric: metric, number: number}
  - profile: {segment: segment}
    once: true
";
const ROWS: &str = "customer,day,metric,number,segment
k1,2026-05-20,decisions_per_week,40,School
k1,2026-05-24,participation,0.9,School
k1,2026-05-25,open_tickets_14d,0,School
k2,2026-05-25,open_tickets_14d,0,club
";

/// Boekhouding's folder with the model of response beside its own.
fn folder(kunder: &Kunder, resolver: Option<&str>) -> PathBuf {
    let shipped = |name: &str| {
        let path = format!("{}/../definitions/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    };
    let folder = kunder.folder().join("rules");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["organisation.yaml", "health.yaml"] {
        std::fs::write(folder.join(name), shipped(&format!("boekhouding/{name}"))).unwrap();
    }
    std::fs::write(
        folder.join("health-schools.yaml"),
        shipped("response/health.yaml"),
    )
    .unwrap();
    let more = shipped("response/metrics.yaml");
    let (_, more) = more.split_once("metrics:\n").unwrap();
    std::fs::write(
        folder.join("metrics.yaml"),
        shipped("boekhouding/metrics.yaml") + more,
    )
    .unwrap();
    if let Some(text) = resolver {
        std::fs::write(folder.join("resolver.yaml"), text).unwrap();
    }
    folder
}

#[test]
fn two_models_judge_and_one_decides() {
    let kunder = Kunder::temporary();
    let folder = folder(&kunder, Some(RESOLVER));
    let folder = folder.to_str().unwrap();
    let said = kunder.run(&["definitions", "check", folder]).exits(0);
    assert!(
        said.stdout
            .contains("health-schools.yaml:10: warning: rule \"red_alert\""),
        "{said}"
    );
    let (map, rows) = (file(&kunder, "map.yaml", MAP), file(&kunder, "rows.csv", ROWS));
    let _ = kunder
        .run(&["--definitions", folder, "import", "--map", &map, &rows])
        .exits(0);
    let explained = |customer: &str| -> Value {
        let explain = [
            "--definitions",
            folder,
            "health",
            "explain",
            customer,
            "--as-of",
            "2026-05-26",
            "--json",
        ];
        serde_json::from_str(&kunder.run(&explain).exits(0).stdout).unwrap()
    };
    let (school, club) = (explained("k1"), explained("k2"));
    assert_eq!(
        (&school["model"], &school["band"]),
        (&json!("response/health"), &json!("green"))
    );
    let shadow = json!([{"model": "boekhouding/health", "version": 1, "score": null, "band": null, "label": "Ny kund"}]);
    assert_eq!(school["shadows"], shadow);
    assert_eq!(
        (&club["model"], &club["shadows"]),
        (&json!("boekhouding/health"), &json!([]))
    );
}

#[test]
fn a_folder_that_does_not_say_which_model_is_for_whom_is_refused() {
    let kunder = Kunder::temporary();
    let folder = folder(&kunder, None);
    let said = kunder
        .run(&["definitions", "check", folder.to_str().unwrap()])
        .exits(1);
    let fault =
        "health-schools.yaml:3: error: a second health model without a resolver; say in resolver.yaml";
    assert!(said.stdout.contains(fault), "{said}");
    let wrong = RESOLVER.replace("else: { active: boekhouding/health }", "else: { active: gone }");
    std::fs::write(folder.join("resolver.yaml"), wrong).unwrap();
    let refused = kunder
        .run(&[
            "--definitions",
            folder.to_str().unwrap(),
            "health",
            "explain",
            "x",
        ])
        .exits(2);
    assert!(
        refused
            .stderr
            .contains("resolver.yaml:9: there is no model \"gone\""),
        "{refused}"
    );
}
