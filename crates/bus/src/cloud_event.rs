//! CloudEvents over NATS: attribute values as headers (binary mode) and whole events as JSON (structured mode).

use jiff::Timestamp;
use kunder_agent_core::door::Refusal;
use kunder_agent_core::envelope::object;
use serde_json::{Map, Value};

use crate::base64;

/// What a message says of itself, and its data.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrived {
    /// `source/id` of a CloudEvent; `None` for a plain message.
    pub id: Option<String>,
    pub time: Option<Timestamp>,
    pub traceparent: Option<String>,
    pub data: Vec<u8>,
}

/// Writes a value as a header can hold it: space, `"`, `%` and all but printable ASCII as `%XX` of their UTF-8.
#[must_use]
pub fn encode_value(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'"' | b'%' => push_hex(&mut encoded, byte),
            0x21..=0x7E => encoded.push(byte as char),
            _ => push_hex(&mut encoded, byte),
        }
    }
    encoded
}

/// Reads a header value: double quotes around it are taken off, `%XX` decoded once.
///
/// # Errors
/// Bytes that are not UTF-8 once decoded.
pub fn decode_value(value: &str) -> Result<String, std::string::FromUtf8Error> {
    let unquoted = unquote(value);
    let mut bytes = Vec::with_capacity(unquoted.len());
    let mut rest = unquoted.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = (first == b'%')
            .then(|| tail.get(..2).and_then(hex_byte))
            .flatten();
        bytes.push(hex.unwrap_or(first));
        rest = if hex.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes)
}

/// Reads a message: a CloudEvent in binary or structured mode, or a plain one.
///
/// # Errors
/// 400 with the attribute that is missing or wrong.
pub fn read<'a>(
    headers: impl Iterator<Item = (&'a str, &'a str)>,
    payload: &[u8],
) -> Result<Arrived, Refusal> {
    let mut attributes = Map::new();
    let mut traceparent = None;
    let mut structured = false;
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        if let Some(attribute) = name.strip_prefix("ce-") {
            let value = decode_value(value)
                .map_err(|_| Refusal::field(&name, "is not UTF-8 once its percent signs are decoded"))?;
            attributes.insert(attribute.to_owned(), Value::String(value));
        } else if name == "traceparent" {
            traceparent = Some(value.to_owned());
        } else if name == "content-type" {
            structured = structured_mode(value)?;
        }
    }
    if structured {
        let mut event = object(payload, usize::MAX)?;
        let data = data(&mut event)?;
        return attributes_of(&event, traceparent, data, "");
    }
    if attributes.is_empty() {
        return Ok(Arrived {
            id: None,
            time: None,
            traceparent,
            data: payload.to_vec(),
        });
    }
    attributes_of(&attributes, traceparent, payload.to_vec(), "ce-")
}

fn attributes_of(
    attributes: &Map<String, Value>,
    traceparent: Option<String>,
    data: Vec<u8>,
    prefix: &str,
) -> Result<Arrived, Refusal> {
    let text = |name: &str| match attributes.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Refusal::field(format!("{prefix}{name}"), "must be text")),
    };
    let needed = |name: &str| match text(name)? {
        Some(text) if !text.trim().is_empty() => Ok(text),
        _ => Err(Refusal::field(format!("{prefix}{name}"), "is missing")
            .hint("a CloudEvent needs specversion, id, source and type")),
    };
    let version = needed("specversion")?;
    if version != "1.0" {
        return Err(Refusal::field(
            format!("{prefix}specversion"),
            format!("is `{version}`, must be `1.0`"),
        ));
    }
    needed("type")?;
    let id = format!("{}/{}", needed("source")?, needed("id")?);
    let time = match text("time")? {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| {
            Refusal::field(
                format!("{prefix}time"),
                "must be an RFC 3339 time such as 2026-11-22T10:00:00Z",
            )
        })?),
    };
    let traceparent = traceparent.or(text("traceparent")?.map(str::to_owned));
    Ok(Arrived {
        id: Some(id),
        time,
        traceparent,
        data,
    })
}

/// True for one event in JSON, false for anything that is no CloudEvents media type.
fn structured_mode(content_type: &str) -> Result<bool, Refusal> {
    let media = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match media.as_str() {
        "application/cloudevents+json" => Ok(true),
        other if other.starts_with("application/cloudevents") => Err(Refusal::field(
            "content-type",
            format!(
                "is `{}`, only application/cloudevents+json is understood",
                other.escape_debug()
            ),
        )),
        _ => Ok(false),
    }
}

fn data(event: &mut Map<String, Value>) -> Result<Vec<u8>, Refusal> {
    let json = event
        .get("datacontenttype")
        .and_then(Value::as_str)
        .is_none_or(|media| media.to_ascii_lowercase().contains("json"));
    match (event.remove("data"), event.remove("data_base64")) {
        (Some(_), Some(_)) => Err(Refusal::field(
            "data_base64",
            "stands beside `data`: one of them is too much",
        )),
        (None, None) => Ok(Vec::new()),
        (None, Some(Value::String(text))) => {
            base64::decode(&text).ok_or_else(|| Refusal::field("data_base64", "is not base64"))
        }
        (None, Some(_)) => Err(Refusal::field("data_base64", "must be text")),
        (Some(Value::String(text)), None) if !json => Ok(text.into_bytes()),
        (Some(value), None) => Ok(value.to_string().into_bytes()),
    }
}

fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut unquoted = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => unquoted.extend(characters.next()),
            other => unquoted.push(other),
        }
    }
    unquoted
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16);
    let (high, low) = (digit(digits[0])?, digit(digits[1])?);
    u8::try_from(high * 16 + low).ok()
}

fn push_hex(encoded: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    encoded.push('%');
    encoded.push(DIGITS[usize::from(byte >> 4)] as char);
    encoded.push(DIGITS[usize::from(byte & 15)] as char);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_survives_a_header() {
        let all = (char::MIN..='\u{2FFF}').chain(('\u{3000}'..=char::MAX).step_by(17));
        for character in all {
            let value = format!("\"{character}%41 {character}");
            let encoded = encode_value(&value);
            assert!(
                encoded
                    .bytes()
                    .all(|byte| (0x21..=0x7E).contains(&byte) && byte != b'"'),
                "{encoded}"
            );
            assert_eq!(decode_value(&encoded).unwrap(), value);
        }
        assert_eq!(encode_value("Euro €"), "Euro%20%E2%82%AC");
    }

    #[test]
    fn values_of_others_are_read_leniently_but_never_as_broken_text() {
        assert_eq!(decode_value(r#""a \"b\" %C3%A5""#).unwrap(), "a \"b\" å");
        assert_eq!(decode_value("100%").unwrap(), "100%");
        assert_eq!(decode_value("%zz%2").unwrap(), "%zz%2");
        assert_eq!(decode_value("%2541").unwrap(), "%41", "decoded once");
        assert!(decode_value("%C0%A0").is_err());
    }

    fn binary(headers: &[(&str, &str)]) -> Result<Arrived, String> {
        read(headers.iter().copied(), b"{\"a\":1}").map_err(|refusal| refusal.to_string())
    }

    const WHOLE: [(&str, &str); 6] = [
        ("CE-SpecVersion", "1.0"),
        ("ce-id", "7"),
        ("ce-source", "/s%C3%A4lj"),
        ("ce-type", "salj.deal-won.v1"),
        ("ce-time", "2026-11-22T10:00:00Z"),
        ("traceparent", "00-aa-bb-01"),
    ];

    #[test]
    fn binary_mode_is_read_whatever_the_case() {
        let arrived = binary(&WHOLE).unwrap();
        assert_eq!(arrived.id.as_deref(), Some("/sälj/7"));
        assert_eq!(arrived.time, Some("2026-11-22T10:00:00Z".parse().unwrap()));
        assert_eq!(arrived.traceparent.as_deref(), Some("00-aa-bb-01"));
        assert_eq!(arrived.data, b"{\"a\":1}");
        assert_eq!(binary(&[("Other", "x")]).unwrap().id, None);
    }

    #[test]
    fn a_broken_event_names_its_attribute() {
        for missing in 0..4 {
            let mut headers = WHOLE.to_vec();
            let (name, _) = headers.remove(missing);
            let error = binary(&headers).unwrap_err();
            assert_eq!(error, format!("`{}` is missing", name.to_lowercase()));
        }
        let with = |name: &'static str, value: &'static str| {
            let mut headers = WHOLE.to_vec();
            headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
            headers.push((name, value));
            binary(&headers).unwrap_err()
        };
        assert_eq!(
            with("ce-specversion", "0.3"),
            "`ce-specversion` is `0.3`, must be `1.0`"
        );
        assert!(with("ce-time", "yesterday").starts_with("`ce-time` must be"));
        assert!(with("ce-id", "%C0%A0").starts_with("`ce-id` is not UTF-8"));
        assert!(with("content-type", "application/cloudevents-batch+json").starts_with("`content-type` is"));
    }

    fn structured(json: &str) -> Result<Arrived, String> {
        let headers = [("Content-Type", "Application/CloudEvents+JSON; charset=utf-8")];
        read(headers.into_iter(), json.as_bytes()).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn structured_mode_carries_data_in_three_ways() {
        let event = |rest: &str| {
            structured(&format!(
                r#"{{"specversion":"1.0","id":"7","source":"/salj","type":"t","traceparent":"00-x"{rest}}}"#
            ))
        };
        let arrived = event(r#","data":{"å":1}"#).unwrap();
        assert_eq!(arrived.data, "{\"å\":1}".as_bytes());
        assert_eq!(
            (arrived.id.as_deref(), arrived.traceparent.as_deref()),
            (Some("/salj/7"), Some("00-x"))
        );
        assert_eq!(
            event(r#","datacontenttype":"text/plain","data":"hej""#)
                .unwrap()
                .data,
            b"hej"
        );
        assert_eq!(event(r#","data":"hej""#).unwrap().data, b"\"hej\"");
        assert_eq!(event(r#","data_base64":"aGVq""#).unwrap().data, b"hej");
        assert!(event(r#","data":1,"data_base64":"aGVq""#).is_err());
        assert!(event(r#","data_base64":"a""#).unwrap_err().contains("base64"));
        assert!(event(r#","time":7"#).unwrap_err().contains("`time` must be text"));
        assert!(
            event(r#","subject":"a","subject":"b""#)
                .unwrap_err()
                .contains("`subject` is given twice")
        );
        assert!(
            event(r#","data":{"x":1,"x":2}"#)
                .unwrap_err()
                .contains("`data.x` is given twice")
        );
        assert!(structured("[]").unwrap_err().contains("not a JSON object"));
    }
}
