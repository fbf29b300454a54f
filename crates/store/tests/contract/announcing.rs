//! Rules of the outbox: lanes in commit order, each thing once, until it is taken or given up.

use kunder_agent_core::bus::{Announcement, AnnouncementKind};
use kunder_agent_core::journal::Journal;
use kunder_domain::portfolio::{Portfolio, Undelivered};

use crate::bench::{Bench, accept, announcement, done, lane, run};
use crate::clock::{TestClock, after};

async fn announce<B: Bench>(bench: &B, task: &str, announcements: Vec<Announcement>) {
    let epoch = bench.store().recover().await.unwrap();
    accept(bench, &[task]).await;
    let mut commit = done(task, epoch);
    commit.announcements = announcements;
    run(bench, commit).await.unwrap();
}

/// Numbers are given in commit order; a lane is read from its front; what is taken is gone.
pub async fn lanes_are_in_commit_order<B: Bench>() {
    let mut bench = B::new().await;
    let event = |name| announcement("events", AnnouncementKind::Event, name);
    let mut request = announcement("salj", AnnouncementKind::Request, "r1");
    request.deadline = Some(after(60));
    announce(&bench, "a", vec![event("z"), request.clone(), event("b")]).await;
    announce(&bench, "c", vec![event("a")]).await;
    assert_eq!(bench.store().destinations().await.unwrap(), ["events", "salj"]);
    let events = bench.store().outbox("events", 2).await.unwrap();
    assert_eq!(events.len(), 2);
    assert!(events[0].number >= 1 && events[0].number < events[1].number);
    assert_eq!(
        events[0],
        Announcement {
            number: events[0].number,
            ..event("z")
        }
    );
    let salj = bench.store().outbox("salj", 2).await.unwrap();
    assert_eq!(
        salj,
        [Announcement {
            number: salj[0].number,
            ..request
        }]
    );

    bench.store().announced("events", events[1].number).await.unwrap();
    assert_eq!(lane(&bench, "events").await, ["a"]);
    assert_eq!(lane(&bench, "salj").await, ["r1"], "other lanes wait on");
    bench.reopen().await;
    assert_eq!(lane(&bench, "events").await, ["a"]);
    bench.store().announced("events", u64::MAX).await.unwrap();
    assert_eq!(bench.store().destinations().await.unwrap(), ["salj"]);
    // A repeat of what was taken long ago is still a repeat.
    announce(&bench, "d", vec![event("z")]).await;
    assert_eq!(lane(&bench, "events").await, [""; 0]);
}

/// What may have been sent before says so: noted on disk before it is sent, lane by lane, until it is taken.
pub async fn a_repeat_says_which_attempt_it_is<B: Bench>() {
    let mut bench = B::new().await;
    let reply = |name| announcement("replies", AnnouncementKind::Reply, name);
    let request = announcement("salj", AnnouncementKind::Request, "request");
    announce(&bench, "a", vec![reply("a"), request, reply("b"), reply("c")]).await;
    assert_eq!(
        attempts(&bench, "replies").await,
        [("a", 1), ("b", 1), ("c", 1)].map(named)
    );
    let replies = bench.store().outbox("replies", 3).await.unwrap();

    bench.store().sending("replies", replies[1].number).await.unwrap();
    bench.reopen().await;
    assert_eq!(
        attempts(&bench, "replies").await,
        [("a", 2), ("b", 2), ("c", 1)].map(named)
    );
    assert_eq!(
        attempts(&bench, "salj").await,
        [("request", 1)].map(named),
        "other lanes do not count"
    );
    bench
        .store()
        .announced("replies", replies[0].number)
        .await
        .unwrap();
    bench.store().sending("replies", u64::MAX).await.unwrap();
    bench.reopen().await;
    assert_eq!(attempts(&bench, "replies").await, [("b", 3), ("c", 2)].map(named));

    // A new one is new, whatever went before it; a repeat of its cause adds nothing.
    announce(&bench, "d", vec![reply("a"), reply("c"), reply("d")]).await;
    assert_eq!(
        attempts(&bench, "replies").await,
        [("b", 3), ("c", 2), ("d", 1)].map(named)
    );
    bench.store().sending("nobody", u64::MAX).await.unwrap();
}

fn named((id, attempt): (&str, u32)) -> (String, u32) {
    (id.to_owned(), attempt)
}

async fn attempts<B: Bench>(bench: &B, destination: &str) -> Vec<(String, u32)> {
    let waiting = bench.store().outbox(destination, 100).await.unwrap();
    waiting
        .into_iter()
        .map(|announcement| (announcement.message_id, announcement.attempt))
        .collect()
}

/// What cannot be delivered leaves its lane and is told, with the reason; so is what waits past its deadline.
pub async fn the_undelivered_are_told<B: Bench>() {
    let bench = B::new().await;
    let mut late = announcement("tjanster", AnnouncementKind::Request, "late");
    late.deadline = Some(after(60));
    let patient = announcement("tjanster", AnnouncementKind::Request, "patient");
    let refused = announcement("salj", AnnouncementKind::Request, "refused");
    let mut event = announcement("events", AnnouncementKind::Event, "event");
    event.deadline = Some(after(1));
    announce(&bench, "a", vec![late.clone(), patient, refused.clone(), event]).await;
    assert_eq!(bench.store().undelivered().await.unwrap(), []);

    let number = bench.store().outbox("salj", 1).await.unwrap()[0].number;
    bench.store().undeliverable(number, "för stor").await.unwrap();
    assert_eq!(lane(&bench, "salj").await, [""; 0]);
    let told = |announcement: &Announcement, reason: &str| Undelivered {
        destination: announcement.destination.clone(),
        subject: announcement.subject.clone(),
        since: TestClock::BEGIN,
        reason: reason.to_owned(),
    };
    assert_eq!(
        bench.store().undelivered().await.unwrap(),
        [told(&refused, "för stor")]
    );
    bench.clock().advance(60);
    let expected = [
        told(&late, "not taken before its deadline"),
        told(&refused, "för stor"),
    ];
    assert_eq!(bench.store().undelivered().await.unwrap(), expected);
    assert_eq!(
        lane(&bench, "tjanster").await,
        ["late", "patient"],
        "it is the relay that gives up"
    );
    bench.store().announced("tjanster", u64::MAX).await.unwrap();
    assert_eq!(
        bench.store().undelivered().await.unwrap(),
        [told(&refused, "för stor")]
    );
    // What was taken is not undeliverable any more.
    bench.store().undeliverable(number - 1, "nej").await.unwrap();
    assert_eq!(bench.store().undelivered().await.unwrap().len(), 1);
}
