//! Both stores, given the same operations in the same order, answer alike at every step.

use std::fmt::Debug;

use jiff::Timestamp;
use jiff::civil::date;
use kunder::store::Store;
use kunder_agent_core::id::AgentName;
use kunder_agent_core::journal::{Commit, Journal, NewTask};
use kunder_agent_core::outcome::Outcome;
use kunder_agent_core::subject::Subjects;
use kunder_domain::fact::{CustomerId, Fact};
use kunder_domain::portfolio::Portfolio;

use crate::bench::{AGENT, Bench, id};
use crate::clock::after;
use crate::simulated::SimBench;
use crate::sqlite::SqliteBench;

mod script;

use script::{Look, Script, Step};

const AGENTS: [&str; 2] = [AGENT, "pipeline"];
const LANES: [&str; 3] = ["events", "results", "salj"];
const STEPS: usize = 300;

/// What must have been answered and seen in the whole: scripts that are refused everywhere, or nowhere, compare nothing.
const PARTS: [&str; 29] = [
    "New(",
    "Known(",
    "Conflict",
    "Ok(())",
    "already has an outcome",
    "no longer ours",
    "changed while",
    "never accepted",
    "is that of task",
    "artifact path",
    "conflicts: 1",
    "joined: true",
    "tries: 1",
    "progress: Some((1, ",
    "Avbröts tillsammans",
    "Cancelled together",
    "attempt: 2",
    "reason: \"nej",
    "Ok(false)",
    "Ok([LetterId(",
    "state: Dropped",
    "replays: 1, replayed_as: Some",
    "/replay\"",
    "not taken before its deadline",
    "Found(CustomerId(\"k2\"))",
    "Ok([2026-01-03, 2026-01-02, 2026-01-01])",
    "state: InGrace, severity: None, rows: {\"override/\\\"red\\\" one\"",
    "state: Band(\"frisk\"), severity: Some(2), rows: {\"override/",
    "day: 2026-01-01, at: 2026-",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_stores_answer_alike() {
    let mut missing = PARTS.to_vec();
    for seed in 1..=3 {
        let mut script = Script::new(seed);
        let facts: Vec<Fact> = (0..20).flat_map(|_| script.facts()).collect();
        let mut sqlite = SqliteBench::new().await;
        sqlite.ingest(facts.clone()).await;
        let mut simulated = SimBench::knowing(facts);
        for number in 0..STEPS {
            let step = script.step(simulated.store()).await;
            let answers = (take(&mut sqlite, &step).await, take(&mut simulated, &step).await);
            assert_eq!(answers.0, answers.1, "seed {seed}, step {number}: {step:?}");
            let look = script.look();
            let on_disk = see(&sqlite, &look, &script).await;
            let in_memory = see(&simulated, &look, &script).await;
            for (on_disk, in_memory) in on_disk.iter().zip(&in_memory) {
                assert_eq!(on_disk, in_memory, "seed {seed}, after step {number}: {step:?}");
            }
            let has = |part: &str| answers.0.contains(part) || on_disk.iter().any(|told| told.contains(part));
            missing.retain(|part| !has(part));
        }
    }
    assert_eq!(missing, [""; 0]);
}

/// Does it, and tells what the store answered.
async fn take<B: Bench>(bench: &mut B, step: &Step) -> String {
    let store = bench.store();
    match step {
        Step::Advance(seconds) => {
            bench.clock().advance(*seconds);
            String::new()
        }
        Step::Accept(new) => told(&store.accept(NewTask::clone(new)).await),
        Step::Recover => told(&store.recover().await),
        Step::Start(task, epoch) => {
            store.start(task, *epoch);
            // Any write that is answered comes after it.
            told(&store.announced("nowhere", 0).await)
        }
        Step::Commit(commit) => match store.commit(Commit::clone(commit)).await {
            Err(error) => error.to_string(),
            done => told(&done),
        },
        Step::Cancel(task, outcome, announcements, letter) => {
            match store
                .cancel(
                    task,
                    Outcome::clone(outcome),
                    announcements.clone(),
                    letter.clone(),
                )
                .await
            {
                Err(error) => error.to_string(),
                done => told(&done),
            }
        }
        Step::Sending(lane, upto) => told(&store.sending(lane, *upto).await),
        Step::Announced(lane, number) => told(&store.announced(lane, *number).await),
        Step::Undeliverable(number, letter) => {
            let event = letter.event(&Subjects::new("kunder"));
            told(&store.undeliverable(*number, letter.clone(), event).await)
        }
        Step::SetAside(letter) => {
            let event = letter.event(&Subjects::new("kunder"));
            told(&store.set_aside(letter.clone(), event).await)
        }
        Step::EndLetters(ends) => told(&store.end_letters(ends.clone()).await),
        Step::Ingest(facts) => told(&store.ingest(facts.clone()).await),
        Step::Converse(text, seconds) => {
            let id = &text[..1];
            told(&store.put_conversation(id, text, after(*seconds)).await)
        }
        Step::Reopen => {
            bench.reopen().await;
            String::new()
        }
    }
}

/// Everything a store tells.
async fn see<B: Bench>(bench: &B, look: &Look, script: &Script) -> Vec<String> {
    let (store, now) = (bench.store(), bench.clock().time());
    let mut seen = vec![
        told(&store.counts().await),
        told(&store.expired(look.at, look.limit).await),
        told(&store.expired(Timestamp::MAX, usize::MAX).await),
        told(&store.next_due(look.at).await),
        told(&store.next_due(now).await),
        told(&store.list(None, usize::MAX).await),
        told(&store.list(Some(look.number), look.limit).await),
        told(&store.destinations().await),
        told(&store.waiting_announcements().await),
        told(&store.announcements(look.number, look.limit).await),
        told(&store.undelivered().await),
        told(&store.view(look.at).await),
        told(&store.spans(look.view, look.size).await),
        told(&store.read(look.view, &look.span).await),
        told(&store.signals(look.view, &look.span, date(2026, 1, 2)).await),
        told(&store.touched(look.view, look.number, look.limit).await),
        told(&store.fact_counts().await),
        told(&store.letters(look.letters).await),
        told(&store.open_letters().await),
    ];
    let day = |number: i8| date(2026, 1, number);
    seen.push(told(&store.health_days(day(9), look.limit).await));
    seen.push(told(&store.health_days(day(3), usize::MAX).await));
    for number in 1..4 {
        seen.push(told(&store.health_records(day(number), &look.span).await));
    }
    for customer in 0..2 {
        let id = CustomerId(format!("k{customer}"));
        seen.push(told(&store.health_history(&id, day(1), day(9)).await));
        seen.push(told(&store.health_history(&id, day(2), day(2)).await));
    }
    for agent in AGENTS.map(AgentName::new) {
        seen.push(told(&store.queued(&agent, 0, usize::MAX, now).await));
        seen.push(told(
            &store.queued(&agent, look.number, look.limit, look.at).await,
        ));
    }
    for lane in LANES {
        seen.push(told(&store.outbox(lane, look.limit).await));
    }
    let names = store.names().await.unwrap();
    for customer in 0..6 {
        let id = CustomerId(format!("k{customer}"));
        seen.push(told(&store.customer(look.view, &id).await));
        seen.push(told(&names.find(&format!("namn {customer}"))));
    }
    // One in three is asked for, so that most of the time goes to steps.
    for number in (0..script.tasks).filter(|number| number % 3 == look.number % 3) {
        let task = id(&format!("t{number}"));
        seen.push(told(&store.status(&task).await));
        seen.push(told(&store.record(&task).await));
        seen.push(told(&store.children(&task).await));
    }
    for letter in store.letters(look.letters).await.unwrap() {
        seen.push(told(&store.letter(&letter.id).await));
    }
    for conversation in ["a", "b"] {
        seen.push(told(&store.conversation(conversation, look.at).await));
    }
    for path in &script.artifacts {
        seen.push(told(&bench.artifact(path)));
    }
    seen
}

fn told(answer: &impl Debug) -> String {
    format!("{answer:?}")
}
