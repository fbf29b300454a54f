//! The verdict at the end of a day: what was accepted has one outcome, what was committed was announced once, and nothing else was.

use std::collections::{BTreeMap, BTreeSet};

use futures::FutureExt;
use kunder::store::Store;
use kunder_agent_core::bus::{Announcement, AnnouncementKind};
use kunder_agent_core::id::TaskId;
use kunder_agent_core::journal::{Journal, TaskStatus};
use kunder_agent_core::letter::{LetterKind, LetterQuery};
use kunder_agent_core::outcome::Status;
use kunder_agent_core::runtime::RuntimeConfig;
use kunder_agent_core::subject::token;
use kunder_domain::customer::Customer;
use kunder_domain::portfolio::{Portfolio, Span};
use serde_json::Value;

use crate::broker::Message;
use crate::chaos::CHAOS;
use crate::day::{Known, Told, task_id};
use crate::plan::{Way, What};
use crate::world::World;

/// The simulated store is never away by itself.
fn at_once<T>(asked: impl Future<Output = T>) -> T {
    asked.now_or_never().expect("the store in memory answers at once")
}

/// Everything that is looked at.
struct Court<'a> {
    world: &'a World,
    known: &'a Known,
    statuses: BTreeMap<TaskId, TaskStatus>,
    announcements: Vec<Announcement>,
}

/// Looks at everything, and tells the witness what is broken.
pub fn judge(world: &World, told: &Told) {
    let known = told.known();
    let counts = at_once(world.store.counts()).expect("the store counts");
    world.witness.weighs(&counts);
    let statuses = world
        .witness
        .tasks()
        .keys()
        .filter_map(|id| Some((id.clone(), at_once(world.store.status(id)).ok()??)))
        .collect();
    let announcements = at_once(world.store.announcements(0, usize::MAX)).expect("the outbox can be read");
    let court = Court {
        world,
        known: &known,
        statuses,
        announcements,
    };
    court.everybody_was_told_the_truth();
    court.everything_has_ended();
    court.what_was_given_up_left_a_letter();
    court.results_are_told_once();
    court.events_are_told_once_and_in_order();
    court.requests_are_told_or_given_up();
    court.replies_say_which_attempt_they_are();
    court.nothing_is_left_in_the_queues();
    court.facts_follow_from_outcomes();
    court.alerts_are_raised_once();
}

impl Court<'_> {
    fn broken(&self, what: String) {
        self.world.witness.broken(what);
    }

    fn messages(&self, stream: &str) -> Vec<std::sync::Arc<Message>> {
        self.world.broker.messages(stream)
    }

    /// What a sender was told is so: accepted tasks are there, refused ones are not, answers are the outcomes.
    fn everybody_was_told_the_truth(&self) {
        for (id, way) in &self.known.accepted {
            let accounted = self.statuses.contains_key(id) || (*way == Way::Queue && self.is_dead_letter(id));
            if !accounted {
                self.broken(format!("{id} was accepted ({way:?}) and is gone"));
            }
        }
        for (id, refusal) in &self.known.refused {
            let heard_of = self.known.accepted.contains_key(id) || self.known.in_doubt.contains(id);
            if !heard_of && self.statuses.contains_key(id) {
                self.broken(format!("{id} was refused ({refusal}) and is there"));
            }
        }
        for answer in &self.known.answers {
            let stored = self
                .statuses
                .get(&answer.task_id)
                .and_then(|status| status.outcome.as_ref());
            if stored != Some(answer) {
                self.broken(format!("{} was answered otherwise than it ended", answer.task_id));
            }
        }
    }

    fn is_dead_letter(&self, id: &TaskId) -> bool {
        let end = format!(".{id}");
        self.messages("KUNDER_DLQ")
            .iter()
            .any(|letter| letter.subject.ends_with(&end))
    }

    /// Nothing is queued or running; what waits, waits for its moment.
    fn everything_has_ended(&self) {
        let now = self.world.machine.now();
        for (id, status) in &self.statuses {
            let waits = status.not_before.is_some_and(|moment| moment > now);
            if status.outcome.is_none() && !waits {
                self.broken(format!(
                    "{id} of {} never ended: {:?}",
                    status.agent, status.state
                ));
            }
        }
    }

    /// A task that failed after all its tries left one letter, and a letter tells of nothing else.
    fn what_was_given_up_left_a_letter(&self) {
        let all = LetterQuery {
            open_only: false,
            newest_first: false,
            after: 0,
            before: u64::MAX,
            limit: usize::MAX,
        };
        let letters = at_once(self.world.store.letters(all)).expect("the letters can be read");
        let tries = format!("after {} tries: ", RuntimeConfig::default().tries_max);
        let mut told: BTreeMap<&str, u32> = BTreeMap::new();
        for letter in letters.iter().filter(|letter| letter.kind == LetterKind::Task) {
            *told.entry(letter.subject.as_str()).or_default() += 1;
        }
        for (id, status) in &self.statuses {
            let subject = format!("kunder.task.{}.{}", status.agent, token(id.as_str()));
            let letters = told.remove(subject.as_str()).unwrap_or(0);
            let Some(outcome) = &status.outcome else { continue };
            // A parent tells its pages' blockers as its own, and is not given up for them.
            let says = |blocker: &String| blocker.contains(&tries);
            let given_up =
                outcome.report.status == Status::Failed && outcome.report.blockers.first().is_some_and(says);
            if given_up && letters == 1 {
                self.world.witness.hit("a task was given up and left a letter");
            }
            if letters > 1 || (letters == 0 && given_up && !self.is_rehearsal(id)) {
                self.broken(format!("{id} was given up and left {letters} letters"));
            }
            if letters > 0 && outcome.report.status != Status::Failed {
                self.broken(format!(
                    "{id} left a letter and ended as {:?}",
                    outcome.report.status
                ));
            }
        }
        for subject in told.keys() {
            self.broken(format!("a letter tells of {subject}, which was never accepted"));
        }
    }

    /// Whether a task is a dry run; what belongs to one is one too.
    fn is_rehearsal(&self, id: &TaskId) -> bool {
        let record = at_once(self.world.store.record(id)).ok().flatten();
        record.is_some_and(|record| record.new.task.dry_run)
    }

    /// One result on the stream for each announced outcome, the very outcome, and none without.
    fn results_are_told_once(&self) {
        let mut told: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for message in self.messages("KUNDER_RESULTS") {
            if told
                .insert(message.subject.to_string(), message.body.clone())
                .is_some()
            {
                self.broken(format!("two results on {}", message.subject));
            }
        }
        for result in self.of_kind(AnnouncementKind::Result) {
            match told.remove(&result.subject) {
                None => self.broken(format!("{} was never told", result.subject)),
                Some(body) if body != result.body => {
                    self.broken(format!("{} was told otherwise", result.subject))
                }
                Some(body) => self.is_the_outcome(result, &body),
            }
        }
        for (subject, _) in told {
            self.broken(format!("{subject} was told and never committed"));
        }
        let announced: BTreeSet<&str> = self
            .of_kind(AnnouncementKind::Result)
            .map(|result| result.message_id.as_str())
            .collect();
        for (id, seen) in self.world.witness.tasks() {
            let expected = seen.ended.is_some() && seen.parent.is_none();
            if expected && !announced.contains(format!("{id}/result").as_str()) {
                self.broken(format!("the outcome of {id} was not announced"));
            }
        }
    }

    fn is_the_outcome(&self, result: &Announcement, body: &[u8]) {
        let stored = result
            .message_id
            .strip_suffix("/result")
            .and_then(|id| self.statuses.get(&TaskId::new(id).ok()?))
            .and_then(|status| serde_json::to_vec(status.outcome.as_ref()?).ok());
        if stored.as_deref() != Some(body) {
            self.broken(format!("{} tells another outcome than is stored", result.subject));
        }
    }

    fn of_kind(&self, kind: AnnouncementKind) -> impl Iterator<Item = &Announcement> {
        self.announcements
            .iter()
            .filter(move |announcement| announcement.kind == kind)
    }

    fn events_are_told_once_and_in_order(&self) {
        let committed: Vec<&str> = self
            .of_kind(AnnouncementKind::Event)
            .map(|event| event.message_id.as_str())
            .collect();
        let messages = self.messages("KUNDER_EVENTS");
        let told: Vec<&str> = messages.iter().map(|message| &*message.message_id).collect();
        let plain = |id: &str| kunder_agent_core::subject::token(id);
        let committed: Vec<String> = committed.into_iter().map(plain).collect();
        if committed != told {
            let first = committed.iter().zip(&told).position(|(one, other)| one != other);
            self.broken(format!(
                "{} events were committed, {} told; they differ from number {}",
                committed.len(),
                told.len(),
                first.unwrap_or(committed.len().min(told.len()))
            ));
        }
    }

    /// Requests stand once on the stream of their process, or were given up after their deadline.
    fn requests_are_told_or_given_up(&self) {
        let mut told: BTreeMap<String, u32> = BTreeMap::new();
        for message in self.messages("ELSEWHERE") {
            *told.entry(message.subject.to_string()).or_default() += 1;
        }
        let given_up: BTreeSet<String> = at_once(self.world.store.undelivered())
            .expect("the outbox can be read")
            .into_iter()
            .map(|undelivered| undelivered.subject)
            .collect();
        for request in self.of_kind(AnnouncementKind::Request) {
            match told.get(&request.subject) {
                Some(1) => {}
                Some(times) => self.broken(format!("{} was told {times} times", request.subject)),
                None if given_up.contains(&request.subject) => {
                    self.world.witness.hit("a request was given up");
                }
                None => self.broken(format!("{} was never told", request.subject)),
            }
        }
    }

    /// A reply that comes again says so, and nobody is left without one.
    fn replies_say_which_attempt_they_are(&self) {
        let mut heard: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for message in self.world.heard_replies() {
            let attempt = message.headers.iter().find(|(name, _)| name == "Kunder-Attempt");
            let attempt = attempt.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
            heard
                .entry(message.message_id.to_string())
                .or_default()
                .push(attempt);
        }
        for (id, attempts) in &heard {
            if attempts.iter().filter(|attempt| **attempt <= 1).count() > 1 {
                self.broken(format!("{id} came again and does not say so: {attempts:?}"));
            }
            if attempts.len() > 1 {
                self.world.witness.hit("a reply came again");
            }
        }
        for reply in self.of_kind(AnnouncementKind::Reply) {
            if !heard.contains_key(&kunder_agent_core::subject::token(&reply.message_id)) {
                self.broken(format!("{} never came", reply.message_id));
            }
        }
    }

    fn nothing_is_left_in_the_queues(&self) {
        let waiting = at_once(self.world.store.waiting_announcements()).expect("the outbox can be read");
        for (destination, count) in waiting {
            self.broken(format!("{count} announcements wait for {destination}"));
        }
        let queued = self.messages("KUNDER_TASKS");
        if let Some(first) = queued.first() {
            self.broken(format!(
                "{} messages wait in the work queue, such as {}",
                queued.len(),
                first.subject
            ));
        }
    }

    /// What complete tasks have changed is there, once; what others would have changed is not.
    fn facts_follow_from_outcomes(&self) {
        let view = at_once(self.world.store.view(jiff::Timestamp::MAX)).expect("the store can be read");
        let customers: Vec<Customer> = at_once(Portfolio::read(&self.world.store, view, &Span::default()))
            .expect("the store can be read");
        let text = |customer: &Customer, wanted: &str| {
            customer
                .touchpoints
                .iter()
                .filter(|touchpoint| touchpoint.value.summary == wanted)
                .count()
        };
        let mut logged: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, op) in self.world.plan.ops.iter().enumerate() {
            let What::Task(sent) = &op.what else { continue };
            let status = self
                .statuses
                .get(&task_id(index))
                .and_then(|status| status.outcome.as_ref());
            let done = status.is_some_and(|outcome| outcome.report.status != Status::Failed) && !sent.dry_run;
            if sent.command == "log-touchpoint"
                && let Some(Value::String(text)) = sent.params.get("text")
            {
                *logged.entry(text).or_default() += usize::from(done);
            }
            if sent.agent == CHAOS && sent.command == "note" && sent.customer.is_some() {
                let noted = customers.iter().any(|customer| {
                    customer
                        .profile
                        .get("note")
                        .is_some_and(|note| note.value == task_id(index).as_str())
                });
                if noted && !done {
                    self.broken(format!("{} failed and left a note", task_id(index)));
                }
            }
        }
        for (wanted, times) in logged {
            let found: usize = customers.iter().map(|customer| text(customer, wanted)).sum();
            if found != times {
                self.broken(format!(
                    "`{wanted}` was logged {times} times, and {found} stand there"
                ));
            }
        }
        self.events_are_taken_once(&customers);
    }

    /// A won deal opens one onboarding, a meeting is one touchpoint, however often they were delivered.
    fn events_are_taken_once(&self, customers: &[Customer]) {
        for (_, kind, key) in &self.known.events {
            let (wanted, found) = match *kind {
                "deal-won" => {
                    let deal = format!("deal-{key}");
                    let of = |customer: &Customer| {
                        customer
                            .onboardings
                            .iter()
                            .filter(|found| found.value.as_deref() == Some(deal.as_str()))
                            .count()
                    };
                    (deal.clone(), customers.iter().map(of).sum::<usize>())
                }
                "touchpoint" => {
                    let text = format!("Möte nr {key}");
                    let of = |customer: &Customer| {
                        customer
                            .touchpoints
                            .iter()
                            .filter(|found| found.value.summary == text)
                            .count()
                    };
                    (text.clone(), customers.iter().map(of).sum())
                }
                _ => continue,
            };
            let process = if *kind == "deal-won" { "salj" } else { "admin" };
            let task = TaskId::derived(
                &format!("in/{process}/{kind}"),
                &format!("{process}-{kind}-{key}"),
            );
            let outcome = self
                .statuses
                .get(&task)
                .and_then(|status| status.outcome.as_ref());
            let failed = outcome.is_some_and(|outcome| outcome.report.status == Status::Failed);
            if found != usize::from(!failed) {
                self.broken(format!("`{wanted}` was told, and {found} stand there"));
            }
        }
    }

    /// At risk, recovered, at risk …: never the same twice in a row for one customer.
    fn alerts_are_raised_once(&self) {
        let mut last: BTreeMap<String, String> = BTreeMap::new();
        for event in self.of_kind(AnnouncementKind::Event) {
            let kind = event.subject.rsplit('.').next().unwrap_or_default();
            if !event.subject.contains(".customer-health.") || !matches!(kind, "at-risk" | "recovered") {
                continue;
            }
            let data: Value = serde_json::from_slice(&event.body).unwrap_or_default();
            let about = data["customerId"].to_string();
            self.world.witness.hit("an alert was raised or closed");
            if last.insert(about.clone(), kind.to_owned()).as_deref() == Some(kind) {
                self.broken(format!("{kind} was told twice in a row for {about}"));
            }
        }
    }
}
