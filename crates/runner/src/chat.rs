//! Chat: a quick command in words in, words out; a question is asked back and its answer continues the conversation (S0-15 to S0-19).

use std::time::Duration;

use jiff::SignedDuration;
use kunder_agent_core::door::{Answer, Refusal, RefusalCode};
use kunder_agent_core::envelope::Envelope;
use kunder_agent_core::outcome::{OUTCOME_PROTOCOL, Outcome, Question, Report};
use kunder_agent_core::task::{Locale, Task};
use kunder_agents::commands::{Command, Parsed, QuickCommand, parse, usages};
use kunder_domain::fact::CustomerId;
use kunder_domain::names::{Lookup, NameIndex};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::control::{ChatReply, ChatRequest};
use crate::service::Service;

/// How long chat waits for an outcome unless told.
const WAIT: Duration = Duration::from_secs(25);
/// How long a question stays open.
const QUESTION_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// A question that waits for its answer.
#[derive(Serialize, Deserialize)]
struct Open {
    agent: String,
    command: String,
    locale: Locale,
    question: Question,
}

impl Service {
    /// Answers a quick command in words.
    pub(crate) async fn ask(&self, request: ChatRequest) -> Result<ChatReply, Refusal> {
        let parsed = parse(&request.text);
        let continued = match (&parsed, &request.conversation) {
            (Parsed::Unknown { .. }, Some(conversation)) => {
                self.continued(conversation, &request.text).await?
            }
            _ => None,
        };
        let (agent, command, customer, hint) = match (continued, parsed) {
            (Some((open, customer)), _) => (open.agent, open.command, Some(customer), Some(open.locale)),
            (
                None,
                Parsed::Command(Command {
                    agent,
                    command,
                    customer,
                    locale_hint,
                }),
            ) => (agent.to_owned(), command.to_owned(), customer, locale_hint),
            (None, Parsed::Unknown { suggestions }) => return Ok(self.unknown(&request, &suggestions)),
        };
        let mut task = Task::new(self.new_id(), &agent, &command);
        task.instruction.text = Some(request.text.clone());
        task.locale = request.locale.or(hint);
        task.as_of = request.as_of;
        task.requested_by.clone_from(&request.user);
        if let Some(customer) = customer {
            task.instruction
                .params
                .insert("customer".to_owned(), Value::String(customer));
        }
        let locale = task.locale();
        let receipt = self
            .accept(
                Envelope {
                    task,
                    warnings: Vec::new(),
                },
                None,
            )
            .await?;
        let wait = request.wait_ms.map_or(WAIT, Duration::from_millis).min(WAIT);
        match self.runtime.outcome(&receipt.task_id, wait).await? {
            Answer::Outcome(outcome) => {
                self.remember(&request, &agent, &command, locale, &outcome)
                    .await?;
                Ok(ChatReply {
                    text: words(&outcome),
                    outcome: Some(*outcome),
                    task_id: None,
                    result: None,
                })
            }
            Answer::Pending(status) => Ok(ChatReply {
                text: locale
                    .pick(
                        "Arbetet pågår. Svaret kommer när det är klart.",
                        "Work is under way. The answer comes when it is done.",
                    )
                    .to_owned(),
                outcome: None,
                result: Some(self.runtime.subjects().result(&agent, status.task_id.as_str())),
                task_id: Some(status.task_id),
            }),
        }
    }

    /// The open question of a conversation, and the option that the text picks: its number, or its name.
    async fn continued(&self, conversation: &str, text: &str) -> Result<Option<(Open, String)>, Refusal> {
        let stored = self
            .store
            .conversation(conversation, self.clock.now())
            .await
            .map_err(|error| away(&error))?;
        let Some(open) = stored.and_then(|json| serde_json::from_str::<Open>(&json).ok()) else {
            return Ok(None);
        };
        let options = &open.question.options;
        let by_number = text
            .trim()
            .trim_end_matches('.')
            .parse::<usize>()
            .ok()
            .and_then(|number| options.get(number.checked_sub(1)?));
        let picked = by_number.map(|option| option.id.clone()).or_else(|| {
            let names = NameIndex::new(
                options
                    .iter()
                    .map(|option| (CustomerId::new(option.id.clone()), option.label.clone())),
            );
            match names.find(text) {
                Lookup::Found(id) => Some(id.0),
                Lookup::Ambiguous(_) | Lookup::Unknown(_) => None,
            }
        });
        Ok(picked.map(|customer| (open, customer)))
    }

    async fn remember(
        &self,
        request: &ChatRequest,
        agent: &str,
        command: &str,
        locale: Locale,
        outcome: &Outcome,
    ) -> Result<(), Refusal> {
        let (Some(conversation), Some(question)) = (&request.conversation, &outcome.report.question) else {
            return Ok(());
        };
        let open = Open {
            agent: agent.to_owned(),
            command: command.to_owned(),
            locale,
            question: question.clone(),
        };
        let json = serde_json::to_string(&open).expect("a question is plain data and always serializes");
        self.store
            .put_conversation(conversation, &json, self.clock.now() + QUESTION_LIFE)
            .await
            .map_err(|error| away(&error))
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
        return text.clone();
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
