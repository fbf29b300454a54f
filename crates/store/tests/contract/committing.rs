//! Rules of a commit: all or nothing, once, and only on what has not moved.

use kunder_agent_core::bus::AnnouncementKind;
use kunder_agent_core::decision::{Artifact, Expect};
use kunder_agent_core::journal::{CommitError, End, Journal, TaskCounts};
use kunder_agent_core::outcome::Status;
use kunder_domain::fact::CustomerId;
use kunder_domain::portfolio::Portfolio;

use crate::bench::{
    Bench, accept, announcement, at, commit, done, id, lane, named, new_task, outcome, queue, run, website,
};

fn expect(entity: &str, version: u64) -> Expect {
    Expect {
        entity: entity.to_owned(),
        version,
    }
}

/// Outcome, facts, follow-ups, announcements and artifacts come together.
pub async fn a_commit_stores_everything<B: Bench>() {
    let bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    accept(&bench, &["a"]).await;
    let mut all = done("a", epoch);
    all.changes = vec![named("f1", "k1", "2026-01-01T00:00:00Z", "Föreningen Åsen").into()];
    all.follow_ups = vec![new_task("next")];
    all.announcements = vec![announcement("results", AnnouncementKind::Result, "m1")];
    all.artifacts = vec![Artifact {
        path: "briefs/åsen.md".to_owned(),
        content: b"# \xC3\x85sen".to_vec(),
    }];
    run(&bench, all).await.unwrap();

    let view = bench.store().view(at("2026-02-01T00:00:00Z")).await.unwrap();
    let customer = bench
        .store()
        .customer(view, &CustomerId::new("k1"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(customer.name(), "Föreningen Åsen");
    assert_eq!(queue(&bench).await, ["next"]);
    assert_eq!(lane(&bench, "results").await, ["m1"]);
    assert_eq!(bench.artifact("briefs/åsen.md").unwrap(), "# Åsen".as_bytes());
}

/// A refused commit leaves nothing at all.
pub async fn a_refused_commit_leaves_nothing<B: Bench>() {
    let bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    accept(&bench, &["a"]).await;
    let mut refused = done("a", epoch);
    refused.expects = vec![expect("k1", 7)];
    refused.changes = vec![named("f1", "k1", "2026-01-01T00:00:00Z", "Åsen").into()];
    refused.follow_ups = vec![new_task("next")];
    refused.announcements = vec![announcement("results", AnnouncementKind::Result, "m1")];
    refused.artifacts = vec![Artifact {
        path: "briefs/k1.md".to_owned(),
        content: Vec::new(),
    }];
    let error = run(&bench, refused).await.unwrap_err();
    assert!(matches!(error, CommitError::Stale { .. }), "{error:?}");
    let counts = bench.store().counts().await.unwrap();
    assert_eq!(
        counts,
        TaskCounts {
            accepted: 1,
            running: 1,
            ..TaskCounts::default()
        }
    );
    assert_eq!(
        bench
            .store()
            .view(at("2026-02-01T00:00:00Z"))
            .await
            .unwrap()
            .last_fact,
        0
    );
    assert_eq!(lane(&bench, "results").await, [""; 0]);
    assert_eq!(bench.artifact("briefs/k1.md"), None);
}

/// A decision over a customer that has moved on is refused; version 0 is a customer that did not exist.
pub async fn a_stale_commit_is_refused<B: Bench>() {
    let bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    accept(&bench, &["a"]).await;
    bench.store().start(&id("a"), epoch);
    bench
        .ingest(vec![named("f1", "k1", "2026-01-01T00:00:00Z", "Åsen")])
        .await;
    let view = bench.store().view(at("2026-02-01T00:00:00Z")).await.unwrap();
    let read = bench
        .store()
        .customer(view, &CustomerId::new("k1"))
        .await
        .unwrap()
        .unwrap();
    bench
        .ingest(vec![website("f2", "k1", "2025-01-01T00:00:00Z", "asen.example")])
        .await;

    let with = |expects: Vec<Expect>| {
        let mut commit = done("a", epoch);
        commit.expects = expects;
        commit
    };
    let stale = bench
        .store()
        .commit(with(vec![expect("k1", read.version)]))
        .await
        .unwrap_err();
    assert!(
        matches!(&stale, CommitError::Stale { entity, .. } if entity.contains("k1")),
        "{stale:?}"
    );
    assert!(stale.to_string().contains("customer k1 changed"), "{stale}");
    let stale = bench.store().commit(with(vec![expect("k1", 0)])).await;
    assert!(matches!(stale, Err(CommitError::Stale { .. })), "{stale:?}");
    // Read again, in the frozen view: the version is that of now, so the page is not stale for ever.
    let again = bench
        .store()
        .customer(view, &CustomerId::new("k1"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(again.profile, read.profile);
    bench
        .store()
        .commit(with(vec![expect("k1", again.version), expect("nobody", 0)]))
        .await
        .unwrap();
}

/// Facts that are known change no version.
pub async fn known_facts_change_no_version<B: Bench>() {
    let bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    accept(&bench, &["a", "b"]).await;
    bench
        .ingest(vec![named("f1", "k1", "2026-01-01T00:00:00Z", "Åsen")])
        .await;
    let view = bench.store().view(at("2026-02-01T00:00:00Z")).await.unwrap();
    let version = bench
        .store()
        .customer(view, &CustomerId::new("k1"))
        .await
        .unwrap()
        .unwrap()
        .version;
    let mut repeat = done("a", epoch);
    // The second one has another content: the first wins, and the commit is taken.
    repeat.changes = vec![
        named("f1", "k1", "2026-01-01T00:00:00Z", "Åsen").into(),
        named("f1", "k1", "2026-01-01T00:00:00Z", "Annan").into(),
    ];
    run(&bench, repeat).await.unwrap();
    let mut unmoved = done("b", epoch);
    unmoved.expects = vec![expect("k1", version)];
    run(&bench, unmoved).await.unwrap();
    let customer = bench
        .store()
        .customer(view, &CustomerId::new("k1"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(customer.name(), "Åsen");
}

/// Follow-ups and announcements of the same cause are made once.
pub async fn the_same_cause_makes_nothing_twice<B: Bench>() {
    let bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    accept(&bench, &["a", "b"]).await;
    for name in ["a", "b"] {
        let mut commit = done(name, epoch);
        commit.follow_ups = vec![new_task("next")];
        commit.announcements = vec![
            announcement("events", AnnouncementKind::Event, "same"),
            announcement("salj", AnnouncementKind::Request, "same"),
        ];
        run(&bench, commit).await.unwrap();
    }
    assert_eq!(queue(&bench).await, ["next"]);
    assert_eq!(lane(&bench, "events").await, ["same"]);
    assert_eq!(lane(&bench, "salj").await, ["same"], "lanes do not share ids");
}

/// What can never be stored is refused for good, before anything is written.
pub async fn an_impossible_commit_is_invalid<B: Bench>() {
    let bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    accept(&bench, &["a"]).await;
    for path in ["../out.md", "/etc/x", "a\\b", "a//b", "", "kunder.sqlite", "lock"] {
        let mut commit = done("a", epoch);
        commit.artifacts = vec![
            Artifact {
                path: "good.md".to_owned(),
                content: Vec::new(),
            },
            Artifact {
                path: path.to_owned(),
                content: Vec::new(),
            },
        ];
        let error = run(&bench, commit).await.unwrap_err();
        assert!(
            matches!(error, CommitError::Invalid { .. }),
            "{path:?}: {error:?}"
        );
        assert_eq!(bench.artifact("good.md"), None);
    }
    let strangers = commit("a", epoch, End::Done(Box::new(outcome("b", Status::Complete))));
    let unknown = done("never", epoch);
    let mut nameless = done("a", epoch);
    nameless.changes = vec![named("", "k1", "2026-01-01T00:00:00Z", "Åsen").into()];
    for commit in [strangers, unknown, nameless] {
        let error = bench.store().commit(commit).await.unwrap_err();
        assert!(matches!(error, CommitError::Invalid { .. }), "{error:?}");
    }
    assert_eq!(bench.store().counts().await.unwrap().running, 1);
}

/// Of many commits at once, a bad one fails alone.
pub async fn a_bad_commit_fails_alone<B: Bench>() {
    let bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    let names: Vec<String> = (0..100).map(|number| format!("t{number}")).collect();
    for name in &names {
        accept(&bench, &[name]).await;
    }
    let commits = names.iter().enumerate().map(|(number, name)| {
        let mut commit = done(name, epoch);
        if number % 7 == 3 {
            commit.expects = vec![expect("nobody", 1)];
            commit.follow_ups = vec![new_task("from a bad one")];
        }
        run(&bench, commit)
    });
    let results = futures::future::join_all(commits).await;
    for (number, result) in results.iter().enumerate() {
        assert_eq!(result.is_err(), number % 7 == 3, "{number}: {result:?}");
    }
    let counts = bench.store().counts().await.unwrap();
    assert_eq!((counts.accepted, counts.complete, counts.running), (100, 86, 14));
}

/// Counts tell how tasks ended.
pub async fn counts_tell_how_tasks_ended<B: Bench>() {
    let bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    let ends = [
        ("a", Status::Complete),
        ("b", Status::Partial),
        ("c", Status::Failed),
        ("d", Status::Failed),
    ];
    for (name, status) in ends {
        accept(&bench, &[name]).await;
        run(
            &bench,
            commit(name, epoch, End::Done(Box::new(outcome(name, status)))),
        )
        .await
        .unwrap();
    }
    let expected = TaskCounts {
        accepted: 4,
        complete: 1,
        partial: 1,
        failed: 2,
        ..TaskCounts::default()
    };
    assert_eq!(bench.store().counts().await.unwrap(), expected);
}
