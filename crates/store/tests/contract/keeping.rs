//! Rules of what is kept beside tasks and facts, and of what is told of the whole.

use kunder::store::{FactCounts, Store};
use kunder_agent_core::bus::AnnouncementKind;
use kunder_agent_core::journal::Journal;

use crate::bench::{Bench, accept, announcement, done, named, run, website};
use crate::clock::after;

/// A conversation is replaced by a later one, survives the end of the process, and expires.
pub async fn conversations_expire<B: Bench>() {
    let mut bench = B::new().await;
    bench.store().put_conversation("c", "1", after(10)).await.unwrap();
    bench.store().put_conversation("c", "2", after(20)).await.unwrap();
    bench.reopen().await;
    let found = async |id, seconds| bench.store().conversation(id, after(seconds)).await.unwrap();
    assert_eq!(found("c", 19).await.as_deref(), Some("2"));
    assert_eq!(found("c", 20).await, None);
    assert_eq!(found("d", 0).await, None);
    // The next one to be kept clears away what has expired by then.
    bench.clock().advance(20);
    bench.store().put_conversation("d", "3", after(30)).await.unwrap();
    assert_eq!(found("c", 0).await, None);
    assert_eq!(found("d", 0).await.as_deref(), Some("3"));
}

/// Facts are counted with their customers and sources, once each, and with when the newest was recorded.
pub async fn facts_are_counted<B: Bench>() {
    let bench = B::new().await;
    assert_eq!(bench.store().fact_counts().await.unwrap(), FactCounts::default());
    let name = named("f1", "k1", "2026-01-01T00:00:00Z", "Åsen");
    let mut elsewhere = website("f3", "k2", "2026-01-03T00:00:00Z", "y");
    elsewhere.source = "Admin".to_owned();
    let facts = vec![
        name.clone(),
        website("f2", "k1", "2026-01-02T00:00:00Z", "x"),
        elsewhere,
    ];
    bench.ingest(facts).await;
    bench.clock().advance(60);
    bench.ingest(vec![name.clone()]).await;
    let mut counts = FactCounts {
        facts: 3,
        customers: 2,
        newest: Some(after(0)),
        sources: vec![("Admin".to_owned(), 1), ("Sälj".to_owned(), 2)],
    };
    assert_eq!(bench.store().fact_counts().await.unwrap(), counts);
    bench
        .ingest(vec![website("f4", "k2", "2025-01-01T00:00:00Z", "z")])
        .await;
    (counts.facts, counts.newest, counts.sources[1].1) = (4, Some(after(60)), 3);
    assert_eq!(bench.store().fact_counts().await.unwrap(), counts);
}

/// All announcements can be read again, taken or not; those that wait are counted per lane.
pub async fn all_announcements_are_told<B: Bench>() {
    let bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    accept(&bench, &["a"]).await;
    let mut commit = done("a", epoch);
    commit.announcements = vec![
        announcement("results", AnnouncementKind::Result, "m1"),
        announcement("events", AnnouncementKind::Event, "m2"),
        announcement("events", AnnouncementKind::Event, "m3"),
    ];
    run(&bench, commit).await.unwrap();
    let all = bench.store().announcements(0, 10).await.unwrap();
    let ids = |range: std::ops::Range<usize>| -> Vec<String> {
        all[range]
            .iter()
            .map(|announcement| announcement.message_id.clone())
            .collect()
    };
    assert_eq!(ids(0..3), ["m1", "m2", "m3"]);
    let waiting = async || bench.store().waiting_announcements().await.unwrap();
    assert_eq!(
        waiting().await,
        [("events".to_owned(), 2), ("results".to_owned(), 1)]
    );

    bench.store().announced("events", all[1].number).await.unwrap();
    bench.store().announced("results", u64::MAX).await.unwrap();
    assert_eq!(waiting().await, [("events".to_owned(), 1)]);
    assert_eq!(bench.store().announcements(0, 10).await.unwrap(), all);
    let rest = bench.store().announcements(all[0].number, 1).await.unwrap();
    assert_eq!(rest, all[1..2]);
}
