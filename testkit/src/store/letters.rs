//! Dead letters in memory.

use std::collections::BTreeMap;

use kunder_agent_core::bus::Announcement;
use kunder_agent_core::letter::{
    DeadLetter, FullLetter, LetterEnd, LetterId, LetterQuery, LetterState, NewLetter,
};

use super::Memory;

/// Letters in the order they came.
#[derive(Default)]
pub(super) struct Letters {
    /// The last number that was given. A repeat uses one up too, as in SQLite.
    last: u64,
    all: Vec<FullLetter>,
    places: BTreeMap<LetterId, usize>,
    /// How often what a replay holds was replayed, by what the replay is: a task's id, or an announcement's message id.
    replays: BTreeMap<String, u32>,
}

impl Letters {
    /// Whether it was new.
    pub(super) fn insert(&mut self, new: NewLetter) -> bool {
        self.last += 1;
        if self.places.contains_key(&new.id) {
            return false;
        }
        self.places.insert(new.id.clone(), self.all.len());
        let letter = DeadLetter {
            id: new.id,
            number: self.last,
            state: LetterState::Open,
            kind: new.kind,
            at: new.at,
            to: new.to,
            subject: new.subject,
            reason: new.reason,
            replays: self.replays.get(&new.cause).copied().unwrap_or(0),
            replayed_as: None,
        };
        self.all.push(FullLetter {
            letter,
            announcement: new.announcement,
            cause: new.cause,
            headers: new.headers,
            body: new.body,
        });
        true
    }

    pub(super) fn find(&self, id: &LetterId) -> Option<&FullLetter> {
        self.places.get(id).map(|place| &self.all[*place])
    }

    pub(super) fn page(&self, query: LetterQuery) -> Vec<DeadLetter> {
        let wanted = |full: &&FullLetter| {
            let letter = &full.letter;
            letter.number > query.after
                && letter.number < query.before
                && (!query.open_only || letter.state == LetterState::Open)
        };
        let letters: Box<dyn Iterator<Item = &FullLetter>> = if query.newest_first {
            Box::new(self.all.iter().rev())
        } else {
            Box::new(self.all.iter())
        };
        letters
            .filter(wanted)
            .take(query.limit)
            .map(|full| full.letter.clone())
            .collect()
    }

    pub(super) fn open_count(&self) -> u64 {
        let open = |full: &&FullLetter| full.letter.state == LetterState::Open;
        self.all.iter().filter(open).count() as u64
    }

    /// The letter, where it was replayed by this.
    fn replay(&mut self, id: &LetterId, by: &str) -> Option<&mut FullLetter> {
        let place = *self.places.get(id)?;
        let full = &mut self.all[place];
        if full.letter.state == LetterState::Replayed {
            return None;
        }
        full.letter.state = LetterState::Replayed;
        full.letter.replays += 1;
        let replays = full.letter.replays;
        self.replays.insert(by.to_owned(), replays);
        // The replay may have failed by now.
        for later in self.all.iter_mut().filter(|later| later.cause == by) {
            later.letter.replays = later.letter.replays.max(replays);
        }
        self.all.get_mut(place)
    }
}

impl Memory {
    pub(super) fn set_aside(&mut self, letter: NewLetter, told: Option<Announcement>) -> bool {
        let new = self.letters.insert(letter);
        if let Some(told) = told.filter(|_| new) {
            self.outbox.insert(told);
        }
        new
    }

    pub(super) fn undeliverable(&mut self, number: u64, letter: NewLetter, told: Option<Announcement>) {
        if self.outbox.undeliverable(number, &letter.reason) {
            self.set_aside(letter, told);
        }
    }

    /// Whether the letter ended by this.
    pub(super) fn end_letter(&mut self, id: &LetterId, end: LetterEnd) -> bool {
        match end {
            LetterEnd::Accepted(task) => match self.letters.replay(id, task.as_str()) {
                Some(full) => {
                    full.letter.replayed_as = Some(task);
                    true
                }
                None => false,
            },
            LetterEnd::Announced(again) => match self.letters.replay(id, &again.message_id) {
                Some(full) => {
                    self.outbox.replace(&full.letter.to, &full.cause, *again);
                    true
                }
                None => false,
            },
            LetterEnd::Dropped => {
                let place = self.letters.places.get(id).copied();
                let letter = place.map(|place| &mut self.letters.all[place].letter);
                match letter.filter(|letter| letter.state == LetterState::Open) {
                    Some(letter) => {
                        letter.state = LetterState::Dropped;
                        true
                    }
                    None => false,
                }
            }
        }
    }
}
