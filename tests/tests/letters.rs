//! Dead letters end to end in one process: which failures leave one, and that a replay makes one task however often it is asked for.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::SignedDuration;
use kunder::control::{Replays, Request, Response};
use kunder::doctor::Setting;
use kunder::service::Service;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::door::{Door, RefusalCode};
use kunder_agent_core::id::TaskId;
use kunder_agent_core::journal::Journal;
use kunder_agent_core::letter::{
    DeadLetter, LetterEnd, LetterId, LetterKind, LetterQuery, LetterState, NewLetter,
};
use kunder_agent_core::outcome::Status;
use kunder_agent_core::task::Task;
use kunder_tests::world::{World, task};

fn service(world: &World) -> Service {
    let setting = Setting {
        data: world.folder.path().display().to_string(),
        bus: "none".to_owned(),
        nats: None,
        held: None,
        definitions: "none".to_owned(),
    };
    Service {
        runtime: world.runtime.clone(),
        store: Arc::new(world.store.clone()),
        clock: Arc::clone(&world.clock) as Arc<dyn Clock>,
        facts: Arc::new(setting),
        refused: Arc::default(),
        storms: Arc::default(),
    }
}

async fn ask(service: &Service, request: Request) -> Response {
    let payload = serde_json::to_vec(&request).unwrap();
    serde_json::from_slice(&service.control(&payload).await.unwrap()).unwrap()
}

async fn replay(service: &Service, id: &LetterId) -> DeadLetter {
    match ask(service, Request::Replay { id: id.clone() }).await {
        Response::Ended(letter) => *letter,
        other => panic!("not replayed: {other:?}"),
    }
}

async fn replay_next(service: &Service, after: u64, upto: Option<u64>) -> Replays {
    match ask(service, Request::ReplayNext { after, upto }).await {
        Response::Replays(replays) => replays,
        other => panic!("not replayed: {other:?}"),
    }
}

async fn letters(world: &World) -> Vec<DeadLetter> {
    let all = LetterQuery {
        open_only: false,
        newest_first: false,
        after: 0,
        before: u64::MAX,
        limit: 20_000,
    };
    world.store.letters(all).await.unwrap()
}

fn letter_of(task: &Task) -> NewLetter {
    let id = task.task_id.as_str();
    let body = serde_json::to_vec(task).unwrap();
    NewLetter::new(
        LetterKind::Task,
        "first",
        id,
        "it panicked",
        "2026-03-02T08:00:00Z".parse().unwrap(),
    )
    .holding(&format!("kunder.task.first.{id}"), &body)
}

/// Its outcome, its letter and the event are one commit; the letter holds the task as it was accepted.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_agent_panics_each_time_leaves_a_letter() {
    let world = World::new(|_| {}).await;
    let mut bad = task("bad", "panic", Some("a"));
    bad.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    let id = world.submit(bad.clone()).await.unwrap().task_id;
    assert_eq!(world.outcome(&id).await.report.status, Status::Failed);
    let found = letters(&world).await;
    assert_eq!(found.len(), 1, "{found:?}");
    let letter = &found[0];
    assert_eq!(
        (
            letter.kind,
            letter.state,
            letter.to.as_str(),
            letter.subject.as_str()
        ),
        (
            LetterKind::Task,
            LetterState::Open,
            "first",
            "kunder.task.first.bad"
        )
    );
    assert!(
        letter
            .reason
            .starts_with("after 3 tries: the agent panicked while deciding"),
        "{}",
        letter.reason
    );
    let full = world.store.letter(&letter.id).await.unwrap().unwrap();
    let kept: Task = serde_json::from_slice(&full.body).unwrap();
    assert_eq!(kept.task_id, bad.task_id);
    assert_eq!(kept.instruction, bad.instruction);
    let events = world.store.outbox("events", 10).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].subject, "kunder.event.first.dead-letter");
    let data: serde_json::Value = serde_json::from_slice(&events[0].body).unwrap();
    assert_eq!(data["letter"], letter.id.as_str());
    assert!(events[0].headers.iter().any(|(name, _)| name == "traceparent"));
}

/// What an agent decides, what somebody cancels, what comes too late and what is only rehearsed leaves none.
#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_decided_leaves_no_letter() {
    let world = World::new(|config| config.concurrency = 4).await;
    let mut rehearsed = task("dry", "panic", None);
    rehearsed.dry_run = true;
    let dry = world.submit(rehearsed).await.unwrap().task_id;
    assert_eq!(world.outcome(&dry).await.report.status, Status::Failed);
    let running = world.send("cancelled", "gate", None).await;
    world.counts(|counts| counts.running == 1).await;
    world.runtime.cancel(&running, "Åsa").await.unwrap();
    let mut late = task("late", "spin", None);
    late.deadline = Some(world.clock.now() + SignedDuration::from_secs(5));
    let late = world.submit(late).await.unwrap().task_id;
    world.clock.advance(SignedDuration::from_secs(6));
    assert_eq!(world.outcome(&late).await.report.status, Status::Failed);
    let refused = world.send("refused", "refuse", None).await;
    assert_eq!(world.outcome(&refused).await.report.status, Status::Failed);
    world.script.open_gate();
    assert_eq!(letters(&world).await, []);
    assert_eq!(world.store.outbox("events", 10).await.unwrap(), []);
}

/// At the same time, one after the other, and after a crash before the letter knew of it: one task, whose id derives from the letter.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_makes_one_task_however_often_it_is_asked_for() {
    let world = World::new(|_| {}).await;
    let mut first = task("t", "note", Some("a"));
    first.deadline = Some("2020-01-01T00:00:00Z".parse().unwrap());
    let letter = letter_of(&first);
    world.store.set_aside(letter.clone(), None).await.unwrap();
    let service = service(&world);
    let replays = (0..8).map(|_| replay(&service, &letter.id));
    for ended in futures::future::join_all(replays).await {
        assert_eq!(ended.state, LetterState::Replayed);
        assert_eq!((ended.replays, ended.replayed_as), (1, Some(letter.id.replay())));
    }
    let task = letter.id.replay();
    assert_eq!(world.outcome(&task).await.report.status, Status::Complete);
    assert_eq!(world.counts(|counts| counts.complete == 1).await.accepted, 1);
    assert_eq!(world.script.decisions(task.as_str()), 1);

    // Accepted, and then the process died: the letter is still open.
    let crashed = letter_of(&Task {
        task_id: TaskId::new("u").unwrap(),
        ..first
    });
    world.store.set_aside(crashed.clone(), None).await.unwrap();
    let mut again: Task = serde_json::from_slice(&crashed.body).unwrap();
    (again.task_id, again.deadline) = (crashed.id.replay(), None);
    world.runtime.replay(again).await.unwrap();
    replay(&service, &crashed.id).await;
    assert_eq!(world.counts(|counts| counts.complete == 2).await.accepted, 2);
    assert_eq!(world.script.decisions(crashed.id.replay().as_str()), 1);
}

/// A replay that fails again leaves a letter of its own, which counts on.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_fails_again_is_another_letter() {
    let world = World::new(|_| {}).await;
    let service = service(&world);
    let id = world.send("bad", "panic", None).await;
    world.outcome(&id).await;
    let first = letters(&world).await.remove(0);
    let replayed = replay(&service, &first.id).await.replayed_as.unwrap();
    world.outcome(&replayed).await;
    let found = letters(&world).await;
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!((found[1].state, found[1].replays), (LetterState::Open, 1));
    let rest = replay_next(&service, 0, None).await;
    assert_eq!(
        (rest.replayed, rest.more),
        (1, false),
        "only what was open when it began"
    );
}

/// The parent of a part has gone on without it: the whole task runs again, once for all its parts.
#[tokio::test(flavor = "multi_thread")]
async fn the_replay_of_a_part_is_the_whole_task_once() {
    let world = World::new(|_| {}).await;
    let service = service(&world);
    let id = world.send("s", "split", None).await;
    world.outcome(&id).await;
    let mut wholes = BTreeSet::new();
    for number in 0..2 {
        let page = TaskId::derived("s", &format!("first/page-{number}"));
        let page = world.store.record(&page).await.unwrap().unwrap().new.task;
        let letter = letter_of(&page);
        world.store.set_aside(letter.clone(), None).await.unwrap();
        wholes.insert(replay(&service, &letter.id).await.replayed_as.unwrap());
    }
    assert_eq!(wholes.len(), 1);
    let whole = wholes.pop_first().unwrap();
    assert_eq!(world.outcome(&whole).await.report.status, Status::Complete);
    let counts = world.counts(|counts| counts.running + counts.queued == 0).await;
    assert_eq!(counts.accepted, 8, "two of the whole, with three parts each");
}

/// A message keeps its task's id, for its sender waits for that; where the id is another task's, it gets one of the letter's.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_handed_in_as_it_came() {
    let world = World::new(|_| {}).await;
    let service = service(&world);
    world.send("taken", "tell", None).await;
    let at = world.clock.now();
    let message = |subject: &str, body: &str| {
        NewLetter::new(LetterKind::Message, "first", subject, "given up", at)
            .holding(subject, body.as_bytes())
    };
    let fresh = message(
        "kunder.task.first.fresh",
        r#"{"taskId":"fresh","instruction":{"command":"note"}}"#,
    );
    let taken = message(
        "kunder.task.first.taken",
        r#"{"taskId":"taken","instruction":{"command":"note"}}"#,
    );
    for (letter, id) in [
        (&fresh, TaskId::new("fresh").unwrap()),
        (&taken, taken.id.replay()),
    ] {
        service.set_aside(letter.clone()).await.unwrap();
        assert_eq!(replay(&service, &letter.id).await.replayed_as, Some(id.clone()));
        assert_eq!(world.outcome(&id).await.report.status, Status::Complete);
    }
    for (subject, body, why) in [
        ("kunder.task.first.x", "{", "the payload is not JSON"),
        (
            "kunder.task.first.x",
            r#"{"taskId":"y"}"#,
            "is `y`, the subject names `x`",
        ),
        (
            "kunder.task.first.z",
            r#"{"taskId":"z","instruction":{"command":"fly"}}"#,
            "`fly` is not a command",
        ),
        ("kunder.in.salj.nothing", "{}", "nobody takes `salj.nothing`"),
        ("elsewhere", "{}", "nobody takes what comes on the subject"),
    ] {
        let letter = message(&format!("{subject}{body}"), body);
        let letter = NewLetter {
            subject: subject.to_owned(),
            ..letter
        };
        service.set_aside(letter.clone()).await.unwrap();
        let answer = ask(
            &service,
            Request::Replay {
                id: letter.id.clone(),
            },
        )
        .await;
        let Response::Refused(refusal) = answer else {
            panic!("{answer:?}")
        };
        assert!(
            refusal.message.contains("stays open") && refusal.message.contains(why),
            "{refusal}"
        );
        assert!(
            refusal
                .hint
                .unwrap()
                .contains(&format!("kunder dlq drop {}", letter.id))
        );
        let kept = world.store.letter(&letter.id).await.unwrap().unwrap();
        assert_eq!(kept.letter.state, LetterState::Open);
    }
    let unknown = ask(
        &service,
        Request::Drop {
            id: LetterId::new("L-0"),
        },
    )
    .await;
    assert!(matches!(unknown, Response::Refused(refusal) if refusal.code == RefusalCode::Unknown));
}

/// Ten thousand letters go through a mailbox of 150 places: it waits for room, loses none and runs none twice.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_letters_are_replayed_through_a_small_mailbox() {
    let world = World::new(|config| (config.mailbox, config.concurrency) = (150, 64)).await;
    let service = service(&world);
    let all: Vec<NewLetter> = (0..10_000)
        .map(|number| letter_of(&task(&format!("t{number}"), "note", None)))
        .collect();
    for page in all.chunks(1_000) {
        let stored = page
            .iter()
            .map(|letter| world.store.set_aside(letter.clone(), None));
        futures::future::join_all(stored).await;
    }
    let bad = NewLetter::new(LetterKind::Message, "first", "bad", "?", world.clock.now())
        .holding("kunder.task.first.bad", b"{");
    world.store.set_aside(bad.clone(), None).await.unwrap();
    let (mut after, mut upto, mut replayed, mut busy) = (0, None, 0, 0);
    let mut refused = Vec::new();
    loop {
        let batch = replay_next(&service, after, upto).await;
        assert!(batch.after >= after);
        (after, upto) = (batch.after, Some(batch.upto));
        replayed += batch.replayed;
        refused.extend(batch.refused);
        if !batch.more {
            break;
        }
        if let Some(wait_ms) = batch.retry_after_ms {
            assert!(wait_ms > 0);
            busy += 1;
            // The clock stands still; the mailbox empties all the same.
            world.counts(|counts| counts.queued < 50).await;
        }
    }
    assert!(busy > 0, "the mailbox was never full: the test shows nothing");
    assert_eq!(replayed, 10_000);
    assert_eq!(
        refused.iter().map(|(id, _)| id).collect::<Vec<_>>(),
        [&bad.id],
        "told once"
    );
    let counts = world.counts(|counts| counts.complete == 10_000).await;
    assert_eq!(counts.accepted, 10_000);
    for letter in &all {
        assert_eq!(world.script.decisions(letter.id.replay().as_str()), 1);
    }
    let found = letters(&world).await;
    let open: Vec<_> = found
        .iter()
        .filter(|letter| letter.state == LetterState::Open)
        .collect();
    assert_eq!((open.len(), found.len()), (1, 10_001));
}

/// What was dropped is out of sight, and can still be replayed; what was replayed cannot be dropped.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_letter_can_still_be_replayed() {
    let world = World::new(|_| {}).await;
    let service = service(&world);
    let letter = letter_of(&task("t", "note", None));
    world.store.set_aside(letter.clone(), None).await.unwrap();
    let ended = world
        .store
        .end_letters(vec![(letter.id.clone(), LetterEnd::Dropped)])
        .await;
    assert_eq!(ended.unwrap(), std::slice::from_ref(&letter.id));
    assert_eq!(world.store.open_letters().await.unwrap(), 0);
    assert_eq!(replay_next(&service, 0, None).await.replayed, 0);
    assert_eq!(replay(&service, &letter.id).await.state, LetterState::Replayed);
    let dropped = ask(
        &service,
        Request::Drop {
            id: letter.id.clone(),
        },
    )
    .await;
    let Response::Refused(refusal) = dropped else {
        panic!("{dropped:?}")
    };
    assert_eq!(refusal.code, RefusalCode::Conflict);
    assert!(refusal.hint.unwrap().contains(letter.id.replay().as_str()));
}
