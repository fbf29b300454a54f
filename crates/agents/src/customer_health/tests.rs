//! Health checks: tasks and facts in, decisions out.

mod alerts;
mod days;
mod explain;
mod log_book;
mod strategy;

use std::sync::Arc;

use expect_test::{Expect, expect};
use kunder_agent_core::agent::Work;
use kunder_agent_core::id::TaskId;
use kunder_agent_core::outcome::Status;
use kunder_agent_core::task::{Locale, Task};
use kunder_domain::definitions::Definitions;
use kunder_domain::fact::{ContactRole, FactBody, OpportunityStatus, Stage, field};
use kunder_domain::portfolio::Undelivered;
use serde_json::{Value, json};

use super::*;
use crate::fact_builder::{Build, customer, facts, now};
use crate::memory_portfolio::{Finished, MemoryPortfolio, decide, effects, run};

fn agent() -> CustomerHealth {
    CustomerHealth::new(Arc::new(Definitions::shipped()))
}

fn task(id: &str, command: &str) -> Task {
    Task::new(TaskId::new(id).unwrap(), NAME, command)
}

fn asked_with(id: &str, command: &str, params: Value) -> Task {
    let mut task = task(id, command);
    task.instruction.params = params.as_object().unwrap().clone();
    task
}

/// One customer per case of the rules, and one that no longer is a customer.
fn portfolio() -> Arc<MemoryPortfolio> {
    MemoryPortfolio::new(facts([
        customer("c59", "Femtionio FF")
            .meeting(59)
            .subscription(300, "satori", "1000 SEK", -300, None)
            .overdue(5),
        customer("c60", "Sextio SK")
            .meeting(60)
            .subscription(300, "satori", "10000 SEK", -300, None),
        customer("c90", "Nittio NF")
            .meeting(90)
            .subscription(300, "satori", "2000.50 SEK", -300, None),
        customer("c91", "Nittioett NK")
            .meeting(91)
            .contact("Anna Ek", ContactRole::DecisionMaker)
            .contact("Bo Al", ContactRole::Other)
            .opportunity(20, "kurs", OpportunityStatus::Proposed, "1500 EUR", 50)
            .stage(300, Stage::Partnership),
        customer("todo5", "Fem Förseningar")
            .meeting(1)
            .overdue(5)
            .todo("senare", 3),
        customer("todo6", "Sex Förseningar")
            .meeting(1)
            .overdue(6)
            .todo("klar", -9)
            .done(2, "klar"),
        customer("tyst", "Tysta Förbundet"),
        customer("borta", "Borta IF")
            .meeting(300)
            .profile(field::STATUS, "churned"),
    ]))
}

fn shown(finished: &Finished) -> String {
    let report = finished.report();
    let mut lines = vec![format!("{}: {}", report.status.as_str(), report.summary)];
    lines.extend(
        report
            .blockers
            .iter()
            .map(|blocker| format!("blocker: {blocker}")),
    );
    lines.extend(finished.decisions().flat_map(effects));
    lines.join("\n")
}

#[track_caller]
fn check(task: &Task, portfolio: &Arc<MemoryPortfolio>, expected: Expect) {
    expected.assert_eq(&shown(&run(&agent(), task, now(), portfolio)));
}

fn rows(finished: &Finished) -> Vec<HealthRow> {
    serde_json::from_value(finished.report().blocks["health"].clone()).unwrap()
}

#[test]
fn every_active_customer_once_in_three_groups_by_urgency() {
    let finished = run(&agent(), &task("t1", HEALTH_CHECK), now(), &portfolio());
    expect![[r#"
        Kundhälsokoll 2025-09-01: 7 aktiva kunder. Akut: 2, Uppmärksamhet: 3, Frisk: 2.

        AKUT (2)
        - Nittioett NK: kontakt 2025-06-02 (91 dagar sedan); todos: 0 öppna, 0 försenade
          Skäl: 91 dagar sedan senaste kontakt (gräns 90)
          Förslag: Ring kundens beslutsfattare i dag och boka ett möte den här veckan – Anna Ek
          Värde i riskzonen: 750 EUR
        - Tysta Förbundet: ingen kontakt på 400 dagar; todos: 0 öppna, 0 försenade
          Skäl: Ingen har haft kontakt sedan kunden lades upp för 400 dagar sedan (gräns 90)
          Förslag: Ring kundens beslutsfattare i dag och boka ett möte den här veckan
          Värde i riskzonen: inget känt

        UPPMÄRKSAMHET (3)
        - Sextio SK: kontakt 2025-07-03 (60 dagar sedan); todos: 0 öppna, 0 försenade
          Skäl: 60 dagar sedan senaste kontakt (varning från 60)
          Förslag: Hör av dig inom en vecka, stäm av läget och gå igenom öppna todos
          Värde i riskzonen: 120 000 SEK
        - Nittio NF: kontakt 2025-06-03 (90 dagar sedan); todos: 0 öppna, 0 försenade
          Skäl: 90 dagar sedan senaste kontakt (varning från 60)
          Förslag: Hör av dig inom en vecka, stäm av läget och gå igenom öppna todos
          Värde i riskzonen: 24 006 SEK
        - Sex Förseningar: kontakt 2025-08-31 (1 dag sedan); todos: 6 öppna, 6 försenade
          Skäl: 6 försenade todos (högst 5)
          Förslag: Hör av dig inom en vecka, stäm av läget och gå igenom öppna todos
          Värde i riskzonen: inget känt

        FRISK (2)
        - Femtionio FF: kontakt 2025-07-04 (59 dagar sedan); todos: 5 öppna, 5 försenade; nästa kontakt senast 2025-10-02
        - Fem Förseningar: kontakt 2025-08-31 (1 dag sedan); todos: 6 öppna, 5 försenade; nästa kontakt senast 2025-11-29"#]].assert_eq(finished.report().text.as_ref().unwrap());
    let counts = finished.report().customers;
    assert_eq!(
        (counts.critical, counts.at_risk, counts.neutral, counts.healthy),
        (2, 3, 0, 2)
    );
    assert_eq!(counts.total_managed, 7);
    assert_eq!(finished.report().status, Status::Complete);
    let order: Vec<String> = rows(&finished)
        .into_iter()
        .map(|row| format!("{} {}", row.severity, row.customer_id))
        .collect();
    assert_eq!(
        order,
        ["3 c91", "3 tyst", "2 c60", "2 c90", "2 todo6", "0 c59", "0 todo5"]
    );
}

#[test]
fn the_same_in_english() {
    let mut task = task("t1", HEALTH_CHECK);
    task.locale = Some(Locale::En);
    let finished = run(&agent(), &task, now(), &portfolio());
    expect![[r#"
        Health check 2025-09-01: 7 active customers. Critical: 2, Attention: 3, Healthy: 2.

        CRITICAL (2)
        - Nittioett NK: contact 2025-06-02 (91 days ago); todos: 0 open, 0 overdue
          Reason: 91 days since the last contact (limit 90)
          Suggestion: Call the customer's decision maker today and book a meeting this week – Anna Ek
          Value at risk: 750 EUR
        - Tysta Förbundet: no contact in 400 days; todos: 0 open, 0 overdue
          Reason: Nobody has been in touch since the customer was added 400 days ago (limit 90)
          Suggestion: Call the customer's decision maker today and book a meeting this week
          Value at risk: none known

        ATTENTION (3)
        - Sextio SK: contact 2025-07-03 (60 days ago); todos: 0 open, 0 overdue
          Reason: 60 days since the last contact (warning from 60)
          Suggestion: Get in touch within a week, ask how things are and go through open todos
          Value at risk: 120,000 SEK
        - Nittio NF: contact 2025-06-03 (90 days ago); todos: 0 open, 0 overdue
          Reason: 90 days since the last contact (warning from 60)
          Suggestion: Get in touch within a week, ask how things are and go through open todos
          Value at risk: 24,006 SEK
        - Sex Förseningar: contact 2025-08-31 (1 day ago); todos: 6 open, 6 overdue
          Reason: 6 overdue todos (at most 5)
          Suggestion: Get in touch within a week, ask how things are and go through open todos
          Value at risk: none known

        HEALTHY (2)
        - Femtionio FF: contact 2025-07-04 (59 days ago); todos: 5 open, 5 overdue; next contact by 2025-10-02
        - Fem Förseningar: contact 2025-08-31 (1 day ago); todos: 6 open, 5 overdue; next contact by 2025-11-29"#]].assert_eq(finished.report().text.as_ref().unwrap());
    expect![[r#"
        Start with Nittioett NK (Anna Ek): Call the customer's decision maker today and book a meeting this week.
        Book a first meeting with 1 customer that has never been contacted.
        Next planned contact: Femtionio FF by 2025-10-02."#]].assert_eq(&finished.report().recommendations.join("\n"));
}

#[test]
fn a_row_says_everything_that_is_known() {
    let finished = run(&agent(), &task("t1", HEALTH_CHECK), now(), &portfolio());
    let rows = finished.report().blocks["health"].clone();
    expect![[r#"
        {
          "band": "akut",
          "contact": {
            "name": "Anna Ek",
            "role": "decision_maker"
          },
          "customer": "Nittioett NK",
          "customerId": "c91",
          "daysSinceContact": 91,
          "label": "Akut",
          "lastContact": {
            "channel": "meeting",
            "date": "2025-06-02",
            "source": "CRM"
          },
          "nextTouch": "2025-08-31",
          "openAlert": true,
          "openTodos": 0,
          "overdueTodos": 0,
          "reasons": [
            "91 dagar sedan senaste kontakt (gräns 90)"
          ],
          "severity": 3,
          "stage": "partnership",
          "suggestion": "Ring kundens beslutsfattare i dag och boka ett möte den här veckan",
          "valueAtRisk": [
            {
              "amount": "750.00",
              "currency": "EUR"
            }
          ]
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&rows[0]).unwrap());
    let actions = serde_json::to_string_pretty(&finished.report().actions[..2]).unwrap();
    expect![[r#"
        [
          {
            "customer": "Nittioett NK",
            "action": "Ring kundens beslutsfattare i dag och boka ett möte den här veckan (Anna Ek)",
            "outcome": "pending",
            "reason": "91 dagar sedan senaste kontakt (gräns 90)"
          },
          {
            "customer": "Tysta Förbundet",
            "action": "Ring kundens beslutsfattare i dag och boka ett möte den här veckan",
            "outcome": "pending",
            "reason": "Ingen har haft kontakt sedan kunden lades upp för 400 dagar sedan (gräns 90)"
          }
        ]"#]]
    .assert_eq(&actions);
}

#[test]
fn a_past_day_is_judged_as_it_was() {
    let portfolio = MemoryPortfolio::new(facts([customer("a", "Alfa IF").meeting(91).meeting(5)]));
    let mut task = task("t1", HEALTH_CHECK);
    task.as_of = Some("2025-08-26".parse().unwrap());
    let row = &rows(&run(&agent(), &task, now(), &portfolio))[0];
    assert_eq!((row.severity, row.days_since_contact), (2, Some(85)));
    task.as_of = Some("2025-08-27".parse().unwrap());
    let row = &rows(&run(&agent(), &task, now(), &portfolio))[0];
    assert_eq!((row.severity, row.days_since_contact), (0, Some(0)));
}

#[test]
fn an_empty_portfolio_is_no_failure() {
    let finished = run(
        &agent(),
        &task("t1", HEALTH_CHECK),
        now(),
        &MemoryPortfolio::new([]),
    );
    expect!["complete: Kundhälsokoll 2025-09-01: det finns inga aktiva kunder än. Läs in kunder med `kunder import`, eller börja med en onboarding."].assert_eq(&shown(&finished));
    assert_eq!(finished.report().blocks["health"], json!([]));
    assert_eq!(finished.report().customers.total_managed, 0);
}

#[test]
fn many_customers_are_judged_in_pages_and_the_text_is_cut() {
    let many: Vec<Build> = (0..1203)
        .map(|n| customer(&format!("k{n:04}"), &format!("Kund {n:04}")).meeting(n % 200))
        .collect();
    let mut task = task("t1", HEALTH_CHECK);
    task.dry_run = true;
    let finished = run(&agent(), &task, now(), &MemoryPortfolio::new(facts(many)));
    assert_eq!(finished.pages.len(), 3);
    let rows = rows(&finished);
    let ids: std::collections::BTreeSet<&CustomerId> = rows.iter().map(|row| &row.customer_id).collect();
    assert_eq!((rows.len(), ids.len()), (1203, 1203));
    assert!(rows.is_sorted_by_key(|row| std::cmp::Reverse(row.severity)));
    let counts = finished.report().customers;
    assert_eq!(
        counts.healthy + counts.neutral + counts.at_risk + counts.critical,
        counts.total_managed
    );
    let text = finished.report().text.as_ref().unwrap();
    expect![[r#"
        … och 644 till
        … och 176 till
        … och 353 till"#]]
    .assert_eq(
        &text
            .lines()
            .filter(|line| line.starts_with('…'))
            .collect::<Vec<_>>()
            .join("\n"),
    );
    assert_eq!(finished.report().sources[0].facts, 2406);
}

#[test]
fn a_page_that_failed_and_messages_that_did_not_arrive_are_blockers() {
    let portfolio = portfolio();
    for agent in ["pipeline-agent", "pipeline-agent", "other-agent"] {
        portfolio.fail_delivery(Undelivered {
            destination: "salj".to_owned(),
            subject: format!("salj.task.{agent}.k-1"),
            since: crate::fact_builder::ago(4),
            reason: "nobody takes it".to_owned(),
        });
    }
    let mut work = Work {
        task: task("t1", HEALTH_CHECK),
        now: now(),
        attempt: 1,
        joined: None,
    };
    let page = crate::memory_portfolio::outcome(&work, Report::failed("x", "the store went away"));
    work.joined = Some(vec![page]);
    let decision = decide(&agent(), &work, &portfolio);
    let kunder_agent_core::decision::Resolution::Done(report) = decision.verdict else {
        panic!("it is done")
    };
    assert_eq!(report.status, Status::Partial);
    expect![[r#"
        Kunderna på en sida saknas (1): the store went away
        salj/pipeline-agent har inte tagit emot 2 larm sedan 2025-08-28: ingen lyssnar"#]]
    .assert_eq(&report.blockers.join("\n"));
}

/// S0-04, S0-15 on the demo portfolio: every active customer once, all three groups, at-risk ones alerted.
#[test]
fn the_demo_portfolio_shows_every_group() {
    let zone = TimeZone::get("Europe/Stockholm").unwrap();
    let demo = kunder_domain::demo::generate("2025-09-01".parse().unwrap(), 7, &zone);
    let portfolio = MemoryPortfolio::new(demo);
    let finished = run(&agent(), &task("t1", HEALTH_CHECK), now(), &portfolio);
    let counts = finished.report().customers;
    assert!(
        counts.healthy > 0 && counts.at_risk > 0 && counts.critical > 0,
        "{counts:?}"
    );
    assert_eq!(
        counts.healthy + counts.neutral + counts.at_risk + counts.critical,
        counts.total_managed
    );
    let events: Vec<_> = finished.pages.iter().flat_map(|page| &page.events).collect();
    assert!(!events.is_empty());
    for row in rows(&finished) {
        assert_eq!(row.open_alert, row.severity >= AT_RISK, "{}", row.customer);
        assert_eq!(row.reasons.is_empty(), row.severity == 0, "{}", row.customer);
    }
}

/// A message that nobody took a week ago is no news, and a rehearsal sends none.
#[test]
fn messages_that_did_not_arrive_block_for_a_week_and_no_rehearsal() {
    let status = |days: i64, dry_run: bool| {
        let portfolio = portfolio();
        portfolio.fail_delivery(Undelivered {
            destination: "salj".to_owned(),
            subject: "salj.task.pipeline-agent.k-1".to_owned(),
            since: crate::fact_builder::ago(days),
            reason: "nobody takes it".to_owned(),
        });
        let mut task = task("t1", HEALTH_CHECK);
        task.dry_run = dry_run;
        run(&agent(), &task, now(), &portfolio).report().status
    };
    assert_eq!(status(7, false), Status::Partial);
    assert_eq!(status(8, false), Status::Complete);
    assert_eq!(status(1, true), Status::Complete);
}
