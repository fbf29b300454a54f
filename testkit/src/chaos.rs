//! An agent that brings trouble: it panics, splits, waits, follows up, asks others and says too much, as its task tells it.

use async_trait::async_trait;
use jiff::SignedDuration;
use kunder_agent_core::agent::{Agent, GatherError, Work};
use kunder_agent_core::decision::{Artifact, Decision, Expect, FollowUp, RequestDraft};
use kunder_agent_core::event::EventDraft;
use kunder_agent_core::id::{Address, AgentName};
use kunder_agent_core::outcome::{Report, Status};
use kunder_agent_core::task::{Instruction, Task};
use kunder_agents::Reader;
use kunder_domain::change::Change;
use kunder_domain::fact::{CustomerId, Fact, FactBody};
use serde_json::json;

/// Its token, and that of its twin, with which it goes round in circles.
pub const CHAOS: &str = "chaos";
pub const HAVOC: &str = "havoc";
/// The process that its requests go to.
pub const ELSEWHERE: &str = "tjanster";

/// What it says when it panics.
pub const PLANNED_PANICS: [&str; 2] = ["it was told to", "it stumbles"];

/// The agent, under one of its names.
pub struct Chaos(pub &'static str);

/// What it reads: the version of the customer, 0 where there is none.
pub struct Read(u64);

#[async_trait]
impl Agent<Reader, Change> for Chaos {
    type Facts = Read;

    fn name(&self) -> AgentName {
        AgentName::new(self.0)
    }

    fn description(&self) -> &'static str {
        "brings trouble"
    }

    fn commands(&self) -> &'static [&'static str] {
        &[
            "note", "split", "timer", "chain", "ask", "stumble", "doomed", "big", "circle",
        ]
    }

    async fn lane(&self, task: &Task, _reader: &Reader) -> Option<String> {
        task.customer().map(str::to_owned)
    }

    async fn gather(&self, work: &Work, reader: &Reader) -> Result<Read, GatherError> {
        let away =
            |error: kunder_domain::portfolio::PortfolioError| GatherError::Unavailable(error.to_string());
        let Some(customer) = work.task.customer() else {
            return Ok(Read(0));
        };
        let view = reader.view(work.now).await.map_err(away)?;
        let found = reader
            .customer(view, &CustomerId::new(customer))
            .await
            .map_err(away)?;
        Ok(Read(found.map_or(0, |customer| customer.version)))
    }

    fn decide(&self, work: &Work, read: &Read) -> Decision<Change> {
        let number = |name: &str| {
            work.task
                .instruction
                .params
                .get(name)
                .and_then(serde_json::Value::as_u64)
        };
        match (work.task.command().unwrap_or("note"), &work.joined) {
            ("split", None) => {
                let page = |page: u64| {
                    let command = if number("doomed") == Some(page) {
                        "doomed"
                    } else {
                        "note"
                    };
                    FollowUp::new(format!("page-{page}"), CHAOS, command)
                };
                Decision::wait((0..number("pages").unwrap_or(3)).map(page).collect())
            }
            ("split", Some(joined)) => {
                let failed = joined
                    .iter()
                    .filter(|page| page.report.status == Status::Failed)
                    .count();
                let mut report = Report::new(Status::Complete, format!("{} pages", joined.len()));
                if failed > 0 {
                    report.block(format!("{failed} pages failed"));
                }
                Decision::done(report)
            }
            ("timer", _) => {
                let minutes = i64::try_from(number("minutes").unwrap_or(5)).unwrap_or(5);
                let mut decision = told("set");
                let later =
                    FollowUp::new("later", CHAOS, "note").at(work.now + SignedDuration::from_mins(minutes));
                decision.follow_ups.push(match work.task.customer() {
                    Some(customer) => later.about(customer),
                    None => later,
                });
                decision
            }
            ("chain", _) => {
                let mut decision = told("one more");
                if let Some(left) = number("left").and_then(|left| left.checked_sub(1)) {
                    decision
                        .follow_ups
                        .push(FollowUp::new("on", CHAOS, "chain").param("left", left));
                }
                decision
            }
            ("circle", _) => {
                let mut decision = told("round and round");
                decision.follow_ups.push(FollowUp::new(
                    "on",
                    if self.0 == CHAOS { HAVOC } else { CHAOS },
                    "circle",
                ));
                decision
            }
            ("ask", _) => ask(work, number("minutes")),
            ("stumble", _) => {
                if u64::from(work.attempt) <= number("falls").unwrap_or(1) {
                    std::panic::panic_any(PLANNED_PANICS[1]);
                }
                told("on its feet again")
            }
            ("doomed", _) => std::panic::panic_any(PLANNED_PANICS[0]),
            ("big", _) => {
                let mut report = Report::new(Status::Complete, "much");
                report.set("health", &vec!["x".repeat(200); 500]);
                let mut decision = Decision::done(report);
                decision.artifacts.push(Artifact {
                    path: format!("chaos/{}.txt", work.task.task_id),
                    content: vec![b'x'; 1_000],
                });
                decision
            }
            _ => note(work, read),
        }
    }
}

fn told(what: &str) -> Decision<Change> {
    let mut decision = Decision::done(Report::new(Status::Complete, what));
    decision
        .events
        .push(EventDraft::general("told", json!({ "what": what })));
    decision
}

fn ask(work: &Work, minutes: Option<u64>) -> Decision<Change> {
    let mut decision = told("asked");
    let minutes = minutes.and_then(|minutes| i64::try_from(minutes).ok());
    decision.requests.push(RequestDraft {
        to: Address {
            process: ELSEWHERE.to_owned(),
            agent: "service-delivery-agent".to_owned(),
        },
        key: "help".to_owned(),
        instruction: Instruction {
            command: Some("help".to_owned()),
            ..Instruction::default()
        },
        customer: work.task.customer().map(str::to_owned),
        context: json!({}),
        deadline: minutes.map(|minutes| work.now + SignedDuration::from_mins(minutes)),
    });
    decision
}

fn note(work: &Work, read: &Read) -> Decision<Change> {
    let mut decision = told("noted");
    if let Some(customer) = work.task.customer() {
        decision.expects.push(Expect {
            entity: customer.to_owned(),
            version: read.0,
        });
        decision.change(Fact {
            id: format!("{}/note", work.task.task_id),
            customer: CustomerId::new(customer),
            observed: work.now,
            source: "test".to_owned(),
            actor: CHAOS.to_owned(),
            body: FactBody::Profile {
                field: "note".to_owned(),
                value: work.task.task_id.to_string(),
            },
        });
    }
    decision
}
