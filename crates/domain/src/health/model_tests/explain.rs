//! What a result says: rows that sum, what is missing or old, exceptions, grace, changes.

use expect_test::{Expect, expect};

use super::*;

pub const FULL: &str = "queries_per_week=12 features_used_28d=3 logins_per_week=1 email_open_rate=0.6 tickets_created_30d=1 ticket_sentiment=negative";

/// The result as a page would show it.
fn told(result: &HealthResult<'_>) -> String {
    let mut lines = vec![format!(
        "{} {}",
        result.printed_score().unwrap_or_else(|| "no score".to_owned()),
        match &result.state {
            State::Band(band) => band.key.clone(),
            other => format!("{other:?}"),
        }
    )];
    for (row, printed) in result.contributions.iter().zip(result.printed_contributions()) {
        let points = row.points.as_ref().map_or("-".to_owned(), Exact::printed);
        let value = row
            .measure
            .map_or("-".to_owned(), |measure| measure.value.to_string());
        lines.push(format!(
            "{} {value}: {points} x {} = {printed} {:?}",
            row.row.name(),
            row.weight,
            row.reading
        ));
    }
    lines.push(format!(
        "coverage {} fresh {} missing {:?} stale {:?}",
        result.coverage, result.freshness.fresh, result.missing, result.freshness.stale
    ));
    for one in &result.overrides {
        lines.push(format!(
            "{} by {} until {:?}, changed {}",
            one.id, one.author, one.expires, one.changed
        ));
    }
    lines.join("\n")
}

#[track_caller]
fn check(model: &CompiledModel, values: &str, context: &CheckContext<'_>, expected: Expect) {
    let measures = measures(values);
    expected.assert_eq(&told(&model.check(&measures, context)));
}

#[test]
fn every_point_is_explained() {
    check(
        &model("boekhouding"),
        FULL,
        &context(),
        expect![[r#"
        67.5 neutral
        usage/queries_per_week 12: 75 x 1/5 = 15 Fresh
        usage/features_used_28d 3: 75 x 1/5 = 15 Fresh
        engagement/logins_per_week 1: 50 x 3/20 = 7.5 Fresh
        engagement/email_open_rate 0.6: 100 x 3/20 = 15 Fresh
        support/tickets_created_30d 1: 75 x 3/20 = 11.25 Fresh
        support/ticket_sentiment negative: 25 x 3/20 = 3.75 Fresh
        coverage 1 fresh 1 missing [] stale []"#]],
    );
}

#[test]
fn the_weight_of_what_is_missing_goes_to_the_others() {
    let without = FULL
        .replace("email_open_rate=0.6", "")
        .replace("ticket_sentiment=negative", "");
    check(
        &model("boekhouding"),
        &without,
        &context(),
        expect![[r#"
        67.5 neutral
        usage/queries_per_week 12: 75 x 1/5 = 15 Fresh
        usage/features_used_28d 3: 75 x 1/5 = 15 Fresh
        engagement/logins_per_week 1: 50 x 3/10 = 15 Fresh
        engagement/email_open_rate -: - x 0 = 0 MissingExcluded
        support/tickets_created_30d 1: 75 x 3/10 = 22.5 Fresh
        support/ticket_sentiment -: - x 0 = 0 MissingExcluded
        coverage 7/10 fresh 1 missing ["email_open_rate", "ticket_sentiment"] stale []"#]],
    );
    let few = "queries_per_week=12 features_used_28d=3";
    check(
        &model("boekhouding"),
        few,
        &context(),
        expect![[r#"
        no score NotScored(Coverage { is: Exact(Small { over: 2, under: 5 }), needs: Exact(Small { over: 3, under: 5 }) })
        usage/queries_per_week 12: 75 x 0 = 0 Fresh
        usage/features_used_28d 3: 75 x 0 = 0 Fresh
        engagement/logins_per_week -: - x 0 = 0 MissingExcluded
        engagement/email_open_rate -: - x 0 = 0 MissingExcluded
        support/tickets_created_30d -: - x 0 = 0 MissingExcluded
        support/ticket_sentiment -: - x 0 = 0 MissingExcluded
        coverage 2/5 fresh 1 missing ["logins_per_week", "email_open_rate", "tickets_created_30d", "ticket_sentiment"] stale []"#]],
    );
    let without_support = "queries_per_week=12 features_used_28d=3 logins_per_week=1 email_open_rate=0.6";
    check(
        &model("boekhouding"),
        without_support,
        &context(),
        expect![[r#"
        75 neutral
        usage/queries_per_week 12: 75 x 2/7 = 21.428572 Fresh
        usage/features_used_28d 3: 75 x 2/7 = 21.428571 Fresh
        engagement/logins_per_week 1: 50 x 3/14 = 10.714286 Fresh
        engagement/email_open_rate 0.6: 100 x 3/14 = 21.428571 Fresh
        support/tickets_created_30d -: - x 0 = 0 MissingExcluded
        support/ticket_sentiment -: - x 0 = 0 MissingExcluded
        coverage 7/10 fresh 1 missing ["tickets_created_30d", "ticket_sentiment"] stale []"#]],
    );
}

#[test]
fn old_values_are_named_and_do_what_the_model_says() {
    let old = FULL.replace("queries_per_week=12", "queries_per_week=12@15");
    check(
        &model("boekhouding"),
        &old,
        &context(),
        expect![[r#"
        67.5 neutral
        usage/queries_per_week 12: 75 x 1/5 = 15 StaleKept
        usage/features_used_28d 3: 75 x 1/5 = 15 Fresh
        engagement/logins_per_week 1: 50 x 3/20 = 7.5 Fresh
        engagement/email_open_rate 0.6: 100 x 3/20 = 15 Fresh
        support/tickets_created_30d 1: 75 x 3/20 = 11.25 Fresh
        support/ticket_sentiment negative: 25 x 3/20 = 3.75 Fresh
        coverage 1 fresh 4/5 missing [] stale ["queries_per_week"]"#]],
    );
    let model = edited(
        "boekhouding",
        "    seed: \"0-10 = 50, 10-50 = 75, 50+ = 100\"",
        "    stale: { points: 10 }",
    );
    check(
        &model,
        &old,
        &context(),
        expect![[r#"
        54.5 at_risk
        usage/queries_per_week 12: 10 x 1/5 = 2 StalePoints
        usage/features_used_28d 3: 75 x 1/5 = 15 Fresh
        engagement/logins_per_week 1: 50 x 3/20 = 7.5 Fresh
        engagement/email_open_rate 0.6: 100 x 3/20 = 15 Fresh
        support/tickets_created_30d 1: 75 x 3/20 = 11.25 Fresh
        support/ticket_sentiment negative: 25 x 3/20 = 3.75 Fresh
        coverage 4/5 fresh 1 missing [] stale ["queries_per_week"]"#]],
    );
}

#[test]
fn values_of_tomorrow_and_values_that_no_range_holds_are_missing() {
    let ahead = FULL.replace("logins_per_week=1", "logins_per_week=1@-1");
    let wrong = ahead.replace("email_open_rate=0.6", "email_open_rate=1.4");
    check(
        &model("boekhouding"),
        &wrong,
        &context(),
        expect![[r#"
        64.285714 neutral
        usage/queries_per_week 12: 75 x 2/7 = 21.428571 Fresh
        usage/features_used_28d 3: 75 x 2/7 = 21.428571 Fresh
        engagement/logins_per_week -: - x 0 = 0 MissingExcluded
        engagement/email_open_rate 1.4: - x 0 = 0 MissingExcluded
        support/tickets_created_30d 1: 75 x 3/14 = 16.071429 Fresh
        support/ticket_sentiment negative: 25 x 3/14 = 5.357143 Fresh
        coverage 7/10 fresh 1 missing ["logins_per_week", "email_open_rate"] stale []"#]],
    );
}

#[test]
fn new_customers_have_no_score() {
    let new = CheckContext {
        customer_since: Some(date(2026, 10, 28)),
        ..context()
    };
    check(
        &model("boekhouding"),
        "queries_per_week=12",
        &new,
        expect![[r#"
        no score InGrace { until: 2026-11-27 }
        usage/queries_per_week 12: 75 x 0 = 0 Fresh
        usage/features_used_28d -: - x 0 = 0 MissingExcluded
        engagement/logins_per_week -: - x 0 = 0 MissingExcluded
        engagement/email_open_rate -: - x 0 = 0 MissingExcluded
        support/tickets_created_30d -: - x 0 = 0 MissingExcluded
        support/ticket_sentiment -: - x 0 = 0 MissingExcluded
        coverage 1/5 fresh 1 missing ["features_used_28d", "logins_per_week", "email_open_rate", "tickets_created_30d", "ticket_sentiment"] stale []"#]],
    );
    let model = model("boekhouding");
    let measures = measures(FULL);
    for (since, in_grace) in [
        (date(2026, 10, 28), true),
        (date(2026, 10, 27), false),
        (date(2025, 1, 1), false),
    ] {
        let context = CheckContext {
            customer_since: Some(since),
            ..context()
        };
        let state = model.check(&measures, &context).state;
        assert_eq!(matches!(state, State::InGrace { .. }), in_grace, "{since}");
    }
}

pub fn person(effect: Effect, expires: jiff::civil::Date) -> Sourced<Override> {
    let value = Override {
        id: "call".to_owned(),
        effect,
        reason: "they told us they will leave".to_owned(),
        author: "csm".to_owned(),
        expires,
    };
    Sourced {
        value,
        source: "manual".to_owned(),
        actor: "csm".to_owned(),
        observed: now(),
    }
}

#[test]
fn exceptions_are_rows_of_their_own_and_end() {
    let cap = Effect::Cap(Amount(35.into()));
    let overrides = [
        person(cap.clone(), date(2026, 11, 26)),
        person(Effect::Floor(Amount(38.into())), date(2026, 12, 1)),
    ];
    let with = CheckContext {
        overrides: &overrides,
        ..context()
    };
    check(
        &model("boekhouding"),
        FULL,
        &with,
        expect![[r#"
        38 critical
        usage/queries_per_week 12: 75 x 1/5 = 15 Fresh
        usage/features_used_28d 3: 75 x 1/5 = 15 Fresh
        engagement/logins_per_week 1: 50 x 3/20 = 7.5 Fresh
        engagement/email_open_rate 0.6: 100 x 3/20 = 15 Fresh
        support/tickets_created_30d 1: 75 x 3/20 = 11.25 Fresh
        support/ticket_sentiment negative: 25 x 3/20 = 3.75 Fresh
        override/call -: - x 0 = -32.5 Override
        override/call -: - x 0 = 3 Override
        coverage 1 fresh 1 missing [] stale []
        call by csm until Some(2026-11-26), changed true
        call by csm until Some(2026-12-01), changed true"#]],
    );
    let ended = [person(cap, date(2026, 11, 25))];
    let with = CheckContext {
        overrides: &ended,
        ..context()
    };
    let boekhouding = model("boekhouding");
    let measures = measures(FULL);
    assert_eq!(boekhouding.check(&measures, &with).overrides, []);
}

/// GitLab: a red sentiment makes the whole red, whatever the sum.
#[test]
fn an_exception_sets_the_band() {
    let values = "license_utilization=90 user_engagement=0.9 scm_adoption=green ci_adoption=green csm_sentiment=red success_plan=green days_since_meeting=35 persona_engagement=yellow tickets_per_month=3";
    check(
        &model("gitlab"),
        values,
        &context(),
        expect![[r#"
        72.5 red
        product/license_utilization 90: 100 x 3/14 = 21.428571 Fresh
        product/user_engagement 0.9: 100 x 1/14 = 7.142857 Fresh
        product/scm_adoption green: 100 x 3/28 = 10.714286 Fresh
        product/ci_adoption green: 100 x 3/28 = 10.714286 Fresh
        product/devsecops_adoption -: - x 0 = 0 MissingExcluded
        product/cd_adoption -: - x 0 = 0 MissingExcluded
        risk/csm_sentiment red: 0 x 1/4 = 0 Fresh
        outcomes/success_plan green: 100 x 1/10 = 10 Fresh
        voice/tickets_per_month 3: 100 x 1/20 = 5 Fresh
        engagement/days_since_meeting 35: 100 x 1/20 = 5 Fresh
        engagement/persona_engagement yellow: 50 x 1/20 = 2.5 Fresh
        coverage 17/20 fresh 1 missing ["devsecops_adoption", "cd_adoption"] stale []
        red_sentiment by GitLab handbook until None, changed true"#]],
    );
}

/// A score per type of user, weighed by how many they are: 3 of 4 users are participants at 100, one a consultant at 50.
#[test]
fn a_customer_of_several_types_is_the_mean_over_its_users() {
    let values = "participants=3 consultants=1 guide_completed=0.7 cv_created=0.9 retention_day_7=0.4 retention_day_30=1 feature_adoption=0.6 first_participant_added=0.45 first_report_made=0.3";
    check(
        &model("deltagarportalen"),
        values,
        &context(),
        expect![[r#"
        87.5 healthy
        participant/guide_completed 0.7: 100 x 3/20 = 15 Fresh
        participant/cv_created 0.9: 100 x 3/20 = 15 Fresh
        participant/retention_day_7 0.4: 100 x 3/20 = 15 Fresh
        participant/retention_day_30 1: 100 x 3/20 = 15 Fresh
        participant/feature_adoption 0.6: 100 x 3/20 = 15 Fresh
        consultant/first_participant_added 0.45: 50 x 1/8 = 6.25 Fresh
        consultant/first_report_made 0.3: 50 x 1/8 = 6.25 Fresh
        coverage 1 fresh 1 missing [] stale []"#]],
    );
    check(
        &model("deltagarportalen"),
        "participants=0 consultants=0 guide_completed=0.7",
        &context(),
        expect![[r#"
            no score NotScored(Coverage { is: Exact(Small { over: 0, under: 1 }), needs: Exact(Small { over: 3, under: 5 }) })
            participant/guide_completed 0.7: 100 x 0 = 0 Fresh
            participant/cv_created -: - x 0 = 0 MissingExcluded
            participant/retention_day_7 -: - x 0 = 0 MissingExcluded
            participant/retention_day_30 -: - x 0 = 0 MissingExcluded
            participant/feature_adoption -: - x 0 = 0 MissingExcluded
            consultant/first_participant_added -: - x 0 = 0 MissingExcluded
            consultant/first_report_made -: - x 0 = 0 MissingExcluded
            coverage 0 fresh 1 missing ["cv_created", "retention_day_7", "retention_day_30", "feature_adoption", "first_participant_added", "first_report_made"] stale []"#]],
    );
    check(
        &model("deltagarportalen"),
        "participants=3 guide_completed=0.7",
        &context(),
        expect![[r#"
            no score NotScored(Missing(["consultants"]))
            participant/guide_completed 0.7: 100 x 0 = 0 Fresh
            participant/cv_created -: - x 0 = 0 MissingExcluded
            participant/retention_day_7 -: - x 0 = 0 MissingExcluded
            participant/retention_day_30 -: - x 0 = 0 MissingExcluded
            participant/feature_adoption -: - x 0 = 0 MissingExcluded
            consultant/first_participant_added -: - x 0 = 0 MissingExcluded
            consultant/first_report_made -: - x 0 = 0 MissingExcluded
            coverage 1 fresh 1 missing ["cv_created", "retention_day_7", "retention_day_30", "feature_adoption", "first_participant_added", "first_report_made", "consultants"] stale []"#]],
    );
}

/// What is too old to be scored is too old for an exception, which would else last for ever.
#[test]
fn an_exception_ends_with_the_value_it_rests_on() {
    let gitlab = model("gitlab");
    let holds = |days: i64| {
        let values =
            format!("license_utilization=90 user_engagement=0.9 scm_adoption=green csm_sentiment=red@{days}");
        let measures = measures(&values);
        let result = gitlab.check(&measures, &context());
        (result.overrides.len(), result.band().map(|band| band.key.clone()))
    };
    assert_eq!(holds(120), (1, Some("red".to_owned())));
    assert_eq!(holds(121), (0, Some("green".to_owned())));
}
