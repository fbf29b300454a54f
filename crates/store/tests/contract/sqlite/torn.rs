//! Torn storage: bytes flipped and files cut all over the store; it says so, or stands at a commit, and never tells what is wrong.
//!
//! `KUNDER_TORN_POSITIONS` sets how many random positions are tried in each file; `KUNDER_TORN_SEED` which.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::hash::{DefaultHasher, Hasher};
use std::path::Path;
use std::sync::Arc;

use kunder_agent_core::bus::AnnouncementKind;
use kunder_agent_core::id::AgentName;
use kunder_agent_core::journal::{Commit, Journal, JournalError};
use kunder_domain::change::Change;
use kunder_domain::portfolio::{Portfolio, PortfolioError};
use kunder_store::{OpenError, SqliteStore};
use tempfile::TempDir;

use super::SqliteBench;
use crate::bench::{AGENT, Bench, accept, announcement, at, done, named, page, run, wait};
use crate::clock::{TestClock, after};
use crate::random::Random;

const PAGE_BYTES: u64 = 4_096;
const FRAME_BYTES: u64 = PAGE_BYTES + 24;
const FILES: [&str; 4] = [
    "kunder.sqlite",
    "kunder.sqlite-wal",
    "kunder.sqlite-shm",
    "kunder.sqlite-seal",
];

fn number_of(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Everything that can be asked of a store, as text.
async fn contents(store: &SqliteStore) -> Result<String, JournalError> {
    let other = |error: PortfolioError| JournalError(error.to_string());
    let mut text = String::new();
    for status in store.list(None, 100_000).await? {
        let record = store.record(&status.task_id).await?;
        let children = store.children(&status.task_id).await?;
        writeln!(text, "{status:?} {record:?} {children:?}").unwrap();
    }
    let counts = store.counts().await?;
    assert_eq!(
        counts.accepted,
        counts.complete + counts.partial + counts.failed + counts.queued + counts.running + counts.waiting,
        "counts add up"
    );
    let agent = AgentName::new(AGENT);
    let queued = store.queued(&agent, 0, 100_000, after(0)).await?;
    writeln!(text, "{counts:?} {queued:?}").unwrap();
    for mut announcement in store.announcements(0, 100_000).await? {
        let mut hasher = DefaultHasher::new();
        hasher.write(&std::mem::take(&mut announcement.body));
        writeln!(text, "{announcement:?} {}", hasher.finish()).unwrap();
    }
    for destination in store.destinations().await? {
        for announcement in store.outbox(&destination, 100_000).await? {
            writeln!(text, "{destination} {}", announcement.number).unwrap();
        }
    }
    let view = store.view(at("2027-01-01T00:00:00Z")).await.map_err(other)?;
    for span in store.spans(view, 7).await.map_err(other)? {
        writeln!(
            text,
            "{:?}",
            Portfolio::read(store, view, &span).await.map_err(other)?
        )
        .unwrap();
    }
    writeln!(text, "{:?}", store.fact_counts().await?).unwrap();
    // The rest of the index follows from its entries, in an order that changes.
    let names = format!("{:?}", store.names().await.map_err(other)?);
    writeln!(text, "{:?}", names.split_once("ids:").map(|(entries, _)| entries)).unwrap();
    writeln!(text, "{:?}", store.conversation("c", after(0)).await?).unwrap();
    Ok(text)
}

/// What happens to a store, commit by commit; each state is kept.
struct Story {
    bench: SqliteBench,
    states: BTreeSet<String>,
}

impl Story {
    async fn keep(&mut self) {
        self.states.insert(contents(self.bench.store()).await.unwrap());
    }

    /// Starts and commits, with the state between.
    async fn run(&mut self, commit: Commit<Change>) {
        self.bench.store().start(&commit.task, commit.epoch);
        self.bench.store().set_meta("started", "yes").await.unwrap();
        self.keep().await;
        self.bench.store().commit(commit).await.unwrap();
        self.keep().await;
    }

    /// Commits of every kind.
    async fn round(&mut self, epoch: u64, number: u64) {
        let name = |what: &str| format!("{what}-{number}");
        for task in ["open", "task", "parent"] {
            accept(&self.bench, &[&name(task)]).await;
            self.keep().await;
        }
        let mut commit = done(&name("task"), epoch);
        let fact = named(&name("f"), &name("k"), "2026-01-01T00:00:00Z", "Åsens förening");
        commit.changes = vec![fact.into()];
        let mut large = announcement("salj", AnnouncementKind::Request, &name("m"));
        // Long enough for pages of its own, which hold nothing that SQLite could check.
        large.body = number.to_le_bytes().repeat(1_500);
        commit.announcements = vec![large, announcement("events", AnnouncementKind::Event, &name("e"))];
        self.run(commit).await;
        self.run(wait(&name("parent"), epoch, vec![page(&name("child"))]))
            .await;
        let json = format!("\"{}\"", "fråga ".repeat(1_000));
        self.bench
            .store()
            .put_conversation("c", &json, after(600))
            .await
            .unwrap();
        self.keep().await;
    }
}

/// A folder as `kill -9` leaves it, with all the states it was in.
struct Torn {
    folder: TempDir,
    states: BTreeSet<String>,
}

fn copy(from: &Path, to: &Path) {
    for file in FILES {
        if from.join(file).exists() {
            std::fs::copy(from.join(file), to.join(file)).unwrap();
        }
    }
}

impl Torn {
    /// With the first half of the story in the file if `moved`; the log is full of the rest.
    async fn new(moved: bool) -> Self {
        let mut story = Story {
            bench: SqliteBench::new().await,
            states: BTreeSet::new(),
        };
        story.keep().await;
        let mut epoch = story.bench.store().recover().await.unwrap();
        for number in 0..6 {
            if number == 3 && moved {
                story.bench.reopen().await;
                epoch = story.bench.store().recover().await.unwrap();
                story.keep().await;
            }
            story.round(epoch, number).await;
        }
        let folder = tempfile::tempdir().unwrap();
        copy(story.bench.folder.path(), folder.path());
        let states = story.states;
        Self { folder, states }
    }

    /// Opens a damaged copy and reads everything back.
    async fn check(&self, what: String, damage: impl FnOnce(&Path)) -> Found {
        let copied = tempfile::tempdir().unwrap();
        copy(self.folder.path(), copied.path());
        damage(copied.path());
        let store = match SqliteStore::open(copied.path(), Arc::new(TestClock::new())) {
            Ok(store) => store,
            Err(error) => {
                assert!(matches!(error, OpenError::Damaged { .. }), "{what}: {error}");
                assert!(
                    error.to_string().contains("kunder.sqlite is damaged: "),
                    "{what}: {error}"
                );
                assert!(error.hint().contains("backup"), "{what}");
                return Found::Refused;
            }
        };
        match contents(&store).await {
            Ok(text) if self.states.contains(&text) => Found::Whole,
            Err(error) => panic!("{what}: opened, and then {error}"),
            Ok(text) => panic!("{what}: a wrong answer\n{text}"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Refused,
    Whole,
}

/// Positions all over a file: where its pages or frames begin, and random ones.
fn positions(bytes: u64, begin: u64, step: u64) -> Vec<u64> {
    let mut random = Random::new(number_of("KUNDER_TORN_SEED", 1));
    let marked = (0..16).chain((begin..bytes).step_by(usize::try_from(step).unwrap()));
    let more = (0..number_of("KUNDER_TORN_POSITIONS", 40)).map(|_| random.below(bytes));
    marked.chain(more).filter(|at| *at < bytes).collect()
}

/// Flips a byte and cuts the file by turns, at every position; how often each was found.
async fn tear(torn: &Torn, file: &str, begin: u64, step: u64) -> BTreeMap<Found, u64> {
    let mut found = BTreeMap::new();
    let bytes = std::fs::metadata(torn.folder.path().join(file)).unwrap().len();
    assert!(bytes > step, "{file} has {bytes} bytes");
    for (number, at) in positions(bytes, begin, step).into_iter().enumerate() {
        let flip = (number % 3 > 0).then(|| 1_u8 << (number % 8));
        let damage = |folder: &Path| {
            let mut content = std::fs::read(folder.join(file)).unwrap();
            let at = usize::try_from(at).unwrap();
            match flip {
                Some(flip) => content[at] ^= flip,
                None => content.truncate(at),
            }
            std::fs::write(folder.join(file), content).unwrap();
        };
        let what = format!("{file} at {at}, flipped {flip:?} or cut");
        *found.entry(torn.check(what, damage).await).or_default() += 1;
    }
    println!("{file}: {found:?}");
    found
}

/// Damage of the log is rolled back to a commit.
async fn logs(moved: bool) {
    let torn = Torn::new(moved).await;
    let found = tear(&torn, "kunder.sqlite-wal", 32, FRAME_BYTES).await;
    assert!(
        !found.contains_key(&Found::Refused),
        "nothing was being moved: {found:?}"
    );
}

/// Damage of the file is found, unless the log brings the page.
async fn files(moved: bool) {
    let torn = Torn::new(moved).await;
    let found = tear(&torn, "kunder.sqlite", 0, PAGE_BYTES).await;
    assert!(found.contains_key(&Found::Refused), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_log_stands_at_a_commit() {
    logs(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_log_behind_a_filled_file_stands_at_a_commit() {
    logs(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_file_is_refused_or_not_read() {
    files(false).await;
    files(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_seal_is_refused_and_a_torn_index_of_the_log_is_made_anew() {
    let torn = Torn::new(true).await;
    let found = tear(&torn, "kunder.sqlite-seal", 0, 64).await;
    assert!(!found.contains_key(&Found::Whole), "{found:?}");
    let found = tear(&torn, "kunder.sqlite-shm", 0, 1_024).await;
    assert!(!found.contains_key(&Found::Refused), "{found:?}");
}

/// The log of a store whose pages were moved must hold as far as they were: cut before, it would put old pages over new ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_cut_below_what_was_moved_is_refused() {
    let mut bench = SqliteBench::new().await;
    let epoch = bench.store().recover().await.unwrap();
    accept(&bench, &["first", "second"]).await;
    bench.reopen().await;
    let epoch = bench.store().recover().await.unwrap().max(epoch);
    let kept = tempfile::tempdir().unwrap();
    for task in ["first", "second"] {
        run(&bench, done(task, epoch)).await.unwrap();
    }
    // The log before it is moved, beside the file and the seal after it.
    copy(bench.folder.path(), kept.path());
    bench.reopen().await;
    let log = "kunder.sqlite-wal";
    for file in ["kunder.sqlite", "kunder.sqlite-seal"] {
        std::fs::copy(bench.folder.path().join(file), kept.path().join(file)).unwrap();
    }
    let whole = std::fs::read(kept.path().join(log)).unwrap();
    let mut found = BTreeMap::new();
    for frames in 0..=(whole.len() as u64 - 32) / FRAME_BYTES {
        let folder = tempfile::tempdir().unwrap();
        copy(kept.path(), folder.path());
        let bytes = usize::try_from(32 + frames * FRAME_BYTES).unwrap();
        std::fs::write(folder.path().join(log), &whole[..bytes]).unwrap();
        match SqliteStore::open(folder.path(), Arc::new(TestClock::new())) {
            Ok(store) => {
                assert_eq!(store.counts().await.unwrap().complete, 2, "{frames} frames");
                *found.entry(Found::Whole).or_insert(0) += 1;
            }
            Err(error) => {
                assert!(
                    error.to_string().contains("its log holds only up to frame"),
                    "{error}"
                );
                *found.entry(Found::Refused).or_insert(0) += 1;
            }
        }
    }
    assert!(
        found[&Found::Refused] > 3 && found[&Found::Whole] >= 2,
        "{found:?}"
    );
}
