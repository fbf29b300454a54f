//! Reading an Input Protocol envelope from bytes: aliases in any case (D-36), and for every mistake the field and the reason.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value};

use crate::criteria::{Criterion, Measure, Op};
use crate::door::{Refusal, RefusalCode};
use crate::id::TaskId;
use crate::task::{Context, Instruction, Locale, TASK_PROTOCOL, Task};

/// An envelope that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    pub task: Task,
    /// One line per field that was written otherwise than it is named.
    pub warnings: Vec<String>,
}

/// Canonical names with the other spellings that are understood, folded: lower case without `_`, `-` and spaces.
const FIELDS: [(&str, &[&str]); 13] = [
    ("protocol", &["protocol"]),
    ("taskId", &["taskid", "uppgiftsid", "uppdragsid", "taakid"]),
    ("agent", &["agent"]),
    ("context", &["context", "kontext", "sammanhang"]),
    ("instruction", &["instruction", "instructie", "instruktion", "uppdrag"]),
    ("acceptanceCriteria", &["acceptancecriteria", "acceptatiecriteria", "acceptanskriterier", "acceptanskriterium"]),
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
    let warnings = std::mem::take(&mut fields.warnings);
    let protocol = fields.text("protocol")?.unwrap_or_else(|| TASK_PROTOCOL.to_owned());
    if protocol != TASK_PROTOCOL {
        let message = format!("is `{protocol}`, this build speaks `{TASK_PROTOCOL}`");
        return Err(Refusal::field("protocol", message));
    }
    let task_id = fields.text("taskId")?.ok_or_else(|| {
        Refusal::field("taskId", "is missing").hint("choose an id of 1 to 128 bytes; the same id with the same body is the same task")
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
    };
    Ok(Envelope { task, warnings })
}

/// Reads a JSON object from bytes, or says where it is broken.
///
/// # Errors
/// 413 over the limit; 400 for bytes that are not UTF-8, not JSON, or not an object.
pub fn object(payload: &[u8], bytes_max: usize) -> Result<Map<String, Value>, Refusal> {
    if payload.len() > bytes_max {
        let message = format!("the payload is {} bytes, the limit is {bytes_max}", payload.len());
        return Err(Refusal::new(RefusalCode::TooLarge, message).hint("put large data into a file and send its reference"));
    }
    let text = std::str::from_utf8(payload)
        .map_err(|error| Refusal::new(RefusalCode::Malformed, format!("the payload is not UTF-8: broken at byte {}", error.valid_up_to())))?;
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let message = format!("the payload is not JSON: {}", one_line(&error.to_string()));
        Refusal::new(RefusalCode::Malformed, message)
    })?;
    match value {
        Value::Object(fields) => Ok(fields),
        other => Err(Refusal::new(RefusalCode::Malformed, format!("the payload is {}, not a JSON object", name_of(&other)))),
    }
}

struct Fields {
    values: Map<String, Value>,
    warnings: Vec<String>,
}

fn canonical(fields: Map<String, Value>) -> Result<Fields, Refusal> {
    let mut canonical = Fields { values: Map::new(), warnings: Vec::new() };
    for (written, value) in fields {
        let folded: String = written.to_lowercase().chars().filter(|c| !matches!(c, '_' | '-' | ' ')).collect();
        let Some((name, _)) = FIELDS.iter().find(|(_, aliases)| aliases.contains(&folded.as_str())) else {
            let names: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
            return Err(Refusal::field(clip(&written), "is not a field of the envelope").hint(format!("the fields are {}", names.join(", "))));
        };
        if written != *name {
            canonical.warnings.push(format!("`{}` was read as `{name}`", clip(&written)));
        }
        if canonical.values.insert((*name).to_owned(), value).is_some() {
            return Err(Refusal::field(*name, "is given twice, under two spellings"));
        }
    }
    Ok(canonical)
}

impl Fields {
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
        let Some(text) = self.text(name)? else { return Ok(None) };
        match text.parse() {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(Refusal::field(name, format!("must be {wanted}, found `{}`", clip(&text)))),
        }
    }
}

fn context(value: Option<Value>) -> Result<Context, Refusal> {
    let mut context = Context::default();
    let fields = match value {
        None => return Ok(context),
        Some(Value::String(text)) => {
            context.more.insert("text".to_owned(), Value::String(text));
            return Ok(context);
        }
        Some(Value::Object(fields)) => fields,
        Some(other) => return Err(wrong_type("context", "an object or text", &other)),
    };
    for (name, value) in fields {
        match name.to_lowercase().as_str() {
            "customer" | "kund" | "klant" => context.customer = customer(&name, value)?,
            "health" | "healthscore" | "hälsa" => context.health = Some(value),
            "history" | "historik" => context.history = Some(value),
            _ => {
                context.more.insert(name, value);
            }
        }
    }
    Ok(context)
}

/// A customer is given by name or id, as text or as an object with `id` or `name`.
fn customer(name: &str, value: Value) -> Result<Option<String>, Refusal> {
    let text = match &value {
        Value::Null => return Ok(None),
        Value::String(text) => Some(text.clone()),
        Value::Object(fields) => ["id", "name", "namn"].iter().find_map(|key| fields.get(*key)).and_then(Value::as_str).map(str::to_owned),
        _ => None,
    };
    match text {
        Some(text) => Ok(Some(text)),
        None => Err(Refusal::field(format!("context.{name}"), "must be a name or id, as text or as an object with `id` or `name`")),
    }
}

fn instruction(value: Option<Value>) -> Result<Instruction, Refusal> {
    let mut instruction = Instruction::default();
    let fields = match value {
        None => return Ok(instruction),
        Some(Value::String(text)) => {
            instruction.text = Some(text);
            return Ok(instruction);
        }
        Some(Value::Object(fields)) => fields,
        Some(other) => return Err(wrong_type("instruction", "text or an object", &other)),
    };
    for (name, value) in fields {
        let field = format!("instruction.{}", clip(&name));
        match (name.to_lowercase().as_str(), value) {
            ("command" | "kommando", Value::String(text)) => instruction.command = Some(text),
            ("text", Value::String(text)) => instruction.text = Some(text),
            ("params" | "parametrar", Value::Object(params)) => instruction.params = params,
            ("command" | "text" | "kommando" | "params" | "parametrar", Value::Null) => {}
            ("command" | "text" | "kommando", other) => return Err(wrong_type(&field, "text", &other)),
            ("params" | "parametrar", other) => return Err(wrong_type(&field, "an object", &other)),
            _ => return Err(Refusal::field(field, "is not a field of an instruction").hint("the fields are command, text, params")),
        }
    }
    Ok(instruction)
}

fn criteria(value: Option<Value>) -> Result<Vec<Criterion>, Refusal> {
    match value {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => {
            items.into_iter().enumerate().map(|(index, item)| criterion(&format!("acceptanceCriteria[{index}]"), item)).collect()
        }
        Some(single @ (Value::String(_) | Value::Object(_))) => Ok(vec![criterion("acceptanceCriteria", single)?]),
        Some(other) => Err(wrong_type("acceptanceCriteria", "a list", &other)),
    }
}

fn criterion(field: &str, value: Value) -> Result<Criterion, Refusal> {
    let mut fields = match value {
        Value::String(prose) => return Ok(Criterion::Prose(prose)),
        Value::Object(fields) => fields,
        other => return Err(wrong_type(field, "words or an object with metric, op and value", &other)),
    };
    let mut text = |name: &str| match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(wrong_type(&format!("{field}.{name}"), "text", &other)),
    };
    let missing = |name: &str| Refusal::field(format!("{field}.{name}"), "is missing");
    let metric = text("metric")?.filter(|metric| !metric.is_empty()).ok_or_else(|| missing("metric"))?;
    let op_text = text("op")?.ok_or_else(|| missing("op"))?;
    let unit = text("unit")?;
    let op: Op = serde_json::from_value(Value::String(op_text.clone()))
        .map_err(|_| Refusal::field(format!("{field}.op"), format!("must be one of < <= = != >= >, found `{}`", clip(&op_text))))?;
    let value = match fields.remove("value") {
        None | Some(Value::Null) => return Err(missing("value")),
        Some(value @ (Value::Number(_) | Value::String(_) | Value::Bool(_))) => value,
        Some(other) => return Err(wrong_type(&format!("{field}.value"), "a number, text, true or false", &other)),
    };
    match fields.keys().next() {
        Some(extra) => Err(Refusal::field(format!("{field}.{}", clip(extra)), "is not a field of a criterion").hint("the fields are metric, op, value, unit")),
        None => Ok(Criterion::Measured(Measure { metric, op, value, unit })),
    }
}

fn locale(text: Option<String>) -> Result<Option<Locale>, Refusal> {
    match text.map(|text| text.to_lowercase()).as_deref() {
        None => Ok(None),
        Some("sv" | "sv-se" | "svenska") => Ok(Some(Locale::Sv)),
        Some("en" | "en-gb" | "en-us" | "english") => Ok(Some(Locale::En)),
        Some(other) => Err(Refusal::field("locale", format!("must be sv or en, found `{}`", clip(other)))),
    }
}

fn reply_to(text: Option<String>) -> Result<Option<String>, Refusal> {
    let Some(subject) = text else { return Ok(None) };
    let whole = !subject.is_empty() && subject.len() <= 256 && !subject.starts_with('$');
    let tokens = subject.split('.').all(|token| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'*' && byte != b'>'));
    if whole && tokens {
        return Ok(Some(subject));
    }
    Err(Refusal::field("replyTo", format!("must be a plain subject without wildcards, found `{}`", clip(&subject))))
}

/// `00-<32 hex>-<16 hex>-<2 hex>`; another shape is dropped, as the W3C recommendation says.
fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths.starts_with(&[2, 32, 16, 2]) && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn wrong_type(field: &str, wanted: &str, found: &Value) -> Refusal {
    Refusal::field(field, format!("must be {wanted}, found {}", name_of(found)))
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn clip(text: &str) -> String {
    one_line(&text.chars().take(60).collect::<String>())
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1_000_000;

    #[track_caller]
    fn refused(payload: &str, expected: &str) {
        let refusal = read(payload.as_bytes(), LIMIT).expect_err("the envelope is wrong");
        assert_eq!(format!("{} {refusal}", refusal.code.number()), expected);
    }

    /// S3-56, D-36: the seed's own names, in any case, and Swedish ones.
    #[test]
    fn the_seeds_names_are_aliases_in_any_case() {
        let canonical = r#"{"taskId":"t","context":{"customer":"Åsa"},"instruction":"Kör","acceptanceCriteria":["snabbt"]}"#;
        let seed = r#"{"TaskId":"t","CONTEXT":{"Kund":{"name":"Åsa"}},"Instructie":"Kör","acceptatie_criteria":"snabbt"}"#;
        let swedish = r#"{"Uppgifts-ID":"t","Kontext":{"kund":"Åsa"},"Instruktion":"Kör","Acceptanskriterier":["snabbt"]}"#;
        let expected = read(canonical.as_bytes(), LIMIT).unwrap();
        assert!(expected.warnings.is_empty());
        for alias in [seed, swedish] {
            let read = read(alias.as_bytes(), LIMIT).unwrap();
            assert_eq!(read.task, expected.task);
            assert_eq!(read.task.body_hash(), expected.task.body_hash());
            assert_eq!(read.warnings.len(), 4, "{:?}", read.warnings);
        }
    }

    #[test]
    fn every_mistake_names_its_field() {
        refused("{", "400 the payload is not JSON: EOF while parsing an object at line 1 column 1");
        refused("[]", "400 the payload is a list, not a JSON object");
        refused("{}", "400 `taskId` is missing");
        refused(r#"{"taskId":""}"#, "400 `taskId` must not be empty");
        refused(r#"{"taskId":7}"#, "400 `taskId` must be text, found a number");
        refused(r#"{"taskId":"t","taskID":"t"}"#, "400 `taskId` is given twice, under two spellings");
        refused(r#"{"taskId":"t","protocol":"task/2"}"#, "400 `protocol` is `task/2`, this build speaks `task/1`");
        refused(r#"{"taskId":"t","context":7}"#, "400 `context` must be an object or text, found a number");
        refused(r#"{"taskId":"t","context":{"customer":[]}}"#, "400 `context.customer` must be a name or id, as text or as an object with `id` or `name`");
        refused(r#"{"taskId":"t","instruction":{"params":"x"}}"#, "400 `instruction.params` must be an object, found text");
        refused(r#"{"taskId":"t","deadline":"soon"}"#, "400 `deadline` must be an RFC 3339 time such as 2026-11-22T10:00:00Z, found `soon`");
        refused(r#"{"taskId":"t","asOf":"2026-13-01"}"#, "400 `asOf` must be a day such as 2026-11-22, found `2026-13-01`");
        refused(r#"{"taskId":"t","dryRun":"yes"}"#, "400 `dryRun` must be true or false, found text");
        refused(r#"{"taskId":"t","replyTo":"a.*"}"#, "400 `replyTo` must be a plain subject without wildcards, found `a.*`");
        refused(r#"{"taskId":"t","locale":"nl"}"#, "400 `locale` must be sv or en, found `nl`");
        refused(r#"{"taskId":"t","instrction":"x"}"#, "400 `instrction` is not a field of the envelope");
        refused(r#"{"taskId":"t","acceptanceCriteria":[{"metric":"a","op":"~","value":1}]}"#, "400 `acceptanceCriteria[0].op` must be one of < <= = != >= >, found `~`");
        refused(r#"{"taskId":"t","acceptanceCriteria":["x",{"op":"<","value":1}]}"#, "400 `acceptanceCriteria[1].metric` is missing");
        refused(r#"{"taskId":"t","acceptanceCriteria":[7]}"#, "400 `acceptanceCriteria[0]` must be words or an object with metric, op and value, found a number");
    }

    #[test]
    fn bytes_that_are_no_text_or_too_many_are_refused() {
        let refusal = read(b"{\"taskId\":\"\xff\"}", LIMIT).unwrap_err();
        assert_eq!(refusal.to_string(), "the payload is not UTF-8: broken at byte 11");
        let refusal = read(&vec![b' '; 2 << 20], 1 << 20).unwrap_err();
        assert_eq!((refusal.code, refusal.to_string().as_str()), (RefusalCode::TooLarge, "the payload is 2097152 bytes, the limit is 1048576"));
    }
}
