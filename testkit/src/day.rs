//! A day's work: what the others do, and what they were told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kunder_agent_core::clock::Clock;
use kunder_agent_core::door::{Answer, Door, Receipt, Refusal, RefusalCode};
use kunder_agent_core::id::TaskId;
use kunder_agent_core::outcome::Outcome;
use kunder_agent_core::subject::token;
use kunder_agent_core::task::Task;
use kunder_bus::broker::{Broker, Condition, Outgoing};
use serde_json::json;

use crate::machine::SimClock;
use crate::plan::{Op, Sent, Way, What};
use crate::world::{OUTSIDE, World, beginning};

/// How often an impatient sender asks.
const IMPATIENT: u32 = 1;
/// How long a broker that is started anew is away.
const BROKER_AWAY: SignedDuration = SignedDuration::from_secs(5);
/// How long a client waits for an outcome in one call.
const WAIT: Duration = Duration::from_secs(20);
/// How often it asks for it.
const ASKS: u32 = 4;

/// Who cancels; an outcome that came of it names them.
const CANCELLER: &str = "somebody";

/// What the others know.
#[derive(Default)]
pub struct Told {
    known: Mutex<Known>,
}

#[derive(Default)]
pub struct Known {
    /// Tasks that were accepted, by what the sender was told, and by which door.
    pub accepted: BTreeMap<TaskId, Way>,
    /// Tasks whose every request was refused, with the last reason.
    pub refused: BTreeMap<TaskId, Refusal>,
    /// Tasks that may have been accepted without anybody hearing of it.
    pub in_doubt: BTreeSet<TaskId>,
    /// Outcomes as they were answered.
    pub answers: Vec<Outcome>,
    /// Events that a stream holds: process, kind, key.
    pub events: BTreeSet<(&'static str, &'static str, u64)>,
    /// Senders that are not done.
    pub busy: u32,
}

impl Told {
    pub fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The id of the task of an operation.
#[must_use]
pub fn task_id(op: usize) -> TaskId {
    TaskId::new(format!("op-{op}")).expect("a short id")
}

fn envelope(op: usize, sent: &Sent, now: Timestamp) -> Task {
    let mut task = Task::new(task_id(op), sent.agent, sent.command);
    if sent.command.is_empty() {
        task.instruction.command = None;
    }
    let customers = &beginning().customers;
    if let Some(index) = sent.customer {
        task.context.customer = Some(customers[index % customers.len()].to_string());
    }
    task.instruction.params.clone_from(&sent.params);
    task.deadline = sent
        .deadline
        .map(|seconds| now + SignedDuration::from_secs(seconds));
    task.dry_run = sent.dry_run;
    task.requested_by = Some(format!("asker-{}", op % 3));
    task.reply_to = sent.reply.then(|| format!("asker.reply.{op}"));
    task
}

/// One of the others.
#[derive(Clone)]
pub struct Actor {
    pub world: Arc<World>,
    pub told: Arc<Told>,
    pub clock: Arc<SimClock>,
}

/// Starts everybody who does something on this day.
pub fn begin(world: &Arc<World>, told: &Arc<Told>, without: &BTreeSet<usize>) {
    let clock = world.machine.clock(OUTSIDE);
    let begin = world.machine.now();
    // A body is written once: whoever sends it again sends the same bytes.
    let bodies: Arc<BTreeMap<usize, Vec<u8>>> = Arc::new(
        world
            .plan
            .ops
            .iter()
            .enumerate()
            .filter_map(|(index, op)| match &op.what {
                What::Task(sent) => {
                    let task = envelope(index, sent, begin + op.at);
                    let body = serde_json::to_vec(&task).expect("a task is plain data and always serializes");
                    Some((index, body))
                }
                _ => None,
            })
            .collect(),
    );
    for (index, op) in world.plan.ops.iter().enumerate() {
        if without.contains(&index) || op.what.of().is_some_and(|of| without.contains(&of)) {
            continue;
        }
        let actor = Actor {
            world: Arc::clone(world),
            told: Arc::clone(told),
            clock: Arc::clone(&clock),
        };
        let (op, bodies) = (op.clone(), Arc::clone(&bodies));
        told.known().busy += 1;
        drop(clock.spawn(Box::pin(async move {
            actor.clock.sleep_until(begin + op.at).await;
            actor.act(index, &op, &bodies).await;
            actor.told.known().busy -= 1;
        })));
    }
}

impl Actor {
    async fn act(&self, index: usize, op: &Op, bodies: &BTreeMap<usize, Vec<u8>>) {
        self.world.machine.note(|| format!("op {index}: {:?}", op.what));
        match &op.what {
            What::Task(sent) => self.send(index, sent, sent.way, &bodies[&index]).await,
            What::Again { of, way } => {
                if let What::Task(sent) = &self.world.plan.ops[*of].what {
                    self.send(*of, sent, *way, &bodies[of]).await;
                }
            }
            What::Conflict { of, way } => self.conflict(*of, *way, &bodies[of]).await,
            What::Cancel { of } => self.cancel(*of).await,
            What::Event {
                process,
                kind,
                key,
                times,
            } => {
                for _ in 0..*times {
                    self.event(process, kind, *key).await;
                }
            }
            What::Chat { text } => self.chat(text).await,
            What::Kill => self.world.dies.store(true, Ordering::Release),
            What::Restart => self.world.restart().await,
            What::DiskFull { seconds } => {
                let full = |full| {
                    self.world
                        .faults
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .full = full;
                };
                full(true);
                self.pause(SignedDuration::from_secs(*seconds)).await;
                full(false);
            }
            What::BrokerRestart => self.world.broker.restart(BROKER_AWAY),
        }
    }

    async fn pause(&self, pause: SignedDuration) {
        self.clock.sleep_until(self.clock.now() + pause).await;
    }

    async fn send(&self, of: usize, sent: &Sent, way: Way, body: &[u8]) {
        match way {
            Way::Queue => {
                let id = task_id(of);
                let subject = format!("kunder.task.{}.{}", sent.agent, token(id.as_str()));
                self.publish(subject, format!("queue-{of}"), body.to_vec()).await;
                self.told.known().accepted.entry(id).or_insert(Way::Queue);
            }
            Way::Request => self.request(of, sent, body).await,
        }
    }

    /// Until the broker says that it has it.
    async fn publish(&self, subject: String, message_id: String, body: Vec<u8>) {
        loop {
            let message = Outgoing {
                subject: subject.clone(),
                message_id: message_id.clone(),
                headers: vec![("Nats-Msg-Id".to_owned(), message_id.clone())],
                body: body.clone(),
                condition: Condition::Nothing,
            };
            let answers = self.world.broker.publish(vec![message]).await;
            if let Some(Ok(_)) = answers.first() {
                return;
            }
            self.pause(SignedDuration::from_millis(700)).await;
        }
    }

    /// Asks again until it is accepted or refused for good; a task whose answer was lost is asked for again, or left in doubt.
    async fn request(&self, of: usize, sent: &Sent, body: &[u8]) {
        let id = task_id(of);
        let mut tries = 0;
        loop {
            let (agent, body) = (sent.agent, body.to_vec());
            let answer = self
                .world
                .call(|service| async move { service.submit(Some(agent), None, &body).await })
                .await;
            tries += 1;
            self.world.mailboxes_are_bounded();
            let done = match answer {
                Some(Ok(receipt)) => {
                    self.accepted(&id, &receipt);
                    true
                }
                Some(Err(refusal)) => self.refused(&id, sent, refusal),
                None => {
                    self.told.known().in_doubt.insert(id.clone());
                    false
                }
            };
            if done || (!sent.patient && tries > IMPATIENT) {
                break;
            }
            self.pause(SignedDuration::from_millis(900)).await;
        }
        if self.told.known().accepted.get(&id) == Some(&Way::Request) {
            self.answer(&id).await;
        }
    }

    fn accepted(&self, id: &TaskId, receipt: &Receipt) {
        if receipt.task_id != *id {
            self.world
                .witness
                .broken(format!("{id} was accepted as {}", receipt.task_id));
        }
        self.told.known().accepted.insert(id.clone(), Way::Request);
    }

    /// Whether the refusal is final.
    fn refused(&self, id: &TaskId, sent: &Sent, refusal: Refusal) -> bool {
        let witness = &self.world.witness;
        let again = match refusal.code {
            RefusalCode::Busy => {
                witness.hit("refused: busy");
                if refusal.retry_after_ms.is_none() {
                    witness.broken(format!(
                        "{id} was refused as busy, without saying when to try again"
                    ));
                }
                true
            }
            RefusalCode::Unavailable => {
                // The store may have said so after it had the task.
                self.told.known().in_doubt.insert(id.clone());
                true
            }
            RefusalCode::Malformed if sent.deadline.is_some() => false,
            _ => {
                witness.broken(format!("{id} was refused: {refusal}"));
                false
            }
        };
        self.told.known().refused.insert(id.clone(), refusal);
        !again
    }

    async fn answer(&self, id: &TaskId) {
        for _ in 0..ASKS {
            let task = id.clone();
            let answer = self
                .world
                .call(|service| async move { service.outcome(&task, WAIT).await })
                .await;
            match answer {
                Some(Ok(Answer::Outcome(outcome))) => return self.told.known().answers.push(*outcome),
                Some(Err(refusal)) if refusal.code == RefusalCode::Unknown => {
                    return self
                        .world
                        .witness
                        .broken(format!("{id} was accepted and is not known"));
                }
                Some(Ok(Answer::Pending(_)) | Err(_)) | None => {
                    self.pause(SignedDuration::from_secs(2)).await
                }
            }
        }
    }

    /// Another body under the id of a task: taken by nobody once the task is there.
    async fn conflict(&self, of: usize, way: Way, body: &[u8]) {
        let mut task: Task = serde_json::from_slice(body).expect("it was written by us");
        task.requested_by = Some("somebody else".to_owned());
        let body = serde_json::to_vec(&task).expect("a task is plain data and always serializes");
        let id = task_id(of);
        let What::Task(sent) = &self.world.plan.ops[of].what else {
            return;
        };
        let was_accepted = self.told.known().accepted.get(&id) == Some(&Way::Request);
        if way == Way::Queue || !was_accepted {
            return;
        }
        let agent = sent.agent;
        let answer = self
            .world
            .call(|service| async move { service.submit(Some(agent), None, &body).await })
            .await;
        match answer {
            Some(Ok(_)) => self
                .world
                .witness
                .broken(format!("another body was taken for {id}")),
            Some(Err(refusal)) if refusal.code == RefusalCode::Conflict => {
                self.world.witness.hit("a conflict was refused")
            }
            Some(Err(_)) | None => {}
        }
    }

    async fn cancel(&self, of: usize) {
        let id = task_id(of);
        let task = id.clone();
        let open_before = self.world.witness.open_tree(&id);
        let answer = self
            .world
            .call(|service| async move { service.cancel(&task, CANCELLER).await })
            .await;
        if let Some(Ok(status)) = answer {
            self.world.witness.hit("a task was cancelled, or had ended");
            match status.outcome {
                None => self
                    .world
                    .witness
                    .broken(format!("{id} was cancelled and goes on: {:?}", status.state)),
                Some(outcome) if outcome.report.summary.contains(CANCELLER) => {
                    self.world.witness.cancelled(&id, &open_before);
                }
                Some(_) => {}
            }
        }
    }

    async fn event(&self, process: &'static str, kind: &'static str, key: u64) {
        let customer = beginning().customers[usize::try_from(key).unwrap_or(0)].to_string();
        let data = match kind {
            "deal-won" => {
                json!({"dealId": format!("deal-{key}"), "customer": {"name": format!("Nykund {key}")}})
            }
            "touchpoint" => {
                json!({"customer": customer, "text": format!("Möte nr {key}"), "kind": "meeting"})
            }
            _ => json!({"customer": customer, "service": "Utbildning", "status": "delivered"}),
        };
        let body = serde_json::to_vec(&data).expect("JSON always serializes");
        let id = format!("{process}-{kind}-{key}");
        self.publish(format!("kunder.in.{process}.{kind}"), id, body)
            .await;
        self.told.known().events.insert((process, kind, key));
    }

    async fn chat(&self, text: &'static str) {
        let body = serde_json::to_vec(&json!({ "text": text })).expect("JSON always serializes");
        if let Some(Err(refusal)) = self
            .world
            .call(|service| async move { service.chat(&body).await })
            .await
            && !matches!(refusal.code, RefusalCode::Busy | RefusalCode::Unavailable)
        {
            self.world
                .witness
                .broken(format!("`{text}` was refused: {refusal}"));
        }
    }
}
