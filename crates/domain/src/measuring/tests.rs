//! Windows, sums, rates and ratios of measurements; what cannot be is refused; arrival order changes nothing.

use expect_test::{Expect, expect};
use jiff::civil::{Date, date};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use super::*;
use crate::definitions::{Definitions, Pack};
use crate::fact::{CustomerId, Fact, FactBody};
use crate::health::{CheckContext, CompiledModel};

const TODAY: Date = date(2026, 11, 26);

fn zone() -> TimeZone {
    TimeZone::get("Europe/Stockholm").unwrap()
}

fn definitions(pack: &str) -> Definitions {
    Pack::find(pack).unwrap().load().unwrap()
}

/// The moment that is asked about: in the evening, where the organisation is.
fn now() -> Timestamp {
    TODAY.at(20, 0, 0, 0).to_zoned(zone()).unwrap().timestamp()
}

/// `logins_per_week=3@5` is a reading of 3 five days ago at noon; words are words.
fn facts(readings: &str) -> Vec<Fact> {
    let fact = |(number, text): (usize, &str)| {
        let (metric, rest) = text.split_once('=').unwrap();
        let (value, days_ago) = rest.split_once('@').unwrap();
        let day = TODAY
            .checked_sub(days_ago.parse::<i64>().unwrap().days())
            .unwrap();
        Fact {
            id: format!("f{number}"),
            customer: CustomerId::new("c"),
            observed: day.at(12, 0, 0, 0).to_zoned(zone()).unwrap().timestamp(),
            source: if number % 2 == 0 { "App" } else { "Support" }.to_owned(),
            actor: "import".to_owned(),
            body: FactBody::Measurement(Measurement {
                metric: metric.to_owned(),
                reading: value
                    .parse()
                    .map_or_else(|_| Reading::Word(value.to_owned()), Reading::Number),
                user: None,
                user_type: None,
            }),
        }
    };
    readings.split_whitespace().enumerate().map(fact).collect()
}

fn measured<'a>(facts: Vec<Fact>, definitions: &'a Definitions) -> Measured<'a> {
    let customer = Customer::fold(CustomerId::new("c"), 1, facts);
    let built_in = Metrics::of(&customer, TODAY, &zone(), definitions);
    measure(&customer, &definitions.metrics.body, &built_in, now(), &zone())
}

#[track_caller]
fn check(pack: &str, readings: &str, expected: Expect) {
    let definitions = definitions(pack);
    let measured = measured(facts(readings), &definitions);
    let value = |(name, one): (&&str, &Measure)| {
        let at = one.as_of.to_zoned(zone()).strftime("%F %R");
        format!("{name} {} at {at}, n {}, {}\n", one.value, one.n, one.source)
    };
    let values: String = measured.values.iter().map(value).collect();
    let refused: String = measured
        .refused
        .iter()
        .map(|text| format!("refused: {text}\n"))
        .collect();
    expected.assert_eq(&format!("{values}{refused}"));
}

#[test]
fn sums_rates_ratios_and_the_newest_word() {
    check(
        "boekhouding",
        "queries_per_week=20@27 queries_per_week=28@1 queries_per_week=99@28 \
         features_used_28d=4@20 features_used_28d=3@2 \
         emails_opened=3@10 emails_sent=4@10 emails_sent=5@3 \
         tickets_created_30d=0@1 ticket_sentiment=negative@40 ticket_sentiment=neutral@9",
        expect![[r#"
            email_open_rate 0.333333333333 at 2026-11-23 12:00, n 3, App, Support
            features_used_28d 3 at 2026-11-24 12:00, n 1, App
            queries_per_week 12 at 2026-11-25 12:00, n 2, App, Support
            ticket_sentiment neutral at 2026-11-17 12:00, n 1, App
            tickets_created_30d 0 at 2026-11-25 12:00, n 1, App
        "#]],
    );
}

/// A feed that says nothing does not say zero.
#[test]
fn what_nobody_measured_in_the_window_has_no_value() {
    check(
        "boekhouding",
        "queries_per_week=20@28 emails_opened=3@1 tickets_created_30d=1@-1",
        expect![""],
    );
    check("boekhouding", "emails_opened=0@1 emails_sent=0@1", expect![""]);
}

#[test]
fn what_cannot_be_is_named_and_never_scored() {
    check(
        "boekhouding",
        "emails_opened=7@1 emails_sent=5@1 ticket_sentiment=furious@1 features_used_28d=2.5@1 queries_per_week=-1@1 \
         logins_per_week=9999999999999@1 logins_per_week=99999999999999@1",
        expect![[r#"
            refused: queries_per_week -0.25 is below 0
            refused: features_used_28d 2.5 is not a whole number
            refused: logins_per_week: the number 27499999999999.5 is beyond 1000000000000
            refused: email_open_rate 1.4 is above 1
            refused: ticket_sentiment `furious` is not one of negative, neutral, positive
        "#]],
    );
    check("boekhouding", "queries_per_week=many@1", expect![""]);
}

#[test]
fn built_in_metrics_are_those_of_the_rules() {
    check(
        "satori",
        "",
        expect![[r#"
            days_since_contact 0 at 2026-11-26 20:00, n 0, kunder
            open_opportunities 0 at 2026-11-26 20:00, n 0, kunder
            open_todos 0 at 2026-11-26 20:00, n 0, kunder
            overdue_todos 0 at 2026-11-26 20:00, n 0, kunder
            stale_opportunities 0 at 2026-11-26 20:00, n 0, kunder
            touchpoints 0 at 2026-11-26 20:00, n 0, kunder
        "#]],
    );
}

#[test]
fn a_reading_is_refused_by_the_metric_that_reads_it() {
    let definitions = definitions("boekhouding");
    let metrics = &definitions.metrics.body;
    let refusal = |reading: &str| {
        let FactBody::Measurement(measurement) = facts(reading).remove(0).body else {
            unreachable!("the facts are measurements")
        };
        metrics.refusal(&measurement)
    };
    assert_eq!(
        refusal("ticket_sentiment=furious@0").unwrap(),
        "`furious` is not one of negative, neutral, positive"
    );
    assert_eq!(refusal("features_used_28d=-1@0").unwrap(), "-1 is below 0");
    assert_eq!(refusal("emails_opened=-3@0").unwrap(), "-3 is below 0");
    assert_eq!(refusal("emails_opened=many@0").unwrap(), "`many` is no number");
    // A day's part of a sum may be anything that is not negative.
    assert_eq!(refusal("queries_per_week=1.5@0"), None);
    assert!(metrics.is_read("emails_sent") && !metrics.is_read("email_open_rate"));
}

fn cases(cases: u32) -> Config {
    Config {
        cases,
        rng_seed: RngSeed::Fixed(3),
        failure_persistence: None,
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(cases(60))]

    /// Any order of arrival, and any number of deliveries, gives the same values and the same score.
    #[test]
    fn arrival_order_changes_nothing(
        mut readings in prop::collection::vec((0_usize..6, 0_i64..60, 0_i64..35), 1..40),
        order in prop::collection::vec(any::<prop::sample::Index>(), 40),
    ) {
        let names = ["queries_per_week", "features_used_28d", "logins_per_week", "emails_opened", "emails_sent", "tickets_created_30d"];
        readings.dedup();
        let text: Vec<String> = readings
            .iter()
            .map(|(name, value, ago)| format!("{}={value}@{ago}", names[*name]))
            .collect();
        let straight = facts(&text.join(" "));
        let mut shuffled = straight.clone();
        for (place, index) in order.iter().enumerate().take(shuffled.len()) {
            let other = index.index(shuffled.len());
            shuffled.swap(place, other);
        }
        let definitions = definitions("boekhouding");
        let (one, other) = (measured(straight, &definitions), measured(shuffled, &definitions));
        prop_assert_eq!(&one, &other);
        let model = CompiledModel::compile(&definitions.health, &definitions.metrics.body).unwrap();
        let context = CheckContext { now: now(), today: TODAY, customer_since: None, previous: None, overrides: &[] };
        prop_assert_eq!(model.check(&one.values, &context).score, model.check(&other.values, &context).score);
    }
}
