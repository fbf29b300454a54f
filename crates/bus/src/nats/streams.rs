//! The six streams: what each keeps and for how long, and that the broker keeps it as asked.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{CreateStreamError, CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use serde_json::Value;
use tracing::error;

use super::Shared;
use super::config::NatsConfig;
use super::connection::with_causes;
use super::error::BusError;
use crate::broker::StreamNames;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Names and settings of the streams of one process.
pub(crate) struct Streams {
    pub(crate) names: StreamNames,
    replicas: usize,
    keep: Duration,
    duplicate_window: Duration,
    tasks_max: i64,
}

impl Streams {
    pub(crate) fn new(config: &NatsConfig) -> Self {
        Self {
            names: StreamNames::of(&config.process),
            replicas: config.replicas,
            keep: DAY * u32::try_from(config.keep_days).unwrap_or(u32::MAX / 86_400),
            duplicate_window: Duration::from_millis(config.duplicate_window_ms),
            tasks_max: config.tasks_max,
        }
    }

    pub(crate) fn names(&self) -> [&str; 6] {
        let StreamNames {
            process: _,
            tasks,
            results,
            events,
            inbox,
            letters,
            advisories,
        } = &self.names;
        [tasks, results, events, inbox, letters, advisories]
    }

    pub(crate) fn without_tasks(&self) -> [Config; 4] {
        [
            self.results_config(),
            self.events_config(),
            self.inbox_config(),
            self.letters_config(),
        ]
    }

    /// The subjects are those of the agents that exist: a task for another one has no stream and is refused by the broker.
    pub(crate) fn tasks_config(&self, agents: &[String]) -> Config {
        Config {
            retention: RetentionPolicy::WorkQueue,
            subjects: agents
                .iter()
                .map(|agent| self.names.task_subjects(agent))
                .collect(),
            discard: DiscardPolicy::New,
            max_messages: self.tasks_max,
            max_age: Duration::ZERO,
            ..self.keeping(&self.names.tasks, "tasks that wait to be accepted")
        }
    }

    /// What the broker says of messages that our consumers will not get any more.
    pub(crate) fn advisories_config(&self) -> Config {
        let consumers = [
            format!("{}.*", self.names.tasks),
            format!("{}.runner", self.names.inbox),
        ];
        let both = |consumer: &String| {
            ["MAX_DELIVERIES", "MSG_TERMINATED"]
                .map(|what| format!("$JS.EVENT.ADVISORY.CONSUMER.{what}.{consumer}"))
        };
        Config {
            retention: RetentionPolicy::WorkQueue,
            subjects: consumers.iter().flat_map(both).collect(),
            ..self.keeping(&self.names.advisories, "what the broker gave up on")
        }
    }

    pub(crate) fn inbox_config(&self) -> Config {
        let subjects = vec![self.names.inbox_subjects()];
        Config {
            subjects,
            ..self.keeping(&self.names.inbox, "what other processes tell us")
        }
    }

    fn results_config(&self) -> Config {
        let subjects = vec![self.names.result_subjects()];
        Config {
            subjects,
            ..self.keeping(&self.names.results, "outcomes of tasks")
        }
    }

    fn events_config(&self) -> Config {
        let subjects = vec![self.names.event_subjects()];
        Config {
            subjects,
            ..self.keeping(&self.names.events, "what happened, as CloudEvents")
        }
    }

    fn letters_config(&self) -> Config {
        let subjects = vec![self.names.letter_subjects()];
        Config {
            subjects,
            ..self.keeping(&self.names.letters, "what could not be accepted, and why")
        }
    }

    /// A stream that keeps everything for its time. Every limit is written out as the server writes it back.
    fn keeping(&self, name: &str, description: &str) -> Config {
        Config {
            name: name.to_owned(),
            description: Some(description.to_owned()),
            storage: StorageType::File,
            retention: RetentionPolicy::Limits,
            discard: DiscardPolicy::Old,
            max_age: self.keep,
            max_bytes: -1,
            max_messages: -1,
            max_messages_per_subject: -1,
            max_consumers: -1,
            num_replicas: self.replicas,
            duplicate_window: self.window(),
            allow_direct: true,
            metadata: HashMap::from([("owner".to_owned(), self.names.process.clone())]),
            ..Config::default()
        }
    }

    /// A stream cannot know ids longer than it keeps messages.
    fn window(&self) -> Duration {
        if self.keep.is_zero() {
            self.duplicate_window
        } else {
            self.duplicate_window.min(self.keep)
        }
    }

    /// The name of our stream that takes a subject, where one of ours does.
    pub(crate) fn name_of(&self, subject: &str) -> Option<&str> {
        let rest = subject.strip_prefix(&self.names.process)?.strip_prefix('.')?;
        match rest.split_once('.')?.0 {
            "task" => Some(&self.names.tasks),
            "result" => Some(&self.names.results),
            "event" => Some(&self.names.events),
            "in" => Some(&self.names.inbox),
            "dlq" => Some(&self.names.letters),
            _ => None,
        }
    }

    /// The stream that takes a subject on which we publish.
    pub(crate) fn config_of(&self, subject: &str) -> Option<Config> {
        let name = self.name_of(subject)?;
        self.without_tasks()
            .into_iter()
            .find(|config| config.name == name)
    }

    /// Creates or updates a stream, and compares what the server made of it with what was asked.
    pub(crate) async fn ensure(&self, shared: &Shared, mut asked: Config) -> Result<(), BusError> {
        let _one_at_a_time = shared.keeping.lock().await;
        let name = asked.name.clone();
        if !shared.abilities().metadata() {
            asked.metadata.clear();
        }
        let info = match shared.jetstream.get_stream(&name).await {
            Ok(stream) => {
                let found = &stream.cached_info().config;
                self.is_ours(shared, &asked, found)?;
                shared.health.stream_found(&name);
                if differences(&asked, found).is_empty() {
                    return Ok(());
                }
                shared.jetstream.update_stream(asked.clone()).await
            }
            Err(error) if is_missing(&error.kind()) => {
                let made = shared.jetstream.create_stream(asked.clone()).await;
                if made.is_ok() && shared.health.stream_made(&name) {
                    error!(
                        stream = name,
                        "the stream was gone, it is made again; what it held is lost"
                    );
                }
                made.map(|stream| stream.cached_info().clone())
            }
            Err(error) => return Err(no_answer(&name, &error)),
        };
        let info = match info {
            Ok(info) => info,
            Err(error) => return Err(self.cannot_be_made(shared, &asked, &error).await),
        };
        let differences = differences(&asked, &info.config);
        if differences.is_empty() {
            return Ok(());
        }
        Err(BusError::Unfit {
            url: shared.config.shown_url(),
            reason: format!(
                "nats-server {} did not take the settings of stream {name}: {}",
                shared.client.server_info().version,
                differences.join("; ")
            ),
            hint: "run nats-server 2.15".to_owned(),
        })
    }

    /// A stream of the same name that someone else uses is left alone.
    fn is_ours(&self, shared: &Shared, asked: &Config, found: &Config) -> Result<(), BusError> {
        let name = &asked.name;
        let owner = found.metadata.get("owner");
        let our_subject = |subject: &String| {
            subject
                .strip_prefix(&self.names.process)
                .is_some_and(|rest| rest.starts_with('.'))
        };
        let mut foreign = Vec::new();
        if found.retention != asked.retention {
            foreign.push(format!(
                "its retention is {:?}, ours {:?}",
                found.retention, asked.retention
            ));
        }
        if !found.subjects.iter().all(our_subject) {
            foreign.push(format!("its subjects are {}", found.subjects.join(", ")));
        }
        if foreign.is_empty() || owner == Some(&self.names.process) {
            return Ok(());
        }
        Err(BusError::setup(
            format!("stream {name} of {}", shared.config.shown_url()),
            format!(
                "a stream of that name exists and is not ours: {}",
                foreign.join(", ")
            ),
            format!(
                "where nobody needs it, delete it with `nats stream rm {name}`; else give us another name with `process: NAME` \
                 in the configuration file"
            ),
        ))
    }

    async fn cannot_be_made(&self, shared: &Shared, asked: &Config, error: &CreateStreamError) -> BusError {
        let CreateStreamErrorKind::JetStream(cause) = error.kind() else {
            return no_answer(&asked.name, error);
        };
        let what = format!("stream {}", asked.name);
        if cause.error_code() != ErrorCode::STREAM_SUBJECT_OVERLAP {
            let hint = "the server says why above: change what it names, or move that stream away";
            return BusError::setup(what, with_causes(error), hint);
        }
        let mut others = Vec::new();
        for subject in &asked.subjects {
            if let Ok(other) = shared.jetstream.stream_by_subject(subject.as_str()).await
                && other != asked.name
                && !others.contains(&other)
            {
                others.push(other);
            }
        }
        let (others, subjects) = (others.join(", "), asked.subjects.join(", "));
        BusError::setup(
            what,
            format!("{}: {others} covers {subjects}", with_causes(error)),
            format!(
                "narrow the subjects of {others} with `nats stream edit {others} --subjects ...`, or delete it; or give us \
                 another name with `process: NAME` in the configuration file"
            ),
        )
    }
}

fn no_answer(stream: &str, error: &dyn std::error::Error) -> BusError {
    BusError::NoAnswer {
        what: format!("stream {stream}"),
        reason: with_causes(error),
    }
}

fn is_missing(kind: &GetStreamErrorKind) -> bool {
    match kind {
        GetStreamErrorKind::JetStream(error) => error.error_code() == ErrorCode::STREAM_NOT_FOUND,
        GetStreamErrorKind::EmptyName
        | GetStreamErrorKind::Request
        | GetStreamErrorKind::InvalidStreamName => false,
    }
}

/// What was asked and is not so. Settings that the server adds do not count, nor its own notes in the metadata.
pub(crate) fn differences(asked: &Config, echoed: &Config) -> Vec<String> {
    let (Ok(Value::Object(asked)), Ok(Value::Object(echoed))) =
        (serde_json::to_value(asked), serde_json::to_value(echoed))
    else {
        return vec!["its settings cannot be compared".to_owned()];
    };
    let mut differences = Vec::new();
    for (key, wanted) in asked.iter().filter(|(_, wanted)| !wanted.is_null()) {
        let found = echoed.get(key).unwrap_or(&Value::Null);
        let same = match (wanted, found) {
            (Value::Object(wanted), Value::Object(found)) => {
                wanted.iter().all(|(key, value)| found.get(key) == Some(value))
            }
            (wanted, found) => wanted == found,
        };
        if !same {
            differences.push(format!("`{key}` is {found}, asked was {wanted}"));
        }
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_own_notes_are_no_difference_but_a_dropped_setting_is() {
        let streams = Streams::new(&NatsConfig::default());
        let asked = streams.results_config();
        let mut echoed = asked.clone();
        echoed
            .metadata
            .insert("_nats.ver".to_owned(), "2.15.1".to_owned());
        assert_eq!(differences(&asked, &echoed), Vec::<String>::new());
        echoed.metadata.remove("owner");
        echoed.max_age = Duration::from_secs(1);
        let found = differences(&asked, &echoed);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found
                .iter()
                .any(|line| line.starts_with("`max_age` is 1000000000, asked was 7776000000000000"))
        );
        let mut without = asked.clone();
        without.allow_direct = false;
        assert_eq!(
            differences(&asked, &without),
            ["`allow_direct` is null, asked was true"]
        );
    }

    #[test]
    fn the_work_queue_lists_the_agents_that_exist() {
        let streams = Streams::new(&NatsConfig::default());
        let config = streams.tasks_config(&["pipeline".to_owned(), "onboarding".to_owned()]);
        assert_eq!(config.name, "KUNDER_TASKS");
        assert_eq!(
            config.subjects,
            ["kunder.task.pipeline.*", "kunder.task.onboarding.*"]
        );
    }
}
