//! The machine by itself: time, chance, panics, kills.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

fn begin() -> Timestamp {
    "2026-03-02T08:00:00Z".parse().unwrap()
}

fn run(machine: &Machine) {
    while machine.step(Timestamp::MAX) {}
}

/// Some jobs that sleep and talk; what they say in which order.
fn chatter(seed: u64) -> Vec<String> {
    let machine = Machine::new(seed, begin(), false);
    let said: Arc<Mutex<Vec<String>>> = Arc::default();
    for job in 0..5 {
        let (clock, said) = (machine.clock(Process(0)), Arc::clone(&said));
        drop(machine.clock(Process(0)).spawn(Box::pin(async move {
            for round in 0..3_i64 {
                lock(&said).push(format!("{job}.{round}"));
                clock
                    .sleep_until(clock.now() + SignedDuration::from_secs(round))
                    .await;
            }
        })));
    }
    run(&machine);
    std::mem::take(&mut *lock(&said))
}

#[test]
fn the_same_seed_runs_the_same_and_another_does_not() {
    assert_eq!(chatter(1), chatter(1));
    assert_eq!(chatter(1).len(), 15);
    assert!((2..10).any(|seed| chatter(seed) != chatter(1)));
}

#[test]
fn time_moves_only_where_nothing_else_can_be_done() {
    let machine = Machine::new(1, begin(), false);
    let clock = machine.clock(Process(0));
    let woke: Arc<Mutex<Option<Timestamp>>> = Arc::default();
    let seen = Arc::clone(&woke);
    let sleeper = machine.clock(Process(0));
    drop(clock.spawn(Box::pin(async move {
        sleeper.sleep_until(begin() + SignedDuration::from_hours(5)).await;
        *lock(&seen) = Some(sleeper.now());
    })));
    while machine.step(begin() + SignedDuration::from_hours(1)) {}
    assert_eq!(machine.now(), begin() + SignedDuration::from_hours(1));
    assert_eq!(*lock(&woke), None);
    run(&machine);
    let late = lock(&woke)
        .unwrap()
        .duration_since(begin() + SignedDuration::from_hours(5));
    assert!(
        late >= SignedDuration::ZERO && late < SignedDuration::from_secs(1),
        "{late}"
    );
}

#[test]
fn a_killed_process_does_nothing_more_and_others_go_on() {
    let machine = Machine::new(1, begin(), false);
    let rounds = [Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0))];
    for (number, count) in (0..).zip(&rounds) {
        let (clock, count) = (machine.clock(Process(number)), Arc::clone(count));
        drop(machine.clock(Process(number)).spawn(Box::pin(async move {
            for _ in 0..100 {
                clock
                    .sleep_until(clock.now() + SignedDuration::from_secs(1))
                    .await;
                count.fetch_add(1, Ordering::Relaxed);
            }
        })));
    }
    while machine.step(begin() + SignedDuration::from_secs(50)) {}
    machine.kill(Process(0));
    let before = rounds[0].load(Ordering::Relaxed);
    run(&machine);
    assert!((40..=50).contains(&before));
    assert_eq!(rounds[0].load(Ordering::Relaxed), before);
    assert_eq!(rounds[1].load(Ordering::Relaxed), 100);
}

#[test]
fn a_panic_ends_its_job_and_is_told() {
    let machine = Machine::new(1, begin(), false);
    let clock = machine.clock(Process(0));
    let told: Arc<Mutex<Option<Result<(), String>>>> = Arc::default();
    let seen = Arc::clone(&told);
    let handle = clock.spawn(Box::pin(async { panic!("told to") }));
    drop(clock.spawn(Box::pin(async move { *lock(&seen) = Some(handle.await) })));
    run(&machine);
    assert_eq!(*lock(&told), Some(Err("told to".to_owned())));
    assert_eq!(machine.panics(), ["told to"]);
}

#[test]
fn a_machine_that_is_switched_off_holds_nothing() {
    let machine = Machine::new(1, begin(), false);
    let clock = machine.clock(Process(0));
    let (held, seen) = (Arc::new(()), Arc::clone(&clock));
    let kept = Arc::clone(&held);
    drop(clock.spawn(Box::pin(async move {
        seen.sleep_until(Timestamp::MAX).await;
        drop(kept);
    })));
    machine.step(Timestamp::MAX);
    assert_eq!(Arc::strong_count(&held), 2);
    machine.switch_off();
    assert_eq!(Arc::strong_count(&held), 1);
    assert!(!machine.step(begin()));
}
