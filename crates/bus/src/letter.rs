//! Dead letters on their stream: the message as it came, with why it was refused.

use jiff::Timestamp;
use kunder_agent_core::door::{Door, Refusal};
use kunder_agent_core::letter::{LetterKind, NewLetter};

use crate::broker::{Broker, Condition, Headers, Outgoing};
use crate::headers;

/// Headers of the refused message are kept up to this size.
const KEPT_HEADER_BYTES: usize = 16 << 10;

/// A message that is refused for good.
pub(crate) struct Letter<'a> {
    pub(crate) origin: Origin<'a>,
    pub(crate) headers: Option<&'a Headers>,
    pub(crate) payload: &'a [u8],
    pub(crate) refusal: &'a Refusal,
}

/// Where it stood.
pub(crate) struct Origin<'a> {
    pub(crate) stream: &'a str,
    pub(crate) sequence: u64,
    /// When the broker stored it, in nanoseconds of Unix time.
    pub(crate) published_ns: i128,
    pub(crate) subject: &'a str,
}

/// How the reason begins for which we end a message ourselves: its letter is written by then.
pub(crate) const SET_ASIDE: &str = "set aside: ";

/// Writes a letter to its stream and hands it in, to be read and replayed; repeats are recognised by where the message stood.
pub(crate) async fn set_aside<B: Broker>(
    broker: &B,
    door: &dyn Door,
    letter: &Letter<'_>,
    now: Timestamp,
) -> Result<(), String> {
    write(broker, letter).await?;
    let Origin {
        stream,
        sequence,
        published_ns,
        subject,
    } = letter.origin;
    let place = format!("{stream}/{sequence}/{published_ns}");
    let agent = subject.strip_prefix(&format!("{}.task.", broker.streams().process));
    let to = agent.and_then(|rest| rest.split('.').next()).unwrap_or(stream);
    let reason = letter.refusal.to_string();
    let kept = NewLetter::new(LetterKind::Message, to, &place, &reason, now).holding(subject, letter.payload);
    let headers = letter.headers.cloned().unwrap_or_default();
    door.set_aside(NewLetter { headers, ..kept })
        .await
        .map_err(|refusal| refusal.to_string())
}

async fn write<B: Broker>(broker: &B, letter: &Letter<'_>) -> Result<(), String> {
    let mut headers = headers_of(letter);
    let message_id = format!("dlq-{}-{}", letter.origin.stream, letter.origin.sequence);
    let id_bytes = "Nats-Msg-Id".len() + message_id.len() + 4;
    let room = broker
        .max_payload()
        .saturating_sub(wire_bytes(&headers) + id_bytes + 160);
    let kept = letter.payload.len().min(room);
    if kept < letter.payload.len() {
        headers.push(("Kunder-Truncated".to_owned(), letter.payload.len().to_string()));
    }
    let message = Outgoing {
        subject: subject_of(&broker.streams().process, letter.origin.subject),
        message_id,
        headers,
        body: letter.payload[..kept].to_vec(),
        condition: Condition::Nothing,
    };
    match broker.publish(vec![message]).await.pop() {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("the broker did not answer".to_owned()),
    }
}

/// `kunder.task.pipeline.7` becomes `kunder.dlq.pipeline.7`, `kunder.in.salj.x` becomes `kunder.dlq.in.salj.x`.
fn subject_of(process: &str, subject: &str) -> String {
    let rest = subject
        .strip_prefix(process)
        .map_or(subject, |rest| rest.trim_start_matches('.'));
    let rest = rest.strip_prefix("task.").unwrap_or(rest);
    format!("{process}.dlq.{rest}")
}

/// The message's own headers, then ours; ours count where a message has one of their names.
fn headers_of(letter: &Letter<'_>) -> Headers {
    let refusal = letter.refusal;
    let mut ours = vec![
        ("Kunder-Error-Code".to_owned(), refusal.code.number().to_string()),
        (
            "Kunder-Error".to_owned(),
            headers::one_line(&refusal.to_string(), 200),
        ),
    ];
    if let Some(field) = &refusal.field {
        ours.push(("Kunder-Error-Field".to_owned(), headers::one_line(field, 100)));
    }
    let subject = headers::one_line(letter.origin.subject, 500);
    ours.push(("Kunder-Subject".to_owned(), subject));
    let small = letter
        .headers
        .filter(|given| wire_bytes(given) <= KEPT_HEADER_BYTES);
    let given = small.into_iter().flatten();
    let mut headers: Headers = given
        .filter(|(name, _)| !name.to_ascii_lowercase().starts_with("nats-"))
        .filter(|(name, _)| !ours.iter().any(|(own, _)| own == name) && name != "Kunder-Truncated")
        .cloned()
        .collect();
    headers.extend(ours);
    headers
}

fn wire_bytes(headers: &Headers) -> usize {
    let bytes = headers.iter().map(|(name, value)| name.len() + value.len() + 4);
    bytes.sum::<usize>() + 12
}
