//! The life of one task: gather, decide, commit; again where that can help, and always to an end.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::ending::{self, Blame};
use super::{Core, figures, give_up};
use crate::agent::{AnyAgent, GatherError, Work};
use crate::clock::Computed;
use crate::decision::Decision;
use crate::id::TaskId;
use crate::journal::{CommitError, JournalError, TaskRecord};

/// What kept a try from ending its task.
enum Trouble {
    /// Somebody else has ended it.
    Settled,
    /// The facts had changed: gather again.
    Stale(String),
    /// It may go better next time.
    Again(String),
    /// Its deadline has passed.
    Expired,
    /// It never will.
    Final(String),
    /// The agent does not take it.
    Refused(String),
    Store(JournalError),
}

/// Runs a task to its end. Only a store that stays away while the runtime drains leaves it open, in the journal.
pub(super) async fn run<P: Send + Sync + 'static, C: Send + 'static>(
    core: &Core<P, C>,
    agent: &Arc<dyn AnyAgent<P, C>>,
    record: TaskRecord,
) {
    let (task, name) = (record.id().clone(), agent.name());
    let ended = AssertUnwindSafe(tries(core, agent, &record)).catch_unwind().await;
    if let Err(panic) = ended {
        let reason = format!("the runtime panicked: {}", panic_text(panic.as_ref()));
        tracing::error!(%task, agent = %name, reason, "task fails");
        settle(core, &record, &reason, Blame::Ours).await;
    }
}

async fn tries<P: Send + Sync + 'static, C: Send + 'static>(
    core: &Core<P, C>,
    agent: &Arc<dyn AnyAgent<P, C>>,
    record: &TaskRecord,
) {
    let task = record.id();
    if record.tries >= core.config.interrupted_tries_max {
        return settle(
            core,
            record,
            &format!("it was started {} times and never ended", record.tries),
            Blame::Ours,
        )
        .await;
    }
    core.journal.start(task, core.epoch());
    let (mut attempt, mut stale, mut away) = (0_u32, 0_u32, 0_u32);
    loop {
        let trouble = match once(core, agent, record, record.tries + attempt + 1).await {
            Ok(()) | Err(Trouble::Settled) => return,
            Err(trouble) => trouble,
        };
        let pause = match trouble {
            Trouble::Settled => return,
            Trouble::Final(reason) => return settle(core, record, &reason, Blame::Ours).await,
            Trouble::Refused(reason) => return settle(core, record, &reason, Blame::Task).await,
            Trouble::Expired => match ending::expire(core, record).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(%task, %error, "an expired task cannot be ended yet");
                    core.backoff(1)
                }
            },
            Trouble::Stale(entity) => {
                stale += 1;
                if stale > core.config.stale_max {
                    return settle(
                        core,
                        record,
                        &format!("{entity} changed each of {stale} times it was read"),
                        Blame::Ours,
                    )
                    .await;
                }
                core.backoff(1) / 10
            }
            Trouble::Again(reason) => {
                attempt += 1;
                tracing::warn!(%task, reason, attempt, "try failed");
                if attempt >= core.config.tries_max {
                    return settle(
                        core,
                        record,
                        &format!("after {attempt} tries: {reason}"),
                        Blame::Ours,
                    )
                    .await;
                }
                core.backoff(attempt)
            }
            Trouble::Store(error) => {
                away += 1;
                tracing::warn!(%task, %error, away, "the store is away");
                if core.is_draining() {
                    return;
                }
                core.backoff(away)
            }
        };
        core.pause(pause).await;
    }
}

/// Ends a task as failed, whatever it takes.
async fn settle<P: Send + Sync + 'static, C: Send + 'static>(
    core: &Core<P, C>,
    record: &TaskRecord,
    reason: &str,
    blame: Blame,
) {
    let mut away = 0_u32;
    while let Err(error) = ending::fail(core, record, reason, blame).await {
        away += 1;
        tracing::warn!(task = %record.id(), %error, away, "a failure cannot be stored yet");
        if core.is_draining() {
            return;
        }
        core.pause(core.backoff(away)).await;
    }
}

async fn once<P: Send + Sync + 'static, C: Send + 'static>(
    core: &Core<P, C>,
    agent: &Arc<dyn AnyAgent<P, C>>,
    record: &TaskRecord,
    attempt: u32,
) -> Result<(), Trouble> {
    let joined = match record.joined {
        true => Some(core.journal.children(record.id()).await.map_err(Trouble::Store)?),
        false => None,
    };
    // Reading what its pages came to may have taken it past its deadline.
    let started = core.now();
    if record
        .new
        .task
        .deadline
        .is_some_and(|deadline| deadline <= started)
    {
        return Err(Trouble::Expired);
    }
    let work = Work {
        task: record.new.task.clone(),
        now: record.new.now,
        attempt,
        joined,
    };
    let mut ends = core.ended_outside.subscribe();
    if *ends.borrow() > 0 {
        // It may have been ended before it was started.
        ends.mark_changed();
    }
    let decision = tokio::select! {
        biased;
        () = ended_outside(core, record.id(), &mut ends) => {
            core.counters.stopped.fetch_add(1, Ordering::AcqRel);
            ending::wake_what_follows(core, record).await;
            return Err(Trouble::Settled);
        }
        decision = async {
            let facts = gather(core, agent, &work, started).await?;
            decide(core, agent, work, facts).await
        } => decision?,
    };
    match ending::commit(core, record, started, decision).await {
        Ok(()) => Ok(()),
        Err(CommitError::AlreadyDone { .. } | CommitError::LeaseLost { .. }) => Err(Trouble::Settled),
        Err(CommitError::Stale { entity, .. }) => Err(Trouble::Stale(entity)),
        Err(CommitError::Invalid { reason, .. }) => Err(Trouble::Final(reason)),
        Err(CommitError::Unavailable(error)) => Err(Trouble::Store(error)),
    }
}

type Facts = Box<dyn Any + Send>;

async fn gather<P: Send + Sync + 'static, C: Send + 'static>(
    core: &Core<P, C>,
    agent: &Arc<dyn AnyAgent<P, C>>,
    work: &Work,
    started: Timestamp,
) -> Result<Facts, Trouble> {
    let deadline = work.task.deadline;
    let end = latest(started, core.config.gather_whole_limit, deadline);
    let beats = AtomicU64::new(0);
    let mut gathering = pin!(AssertUnwindSafe(agent.gather(work, &core.portfolio)).catch_unwind());
    // In a set of its own it is polled only when it was woken itself: each poll is a sign of life.
    let mut alone = FuturesUnordered::from_iter([poll_fn(|context| {
        beats.fetch_add(1, Ordering::Relaxed);
        gathering.as_mut().poll(context)
    })]);
    // The first poll is no sign of life yet.
    let mut seen = 1;
    let gathered = loop {
        let limit = latest(core.now(), core.config.gather_limit, Some(end));
        tokio::select! {
            biased;
            Some(gathered) = alone.next() => break gathered,
            () = core.clock.sleep_until(limit) => {}
        }
        let beaten = beats.load(Ordering::Relaxed);
        if deadline == Some(limit) {
            return Err(Trouble::Expired);
        }
        if limit == end {
            let most = core.config.gather_whole_limit;
            return Err(Trouble::Final(format!(
                "its facts were still being gathered after {most:?}"
            )));
        }
        if beaten == seen {
            return Err(Trouble::Final(format!(
                "its facts were not there within {:?}",
                core.config.gather_limit
            )));
        }
        seen = beaten;
    };
    match gathered {
        Ok(Ok(facts)) => Ok(facts),
        Ok(Err(GatherError::Unavailable(reason))) => Err(Trouble::Again(reason)),
        Ok(Err(GatherError::Refused(reason))) => Err(Trouble::Refused(reason)),
        Err(panic) => Err(Trouble::Again(format!(
            "the agent panicked while gathering: {}",
            panic_text(panic.as_ref())
        ))),
    }
}

async fn decide<P: Send + Sync + 'static, C: Send + 'static>(
    core: &Core<P, C>,
    agent: &Arc<dyn AnyAgent<P, C>>,
    work: Work,
    facts: Facts,
) -> Result<Decision<C>, Trouble> {
    let deadline = work.task.deadline;
    let hang = latest(core.now(), core.config.decide_limit, None);
    let limit = hang.min(deadline.unwrap_or(Timestamp::MAX));
    if deadline.is_some_and(|deadline| deadline <= core.now()) {
        return Err(Trouble::Expired);
    }
    let agent = Arc::clone(agent);
    let thread = figures::Decision::new(&core.counters);
    let ending = figures::Ending(Arc::clone(&thread));
    let computation = core.clock.compute(Box::new(move || {
        let _ending = ending;
        let decision: Decision<C> = agent.decide(&work, facts.as_ref());
        Box::new(decision)
    }));
    let mut left = Left {
        core,
        thread: Some(thread),
        hang,
    };
    let computed = tokio::select! {
        biased;
        computed = computation => computed,
        () = core.clock.sleep_until(limit) => {
            if deadline == Some(limit) {
                return Err(Trouble::Expired);
            }
            if let Some(thread) = left.thread.take() {
                abandon(&thread, core.config.abandoned_max, &core.fatal);
            }
            return Err(Trouble::Final(format!("it was not decided within {:?} and was abandoned", core.config.decide_limit)));
        }
    };
    left.thread = None;
    match computed {
        Computed::Done(decision) => Ok(*decision
            .downcast::<Decision<C>>()
            .expect("the computation returns a decision")),
        Computed::Panicked(panic) => Err(Trouble::Again(format!(
            "the agent panicked while deciding: {panic}"
        ))),
    }
}

/// Whoever waits for a decision; gone before it came, as when its task was cancelled, the thread is still watched:
/// past its limit it counts as hanging.
struct Left<'a, P, C> {
    core: &'a Core<P, C>,
    thread: Option<Arc<figures::Decision>>,
    hang: Timestamp,
}

impl<P, C> Drop for Left<'_, P, C> {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        let (clock, fatal) = (Arc::clone(&self.core.clock), self.core.fatal.clone());
        let (hang, most) = (self.hang, self.core.config.abandoned_max);
        // Nobody needs its end: it holds nothing but a counter.
        drop(self.core.clock.spawn(Box::pin(async move {
            clock.sleep_until(hang).await;
            abandon(&thread, most, &fatal);
        })));
    }
}

/// Leaves a decision to its thread, and gives up when too many hang.
fn abandon(thread: &figures::Decision, abandoned_max: u64, fatal: &watch::Sender<Option<String>>) {
    if let Some(hanging) = thread.leave()
        && hanging >= abandoned_max
    {
        give_up(fatal, format!("{hanging} decisions hang"));
    }
}

/// Ends when somebody else has ended this task.
async fn ended_outside<P: Send + Sync, C: Send + 'static>(
    core: &Core<P, C>,
    task: &TaskId,
    ends: &mut watch::Receiver<u64>,
) {
    loop {
        if ends.changed().await.is_err() {
            return std::future::pending().await;
        }
        if let Ok(Some(status)) = core.journal.status(task).await
            && status.outcome.is_some()
        {
            return;
        }
    }
}

fn latest(from: Timestamp, limit: std::time::Duration, deadline: Option<Timestamp>) -> Timestamp {
    let limit = SignedDuration::try_from(limit).unwrap_or(SignedDuration::MAX);
    from.checked_add(limit)
        .unwrap_or(Timestamp::MAX)
        .min(deadline.unwrap_or(Timestamp::MAX))
}

/// The text of a panic.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without words".to_owned())
}
