//! The life of a task over the real store: accepted once, decided once, in its lane, to exactly one outcome.

use jiff::SignedDuration;
use kunder_agent_core::door::RefusalCode;
use kunder_agent_core::journal::Journal;
use kunder_agent_core::outcome::Status;
use kunder_agent_core::task::Task;

use kunder_tests::world::{World, task};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_task_again_is_the_first_outcome_and_another_body_is_refused() {
    let world = World::new(|_| {}).await;
    let id = world.send("t", "note", Some("a")).await;
    let first = world.outcome(&id).await;
    let again = world.submit(task("t", "note", Some("a"))).await.unwrap();
    assert!(again.known);
    assert_eq!(world.outcome(&id).await, first);
    assert_eq!(world.script.decisions("t"), 1);
    let refusal = world.submit(task("t", "note", Some("b"))).await.unwrap_err();
    assert_eq!(
        (refusal.code, refusal.field.as_deref()),
        (RefusalCode::Conflict, Some("taskId"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_served_is_refused_by_field_and_not_journaled() {
    let world = World::new(|_| {}).await;
    let refused = |change: fn(&mut Task), code: RefusalCode, field: &'static str| {
        let mut wrong = task("w", "note", None);
        change(&mut wrong);
        let submitted = world.submit(wrong);
        async move {
            let refusal = submitted.await.unwrap_err();
            assert_eq!(
                (refusal.code, refusal.field.as_deref()),
                (code, Some(field)),
                "{refusal}"
            );
        }
    };
    refused(|task| task.agent = None, RefusalCode::Malformed, "agent").await;
    refused(
        |task| task.agent = Some("third".to_owned()),
        RefusalCode::Unknown,
        "agent",
    )
    .await;
    refused(
        |task| task.agent = Some("salj/first".to_owned()),
        RefusalCode::Unknown,
        "agent",
    )
    .await;
    refused(
        |task| task.instruction.command = Some("page".to_owned()),
        RefusalCode::Unknown,
        "instruction.command",
    )
    .await;
    refused(
        |task| task.deadline = "2026-03-02T08:00:00Z".parse().ok(),
        RefusalCode::Malformed,
        "deadline",
    )
    .await;
    refused(
        |task| task.as_of = "2026-03-03".parse().ok(),
        RefusalCode::Malformed,
        "asOf",
    )
    .await;
    assert_eq!(world.store.counts().await.unwrap().accepted, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_mailbox_refuses_at_once_with_a_retry_after_and_journals_nothing() {
    let world = World::new(|config| (config.mailbox, config.concurrency) = (8, 2)).await;
    for number in 0..2 {
        world.send(&format!("running-{number}"), "gate", None).await;
    }
    world.counts(|counts| counts.running == 2).await;
    for number in 0..4 {
        world.send(&format!("queued-{number}"), "gate", None).await;
    }
    let refusal = world.submit(task("one-more", "gate", None)).await.unwrap_err();
    assert_eq!(refusal.code, RefusalCode::Busy);
    assert!(refusal.retry_after_ms.is_some());
    assert_eq!(world.store.counts().await.unwrap().accepted, 6);
    let known = world.submit(task("queued-0", "gate", None)).await.unwrap();
    assert!(
        known.known,
        "a second delivery is answered even when the mailbox is full"
    );
    world.script.open_gate();
    world.counts(|counts| counts.complete == 6).await;
    world.send("one-more", "note", None).await;
    world.counts(|counts| counts.complete == 7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_one_customer_never_overlap_and_keep_their_order_over_both_agents() {
    let world = World::new(|_| {}).await;
    for number in 0..200 {
        let mut task = task(
            &format!("t{number:03}"),
            "note",
            Some(["a", "b", "c"][number % 3]),
        );
        task.agent = Some(["first", "second"][number / 3 % 2].to_owned());
        world.submit(task).await.unwrap();
    }
    world.counts(|counts| counts.complete == 200).await;
    assert_eq!(
        world.script.overlaps.load(std::sync::atomic::Ordering::Relaxed),
        0
    );
    let order = world.script.order.lock().unwrap().clone();
    for lane in 0..3 {
        let of_lane: Vec<&String> = order
            .iter()
            .filter(|id| id[1..].parse::<usize>().unwrap() % 3 == lane)
            .collect();
        assert!(of_lane.is_sorted(), "{of_lane:?}");
        assert_eq!(of_lane.len(), if lane < 2 { 67 } else { 66 }, "decided once each");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_ends_its_own_task_after_its_tries_and_nothing_else() {
    let world = World::new(|_| {}).await;
    let bad = world.send("bad", "panic", Some("a")).await;
    let good = world.send("good", "note", Some("a")).await;
    let outcome = world.outcome(&bad).await;
    assert_eq!(outcome.report.status, Status::Failed);
    assert!(
        outcome.report.blockers[0].contains("told to"),
        "{:?}",
        outcome.report.blockers
    );
    assert_eq!(world.script.decisions("bad"), 3);
    assert_eq!(world.outcome(&good).await.report.status, Status::Complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_hangs_is_abandoned_and_its_agent_goes_on() {
    let world = World::new(|config| config.concurrency = 1).await;
    let hung = world.send("hung", "spin", Some("a")).await;
    let next = world.send("next", "note", Some("a")).await;
    world.counts(|counts| counts.running == 1).await;
    while world.script.decisions("hung") == 0 {
        tokio::task::yield_now().await;
    }
    // The limit begins when the decision does; the clock is moved until it is over.
    while world.store.counts().await.unwrap().failed == 0 {
        world.clock.advance(SignedDuration::from_secs(10));
        tokio::task::yield_now().await;
    }
    let outcome = world.outcome(&hung).await;
    assert!(
        outcome.report.blockers[0].contains("abandoned"),
        "{:?}",
        outcome.report.blockers
    );
    assert_eq!(world.outcome(&next).await.report.status, Status::Complete);
    world.script.open_gate();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_split_task_joins_its_pages_in_order_and_pages_are_not_announced() {
    let world = World::new(|config| config.concurrency = 3).await;
    world.script.open_gate();
    let mut split = task("s", "split", None);
    split.instruction.params.insert("pages".to_owned(), "20".into());
    let id = world.submit(split).await.unwrap().task_id;
    let expected: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    assert_eq!(world.outcome(&id).await.report.summary, expected.join(" "));
    let results = world.store.outbox("results", 100).await.unwrap();
    assert_eq!(
        results
            .iter()
            .map(|result| result.subject.as_str())
            .collect::<Vec<_>>(),
        ["kunder.result.first.s"]
    );
    let empty = {
        let mut split = task("none", "split", None);
        split.instruction.params.insert("pages".to_owned(), "0".into());
        world.submit(split).await.unwrap().task_id
    };
    assert_eq!(world.outcome(&empty).await.report.summary, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_outcome_fits_and_its_whole_list_is_a_file() {
    let world = World::new(|config| config.outcome.bytes_max = 100_000).await;
    let id = world.send("b", "big", None).await;
    let outcome = world.outcome(&id).await;
    assert!(serde_json::to_vec(&outcome).unwrap().len() <= 100_000);
    assert_eq!(
        (outcome.cut[0].list.as_str(), outcome.cut[0].total),
        ("health", 5_000)
    );
    let whole = std::fs::read_to_string(world.folder.path().join(&outcome.report.artifacts[0])).unwrap();
    assert_eq!(whole.lines().count(), 5_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn unmet_and_unmeasurable_criteria_make_a_complete_outcome_partial() {
    let world = World::new(|_| {}).await;
    let mut judged = task("j", "note", None);
    judged.acceptance_criteria = serde_json::from_value(serde_json::json!([
        {"metric": "customers.critical", "op": "=", "value": 0},
        {"metric": "actions", "op": ">", "value": 0},
        "kunden är nöjd"
    ]))
    .unwrap();
    let id = world.submit(judged).await.unwrap().task_id;
    let outcome = world.outcome(&id).await;
    assert_eq!(outcome.report.status, Status::Partial);
    let verdicts: Vec<String> = outcome
        .criteria
        .iter()
        .map(|verdict| {
            serde_json::to_value(verdict.verdict)
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(verdicts, ["met", "unmet", "unknown"]);
    assert_eq!(outcome.report.blockers.len(), 2);
}
