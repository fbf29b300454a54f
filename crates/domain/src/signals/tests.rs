//! Signals against measuring anew: on every day on which they hold they give the same.

use std::collections::BTreeMap;

use jiff::civil::date;

use super::*;
use crate::alerts::{AlertRules, Present};
use crate::definitions::Pack;
use crate::demo;
use crate::fact::{Fact, FactBody, Reading};
use crate::health::{Kept as State, Snapshot};
use crate::measuring::measure;
use crate::metrics::Metrics;

const DAY: Date = date(2026, 11, 26);

fn noon(on: Date) -> Timestamp {
    on.at(12, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp()
}

/// The customers of the demo, each with usage of the kinds that boekhouding measures.
fn customers() -> Vec<Vec<Fact>> {
    let mut by_customer: BTreeMap<CustomerId, Vec<Fact>> = BTreeMap::new();
    for fact in demo::generate(DAY, 7, &TimeZone::UTC) {
        by_customer.entry(fact.customer.clone()).or_default().push(fact);
    }
    for (turn, (customer, facts)) in (1_i64..).zip(&mut by_customer) {
        for (number, name) in [
            "queries_per_week",
            "features_used_28d",
            "logins_per_week",
            "emails_opened",
            "emails_sent",
        ]
        .iter()
        .enumerate()
        {
            for step in 0..turn % 5 {
                let back = (turn * 7 + step * 11 + number as i64 * 3) % 40;
                facts.push(Fact {
                    id: format!("{customer}/{name}/{step}"),
                    customer: customer.clone(),
                    observed: noon(after(DAY, -back)),
                    source: format!("app{}", step % 2),
                    actor: "test".to_owned(),
                    body: FactBody::Measurement(Measurement {
                        metric: (*name).to_owned(),
                        reading: Reading::Number((turn + step).into()),
                        user: None,
                        user_type: None,
                    }),
                });
            }
        }
    }
    by_customer.into_values().collect()
}

fn folded(facts: &[Fact], on: Date) -> Customer {
    let seen: Vec<Fact> = facts
        .iter()
        .filter(|fact| fact.observed <= noon(on))
        .cloned()
        .collect();
    Customer::fold(facts[0].customer.clone(), 3, seen)
}

fn measured<'d>(definitions: &'d Definitions, customer: &Customer, on: Date) -> Measured<'d> {
    let built_in = Metrics::of(customer, on, &TimeZone::UTC, definitions);
    measure(
        customer,
        &definitions.metrics.body,
        &built_in,
        noon(on),
        &TimeZone::UTC,
    )
}

fn snapshot() -> Snapshot {
    Snapshot {
        model: "m".into(),
        version: 1,
        hash: "h".into(),
        score: None,
        state: State::Band("b".to_owned()),
        severity: Some(2),
        rows: BTreeMap::new(),
    }
}

#[test]
fn on_every_day_on_which_they_hold_they_are_what_all_facts_give() {
    let (mut days_held, mut ended, mut quiet) = (0, 0, 0);
    for pack in ["satori", "boekhouding"] {
        let definitions = Pack::find(pack).unwrap().load().unwrap();
        let model = CompiledModel::compile(&definitions.health, &definitions.metrics.body).unwrap();
        let rules = AlertRules::compile(&definitions.alerts.body, &definitions.metrics.body).unwrap();
        for facts in customers() {
            let customer = folded(&facts, DAY);
            let values = measured(&definitions, &customer, DAY);
            let signals = Signals::of(
                &customer,
                &values,
                &model,
                noon(DAY),
                &TimeZone::UTC,
                &definitions,
                Date::MAX,
            );
            let signals = Signals::decode(&signals.encode()).unwrap();
            for ahead in 0..60 {
                let on = after(DAY, ahead);
                if !signals.standing.holds(3, basis(&definitions), on) {
                    ended += 1;
                    break;
                }
                let customer = folded(&facts, on);
                let anew = measured(&definitions, &customer, on);
                let kept = signals.measures(&definitions.metrics.body, noon(on), on);
                assert_eq!(kept, anew.values, "{pack}, {}, {on}", customer.id);
                days_held += 1;
            }

            let said = |on: Date| {
                let (customer, snapshot) = (folded(&facts, on), snapshot());
                let values = measured(&definitions, &customer, on);
                let present = Present {
                    customer: &customer,
                    at: noon(on),
                    zone: &TimeZone::UTC,
                    rate: crate::definitions::AlertRule::default(),
                    severity: Some(2),
                    snapshot: &snapshot,
                    values: &values.values,
                    history: &[],
                };
                (rules.changes(&present).is_empty(), rules.hold_until(&present))
            };
            let (nothing, until) = said(DAY);
            for ahead in 1..60 {
                let on = after(DAY, ahead);
                if !nothing || on >= until {
                    break;
                }
                assert!(
                    said(on).0,
                    "{pack}, {}, {on}: an alert came up before {until}",
                    customer.id
                );
                quiet += 1;
            }
        }
    }
    assert!(
        days_held > 400 && ended > 10 && quiet > 100,
        "{days_held} {ended} {quiet}"
    );
}

#[test]
fn news_other_definitions_and_another_day_void_them() {
    let definitions = Pack::find("satori").unwrap().load().unwrap();
    let model = CompiledModel::compile(&definitions.health, &definitions.metrics.body).unwrap();
    let customer = folded(&customers()[0], DAY);
    let values = measured(&definitions, &customer, DAY);
    let signals = Signals::of(
        &customer,
        &values,
        &model,
        noon(DAY),
        &TimeZone::UTC,
        &definitions,
        after(DAY, 2),
    );
    let mine = basis(&definitions);
    assert!(signals.standing.holds(3, mine, DAY) && signals.standing.holds(3, mine, after(DAY, 1)));
    assert!(!signals.standing.holds(4, mine, DAY));
    assert!(!signals.standing.holds(3, mine + 1, DAY));
    assert!(!signals.standing.holds(3, mine, after(DAY, 2)));
    assert!(!signals.standing.holds(3, mine, after(DAY, -1)));
    assert!(Signals::decode(&signals.encode()[1..]).is_err());
    assert_ne!(mine, basis(&Pack::find("boekhouding").unwrap().load().unwrap()));
}
