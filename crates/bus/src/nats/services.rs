//! The agents as NATS services: discoverable, many requests at once, each refused or answered.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_nats::service::{Request, Service, ServiceExt, endpoint::Endpoint};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use jiff::{SignedDuration, Timestamp};
use kunder_agent_core::door::{AgentCard, Answer, Door, Refusal, RefusalCode};
use kunder_agent_core::id::TaskId;
use kunder_agent_core::journal::TaskStatus;
use kunder_agent_core::outcome::OUTCOME_PROTOCOL;
use kunder_agent_core::task::TASK_PROTOCOL;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use tracing::error;

use super::error::BusError;
use super::serve::stopped;
use super::{Shared, header_map, reply};

/// The agent that also answers for the success metrics (S0-26, D-07).
const METRICS_AGENT: &str = "customer-health";
/// After the stop, requests that are on their way are still answered for so long.
const GRACE: SignedDuration = SignedDuration::from_millis(300);

/// What an endpoint does.
#[derive(Clone, Debug)]
enum Call {
    Task(String),
    Status(String),
    Cancel(String),
    Metrics,
    Chat,
    Control,
}

/// One endpoint at work.
pub(crate) struct EndpointWork {
    shared: Arc<Shared>,
    door: Arc<dyn Door>,
    call: Call,
    endpoint: Endpoint,
    stop: watch::Receiver<bool>,
}

/// Starts the services of all agents, of chat and of the command line.
pub(crate) async fn start(
    shared: &Arc<Shared>,
    door: &Arc<dyn Door>,
    stop: &watch::Receiver<bool>,
) -> Result<(Vec<Service>, Vec<EndpointWork>), BusError> {
    let mut started = Started {
        shared,
        door,
        stop,
        services: Vec::new(),
        work: Vec::new(),
    };
    for card in door.agents() {
        let agent = card.name.as_str().to_owned();
        let mut calls = vec![
            ("task", Call::Task(agent.clone())),
            ("status", Call::Status(agent.clone())),
            ("cancel", Call::Cancel(agent.clone())),
        ];
        if agent == METRICS_AGENT {
            calls.push(("metrics", Call::Metrics));
        }
        let endpoints = calls
            .into_iter()
            .map(|(name, call)| (name, shared.subjects.service(&agent, name), call));
        started
            .add(&agent, &card.description, metadata(&card), endpoints.collect())
            .await?;
    }
    let chat = vec![("chat", shared.subjects.chat(), Call::Chat)];
    let words = "quick commands in words: {text, locale?, user?, conversation?} in, {text, outcome} out";
    started.add("chat", words, HashMap::new(), chat).await?;
    let control = vec![(
        "request",
        shared.subjects.service("control", "request"),
        Call::Control,
    )];
    started
        .add("control", "the command line", HashMap::new(), control)
        .await?;
    Ok((started.services, started.work))
}

struct Started<'a> {
    shared: &'a Arc<Shared>,
    door: &'a Arc<dyn Door>,
    stop: &'a watch::Receiver<bool>,
    services: Vec<Service>,
    work: Vec<EndpointWork>,
}

impl Started<'_> {
    async fn add(
        &mut self,
        name: &str,
        description: &str,
        metadata: HashMap<String, String>,
        endpoints: Vec<(&'static str, String, Call)>,
    ) -> Result<(), BusError> {
        let process = &self.shared.subjects.process;
        let name = format!("{process}-{name}");
        let setup = |error: async_nats::Error| {
            BusError::setup(
                format!("service {name}"),
                error,
                "its name and its subjects must be of a-z, 0-9, `-` and `_`",
            )
        };
        let (door, health) = (Arc::clone(self.door), Arc::clone(&self.shared.health));
        let service = self
            .shared
            .client
            .service_builder()
            // On the endpoint that takes tasks, and on the command line's: the others would say the same.
            .stats_handler(move |endpoint, _| match endpoint.as_str() {
                "task" | "request" => with_health(door.figures(), health.problems()),
                _ => Value::Null,
            })
            .description(description)
            .metadata(metadata)
            .queue_group(process)
            .start(&name, env!("CARGO_PKG_VERSION"))
            .await
            .map_err(setup)?;
        for (endpoint_name, subject, call) in endpoints {
            let endpoint = service
                .endpoint_builder()
                .name(endpoint_name)
                .add(subject)
                .await
                .map_err(setup)?;
            self.work.push(EndpointWork {
                shared: Arc::clone(self.shared),
                door: Arc::clone(self.door),
                call,
                endpoint,
                stop: self.stop.clone(),
            });
        }
        self.services.push(service);
        Ok(())
    }
}

/// The door's figures, and whether the broker lets us work.
fn with_health(figures: Value, problems: Vec<String>) -> Value {
    let mut fields = match figures {
        Value::Object(fields) => fields,
        _ => serde_json::Map::new(),
    };
    fields.insert("healthy".to_owned(), json!(problems.is_empty()));
    fields.insert("problems".to_owned(), json!(problems));
    Value::Object(fields)
}

fn metadata(card: &AgentCard) -> HashMap<String, String> {
    HashMap::from([
        ("schema".to_owned(), TASK_PROTOCOL.to_owned()),
        ("result".to_owned(), OUTCOME_PROTOCOL.to_owned()),
        ("commands".to_owned(), card.commands.join(", ")),
    ])
}

impl EndpointWork {
    /// Answers requests until told to stop, and then those that are under way.
    pub(crate) async fn run(self) {
        let Self {
            shared,
            door,
            call,
            mut endpoint,
            stop,
        } = self;
        let answering = Answering {
            shared: &shared,
            door: &door,
            call: &call,
            stop: &stop,
        };
        let mut told = stop.clone();
        let mut grace: Option<Timestamp> = None;
        let mut under_way = FuturesUnordered::new();
        loop {
            tokio::select! {
                biased;
                Some(()) = under_way.next(), if !under_way.is_empty() => {}
                request = endpoint.next() => match request {
                    None => break,
                    Some(request) if under_way.len() >= shared.config.requests_max => {
                        reply::answer(&shared.client, request, Err(busy(under_way.len()))).await;
                    }
                    Some(request) => under_way.push(answering.answer(request)),
                },
                () = stopped(&mut told), if grace.is_none() => grace = Some(shared.clock.now() + GRACE),
                () = shared.clock.sleep_until(grace.unwrap_or_default()), if grace.is_some() => break,
            }
        }
        while under_way.next().await.is_some() {}
    }
}

fn busy(under_way: usize) -> Refusal {
    let mut refusal = Refusal::new(
        RefusalCode::Busy,
        format!("{under_way} requests are under way here"),
    );
    refusal.retry_after_ms = Some(1_000);
    refusal
}

/// What the requests of one endpoint share.
struct Answering<'a> {
    shared: &'a Arc<Shared>,
    door: &'a Arc<dyn Door>,
    call: &'a Call,
    stop: &'a watch::Receiver<bool>,
}

impl Answering<'_> {
    async fn answer(&self, request: Request) {
        // A fault of ours costs this request and no other.
        let called = AssertUnwindSafe(self.called(&request)).catch_unwind().await;
        let outcome = called.unwrap_or_else(|_panic| {
            error!(subject = %request.message.subject, "answering a request panicked");
            Err(Refusal::new(RefusalCode::Unavailable, "internal error"))
        });
        reply::answer(&self.shared.client, request, outcome).await;
    }

    async fn called(&self, request: &Request) -> Result<Vec<u8>, Refusal> {
        let payload = &request.message.payload;
        match self.call {
            Call::Task(agent) => self.task(agent, request).await,
            Call::Status(agent) => {
                let asked = Asked::read(payload)?;
                json_of(&self.status_at(agent, &asked.task).await?)
            }
            Call::Cancel(agent) => {
                let asked = Asked::read(payload)?;
                self.status_at(agent, &asked.task).await?;
                json_of(
                    &self
                        .door
                        .cancel(&asked.task, asked.by.as_deref().unwrap_or("nats"))
                        .await?,
                )
            }
            Call::Metrics => json_of(&self.door.metrics().await?),
            Call::Chat => self.door.chat(payload).await,
            Call::Control => self.door.control(payload).await,
        }
    }

    async fn task(&self, agent: &str, request: &Request) -> Result<Vec<u8>, Refusal> {
        let message = &request.message;
        let traceparent = header_map::find(message.headers.as_ref(), "traceparent");
        let receipt = self
            .door
            .submit(Some(agent), traceparent, &message.payload)
            .await?;
        // Nobody waits for the answer of a message without a reply subject.
        let wait = if message.reply.is_some() {
            self.shared.config.request_wait()
        } else {
            Duration::ZERO
        };
        let mut stop = self.stop.clone();
        let answer = tokio::select! {
            biased;
            answer = self.door.outcome(&receipt.task_id, wait) => answer?,
            () = stopped(&mut stop) => Answer::Pending(Box::new(self.door.status(&receipt.task_id).await?)),
        };
        match answer {
            Answer::Outcome(outcome) => json_of(&outcome),
            Answer::Pending(status) => {
                let result = self
                    .shared
                    .subjects
                    .result(status.agent.as_str(), status.task_id.as_str());
                json_of(&json!({ "taskId": status.task_id, "state": status.state, "result": result }))
            }
        }
    }

    /// The status of a task of this agent: a right to ask one agent is none to ask another.
    async fn status_at(&self, agent: &str, task: &TaskId) -> Result<TaskStatus, Refusal> {
        let status = self.door.status(task).await?;
        if status.agent.as_str() == agent {
            return Ok(status);
        }
        let refusal = Refusal::new(
            RefusalCode::Unknown,
            format!("agent {agent} has no task `{task}`"),
        );
        Err(Refusal {
            field: Some("taskId".to_owned()),
            ..refusal
        })
    }
}

/// `{taskId, by?}`, or the plain id.
struct Asked {
    task: TaskId,
    by: Option<String>,
}

impl Asked {
    fn read(payload: &[u8]) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(payload)
            .map_err(|_| Refusal::new(RefusalCode::Malformed, "the payload is not UTF-8"))?
            .trim();
        let (id, by) = match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(fields)) => {
                let field = |name: &str| match fields.get(name) {
                    None | Some(Value::Null) => Ok(None),
                    Some(Value::String(text)) => Ok(Some(text.clone())),
                    Some(_) => Err(Refusal::field(name, "must be text")),
                };
                (
                    field("taskId")?.ok_or_else(|| Refusal::field("taskId", "is missing"))?,
                    field("by")?,
                )
            }
            Ok(Value::String(id)) => (id, None),
            _ => (text.to_owned(), None),
        };
        let task = TaskId::new(id).map_err(|error| Refusal::field("taskId", error.to_string()))?;
        Ok(Self { task, by })
    }
}

fn json_of<T: Serialize>(value: &T) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(value).map_err(|error| Refusal::new(RefusalCode::Unavailable, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::Asked;

    #[test]
    fn a_task_is_asked_for_by_json_or_by_its_plain_id() {
        let read = |payload: &[u8]| {
            Asked::read(payload)
                .map(|asked| (asked.task.to_string(), asked.by))
                .map_err(|r| r.to_string())
        };
        assert_eq!(
            read(br#"{"taskId":"a 1","by":"anna"}"#).unwrap(),
            ("a 1".to_owned(), Some("anna".to_owned()))
        );
        assert_eq!(read("kör-7\n".as_bytes()).unwrap(), ("kör-7".to_owned(), None));
        assert_eq!(read(b"\"7\"").unwrap().0, "7");
        assert_eq!(read(b"7").unwrap().0, "7");
        assert_eq!(read(b"{}").unwrap_err(), "`taskId` is missing");
        assert_eq!(read(br#"{"taskId":7}"#).unwrap_err(), "`taskId` must be text");
        assert_eq!(read(b"").unwrap_err(), "`taskId` must not be empty");
        assert_eq!(read(b"\xFF").unwrap_err(), "the payload is not UTF-8");
    }
}
