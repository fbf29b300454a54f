//! Pipeline analyses: tasks and facts in, decisions out.

mod block;
mod told;

use std::sync::Arc;

use expect_test::{Expect, expect};
use kunder_agent_core::agent::Work;
use kunder_agent_core::id::TaskId;
use kunder_agent_core::task::{Locale, Task};
use kunder_domain::definitions::Definitions;
use kunder_domain::fact::{FactBody, OpportunityStatus, field};
use kunder_domain::money::{Money, Sums};
use serde_json::json;

use super::*;
use crate::customer_health::CustomerHealth;
use crate::fact_builder::{Build, customer, facts, now};
use crate::memory_portfolio::{Finished, MemoryPortfolio, decide, effects, run};

fn agent() -> Pipeline {
    Pipeline::new(Arc::new(Definitions::shipped()))
}

fn task(id: &str, command: &str) -> Task {
    Task::new(TaskId::new(id).unwrap(), NAME, command)
}

fn portfolio() -> Arc<MemoryPortfolio> {
    MemoryPortfolio::new(facts([
        customer("a", "Alfa IF")
            .meeting(10)
            .invoice(300, "1000.10 SEK")
            .invoice(20, "2000.20 SEK")
            .invoice(10, "-500.05 SEK")
            .subscription(300, "satori", "1500 SEK", -300, None)
            .opportunity(40, "kurs", OpportunityStatus::Proposed, "10000.01 SEK", 30)
            .opportunity(5, "stöd", OpportunityStatus::Negotiation, "20000 SEK", 80),
        customer("b", "Beta SK")
            .meeting(10)
            .invoice(244, "99.99 SEK")
            .invoice(243, "0.01 SEK")
            .subscription(300, "satori", "1000 SEK", -300, None)
            .subscription(30, "satori", "750.50 SEK", -300, None)
            .opportunity(100, "gammal", OpportunityStatus::Discussed, "5000 SEK", 10)
            .opportunity(50, "gammal", OpportunityStatus::Lost, "5000 SEK", 10),
        customer("c", "Cesar FF")
            .meeting(120)
            .subscription(300, "satori", "400 SEK", -300, None),
        customer("d", "Doris NK")
            .invoice(390, "70 SEK")
            .profile(field::STATUS, "churned"),
        customer("e", "Erik IK").profile(field::STATUS, "inactive"),
    ]))
}

fn block(finished: &Finished) -> PipelineBlock {
    serde_json::from_value(finished.report().blocks["pipeline"].clone()).unwrap()
}

#[track_caller]
fn check(finished: &Finished, expected: Expect) {
    let report = finished.report();
    let mut lines = vec![format!(
        "{}: {}",
        report.status.as_str(),
        report.text.as_ref().unwrap()
    )];
    lines.extend(
        report
            .blockers
            .iter()
            .map(|blocker| format!("blocker: {blocker}")),
    );
    lines.extend(
        report
            .recommendations
            .iter()
            .map(|recommendation| format!("recommends: {recommendation}")),
    );
    lines.extend(report.actions.iter().map(|action| {
        format!(
            "action: {} – {} ({})",
            action.customer,
            action.action,
            action.reason.as_deref().unwrap_or("–")
        )
    }));
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn totals_groups_and_customers_by_value() {
    check(
        &run(&agent(), &task("t1", ANALYSIS), now(), &portfolio()),
        expect![[r#"
            complete: Pipeline-analys 2025-09-01: 2 670,25 SEK fakturerat, 2 650,50 SEK återkommande per månad, 19 000 SEK på väg in (viktat).

            Fakturerat: 2 670,25 SEK
            Fakturerat i år: 1 500,16 SEK
            Återkommande per månad: 2 650,50 SEK
            Möjligheter: 30 000,01 SEK
            Möjligheter, viktat: 19 000 SEK
            I riskzonen: 0 SEK

            HETA, över 70 % (1)
            - Alfa IF: Affär stöd, 80 % av 20 000 SEK, väntas 2025-10-31

            STILLASTÅENDE, utan aktivitet i över 30 dagar (1)
            - Alfa IF: Affär kurs, ingen aktivitet på 40 dagar, 30 % av 10 000,01 SEK, väntas 2025-10-31

            MINSKANDE ÅTERKOMMANDE INTÄKTER, jämfört med 90 dagar sedan (1)
            - Beta SK: återkommande 750,50 SEK per månad, var 1 000 SEK

            KUNDER efter värde (4)
            - Alfa IF: fakturerat 2 500,25 SEK, återkommande per månad 1 500 SEK, på väg in 30 000,01 SEK, viktat 19 000 SEK
            - Beta SK: fakturerat 100 SEK, återkommande per månad 750,50 SEK
            - Cesar FF: återkommande per månad 400 SEK
            - Doris NK (har lämnat): fakturerat 70 SEK
            recommends: Involvera sälj i Affär stöd hos Alfa IF: 80 % av 20 000 SEK, väntas 2025-10-31.
            recommends: Risk för churn hos Beta SK: återkommande 750,50 SEK per månad, var 1 000 SEK.
            recommends: Ta upp Affär kurs hos Alfa IF igen eller stäng: ingen aktivitet på 40 dagar.
            action: Alfa IF – Involvera sälj: Affär stöd (80 % av 20 000 SEK, väntas 2025-10-31)
            action: Beta SK – Churnvarning: hör med kunden varför det återkommande minskar (återkommande 750,50 SEK per månad, var 1 000 SEK)
            action: Alfa IF – Ta upp igen eller stäng: Affär kurs (ingen aktivitet på 40 dagar)"#]],
    );
}

#[test]
fn the_same_in_english() {
    let mut task = task("t1", ANALYSIS);
    task.locale = Some(Locale::En);
    check(
        &run(&agent(), &task, now(), &portfolio()),
        expect![[r#"
            complete: Pipeline analysis 2025-09-01: 2,670.25 SEK invoiced, 2,650.50 SEK recurring per month, 19,000 SEK coming (weighted).

            Invoiced: 2,670.25 SEK
            Invoiced this year: 1,500.16 SEK
            Recurring per month: 2,650.50 SEK
            Opportunities: 30,000.01 SEK
            Opportunities, weighted: 19,000 SEK
            At risk: 0 SEK

            HOT, above 70 % (1)
            - Alfa IF: Affär stöd, 80 % of 20,000 SEK, expected 2025-10-31

            STALE, no activity for more than 30 days (1)
            - Alfa IF: Affär kurs, no activity for 40 days, 30 % of 10,000.01 SEK, expected 2025-10-31

            FALLING RECURRING REVENUE, against 90 days ago (1)
            - Beta SK: recurring 750.50 SEK per month, was 1,000 SEK

            CUSTOMERS by value (4)
            - Alfa IF: invoiced 2,500.25 SEK, recurring per month 1,500 SEK, coming 30,000.01 SEK, weighted 19,000 SEK
            - Beta SK: invoiced 100 SEK, recurring per month 750.50 SEK
            - Cesar FF: recurring per month 400 SEK
            - Doris NK (has left): invoiced 70 SEK
            recommends: Involve Sales in Affär stöd at Alfa IF: 80 % of 20,000 SEK, expected 2025-10-31.
            recommends: Risk of churn at Beta SK: recurring 750.50 SEK per month, was 1,000 SEK.
            recommends: Revive or close Affär kurs at Alfa IF: no activity for 40 days.
            action: Alfa IF – Involve Sales: Affär stöd (80 % of 20,000 SEK, expected 2025-10-31)
            action: Beta SK – Churn warning: ask why recurring revenue is falling (recurring 750.50 SEK per month, was 1,000 SEK)
            action: Alfa IF – Revive or close: Affär kurs (no activity for 40 days)"#]],
    );
}

#[test]
fn an_empty_portfolio_is_no_failure() {
    check(
        &run(&agent(), &task("t1", ANALYSIS), now(), &MemoryPortfolio::new([])),
        expect![[r#"
        complete: Pipeline-analys 2025-09-01: det finns inga kunder än. Läs in kunder med `kunder import`, eller börja med en onboarding.
        recommends: Läs in kunder med `kunder import`."#]],
    );
}

#[test]
fn stale_and_hot_begin_above_their_limits() {
    let flags = |days: i64, probability: u8| {
        let portfolio = MemoryPortfolio::new(facts([customer("a", "Alfa").opportunity(
            days,
            "x",
            OpportunityStatus::Proposed,
            "1 SEK",
            probability,
        )]));
        let block = block(&run(&agent(), &task("t1", ANALYSIS), now(), &portfolio));
        (block.stale.len(), block.hot.len())
    };
    assert_eq!(flags(30, 70), (0, 0));
    assert_eq!(flags(31, 71), (1, 1));
}
