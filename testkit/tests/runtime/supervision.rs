//! Actors that panic or hang are started again with growing pauses, and not for ever; a store that is away is waited for.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::SignedDuration;
use kunder_agent_core::outcome::Status;
use kunder_testkit::faulty_journal::FaultyJournal;
use kunder_testkit::machine::{Machine, Process};
use kunder_testkit::store::SimStore;

use crate::desk::{Desk, begin, done, task};

/// So many reads of the queue panic, hang, and so many commits fail.
fn desk(panics: u32, hangs: u32, commits: u32) -> Desk {
    desk_with(|journal| {
        journal.panics.store(panics, Ordering::Release);
        journal.hangs.store(hangs, Ordering::Release);
        journal.refused_commits.store(commits, Ordering::Release);
    })
}

fn desk_with(faults: impl FnOnce(&FaultyJournal<SimStore>)) -> Desk {
    desk_and_journal(faults).0
}

fn desk_and_journal(faults: impl FnOnce(&FaultyJournal<SimStore>)) -> (Desk, Arc<FaultyJournal<SimStore>>) {
    let machine = Machine::new(7, begin(), false);
    let store = SimStore::new(machine.clock(Process(0)));
    let journal = Arc::new(FaultyJournal::new(store.clone(), 2));
    faults(&journal);
    let change = |config: &mut kunder_agent_core::runtime::RuntimeConfig| {
        config.backoff_first = Duration::from_secs(1);
        config.backoff_max = Duration::from_secs(4);
        config.heartbeat_limit = Duration::from_secs(10);
    };
    let desk = Desk::over(&machine, store, Arc::clone(&journal) as _, change, done);
    (desk, journal)
}

fn seconds(desk: &Desk) -> i64 {
    desk.machine.now().duration_since(begin()).as_secs()
}

#[test]
fn an_actor_that_panics_is_started_again_and_its_tasks_are_served() {
    // Both agents read: one of them may take all the panics.
    let desk = desk(4, 0, 0);
    assert_eq!(
        desk.ended(task("t", "note", Some("a"))).report.status,
        Status::Complete
    );
    desk.pass(SignedDuration::from_secs(30));
    assert_eq!(desk.runtime.figures().restarts, 4);
    assert_eq!(*desk.runtime.fatal().borrow(), None);
}

#[test]
fn an_actor_that_never_stops_panicking_ends_the_process_with_the_cause() {
    let desk = desk(u32::MAX, 0, 0);
    desk.pass(SignedDuration::from_secs(14));
    assert_eq!(
        *desk.runtime.fatal().borrow(),
        None,
        "1 + 2 + 4 + 4 + 4 s of pauses are not over"
    );
    desk.pass(SignedDuration::from_secs(2));
    let cause = desk.runtime.fatal().borrow().clone().unwrap();
    assert!(
        cause.starts_with("agent ") && cause.contains("was restarted 5 times in 60s"),
        "{cause}"
    );
    assert!(
        cause.ends_with("last because: the journal was told to fail"),
        "{cause}"
    );
}

#[test]
fn an_actor_without_a_sign_of_life_is_started_again() {
    let desk = desk(0, 1, 0);
    desk.pass(SignedDuration::from_secs(9));
    assert_eq!(desk.runtime.figures().restarts, 0);
    desk.pass(SignedDuration::from_secs(5));
    assert_eq!(desk.runtime.figures().restarts, 1);
    assert_eq!(
        desk.ended(task("t", "note", None)).report.status,
        Status::Complete
    );
    let hung = self::desk(0, u32::MAX, 0);
    hung.pass(SignedDuration::from_secs(600));
    let cause = hung.runtime.fatal().borrow().clone();
    assert_eq!(cause, None, "restarts that lie a minute apart are not too many");
    assert!(hung.runtime.figures().restarts > 20);
}

/// The pauses double up to the longest one, and the decision is made once more each time.
#[test]
fn a_store_that_is_away_is_waited_for_and_the_task_ends_once() {
    let desk = desk(0, 0, 5);
    assert_eq!(
        desk.ended(task("t", "note", Some("a"))).report.status,
        Status::Complete
    );
    assert_eq!(seconds(&desk), 1 + 2 + 4 + 4 + 4);
    assert_eq!(desk.decisions(), 6);
    assert_eq!((desk.announced().len(), desk.counts().accepted), (1, 1));
}

/// That is no defect of the actor: it waits, and is not started again.
#[test]
fn a_journal_that_cannot_be_read_is_read_again() {
    let (desk, journal) = desk_and_journal(|journal| journal.refused_reads.store(6, Ordering::Release));
    desk.pass(SignedDuration::from_secs(60));
    assert_eq!(journal.refused_reads.load(Ordering::Acquire), 0);
    assert_eq!(desk.runtime.figures().restarts, 0);
    assert_eq!(
        desk.ended(task("t", "note", None)).report.status,
        Status::Complete
    );
}

/// What was stored without an answer is found stored, and whoever waits for it hears of it then.
#[test]
fn a_commit_in_doubt_is_found_done_and_everybody_is_told() {
    let desk = desk_with(|journal| journal.doubts.store(1, Ordering::Release));
    assert_eq!(
        desk.ended(task("t", "note", Some("a"))).report.status,
        Status::Complete
    );
    assert_eq!(seconds(&desk), 1, "after the first pause");
    assert_eq!((desk.decisions(), desk.announced().len()), (2, 1));
}

/// What is accepted goes through the mailbox: the journal is read where it may hold more than that.
#[test]
fn an_actor_that_knows_all_its_tasks_reads_no_journal() {
    let (desk, journal) = desk_and_journal(|_| {});
    desk.pass(SignedDuration::from_secs(1));
    let before = journal.reads.load(Ordering::Acquire);
    assert!(before >= 4, "both agents, lined up and started");
    for number in 0..20 {
        desk.ended(task(&format!("t{number}"), "note", None));
    }
    assert_eq!(journal.reads.load(Ordering::Acquire), before);
}
