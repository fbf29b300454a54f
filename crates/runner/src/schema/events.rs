//! The catalogue of events: each with producer, subject, receivers, retention and the members of its data (S0-27 to S0-34).

use serde_json::{Map, Value, json};

/// An event that every agent and the runner tell of, by the wildcard of a subject.
const ANY: &str = "*";

struct Entry {
    kind: &'static str,
    producer: &'static str,
    /// Processes that subscribe.
    receivers: &'static [&'static str],
    rows: &'static str,
    says: &'static str,
    /// Members of `data` that are always there.
    data: &'static [&'static str],
}

/// Of an alert beside at-risk.
const ALERT: &[&str] = &[
    "customerId",
    "customer",
    "reason",
    "severity",
    "band",
    "score",
    "because",
];

const OUT: [Entry; 14] = [
    Entry {
        kind: "at-risk",
        producer: "customer-health",
        receivers: &["salj", "kunder"],
        rows: "S0-31",
        says: "a customer has come to need us: once, until it has recovered",
        data: &[
            "customerId",
            "customer",
            "severity",
            "band",
            "reasons",
            "valueAtRisk",
        ],
    },
    Entry {
        kind: "recovered",
        producer: "customer-health",
        receivers: &["salj", "kunder"],
        rows: "S0-31",
        says: "a customer that was at risk no longer is",
        data: &[
            "customerId",
            "customer",
            "severity",
            "band",
            "reasons",
            "valueAtRisk",
        ],
    },
    Entry {
        kind: "alert-opened",
        producer: "customer-health",
        receivers: &["salj", "kunder"],
        rows: "S2-66 to S2-70",
        says: "a reason to look at a customer has come up: once, until it has gone",
        data: ALERT,
    },
    Entry {
        kind: "alert-closed",
        producer: "customer-health",
        receivers: &["salj", "kunder"],
        rows: "S2-66 to S2-70",
        says: "the reason has gone",
        data: ALERT,
    },
    Entry {
        kind: "health-summary",
        producer: "customer-health",
        receivers: &["huvudstrategi"],
        rows: "S0-28",
        says: "how many customers stand in which band after a check of all",
        data: &[
            "asOf",
            "customers",
            "alerted",
            "recovered",
            "damped",
            "retention",
            "expansion",
            "nps",
        ],
    },
    Entry {
        kind: "onboarding-started",
        producer: "onboarding",
        receivers: &["tjanster", "salj"],
        rows: "S0-20",
        says: "an onboarding has begun: once per won deal",
        data: &[
            "customerId",
            "customer",
            "deal",
            "started",
            "cause",
            "actor",
            "missing",
        ],
    },
    Entry {
        kind: "onboarding-completed",
        producer: "onboarding",
        receivers: &["tjanster", "salj"],
        rows: "S0-06",
        says: "everything required is known",
        data: &[
            "customerId",
            "customer",
            "deal",
            "started",
            "completed",
            "cause",
            "actor",
            "firstReview",
        ],
    },
    Entry {
        kind: "onboarding-blocked",
        producer: "onboarding",
        receivers: &["tjanster"],
        rows: "S0-32",
        says: "Tjänster has not answered in time",
        data: &["customerId", "customer", "with", "request", "asked", "deadline"],
    },
    Entry {
        kind: "stage-changed",
        producer: "onboarding",
        receivers: &["salj", "tjanster", "huvudstrategi"],
        rows: "S0-10",
        says: "a customer has entered the next step of the core process",
        data: &["customerId", "customer", "from", "to", "cause", "actor", "at"],
    },
    Entry {
        kind: "service-feedback",
        producer: "onboarding",
        receivers: &["tjanster"],
        rows: "S0-30",
        says: "what a customer said about a service",
        data: &[
            "customerId",
            "customer",
            "service",
            "text",
            "quote",
            "score",
            "source",
            "observed",
        ],
    },
    Entry {
        kind: "opportunity-changed",
        producer: "pipeline",
        receivers: &["salj"],
        rows: "S0-29, S0-33",
        says: "an opportunity is new or has changed, with its evidence",
        data: &[
            "customerId",
            "customer",
            "opportunity",
            "title",
            "status",
            "value",
            "probability",
            "expected",
            "change",
            "evidence",
        ],
    },
    Entry {
        kind: "brief-ready",
        producer: "customer-fetching",
        receivers: &["admin"],
        rows: "S0-34",
        says: "a brief lies ready before a meeting",
        data: &["customerId", "customer", "asOf", "path", "markdown"],
    },
    Entry {
        kind: "story",
        producer: "customer-fetching",
        receivers: &["marketing"],
        rows: "S0-27",
        says: "a success story, anonymised: nothing in it tells which customer it is about",
        data: &["title", "pieces", "quotes"],
    },
    Entry {
        kind: "dead-letter",
        producer: ANY,
        receivers: &[],
        rows: "",
        says: "a task could not be worked on (told by its agent), or something was not delivered or not accepted (told by `runner`): \
               once per letter, which `kunder dlq show` reads",
        data: &["letter", "kind", "to", "subject", "reason", "at"],
    },
];

/// Tasks for agents of other processes: to, from, command, row.
const REQUESTS: [(&str, &str, &str, &str); 4] = [
    (
        "salj/pipeline-agent",
        "kunder/customer-health",
        "at-risk-alert",
        "S0-31",
    ),
    (
        "salj/sales-pipeline-agent",
        "kunder/pipeline",
        "opportunity-changed",
        "S0-33",
    ),
    (
        "tjanster/service-delivery-agent",
        "kunder/onboarding",
        "coordinate-onboarding",
        "S0-32",
    ),
    (
        "admin/meeting-prep-agent",
        "kunder/customer-fetching",
        "use-brief",
        "S0-34",
    ),
];

impl Entry {
    fn value(&self) -> Value {
        let properties: Map<String, Value> = self
            .data
            .iter()
            .map(|name| ((*name).to_owned(), member(self.kind, name)))
            .collect();
        json!({
            "type": format!("kunder.{}.{}.v1", self.producer, self.kind),
            "subject": format!("kunder.event.{}.{}", self.producer, self.kind),
            "producer": format!("kunder/{}", self.producer),
            "receivers": self.receivers,
            "rows": self.rows,
            "says": self.says,
            "retentionDays": 90,
            "data": {"type": "object", "properties": properties, "required": self.data},
        })
    }
}

/// What a member of `data` holds. A member that is not known stays null, it is never left out.
fn member(kind: &str, name: &str) -> Value {
    let money = json!({"type": "object", "properties": {"amount": {"type": "string"}, "currency": {"type": "string"}}, "required": ["amount", "currency"]});
    let both = json!({"type": "object", "properties": {"sv": {"type": "string"}, "en": {"type": "string"}}, "required": ["sv", "en"]});
    match (kind, name) {
        ("story", "title") | (_, "because") => both,
        ("alert-opened" | "alert-closed", "score") => json!({"type": ["string", "null"]}),
        (_, "pieces") => json!({"type": "array", "items": both}),
        (_, "reasons" | "alerted" | "recovered" | "damped" | "missing" | "quotes") => {
            json!({"type": "array", "items": {"type": "string"}})
        }
        (_, "severity") => json!({"type": "integer", "minimum": 0, "maximum": 3}),
        (_, "probability") => json!({"type": "integer", "minimum": 0, "maximum": 100}),
        (_, "score") => json!({"type": ["integer", "null"], "minimum": 0, "maximum": 10}),
        (_, "valueAtRisk") => json!({"type": "array", "items": money}),
        (_, "value") => money,
        ("dead-letter", "kind") => json!({"enum": ["task", "announcement", "message"]}),
        (_, "change") => json!({"enum": ["new", "changed"]}),
        (_, "customers" | "retention" | "expansion" | "nps" | "evidence") => json!({"type": "object"}),
        (_, "asOf") => json!({"type": "string", "format": "date"}),
        (_, "expected" | "firstReview") => json!({"type": ["string", "null"], "format": "date"}),
        (_, "at" | "started" | "completed" | "observed") => json!({"type": "string", "format": "date-time"}),
        (_, "asked" | "deadline") => json!({"type": ["string", "null"], "format": "date-time"}),
        (_, "deal" | "quote" | "from" | "actor") => json!({"type": ["string", "null"]}),
        (_, _) => json!({"type": "string"}),
    }
}

/// Events out, tasks for other processes, and events in.
pub(super) fn catalogue() -> Value {
    let requests = REQUESTS.map(|(to, from, command, rows)| {
        let process = to.split('/').next().unwrap_or_default();
        json!({"to": to, "from": from, "command": command, "rows": rows, "answer": format!("kunder.in.{process}.result")})
    });
    json!({
        "envelope": "event.schema.json",
        "mode": "CloudEvents 1.0, binary mode over NATS: attributes as ce-… headers, data as the payload",
        "out": OUT.iter().map(Entry::value).collect::<Vec<_>>(),
        "requests": requests,
        "in": crate::routing::catalogue(),
    })
}
