//! A door that keeps what it accepts in memory. What it does with a task stands in the task's own instruction.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use kunder_agent_core::door::{AgentCard, Answer, Door, Incoming, Receipt, Refusal, RefusalCode};
use kunder_agent_core::envelope;
use kunder_agent_core::id::{AgentName, TaskId};
use kunder_agent_core::journal::{TaskState, TaskStatus};
use kunder_agent_core::letter::{LetterId, NewLetter};
use kunder_agent_core::outcome::{OUTCOME_PROTOCOL, Outcome, Report, Status};
use kunder_agent_core::task::Task;
use serde_json::{Value, json};
use tokio::sync::watch;

/// Commands of a task and what the door does: `busy` is refused twice before it is accepted, `gated` waits for the gate,
/// `slow` has no outcome yet, `panics` panics the first time, `blocks` holds its thread, all others are done at once.
pub struct MemoryDoor {
    accepted: Mutex<BTreeMap<String, Task>>,
    refused: Mutex<BTreeMap<String, u32>>,
    incoming: Mutex<Vec<Incoming>>,
    letters: Mutex<BTreeMap<LetterId, NewLetter>>,
    submissions: AtomicU64,
    blocks: (Mutex<bool>, Condvar),
    pub gate: watch::Sender<bool>,
}

impl MemoryDoor {
    pub fn new() -> Self {
        Self {
            accepted: Mutex::default(),
            refused: Mutex::default(),
            incoming: Mutex::default(),
            letters: Mutex::default(),
            submissions: AtomicU64::new(0),
            blocks: Default::default(),
            gate: watch::Sender::new(false),
        }
    }

    pub fn accepted(&self) -> Vec<String> {
        self.accepted.lock().unwrap().keys().cloned().collect()
    }

    /// Whether tasks of the command `blocks` hold their thread.
    pub fn block(&self, blocks: bool) {
        *self.blocks.0.lock().unwrap() = blocks;
        self.blocks.1.notify_all();
    }

    /// How often a task was handed in, known or not.
    pub fn submissions(&self) -> u64 {
        self.submissions.load(Ordering::SeqCst)
    }

    pub fn task(&self, id: &str) -> Task {
        self.accepted.lock().unwrap()[id].clone()
    }

    pub fn incoming(&self) -> Vec<Incoming> {
        self.incoming.lock().unwrap().clone()
    }

    pub fn letters(&self) -> Vec<NewLetter> {
        self.letters.lock().unwrap().values().cloned().collect()
    }

    pub fn refusals(&self, id: &str) -> u32 {
        self.refused.lock().unwrap().get(id).copied().unwrap_or_default()
    }

    /// Refuses the first `times` of this id.
    fn refuse_first(&self, id: &str, times: u32) -> bool {
        let mut refused = self.refused.lock().unwrap();
        let count = refused.entry(id.to_owned()).or_default();
        let refuse = *count < times;
        *count += u32::from(refuse);
        refuse
    }

    fn of(&self, id: &TaskId) -> Result<Task, Refusal> {
        let accepted = self.accepted.lock().unwrap();
        accepted
            .get(id.as_str())
            .cloned()
            .ok_or_else(|| Refusal::new(RefusalCode::Unknown, format!("no task `{id}`")))
    }
}

fn busy() -> Refusal {
    let mut refusal = Refusal::new(RefusalCode::Busy, "the mailbox is full");
    refusal.retry_after_ms = Some(60);
    refusal
}

#[async_trait]
impl Door for MemoryDoor {
    fn agents(&self) -> Vec<AgentCard> {
        ["customer-health", "pipeline"]
            .map(|name| AgentCard {
                name: AgentName::new(name),
                description: format!("the {name} agent"),
                commands: vec!["health-check".to_owned(), "report".to_owned()],
            })
            .to_vec()
    }

    fn figures(&self) -> Value {
        serde_json::json!({ "accepted": self.accepted.lock().unwrap().len() })
    }

    async fn submit(
        &self,
        agent: Option<&str>,
        traceparent: Option<&str>,
        payload: &[u8],
    ) -> Result<Receipt, Refusal> {
        self.submissions.fetch_add(1, Ordering::SeqCst);
        let mut task = envelope::read(payload, 900_000)?.task;
        let id = task.task_id.clone();
        task.agent = agent.map(str::to_owned);
        task.traceparent = task.traceparent.or(traceparent.map(str::to_owned));
        match task.command() {
            Some("busy") if self.refuse_first(id.as_str(), 2) => return Err(busy()),
            Some("panics") if self.refuse_first(id.as_str(), 1) => panic!("as the task asked"),
            Some("gated") => {
                let mut gate = self.gate.subscribe();
                gate.wait_for(|open| *open).await.unwrap();
            }
            Some("blocks") => {
                let wait = || {
                    let blocks = self.blocks.0.lock().unwrap();
                    drop(self.blocks.1.wait_while(blocks, |blocks| *blocks).unwrap());
                };
                tokio::task::block_in_place(wait);
            }
            _ => {}
        }
        let agent = AgentName::new(agent.unwrap_or("customer-health"));
        let mut accepted = self.accepted.lock().unwrap();
        let known = match accepted.get(id.as_str()) {
            Some(before) if before.instruction != task.instruction => {
                return Err(Refusal::new(
                    RefusalCode::Conflict,
                    format!("task `{id}` has another body"),
                ));
            }
            before => before.is_some(),
        };
        accepted.insert(id.to_string(), task);
        Ok(Receipt {
            task_id: id,
            agent,
            known,
        })
    }

    async fn outcome(&self, id: &TaskId, wait: Duration) -> Result<Answer, Refusal> {
        let task = self.of(id)?;
        if task.command() == Some("slow") {
            let never = std::future::pending::<()>();
            let _ = tokio::time::timeout(wait, never).await;
            return Ok(Answer::Pending(Box::new(self.status(id).await?)));
        }
        let bytes = task
            .param("bytes")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        Ok(Answer::Outcome(Box::new(Outcome {
            protocol: OUTCOME_PROTOCOL.to_owned(),
            task_id: id.clone(),
            agent: format!("kunder/{}", task.agent.unwrap_or_default()),
            started_at: Timestamp::UNIX_EPOCH,
            finished_at: Timestamp::UNIX_EPOCH,
            report: Report::new(Status::Complete, "x".repeat(bytes)),
            criteria: Vec::new(),
            warnings: Vec::new(),
            cut: Vec::new(),
        })))
    }

    async fn status(&self, id: &TaskId) -> Result<TaskStatus, Refusal> {
        let task = self.of(id)?;
        Ok(TaskStatus {
            task_id: id.clone(),
            agent: AgentName::new(&task.agent.unwrap_or_default()),
            state: TaskState::Queued,
            accepted_at: Timestamp::UNIX_EPOCH,
            not_before: None,
            tries: 0,
            progress: None,
            outcome: None,
        })
    }

    async fn cancel(&self, id: &TaskId, by: &str) -> Result<TaskStatus, Refusal> {
        let status = self.status(id).await?;
        self.accepted
            .lock()
            .unwrap()
            .get_mut(id.as_str())
            .unwrap()
            .requested_by = Some(format!("cancelled by {by}"));
        Ok(status)
    }

    async fn chat(&self, payload: &[u8]) -> Result<Vec<u8>, Refusal> {
        let asked: Value =
            serde_json::from_slice(payload).map_err(|error| Refusal::field("text", error.to_string()))?;
        Ok(
            json!({ "text": format!("svar: {}", asked["text"].as_str().unwrap_or_default()) })
                .to_string()
                .into_bytes(),
        )
    }

    async fn metrics(&self) -> Result<Value, Refusal> {
        Ok(json!({ "nps": null }))
    }

    async fn control(&self, payload: &[u8]) -> Result<Vec<u8>, Refusal> {
        Ok(payload.iter().rev().copied().collect())
    }

    async fn incoming(&self, incoming: Incoming) -> Result<Receipt, Refusal> {
        let id = incoming.id.clone().unwrap_or_default();
        if incoming.kind == "busy" && self.refuse_first(&id, 2) {
            return Err(busy());
        }
        if incoming.data == b"bad" {
            return Err(Refusal::field("customer", "is missing"));
        }
        let mut all = self.incoming.lock().unwrap();
        let known = all.iter().any(|before| before.id == incoming.id);
        if !known {
            all.push(incoming);
        }
        Ok(Receipt {
            task_id: TaskId::derived("in", &id),
            agent: AgentName::new("pipeline"),
            known,
        })
    }

    async fn set_aside(&self, letter: NewLetter) -> Result<(), Refusal> {
        self.letters
            .lock()
            .unwrap()
            .entry(letter.id.clone())
            .or_insert(letter);
        Ok(())
    }
}
