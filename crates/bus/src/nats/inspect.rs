//! What the broker is and keeps, and what would be lost if what died: for `kunder doctor`.

use serde::Serialize;

use super::NatsBus;
use super::connection::{api_level, with_causes};
use async_nats::connection::State;
use async_nats::jetstream::stream::StorageType;

/// The broker as we use it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BusReport {
    pub url: String,
    pub server_version: String,
    /// JetStream API level.
    pub api_level: usize,
    pub max_payload_bytes: usize,
    /// Those that exist.
    pub streams: Vec<StreamReport>,
    /// What a person must mend: work stands still until then, or what is asked for is not answered.
    pub problems: Vec<String>,
    /// What happened and is over, and what this server lacks.
    pub warnings: Vec<String>,
    /// What could be lost if what died.
    pub losses: Vec<String>,
}

/// A stream and what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamReport {
    pub name: String,
    pub messages: u64,
    pub bytes: u64,
    pub replicas: usize,
    /// `file` or `memory`.
    pub storage: &'static str,
}

impl NatsBus {
    /// Asks the broker about itself and the streams.
    pub async fn inspect(&self) -> BusReport {
        let shared = &self.shared;
        let mut report = BusReport {
            url: shared.config.shown_url(),
            server_version: shared.client.server_info().version,
            api_level: 0,
            max_payload_bytes: self.max_payload(),
            streams: Vec::new(),
            problems: shared.health.problems(),
            warnings: shared.health.warnings(),
            losses: Vec::new(),
        };
        if shared.client.connection_state() != State::Connected {
            let why = shared
                .health
                .away()
                .map(|why| format!(" ({why})"))
                .unwrap_or_default();
            report.problems.push(format!(
                "not connected to nats at {}{why}: is the server running? It is tried again at least once a second",
                report.url
            ));
            return report;
        }
        let lacks = shared.abilities().lacks().into_iter();
        let version = &report.server_version;
        report
            .warnings
            .extend(lacks.map(|what| format!("nats-server {version} is old: {what}")));
        match api_level(&shared.jetstream).await {
            Ok(level) => report.api_level = level,
            Err(reason) => {
                report
                    .problems
                    .push(format!("JetStream does not answer: {reason}"));
                return report;
            }
        }
        for name in shared.streams.names() {
            match shared.jetstream.get_stream(name).await {
                Ok(stream) => {
                    let info = stream.cached_info();
                    report.streams.push(StreamReport {
                        name: name.to_owned(),
                        messages: info.state.messages,
                        bytes: info.state.bytes,
                        replicas: info.config.num_replicas,
                        storage: match info.config.storage {
                            StorageType::File => "file",
                            StorageType::Memory => "memory",
                        },
                    });
                }
                Err(error) => report
                    .problems
                    .push(format!("stream {name}: {}", with_causes(&error))),
            }
        }
        report.losses = what_could_be_lost(&report.streams);
        report
    }
}

fn what_could_be_lost(streams: &[StreamReport]) -> Vec<String> {
    let mut losses = Vec::new();
    let names = |wanted: &dyn Fn(&StreamReport) -> bool| {
        let names: Vec<&str> = streams
            .iter()
            .filter(|stream| wanted(stream))
            .map(|stream| stream.name.as_str())
            .collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    if let Some(names) = names(&|stream| stream.storage == "memory") {
        losses.push(format!("storage memory: a restart of the broker loses {names}"));
    }
    if let Some(names) = names(&|stream| stream.replicas == 1) {
        losses.push(format!("replicas 1: a crash of the broker's disk loses {names}"));
        losses.push(
            "sync_interval: unless the broker runs with `sync_interval: always`, a power failure may lose the last \
             2 minutes of what it acknowledged (the setting cannot be read from here)"
                .to_owned(),
        );
    }
    losses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(name: &str, replicas: usize, storage: &'static str) -> StreamReport {
        StreamReport {
            name: name.to_owned(),
            messages: 0,
            bytes: 0,
            replicas,
            storage,
        }
    }

    #[test]
    fn it_says_what_a_crash_would_lose() {
        let warnings = what_could_be_lost(&[
            stream("A", 1, "file"),
            stream("B", 3, "memory"),
            stream("C", 1, "file"),
        ]);
        assert_eq!(warnings[0], "storage memory: a restart of the broker loses B");
        assert_eq!(warnings[1], "replicas 1: a crash of the broker's disk loses A, C");
        assert!(warnings[2].starts_with("sync_interval"));
        assert!(what_could_be_lost(&[stream("A", 3, "file")]).is_empty());
    }
}
