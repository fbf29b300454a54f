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

/// S2-58 to S2-61 with D-02: what lies between the seed's whole numbers has a band, and an edge belongs to the better one.
#[test]
fn fractions_between_the_seeds_bands_have_a_band() {
    let model = model("account-intelligence");
    let crate::health::compile::Kind::Weighted(weighted) = &model.kind else {
        panic!("it is a score")
    };
    let band = |twice: i64| {
        let place = crate::health::hysteresis::band(&weighted.ladder, &half(twice), None);
        model.bands[place].key.clone()
    };
    let bands: Vec<String> = [200, 160, 159, 120, 119, 80, 79, 0].map(band).to_vec();
    assert_eq!(
        bands,
        [
            "excellent",
            "excellent",
            "good",
            "good",
            "at_risk",
            "at_risk",
            "critical",
            "critical"
        ]
    );
}

/// S2-52 to S2-56: the score is 0.30 usage, 0.20 support, 0.25 relationship, 0.25 outcomes, each the mean of its inputs.
#[test]
fn four_factors_weigh_what_the_seed_says() {
    let model = model("account-intelligence");
    let all_well = "adoption_rate=0.6 active_days_28d=20 tickets_to_own_median=1 median_hours_to_resolve=8 active_contacts=3 \
                    champion=seen days_since_executive_contact=0 goals_met=1 roi_recorded=yes";
    let weights = [
        ("usage", 30),
        ("support", 20),
        ("relationship", 25),
        ("outcomes", 25),
    ];
    for worse in [
        "",
        "adoption_rate=0",
        "champion=none",
        "goals_met=0",
        "tickets_to_own_median=3",
        "roi_recorded=no",
    ] {
        let mut values = measures(all_well);
        values.extend(measures(worse));
        let result = model.check(&values, &context());
        let mean = |group: &str| {
            let rows = result
                .contributions
                .iter()
                .filter(|row| matches!(row.row, Row::Input { group: own, .. } if own == group));
            let points: Vec<Exact> = rows.map(|row| row.points.clone().unwrap()).collect();
            Exact::sum(&points)
                .over(&Exact::whole(points.len() as i64))
                .unwrap()
        };
        let parts: Vec<Exact> = weights
            .iter()
            .map(|(group, percent)| mean(group).times(&Exact::fraction(*percent, 100).unwrap()))
            .collect();
        assert_eq!(result.score, Some(Exact::sum(&parts)), "{worse}");
        assert_eq!(
            worse.is_empty(),
            result.score == Some(Exact::whole(100)),
            "{worse}"
        );
    }
}
