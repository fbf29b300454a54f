//! The parts of an envelope that have a shape of their own: context, instruction, criteria, language, reply subject.

use serde_json::Value;

use crate::criteria::{CRITERIA_MAX, Criterion, Measure, Op};
use crate::door::Refusal;
use crate::task::{Context, Instruction, Locale};

pub(super) fn context(value: Option<Value>) -> Result<Context, Refusal> {
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
    let mut given = Given::default();
    for (name, value) in fields {
        match name.to_lowercase().as_str() {
            "customer" | "kund" | "klant" => {
                given.once("context.customer", &value)?;
                context.customer = customer(&name, value)?.or(context.customer);
            }
            "health" | "healthscore" | "hälsa" => {
                given.once("context.health", &value)?;
                context.health = Some(value).filter(|value| !value.is_null()).or(context.health);
            }
            "history" | "historik" => {
                given.once("context.history", &value)?;
                context.history = Some(value).filter(|value| !value.is_null()).or(context.history);
            }
            _ => {
                context.more.insert(name, value);
            }
        }
    }
    Ok(context)
}

/// The fields that were given, under whatever spelling: which of two is meant is never guessed. Null is not given.
#[derive(Default)]
struct Given(Vec<&'static str>);

impl Given {
    fn once(&mut self, field: &'static str, value: &Value) -> Result<(), Refusal> {
        if value.is_null() {
            return Ok(());
        }
        if self.0.contains(&field) {
            return Err(Refusal::field(field, "is given twice, under two spellings"));
        }
        self.0.push(field);
        Ok(())
    }
}

/// A customer is given by name or id, as text or as an object with `id` or `name`.
pub(super) fn customer(name: &str, value: Value) -> Result<Option<String>, Refusal> {
    let text = match &value {
        Value::Null => return Ok(None),
        Value::String(text) => Some(text.clone()),
        Value::Object(fields) => ["id", "name", "namn"]
            .iter()
            .find_map(|key| fields.get(*key))
            .and_then(Value::as_str)
            .map(str::to_owned),
        _ => None,
    };
    match text {
        Some(text) => Ok(Some(text)),
        None => Err(Refusal::field(
            format!("context.{name}"),
            "must be a name or id, as text or as an object with `id` or `name`",
        )),
    }
}

pub(super) fn instruction(value: Option<Value>) -> Result<Instruction, Refusal> {
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
    let mut given = Given::default();
    for (name, value) in fields {
        let field = format!("instruction.{}", clip(&name));
        match name.to_lowercase().as_str() {
            "command" | "kommando" => given.once("instruction.command", &value)?,
            "text" => given.once("instruction.text", &value)?,
            "params" | "parametrar" => given.once("instruction.params", &value)?,
            _ => {}
        }
        match (name.to_lowercase().as_str(), value) {
            ("command" | "kommando", Value::String(text)) => instruction.command = Some(text),
            ("text", Value::String(text)) => instruction.text = Some(text),
            ("params" | "parametrar", Value::Object(params)) => instruction.params = params,
            ("command" | "text" | "kommando" | "params" | "parametrar", Value::Null) => {}
            ("command" | "text" | "kommando", other) => return Err(wrong_type(&field, "text", &other)),
            ("params" | "parametrar", other) => return Err(wrong_type(&field, "an object", &other)),
            _ => {
                return Err(Refusal::field(field, "is not a field of an instruction")
                    .hint("the fields are command, text, params"));
            }
        }
    }
    Ok(instruction)
}

pub(super) fn criteria(value: Option<Value>) -> Result<Vec<Criterion>, Refusal> {
    match value {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) if items.len() > CRITERIA_MAX => {
            let message = format!("has {} criteria, at most {CRITERIA_MAX} are allowed", items.len());
            Err(Refusal::field("acceptanceCriteria", message))
        }
        Some(Value::Array(items)) => items
            .into_iter()
            .enumerate()
            .map(|(index, item)| criterion(&format!("acceptanceCriteria[{index}]"), item))
            .collect(),
        Some(single @ (Value::String(_) | Value::Object(_))) => {
            Ok(vec![criterion("acceptanceCriteria", single)?])
        }
        Some(other) => Err(wrong_type("acceptanceCriteria", "a list", &other)),
    }
}

pub(super) fn criterion(field: &str, value: Value) -> Result<Criterion, Refusal> {
    let mut fields = match value {
        Value::String(prose) => return Ok(Criterion::Prose(prose)),
        Value::Object(fields) => fields,
        other => {
            return Err(wrong_type(
                field,
                "words or an object with metric, op and value",
                &other,
            ));
        }
    };
    let mut text = |name: &str| match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(wrong_type(&format!("{field}.{name}"), "text", &other)),
    };
    let missing = |name: &str| Refusal::field(format!("{field}.{name}"), "is missing");
    let metric = text("metric")?
        .filter(|metric| !metric.is_empty())
        .ok_or_else(|| missing("metric"))?;
    let op_text = text("op")?.ok_or_else(|| missing("op"))?;
    let unit = text("unit")?;
    let op: Op = serde_json::from_value(Value::String(op_text.clone())).map_err(|_| {
        Refusal::field(
            format!("{field}.op"),
            format!("must be one of < <= = != >= >, found `{}`", clip(&op_text)),
        )
    })?;
    let value = match fields.remove("value") {
        None | Some(Value::Null) => return Err(missing("value")),
        Some(value @ (Value::Number(_) | Value::String(_) | Value::Bool(_))) => value,
        Some(other) => {
            return Err(wrong_type(
                &format!("{field}.value"),
                "a number, text, true or false",
                &other,
            ));
        }
    };
    match fields.keys().next() {
        Some(extra) => Err(Refusal::field(
            format!("{field}.{}", clip(extra)),
            "is not a field of a criterion",
        )
        .hint("the fields are metric, op, value, unit")),
        None => Ok(Criterion::Measured(Measure {
            metric,
            op,
            value,
            unit,
        })),
    }
}

pub(super) fn locale(text: Option<String>) -> Result<Option<Locale>, Refusal> {
    match text.map(|text| text.to_lowercase()).as_deref() {
        None => Ok(None),
        Some("sv" | "sv-se" | "svenska") => Ok(Some(Locale::Sv)),
        Some("en" | "en-gb" | "en-us" | "english") => Ok(Some(Locale::En)),
        Some(other) => Err(Refusal::field(
            "locale",
            format!("must be sv or en, found `{}`", clip(other)),
        )),
    }
}

pub(super) fn reply_to(text: Option<String>) -> Result<Option<String>, Refusal> {
    let Some(subject) = text else { return Ok(None) };
    let whole = !subject.is_empty() && subject.len() <= 256 && !subject.starts_with('$');
    let tokens = subject.split('.').all(|token| {
        !token.is_empty()
            && token
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'*' && byte != b'>')
    });
    if whole && tokens {
        return Ok(Some(subject));
    }
    Err(Refusal::field(
        "replyTo",
        format!(
            "must be a plain subject without wildcards, found `{}`",
            clip(&subject)
        ),
    ))
}

/// `00-<32 hex>-<16 hex>-<2 hex>`; another shape is dropped, as the W3C recommendation says.
#[must_use]
pub fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths.starts_with(&[2, 32, 16, 2])
        && parts
            .iter()
            .all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

pub(super) fn wrong_type(field: &str, wanted: &str, found: &Value) -> Refusal {
    Refusal::field(field, format!("must be {wanted}, found {}", name_of(found)))
}

pub(super) fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

pub(super) fn clip(text: &str) -> String {
    one_line(&text.chars().take(60).collect::<String>())
}

pub(super) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
