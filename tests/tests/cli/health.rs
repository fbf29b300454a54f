//! `kunder health explain` and `kunder definitions check`: numbers with their sources, and rules that are checked before they run.

use expect_test::expect;
use kunder_tests::system::Kunder;
use serde_json::Value;

use super::{file, portfolio};

const MAP: &str = "format: csv
source: App
customer: customer
observed: day
key: [customer, day, metric]
records:
  - measurement: {metric: metric, number: number}
    only: number
  - measurement: {metric: metric, word: word}
    only: word
  - profile: {name: {value: Bageri Solen}}
    once: true
";
const ROWS: &str = "customer,day,metric,number,word
k1,2026-01-02,queries_per_week,20,
k1,2026-05-10,queries_per_week,20,
k1,2026-05-20,queries_per_week,28,
k1,2026-05-24,features_used_28d,3,
k1,2026-05-16,logins_per_week,4,
k1,2026-05-16,emails_opened,3,
k1,2026-05-16,emails_sent,4,
k1,2026-05-25,tickets_created_30d,1,
k1,2026-05-21,ticket_sentiment,,negative
";

/// A folder of definitions as a person copies one.
fn definitions(pack: &str) -> String {
    format!("{}/../definitions/{pack}", env!("CARGO_MANIFEST_DIR"))
}

/// S3-25 to S3-31, through the whole program: what was imported, the sum, and where each point comes from.
#[test]
fn a_score_is_explained_to_its_source() {
    let kunder = Kunder::temporary();
    let (map, rows) = (file(&kunder, "map.yaml", MAP), file(&kunder, "rows.csv", ROWS));
    let _ = kunder.run(&["import", "--map", &map, &rows]).exits(0);
    let folder = definitions("boekhouding");
    let explain = [
        "--definitions",
        &folder,
        "health",
        "explain",
        "solen",
        "--as-of",
        "2026-05-26",
        "--locale",
        "en",
    ];
    let said = kunder.run(&explain).exits(0);
    expect![[r#"
        Bageri Solen: Neutral, 67.5 points of 100; most is lost on sentiment of tickets (negative); was Not scored on 2026-05-19.
        boekhouding/health 1 (2b097b0cbae8835a)
          queries a week                15  75 × 0.2  12 (App, 2026-05-20, n 2)
          features used                 15  75 × 0.2  3 (App, 2026-05-24, n 1)
          logins a week                7.5  50 × 0.15  1 (App, 2026-05-16, n 1)
          opened mails                  15  100 × 0.15  0.75 (App, 2026-05-16, n 2)
          tickets created            11.25  75 × 0.15  1 (App, 2026-05-25, n 1)
          sentiment of tickets        3.75  25 × 0.15  negative (App, 2026-05-21, n 1)
          sum                         67.5
        coverage 1, fresh 1
    "#]].assert_eq(&said.stdout);
    let json = kunder.run(&[&explain[..], &["--json"]].concat()).exits(0);
    let health: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (&health["model"], &health["score"], &health["band"]),
        (&"boekhouding/health".into(), &"67.5".into(), &"neutral".into())
    );
    let first = &health["contributions"][0];
    assert_eq!(
        (&first["input"], &first["source"], &first["day"]),
        (&"queries_per_week".into(), &"App".into(), &"2026-05-20".into())
    );
    // The same day again is the same answer: nothing was stored by asking.
    assert_eq!(kunder.run(&explain).exits(0).stdout, said.stdout);
}

/// Bad input is told with its line and never scored silently.
#[test]
fn readings_that_cannot_be_are_broken_rows() {
    let kunder = Kunder::temporary();
    let rows = "customer,day,metric,number,word
k1,2026-01-02,queries_per_week,-3,
k1,2026-01-02,features_used_28d,2.5,
k1,2026-01-02,ticket_sentiment,,furious
k1,2026-01-02,logins_per_week,NaN,
k1,2150-01-02,logins_per_week,1,
k1,2026-01-02,page_views,7,
";
    let (map, rows) = (file(&kunder, "map.yaml", MAP), file(&kunder, "rows.csv", rows));
    let errors = file(&kunder, "errors.txt", "");
    let folder = definitions("boekhouding");
    let said = kunder
        .run(&[
            "--definitions",
            &folder,
            "import",
            "--errors",
            &errors,
            "--map",
            &map,
            &rows,
        ])
        .exits(0);
    let beside = kunder.folder().with_file_name("");
    let said = format!("{}{}", said.stdout, said.stderr).replace(beside.to_str().unwrap(), "");
    expect![[r#"
        1 row read, 5 broken: 1 fact new, 0 known already.
        ! 5 rows broken and left out; the list is in errors.txt
        error: rows.csv:2: metric `queries_per_week`: -3 is below 0
        error: rows.csv:3: metric `features_used_28d`: 2.5 is not a whole number
        error: rows.csv:4: metric `ticket_sentiment`: `furious` is not one of negative, neutral, positive
        error: rows.csv:5: column `number`: `NaN` is not a number
        error: rows.csv:6: a measurement of 2150-01-02 is from the future
        note: no metric or KPI of the definitions reads `page_views`
    "#]]
    .assert_eq(&said);
}

#[test]
fn a_rule_model_names_the_rule_that_decided() {
    let said = portfolio()
        .run(&["health", "explain", "Åkerlunda Riksförbund"])
        .exits(0);
    assert!(said.stdout.contains("satori/health 1 ("), "{said}");
    let unknown = portfolio().run(&["health", "explain", "Ingen Alls"]).exits(1);
    assert!(unknown.stdout.contains("Ingen kund heter"), "{unknown}");
}

/// A7.5: on what is shipped, the known defects of the seeds and nothing else.
#[test]
fn the_shipped_definitions_have_the_defects_of_their_sources_and_no_others() {
    let kunder = Kunder::temporary();
    let said = kunder.run(&["definitions", "check"]).exits(0);
    expect![[r#"
        definitions/boekhouding/health.yaml:29: warning: queries_per_week: 10 is in two ranges of the source, 0-10 and 10-50; D-02 settles it
        definitions/boekhouding/health.yaml:29: warning: queries_per_week: 50 is in two ranges of the source, 10-50 and 50+; D-02 settles it
        definitions/boekhouding/health.yaml:35: warning: features_used_28d: 0 has no points in the source; D-01 settles it
        definitions/boekhouding/health.yaml:42: warning: logins_per_week: values between 2 and 3 have no points in the source; D-02 settles it
        definitions/boekhouding/health.yaml:42: warning: logins_per_week: 5 is in two ranges of the source, 3-5 and 5+; D-02 settles it
        definitions/boekhouding/health.yaml:49: warning: email_open_rate: 0.5 is in two ranges of the source, 20-50% and 50%+; D-02 settles it
        definitions/boekhouding/health.yaml:49: warning: email_open_rate: the source does not say what holds when no mails were sent; D-30 settles it
        definitions/boekhouding/health.yaml:61: warning: ticket_sentiment: the source does not say what holds when no sentiment is known; D-30 settles it
        definitions/boekhouding/health.yaml:65: warning: the band "critical" is reached only through cases of which the source does not speak: by its ranges, scores run from 46.25 to 100; D-01 settles it
        definitions/account-intelligence/health.yaml:11: warning: the source says "Feature adoption and engagement" of "usage", and not what is measured; A7.3 settles it
        definitions/account-intelligence/health.yaml:17: warning: the source says "Ticket volume and resolution time" of "support", and not what is measured; A7.3 settles it
        definitions/account-intelligence/health.yaml:23: warning: the source says "Multi-threading and champion strength" of "relationship", and not what is measured; A7.3 settles it
        definitions/account-intelligence/health.yaml:29: warning: the source says "Value realization and ROI achievement" of "outcomes", and not what is measured; A7.3 settles it
        definitions/account-intelligence/health.yaml:99: warning: the score is recomputed daily (S2-47) and monthly (S2-64); D-28 settles it
        definitions/response/health.yaml:10: warning: rule "red_alert" lies inside "yellow_warning": their order decides; D-06 settles it
        definitions/response/health.yaml:39: warning: no rule holds for decisions_per_week from 3 to 5, though rules hold on both sides; D-06 settles it
        definitions/response/health.yaml:39: warning: no rule holds for participation from 0.6 to 0.8, though rules hold on both sides; D-06 settles it
        7 folders checked: 0 errors, 17 warnings
    "#]].assert_eq(&said.stdout);
    let lines = kunder
        .run(&["definitions", "check", "--json"])
        .exits(0)
        .json_lines();
    assert_eq!(lines.len(), said.stdout.lines().count() - 1);
    assert!(
        lines
            .iter()
            .all(|line| line["level"] == "warning" && line["decision"].is_string()),
        "{lines:?}"
    );
}

#[test]
fn a_folder_with_an_error_fails_with_file_line_and_what_mends_it() {
    let kunder = Kunder::temporary();
    let folder = kunder.folder().join("rules");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["organisation.yaml", "metrics.yaml", "health.yaml"] {
        let text = std::fs::read_to_string(format!("{}/{name}", definitions("boekhouding"))).unwrap();
        let text = text
            .replace("weight: 0.4", "weight: 0.5")
            .replace("logins_per_week\n    group", "logins_a_week\n    group");
        std::fs::write(folder.join(name), text).unwrap();
    }
    let said = kunder
        .run(&["definitions", "check", folder.to_str().unwrap()])
        .exits(1);
    let told = said.stdout.replace(folder.to_str().unwrap(), "rules");
    expect![[r#"
        rules/health.yaml:12: error: the weights of the groups sum to 1.1, not to 1; write weights that sum to 1
        rules/health.yaml:39: error: the metric "logins_a_week" is unknown; declare it in metrics.yaml
        1 folder checked: 2 errors, 0 warnings
    "#]].assert_eq(&told);
    let refused = kunder
        .run(&[
            "--definitions",
            folder.to_str().unwrap(),
            "health",
            "explain",
            "x",
        ])
        .exits(2);
    assert!(refused.stderr.contains("health.yaml:"), "{refused}");
}
