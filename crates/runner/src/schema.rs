//! Writes `protocols/`: JSON Schemas of what goes in and out, the catalogue of events, and examples.

mod events;

use std::path::Path;

use kunder_agent_core::event::Event;
use kunder_agent_core::journal::TaskStatus;
use kunder_agent_core::outcome::Outcome;
use kunder_agent_core::task::Task;
use kunder_agents::{customer_fetching, customer_health, onboarding, pipeline};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// Where the schemas say they live; an identifier, not an address.
const BASE: &str = "urn:kunder:schema:";

/// Examples that stand in `protocols/examples`, each beside the schema it obeys; the names of the seeds are aliases and obey none.
pub const EXAMPLES: [(&str, &str, &str); 8] = [
    (
        "task.json",
        "task",
        include_str!("../../../protocols/examples/task.json"),
    ),
    (
        "task-seed-names.json",
        "",
        include_str!("../../../protocols/examples/task-seed-names.json"),
    ),
    (
        "outcome.json",
        "outcome",
        include_str!("../../../protocols/examples/outcome.json"),
    ),
    (
        "event-at-risk.json",
        "event",
        include_str!("../../../protocols/examples/event-at-risk.json"),
    ),
    (
        "task-status.json",
        "task-status",
        include_str!("../../../protocols/examples/task-status.json"),
    ),
    (
        "refusal.json",
        "refusal",
        include_str!("../../../protocols/examples/refusal.json"),
    ),
    (
        "chat-request.json",
        "chat-request",
        include_str!("../../../protocols/examples/chat-request.json"),
    ),
    (
        "chat-reply.json",
        "chat-reply",
        include_str!("../../../protocols/examples/chat-reply.json"),
    ),
];

/// Every file of `protocols/`, as path and content.
#[must_use]
pub fn files() -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = schemas()
        .into_iter()
        .map(|(name, schema)| (format!("{name}.schema.json"), pretty(&schema)))
        .collect();
    files.push(("events.json".to_owned(), pretty(&events::catalogue())));
    files.extend(
        EXAMPLES
            .iter()
            .map(|(name, _, text)| (format!("examples/{name}"), (*text).to_owned())),
    );
    files
}

/// Writes all files below `out`; returns how many.
///
/// # Errors
/// When a file cannot be written.
pub fn write(out: &Path) -> std::io::Result<usize> {
    let files = files();
    for (name, text) in &files {
        let path = out.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(out))?;
        std::fs::write(path, text)?;
    }
    Ok(files.len())
}

/// The schemas by name: inputs as they are read, outputs as they are written.
#[must_use]
pub fn schemas() -> Vec<(&'static str, Value)> {
    let input = || SchemaSettings::draft2020_12().into_generator();
    let output = || SchemaSettings::draft2020_12().for_serialize().into_generator();
    vec![
        ("task", task(input())),
        ("outcome", outcome(output())),
        (
            "task-status",
            named(output().into_root_schema_for::<TaskStatus>(), "task-status"),
        ),
        ("event", event(output())),
        ("refusal", refusal()),
        ("chat-request", chat_request()),
        ("chat-reply", chat_reply()),
    ]
}

fn named(schema: schemars::Schema, name: &str) -> Value {
    let mut value = schema.to_value();
    value["$id"] = json!(format!("{BASE}{name}:v1"));
    value
}

/// The envelope also takes plain text where an object stands, and a single criterion where a list stands.
fn task(generator: SchemaGenerator) -> Value {
    let mut schema = named(generator.into_root_schema_for::<Task>(), "task");
    let text = json!({"type": "string"});
    schema["properties"]["protocol"]["const"] = json!(kunder_agent_core::task::TASK_PROTOCOL);
    for name in ["context", "instruction"] {
        let object = schema["properties"][name].take();
        schema["properties"][name] = json!({"anyOf": [object, text, {"type": "null"}]});
    }
    let list = schema["properties"]["acceptanceCriteria"].take();
    schema["properties"]["acceptanceCriteria"] =
        json!({"anyOf": [list, {"$ref": "#/$defs/Criterion"}, {"type": "null"}]});
    schema["$defs"]["Measure"]["properties"]["metric"]["minLength"] = json!(1);
    schema["$defs"]["Measure"]["properties"]["value"] = json!({"type": ["number", "string", "boolean"]});
    let customer = schema["$defs"]["Context"]["properties"]["customer"].take();
    let named = |key: &str| json!({"type": "object", "properties": {key: text}, "required": [key]});
    schema["$defs"]["Context"]["properties"]["customer"] =
        json!({"anyOf": [customer, named("id"), named("name")]});
    schema["description"] = json!(
        "The task envelope of the Input Protocol, canonical names. Other spellings that are understood, in any case: \
         TaskId, Context/Kontext, Instructie/Instruktion, Acceptatiecriteria/Acceptanskriterier."
    );
    schema
}

/// The outcome with the blocks that the agents add. What is not complete says why (S3-58).
fn outcome(mut generator: SchemaGenerator) -> Value {
    let blocks = [
        (
            "health",
            generator.subschema_for::<customer_health::HealthBlock>(),
        ),
        (
            "alerts",
            generator.subschema_for::<customer_health::AlertsBlock>(),
        ),
        (
            "healthHistory",
            generator.subschema_for::<customer_health::HealthHistory>(),
        ),
        (
            "recording",
            generator.subschema_for::<customer_health::Recording>(),
        ),
        (
            "verification",
            generator.subschema_for::<customer_health::Verification>(),
        ),
        (
            "todos",
            generator.subschema_for::<Vec<customer_health::TodoRow>>(),
        ),
        (
            "strategy",
            generator.subschema_for::<customer_health::StrategyMetrics>(),
        ),
        (
            "onboarding",
            generator.subschema_for::<onboarding::OnboardingBlock>(),
        ),
        ("kpis", generator.subschema_for::<customer_health::KpiBlock>()),
        ("pipeline", generator.subschema_for::<pipeline::PipelineBlock>()),
        (
            "brief",
            generator.subschema_for::<customer_fetching::BriefBlock>(),
        ),
        (
            "story",
            generator.subschema_for::<customer_fetching::StoryBlock>(),
        ),
    ];
    let mut schema = named(generator.into_root_schema_for::<Outcome>(), "outcome");
    for (name, block) in blocks {
        schema["properties"][name] = block.to_value();
    }
    schema["properties"]["protocol"]["const"] = json!(kunder_agent_core::outcome::OUTCOME_PROTOCOL);
    schema["if"] = json!({"properties": {"status": {"enum": ["partial", "failed"]}}});
    schema["then"] = json!({"properties": {"blockers": {"minItems": 1}}});
    schema
}

/// CloudEvents 1.0, with the id of the task that caused it as the extension `taskid`.
fn event(generator: SchemaGenerator) -> Value {
    let mut schema = named(generator.into_root_schema_for::<Event>(), "event");
    schema["properties"]["specversion"]["const"] = json!("1.0");
    schema["properties"]["type"]["pattern"] = json!("^[a-z0-9-]+\\.[a-z0-9-]+\\.[a-z0-9-]+\\.v[0-9]+$");
    schema
}

fn refusal() -> Value {
    let text = json!({"type": "string"});
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("{BASE}refusal:v1"),
        "title": "Refusal",
        "description": "Why something was not accepted; nothing of it was journaled. Over NATS also in the headers Nats-Service-Error and Nats-Service-Error-Code.",
        "type": "object",
        "properties": {
            "code": {"enum": ["malformed", "unknown", "conflict", "toolarge", "busy", "unavailable"]},
            "field": text, "message": text, "hint": text, "retryAfterMs": {"type": "integer", "minimum": 0}
        },
        "required": ["code", "message"]
    })
}

fn chat_request() -> Value {
    let text = json!({"type": "string"});
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("{BASE}chat-request:v1"),
        "title": "ChatRequest",
        "description": "What a chat frontend sends to kunder.chat. Requests with the same conversation continue it.",
        "type": "object",
        "properties": {
            "text": text, "locale": {"enum": ["sv", "en"]}, "user": text, "conversation": text,
            "asOf": {"type": "string", "format": "date"}, "waitMs": {"type": "integer", "minimum": 0}
        },
        "required": ["text"],
        "additionalProperties": false
    })
}

fn chat_reply() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("{BASE}chat-reply:v1"),
        "title": "ChatReply",
        "description": "What a chat frontend gets: words, and the outcome; or the task and the subject of its result while it takes longer.",
        "type": "object",
        "properties": {
            "text": {"type": "string"}, "outcome": {"$ref": format!("{BASE}outcome:v1")},
            "taskId": {"type": "string"}, "result": {"type": "string"}
        },
        "required": ["text"]
    })
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("a JSON value always serializes");
    text.push('\n');
    text
}
