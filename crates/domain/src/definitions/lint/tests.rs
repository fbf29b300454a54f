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
    expect![[r#"
        boekhouding/warning: health.yaml:29: queries_per_week: 10 is in two ranges of the source, 0-10 and 10-50; D-02 settles it
        boekhouding/warning: health.yaml:29: queries_per_week: 50 is in two ranges of the source, 10-50 and 50+; D-02 settles it
        boekhouding/warning: health.yaml:35: features_used_28d: 0 has no points in the source; D-01 settles it
        boekhouding/warning: health.yaml:42: logins_per_week: values between 2 and 3 have no points in the source; D-02 settles it
        boekhouding/warning: health.yaml:42: logins_per_week: 5 is in two ranges of the source, 3-5 and 5+; D-02 settles it
        boekhouding/warning: health.yaml:49: email_open_rate: 0.5 is in two ranges of the source, 20-50% and 50%+; D-02 settles it
        boekhouding/warning: health.yaml:49: email_open_rate: the source does not say what holds when no mails were sent; D-30 settles it
        boekhouding/warning: health.yaml:61: ticket_sentiment: the source does not say what holds when no sentiment is known; D-30 settles it
        boekhouding/warning: health.yaml:65: the band "critical" is reached only through cases of which the source does not speak: by its ranges, scores run from 46.25 to 100; D-01 settles it
        account-intelligence/warning: health.yaml:11: the source says "Feature adoption and engagement" of "usage", and not what is measured; A7.3 settles it
        account-intelligence/warning: health.yaml:17: the source says "Ticket volume and resolution time" of "support", and not what is measured; A7.3 settles it
        account-intelligence/warning: health.yaml:23: the source says "Multi-threading and champion strength" of "relationship", and not what is measured; A7.3 settles it
        account-intelligence/warning: health.yaml:29: the source says "Value realization and ROI achievement" of "outcomes", and not what is measured; A7.3 settles it
        account-intelligence/warning: health.yaml:99: the score is recomputed daily (S2-47) and monthly (S2-64); D-28 settles it
        response/warning: health.yaml:10: rule "red_alert" lies inside "yellow_warning": their order decides; D-06 settles it
        response/warning: health.yaml:39: no rule holds for decisions_per_week from 3 to 5, though rules hold on both sides; D-06 settles it
        response/warning: health.yaml:39: no rule holds for participation from 0.6 to 0.8, though rules hold on both sides; D-06 settles it"#]].assert_eq(&lines.join("\n"));
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
        expect![[r#"
            health.yaml:29: queries_per_week: 10 is in two ranges of the source, 0-10 and 10-50; decide it, and name the decision in `settled: { edge: … }`
            health.yaml:29: queries_per_week: 50 is in two ranges of the source, 10-50 and 50+; decide it, and name the decision in `settled: { edge: … }`"#]],
    );
    check(
        "boekhouding",
        file,
        "edge: D-02, hole: D-02",
        "edge: D-02",
        expect![
            "health.yaml:42: logins_per_week: values between 2 and 3 have no points in the source; decide it, and name the decision in `settled: { hole: … }`"
        ],
    );
    check(
        "boekhouding",
        file,
        "settled: { undefined: D-30 }",
        "settled: {}",
        expect![
            "health.yaml:61: ticket_sentiment: the source does not say what holds when no sentiment is known; decide it, and name the decision in `settled: { undefined: … }`"
        ],
    );
    check(
        "boekhouding",
        file,
        "settled: { unreachable: D-01 }",
        "",
        expect![[
            r#"health.yaml:65: the band "critical" is reached only through cases of which the source does not speak: by its ranges, scores run from 46.25 to 100; decide it, and name the decision in `settled: { unreachable: … }`"#
        ]],
    );
    check(
        "response",
        file,
        "settled: { hole: D-06, inside: D-06 }",
        "",
        expect![[r#"
            health.yaml:10: rule "red_alert" lies inside "yellow_warning": their order decides; decide it, and name the decision in `settled: { inside: … }`
            health.yaml:39: no rule holds for decisions_per_week from 3 to 5, though rules hold on both sides; decide it, and name the decision in `settled: { hole: … }`
            health.yaml:39: no rule holds for participation from 0.6 to 0.8, though rules hold on both sides; decide it, and name the decision in `settled: { hole: … }`"#]],
    );
    check(
        "account-intelligence",
        file,
        "    settled: D-28\n",
        "",
        expect![
            "health.yaml:99: the score is recomputed daily (S2-47) and monthly (S2-64); decide it, and name the decision in `settled`"
        ],
    );
    check(
        "account-intelligence",
        file,
        "    settled: { inputs: A7.3 }\n",
        "",
        expect![[
            r#"health.yaml:11: the source says "Feature adoption and engagement" of "usage", and not what is measured; decide it, and name the decision in `settled: { inputs: … }`"#
        ]],
    );
}

#[test]
fn weights_bands_and_metrics_that_are_wrong() {
    let file = "health.yaml";
    check(
        "boekhouding",
        file,
        "weight: 0.4",
        "weight: 0.5",
        expect![
            "health.yaml:12: the weights of the groups sum to 1.1, not to 1; write weights that sum to 1"
        ],
    );
    check(
        "boekhouding",
        file,
        "[10, 50, 75]",
        "[10, 40, 75]",
        expect![[
            r#"health.yaml:28: "queries_per_week" has a gap: no points from 40 to 50; let each piece begin where the one before ends"#
        ]],
    );
    check(
        "boekhouding",
        file,
        "[10, 50, 75]",
        "[9, 50, 75]",
        expect![[
            r#"health.yaml:28: "queries_per_week" has an overlap at 9; let each piece begin where the one before ends"#
        ]],
    );
    check(
        "boekhouding",
        file,
        "[[0, 10, 50], ",
        "[",
        expect![[
            r#"health.yaml:28: "queries_per_week" has a gap: no points below 10; begin at the metric's `min` in metrics.yaml"#
        ]],
    );
    check(
        "boekhouding",
        file,
        "[0.5, 1, 100]",
        "[0.5, 0.9, 100]",
        expect![[
            r#"health.yaml:48: "email_open_rate" has a gap: no points above 0.9; end at the metric's `max` in metrics.yaml, or at `inf`"#
        ]],
    );
    check(
        "boekhouding",
        file,
        "[10, 50, 75]",
        "[10, 50, 70]",
        expect![
            "health.yaml:29: queries_per_week: the source gives 75 points for 10-50, the file 70; give the points that the source gives"
        ],
    );
    check(
        "boekhouding",
        file,
        "range: [40, 60]",
        "range: [41, 60]",
        expect![
            "health.yaml:71: there is a band gap between 40 and 41; let each band begin where the one below ends, from 0 to 100"
        ],
    );
    check(
        "boekhouding",
        file,
        "range: [40, 60]",
        "range: [39, 60]",
        expect![
            "health.yaml:71: there is a band overlap between 40 and 39; let each band begin where the one below ends, from 0 to 100"
        ],
    );
    check(
        "boekhouding",
        file,
        "range: [80, 100]",
        "range: [80, 99]",
        expect!["health.yaml:84: the highest band ends at 99; let it end at 100"],
    );
    check(
        "boekhouding",
        file,
        "exit_above: 65",
        "exit_above: 60",
        expect![[
            r#"health.yaml:71: `exit_above` of the band "at_risk" is not above its range; write a score above its upper end and at most 100, or remove it"#
        ]],
    );
    check(
        "boekhouding",
        file,
        "metric: logins_per_week",
        "metric: logins",
        expect![[r#"health.yaml:39: the metric "logins" is unknown; declare it in metrics.yaml"#]],
    );
    check(
        "boekhouding",
        file,
        "neutral: 75, positive: 100 }\n    seed",
        "neutral: 75 }\n    seed",
        expect![[
            r#"health.yaml:60: the word "positive" of "ticket_sentiment" has no points; write how many it gives"#
        ]],
    );
    check(
        "boekhouding",
        file,
        "min_coverage: 0.6",
        "min_coverage: 60",
        expect!["health.yaml:10: min_coverage is 60; write a share from 0 to 1"],
    );
    check(
        "boekhouding",
        file,
        "group: support",
        "group: suport",
        expect![[
            r#"health.yaml:52: the group "suport" of the input "tickets_created_30d" is not defined; define it under groups"#
        ]],
    );
    check(
        "boekhouding",
        file,
        "seed: \"0-10 =",
        "seed: \"up to 10 =",
        expect![[
            r#"health.yaml:29: the seed "up to 10 = 50, 10-50 = 75, 50+ = 100" of "queries_per_week" cannot be read; write it as `0-10 = 50, 10-50 = 75, 50+ = 100` or `word = 25, other = 75`"#
        ]],
    );
    check(
        "boekhouding",
        "metrics.yaml",
        "fold: sum, per_days: 7",
        "fold: mean, per_days: 7",
        expect![[r#"metrics.yaml:10: "queries_per_week" is no sum that could be a rate; write `fold: sum`"#]],
    );
    check(
        "gitlab",
        file,
        "word: red",
        "word: blue",
        expect![[
            r#"health.yaml:97: no metric "csm_sentiment" has the word "blue"; use a metric of words, and one of them"#
        ]],
    );
    check(
        "response",
        file,
        "participation < 0.40",
        "participants < 0.40",
        expect![[
            r#"health.yaml:14: the condition of rule "red_alert" is wrong: "participants" is neither a parameter nor a metric; compare these with numbers or each other: decisions_per_week, open_tickets_14d, participation"#
        ]],
    );
}

/// By intervals: whatever is missing, old or excepted, no score gets there.
#[test]
fn bands_that_no_score_reaches() {
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
    expect![[r#"health.yaml:103: the band "red" is unreachable: scores run from 50 to 100; decide it, and name the decision in `settled: { unreachable: … }`"#]].assert_eq(&said(&files));
    let text = files.get_mut("health.yaml").unwrap();
    *text = text.replace("effect: { cap: 50 }", "effect: { cap: 49.9 }");
    assert_eq!(said(&files), "loads");
    let text = files.get_mut("health.yaml").unwrap();
    *text = text
        .replace("effect: { cap: 49.9 }", "effect: { cap: 60 }")
        .replacen("missing: exclude", "missing: { points: 0 }", 1);
    assert_eq!(said(&files), "loads");
}

#[test]
fn rules_that_never_decide() {
    check(
        "response",
        "health.yaml",
        "decisions_per_week > 5",
        "decisions_per_week < 2",
        expect![[
            r#"health.yaml:30: rule "green_health" never decides: whoever it holds for was decided on before; move it up, or remove it"#
        ]],
    );
    check(
        "satori",
        "health.yaml",
        "touchpoints > 0 && days_since_contact > red_days",
        "touchpoints == 0 && days_since_contact > red_days",
        expect![[
            r#"health.yaml:22: rule "contact_critical" never decides: whoever it holds for was decided on before; move it up, or remove it"#
        ]],
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
