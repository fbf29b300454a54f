//! The clients: one thread that makes tasks and hears what became of them, so that what they cost is counted apart.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;

use crate::served::{Message, Served, Told};
use crate::{PATIENT, requester};

/// How the clients behave.
#[derive(Clone, Copy)]
pub enum Demand {
    /// A new task whenever fewer than so many are accepted and not decided: nobody is ever refused.
    Window(usize),
    /// The same, and so many tasks a second are made and thrown away: what it costs to make them, without sending them.
    WindowBeside(usize, f64),
    /// So many a second, whatever is answered.
    Open(f64),
    /// So many clients who want so many a second together; who is refused waits as long as it was told and sends the
    /// same task again.
    Patient(u64, f64),
}

/// What became of it.
#[derive(Default)]
pub struct Sent {
    pub offered: u64,
    /// Not sent, because too many wait to be read.
    pub held_back: u64,
    /// Times to refuse: since it was sent, since it was read.
    pub waited: Vec<Duration>,
    pub worked: Vec<Duration>,
}

pub struct Clients {
    pub demand: Demand,
    pub door: Sender<Message>,
    pub told: Receiver<Told>,
    pub served: Arc<Served>,
    pub stop: Arc<AtomicBool>,
}

/// A task that is sent later: when, by whom, its number.
type Later = Reverse<(Instant, usize, u64)>;

impl Clients {
    /// Sends until told to stop.
    pub fn run(self) -> Sent {
        let mut sent = Sent::default();
        let (begun, mut number, mut made) = (Instant::now(), 0, 0);
        // Patient clients: whose turn comes when, and which task each of them has.
        let (mut later, mut tasks) = (BinaryHeap::<Later>::new(), Vec::new());
        let (count, interval) = match self.demand {
            Demand::Patient(count, rate) => (count, Duration::from_secs_f64(count as f64 / rate)),
            _ => (0, Duration::ZERO),
        };
        for client in 0..count {
            let first = begun + interval.mul_f64(client as f64 / count as f64);
            later.push(Reverse((first, tasks.len(), client)));
            tasks.push(client);
        }
        while !self.stop.load(Ordering::Acquire) {
            for told in self.told.try_iter() {
                if let Some(retry_after) = told.retry_after {
                    sent.waited.push(told.waited);
                    sent.worked.push(told.worked);
                    if let Some(task) = tasks.get(told.sender) {
                        later.push(Reverse((Instant::now() + retry_after, told.sender, *task)));
                    }
                } else {
                    if let Some(task) = tasks.get_mut(told.sender) {
                        *task += PATIENT;
                        later.push(Reverse((Instant::now() + interval, told.sender, *task)));
                    }
                }
            }
            let due = |rate: f64| (begun.elapsed().as_secs_f64() * rate) as u64;
            match self.demand {
                Demand::Window(window) => self.fill(window, &mut number, &mut sent),
                Demand::WindowBeside(window, rate) => {
                    self.fill(window, &mut number, &mut sent);
                    while made < due(rate) {
                        made += 1;
                        std::hint::black_box(message(0, made));
                    }
                }
                Demand::Open(rate) => {
                    while number < due(rate) {
                        number += 1;
                        self.send(message(usize::MAX, number), &mut sent);
                    }
                }
                Demand::Patient(..) => {
                    let now = Instant::now();
                    while let Some(Reverse((_, client, task))) =
                        later.peek().copied().filter(|next| next.0.0 <= now)
                    {
                        later.pop();
                        if !self.send(message(client, task), &mut sent) {
                            later.push(Reverse((now + Duration::from_millis(10), client, task)));
                        }
                    }
                }
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        sent
    }

    /// Sends as many as there is room for in the window.
    fn fill(&self, window: usize, number: &mut u64, sent: &mut Sent) {
        while *number < self.served.decided.load(Ordering::Acquire) + window as u64 {
            *number += 1;
            self.send(message(usize::MAX, *number), sent);
        }
    }

    fn send(&self, message: Message, sent: &mut Sent) -> bool {
        let was_sent = self.door.try_send(message).is_ok();
        match was_sent {
            true => sent.offered += 1,
            false => sent.held_back += 1,
        }
        was_sent
    }
}

/// A task as it comes over the wire.
fn message(sender: usize, number: u64) -> Message {
    let requester = requester(number);
    let body = format!(
        r#"{{"taskId":"{number}","agent":"first","instruction":{{"command":"note","params":{{"customer":"Exempel AB"}}}},"context":{{"history":"Möte i maj, uppföljning i juni, nöjd."}},"requestedBy":"requester-{requester}"}}"#
    );
    Message {
        sender,
        body,
        sent: Instant::now(),
    }
}
