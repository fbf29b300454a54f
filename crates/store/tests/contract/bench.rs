//! What the rules are tried on: a store that can be opened anew, its clock, and builders of tasks, commits and facts.

use std::future::Future;

use jiff::Timestamp;
use kunder::store::{IngestReport, Store};
use kunder_agent_core::bus::{Announcement, AnnouncementKind};
use kunder_agent_core::id::{AgentName, TaskId};
use kunder_agent_core::journal::{Acceptance, Commit, CommitError, End, Journal, NewTask, TaskRecord};
use kunder_agent_core::outcome::{OUTCOME_PROTOCOL, Outcome, Report, Status};
use kunder_agent_core::task::Task;
use kunder_domain::change::Change;
use kunder_domain::fact::{CustomerId, Fact, FactBody, field};

use crate::clock::TestClock;

/// A store under test. Every store of ours passes the same rules.
pub trait Bench: Sized + Send + Sync + 'static {
    type Store: Store + Clone;

    fn new() -> impl Future<Output = Self> + Send;
    fn store(&self) -> &Self::Store;
    fn clock(&self) -> &TestClock;
    /// Leaves the store as the end of a process does, and opens it again.
    fn reopen(&mut self) -> impl Future<Output = ()> + Send;
    /// What an artifact holds.
    fn artifact(&self, path: &str) -> Option<Vec<u8>>;

    fn ingest(&self, facts: Vec<Fact>) -> impl Future<Output = IngestReport> + Send {
        async move { self.store().ingest(facts).await.unwrap() }
    }
}

pub const AGENT: &str = "customer-health";

pub fn id(text: &str) -> TaskId {
    TaskId::new(text).unwrap()
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A task of [`AGENT`], accepted at the moment the clocks of tests begin.
pub fn new_task(text: &str) -> NewTask {
    NewTask {
        task: Task::new(id(text), AGENT, "health-check"),
        agent: AgentName::new(AGENT),
        lane: None,
        now: TestClock::BEGIN,
        parent: None,
        not_before: None,
        announced: true,
        warnings: Vec::new(),
    }
}

/// A page: a task whose outcome is not announced.
pub fn page(text: &str) -> NewTask {
    NewTask {
        announced: false,
        ..new_task(text)
    }
}

pub fn outcome(text: &str, status: Status) -> Outcome {
    Outcome {
        protocol: OUTCOME_PROTOCOL.to_owned(),
        task_id: id(text),
        agent: format!("kunder/{AGENT}"),
        started_at: TestClock::BEGIN,
        finished_at: TestClock::BEGIN,
        report: Report::new(status, format!("{text} {}", status.as_str())),
        criteria: Vec::new(),
        warnings: Vec::new(),
        cut: Vec::new(),
    }
}

pub fn commit(text: &str, epoch: u64, end: End) -> Commit<Change> {
    Commit {
        task: id(text),
        epoch,
        end,
        expects: Vec::new(),
        changes: Vec::new(),
        follow_ups: Vec::new(),
        announcements: Vec::new(),
        artifacts: Vec::new(),
        letter: None,
    }
}

/// A commit that ends a task as complete.
pub fn done(text: &str, epoch: u64) -> Commit<Change> {
    commit(text, epoch, End::Done(Box::new(outcome(text, Status::Complete))))
}

pub fn wait(text: &str, epoch: u64, children: Vec<NewTask>) -> Commit<Change> {
    commit(text, epoch, End::Wait(children))
}

pub fn announcement(destination: &str, kind: AnnouncementKind, message_id: &str) -> Announcement {
    Announcement {
        number: 0,
        destination: destination.to_owned(),
        kind,
        subject: format!("{destination}.task.pipeline.{message_id}"),
        message_id: message_id.to_owned(),
        headers: vec![("ce-id".to_owned(), message_id.to_owned())],
        body: vec![0, 159, 255],
        committed_at: TestClock::BEGIN,
        deadline: None,
        attempt: 1,
    }
}

pub fn fact(text: &str, customer: &str, observed: &str, body: FactBody) -> Fact {
    Fact {
        id: text.to_owned(),
        customer: CustomerId::new(customer),
        observed: at(observed),
        source: "Sälj".to_owned(),
        actor: "Åsa".to_owned(),
        body,
    }
}

/// The fact that a customer has this name.
pub fn named(text: &str, customer: &str, observed: &str, name: &str) -> Fact {
    fact(
        text,
        customer,
        observed,
        FactBody::Profile {
            field: field::NAME.to_owned(),
            value: name.to_owned(),
        },
    )
}

/// The fact that a customer has this website.
pub fn website(text: &str, customer: &str, observed: &str, value: &str) -> Fact {
    fact(
        text,
        customer,
        observed,
        FactBody::Profile {
            field: field::WEBSITE.to_owned(),
            value: value.to_owned(),
        },
    )
}

/// Accepts tasks that are new.
pub async fn accept<B: Bench>(bench: &B, tasks: &[&str]) {
    for text in tasks {
        accept_new(bench, new_task(text)).await;
    }
}

pub async fn accept_new<B: Bench>(bench: &B, task: NewTask) -> TaskRecord {
    match bench.store().accept(task).await.unwrap() {
        Acceptance::New(record) => record,
        other => panic!("expected a new task, found {other:?}"),
    }
}

/// Starts and commits, as the runtime does.
pub async fn run<B: Bench>(bench: &B, commit: Commit<Change>) -> Result<(), CommitError> {
    bench.store().start(&commit.task, commit.epoch);
    bench.store().commit(commit).await
}

/// Ids of the tasks an agent may run now, in their order.
pub async fn queue<B: Bench>(bench: &B) -> Vec<String> {
    let queued = bench
        .store()
        .queued(&AgentName::new(AGENT), 0, 10_000, bench.clock().time())
        .await
        .unwrap();
    queued.iter().map(|record| record.id().to_string()).collect()
}

/// Ids of what waits in a lane.
pub async fn lane<B: Bench>(bench: &B, destination: &str) -> Vec<String> {
    let waiting = bench.store().outbox(destination, 100).await.unwrap();
    waiting
        .into_iter()
        .map(|announcement| announcement.message_id)
        .collect()
}
