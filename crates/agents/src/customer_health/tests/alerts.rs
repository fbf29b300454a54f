//! Alerts: raised once, closed when recovered, never by a rehearsal (S0-31).

use super::*;
use kunder_domain::fact::Fact;

/// S0-31.
#[test]
fn an_alert_is_raised_to_both_pipeline_agents() {
    let portfolio = MemoryPortfolio::new(
        portfolio()
            .facts()
            .into_iter()
            .filter(|fact| fact.customer.as_str() == "c91"),
    );
    check(
        &task("t1", HEALTH_CHECK),
        &portfolio,
        expect![[r#"
            complete: Kundhälsokoll 2025-09-01: 1 aktiv kund. Akut: 1, Uppmärksamhet: 0, Frisk: 0.
            expects c91 at 6
            stores k-3f3ef2647f1a59bad492e2e597c7a6fd/alert/c91 of c91 at 2025-09-01T10:00:00Z from customer-health: {"kind":"alert","reason":"at-risk","open":true,"severity":3}
            tells at-risk of customer/c91: {"band":"akut","customer":"Nittioett NK","customerId":"c91","reasons":["91 dagar sedan senaste kontakt (gräns 90)"],"severity":3,"valueAtRisk":[{"amount":"750.00","currency":"EUR"}]}
            gives pipeline at-risk-alert (at-risk/c91): {"customerId":"c91","name":"Nittioett NK","reasons":["91 dagar sedan senaste kontakt (gräns 90)"],"severity":3,"valueAtRisk":[{"amount":"750.00","currency":"EUR"}]}
            asks salj/pipeline-agent at-risk-alert (at-risk/c91) until 2025-09-04T10:00:00Z: Nittioett NK är i riskzonen (Akut): 91 dagar sedan senaste kontakt (gräns 90). Värde i riskzonen: 750 EUR.
            tells health-summary of all: {"alerted":["c91"],"asOf":"2025-09-01","customers":{"at_risk":0,"critical":1,"healthy":0,"neutral":0,"not_scored":0,"total_managed":1},"damped":[],"expansion":{"customers":0,"recurringMonthly":[],"recurringMonthlyBefore":[],"won":[]},"nps":{"detractors":0,"margin":null,"n":0,"passives":0,"promoters":0,"score":null},"recovered":[],"retention":{"base":1,"kept":1,"lost":0,"new":0,"percent":"100.00"}}"#]],
    );
}

/// The alerts that a check raises or closes.
pub(super) fn alerts_of(portfolio: &Arc<MemoryPortfolio>, id: &str) -> Vec<String> {
    let finished = run(&agent(), &task(id, HEALTH_CHECK), now(), portfolio);
    let events = finished.pages.iter().flat_map(|page| &page.events);
    events
        .map(|event| format!("{} {}", event.kind, event.key))
        .collect()
}

pub(super) fn met_today(id: &str, number: usize) -> Fact {
    let mut fact = customer(id, "").meeting(0).facts().pop().unwrap();
    fact.id = format!("{id}/again/{number}");
    fact
}

/// S0-31: once, until recovered.
#[test]
fn an_alert_is_not_repeated_until_the_customer_has_recovered() {
    let portfolio = MemoryPortfolio::new(facts([customer("a", "Alfa IF").meeting(91)]));
    assert_eq!(alerts_of(&portfolio, "t1"), ["at-risk a"]);
    assert_eq!(alerts_of(&portfolio, "t2"), [""; 0]);
    assert_eq!(alerts_of(&portfolio, "t3"), [""; 0]);
    portfolio.store([met_today("a", 1)]);
    assert_eq!(alerts_of(&portfolio, "t4"), ["recovered a"]);
    assert_eq!(alerts_of(&portfolio, "t5"), [""; 0]);
    let later = now() + jiff::SignedDuration::from_hours(24 * 60);
    let finished = run(&agent(), &task("t6", HEALTH_CHECK), later, &portfolio);
    assert_eq!(finished.pages[0].events[0].kind, "at-risk");
    assert!(rows(&finished)[0].open_alert);
}

#[test]
fn a_page_decides_alike_however_often_it_is_delivered() {
    let portfolio = portfolio();
    let work = Work {
        task: task("t1", HEALTH_CHECK),
        now: now(),
        attempt: 1,
        joined: None,
    };
    let first = decide(&agent(), &work, &portfolio);
    let kunder_agent_core::decision::Resolution::Wait(pages) = &first.verdict else {
        panic!("it waits for pages")
    };
    let page = Work {
        task: pages[0].task(&work.task, &AgentName::new(NAME)),
        now: now(),
        attempt: 1,
        joined: None,
    };
    let again = Work {
        attempt: 2,
        ..page.clone()
    };
    let (one, other) = (
        decide(&agent(), &page, &portfolio),
        decide(&agent(), &again, &portfolio),
    );
    assert_eq!(effects(&one), effects(&other));
    assert!(!effects(&one).is_empty());
    portfolio.commit(&one);
    let before = portfolio.facts().len();
    portfolio.commit(&other);
    assert_eq!(
        portfolio.facts().len(),
        before,
        "the same facts have the same ids"
    );
}

/// The page of a check that was accepted so many seconds from now.
fn page_of(portfolio: &Arc<MemoryPortfolio>, id: &str, seconds: i64) -> Work {
    let now = now() + jiff::SignedDuration::from_secs(seconds);
    let work = |task| Work {
        task,
        now,
        attempt: 1,
        joined: None,
    };
    let whole = work(task(id, HEALTH_CHECK));
    let kunder_agent_core::decision::Resolution::Wait(pages) = decide(&agent(), &whole, portfolio).verdict
    else {
        panic!("it waits for pages")
    };
    work(pages[0].task(&whole.task, &AgentName::new(NAME)))
}

/// Two checks that were frozen at the same moment raise an alert once: the second one's page reads the alert's state anew.
#[test]
fn checks_side_by_side_raise_an_alert_once() {
    let portfolio = MemoryPortfolio::new(facts([customer("a", "Alfa IF").meeting(91)]));
    let (one, other) = (page_of(&portfolio, "t1", 0), page_of(&portfolio, "t2", 0));
    let decision = decide(&agent(), &one, &portfolio);
    assert_eq!(decision.events.len(), 1);
    portfolio.commit(&decision);
    let decision = decide(&agent(), &other, &portfolio);
    assert_eq!(effects(&decision), [""; 0]);
}

/// Whichever of two checks ends first: the one that was accepted first reads as of its own moment, and yet leaves alone what the later one did.
#[test]
fn a_check_that_was_overtaken_changes_no_alert() {
    let portfolio = MemoryPortfolio::new(facts([customer("a", "Alfa IF").meeting(91)]));
    let (earlier, later) = (page_of(&portfolio, "t1", 1), page_of(&portfolio, "t2", 2));
    portfolio.commit(&decide(&agent(), &later, &portfolio));
    assert_eq!(
        effects(&decide(&agent(), &earlier, &portfolio)),
        [""; 0],
        "opened twice"
    );

    portfolio.store([met_today("a", 1)]);
    let (earlier, later) = (page_of(&portfolio, "t3", 3), page_of(&portfolio, "t4", 4));
    let decision = decide(&agent(), &later, &portfolio);
    assert_eq!(decision.events[0].kind, "recovered");
    portfolio.commit(&decision);
    assert_eq!(
        effects(&decide(&agent(), &earlier, &portfolio)),
        [""; 0],
        "closed twice"
    );

    let mut log = task("t5", LOG_TOUCHPOINT);
    log.instruction
        .params
        .insert("customer".to_owned(), serde_json::json!("a"));
    log.instruction
        .params
        .insert("text".to_owned(), serde_json::json!("Ringde"));
    let overtaken = Work {
        task: log,
        now: now() + jiff::SignedDuration::from_secs(3),
        attempt: 1,
        joined: None,
    };
    assert!(
        decide(&agent(), &overtaken, &portfolio).events.is_empty(),
        "closed twice, by a contact"
    );
}

#[test]
fn a_past_day_and_a_dry_run_raise_nothing() {
    for rehearsal in ["asOf", "dryRun"] {
        let mut task = task("t1", HEALTH_CHECK);
        match rehearsal {
            "asOf" => task.as_of = Some("2025-08-30".parse().unwrap()),
            _ => task.dry_run = true,
        }
        let finished = run(&agent(), &task, now(), &portfolio());
        let effects: Vec<String> = finished.decisions().flat_map(effects).collect();
        assert_eq!(effects, [""; 0], "{rehearsal}");
        assert_eq!(finished.report().customers.total_managed, 7);
    }
}

/// A customer that goes back and forth: a check every day, at risk on the odd ones and met on the even ones.
#[test]
fn a_customer_that_goes_back_and_forth_raises_no_more_alerts_than_the_rule_allows() {
    let rule = Definitions::shipped().health.body.alerts;
    let portfolio = MemoryPortfolio::new(facts([customer("a", "Alfa IF").meeting(1)]));
    let (mut raised, mut held_back) = (Vec::new(), Vec::new());
    for turn in 0..8_i64 {
        let at = now() + jiff::SignedDuration::from_hours(24 * turn);
        portfolio.store(todos(turn, at));
        let finished = run(&agent(), &task(&format!("t{turn}"), HEALTH_CHECK), at, &portfolio);
        let kinds: Vec<&str> = finished
            .pages
            .iter()
            .flat_map(|page| &page.events)
            .map(|event| event.kind)
            .collect();
        raised.extend(kinds.iter().filter(|kind| **kind == "at-risk").map(|_| turn));
        let told: Vec<&String> = finished
            .report()
            .recommendations
            .iter()
            .filter(|line| line.contains("hölls tillbaka"))
            .collect();
        held_back.extend(told.iter().map(|_| turn));
        if let Some(told) = told.first() {
            assert_eq!(
                **told,
                "1 larm hölls tillbaka: samma skäl om och om igen, högst 3 larm per kund och skäl på 30 dagar: Alfa IF."
            );
            assert_eq!(finished.decision.events[0].data["damped"], json!(["a"]));
            assert!(!rows(&finished)[0].open_alert, "what was not raised is not open");
        }
    }
    assert_eq!((rule.most, raised), (3, vec![0, 2, 4]));
    assert_eq!(held_back, [6]);
    let later = now() + jiff::SignedDuration::from_hours(24 * rule.window_days + 1);
    portfolio.store(todos(8, later));
    let finished = run(&agent(), &task("later", HEALTH_CHECK), later, &portfolio);
    assert_eq!(
        finished.pages[0].events[0].kind, "at-risk",
        "it was held back, not forgotten"
    );
}

/// Six todos that are late, on even turns; on odd ones those are done.
fn todos(turn: i64, at: Timestamp) -> Vec<Fact> {
    let key = |number: usize| format!("{}-{number}", turn / 2);
    let mut build = customer("a", "Alfa IF");
    for number in 0..6 {
        build = if turn % 2 == 0 {
            build.todo(&key(number), -1)
        } else {
            build.done(0, &key(number))
        };
    }
    let mut facts = build.facts();
    for (number, fact) in facts.iter_mut().enumerate() {
        fact.id = format!("a/{turn}/{number}");
        fact.observed = at;
    }
    facts
}
