//! What is announced of a decision: its outcome, its events, its tasks for agents of other processes.

use jiff::Timestamp;
use serde_json::Value;

use super::Core;
use crate::bus::{Announcement, AnnouncementKind};
use crate::decision::RequestDraft;
use crate::event::EventDraft;
use crate::id::TaskId;
use crate::journal::TaskRecord;
use crate::outcome::Outcome;
use crate::subject::token;
use crate::task::Task;

/// The outcome on its own subject, and where the sender asked for a copy.
pub(super) fn results<P, C>(
    core: &Core<P, C>,
    record: &TaskRecord,
    outcome: &Outcome,
    now: Timestamp,
) -> Vec<Announcement> {
    if !record.new.announced {
        return Vec::new();
    }
    let task = &record.new.task;
    let body = serde_json::to_vec(outcome).expect("an outcome is plain data and always serializes");
    let subject = core
        .subjects
        .result(record.new.agent.as_str(), task.task_id.as_str());
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
        attempt: 1,
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

pub(super) fn trace(task: &Task) -> Vec<(String, String)> {
    task.traceparent
        .iter()
        .map(|value| ("traceparent".to_owned(), value.clone()))
        .collect()
}

pub(super) fn event_announcement<P, C>(
    core: &Core<P, C>,
    record: &TaskRecord,
    event: &EventDraft,
    now: Timestamp,
) -> Announcement {
    let (process, agent, task) = (&core.config.process, record.new.agent.as_str(), &record.new.task);
    let id = TaskId::derived(
        task.task_id.as_str(),
        &format!("event/{}/{}", event.kind, event.key),
    )
    .to_string();
    let mut headers = vec![
        ("ce-specversion".to_owned(), "1.0".to_owned()),
        ("ce-id".to_owned(), id.clone()),
        ("ce-source".to_owned(), format!("/{process}/agents/{agent}")),
        (
            "ce-type".to_owned(),
            format!("{process}.{agent}.{}.v1", event.kind),
        ),
        ("ce-time".to_owned(), now.to_string()),
        ("ce-datacontenttype".to_owned(), "application/json".to_owned()),
        ("ce-taskid".to_owned(), task.task_id.to_string()),
    ];
    headers.extend(
        event
            .subject
            .iter()
            .map(|subject| ("ce-subject".to_owned(), subject.clone())),
    );
    headers.extend(trace(task));
    headers.extend(
        task.traceparent
            .iter()
            .map(|value| ("ce-traceparent".to_owned(), value.clone())),
    );
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
        attempt: 1,
    }
}

pub(super) fn request_announcement<P, C>(
    core: &Core<P, C>,
    record: &TaskRecord,
    request: &RequestDraft,
    now: Timestamp,
) -> Announcement {
    let parent = &record.new.task;
    let id = TaskId::derived(
        parent.task_id.as_str(),
        &format!("{}/{}", request.to, request.key),
    );
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
        subject: format!(
            "{}.task.{}.{}",
            token(&request.to.process),
            token(&request.to.agent),
            token(id.as_str())
        ),
        message_id: format!("{id}/request"),
        headers: trace(parent),
        body: serde_json::to_vec(&task).expect("a task is plain data and always serializes"),
        committed_at: now,
        deadline: request
            .deadline
            .or_else(|| now.checked_add(core.config.delivery_limit).ok()),
        attempt: 1,
    }
}
