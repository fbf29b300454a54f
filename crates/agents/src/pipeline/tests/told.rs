//! What is told and taken: opportunities to Sälj, alerts from Customer-Health (S0-29, S0-31, S0-33).

use super::*;

/// S0-29, S0-33.
#[test]
fn new_and_changed_opportunities_are_told_once() {
    let portfolio = MemoryPortfolio::new(facts([customer("a", "Alfa IF")
        .opportunity(5, "kurs", OpportunityStatus::Proposed, "1500.50 SEK", 40)
        .opportunity(9, "borta", OpportunityStatus::Lost, "10 SEK", 40)]));
    let first = run(&agent(), &task("t1", ANALYSIS), now(), &portfolio);
    expect![[r#"
        expects a at 3
        stores k-e29e374d4f58231c539c6c6d84eaf3a0/told/a/kurs of a at 2025-09-01T10:00:00Z from pipeline: {"kind":"told","what":"opportunity/kurs","hash":"94665f46a2f7ec03"}
        tells opportunity-changed of customer/a: {"change":"new","customer":"Alfa IF","customerId":"a","evidence":{"actor":"Import","observed":"2025-08-27T10:00:00Z","quote":null,"source":"CRM"},"expected":"2025-10-31","opportunity":"kurs","probability":40,"status":"proposed","title":"Affär kurs","value":{"amount":"1500.50","currency":"SEK"}}
        asks salj/sales-pipeline-agent opportunity-changed (opportunity/a/kurs) until 2025-09-04T10:00:00Z: Ny möjlighet, Alfa IF: Affär kurs, offererad, 1 500,50 SEK, 40 %."#]].assert_eq(&first.decisions().flat_map(effects).collect::<Vec<_>>().join("\n"));
    let later = |seconds: i64| now() + jiff::SignedDuration::from_secs(seconds);
    let again = run(&agent(), &task("t2", ANALYSIS), later(1), &portfolio);
    assert_eq!(again.decisions().flat_map(effects).count(), 0);
    let change = |n: i64, status, probability| {
        let mut fact = customer("a", "")
            .opportunity(0, "kurs", status, "1500.50 SEK", probability)
            .facts()
            .pop()
            .unwrap();
        fact.id = format!("a/change/{n}");
        fact.observed = later(n);
        fact
    };
    let told = |number: i64| {
        let finished = run(
            &agent(),
            &task(&format!("t{number}"), ANALYSIS),
            later(number),
            &portfolio,
        );
        let events: Vec<_> = finished
            .decisions()
            .flat_map(|decision| decision.events.clone())
            .collect();
        events
            .iter()
            .map(|event| format!("{} {}", event.data["change"], event.data["probability"]))
            .collect::<Vec<_>>()
    };
    portfolio.store([change(2, OpportunityStatus::Negotiation, 75)]);
    assert_eq!(told(3), [r#""changed" 75"#]);
    assert_eq!(told(4), [""; 0]);
    portfolio.store([change(4, OpportunityStatus::Won, 75)]);
    assert_eq!(told(5), [r#""changed" 75"#]);
    assert_eq!(told(6), [""; 0]);
}

/// An analysis that was accepted first and ends last tells nothing a second time.
#[test]
fn an_analysis_that_was_overtaken_tells_nothing() {
    let portfolio = MemoryPortfolio::new(facts([customer("a", "Alfa IF").opportunity(
        5,
        "kurs",
        OpportunityStatus::Proposed,
        "1500.50 SEK",
        40,
    )]));
    let page_of = |id: &str, seconds: i64| {
        let now = now() + jiff::SignedDuration::from_secs(seconds);
        let work = |task| Work {
            task,
            now,
            attempt: 1,
            joined: None,
        };
        let whole = work(task(id, ANALYSIS));
        let kunder_agent_core::decision::Resolution::Wait(pages) =
            decide(&agent(), &whole, &portfolio).verdict
        else {
            panic!("it waits for pages")
        };
        work(pages[0].task(&whole.task, &AgentName::new(NAME)))
    };
    let (earlier, later) = (page_of("t1", 1), page_of("t2", 2));
    let decision = decide(&agent(), &later, &portfolio);
    assert_eq!(decision.events.len(), 1);
    portfolio.commit(&decision);
    assert_eq!(effects(&decide(&agent(), &earlier, &portfolio)), [""; 0]);
}

#[test]
fn a_past_day_and_a_dry_run_tell_nothing() {
    let mut past = task("t1", ANALYSIS);
    past.as_of = Some("2025-08-31".parse().unwrap());
    let mut dry = task("t2", ANALYSIS);
    dry.dry_run = true;
    for task in [past, dry] {
        let finished = run(&agent(), &task, now(), &portfolio());
        assert_eq!(finished.decisions().flat_map(effects).count(), 0);
    }
}

/// S0-31: what Customer-Health's alert comes to here.
#[test]
fn an_alert_shows_what_is_at_stake() {
    let portfolio = MemoryPortfolio::new(facts([customer("c", "Cesar FF")
        .meeting(120)
        .subscription(300, "satori", "400 SEK", -300, None)
        .opportunity(5, "kurs", OpportunityStatus::Proposed, "1000 SEK", 50)]));
    let health = CustomerHealth::new(Arc::new(Definitions::shipped()));
    let check_task = Task::new(TaskId::new("h1").unwrap(), "customer-health", "health-check");
    let checked = run(&health, &check_task, now(), &portfolio);
    let alert = checked.pages[0].follow_ups[0].task(&check_task, &AgentName::new("customer-health"));
    let finished = run(&agent(), &alert, now(), &portfolio);
    check(
        &finished,
        expect![[r#"
        complete: Cesar FF är i riskzonen: 5 300 SEK står på spel – 400 SEK återkommande per månad, 500 SEK på väg in (viktat).
        recommends: Vänta med Affär kurs tills läget är avstämt: 50 % av 1 000 SEK, väntas 2025-10-31.
        action: Cesar FF – Ta upp kunden med sälj (120 dagar sedan senaste kontakt (gräns 90))"#]],
    );
    assert_eq!(
        finished.report().blocks["pipeline"]["atRisk"],
        json!({"amount": "5300.00", "currency": "SEK"})
    );
    let analysis = block(&run(&agent(), &task("t1", ANALYSIS), now(), &portfolio));
    assert_eq!(
        analysis.at_risk,
        crate::fact_builder::money("5300.00 SEK"),
        "the open alert counts in the whole"
    );
}

#[test]
fn a_page_decides_alike_however_often_it_is_delivered() {
    let portfolio = portfolio();
    let work = Work {
        task: task("t1", ANALYSIS),
        now: now(),
        attempt: 1,
        joined: None,
    };
    let kunder_agent_core::decision::Resolution::Wait(pages) = decide(&agent(), &work, &portfolio).verdict
    else {
        panic!("it waits for pages")
    };
    let page = Work {
        task: pages[0].task(&work.task, &AgentName::new(NAME)),
        now: now(),
        attempt: 1,
        joined: None,
    };
    let one = decide(&agent(), &page, &portfolio);
    let other = decide(
        &agent(),
        &Work {
            attempt: 2,
            ..page.clone()
        },
        &portfolio,
    );
    assert_eq!(effects(&one), effects(&other));
    assert_eq!(one.events.len(), 2);
    portfolio.commit(&one);
    assert_eq!(
        effects(&decide(&agent(), &page, &portfolio)),
        [""; 0],
        "told by then"
    );
}
