//! A connection that is cut, stands still, is slow, or is dead without a word: work resumes by itself, and nothing is lost.

use std::time::Duration;

use async_nats::Request;
use kunder_agent_core::bus::Bus;
use kunder_bus::NatsConfig;

use crate::clauses::events;
use crate::clock::stopwatch;
use crate::contract::stored;
use crate::proxy::Proxy;
use crate::queue::{World, serve_on, task};
use crate::server::{TestServer, eventually};

/// Served through a proxy; tests publish beside it.
async fn through_a_proxy() -> (World, Proxy) {
    let server = TestServer::start().await;
    let proxy = Proxy::start(server.port).await;
    let config = NatsConfig {
        url: proxy.url(),
        ping_interval_ms: 300,
        answer_timeout_ms: 1_000,
        ..server.config()
    };
    (serve_on(server, config).await, proxy)
}

impl World {
    /// A task each, for these numbers.
    async fn send(&self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            let subject = format!("kunder.task.pipeline.t{number}");
            self.publish(&subject, task(&format!("t{number}"), "report"))
                .await;
        }
    }

    /// Announces events up to this number, until the broker has them.
    async fn announced(&self, last: u64) {
        eventually("events are announced", async || {
            let (taken, _) = self.bus.announce("s", &events(1..=last)).await;
            (taken as u64 == last).then_some(())
        })
        .await;
    }

    async fn every_event_once(&self, last: u64) {
        let found: Vec<_> = stored(&self.jetstream, "KUNDER_EVENTS")
            .await
            .into_iter()
            .map(|event| String::from_utf8_lossy(&event.payload).into_owned())
            .collect();
        let expected: Vec<String> = (1..=last).map(|number| format!("body {number}")).collect();
        assert_eq!(found, expected);
    }

    async fn healthy(&self) -> Vec<String> {
        let report = self.bus.inspect().await;
        assert_eq!(report.problems, Vec::<String>::new());
        report.warnings
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_connection_is_made_again() {
    let (world, proxy) = through_a_proxy().await;
    for round in 0..5 {
        world.send(round * 20..round * 20 + 10).await;
        proxy.cut();
        world.send(round * 20 + 10..round * 20 + 20).await;
        world.accepted(round * 20 + 20).await;
        world.announced((round as u64 + 1) * 10).await;
    }
    world.queue_is_empty().await;
    world.every_event_once(50).await;
    let warnings = world.healthy().await;
    assert!(
        warnings
            .iter()
            .any(|warning| warning.contains("was lost and made again 5 times")),
        "{warnings:?}"
    );
}

/// No FIN, no RST: only pings that are not answered tell. The broker, too, still believes in the old connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_connection_that_nobody_closed_is_noticed_and_made_again() {
    let (world, proxy) = through_a_proxy().await;
    world.send(0..5).await;
    world.accepted(5).await;
    world.announced(3).await;
    let (dead, before) = (stopwatch(), proxy.connections());
    proxy.forget();
    world.send(5..30).await;
    eventually("it connects anew", async || {
        (proxy.connections() > before).then_some(())
    })
    .await;
    let noticed = dead.elapsed();
    world.accepted(30).await;
    eprintln!(
        "a dead connection: noticed after {noticed:?}, work went on after {:?}",
        dead.elapsed()
    );
    world.announced(20).await;
    world.queue_is_empty().await;
    world.every_event_once(20).await;
    // The broker may still hand a request to the dead connection: whoever asks asks again.
    let client = world.server.client().await;
    let answered = async || {
        let request = Request::new()
            .payload("abc".into())
            .timeout(Some(Duration::from_millis(300)));
        client
            .send_request("kunder.svc.control.request", request)
            .await
            .ok()
    };
    assert_eq!(eventually("the services answer", answered).await.payload, "cba");
    world.healthy().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_stands_still_and_then_crawls_loses_nothing() {
    let (world, proxy) = through_a_proxy().await;
    world.send(0..5).await;
    world.accepted(5).await;
    proxy.still(true);
    world.send(5..20).await;
    let (taken, error) = world.bus.announce("s", &events(1..=5)).await;
    assert_eq!(taken, 0);
    assert!(error.is_some(), "nothing is taken while the network stands still");
    proxy.still(false);
    proxy.delay(150);
    world.accepted(20).await;
    world.announced(40).await;
    proxy.delay(0);
    world.queue_is_empty().await;
    world.every_event_once(40).await;
    world.healthy().await;
}
