//! The outbox in memory: what is to be announced, and what was, in commit order.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::Timestamp;
use kunder_agent_core::bus::{Announcement, AnnouncementKind};
use kunder_domain::portfolio::Undelivered;

/// What is told of a request that nobody gave a reason for.
const LATE: &str = "not taken before its deadline";

enum State {
    Waiting,
    Announced,
    Undeliverable(String),
}

struct Entry {
    announcement: Announcement,
    state: State,
}

#[derive(Default)]
struct Lane {
    waiting: BTreeSet<usize>,
    /// Message ids it was ever given.
    seen: HashSet<String>,
}

/// Announcements of all lanes; a place in `entries` stands for one everywhere in here.
#[derive(Default)]
pub(super) struct Outbox {
    /// The last number that was given. A repeat uses one up too, as in SQLite.
    last: u64,
    entries: Vec<Entry>,
    lanes: BTreeMap<String, Lane>,
    /// Requests that wait or were given up.
    requests: BTreeSet<usize>,
}

impl Outbox {
    /// Adds it at the end of its lane; one whose message id the lane has seen is there already.
    pub(super) fn insert(&mut self, mut announcement: Announcement) {
        self.last += 1;
        let lane = self.lanes.entry(announcement.destination.clone()).or_default();
        if !lane.seen.insert(announcement.message_id.clone()) {
            return;
        }
        let place = self.entries.len();
        lane.waiting.insert(place);
        if announcement.kind == AnnouncementKind::Request {
            self.requests.insert(place);
        }
        announcement.number = self.last;
        announcement.attempt = 1;
        self.entries.push(Entry {
            announcement,
            state: State::Waiting,
        });
    }

    pub(super) fn destinations(&self) -> Vec<String> {
        self.busy().map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn waiting_counts(&self) -> Vec<(String, u64)> {
        let counts = self
            .busy()
            .map(|(name, lane)| (name.clone(), lane.waiting.len() as u64));
        counts.collect()
    }

    fn busy(&self) -> impl Iterator<Item = (&String, &Lane)> {
        self.lanes.iter().filter(|(_, lane)| !lane.waiting.is_empty())
    }

    pub(super) fn waiting(&self, destination: &str, limit: usize) -> Vec<Announcement> {
        let Some(lane) = self.lanes.get(destination) else {
            return Vec::new();
        };
        let front = lane.waiting.iter().take(limit);
        front
            .map(|&place| self.entries[place].announcement.clone())
            .collect()
    }

    /// Of every kind, announced or not, numbered above `number`.
    pub(super) fn after(&self, number: u64, limit: usize) -> Vec<Announcement> {
        let entries = self.entries[self.end_of(number)..].iter().take(limit);
        entries.map(|entry| entry.announcement.clone()).collect()
    }

    /// Counts a handing-out of everything that waits in a lane, up to and including this number.
    pub(super) fn sending(&mut self, destination: &str, number: u64) {
        let end = self.end_of(number);
        let Some(lane) = self.lanes.get(destination) else {
            return;
        };
        for &place in lane.waiting.range(..end) {
            self.entries[place].announcement.attempt += 1;
        }
    }

    pub(super) fn announced(&mut self, destination: &str, number: u64) {
        let end = self.end_of(number);
        let Some(lane) = self.lanes.get_mut(destination) else {
            return;
        };
        let waiting = lane.waiting.split_off(&end);
        for place in std::mem::replace(&mut lane.waiting, waiting) {
            self.entries[place].state = State::Announced;
            self.requests.remove(&place);
        }
    }

    pub(super) fn undeliverable(&mut self, number: u64, reason: &str) {
        let place = self.end_of(number).wrapping_sub(1);
        let Some(entry) = self.entries.get_mut(place) else {
            return;
        };
        if entry.announcement.number != number || !matches!(entry.state, State::Waiting) {
            return;
        }
        entry.state = State::Undeliverable(reason.to_owned());
        if let Some(lane) = self.lanes.get_mut(&entry.announcement.destination) {
            lane.waiting.remove(&place);
        }
    }

    /// Requests that were given up, and those that wait although their deadline has passed.
    pub(super) fn undelivered(&self, now: Timestamp) -> Vec<Undelivered> {
        let told = |place: &usize| {
            let Entry { announcement, state } = &self.entries[*place];
            let reason = match state {
                State::Waiting => announcement
                    .deadline
                    .is_some_and(|deadline| deadline <= now)
                    .then_some(LATE)?,
                State::Undeliverable(reason) => reason,
                State::Announced => return None,
            };
            Some(Undelivered {
                destination: announcement.destination.clone(),
                subject: announcement.subject.clone(),
                since: announcement.committed_at,
                reason: reason.to_owned(),
            })
        };
        self.requests.iter().filter_map(told).collect()
    }

    /// The place behind the last one numbered up to `number`.
    fn end_of(&self, number: u64) -> usize {
        self.entries
            .partition_point(|entry| entry.announcement.number <= number)
    }
}
