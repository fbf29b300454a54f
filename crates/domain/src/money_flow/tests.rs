//! Sums to the öre, and subscriptions told for any day.

use jiff::civil::date;

use super::*;
use crate::definitions::Definitions;
use crate::fact::{CustomerId, Fact, FactBody, Invoice, OpportunityStatus};

const TODAY: Date = date(2026, 3, 2);

fn fact(number: usize, day: &str, body: FactBody) -> Fact {
    let observed = format!("{day}T12:00:00Z").parse().unwrap();
    Fact {
        id: number.to_string(),
        customer: CustomerId::new("k"),
        observed,
        source: "Test".into(),
        actor: "Test".into(),
        body,
    }
}

fn money(text: &str) -> Money {
    let (amount, currency) = text.split_once(' ').unwrap();
    Money::new(amount.parse().unwrap(), currency)
}

fn customer(facts: Vec<(&str, FactBody)>) -> Customer {
    let facts = facts
        .into_iter()
        .enumerate()
        .map(|(number, (day, body))| fact(number, day, body))
        .collect();
    Customer::fold(CustomerId::new("k"), 1, facts)
}

fn flow(facts: Vec<(&str, FactBody)>) -> MoneyFlow {
    MoneyFlow::of(
        &customer(facts),
        TODAY,
        &TimeZone::UTC,
        &Definitions::shipped().pipeline.body,
    )
}

fn invoice(amount: &str) -> FactBody {
    let amount = money(amount);
    let credit_note = amount.amount.is_sign_negative();
    FactBody::Invoice(Invoice {
        number: String::new(),
        amount,
        credit_note,
        text: None,
    })
}

fn subscription(monthly: &str, start: Date, end: Option<Date>) -> FactBody {
    let (key, name, monthly) = ("s".to_owned(), "Satori".to_owned(), money(monthly));
    FactBody::Subscription(Subscription {
        key,
        name,
        monthly,
        start,
        end,
    })
}

fn opportunity(key: &str, value: &str, probability: u8, status: OpportunityStatus) -> FactBody {
    let (key, value) = (key.to_owned(), money(value));
    let expected = Some(date(2026, 5, 1));
    FactBody::Opportunity(Opportunity {
        title: key.clone(),
        key,
        status,
        value,
        probability,
        expected,
        quote: None,
    })
}

#[test]
fn invoices_sum_to_the_ore_by_year_and_currency() {
    let flow = flow(vec![
        ("2025-03-02", invoice("1000.10 SEK")),
        ("2025-03-03", invoice("0.20 SEK")),
        ("2025-12-31", invoice("0.03 SEK")),
        ("2026-01-01", invoice("500.04 SEK")),
        ("2026-02-01", invoice("-100.00 SEK")),
        ("2026-02-01", invoice("7 EUR")),
    ]);
    assert_eq!(flow.invoiced.get("SEK"), "1400.37".parse().unwrap());
    assert_eq!(flow.invoiced_year.get("SEK"), "400.04".parse().unwrap());
    assert_eq!(flow.invoiced_365.get("SEK"), "400.27".parse().unwrap());
    assert_eq!(flow.invoiced_year.get("EUR"), 7.into());
    assert_eq!(flow.value_at_risk(), flow.invoiced_365);
}

#[test]
fn the_pipeline_is_weighted_to_the_ore() {
    let flow = flow(vec![
        (
            "2026-02-01",
            opportunity("a", "333.33 SEK", 33, OpportunityStatus::Proposed),
        ),
        (
            "2026-02-27",
            opportunity("b", "0.01 SEK", 71, OpportunityStatus::Negotiation),
        ),
        (
            "2026-02-27",
            opportunity("c", "900 SEK", 100, OpportunityStatus::Won),
        ),
        (
            "2026-02-27",
            opportunity("d", "900 SEK", 0, OpportunityStatus::Lost),
        ),
        (
            "2026-01-30",
            opportunity("e", "10 SEK", 5, OpportunityStatus::Discussed),
        ),
    ]);
    assert_eq!(flow.pipeline.get("SEK"), "343.34".parse().unwrap());
    // Each is rounded to the öre before it is added: 110.00 + 0.01 + 0.50.
    assert_eq!(flow.weighted.get("SEK"), "110.51".parse().unwrap());
    let keys = |open: Vec<&OpenOpportunity>| {
        open.iter()
            .map(|open| open.opportunity.value.key.clone())
            .collect::<Vec<_>>()
    };
    // From the first of February it is 29 days, from the thirtieth of January 31.
    assert_eq!(keys(flow.stale().collect()), ["e"]);
    assert_eq!(keys(flow.hot().collect()), ["b"]);
    assert_eq!(
        keys(flow.open.iter().filter(|open| open.improbable).collect()),
        ["e"]
    );
    assert_eq!(flow.weighted_until(date(2026, 5, 1)), flow.weighted);
    assert!(flow.weighted_until(date(2026, 4, 30)).is_zero());
}

#[track_caller]
fn check(facts: Vec<(&str, FactBody)>, on: Date, expected: i64) {
    assert_eq!(
        recurring(&customer(facts), on, &TimeZone::UTC).get("SEK"),
        expected.into(),
        "{on}"
    );
}

#[test]
fn a_subscription_runs_from_its_start_to_the_day_before_its_end() {
    let facts = || {
        vec![(
            "2025-12-01",
            subscription("100 SEK", date(2026, 1, 1), Some(date(2026, 2, 1))),
        )]
    };
    for (day, expected) in [
        ("2025-12-31", 0),
        ("2026-01-01", 100),
        ("2026-01-31", 100),
        ("2026-02-01", 0),
    ] {
        check(facts(), day.parse().unwrap(), expected);
    }
}

#[test]
fn a_change_counts_from_its_start_or_from_the_day_it_was_observed() {
    let with_start = || {
        let before = ("2025-01-01", subscription("100 SEK", date(2025, 1, 1), None));
        vec![
            before,
            ("2025-05-20", subscription("60 SEK", date(2025, 6, 1), None)),
        ]
    };
    check(with_start(), date(2025, 5, 31), 100);
    check(with_start(), date(2025, 6, 1), 60);
    let without = || {
        let before = ("2025-01-01", subscription("100 SEK", date(2025, 1, 1), None));
        vec![
            before,
            ("2025-05-20", subscription("60 SEK", date(2025, 1, 1), None)),
        ]
    };
    check(without(), date(2025, 5, 19), 100);
    check(without(), date(2025, 5, 20), 60);
}

#[test]
fn an_end_heard_of_late_still_ends_and_a_new_start_begins_again() {
    let late = || {
        let before = ("2025-01-01", subscription("100 SEK", date(2025, 1, 1), None));
        vec![
            before,
            (
                "2025-07-01",
                subscription("100 SEK", date(2025, 1, 1), Some(date(2025, 6, 1))),
            ),
        ]
    };
    check(late(), date(2025, 5, 31), 100);
    check(late(), date(2025, 6, 15), 0);
    let again = || {
        let before = (
            "2025-01-01",
            subscription("100 SEK", date(2025, 1, 1), Some(date(2025, 6, 1))),
        );
        vec![
            before,
            ("2025-07-01", subscription("80 SEK", date(2025, 8, 1), None)),
        ]
    };
    check(again(), date(2025, 5, 31), 100);
    check(again(), date(2025, 7, 15), 0);
    check(again(), date(2025, 8, 1), 80);
}

#[test]
fn falling_compares_with_a_window_ago_and_value_at_risk_is_a_year_and_what_comes() {
    let flow = flow(vec![
        ("2025-01-01", subscription("100 SEK", date(2025, 1, 1), None)),
        ("2026-02-01", subscription("99.99 SEK", date(2026, 2, 1), None)),
        (
            "2026-02-27",
            opportunity("a", "1000 SEK", 50, OpportunityStatus::Proposed),
        ),
        ("2026-02-01", invoice("70000 SEK")),
    ]);
    assert!(flow.is_falling());
    assert_eq!(flow.value_at_risk().get("SEK"), "1699.88".parse().unwrap());
}
