//! Permissions that the broker refuses: told asynchronously, shown as a problem until they are mended.

use std::sync::Arc;

use async_nats::{Client, ConnectOptions};
use kunder_agent_core::bus::{Announcement, AnnouncementKind, Bus};
use kunder_bus::{BusError, NatsBus, NatsConfig, Serving};
use serde_json::Value;

use crate::clauses::{announcement, events};
use crate::clock::TokioClock;
use crate::door::MemoryDoor;
use crate::server::{TestServer, eventually};

const PASSWORD: &str = "hem@ligt";

/// A server whose user `kunder` may do everything but this.
fn denying(publish: &str, subscribe: &str) -> String {
    let deny = |subjects: &str| format!("{{ allow: [\">\"], deny: [{subjects}] }}");
    format!(
        "authorization {{ users: [\n\
         {{ user: root, password: root }}\n\
         {{ user: kunder, password: \"{PASSWORD}\", permissions: {{ publish: {}, subscribe: {} }} }}\n\
         ] }}\n",
        deny(publish),
        deny(subscribe)
    )
}

struct World {
    server: TestServer,
    bus: NatsBus,
    _serving: Serving,
    root: Client,
}

fn config(server: &TestServer) -> NatsConfig {
    NatsConfig {
        url: format!("nats://kunder:hem%40ligt@127.0.0.1:{}", server.port),
        answer_timeout_ms: 500,
        look_interval_ms: 300,
        ..server.config()
    }
}

async fn root(server: &TestServer) -> Client {
    let options = ConnectOptions::with_user_and_password("root".to_owned(), "root".to_owned());
    options.connect(server.url()).await.unwrap()
}

async fn serve_denied(publish: &str, subscribe: &str) -> World {
    let server = TestServer::start_configured(&denying(publish, subscribe)).await;
    let bus = NatsBus::connect(config(&server), Arc::new(TokioClock))
        .await
        .unwrap();
    let serving = bus.serve(Arc::new(MemoryDoor::new())).await.unwrap();
    let root = root(&server).await;
    World {
        server,
        bus,
        _serving: serving,
        root,
    }
}

impl World {
    async fn problem(&self, of: &str) -> String {
        eventually(of, async || {
            let problems = self.bus.inspect().await.problems;
            problems.into_iter().find(|problem| problem.contains(of))
        })
        .await
    }

    async fn is_healthy(&self) {
        eventually("all is well", async || {
            self.bus.inspect().await.problems.is_empty().then_some(())
        })
        .await;
    }

    /// What the service of the command line says of itself to anyone who asks.
    async fn statistics(&self) -> Value {
        let answer = self
            .root
            .request("$SRV.STATS.kunder-control", "".into())
            .await
            .unwrap();
        let statistics: Value = serde_json::from_slice(&answer.payload).unwrap();
        statistics["endpoints"][0]["data"].clone()
    }

    async fn announces(&self, batch: &[Announcement]) {
        eventually("all is announced", async || {
            let (taken, _) = self.bus.announce("s", batch).await;
            (taken == batch.len()).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publish_that_is_not_permitted_is_a_problem_until_it_is() {
    let world = serve_denied("\"kunder.result.>\", \"kunder.event.>\"", "").await;
    let result = [announcement(
        1,
        AnnouncementKind::Result,
        "kunder.result.pipeline.t1",
    )];
    world.is_healthy().await;
    assert_eq!(world.statistics().await["healthy"], true);
    for (batch, subjects) in [
        (&result[..], "kunder.result.pipeline.*"),
        (&events(1..=2)[..], "kunder.event.pipeline.*"),
    ] {
        let (taken, error) = world.bus.announce("s", batch).await;
        assert!(taken == 0 && error.is_some(), "{taken} {error:?}");
        let problem = world.problem(subjects).await;
        assert!(
            problem.contains("does not permit us to publish") && problem.contains("`permissions.publish`"),
            "{problem}"
        );
    }
    let statistics = world.statistics().await;
    assert_eq!(
        (
            &statistics["healthy"],
            statistics["problems"].as_array().unwrap().len()
        ),
        (&false.into(), 2)
    );
    world.server.reload(&denying("", ""));
    world.announces(&result).await;
    world.announces(&events(1..=2)).await;
    world.is_healthy().await;
    assert_eq!(world.statistics().await["healthy"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_is_not_permitted_is_a_problem_until_it_is_and_then_works() {
    let world = serve_denied("", "\"kunder.svc.pipeline.task\"").await;
    let problem = world.problem("subscribe to kunder.svc.pipeline.task").await;
    assert!(problem.contains("`permissions.subscribe`"), "{problem}");
    assert_eq!(world.statistics().await["healthy"], false);
    world.server.reload(&denying("", ""));
    world.is_healthy().await;
    let answered = async || {
        let request = r#"{"taskId":"t1","instruction":{"command":"report"}}"#;
        world
            .root
            .request("kunder.svc.pipeline.task", request.into())
            .await
            .ok()
    };
    assert!(
        eventually("the service answers", answered)
            .await
            .payload
            .starts_with(b"{")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_inbox_nothing_works_and_that_is_said() {
    let server = TestServer::start_configured(&denying("", "\"_INBOX.>\"")).await;
    let Err(error) = NatsBus::connect(config(&server), Arc::new(TokioClock)).await else {
        panic!("it has no inbox");
    };
    assert!(
        error
            .to_string()
            .contains("does not permit us to subscribe to _INBOX.>"),
        "{error}"
    );
}

/// Whoever asks chooses where the answer goes: that they get none is told, and turns nothing red.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_not_permitted_is_a_warning() {
    let world = serve_denied("\"theirs.>\"", "").await;
    let reply = [announcement(1, AnnouncementKind::Reply, "theirs.answers")];
    world.announces(&reply).await;
    eventually("it is told", async || {
        let report = world.bus.inspect().await;
        let told = report
            .warnings
            .iter()
            .any(|warning| warning.contains("publish on theirs.answers"));
        (told && report.problems.is_empty()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn user_and_password_stand_in_the_url_and_are_shown_nowhere() {
    let server = TestServer::start_configured(&denying("", "")).await;
    let bus = NatsBus::connect(config(&server), Arc::new(TokioClock))
        .await
        .unwrap();
    assert_eq!(bus.describe(), format!("nats nats://127.0.0.1:{}", server.port));
    let wrong = NatsConfig {
        url: format!("nats://kunder:falskt@127.0.0.1:{}", server.port),
        ..server.config()
    };
    let Err(error) = NatsBus::connect(wrong, Arc::new(TokioClock)).await else {
        panic!("the password is wrong");
    };
    assert!(matches!(error, BusError::Unreachable { .. }), "{error:?}");
    assert!(
        error.hint().unwrap().contains("nats://USER:PASSWORD@HOST"),
        "{error:?}"
    );
    let all = format!("{error} {error:?} {}", bus.describe());
    assert!(!all.contains("falskt") && !all.contains("ligt"), "{all}");
}

/// The password is changed while we serve: the connection is lost, and why is told; changed back, work goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_are_no_longer_accepted_are_a_problem() {
    let world = serve_denied("", "").await;
    world.server.reload(&denying("", "").replace(PASSWORD, "annat"));
    let problem = world.problem("nats refused our credentials").await;
    assert!(problem.contains("user and password"), "{problem}");
    world.server.reload(&denying("", ""));
    world.is_healthy().await;
    world.announces(&events(1..=2)).await;
}
