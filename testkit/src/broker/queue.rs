//! A simulated durable consumer: what is fresh, what waits for its acknowledgement, and what is on its way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kunder_bus::Pattern;
use tokio::sync::Notify;

use super::faults::Faults;
use super::stream::Message;
use crate::dice::Dice;

/// As many messages stand in front of the one that is handed out first where they are reordered.
const REORDERED_MAX: u64 = 8;

pub(super) struct Queue {
    pub(super) stream: usize,
    pub(super) name: String,
    pub(super) filter: Pattern,
    pub(super) ack_wait: SignedDuration,
    pub(super) pending_max: usize,
    /// Never handed out.
    fresh: VecDeque<Arc<Message>>,
    /// Handed out and not acknowledged, with when they come again.
    pending: BTreeMap<u64, (Timestamp, Arc<Message>)>,
    due: BTreeSet<(Timestamp, u64)>,
    /// Handed out, not there yet.
    transit: BTreeMap<(Timestamp, u64), Arc<Message>>,
    handed_out: u64,
    /// Told when there may be something to hand out earlier than was known.
    pub(super) changed: Arc<Notify>,
}

impl Queue {
    pub(super) fn new(
        stream: usize,
        name: &str,
        filter: Pattern,
        ack_wait: SignedDuration,
        most: usize,
    ) -> Self {
        Self {
            stream,
            name: name.to_owned(),
            filter,
            ack_wait,
            pending_max: most,
            fresh: VecDeque::new(),
            pending: BTreeMap::new(),
            due: BTreeSet::new(),
            transit: BTreeMap::new(),
            handed_out: 0,
            changed: Arc::new(Notify::new()),
        }
    }

    pub(super) fn add(&mut self, message: Arc<Message>) {
        self.fresh.push_back(message);
        self.changed.notify_one();
    }

    /// The next message that arrives now, if any.
    pub(super) fn take(&mut self, now: Timestamp, faults: &Faults, dice: &mut Dice) -> Option<Arc<Message>> {
        loop {
            if let Some(entry) = self.transit.first_entry()
                && entry.key().0 <= now
            {
                return Some(entry.remove());
            }
            let message = self.hand_out(now, faults, dice)?;
            if dice.strikes(faults.delivery_lost, "broker: a delivery was lost") {
                continue;
            }
            if dice.strikes(faults.delivered_twice, "broker: a delivery came twice") {
                self.on_its_way(now, Arc::clone(&message), faults, dice);
            }
            if dice.strikes(faults.delayed, "broker: a delivery was late") {
                self.on_its_way(now, message, faults, dice);
                continue;
            }
            return Some(message);
        }
    }

    fn hand_out(&mut self, now: Timestamp, faults: &Faults, dice: &mut Dice) -> Option<Arc<Message>> {
        let message = match self.due.first() {
            Some(&(at, sequence)) if at <= now => Arc::clone(&self.pending.get(&sequence)?.1),
            _ if self.pending.len() >= self.pending_max => return None,
            _ if self.fresh.len() > 1
                && dice.strikes(faults.reordered, "broker: a delivery overtook another") =>
            {
                let most = REORDERED_MAX.min(self.fresh.len() as u64);
                self.fresh
                    .remove(usize::try_from(dice.below(most)).unwrap_or(0))?
            }
            _ => self.fresh.pop_front()?,
        };
        self.wait(&message, now + self.ack_wait);
        Some(message)
    }

    fn on_its_way(&mut self, now: Timestamp, message: Arc<Message>, faults: &Faults, dice: &mut Dice) {
        let arrives = now + super::up_to(faults.delay_max, dice);
        self.handed_out += 1;
        self.transit.insert((arrives, self.handed_out), message);
    }

    /// When something may be there to take.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let due = self.due.first().map(|(at, _)| *at);
        let arrives = self.transit.first_key_value().map(|((at, _), _)| *at);
        due.into_iter().chain(arrives).min()
    }

    /// It comes (again) at this time, unless it is settled before.
    pub(super) fn come_again(&mut self, message: &Arc<Message>, at: Timestamp) {
        self.wait(message, at);
        self.changed.notify_one();
    }

    fn wait(&mut self, message: &Arc<Message>, at: Timestamp) {
        let sequence = message.sequence;
        if let Some((before, _)) = self.pending.insert(sequence, (at, Arc::clone(message))) {
            self.due.remove(&(before, sequence));
        }
        self.due.insert((at, sequence));
    }

    pub(super) fn is_pending(&self, sequence: u64) -> bool {
        self.pending.contains_key(&sequence)
    }

    /// It is acknowledged, and comes no more; false where it was settled before.
    pub(super) fn settle(&mut self, sequence: u64) -> bool {
        let Some((at, _)) = self.pending.remove(&sequence) else {
            return false;
        };
        self.due.remove(&(at, sequence));
        if self.pending.len() + 1 == self.pending_max {
            self.changed.notify_one();
        }
        true
    }

    /// The connection broke.
    pub(super) fn lose_what_is_on_its_way(&mut self) {
        self.transit.clear();
    }

    /// Messages that are not settled.
    pub(super) fn open(&self) -> usize {
        self.fresh.len() + self.pending.len()
    }
}
