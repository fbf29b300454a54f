//! How a band is decided: by rules, by edges and exits; and what changed since.

use expect_test::expect;

use super::explain::FULL;
use super::*;

#[test]
fn rules_decide_worst_first_and_pretend_to_no_number() {
    let model = model("response");
    let state = |values: &str| {
        let measures = measures(values);
        let result = model.check(&measures, &context());
        let state = match &result.state {
            State::Band(band) => band.key.clone(),
            other => format!("{other:?}"),
        };
        assert_eq!(result.score, None);
        format!("{state} by {:?}", result.rule().map(|rule| rule.id.clone()))
    };
    let lines: Vec<String> = [
        "decisions_per_week=0.99 participation=0.9 open_tickets_14d=0",
        "decisions_per_week=1 participation=0.9 open_tickets_14d=0",
        "decisions_per_week=2.9 participation=0.9 open_tickets_14d=1",
        "decisions_per_week=3 participation=0.9 open_tickets_14d=1",
        "decisions_per_week=6 participation=0.4 open_tickets_14d=0",
        "decisions_per_week=6 participation=0.39 open_tickets_14d=0",
        "decisions_per_week=5 participation=0.9 open_tickets_14d=0",
        "decisions_per_week=5.1 participation=0.81 open_tickets_14d=9",
        "decisions_per_week=5.1 participation=0.8 open_tickets_14d=0",
        "participation=0.81 open_tickets_14d=0",
        "participation=0.3",
        "decisions_per_week=6 participation=0.9",
    ]
    .into_iter()
    .map(|values| format!("{values}: {}", state(values)))
    .collect();
    expect![[r#"
        decisions_per_week=0.99 participation=0.9 open_tickets_14d=0: red by Some("red_alert")
        decisions_per_week=1 participation=0.9 open_tickets_14d=0: yellow by Some("yellow_warning")
        decisions_per_week=2.9 participation=0.9 open_tickets_14d=1: red by Some("red_alert")
        decisions_per_week=3 participation=0.9 open_tickets_14d=1: Unclassified by None
        decisions_per_week=6 participation=0.4 open_tickets_14d=0: yellow by Some("yellow_warning")
        decisions_per_week=6 participation=0.39 open_tickets_14d=0: red by Some("red_alert")
        decisions_per_week=5 participation=0.9 open_tickets_14d=0: Unclassified by None
        decisions_per_week=5.1 participation=0.81 open_tickets_14d=9: green by Some("green_health")
        decisions_per_week=5.1 participation=0.8 open_tickets_14d=0: Unclassified by None
        participation=0.81 open_tickets_14d=0: NotScored(Missing(["decisions_per_week"])) by None
        participation=0.3: red by Some("red_alert")
        decisions_per_week=6 participation=0.9: green by Some("green_health")"#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn a_change_is_told_row_by_row() {
    let model = model("boekhouding");
    let before = measures(FULL);
    let before = Snapshot::of(&model.check(&before, &context()));
    let values = FULL
        .replace("logins_per_week=1", "logins_per_week=9")
        .replace("=negative", "=positive");
    let values = values.replace("queries_per_week=12", "queries_per_week=2");
    let after = measures(&values);
    let after = Snapshot::of(&model.check(&after, &context()));
    let change = before.change_to(&after);
    let rows: Vec<String> = change
        .rows
        .iter()
        .map(|row| {
            format!(
                "{} {} -> {}: {}",
                row.name,
                row.before.printed(),
                row.after.printed(),
                row.difference.printed()
            )
        })
        .collect();
    expect![[r#"
        Band("neutral") -> Band("healthy") 13.75
        support/ticket_sentiment 3.75 -> 15: 11.25
        engagement/logins_per_week 7.5 -> 15: 7.5
        usage/queries_per_week 15 -> 10: -5"#]]
    .assert_eq(&format!(
        "{:?} -> {:?} {}\n{}",
        change.from,
        change.to,
        change.difference.unwrap().printed(),
        rows.join("\n")
    ));
}

/// D-23: entered at the edge, left at `exit_above`.
#[test]
fn a_band_is_left_later_than_it_is_entered() {
    let model = model("boekhouding");
    let mut before = "healthy";
    let mut walk = Vec::new();
    for twice in [160, 119, 120, 129, 130, 129, 119, 79, 80, 130, 79, 124, 200] {
        let score = half(twice);
        let place = hysteresis::band(
            ladder(&model),
            &score,
            model.bands.iter().position(|band| band.key == before),
        );
        before = &model.bands[place].key;
        walk.push(format!("{} {before}", score.printed()));
    }
    expect!["80 healthy, 59.5 at_risk, 60 at_risk, 64.5 at_risk, 65 neutral, 64.5 neutral, 59.5 at_risk, 39.5 critical, 40 at_risk, 65 neutral, 39.5 critical, 62 at_risk, 100 healthy"].assert_eq(&walk.join(", "));
}

pub fn ladder(model: &CompiledModel) -> &[compile::Rung] {
    match &model.kind {
        compile::Kind::Weighted(weighted) => &weighted.ladder,
        compile::Kind::Rules(_) => panic!("a rule model has no scores"),
    }
}
