//! The composition root: takes the data folder, opens the store, starts the runtime, the relay and the bus, and stops them in turn.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kunder_agent_core::bus::Bus;
use kunder_agent_core::clock::{Clock, Handle};
use kunder_agent_core::journal::Journal;
use kunder_agent_core::runtime::Runtime;
use kunder_agents::Reader;

use kunder_bus::{InProcessBus, NatsBus, NatsConfig, Serving};
use kunder_domain::change::Change;
use kunder_domain::definitions::Definitions;
use kunder_store::{DataFolder, LockError, SqliteStore};
use tokio::sync::watch;

use crate::checks::Checks;
use crate::cli::Failure;
use crate::config::Config;
use crate::doctor::Setting;
use crate::relay::{Relay, STOP_WAIT};
use crate::service::Service;
use crate::storms::Storms;

/// Which bus a data folder was attached to last: its announcements wait for it.
const META_BUS: &str = "bus";

/// A running system.
pub struct App {
    pub service: Service,
    serving: Option<Serving>,
    relay: Option<Handle>,
    checks: Option<Handle>,
    stop: watch::Sender<bool>,
    _folder: DataFolder,
}

/// What an application is opened with.
pub struct Options {
    pub data: PathBuf,
    pub config: Config,
    /// Whether to take work from the bus, not only announce on it.
    pub serve: bool,
}

impl App {
    /// Opens everything, in the order in which it depends on each other.
    ///
    /// # Errors
    /// When a definition is wrong, the folder is in use, the store is damaged, or NATS cannot be had.
    pub async fn open(options: Options, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let (definitions, described) = definitions(options.config.definitions.as_deref())?;
        let folder = DataFolder::lock(&options.data).map_err(|error| locked(&error))?;
        let zone = jiff::tz::TimeZone::get(&definitions.organisation.body.time_zone)
            .map_err(|error| Failure::usage(format!("the organisation's time zone is unknown: {error}")))?;
        let store = SqliteStore::open(&options.data, Arc::clone(&clock))
            .map_err(|error| Failure::usage(Failure::chain(&error)).hint(error.hint()))?;
        let nats = match &options.config.nats {
            Some(url) => {
                let config = NatsConfig {
                    process: options.config.process().to_owned(),
                    ..NatsConfig::new(url)
                };
                let bus = NatsBus::connect(config, Arc::clone(&clock))
                    .await
                    .map_err(|error| bus_failure(&error))?;
                Some(bus)
            }
            None => None,
        };
        let payload = nats.as_ref().map(NatsBus::max_payload);
        let reader: Reader = Arc::new(store.clone());
        let runtime = Runtime::start(
            options.config.runtime(zone.clone(), payload),
            Arc::clone(&clock),
            Arc::new(store.clone()) as Arc<dyn Journal<Change>>,
            Arc::new(reader),
            kunder_agents::all(&definitions),
        )
        .await
        .map_err(|error| Failure::failed(error.to_string()))?;

        let attached = store
            .get_meta(META_BUS)
            .await
            .map_err(|error| Failure::failed(error.to_string()))?;
        let held = match (&nats, attached.as_deref()) {
            (None, Some("nats")) => {
                Some("announcements of this folder wait until it is served with --nats again".to_owned())
            }
            _ => None,
        };
        let bus: Option<Arc<dyn Bus>> = match (&nats, &held) {
            (Some(nats), _) => {
                store
                    .set_meta(META_BUS, "nats")
                    .await
                    .map_err(|error| Failure::failed(error.to_string()))?;
                Some(Arc::new(nats.clone()))
            }
            (None, None) => Some(Arc::new(InProcessBus::new())),
            (None, Some(_)) => None,
        };
        let (stop, stopped) = watch::channel(false);
        let relay = bus.as_ref().map(|bus| {
            let relay = Relay {
                clock: Arc::clone(&clock),
                journal: Arc::new(store.clone()) as Arc<dyn Journal<Change>>,
                bus: Arc::clone(bus),
                subjects: runtime.subjects().clone(),
                announced: runtime.announced(),
                stop: stopped.clone(),
            };
            clock.spawn(Box::pin(relay.run()))
        });
        let setting = Setting {
            data: options.data.display().to_string(),
            bus: bus
                .as_ref()
                .map_or_else(|| "none (held back)".to_owned(), |bus| bus.describe()),
            nats: nats.clone(),
            held,
            definitions: described,
        };
        let service = Service {
            runtime,
            store: Arc::new(store),
            clock,
            facts: Arc::new(setting),
            refused: Arc::default(),
            storms: Arc::new(Storms::new(definitions.process.body.incoming)),
        };
        let checks = options.serve.then(|| {
            let checks = Checks {
                service: service.clone(),
                zone,
                config: options.config.checks,
                stop: stopped,
            };
            service.clock.spawn(Box::pin(checks.run()))
        });
        let serving = match (&nats, options.serve) {
            (Some(nats), true) => Some(
                nats.serve(Arc::new(service.clone()))
                    .await
                    .map_err(|error| bus_failure(&error))?,
            ),
            _ => None,
        };
        Ok(Self {
            service,
            serving,
            relay,
            checks,
            stop,
            _folder: folder,
        })
    }

    /// Stops taking work, lets what runs end, announces what can be announced, and lets the folder go.
    pub async fn close(self) {
        if let Some(serving) = self.serving {
            serving.stop().await;
        }
        self.service.runtime.drain().await;
        self.stop.send_replace(true);
        if let Some(checks) = self.checks {
            let _ = checks.await;
        }
        if let Some(relay) = self.relay {
            // What cannot be announced in time waits in the outbox for the next start.
            let _ = tokio::time::timeout(STOP_WAIT, relay).await;
        }
    }
}

fn bus_failure(error: &kunder_bus::BusError) -> Failure {
    let failure = Failure::usage(Failure::chain(error));
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn locked(error: &LockError) -> Failure {
    let what = Failure::chain(error);
    match error {
        LockError::Held { .. } => Failure::held(what).hint("stop it, or choose another folder with --data"),
        LockError::Unavailable { .. } => {
            Failure::usage(what).hint("choose a folder that this user may write with --data")
        }
    }
}

/// The definitions of a folder, or the shipped ones, with where they come from.
///
/// # Errors
/// When a file cannot be read or is wrong; every finding is listed.
pub fn definitions(folder: Option<&Path>) -> Result<(Arc<Definitions>, String), Failure> {
    let Some(folder) = folder else {
        return Ok((Arc::new(Definitions::shipped()), "shipped (satori)".to_owned()));
    };
    let files = definition_files(folder)?;
    let definitions =
        Definitions::parse_over_shipped(&files).map_err(|errors| Failure::usage(errors.to_string()))?;
    Ok((Arc::new(definitions), folder.display().to_string()))
}

/// The YAML files of a folder, by name.
pub(crate) fn definition_files(folder: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!(
            "cannot read the definitions in {}: {error}",
            folder.display()
        ))
    };
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml")
        {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            files.insert(name, std::fs::read_to_string(&path).map_err(unreadable)?);
        }
    }
    Ok(files)
}
