//! Churn of customers and of money, expansion, and what a customer is worth (D-15, D-35, S4-63).

use super::*;

const CHURN: &str = "window: month\ntarget: { below: 5 }\ncompute: logo_churn";
const REVENUE: &str = "window: month\ncompute: revenue_churn";
const EXPANSION: &str = "window: month\ntarget: { at_least: 10 }\ncompute: expansion";

/// S1-42, S3-17, D-35: lost in the month over customers at its start, in a month of 28 days.
#[test]
fn logo_churn_divides_by_the_customers_at_the_months_start() {
    let customers = || {
        let mut customers: Vec<Built> = (0..8).map(|n| customer(&format!("k{n}"), "2024-05-01")).collect();
        customers.push(customer("lost", "2024-05-01").status("2025-02-28 23:59", "churned"));
        // Neither of these is among those at the start.
        customers.push(customer("new", "2025-02-01"));
        customers.push(customer("brief", "2025-02-03").status("2025-02-20", "churned"));
        customers.push(customer("gone", "2024-05-01").status("2025-01-31 23:59", "churned"));
        customers.push(customer("next", "2024-05-01").status("2025-03-01 00:00", "churned"));
        customers.push(customer("maybe", "2024-05-01").status("2024-05-01", "prospect"));
        customers
    };
    // 8 + lost + next are there at the start.
    check(
        CHURN,
        customers(),
        "2025-02-28",
        expect![[r#"
            10 Behind, n 10, 2025-02-01 to 2025-02-28
            1 lost in the window / 10 customers at the start
            1 came and left in the window, not counted
            0.909091 from 9.090909, 2025-01-01 to 2025-01-31, better Some(false)"#]],
    );
    // Until a month is over, the one before it is told.
    check(
        CHURN,
        customers(),
        "2025-02-27",
        expect![[r#"
            9.090909 Behind, n 11, 2025-01-01 to 2025-01-31
            1 lost in the window / 11 customers at the start
            9.090909 from 0, 2024-12-01 to 2024-12-31, better Some(false)"#]],
    );
}

#[test]
fn churn_of_nobody_is_not_measurable_and_churn_of_none_is_zero() {
    check(
        CHURN,
        vec![],
        "2025-02-28",
        expect!["NotMeasurable: no customers at the start, 2025-02-01 to 2025-02-28"],
    );
    check(
        CHURN,
        vec![customer("a", "2025-01-31 23:59")],
        "2025-02-28",
        expect![[r#"
            0 Reached, n 1, 2025-02-01 to 2025-02-28
            0 lost in the window / 1 customers at the start"#]],
    );
}

/// D-35: exactly 5 percent is not below it.
#[test]
fn the_target_itself_is_not_below_it() {
    let mut customers: Vec<Built> = (0..19)
        .map(|n| customer(&format!("k{n}"), "2024-05-01"))
        .collect();
    customers.push(customer("lost", "2024-05-01").status("2025-02-10", "inactive"));
    check(
        CHURN,
        customers,
        "2025-02-28",
        expect![[r#"
            5 Behind, n 20, 2025-02-01 to 2025-02-28
            1 lost in the window / 20 customers at the start
            5 from 0, 2025-01-01 to 2025-01-31, better Some(false)"#]],
    );
}

/// D-35: ending one of several subscriptions is contraction, ending all of them is churn.
#[test]
fn ending_one_of_several_subscriptions_is_contraction() {
    let several = || {
        customer("several", "2024-01-01")
            .pays("a", 600, "2024-01-01", None)
            .pays("b", 400, "2024-01-01", Some("2025-02-15"))
    };
    check(
        REVENUE,
        vec![
            several(),
            customer("steady", "2024-01-01").pays("a", 1000, "2024-01-01", None),
        ],
        "2025-02-28",
        expect![[r#"
            0 Watched, n 2, 2025-02-01 to 2025-02-28
            0 recurring money of those who ended all of it / 2000 recurring per month at the start
            400 contraction of those who stayed
            0 from 0, 2025-01-01 to 2025-01-31, better None"#]],
    );
    check(
        CHURN,
        vec![several()],
        "2025-02-28",
        expect![[r#"
            0 Reached, n 1, 2025-02-01 to 2025-02-28
            0 lost in the window / 1 customers at the start
            0 from 0, 2025-01-01 to 2025-01-31, better None"#]],
    );
    // Status says it left, whatever its subscription says.
    let left = customer("left", "2024-01-01")
        .pays("a", 1000, "2024-01-01", None)
        .status("2025-02-03", "churned");
    check(
        REVENUE,
        vec![several(), left],
        "2025-02-28",
        expect![[r#"
            50 Watched, n 2, 2025-02-01 to 2025-02-28
            1000 recurring money of those who ended all of it / 2000 recurring per month at the start
            400 contraction of those who stayed
            50 from 0, 2025-01-01 to 2025-01-31, better None"#]],
    );
}

/// S1-43, S3-18, D-15: what grew in the month over what recurred at its start. New business is none of it, and neither are
/// other currencies.
#[test]
fn expansion_is_more_from_those_who_were_there() {
    let customers = vec![
        customer("grew", "2024-01-01")
            .pays("a", 1000, "2024-01-01", None)
            .pays("b", 150, "2025-02-01", None),
        customer("steady", "2024-01-01").pays("a", 500, "2024-01-01", None),
        customer("new", "2025-02-10").pays("a", 9000, "2025-02-10", None),
        customer("abroad", "2024-01-01")
            .pays_in("EUR", "a", 100, "2024-01-01", None)
            .pays_in("EUR", "b", 100, "2025-02-02", None),
    ];
    check(
        EXPANSION,
        customers,
        "2025-03-15",
        expect![[r#"
            10 Reached, n 2, 2025-02-01 to 2025-02-28
            150 increase from those who were there / 1500 recurring per month at the start
            1 customers with another currency, which is not counted
            10 from 0, 2025-01-01 to 2025-01-31, better Some(true)"#]],
    );
    check(
        EXPANSION,
        vec![customer("a", "2024-01-01")],
        "2025-03-15",
        expect![
            "NotMeasurable: no recurring money at the start in the organisation's currency (facts `subscription`), 2025-02-01 to 2025-02-28"
        ],
    );
}

#[test]
fn recurring_money_is_that_of_customers_on_the_day() {
    let customers = vec![
        customer("a", "2024-01-01")
            .pays("a", 1000, "2024-01-01", None)
            .pays("b", 500, "2025-02-15", None),
        customer("ended", "2024-01-01").pays("a", 300, "2024-01-01", Some("2025-03-01")),
        customer("prospect", "2024-01-01")
            .status("2024-01-01", "prospect")
            .pays("a", 70, "2024-01-01", None),
    ];
    check(
        "window: moment\ncompute: mrr",
        customers,
        "2025-03-01",
        expect![[r#"
            1500 Watched, n 1, 2025-03-01 to 2025-03-01
            200 from 1300, 2025-02-01 to 2025-02-01, better None"#]],
    );
    check(
        "window: moment\ncompute: mrr",
        vec![customer("a", "2024-01-01")],
        "2025-03-01",
        expect!["NotMeasurable: no facts: `subscription`, 2025-03-01 to 2025-03-01"],
    );
}

/// S4-63: 4 customers pay 1000 a month, 1 is lost, 2 are won for 3000: a life of 4 months is worth 4000 at all margin.
#[test]
fn lifetime_value_and_the_cost_of_a_customer() {
    let customers = || {
        let mut customers: Vec<Built> = ["a", "b", "c"]
            .into_iter()
            .map(|id| customer(id, "2024-01-01").pays("s", 1000, "2024-01-01", None))
            .collect();
        let lost = customer("lost", "2024-01-01").pays("s", 1000, "2024-01-01", None);
        customers.push(lost.status("2025-02-10", "churned"));
        customers.push(customer("n1", "2025-02-02").read("2025-02-02", "spent", "1000"));
        customers.push(customer("n2", "2025-02-03").read("2025-02-03", "spent", "2000"));
        customers
    };
    check(
        "window: month\ncompute: { ltv: {} }",
        customers(),
        "2025-02-28",
        expect![[r#"
            4000 Watched, n 4, 2025-02-01 to 2025-02-28
            4000 recurring per month at the start, times the margin / 1 customers lost in the window"#]],
    );
    check(
        "window: month\ncompute: { cac: { cost: spent } }",
        customers(),
        "2025-02-28",
        expect![[r#"
            1500 Watched, n 2, 2025-02-01 to 2025-02-28
            3000 cost (`spent`) / 2 new customers in the window"#]],
    );
    check(
        "window: month\ntarget: { at_least: 2 }\ncompute: { ltv_to_cac: { cost: spent, margin: 0.75 } }",
        customers(),
        "2025-02-28",
        expect![[r#"
            2 Reached, n 4, 2025-02-01 to 2025-02-28
            3000 LTV
            1500 CAC"#]],
    );
    check(
        "window: month\ncompute: { cac: { cost: spent } }",
        vec![customer("n", "2025-02-02")],
        "2025-02-28",
        expect!["NotMeasurable: no facts: `spent`, 2025-02-01 to 2025-02-28"],
    );
    check(
        "window: month\ncompute: { ltv: {} }",
        vec![customer("a", "2024-01-01").pays("s", 1000, "2024-01-01", None)],
        "2025-02-28",
        expect!["NotMeasurable: no customer was lost: a lifetime cannot be told, 2025-02-01 to 2025-02-28"],
    );
}
