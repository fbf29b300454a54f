//! The program embedded, on a day of its own, with the flows that make it say everything it can say.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use kunder::app::{App, Options};
use kunder::clock::SystemClock;
use kunder::config::Config;
use kunder::control::Request;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::door::{Answer, Door, Incoming};
use kunder_domain::demo;
use kunder_domain::fact::{CustomerId, Fact, FactBody, Subscription};
use kunder_domain::money::Money;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The morning on which everything happens.
const MORNING: &str = "2026-11-22T08:00:00Z";
const SEED: u64 = 20_250_904;
/// Customers of the examples: few, so that the examples can be read.
const THREE: [&str; 3] = [
    "vindelo-kulturforening",
    "fjallhamra-skidallians",
    "norrljusa-gymnastikforening",
];

pub struct Embedded {
    folder: tempfile::TempDir,
    app: App,
}

impl Embedded {
    /// The demo portfolio; nothing was asked of it yet.
    pub async fn demo() -> Self {
        Self::with(|_| true).await
    }

    pub async fn three_customers() -> Self {
        Self::with(|fact| THREE.contains(&fact.customer.as_str())).await
    }

    async fn with(wanted: impl Fn(&Fact) -> bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let morning: Timestamp = MORNING.parse().unwrap();
        let app = open(folder.path(), morning).await;
        let zone = jiff::tz::TimeZone::get("Europe/Stockholm").unwrap();
        let mut facts = demo::generate(morning.to_zoned(zone.clone()).date(), SEED, &zone);
        facts.retain(|fact| wanted(fact));
        let embedded = Self { folder, app };
        let _ = embedded.call(&Request::Import { facts }).await;
        embedded
    }

    /// The same folder, opened so many days later, once what was due has been done.
    pub async fn days_later(self, days: i64) -> Self {
        let later = self.app.service.clock.now() + SignedDuration::from_hours(24 * days);
        self.app.close().await;
        let later = Self {
            app: open(self.folder.path(), later).await,
            folder: self.folder,
        };
        for _ in 0..6_000 {
            let (events, _) = later.announced().await;
            if events
                .iter()
                .any(|event| event["type"] == "kunder.onboarding.onboarding-blocked.v1")
            {
                return later;
            }
            let clock = &later.app.service.clock;
            clock
                .sleep_until(clock.now() + SignedDuration::from_millis(10))
                .await;
        }
        panic!("what was due is not done after a minute");
    }

    /// Asks what people ask; returns the outcomes.
    pub async fn questions(&self) -> Vec<Value> {
        let mut outcomes = Vec::new();
        self.call(&Request::Import {
            facts: vec![self.ending()],
        })
        .await;
        for text in [
            "Kör kundhälsokoll",
            "Pipeline-analys",
            "Hämta kundinfo Åkerlunda Riksförbund",
            "Get customer info Örnvik",
            "Onboarding för Kråkholmens Brukshundsvänner",
            "Hämta kundinfo Ingenstans Frisksportare",
            "koka kaffe",
        ] {
            outcomes.push(self.chat(text).await["outcome"].clone());
        }
        let mut tasks = vec![
            ("customer-health", json!({"command": "health-check"})),
            ("customer-health", json!({"command": "strategy-metrics"})),
            (
                "customer-health",
                json!({"command": "add-todo", "params": {"customer": "Vindelö Kulturförening", "text": "Ring"}}),
            ),
            ("customer-health", json!({"command": "list-todos"})),
            (
                "customer-health",
                json!({"command": "finish-todo", "params": {"key": "vindelo-kulturforening/forsenad-1"}}),
            ),
            (
                "customer-health",
                json!({"command": "log-touchpoint", "params": {"customer": "Fjällhamra Skidallians", "text": "Samtal", "kind": "call"}}),
            ),
            (
                "customer-health",
                json!({"command": "log-touchpoint", "params": {"customer": "Fjällhamra Skidallians"}}),
            ),
            ("pipeline", json!({"command": "pipeline-analysis"})),
            ("customer-health", json!({"command": "health-check"})),
            (
                "customer-health",
                json!({"command": "health-history", "params": {"customer": "Fjällhamra Skidallians"}}),
            ),
            ("customer-health", json!({"command": "record-health"})),
            ("customer-health", json!({"command": "verify-health"})),
        ];
        let customers = self.portfolio();
        tasks.extend(customers.iter().map(|id| {
            (
                "customer-fetching",
                json!({"command": "story", "params": {"customer": id}}),
            )
        }));
        for (number, (agent, instruction)) in tasks.into_iter().enumerate() {
            let criteria = json!([{"metric": "customers.critical", "op": "<=", "value": 0}, {"metric": "responseTime", "op": "<", "value": 60}]);
            let envelope = json!({"taskId": format!("q-{number}"), "agent": agent, "instruction": instruction, "acceptanceCriteria": criteria});
            outcomes.push(self.send(&envelope.to_string()).await);
        }
        outcomes
    }

    /// A subscription of a customer that is not well ends in two months.
    fn ending(&self) -> Fact {
        let now = self.app.service.clock.now();
        let today = now.to_zoned(TimeZone::UTC).date();
        Fact {
            id: "ending".to_owned(),
            customer: CustomerId("fjallhamra-skidallians".to_owned()),
            observed: now - SignedDuration::from_hours(1),
            source: "test".to_owned(),
            actor: "test".to_owned(),
            body: FactBody::Subscription(Subscription {
                key: "ending".to_owned(),
                name: "Satori".to_owned(),
                monthly: Money::new(100.into(), "SEK"),
                start: today,
                end: Some(today + 60.days()),
            }),
        }
    }

    /// Two deals: one customer that is complete, delivered and tells how it was; one about which Tjänster stays silent.
    pub async fn life_of_a_customer(&self) -> Vec<Value> {
        let contact = |name: &str, role: &str| json!({"name": name, "role": role, "email": format!("{role}@bruna.example"), "verified": true});
        let customer = json!({"name": "Bruna Brukets Sångförening", "orgNumber": "802400-0099", "employees": 40, "sector": "ideell_sektor"});
        let events = [
            (
                "salj",
                "deal-won",
                json!({"dealId": "D-1", "customer": customer, "value": {"amount": "9000.00", "currency": "SEK"}}),
            ),
            (
                "salj",
                "deal-won",
                json!({"dealId": "D-2", "customer": {"name": "Tysta Sällskapet"}}),
            ),
            (
                "salj",
                "handover",
                json!({
                    "dealId": "D-1", "customer": {"name": "Bruna Brukets Sångförening"},
                    "contacts": [contact("Ada", "decision_maker"), contact("Bo", "technical"), contact("Cy", "finance"), contact("Di", "project")],
                    "services": ["Satori-uppstart"],
                    "opportunities": [{"title": "Körhäfte", "value": {"amount": "4000.00", "currency": "SEK"}, "probability": 40, "status": "discussed"}],
                    "profile": {"goals": "Sjunga mer", "invoiceEmail": "faktura@bruna.example", "preferredChannel": "mail", "newsletter": "yes",
                        "contract": "2026-11-20", "firstQuarterlyMeeting": "2027-01-10"},
                }),
            ),
            (
                "tjanster",
                "delivery",
                json!({"customer": "Bruna Brukets Sångförening", "service": "Satori-uppstart", "status": "started"}),
            ),
            (
                "tjanster",
                "service-completed",
                json!({
                    "customer": "Bruna Brukets Sångförening", "service": "Satori-uppstart",
                    "feedback": {"text": "Bra kurs", "quote": "Vi lärde oss mycket", "score": 9},
                }),
            ),
            (
                "admin",
                "meeting-protocol",
                json!({"customer": "Bruna Brukets Sångförening", "summary": "Gick igenom läget", "date": "2026-11-21"}),
            ),
        ];
        let mut outcomes = Vec::new();
        for (process, kind, data) in events {
            outcomes.push(self.incoming(process, kind, &data).await);
        }
        outcomes
    }

    pub async fn chat(&self, text: &str) -> Value {
        let request = json!({"text": text, "user": "kundteamet"});
        let reply = self
            .app
            .service
            .chat(request.to_string().as_bytes())
            .await
            .unwrap();
        serde_json::from_slice(&reply).unwrap()
    }

    /// Sends an envelope; returns its outcome.
    pub async fn send(&self, envelope: &str) -> Value {
        let receipt = self
            .app
            .service
            .submit(None, None, envelope.as_bytes())
            .await
            .unwrap();
        self.outcome(&receipt.task_id).await
    }

    async fn incoming(&self, process: &str, kind: &str, data: &Value) -> Value {
        let id = Some(event_id(process, kind, data));
        let incoming = Incoming {
            process: process.to_owned(),
            kind: kind.to_owned(),
            id,
            time: None,
            traceparent: None,
            data: data.to_string().into_bytes(),
        };
        let receipt = self.app.service.incoming(incoming).await.unwrap();
        self.outcome(&receipt.task_id).await
    }

    async fn outcome(&self, id: &kunder_agent_core::id::TaskId) -> Value {
        match self
            .app
            .service
            .outcome(id, Duration::from_secs(60))
            .await
            .unwrap()
        {
            Answer::Outcome(outcome) => serde_json::to_value(outcome).unwrap(),
            Answer::Pending(status) => panic!("no outcome within a minute: {status:?}"),
        }
    }

    pub async fn call(&self, request: &Request) -> Value {
        let payload = serde_json::to_vec(request).unwrap();
        serde_json::from_slice(&self.app.service.control(&payload).await.unwrap()).unwrap()
    }

    /// Events, and tasks for other processes, once nothing runs.
    pub async fn announced(&self) -> (Vec<Value>, Vec<Value>) {
        let _ = self.call(&Request::Settle { wait_ms: 60_000 }).await;
        let lines = self
            .call(&Request::Events {
                after: 0,
                limit: 1_000,
            })
            .await;
        let lines = lines["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line["event"].clone());
        lines.partition(|event| event.get("specversion").is_some())
    }

    /// Every task that has ended, those between the agents too.
    pub async fn tasks(&self) -> Vec<Value> {
        let list = self.call(&Request::List { limit: 1_000 }).await;
        let mut tasks = list["value"].as_array().unwrap().clone();
        tasks.retain(|task| task["state"] == "done");
        assert!(tasks.len() > 30, "only {} tasks", tasks.len());
        tasks
    }

    pub async fn close(self) {
        self.app.close().await;
    }

    fn portfolio(&self) -> Vec<String> {
        let zone = jiff::tz::TimeZone::get("Europe/Stockholm").unwrap();
        let day = MORNING
            .parse::<Timestamp>()
            .unwrap()
            .to_zoned(zone.clone())
            .date();
        let ids: std::collections::BTreeSet<String> = demo::generate(day, SEED, &zone)
            .into_iter()
            .map(|fact| fact.customer.0)
            .collect();
        ids.into_iter().collect()
    }
}

async fn open(folder: &Path, moment: Timestamp) -> App {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::starting_at(moment));
    let options = Options {
        data: folder.to_owned(),
        config: Config::default(),
        serve: false,
    };
    App::open(options, clock)
        .await
        .unwrap_or_else(|failure| panic!("{failure:?}"))
}

fn event_id(process: &str, kind: &str, data: &Value) -> String {
    format!("/{process}/{kind}/{}", data["dealId"].as_str().unwrap_or("1"))
}

/// A document as this type writes it, with its moments set to the morning and its response time to a usual one.
pub fn still<T: DeserializeOwned + Serialize>(document: &Value) -> String {
    let typed: T = serde_json::from_value(stilled(document)).unwrap();
    serde_json::to_string_pretty(&typed).unwrap() + "\n"
}

fn stilled(document: &Value) -> Value {
    match document {
        Value::Object(fields) => {
            let measured = document
                .pointer("/criterion/metric")
                .is_some_and(|metric| metric == "responseTime");
            let set = |name: &String, value: &Value| match name.as_str() {
                "startedAt" | "finishedAt" | "acceptedAt" | "time" => json!(MORNING),
                "found" if measured => json!(0.021),
                _ => stilled(value),
            };
            Value::Object(
                fields
                    .iter()
                    .map(|(name, value)| (name.clone(), set(name, value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(stilled).collect()),
        other => other.clone(),
    }
}
