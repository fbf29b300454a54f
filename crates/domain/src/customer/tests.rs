//! The fold: whatever order facts are learned in, the customer is the same.

use super::*;
use crate::demo;

/// What a decision sees before it is committed is what everybody reads afterwards, whatever the order of the facts.
#[test]
fn learning_facts_one_by_one_folds_them() {
    let facts = demo::generate(jiff::civil::date(2025, 9, 1), 7, &jiff::tz::TimeZone::UTC);
    let id = facts[0].customer.clone();
    let facts: Vec<Fact> = facts.into_iter().filter(|fact| fact.customer == id).collect();
    let folded = Customer::fold(id.clone(), 0, facts.clone());
    for step in [1, 3, 7] {
        let (early, late) = facts.split_at(facts.len() / step);
        let mut learned = Customer::fold(id.clone(), 0, early.to_vec());
        late.iter().for_each(|fact| learned.learn(fact.clone()));
        assert_eq!(learned, folded);
        let mut learned = Customer::fold(id.clone(), 0, late.to_vec());
        let todos = |fact: &&Fact| matches!(fact.body, FactBody::Todo(_));
        early
            .iter()
            .filter(todos)
            .chain(early.iter().filter(|fact| !todos(fact)))
            .for_each(|fact| learned.learn(fact.clone()));
        assert_eq!(learned.profile, folded.profile);
        assert_eq!(learned.touchpoints.len(), folded.touchpoints.len());
        assert!(
            learned
                .touchpoints
                .is_sorted_by_key(|touchpoint| touchpoint.observed)
        );
    }
}

/// Whatever order they arrive in: of two with one id the one made last counts, and none that was withdrawn.
#[test]
fn exceptions_are_replaced_and_withdrawn_in_any_order() {
    let fact = |id: &str, second: i64, body: &str| Fact {
        id: id.to_owned(),
        customer: CustomerId::new("k1"),
        observed: Timestamp::from_second(second).unwrap(),
        source: "manual".to_owned(),
        actor: "Anna".to_owned(),
        body: serde_json::from_str(body).unwrap(),
    };
    let made = |id: &str, cap: &str| {
        format!(
            r#"{{"kind":"override","id":"{id}","effect":{{"cap":"{cap}"}},"reason":"r","author":"a","expires":"2026-12-31"}}"#
        )
    };
    let facts = [
        fact("1", 10, &made("x", "10")),
        fact("2", 20, &made("y", "20")),
        fact("3", 30, &made("x", "30")),
        fact("4", 40, r#"{"kind":"overrideWithdrawn","id":"y"}"#),
        fact("5", 50, r#"{"kind":"overrideWithdrawn","id":"y"}"#),
    ];
    let id = CustomerId::new("k1");
    let folded = Customer::fold(id.clone(), 0, facts.to_vec());
    let caps: Vec<String> = folded
        .overrides
        .iter()
        .map(|one| format!("{:?}", one.value.effect))
        .collect();
    assert_eq!(caps, ["Cap(30)"]);
    assert_eq!(folded.withdrawn["y"].observed.as_second(), 40);
    for shift in 1..facts.len() {
        let mut learned = Customer::new(id.clone(), 0);
        let turned = facts.iter().cycle().skip(shift).take(facts.len());
        turned.for_each(|fact| learned.learn(fact.clone()));
        assert_eq!(
            (&learned.overrides, &learned.withdrawn),
            (&folded.overrides, &folded.withdrawn)
        );
    }
}
