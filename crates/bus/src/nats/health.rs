//! What the broker told us by the way: permissions it refused, messages it dropped, streams that had to be made again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_nats::{ClientError, Event, ServerError};
use tracing::{error, info, warn};

/// As many refused subjects are kept apart.
const DENIED_MAX: usize = 64;
/// A publish that was refused and is not tried again in so many looks of the keeper is over: whatever still needs it
/// tries again sooner.
const LOOKS_UNTIL_OVER: u32 = 6;

/// How we stand with the broker. Changes are logged once.
pub(crate) struct Health {
    process: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    denied: BTreeMap<(Verb, String), Denied>,
    /// Why the last try to connect was refused.
    refused: Option<String>,
    /// Why the last try to connect failed.
    failed: Option<String>,
    /// What could not be set up, and how to mend it.
    broken: BTreeMap<String, String>,
    /// Streams that were there once.
    known: BTreeSet<String>,
    /// How often a stream was gone and made again.
    remade: BTreeMap<String, u64>,
    dropped: u64,
    lost: u64,
}

/// What the broker does not permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    Publish,
    Subscribe,
}

struct Denied {
    subject: String,
    times: u64,
    /// Looks of the keeper since it was last told.
    looks: u32,
    /// Whether work stands still without it; else someone does not get an answer.
    needed: bool,
}

impl Health {
    pub(crate) fn new(process: &str) -> Self {
        Self {
            process: process.to_owned(),
            state: Mutex::default(),
        }
    }

    /// Takes note of an event of the connection.
    pub(crate) fn told(&self, event: &Event) {
        match event {
            Event::Connected => {
                info!("connected to nats");
                // What is still not permitted is told anew: all subscriptions are made again.
                self.change(|state| {
                    state.denied.clear();
                    state.refused = None;
                    state.failed = None;
                });
            }
            Event::Disconnected => {
                warn!("lost the connection to nats, reconnecting");
                self.lock().lost += 1;
            }
            Event::LameDuckMode => warn!("nats server is about to stop, it asks clients to move"),
            Event::SlowConsumer(_) | Event::ServerError(ServerError::SlowConsumer(_)) => self.is_slow(),
            Event::ServerError(ServerError::AuthorizationViolation) => {
                self.refused("nats refused our credentials");
            }
            Event::ServerError(problem) => match violation(&problem.to_string()) {
                Some((verb, subject)) => self.denied(verb, &subject),
                None => warn!(%problem, "nats reported a problem"),
            },
            Event::ClientError(ClientError::Other(reason)) if reason.to_lowercase().contains("authori") => {
                self.refused("nats refused our credentials");
            }
            Event::ClientError(problem) => self.failed(&problem.to_string()),
            Event::Draining | Event::Closed => info!(%event, "nats connection ends"),
        }
    }

    /// Every try to connect tells why it failed: that is logged once.
    fn failed(&self, reason: &str) {
        let mut state = self.lock();
        if state.failed.as_deref() != Some(reason) {
            warn!(reason, "nats client reported a problem");
            state.failed = Some(reason.to_owned());
        }
    }

    /// Why we are not connected, where that is known.
    pub(crate) fn away(&self) -> Option<String> {
        self.lock().failed.clone()
    }

    fn is_slow(&self) {
        let dropped = {
            let mut state = self.lock();
            state.dropped += 1;
            state.dropped
        };
        // A flood drops many at once.
        if dropped.is_power_of_two() {
            warn!(dropped, "reading too slowly, nats messages were dropped");
        }
    }

    fn refused(&self, reason: &str) {
        self.change(|state| {
            state.refused = Some(format!(
                "{reason}: correct user and password in the URL, or the server's users; it is tried again"
            ));
        });
    }

    fn denied(&self, verb: Verb, subject: &str) {
        let (group, needed) = (self.group(verb, subject), self.is_needed(verb, subject));
        self.change(|state| {
            let key = (verb, group);
            if state.denied.len() >= DENIED_MAX && !state.denied.contains_key(&key) {
                return;
            }
            let denied = state.denied.entry(key).or_insert(Denied {
                subject: subject.to_owned(),
                times: 0,
                looks: 0,
                needed,
            });
            denied.times += 1;
            denied.looks = 0;
        });
    }

    /// Messages on this subject were stored: whatever was refused there is permitted again.
    pub(crate) fn published(&self, subject: &str) {
        if self.lock().denied.is_empty() {
            return;
        }
        let key = (Verb::Publish, self.group(Verb::Publish, subject));
        self.change(|state| drop(state.denied.remove(&key)));
    }

    /// Work waits for a message on this subject: what is refused there is a problem, whoever's subject it is.
    pub(crate) fn stuck(&self, subject: &str) {
        let key = (Verb::Publish, self.group(Verb::Publish, subject));
        self.change(|state| {
            if let Some(denied) = state.denied.get_mut(&key) {
                denied.needed = true;
            }
        });
    }

    /// What was refused to be subscribed to, with how often that was told.
    pub(crate) fn unsubscribed(&self) -> Vec<(String, u64)> {
        let state = self.lock();
        let subscribing = state
            .denied
            .iter()
            .filter(|((verb, _), _)| *verb == Verb::Subscribe);
        subscribing
            .map(|(_, denied)| (denied.subject.clone(), denied.times))
            .collect()
    }

    /// The keeper looks: refused publishes that nobody tries any more are over.
    pub(crate) fn look(&self) {
        self.change(|state| {
            for denied in state.denied.values_mut() {
                denied.looks += 1;
            }
            state
                .denied
                .retain(|(verb, _), denied| *verb == Verb::Subscribe || denied.looks < LOOKS_UNTIL_OVER);
        });
    }

    pub(crate) fn is_set_up(&self, what: &str) {
        self.change(|state| drop(state.broken.remove(what)));
    }

    pub(crate) fn cannot_be_set_up(&self, what: &str, why: String) {
        self.change(|state| drop(state.broken.insert(what.to_owned(), why)));
    }

    /// A stream is there. True where it was there before and had to be made again.
    pub(crate) fn stream_made(&self, name: &str) -> bool {
        let mut state = self.lock();
        if state.known.insert(name.to_owned()) {
            return false;
        }
        *state.remade.entry(name.to_owned()).or_default() += 1;
        true
    }

    pub(crate) fn stream_found(&self, name: &str) {
        self.lock().known.insert(name.to_owned());
    }

    /// What a person must mend; empty when all is well.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.lock().problems()
    }

    /// What happened and is over, or harms nobody but whoever asked.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let state = self.lock();
        let mut warnings: Vec<String> = state
            .denied
            .iter()
            .filter(|(_, denied)| !denied.needed)
            .map(|((verb, group), _)| {
                format!(
                    "{}; whoever asked there got no answer (`allow_responses: true` permits answers)",
                    verb.words(group)
                )
            })
            .collect();
        warnings.extend(state.remade.iter().map(|(name, times)| {
            format!(
                "stream {name} was deleted and made again ({times}): what it held then is gone; results and events are \
                 still in `kunder task list` and `kunder events`, tasks that waited there must be sent again"
            )
        }));
        if state.dropped > 0 {
            warnings.push(format!(
                "at least {} messages were dropped because we read too slowly; tasks, results and events are not among them: those \
                 wait in streams. Requests were, and whoever sent one asks again",
                state.dropped
            ));
        }
        if state.lost > 0 {
            warnings.push(format!(
                "the connection was lost and made again {} times since the start",
                state.lost
            ));
        }
        warnings
    }

    /// Makes a change and logs what it did to the problems.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let (before, after) = {
            let mut state = self.lock();
            let before = state.problems();
            change(&mut state);
            (before, state.problems())
        };
        for problem in after.iter().filter(|problem| !before.contains(problem)) {
            error!(problem, "the broker needs a person");
        }
        for problem in before.iter().filter(|problem| !after.contains(problem)) {
            info!(problem, "this is over");
        }
    }

    /// Subjects that end in an id count as one.
    fn group(&self, verb: Verb, subject: &str) -> String {
        let tokens: Vec<&str> = subject.split('.').collect();
        if verb == Verb::Publish && self.is_ours(subject) && tokens.len() > 2 {
            return format!("{}.*", tokens[..tokens.len() - 1].join("."));
        }
        match tokens.as_slice() {
            ["$JS", "ACK", stream, consumer, _, ..] => format!("$JS.ACK.{stream}.{consumer}.>"),
            [first, _, ..] if first.starts_with("_INBOX") => format!("{first}.>"),
            _ => subject.to_owned(),
        }
    }

    fn is_ours(&self, subject: &str) -> bool {
        subject
            .strip_prefix(&self.process)
            .is_some_and(|rest| rest.starts_with('.'))
    }

    fn is_needed(&self, verb: Verb, subject: &str) -> bool {
        verb == Verb::Subscribe || self.is_ours(subject) || subject.starts_with("$JS.")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> = self.refused.iter().cloned().collect();
        problems.extend(
            self.denied
                .iter()
                .filter(|(_, denied)| denied.needed)
                .map(|((verb, group), _)| {
                    let section = verb.section();
                    format!(
                        "{}: allow it under `permissions.{section}` of our user; then it goes on by itself",
                        verb.words(group)
                    )
                }),
        );
        problems.extend(self.broken.values().cloned());
        problems
    }
}

impl Verb {
    fn words(self, group: &str) -> String {
        match self {
            Self::Publish => format!("nats does not permit us to publish on {group}"),
            Self::Subscribe => format!("nats does not permit us to subscribe to {group}"),
        }
    }

    fn section(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
        }
    }
}

/// `Permissions Violation for Publish to "a.b"`: the broker tells refused permissions in words, and only so.
fn violation(text: &str) -> Option<(Verb, String)> {
    let lower = text.to_lowercase();
    if !lower.contains("permissions violation") {
        return None;
    }
    let verb = if lower.contains("violation for subscription") {
        Verb::Subscribe
    } else {
        Verb::Publish
    };
    let subject = text.split('"').nth(1).unwrap_or("an unnamed subject");
    Some((verb, subject.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(health: &Health, text: &str) {
        health.told(&Event::ServerError(ServerError::Other(text.to_owned())));
    }

    #[test]
    fn a_refused_publish_is_a_problem_until_one_succeeds() {
        let health = Health::new("kunder");
        for task in 1..=3 {
            denied(
                &health,
                &format!("Permissions Violation for Publish to \"kunder.result.pipeline.t{task}\""),
            );
        }
        let problems = health.problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0]
                .starts_with("nats does not permit us to publish on kunder.result.pipeline.*: allow it"),
            "{problems:?}"
        );
        health.published("kunder.event.pipeline.x");
        assert_eq!(health.problems().len(), 1);
        health.published("kunder.result.pipeline.t9");
        assert_eq!(health.problems(), Vec::<String>::new());
    }

    #[test]
    fn a_refused_subscription_is_a_problem_until_the_next_connection() {
        let health = Health::new("kunder");
        denied(
            &health,
            "Permissions Violation for Subscription to \"kunder.svc.x.task\" using queue \"kunder\"",
        );
        for _ in 0..10 {
            health.look();
        }
        assert_eq!(health.unsubscribed(), [("kunder.svc.x.task".to_owned(), 1)]);
        assert!(health.problems()[0].contains("`permissions.subscribe`"));
        health.told(&Event::Connected);
        assert_eq!(health.problems(), Vec::<String>::new());
    }

    #[test]
    fn an_answer_that_is_not_permitted_is_the_askers_trouble_unless_work_waits_for_it() {
        let health = Health::new("kunder");
        for number in 0..200 {
            denied(
                &health,
                &format!("Permissions Violation for Publish to \"_INBOX.a{number}.b\""),
            );
            denied(
                &health,
                &format!("Permissions Violation for Publish to \"elsewhere.{number}\""),
            );
        }
        assert_eq!(health.problems(), Vec::<String>::new());
        assert_eq!(health.warnings().len(), DENIED_MAX, "bounded");
        assert!(
            health.warnings()[0].contains("allow_responses"),
            "{:?}",
            health.warnings()[0]
        );
        health.stuck("elsewhere.1");
        assert_eq!(health.problems().len(), 1);
        for _ in 0..LOOKS_UNTIL_OVER {
            health.look();
        }
        assert_eq!(
            (health.problems().len(), health.warnings().len()),
            (0, 0),
            "nobody tries any more"
        );
    }

    #[test]
    fn what_was_dropped_lost_and_made_again_is_told() {
        let health = Health::new("kunder");
        assert!(!health.stream_made("KUNDER_EVENTS"));
        assert!(health.stream_made("KUNDER_EVENTS"));
        health.told(&Event::SlowConsumer(7));
        health.told(&Event::Disconnected);
        let warnings = health.warnings().join("\n");
        assert!(
            warnings.contains("stream KUNDER_EVENTS was deleted"),
            "{warnings}"
        );
        assert!(warnings.contains("1 messages were dropped"), "{warnings}");
        assert!(warnings.contains("lost and made again 1 times"), "{warnings}");
        assert!(health.problems().is_empty());
    }
}
