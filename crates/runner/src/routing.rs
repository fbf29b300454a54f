//! Which agent takes an event of another process, as which command (S0-20 to S0-25).

use kunder_agent_core::door::{Incoming, Refusal, RefusalCode};
use kunder_agent_core::envelope::{Envelope, is_traceparent, object};
use kunder_agent_core::id::TaskId;
use kunder_agent_core::task::Task;
use serde_json::{Map, Value};

/// Where an event goes.
struct Route {
    process: &'static str,
    kind: &'static str,
    agent: &'static str,
    command: &'static str,
}

const ROUTES: [Route; 7] = [
    Route {
        process: "salj",
        kind: "deal-won",
        agent: "onboarding",
        command: "deal-won",
    },
    Route {
        process: "salj",
        kind: "handover",
        agent: "onboarding",
        command: "handover",
    },
    Route {
        process: "admin",
        kind: "meeting-protocol",
        agent: "customer-health",
        command: "meeting-protocol",
    },
    Route {
        process: "admin",
        kind: "touchpoint",
        agent: "customer-health",
        command: "log-touchpoint",
    },
    Route {
        process: "tjanster",
        kind: "delivery",
        agent: "onboarding",
        command: "delivery",
    },
    Route {
        process: "tjanster",
        kind: "service-completed",
        agent: "onboarding",
        command: "service-completed",
    },
    Route {
        process: "tjanster",
        kind: "result",
        agent: "onboarding",
        command: "coordination-answer",
    },
];

/// What becomes of an event.
pub enum Routed {
    Task(Box<Envelope>),
    /// An answer that nobody waits for, such as that an alert was received.
    Noted,
}

/// Makes a task of an event. The same event, however often it is delivered, makes the same task.
///
/// # Errors
/// 404 for an event nobody takes, 400 or 413 for data that is not a JSON object.
pub fn route(incoming: &Incoming, payload_bytes_max: usize) -> Result<Routed, Refusal> {
    let found = ROUTES
        .iter()
        .find(|route| route.process == incoming.process && route.kind == incoming.kind);
    let Some(route) = found else {
        if incoming.kind == "result" {
            return Ok(Routed::Noted);
        }
        let known: Vec<String> = ROUTES
            .iter()
            .map(|route| format!("{}.{}", route.process, route.kind))
            .collect();
        let message = format!("nobody takes `{}.{}`", incoming.process, incoming.kind);
        return Err(Refusal::new(RefusalCode::Unknown, message)
            .hint(format!("the events that are taken are {}", known.join(", "))));
    };
    let mut params = object(&incoming.data, payload_bytes_max)?;
    if let (Some(time), false) = (incoming.time, params.contains_key("time")) {
        params.insert("time".to_owned(), Value::String(time.to_string()));
    }
    params
        .entry("source")
        .or_insert_with(|| Value::String(spoken(&incoming.process)));
    let cause = incoming
        .id
        .clone()
        .unwrap_or_else(|| blake3::hash(&incoming.data).to_hex().to_string());
    let id = TaskId::derived(&format!("in/{}/{}", incoming.process, incoming.kind), &cause);
    let mut task = Task::new(id, route.agent, route.command);
    task.context.customer = customer(&params);
    task.instruction.params = params;
    task.requested_by = Some(incoming.process.clone());
    task.traceparent = incoming.traceparent.clone().filter(|value| is_traceparent(value));
    Ok(Routed::Task(Box::new(Envelope {
        task,
        warnings: Vec::new(),
    })))
}

/// The routes as the protocol folder lists them.
#[must_use]
pub fn catalogue() -> Value {
    let entry = |route: &Route| {
        serde_json::json!({
            "subject": format!("kunder.in.{}.{}", route.process, route.kind),
            "from": route.process,
            "agent": format!("kunder/{}", route.agent),
            "command": route.command,
        })
    };
    ROUTES.iter().map(entry).collect()
}

fn customer(params: &Map<String, Value>) -> Option<String> {
    match params.get("customer")? {
        Value::String(text) => Some(text.clone()),
        Value::Object(fields) => ["id", "name"]
            .iter()
            .find_map(|key| fields.get(*key))
            .and_then(Value::as_str)
            .map(str::to_owned),
        _ => None,
    }
}

/// The process as people write it: sources of facts are read by people.
fn spoken(process: &str) -> String {
    match process {
        "salj" => "Sälj".to_owned(),
        "tjanster" => "Tjänster".to_owned(),
        other => {
            let mut letters = other.chars();
            letters
                .next()
                .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incoming(process: &str, kind: &str, id: Option<&str>, data: &str) -> Incoming {
        let (process, kind) = (process.to_owned(), kind.to_owned());
        Incoming {
            process,
            kind,
            id: id.map(str::to_owned),
            time: None,
            traceparent: None,
            data: data.as_bytes().to_vec(),
        }
    }

    fn task(incoming: &Incoming) -> Task {
        match route(incoming, 1_000).unwrap() {
            Routed::Task(envelope) => envelope.task,
            Routed::Noted => panic!("the event is taken"),
        }
    }

    #[test]
    fn every_event_of_the_seed_reaches_its_agent() {
        for (process, kind, agent) in [
            ("salj", "deal-won", "onboarding"),
            ("salj", "handover", "onboarding"),
            ("admin", "meeting-protocol", "customer-health"),
            ("admin", "touchpoint", "customer-health"),
            ("tjanster", "delivery", "onboarding"),
            ("tjanster", "service-completed", "onboarding"),
        ] {
            let task = task(&incoming(process, kind, None, r#"{"customer":{"name":"Åsa"}}"#));
            assert_eq!(
                (task.agent.as_deref(), task.context.customer.as_deref()),
                (Some(agent), Some("Åsa"))
            );
        }
    }

    #[test]
    fn the_same_event_is_the_same_task_and_another_is_not() {
        let first = incoming("salj", "deal-won", Some("/salj/1"), r#"{"dealId":"d"}"#);
        let other = incoming("salj", "deal-won", Some("/salj/2"), r#"{"dealId":"d"}"#);
        assert_eq!(task(&first), task(&first));
        assert_ne!(task(&first).task_id, task(&other).task_id);
    }

    #[test]
    fn an_event_nobody_takes_is_refused_with_those_that_are() {
        let refusal = route(&incoming("salj", "deal-lost", None, "{}"), 1_000)
            .err()
            .unwrap();
        assert_eq!(
            (refusal.code, refusal.message.as_str()),
            (RefusalCode::Unknown, "nobody takes `salj.deal-lost`")
        );
        assert!(matches!(
            route(&incoming("salj", "result", None, "{}"), 1_000),
            Ok(Routed::Noted)
        ));
        assert_eq!(
            route(&incoming("salj", "deal-won", None, "[]"), 1_000)
                .err()
                .unwrap()
                .code,
            RefusalCode::Malformed
        );
    }
}
