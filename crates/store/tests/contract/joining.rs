//! Rules of parents and children: waiting, joining, cancelling.

use kunder_agent_core::bus::AnnouncementKind;
use kunder_agent_core::journal::{CommitError, End, Journal, NewTask, TaskState};
use kunder_agent_core::outcome::Status;
use kunder_agent_core::task::Locale;

use crate::bench::{
    Bench, accept, announcement, commit, done, id, lane, new_task, outcome, page, queue, run, wait,
};

async fn state<B: Bench>(bench: &B, name: &str) -> TaskState {
    bench.store().status(&id(name)).await.unwrap().unwrap().state
}

/// A parent waits for all its children, is then queued with tries at nought, and finds their outcomes in the order it asked.
pub async fn a_parent_joins_its_children<B: Bench>() {
    let bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    accept(&bench, &["p"]).await;
    run(&bench, wait("p", epoch, vec![page("c"), page("a"), page("b")]))
        .await
        .unwrap();
    assert_eq!(state(&bench, "p").await, TaskState::Waiting);
    assert_eq!(queue(&bench).await, ["c", "a", "b"]);
    let child = bench.store().record(&id("a")).await.unwrap().unwrap();
    assert_eq!(child.new.parent, Some(id("p")));

    for (ended, name) in ["b", "c"].into_iter().enumerate() {
        run(&bench, done(name, epoch)).await.unwrap();
        let status = bench.store().status(&id("p")).await.unwrap().unwrap();
        assert_eq!(
            (status.state, status.progress),
            (TaskState::Waiting, Some((ended as u64 + 1, 3)))
        );
    }
    run(
        &bench,
        commit("a", epoch, End::Done(Box::new(outcome("a", Status::Failed)))),
    )
    .await
    .unwrap();
    assert_eq!(queue(&bench).await, ["p"]);
    let parent = bench.store().record(&id("p")).await.unwrap().unwrap();
    assert_eq!((parent.joined, parent.tries), (true, 0));
    let children = bench.store().children(&id("p")).await.unwrap();
    let expected = [
        outcome("c", Status::Complete),
        outcome("a", Status::Failed),
        outcome("b", Status::Complete),
    ];
    assert_eq!(children, expected);
    run(&bench, done("p", epoch)).await.unwrap();
}

/// Children that end at the same instant join once, however many.
pub async fn children_that_end_at_once_join_once<B: Bench>() {
    let bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    accept(&bench, &["p"]).await;
    let names: Vec<String> = (0..200).map(|number| format!("c{number:03}")).collect();
    run(
        &bench,
        wait("p", epoch, names.iter().map(|name| page(name)).collect()),
    )
    .await
    .unwrap();
    let commits = names.iter().rev().map(|name| run(&bench, done(name, epoch)));
    for result in futures::future::join_all(commits).await {
        result.unwrap();
    }
    assert_eq!(queue(&bench).await, ["p"]);
    let children = bench.store().children(&id("p")).await.unwrap();
    let order: Vec<String> = children
        .iter()
        .map(|outcome| outcome.task_id.to_string())
        .collect();
    assert_eq!(order, names);
}

/// Nothing to wait for is nothing to wait for: no children, or children that have ended.
pub async fn a_wait_for_nothing_is_over_at_once<B: Bench>() {
    let bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    accept(&bench, &["p", "q"]).await;
    run(&bench, wait("p", epoch, Vec::new())).await.unwrap();
    let parent = bench.store().record(&id("p")).await.unwrap().unwrap();
    assert!(parent.joined);
    assert_eq!(state(&bench, "p").await, TaskState::Queued);

    run(&bench, wait("q", epoch, vec![page("c")])).await.unwrap();
    run(&bench, done("c", epoch)).await.unwrap();
    // The run after the join asks for the same child again: its outcome is there.
    run(&bench, wait("q", epoch, vec![page("c")])).await.unwrap();
    assert_eq!(state(&bench, "q").await, TaskState::Queued);
    assert_eq!(bench.store().children(&id("q")).await.unwrap().len(), 1);
}

/// A commit of a wait that is repeated, because its answer was lost, changes nothing.
pub async fn a_repeated_wait_changes_nothing<B: Bench>() {
    let bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    accept(&bench, &["p"]).await;
    run(&bench, wait("p", epoch, vec![page("a"), page("b")]))
        .await
        .unwrap();
    run(&bench, done("a", epoch)).await.unwrap();
    bench
        .store()
        .commit(wait("p", epoch, vec![page("a"), page("b")]))
        .await
        .unwrap();
    assert_eq!(state(&bench, "p").await, TaskState::Waiting);
    run(&bench, done("b", epoch)).await.unwrap();
    assert_eq!(queue(&bench).await, ["p"]);
}

/// A waiting parent and its children survive the end of the process.
pub async fn a_join_survives_the_end_of_the_process<B: Bench>() {
    let mut bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    accept(&bench, &["p"]).await;
    run(&bench, wait("p", epoch, vec![page("a"), page("b")]))
        .await
        .unwrap();
    run(&bench, done("a", epoch)).await.unwrap();
    bench.store().start(&id("b"), epoch);
    bench.reopen().await;
    let epoch = bench.store().recover().await.unwrap();
    assert_eq!(queue(&bench).await, ["b"]);
    run(&bench, done("b", epoch)).await.unwrap();
    bench.reopen().await;
    let epoch = bench.store().recover().await.unwrap();
    let parent = bench.store().record(&id("p")).await.unwrap().unwrap();
    assert!(parent.joined);
    // A try after the join that was cut short is still joined.
    bench.store().start(&id("p"), epoch);
    bench.store().recover().await.unwrap();
    let parent = bench.store().record(&id("p")).await.unwrap().unwrap();
    assert_eq!((parent.joined, parent.tries), (true, 1));
}

/// Cancelling ends a task with everything open below it, at any depth; ended ones keep their outcome.
pub async fn cancelling_ends_the_tree<B: Bench>() {
    let bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    accept(&bench, &["top", "other"]).await;
    run(&bench, wait("top", epoch, vec![new_task("mid")]))
        .await
        .unwrap();
    let english = {
        let mut child = page("leaf-2");
        child.task.locale = Some(Locale::En);
        child
    };
    run(
        &bench,
        wait("mid", epoch, vec![page("ended"), page("leaf-1"), english]),
    )
    .await
    .unwrap();
    run(&bench, done("ended", epoch)).await.unwrap();
    bench.store().start(&id("leaf-1"), epoch);

    let mut ending = outcome("mid", Status::Failed);
    ending.finished_at = crate::clock::after(5);
    let told = vec![announcement("results", AnnouncementKind::Result, "mid")];
    bench
        .store()
        .cancel(&id("mid"), ending.clone(), told, None)
        .await
        .unwrap();

    let ended = async |name| {
        bench
            .store()
            .status(&id(name))
            .await
            .unwrap()
            .unwrap()
            .outcome
            .unwrap()
    };
    assert_eq!(ended("ended").await, outcome("ended", Status::Complete));
    assert_eq!(ended("mid").await, ending);
    let leaf = ended("leaf-1").await;
    assert_eq!(
        (leaf.report.status, leaf.finished_at),
        (Status::Failed, crate::clock::after(5))
    );
    assert_eq!(leaf.agent, "kunder/customer-health");
    assert_eq!(
        leaf.report.blockers,
        ["Avbröts tillsammans med uppgiften mid, som den hör till."]
    );
    assert_eq!(
        ended("leaf-2").await.report.blockers,
        ["Cancelled together with task mid, which it belongs to."]
    );
    assert_eq!(
        lane(&bench, "results").await,
        ["mid"],
        "children are not announced"
    );
    // The one above goes on, the run that was at work comes too late.
    assert_eq!(queue(&bench).await, ["top", "other"]);
    let late = bench.store().commit(done("leaf-1", epoch)).await;
    assert!(matches!(late, Err(CommitError::AlreadyDone { .. })), "{late:?}");
    let again = bench.store().cancel(&id("mid"), ending, Vec::new(), None).await;
    assert!(matches!(again, Err(CommitError::AlreadyDone { .. })), "{again:?}");
}

/// However deep: the children of children end too, also below one that has ended.
pub async fn cancelling_reaches_every_depth<B: Bench>() {
    let bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    accept(&bench, &["top"]).await;
    run(&bench, wait("top", epoch, vec![page("mid"), page("ended")]))
        .await
        .unwrap();
    run(&bench, wait("mid", epoch, vec![page("low")])).await.unwrap();
    run(&bench, wait("low", epoch, vec![page("lowest")]))
        .await
        .unwrap();
    run(&bench, wait("ended", epoch, vec![page("orphan")]))
        .await
        .unwrap();
    bench.store().commit(done("ended", epoch)).await.unwrap();
    bench
        .store()
        .cancel(&id("top"), outcome("top", Status::Failed), Vec::new(), None)
        .await
        .unwrap();
    for name in ["top", "mid", "low", "lowest", "orphan"] {
        assert_eq!(state(&bench, name).await, TaskState::Done, "{name}");
    }
    let counts = bench.store().counts().await.unwrap();
    assert_eq!((counts.accepted, counts.complete, counts.failed), (6, 1, 5));
}

/// Who was never accepted cannot be cancelled; a stranger's outcome does not end a task.
pub async fn cancelling_needs_a_task_and_its_outcome<B: Bench>() {
    let bench = B::new().await;
    accept(&bench, &["a"]).await;
    for (task, outcome) in [
        ("never", outcome("never", Status::Failed)),
        ("a", outcome("b", Status::Failed)),
    ] {
        let refused = bench.store().cancel(&id(task), outcome, Vec::new(), None).await;
        assert!(matches!(refused, Err(CommitError::Invalid { .. })), "{refused:?}");
    }
    assert_eq!(state(&bench, "a").await, TaskState::Queued);
}

/// A child whose id is known belongs to whoever asked first; the parent does not wait for a stranger's task, nor for itself.
pub async fn a_known_task_is_nobodys_new_child<B: Bench>() {
    let bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    accept(&bench, &["p", "stranger"]).await;
    let children: Vec<NewTask> = vec![new_task("stranger"), new_task("p"), page("own")];
    run(&bench, wait("p", epoch, children)).await.unwrap();
    run(&bench, done("own", epoch)).await.unwrap();
    assert_eq!(queue(&bench).await, ["p", "stranger"]);
    assert_eq!(bench.store().children(&id("p")).await.unwrap().len(), 1);
}
