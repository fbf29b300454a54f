//! Rules of acceptance, of the queue, and of who holds a task.

use kunder_agent_core::id::AgentName;
use kunder_agent_core::journal::{Acceptance, CommitError, Journal, NewTask, TaskCounts, TaskState};
use kunder_agent_core::outcome::Status;

use crate::bench::{AGENT, Bench, accept, accept_new, done, id, new_task, outcome, page, queue, run, wait};
use crate::clock::after;

/// Same id, same body: the same task, with its outcome once there is one.
pub async fn same_task_twice_is_one_task<B: Bench>() {
    let bench = B::new().await;
    accept(&bench, &["a"]).await;
    let known = |acceptance| match acceptance {
        Acceptance::Known(status) => status,
        other => panic!("{other:?}"),
    };
    let status = known(bench.store().accept(new_task("a")).await.unwrap());
    assert_eq!((status.state, status.outcome), (TaskState::Queued, None));

    let epoch = bench.store().recover().await.unwrap();
    run(&bench, done("a", epoch)).await.unwrap();
    let status = known(bench.store().accept(new_task("a")).await.unwrap());
    assert_eq!(status.outcome, Some(outcome("a", Status::Complete)));
    assert_eq!(bench.store().counts().await.unwrap().accepted, 1);
}

/// What was accepted is known, also when it has ended, and nothing else is.
pub async fn what_was_accepted_is_known<B: Bench>() {
    let bench = B::new().await;
    accept(&bench, &["a", "b"]).await;
    let epoch = bench.store().recover().await.unwrap();
    run(&bench, done("a", epoch)).await.unwrap();
    let mut known = Vec::new();
    for task in ["a", "b", "c", "A", "a "] {
        known.push(bench.store().knows(&id(task)).await.unwrap());
    }
    assert_eq!(known, [true, true, false, false, false]);
}

/// Same id, another body or another agent: refused.
pub async fn same_id_with_another_body_is_a_conflict<B: Bench>() {
    let bench = B::new().await;
    accept(&bench, &["a"]).await;
    let mut other = new_task("a");
    other.task.dry_run = true;
    let elsewhere = NewTask {
        agent: AgentName::new("pipeline"),
        ..new_task("a")
    };
    for task in [other, elsewhere] {
        assert!(matches!(
            bench.store().accept(task).await.unwrap(),
            Acceptance::Conflict
        ));
    }
    assert_eq!(bench.store().counts().await.unwrap().accepted, 1);
}

/// What was accepted comes back whole, to the nanosecond.
pub async fn a_record_returns_what_was_accepted<B: Bench>() {
    let bench = B::new().await;
    let mut task = new_task("å 1");
    task.task.deadline = Some(after(60));
    task.task
        .context
        .more
        .insert("tal".to_owned(), serde_json::json!({"a": [1.5, null, "ö"]}));
    task.lane = Some("customer/ö".to_owned());
    task.not_before = Some(after(30));
    task.warnings = vec!["`TaskId` lästes som `taskId`".to_owned()];
    let accepted = accept_new(&bench, task.clone()).await;
    let record = bench.store().record(&id("å 1")).await.unwrap().unwrap();
    assert_eq!(
        (record.number, record.tries, record.joined),
        (accepted.number, 0, false)
    );
    let NewTask {
        task: body,
        agent,
        lane,
        now,
        parent,
        not_before,
        announced,
        warnings,
    } = record.new;
    assert_eq!((body, agent, lane), (task.task, task.agent, task.lane));
    assert_eq!(
        (now, parent, not_before, announced, warnings),
        (task.now, None, task.not_before, true, task.warnings)
    );
    assert!(bench.store().record(&id("b")).await.unwrap().is_none());
    assert!(bench.store().status(&id("b")).await.unwrap().is_none());
}

/// The queue is in order of acceptance, per agent, paged by number.
pub async fn the_queue_is_in_order_of_acceptance<B: Bench>() {
    let bench = B::new().await;
    accept(&bench, &["c", "a", "b"]).await;
    accept_new(
        &bench,
        NewTask {
            agent: AgentName::new("pipeline"),
            ..new_task("x")
        },
    )
    .await;
    assert_eq!(queue(&bench).await, ["c", "a", "b"]);
    let agent = AgentName::new(AGENT);
    let first = bench
        .store()
        .queued(&agent, 0, 2, bench.clock().time())
        .await
        .unwrap();
    let rest = bench
        .store()
        .queued(&agent, first[1].number, 2, bench.clock().time())
        .await
        .unwrap();
    assert_eq!((first.len(), rest.len()), (2, 1));
    assert_eq!(rest[0].id(), &id("b"));
}

/// A timer is waiting, in every view, until its moment, and queued from then on.
pub async fn a_timer_waits_for_its_moment<B: Bench>() {
    let bench = B::new().await;
    accept_new(
        &bench,
        NewTask {
            not_before: Some(after(60)),
            ..new_task("t")
        },
    )
    .await;
    accept(&bench, &["a"]).await;
    assert_eq!(queue(&bench).await, ["a"]);
    let status = bench.store().status(&id("t")).await.unwrap().unwrap();
    assert_eq!(
        (status.state, status.not_before),
        (TaskState::Waiting, Some(after(60)))
    );
    let counts = bench.store().counts().await.unwrap();
    assert_eq!(
        counts,
        TaskCounts {
            accepted: 2,
            queued: 1,
            waiting: 1,
            ..TaskCounts::default()
        }
    );
    assert_eq!(bench.store().next_due(after(0)).await.unwrap(), Some(after(60)));

    bench.clock().advance(60);
    assert_eq!(queue(&bench).await, ["t", "a"]);
    assert_eq!(
        bench.store().status(&id("t")).await.unwrap().unwrap().state,
        TaskState::Queued
    );
    assert_eq!(bench.store().counts().await.unwrap().waiting, 0);
    assert_eq!(bench.store().next_due(after(60)).await.unwrap(), None);
}

/// A start is seen, counted, and precedes the commit that follows it without being waited for.
pub async fn a_start_precedes_its_commit<B: Bench>() {
    let bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    let names: Vec<String> = (0..300).map(|number| format!("t{number}")).collect();
    for name in &names {
        accept_new(&bench, new_task(name)).await;
    }
    let commits = names.iter().map(|name| run(&bench, done(name, epoch)));
    for result in futures::future::join_all(commits).await {
        result.unwrap();
    }
    for name in &names {
        assert_eq!(
            bench.store().status(&id(name)).await.unwrap().unwrap().tries,
            1,
            "{name}"
        );
    }
    accept(&bench, &["seen"]).await;
    bench.store().start(&id("seen"), epoch);
    // Any write that is answered comes after it.
    accept(&bench, &["next"]).await;
    assert_eq!(
        bench.store().status(&id("seen")).await.unwrap().unwrap().state,
        TaskState::Running
    );
    assert_eq!(queue(&bench).await, ["next"]);
}

/// Recovery takes over: running tasks are queued again with their tries, and the old lease is worth nothing.
pub async fn recovery_takes_the_lease<B: Bench>() {
    let mut bench = B::new().await;
    let old = bench.store().recover().await.unwrap();
    accept(&bench, &["a", "b"]).await;
    bench.store().start(&id("a"), old);
    accept(&bench, &["c"]).await;
    bench.reopen().await;

    let new = bench.store().recover().await.unwrap();
    assert!(new > old);
    assert_eq!(queue(&bench).await, ["a", "b", "c"]);
    assert_eq!(bench.store().record(&id("a")).await.unwrap().unwrap().tries, 1);
    let lost = run(&bench, done("a", old)).await;
    assert!(matches!(lost, Err(CommitError::LeaseLost { .. })), "{lost:?}");
    assert_eq!(
        bench.store().record(&id("a")).await.unwrap().unwrap().tries,
        1,
        "an old lease starts nothing"
    );
    run(&bench, done("a", new)).await.unwrap();
    let second = run(&bench, done("a", new)).await;
    assert!(
        matches!(second, Err(CommitError::AlreadyDone { .. })),
        "{second:?}"
    );
}

/// Open tasks past their deadline are found, running and ended ones are not; the holder may end them unstarted.
pub async fn deadlines_are_found<B: Bench>() {
    let bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    for (name, seconds) in [
        ("late", 20),
        ("early", 10),
        ("running", 5),
        ("parent", 15),
        ("done", 1),
    ] {
        let mut task = new_task(name);
        task.task.deadline = Some(after(seconds));
        accept_new(&bench, task).await;
    }
    accept(&bench, &["none"]).await;
    bench.store().start(&id("running"), epoch);
    run(&bench, done("done", epoch)).await.unwrap();
    run(&bench, wait("parent", epoch, vec![page("child")]))
        .await
        .unwrap();
    let expired = async |seconds, limit| -> Vec<String> {
        let found = bench.store().expired(after(seconds), limit).await.unwrap();
        found.iter().map(|record| record.id().to_string()).collect()
    };
    assert_eq!(expired(9, 10).await, [""; 0]);
    assert_eq!(expired(10, 10).await, ["early"]);
    assert_eq!(expired(60, 10).await, ["early", "parent", "late"]);
    assert_eq!(expired(60, 2).await, ["early", "parent"]);
    assert_eq!(bench.store().next_due(after(10)).await.unwrap(), Some(after(15)));
    bench.store().commit(done("early", epoch)).await.unwrap();
    assert_eq!(expired(10, 10).await, [""; 0]);
}

/// The newest first, pages left out, paged by number.
pub async fn the_list_leaves_out_pages<B: Bench>() {
    let bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    accept(&bench, &["a"]).await;
    run(&bench, wait("a", epoch, vec![page("p1"), page("p2")]))
        .await
        .unwrap();
    let b = accept_new(&bench, new_task("b")).await;
    run(&bench, done("b", epoch)).await.unwrap();
    let ids = |list: &[kunder_agent_core::journal::TaskStatus]| -> Vec<String> {
        list.iter().map(|status| status.task_id.to_string()).collect()
    };
    let list = bench.store().list(None, 10).await.unwrap();
    assert_eq!(ids(&list), ["b", "a"]);
    assert_eq!(list[0].outcome, Some(outcome("b", Status::Complete)));
    assert_eq!(list[1].progress, Some((0, 2)));
    assert_eq!(ids(&bench.store().list(None, 1).await.unwrap()), ["b"]);
    assert_eq!(ids(&bench.store().list(Some(b.number), 10).await.unwrap()), ["a"]);
}

/// What was accepted or committed is there after the process ended.
pub async fn nothing_is_lost_at_the_end_of_the_process<B: Bench>() {
    let mut bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    let store_id = bench.store().store_id();
    accept(&bench, &["a", "b"]).await;
    run(&bench, done("a", epoch)).await.unwrap();
    bench.reopen().await;
    assert_eq!(bench.store().store_id(), store_id);
    assert_eq!(queue(&bench).await, ["b"]);
    let status = bench.store().status(&id("a")).await.unwrap().unwrap();
    assert_eq!(status.outcome, Some(outcome("a", Status::Complete)));
}
