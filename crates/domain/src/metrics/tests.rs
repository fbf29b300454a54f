//! Days are days of the zone, and a todo is overdue from the day after its due day.

use jiff::civil::date;

use super::*;
use crate::fact::{CustomerId, Fact, FactBody, Todo, Touchpoint};

fn fact(id: &str, at: &str, body: FactBody) -> Fact {
    let observed = at.parse().unwrap();
    Fact {
        id: id.into(),
        customer: CustomerId::new("k"),
        observed,
        source: "Admin".into(),
        actor: "A".into(),
        body,
    }
}

fn touchpoint(summary: &str) -> FactBody {
    FactBody::Touchpoint(Touchpoint {
        channel: TouchpointChannel::Call,
        summary: summary.into(),
        quote: None,
        with: None,
    })
}

fn todo(key: &str, due: Option<Date>) -> FactBody {
    FactBody::Todo(Todo {
        key: key.into(),
        text: key.into(),
        due,
        owner: None,
        priority: crate::fact::Priority::Normal,
    })
}

fn metrics(facts: Vec<Fact>, today: Date) -> Metrics {
    let customer = Customer::fold(CustomerId::new("k"), 1, facts);
    Metrics::of(
        &customer,
        today,
        &TimeZone::get("Europe/Stockholm").unwrap(),
        &Definitions::shipped(),
    )
}

#[test]
fn days_are_counted_in_the_zone_across_the_change_of_the_clock() {
    // Half past eleven at night in Stockholm on the 29th, and half past midnight on the 30th, the day the clock goes forward.
    let evening = || vec![fact("1", "2025-03-29T22:30:00Z", touchpoint("a"))];
    let night = || vec![fact("1", "2025-03-29T23:30:00Z", touchpoint("a"))];
    assert_eq!(metrics(evening(), date(2025, 3, 30)).days_since_contact, 1);
    assert_eq!(metrics(night(), date(2025, 3, 30)).days_since_contact, 0);
    assert_eq!(metrics(night(), date(2025, 3, 31)).days_since_contact, 1);
    assert_eq!(metrics(night(), date(2026, 3, 30)).days_since_contact, 365);
    assert_eq!(metrics(night(), date(2025, 3, 1)).days_since_contact, 0);
}

#[test]
fn the_newest_contact_counts_whatever_the_order_of_arrival() {
    let old = fact("1", "2025-01-01T12:00:00Z", touchpoint("old"));
    let new = fact("2", "2025-02-01T12:00:00Z", touchpoint("new"));
    let one = metrics(vec![old.clone(), new.clone()], date(2025, 2, 11));
    assert_eq!(one, metrics(vec![new, old], date(2025, 2, 11)));
    assert_eq!((one.days_since_contact, one.touchpoints), (10, 2));
    assert_eq!(one.last_contact.unwrap().summary, "new");
    assert_eq!(one.next_touch, date(2025, 5, 2));
}

#[test]
fn without_contact_the_days_count_from_the_first_fact() {
    let name = |id: &str, at: &str| {
        fact(
            id,
            at,
            FactBody::Profile {
                field: "name".into(),
                value: "Påhittad".into(),
            },
        )
    };
    // The name was written again yesterday; the customer is not younger for that.
    let facts = vec![
        name("1", "2025-01-01T12:00:00Z"),
        name("2", "2025-04-10T12:00:00Z"),
    ];
    let metrics = metrics(facts, date(2025, 4, 11));
    assert_eq!((metrics.days_since_contact, metrics.touchpoints), (100, 0));
    assert_eq!(metrics.last_contact, None);
}

#[test]
fn a_todo_is_overdue_from_the_day_after_until_it_is_done() {
    let today = date(2025, 3, 10);
    let facts = vec![
        fact(
            "1",
            "2025-03-01T12:00:00Z",
            todo("yesterday", Some(date(2025, 3, 9))),
        ),
        fact("2", "2025-03-01T12:00:00Z", todo("today", Some(today))),
        fact("3", "2025-03-01T12:00:00Z", todo("some day", None)),
        fact("4", "2025-03-01T12:00:00Z", todo("done", Some(date(2025, 3, 2)))),
        fact(
            "5",
            "2025-03-05T12:00:00Z",
            FactBody::TodoDone { key: "done".into() },
        ),
    ];
    let metrics = metrics(facts, today);
    assert_eq!((metrics.open_todos, metrics.overdue_todos), (3, 1));
}

#[test]
fn every_metric_has_a_value_and_a_label() {
    let values = metrics(Vec::new(), date(2025, 1, 1)).values();
    let names: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(values.into_keys().collect::<Vec<_>>(), names);
    assert!(
        METRICS
            .iter()
            .all(|metric| !metric.label().sv.is_empty() && !metric.label().en.is_empty())
    );
}
