//! Everything the simulated broker holds, and what one moment does to it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kunder_bus::Pattern;
use kunder_bus::broker::{Outgoing, PublishError, Stored};

use super::faults::Faults;
use super::queue::Queue;
use super::stream::{Message, Stream};
use super::up_to;
use crate::dice::Dice;

/// So long an acknowledgement may not be on disk.
const FORGOTTEN_WITHIN: SignedDuration = SignedDuration::from_secs(1);

pub(super) struct State {
    pub(super) now: Timestamp,
    pub(super) dice: Dice,
    pub(super) faults: Faults,
    pub(super) streams: Vec<Stream>,
    pub(super) queues: Vec<Queue>,
    listeners: Vec<(Pattern, Vec<Arc<Message>>)>,
    /// Messages that arrive after their sender gave up, by when.
    late: BTreeMap<(Timestamp, u64), Outgoing>,
    late_ones: u64,
    late_max: SignedDuration,
    /// Which connection this is, or will be once the broker is back.
    pub(super) connection: u64,
    pub(super) away_until: Timestamp,
    /// What was acknowledged of late.
    acknowledged: VecDeque<(Timestamp, usize, Arc<Message>)>,
}

/// What the sender hears of a message.
pub(super) enum Arrival {
    Answered(Result<Stored, PublishError>),
    Silent,
}

impl State {
    pub(super) fn new(dice: Dice, streams: Vec<Stream>, now: Timestamp, late_max: SignedDuration) -> Self {
        Self {
            now,
            dice,
            faults: Faults::none(),
            streams,
            queues: Vec::new(),
            listeners: Vec::new(),
            late: BTreeMap::new(),
            late_ones: 0,
            late_max,
            connection: 1,
            away_until: now,
            acknowledged: VecDeque::new(),
        }
    }

    /// Time has come to here: what is due by now arrives.
    pub(super) fn advance(&mut self, now: Timestamp) {
        self.now = now;
        while let Some(entry) = self.late.first_entry()
            && entry.key().0 <= now
        {
            let message = entry.remove();
            // Its sender hears nothing of it any more.
            let _ = self.arrive(message);
        }
    }

    pub(super) fn is_away(&self) -> bool {
        self.now < self.away_until
    }

    pub(super) fn next_late(&self) -> Option<Timestamp> {
        self.late.first_key_value().map(|((at, _), _)| *at)
    }

    pub(super) fn stream(&self, name: &str) -> Option<usize> {
        self.streams.iter().position(|stream| stream.name == name)
    }

    /// Draws whether the connection breaks or the broker dies now; true where one of them happens.
    pub(super) fn trouble(&mut self) -> bool {
        if self.is_away() {
            return false;
        }
        if self
            .dice
            .strikes(self.faults.disconnected, "broker: a connection broke")
        {
            let away = up_to(self.faults.away_max, &mut self.dice);
            self.disconnect(away);
            return true;
        }
        if self.dice.strikes(self.faults.restarted, "broker: it died") {
            let away = up_to(self.faults.away_max, &mut self.dice);
            self.restart(away);
            return true;
        }
        false
    }

    pub(super) fn disconnect(&mut self, away: SignedDuration) {
        self.connection += 1;
        // A connection takes a moment to be made.
        self.away_until = self.now + away.max(SignedDuration::from_micros(100));
        for queue in &mut self.queues {
            queue.lose_what_is_on_its_way();
        }
    }

    pub(super) fn restart(&mut self, away: SignedDuration) {
        self.disconnect(away);
        self.late.clear();
        for (_, queue, message) in std::mem::take(&mut self.acknowledged) {
            if self.dice.strikes(
                self.faults.ack_forgotten,
                "broker: an acknowledgement was not on disk",
            ) {
                let stream = self.queues[queue].stream;
                if self.streams[stream].work_queue {
                    self.streams[stream].hold(Arc::clone(&message));
                }
                self.queues[queue].come_again(&message, self.now);
            }
        }
    }

    /// A message over a connection that stands.
    pub(super) fn send(&mut self, message: Outgoing) -> Arrival {
        if self
            .dice
            .strikes(self.faults.publish_lost, "broker: a message was lost")
        {
            return Arrival::Silent;
        }
        if self.dice.strikes(
            self.faults.publish_late,
            "broker: a message came after its sender gave up",
        ) {
            let at = self.now + up_to(self.late_max, &mut self.dice);
            self.arrive_later(at, message);
            return Arrival::Silent;
        }
        let answer = self.arrive(message);
        if self
            .dice
            .strikes(self.faults.answer_lost, "broker: an answer was lost")
        {
            return Arrival::Silent;
        }
        Arrival::Answered(answer)
    }

    /// A message while the connection is away: the client holds it until the next one, or it was in the old one's buffers.
    pub(super) fn send_into_the_dark(&mut self, message: Outgoing) -> Arrival {
        if self.dice.permille(500) {
            self.arrive_later(self.away_until, message);
        }
        Arrival::Silent
    }

    fn arrive_later(&mut self, at: Timestamp, message: Outgoing) {
        self.late_ones += 1;
        self.late.insert((at, self.late_ones), message);
        // Whoever waits for a message must look then.
        for queue in &self.queues {
            queue.changed.notify_one();
        }
    }

    /// A message is there: listeners hear it, and the stream that takes its subject stores it.
    pub(super) fn arrive(&mut self, message: Outgoing) -> Result<Stored, PublishError> {
        let now = self.now;
        for (pattern, heard) in &mut self.listeners {
            if pattern.matches(&message.subject) {
                heard.push(Arc::new(Message::new(0, message.clone(), now)));
            }
        }
        let taker = self
            .streams
            .iter()
            .position(|stream| stream.takes(&message.subject));
        let Some(index) = taker else {
            return Err(PublishError::NobodyTakesIt(message.subject));
        };
        let stored = self.streams[index].append(now, message)?;
        if !stored.duplicate
            && let Some(message) = self.streams[index].messages.get(&stored.sequence)
        {
            for queue in &mut self.queues {
                if queue.stream == index && queue.filter.matches(&message.subject) {
                    queue.add(Arc::clone(message));
                }
            }
        }
        Ok(stored)
    }

    /// The durable consumer of this name, made where there is none; a new one begins with what the stream holds.
    pub(super) fn queue(
        &mut self,
        stream: &str,
        name: &str,
        filter: Pattern,
        ack_wait: SignedDuration,
        most: usize,
    ) -> usize {
        let stream = self.stream(stream).expect("made with the broker");
        let mut queues = self.queues.iter();
        if let Some(found) = queues.position(|queue| queue.stream == stream && queue.name == name) {
            return found;
        }
        let mut queue = Queue::new(stream, name, filter, ack_wait, most);
        for message in self.streams[stream].messages.values() {
            if queue.filter.matches(&message.subject) {
                queue.add(Arc::clone(message));
            }
        }
        self.queues.push(queue);
        self.queues.len() - 1
    }

    /// Draws whether what is said of a delivery is lost.
    pub(super) fn answer_is_lost(&mut self) -> bool {
        self.is_away()
            || self
                .dice
                .strikes(self.faults.ack_lost, "broker: an acknowledgement was lost")
    }

    pub(super) fn settle(&mut self, queue: usize, message: &Arc<Message>) {
        if !self.queues[queue].settle(message.sequence) {
            return;
        }
        let stream = self.queues[queue].stream;
        if self.streams[stream].work_queue {
            self.streams[stream].take_out(message.sequence);
        }
        if self.faults.ack_forgotten > 0 {
            let oldest = self.now - FORGOTTEN_WITHIN;
            while self.acknowledged.front().is_some_and(|(at, _, _)| *at < oldest) {
                self.acknowledged.pop_front();
            }
            self.acknowledged
                .push_back((self.now, queue, Arc::clone(message)));
        }
    }

    pub(super) fn listen(&mut self, pattern: Pattern) -> usize {
        self.listeners.push((pattern, Vec::new()));
        self.listeners.len() - 1
    }

    pub(super) fn heard(&mut self, listener: usize) -> Vec<Arc<Message>> {
        std::mem::take(&mut self.listeners[listener].1)
    }

    pub(super) fn open(&self) -> usize {
        self.late.len() + self.queues.iter().map(Queue::open).sum::<usize>()
    }
}
