//! How a task ends: the outcome made of a report, the announcements made of a decision, and the one commit of all.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::Core;
use super::announcements::{event_announcement, request_announcement, results, trace};
use super::bounds::{is_bounded, page_is_bounded};
use crate::criteria::{Criterion, Judgement, Verdict, judge};
use crate::decision::{Artifact, Decision, FollowUp, Resolution};
use crate::fit::fit;
use crate::id::TaskId;
use crate::journal::{Commit, CommitError, End, JournalError, NewTask, TaskRecord, TaskStatus};
use crate::letter::{LetterKind, NewLetter};
use crate::outcome::{OUTCOME_PROTOCOL, Outcome, Report};
use crate::task::Locale;

/// A reason may hold the text of a panic, which may be of any length.
const REASON_CHARACTERS_MAX: usize = 2_000;

/// Commits what an agent decided.
pub(super) async fn commit<P: Send + Sync, C: Send + 'static>(
    core: &Core<P, C>,
    record: &TaskRecord,
    started: Timestamp,
    decision: Decision<C>,
) -> Result<(), CommitError> {
    commit_leaving(core, record, started, decision, None).await
}

/// Commits a decision, with the letter it leaves behind.
async fn commit_leaving<P: Send + Sync, C: Send + 'static>(
    core: &Core<P, C>,
    record: &TaskRecord,
    started: Timestamp,
    mut decision: Decision<C>,
    letter: Option<NewLetter>,
) -> Result<(), CommitError> {
    let now = core.now();
    if core.is_rehearsal(&record.new.task, record.new.now) {
        decision.changes.clear();
        decision.expects.clear();
        decision.events.clear();
        decision.follow_ups.clear();
        decision.requests.clear();
    }
    is_bounded(core, record, &decision)?;
    let follow_ups = new_tasks(core, record, &decision.follow_ups, None, now)?;
    let mut artifacts = decision.artifacts;
    let mut announcements = Vec::new();
    let (end, told) = match decision.verdict {
        Resolution::Wait(_) if record.joined => {
            let reason = "it waits again after its children have ended".to_owned();
            return Err(CommitError::Invalid {
                task: record.id().clone(),
                reason,
            });
        }
        Resolution::Wait(children) => (
            End::Wait(new_tasks(core, record, &children, Some(record.id()), now)?),
            None,
        ),
        Resolution::Done(report) => {
            let (outcome, cut) = outcome(core, record, started, now, *report, &artifacts);
            if !record.new.announced {
                page_is_bounded(core, record, &outcome)?;
            }
            artifacts.extend(cut);
            announcements.extend(results(core, record, &outcome, now));
            (End::Done(Box::new(outcome.clone())), Some(Arc::new(outcome)))
        }
    };
    announcements.extend(
        decision
            .events
            .iter()
            .map(|event| event_announcement(core, record, event, now)),
    );
    announcements.extend(
        decision
            .requests
            .iter()
            .map(|request| request_announcement(core, record, request, now)),
    );
    announcements.extend(letter.as_ref().and_then(|letter| letter.event(&core.subjects)));
    let work_follows = !follow_ups.is_empty() || matches!(end, End::Wait(_)) || record.new.parent.is_some();
    let children = match &end {
        End::Wait(children) => children.as_slice(),
        End::Done(_) => &[],
    };
    let timers = follow_ups
        .iter()
        .chain(children)
        .any(|new| new.not_before.is_some() || new.task.deadline.is_some());
    let announces = !announcements.is_empty();
    let commit = Commit {
        task: record.id().clone(),
        epoch: core.epoch(),
        end,
        expects: decision.expects,
        changes: decision.changes,
        follow_ups,
        announcements,
        artifacts,
        letter,
    };
    if let Err(refused) = core.journal.commit(commit).await {
        return Err(ended_before(core, record, refused).await);
    }
    if let Some(outcome) = told {
        tracing::debug!(task = %outcome.task_id, status = outcome.report.status.as_str(), "task ended");
        core.waiters.tell(&outcome);
    }
    if work_follows {
        core.nudge_all();
    }
    if timers {
        core.timers.notify_one();
    }
    if announces {
        core.announced.notify_one();
    }
    Ok(())
}

/// Why a task fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// Trouble of the runtime or of the agent: the task leaves a letter, so that somebody can try it again.
    Ours,
    /// Its agent refused it: trying again would change nothing.
    Task,
}

/// Ends a task as failed for this reason.
pub(super) async fn fail<P: Send + Sync, C: Send + 'static>(
    core: &Core<P, C>,
    record: &TaskRecord,
    reason: &str,
    blame: Blame,
) -> Result<(), JournalError> {
    let reason: String = reason.chars().take(REASON_CHARACTERS_MAX).collect();
    let summary = match record.new.task.locale() {
        Locale::Sv => format!("Uppgiften misslyckades: {reason}."),
        Locale::En => format!("The task failed: {reason}."),
    };
    let report = Report::failed(summary.clone(), summary);
    // A rehearsal commits its outcome and nothing else; it can be sent again.
    let keeps = blame == Blame::Ours && !core.is_rehearsal(&record.new.task, record.new.now);
    let letter = keeps.then(|| letter(core, record, &reason));
    let decision = Decision::done(report.clone());
    match commit_leaving(core, record, core.now(), decision, letter.clone()).await {
        Ok(()) | Err(CommitError::AlreadyDone { .. } | CommitError::LeaseLost { .. }) => Ok(()),
        // Nothing of it can be what cannot be stored, except what was asked for: it ends without that.
        Err(CommitError::Stale { .. } | CommitError::Invalid { .. }) => {
            settled(end_from_outside(core, record, report, letter).await)
        }
        Err(CommitError::Unavailable(error)) => Err(error),
    }
}

/// What a task that could not be worked on leaves behind.
fn letter<P, C>(core: &Core<P, C>, record: &TaskRecord, reason: &str) -> NewLetter {
    let (task, agent) = (&record.new.task, record.new.agent.as_str());
    let subject = core.subjects.task(agent, task.task_id.as_str());
    let body = serde_json::to_vec(task).expect("a task is plain data and always serializes");
    let letter = NewLetter::new(LetterKind::Task, agent, task.task_id.as_str(), reason, core.now());
    NewLetter {
        headers: trace(task),
        // Whole, however large: it was accepted, and a replay needs all of it.
        body,
        subject,
        ..letter
    }
}

/// Ends a task whose deadline has passed, and its children with it.
pub(super) async fn expire<P: Send + Sync, C: Send + 'static>(
    core: &Core<P, C>,
    record: &TaskRecord,
) -> Result<(), JournalError> {
    let task = &record.new.task;
    let deadline = task
        .deadline
        .map_or_else(String::new, |deadline| deadline.to_string());
    let summary = match task.locale() {
        Locale::Sv => format!("Tidsgränsen {deadline} passerade innan uppgiften var klar."),
        Locale::En => format!("The deadline {deadline} passed before the task was done."),
    };
    settled(end_from_outside(core, record, Report::failed(summary.clone(), summary), None).await)
}

/// Whether a task has ended, by us or by somebody else.
fn settled(ended: Result<(), CommitError>) -> Result<(), JournalError> {
    match ended {
        Ok(()) | Err(CommitError::AlreadyDone { .. } | CommitError::LeaseLost { .. }) => Ok(()),
        Err(CommitError::Unavailable(error)) => Err(error),
        Err(error @ (CommitError::Stale { .. } | CommitError::Invalid { .. })) => {
            Err(JournalError(error.to_string()))
        }
    }
}

/// Ends a task that nobody may be working on, and its children, whoever holds the lease.
pub(super) async fn end_from_outside<P: Send + Sync, C: Send + 'static>(
    core: &Core<P, C>,
    record: &TaskRecord,
    report: Report,
    letter: Option<NewLetter>,
) -> Result<(), CommitError> {
    let now = core.now();
    let outcome = bare(core, record, now, report);
    let mut announcements = results(core, record, &outcome, now);
    announcements.extend(letter.as_ref().and_then(|letter| letter.event(&core.subjects)));
    let cancelled = core
        .journal
        .cancel(record.id(), outcome.clone(), announcements, letter)
        .await;
    if let Err(refused) = cancelled {
        return Err(ended_before(core, record, refused).await);
    }
    core.waiters.tell(&Arc::new(outcome));
    // Whoever works on it, or on a task below it, lets go; and the actors forget what has not started.
    core.ended_outside.send_modify(|count| *count += 1);
    core.nudge_all();
    core.announced.notify_one();
    Ok(())
}

/// A refused commit of a task that is past it: see [`wake_what_follows`].
async fn ended_before<P: Send + Sync, C: Send + 'static>(
    core: &Core<P, C>,
    record: &TaskRecord,
    refused: CommitError,
) -> CommitError {
    if matches!(
        refused,
        CommitError::AlreadyDone { .. } | CommitError::LeaseLost { .. }
    ) {
        wake_what_follows(core, record).await;
        core.ended_outside.send_modify(|count| *count += 1);
    }
    refused
}

/// For a task that was found ended: the commit that ended it may have been our own, stored without our hearing of it.
/// What follows from it is woken as if we had.
pub(super) async fn wake_what_follows<P: Send + Sync, C: Send + 'static>(
    core: &Core<P, C>,
    record: &TaskRecord,
) {
    if let Ok(Some(TaskStatus {
        outcome: Some(outcome),
        ..
    })) = core.journal.status(record.id()).await
    {
        core.waiters.tell(&Arc::new(outcome));
    }
    core.nudge_all();
    core.timers.notify_one();
    core.announced.notify_one();
}

/// An outcome of a task that nobody worked on: its criteria are not judged, and it has no artifacts.
fn bare<P, C>(core: &Core<P, C>, record: &TaskRecord, now: Timestamp, report: Report) -> Outcome {
    Outcome {
        protocol: OUTCOME_PROTOCOL.to_owned(),
        task_id: record.id().clone(),
        agent: format!("{}/{}", core.config.process, record.new.agent),
        started_at: record.new.now,
        finished_at: now,
        report,
        criteria: Vec::new(),
        warnings: record.new.warnings.clone(),
        cut: Vec::new(),
    }
}

fn outcome<P, C>(
    core: &Core<P, C>,
    record: &TaskRecord,
    started: Timestamp,
    now: Timestamp,
    mut report: Report,
    artifacts: &[Artifact],
) -> (Outcome, Vec<Artifact>) {
    for artifact in artifacts {
        if !report.artifacts.contains(&artifact.path) {
            report.artifacts.push(artifact.path.clone());
        }
    }
    let task = &record.new.task;
    let mut outcome = Outcome {
        started_at: started,
        ..bare(core, record, now, report)
    };
    if !task.acceptance_criteria.is_empty() {
        let whole = serde_json::to_value(&outcome).expect("an outcome is plain data and always serializes");
        let judge = |criterion| judge(criterion, &outcome, &whole, record.new.now);
        outcome.criteria = task.acceptance_criteria.iter().map(judge).collect();
    }
    for verdict in outcome
        .criteria
        .iter()
        .filter(|verdict| verdict.verdict != Judgement::Met)
    {
        let blocker = unmet(task.locale(), verdict);
        outcome.report.block(blocker);
    }
    // A page's outcome never leaves the store: its parent joins it whole, and what the parent says is made to fit.
    if record.new.announced {
        fit(outcome, core.config.outcome)
    } else {
        (outcome, Vec::new())
    }
}

/// Says in words which criterion was not met, or could not be measured (D-37, S3-58).
fn unmet(locale: Locale, verdict: &Verdict) -> String {
    let criterion = match &verdict.criterion {
        Criterion::Prose(words) => words.clone(),
        Criterion::Measured(measure) => {
            let op = serde_json::to_value(measure.op)
                .ok()
                .and_then(|op| op.as_str().map(str::to_owned))
                .unwrap_or_default();
            format!("{} {op} {}", measure.metric, measure.value)
        }
    };
    let found = verdict
        .found
        .as_ref()
        .map_or_else(|| "–".to_owned(), Value::to_string);
    match (locale, verdict.verdict) {
        (Locale::Sv, Judgement::Unknown) => format!("Acceptanskriteriet kan inte mätas: {criterion}"),
        (Locale::En, Judgement::Unknown) => {
            format!("The acceptance criterion cannot be measured: {criterion}")
        }
        (Locale::Sv, Judgement::Met | Judgement::Unmet) => {
            format!("Acceptanskriteriet är inte uppfyllt: {criterion} (utfall {found})")
        }
        (Locale::En, Judgement::Met | Judgement::Unmet) => {
            format!("The acceptance criterion is not met: {criterion} (found {found})")
        }
    }
}

fn new_tasks<P, C>(
    core: &Core<P, C>,
    record: &TaskRecord,
    drafts: &[FollowUp],
    parent: Option<&TaskId>,
    now: Timestamp,
) -> Result<Vec<NewTask>, CommitError> {
    let invalid = |reason: String| CommitError::Invalid {
        task: record.id().clone(),
        reason,
    };
    if drafts.len() > core.config.children_max {
        return Err(invalid(format!(
            "it asks for {} further tasks, at most {} are allowed",
            drafts.len(),
            core.config.children_max
        )));
    }
    let task_of = |draft: &FollowUp| {
        if !core.slots.contains_key(&draft.agent) {
            return Err(invalid(format!(
                "it asks for the agent `{}`, which does not exist",
                draft.agent
            )));
        }
        if let Some(circle) = draft.circle(&record.new.task, &record.new.agent) {
            return Err(invalid(format!(
                "its agents would call each other in a circle: {circle}"
            )));
        }
        let mut task = draft.task(&record.new.task, &record.new.agent);
        if task.chain.len() > core.config.steps_max {
            return Err(invalid(format!(
                "it would be step {} of a chain, at most {} are allowed",
                task.chain.len(),
                core.config.steps_max
            )));
        }
        if parent.is_none() {
            // What follows lives on after the task: its day is the day it runs.
            task.as_of = None;
        }
        Ok(NewTask {
            task,
            agent: draft.agent.clone(),
            lane: draft.customer.clone(),
            now: if parent.is_some() {
                record.new.now
            } else {
                draft.not_before.unwrap_or(now)
            },
            parent: parent.cloned(),
            not_before: draft.not_before,
            announced: parent.is_none(),
            warnings: Vec::new(),
        })
    };
    drafts.iter().map(task_of).collect()
}
