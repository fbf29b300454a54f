//! Chat: a quick command in words in, words out; a question is asked back and its answer continues the conversation (S0-15 to S0-19).

use std::time::Duration;

use jiff::SignedDuration;
use jiff::civil::Date;
use kunder_agent_core::door::{Answer, Refusal, RefusalCode};
use kunder_agent_core::envelope::Envelope;
use kunder_agent_core::id::TaskId;
use kunder_agent_core::outcome::{OUTCOME_PROTOCOL, Outcome, Question, QuestionOption, Report};
use kunder_agent_core::task::{Locale, Task};
use kunder_agents::commands::{Parsed, QuickCommand, parse, usages};
use kunder_domain::fact::CustomerId;
use kunder_domain::names::{Lookup, NameIndex};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::control::{ChatReply, ChatRequest};
use crate::service::Service;

/// How long chat waits for an outcome unless told.
const WAIT: Duration = Duration::from_secs(25);
/// Longest name of a conversation, in bytes.
const CONVERSATION_BYTES_MAX: usize = 256;
/// How long a question stays open.
const QUESTION_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// The last request of a conversation: if its outcome asks something, the next words may be the answer.
#[derive(Serialize, Deserialize)]
struct Last {
    task_id: TaskId,
    agent: String,
    command: String,
    locale: Locale,
    as_of: Option<Date>,
}

impl Service {
    /// Answers a quick command in words.
    pub(crate) async fn ask(&self, request: ChatRequest) -> Result<ChatReply, Refusal> {
        if let Some(conversation) = &request.conversation
            && conversation.len() > CONVERSATION_BYTES_MAX
        {
            let bytes = conversation.len();
            let message = format!("is {bytes} bytes long, at most {CONVERSATION_BYTES_MAX} are allowed");
            return Err(Refusal::field("conversation", message));
        }
        let parsed = parse(&request.text);
        let continued = match (&parsed, &request.conversation) {
            (Parsed::Unknown { .. }, Some(conversation)) => {
                self.continued(conversation, &request.text).await?
            }
            _ => None,
        };
        match (continued, parsed) {
            (Some((last, customer)), _) => {
                let command = (last.agent.clone(), last.command.clone());
                self.send(request, command, Some(customer), Some(last)).await
            }
            (None, Parsed::Command(found)) => {
                let request = ChatRequest {
                    locale: request.locale.or(found.locale_hint),
                    ..request
                };
                self.send(
                    request,
                    (found.agent.to_owned(), found.command.to_owned()),
                    found.customer,
                    None,
                )
                .await
            }
            (None, Parsed::Unknown { suggestions }) => Ok(self.unknown(&request, &suggestions)),
        }
    }

    /// Sends a command to its agent and waits for the outcome.
    async fn send(
        &self,
        request: ChatRequest,
        (agent, command): (String, String),
        customer: Option<String>,
        last: Option<Last>,
    ) -> Result<ChatReply, Refusal> {
        let mut task = Task::new(self.new_id(), &agent, &command);
        task.locale = request.locale.or(last.as_ref().map(|last| last.locale));
        task.as_of = request.as_of.or(last.and_then(|last| last.as_of));
        task.instruction.text = Some(request.text);
        task.requested_by = request.user;
        if let Some(customer) = customer {
            task.instruction
                .params
                .insert("customer".to_owned(), Value::String(customer));
        }
        let (locale, as_of) = (task.locale(), task.as_of);
        let receipt = self
            .accept(
                Envelope {
                    task,
                    warnings: Vec::new(),
                },
                None,
            )
            .await?;
        if let Some(conversation) = &request.conversation {
            let task_id = receipt.task_id.clone();
            let last = Last {
                task_id,
                agent: agent.clone(),
                command,
                locale,
                as_of,
            };
            let json = serde_json::to_string(&last).expect("a request is plain data and always serializes");
            let expires = self.clock.now() + QUESTION_LIFE;
            self.store
                .put_conversation(conversation, &json, expires)
                .await
                .map_err(|error| away(&error))?;
        }
        let wait = request.wait_ms.map_or(WAIT, Duration::from_millis).min(WAIT);
        Ok(match self.runtime.outcome(&receipt.task_id, wait).await? {
            Answer::Outcome(outcome) => ChatReply {
                text: words(&outcome),
                outcome: Some(*outcome),
                task_id: None,
                result: None,
            },
            Answer::Pending(status) => ChatReply {
                text: locale
                    .pick(
                        "Arbetet pågår. Svaret kommer när det är klart.",
                        "Work is under way. The answer comes when it is done.",
                    )
                    .to_owned(),
                outcome: None,
                result: Some(self.runtime.subjects().result(&agent, status.task_id.as_str())),
                task_id: Some(status.task_id),
            },
        })
    }

    /// The last request of a conversation, if it asked something back, and the option that the text picks: by its
    /// number, or by its name.
    async fn continued(&self, conversation: &str, text: &str) -> Result<Option<(Last, String)>, Refusal> {
        let stored = self
            .store
            .conversation(conversation, self.clock.now())
            .await
            .map_err(|error| away(&error))?;
        let Some(last) = stored.and_then(|json| serde_json::from_str::<Last>(&json).ok()) else {
            return Ok(None);
        };
        let question = self
            .runtime
            .status(&last.task_id)
            .await?
            .outcome
            .and_then(|outcome| outcome.report.question);
        let Some(Question { options, .. }) = question else {
            return Ok(None);
        };
        let number = text.trim().trim_end_matches('.').parse::<usize>().ok();
        let by_number = number.and_then(|number| options.get(number.checked_sub(1)?));
        let picked = by_number.map(|option| option.id.clone()).or_else(|| {
            let named = |option: &QuestionOption| (CustomerId::new(option.id.clone()), option.label.clone());
            match NameIndex::new(options.iter().map(named)).find(text) {
                Lookup::Found(id) => Some(id.0),
                Lookup::Ambiguous(_) | Lookup::Unknown(_) => None,
            }
        });
        Ok(picked.map(|customer| (last, customer)))
    }

    /// Words that are no command fail with suggestions; nothing is guessed and nothing is journaled.
    fn unknown(&self, request: &ChatRequest, suggestions: &[&QuickCommand]) -> ChatReply {
        let locale = request.locale.unwrap_or_default();
        let text: String = request.text.chars().take(100).collect();
        let summary = match locale {
            Locale::Sv => format!("Jag förstår inte ”{text}”."),
            Locale::En => format!("I do not understand “{text}”."),
        };
        let near: Vec<&str> = suggestions.iter().map(|command| command.usage(locale)).collect();
        let near = if near.is_empty() { usages(locale) } else { near };
        let mut report = Report::failed(summary.clone(), summary);
        report.recommendations = near.iter().map(|usage| (*usage).to_owned()).collect();
        let offer = locale.pick("Prova:", "Try:");
        report.text = Some(format!(
            "{}\n{offer}\n{}",
            report.summary,
            near.iter()
                .map(|usage| format!("  {usage}"))
                .collect::<Vec<_>>()
                .join("\n")
        ));
        let now = self.clock.now();
        let outcome = Outcome {
            protocol: OUTCOME_PROTOCOL.to_owned(),
            task_id: self.new_id(),
            agent: format!("{}/chat", self.runtime.config().process),
            started_at: now,
            finished_at: now,
            report,
            criteria: Vec::new(),
            warnings: Vec::new(),
            cut: Vec::new(),
        };
        ChatReply {
            text: words(&outcome),
            outcome: Some(outcome),
            task_id: None,
            result: None,
        }
    }
}

/// An outcome in words: its text, else its summary with blockers and recommendations.
#[must_use]
pub fn words(outcome: &Outcome) -> String {
    let report = &outcome.report;
    if let Some(text) = &report.text {
        // What keeps it from being complete is said even where the agent's own words do not say it.
        let unsaid = report
            .blockers
            .iter()
            .filter(|blocker| !text.contains(blocker.as_str()));
        return std::iter::once(text.clone())
            .chain(unsaid.map(|blocker| format!("! {blocker}")))
            .collect::<Vec<_>>()
            .join("\n");
    }
    let mut lines = vec![report.summary.clone()];
    lines.extend(
        report
            .blockers
            .iter()
            .filter(|blocker| **blocker != report.summary)
            .map(|blocker| format!("! {blocker}")),
    );
    lines.extend(
        report
            .recommendations
            .iter()
            .map(|recommendation| format!("→ {recommendation}")),
    );
    lines.join("\n")
}

fn away(error: &impl std::fmt::Display) -> Refusal {
    Refusal::new(RefusalCode::Unavailable, error.to_string())
}
