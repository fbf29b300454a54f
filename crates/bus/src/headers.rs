//! Headers of our messages, and headers of others read whatever their case.

use kunder_agent_core::bus::{AnnounceError, Announcement};
use kunder_agent_core::subject::token;

use crate::broker::Headers;
use crate::cloud_event::encode_value;

/// Whose outbox a message came from.
pub(crate) const STORE: &str = "Kunder-Store";
/// Its number there.
pub(crate) const OUTBOX: &str = "Kunder-Outbox";
/// Which time it is sent, from 1, where a repeat may arrive: above 1, what has the same `Nats-Msg-Id` may have come before.
pub(crate) const ATTEMPT: &str = "Kunder-Attempt";

/// The headers of an announcement: where it came from, trace context, and its own ones.
pub(crate) fn of_announcement(store: &str, announcement: &Announcement) -> Result<Headers, AnnounceError> {
    let mut headers = Headers::with_capacity(announcement.headers.len() + 3);
    for (name, value) in &announcement.headers {
        let lower = name.to_ascii_lowercase();
        // These decide what the broker does with a message, and are ours to set.
        if lower.starts_with("nats-") || lower.starts_with("kunder-") {
            continue;
        }
        if lower.starts_with("ce-") {
            insert(&mut headers, lower, encode_value(value))?;
        } else {
            insert(&mut headers, name.clone(), value.clone())?;
        }
    }
    headers.push((STORE.to_owned(), token(store)));
    headers.push((OUTBOX.to_owned(), announcement.number.to_string()));
    if announcement.kind.may_repeat() {
        headers.push((ATTEMPT.to_owned(), announcement.attempt.to_string()));
    }
    Ok(headers)
}

fn insert(headers: &mut Headers, name: String, value: String) -> Result<(), AnnounceError> {
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
    if !plain || value.contains(char::is_control) {
        let reason = format!("header `{}` cannot be sent", name.escape_debug());
        return Err(AnnounceError::Refused(reason));
    }
    match headers.iter_mut().find(|(other, _)| *other == name) {
        Some((_, before)) => *before = value,
        None => headers.push((name, value)),
    }
    Ok(())
}

/// A header, whatever the case of its name.
pub(crate) fn find<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// All headers, the first value of each.
pub(crate) fn all(headers: &Headers) -> impl Iterator<Item = (&str, &str)> {
    headers
        .chunk_by(|(one, _), (next, _)| one == next)
        .map(|values| (values[0].0.as_str(), values[0].1.as_str()))
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
        let expected = [
            ("ce-subject", "customer/%C3%85%201"),
            ("traceparent", "00-a"),
            ("Kunder-Store", "s=2E1"),
            ("Kunder-Outbox", "7"),
        ];
        assert_eq!(all(&headers).collect::<Vec<_>>(), expected);
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
            assert_eq!(find(&headers, "kunder-attempt"), expected, "{kind:?}");
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
