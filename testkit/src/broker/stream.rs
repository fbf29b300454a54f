//! One simulated stream: sequences, what it holds, the ids it remembers, and the conditions of a publish.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kunder_bus::Pattern;
use kunder_bus::broker::{Condition, Headers, Outgoing, PublishError, Stored};

/// A message as the broker holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// From 1; 0 where no stream holds it.
    pub sequence: u64,
    pub subject: Arc<str>,
    pub message_id: Arc<str>,
    pub headers: Headers,
    pub body: Vec<u8>,
    pub stored_at: Timestamp,
}

impl Message {
    pub(super) fn new(sequence: u64, message: Outgoing, now: Timestamp) -> Self {
        Self {
            sequence,
            subject: message.subject.into(),
            message_id: message.message_id.into(),
            headers: message.headers,
            body: message.body,
            stored_at: now,
        }
    }
}

/// The messages of one subject.
#[derive(Clone, Copy)]
struct OnSubject {
    last: u64,
    count: u64,
}

pub(super) struct Stream {
    pub(super) name: String,
    pub(super) subjects: Vec<Pattern>,
    /// Whether an acknowledged message is taken out.
    pub(super) work_queue: bool,
    pub(super) messages_max: usize,
    /// The largest message, in bytes of its body and headers.
    pub(super) message_bytes_max: usize,
    /// How long ids are remembered.
    pub(super) window: SignedDuration,
    pub(super) last_sequence: u64,
    last_id: Option<Arc<str>>,
    pub(super) messages: BTreeMap<u64, Arc<Message>>,
    by_subject: BTreeMap<Arc<str>, OnSubject>,
    ids: BTreeMap<Arc<str>, u64>,
    ids_in_order: VecDeque<(Timestamp, Arc<str>)>,
}

impl Stream {
    pub(super) fn new(name: &str, subjects: Vec<Pattern>, window: SignedDuration) -> Self {
        Self {
            name: name.to_owned(),
            subjects,
            work_queue: false,
            messages_max: usize::MAX,
            message_bytes_max: usize::MAX,
            window,
            last_sequence: 0,
            last_id: None,
            messages: BTreeMap::new(),
            by_subject: BTreeMap::new(),
            ids: BTreeMap::new(),
            ids_in_order: VecDeque::new(),
        }
    }

    pub(super) fn takes(&self, subject: &str) -> bool {
        self.subjects.iter().any(|pattern| pattern.matches(subject))
    }

    /// Stores a message, or says why not. Ids are looked at first, then the condition, as nats-server does it.
    pub(super) fn append(&mut self, now: Timestamp, message: Outgoing) -> Result<Stored, PublishError> {
        if bytes_of(&message) > self.message_bytes_max {
            return Err(PublishError::TooLarge("over the stream's limit".to_owned()));
        }
        self.forget_ids(now);
        if let Some(&sequence) = self.ids.get(message.message_id.as_str()) {
            return Ok(Stored {
                sequence,
                duplicate: true,
            });
        }
        self.check(&message)?;
        if self.messages.len() >= self.messages_max {
            let reason = "maximum messages exceeded".to_owned();
            return Err(PublishError::Unavailable(reason));
        }
        self.last_sequence += 1;
        let sequence = self.last_sequence;
        let message = Arc::new(Message::new(sequence, message, now));
        if message.message_id.is_empty() {
            self.last_id = None;
        } else {
            let id = &message.message_id;
            self.last_id = Some(Arc::clone(id));
            self.ids.insert(Arc::clone(id), sequence);
            self.ids_in_order.push_back((now, Arc::clone(id)));
        }
        self.hold(message);
        Ok(Stored {
            sequence,
            duplicate: false,
        })
    }

    fn check(&self, message: &Outgoing) -> Result<(), PublishError> {
        match &message.condition {
            Condition::Nothing => Ok(()),
            Condition::SubjectIsNew => match self.by_subject.get(message.subject.as_str()) {
                None => Ok(()),
                Some(found) => Err(PublishError::WrongLastSequence(found.last.to_string())),
            },
            Condition::LastSequence(expected) if *expected == self.last_sequence => Ok(()),
            Condition::LastSequence(_) => {
                Err(PublishError::WrongLastSequence(self.last_sequence.to_string()))
            }
            Condition::LastMessageId(expected) if self.last_id.as_deref() == Some(expected) => Ok(()),
            Condition::LastMessageId(_) => Err(PublishError::WrongLastMessageId(
                self.last_id.as_deref().unwrap_or_default().to_owned(),
            )),
        }
    }

    /// Takes a message out; `None` where it is gone already.
    pub(super) fn take_out(&mut self, sequence: u64) -> Option<Arc<Message>> {
        let message = self.messages.remove(&sequence)?;
        let found = self.by_subject.get_mut(&message.subject)?;
        found.count -= 1;
        if found.count == 0 {
            self.by_subject.remove(&message.subject);
        } else if found.last == sequence {
            let mut others = self.messages.values().rev();
            found.last = others
                .find(|other| other.subject == message.subject)
                .map_or(0, |other| other.sequence);
        }
        Some(message)
    }

    /// Holds a message that was taken out, or a new one.
    pub(super) fn hold(&mut self, message: Arc<Message>) {
        let sequence = message.sequence;
        let subject = Arc::clone(&message.subject);
        if self.messages.insert(sequence, message).is_none() {
            let found = self
                .by_subject
                .entry(subject)
                .or_insert(OnSubject { last: 0, count: 0 });
            found.last = found.last.max(sequence);
            found.count += 1;
        }
    }

    fn forget_ids(&mut self, now: Timestamp) {
        while let Some((at, id)) = self.ids_in_order.front()
            && now.duration_since(*at) >= self.window
        {
            self.ids.remove(id);
            self.ids_in_order.pop_front();
        }
    }
}

/// What a message takes on the wire, without its first line.
pub(super) fn bytes_of(message: &Outgoing) -> usize {
    let headers = message
        .headers
        .iter()
        .map(|(name, value)| name.len() + value.len() + 4);
    message.body.len() + message.message_id.len() + 28 + headers.sum::<usize>()
}
