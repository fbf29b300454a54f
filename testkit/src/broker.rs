//! A simulated broker: what JetStream does for the runtime, in virtual time, with faults from a seed.

mod delivery;
mod faults;
mod queue;
mod state;
mod stream;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use kunder_agent_core::clock::Clock;
use kunder_bus::broker::{Broker, Outgoing, PublishError, Stored, StreamEnd, StreamNames};
use kunder_bus::{NatsConfig, Pattern, Source};
use tokio::sync::Notify;

pub use delivery::{Consumer, SimDelivery};
pub use faults::Faults;
pub use stream::Message;

use crate::dice::Dice;
use state::{Arrival, State};
use stream::{Stream, bytes_of};

/// The payload limit of a broker with default settings.
const PAYLOAD_BYTES_MAX: usize = 1_048_576;
/// How long a message is on its way where nothing goes wrong, at most.
const LATENCY_MAX: SignedDuration = SignedDuration::from_millis(1);

/// The broker. What it holds outlives every process that talks to it; all processes share its connection's fate.
pub struct SimBroker {
    clock: Arc<dyn Clock>,
    names: StreamNames,
    answer_timeout: SignedDuration,
    ack_wait: SignedDuration,
    pending_max: usize,
    state: Mutex<State>,
    /// Told when the connection breaks.
    cut: Notify,
}

impl SimBroker {
    /// A broker with the streams that this configuration asks for, and work queues for these agents.
    ///
    /// # Panics
    /// When the process or an agent cannot stand in a subject.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, config: &NatsConfig, agents: &[&str]) -> Arc<Self> {
        let names = StreamNames::of(&config.process);
        let window = millis(config.duplicate_window_ms);
        let stream = |name: &str, subjects: &[String]| {
            let subjects = subjects.iter().map(|subject| pattern(subject)).collect();
            Stream::new(name, subjects, window)
        };
        let tasks: Vec<String> = agents.iter().map(|agent| names.task_subjects(agent)).collect();
        let mut tasks = stream(&names.tasks, &tasks);
        tasks.work_queue = true;
        tasks.messages_max = usize::try_from(config.tasks_max).unwrap_or(usize::MAX);
        let streams = vec![
            tasks,
            stream(&names.results, &[names.result_subjects()]),
            stream(&names.events, &[names.event_subjects()]),
            stream(&names.inbox, &[names.inbox_subjects()]),
            stream(&names.letters, &[names.letter_subjects()]),
        ];
        let answer_timeout = millis(config.answer_timeout_ms);
        // Half of the late ones arrive after whoever waits for an answer gave up.
        let late_max = answer_timeout * 2;
        let state = State::new(Dice::new(clock.random()), streams, clock.now(), late_max);
        Arc::new(Self {
            answer_timeout,
            ack_wait: millis(config.ack_wait_ms),
            pending_max: usize::try_from(config.max_ack_pending).unwrap_or(1),
            clock,
            names,
            state: Mutex::new(state),
            cut: Notify::new(),
        })
    }

    /// Another process's stream.
    pub fn add_stream(&self, name: &str, subjects: Vec<Pattern>) {
        let mut state = self.state();
        let window = state.streams[0].window;
        state.streams.push(Stream::new(name, subjects, window));
    }

    /// From now on the stream refuses messages over this size.
    ///
    /// # Panics
    /// When there is no such stream.
    pub fn limit_messages(&self, stream: &str, bytes_max: usize) {
        let mut state = self.state();
        let index = state.stream(stream).expect("the stream exists");
        state.streams[index].message_bytes_max = bytes_max;
    }

    /// From now on this goes wrong.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// Breaks the connection for a while.
    pub fn disconnect(&self, away: SignedDuration) {
        self.state().disconnect(away);
        self.cut.notify_waiters();
    }

    /// The broker dies, and is back after a while with what it had stored.
    pub fn restart(&self, away: SignedDuration) {
        self.state().restart(away);
        self.cut.notify_waiters();
    }

    /// Stores a message at once and for certain, as a world outside that keeps trying does.
    ///
    /// # Errors
    /// The stream refuses it.
    pub fn store(&self, message: Outgoing) -> Result<Stored, PublishError> {
        self.state().arrive(message)
    }

    /// What a stream holds, in order; nothing where there is no such stream.
    #[must_use]
    pub fn messages(&self, stream: &str) -> Vec<Arc<Message>> {
        let state = self.state();
        let found = state.stream(stream).map(|index| &state.streams[index]);
        found.map_or_else(Vec::new, |stream| stream.messages.values().cloned().collect())
    }

    /// The last sequence that a stream gave.
    #[must_use]
    pub fn last_sequence(&self, stream: &str) -> u64 {
        let state = self.state();
        state
            .stream(stream)
            .map_or(0, |index| state.streams[index].last_sequence)
    }

    /// Listens from now on; what was heard is read with [`SimBroker::heard`].
    pub fn listen(&self, pattern: Pattern) -> usize {
        self.state().listen(pattern)
    }

    /// Takes what a listener heard since it was last asked.
    #[must_use]
    pub fn heard(&self, listener: usize) -> Vec<Arc<Message>> {
        self.state().heard(listener)
    }

    /// How many messages wait: on their way into streams, and not settled in those that are consumed.
    #[must_use]
    pub fn open(&self) -> usize {
        self.state().open()
    }

    /// The durable consumer of a source, over the connection of this moment; made where there is none yet.
    #[must_use]
    pub fn consumer(self: &Arc<Self>, source: &Source) -> Consumer {
        let filter = pattern(&source.subjects(&self.names));
        let stream = source.stream(&self.names);
        let mut state = self.state();
        let queue = state.queue(stream, source.consumer(), filter, self.ack_wait, self.pending_max);
        Consumer {
            broker: Arc::clone(self),
            queue,
            connection: state.connection,
        }
    }

    /// Holds the state as it is at this moment.
    /// How often which fault struck.
    #[must_use]
    pub fn struck(&self) -> BTreeMap<&'static str, u64> {
        self.state().dice.struck().clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.advance(self.clock.now());
        state
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut Dice) -> T) -> T {
        draw(&mut self.state().dice)
    }

    fn changed(&self, queue: usize) -> Arc<Notify> {
        Arc::clone(&self.state().queues[queue].changed)
    }

    fn connection_and_return(&self) -> (u64, Timestamp) {
        let state = self.state();
        (state.connection, state.away_until)
    }

    async fn latency(&self) {
        let latency = self.draw(|dice| up_to(LATENCY_MAX, dice));
        self.clock.sleep_until(self.clock.now() + latency).await;
    }

    /// Waits now and then, as long as a message may be delayed.
    async fn delay(&self) {
        let delay = {
            let mut state = self.state();
            let delayed = state.faults.delayed;
            let most = state.faults.delay_max;
            state.dice.permille(delayed).then(|| up_to(most, &mut state.dice))
        };
        if let Some(delay) = delay {
            self.clock.sleep_until(self.clock.now() + delay).await;
        }
    }

    /// Waits until whoever asked at `asked` gives up.
    async fn time_out(&self, asked: Timestamp) -> PublishError {
        self.clock.sleep_until(asked + self.answer_timeout).await;
        no_answer()
    }

    /// Hands out a message, or says when to look again.
    fn hand_out(
        &self,
        now: Timestamp,
        queue: usize,
        connection: u64,
    ) -> (Option<Arc<Message>>, Option<Timestamp>) {
        let mut state = self.state();
        if state.trouble() {
            self.cut.notify_waiters();
        }
        if state.connection != connection {
            // Nothing comes over this connection any more.
            return (None, None);
        }
        if state.is_away() {
            return (None, Some(state.away_until));
        }
        let State {
            queues, faults, dice, ..
        } = &mut *state;
        let message = queues[queue].take(now, faults, dice);
        let next = queues[queue].next_due().into_iter().chain(state.next_late());
        (message, next.min())
    }

    /// A delivery is acknowledged, where that arrives.
    fn settle(&self, queue: usize, message: &Arc<Message>) {
        let mut state = self.state();
        if !state.answer_is_lost() {
            state.settle(queue, message);
        }
    }

    /// A delivery is given back, where that arrives.
    fn give_back(&self, queue: usize, message: &Arc<Message>, delay: SignedDuration) {
        let mut state = self.state();
        let again = state.now.checked_add(delay).unwrap_or(Timestamp::MAX);
        if !state.answer_is_lost() && state.queues[queue].is_pending(message.sequence) {
            state.queues[queue].come_again(message, again);
        }
    }
}

#[async_trait]
impl Broker for SimBroker {
    fn describe(&self) -> String {
        "simulated".to_owned()
    }

    fn streams(&self) -> &StreamNames {
        &self.names
    }

    fn connection(&self) -> Option<u64> {
        let state = self.state();
        (!state.is_away()).then_some(state.connection)
    }

    fn max_payload(&self) -> usize {
        PAYLOAD_BYTES_MAX
    }

    async fn publish(&self, messages: Vec<Outgoing>) -> Vec<Result<Stored, PublishError>> {
        let asked = self.clock.now();
        self.latency().await;
        let mut answers = Vec::with_capacity(messages.len());
        let mut silent = false;
        let mut connection = self.connection();
        for message in messages {
            if bytes_of(&message) > PAYLOAD_BYTES_MAX {
                answers.push(Err(too_large()));
                break;
            }
            self.delay().await;
            let mut state = self.state();
            if state.trouble() {
                self.cut.notify_waiters();
            }
            if connection.is_some_and(|connection| connection != state.connection) {
                // Answers that were on their way are lost with the connection.
                let heard = state.dice.below(answers.len() as u64 + 1);
                let heard = usize::try_from(heard).unwrap_or(0);
                answers[heard..].fill_with(|| Err(no_answer()));
                connection = None;
            }
            let arrival = match connection {
                Some(_) => state.send(message),
                None => state.send_into_the_dark(message),
            };
            silent |= matches!(arrival, Arrival::Silent);
            answers.push(match arrival {
                Arrival::Answered(answer) => answer,
                Arrival::Silent => Err(no_answer()),
            });
        }
        if silent {
            self.time_out(asked).await;
        } else {
            self.delay().await;
        }
        answers
    }

    async fn end_of_events(&self) -> Result<StreamEnd, PublishError> {
        let asked = self.clock.now();
        self.latency().await;
        let end = {
            let mut state = self.state();
            let lost = state.faults.answer_lost;
            let silent = state.is_away() || state.dice.permille(lost);
            let stream = &state.streams[state.stream(&self.names.events).expect("made with the broker")];
            let last = stream.messages.last_key_value();
            (!silent).then(|| StreamEnd {
                sequence: stream.last_sequence,
                headers: last.map(|(_, message)| message.headers.clone()),
            })
        };
        match end {
            Some(end) => {
                self.delay().await;
                Ok(end)
            }
            None => Err(self.time_out(asked).await),
        }
    }

    async fn send(&self, message: Outgoing) -> Result<(), PublishError> {
        if bytes_of(&message) > PAYLOAD_BYTES_MAX {
            return Err(too_large());
        }
        let mut state = self.state();
        if state.trouble() {
            self.cut.notify_waiters();
        }
        if state.is_away() {
            state.send_into_the_dark(message);
        } else {
            // Nobody answers, so nobody hears that a stream refused it.
            let _ = state.arrive(message);
        }
        Ok(())
    }

    async fn flush(&self) -> Result<(), PublishError> {
        let asked = self.clock.now();
        self.latency().await;
        let (away_until, lost) = {
            let mut state = self.state();
            let lost = state.faults.answer_lost;
            (state.away_until, state.dice.permille(lost))
        };
        if lost || away_until > asked + self.answer_timeout {
            return Err(self.time_out(asked).await);
        }
        // The question waits for the next connection, and is answered over that.
        self.clock.sleep_until(away_until).await;
        self.delay().await;
        Ok(())
    }
}

fn too_large() -> PublishError {
    PublishError::TooLarge("max payload size exceeded".to_owned())
}

fn no_answer() -> PublishError {
    PublishError::Unavailable("no answer in time".to_owned())
}

fn pattern(subject: &str) -> Pattern {
    subject.parse().expect("process and agents can stand in subjects")
}

fn millis(millis: u64) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// A duration of at most `most`.
fn up_to(most: SignedDuration, dice: &mut Dice) -> SignedDuration {
    let nanos = u64::try_from(most.as_nanos()).unwrap_or(0);
    SignedDuration::from_nanos(i64::try_from(dice.below(nanos.saturating_add(1))).unwrap_or(0))
}
