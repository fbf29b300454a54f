//! Dead letters: work that was given up through no decision of an agent, kept with its content until somebody reads it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::bus::{Announcement, AnnouncementKind};
use crate::envelope::is_traceparent;
use crate::id::TaskId;
use crate::subject::Subjects;

/// The last token of the event that tells of a letter.
pub const LETTER_EVENT: &str = "dead-letter";
/// Who tells of letters that are no task's.
const RUNNER: &str = "runner";
/// Longest reason that is kept, in characters.
const REASON_CHARACTERS_MAX: usize = 500;
/// Largest content that is kept, in bytes: what is larger is no envelope that could be accepted.
const BODY_BYTES_MAX: usize = 1 << 20;

/// The id of a letter, `L-` and 16 hex digits. It derives from what the letter holds, so the same trouble never leaves two.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LetterId(String);

impl LetterId {
    /// Any text; one that was never given out is the id of no letter.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    fn derived(kind: LetterKind, to: &str, cause: &str) -> Self {
        let hash = TaskId::derived(&format!("{}/{to}", kind.as_str()), cause);
        Self(format!("L-{}", &hash.as_str()[2..18]))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The task that a replay of this letter makes: always the same one, however often it is asked for.
    #[must_use]
    pub fn replay(&self) -> TaskId {
        TaskId::derived(&self.0, "replay")
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a letter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LetterKind {
    /// A task that was accepted and could not be worked on to its end.
    Task,
    /// Something of ours that could not be delivered.
    Announcement,
    /// Something that came in and was never accepted.
    Message,
}

impl LetterKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Announcement => "announcement",
            Self::Message => "message",
        }
    }
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LetterState {
    /// Nobody has dealt with it.
    Open,
    /// What it holds is tried again; another trouble leaves a letter of its own.
    Replayed,
    /// Somebody decided that it is not worth another try.
    Dropped,
}

/// A letter to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct NewLetter {
    pub id: LetterId,
    pub kind: LetterKind,
    /// Which lane of the outbox it comes from, for an announcement.
    pub announcement: Option<AnnouncementKind>,
    pub at: Timestamp,
    /// The agent of a task, the destination of an announcement, the stream of a message.
    pub to: String,
    pub subject: String,
    /// Why it was given up, on one line.
    pub reason: String,
    /// What makes it the same letter: the task's id, the announcement's message id, the message's place in its stream.
    pub cause: String,
    pub headers: Vec<(String, String)>,
    /// As it came: the envelope of a task, the payload of a message or announcement, at most 1 MiB of it.
    pub body: Vec<u8>,
}

/// A stored letter, without its content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    pub id: LetterId,
    /// Its number in the store, in the order they came.
    pub number: u64,
    pub state: LetterState,
    pub kind: LetterKind,
    pub at: Timestamp,
    pub to: String,
    pub subject: String,
    pub reason: String,
    /// How often what it holds was replayed. The letter of a replay goes on counting.
    pub replays: u32,
    /// The task that the replay is, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed_as: Option<TaskId>,
}

/// A stored letter with its content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FullLetter {
    pub letter: DeadLetter,
    pub announcement: Option<AnnouncementKind>,
    pub cause: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Which letters to read.
#[derive(Clone, Copy, Debug)]
pub struct LetterQuery {
    /// Leave out those that were dealt with.
    pub open_only: bool,
    pub newest_first: bool,
    /// Only those numbered above this one.
    pub after: u64,
    /// Only those numbered below this one.
    pub before: u64,
    pub limit: usize,
}

/// How a letter is dealt with. Only an open one can be dropped; an open or dropped one can be replayed, once.
#[derive(Clone, Debug)]
pub enum LetterEnd {
    /// What it holds was accepted as this task.
    Accepted(TaskId),
    /// What it holds is announced again, by this row of the outbox.
    Announced(Box<Announcement>),
    Dropped,
}

impl NewLetter {
    /// A letter about something; its id derives from `kind`, `to` and `cause`.
    #[must_use]
    pub fn new(kind: LetterKind, to: &str, cause: &str, reason: &str, at: Timestamp) -> Self {
        Self {
            id: LetterId::derived(kind, to, cause),
            kind,
            announcement: None,
            at,
            to: to.to_owned(),
            subject: String::new(),
            reason: one_line(reason),
            cause: cause.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A letter about an announcement that could not be delivered.
    #[must_use]
    pub fn of_announcement(announcement: &Announcement, reason: &str, at: Timestamp) -> Self {
        let (to, cause) = (&announcement.destination, &announcement.message_id);
        let letter = Self::new(LetterKind::Announcement, to, cause, reason, at);
        Self {
            announcement: Some(announcement.kind),
            headers: announcement.headers.clone(),
            ..letter.holding(&announcement.subject, &announcement.body)
        }
    }

    /// With the subject it came on or would have, and as much of its content as is kept.
    #[must_use]
    pub fn holding(mut self, subject: &str, body: &[u8]) -> Self {
        self.subject = subject.to_owned();
        self.body = body[..body.len().min(BODY_BYTES_MAX)].to_vec();
        self
    }

    /// The event that tells of it, once: to be stored in the same transaction. A letter about such an event is not told again.
    #[must_use]
    pub fn event(&self, subjects: &Subjects) -> Option<Announcement> {
        let tells_of_a_letter = self.announcement == Some(AnnouncementKind::Event)
            && self.subject.rsplit('.').next() == Some(LETTER_EVENT);
        if tells_of_a_letter {
            return None;
        }
        let producer = match self.kind {
            LetterKind::Task => self.to.as_str(),
            LetterKind::Announcement | LetterKind::Message => RUNNER,
        };
        let task = match self.kind {
            LetterKind::Task => self.cause.clone(),
            LetterKind::Announcement | LetterKind::Message => self.id.to_string(),
        };
        let process = &subjects.process;
        let id = TaskId::derived(self.id.as_str(), "event").to_string();
        let data = json!({
            "letter": self.id, "kind": self.kind, "to": self.to, "subject": self.subject, "reason": self.reason, "at": self.at,
        });
        let traceparent = self
            .headers
            .iter()
            .find(|(name, value)| name.eq_ignore_ascii_case("traceparent") && is_traceparent(value));
        let attributes = [
            ("ce-specversion", "1.0".to_owned()),
            ("ce-id", id.clone()),
            ("ce-source", format!("/{process}/agents/{producer}")),
            ("ce-type", format!("{process}.{producer}.{LETTER_EVENT}.v1")),
            ("ce-time", self.at.to_string()),
            ("ce-datacontenttype", "application/json".to_owned()),
            ("ce-taskid", task),
        ];
        let traced =
            traceparent.map(|(_, value)| [("traceparent", value.clone()), ("ce-traceparent", value.clone())]);
        let headers = attributes
            .into_iter()
            .chain(traced.into_iter().flatten())
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        Some(Announcement {
            number: 0,
            destination: "events".to_owned(),
            kind: AnnouncementKind::Event,
            subject: subjects.event(producer, LETTER_EVENT),
            message_id: format!("event/{id}"),
            headers,
            body: serde_json::to_vec(&data).expect("a JSON value always serializes"),
            committed_at: self.at,
            deadline: None,
            attempt: 1,
        })
    }
}

impl FullLetter {
    /// The announcement of it, to be tried again until `deadline`; `None` where it holds something else.
    /// What it is about keeps its own ids, so that a receiver that has it after all knows it.
    #[must_use]
    pub fn announce_again(&self, now: Timestamp, deadline: Option<Timestamp>) -> Option<Announcement> {
        Some(Announcement {
            number: 0,
            destination: self.letter.to.clone(),
            kind: self.announcement?,
            subject: self.letter.subject.clone(),
            message_id: format!("{}/replay", self.letter.id),
            headers: self.headers.clone(),
            body: self.body.clone(),
            committed_at: now,
            deadline,
            attempt: 1,
        })
    }

    /// What a person or a machine is shown: JSON content as JSON, text as text, the rest by its size.
    #[must_use]
    pub fn shown(&self) -> Value {
        let mut shown =
            serde_json::to_value(&self.letter).expect("a letter is plain data and always serializes");
        shown["cause"] = json!(self.cause);
        shown["headers"] = json!(self.headers);
        shown["bytes"] = json!(self.body.len());
        shown["body"] = match (
            serde_json::from_slice::<Value>(&self.body),
            std::str::from_utf8(&self.body),
        ) {
            (Ok(value), _) => value,
            (Err(_), Ok(text)) => json!(text),
            (Err(_), Err(_)) => json!(String::from_utf8_lossy(&self.body)),
        };
        shown
    }
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let line = words.join(" ");
    match line.char_indices().nth(REASON_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(kind: LetterKind) -> NewLetter {
        NewLetter::new(kind, "pipeline", "t-1", "it\npanicked", Timestamp::UNIX_EPOCH)
            .holding("kunder.task.pipeline.t-1", b"{}")
    }

    #[test]
    fn a_letter_has_the_id_of_its_cause() {
        let task = letter(LetterKind::Task);
        assert_eq!(task.id, letter(LetterKind::Task).id);
        assert_ne!(task.id, letter(LetterKind::Message).id);
        assert_eq!(
            (task.id.as_str().len(), task.reason.as_str()),
            (18, "it panicked")
        );
        assert_eq!(task.id.replay(), task.id.replay());
        assert!(task.id.replay().is_derived());
    }

    #[test]
    fn a_letter_is_told_by_its_agent_or_the_runner_and_a_letter_about_that_is_not() {
        let subjects = Subjects::new("kunder");
        let told = letter(LetterKind::Task).event(&subjects).unwrap();
        assert_eq!(told.subject, "kunder.event.pipeline.dead-letter");
        assert!(told.headers.contains(&("ce-taskid".to_owned(), "t-1".to_owned())));
        let by_runner = letter(LetterKind::Message).event(&subjects).unwrap();
        assert_eq!(by_runner.subject, "kunder.event.runner.dead-letter");
        let about = NewLetter::of_announcement(&told, "too large", Timestamp::UNIX_EPOCH);
        assert_eq!(about.event(&subjects), None);
        // Of another event, or of a task that came on a subject of such a name, it is told.
        let other = Announcement {
            subject: "kunder.event.pipeline.story".to_owned(),
            ..told.clone()
        };
        let other = NewLetter::of_announcement(&other, "too large", Timestamp::UNIX_EPOCH);
        assert!(other.event(&subjects).is_some());
        let task = letter(LetterKind::Task).holding(&told.subject, b"{}");
        assert!(task.event(&subjects).is_some());
    }

    #[test]
    fn a_letter_is_traced_where_what_it_holds_was() {
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let traced = |name: &str, value: &str| {
            let mut letter = letter(LetterKind::Task);
            letter.headers.push((name.to_owned(), value.to_owned()));
            let told = letter.event(&Subjects::new("kunder")).unwrap();
            let traces = told.headers.into_iter().filter(|(_, found)| found == value);
            traces.map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(traced("Traceparent", trace), ["traceparent", "ce-traceparent"]);
        assert_eq!(traced("traceparent", "of another kind"), [""; 0]);
        assert_eq!(traced("other", trace), [""; 0]);
    }

    #[test]
    fn what_is_kept_has_an_end() {
        let long = NewLetter::new(
            LetterKind::Task,
            "a",
            "b",
            &"å".repeat(1_000),
            Timestamp::UNIX_EPOCH,
        )
        .holding("s", &vec![b' '; 2 << 20]);
        assert_eq!((long.reason.chars().count(), long.body.len()), (501, 1 << 20));
    }
}
