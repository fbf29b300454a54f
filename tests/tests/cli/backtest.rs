//! `kunder health backtest`: figures on history whose end is known, what is refused, and proposals that nothing goes by.

use expect_test::{Expect, expect};
use kunder_tests::system::Kunder;

use super::file;

/// 120 invented accounts: what is measured by boekhouding, and who left. One has no label, two are hardly known.
const INVENTED: &str = include_str!("backtest.csv");

fn backtest<'a>(labels: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let arguments = ["health", "backtest", "--model", "boekhouding", "--labels", labels];
    [&arguments[..], more].concat()
}

#[test]
fn a_table_is_tested_by_a_shipped_model() {
    let kunder = Kunder::temporary();
    let labels = file(&kunder, "labels.csv", INVENTED);
    let arguments = backtest(&labels, &["--label", "churned"]);
    let said = kunder.run(&arguments).exits(0);
    let told = said.stdout.replace(&labels, "labels.csv");
    expect![[r#"
        Back-test of boekhouding/health version 1 (2b097b0cbae8835a) on labels.csv
        119 with a label, 54 of them left (45.4 %); 117 scored (98.3 %)
          not scored: too little is known: 2
          without a label, left out: 1

        Too few subjects to say whether logins_per_week alone does as well as the whole model (0.762 against 0.769, difference -0.008, 95 % -0.061 to +0.046, 117 subjects).

                                                   AUC  95 %         subjects  coverage  Brier  off by
        the model: score                         0.762  0.673–0.850       117    98.3 %  0.196   0.131
        group usage                              0.712  0.622–0.802       117    98.3 %  0.212   0.081
        group engagement                         0.755  0.668–0.842       117    98.3 %  0.189   0.065
        group support                            0.584  0.479–0.689       117    98.3 %  0.250   0.112
        points of queries_per_week (usage)       0.695  0.623–0.767       117    98.3 %  0.206   0.052
        points of features_used_28d (usage)      0.698  0.605–0.792       117    98.3 %  0.217   0.075
        points of logins_per_week (engagement)   0.675  0.590–0.761       117    98.3 %  0.222   0.048
        points of email_open_rate (engagement)   0.740  0.649–0.831       112    94.1 %  0.179   0.072
        points of tickets_created_30d (support)  0.581  0.484–0.677       119   100.0 %  0.251   0.114
        points of ticket_sentiment (support)     0.546  0.443–0.649       112    94.1 %  0.252   0.146
        value of queries_per_week                0.748  0.658–0.838       117    98.3 %  0.198   0.074
        value of features_used_28d               0.711  0.613–0.809       117    98.3 %  0.205   0.084
        value of logins_per_week                 0.769  0.683–0.856       117    98.3 %  0.189   0.092
        value of email_open_rate                 0.762  0.668–0.857       112    94.1 %  0.191   0.078
        value of tickets_created_30d             0.599  0.501–0.697       119   100.0 %  0.243   0.114
        all inputs by rank                       0.786  0.697–0.875       105    88.2 %  0.192   0.150

        score                subjects    left   share
        36.25 to 47.5              14      12  85.7 %
        51.25 to 55                15      13  86.7 %
        57.5 to 66.25              19       7  36.8 %
        67.5 to 71.25              16       7  43.8 %
        72.5 to 77.5               14       6  42.9 %
        78.75 to 81.25             12       3  25.0 %
        82.5 to 87.5               15       3  20.0 %
        90 to 96.25                12       2  16.7 %
        The share rises at 2 of 7 steps up, where it should fall.

        band                 subjects    left   share
        Critical                    1       0   0.0 %
        At risk                    31      27  87.1 %
        Neutral                    50      19  38.0 %
        Healthy                    35       7  20.0 %

        AUC: the chance that one who left has less of it than one who stayed; 0.5 says nothing. Its 95 % interval is DeLong's.
        Brier, off by: of chances read from it by cross-validated isotonic regression; less is better, 0.248 is what the share of all gives.
        A value counts the way its metric says is better; points are what the model makes of it.
    "#]].assert_eq(&told);
    assert!(!kunder.folder().exists(), "a table needs no data folder");

    let json = kunder
        .run(&[&arguments[..], &["--json"]].concat())
        .exits(0)
        .json();
    assert_eq!((&json["subjects"], &json["unlabelled"]), (&119.into(), &1.into()));
    assert_eq!(json["alone"]["verdict"], "cannot_tell");
    assert_eq!(json["rows"][0]["kind"], "score");
    assert!(json["simulated"].is_null());
}

/// The proposal is a file that loads, beside the model, which stays as it is.
#[test]
fn proposed_weights_go_to_a_new_file() {
    let kunder = Kunder::temporary();
    let labels = file(&kunder, "labels.csv", INVENTED);
    let out = kunder.folder().with_extension("yaml").display().to_string();
    let arguments = backtest(&labels, &["--label", "churned", "--fit", "--out", &out]);
    let said = kunder.run(&arguments).exits(0);
    let (_, fitted) = said.stdout.split_once("Proposed weights").unwrap();
    expect![[r#"
        , written to out.yaml; nothing goes by them until a person takes them over.
        AUC in cross-validation (5 folds): 0.750, present weights 0.764 on the same subjects; difference -0.014, standard error 0.010: no gain beyond noise, no reason to change
          usage/queries_per_week                       now 0.200  proposed 0.140
          usage/features_used_28d                      now 0.200  proposed 0.303
          engagement/logins_per_week                   now 0.150  proposed 0.166
          engagement/email_open_rate                   now 0.150  proposed 0.195
          support/tickets_created_30d                  now 0.150  proposed 0.089
          support/ticket_sentiment                     now 0.150  proposed 0.107
    "#]].assert_eq(&fitted.replace(&out, "out.yaml"));
    let proposed = std::fs::read_to_string(&out).unwrap();
    let comment: Vec<&str> = proposed.lines().take_while(|line| !line.is_empty()).collect();
    expect![[r#"
        # PROPOSAL, not in force: weights of a logistic regression, for a person to accept or not.
        # Fitted on labels.csv, 119 subjects: 105 subjects of which everything is known, 49 of them left.
        # In place of boekhouding/health version 1 (2b097b0cbae8835a).
        # AUC in cross-validation 0.750, present weights 0.764 on the same subjects (5 folds, penalty 100); difference -0.014, standard error 0.010.
        # That is no gain beyond noise: there is no reason to leave the present weights.
        #   queries_per_week: 0.14 of the score, now 0.200
        #   features_used_28d: 0.303 of the score, now 0.200
        #   logins_per_week: 0.166 of the score, now 0.150
        #   email_open_rate: 0.195 of the score, now 0.150
        #   tickets_created_30d: 0.089 of the score, now 0.150
        #   ticket_sentiment: 0.107 of the score, now 0.150"#]].assert_eq(&comment.join("\n").replace(&labels, "labels.csv"));

    let folder = kunder.folder().with_extension("definitions");
    std::fs::create_dir(&folder).unwrap();
    for name in ["metrics.yaml", "organisation.yaml"] {
        let shipped = format!("{}/../definitions/boekhouding/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::copy(shipped, folder.join(name)).unwrap();
    }
    std::fs::write(folder.join("health.yaml"), &proposed).unwrap();
    let folder = folder.display().to_string();
    let arguments = [
        "health", "backtest", "--model", &folder, "--labels", &labels, "--label", "churned",
    ];
    let again = kunder.run(&arguments).exits(0);
    assert!(
        again
            .stdout
            .starts_with("Back-test of boekhouding/health version 2 ("),
        "{}",
        again.stdout
    );

    let refused = kunder
        .run(&backtest(
            &labels,
            &["--label", "churned", "--fit", "--out", &out],
        ))
        .exits(2);
    assert!(refused.stderr.contains("is there already"), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(&out).unwrap(), proposed);
}

#[track_caller]
fn refused(labels: &str, more: &[&str], expected: Expect) {
    let kunder = Kunder::temporary();
    let labels = file(&kunder, "labels.csv", labels);
    let said = kunder.run(&backtest(&labels, more)).exits(2);
    assert_eq!(said.stdout, "");
    expected.assert_eq(&said.stderr.replace(&labels, "labels.csv"));
}

#[test]
fn what_cannot_be_counted_is_refused_with_its_line() {
    let header = "queries_per_week,features_used_28d,logins_per_week,email_open_rate,tickets_created_30d,ticket_sentiment,label\n";
    let with = |rows: &str| format!("{header}{rows}");
    refused(
        &with(
            "1,2,3,0.4,0,neutral,1\n1,2,3,0.4,0,neutral,2\n1,2.5,3,0.4,0,neutral,1\nmany,2,3,0.4,0,neutral,0\n1,2,3,1.4,0,furious,0\n1,2,3\n",
        ),
        &[],
        expect![[r#"
            error: labels.csv:3: column `label`: the label `2` is neither 0 nor 1
            error: labels.csv:4: column `features_used_28d`: 2.5 is not a whole number
            error: labels.csv:5: column `queries_per_week`: `many` is not a number
            error: labels.csv:6: column `email_open_rate`: 1.4 is above 1
            error: labels.csv:7: the row has 3 columns, expected 7 (queries_per_week, features_used_28d, logins_per_week, email_open_rate, tickets_created_30d, ticket_sentiment, label)
            error: labels.csv: 5 rows are wrong, nothing was computed
            hint: mend or remove what is wrong; a value that is not known is left empty
        "#]],
    );
    refused(
        &with("1,2,3,0.4,0,neutral,1\n2,2,3,0.4,0,neutral,1.0\n"),
        &[],
        expect![[r#"
            error: labels.csv: all 2 labels are 1: nobody stayed
            hint: a back-test needs some of either kind
        "#]],
    );
    refused(
        &with(""),
        &[],
        expect![[r#"
        error: labels.csv: there is no subject
        hint: a back-test needs some of either kind
    "#]],
    );
    refused(
        "queries_per_week,label\n1,0\n",
        &[],
        expect![[r#"
        error: labels.csv has no column `email_open_rate`, which boekhouding/health reads
        hint: its columns are queries_per_week, label; docs/backtest.md has the format
    "#]],
    );
    refused(
        &with("1,2,3,0.4,0,neutral,1\n"),
        &["--label", "churned"],
        expect![[r#"
            error: labels.csv has no column `churned`, which says who left
            hint: its columns are queries_per_week, features_used_28d, logins_per_week, email_open_rate, tickets_created_30d, ticket_sentiment, label; docs/backtest.md has the format
        "#]],
    );
    refused(
        &with("1,2,3,0.4,0,neutral,1\n"),
        &["--as-of", "2026-01-31"],
        expect![[r#"
            error: labels.csv has no column `customer`, which names the customer by id or name
            hint: its columns are queries_per_week, features_used_28d, logins_per_week, email_open_rate, tickets_created_30d, ticket_sentiment, label; docs/backtest.md has the format
        "#]],
    );
    refused(
        "customer,label\na,1\na,0\n,1\n",
        &["--as-of", "2026-01-31"],
        expect![[r#"
            error: labels.csv:3: column `customer`: `a` has a label already
            error: labels.csv:4: column `customer`: is empty
            error: labels.csv: 2 rows are wrong, nothing was computed
            hint: mend or remove what is wrong; a value that is not known is left empty
        "#]],
    );
    refused(
        "customer,label\na,1\n",
        &["--fit"],
        expect![[r#"
        error: the following required arguments were not provided:
          --out <FILE>

        Usage: kunder health backtest --labels <FILE> --fit --out <FILE> --model <M>

        For more information, try '--help'.
    "#]],
    );
    let kunder = Kunder::temporary();
    let labels = file(&kunder, "labels.csv", "label\n1\n");
    let said = kunder
        .run(&["health", "backtest", "--model", "petra", "--labels", &labels])
        .exits(2);
    expect![[r#"
        error: there is no model `petra`
        hint: shipped are satori, boekhouding, account-intelligence, response, deltagarportalen, gitlab, posthog; or name a folder of definitions
    "#]].assert_eq(&said.stderr);
    let said = kunder
        .run(&["health", "backtest", "--labels", "nowhere.csv"])
        .exits(2);
    expect![[r#"
        error: nowhere.csv: cannot be read: No such file or directory (os error 2)
        hint: docs/backtest.md has the format
    "#]]
    .assert_eq(&said.stderr);
}

const MAP: &str = "format: csv
source: App
customer: customer
observed: {column: day, date: \"%Y-%m-%d\"}
records:
  - measurement: {metric: metric, number: number}
  - profile: {name: {template: \"Firm {customer}\"}}
    once: true
";

/// What is scored is what was known on the day: later readings say nothing, and who came later was not there.
#[test]
fn stored_customers_are_measured_as_they_were() {
    let kunder = Kunder::temporary();
    let mut rows = "customer,day,metric,number\n".to_owned();
    for (customer, day, queries) in [
        ("k1", "2026-01-05", 4),
        ("k2", "2026-01-05", 8),
        ("k3", "2026-01-05", 160),
        ("k4", "2026-01-05", 240),
        // After the day, all the other way round.
        ("k1", "2026-02-10", 900),
        ("k2", "2026-02-10", 900),
        ("k5", "2026-02-10", 900),
    ] {
        rows.push_str(&format!("{customer},{day},queries_per_week,{queries}\n"));
    }
    let (map, rows) = (file(&kunder, "map.yaml", MAP), file(&kunder, "rows.csv", &rows));
    let definitions = format!("{}/../definitions/boekhouding", env!("CARGO_MANIFEST_DIR"));
    let _ = kunder
        .run(&["--definitions", &definitions, "import", "--map", &map, &rows])
        .exits(0);
    // By id or by name; k5 came later.
    let labels = file(
        &kunder,
        "labels.csv",
        "customer,label\nk1,1\nFirm k2,1\nk3,0\nk4,0\nk5,1\n",
    );
    let arguments = backtest(&labels, &["--as-of", "2026-01-31", "--json"]);
    let json = kunder.run(&arguments).exits(0).json();
    let row = |name: &str| {
        let rows = json["rows"].as_array().unwrap();
        let row = rows
            .iter()
            .find(|row| row["kind"] == "value" && row["name"] == name);
        let row = row.unwrap();
        (row["auc"].as_f64(), row["subjects"].as_u64())
    };
    assert_eq!(row("queries_per_week"), (Some(1.0), Some(4)));
    assert_eq!(json["subjects"], 5);
    // New customers have no score for 30 days, and one metric of six is not enough.
    let why = json["notScored"].to_string();
    expect![[r#"[["not known on that day",1],["too new for a score",4]]"#]].assert_eq(&why);
}
