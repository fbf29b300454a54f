//! A broker that is killed and comes back: consuming and announcing go on, nothing is lost, nothing is there twice.

use kunder_agent_core::bus::{AnnounceError, Bus};

use crate::clauses::events;
use crate::contract::stored;
use crate::queue::{serve, task};
use crate::server::eventually;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_goes_on_after_the_broker_was_killed() {
    let mut world = serve().await;
    assert_eq!(world.bus.announce("s", &events(1..=3)).await.0, 3);
    world
        .publish("kunder.task.pipeline.t1", task("t1", "report"))
        .await;
    world.accepted(1).await;
    for round in 2..=3_usize {
        world.server.kill();
        let (taken, error) = eventually("the loss is noticed", async || {
            let answer = world.bus.announce("s", &events(4..=5)).await;
            answer.1.is_some().then_some(answer)
        })
        .await;
        assert_eq!(taken, 0);
        assert!(matches!(error, Some(AnnounceError::Unavailable(_))), "{error:?}");
        world.server.start_again().await;
        let name = format!("t{round}");
        eventually("a task can be sent", async || {
            let sent = world.jetstream.publish(
                format!("kunder.task.pipeline.{name}"),
                task(&name, "report").into(),
            );
            sent.await.ok()?.await.ok()
        })
        .await;
        world.accepted(round).await;
        let answered = async || {
            world
                .server
                .client()
                .await
                .request("kunder.svc.control.request", "abc".into())
                .await
                .ok()
        };
        assert_eq!(eventually("the services are back", answered).await.payload, "cba");
    }
    eventually("announcing goes on", async || {
        let (taken, error) = world.bus.announce("s", &events(1..=9)).await;
        (taken == 9 && error.is_none()).then_some(())
    })
    .await;
    assert_eq!(world.bus.last_event("s").await, Some(9));
    let bodies: Vec<_> = stored(&world.jetstream, "KUNDER_EVENTS")
        .await
        .into_iter()
        .map(|message| message.payload)
        .collect();
    assert_eq!(
        bodies,
        (1..=9).map(|number| format!("body {number}")).collect::<Vec<_>>()
    );
    world.queue_is_empty().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_someone_deleted_is_made_again() {
    let world = serve().await;
    let stream = world.jetstream.get_stream("KUNDER_TASKS").await.unwrap();
    stream.delete_consumer("pipeline").await.unwrap();
    world
        .publish("kunder.task.pipeline.t1", task("t1", "report"))
        .await;
    world.accepted(1).await;
    world.jetstream.delete_stream("KUNDER_TASKS").await.unwrap();
    eventually("the stream is made again", async || {
        let sent = world
            .jetstream
            .publish("kunder.task.pipeline.t2", task("t2", "report").into());
        sent.await.ok()?.await.ok()
    })
    .await;
    world.accepted(2).await;
}
