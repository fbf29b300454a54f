//! Reading too slowly: what the client or the broker drops then is counted, and nothing durable is among it.

use kunder_bus::NatsConfig;

use crate::contract::stored;
use crate::proxy::Proxy;
use crate::queue::{serve, serve_on, task};
use crate::server::{TestServer, eventually};

/// As many messages wait in the client for one subscription.
const CLIENT_HOLDS: usize = 65_536;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_that_the_client_drops_are_counted_and_tasks_are_not_among_them() {
    let world = serve().await;
    let client = world.server.client().await;
    // The endpoint stands still in this request, as a process does that computes.
    world.door.block(true);
    client
        .publish("kunder.svc.pipeline.task", task("b1", "blocks").into())
        .await
        .unwrap();
    eventually("the endpoint stands still", async || {
        (world.door.submissions() == 1).then_some(())
    })
    .await;
    for _ in 0..CLIENT_HOLDS + 500 {
        client
            .publish("kunder.svc.pipeline.task", "{".into())
            .await
            .unwrap();
    }
    client.flush().await.unwrap();
    for number in 0..20 {
        let subject = format!("kunder.task.customer-health.t{number}");
        world
            .publish(&subject, task(&format!("t{number}"), "report"))
            .await;
    }
    eventually("it is counted", async || {
        let report = world.bus.inspect().await;
        let told = report
            .warnings
            .iter()
            .any(|warning| warning.contains("dropped because we read too slowly"));
        (told && report.problems.is_empty()).then_some(())
    })
    .await;
    world.accepted(20).await;
    world.door.block(false);
    world.accepted(21).await;
    world.queue_is_empty().await;
    assert!(stored(&world.jetstream, "KUNDER_DLQ").await.is_empty());
}

/// We do not read at all for a while: the broker gives the connection up. It is made again, and all tasks arrive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_the_broker_gives_up_for_slowness_is_made_again() {
    let server = TestServer::start_configured("write_deadline: \"200ms\"\n").await;
    let proxy = Proxy::start(server.port).await;
    let config = NatsConfig {
        url: proxy.url(),
        ping_interval_ms: 2_000,
        ..server.config()
    };
    let world = serve_on(server, config).await;
    proxy.still(true);
    let long = "x".repeat(800_000);
    let count = 40;
    for number in 0..count {
        let body = serde_json::json!({ "taskId": format!("t{number}"), "instruction": { "command": "report", "text": long } });
        world
            .publish(&format!("kunder.task.pipeline.t{number}"), body.to_string())
            .await;
    }
    eventually("the broker gives it up", async || {
        world.server.log().contains("Slow Consumer").then_some(())
    })
    .await;
    proxy.still(false);
    world.accepted(count).await;
    world.queue_is_empty().await;
    let report = world.bus.inspect().await;
    assert_eq!(report.problems, Vec::<String>::new());
    assert!(
        report
            .warnings
            .iter()
            .any(|warning| warning.contains("the connection was lost")),
        "{report:?}"
    );
}
