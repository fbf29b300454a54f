//! Counts and goals, surveys, and plain measurements.

use super::*;

/// S0-05: day 183 of 365 asks for 5.01 of 10.
#[test]
fn the_goal_is_pro_rata_and_the_exact_one_decides() {
    let goal = Growth {
        baseline: 15,
        per_year: 10,
    };
    let by = |day| goal.shown_by(date(day)).to_string();
    assert_eq!(by("2025-07-02"), "5.01");
    assert_eq!(by("2025-01-01"), "0.03");
    assert_eq!(by("2025-12-31"), "10.00");
    assert_eq!(by("2024-12-31"), "10.00");
    let status = |gained, day| goal.status(&Exact::whole(gained), date(day));
    assert_eq!(status(5, "2025-07-02"), KpiStatus::Behind);
    assert_eq!(status(6, "2025-07-02"), KpiStatus::OnTrack);
    assert_eq!(status(10, "2025-07-02"), KpiStatus::Reached);
    assert_eq!(status(-1, "2025-01-01"), KpiStatus::Behind);
}

/// S0-04, S0-05.
#[test]
fn customers_and_their_growth() {
    let customers = || {
        let mut customers: Vec<Built> = (0..3).map(|n| customer(&format!("k{n}"), "2024-05-01")).collect();
        customers.push(customer("new", "2025-06-20"));
        customers.push(customer("lost", "2024-05-01").status("2025-06-20", "churned"));
        customers
    };
    check(
        "window: moment\ncompute: customers",
        customers(),
        "2025-07-02",
        expect![[r#"
            4 Watched, n 5, 2025-07-02 to 2025-07-02
            0 from 4, 2025-06-02 to 2025-06-02, better None"#]],
    );
    check(
        "window: year\ncompute: { growth: { baseline: 2, per_year: 4 } }",
        customers(),
        "2025-07-02",
        expect![[r#"
            2 Behind, n 5, 2025-01-01 to 2025-07-02
            4 customers
            2 baseline
            0 from 2, 2025-01-01 to 2025-06-02, better None"#]],
    );
    check(
        "window: moment\ncompute: customers",
        vec![],
        "2025-07-02",
        expect!["NotMeasurable: no customer is known, 2025-07-02 to 2025-07-02"],
    );
    check(
        "window: { days: 30 }\ncompute: customer_retention",
        customers(),
        "2025-07-02",
        expect![[r#"
            75 Watched, n 4, 2025-06-03 to 2025-07-02
            3 still there at the end / 4 customers at the start
            -25 from 100, 2025-05-04 to 2025-06-02, better None"#]],
    );
}

/// A customer who was a prospect first is one from the day it was won.
#[test]
fn a_prospect_is_a_customer_from_the_day_it_is_won() {
    let won = customer("a", "2025-01-10")
        .status("2025-01-20", "prospect")
        .status("2025-02-05 09:00", "active");
    let [won] = fold(vec![won], at("2025-03-01")).try_into().unwrap();
    assert!(!won.was_active(at("2025-01-15")) && !won.was_active(at("2025-02-05 09:00")));
    assert!(won.was_active(at("2025-02-05 09:01")));
    assert_eq!(won.became_active(), Some(at("2025-02-05 09:00")));
    let [plain] = fold(vec![customer("b", "2025-01-10")], at("2025-03-01"))
        .try_into()
        .unwrap();
    assert!(!plain.was_active(at("2025-01-10")) && plain.was_active(at("2025-01-10 12:01")));
    assert_eq!(plain.became_active(), Some(at("2025-01-10")));
}

/// S1-40, S3-16, S3-45 to S3-47: 9 promotes, 7 is passive, 6 detracts; the answers of the window, and who answered of those asked.
#[test]
fn nps_with_its_groups_and_response_rate() {
    let customers = || {
        vec![
            customer("a", "2024-01-01")
                .sent("2025-03-01")
                .survey("2025-03-02", 9)
                .survey("2025-03-05", 6),
            customer("b", "2024-01-01")
                .sent("2025-03-01")
                .survey("2024-11-02", 0),
            customer("c", "2024-01-01")
                .survey("2025-03-31 23:59", 7)
                .survey("2025-03-03", 10),
        ]
    };
    check(
        "window: { days: 90 }\ntarget: { above: 50 }\ncompute: nps",
        customers(),
        "2025-03-31",
        expect![[r#"
            25 Behind, n 4, 2025-01-01 to 2025-03-31
            2 promoters
            1 passives
            1 detractors
            50 response rate, percent
            3 answers to nothing sent
            125 from -100, 2024-10-03 to 2024-12-31, better Some(true)"#]],
    );
    check(
        "window: { days: 90 }\ncompute: response_rate",
        customers(),
        "2025-03-31",
        expect![[r#"
            50 Watched, n 2, 2025-01-01 to 2025-03-31
            1 answered / 2 sent in the window
            3 answers to nothing sent"#]],
    );
    check(
        "window: { days: 90 }\ncompute: response_rate",
        vec![customer("c", "2024-01-01").survey("2025-03-03", 10)],
        "2025-03-31",
        expect![[r#"
            NotMeasurable: no survey was sent in the window (facts `surveySent`), 2025-01-01 to 2025-03-31
            1 answers to nothing sent"#]],
    );
    check(
        "window: { days: 90 }\ncompute: nps",
        vec![customer("a", "2024-01-01")],
        "2025-03-31",
        expect![[r#"
            NotMeasurable: no answers in the window, 2025-01-01 to 2025-03-31
            0 promoters
            0 passives
            0 detractors"#]],
    );
}

/// An answer belongs to the newest survey sent before it, also to one sent before the window; so no rate is above 1.
#[test]
fn an_answer_belongs_to_what_was_sent_before_it() {
    let late = customer("a", "2024-01-01")
        .sent("2025-01-31")
        .survey("2025-02-02", 9)
        .sent("2025-02-10")
        .sent("2025-02-10")
        .survey("2025-02-11", 8)
        .survey("2025-02-12", 8)
        .survey("2025-02-13", 8);
    check(
        "window: month\ncompute: response_rate",
        vec![late],
        "2025-02-28",
        expect![[r#"
            100 Watched, n 2, 2025-02-01 to 2025-02-28
            2 answered / 2 sent in the window
            1 answers to nothing sent
            100 from 0, 2025-01-01 to 2025-01-31, better None"#]],
    );
}

/// S1-41, D-14: tickets of 30 days over the users there are.
#[test]
fn tickets_per_user_over_thirty_days() {
    let rule = "window: { days: 30 }\ntarget: { below: 0.1 }\ncompute: { ratio: { over: tickets, under: { newest: [users, staff] } } }";
    let customers = vec![
        customer("a", "2024-01-01")
            .read("2025-02-28", "tickets", "90")
            .read("2025-03-02", "tickets", "2")
            .read("2025-03-31 23:59", "tickets", "1")
            .read("2025-01-01", "users", "50")
            .read("2025-03-01", "users", "20")
            .read("2025-03-01", "staff", "5"),
        customer("b", "2024-01-01").read("2025-03-01", "users", "15"),
    ];
    // In percent because the file says so: 3 tickets of 40 users.
    check(
        rule,
        customers,
        "2025-03-31",
        expect![[r#"
            7.5 Behind, n 40, 2025-03-02 to 2025-03-31
            3 sum of `tickets` / 40 newest `users` + `staff`
            -217.5 from 225, 2025-01-31 to 2025-03-01, better Some(true)"#]],
    );
    check(
        rule,
        vec![customer("a", "2024-01-01").read("2025-03-02", "tickets", "2")],
        "2025-03-31",
        expect!["NotMeasurable: no facts: `users`, `staff`, 2025-03-02 to 2025-03-31"],
    );
    check(
        rule,
        vec![customer("a", "2024-01-01").read("2025-03-02", "users", "2")],
        "2025-03-31",
        expect!["NotMeasurable: no facts: `tickets`, 2025-03-02 to 2025-03-31"],
    );
}

/// S1-45, S4-42: medians, means and percentiles of readings; the hours' calendar is stated.
#[test]
fn readings_become_medians_means_and_percentiles() {
    let resolved = || {
        let hours = ["1", "2.5", "30", "4", "5", "6", "7", "8", "9", "100"];
        let add = |built: Built, hours: &&str| built.read("2025-03-20", "hours", hours);
        vec![hours.iter().fold(customer("a", "2024-01-01"), add)]
    };
    check(
        "window: { days: 28 }\ntarget: { below: 24 }\ncompute: { resolution: { hours: hours, calendar: business } }",
        resolved(),
        "2025-03-31",
        expect![[r#"
            6.5 Reached, n 10, 2025-03-04 to 2025-03-31
            30 90th percentile
            10 tickets, in business hours"#]],
    );
    for (fold, expected) in [
        ("sum", expect!["172.5 Watched, n 10, 2025-03-04 to 2025-03-31"]),
        ("mean", expect!["17.25 Watched, n 10, 2025-03-04 to 2025-03-31"]),
        ("median", expect!["6.5 Watched, n 10, 2025-03-04 to 2025-03-31"]),
        ("p90", expect!["30 Watched, n 10, 2025-03-04 to 2025-03-31"]),
    ] {
        let rule =
            format!("window: {{ days: 28 }}\ncompute: {{ measurement: {{ metric: hours, fold: {fold} }} }}");
        check(&rule, resolved(), "2025-03-31", expected);
        let rule = rule.replace("metric: hours", "metric: other");
        check(
            &rule,
            resolved(),
            "2025-03-31",
            expect!["NotMeasurable: no facts: `other`, 2025-03-04 to 2025-03-31"],
        );
    }
}

/// S2-94: of those who have a score, and how many have none.
#[test]
fn the_mean_health_score_is_of_those_who_have_one() {
    let kpis = kpi("window: moment\ntarget: { at_least: 80 }\ncompute: mean_health");
    let (zone, as_of) = (zone(), at("2025-03-31"));
    let engine = KpiEngine {
        kpis: &kpis,
        currency: "SEK",
        zone: &zone,
        as_of,
    };
    let mut tallies = engine.tally(&[]);
    let [now, before] = engine.health_moments().unwrap();
    assert_eq!((now, before), (as_of, at("2025-02-28 23:59:59.999999999")));
    let scores = [
        Some(Exact::whole(90)),
        None,
        Some(Exact::fraction(145, 2).unwrap()),
    ];
    engine.tally_health(&mut tallies, 0, scores.iter().map(Option::as_ref));
    engine.tally_health(
        &mut tallies,
        1,
        [Some(Exact::whole(90))].iter().map(Option::as_ref),
    );
    expect![[r#"
        81.25 Reached, n 2, 2025-03-31 to 2025-03-31
        1 customers without a score
        -8.75 from 90, 2025-02-28 to 2025-02-28, better Some(false)"#]]
    .assert_eq(&shown(&engine.results(&tallies, score)[0]));
    let none = engine.tally(&[]);
    expect!["NotMeasurable: no customer has a score: the health model gives bands without one, or measurements are missing, 2025-03-31 to 2025-03-31"]
        .assert_eq(&shown(&engine.results(&none, score)[0]));
}
