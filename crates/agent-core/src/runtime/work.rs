//! The life of one task: gather, decide, commit; again where that can help, and always to an end.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};

use super::Core;
use super::ending::{self, Blame};
use crate::agent::{AnyAgent, GatherError, Work};
use crate::clock::Computed;
use crate::decision::Decision;
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
    let started = core.now();
    if record
        .new
        .task
        .deadline
        .is_some_and(|deadline| deadline <= started)
    {
        return Err(Trouble::Expired);
    }
    let joined = match record.joined {
        true => Some(core.journal.children(record.id()).await.map_err(Trouble::Store)?),
        false => None,
    };
    let work = Work {
        task: record.new.task.clone(),
        now: record.new.now,
        attempt,
        joined,
    };
    let facts = gather(core, agent, &work, started).await?;
    let decision = decide(core, agent, work, facts).await?;
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
    let limit = latest(started, core.config.gather_limit, work.task.deadline);
    let gathered = tokio::select! {
        biased;
        gathered = AssertUnwindSafe(agent.gather(work, &core.portfolio)).catch_unwind() => gathered,
        () = core.clock.sleep_until(limit) => {
            if work.task.deadline == Some(limit) {
                return Err(Trouble::Expired);
            }
            return Err(Trouble::Final(format!("its facts were not there within {:?}", core.config.gather_limit)));
        }
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
    let limit = latest(core.now(), core.config.decide_limit, deadline);
    if deadline.is_some_and(|deadline| deadline <= core.now()) {
        return Err(Trouble::Expired);
    }
    let agent = Arc::clone(agent);
    let left_alone = Arc::new(AtomicBool::new(false));
    let (hanging, was_left) = (Arc::clone(&core.abandoned), Arc::clone(&left_alone));
    let computation = core.clock.compute(Box::new(move || {
        let decision: Decision<C> = agent.decide(&work, facts.as_ref());
        if was_left.load(Ordering::Acquire) {
            hanging.fetch_sub(1, Ordering::AcqRel);
        }
        Box::new(decision)
    }));
    let computed = tokio::select! {
        biased;
        computed = computation => computed,
        () = core.clock.sleep_until(limit) => {
            if deadline == Some(limit) {
                return Err(Trouble::Expired);
            }
            let abandoned = core.abandoned.fetch_add(1, Ordering::AcqRel) + 1;
            left_alone.store(true, Ordering::Release);
            if abandoned >= core.config.abandoned_max {
                core.give_up(format!("{abandoned} decisions hang"));
            }
            return Err(Trouble::Final(format!("it was not decided within {:?} and was abandoned", core.config.decide_limit)));
        }
    };
    match computed {
        Computed::Done(decision) => Ok(*decision
            .downcast::<Decision<C>>()
            .expect("the computation returns a decision")),
        Computed::Panicked(panic) => Err(Trouble::Again(format!(
            "the agent panicked while deciding: {panic}"
        ))),
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
