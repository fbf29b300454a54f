//! Dead letters: read, replayed one by one or all, put aside; and what of them is refused, in which words.

use jiff::SignedDuration;
use kunder::control::{Replays, Request, Response};
use kunder_agent_core::bus::{Announcement, AnnouncementKind};
use kunder_agent_core::door::{Door, Refusal, RefusalCode};
use kunder_agent_core::id::TaskId;
use kunder_agent_core::letter::{DeadLetter, LetterId, LetterKind, LetterState, NewLetter};
use kunder_agent_core::outcome::Status;
use kunder_agent_core::task::Task;

use crate::desk::{Desk, begin, done, task};

fn ask(desk: &Desk, request: &Request) -> Response {
    let (service, payload) = (desk.service.clone(), serde_json::to_vec(request).unwrap());
    let answer = desk.run(async move { service.control(&payload).await }).unwrap();
    serde_json::from_slice(&answer).unwrap()
}

#[track_caller]
fn ended(response: Response) -> DeadLetter {
    match response {
        Response::Ended(letter) => *letter,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn replay(desk: &Desk, letter: &NewLetter) -> DeadLetter {
    ended(ask(
        desk,
        &Request::Replay {
            id: letter.id.clone(),
        },
    ))
}

#[track_caller]
fn refused(response: Response) -> Refusal {
    match response {
        Response::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn replay_next(desk: &Desk, after: u64, upto: Option<u64>) -> Replays {
    match ask(desk, &Request::ReplayNext { after, upto }) {
        Response::Replays(replays) => replays,
        other => panic!("{other:?}"),
    }
}

fn set_aside(desk: &Desk, letter: &NewLetter) {
    let (service, letter) = (desk.service.clone(), letter.clone());
    desk.run(async move { service.set_aside(letter).await }).unwrap();
}

fn letter_of(task: &Task) -> NewLetter {
    let id = task.task_id.as_str();
    NewLetter::new(LetterKind::Task, "first", id, "it panicked", begin()).holding(
        &format!("kunder.task.first.{id}"),
        &serde_json::to_vec(task).unwrap(),
    )
}

fn message(subject: &str, body: &str) -> NewLetter {
    NewLetter::new(
        LetterKind::Message,
        "KUNDER_TASKS",
        &format!("{subject}{body}"),
        "given up",
        begin(),
    )
    .holding(subject, body.as_bytes())
}

#[test]
fn letters_are_listed_the_newest_first_and_shown_whole() {
    let desk = Desk::new(|_| {}, done);
    let letters = ["a", "b", "c"].map(|id| letter_of(&task(id, "note", None)));
    letters.iter().for_each(|letter| set_aside(&desk, letter));
    let listed = |before, limit, all| match ask(&desk, &Request::Letters { before, limit, all }) {
        Response::Letters(letters) => letters.into_iter().map(|letter| letter.id).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let [a, b, c] = letters.clone().map(|letter| letter.id);
    assert_eq!(listed(None, 10, false), [c.clone(), b.clone(), a.clone()]);
    assert_eq!(listed(None, 2, false), [c.clone(), b.clone()]);
    ended(ask(&desk, &Request::Drop { id: b.clone() }));
    assert_eq!(listed(None, 10, false), [c.clone(), a.clone()]);
    assert_eq!(listed(None, 10, true), [c, b.clone(), a.clone()]);
    let newest = desk.letters()[1].number;
    assert_eq!(listed(Some(newest), 10, true), std::slice::from_ref(&a));
    let Response::Letter(full) = ask(&desk, &Request::Letter { id: a.clone() }) else {
        panic!()
    };
    assert_eq!((full.letter.id, full.body), (a, letters[0].body.clone()));
    let none = LetterId::new("L-0");
    for request in [
        Request::Letter { id: none.clone() },
        Request::Replay { id: none.clone() },
        Request::Drop { id: none },
    ] {
        let refusal = refused(ask(&desk, &request));
        assert_eq!(refusal.code, RefusalCode::Unknown);
        assert_eq!(refusal.message, "there is no dead letter `L-0`");
    }
}

#[test]
fn the_reason_of_a_letter_stands_on_one_line() {
    let reason = "  it panicked:  a\tb\u{7}c\r\nd ";
    let letter = NewLetter::new(LetterKind::Task, "first", "t", reason, begin());
    assert_eq!(letter.reason, "it panicked: a b c d");
}

#[test]
fn a_replay_makes_one_task_however_often_and_however_late() {
    let desk = Desk::new(|_| {}, done);
    let mut late = task("t", "page", Some("a"));
    late.deadline = Some("2020-01-01T00:00:00Z".parse().unwrap());
    let letter = letter_of(&late);
    set_aside(&desk, &letter);
    for _ in 0..3 {
        let ended = replay(&desk, &letter);
        assert_eq!((ended.state, ended.replays), (LetterState::Replayed, 1));
        assert_eq!(ended.replayed_as, Some(letter.id.replay()));
    }
    assert_eq!(desk.outcome(&letter.id.replay()).report.status, Status::Complete);
    assert_eq!((desk.counts().accepted, desk.decisions()), (1, 1));
    let refusal = refused(ask(
        &desk,
        &Request::Drop {
            id: letter.id.clone(),
        },
    ));
    assert_eq!(refusal.code, RefusalCode::Conflict);
    let hint = refusal.hint.unwrap();
    assert_eq!(
        hint,
        format!(
            "kunder task cancel {} stops that, if it still runs",
            letter.id.replay()
        )
    );
}

#[test]
fn a_dropped_letter_is_left_out_and_can_still_be_replayed() {
    let desk = Desk::new(|_| {}, done);
    let letter = letter_of(&task("t", "note", None));
    set_aside(&desk, &letter);
    let dropped = ended(ask(
        &desk,
        &Request::Drop {
            id: letter.id.clone(),
        },
    ));
    assert_eq!(dropped.state, LetterState::Dropped);
    assert_eq!(replay_next(&desk, 0, None).replayed, 0);
    assert_eq!(replay(&desk, &letter).state, LetterState::Replayed);
}

/// Where one has no place, it and all behind it wait; what is refused is told once, and only up to there.
#[test]
fn all_letters_are_replayed_in_their_order_as_there_is_room() {
    let desk = Desk::new(|config| (config.mailbox, config.concurrency) = (8, 1), done);
    let bad = |id: &str| message(&format!("kunder.task.first.{id}"), "{");
    let slow = |id: String| {
        let mut slow = task(&id, "note", None);
        slow.instruction
            .params
            .insert("gatherSeconds".to_owned(), 10.into());
        letter_of(&slow)
    };
    let first = bad("first");
    set_aside(&desk, &first);
    let slow: Vec<NewLetter> = (0..20).map(|at| slow(format!("t{at}"))).collect();
    slow.iter().for_each(|letter| set_aside(&desk, letter));
    let last = bad("last");
    set_aside(&desk, &last);

    let begun = replay_next(&desk, 0, None);
    let newest = desk.letters().last().unwrap().number;
    assert_eq!((begun.upto, begun.more), (newest, true));
    assert!((4..=6).contains(&begun.replayed), "half of the places: {begun:?}");
    assert_eq!(
        begun.after,
        1 + begun.replayed,
        "the first that was put off comes next"
    );
    assert!(begun.retry_after_ms.unwrap() > 0);
    let ids = |replays: &Replays| {
        replays
            .refused
            .iter()
            .map(|(id, _)| id.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&begun), std::slice::from_ref(&first.id));
    assert!(
        begun.refused[0].1.contains("the payload is not JSON"),
        "{begun:?}"
    );

    // Where there is no room at all, it goes no further.
    let full = replay_next(&desk, begun.after, Some(begun.upto));
    assert_eq!(
        (full.replayed, full.after, full.upto, full.more),
        (0, begun.after, newest, true)
    );

    let (mut after, mut replayed, mut told) = (begun.after, begun.replayed, Vec::new());
    for _ in 0..100 {
        desk.pass(SignedDuration::from_secs(20));
        let next = replay_next(&desk, after, Some(begun.upto));
        assert_eq!(next.upto, begun.upto);
        assert!(next.after >= after);
        (after, replayed) = (next.after, replayed + next.replayed);
        told.extend(ids(&next));
        if !next.more {
            break;
        }
    }
    assert_eq!((replayed, told, after), (20, vec![last.id], newest));
    desk.pass(SignedDuration::from_secs(300));
    assert_eq!((desk.counts().complete, desk.decisions()), (20, 20));
    let rest = replay_next(&desk, newest, None);
    assert_eq!((rest.replayed, rest.after, rest.more), (0, newest, false));
}

/// What fails again is a letter of its own, and none of this replay.
#[test]
fn a_replay_that_fails_again_is_another_letter() {
    let desk = Desk::new(|_| {}, |_| panic!("it stumbles"));
    desk.ended(task("bad", "note", None));
    let begun = replay_next(&desk, 0, None);
    assert_eq!(
        (begun.replayed, begun.more, begun.retry_after_ms),
        (1, false, None)
    );
    desk.pass(SignedDuration::from_secs(10));
    let letters = desk.letters();
    assert_eq!(letters.len(), 2);
    assert_eq!((letters[1].state, letters[1].replays), (LetterState::Open, 1));
    assert_eq!(replay_next(&desk, begun.after, Some(begun.upto)).replayed, 0);
}

/// A message keeps its task's id, for its sender waits for that, unless the id is another task's.
#[test]
fn a_message_is_handed_in_as_it_came() {
    let desk = Desk::new(|_| {}, done);
    desk.ended(task("taken", "do", None));
    let body = |id: &str| format!(r#"{{"taskId":"{id}","instruction":{{"command":"note"}}}}"#);
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut fresh = message("kunder.task.first.fresh", &body("fresh"));
    fresh.headers.push(("Traceparent".to_owned(), trace.to_owned()));
    let taken = message("kunder.task.first.taken", &body("taken"));
    for (letter, id) in [
        (&fresh, TaskId::new("fresh").unwrap()),
        (&taken, taken.id.replay()),
    ] {
        set_aside(&desk, letter);
        assert_eq!(replay(&desk, letter).replayed_as, Some(id.clone()));
        assert_eq!(desk.outcome(&id).report.status, Status::Complete);
    }
    let told = desk.announced();
    let result = told.iter().find(|one| one.message_id == "fresh/result").unwrap();
    assert_eq!(result.headers, [("traceparent".to_owned(), trace.to_owned())]);
}

#[test]
fn an_event_is_handed_in_as_it_came() {
    let desk = Desk::new(|_| {}, done);
    let letter = message("kunder.in.salj.nothing", "{}");
    set_aside(&desk, &letter);
    let refusal = refused(ask(
        &desk,
        &Request::Replay {
            id: letter.id.clone(),
        },
    ));
    assert!(
        refusal.message.contains("nobody takes `salj.nothing`"),
        "{refusal}"
    );
    let strange = message("kunder.in.salj.=ZZ", "{}");
    set_aside(&desk, &strange);
    let refusal = refused(ask(
        &desk,
        &Request::Replay {
            id: strange.id.clone(),
        },
    ));
    assert!(
        refusal.message.contains("its subject cannot be read"),
        "{refusal}"
    );
}

#[test]
fn what_is_refused_again_stays_open_with_the_reason_and_what_to_do() {
    let desk = Desk::new(|_| {}, done);
    for (subject, body, code, why) in [
        (
            "kunder.task.first.x",
            "{",
            RefusalCode::Malformed,
            "the payload is not JSON",
        ),
        (
            "kunder.task.first.x",
            r#"{"taskId":"y"}"#,
            RefusalCode::Malformed,
            "is `y`, the subject names `x`",
        ),
        (
            "kunder.task.first.z",
            r#"{"taskId":"z","instruction":{"command":"fly"}}"#,
            RefusalCode::Unknown,
            "`fly` is not a command",
        ),
        (
            "elsewhere",
            "{}",
            RefusalCode::Malformed,
            "nobody takes what comes on the subject `elsewhere`",
        ),
    ] {
        let letter = message(subject, body);
        set_aside(&desk, &letter);
        let refusal = refused(ask(
            &desk,
            &Request::Replay {
                id: letter.id.clone(),
            },
        ));
        assert_eq!(refusal.code, code);
        let begins = format!(
            "letter `{}` stays open, what it holds is refused again: ",
            letter.id
        );
        assert!(
            refusal.message.starts_with(&begins) && refusal.message.contains(why),
            "{refusal}"
        );
        let hint = refusal.hint.unwrap();
        assert!(hint.contains(&format!("kunder dlq drop {}", letter.id)), "{hint}");
        let id = letter.id;
        let kept = desk.letters().into_iter().find(|kept| kept.id == id).unwrap();
        assert_eq!(kept.state, LetterState::Open);
    }
    let runtime = desk.runtime.clone();
    desk.run(async move { runtime.drain().await });
    let letter = letter_of(&task("late", "note", None));
    set_aside(&desk, &letter);
    let refusal = refused(ask(
        &desk,
        &Request::Replay {
            id: letter.id.clone(),
        },
    ));
    assert_eq!(
        (refusal.code, refusal.hint.as_deref()),
        (RefusalCode::Unavailable, Some("try again later"))
    );
    let refusal = refused(ask(&desk, &Request::ReplayNext { after: 0, upto: None }));
    assert_eq!(refusal.code, RefusalCode::Unavailable);
}

/// A request anew with the time that a fresh one has, everything else without an end.
#[test]
fn an_announcement_is_announced_again_under_an_id_of_its_letter() {
    let desk = Desk::new(|_| {}, done);
    let announcement = |kind: AnnouncementKind, destination: &str| Announcement {
        number: 0,
        destination: destination.to_owned(),
        kind,
        subject: format!("{destination}.x"),
        message_id: format!("{destination}/1"),
        headers: vec![("a".to_owned(), "b".to_owned())],
        body: b"{}".to_vec(),
        committed_at: begin(),
        deadline: Some(begin()),
        attempt: 1,
    };
    for (kind, destination) in [
        (AnnouncementKind::Request, "salj/agent"),
        (AnnouncementKind::Result, "results"),
    ] {
        let lost = announcement(kind, destination);
        let letter = NewLetter::of_announcement(&lost, "nobody listens", begin());
        set_aside(&desk, &letter);
        let ended = replay(&desk, &letter);
        assert_eq!((ended.state, ended.replayed_as), (LetterState::Replayed, None));
        let again = desk
            .announced()
            .into_iter()
            .find(|one| one.destination == destination)
            .unwrap();
        assert_eq!(
            (again.kind, &again.subject, &again.headers, &again.body),
            (kind, &lost.subject, &lost.headers, &lost.body)
        );
        assert_eq!(again.message_id, format!("{}/replay", letter.id));
        let days = again
            .deadline
            .map(|deadline| deadline.duration_since(begin()).as_hours() / 24);
        assert_eq!(days, (kind == AnnouncementKind::Request).then_some(7));
        let refusal = refused(ask(
            &desk,
            &Request::Drop {
                id: letter.id.clone(),
            },
        ));
        assert_eq!(
            refusal.hint.as_deref(),
            Some("it is dealt with: there is nothing to drop")
        );
    }
}
