//! Activation, retention and time to value of those who began together (D-12, D-13, D-33).

use super::*;

const ACTIVATION: &str = "window: { days: 90 }
target: { at_least: 50 }
compute:
  reached:
    who: { users_of: deltagare }
    begins: { measurement: user_started }
    reaches: { measurement: cv_created }
    eligible_days: 30
    within_days: 30";
const RETENTION: &str = "window: { days: 28 }
target: { above: 40 }
compute:
  retention: { who: users, begins: { measurement: user_started }, active: user_active, day: 7 }";
const VALUE: &str = "window: { days: 28 }
target: { below: 10 }
compute:
  time_to: { who: users, begins: { measurement: user_started }, reaches: { measurement: first_value }, unit: minutes }";

fn began(built: Built, user: &str, when: &str) -> Built {
    built.user(when, "user_started", "1", Some(user), Some("deltagare"))
}

fn made(built: Built, user: &str, when: &str) -> Built {
    built.user(when, "cv_created", "1", Some(user), None)
}

/// S1-33 to S1-36, D-12: who began at least 30 days ago is eligible; who began later is not, whatever was reached.
#[test]
fn activation_counts_those_who_began_long_enough_ago() {
    let mut a = customer("a", "2024-01-01");
    a = began(a, "u1", "2025-03-02");
    a = made(a, "u1", "2025-03-02");
    a = began(a, "u2", "2025-03-02 23:59");
    // The 31st day is too late, the 30th is not.
    a = made(a, "u2", "2025-04-02 00:00");
    a = began(a, "u3", "2025-02-01");
    a = made(a, "u3", "2025-03-03 23:59");
    a = began(a, "u4", "2025-02-01");
    a = a.user("2025-02-02", "cv_created", "0", Some("u4"), None);
    // Not yet eligible.
    a = began(a, "u5", "2025-03-03");
    a = made(a, "u5", "2025-03-04");
    // Another type, another customer's user of the same name, and one who began before the window.
    a = a.user("2025-02-01", "user_started", "1", Some("k1"), Some("konsulent"));
    let b = began(customer("b", "2024-01-01"), "u4", "2024-06-01");
    check(
        ACTIVATION,
        vec![a, b],
        "2025-04-01",
        expect![[r#"
            50 Reached, n 4, 2025-01-02 to 2025-04-01
            2 reached `cv_created` within 30 days / 4 users (deltagare) who began at least 30 days earlier
            1 too new to be counted"#]],
    );
}

#[test]
fn what_nobody_feeds_is_not_measurable() {
    let nobody = || customer("a", "2024-01-01");
    check(
        ACTIVATION,
        vec![nobody()],
        "2025-04-01",
        expect!["NotMeasurable: no facts: `user_started` of deltagare, 2025-01-02 to 2025-04-01"],
    );
    check(
        ACTIVATION,
        vec![began(nobody(), "u", "2025-03-03")],
        "2025-04-01",
        expect![[r#"
            NotMeasurable: nobody began then, 2025-01-02 to 2025-04-01
            1 too new to be counted"#]],
    );
    // A feed says zero where it means zero.
    check(
        ACTIVATION,
        vec![began(nobody(), "u", "2025-03-01")],
        "2025-04-01",
        expect!["NotMeasurable: no facts: `cv_created`, 2025-01-02 to 2025-04-01"],
    );
    let zero = began(nobody(), "u", "2025-03-01").user("2025-03-02", "cv_created", "0", Some("u"), None);
    check(
        ACTIVATION,
        vec![zero],
        "2025-04-01",
        expect![[r#"
            0 Behind, n 1, 2025-01-02 to 2025-04-01
            0 reached `cv_created` within 30 days / 1 users (deltagare) who began at least 30 days earlier"#]],
    );
}

/// S1-37, S1-38, D-13: on day 7 exactly; on it or later is told beside.
#[test]
fn retention_is_classic_and_rolling_is_told() {
    let active =
        |built: Built, user: &str, when: &str| built.user(when, "user_active", "1", Some(user), None);
    let mut a = customer("a", "2024-01-01");
    for user in ["u1", "u2", "u3", "u4"] {
        a = began(a, user, "2025-03-10 23:30");
    }
    a = active(a, "u1", "2025-03-17 00:10");
    a = active(a, "u2", "2025-03-16 23:50");
    a = active(a, "u2", "2025-03-18");
    a = active(a, "u3", "2025-03-16");
    // Day 7 of this one has not come.
    a = began(a, "u5", "2025-03-19");
    a = active(a, "u5", "2025-03-25");
    check(
        RETENTION,
        vec![a],
        "2025-03-25",
        expect![[r#"
            25 Behind, n 4, 2025-02-26 to 2025-03-25
            1 active on day 7 / 4 users whose day 7 is in the window
            50 rolling (on that day or later), percent
            1 too new to be counted"#]],
    );
}

/// S1-44, D-33: the median and the 90th percentile, and nobody's value is nothing.
#[test]
fn time_to_value_is_a_median_of_those_who_got_there() {
    let mut a = customer("a", "2024-01-01");
    for (user, minutes) in [("u1", "08:05"), ("u2", "08:08"), ("u3", "08:10"), ("u4", "09:40")] {
        a = began(a, user, "2025-03-10 08:00");
        a = a.user(
            &format!("2025-03-10 {minutes}"),
            "first_value",
            "1",
            Some(user),
            None,
        );
    }
    let one = || began(customer("b", "2024-01-01"), "u", "2025-03-11");
    a = began(a, "never", "2025-03-10 08:00");
    check(
        VALUE,
        vec![a, one()],
        "2025-03-20",
        expect![[r#"
            9 Reached, n 6, 2025-02-21 to 2025-03-20
            4 reached `first_value` / 6 users who began in the window
            100 90th percentile"#]],
    );
    let nobody = one().user("2025-03-12", "first_value", "0", Some("u"), None);
    check(
        VALUE,
        vec![nobody],
        "2025-03-20",
        expect!["NotMeasurable: nobody has reached it yet, 2025-02-21 to 2025-03-20"],
    );
}

/// S3-14, S3-15: the same of customers, by what the agents note.
#[test]
fn onboardings_completed_of_those_started() {
    let started = |id: &str, when: &str| customer(id, when).fact(when, FactBody::Onboarding { deal: None });
    let customers = vec![
        started("a", "2025-03-01").fact("2025-03-10", FactBody::OnboardingDone),
        started("b", "2025-03-02"),
        started("c", "2025-03-18").fact("2025-03-19", FactBody::OnboardingDone),
        customer("old", "2024-01-01"),
    ];
    check(
        "window: { days: 28 }\ntarget: { at_least: 80 }\ncompute:\n  reached: { who: customers, begins: onboarding, reaches: onboarded, eligible_days: 14 }",
        customers,
        "2025-03-25",
        expect![[r#"
            50 Behind, n 2, 2025-02-26 to 2025-03-25
            1 reached `onboardingDone` / 2 customers who began at least 14 days earlier
            1 too new to be counted"#]],
    );
    let delivered = started("a", "2025-03-01").fact(
        "2025-03-08 12:00",
        FactBody::Stage {
            stage: Stage::Delivery,
            cause: "t".to_owned(),
        },
    );
    check(
        "window: { days: 28 }\ncompute:\n  time_to: { who: customers, begins: customer, reaches: { stage: delivery }, unit: days }",
        vec![delivered],
        "2025-03-25",
        expect![[r#"
            7 Watched, n 1, 2025-02-26 to 2025-03-25
            1 reached `stage delivery` / 1 customers who began in the window
            7 90th percentile"#]],
    );
}
