//! The protocol folder is what the program writes, and what the program writes obeys it.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "protocols/embedded.rs"]
mod embedded;
#[path = "protocols/schemas.rs"]
mod schemas;

use std::collections::BTreeMap;
use std::path::Path;

use embedded::{Embedded, still};
use expect_test::expect_file;
use kunder::control::{ChatReply, Request};
use kunder_agent_core::door::Refusal;
use kunder_agent_core::envelope::read;
use kunder_agent_core::event::Event;
use kunder_agent_core::id::TaskId;
use kunder_agent_core::journal::TaskStatus;
use kunder_agent_core::letter::{LetterKind, NewLetter};
use kunder_agent_core::outcome::Outcome;
use kunder_agent_core::subject::Subjects;
use schemas::{Schemas, folder};
use serde_json::{Value, json};

const LIMIT: usize = 1 << 20;

#[test]
fn the_folder_is_what_the_program_writes() {
    let written = kunder::schema::files();
    for (name, text) in &written {
        let there = std::fs::read_to_string(folder().join(name)).unwrap_or_default();
        assert!(
            there == *text,
            "protocols/{name} is not what the program writes: run `cargo run -- schema --out protocols` and commit it"
        );
    }
    let names: Vec<&str> = written.iter().map(|(name, _)| name.as_str()).collect();
    for path in files_below(&folder()) {
        assert!(
            names.contains(&path.as_str()),
            "protocols/{path} is written by nothing: delete it"
        );
    }
}

#[test]
fn every_schema_obeys_the_meta_schema_of_2020_12() {
    for (name, schema) in kunder::schema::schemas() {
        assert_eq!(
            schema["$schema"], "https://json-schema.org/draft/2020-12/schema",
            "{name}"
        );
        if let Err(error) = jsonschema::draft202012::meta::validate(&schema) {
            panic!("{name} is no schema: {error} at {}", error.instance_path());
        }
    }
    let catalogue: Value = serde_json::from_str(&file("events.json")).unwrap();
    for event in catalogue["out"].as_array().unwrap() {
        assert!(
            jsonschema::draft202012::meta::is_valid(&event["data"]),
            "{}",
            event["type"]
        );
    }
}

#[test]
fn every_example_obeys_its_schema() {
    let schemas = Schemas::load();
    for (name, schema, text) in kunder::schema::EXAMPLES {
        let example: Value =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{name} is not JSON: {error}"));
        if !schema.is_empty() {
            schemas.check(schema, &example);
        }
    }
}

/// S3-56, D-36: the seed's names are read as ours, and it is said which.
#[test]
fn both_spellings_of_the_envelope_are_accepted() {
    let ours = read(file("examples/task.json").as_bytes(), LIMIT).unwrap();
    assert!(ours.warnings.is_empty());
    assert_eq!(ours.task.acceptance_criteria.len(), 3);
    let seeds = read(file("examples/task-seed-names.json").as_bytes(), LIMIT).unwrap();
    assert_eq!(seeds.task.customer(), Some("Björklunda Studieförbund"));
    assert_eq!(seeds.task.acceptance_criteria.len(), 2);
    let read_as = ["taskId", "context", "instruction", "acceptanceCriteria"];
    for name in read_as {
        assert!(
            seeds
                .warnings
                .iter()
                .any(|warning| warning.ends_with(&format!("`{name}`"))),
            "{:?}",
            seeds.warnings
        );
    }
}

/// The schema and the program agree on what an envelope is.
#[test]
fn what_the_schema_of_tasks_refuses_the_program_refuses_and_the_other_way_round() {
    let schemas = Schemas::load();
    let good = [
        json!({"taskId": "t"}),
        json!({"taskId": "t", "agent": null, "instruction": "Kör kundhälsokoll", "context": "inför mötet"}),
        json!({"taskId": "t", "context": {"customer": {"name": "Åsa"}, "budget": 7}}),
        json!({"taskId": "t", "context": {"customer": {"id": "asa"}}, "acceptanceCriteria": "snabbt"}),
        json!({"taskId": "t", "acceptanceCriteria": {"metric": "responseTime", "op": "<=", "value": "2", "unit": "min"}}),
        json!({"taskId": "t", "deadline": "2026-11-22T10:00:00Z", "asOf": "2026-11-22", "dryRun": true, "locale": "en"}),
    ];
    for envelope in good {
        schemas.check("task", &envelope);
        assert!(read(envelope.to_string().as_bytes(), LIMIT).is_ok(), "{envelope}");
    }
    let bad = [
        json!([]),
        json!({}),
        json!({"taskId": ""}),
        json!({"taskId": 7}),
        json!({"taskId": "x".repeat(129)}),
        json!({"taskId": "t", "protocol": "task/2"}),
        json!({"taskId": "t", "agent": 7}),
        json!({"taskId": "t", "context": 7}),
        json!({"taskId": "t", "context": {"customer": ["Åsa"]}}),
        json!({"taskId": "t", "context": {"customer": {"nickname": "Åsa"}}}),
        json!({"taskId": "t", "instruction": {"params": "x"}}),
        json!({"taskId": "t", "instruction": {"verb": "x"}}),
        json!({"taskId": "t", "acceptanceCriteria": 7}),
        json!({"taskId": "t", "acceptanceCriteria": [{"metric": "a", "op": "~", "value": 1}]}),
        json!({"taskId": "t", "acceptanceCriteria": [{"metric": "", "op": "<", "value": 1}]}),
        json!({"taskId": "t", "acceptanceCriteria": [{"metric": "a", "op": "<"}]}),
        json!({"taskId": "t", "acceptanceCriteria": [{"metric": "a", "op": "<", "value": []}]}),
        json!({"taskId": "t", "deadline": "soon"}),
        json!({"taskId": "t", "asOf": "2026-13-01"}),
        json!({"taskId": "t", "dryRun": "yes"}),
        json!({"taskId": "t", "locale": "nl"}),
        json!({"taskId": "t", "priority": "high"}),
    ];
    for envelope in bad {
        assert!(!schemas.takes("task", &envelope), "the schema takes {envelope}");
        assert!(
            read(envelope.to_string().as_bytes(), LIMIT).is_err(),
            "the program takes {envelope}"
        );
    }
}

#[test]
fn wrong_documents_are_refused_by_their_schemas() {
    let schemas = Schemas::load();
    let change = |name: &str, pointer: &str, value: Value| {
        let mut document: Value = serde_json::from_str(&file(&format!("examples/{name}.json"))).unwrap();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = document.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Value::Null => drop(parent.remove(key)),
            value => drop(parent.insert(key.to_owned(), value)),
        }
        document
    };
    let nine = [
        "taskId",
        "status",
        "summary",
        "artifacts",
        "customers",
        "actions",
        "nps",
        "recommendations",
        "blockers",
    ];
    for field in nine {
        let without = change("outcome", &format!("/{field}"), Value::Null);
        assert!(!schemas.takes("outcome", &without), "an outcome without {field}");
    }
    let wrong = [
        ("outcome", "/status", json!("done")),
        ("outcome", "/blockers", json!([])),
        ("outcome", "/customers/healthy", json!(-1)),
        ("outcome", "/nps/score", json!("50")),
        ("outcome", "/health/0/severity", json!("akut")),
        (
            "outcome",
            "/health/0/valueAtRisk",
            json!([{"amount": 7, "currency": "SEK"}]),
        ),
        ("outcome", "/startedAt", json!("yesterday")),
        ("event-at-risk", "/specversion", json!("0.3")),
        ("event-at-risk", "/type", json!("At risk")),
        ("event-at-risk", "/data", Value::Null),
        ("refusal", "/code", json!("wrong")),
        ("refusal", "/message", Value::Null),
        ("chat-request", "/locale", json!("nl")),
        ("chat-request", "/priority", json!(1)),
        ("chat-request", "/text", Value::Null),
        ("chat-reply", "/outcome/status", json!("done")),
        ("task-status", "/state", json!("asleep")),
    ];
    for (name, pointer, value) in wrong {
        let schema = name.split("-at-risk").next().unwrap();
        let said = format!("{name}{pointer} = {value}");
        assert!(
            !schemas.takes(schema, &change(name, pointer, value)),
            "the schema takes {said}"
        );
    }
}

/// Everything the agents answer and announce, in the flows of the process overview, obeys the schemas and the catalogue of events.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_agents_answer_and_announce_obeys_the_schemas() {
    let schemas = Schemas::load();
    let embedded = Embedded::demo().await;
    let mut outcomes = embedded.questions().await;
    outcomes.extend(embedded.life_of_a_customer().await);
    // Three days later the time for an answer is over, and the timer says so.
    let embedded = embedded.days_later(4).await;
    let (events, requests) = embedded.announced().await;
    for status in embedded.tasks().await {
        schemas.check("task-status", &status);
        schemas.check("outcome", &status["outcome"]);
    }
    let blocks: Vec<&str> = outcomes
        .iter()
        .flat_map(|outcome| outcome.as_object().unwrap().keys().map(String::as_str))
        .collect();
    for block in [
        "health",
        "alerts",
        "healthHistory",
        "recording",
        "verification",
        "todos",
        "strategy",
        "onboarding",
        "pipeline",
        "brief",
        "story",
        "question",
        "criteria",
    ] {
        assert!(blocks.contains(&block), "no outcome with {block}");
    }
    let statuses: Vec<&str> = outcomes
        .iter()
        .map(|outcome| outcome["status"].as_str().unwrap())
        .collect();
    for status in ["complete", "partial", "failed"] {
        assert!(statuses.contains(&status), "no outcome is {status}");
    }

    let catalogue: Value = serde_json::from_str(&file("events.json")).unwrap();
    let mut promised: BTreeMap<&str, &Value> = catalogue["out"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["type"].as_str().unwrap(), entry))
        .collect();
    // Told by whoever has trouble, and only then; it has a test of its own.
    let letter = promised.remove("kunder.*.dead-letter.v1").unwrap();
    for event in &events {
        schemas.check("event", event);
        let kind = event["type"].as_str().unwrap();
        let told = kind.ends_with(".dead-letter.v1").then_some(&letter);
        let entry = told
            .or_else(|| promised.get(kind))
            .unwrap_or_else(|| panic!("{} is in no catalogue", event["type"]));
        Schemas::check_with(&entry["data"], &event["data"]);
        let known: Vec<&String> = entry["data"]["properties"].as_object().unwrap().keys().collect();
        for member in event["data"].as_object().unwrap().keys() {
            assert!(
                known.contains(&member),
                "{} has `{member}`, which the catalogue does not know",
                event["type"]
            );
        }
    }
    promised.retain(|kind, _| !events.iter().any(|event| event["type"] == *kind));
    assert!(promised.is_empty(), "never announced: {:?}", promised.keys());

    let asked = catalogue["requests"].as_array().unwrap();
    for request in &requests {
        schemas.check("task", request);
        let (to, command) = (&request["agent"], &request["instruction"]["command"]);
        let entry = asked
            .iter()
            .find(|entry| entry["to"] == *to && entry["command"] == *command);
        let entry = entry.unwrap_or_else(|| panic!("{to} {command} is in no catalogue"));
        assert_eq!(
            (&entry["from"], &entry["answer"]),
            (&request["requestedBy"], &request["replyTo"])
        );
    }
    for entry in asked {
        assert!(
            requests.iter().any(|request| request["agent"] == entry["to"]),
            "never asked: {}",
            entry["to"]
        );
    }
    embedded.close().await;
}

/// The event that tells of a letter, by an agent or the runner.
#[test]
fn a_dead_letter_is_told_as_the_catalogue_says() {
    let catalogue: Value = serde_json::from_str(&file("events.json")).unwrap();
    let entry = catalogue["out"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["type"] == "kunder.*.dead-letter.v1")
        .unwrap();
    let schemas = Schemas::load();
    for (kind, producer) in [(LetterKind::Task, "pipeline"), (LetterKind::Message, "runner")] {
        let letter = NewLetter::new(
            kind,
            "pipeline",
            "t-1",
            "it panicked",
            jiff::Timestamp::UNIX_EPOCH,
        );
        let told = letter.event(&Subjects::new("kunder")).unwrap();
        assert_eq!(told.subject, format!("kunder.event.{producer}.dead-letter"));
        let data: Value = serde_json::from_slice(&told.body).unwrap();
        Schemas::check_with(&entry["data"], &data);
        let known = entry["data"]["properties"].as_object().unwrap();
        assert!(data.as_object().unwrap().keys().eq(known.keys()), "{data}");
        let attributes = told.headers.iter().filter_map(|(name, value)| {
            Some((name.strip_prefix("ce-")?.to_owned(), Value::String(value.clone())))
        });
        let mut event: serde_json::Map<String, Value> = attributes.collect();
        event.insert("data".to_owned(), data);
        schemas.check("event", &Value::Object(event));
    }
}

/// The examples are what the program answers; only moments and ids by chance are set. `UPDATE_EXPECT=1` writes them anew.
#[tokio::test(flavor = "multi_thread")]
async fn the_examples_are_real() {
    let embedded = Embedded::three_customers().await;
    let outcome = embedded.send(&file("examples/task.json")).await;
    let (events, _) = embedded.announced().await;
    let event = events
        .iter()
        .find(|event| event["type"] == "kunder.customer-health.at-risk.v1")
        .unwrap();
    let task_id = TaskId::new("cs-2026-0042").unwrap();
    let status = embedded.call(&Request::Status { task_id }).await;
    let mut status = status["value"].clone();
    status.as_object_mut().unwrap().remove("outcome");
    embedded.close().await;
    let malformed = r#"{"taskId": "cs-2026-0044", "acceptanceCriteria": [{"metric": "nps.score", "op": "~", "value": 50}]}"#;
    let refusal = serde_json::to_value(read(malformed.as_bytes(), LIMIT).unwrap_err()).unwrap();
    let embedded = Embedded::demo().await;
    let mut reply = embedded.chat("Hämta kundinfo Örnvik").await;
    reply["outcome"]["taskId"] = json!("f5b1e0a2c94d4d7a8e66a90b7c1d2e3f");
    embedded.close().await;

    for (name, text) in [
        ("outcome", still::<Outcome>(&outcome)),
        ("event-at-risk", still::<Event>(event)),
        ("task-status", still::<TaskStatus>(&status)),
        ("refusal", still::<Refusal>(&refusal)),
        ("chat-reply", still::<ChatReply>(&reply)),
    ] {
        expect_file![folder().join(format!("examples/{name}.json"))].assert_eq(&text);
    }
}

/// The block `health` is rows of a check, or one customer explained.
#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_obeys_the_schema() {
    let embedded = Embedded::three_customers().await;
    let task = json!({"taskId": "x1", "agent": "customer-health",
        "instruction": {"command": "explain-health", "params": {"customer": "Fjällhamra"}}});
    let outcome = embedded.send(&task.to_string()).await;
    embedded.close().await;
    assert!(outcome["health"]["sentence"].is_string(), "{outcome}");
    Schemas::load().check("outcome", &outcome);
}

fn file(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("protocols/{name}: {error}"))
}

fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found
}
