//! The SQLite store on the bench.

use std::sync::Arc;

use kunder_store::SqliteStore;
use tempfile::TempDir;

use crate::bench::Bench;
use crate::clock::TestClock;

pub struct SqliteBench {
    // Fields are dropped in this order: the store before its folder.
    store: Option<SqliteStore>,
    folder: TempDir,
    clock: TestClock,
}

impl Bench for SqliteBench {
    type Store = SqliteStore;

    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = TestClock::new();
        let store = SqliteStore::open(folder.path(), Arc::new(clock.clone())).unwrap();
        Self {
            store: Some(store),
            folder,
            clock,
        }
    }

    fn store(&self) -> &SqliteStore {
        self.store.as_ref().unwrap()
    }

    fn clock(&self) -> &TestClock {
        &self.clock
    }

    async fn reopen(&mut self) {
        self.store = None;
        self.store = Some(SqliteStore::open(self.folder.path(), Arc::new(self.clock.clone())).unwrap());
    }

    fn artifact(&self, path: &str) -> Option<Vec<u8>> {
        std::fs::read(self.folder.path().join(path)).ok()
    }
}

mod files;
mod killed;
mod pace;
