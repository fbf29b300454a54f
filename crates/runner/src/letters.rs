//! Dead letters: read, tried once more, or put aside.

use futures::StreamExt;
use jiff::SignedDuration;
use kunder_agent_core::bus::AnnouncementKind;
use kunder_agent_core::door::{Door, Incoming, Receipt, Refusal, RefusalCode};
use kunder_agent_core::envelope::{is_traceparent, read};
use kunder_agent_core::letter::{
    DeadLetter, FullLetter, LetterEnd, LetterId, LetterKind, LetterQuery, LetterState, NewLetter,
};
use kunder_agent_core::subject::{token, untoken};
use kunder_agent_core::task::Task;
use kunder_bus::cloud_event;

use crate::control::Replays;
use crate::service::{Service, away};

/// Letters replayed by one request.
const BATCH: usize = 256;
/// Letters replayed side by side, so that they share what it costs to write to the disk.
const AT_ONCE: usize = 64;
/// When a runtime that is busy is asked again, where it does not say.
const AGAIN_AFTER_MS: u64 = 1_000;

impl Service {
    /// Letters numbered below `before`, the newest first.
    pub(crate) async fn letters(
        &self,
        before: Option<u64>,
        limit: usize,
        all: bool,
    ) -> Result<Vec<DeadLetter>, Refusal> {
        let query = LetterQuery {
            open_only: !all,
            newest_first: true,
            after: 0,
            before: before.unwrap_or(u64::MAX),
            limit,
        };
        self.store.letters(query).await.map_err(|error| away(&error))
    }

    pub(crate) async fn letter(&self, id: &LetterId) -> Result<FullLetter, Refusal> {
        let letter = self.store.letter(id).await.map_err(|error| away(&error))?;
        letter.ok_or_else(|| {
            let refusal = Refusal::new(RefusalCode::Unknown, format!("there is no dead letter `{id}`"));
            refusal.hint("kunder dlq list --all shows all of them with their ids")
        })
    }

    /// Tries once more what a letter holds. One that was replayed before stays as it is, however often it is asked for.
    pub(crate) async fn replay(&self, id: &LetterId) -> Result<DeadLetter, Refusal> {
        let full = self.letter(id).await?;
        if full.letter.state == LetterState::Replayed {
            return Ok(full.letter);
        }
        let end = self.again(&full).await?;
        self.end(vec![(id.clone(), end)]).await?;
        Ok(self.letter(id).await?.letter)
    }

    /// Replays the next open letters. Where the runtime has no place for one, that one and those behind it are left for later.
    pub(crate) async fn replay_next(&self, after: u64, upto: Option<u64>) -> Result<Replays, Refusal> {
        let upto = match upto {
            Some(upto) => upto,
            // What fails again leaves a new letter: it is not for this replay.
            None => self
                .letters(None, 1, false)
                .await?
                .first()
                .map_or(0, |newest| newest.number),
        };
        let query = LetterQuery {
            open_only: true,
            newest_first: false,
            after,
            before: upto.saturating_add(1),
            limit: BATCH,
        };
        let letters = self.store.letters(query).await.map_err(|error| away(&error))?;
        let mut replays = Replays {
            after,
            upto,
            more: letters.len() == BATCH,
            ..Replays::default()
        };
        let tries: Vec<_> = letters.iter().map(|letter| self.try_again(&letter.id)).collect();
        let ends: Vec<_> = futures::stream::iter(tries).buffered(AT_ONCE).collect().await;
        let mut accepted = Vec::new();
        let mut away = None;
        let mut passed = true;
        for (letter, end) in letters.iter().zip(ends) {
            match end {
                Ok(end) => accepted.push((letter.id.clone(), end)),
                Err(refusal) if refusal.code == RefusalCode::Busy => {
                    passed = false;
                    replays.more = true;
                    replays.retry_after_ms = refusal.retry_after_ms.or(Some(AGAIN_AFTER_MS));
                }
                Err(refusal) if refusal.code == RefusalCode::Unavailable => {
                    away.get_or_insert(refusal);
                }
                // Those behind one that was put off are tried again with it.
                Err(refusal) if passed => replays.refused.push((letter.id.clone(), refusal.to_string())),
                Err(_) => {}
            }
            if passed {
                replays.after = letter.number;
            }
        }
        replays.replayed = accepted.len() as u64;
        self.end(accepted).await?;
        away.map_or(Ok(replays), Err)
    }

    /// Puts a letter aside. It can still be replayed.
    pub(crate) async fn drop_letter(&self, id: &LetterId) -> Result<DeadLetter, Refusal> {
        self.letter(id).await?;
        self.end(vec![(id.clone(), LetterEnd::Dropped)]).await?;
        let letter = self.letter(id).await?.letter;
        if letter.state == LetterState::Replayed {
            let refusal = Refusal::new(
                RefusalCode::Conflict,
                format!("letter `{id}` was replayed before"),
            );
            let hint = match &letter.replayed_as {
                Some(task) => format!("kunder task cancel {task} stops that, if it still runs"),
                None => "it is dealt with: there is nothing to drop".to_owned(),
            };
            return Err(refusal.hint(hint));
        }
        Ok(letter)
    }

    async fn end(&self, ends: Vec<(LetterId, LetterEnd)>) -> Result<(), Refusal> {
        if ends.is_empty() {
            return Ok(());
        }
        self.store.end_letters(ends).await.map_err(|error| away(&error))?;
        self.runtime.announced().notify_one();
        Ok(())
    }

    async fn try_again(&self, id: &LetterId) -> Result<LetterEnd, Refusal> {
        let full = self.letter(id).await?;
        self.again(&full).await
    }

    /// Does again what failed. Done twice it makes the same task: a crash before the letter knows of it does no harm.
    async fn again(&self, full: &FullLetter) -> Result<LetterEnd, Refusal> {
        let receipt = match full.letter.kind {
            LetterKind::Task => self.task_again(full).await?,
            LetterKind::Message => self.message_again(full).await?,
            LetterKind::Announcement => {
                let now = self.clock.now();
                let limit = SignedDuration::try_from(self.runtime.config().delivery_limit);
                let deadline = (full.announcement == Some(AnnouncementKind::Request))
                    .then(|| now.checked_add(limit.unwrap_or(SignedDuration::MAX)).ok())
                    .flatten();
                let again = full.announce_again(now, deadline);
                let again = again.ok_or_else(|| unreadable("its kind of announcement is not known"))?;
                return Ok(LetterEnd::Announced(Box::new(again)));
            }
        };
        Ok(LetterEnd::Accepted(receipt.task_id))
    }

    /// A part of a larger task is never replayed alone, for its parent has gone on without it: the whole task is, once for all parts.
    async fn task_again(&self, full: &FullLetter) -> Result<Receipt, Refusal> {
        let mut task: Task =
            serde_json::from_slice(&full.body).map_err(|error| unreadable(&error.to_string()))?;
        let mut agent = full.letter.to.clone();
        loop {
            let record = self.store.record(&task.task_id).await;
            let parent = record
                .map_err(|error| away(&error))?
                .and_then(|record| record.new.parent);
            let Some(parent) = parent else { break };
            let Some(record) = self.store.record(&parent).await.map_err(|error| away(&error))? else {
                break;
            };
            agent = record.new.agent.as_str().to_owned();
            task = record.new.task;
        }
        let whole = NewLetter::new(
            LetterKind::Task,
            &agent,
            task.task_id.as_str(),
            "",
            full.letter.at,
        );
        task.task_id = whole.id.replay();
        task.agent = Some(agent);
        // Whoever replays it wants it done, however late that is.
        task.deadline = None;
        self.runtime.replay(task).await
    }

    /// A message is handed in as it was the first time, and refused as it was where nothing has changed. A task keeps its own id,
    /// for its sender waits for that, unless the id belongs to another task.
    async fn message_again(&self, full: &FullLetter) -> Result<Receipt, Refusal> {
        let process = &self.runtime.subjects().process;
        let parts: Vec<&str> = full
            .letter
            .subject
            .strip_prefix(process.as_str())
            .map_or(Vec::new(), |rest| rest.split('.').skip(1).collect());
        let header = |wanted: &str| {
            let found = full
                .headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.as_str())
        };
        match parts[..] {
            ["task", agent, on_subject] => {
                let mut envelope = read(&full.body, self.runtime.config().payload_bytes_max)?;
                let id = &envelope.task.task_id;
                if token(id.as_str()) != on_subject {
                    let message = format!("is `{id}`, the subject names `{on_subject}`");
                    return Err(Refusal::field("taskId", message)
                        .hint("send it again with the same id in both places, and drop this letter"));
                }
                self.is_free(&envelope.task)?;
                let traceparent = header("traceparent").filter(|value| is_traceparent(value));
                if envelope.task.traceparent.is_none() {
                    envelope.task.traceparent = traceparent.map(str::to_owned);
                }
                match self.accept(envelope.clone(), Some(agent)).await {
                    Err(refusal) if refusal.code == RefusalCode::Conflict => {
                        envelope.task.task_id = full.letter.id.replay();
                        self.accept(envelope, Some(agent)).await
                    }
                    accepted => accepted,
                }
            }
            ["in", process, kind] => {
                let headers = full.headers.iter();
                let arrived = cloud_event::read(
                    headers.map(|(name, value)| (name.as_str(), value.as_str())),
                    &full.body,
                )?;
                // As when it came: its own id, else that of its message, else where it stood.
                let id = arrived.id.unwrap_or_else(|| {
                    let id = header("nats-msg-id").map(str::to_owned);
                    id.unwrap_or_else(|| full.cause.clone())
                });
                let named = untoken(process).zip(untoken(kind));
                let (process, kind) = named.ok_or_else(|| unreadable("its subject cannot be read"))?;
                let incoming = Incoming {
                    process,
                    kind,
                    id: Some(id),
                    time: arrived.time,
                    traceparent: arrived.traceparent,
                    data: arrived.data,
                };
                self.incoming(incoming).await
            }
            _ => Err(unreadable(&format!(
                "nobody takes what comes on the subject `{}`",
                full.letter.subject
            ))),
        }
    }
}

fn unreadable(why: &str) -> Refusal {
    Refusal::new(RefusalCode::Malformed, format!("it cannot be replayed: {why}"))
        .hint("kunder dlq show ID tells what it holds; kunder dlq drop ID puts it aside")
}
