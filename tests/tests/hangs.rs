//! What an agent does wrong costs its own task: hangs, stuck and slow gathers, replies out of all bounds; and what a
//! cancelled task held is free at once.

use std::sync::atomic::Ordering;

use jiff::SignedDuration;
use kunder_agent_core::door::RefusalCode;
use kunder_agent_core::id::TaskId;
use kunder_agent_core::journal::Journal;
use kunder_agent_core::outcome::{Outcome, Status};
use kunder_agent_core::runtime::Figures;
use kunder_tests::world::{PATIENCE, World, task};

async fn failed(world: &World, id: &TaskId) -> Outcome {
    let outcome = world.outcome(id).await;
    assert_eq!(
        outcome.report.status,
        Status::Failed,
        "{}",
        outcome.report.summary
    );
    outcome
}

async fn completes(world: &World, id: &str, customer: Option<&str>) {
    let id = world.send(id, "note", customer).await;
    assert_eq!(world.outcome(&id).await.report.status, Status::Complete);
}

/// Waits until it is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let look = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, look)
        .await
        .unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_decision_hangs_other_lanes_and_agents_go_on_and_it_is_abandoned_and_counted() {
    let world = World::new(|_| {}).await;
    let hung = world.send("hung", "spin", Some("a")).await;
    world.counts(|counts| counts.running == 1).await;
    completes(&world, "b", Some("b")).await;
    completes(&world, "c", Some("c")).await;
    let mut other = task("other", "note", Some("d"));
    other.agent = Some("second".to_owned());
    let other = world.submit(other).await.unwrap().task_id;
    assert_eq!(world.outcome(&other).await.report.status, Status::Complete);
    let behind = world.send("behind", "note", Some("a")).await;
    let counts = world.counts(|counts| counts.complete == 3).await;
    assert_eq!((counts.running, counts.queued), (1, 1), "its own customer waits");
    assert_eq!(world.runtime.figures(), Figures::default());

    world.clock.advance(SignedDuration::from_secs(31));
    let outcome = failed(&world, &hung).await;
    assert!(
        outcome
            .report
            .summary
            .contains("not decided within 30s and was abandoned"),
        "{}",
        outcome.report.summary
    );
    assert_eq!(world.outcome(&behind).await.report.status, Status::Complete);
    let figures = world.runtime.figures();
    assert_eq!((figures.hanging, figures.abandoned), (1, 1));
    world.script.open_gate();
    until("it ends after all", || world.runtime.figures().hanging == 0).await;
    assert_eq!(world.runtime.figures().abandoned, 1);
    assert_eq!(*world.runtime.fatal().borrow(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_hanging_decisions_end_the_process_with_the_cause() {
    let world = World::new(|config| config.abandoned_max = 2).await;
    for number in 0..2 {
        world.send(&format!("t{number}"), "spin", None).await;
    }
    // Running is not enough: the limit of a decision begins with the decision.
    until("both are being decided", || {
        world.script.decisions("t0") + world.script.decisions("t1") == 2
    })
    .await;
    world.clock.advance(SignedDuration::from_secs(31));
    let mut fatal = world.runtime.fatal();
    let cause = tokio::time::timeout(PATIENCE, fatal.wait_for(Option::is_some)).await;
    assert_eq!(cause.unwrap().unwrap().as_deref(), Some("2 decisions hang"));
    world.script.open_gate();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gather_that_goes_on_page_by_page_may_be_slow_and_one_that_is_stuck_may_not() {
    let world = World::new(|_| {}).await;
    let mut slow = task("slow", "by-pages", None);
    slow.instruction.params.insert("pages".to_owned(), 5.into());
    let slow = world.submit(slow).await.unwrap().task_id;
    for page in 0..5 {
        // A hundred seconds in all, never thirty without a page.
        world.counts(|counts| counts.running == 1).await;
        world.clock.advance(SignedDuration::from_secs(20));
        world.script.pages.add_permits(1);
        until("the page is read", || {
            world.script.pages_read.load(Ordering::Acquire) == page + 1
        })
        .await;
    }
    assert_eq!(world.outcome(&slow).await.report.status, Status::Complete);

    let mut stuck = task("stuck", "by-pages", Some("a"));
    stuck.instruction.params.insert("pages".to_owned(), 5.into());
    let stuck = world.submit(stuck).await.unwrap().task_id;
    world.counts(|counts| counts.running == 1).await;
    until("it gathers", || world.script.gathers.load(Ordering::Acquire) == 2).await;
    completes(&world, "b", Some("b")).await;
    world.clock.advance(SignedDuration::from_secs(31));
    let outcome = failed(&world, &stuck).await;
    assert!(
        outcome
            .report
            .summary
            .contains("its facts were not there within 30s"),
        "{}",
        outcome.report.summary
    );
    completes(&world, "a", Some("a")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gather_that_never_ends_is_ended_however_much_it_reads() {
    let world = World::new(|config| config.gather_whole_limit = std::time::Duration::from_secs(60)).await;
    let mut endless = task("endless", "by-pages", None);
    endless
        .instruction
        .params
        .insert("pages".to_owned(), u64::MAX.into());
    let endless = world.submit(endless).await.unwrap().task_id;
    world.counts(|counts| counts.running == 1).await;
    for page in 0..3 {
        world.script.pages.add_permits(1);
        until("the page is read", || {
            world.script.pages_read.load(Ordering::Acquire) > page
        })
        .await;
        world.clock.advance(SignedDuration::from_secs(20));
    }
    let outcome = failed(&world, &endless).await;
    assert!(
        outcome.report.summary.contains("still being gathered after 60s"),
        "{}",
        outcome.report.summary
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_out_of_all_bounds_fails_its_task_with_the_bound_and_the_agent_goes_on() {
    let world = World::new(|config| {
        config.effects_max = 10;
        config.artifacts_max = 2;
        config.artifact_bytes_max = 1_000;
    })
    .await;
    for (number, (facts, files, bytes, reason)) in [
        (11, 0, 0, "its decision holds 11 facts, at most 10 are allowed"),
        (0, 3, 1, "its decision holds 3 files, at most 2 are allowed"),
        (
            0,
            2,
            501,
            "its decision holds 1002 bytes of files, at most 1000 are allowed",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let mut much = task(&format!("much-{number}"), "too-much", None);
        for (name, count) in [("facts", facts), ("files", files), ("bytes", bytes)] {
            much.instruction.params.insert(name.to_owned(), count.into());
        }
        let much = world.submit(much).await.unwrap().task_id;
        let outcome = failed(&world, &much).await;
        assert!(
            outcome.report.summary.contains(reason),
            "{}",
            outcome.report.summary
        );
        assert_eq!(outcome.report.artifacts, [""; 0]);
    }
    let loud = world.send("loud", "loud-panic", None).await;
    let outcome = failed(&world, &loud).await;
    assert!(
        outcome
            .report
            .summary
            .contains("after 3 tries: the agent panicked while deciding: so loud")
    );
    assert!(outcome.report.summary.len() < 3_000);
    assert_eq!(
        world.store.fact_counts().await.unwrap().facts,
        0,
        "nothing of it is stored"
    );
    completes(&world, "n", Some("a")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_out_of_all_bounds_fails_alone_and_its_whole_says_so() {
    let world = World::new(|config| config.page_bytes_max = 1_000).await;
    let id = world.send("s", "split", None).await;
    let _ = world.outcome(&id).await;
    let page = TaskId::derived("s", "first/page-0");
    let outcome = world.store.status(&page).await.unwrap().unwrap().outcome.unwrap();
    assert_eq!(outcome.report.status, Status::Failed);
    assert!(
        outcome
            .report
            .summary
            .contains("bytes of outcome, at most 1000 are allowed"),
        "{}",
        outcome.report.summary
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lane_of_a_cancelled_hang_is_free_at_once_and_the_hang_is_counted_when_its_time_is_over() {
    let world = World::new(|_| {}).await;
    let hung = world.send("hung", "spin", Some("a")).await;
    until("it is being decided", || world.script.decisions("hung") == 1).await;
    let behind = world.send("behind", "note", Some("a")).await;
    let status = world.runtime.cancel(&hung, "Åsa").await.unwrap();
    assert!(status.outcome.unwrap().report.summary.contains("Åsa"));
    assert_eq!(world.outcome(&behind).await.report.status, Status::Complete);
    let figures = world.runtime.figures();
    assert_eq!((figures.stopped, figures.hanging, figures.abandoned), (1, 0, 0));
    world.clock.advance(SignedDuration::from_secs(31));
    until("the hang is counted", || world.runtime.figures().hanging == 1).await;
    world.script.open_gate();
    until("it ends after all", || world.runtime.figures().hanging == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_gather_that_is_cancelled_lets_go_at_once() {
    let world = World::new(|config| config.concurrency = 1).await;
    let mut stuck = task("stuck", "by-pages", Some("a"));
    stuck.instruction.params.insert("pages".to_owned(), 1.into());
    let stuck = world.submit(stuck).await.unwrap().task_id;
    until("it gathers", || world.script.gathers.load(Ordering::Acquire) == 1).await;
    world.runtime.cancel(&stuck, "Åsa").await.unwrap();
    completes(&world, "a", Some("a")).await;
    assert_eq!(world.script.decisions("stuck"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn places_of_cancelled_tasks_are_free_at_once_and_they_are_never_started() {
    let world = World::new(|config| {
        config.concurrency = 1;
        // Half of the places are for one requester.
        config.mailbox = 8;
    })
    .await;
    let gate = world.send("gate", "gate", None).await;
    until("it is being decided", || world.script.decisions("gate") == 1).await;
    let mut waiting = Vec::new();
    for number in 0..4 {
        waiting.push(world.send(&format!("old-{number}"), "note", Some("a")).await);
    }
    let refusal = world
        .submit(task("one-more", "note", Some("a")))
        .await
        .unwrap_err();
    assert_eq!(refusal.code, RefusalCode::Busy);
    for id in &waiting {
        world.runtime.cancel(id, "Åsa").await.unwrap();
    }
    // While the gate is still closed, and nothing of this agent can start.
    let accepted = async {
        for number in 0..4 {
            while world
                .submit(task(&format!("new-{number}"), "note", Some("a")))
                .await
                .is_err()
            {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::time::timeout(PATIENCE, accepted)
        .await
        .expect("the places are free");
    world.script.open_gate();
    assert_eq!(world.outcome(&gate).await.report.status, Status::Complete);
    world
        .counts(|counts| counts.complete == 5 && counts.failed == 4)
        .await;
    for number in 0..4 {
        assert_eq!(world.script.decisions(&format!("old-{number}")), 0);
        assert_eq!(world.script.decisions(&format!("new-{number}")), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_task_ends_with_its_children_and_their_children() {
    let world = World::new(|_| {}).await;
    let mut nest = task("n", "nest", None);
    nest.instruction.params.insert("pages".to_owned(), 12.into());
    let nest = world.submit(nest).await.unwrap().task_id;
    // Its child waits for twelve pages, of which one does not end.
    world
        .counts(|counts| counts.complete == 11 && counts.running == 1)
        .await;
    let outcome = world.runtime.cancel(&nest, "Åsa").await.unwrap().outcome.unwrap();
    assert_eq!(
        outcome.report.status,
        Status::Failed,
        "none of its own parts was done"
    );
    let child = TaskId::derived("n", "first/inner");
    let grandchild = TaskId::derived(child.as_str(), "first/page-7");
    for id in [&child, &grandchild] {
        let outcome = world.store.status(id).await.unwrap().unwrap().outcome.unwrap();
        assert_eq!(outcome.report.status, Status::Failed);
        assert!(
            outcome.report.blockers[0].contains("n"),
            "{:?}",
            outcome.report.blockers
        );
    }
    let counts = world.counts(|counts| counts.failed == 3).await;
    assert_eq!(
        (counts.accepted, counts.running, counts.waiting, counts.queued),
        (14, 0, 0, 0)
    );
    until("its page is let go", || world.runtime.figures().stopped == 1).await;
    world.script.open_gate();
    completes(&world, "after", Some("a")).await;
}
