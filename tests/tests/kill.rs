//! `kill -9` of `kunder serve` at any moment, over and over, and a stop by SIGTERM: what was accepted has exactly one outcome.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kunder_tests::system::{Kept, Kunder, Nats, Python, Standing, Stopwatch, eventually, pause};
use serde_json::Value;

const KILLS: u64 = 24;
/// Every so many starts it is killed while it is still starting.
const WHILE_STARTING: u64 = 5;
const SEED: u64 = 7;
/// Of all kills, as many at least must leave work open, or the test shows nothing.
const CAUGHT_MIN: u64 = KILLS / 3;

/// A script at work beside the test; killed where the test drops it.
struct Beside(Child);

impl Beside {
    fn start(mut command: Command) -> Self {
        Self(
            command
                .stdin(Stdio::null())
                .spawn()
                .expect("Python can be started"),
        )
    }

    #[track_caller]
    fn ends_well(mut self) {
        let status = eventually("the script ends", || {
            self.0.try_wait().expect("a child of ours can be waited for")
        });
        assert!(status.success(), "the script ended with {status}");
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Numbers from a seed: the moments of the kills.
struct Moments(u64);

impl Moments {
    fn milliseconds(&mut self, below: u64) -> Duration {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis((self.0 >> 33) % below)
    }
}

/// How many kills left what: tasks without an outcome, outcomes not announced.
#[derive(Debug, Default)]
struct Caught {
    open: u64,
    unannounced: u64,
    any: u64,
}

impl Caught {
    fn count(&mut self, left: &Standing) {
        self.open += u64::from(left.open() > 0);
        self.unannounced += u64::from(left.waiting > 0);
        self.any += u64::from(left.open() > 0 || left.waiting > 0);
    }
}

#[test]
fn killed_between_accept_and_announce() {
    let watch = Stopwatch::start();
    let (nats, kunder) = (Nats::start(), Kunder::portfolio());
    let before = Kept::read(kunder.folder());
    let (journal, stop) = (
        kunder.folder().join("journal.jsonl"),
        kunder.folder().join("stop"),
    );
    // The streams are there before the first task is sent.
    assert_eq!(kunder.serve(&nats.url()).stop(), 0);
    let script = Python::new("load.py", "send_until_told")
        .arg(nats.url())
        .arg(&journal)
        .arg(SEED.to_string())
        .arg(&stop);
    let load = Beside::start(script.command());
    eventually("tasks are sent", || (lines(&journal) > 20).then_some(()));

    let (mut moments, mut caught) = (Moments(SEED), Caught::default());
    for kill in 1..=KILLS {
        let mut serve = kunder.start_serve(&["--nats", &nats.url()]);
        if kill % WHILE_STARTING == 0 {
            pause(moments.milliseconds(150));
        } else {
            serve.wait_until_ready();
            pause(moments.milliseconds(700));
        }
        serve.kill();
        let left = Standing::of(kunder.folder());
        caught.count(&left);
        adds_up(&left);
    }
    let serve = kunder.serve(&nats.url());
    std::fs::write(&stop, "").expect("the data folder takes a file");
    load.ends_well();
    let checked = Python::new("load.py", "everything_is_accounted_for")
        .arg(nats.url())
        .arg(&journal)
        .run();
    assert!(checked.status == 0, "{caught:?}\n{checked}\n{}", serve.log());
    assert_eq!(serve.stop(), 0);

    let tally: Value = serde_json::from_str(checked.stdout.lines().next().unwrap_or_default())
        .expect("the script prints a tally");
    let number = |name: &str| {
        tally[name]
            .as_u64()
            .unwrap_or_else(|| panic!("no `{name}` in {tally}"))
    };
    let after = Kept::read(kunder.folder());
    println!(
        "{KILLS} kills, of which {caught:?}; {tally}; {} s",
        watch.elapsed().as_secs()
    );
    adds_up(&after.standing);
    let counts = after.standing.counts;
    assert_eq!(
        (counts.queued, counts.running, counts.failed),
        (0, 0, 0),
        "{counts:?}"
    );
    // What still waits are the timers of the onboardings: one per deal.
    assert_eq!(counts.waiting, number("deals"), "{counts:?}");
    assert_eq!(after.standing.waiting, 0, "announcements wait");
    assert_eq!(
        (after.touchpoints() - before.touchpoints()) as u64,
        number("logs"),
        "touchpoints"
    );
    assert_eq!((after.todos() - before.todos()) as u64, number("todos"), "todos");
    assert_eq!(
        (after.onboardings() - before.onboardings()) as u64,
        number("deals"),
        "onboardings"
    );
    assert!(
        number("queue") > 100 && number("request") > 20 && number("deals") > 0 && number("alerts") > 0,
        "too little was sent: {tally}"
    );
    assert!(
        caught.any >= CAUGHT_MIN && caught.open > 0 && caught.unannounced > 0,
        "the kills hit nothing: {caught:?}"
    );
}

/// `accepted = complete + partial + failed + queued + running + waiting`, at every instant.
#[track_caller]
fn adds_up(standing: &Standing) {
    let counts = standing.counts;
    let sum =
        counts.complete + counts.partial + counts.failed + counts.queued + counts.running + counts.waiting;
    assert_eq!(counts.accepted, sum, "{counts:?}");
}

fn lines(file: &Path) -> usize {
    std::fs::read_to_string(file).map_or(0, |text| text.lines().count())
}

#[test]
fn a_stop_lets_what_runs_end() {
    let (nats, kunder) = (Nats::start(), Kunder::portfolio());
    let journal = kunder.folder().join("answers.json");
    let serve = kunder.serve(&nats.url());
    let mut asking = Python::new("load.py", "a_stop_answers_everyone")
        .arg(nats.url())
        .arg(&journal)
        .command();
    asking.stdout(Stdio::piped());
    let mut asking = Beside::start(asking);
    let mut said = String::new();
    let stdout = asking.0.stdout.take().expect("its standard output is piped");
    BufReader::new(stdout)
        .read_line(&mut said)
        .expect("the script says when it has asked");
    assert_eq!(said, "asked\n", "{}", serve.log());
    assert_eq!(serve.stop(), 0);
    asking.ends_well();

    let left = Standing::of(kunder.folder());
    adds_up(&left);
    assert_eq!(
        left.counts.running, 0,
        "a stop has broken off what ran: {:?}",
        left.counts
    );
    let serve = kunder.serve(&nats.url());
    let checked = Python::new("load.py", "what_was_promised_is_kept")
        .arg(nats.url())
        .arg(&journal)
        .run();
    assert!(checked.status == 0, "{checked}\n{}", serve.log());
    println!("{}", checked.stdout);
    assert_eq!(serve.stop(), 0);
}
