//! The service behind every way in: envelopes, chat, events of other processes, and the command line's requests.

use std::sync::Arc;
use std::time::Duration;

use crate::store::Store;
use async_trait::async_trait;
use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use kunder_agent_core::clock::Clock;
use kunder_agent_core::door::{AgentCard, Answer, Door, Incoming, Receipt, Refusal, RefusalCode};
use kunder_agent_core::envelope::{Envelope, is_traceparent, read};
use kunder_agent_core::id::{AgentName, TaskId};
use kunder_agent_core::journal::TaskStatus;
use kunder_agent_core::letter::NewLetter;
use kunder_agent_core::runtime::Runtime;
use kunder_agent_core::task::Task;
use kunder_agents::Reader;
use kunder_agents::commands::{Parsed, parse};
use kunder_domain::change::Change;
use serde_json::Value;

use crate::control::{ChatReply, EventLine, Imported, Request, Response};
use crate::doctor;
use crate::metrics::{Metrics, Refused};
use crate::routing::{Routed, route};
use crate::storms::Storms;

/// How long the command line may ask to wait for one answer.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// How long a request for the success metrics waits.
const METRICS_WAIT: Duration = Duration::from_secs(30);

/// One runtime with its store. A cheap handle.
#[derive(Clone)]
pub struct Service {
    pub runtime: Runtime<Reader, Change>,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub facts: Arc<doctor::Setting>,
    pub refused: Arc<Refused>,
    pub storms: Arc<Storms>,
}

impl Service {
    /// A new id for a task that a person starts.
    #[must_use]
    pub fn new_id(&self) -> TaskId {
        new_id(self.clock.as_ref())
    }

    /// Accepts an envelope. Words without a command are read as a quick command, where they are one for that agent.
    pub(crate) async fn accept(
        &self,
        mut envelope: Envelope,
        addressed: Option<&str>,
    ) -> Result<Receipt, Refusal> {
        interpret(&mut envelope.task, addressed);
        self.runtime.submit(envelope, addressed).await
    }

    /// Ids and subjects that are ours alone: nobody outside may take the place of a task that follows from another,
    /// or have an outcome sent where our own messages go.
    pub(crate) fn is_free(&self, task: &Task) -> Result<(), Refusal> {
        if task.task_id.is_derived() {
            return Err(Refusal::field(
                "taskId",
                format!("`{}` has the shape of our own ids", task.task_id),
            )
            .hint("choose another id"));
        }
        let own = format!("{}.", self.runtime.subjects().process);
        match &task.reply_to {
            Some(subject) if subject.starts_with(&own) => {
                let message = format!("`{subject}` is one of our own subjects");
                Err(Refusal::field("replyTo", message).hint("the outcome comes on its result subject anyway"))
            }
            _ => Ok(()),
        }
    }

    async fn respond(&self, request: Request) -> Result<Response, Refusal> {
        let limit = |wait_ms: u64| Duration::from_millis(wait_ms).min(WAIT_MAX);
        Ok(match request {
            Request::Ask(request) => Response::Chat(Box::new(self.ask(request).await?)),
            Request::Send {
                agent,
                envelope,
                wait_ms,
            } => {
                let receipt = self.submit(agent.as_deref(), None, envelope.as_bytes()).await?;
                answer(self.runtime.outcome(&receipt.task_id, limit(wait_ms)).await?)
            }
            Request::Outcome { task_id, wait_ms } => {
                answer(self.runtime.outcome(&task_id, limit(wait_ms)).await?)
            }
            Request::Status { task_id } => Response::Status(Box::new(self.runtime.status(&task_id).await?)),
            Request::Cancel { task_id, by } => {
                Response::Status(Box::new(self.runtime.cancel(&task_id, &by).await?))
            }
            Request::List { limit } => {
                let list = self
                    .store
                    .list(None, limit.min(1_000))
                    .await
                    .map_err(|error| away(&error))?;
                Response::List(list)
            }
            Request::Import { facts } => {
                let report = self.store.ingest(facts).await.map_err(|error| away(&error))?;
                Response::Imported(Imported {
                    new: report.new,
                    known: report.known,
                    conflicting: report.conflicts,
                    examples: report.conflicting,
                })
            }
            Request::Events { after, limit } => Response::Events(self.events(after, limit.min(1_000)).await?),
            Request::Letters { before, limit, all } => {
                Response::Letters(self.letters(before, limit.min(1_000), all).await?)
            }
            Request::Letter { id } => Response::Letter(Box::new(self.letter(&id).await?)),
            Request::Replay { id } => Response::Ended(Box::new(self.replay(&id).await?)),
            Request::ReplayNext { after, upto } => Response::Replays(self.replay_next(after, upto).await?),
            Request::Drop { id } => Response::Ended(Box::new(self.drop_letter(&id).await?)),
            Request::Doctor => Response::Doctor(Box::new(doctor::diagnose(self).await?)),
            Request::Metrics => Response::Metrics(Box::new(Metrics::of(self).await?)),
            Request::Spans { as_of } => self.spans(as_of).await?,
            Request::Measure { files, view, span } => {
                Response::Measured(self.measure(&files, view, &span).await?)
            }
            Request::Settle { wait_ms } => Response::Settled {
                open: self.settle(limit(wait_ms)).await?,
            },
        })
    }

    async fn events(&self, after: u64, limit: usize) -> Result<Vec<EventLine>, Refusal> {
        let announcements = self
            .store
            .announcements(after, limit)
            .await
            .map_err(|error| away(&error))?;
        Ok(announcements.iter().filter_map(EventLine::of).collect())
    }

    /// Waits until nothing is queued or running; returns how many still are.
    pub(crate) async fn settle(&self, wait: Duration) -> Result<u64, Refusal> {
        let until = self.clock.now() + SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
        loop {
            let counts = self.store.counts().await.map_err(|error| away(&error))?;
            let open = counts.queued + counts.running;
            let now = self.clock.now();
            if open == 0 || now >= until {
                return Ok(open);
            }
            self.clock.sleep_until(now + SignedDuration::from_millis(5)).await;
        }
    }
}

pub(crate) fn away(error: &impl std::fmt::Display) -> Refusal {
    Refusal::new(RefusalCode::Unavailable, error.to_string())
}

fn answer(answer: Answer) -> Response {
    match answer {
        Answer::Outcome(outcome) => Response::Outcome(outcome),
        Answer::Pending(status) => Response::Pending(status),
    }
}

/// A new id, from the clock's randomness.
#[must_use]
pub fn new_id(clock: &dyn Clock) -> TaskId {
    TaskId::new(format!("{:016x}{:016x}", clock.random(), clock.random())).expect("hex digits are an id")
}

fn interpret(task: &mut Task, addressed: Option<&str>) {
    let (None, Some(text)) = (&task.instruction.command, &task.instruction.text) else {
        return;
    };
    let Parsed::Command(command) = parse(text) else {
        return;
    };
    let named = task
        .agent
        .as_deref()
        .or(addressed)
        .map(|agent| agent.rsplit('/').next().unwrap_or(agent));
    if named.is_some_and(|named| AgentName::new(named) != AgentName::new(command.agent)) {
        return;
    }
    task.agent.get_or_insert_with(|| command.agent.to_owned());
    task.instruction.command = Some(command.command.to_owned());
    if let (Some(customer), false) = (command.customer, task.instruction.params.contains_key("customer")) {
        task.instruction
            .params
            .insert("customer".to_owned(), Value::String(customer));
    }
    task.locale = task.locale.or(command.locale_hint);
}

#[async_trait]
impl Door for Service {
    fn agents(&self) -> Vec<AgentCard> {
        let card = |agent: &Arc<dyn kunder_agent_core::agent::AnyAgent<Reader, Change>>| AgentCard {
            name: agent.name(),
            description: agent.description().to_owned(),
            commands: agent
                .commands()
                .iter()
                .map(|command| (*command).to_owned())
                .collect(),
        };
        self.runtime.agents().iter().map(card).collect()
    }

    async fn submit(
        &self,
        agent: Option<&str>,
        traceparent: Option<&str>,
        payload: &[u8],
    ) -> Result<Receipt, Refusal> {
        self.refused.count(self.enter(agent, traceparent, payload).await)
    }

    async fn outcome(&self, task: &TaskId, wait: Duration) -> Result<Answer, Refusal> {
        self.runtime.outcome(task, wait).await
    }

    async fn status(&self, task: &TaskId) -> Result<TaskStatus, Refusal> {
        self.runtime.status(task).await
    }

    async fn cancel(&self, task: &TaskId, by: &str) -> Result<TaskStatus, Refusal> {
        self.runtime.cancel(task, by).await
    }

    async fn chat(&self, payload: &[u8]) -> Result<Vec<u8>, Refusal> {
        let fields = kunder_agent_core::envelope::object(payload, self.runtime.config().payload_bytes_max)?;
        let request = serde_json::from_value(Value::Object(fields)).map_err(|error| {
            let refusal = Refusal::new(
                RefusalCode::Malformed,
                format!("the chat request is malformed: {error}"),
            );
            refusal.hint("it is {text, locale?, user?, conversation?}")
        })?;
        let reply: ChatReply = self.ask(request).await?;
        Ok(serde_json::to_vec(&reply).expect("a reply is plain data and always serializes"))
    }

    async fn metrics(&self) -> Result<Value, Refusal> {
        let task = Task::new(self.new_id(), "customer-health", "strategy-metrics");
        let receipt = self
            .accept(
                Envelope {
                    task,
                    warnings: Vec::new(),
                },
                None,
            )
            .await?;
        match self.runtime.outcome(&receipt.task_id, METRICS_WAIT).await? {
            Answer::Outcome(outcome) => {
                Ok(serde_json::to_value(outcome).expect("an outcome is plain data and always serializes"))
            }
            Answer::Pending(status) => {
                Ok(serde_json::to_value(status).expect("a status is plain data and always serializes"))
            }
        }
    }

    async fn set_aside(&self, letter: NewLetter) -> Result<(), Refusal> {
        let told = letter.event(self.runtime.subjects());
        self.store
            .set_aside(letter, told)
            .await
            .map_err(|error| away(&error))?;
        self.runtime.announced().notify_one();
        Ok(())
    }

    async fn control(&self, payload: &[u8]) -> Result<Vec<u8>, Refusal> {
        let request = serde_json::from_slice(payload).map_err(|error| {
            Refusal::new(
                RefusalCode::Malformed,
                format!("the control request is malformed: {error}"),
            )
        })?;
        let response = self.respond(request).await.unwrap_or_else(Response::Refused);
        Ok(serde_json::to_vec(&response).expect("a response is plain data and always serializes"))
    }

    async fn incoming(&self, incoming: Incoming) -> Result<Receipt, Refusal> {
        self.refused.count(self.hear(incoming).await)
    }

    fn figures(&self) -> Value {
        // Everything in it is read and nothing waited for.
        let metrics = Metrics::of(self).now_or_never().and_then(Result::ok);
        serde_json::to_value(metrics).expect("figures are plain data and always serialize")
    }
}

impl Service {
    async fn enter(
        &self,
        agent: Option<&str>,
        traceparent: Option<&str>,
        payload: &[u8],
    ) -> Result<Receipt, Refusal> {
        let mut envelope = read(payload, self.runtime.config().payload_bytes_max)?;
        if envelope.task.traceparent.is_none() {
            envelope.task.traceparent = traceparent
                .filter(|value| is_traceparent(value))
                .map(str::to_owned);
        }
        self.is_free(&envelope.task)?;
        self.accept(envelope, agent).await
    }

    async fn hear(&self, incoming: Incoming) -> Result<Receipt, Refusal> {
        let limit = self.runtime.config().payload_bytes_max;
        match route(&incoming, limit)? {
            Routed::Task(envelope) => self.take(incoming, *envelope).await,
            Routed::Noted => {
                tracing::info!(process = incoming.process, "an answer was noted");
                let task_id = TaskId::derived(
                    &format!("in/{}/{}", incoming.process, incoming.kind),
                    incoming.id.as_deref().unwrap_or(""),
                );
                Ok(Receipt {
                    task_id,
                    agent: AgentName::new("runner"),
                    known: false,
                })
            }
        }
    }
    /// Takes an event unless too many like it have come; a second delivery of one that was taken is never put off.
    async fn take(&self, incoming: Incoming, envelope: Envelope) -> Result<Receipt, Refusal> {
        let Some(customer) = envelope.task.context.customer.clone() else {
            return self.accept(envelope, None).await;
        };
        let key = (incoming.process, incoming.kind, customer);
        if let Err(refusal) = self.storms.check(&key, self.clock.now())
            && self.runtime.status(&envelope.task.task_id).await.is_err()
        {
            self.storms.count(&key);
            return Err(refusal);
        }
        let receipt = self.accept(envelope, None).await?;
        if !receipt.known {
            self.storms.note(key, self.clock.now());
        }
        Ok(receipt)
    }
}

impl EventLine {
    /// Events and tasks for other processes; results are not events.
    fn of(announcement: &kunder_agent_core::bus::Announcement) -> Option<Self> {
        use kunder_agent_core::bus::AnnouncementKind::{Event, Reply, Request, Result};
        let data: Value = serde_json::from_slice(&announcement.body).ok()?;
        let event = match announcement.kind {
            Result | Reply => return None,
            Request => data,
            Event => {
                let attributes = announcement.headers.iter().filter_map(|(name, value)| {
                    let name = name.strip_prefix("ce-")?;
                    Some((name.to_owned(), Value::String(value.clone())))
                });
                let mut event: serde_json::Map<String, Value> = attributes.collect();
                event.insert("data".to_owned(), data);
                Value::Object(event)
            }
        };
        let committed_at: Timestamp = announcement.committed_at;
        Some(Self {
            number: announcement.number,
            subject: announcement.subject.clone(),
            committed_at,
            event,
        })
    }
}
