//! An agent that does what its task's command says, over the real store: for tests of the runtime itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use kunder_agent_core::agent::{Agent, GatherError, Work};
use kunder_agent_core::decision::{Artifact, Decision, Due, Expect, FollowUp};
use kunder_agent_core::event::EventDraft;
use kunder_agent_core::id::AgentName;
use kunder_agent_core::outcome::{Report, Status};
use kunder_agent_core::task::Task;
use kunder_agents::Reader;
use kunder_domain::change::Change;
use kunder_domain::fact::{CustomerId, Fact, FactBody};
use tokio::sync::Semaphore;

/// What the tests see and steer.
pub struct Script {
    /// Decisions made, by task.
    pub decided: Mutex<BTreeMap<String, u32>>,
    /// Tasks inside `decide`, by lane; more than one is an overlap.
    pub inside: Mutex<BTreeMap<String, u32>>,
    pub overlaps: AtomicU32,
    /// Tasks in the order in which they were decided.
    pub order: Mutex<Vec<String>>,
    gate: (Mutex<bool>, Condvar),
    /// How many decisions of `serve` may still be made.
    tokens: (Mutex<u64>, Condvar),
    /// Set once the first decision of `stale` was made.
    pub stale_once: AtomicBool,
    pub gathers: AtomicU32,
    /// A gather of `by-pages` takes one of these per page.
    pub pages: Semaphore,
    /// Pages that such gathers have read.
    pub pages_read: AtomicU32,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            decided: Mutex::default(),
            inside: Mutex::default(),
            overlaps: AtomicU32::default(),
            order: Mutex::default(),
            gate: <(Mutex<bool>, Condvar)>::default(),
            tokens: <(Mutex<u64>, Condvar)>::default(),
            stale_once: AtomicBool::default(),
            gathers: AtomicU32::default(),
            pages: Semaphore::new(0),
            pages_read: AtomicU32::default(),
        }
    }
}

impl Script {
    /// Lets every decision that waits at the gate pass, now and later.
    pub fn open_gate(&self) {
        *self.gate.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.gate.1.notify_all();
    }

    fn wait_at_gate(&self) {
        let open = self.gate.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .gate
            .1
            .wait_timeout_while(open, Duration::from_secs(20), |open| !*open);
        drop(waited);
    }

    /// Lets so many decisions of `serve` be made.
    pub fn serve(&self, decisions: u64) {
        *self.tokens.0.lock().unwrap_or_else(PoisonError::into_inner) += decisions;
        self.tokens.1.notify_all();
    }

    fn wait_for_token(&self) {
        let left = self.tokens.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .tokens
            .1
            .wait_timeout_while(left, Duration::from_secs(20), |left| *left == 0);
        if let Ok((mut left, _)) = waited {
            *left = left.saturating_sub(1);
        }
    }

    /// How often a task was decided.
    pub fn decisions(&self, task: &str) -> u32 {
        self.decided
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(task)
            .copied()
            .unwrap_or(0)
    }
}

/// The agent `scripted`.
pub struct Scripted {
    pub name: &'static str,
    pub script: Arc<Script>,
}

#[async_trait]
impl Agent<Reader, Change> for Scripted {
    type Facts = u64;

    fn name(&self) -> AgentName {
        AgentName::new(self.name)
    }

    fn description(&self) -> &'static str {
        "does what it is told"
    }

    fn commands(&self) -> &'static [&'static str] {
        &[
            "note",
            "gate",
            "panic",
            "refuse",
            "spin",
            "split",
            "timer",
            "tell",
            "big",
            "circle",
            "wait-again",
            "ask-other",
            "by-pages",
            "nest",
            "step",
            "loud-panic",
            "too-much",
            "serve",
            "follow",
        ]
    }

    async fn lane(&self, task: &Task, _reader: &Reader) -> Option<String> {
        task.customer().map(str::to_owned)
    }

    async fn gather(&self, work: &Work, reader: &Reader) -> Result<u64, GatherError> {
        self.script.gathers.fetch_add(1, Ordering::Relaxed);
        if work.task.command() == Some("refuse") {
            return Err(GatherError::Refused("it is not for this agent".to_owned()));
        }
        if work.task.command() == Some("by-pages") {
            for _ in 0..number(work, "pages") {
                let page = self.script.pages.acquire().await;
                page.expect("the pages are never closed").forget();
                self.script.pages_read.fetch_add(1, Ordering::AcqRel);
            }
        }
        let Some(customer) = work.task.customer() else {
            return Ok(0);
        };
        let unavailable =
            |error: kunder_domain::portfolio::PortfolioError| GatherError::Unavailable(error.to_string());
        let view = reader.view(work.now).await.map_err(unavailable)?;
        let customer = reader
            .customer(view, &CustomerId::new(customer))
            .await
            .map_err(unavailable)?;
        Ok(customer.map_or(0, |customer| customer.version))
    }

    fn decide(&self, work: &Work, version: &u64) -> Decision<Change> {
        let task = work.task.task_id.to_string();
        let lane = work.task.customer().unwrap_or("").to_owned();
        *self
            .script
            .decided
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(task.clone())
            .or_default() += 1;
        self.script
            .order
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(task.clone());
        if !lane.is_empty() {
            let mut inside = self.script.inside.lock().unwrap_or_else(PoisonError::into_inner);
            let count = inside.entry(lane.clone()).or_default();
            *count += 1;
            if *count > 1 {
                self.script.overlaps.fetch_add(1, Ordering::Relaxed);
            }
        }
        let decision = self.act(work, *version);
        if !lane.is_empty() {
            let mut inside = self.script.inside.lock().unwrap_or_else(PoisonError::into_inner);
            *inside.entry(lane).or_default() -= 1;
        }
        decision
    }
}

impl Scripted {
    fn act(&self, work: &Work, version: u64) -> Decision<Change> {
        let done = |text: &str| Decision::done(Report::new(Status::Complete, text));
        match (work.task.command().unwrap_or("note"), &work.joined) {
            ("gate", _) => {
                self.script.wait_at_gate();
                done("passed")
            }
            ("panic", _) => panic!("told to"),
            ("spin", _) => {
                self.script.wait_at_gate();
                done("too late")
            }
            ("nest", None) => Decision::wait(vec![
                FollowUp::new("inner", self.name, "split").param("pages", number(work, "pages").to_string()),
            ]),
            ("loud-panic", _) => panic!("{}", "so loud ".repeat(1_000_000)),
            ("too-much", _) => too_much(work),
            ("split", None) => {
                let pages = work
                    .task
                    .param("pages")
                    .and_then(|pages| pages.parse().ok())
                    .unwrap_or(3_u32);
                let page = |number| {
                    FollowUp::new(format!("page-{number}"), self.name, "page").param("number", number)
                };
                Decision::wait((0..pages).map(page).collect())
            }
            ("split", Some(joined)) => {
                let whole = |outcome: &kunder_agent_core::outcome::Outcome| {
                    outcome.report.blocks["health"].as_array().map_or(0, Vec::len)
                };
                assert!(
                    joined.iter().all(|outcome| whole(outcome) == 300),
                    "pages are joined whole"
                );
                let numbers: Vec<String> = joined
                    .iter()
                    .map(|outcome| outcome.report.summary.clone())
                    .collect();
                done(&numbers.join(" "))
            }
            ("page", _) => {
                if work
                    .task
                    .instruction
                    .params
                    .get("number")
                    .and_then(serde_json::Value::as_u64)
                    == Some(7)
                {
                    self.script.wait_at_gate();
                }
                let mut decision = done(&work.task.instruction.params["number"].to_string());
                if let kunder_agent_core::decision::Resolution::Done(report) = &mut decision.verdict {
                    report.set("health", &vec!["row"; 300]);
                }
                decision
            }
            ("timer", _) => {
                let mut decision = done("set");
                decision.follow_ups.push(
                    FollowUp::new("later", self.name, "note")
                        .at(work.now + jiff::SignedDuration::from_hours(48)),
                );
                decision
            }
            ("circle", _) => {
                let mut decision = done("asked");
                let other = if self.name == "first" { "second" } else { "first" };
                decision.follow_ups.push(FollowUp::new("on", other, "circle"));
                decision
            }
            ("step", _) => {
                let mut decision = done("on");
                decision.follow_ups.push(FollowUp::new("on", self.name, "step"));
                decision
            }
            ("wait-again", _) => {
                Decision::wait(vec![FollowUp::new("page", self.name, "page").param("number", 1)])
            }
            ("ask-other", _) => {
                let mut decision = done("asked");
                decision
                    .follow_ups
                    .push(FollowUp::new("on", "second", "note").about("x"));
                decision
            }
            ("serve", _) => {
                self.script.wait_for_token();
                done("served")
            }
            ("follow", _) => {
                let hours = |hours| work.now + jiff::SignedDuration::from_hours(hours);
                let follow = |key: &str| FollowUp::new(key, "second", "note").about("x");
                let mut decision = done("followed");
                decision.follow_ups.extend([
                    follow("now"),
                    follow("sooner").at(hours(1)),
                    follow("later").at(hours(2)),
                    follow("never").due(Due::Never),
                    follow("at").due(Due::At(hours(3))),
                ]);
                decision
            }
            ("tell", _) => {
                let mut decision = done("told");
                decision
                    .events
                    .push(EventDraft::general("told", serde_json::json!({"by": self.name})));
                decision
            }
            ("big", _) => {
                let mut decision = done("big");
                if let kunder_agent_core::decision::Resolution::Done(report) = &mut decision.verdict {
                    report.set("health", &vec!["x".repeat(1_000); 5_000]);
                }
                decision
            }
            _ => self.note(work, version),
        }
    }

    fn note(&self, work: &Work, version: u64) -> Decision<Change> {
        let mut decision = Decision::done(Report::new(Status::Complete, "noted"));
        let Some(customer) = work.task.customer() else {
            return decision;
        };
        decision.expects.push(Expect {
            entity: customer.to_owned(),
            version,
        });
        decision.change(Fact {
            id: format!("{}/note", work.task.task_id),
            customer: CustomerId::new(customer),
            observed: work.now,
            source: "test".to_owned(),
            actor: self.name.to_owned(),
            body: FactBody::Profile {
                field: "note".to_owned(),
                value: work.task.task_id.to_string(),
            },
        });
        decision.events.push(EventDraft::about(
            "noted",
            customer,
            serde_json::json!({"customer": customer}),
        ));
        decision
    }
}

fn number(work: &Work, name: &str) -> u64 {
    let number = work.task.instruction.params.get(name);
    number.and_then(serde_json::Value::as_u64).unwrap_or(0)
}

/// So many facts, files and bytes as the task asks for.
fn too_much(work: &Work) -> Decision<Change> {
    let mut decision = Decision::done(Report::new(Status::Complete, "much"));
    let fact = |at: u64| Fact {
        id: format!("{}/{at}", work.task.task_id),
        customer: CustomerId::new("much"),
        observed: work.now,
        source: "test".to_owned(),
        actor: "test".to_owned(),
        body: FactBody::Profile {
            field: "note".to_owned(),
            value: at.to_string(),
        },
    };
    decision.changes = (0..number(work, "facts")).map(fact).map(Change::from).collect();
    let bytes = usize::try_from(number(work, "bytes")).unwrap_or(0);
    let file = |at: u64| Artifact {
        path: format!("artifacts/much/{at}.txt"),
        content: vec![b'x'; bytes],
    };
    decision.artifacts = (0..number(work, "files")).map(file).collect();
    decision
}
