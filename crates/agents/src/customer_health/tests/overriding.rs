//! Exceptions that persons make: made, shown, ended by their last day or by hand, and refused where they cannot be.

use jiff::SignedDuration;
use kunder_domain::change::Change;

use super::explain::{accountants, agent_of, text};
use super::*;

/// Does one command for Räkenskap by the model of `pack`, `days` after now.
fn told(
    pack: &str,
    portfolio: &Arc<MemoryPortfolio>,
    id: &str,
    command: &str,
    params: Value,
    days: i64,
) -> Finished {
    let mut task = asked_with(id, command, params);
    task.context.customer = Some("k1".to_owned());
    task.locale = Some(Locale::En);
    let at = now() + SignedDuration::from_hours(24 * days);
    run(&agent_of(pack), &task, at, portfolio)
}

fn made(portfolio: &Arc<MemoryPortfolio>, id: &str, params: Value) -> Finished {
    told("boekhouding", portfolio, id, OVERRIDE, params, 0)
}

fn cap() -> Value {
    json!({"cap": 30, "reason": "They told us\n they will leave", "author": "Anna Ek", "expires": "2025-09-10"})
}

/// The id that people type, as the answer says it.
fn id_of(finished: &Finished) -> String {
    let summary = &finished.report().summary;
    summary.split_whitespace().nth(1).unwrap().to_owned()
}

fn explained(portfolio: &Arc<MemoryPortfolio>, days: i64) -> Finished {
    told("boekhouding", portfolio, "e1", EXPLAIN, json!({}), days)
}

#[test]
fn an_exception_caps_the_score_and_is_a_row_of_its_own() {
    let portfolio = accountants();
    let finished = made(&portfolio, "t1", cap());
    expect![[r#"
        complete: Exception 27be3780 for Räkenskap AB until 2025-09-10: at most 30 (They told us they will leave). Health: Critical, 30 points of 100 (was Neutral, 67.5 points of 100).
        expects k1 at 11
        stores t1/0 of k1 at 2025-09-01T10:00:00Z from manual: {"kind":"override","id":"27be3780","effect":{"cap":"30"},"reason":"They told us they will leave","author":"Anna Ek","expires":"2025-09-10"}"#]].assert_eq(&shown(&finished));
    let explained = explained(&portfolio, 0);
    expect![[r#"
        Räkenskap AB: Critical, 30 points of 100; exception: They told us they will leave (at most 30, Anna Ek – 2025-09-10); most is lost on sentiment of tickets (negative); -45 since 2025-08-25.
        boekhouding/health 1 (2b097b0cbae8835a)
          queries a week                15  75 × 0.2  12 (CRM, 2025-08-26, n 2)
          features used                 15  75 × 0.2  3 (CRM, 2025-08-30, n 1)
          logins a week                7.5  50 × 0.15  1 (CRM, 2025-08-22, n 1)
          opened mails                  15  100 × 0.15  0.75 (CRM, 2025-08-22, n 2)
          tickets created            11.25  75 × 0.15  1 (CRM, 2025-08-31, n 1)
          sentiment of tickets        3.75  25 × 0.15  negative (CRM, 2025-08-27, n 1)
          27be3780                   -37.5  – × 0
          sum                           30
          27be3780: cap 30, They told us they will leave (Anna Ek – 2025-09-10)
        coverage 1, fresh 1
        changed since 2025-08-25:
          27be3780: 0 → -37.5 (-37.5)
          features used: 28.571429 → 15 (-13.571429)
          tickets created: 0 → 11.25 (11.25)
          opened mails: 21.428571 → 15 (-6.428571)
          sentiment of tickets: 0 → 3.75 (3.75)
          logins a week: 10.714286 → 7.5 (-3.214286)
          queries a week: 14.285714 → 15 (0.714286)"#]].assert_eq(&text(&explained));
    let health = &explained.report().blocks["health"];
    expect![[r#"
        [
          {
            "author": "Anna Ek",
            "changed": true,
            "effect": "cap 30",
            "expires": "2025-09-10",
            "id": "27be3780",
            "reason": "They told us they will leave"
          }
        ]"#]]
    .assert_eq(&serde_json::to_string_pretty(&health["overrides"]).unwrap());
    assert_eq!(
        (&health["score"], &health["band"]),
        (&json!("30"), &json!("critical"))
    );
}

/// The last day is the last on which it counts.
#[test]
fn it_ends_by_itself() {
    let portfolio = accountants();
    let _ = made(&portfolio, "t1", cap());
    let score = |days| explained(&portfolio, days).report().blocks["health"]["score"].clone();
    assert_eq!((score(9), score(10)), (json!("30"), json!("67.5")));
}

#[test]
fn it_is_judged_by_in_a_check_and_not_before_it_was_made() {
    let portfolio = accountants();
    let _ = made(&portfolio, "t1", cap());
    let check = run(
        &agent_of("boekhouding"),
        &task("h1", HEALTH_CHECK),
        now(),
        &portfolio,
    );
    let row = &rows(&check)[0];
    expect![[r#"critical Some("30"): 30 poäng av 100; undantag: They told us they will leave (högst 30, Anna Ek – 2025-09-10); ton i ärenden negative (−11.25); inloggningar per vecka 1 (−7.5)"#]].assert_eq(&format!(
        "{} {:?}: {}",
        row.band,
        row.score,
        row.reasons.join("; ")
    ));
    let mut past = task("h2", HEALTH_CHECK);
    past.as_of = Some(jiff::civil::date(2025, 8, 31));
    let check = run(&agent_of("boekhouding"), &past, now(), &portfolio);
    assert_eq!(rows(&check)[0].band, "neutral");
}

#[test]
fn it_is_withdrawn_once() {
    let portfolio = accountants();
    let id = id_of(&made(&portfolio, "t1", cap()));
    let withdraw = |task: &str, id: &str| {
        let params = json!({"override": id, "author": "Bo Al"});
        told("boekhouding", &portfolio, task, WITHDRAW, params, 1)
    };
    let unknown = withdraw("w0", "nej");
    let recommended = unknown.report().recommendations.join("\n");
    let lines = [
        shown(&unknown),
        recommended,
        shown(&withdraw("w1", &id)),
        shown(&withdraw("w2", &id)),
    ];
    expect![[r#"
        failed: Räkenskap AB has no exception nej.
        blocker: Räkenskap AB has no exception nej.
        27be3780: at most 30, They told us they will leave – 2025-09-10
        complete: The exception 27be3780 for Räkenskap AB is withdrawn. Health: Neutral, 67.5 points of 100 (was Critical, 30 points of 100).
        expects k1 at 12
        stores w1/0 of k1 at 2025-09-02T10:00:00Z from manual: {"kind":"overrideWithdrawn","id":"27be3780"}
        complete: The exception 27be3780 was withdrawn on 2025-09-02 already, by Bo Al.
        expects k1 at 13"#]].assert_eq(&lines.join("\n"));
    let health = explained(&portfolio, 1).report().blocks["health"].clone();
    assert_eq!(
        (&health["score"], &health["overrides"]),
        (&json!("67.5"), &json!([]))
    );
}

/// A task that is done a second time makes no second exception.
#[test]
fn one_task_makes_one_exception() {
    let portfolio = accountants();
    let first = made(&portfolio, "t1", cap());
    let again = made(&portfolio, "t1", cap());
    let ids = |finished: &Finished| -> Vec<String> {
        let changes = finished.decision.changes.iter().filter_map(Change::fact);
        changes.map(|fact| fact.id.clone()).collect()
    };
    assert_eq!((ids(&first), id_of(&first)), (ids(&again), id_of(&again)));
    let overrides = explained(&portfolio, 0).report().blocks["health"]["overrides"].clone();
    assert_eq!(overrides.as_array().unwrap().len(), 1);
}

#[test]
fn a_rehearsal_makes_none() {
    let portfolio = accountants();
    let mut task = asked_with("t1", OVERRIDE, cap());
    task.context.customer = Some("k1".to_owned());
    task.dry_run = true;
    let finished = run(&agent_of("boekhouding"), &task, now(), &portfolio);
    assert_eq!(finished.decision.changes, []);
}

/// A rule model knows bands alone, and its sentence names the exception.
#[test]
fn a_band_is_forced_under_rules() {
    let portfolio = portfolio();
    let mut params = cap();
    params["cap"] = Value::Null;
    params["band"] = json!("akut");
    let asked = |id: &str, command: &str, params: Value| {
        let mut task = asked_with(id, command, params);
        task.context.customer = Some("c59".to_owned());
        run(&agent(), &task, now(), &portfolio)
    };
    let made = asked("t1", OVERRIDE, params);
    expect![[r#"
        Undantag 27be3780 för Femtionio FF till och med 2025-09-10: band akut (They told us they will leave). Hälsa: Akut (var Frisk).
        Femtionio FF: Akut – undantag: They told us they will leave (band akut, Anna Ek – 2025-09-10); var Frisk den 2025-08-25.
        satori/health 1 (da1c0ba2be7f38bc)
          27be3780: band akut, They told us they will leave (Anna Ek – 2025-09-10)
        täckning 1, färskt 1"#]].assert_eq(&format!(
        "{}\n{}",
        made.report().summary,
        text(&asked("e1", EXPLAIN, json!({})))
    ));
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    let portfolio = accountants();
    let bad = |pack: &str, change: Value| {
        let mut params = cap();
        for (name, value) in change.as_object().unwrap() {
            params[name] = value.clone();
        }
        let finished = told(pack, &portfolio, "t1", OVERRIDE, params, 0);
        assert_eq!(finished.decision.changes, []);
        finished.report().blockers.join("\n")
    };
    let lines: Vec<String> = [
        json!({"cap": 101}),
        json!({"cap": -1}),
        json!({"cap": "much"}),
        json!({"cap": "0.1234567891"}),
        json!({"floor": 10}),
        json!({"cap": null}),
        json!({"cap": null, "band": "purple"}),
        json!({"reason": " "}),
        json!({"reason": "x".repeat(501)}),
        json!({"author": null}),
        json!({"expires": null}),
        json!({"expires": "soon"}),
        json!({"expires": "2025-08-31"}),
        json!({"expires": "2026-09-02"}),
    ]
    .into_iter()
    .map(|change| bad("boekhouding", change))
    .chain([bad("response", json!({}))])
    .collect();
    expect![[r#"
        `params.cap` must be a number from 0 to 100
        `params.cap` must be a number from 0 to 100
        `params.cap` must be a number from 0 to 100
        `params.cap` must be a number from 0 to 100
        `params.cap` must be given alone: one of `cap`, `floor` and `band`
        `params.cap` must be given alone: one of `cap`, `floor` and `band`
        `params.band` must be one of the bands of boekhouding/health: critical, at_risk, neutral, healthy
        `params.reason` is missing
        `params.reason` is longer than 500 characters
        `params.author` is missing
        `params.expires` is missing
        `params.expires` must be a date, yyyy-mm-dd
        `params.expires` lies before 2025-09-01
        `params.expires` is more than a year away: 2026-09-01 at the latest
        `params.cap` has no effect: response/health gives no score, name a `band`"#]]
    .assert_eq(&lines.join("\n"));
    for expires in ["2025-09-01", "2026-09-01"] {
        let mut params = cap();
        params["expires"] = json!(expires);
        assert_eq!(
            made(&portfolio, expires, params).report().status,
            Status::Complete,
            "{expires}"
        );
    }
}

#[test]
fn a_customer_has_so_many_exceptions_at_most() {
    let portfolio = accountants();
    let status = |number: usize| {
        made(&portfolio, &format!("t{number}"), cap())
            .report()
            .blockers
            .clone()
    };
    assert!((0..20).all(|number| status(number).is_empty()));
    assert_eq!(
        status(20),
        ["`params.customer` has 20 exceptions already: withdraw one first"]
    );
}
