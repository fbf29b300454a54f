//! Every folder of definitions that comes with the program, embedded: the organisations of the seeds and two public models.

use std::collections::BTreeMap;

use super::{DefinitionErrors, Definitions, SHIPPED};

/// One folder.
#[derive(Clone, Copy, Debug)]
pub struct Pack {
    /// The folder's name.
    pub name: &'static str,
    /// File name and text.
    pub files: &'static [(&'static str, &'static str)],
}

/// A folder with these files beside those that every organisation has of its own.
macro_rules! pack {
    ($name:literal $(, $more:literal)*) => {
        Pack {
            name: $name,
            files: &[
                pack!(file $name, "health.yaml"),
                pack!(file $name, "metrics.yaml"),
                pack!(file $name, "organisation.yaml"),
                $(pack!(file $name, $more),)*
            ],
        }
    };
    (file $name:literal, $file:literal) => {
        ($file, include_str!(concat!("../../../../definitions/", $name, "/", $file)))
    };
}

/// Every shipped folder by its name; the first is the organisation of seed 000.
pub const PACKS: &[Pack] = &[
    Pack {
        name: "satori",
        files: SHIPPED,
    },
    pack!("boekhouding", "alerts.yaml"),
    pack!("account-intelligence", "alerts.yaml"),
    pack!("response"),
    pack!("deltagarportalen"),
    pack!("gitlab"),
    pack!("posthog"),
];

/// What a folder must have of its own; every other file may be left out, and satori's is then in force.
const OWN: [&str; 2] = ["organisation.yaml", "health.yaml"];

impl Definitions {
    /// As [`Definitions::parse`], with satori's shipped files for those that are not among `files`. Its own organisation and
    /// health model a folder must have.
    ///
    /// # Errors
    /// As [`Definitions::parse`].
    pub fn parse_over_shipped(files: &BTreeMap<String, String>) -> Result<Self, DefinitionErrors> {
        let mut all = files.clone();
        for (name, text) in SHIPPED.iter().filter(|(name, _)| !OWN.contains(name)) {
            all.entry((*name).to_owned())
                .or_insert_with(|| (*text).to_owned());
        }
        Self::parse(&all)
    }
}

impl Pack {
    /// The files as a folder would give them.
    #[must_use]
    pub fn texts(&self) -> BTreeMap<String, String> {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        self.files.iter().map(owned).collect()
    }

    /// # Errors
    /// Never for a pack of [`PACKS`] in a build whose tests pass.
    pub fn load(&self) -> Result<Definitions, DefinitionErrors> {
        Definitions::parse_over_shipped(&self.texts())
    }

    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        PACKS.iter().find(|pack| pack.name == name)
    }
}
