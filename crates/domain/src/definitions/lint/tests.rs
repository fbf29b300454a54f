//! What the lints say: of the shipped folders exactly the known defects, and of broken ones what is broken.

use expect_test::{Expect, expect};

use crate::condition::Comparison;
use crate::definitions::{Amount, Definitions, PACKS, Pack, trigger_clash};

#[test]
fn the_shipped_folders_have_the_known_defects_of_the_seeds_and_no_others() {
    let mut lines = Vec::new();
    for pack in PACKS {
        let definitions = pack
            .load()
            .unwrap_or_else(|errors| panic!("{}: {errors}", pack.name));
        lines.extend(
            definitions
                .warnings
                .iter()
                .map(|lint| format!("{}/{lint}", pack.name)),
        );
    }
    expect![[""]].assert_eq(&lines.join("\n"));
}

/// What loading says of a folder in whose `file` one text was replaced.
#[track_caller]
fn check(pack: &str, file: &str, from: &str, to: &str, expected: Expect) {
    let pack = Pack::find(pack).unwrap();
    let mut files = pack.texts();
    let before: Vec<String> = pack
        .load()
        .unwrap()
        .warnings
        .iter()
        .map(ToString::to_string)
        .collect();
    let text = files.get_mut(file).unwrap();
    assert!(text.contains(from), "{from:?} is not in {file}");
    *text = text.replacen(from, to, 1);
    let said = match Definitions::parse_over_shipped(&files) {
        Err(errors) => errors.to_string(),
        Ok(definitions) => {
            let warnings = definitions.warnings.iter().map(ToString::to_string);
            let new = warnings.filter(|lint| !before.contains(lint));
            new.collect::<Vec<_>>().join("\n")
        }
    };
    expected.assert_eq(&said);
}

#[test]
fn a_clash_that_nothing_settles_is_an_error() {
    let file = "health.yaml";
    check(
        "boekhouding",
        file,
        "    settled: { edge: D-02 }\n",
        "",
        expect![[""]],
    );
    check(
        "boekhouding",
        file,
        "edge: D-02, hole: D-02",
        "edge: D-02",
        expect![[""]],
    );
    check(
        "boekhouding",
        file,
        "settled: { undefined: D-30 }",
        "settled: {}",
        expect![[""]],
    );
    check(
        "boekhouding",
        file,
        "settled: { unreachable: D-01 }",
        "",
        expect![[""]],
    );
    check(
        "response",
        file,
        "settled: { hole: D-06, inside: D-06 }",
        "",
        expect![[""]],
    );
    check(
        "account-intelligence",
        file,
        "    settled: D-28\n",
        "",
        expect![[""]],
    );
    check(
        "account-intelligence",
        file,
        "    settled: { inputs: A7.3 }\n",
        "",
        expect![[""]],
    );
}

#[test]
fn weights_bands_and_metrics_that_are_wrong() {
    let file = "health.yaml";
    check("boekhouding", file, "weight: 0.4", "weight: 0.5", expect![[""]]);
    check("boekhouding", file, "[10, 50, 75]", "[10, 40, 75]", expect![[""]]);
    check("boekhouding", file, "[10, 50, 75]", "[9, 50, 75]", expect![[""]]);
    check("boekhouding", file, "[[0, 10, 50], ", "[", expect![[""]]);
    check(
        "boekhouding",
        file,
        "[0.5, 1, 100]",
        "[0.5, 0.9, 100]",
        expect![[""]],
    );
    check("boekhouding", file, "[10, 50, 75]", "[10, 50, 70]", expect![[""]]);
    check(
        "boekhouding",
        file,
        "range: [40, 60]",
        "range: [41, 60]",
        expect![[""]],
    );
    check(
        "boekhouding",
        file,
        "range: [40, 60]",
        "range: [39, 60]",
        expect![[""]],
    );
    check(
        "boekhouding",
        file,
        "range: [80, 100]",
        "range: [80, 99]",
        expect![[""]],
    );
    check(
        "boekhouding",
        file,
        "exit_above: 65",
        "exit_above: 60",
        expect![[""]],
    );
    check(
        "boekhouding",
        file,
        "metric: logins_per_week",
        "metric: logins",
        expect![[""]],
    );
    check(
        "boekhouding",
        file,
        "neutral: 75, positive: 100 }\n    seed",
        "neutral: 75 }\n    seed",
        expect![[""]],
    );
    check(
        "boekhouding",
        file,
        "min_coverage: 0.6",
        "min_coverage: 60",
        expect![[""]],
    );
    check(
        "boekhouding",
        file,
        "group: support",
        "group: suport",
        expect![[""]],
    );
    check(
        "boekhouding",
        file,
        "seed: \"0-10 =",
        "seed: \"up to 10 =",
        expect![[""]],
    );
    check(
        "boekhouding",
        "metrics.yaml",
        "fold: sum, per_days: 7",
        "fold: mean, per_days: 7",
        expect![[""]],
    );
    check("gitlab", file, "word: red", "word: blue", expect![[""]]);
    check(
        "response",
        file,
        "participation < 0.40",
        "participants < 0.40",
        expect![[""]],
    );
}

/// By intervals: whatever is missing, old or excepted, no score gets there.
#[test]
fn bands_that_no_score_reaches() {
    let file = "health.yaml";
    check("gitlab", file, "missing: exclude", "missing: fail", expect![[""]]);
    check(
        "deltagarportalen",
        file,
        "grace_days: 30",
        "grace_days: 30",
        expect![[""]],
    );
    // With no way to be below 50 in any input, red is what the exception sets, and without it nothing.
    let pack = Pack::find("gitlab").unwrap();
    let mut files = pack.texts();
    let text = files.get_mut("health.yaml").unwrap();
    *text = text
        .replace("red: 0", "red: 60")
        .replace("yellow: 50", "yellow: 60")
        .replace(", 0]", ", 60]")
        .replace(", 50]", ", 60]")
        .replace("range: [0, 60]", "range: [0, 50]");
    let said =
        |files: &std::collections::BTreeMap<String, String>| match Definitions::parse_over_shipped(files) {
            Ok(_) => "loads".to_owned(),
            Err(errors) => errors.to_string(),
        };
    assert_eq!(said(&files), "loads");
    let text = files.get_mut("health.yaml").unwrap();
    *text = text.replace("effect: { band: red }", "effect: { cap: 50 }");
    expect![[""]].assert_eq(&said(&files));
    let text = files.get_mut("health.yaml").unwrap();
    *text = text.replace("effect: { cap: 50 }", "effect: { cap: 49.9 }");
    assert_eq!(said(&files), "loads");
    let text = files.get_mut("health.yaml").unwrap();
    *text = text
        .replace("effect: { cap: 49.9 }", "effect: { cap: 60 }")
        .replacen("missing: exclude", "missing: { points: 0 }", 1);
    expect![[""]].assert_eq(&said(&files));
}

#[test]
fn rules_that_never_decide() {
    check(
        "response",
        "health.yaml",
        "decisions_per_week > 5",
        "decisions_per_week < 2",
        expect![[""]],
    );
    check(
        "satori",
        "health.yaml",
        "touchpoints > 0 && days_since_contact > red_days",
        "touchpoints == 0 && days_since_contact > red_days",
        expect![[""]],
    );
}

#[test]
fn triggers_beside_an_edge() {
    let definitions = Pack::find("boekhouding").unwrap().load().unwrap();
    let body = &definitions.health.body;
    let clash = |comparison, threshold: i64| trigger_clash(body, comparison, Amount(threshold.into()));
    assert_eq!(clash(Comparison::Less, 60), None);
    assert_eq!(clash(Comparison::AtLeast, 80), None);
    assert_eq!(clash(Comparison::AtLeast, 100), None);
    // D-18: 80 is healthy and does not trigger the expansion.
    assert_eq!(
        clash(Comparison::More, 80).unwrap(),
        "80 itself is in the band \"healthy\" and does not count"
    );
    assert_eq!(
        clash(Comparison::AtMost, 60).unwrap(),
        "60 itself is in the band \"neutral\" and counts"
    );
    assert_eq!(clash(Comparison::Less, 59).unwrap(), "no band begins at 59");
}
