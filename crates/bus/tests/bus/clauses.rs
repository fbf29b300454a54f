//! What every bus promises the relay: the clauses, for each bus of this workspace to be checked against.

use async_trait::async_trait;
use jiff::Timestamp;
use kunder_agent_core::bus::{AnnounceError, Announcement, AnnouncementKind, Bus};

pub fn announcement(number: u64, kind: AnnouncementKind, subject: &str) -> Announcement {
    let destination = match kind {
        AnnouncementKind::Result => "results",
        AnnouncementKind::Event => "events",
        AnnouncementKind::Request => "salj",
        AnnouncementKind::Reply => "replies",
    };
    Announcement {
        number,
        destination: destination.to_owned(),
        kind,
        subject: subject.to_owned(),
        message_id: format!("m/{number}"),
        headers: vec![("ce-subject".to_owned(), "customer/Å".to_owned())],
        body: format!("body {number}").into_bytes(),
        committed_at: Timestamp::UNIX_EPOCH,
        deadline: None,
        attempt: 1,
    }
}

pub fn events(numbers: std::ops::RangeInclusive<u64>) -> Vec<Announcement> {
    numbers
        .map(|number| announcement(number, AnnouncementKind::Event, "kunder.event.pipeline.story"))
        .collect()
}

pub fn results(numbers: std::ops::RangeInclusive<u64>) -> Vec<Announcement> {
    let result = |number| {
        announcement(
            number,
            AnnouncementKind::Result,
            &format!("kunder.result.pipeline.t{number}"),
        )
    };
    numbers.map(result).collect()
}

/// A bus and those who listen to it.
#[async_trait]
pub trait World: Send + Sync {
    fn bus(&self) -> &dyn Bus;
    /// Process `salj` begins to take tasks.
    async fn salj_listens(&self);
    /// What arrived so far on subjects that match, in order, as `subject body`.
    async fn arrived(&self, pattern: &str) -> Vec<String>;
}

pub async fn taken_in_order_and_once(world: &dyn World) {
    let batch = results(1..=600);
    let (taken, error) = world.bus().announce("s", &batch).await;
    assert_eq!((taken, error.map(|error| error.to_string())), (600, None));
    let (taken, error) = world.bus().announce("s", &batch).await;
    assert_eq!(
        (taken, error.map(|error| error.to_string())),
        (600, None),
        "repeats are taken again"
    );
    let expected: Vec<String> = (1..=600)
        .map(|n| format!("kunder.result.pipeline.t{n} body {n}"))
        .collect();
    assert_same(&world.arrived("kunder.result.>").await, &expected);
}

pub async fn events_know_how_far_they_came(world: &dyn World) {
    let bus = world.bus();
    assert_eq!(bus.last_event("s").await, None);
    assert_eq!(bus.announce("s", &events(1..=300)).await.0, 300);
    assert_eq!(bus.last_event("s").await, Some(300));
    assert_eq!(
        bus.announce("s", &events(200..=310)).await.0,
        111,
        "repeats in front are taken without effect"
    );
    assert_eq!(bus.last_event("s").await, Some(310));
    let bodies = world.arrived("kunder.event.>").await;
    let expected: Vec<String> = (1..=310)
        .map(|n| format!("kunder.event.pipeline.story body {n}"))
        .collect();
    assert_same(&bodies, &expected);
}

/// Names the first difference of two long lists.
#[track_caller]
fn assert_same(found: &[String], expected: &[String]) {
    let differs = found
        .iter()
        .zip(expected)
        .find(|(found, expected)| found != expected);
    assert_eq!((differs, found.len()), (None, expected.len()));
}

pub async fn a_request_waits_for_someone_who_takes_it(world: &dyn World) {
    let batch: Vec<Announcement> = (1..=2)
        .map(|number| {
            announcement(
                number,
                AnnouncementKind::Request,
                &format!("salj.task.pipeline-agent.t{number}"),
            )
        })
        .collect();
    let (taken, error) = world.bus().announce("s", &batch).await;
    assert_eq!(taken, 0);
    assert!(matches!(error, Some(AnnounceError::Unavailable(_))), "{error:?}");
    world.salj_listens().await;
    for _ in 0..2 {
        assert_eq!(world.bus().announce("s", &batch).await.0, 2);
    }
    let expected = [
        "salj.task.pipeline-agent.t1 body 1",
        "salj.task.pipeline-agent.t2 body 2",
    ];
    assert_eq!(world.arrived("salj.>").await, expected);
}

pub async fn a_reply_reaches_whoever_asked_and_nobody_is_no_fault(world: &dyn World) {
    let batch = [
        announcement(1, AnnouncementKind::Reply, "asked.1"),
        announcement(2, AnnouncementKind::Reply, "nobody.listens"),
    ];
    let (taken, error) = world.bus().announce("s", &batch).await;
    assert_eq!((taken, error.map(|error| error.to_string())), (2, None));
    assert_eq!(world.arrived("asked.>").await, ["asked.1 body 1"]);
}

pub async fn what_can_never_be_taken_is_refused_and_those_before_it_are_taken(world: &dyn World) {
    for kind in [
        AnnouncementKind::Result,
        AnnouncementKind::Event,
        AnnouncementKind::Reply,
    ] {
        let word = match kind {
            AnnouncementKind::Event => "event",
            AnnouncementKind::Reply => "other",
            _ => "result",
        };
        let mut batch: Vec<Announcement> = (1..=3)
            .map(|number| announcement(number, kind, &format!("kunder.{word}.x.{number}")))
            .collect();
        batch[1].body = vec![b'x'; 1_100_000];
        let (taken, error) = world.bus().announce("s", &batch).await;
        assert!(
            matches!(error, Some(AnnounceError::Refused(_))),
            "{kind:?} {error:?}"
        );
        assert_eq!(taken, 1);
        batch[1] = announcement(2, kind, "kunder.not a subject");
        let (taken, error) = world.bus().announce("s", &batch[1..]).await;
        assert!(
            matches!(error, Some(AnnounceError::Refused(_))),
            "{kind:?} {error:?}"
        );
        assert_eq!(taken, 0);
        assert_eq!(
            world.bus().announce("s", &batch[2..]).await.0,
            1,
            "the lane goes on without it"
        );
    }
    let arrived = world.arrived("kunder.*.x.*").await;
    assert!(
        arrived.contains(&"kunder.event.x.3 body 3".to_owned()),
        "{arrived:?}"
    );
    assert!(!arrived.iter().any(|line| line.contains(".2 ")), "{arrived:?}");
}

/// Calls a macro with the names of all clauses.
macro_rules! for_each_clause {
    ($check:ident) => {
        $check!(
            taken_in_order_and_once,
            events_know_how_far_they_came,
            a_request_waits_for_someone_who_takes_it,
            a_reply_reaches_whoever_asked_and_nobody_is_no_fault,
            what_can_never_be_taken_is_refused_and_those_before_it_are_taken,
        );
    };
}
pub(crate) use for_each_clause;
