//! How a task ends: the outcome made of a report, the announcements made of a decision, and the one commit of all.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::Core;
use crate::bus::{Announcement, AnnouncementKind};
use crate::criteria::{Criterion, Judgement, Verdict, judge};
use crate::decision::{Artifact, Decision, FollowUp, RequestDraft, Resolution};
use crate::event::EventDraft;
use crate::fit::fit;
use crate::id::TaskId;
use crate::journal::{Commit, CommitError, End, JournalError, NewTask, TaskRecord};
use crate::outcome::{OUTCOME_PROTOCOL, Outcome, Report};
use crate::subject::token;
use crate::task::{Locale, Task};

/// Commits what an agent decided.
pub(super) async fn commit<P: Send + Sync, C: Send + 'static>(
    core: &Core<P, C>,
    record: &TaskRecord,
    started: Timestamp,
    mut decision: Decision<C>,
) -> Result<(), CommitError> {
    let now = core.now();
    if core.is_rehearsal(&record.new.task, record.new.now) {
        decision.changes.clear();
        decision.expects.clear();
        decision.events.clear();
        decision.follow_ups.clear();
        decision.requests.clear();
    }
    let follow_ups = new_tasks(core, record, &decision.follow_ups, None, now)?;
    let mut artifacts = decision.artifacts;
    let mut announcements = Vec::new();
    let (end, told) = match decision.verdict {
        Resolution::Wait(children) => (End::Wait(new_tasks(core, record, &children, Some(record.id()), now)?), None),
        Resolution::Done(report) => {
            let (outcome, cut) = outcome(core, record, started, now, *report, &artifacts);
            artifacts.extend(cut);
            announcements.extend(results(core, record, &outcome, now));
            (End::Done(Box::new(outcome.clone())), Some(Arc::new(outcome)))
        }
    };
    announcements.extend(decision.events.iter().map(|event| event_announcement(core, record, event, now)));
    announcements.extend(decision.requests.iter().map(|request| request_announcement(core, record, request, now)));
    let work_follows = !follow_ups.is_empty() || matches!(end, End::Wait(_)) || record.new.parent.is_some();
    let timers = follow_ups.iter().any(|new| new.not_before.is_some());
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
    };
    core.journal.commit(commit).await?;
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

/// Ends a task as failed for this reason.
pub(super) async fn fail<P: Send + Sync, C: Send + 'static>(core: &Core<P, C>, record: &TaskRecord, reason: &str) -> Result<(), JournalError> {
    let summary = match record.new.task.locale() {
        Locale::Sv => format!("Uppgiften misslyckades: {reason}."),
        Locale::En => format!("The task failed: {reason}."),
    };
    match commit(core, record, core.now(), Decision::done(Report::failed(summary.clone(), summary))).await {
        Ok(()) | Err(CommitError::AlreadyDone { .. } | CommitError::LeaseLost { .. } | CommitError::Stale { .. } | CommitError::Invalid { .. }) => Ok(()),
        Err(CommitError::Unavailable(error)) => Err(error),
    }
}

/// Ends a task whose deadline has passed, and its children with it.
pub(super) async fn expire<P: Send + Sync, C: Send + 'static>(core: &Core<P, C>, record: &TaskRecord) -> Result<(), JournalError> {
    let task = &record.new.task;
    let deadline = task.deadline.map_or_else(String::new, |deadline| deadline.to_string());
    let summary = match task.locale() {
        Locale::Sv => format!("Tidsgränsen {deadline} passerade innan uppgiften var klar."),
        Locale::En => format!("The deadline {deadline} passed before the task was done."),
    };
    match end_from_outside(core, record, Report::failed(summary.clone(), summary)).await {
        Ok(()) | Err(CommitError::AlreadyDone { .. } | CommitError::LeaseLost { .. } | CommitError::Stale { .. } | CommitError::Invalid { .. }) => Ok(()),
        Err(CommitError::Unavailable(error)) => Err(error),
    }
}

/// Ends a task that nobody may be working on, and its children, whoever holds the lease.
pub(super) async fn end_from_outside<P: Send + Sync, C: Send + 'static>(core: &Core<P, C>, record: &TaskRecord, report: Report) -> Result<(), CommitError> {
    let now = core.now();
    let (outcome, _) = outcome(core, record, record.new.now, now, report, &[]);
    let announcements = results(core, record, &outcome, now);
    core.journal.cancel(record.id(), outcome.clone(), announcements).await?;
    core.waiters.tell(&Arc::new(outcome));
    core.nudge_all();
    core.announced.notify_one();
    Ok(())
}

fn outcome<P, C>(core: &Core<P, C>, record: &TaskRecord, started: Timestamp, now: Timestamp, mut report: Report, artifacts: &[Artifact]) -> (Outcome, Vec<Artifact>) {
    for artifact in artifacts {
        if !report.artifacts.contains(&artifact.path) {
            report.artifacts.push(artifact.path.clone());
        }
    }
    let task = &record.new.task;
    let mut outcome = Outcome {
        protocol: OUTCOME_PROTOCOL.to_owned(),
        task_id: task.task_id.clone(),
        agent: format!("{}/{}", core.config.process, record.new.agent),
        started_at: started,
        finished_at: now,
        report,
        criteria: Vec::new(),
        warnings: record.new.warnings.clone(),
        cut: Vec::new(),
    };
    outcome.criteria = task.acceptance_criteria.iter().map(|criterion| judge(criterion, &outcome, record.new.now)).collect();
    for verdict in outcome.criteria.iter().filter(|verdict| verdict.verdict != Judgement::Met) {
        let blocker = unmet(task.locale(), verdict);
        outcome.report.block(blocker);
    }
    // A page's outcome never leaves the store: its parent joins it whole, and what the parent says is made to fit.
    if record.new.announced { fit(outcome, core.config.outcome) } else { (outcome, Vec::new()) }
}

/// Says in words which criterion was not met, or could not be measured (D-37, S3-58).
fn unmet(locale: Locale, verdict: &Verdict) -> String {
    let criterion = match &verdict.criterion {
        Criterion::Prose(words) => words.clone(),
        Criterion::Measured(measure) => {
            let op = serde_json::to_value(measure.op).ok().and_then(|op| op.as_str().map(str::to_owned)).unwrap_or_default();
            format!("{} {op} {}", measure.metric, measure.value)
        }
    };
    let found = verdict.found.as_ref().map_or_else(|| "–".to_owned(), Value::to_string);
    match (locale, verdict.verdict) {
        (Locale::Sv, Judgement::Unknown) => format!("Acceptanskriteriet kan inte mätas: {criterion}"),
        (Locale::En, Judgement::Unknown) => format!("The acceptance criterion cannot be measured: {criterion}"),
        (Locale::Sv, Judgement::Met | Judgement::Unmet) => format!("Acceptanskriteriet är inte uppfyllt: {criterion} (utfall {found})"),
        (Locale::En, Judgement::Met | Judgement::Unmet) => format!("The acceptance criterion is not met: {criterion} (found {found})"),
    }
}

fn new_tasks<P, C>(core: &Core<P, C>, record: &TaskRecord, drafts: &[FollowUp], parent: Option<&TaskId>, now: Timestamp) -> Result<Vec<NewTask>, CommitError> {
    let invalid = |reason: String| CommitError::Invalid { task: record.id().clone(), reason };
    if drafts.len() > core.config.children_max {
        return Err(invalid(format!("it asks for {} further tasks, at most {} are allowed", drafts.len(), core.config.children_max)));
    }
    let task_of = |draft: &FollowUp| {
        if !core.slots.contains_key(&draft.agent) {
            return Err(invalid(format!("it asks for the agent `{}`, which does not exist", draft.agent)));
        }
        Ok(NewTask {
            task: draft.task(&record.new.task),
            agent: draft.agent.clone(),
            lane: draft.customer.clone(),
            now: if parent.is_some() { record.new.now } else { draft.not_before.unwrap_or(now) },
            parent: parent.cloned(),
            not_before: draft.not_before,
            announced: parent.is_none(),
            warnings: Vec::new(),
        })
    };
    drafts.iter().map(task_of).collect()
}

/// The outcome on its own subject, and where the sender asked for a copy.
fn results<P, C>(core: &Core<P, C>, record: &TaskRecord, outcome: &Outcome, now: Timestamp) -> Vec<Announcement> {
    if !record.new.announced {
        return Vec::new();
    }
    let task = &record.new.task;
    let body = serde_json::to_vec(outcome).expect("an outcome is plain data and always serializes");
    let subject = core.subjects.result(record.new.agent.as_str(), task.task_id.as_str());
    let result = Announcement {
        number: 0,
        destination: "results".to_owned(),
        kind: AnnouncementKind::Result,
        message_id: format!("{}/result", task.task_id),
        subject,
        headers: trace(task),
        body,
        committed_at: now,
        deadline: None,
    };
    let copy = task.reply_to.as_ref().map(|subject| Announcement {
        destination: "replies".to_owned(),
        kind: AnnouncementKind::Reply,
        subject: subject.clone(),
        message_id: format!("{}/reply", task.task_id),
        ..result.clone()
    });
    std::iter::once(result).chain(copy).collect()
}

fn trace(task: &Task) -> Vec<(String, String)> {
    task.traceparent.iter().map(|value| ("traceparent".to_owned(), value.clone())).collect()
}

fn event_announcement<P, C>(core: &Core<P, C>, record: &TaskRecord, event: &EventDraft, now: Timestamp) -> Announcement {
    let (process, agent, task) = (&core.config.process, record.new.agent.as_str(), &record.new.task);
    let id = TaskId::derived(task.task_id.as_str(), &format!("event/{}/{}", event.kind, event.key)).to_string();
    let mut headers = vec![
        ("ce-specversion".to_owned(), "1.0".to_owned()),
        ("ce-id".to_owned(), id.clone()),
        ("ce-source".to_owned(), format!("/{process}/agents/{agent}")),
        ("ce-type".to_owned(), format!("{process}.{agent}.{}.v1", event.kind)),
        ("ce-time".to_owned(), now.to_string()),
        ("ce-datacontenttype".to_owned(), "application/json".to_owned()),
        ("ce-taskid".to_owned(), task.task_id.to_string()),
    ];
    headers.extend(event.subject.iter().map(|subject| ("ce-subject".to_owned(), subject.clone())));
    headers.extend(trace(task));
    headers.extend(task.traceparent.iter().map(|value| ("ce-traceparent".to_owned(), value.clone())));
    Announcement {
        number: 0,
        destination: "events".to_owned(),
        kind: AnnouncementKind::Event,
        subject: core.subjects.event(agent, event.kind),
        message_id: format!("event/{id}"),
        headers,
        body: serde_json::to_vec(&event.data).expect("a JSON value always serializes"),
        committed_at: now,
        deadline: None,
    }
}

fn request_announcement<P, C>(core: &Core<P, C>, record: &TaskRecord, request: &RequestDraft, now: Timestamp) -> Announcement {
    let parent = &record.new.task;
    let id = TaskId::derived(parent.task_id.as_str(), &format!("{}/{}", request.to, request.key));
    let mut task = Task::new(id.clone(), &request.to.to_string(), "");
    task.instruction = request.instruction.clone();
    task.context.customer.clone_from(&request.customer);
    if let Value::Object(context) = &request.context {
        task.context.more.clone_from(context);
    }
    task.deadline = request.deadline;
    task.requested_by = Some(format!("{}/{}", core.config.process, record.new.agent));
    task.locale = parent.locale;
    task.reply_to = Some(core.subjects.inbox(&request.to.process, "result"));
    task.traceparent.clone_from(&parent.traceparent);
    Announcement {
        number: 0,
        // A lane per agent, so that one that is away never holds up another of its process.
        destination: request.to.to_string(),
        kind: AnnouncementKind::Request,
        subject: format!("{}.task.{}.{}", token(&request.to.process), token(&request.to.agent), token(id.as_str())),
        message_id: format!("{id}/request"),
        headers: trace(parent),
        body: serde_json::to_vec(&task).expect("a task is plain data and always serializes"),
        committed_at: now,
        deadline: request.deadline.or_else(|| now.checked_add(core.config.delivery_limit).ok()),
    }
}
