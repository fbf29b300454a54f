//! The operations: seeded, over few ids, so that they meet.

use jiff::Timestamp;
use jiff::civil::date;
use kunder::store::Store;
use kunder_agent_core::bus::{Announcement, AnnouncementKind};
use kunder_agent_core::decision::{Artifact, Expect};
use kunder_agent_core::id::{AgentName, TaskId};
use kunder_agent_core::journal::{Commit, End, NewTask};
use kunder_agent_core::letter::{LetterEnd, LetterId, LetterKind, LetterQuery, NewLetter};
use kunder_agent_core::outcome::{Outcome, Status};
use kunder_agent_core::task::Locale;
use kunder_domain::change::Change;
use kunder_domain::exact::Exact;
use kunder_domain::fact::{CustomerId, Fact, FactBody};
use kunder_domain::health::{HealthRecord, Kept, SameHealth, Snapshot};
use kunder_domain::portfolio::{Span, View};
use kunder_domain::signals::NewSignals;

use super::{AGENTS, LANES};
use crate::bench::{AGENT, announcement, commit, fact, id, named, new_task, outcome, website};
use crate::clock::after;
use crate::random::Random;

/// One operation.
#[derive(Debug)]
pub enum Step {
    Advance(i64),
    Accept(Box<NewTask>),
    Recover,
    Start(TaskId, u64),
    Commit(Box<Commit<Change>>),
    Cancel(TaskId, Box<Outcome>, Vec<Announcement>, Option<NewLetter>),
    Sending(&'static str, u64),
    Announced(&'static str, u64),
    Undeliverable(u64, NewLetter),
    SetAside(NewLetter),
    EndLetters(Vec<(LetterId, LetterEnd)>),
    Ingest(Vec<Fact>),
    Converse(String, i64),
    Reopen,
}

/// What is asked after a step: bounds of every kind.
pub struct Look {
    pub limit: usize,
    pub letters: LetterQuery,
    pub number: u64,
    pub at: Timestamp,
    pub view: View,
    pub span: Span,
    pub size: usize,
}

/// A seeded sequence of operations over few ids, so that they meet.
pub struct Script {
    random: Random,
    epoch: u64,
    /// Ids of tasks go up to here, mostly in the order they come up.
    pub tasks: u64,
    /// Announcements handed in, about.
    announced: u64,
    /// Paths that were written to.
    pub artifacts: Vec<String>,
}

impl Script {
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            epoch: 0,
            tasks: 0,
            announced: 0,
            artifacts: Vec::new(),
        }
    }

    pub async fn step<S: Store>(&mut self, store: &S) -> Step {
        match self.random.below(20) {
            0..=2 => Step::Accept(Box::new(self.task())),
            3..=5 => Step::Start(self.any(), self.lease()),
            6..=10 => Step::Commit(Box::new(self.commit(store).await)),
            11 | 12 => {
                let newest = store.list(None, 12).await.unwrap();
                let waiting = newest
                    .into_iter()
                    .find(|task| task.progress.is_some() && task.outcome.is_none());
                let task = waiting
                    .filter(|_| self.one_in(2))
                    .map_or_else(|| self.any(), |waiting| waiting.task_id);
                let mut outcome = outcome(task.as_str(), Status::Failed);
                outcome.finished_at = after(self.random.below(900) as i64);
                if self.one_in(8) {
                    outcome.task_id = id("someone");
                }
                let letter = self.one_in(2).then(|| self.letter_of(&task));
                Step::Cancel(task, Box::new(outcome), self.announcements(), letter)
            }
            13 => {
                self.epoch += 1;
                Step::Recover
            }
            14 => Step::Advance(self.random.below(60) as i64),
            15 if self.one_in(2) => Step::Sending(self.lane(), u64::MAX >> self.random.below(64)),
            15 => {
                let lane = self.lane();
                let first = store.outbox(lane, 1).await.unwrap().pop();
                Step::Announced(lane, first.map_or(u64::MAX, |first| first.number))
            }
            16 => {
                let lane = self.lane();
                let waiting = store.outbox(lane, 3).await.unwrap();
                let given_up = match waiting.last() {
                    Some(last) if !self.one_in(4) => last.clone(),
                    _ => Announcement {
                        number: self.random.below(self.announced + 1),
                        ..announcement(lane, AnnouncementKind::Event, "m1")
                    },
                };
                let letter = NewLetter::of_announcement(&given_up, "nej", after(1));
                Step::Undeliverable(given_up.number, letter)
            }
            17 if self.one_in(2) => Step::SetAside(self.message()),
            17 => Step::EndLetters(self.ends(store).await),
            18 => {
                let id = if self.one_in(2) { "a" } else { "b" };
                Step::Converse(
                    format!("{id} {}", self.random.below(9)),
                    self.random.below(900) as i64,
                )
            }
            _ if self.one_in(4) => Step::Reopen,
            _ => Step::Ingest(self.facts()),
        }
    }

    pub fn look(&mut self) -> Look {
        let bound =
            |random: &mut Random| (random.below(2) == 0).then(|| CustomerId(format!("k{}", random.below(6))));
        Look {
            letters: LetterQuery {
                open_only: self.one_in(2),
                newest_first: self.one_in(2),
                after: self.random.below(9),
                before: 9 + self.random.below(90),
                limit: self.random.below(9) as usize,
            },
            limit: self.random.below(6) as usize,
            number: self.random.below(90),
            at: after(self.random.below(900) as i64),
            view: View {
                as_of: self.moment().parse().unwrap(),
                last_fact: self.random.below(400),
            },
            span: Span {
                after: bound(&mut self.random),
                upto: bound(&mut self.random),
            },
            size: self.random.below(4) as usize,
        }
    }

    fn one_in(&mut self, number: u64) -> bool {
        self.random.below(number) == 0
    }

    /// Mostly one of the newest.
    fn any(&mut self) -> TaskId {
        let number = if self.one_in(4) {
            self.random.below(self.tasks + 2)
        } else {
            self.tasks.saturating_sub(self.random.below(10))
        };
        id(&format!("t{number}"))
    }

    fn lane(&mut self) -> &'static str {
        LANES[self.random.below(3) as usize]
    }

    /// Mostly the present lease.
    fn lease(&mut self) -> u64 {
        self.epoch - u64::from(self.epoch > 0 && self.one_in(8))
    }

    /// The same id mostly stands for the same task.
    fn task(&mut self) -> NewTask {
        let number = if self.one_in(4) {
            self.random.below(self.tasks + 1)
        } else {
            self.tasks += 1;
            self.tasks
        };
        let mut new = new_task(&format!("t{number}"));
        let agent = AGENTS[(number % 2) as usize];
        new.agent = AgentName::new(agent);
        new.announced = !number.is_multiple_of(3);
        if number.is_multiple_of(4) {
            new.not_before = Some(after(number as i64 * 7));
        }
        if number.is_multiple_of(5) {
            new.task.deadline = Some(after(number as i64 * 11));
        }
        if number % 2 == 1 {
            new.task.locale = Some(Locale::En);
        }
        new.lane = number.is_multiple_of(2).then(|| "customer/k1".to_owned());
        new.task.traceparent = Some(format!("00-{}", self.random.below(9)));
        new.task.dry_run = self.one_in(12);
        new
    }

    fn tasks(&mut self) -> Vec<NewTask> {
        (0..self.random.below(4)).map(|_| self.task()).collect()
    }

    async fn commit<S: Store>(&mut self, store: &S) -> Commit<Change> {
        let task = self.any();
        let end = if self.one_in(3) {
            End::Wait(self.tasks())
        } else {
            let statuses = [Status::Complete, Status::Partial, Status::Failed];
            let mut outcome = outcome(task.as_str(), statuses[self.random.below(3) as usize]);
            if self.one_in(12) {
                outcome.task_id = id("someone");
            }
            End::Done(Box::new(outcome))
        };
        let mut commit = commit(task.as_str(), self.lease(), end);
        if self.one_in(3) {
            let entity = format!("k{}", self.random.below(6));
            let all = View {
                as_of: Timestamp::MAX,
                last_fact: u64::MAX,
            };
            let customer = store.customer(all, &CustomerId(entity.clone())).await.unwrap();
            let version = customer.map_or(0, |customer| customer.version) + u64::from(self.one_in(3));
            commit.expects.push(Expect { entity, version });
        }
        if self.one_in(2) {
            commit.changes = self.facts().into_iter().map(Change::from).collect();
        }
        if self.one_in(2) {
            let records = (0..=self.random.below(3)).map(|_| self.record());
            commit.changes.push(Change::Health(records.collect()));
            let day = |random: &mut Random| date(2026, 1, 1 + random.below(3) as i8);
            commit.changes.push(Change::SameHealth(SameHealth {
                day: day(&mut self.random),
                at: after(self.random.below(3) as i64),
                last_fact: self.random.below(3),
                of: day(&mut self.random),
                span: Span {
                    after: self
                        .one_in(2)
                        .then(|| CustomerId(format!("k{}", self.random.below(6)))),
                    upto: self
                        .one_in(2)
                        .then(|| CustomerId(format!("k{}", self.random.below(6)))),
                },
                except: vec![CustomerId(format!("k{}", self.random.below(6)))],
            }));
            let customer = CustomerId(format!("k{}", self.random.below(6)));
            let body = vec![self.random.below(256) as u8];
            commit
                .changes
                .push(Change::Signals(vec![NewSignals { customer, body }]));
        }
        if self.one_in(3) {
            commit.follow_ups = self.tasks();
        }
        commit.announcements = self.announcements();
        if self.one_in(3) {
            // A letter of a replay goes on counting.
            let replayed = self.message().id.replay();
            let cause = if self.one_in(2) { replayed } else { task.clone() };
            commit.letter = Some(self.letter_of(&cause));
        }
        if self.one_in(4) {
            let path = format!("briefs/{}.md", self.random.below(3));
            self.artifacts.push(path.clone());
            commit.artifacts.push(Artifact {
                path,
                content: task.as_str().as_bytes().to_vec(),
            });
        }
        if self.one_in(12) {
            commit.artifacts.push(Artifact {
                path: "../out".to_owned(),
                content: Vec::new(),
            });
        }
        commit
    }

    /// Over few customers and days, so that records replace each other.
    fn record(&mut self) -> HealthRecord {
        let exact = |random: &mut Random| {
            let over = random.below(200) as i64 - 50;
            Exact::fraction(over, 1 + random.below(4) as i64).unwrap()
        };
        let states = [
            Kept::Band("frisk".to_owned()),
            Kept::NotScored,
            Kept::Unclassified,
            Kept::InGrace,
        ];
        let rows = ["usage/logins", "support/sentiment", "override/\"red\" one"];
        let first = self.random.below(3) as usize;
        HealthRecord {
            customer: CustomerId(format!("k{}", self.random.below(6))),
            day: date(2026, 1, 1 + self.random.below(3) as i8),
            at: after(self.random.below(3) as i64),
            last_fact: self.random.below(3),
            snapshot: Snapshot {
                model: "test/health".into(),
                version: 1 + self.random.below(2) as u32,
                hash: format!("h{}", self.random.below(2)).into(),
                score: self.one_in(2).then(|| exact(&mut self.random)),
                state: states[self.random.below(4) as usize].clone(),
                severity: self.one_in(2).then_some(2),
                rows: rows[first..]
                    .iter()
                    .map(|name| ((*name).into(), exact(&mut self.random)))
                    .collect(),
            },
        }
    }

    /// Mostly one that nobody has set aside before.
    fn message(&mut self) -> NewLetter {
        let place = self.random.below(12);
        let letter = NewLetter::new(
            LetterKind::Message,
            "KUNDER_IN",
            &place.to_string(),
            "oläst",
            after(2),
        );
        letter.holding("kunder.in.salj.x", &[0, 159, 255])
    }

    fn letter_of(&mut self, task: &TaskId) -> NewLetter {
        NewLetter::new(LetterKind::Task, AGENT, task.as_str(), "det gick inte", after(3))
    }

    /// Ends of letters that there are, and of one that there is not.
    async fn ends<S: Store>(&mut self, store: &S) -> Vec<(LetterId, LetterEnd)> {
        let all = LetterQuery {
            open_only: false,
            newest_first: true,
            after: 0,
            before: u64::MAX,
            limit: 9,
        };
        let mut ends = vec![(LetterId::new("L-0"), LetterEnd::Dropped)];
        for letter in store.letters(all).await.unwrap() {
            if self.one_in(3) {
                continue;
            }
            let full = store.letter(&letter.id).await.unwrap().unwrap();
            let end = match full.announce_again(after(4), None) {
                _ if self.one_in(3) => LetterEnd::Dropped,
                Some(again) => LetterEnd::Announced(Box::new(again)),
                None => LetterEnd::Accepted(letter.id.replay()),
            };
            ends.push((letter.id, end));
        }
        ends
    }

    fn announcements(&mut self) -> Vec<Announcement> {
        let make = |random: &mut Random| {
            let kinds = [
                AnnouncementKind::Event,
                AnnouncementKind::Result,
                AnnouncementKind::Request,
            ];
            let place = random.below(3) as usize;
            let mut made = announcement(LANES[place], kinds[place], &format!("m{}", random.below(90)));
            if random.below(3) == 0 {
                made.deadline = Some(after(random.below(900) as i64));
            }
            made
        };
        (0..self.random.below(3))
            .map(|_| make(&mut self.random))
            .collect()
    }

    fn moment(&mut self) -> String {
        format!("2026-01-0{}T00:00:00Z", 1 + self.random.below(9))
    }

    /// Few ids and moments: repeats, conflicts, names of one moment.
    pub fn facts(&mut self) -> Vec<Fact> {
        let make = |script: &mut Self| {
            let number = script.random.below(90);
            let (text, customer) = (format!("f{number:02}"), format!("k{}", number % 6));
            let observed = format!("2026-01-0{}T00:00:00Z", 1 + number % 9);
            let said = if script.one_in(9) { number + 1 } else { number };
            match number % 4 {
                0 => named(&text, &customer, &observed, &format!("namn {}", said % 6)),
                1 => website(&text, &customer, &observed, &format!("sida {said}")),
                2 => fact(
                    &text,
                    &customer,
                    &observed,
                    FactBody::Survey {
                        score: (said % 11) as u8,
                        comment: None,
                    },
                ),
                _ => fact(
                    &text,
                    &customer,
                    &observed,
                    FactBody::Told {
                        what: "health".to_owned(),
                        hash: said.to_string(),
                    },
                ),
            }
        };
        let mut facts: Vec<Fact> = (0..1 + self.random.below(4)).map(|_| make(self)).collect();
        if self.one_in(15) {
            facts[0].source = "Admin".to_owned();
        }
        facts
    }
}
