//! Tests of the customer-fetching agent: a task and facts in, a decision out, through one `check`.

use std::fmt::Write;
use std::sync::Arc;

use expect_test::{Expect, expect};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use kunder_agent_core::decision::{Decision, Resolution};
use kunder_agent_core::id::TaskId;
use kunder_agent_core::outcome::Report;
use kunder_agent_core::task::{Locale, Task};
use kunder_domain::anonymous::reveals;
use kunder_domain::change::Change;
use kunder_domain::definitions::Definitions;
use kunder_domain::demo;
use kunder_domain::fact::{
    ContactRole, Fact, FactBody, OpportunityStatus, ServiceStatus, Stage, Touchpoint, TouchpointChannel,
    field,
};
use kunder_domain::portfolio::{Portfolio, Span};

use super::{BriefBlock, CustomerFetching};
use crate::fact_builder::{Build, ago, customer, day, facts, now};
use crate::memory_portfolio::{MemoryPortfolio, ready, run};

mod health;
mod pages;
mod stories;

fn agent() -> CustomerFetching {
    CustomerFetching::new(Arc::new(Definitions::shipped()))
}

fn task(command: &str, about: &str) -> Task {
    let mut task = Task::new(TaskId::new("k-1").unwrap(), "customer-fetching", command);
    task.context.customer = Some(about.to_owned());
    task
}

fn decide(facts: Vec<Fact>, task: &Task) -> Decision<Change> {
    run(&agent(), task, now(), &MemoryPortfolio::new(facts)).decision
}

fn report(decision: &Decision<Change>) -> &Report {
    match &decision.verdict {
        Resolution::Done(report) => report,
        Resolution::Wait(_) => panic!("a brief waits for nobody"),
    }
}

fn show(decision: &Decision<Change>) -> String {
    let report = report(decision);
    let mut shown = format!("{}: {}\n", report.status.as_str(), report.summary);
    for blocker in &report.blockers {
        let _ = writeln!(shown, "  blocker: {blocker}");
    }
    for artifact in &decision.artifacts {
        let _ = writeln!(shown, "  artifact {}", artifact.path);
    }
    for fact in decision.changes.iter().filter_map(Change::fact) {
        let _ = writeln!(
            shown,
            "  fact {}: {}",
            fact.id,
            serde_json::to_string(&fact.body).unwrap()
        );
    }
    for event in &decision.events {
        let keys: Vec<&String> = event.data.as_object().unwrap().keys().collect();
        let _ = writeln!(
            shown,
            "  event {} about {:?}: {keys:?}",
            event.kind, event.subject
        );
    }
    for request in &decision.requests {
        let command = request.instruction.command.as_deref().unwrap();
        let _ = writeln!(
            shown,
            "  request {} {command} about {:?}",
            request.to, request.customer
        );
    }
    if let Some(text) = &report.text {
        let _ = write!(shown, "\n{text}");
    }
    shown
}

#[track_caller]
fn check(facts: Vec<Fact>, task: &Task, expected: Expect) {
    expected.assert_eq(&show(&decide(facts, task)));
}

fn said(quote: &str, summary: &str) -> FactBody {
    FactBody::Touchpoint(Touchpoint {
        channel: TouchpointChannel::Call,
        summary: summary.to_owned(),
        quote: Some(quote.to_owned()),
        with: Some("Åsa Öman".to_owned()),
    })
}

/// A customer of whom something is known in every section.
fn known() -> Build {
    customer("orebro-idrottsforbund", "Örebro Idrottsförbund")
        .profile(field::ORG_NUMBER, "802400-0001")
        .profile(field::EMPLOYEES, "120")
        .profile(field::SECTOR, "idrottsorganisationer")
        .profile(field::TOWN, "Örebro")
        .contact("Åsa Öman", ContactRole::DecisionMaker)
        .contact("Per Ek", ContactRole::Technical)
        .stage(200, Stage::Onboarding)
        .stage(150, Stage::Delivery)
        .stage(90, Stage::Partnership)
        .service(150, "satori-uppstart", ServiceStatus::Started)
        .service(90, "satori-uppstart", ServiceStatus::Completed)
        .invoice(300, "40000 SEK")
        .invoice(30, "12500.50 SEK")
        .subscription(200, "Licens", "2500 SEK", -200, None)
        .opportunity(10, "kurser", OpportunityStatus::Negotiation, "80000 SEK", 75)
        .opportunity(45, "tillägg", OpportunityStatus::Discussed, "20000 SEK", 30)
        .todo("offert", -3)
        .todo("rapport", 12)
        .fact(
            60,
            said("Vi saknar rapporter per distrikt", "Samtal om rapporter"),
        )
        .fact(
            25,
            said(
                "Rapporter är det viktigaste för styrelsen",
                "Avstämning inför styrelsen",
            ),
        )
        .survey(20, 9)
}

#[test]
fn a_brief_holds_everything_with_source_and_date() {
    check(
        known().facts(),
        &task("brief", "Örebro Idrottsförbund"),
        expect![[r#"
            complete: Allt om Örebro Idrottsförbund på en sida: customers/orebro-idrottsforbund/brief.md.
              artifact customers/orebro-idrottsforbund/brief.md
              event brief-ready about Some("customer/orebro-idrottsforbund"): ["asOf", "customer", "customerId", "markdown", "path"]
              request admin/meeting-prep-agent use-brief about Some("orebro-idrottsforbund")

            # Kundinfo: Örebro Idrottsförbund, 2025-09-01

            ## Snabböversikt

            - Kund sedan 2024-07-28 (1 år och 1 månad) (källa: CRM, 2024-07-28)
            - Status: aktiv, steg: Partnerskap (källa: CRM, 2025-06-03)
            - Senaste kontakt: samtal, 25 dagar sedan; Avstämning inför styrelsen; nästa senast 2025-11-05 (källa: CRM, 2025-08-07)
            - Hälsa: Frisk (källa: satori/health v1, 2025-09-01)
            - Totalt värde hittills: 52 500,50 SEK (källa: CRM, 2025-08-02)

            ## Öppna åtaganden

            - Uppgift offert, skulle vara klart 2025-08-29 (källa: CRM, 2025-02-13)
            - Uppgift rapport, klart senast 2025-09-13 (källa: CRM, 2025-02-13)

            ## Ekonomi

            - Fakturerat i år 12 500,50 SEK, totalt 52 500,50 SEK (källa: CRM, 2025-08-02)
            - Återkommande 2 500 SEK i månaden (källa: CRM, 2025-02-13)
            - Kommande sex månader 66 000 SEK, viktat med sannolikheten (Affär kurser 75 %, Affär tillägg 30 %) (källa: CRM, 2025-08-22)

            ## Möjligheter

            - Affär kurser: 80 000 SEK, 75 %, i förhandling, väntas 2025-10-31 (källa: CRM, 2025-08-22)
            - Affär tillägg: 20 000 SEK, 30 %, diskuterad, väntas 2025-10-31 (källa: CRM, 2025-07-18)

            ## Citat och teman

            - ”Rapporter är det viktigaste för styrelsen” (källa: CRM, 2025-08-07)
            - ”Vi saknar rapporter per distrikt” (källa: CRM, 2025-07-03)
            - Återkommande ord: rapporter (2 anteckningar) (källa: CRM, 2025-08-07)

            ## Att fråga, följa upp och erbjuda

            - Fråga om: Minst tre kontaktpersoner (källa: satori/onboarding v1, 2025-09-01)
            - Fråga om: Projektkontakt (källa: satori/onboarding v1, 2025-09-01)
            - Följ upp: Uppgift offert (källa: CRM, 2025-02-13)
            - Följ upp: Affär tillägg (källa: CRM, 2025-07-18)
            - Erbjud: Affär kurser (källa: CRM, 2025-08-22)

            ## Röda flaggor

            - Ingen aktivitet på 45 dagar: Affär tillägg (källa: CRM, 2025-07-18)
            - 1 försenat åtagande (källa: CRM, 2025-02-13)

            ## Gröna flaggor

            - Skulle rekommendera oss: 9 av 10 (källa: CRM, 2025-08-12)
            - Nära avslut: Affär kurser, 75 % (källa: CRM, 2025-08-22)
            - Tät kontakt, senast för 25 dagar sedan (källa: CRM, 2025-08-07)

            ## Nyckelkontakter

            - Åsa Öman, beslutsfattare, inte verifierad (källa: CRM, 2024-07-28)
            - Per Ek, teknisk kontakt, inte verifierad (källa: CRM, 2024-07-28)

            ## Tre samtalspunkter

            - Ta upp: Ingen aktivitet på 45 dagar: Affär tillägg (källa: CRM, 2025-07-18)
            - Berätta hur det går med: Uppgift offert (skulle vara klart 2025-08-29) (källa: CRM, 2025-02-13)
            - Prata om nästa steg: Affär kurser (källa: CRM, 2025-08-22)
        "#]],
    );
}

#[test]
fn a_brief_in_english() {
    let mut task = task("brief", "Örebro Idrottsförbund");
    task.locale = Some(Locale::En);
    check(
        known().facts(),
        &task,
        expect![[r#"
            complete: Everything about Örebro Idrottsförbund on one page: customers/orebro-idrottsforbund/brief.md.
              artifact customers/orebro-idrottsforbund/brief.md
              event brief-ready about Some("customer/orebro-idrottsforbund"): ["asOf", "customer", "customerId", "markdown", "path"]
              request admin/meeting-prep-agent use-brief about Some("orebro-idrottsforbund")

            # Customer brief: Örebro Idrottsförbund, 2025-09-01

            ## Overview

            - Customer since 2024-07-28 (1 year and 1 month) (source: CRM, 2024-07-28)
            - Status: active, step: Partnership (source: CRM, 2025-06-03)
            - Last contact: call, 25 days ago; Avstämning inför styrelsen; next by 2025-11-05 (source: CRM, 2025-08-07)
            - Health: Healthy (source: satori/health v1, 2025-09-01)
            - Total value so far: 52,500.50 SEK (source: CRM, 2025-08-02)

            ## Open commitments

            - Uppgift offert, was due 2025-08-29 (source: CRM, 2025-02-13)
            - Uppgift rapport, due 2025-09-13 (source: CRM, 2025-02-13)

            ## Money

            - Invoiced this year 12,500.50 SEK, in all 52,500.50 SEK (source: CRM, 2025-08-02)
            - Recurring 2,500 SEK a month (source: CRM, 2025-02-13)
            - Coming six months 66,000 SEK, weighted by probability (Affär kurser 75 %, Affär tillägg 30 %) (source: CRM, 2025-08-22)

            ## Opportunities

            - Affär kurser: 80,000 SEK, 75 %, in negotiation, expected 2025-10-31 (source: CRM, 2025-08-22)
            - Affär tillägg: 20,000 SEK, 30 %, discussed, expected 2025-10-31 (source: CRM, 2025-07-18)

            ## Quotes and themes

            - “Rapporter är det viktigaste för styrelsen” (source: CRM, 2025-08-07)
            - “Vi saknar rapporter per distrikt” (source: CRM, 2025-07-03)
            - Recurring word: rapporter (2 notes) (source: CRM, 2025-08-07)

            ## To ask, follow up and offer

            - Ask about: At least three contacts (source: satori/onboarding v1, 2025-09-01)
            - Ask about: Project contact (source: satori/onboarding v1, 2025-09-01)
            - Follow up: Uppgift offert (source: CRM, 2025-02-13)
            - Follow up: Affär tillägg (source: CRM, 2025-07-18)
            - Offer: Affär kurser (source: CRM, 2025-08-22)

            ## Red flags

            - No activity for 45 days: Affär tillägg (source: CRM, 2025-07-18)
            - 1 overdue commitment (source: CRM, 2025-02-13)

            ## Green flags

            - Would recommend us: 9 of 10 (source: CRM, 2025-08-12)
            - Close to a deal: Affär kurser, 75 % (source: CRM, 2025-08-22)
            - In close contact, last 25 days ago (source: CRM, 2025-08-07)

            ## Key contacts

            - Åsa Öman, decision maker, not verified (source: CRM, 2024-07-28)
            - Per Ek, technical contact, not verified (source: CRM, 2024-07-28)

            ## Three talking points

            - Bring up: No activity for 45 days: Affär tillägg (source: CRM, 2025-07-18)
            - Report progress on: Uppgift offert (was due 2025-08-29) (source: CRM, 2025-02-13)
            - Talk about the next step: Affär kurser (source: CRM, 2025-08-22)
        "#]],
    );
}

#[test]
fn a_brief_of_a_customer_of_whom_nothing_is_known() {
    check(
        customer("tyst", "Tysta Förbundet").facts(),
        &task("brief", "Tysta Förbundet"),
        expect![[r#"
            complete: Allt om Tysta Förbundet på en sida: customers/tysta-forbundet-tyst/brief.md.
              artifact customers/tysta-forbundet-tyst/brief.md
              event brief-ready about Some("customer/tyst"): ["asOf", "customer", "customerId", "markdown", "path"]
              request admin/meeting-prep-agent use-brief about Some("tyst")

            # Kundinfo: Tysta Förbundet, 2025-09-01

            ## Snabböversikt

            - Kund sedan 2024-07-28 (1 år och 1 månad) (källa: CRM, 2024-07-28)
            - Status: aktiv, steg: saknas (källa: Kunder, 2025-09-01)
            - Senaste kontakt: saknas; hör av dig senast 2024-10-26 (källa: Kunder, 2025-09-01)
            - Hälsa: Akut; Ingen har haft kontakt sedan kunden lades upp för 400 dagar sedan (gräns 90) (källa: satori/health v1, 2025-09-01)

            ## Öppna åtaganden

            saknas

            ## Ekonomi

            saknas

            ## Möjligheter

            saknas

            ## Citat och teman

            saknas

            ## Att fråga, följa upp och erbjuda

            - Fråga om: Minst tre kontaktpersoner (källa: satori/onboarding v1, 2025-09-01)
            - Fråga om: Teknisk kontakt (källa: satori/onboarding v1, 2025-09-01)

            ## Röda flaggor

            - Ingen har haft kontakt sedan kunden lades upp för 400 dagar sedan (gräns 90) (källa: satori/health v1, 2025-09-01)

            ## Gröna flaggor

            saknas

            ## Nyckelkontakter

            saknas

            ## Tre samtalspunkter

            - Ta upp: Ingen har haft kontakt sedan kunden lades upp för 400 dagar sedan (gräns 90) (källa: satori/health v1, 2025-09-01)
            - Fråga om: Minst tre kontaktpersoner (källa: satori/onboarding v1, 2025-09-01)
        "#]],
    );
}

/// The demo portfolio on the tests' day, and the ids of its customers.
fn demo_portfolio() -> (Vec<Fact>, Vec<String>) {
    let zone = TimeZone::get("Europe/Stockholm").unwrap();
    let day: Date = day(0);
    let facts = demo::generate(day, 7, &zone);
    let portfolio = MemoryPortfolio::new(facts.clone());
    let view = ready(portfolio.view(now())).unwrap();
    let customers = ready(portfolio.read(view, &Span::default())).unwrap();
    (
        facts,
        customers.into_iter().map(|customer| customer.id.0).collect(),
    )
}
