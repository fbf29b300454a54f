//! Headers of our messages, and headers of others read whatever their case.

use std::str::FromStr;

use async_nats::header::{self, HeaderMap, HeaderName, HeaderValue};
use kunder_agent_core::bus::{AnnounceError, Announcement};
use kunder_agent_core::subject::token;

use crate::cloud_event::encode_value;

/// Whose outbox a message came from.
pub(crate) const STORE: &str = "Kunder-Store";
/// Its number there.
pub(crate) const OUTBOX: &str = "Kunder-Outbox";
/// Which time it is sent, from 1, where a repeat may arrive: above 1, what has the same `Nats-Msg-Id` may have come before.
pub(crate) const ATTEMPT: &str = "Kunder-Attempt";

/// The headers of an announcement: its id, where it came from, trace context, and its own ones.
pub(crate) fn of_announcement(store: &str, announcement: &Announcement) -> Result<HeaderMap, AnnounceError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &announcement.headers {
        let lower = name.to_ascii_lowercase();
        let name = if lower.starts_with("ce-") {
            lower.as_str()
        } else {
            name.as_str()
        };
        // These decide what the broker does with a message, and are ours to set.
        if lower.starts_with("nats-") || lower.starts_with("kunder-") {
            continue;
        }
        let value = if lower.starts_with("ce-") {
            encode_value(value)
        } else {
            value.clone()
        };
        insert(&mut headers, name, &value)?;
    }
    headers.insert(header::NATS_MESSAGE_ID, token(&announcement.message_id));
    headers.insert(STORE, token(store));
    headers.insert(OUTBOX, HeaderValue::from(announcement.number));
    if announcement.kind.may_repeat() {
        headers.insert(ATTEMPT, HeaderValue::from(u64::from(announcement.attempt)));
    }
    Ok(headers)
}

fn insert(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), AnnounceError> {
    let refused = || AnnounceError::Refused(format!("header `{}` cannot be sent", name.escape_debug()));
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
    if !plain || value.contains(char::is_control) {
        return Err(refused());
    }
    let name = HeaderName::from_str(name).map_err(|_| refused())?;
    headers.insert(name, HeaderValue::from_str(value).map_err(|_| refused())?);
    Ok(())
}

/// A header, whatever the case of its name.
pub(crate) fn find<'a>(headers: Option<&'a HeaderMap>, name: &str) -> Option<&'a str> {
    all(headers)
        .find(|(other, _)| other.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// All headers, the first value of each.
pub(crate) fn all(headers: Option<&HeaderMap>) -> impl Iterator<Item = (&str, &str)> {
    headers
        .into_iter()
        .flat_map(HeaderMap::iter)
        .filter_map(|(name, values)| {
            let name: &str = name.as_ref();
            values.first().map(|value| (name, value.as_str()))
        })
}

/// A text as a header can hold it: one line, at most `characters` long.
pub(crate) fn one_line(text: &str, characters: usize) -> String {
    let words = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    if line.chars().count() <= characters {
        return line;
    }
    let mut cut: String = line.chars().take(characters.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use kunder_agent_core::bus::AnnouncementKind;

    fn announcement(headers: &[(&str, &str)]) -> Announcement {
        Announcement {
            number: 7,
            destination: "events".to_owned(),
            kind: AnnouncementKind::Event,
            subject: "kunder.event.pipeline.x".to_owned(),
            message_id: "a b/ö".to_owned(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: Vec::new(),
            committed_at: jiff::Timestamp::UNIX_EPOCH,
            deadline: None,
            attempt: 3,
        }
    }

    #[test]
    fn attributes_are_encoded_and_ours_cannot_be_overwritten() {
        let given = [
            ("CE-subject", "customer/Å 1"),
            ("traceparent", "00-a"),
            ("Nats-Msg-Id", "x"),
            ("kunder-outbox", "1"),
        ];
        let headers = of_announcement("s.1", &announcement(&given)).unwrap();
        let value = |name: &str| headers.get(name).map(ToString::to_string);
        assert_eq!(value("ce-subject").unwrap(), "customer/%C3%85%201");
        assert_eq!(value("traceparent").unwrap(), "00-a");
        assert_eq!(value("Nats-Msg-Id").unwrap(), "a=20b=2F=C3=B6");
        assert_eq!(value("Kunder-Store").unwrap(), "s=2E1");
        assert_eq!(value("Kunder-Outbox").unwrap(), "7");
        assert_eq!(headers.len(), 5);
    }

    #[test]
    fn what_may_arrive_twice_says_which_time_it_is() {
        for (kind, expected) in [
            (AnnouncementKind::Reply, Some("3")),
            (AnnouncementKind::Request, Some("3")),
            (AnnouncementKind::Event, None),
            (AnnouncementKind::Result, None),
        ] {
            let announcement = Announcement {
                kind,
                ..announcement(&[])
            };
            let headers = of_announcement("s", &announcement).unwrap();
            let found = headers.get("Kunder-Attempt").map(ToString::to_string);
            assert_eq!(found.as_deref(), expected, "{kind:?}");
        }
    }

    #[test]
    fn a_header_that_would_break_the_wire_is_refused() {
        for (name, value) in [
            ("x", "a\r\nb"),
            ("a:b", "x"),
            ("", "x"),
            ("å", "x"),
            ("x", "a\nb"),
        ] {
            assert!(matches!(
                of_announcement("s", &announcement(&[(name, value)])),
                Err(AnnounceError::Refused(_))
            ));
        }
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(one_line("a\r\n b\tc\u{0}", 200), "a b c");
        assert_eq!(one_line("åäö åäö", 5), "åäö …");
    }
}
