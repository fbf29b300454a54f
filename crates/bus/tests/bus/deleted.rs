//! Streams and consumers that someone deletes, changes or takes the place of: made again where nothing is lost by it,
//! told with how to mend it where a person must.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::stream::Config;
use kunder_agent_core::bus::{AnnounceError, Announcement, AnnouncementKind, Bus};
use kunder_bus::{BusError, NatsBus, NatsConfig};

use crate::clauses::{announcement, events};
use crate::clock::TokioClock;
use crate::contract::stored;
use crate::queue::{World, serve_on, task};
use crate::server::{TestServer, eventually};

async fn serve_watchful() -> World {
    let server = TestServer::start().await;
    let config = NatsConfig {
        look_interval_ms: 300,
        ..server.config()
    };
    serve_on(server, config).await
}

fn results(numbers: std::ops::RangeInclusive<u64>) -> Vec<Announcement> {
    let result = |number| {
        announcement(
            number,
            AnnouncementKind::Result,
            &format!("kunder.result.pipeline.t{number}"),
        )
    };
    numbers.map(result).collect()
}

impl World {
    async fn delete(&self, stream: &str) {
        self.jetstream.delete_stream(stream).await.unwrap();
    }

    /// Announces until all is taken.
    async fn announces(&self, batch: &[Announcement]) {
        eventually("all is announced", async || {
            let (taken, error) = self.bus.announce("s", batch).await;
            (taken == batch.len() && error.is_none()).then_some(())
        })
        .await;
    }

    async fn warned(&self, of: &str) {
        eventually(of, async || {
            let report = self.bus.inspect().await;
            let told = report.warnings.iter().any(|warning| warning.contains(of));
            (told && report.problems.is_empty()).then_some(())
        })
        .await;
    }

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
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn announcements_go_on_in_streams_that_were_deleted() {
    // The keeper does not look: the announcements themselves notice.
    let server = TestServer::start().await;
    let config = server.config();
    let world = serve_on(server, config).await;
    world.announces(&events(1..=5)).await;
    world.announces(&results(1..=5)).await;
    world.delete("KUNDER_EVENTS").await;
    world.delete("KUNDER_RESULTS").await;
    world.announces(&events(6..=9)).await;
    world.announces(&results(6..=9)).await;
    for stream in ["KUNDER_EVENTS", "KUNDER_RESULTS"] {
        let bodies: Vec<_> = stored(&world.jetstream, stream)
            .await
            .into_iter()
            .map(|message| String::from_utf8_lossy(&message.payload).into_owned())
            .collect();
        assert_eq!(bodies, ["body 6", "body 7", "body 8", "body 9"], "{stream}");
        world
            .warned(&format!("stream {stream} was deleted and made again (1)"))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_is_written_after_its_stream_was_deleted() {
    let server = TestServer::start().await;
    let config = server.config();
    let world = serve_on(server, config).await;
    world.delete("KUNDER_DLQ").await;
    world.publish("kunder.task.pipeline.t1", "{").await;
    eventually("the letter is written", async || {
        (stored(&world.jetstream, "KUNDER_DLQ").await.len() == 1).then_some(())
    })
    .await;
    world.queue_is_empty().await;
    world
        .warned("stream KUNDER_DLQ was deleted and made again (1)")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_stream_that_is_deleted_is_made_again_though_nobody_uses_it() {
    let world = serve_watchful().await;
    let all = [
        "KUNDER_TASKS",
        "KUNDER_RESULTS",
        "KUNDER_EVENTS",
        "KUNDER_IN",
        "KUNDER_DLQ",
    ];
    for stream in all {
        world.delete(stream).await;
    }
    for stream in all {
        world
            .warned(&format!("stream {stream} was deleted and made again (1)"))
            .await;
    }
    let of_tasks = world.jetstream.get_stream("KUNDER_TASKS").await.unwrap();
    assert_eq!(
        of_tasks.cached_info().config.subjects.len(),
        2,
        "a subject for each agent"
    );
    eventually("work goes on", async || {
        let sent = world
            .jetstream
            .publish("kunder.task.pipeline.t1", task("t1", "report").into());
        sent.await.ok()?.await.ok()
    })
    .await;
    world.publish("kunder.in.salj.deal-won", "{}").await;
    world.accepted(1).await;
    eventually("what came in is taken", async || {
        (world.door.incoming().len() == 1).then_some(())
    })
    .await;
    world.queue_is_empty().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_consumer_of_what_comes_in_is_made_again() {
    let world = serve_watchful().await;
    let stream = world.jetstream.get_stream("KUNDER_IN").await.unwrap();
    stream.delete_consumer("runner").await.unwrap();
    world.publish("kunder.in.salj.deal-won", "{}").await;
    eventually("what came in is taken", async || {
        (world.door.incoming().len() == 1).then_some(())
    })
    .await;
}

/// Someone deletes our stream and puts another in its place: nothing of ours goes in there, and doctor says what to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_in_the_place_of_our_stream_is_told_and_gets_nothing() {
    let world = serve_watchful().await;
    world.announces(&results(1..=1)).await;
    world.delete("KUNDER_RESULTS").await;
    let strange = Config {
        name: "ORDERS".to_owned(),
        subjects: vec!["kunder.result.>".to_owned()],
        ..Config::default()
    };
    // The keeper may be quicker.
    eventually("a stranger comes", async || {
        let _ = world.jetstream.delete_stream("KUNDER_RESULTS").await;
        world.jetstream.create_stream(strange.clone()).await.ok()
    })
    .await;
    let (taken, error) = world.bus.announce("s", &results(2..=3)).await;
    assert_eq!(taken, 0);
    assert!(matches!(error, Some(AnnounceError::Unavailable(_))), "{error:?}");
    let problem = world.problem("ORDERS covers kunder.result.>").await;
    assert!(
        problem.contains("nats stream edit ORDERS --subjects"),
        "{problem}"
    );
    assert!(
        stored(&world.jetstream, "ORDERS").await.is_empty(),
        "it got something of ours"
    );
    world.delete("ORDERS").await;
    world.announces(&results(2..=3)).await;
    world.is_healthy().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_our_name_that_is_not_ours_is_left_alone() {
    let server = TestServer::start().await;
    let jetstream = server.jetstream().await;
    let strange = Config {
        name: "KUNDER_EVENTS".to_owned(),
        subjects: vec!["orders.>".to_owned()],
        ..Config::default()
    };
    jetstream.create_stream(strange).await.unwrap();
    let Err(error) = NatsBus::connect(server.config(), Arc::new(TokioClock)).await else {
        panic!("a stranger's stream was taken over");
    };
    assert!(matches!(error, BusError::Setup { .. }), "{error:?}");
    let told = format!("{error}\n{}", error.hint().unwrap());
    for part in [
        "stream KUNDER_EVENTS",
        "its subjects are orders.>",
        "nats stream rm KUNDER_EVENTS",
        "process: NAME",
    ] {
        assert!(told.contains(part), "{told}");
    }
    let kept = jetstream.get_stream("KUNDER_EVENTS").await.unwrap();
    assert_eq!(kept.cached_info().config.subjects, ["orders.>"]);
}

/// Settings without which work stands still are set back; what a stream keeps is the operator's choice until the next start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_was_changed_so_that_it_does_not_serve_is_set_back() {
    let world = serve_watchful().await;
    let changed = async |change: &dyn Fn(&mut Config)| {
        let stream = world.jetstream.get_stream("KUNDER_EVENTS").await.unwrap();
        let mut config = stream.cached_info().config.clone();
        change(&mut config);
        world.jetstream.update_stream(config).await.unwrap();
    };
    changed(&|config| config.max_age = Duration::from_secs(86_400)).await;
    changed(&|config| config.subjects = vec!["kunder.event.pipeline.>".to_owned()]).await;
    eventually("the subjects are set back", async || {
        let stream = world.jetstream.get_stream("KUNDER_EVENTS").await.unwrap();
        (stream.cached_info().config.subjects == ["kunder.event.>"]).then_some(())
    })
    .await;
    changed(&|config| config.max_age = Duration::from_secs(86_400)).await;
    world.announces(&events(1..=2)).await;
    world.is_healthy().await;
    let stream = world.jetstream.get_stream("KUNDER_EVENTS").await.unwrap();
    assert_eq!(stream.cached_info().config.max_age, Duration::from_secs(86_400));
}
