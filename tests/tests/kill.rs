//! `kill -9` of `kunder serve` and of nats-server at any moment, over and over, and a stop by SIGTERM: what was accepted has exactly one outcome.

#[path = "kill/ledger.rs"]
mod ledger;
#[path = "kill/plan.rs"]
mod plan;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use kunder_tests::system::{Kept, Kunder, Nats, Python, Standing, eventually};

use ledger::Ledger;
use plan::{Killer, Plan};

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

#[test]
fn killed_between_accept_and_announce() {
    let plan = Plan::from_environment();
    let (nats, kunder) = (Nats::start(), Kunder::portfolio());
    let before = Kept::read(kunder.folder());
    let file = |name: &str| kunder.folder().join(name);
    let (url, journal, sink) = (nats.url(), file("journal.jsonl"), file("sink.sqlite"));
    let (ready, stop, drain) = (file("ready"), file("stop"), file("drain"));
    // The streams are there before the first task is sent.
    assert_eq!(kunder.serve(&url).stop(), 0);
    let script = Python::new("sink.py", "collect_until_told").arg(&url);
    let collecting = Beside::start(script.arg(&sink).arg(&ready).arg(&drain).command());
    eventually("the others listen", || ready.exists().then_some(()));
    let script = Python::new("load.py", "send_until_told").arg(&url);
    let seed = plan.seed.to_string();
    let load = Beside::start(script.arg(&journal).arg(&seed).arg(&stop).command());

    let mut killer = Killer::start(&plan, &kunder, nats);
    eventually("tasks are sent", || (lines(&journal) > 20).then_some(()));
    let killed = killer.kill_all();
    std::fs::write(&stop, "").expect("the data folder takes a file");
    load.ends_well();
    let script = Python::new("accounts.py", "everything_is_accounted_for").arg(&url);
    let accounts = script.arg(&journal).run();
    let log = killer.serve().log();
    assert!(accounts.status == 0, "{killed:?}\n{accounts}\n{log}");
    std::fs::write(&drain, "").expect("the data folder takes a file");
    collecting.ends_well();
    let nats = killer.stop();

    let after = Kept::read(kunder.folder());
    let (outbox, kills) = (file("outbox.jsonl"), file("kills.jsonl"));
    ledger::write_outbox(&outbox, &after.announcements);
    killed.write(&kills);
    let script = Python::new("accounts.py", "the_ledger").arg(&url).arg(&journal);
    let arrivals = script.arg(&sink).arg(&outbox).arg(&kills).run();
    assert!(arrivals.status == 0, "{killed:?}\n{arrivals}");
    drop(nats);
    let ledger = Ledger::new(&accounts, &arrivals, &before, &after);
    println!("{}", ledger.shown(&killed));
    adds_up(&after.standing);
    ledger.balances();
    killed.hit(&plan);
    ledger.hit(&killed);
}

/// `accepted = complete + partial + failed + queued + running + waiting`, at every instant.
#[track_caller]
fn adds_up(standing: &Standing) {
    let counts = standing.counts;
    let sum =
        counts.complete + counts.partial + counts.failed + counts.queued + counts.running + counts.waiting;
    assert_eq!(counts.accepted, sum, "{counts:?}");
}

fn lines(file: &std::path::Path) -> usize {
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
