//! The account of all tasks holds at every instant, whatever happens in whatever order (invariant 1).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kunder_agent_core::clock::Clock;
use kunder_agent_core::id::{AgentName, TaskId};
use kunder_agent_core::journal::{Acceptance, CommitError, End, Journal, NewTask, TaskCounts, TaskState};
use kunder_agent_core::outcome::{Outcome, Status};

use crate::bench::{AGENT, Bench, commit, new_task, outcome, page};
use crate::clock::after;
use crate::random::Random;

fn open(counts: TaskCounts) -> u64 {
    counts.queued + counts.running + counts.waiting
}

fn assert_balanced(counts: TaskCounts) {
    assert_eq!(
        counts.accepted,
        counts.complete + counts.partial + counts.failed + open(counts),
        "{counts:?}"
    );
}

/// Any sequence of operations, watched by a second reader all the while: the sum holds, no outcome ever changes,
/// and in the end every accepted task has exactly one.
pub async fn the_account_holds_at_every_instant<B: Bench>() {
    for seed in 1..=4 {
        let mut bench = B::new().await;
        let stop = Arc::new(AtomicBool::new(false));
        let (store, stopped) = (bench.store().clone(), Arc::clone(&stop));
        let watching = bench.clock().spawn(Box::pin(async move {
            while !stopped.load(Ordering::Relaxed) {
                assert_balanced(store.counts().await.unwrap());
                tokio::task::yield_now().await;
            }
        }));
        let mut run = Run {
            random: Random::new(seed),
            epoch: 0,
            known: Vec::new(),
            ended: BTreeMap::new(),
        };
        for step in 0..200 {
            run.step(&bench, step).await;
            assert_balanced(bench.store().counts().await.unwrap());
            if step % 10 == 9 {
                run.check(&bench).await;
            }
        }
        stop.store(true, Ordering::Relaxed);
        watching.await.unwrap();
        bench.reopen().await;
        run.drain(&bench).await;
    }
}

struct Run {
    random: Random,
    epoch: u64,
    /// Every task that was ever accepted.
    known: Vec<TaskId>,
    ended: BTreeMap<TaskId, Outcome>,
}

impl Run {
    async fn step<B: Bench>(&mut self, bench: &B, step: u64) {
        let store = bench.store();
        match self.random.below(12) {
            0..=3 => {
                let mut task = new_task(&format!("t{}", self.random.below(120)));
                if self.random.below(4) == 0 {
                    task.not_before = Some(after(self.random.below(300) as i64));
                }
                if let Acceptance::New(record) = store.accept(task).await.unwrap() {
                    self.known.push(record.id().clone());
                }
            }
            4 if !self.known.is_empty() => store.start(&self.any(), self.epoch),
            5..=8 if !self.known.is_empty() => {
                let task = self.any();
                let text = task.as_str().to_owned();
                let (end, children) = self.end(&text, step);
                let mut commit = commit(&text, self.epoch - self.random.below(2).min(self.epoch), end);
                if self.random.below(3) == 0 {
                    commit
                        .follow_ups
                        .push(new_task(&format!("f{}", self.random.below(50))));
                }
                let follow_ups: Vec<TaskId> = commit
                    .follow_ups
                    .iter()
                    .map(|new| new.task.task_id.clone())
                    .collect();
                match store.commit(commit).await {
                    Ok(()) => {
                        for made in children.into_iter().chain(follow_ups) {
                            if !self.known.contains(&made) {
                                self.known.push(made);
                            }
                        }
                    }
                    Err(CommitError::AlreadyDone { task }) => {
                        assert!(store.status(&task).await.unwrap().unwrap().outcome.is_some());
                    }
                    Err(CommitError::LeaseLost { .. }) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
            9 if !self.known.is_empty() => {
                let task = self.any();
                let _ = store
                    .cancel(&task, outcome(task.as_str(), Status::Failed), Vec::new(), None)
                    .await;
            }
            10 => self.epoch = store.recover().await.unwrap(),
            _ => bench.clock().advance(self.random.below(30) as i64),
        }
    }

    fn any(&mut self) -> TaskId {
        let index = self.random.below(self.known.len() as u64) as usize;
        self.known[index].clone()
    }

    fn end(&mut self, text: &str, step: u64) -> (End, Vec<TaskId>) {
        if self.random.below(3) > 0 {
            let statuses = [Status::Complete, Status::Partial, Status::Failed];
            let status = statuses[self.random.below(3) as usize];
            return (End::Done(Box::new(outcome(text, status))), Vec::new());
        }
        let children: Vec<NewTask> = (0..self.random.below(4))
            .map(|child| page(&format!("{text}.{step}.{child}")))
            .collect();
        let ids = children.iter().map(|child| child.task.task_id.clone()).collect();
        (End::Wait(children), ids)
    }

    /// The sum holds, and what has ended has the outcome it had.
    async fn check<B: Bench>(&mut self, bench: &B) {
        let counts = bench.store().counts().await.unwrap();
        assert_balanced(counts);
        assert_eq!(counts.accepted, self.known.len() as u64);
        for task in &self.known {
            let status = bench.store().status(task).await.unwrap().unwrap();
            assert_eq!(
                status.outcome.is_some(),
                status.state == TaskState::Done,
                "{task}"
            );
            if let Some(outcome) = status.outcome {
                let first = self.ended.entry(task.clone()).or_insert_with(|| outcome.clone());
                assert_eq!(first, &outcome);
            }
        }
        assert_eq!(
            counts.complete + counts.partial + counts.failed,
            self.ended.len() as u64
        );
    }

    /// Runs everything that is queued until nothing is: no parent waits for ever.
    async fn drain<B: Bench>(&mut self, bench: &B) {
        self.epoch = bench.store().recover().await.unwrap();
        bench.clock().advance(1_000);
        let agent = AgentName::new(AGENT);
        loop {
            let queued = bench
                .store()
                .queued(&agent, 0, 1_000, bench.clock().time())
                .await
                .unwrap();
            if queued.is_empty() {
                break;
            }
            for record in queued {
                let text = record.id().as_str().to_owned();
                bench.store().start(record.id(), self.epoch);
                let end = End::Done(Box::new(outcome(&text, Status::Complete)));
                bench
                    .store()
                    .commit(commit(&text, self.epoch, end))
                    .await
                    .unwrap();
            }
        }
        self.check(bench).await;
        let counts = bench.store().counts().await.unwrap();
        assert_eq!(open(counts), 0, "{counts:?}");
    }
}
