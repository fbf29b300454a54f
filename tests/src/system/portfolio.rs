//! What lies in a data folder, written and read without `serve`: the invented portfolio before anything was asked of it, and what a killed process left.

use std::path::Path;
use std::sync::Arc;

use kunder::client::Client;
use kunder::clock::SystemClock;
use kunder::config::Config;
use kunder::control::{Request, Response};
use kunder_agent_core::bus::Announcement;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::journal::{Journal, TaskCounts};
use kunder_domain::customer::Customer;
use kunder_domain::demo;
use kunder_domain::portfolio::{Portfolio, Span};
use kunder_store::SqliteStore;

const SEED: u64 = 20_250_904;
const ZONE: &str = "Europe/Stockholm";

/// Stores the demo portfolio as of today in a folder; asks nothing of it, so that no alert is open yet.
///
/// # Panics
/// When the folder cannot be had.
pub(super) fn store_demo(folder: &Path) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let zone = jiff::tz::TimeZone::get(ZONE).expect("the zone is known");
    let facts = demo::generate(clock.now().to_zoned(zone.clone()).date(), SEED, &zone);
    block_on(async {
        let opened = Client::open(folder.to_owned(), None, Config::default(), clock).await;
        let mut client = opened.unwrap_or_else(|_| panic!("{} cannot be opened", folder.display()));
        let imported = client.call(&Request::Import { facts }).await;
        assert!(imported.is_ok(), "the portfolio cannot be stored");
        client.close().await;
    });
}

/// How many tasks are queued or running in a folder that is served, asked over its socket.
///
/// # Panics
/// When it does not answer.
#[must_use]
pub fn open_tasks(folder: &Path) -> u64 {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    block_on(async {
        let opened = Client::open(folder.to_owned(), None, Config::default(), clock).await;
        let mut client = opened.unwrap_or_else(|_| panic!("{} cannot be opened", folder.display()));
        let Ok(Response::Settled { open }) = client.call(&Request::Settle { wait_ms: 0 }).await else {
            panic!("`kunder serve` does not say how many tasks are open");
        };
        client.close().await;
        open
    })
}

/// How tasks and announcements stand in a store that nobody serves.
#[derive(Debug)]
pub struct Standing {
    pub counts: TaskCounts,
    /// Announcements that were committed and not yet announced.
    pub waiting: u64,
}

impl Standing {
    /// Reads a copy of the store, so that whoever starts next finds everything as the last one left it.
    ///
    /// # Panics
    /// When it cannot be copied or read.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        let copy = tempfile::tempdir().expect("the temporary folder takes a folder");
        let database = SqliteStore::file(folder);
        for end in ["", "-wal", "-shm"] {
            let name = format!(
                "{}{end}",
                database.file_name().unwrap_or_default().to_string_lossy()
            );
            if database.with_file_name(&name).exists() {
                let copied = std::fs::copy(database.with_file_name(&name), copy.path().join(&name));
                copied.expect("the store can be copied");
            }
        }
        block_on(async { Self::read(&open(copy.path())).await })
    }

    async fn read(store: &SqliteStore) -> Self {
        let waiting = store
            .waiting_announcements()
            .await
            .expect("the outbox can be read");
        Self {
            counts: store.counts().await.expect("the store counts"),
            waiting: waiting.iter().map(|(_, count)| count).sum(),
        }
    }

    /// Tasks that were accepted and have no outcome yet, but those that wait.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.counts.queued + self.counts.running
    }
}

/// Everything that a store holds while nobody serves it.
#[derive(Debug)]
pub struct Kept {
    pub standing: Standing,
    pub customers: Vec<Customer>,
    /// Everything that was ever to be announced, in commit order.
    pub announcements: Vec<Announcement>,
}

impl Kept {
    /// Reads the store of a data folder, and looks for damages.
    ///
    /// # Panics
    /// When it cannot be read, or is damaged.
    #[must_use]
    pub fn read(folder: &Path) -> Self {
        block_on(async {
            let store = open(folder);
            let damages = store.damages().await.expect("the store can be checked");
            assert!(damages.is_empty(), "the store is damaged: {damages:?}");
            let view = store
                .view(SystemClock::default().now())
                .await
                .expect("the store can be read");
            Self {
                standing: Standing::read(&store).await,
                customers: store
                    .read(view, &Span::default())
                    .await
                    .expect("the customers can be read"),
                announcements: announcements(&store).await,
            }
        })
    }

    #[must_use]
    pub fn touchpoints(&self) -> usize {
        self.customers
            .iter()
            .map(|customer| customer.touchpoints.len())
            .sum()
    }

    #[must_use]
    pub fn todos(&self) -> usize {
        self.customers.iter().map(|customer| customer.todos.len()).sum()
    }

    #[must_use]
    pub fn onboardings(&self) -> usize {
        self.customers
            .iter()
            .map(|customer| customer.onboardings.len())
            .sum()
    }
}

async fn announcements(store: &SqliteStore) -> Vec<Announcement> {
    let mut all: Vec<Announcement> = Vec::new();
    loop {
        let after = all.last().map_or(0, |last| last.number);
        let more = store.announcements(after, 1_000).await;
        let more = more.expect("the outbox can be read");
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(folder, Arc::new(SystemClock::default())).expect("the store opens")
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(future)
}
