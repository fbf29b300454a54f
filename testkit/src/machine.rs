//! The simulated machine: one thread, virtual time, and a seed that decides which of the ready jobs runs next.

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use kunder_agent_core::clock::{Clock, Computation, Computed, Handle, Job};
use tokio::sync::oneshot;

use crate::dice::Dice;

/// Virtual time that one step of a job takes at most, in nanoseconds.
const STEP_NANOS_MAX: u64 = 40_000;

/// What runs together and dies together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process(pub u32);

/// A job's place, and which of the jobs that had this place it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    slot: u32,
    generation: u32,
}

/// How computations go wrong, in a thousand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ComputeFaults {
    /// Never ends within its limit.
    pub hang: u32,
    /// Takes up to two seconds.
    pub slow: u32,
}

/// One machine; processes on it are started with [`Machine::clock`].
#[derive(Clone)]
pub struct Machine {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    woken: Arc<Mutex<Vec<Key>>>,
}

struct State {
    now: Timestamp,
    dice: Dice,
    slots: Vec<Slot>,
    free: Vec<u32>,
    timers: BTreeMap<(Timestamp, u64), Waker>,
    timers_made: u64,
    steps: u64,
    faults: ComputeFaults,
    /// Why jobs ended that came to no end of their own.
    panics: Vec<String>,
    log: Option<String>,
}

struct Slot {
    generation: u32,
    process: Process,
    job: Option<Job>,
    waker: Option<(Waker, Arc<JobWaker>)>,
}

struct JobWaker {
    key: Key,
    queued: AtomicBool,
    woken: Arc<Mutex<Vec<Key>>>,
}

impl Wake for JobWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            wake(&self.woken, self.key);
        }
    }
}

/// Kept in order: several jobs that are woken at one moment are woken in an order of chance by tokio's watch channels.
fn wake(woken: &Mutex<Vec<Key>>, key: Key) {
    let mut woken = lock(woken);
    if let Err(place) = woken.binary_search(&key) {
        woken.insert(place, key);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Machine {
    /// A machine that is switched on at `begin`; `recorded` ones write their log.
    #[must_use]
    pub fn new(seed: u64, begin: Timestamp, recorded: bool) -> Self {
        let state = State {
            now: begin,
            dice: Dice::new(seed),
            slots: Vec::with_capacity(64),
            free: Vec::new(),
            timers: BTreeMap::new(),
            timers_made: 0,
            steps: 0,
            faults: ComputeFaults::default(),
            panics: Vec::new(),
            log: recorded.then(String::new),
        };
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                woken: Arc::default(),
            }),
        }
    }

    /// The clock port of a process.
    #[must_use]
    pub fn clock(&self, process: Process) -> Arc<SimClock> {
        Arc::new(SimClock {
            machine: self.clone(),
            process,
        })
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        lock(&self.shared.state).now
    }

    /// Steps of all jobs so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        lock(&self.shared.state).steps
    }

    /// Draws from the machine's chance.
    pub fn draw<T>(&self, draw: impl FnOnce(&mut Dice) -> T) -> T {
        draw(&mut lock(&self.shared.state).dice)
    }

    /// From now on computations go wrong like this.
    pub fn set_faults(&self, faults: ComputeFaults) {
        lock(&self.shared.state).faults = faults;
    }

    /// Writes a line into the log, where there is one.
    pub fn note(&self, line: impl FnOnce() -> String) {
        let mut state = lock(&self.shared.state);
        let (now, steps) = (state.now, state.steps);
        if let Some(log) = &mut state.log {
            use std::fmt::Write;
            let _ = writeln!(log, "{steps:>7} {now} {}", line());
        }
    }

    /// The log so far, taken.
    #[must_use]
    pub fn take_log(&self) -> String {
        lock(&self.shared.state).log.take().unwrap_or_default()
    }

    /// Panics that ended a job, in the order in which they came. Decisions of agents are not among them.
    #[must_use]
    pub fn panics(&self) -> Vec<String> {
        lock(&self.shared.state).panics.clone()
    }

    fn panicked(&self, text: &str) {
        self.note(|| format!("a job panicked: {text}"));
        lock(&self.shared.state).panics.push(text.to_owned());
    }

    /// Ends a process between two instructions: all its jobs are gone, nothing is cleaned up by them.
    pub fn kill(&self, process: Process) {
        let mut gone = Vec::new();
        {
            let mut state = lock(&self.shared.state);
            for index in 0..state.slots.len() {
                let slot = &mut state.slots[index];
                if slot.process == process && slot.waker.is_some() {
                    gone.push((slot.job.take(), slot.waker.take()));
                    slot.generation += 1;
                    state.free.push(u32::try_from(index).expect("jobs are few"));
                }
            }
        }
        // Dropped outside the lock: a dropped job wakes others.
        drop(gone);
    }

    /// Ends everything that still waits. Jobs hold what they work with, and that holds the machine: without this, no
    /// simulation would ever give its memory back.
    pub fn switch_off(&self) {
        let (slots, timers) = {
            let mut state = lock(&self.shared.state);
            state.free.clear();
            (
                std::mem::take(&mut state.slots),
                std::mem::take(&mut state.timers),
            )
        };
        drop((slots, timers));
        lock(&self.shared.woken).clear();
    }

    /// Runs the next step; false where nothing will ever happen again, or not before `until`, to which time moves then.
    pub fn step(&self, until: Timestamp) -> bool {
        let Some((key, mut job, waker)) = self.next(until) else {
            return false;
        };
        let mut context = Context::from_waker(&waker);
        let polled = catch_unwind(AssertUnwindSafe(|| job.as_mut().poll(&mut context)));
        let mut state = lock(&self.shared.state);
        let slot = &mut state.slots[key.slot as usize];
        if slot.generation != key.generation {
            drop(state);
            return true;
        }
        if matches!(polled, Ok(Poll::Pending)) {
            slot.job = Some(job);
        } else {
            slot.generation += 1;
            slot.waker = None;
            state.free.push(key.slot);
            drop(state);
            drop(job);
        }
        true
    }

    /// Takes a ready job by chance; moves time on where none is ready.
    fn next(&self, until: Timestamp) -> Option<(Key, Job, Waker)> {
        loop {
            let mut state = lock(&self.shared.state);
            let nanos = state.dice.below(STEP_NANOS_MAX);
            state.now += SignedDuration::from_nanos(i64::try_from(nanos).unwrap_or(0));
            let mut due = Vec::new();
            while state
                .timers
                .first_key_value()
                .is_some_and(|((at, _), _)| *at <= state.now)
            {
                due.extend(state.timers.pop_first().map(|(_, waker)| waker));
            }
            if due.is_empty() && lock(&self.shared.woken).is_empty() {
                let next = state.timers.first_key_value().map(|((at, _), _)| *at);
                match next.filter(|at| *at < until) {
                    Some(at) => {
                        state.now = at;
                        continue;
                    }
                    None => {
                        state.now = state.now.max(until);
                        return None;
                    }
                }
            }
            // Waking pushes onto another lock, never onto this one.
            due.into_iter().for_each(Waker::wake);
            let mut woken = lock(&self.shared.woken);
            if woken.is_empty() {
                // Those who were due had gone, with their process.
                continue;
            }
            let index = state.dice.below(woken.len() as u64);
            let key = woken.remove(usize::try_from(index).unwrap_or(0));
            drop(woken);
            state.steps += 1;
            let slot = &mut state.slots[key.slot as usize];
            if slot.generation != key.generation {
                continue;
            }
            let Some((waker, inner)) = slot.waker.clone() else {
                continue;
            };
            inner.queued.store(false, Ordering::Release);
            if let Some(job) = slot.job.take() {
                return Some((key, job, waker));
            }
        }
    }

    fn add(&self, process: Process, job: Job) {
        let mut state = lock(&self.shared.state);
        let index = state.free.pop().unwrap_or_else(|| {
            state.slots.push(Slot {
                generation: 0,
                process,
                job: None,
                waker: None,
            });
            u32::try_from(state.slots.len() - 1).expect("jobs are few")
        });
        let slot = &mut state.slots[index as usize];
        let key = Key {
            slot: index,
            generation: slot.generation,
        };
        let inner = Arc::new(JobWaker {
            key,
            queued: AtomicBool::new(true),
            woken: Arc::clone(&self.shared.woken),
        });
        slot.process = process;
        slot.job = Some(job);
        slot.waker = Some((Waker::from(Arc::clone(&inner)), inner));
        wake(&self.shared.woken, key);
    }
}

/// The clock port of one process.
pub struct SimClock {
    machine: Machine,
    process: Process,
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.machine.now()
    }

    async fn sleep_until(&self, at: Timestamp) {
        Sleep {
            machine: &self.machine,
            at,
            registered: None,
        }
        .await;
    }

    fn random(&self) -> u64 {
        self.machine.draw(Dice::draw)
    }

    fn spawn(&self, job: Job) -> Handle {
        let (ended, end) = oneshot::channel();
        let machine = self.machine.clone();
        self.machine.add(
            self.process,
            Box::pin(async move {
                let result = futures::FutureExt::catch_unwind(AssertUnwindSafe(job)).await;
                let result = result.map_err(|panic| panic_text(panic.as_ref()));
                if let Err(text) = &result {
                    machine.panicked(text);
                }
                let _ = ended.send(result);
            }),
        );
        // A job that was killed with its process never ends, for whoever is left to wait for it.
        Handle(Box::pin(async move {
            match end.await {
                Ok(result) => result,
                Err(_) => std::future::pending().await,
            }
        }))
    }

    async fn compute(&self, computation: Computation) -> Computed {
        let faults = lock(&self.machine.shared.state).faults;
        let (hangs, slow) = self
            .machine
            .draw(|dice| (dice.permille(faults.hang), dice.permille(faults.slow)));
        if hangs {
            self.machine.note(|| "a computation hangs".to_owned());
            std::future::pending::<()>().await;
        }
        if slow {
            let millis = self.machine.draw(|dice| dice.below(2_000));
            self.sleep_until(self.now() + SignedDuration::from_millis(i64::try_from(millis).unwrap_or(0)))
                .await;
        }
        match catch_unwind(AssertUnwindSafe(computation)) {
            Ok(value) => Computed::Done(value),
            Err(panic) => Computed::Panicked(panic_text(panic.as_ref())),
        }
    }
}

/// What a panic said, in words.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without words".to_owned())
}

/// Waits for a moment; forgotten where it is dropped before.
struct Sleep<'a> {
    machine: &'a Machine,
    at: Timestamp,
    registered: Option<u64>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.machine.shared.state);
        if state.now >= self.at {
            return Poll::Ready(());
        }
        let number = self.registered.unwrap_or_else(|| {
            state.timers_made += 1;
            state.timers_made
        });
        state.timers.insert((self.at, number), context.waker().clone());
        drop(state);
        self.registered = Some(number);
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.registered {
            let waker = lock(&self.machine.shared.state).timers.remove(&(self.at, number));
            drop(waker);
        }
    }
}

#[cfg(test)]
mod tests;
