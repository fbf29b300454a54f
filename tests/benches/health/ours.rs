//! The program: store, runtime and agent as `kunder serve` runs them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use kunder::app::{App, Options};
use kunder::clock::SystemClock;
use kunder::config::{ChecksConfig, Config};
use kunder::control::Request;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::door::{Answer, Door};
use kunder_agent_core::envelope::Envelope;
use kunder_agent_core::id::TaskId;
use kunder_agent_core::journal::Journal;
use kunder_agent_core::runtime::{Runtime, RuntimeConfig};
use kunder_agent_core::task::Task;
use kunder_agents::Reader;
use kunder_domain::change::Change;
use kunder_domain::definitions::Definitions;
use kunder_domain::fact::{CustomerId, Fact, FactBody, Measurement, Reading};
use kunder_domain::metrics::day;
use kunder_domain::portfolio::{Portfolio, Span};
use kunder_store::SqliteStore;

use crate::clock::DayClock;
use crate::{SIGNALS, id, signal, with_news};

/// Facts handed to the store at a time.
const CHUNK: usize = 20_000;

pub struct Ours {
    _folder: tempfile::TempDir,
    clock: Arc<DayClock>,
    store: SqliteStore,
    runtime: Runtime<Reader, Change>,
    customers: usize,
}

impl Ours {
    pub async fn new(customers: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let clock = Arc::new(DayClock::default());
        let store = SqliteStore::open(folder.path(), Arc::clone(&clock) as Arc<dyn Clock>)
            .expect("a new store opens");
        let observed = clock.now() - SignedDuration::from_hours(24);
        let mut facts = Vec::with_capacity(CHUNK);
        for customer in 0..customers {
            for number in 0..SIGNALS {
                facts.push(fact(customer, number, 0, observed));
            }
            if facts.len() >= CHUNK || customer + 1 == customers {
                store
                    .ingest(std::mem::take(&mut facts))
                    .await
                    .expect("facts are stored");
            }
        }
        let reader: Reader = Arc::new(store.clone());
        let journal: Arc<dyn Journal<Change>> = Arc::new(store.clone());
        let agents = kunder_agents::all(&Arc::new(definitions()));
        let clock_port = Arc::clone(&clock) as Arc<dyn Clock>;
        let runtime = Runtime::start(
            RuntimeConfig::default(),
            clock_port,
            journal,
            Arc::new(reader),
            agents,
        )
        .await
        .expect("a new store can be read");
        Self {
            _folder: folder,
            clock,
            store,
            runtime,
            customers,
        }
    }

    pub async fn news(&mut self, on: usize, count: usize) {
        self.clock.set(on as i64);
        let observed = self.clock.now() - SignedDuration::from_secs(1);
        let facts = with_news(on, self.customers, count).map(|customer| fact(customer, 0, on, observed));
        self.store
            .ingest(facts.collect())
            .await
            .expect("facts are stored");
    }

    /// The check of the day, from the task to its outcome on disk.
    pub async fn day(&mut self, on: usize) -> Duration {
        self.clock.set(on as i64);
        let begun = Instant::now();
        let task = Task::new(
            TaskId::new(format!("day-{on}")).expect("an id"),
            "customer-health",
            COMMAND,
        );
        let envelope = Envelope {
            task,
            warnings: Vec::new(),
        };
        let receipt = self.runtime.submit(envelope, None).await.expect("there is room");
        match self
            .runtime
            .outcome(&receipt.task_id, Duration::from_secs(600))
            .await
            .expect("the store can be read")
        {
            Answer::Outcome(outcome) => assert_eq!(
                outcome.report.blockers,
                Vec::<String>::new(),
                "{:?}",
                outcome.report.blockers
            ),
            Answer::Pending(status) => panic!("not done: {status:?}"),
        }
        // The pages that look at alerts again belong to it.
        loop {
            let counts = self.store.counts().await.expect("the store can be read");
            if counts.queued + counts.running + counts.waiting == 0 {
                return begun.elapsed();
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// The scores of a day in the order of the customers, in thousandths.
    pub async fn scores(&self, on: usize) -> Vec<i64> {
        self.clock.set(on as i64);
        let today = day(self.clock.now(), &TimeZone::UTC);
        let records = self
            .store
            .health_records(today, &Span::default())
            .await
            .expect("the store can be read");
        let thousandths = |record: &kunder_domain::health::HealthRecord| {
            let score = record.snapshot.score.as_ref().expect("everybody is scored");
            let score: f64 = score.printed().parse().expect("a number");
            (score * 1_000.0).round() as i64
        };
        records.iter().map(thousandths).collect()
    }
}

/// How long it takes from a fact that is handed in to the new score of its customer, sorted; each measured alone, while the
/// program serves.
pub async fn fact_to_score(customers: usize, facts: usize) -> Vec<Duration> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let data = folder.path().join("data");
    let definitions = folder.path().join("definitions");
    std::fs::create_dir(&definitions).expect("a folder can be made");
    for (name, text) in files() {
        std::fs::write(definitions.join(name), text).expect("a file can be written");
    }
    let config = Config {
        definitions: Some(definitions),
        checks: ChecksConfig {
            daily: false,
            ..ChecksConfig::default()
        },
        ..Config::default()
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let options = Options {
        data,
        config,
        serve: true,
    };
    let app = match App::open(options, Arc::clone(&clock)).await {
        Ok(app) => app,
        Err(failure) => panic!("{}", failure.what()),
    };
    let yesterday = clock.now() - SignedDuration::from_hours(24);
    let all = (0..customers)
        .flat_map(|customer| (0..SIGNALS).map(move |number| fact(customer, number, 0, yesterday)));
    import(&app, all.collect()).await;
    let mut waits = Vec::with_capacity(facts);
    for number in 0..facts {
        let customer = number * 7 % customers;
        let begun = Instant::now();
        let now = clock.now();
        import(&app, vec![fact(customer, 0, number + 1, now)]).await;
        let (today, id) = (day(now, &TimeZone::UTC), CustomerId(id(customer)));
        loop {
            let records = app
                .service
                .store
                .health_history(&id, today, today)
                .await
                .expect("the store can be read");
            if records.last().is_some_and(|record| record.at >= now) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "the new score never came"
            );
        }
        waits.push(begun.elapsed());
    }
    app.close().await;
    waits.sort();
    waits
}

async fn import(app: &App, facts: Vec<Fact>) {
    let request = serde_json::to_vec(&Request::Import { facts }).expect("a request is plain data");
    app.service.control(&request).await.expect("facts are stored");
}

const COMMAND: &str = kunder_agents::customer_health::RECORD;

fn fact(customer: usize, number: usize, on: usize, observed: Timestamp) -> Fact {
    Fact {
        id: format!("{}/{number}/{on}", id(customer)),
        customer: CustomerId(id(customer)),
        observed,
        source: "app".to_owned(),
        actor: "bench".to_owned(),
        body: FactBody::Measurement(Measurement {
            metric: format!("signal_{number}"),
            reading: Reading::Number(signal(customer, number, on).into()),
            user: None,
            user_type: None,
        }),
    }
}

/// Ten signals in two groups, four bands.
fn files() -> BTreeMap<String, String> {
    let header =
        |name: &str| format!("id: bench/{name}\nversion: 1\nupdated: 2026-11-26\nsource: benchmark\n");
    let mut metrics = header("metrics") + "metrics:\n";
    let mut health = header("health")
        + "kind: weighted\ngroups:\n  - { id: one, weight: 0.4, aggregate: mean, label: { sv: Ett, en: One } }\n  - { id: two, weight: 0.6, aggregate: mean, label: { sv: Två, en: Two } }\ninputs:\n";
    for number in 0..SIGNALS {
        let group = if number < SIGNALS / 2 { "one" } else { "two" };
        writeln!(
            metrics,
            "  - {{ id: signal_{number}, label: {{ sv: s, en: s }}, unit: points, from: {{ measurements: {{ fold: last }} }}, direction: up, freshness_days: 90, min: 0, max: 100 }}"
        )
        .expect("a text takes a line");
        writeln!(
            health,
            "  - metric: signal_{number}\n    group: {group}\n    bands: [[0, 20, 0], [20, 40, 25], [40, 60, 50], [60, 80, 75], [80, inf, 100]]\n    missing: exclude\n    stale: keep"
        )
        .expect("a text takes a line");
    }
    health += "bands:\n";
    for (key, severity, range) in [
        ("healthy", 0, "[80, 100]"),
        ("neutral", 1, "[60, 80]"),
        ("at_risk", 2, "[40, 60]"),
        ("critical", 3, "[0, 40]"),
    ] {
        writeln!(
            health,
            "  - {{ key: {key}, severity: {severity}, range: {range}, label: {{ sv: {key}, en: {key} }}, suggestion: {{ sv: Ring, en: Call }} }}"
        )
        .expect("a text takes a line");
    }
    let files = [
        ("metrics.yaml", metrics),
        ("health.yaml", health),
        (
            "organisation.yaml",
            header("organisation") + "name: Bench\ntime_zone: UTC\ncurrency: SEK\n",
        ),
    ];
    files
        .into_iter()
        .map(|(name, text)| (name.to_owned(), text))
        .collect()
}

fn definitions() -> Definitions {
    Definitions::parse_over_shipped(&files()).unwrap_or_else(|errors| panic!("{errors}"))
}
