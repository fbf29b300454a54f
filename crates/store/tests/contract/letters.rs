//! Rules of dead letters: stored in the commit of what they are about, once; read by pages; ended once.

use futures::future::join_all;
use kunder_agent_core::bus::{Announcement, AnnouncementKind};
use kunder_agent_core::journal::{CommitError, End, Journal};
use kunder_agent_core::letter::{
    DeadLetter, LetterEnd, LetterId, LetterKind, LetterQuery, LetterState, NewLetter,
};
use kunder_agent_core::outcome::Status;
use kunder_agent_core::subject::Subjects;
use kunder_domain::portfolio::Portfolio;

use crate::bench::{AGENT, Bench, accept, announcement, commit, done, id, lane, outcome, run};
use crate::clock::{TestClock, after};

const ALL: LetterQuery = LetterQuery {
    open_only: false,
    newest_first: false,
    after: 0,
    before: u64::MAX,
    limit: 100,
};

fn of_task(task: &str) -> NewLetter {
    NewLetter::new(LetterKind::Task, AGENT, task, "it panicked", TestClock::BEGIN)
        .holding(&format!("kunder.task.{AGENT}.{task}"), br#"{"taskId":"t"}"#)
}

fn message(place: &str) -> NewLetter {
    let letter = NewLetter::new(
        LetterKind::Message,
        "KUNDER_IN",
        place,
        "not read",
        TestClock::BEGIN,
    );
    NewLetter {
        headers: vec![("ce-id".to_owned(), "å".to_owned())],
        ..letter.holding("kunder.in.salj.x", &[0, 159, 255])
    }
}

fn told(letter: &NewLetter) -> Option<Announcement> {
    letter.event(&Subjects::new("kunder"))
}

async fn letters<B: Bench>(bench: &B) -> Vec<DeadLetter> {
    bench.store().letters(ALL).await.unwrap()
}

async fn ends<B: Bench>(bench: &B, letter: &LetterId, end: LetterEnd) -> bool {
    let ended = bench
        .store()
        .end_letters(vec![(letter.clone(), end)])
        .await
        .unwrap();
    assert!(ended.is_empty() || ended == [letter.clone()]);
    !ended.is_empty()
}

/// The letter and the outcome are one transaction, and so is the event that tells of it.
pub async fn a_task_that_could_not_be_worked_on_leaves_a_letter<B: Bench>() {
    let mut bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    accept(&bench, &["a", "b", "c"]).await;
    let failed = |task: &str, epoch: u64| {
        let mut failed = commit(task, epoch, End::Done(Box::new(outcome(task, Status::Failed))));
        failed.letter = Some(of_task(task));
        failed.announcements = told(&of_task(task)).into_iter().collect();
        failed
    };
    let lost = run(&bench, failed("a", epoch + 1)).await;
    assert!(matches!(lost, Err(CommitError::LeaseLost { .. })), "{lost:?}");
    assert_eq!(letters(&bench).await, [], "a refused commit leaves no letter");

    run(&bench, failed("a", epoch)).await.unwrap();
    let again = run(&bench, failed("a", epoch)).await;
    assert!(matches!(again, Err(CommitError::AlreadyDone { .. })), "{again:?}");
    let cancelled = outcome("b", Status::Failed);
    let letter = Some(of_task("b"));
    bench
        .store()
        .cancel(&id("b"), cancelled, Vec::new(), letter)
        .await
        .unwrap();
    run(&bench, done("c", epoch)).await.unwrap();
    bench.reopen().await;

    let found = letters(&bench).await;
    let expected = |letter: &NewLetter, number: u64| DeadLetter {
        id: letter.id.clone(),
        number,
        state: LetterState::Open,
        kind: letter.kind,
        at: letter.at,
        to: letter.to.clone(),
        subject: letter.subject.clone(),
        reason: letter.reason.clone(),
        replays: 0,
        replayed_as: None,
    };
    assert!(found[0].number < found[1].number);
    assert_eq!(
        found,
        [
            expected(&of_task("a"), found[0].number),
            expected(&of_task("b"), found[1].number)
        ]
    );
    assert_eq!(lane(&bench, "events").await.len(), 1, "told once");
    let full = bench.store().letter(&of_task("a").id).await.unwrap().unwrap();
    assert_eq!(
        (full.body, full.cause, full.headers, full.announcement),
        (of_task("a").body, "a".to_owned(), vec![], None)
    );
}

/// It leaves its lane and a letter at the same moment; one that was taken leaves none.
pub async fn an_undeliverable_announcement_leaves_a_letter<B: Bench>() {
    let bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    accept(&bench, &["a"]).await;
    let mut commit = done("a", epoch);
    let names = ["taken", "refused"];
    commit.announcements = names
        .map(|name| announcement("salj", AnnouncementKind::Request, name))
        .to_vec();
    run(&bench, commit).await.unwrap();
    let waiting = bench.store().outbox("salj", 10).await.unwrap();
    bench.store().announced("salj", waiting[0].number).await.unwrap();
    for one in [&waiting[0], &waiting[1], &waiting[1]] {
        let letter = NewLetter::of_announcement(one, "för stor", after(5));
        let event = told(&letter);
        bench
            .store()
            .undeliverable(one.number, letter, event)
            .await
            .unwrap();
    }
    let found = letters(&bench).await;
    assert_eq!(found.len(), 1, "{found:?}");
    let full = bench.store().letter(&found[0].id).await.unwrap().unwrap();
    assert_eq!(
        (
            full.announcement,
            full.cause.as_str(),
            full.letter.at,
            full.letter.to.as_str()
        ),
        (Some(AnnouncementKind::Request), "refused", after(5), "salj")
    );
    assert_eq!(
        (full.body, full.headers),
        (waiting[1].body.clone(), waiting[1].headers.clone())
    );
    assert_eq!(lane(&bench, "salj").await, [""; 0]);
    assert_eq!(lane(&bench, "events").await.len(), 1);
}

/// A second delivery of what is set aside changes nothing, also when the letter was dealt with.
pub async fn a_letter_is_stored_and_told_once<B: Bench>() {
    let mut bench = B::new().await;
    let letter = message("KUNDER_IN/4/17");
    let store = |bench: &B| {
        let (store, letter) = (bench.store().clone(), letter.clone());
        async move { store.set_aside(letter.clone(), told(&letter)).await.unwrap() }
    };
    let stored = join_all([store(&bench), store(&bench), store(&bench)]).await;
    assert_eq!(stored.iter().filter(|new| **new).count(), 1, "{stored:?}");
    assert!(ends(&bench, &letter.id, LetterEnd::Dropped).await);
    bench.reopen().await;
    assert!(!store(&bench).await);
    assert_eq!(letters(&bench).await[0].state, LetterState::Dropped);
    assert_eq!(lane(&bench, "events").await.len(), 1);
    let full = bench.store().letter(&letter.id).await.unwrap().unwrap();
    assert_eq!((full.body, full.headers), (letter.body, letter.headers));
    assert_eq!(bench.store().letter(&LetterId::new("L-0")).await.unwrap(), None);
}

/// It is replayed once, also after it was dropped; what was replayed cannot be dropped.
pub async fn a_letter_ends_once<B: Bench>() {
    let bench = B::new().await;
    let [first, second] = ["a", "b"].map(of_task);
    for letter in [&first, &second] {
        bench.store().set_aside(letter.clone(), None).await.unwrap();
    }
    let accepted = |letter: &NewLetter| LetterEnd::Accepted(letter.id.replay());
    let replays = (0..5).map(|_| ends(&bench, &first.id, accepted(&first)));
    let ended = join_all(replays).await;
    assert_eq!(ended.iter().filter(|ended| **ended).count(), 1, "{ended:?}");
    assert!(!ends(&bench, &first.id, LetterEnd::Dropped).await);
    assert!(ends(&bench, &second.id, LetterEnd::Dropped).await);
    assert!(!ends(&bench, &second.id, LetterEnd::Dropped).await);
    assert!(!ends(&bench, &LetterId::new("L-0"), LetterEnd::Dropped).await);
    let open = LetterQuery {
        open_only: true,
        ..ALL
    };
    assert_eq!(bench.store().letters(open).await.unwrap(), []);
    assert!(ends(&bench, &second.id, accepted(&second)).await);
    let found = letters(&bench).await;
    let ends: Vec<_> = found
        .iter()
        .map(|one| (one.state, one.replays, one.replayed_as.clone()))
        .collect();
    assert_eq!(
        ends,
        [
            (LetterState::Replayed, 1, Some(first.id.replay())),
            (LetterState::Replayed, 1, Some(second.id.replay()))
        ]
    );
}

/// The outbox takes it again with the end of its letter, at the end of its lane; it no longer counts as undelivered,
/// and says that it may have arrived before.
pub async fn an_announcement_is_announced_again_once<B: Bench>() {
    let bench = B::new().await;
    let epoch = bench.store().recover().await.unwrap();
    accept(&bench, &["a"]).await;
    let mut commit = done("a", epoch);
    commit.announcements = vec![announcement("salj", AnnouncementKind::Request, "r")];
    run(&bench, commit).await.unwrap();
    let request = bench.store().outbox("salj", 1).await.unwrap().remove(0);
    bench.store().sending("salj", request.number).await.unwrap();
    let letter = NewLetter::of_announcement(&request, "nobody listens", after(5));
    bench
        .store()
        .undeliverable(request.number, letter.clone(), None)
        .await
        .unwrap();
    assert_eq!(bench.store().undelivered().await.unwrap().len(), 1);
    let full = bench.store().letter(&letter.id).await.unwrap().unwrap();
    let again = full.announce_again(after(9), Some(after(99))).unwrap();
    for ended in [true, false] {
        let end = LetterEnd::Announced(Box::new(again.clone()));
        assert_eq!(ends(&bench, &letter.id, end).await, ended);
    }
    let waiting = bench.store().outbox("salj", 10).await.unwrap();
    assert_eq!(
        waiting,
        [Announcement {
            number: waiting[0].number,
            attempt: 2,
            ..again
        }]
    );
    assert!(waiting[0].number > request.number);
    assert_eq!(bench.store().undelivered().await.unwrap(), []);
    let found = letters(&bench).await;
    assert_eq!(
        (found[0].state, found[0].replays, &found[0].replayed_as),
        (LetterState::Replayed, 1, &None)
    );
    // It fails again: a letter of its own, which goes on counting.
    let second = NewLetter::of_announcement(&waiting[0], "nobody listens", after(99));
    bench
        .store()
        .undeliverable(waiting[0].number, second.clone(), None)
        .await
        .unwrap();
    assert_ne!(second.id, letter.id);
    assert_eq!(letters(&bench).await[1].replays, 1);
}

/// A replay that fails leaves a letter of its own, which knows how often it was tried before.
pub async fn the_letter_of_a_replay_goes_on_counting<B: Bench>() {
    let bench = B::new().await;
    let mut letter = message("KUNDER_TASKS/1/17");
    for replays in 1..=3 {
        bench.store().set_aside(letter.clone(), None).await.unwrap();
        let task = letter.id.replay();
        assert!(ends(&bench, &letter.id, LetterEnd::Accepted(task.clone())).await);
        let newest = letters(&bench).await.pop().unwrap();
        assert_eq!((newest.id, newest.replays), (letter.id.clone(), replays));
        letter = of_task(task.as_str());
    }
}

/// Ten thousand of them are stored, read in pages from either end, and ended, in seconds.
pub async fn ten_thousand_letters_are_read_by_pages<B: Bench>() {
    let bench = B::new().await;
    let all: Vec<NewLetter> = (0..10_000).map(|number| of_task(&format!("t{number}"))).collect();
    for page in all.chunks(1_000) {
        let stored = page
            .iter()
            .map(|letter| bench.store().set_aside(letter.clone(), told(letter)));
        for stored in join_all(stored).await {
            assert!(stored.unwrap());
        }
    }
    let page = |query: LetterQuery| {
        let store = bench.store().clone();
        async move { store.letters(query).await.unwrap() }
    };
    let mut ids: Vec<LetterId> = Vec::new();
    let mut after = 0;
    loop {
        let letters = page(LetterQuery {
            after,
            limit: 256,
            ..ALL
        })
        .await;
        let Some(last) = letters.last() else { break };
        after = last.number;
        ids.extend(letters.into_iter().map(|letter| letter.id));
    }
    let sorted = |mut ids: Vec<LetterId>| {
        ids.sort();
        ids
    };
    let stored = all.into_iter().map(|letter| letter.id).collect();
    assert!(sorted(ids.clone()) == sorted(stored), "each is there once");
    let newest = LetterQuery {
        newest_first: true,
        limit: 2,
        ..ALL
    };
    let first = page(newest).await;
    assert_eq!([&first[0].id, &first[1].id], [&ids[9_999], &ids[9_998]]);
    let before = first[1].number;
    assert_eq!(page(LetterQuery { before, ..newest }).await[0].id, ids[9_997]);

    let dropped: Vec<_> = ids[..9_999]
        .iter()
        .map(|id| (id.clone(), LetterEnd::Dropped))
        .collect();
    assert_eq!(bench.store().end_letters(dropped).await.unwrap().len(), 9_999);
    let open = page(LetterQuery {
        open_only: true,
        ..ALL
    })
    .await;
    assert_eq!((open.len(), &open[0].id), (1, &ids[9_999]));
}
