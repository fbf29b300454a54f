//! Dead letters on their stream: the message as it came, with why it was refused.

use async_nats::header::{self, HeaderMap, HeaderValue};
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use kunder_agent_core::door::Refusal;

use super::connection::with_causes;
use super::{Shared, headers};

/// Headers of the refused message are kept up to this size.
const KEPT_HEADER_BYTES: usize = 16 << 10;

/// A message that is refused for good.
pub(crate) struct Letter<'a> {
    pub(crate) origin: Origin<'a>,
    pub(crate) headers: Option<&'a HeaderMap>,
    pub(crate) payload: &'a [u8],
    pub(crate) refusal: &'a Refusal,
}

/// Where it stood.
pub(crate) struct Origin<'a> {
    pub(crate) stream: &'a str,
    pub(crate) sequence: u64,
    pub(crate) subject: &'a str,
}

impl Shared {
    /// Writes it; repeats are recognised by where the message stood.
    pub(crate) async fn write_letter(&self, letter: &Letter<'_>) -> Result<(), String> {
        let mut headers = headers_of(letter);
        headers.insert(header::NATS_EXPECTED_STREAM, self.streams.letters.as_str());
        let room = self
            .client
            .max_payload()
            .saturating_sub(wire_bytes(&headers) + 64);
        let kept = letter.payload.len().min(room);
        if kept < letter.payload.len() {
            headers.insert("Kunder-Truncated", HeaderValue::from(letter.payload.len()));
        }
        let body = Bytes::copy_from_slice(&letter.payload[..kept]);
        let message = PublishMessage::build().headers(headers).payload(body);
        let subject = self.letter_subject(letter.origin.subject);
        let sent = self.jetstream.send_publish(subject.clone(), message).await;
        let answer = sent.map_err(|error| with_causes(&error))?.await;
        self.heed(&subject, &answer).await;
        answer.map(|_| ()).map_err(|error| with_causes(&error))
    }

    /// `kunder.task.pipeline.7` becomes `kunder.dlq.pipeline.7`, `kunder.in.salj.x` becomes `kunder.dlq.in.salj.x`.
    fn letter_subject(&self, subject: &str) -> String {
        let process = &self.subjects.process;
        let rest = subject
            .strip_prefix(process.as_str())
            .map_or(subject, |rest| rest.trim_start_matches('.'));
        let rest = rest.strip_prefix("task.").unwrap_or(rest);
        format!("{process}.dlq.{rest}")
    }
}

fn headers_of(letter: &Letter<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let small = letter
        .headers
        .filter(|given| wire_bytes(given) <= KEPT_HEADER_BYTES);
    for (name, values) in small.into_iter().flat_map(HeaderMap::iter) {
        let text: &str = name.as_ref();
        if !text.to_ascii_lowercase().starts_with("nats-") {
            values
                .iter()
                .for_each(|value| headers.append(name.clone(), value.clone()));
        }
    }
    let refusal = letter.refusal;
    headers.insert("Kunder-Error-Code", HeaderValue::from(refusal.code.number()));
    headers.insert("Kunder-Error", headers::one_line(&refusal.to_string(), 200));
    if let Some(field) = &refusal.field {
        headers.insert("Kunder-Error-Field", headers::one_line(field, 100));
    }
    headers.insert("Kunder-Subject", headers::one_line(letter.origin.subject, 500));
    let id = format!("dlq-{}-{}", letter.origin.stream, letter.origin.sequence);
    headers.insert(header::NATS_MESSAGE_ID, id);
    headers
}

fn wire_bytes(headers: &HeaderMap) -> usize {
    let of_values = |(name, values): (&header::HeaderName, &Vec<HeaderValue>)| -> usize {
        let name: &str = name.as_ref();
        values
            .iter()
            .map(|value| name.len() + value.as_str().len() + 4)
            .sum()
    };
    headers.iter().map(of_values).sum::<usize>() + 12
}
