//! Reading an Input Protocol envelope from bytes: aliases in any case (D-36), and for every mistake the field and the reason.

mod parts;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
mod unique;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value};

use crate::door::{Refusal, RefusalCode};
use crate::id::TaskId;
use crate::task::{TASK_PROTOCOL, Task};
pub use parts::is_traceparent;
use parts::{clip, context, criteria, instruction, locale, name_of, one_line, reply_to, wrong_type};

/// An envelope that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    pub task: Task,
    /// One line per field that was written otherwise than it is named.
    pub warnings: Vec<String>,
}

/// Deepest nesting; what is stored around it must still be readable.
const DEPTH_MAX: usize = 64;

/// Canonical names with the other spellings that are understood, folded: lower case without `_`, `-` and spaces.
const FIELDS: [(&str, &[&str]); 13] = [
    ("protocol", &["protocol"]),
    ("taskId", &["taskid", "uppgiftsid", "uppdragsid", "taakid"]),
    ("agent", &["agent"]),
    ("context", &["context", "kontext", "sammanhang"]),
    (
        "instruction",
        &["instruction", "instructie", "instruktion", "uppdrag"],
    ),
    (
        "acceptanceCriteria",
        &[
            "acceptancecriteria",
            "acceptatiecriteria",
            "acceptanskriterier",
            "acceptanskriterium",
        ],
    ),
    ("deadline", &["deadline", "tidsfrist", "tidsgräns"]),
    ("requestedBy", &["requestedby", "beställare", "aanvrager"]),
    ("locale", &["locale", "språk", "taal"]),
    ("asOf", &["asof", "perdatum"]),
    ("dryRun", &["dryrun", "torrkörning"]),
    ("replyTo", &["replyto", "svartill"]),
    ("traceparent", &["traceparent"]),
];

/// Reads an envelope of at most `bytes_max` bytes.
///
/// # Errors
/// 413 over the limit; 400 with the field for everything else.
pub fn read(payload: &[u8], bytes_max: usize) -> Result<Envelope, Refusal> {
    let mut fields = canonical(object(payload, bytes_max)?)?;
    fields.lift_from_context()?;
    let warnings = std::mem::take(&mut fields.warnings);
    let protocol = fields
        .text("protocol")?
        .unwrap_or_else(|| TASK_PROTOCOL.to_owned());
    if protocol != TASK_PROTOCOL {
        let message = format!("is `{}`, this build speaks `{TASK_PROTOCOL}`", clip(&protocol));
        return Err(Refusal::field("protocol", message));
    }
    let task_id = fields.text("taskId")?.ok_or_else(|| {
        Refusal::field("taskId", "is missing")
            .hint("choose an id of 1 to 128 bytes; the same id with the same body is the same task")
    })?;
    let task_id = TaskId::new(task_id).map_err(|error| Refusal::field("taskId", error.to_string()))?;
    let task = Task {
        protocol,
        task_id,
        agent: fields.text("agent")?,
        context: context(fields.take("context"))?,
        instruction: instruction(fields.take("instruction"))?,
        acceptance_criteria: criteria(fields.take("acceptanceCriteria"))?,
        deadline: fields.parsed::<Timestamp>("deadline", "an RFC 3339 time such as 2026-11-22T10:00:00Z")?,
        requested_by: fields.text("requestedBy")?,
        locale: locale(fields.text("locale")?)?,
        as_of: fields.parsed::<Date>("asOf", "a day such as 2026-11-22")?,
        dry_run: fields.flag("dryRun")?,
        reply_to: reply_to(fields.text("replyTo")?)?,
        traceparent: fields.text("traceparent")?.filter(|value| is_traceparent(value)),
        origin: None,
        chain: Vec::new(),
    };
    Ok(Envelope { task, warnings })
}

/// Reads a JSON object from bytes, or says where it is broken.
///
/// # Errors
/// 413 over the limit; 400 for bytes that are not UTF-8, not JSON, or not an object, and for a name that is given twice.
pub fn object(payload: &[u8], bytes_max: usize) -> Result<Map<String, Value>, Refusal> {
    if payload.len() > bytes_max {
        let message = format!("the payload is {} bytes, the limit is {bytes_max}", payload.len());
        return Err(Refusal::new(RefusalCode::TooLarge, message)
            .hint("put large data into a file and send its reference"));
    }
    let text = std::str::from_utf8(payload).map_err(|error| {
        Refusal::new(
            RefusalCode::Malformed,
            format!("the payload is not UTF-8: broken at byte {}", error.valid_up_to()),
        )
    })?;
    let (value, twice) = unique::read(text).map_err(|error| {
        let message = format!("the payload is not JSON: {}", one_line(&error.to_string()));
        Refusal::new(RefusalCode::Malformed, message)
    })?;
    if let Some(name) = twice {
        return Err(Refusal::field(name, "is given twice"));
    }
    if depth(&value) > DEPTH_MAX {
        let message = format!("the payload is nested more than {DEPTH_MAX} levels deep");
        return Err(Refusal::new(RefusalCode::Malformed, message));
    }
    match value {
        Value::Object(fields) => Ok(fields),
        other => Err(Refusal::new(
            RefusalCode::Malformed,
            format!("the payload is {}, not a JSON object", name_of(&other)),
        )),
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

struct Fields {
    values: Map<String, Value>,
    warnings: Vec<String>,
}

fn canonical(fields: Map<String, Value>) -> Result<Fields, Refusal> {
    let mut canonical = Fields {
        values: Map::new(),
        warnings: Vec::new(),
    };
    for (written, value) in fields {
        let folded: String = written
            .to_lowercase()
            .chars()
            .filter(|c| !matches!(c, '_' | '-' | ' '))
            .collect();
        let Some((name, _)) = FIELDS
            .iter()
            .find(|(_, aliases)| aliases.contains(&folded.as_str()))
        else {
            let names: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
            return Err(Refusal::field(clip(&written), "is not a field of the envelope")
                .hint(format!("the fields are {}", names.join(", "))));
        };
        if written != *name {
            canonical
                .warnings
                .push(format!("`{}` was read as `{name}`", clip(&written)));
        }
        if canonical.values.insert((*name).to_owned(), value).is_some() {
            return Err(Refusal::field(*name, "is given twice, under two spellings"));
        }
    }
    Ok(canonical)
}

impl Fields {
    /// Day and language also stand in the context of some senders: they mean the same there.
    fn lift_from_context(&mut self) -> Result<(), Refusal> {
        let Some(Value::Object(context)) = self.values.get_mut("context") else {
            return Ok(());
        };
        let mut lifted = Vec::new();
        for name in ["asOf", "locale"] {
            let mut found: Option<(String, Value)> = None;
            while let Some(key) = context.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned() {
                let value = context.remove(&key).unwrap_or_default();
                match &found {
                    _ if value.is_null() => {}
                    None => found = Some((key, value)),
                    Some((_, other)) if *other == value => {}
                    Some(_) => {
                        let field = format!("context.{name}");
                        return Err(Refusal::field(field, "is given twice, under two spellings"));
                    }
                }
            }
            lifted.extend(found.map(|(key, value)| (name, key, value)));
        }
        for (name, key, value) in lifted {
            match self.values.get(name) {
                Some(other) if !other.is_null() && *other != value => {
                    return Err(Refusal::field(
                        format!("context.{key}"),
                        format!("differs from `{name}`"),
                    ));
                }
                _ => {
                    self.warnings
                        .push(format!("`context.{}` was read as `{name}`", clip(&key)));
                    self.values.insert(name.to_owned(), value);
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.values.remove(name).filter(|value| !value.is_null())
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_type(name, "text", &other)),
        }
    }

    fn flag(&mut self, name: &str) -> Result<bool, Refusal> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(other) => Err(wrong_type(name, "true or false", &other)),
        }
    }

    fn parsed<T: std::str::FromStr>(&mut self, name: &str, wanted: &str) -> Result<Option<T>, Refusal> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        match text.parse() {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(Refusal::field(
                name,
                format!("must be {wanted}, found `{}`", clip(&text)),
            )),
        }
    }
}
