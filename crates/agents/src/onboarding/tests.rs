//! Tests of the onboarding agent: tasks and facts in, decisions out, through one `check`.

use std::fmt::Write;
use std::sync::Arc;

use expect_test::Expect;
use kunder_agent_core::decision::{Decision, Resolution};
use kunder_agent_core::id::TaskId;
use kunder_agent_core::outcome::Report;
use kunder_agent_core::task::{Locale, Task};
use kunder_domain::change::Change;
use kunder_domain::definitions::Definitions;
use kunder_domain::fact::{ContactRole, Fact, OpportunityStatus, field};
use serde_json::{Value, json};

use super::Onboarding;
use crate::fact_builder::{Build, ago, customer, day};
use crate::memory_portfolio::{MemoryPortfolio, run};

mod checklist;
mod coordination;
mod deals;
mod steps;

/// A task: its id, its command, its parameters, and how many days from the tests' now it comes.
struct Ask {
    task: Task,
    days: i64,
}

fn ask(id: &str, command: &str, params: Value) -> Ask {
    let mut task = Task::new(TaskId::new(id).unwrap(), "onboarding", command);
    let Value::Object(params) = params else {
        panic!("params are an object")
    };
    task.instruction.params = params;
    Ask { task, days: 0 }
}

impl Ask {
    fn day(mut self, days: i64) -> Self {
        self.days = days;
        self
    }

    fn english(mut self) -> Self {
        self.task.locale = Some(Locale::En);
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Task)) -> Self {
        change(&mut self.task);
        self
    }
}

fn agent() -> Onboarding {
    Onboarding::new(Arc::new(Definitions::shipped()))
}

/// The decisions of these tasks, taken one after the other on one portfolio.
fn decide(facts: Vec<Fact>, asks: impl IntoIterator<Item = Ask>) -> Vec<Decision<Change>> {
    let portfolio = MemoryPortfolio::new(facts);
    let agent = agent();
    asks.into_iter()
        .map(|ask| run(&agent, &ask.task, ago(-ask.days), &portfolio).decision)
        .collect()
}

#[track_caller]
fn check(facts: Vec<Fact>, asks: impl IntoIterator<Item = Ask>, expected: Expect) {
    let shown: Vec<String> = decide(facts, asks).iter().map(show).collect();
    expected.assert_eq(&shown.join("\n"));
}

fn report(decision: &Decision<Change>) -> &Report {
    match &decision.verdict {
        Resolution::Done(report) => report,
        Resolution::Wait(_) => panic!("onboarding waits for nobody"),
    }
}

/// A decision, a line each for what it says and does.
fn show(decision: &Decision<Change>) -> String {
    let report = report(decision);
    let mut shown = format!("{}: {}\n", report.status.as_str(), report.summary);
    for blocker in &report.blockers {
        let _ = writeln!(shown, "  blocker: {blocker}");
    }
    for expect in &decision.expects {
        let _ = writeln!(shown, "  expects {} at {}", expect.entity, expect.version);
    }
    for fact in decision.changes.iter().filter_map(Change::fact) {
        let body = serde_json::to_string(&fact.body).unwrap();
        let _ = writeln!(
            shown,
            "  fact {} ({}, {}): {body}",
            fact.id, fact.source, fact.actor
        );
    }
    for event in &decision.events {
        let _ = writeln!(shown, "  event {} [{}]: {}", event.kind, event.key, event.data);
    }
    for follow_up in &decision.follow_ups {
        let params = Value::Object(follow_up.instruction.params.clone());
        let command = follow_up.instruction.command.as_deref().unwrap();
        let at = follow_up
            .not_before
            .map_or_else(String::new, |at| format!(" at {at}"));
        let about = follow_up.customer.as_deref().unwrap_or("-");
        let _ = writeln!(
            shown,
            "  follow-up {} {command} about {about}{at}: {params}",
            follow_up.agent
        );
    }
    for request in &decision.requests {
        let deadline = request
            .deadline
            .map_or_else(String::new, |at| format!(" by {at}"));
        let command = request.instruction.command.as_deref().unwrap();
        let _ = writeln!(
            shown,
            "  request {} {command}{deadline}: {}",
            request.to, request.context
        );
    }
    shown
}

/// What only the kinds of things that happened tell.
fn outline(decision: &Decision<Change>) -> String {
    let report = report(decision);
    let events: Vec<&str> = decision.events.iter().map(|event| event.kind).collect();
    let stages = decision
        .events
        .iter()
        .filter(|event| event.kind == "stage-changed");
    let stages: Vec<String> = stages
        .map(|event| format!("{}→{}", event.data["from"], event.data["to"]))
        .collect();
    let mut outline = format!(
        "{}: {} [{}]",
        report.status.as_str(),
        report.summary,
        events.join(", ")
    );
    for extra in stages.iter().chain(&report.blockers) {
        let _ = write!(outline, "\n  {extra}");
    }
    outline
}

#[track_caller]
fn check_outline(facts: Vec<Fact>, asks: impl IntoIterator<Item = Ask>, expected: Expect) {
    let shown: Vec<String> = decide(facts, asks).iter().map(outline).collect();
    expected.assert_eq(&shown.join("\n"));
}

/// A customer for whom every required item is known except these fields of the profile.
fn nearly_complete(missing: &[&str]) -> Build {
    let fields = [
        (field::ORG_NUMBER, "802400-0001"),
        (field::EMPLOYEES, "120"),
        (field::SECTOR, "idrottsorganisationer"),
        (field::GOALS, "Fler medlemmar"),
        (field::INVOICE_EMAIL, "faktura@orebro.example"),
        (field::PREFERRED_CHANNEL, "mail"),
        (field::NEWSLETTER, "yes"),
        (field::CONTRACT, "A-17"),
        (field::FIRST_QUARTERLY_MEETING, "2025-10-15"),
    ];
    let mut build = customer("orebro-idrottsforbund", "Örebro Idrottsförbund");
    for (field, value) in fields.into_iter().filter(|(field, _)| !missing.contains(field)) {
        build = build.profile(field, value);
    }
    for (name, role) in [
        ("Åsa Öman", ContactRole::DecisionMaker),
        ("Per Ek", ContactRole::Technical),
        ("Mia Al", ContactRole::Finance),
        ("Bo Lind", ContactRole::Project),
    ] {
        build = build.contact(name, role);
    }
    let verified = kunder_domain::fact::Contact {
        key: "åsa öman".to_owned(),
        name: "Åsa Öman".to_owned(),
        role: ContactRole::DecisionMaker,
        email: Some("asa@orebro.example".to_owned()),
        phone: None,
        verified: true,
        active: true,
    };
    build
        .fact(399, kunder_domain::fact::FactBody::Contact(verified))
        .service(300, "satori-uppstart", kunder_domain::fact::ServiceStatus::Agreed)
        .opportunity(20, "kurser", OpportunityStatus::Discussed, "50000 SEK", 40)
}

fn orebro(more: Value) -> Value {
    let mut params = json!({ "customer": "Örebro Idrottsförbund" });
    for (name, value) in more.as_object().unwrap() {
        params[name] = value.clone();
    }
    params
}

/// The day so many days after the tests' now, as a message writes it.
fn written(days: i64) -> String {
    day(days).to_string()
}
