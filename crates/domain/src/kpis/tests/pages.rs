//! However customers are cut into pages, and in whatever order the pages come, every KPI is that of the whole.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use super::*;
use crate::definitions::PACKS;
use crate::demo;

/// Loaded once: checking rules takes longer than counting.
static LOADED: LazyLock<Vec<Definitions>> =
    LazyLock::new(|| PACKS.iter().map(|pack| pack.load().unwrap()).collect());

const NAMES: [&str; 10] = [
    "user_started",
    "user_active",
    "cv_created",
    "first_value",
    "tickets_created",
    "participants",
    "hours_to_resolve",
    "acquisition_cost",
    "decisions_made",
    "decisions_completed",
];

/// Facts of every kind that KPIs read, about one customer.
fn body() -> impl Strategy<Value = FactBody> {
    let measurement = (
        proptest::sample::select(&NAMES[..]),
        0_i64..2_000,
        0_u32..4,
        proptest::option::of(0_u8..4),
        any::<bool>(),
    );
    prop_oneof![
        4 => measurement.prop_map(|(metric, number, scale, user, is_participant)| {
            FactBody::Measurement(Measurement {
                metric: metric.to_owned(),
                reading: Reading::Number(Decimal::new(number, scale)),
                user: user.map(|user| format!("u{user}")),
                user_type: user.map(|_| if is_participant { "deltagare" } else { "konsulent" }.to_owned()),
            })
        }),
        1 => proptest::sample::select(&["active", "churned", "prospect"][..]).prop_map(|status| FactBody::Profile {
            field: field::STATUS.to_owned(),
            value: status.to_owned(),
        }),
        1 => (0_u8..=10).prop_map(|score| FactBody::Survey { score, comment: None }),
        1 => Just(FactBody::SurveySent { name: None }),
        1 => Just(FactBody::Onboarding { deal: None }),
        1 => Just(FactBody::OnboardingDone),
        1 => (0_i64..90_000, 0_i64..120, any::<bool>()).prop_map(|(ore, ago, crowns)| {
            FactBody::Subscription(Subscription {
                key: (ore % 2).to_string(),
                name: "s".to_owned(),
                monthly: Money::new(Decimal::new(ore, 2), if crowns { "SEK" } else { "USD" }),
                start: super::super::window::back(date("2025-03-01"), ago),
                end: None,
            })
        }),
    ]
}

fn customers() -> impl Strategy<Value = Vec<Customer>> {
    let one = proptest::collection::vec((0_i64..130, body()), 0..14);
    proptest::collection::vec(one, 0..9).prop_map(|all| {
        let build = |(number, facts): (usize, Vec<(i64, FactBody)>)| {
            let id = format!("c{number}");
            let fact = |(place, (ago, body)): (usize, (i64, FactBody))| Fact {
                id: format!("{id}/{place}"),
                customer: CustomerId::new(&id),
                observed: at("2025-03-31") - jiff::SignedDuration::from_hours(24 * ago + 1),
                source: "s".to_owned(),
                actor: "a".to_owned(),
                body,
            };
            let facts = facts.into_iter().enumerate().map(fact).collect();
            Customer::fold(CustomerId::new(&id), 1, facts)
        };
        all.into_iter().enumerate().map(build).collect()
    })
}

proptest! {
    #![proptest_config(Config {
        cases: 100,
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn pages_merge_to_the_whole(
        customers in customers(),
        size in 1_usize..5,
        backwards in any::<bool>(),
    ) {
        let zone = zone();
        for definitions in LOADED.iter() {
            let engine = KpiEngine {
                kpis: &definitions.kpis.body,
                currency: &definitions.organisation.body.currency,
                zone: &zone,
                as_of: at("2025-03-31"),
            };
            let mut pages: Vec<Tallies> = customers.chunks(size).map(|page| engine.tally(page)).collect();
            if backwards {
                pages.reverse();
            }
            let mut joined = Tallies::new();
            for page in &pages {
                // As it travels.
                let text = serde_json::to_string(page).unwrap();
                merge(&mut joined, &serde_json::from_str(&text).unwrap());
            }
            let whole = engine.results(&engine.tally(&customers), score);
            prop_assert_eq!(engine.results(&joined, score), whole.clone());
            for result in &whole {
                let share = result.value.as_ref().ok().filter(|_| result.kpi.compute.is_share());
                let bounded = !matches!(result.kpi.compute, Compute::Expansion);
                if let Some(share) = share.filter(|_| bounded) {
                    prop_assert!(*share <= Exact::whole(100), "{}: {}", result.kpi.id, share);
                }
                prop_assert_eq!(result.value.is_err(), result.status == KpiStatus::NotMeasurable);
            }
        }
    }
}

/// However many users there are, few values differ: a page stays small.
#[test]
fn what_a_page_hands_on_is_bounded() {
    let kpis = kpi("window: { days: 28 }\ncompute: { measurement: { metric: hours, fold: median } }");
    let many = (0..30_000_i64).fold(customer("a", "2024-01-01"), |built, number| {
        built.read(
            "2025-03-20",
            "hours",
            &Decimal::new(1_000_000 + number, 3).to_string(),
        )
    });
    let zone = zone();
    let engine = KpiEngine {
        kpis: &kpis,
        currency: "SEK",
        zone: &zone,
        as_of: at("2025-03-31"),
    };
    let tallies = engine.tally(&fold(vec![many], at("2025-03-31")));
    let bytes = serde_json::to_string(&tallies).unwrap().len();
    assert!(bytes < 2_000, "{bytes} bytes");
}

/// S0-04: the demo portfolio is the baseline.
#[test]
fn the_demo_portfolio_is_the_baseline() {
    let definitions = Definitions::shipped();
    let zone = zone();
    let facts = demo::generate(date("2025-09-01"), 7, &zone);
    let mut by_customer: BTreeMap<CustomerId, Vec<Fact>> = BTreeMap::new();
    for fact in facts {
        by_customer.entry(fact.customer.clone()).or_default().push(fact);
    }
    let customers: Vec<Customer> = by_customer
        .into_iter()
        .map(|(id, facts)| Customer::fold(id, 1, facts))
        .collect();
    let engine = KpiEngine {
        kpis: &definitions.kpis.body,
        currency: "SEK",
        zone: &zone,
        as_of: at("2025-09-01"),
    };
    let results = engine.results(&engine.tally(&customers), score);
    let value = |id: &str| {
        let result = results.iter().find(|result| result.kpi.id == id).unwrap();
        result.value.as_ref().unwrap().printed()
    };
    assert_eq!(
        (value("customers"), value("growth")),
        ("15".to_owned(), "0".to_owned())
    );
}
