//! What a server can do, by its version: which ones are refused, and what is missing with an old one.

/// The oldest server that works: it creates consumers by name and filter.
const OLDEST: Version = (2, 9);
/// Keeps the metadata of streams, and takes a reason with the end of a message.
const METADATA: Version = (2, 10);
/// Reports its JetStream API level, so that nobody has to guess from versions.
const LEVELS: Version = (2, 11);

type Version = (u32, u32);

/// What we use of a server and it may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Abilities {
    version: Option<Version>,
}

impl Abilities {
    /// `2.10.26`, `2.14.0-RC.1`. A version that cannot be read is taken for a new one.
    pub(crate) fn of(version: &str) -> Self {
        let mut numbers = version
            .trim_start_matches('v')
            .split(['.', '-', '+'])
            .map(str::parse);
        let version = match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Some((major, minor)),
            _ => None,
        };
        Self { version }
    }

    fn has(self, since: Version) -> bool {
        self.version.is_none_or(|version| version >= since)
    }

    /// Whether it can be used at all.
    pub(crate) fn fit(self) -> bool {
        self.has(OLDEST)
    }

    /// Whether streams keep their metadata. Older servers drop it without a word.
    pub(crate) fn metadata(self) -> bool {
        self.has(METADATA)
    }

    /// How a message that is refused for good is ended. Older servers do not understand a reason, and would hand the
    /// message out again and again.
    pub(crate) fn end(self, reason: &str) -> String {
        if self.has(METADATA) {
            format!("+TERM {reason}")
        } else {
            "+TERM".to_owned()
        }
    }

    /// What is missing, for the operator.
    pub(crate) fn lacks(self) -> Vec<String> {
        let mut lacks = Vec::new();
        if !self.has(METADATA) {
            lacks.push(
                "it cannot keep whose a stream is (since 2.10): a stream of ours that someone else made is not noticed"
                    .to_owned(),
            );
            lacks.push(
                "it takes no reason when a message is refused for good (since 2.10): the reason stands in the dead letter \
                 alone, and its advisory is not sent"
                    .to_owned(),
            );
        }
        if !self.has(LEVELS) {
            lacks.push(
                "it does not report what it can do (JetStream API level, since 2.11): that is concluded from its version"
                    .to_owned(),
            );
        }
        lacks
    }
}

/// Why a server is refused; `None` when it is not.
pub(crate) fn refusal(version: &str) -> Option<String> {
    (!Abilities::of(version).fit()).then(|| {
        format!(
            "nats-server {version} is too old: it cannot create a consumer for some subjects of a stream, by which each agent \
             takes its own tasks (since {}.{})",
            OLDEST.0, OLDEST.1
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_its_version() {
        let lacks = |version: &str| Abilities::of(version).lacks().len();
        assert_eq!(
            ["2.9.10", "2.10.26", "2.11.0", "2.15.1", "3.0.0"].map(lacks),
            [3, 1, 0, 0, 0]
        );
        assert_eq!(Abilities::of("v2.10.0-RC.1").end("so"), "+TERM so");
        assert_eq!(Abilities::of("2.9.25").end("so"), "+TERM");
        assert_eq!(lacks("main"), 0);
    }

    #[test]
    fn too_old_a_server_is_refused_with_its_version_and_why() {
        let refusal = refusal("2.8.4").unwrap();
        assert!(
            refusal.starts_with("nats-server 2.8.4 is too old") && refusal.contains("since 2.9"),
            "{refusal}"
        );
        assert_eq!(super::refusal("2.9.0"), None);
    }
}
