//! The kills: which process, when, from a seed; and what each of them caught.

use std::path::Path;
use std::time::Duration;

use kunder::clock::SystemClock;
use kunder_agent_core::clock::Clock;
use kunder_tests::system::{Kunder, Nats, Serve, Standing, Stopwatch, open_tasks, pause};
use serde_json::json;

use crate::adds_up;

/// Kills in the ordinary test command; `cargo xtask crash-ledger` sets its own.
const KILLS: u64 = 60;
const SEED: u64 = 7;
/// Kills last at most so long; what is left is not done.
const MINUTES: u64 = 3;
/// Every so many kills nothing is killed for a while, so that a stall would be seen.
const CALM_EVERY: u64 = 10;
const CALM: Duration = Duration::from_secs(2);

/// What a run is made of.
pub struct Plan {
    pub kills: u64,
    pub seed: u64,
    limit: Duration,
}

impl Plan {
    /// From `KUNDER_KILLS`, `KUNDER_SEED` and `KUNDER_MINUTES` where they are set.
    pub fn from_environment() -> Self {
        let number = |name: &str, otherwise: u64| {
            let Ok(text) = std::env::var(name) else {
                return otherwise;
            };
            text.parse()
                .unwrap_or_else(|_| panic!("{name} must be a number, found `{text}`"))
        };
        Self {
            kills: number("KUNDER_KILLS", KILLS),
            seed: number("KUNDER_SEED", SEED),
            limit: Duration::from_secs(60 * number("KUNDER_MINUTES", MINUTES)),
        }
    }
}

/// Numbers from a seed: the moments of the kills.
struct Moments(u64);

impl Moments {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn wait(&mut self, milliseconds: u64) {
        pause(Duration::from_millis(self.below(milliseconds)));
    }
}

/// How many kills left what: tasks without an outcome, outcomes not announced.
#[derive(Debug, Default)]
pub struct Caught {
    pub open: u64,
    pub unannounced: u64,
    pub any: u64,
}

impl Caught {
    fn count(&mut self, open: u64, waiting: u64) {
        self.open += u64::from(open > 0);
        self.unannounced += u64::from(waiting > 0);
        self.any += u64::from(open > 0 || waiting > 0);
    }
}

/// The kills that were done.
#[derive(Debug, Default)]
pub struct Killed {
    pub serve: u64,
    /// Of those, while it was still starting.
    pub starting: u64,
    pub nats: u64,
    pub caught: Caught,
    pub seconds: u64,
    /// What was killed and when, and when all stood again, in seconds since 1970.
    moments: Vec<(&'static str, f64, f64)>,
}

impl Killed {
    pub fn total(&self) -> u64 {
        self.serve + self.nats
    }

    /// One line of JSON per time that something was down.
    pub fn write(&self, file: &Path) {
        let lines = self.moments.iter().map(|(what, killed, up)| {
            let line = json!({"what": what, "killed": killed, "up": up});
            format!("{line}\n")
        });
        std::fs::write(file, lines.collect::<String>()).expect("the data folder takes a file");
    }

    /// A run whose kills hit nothing shows nothing.
    #[track_caller]
    pub fn hit(&self, plan: &Plan) {
        let caught = &self.caught;
        let enough = caught.any >= self.total() / 3
            && caught.open >= self.serve / 3
            && caught.unannounced >= self.serve / 6;
        assert!(enough, "the kills hit too little: {self:?}");
        assert!(
            self.total() >= plan.kills || self.seconds >= plan.limit.as_secs(),
            "only {} kills were done",
            self.total()
        );
        assert!(self.serve > 0 && self.nats > 0, "not both were killed: {self:?}");
    }
}

/// Both processes, and what was done to them.
pub struct Killer<'a> {
    plan: &'a Plan,
    kunder: &'a Kunder,
    nats: Nats,
    serve: Option<Serve>,
    moments: Moments,
    killed: Killed,
}

impl<'a> Killer<'a> {
    /// Starts `kunder serve` on a server that runs.
    pub fn start(plan: &'a Plan, kunder: &'a Kunder, nats: Nats) -> Self {
        let serve = Some(kunder.serve(&nats.url()));
        Self {
            plan,
            kunder,
            nats,
            serve,
            moments: Moments(plan.seed),
            killed: Killed::default(),
        }
    }

    pub fn serve(&self) -> &Serve {
        self.serve.as_ref().expect("it runs between two kills")
    }

    /// Kills and starts again until enough is done; both run when this returns.
    pub fn kill_all(&mut self) -> Killed {
        let watch = Stopwatch::start();
        for step in 1.. {
            if self.killed.total() >= self.plan.kills || watch.elapsed() >= self.plan.limit {
                break;
            }
            if step % CALM_EVERY == 0 {
                pause(CALM);
            }
            self.moments.wait(700);
            let killed = now();
            let what = match self.moments.below(20) {
                0..=9 => self.kill_serve(),
                10..=11 => self.kill_while_starting(),
                12..=17 => self.kill_nats(),
                _ => self.kill_both(),
            };
            self.killed.moments.push((what, killed, now()));
        }
        self.killed.seconds = watch.elapsed().as_secs();
        std::mem::take(&mut self.killed)
    }

    /// Stops `kunder serve` as an operator does; the broker goes on.
    pub fn stop(self) -> Nats {
        let serve = self.serve.expect("it runs between two kills");
        assert_eq!(serve.stop(), 0);
        self.nats
    }

    fn kill_serve(&mut self) -> &'static str {
        self.end_serve();
        self.serve_again();
        "serve"
    }

    fn kill_while_starting(&mut self) -> &'static str {
        self.end_serve();
        self.serve = Some(self.kunder.start_serve(&["--nats", &self.nats.url()]));
        self.moments.wait(150);
        self.killed.starting += 1;
        self.end_serve();
        self.serve_again();
        "serve"
    }

    fn kill_nats(&mut self) -> &'static str {
        self.nats.kill();
        self.killed.nats += 1;
        self.killed.caught.count(open_tasks(self.kunder.folder()), 0);
        self.moments.wait(300);
        self.nats.start_again();
        let serve = self.serve.as_mut().expect("it runs between two kills");
        assert!(serve.still_runs(), "`kunder serve` ended with its broker");
        "nats-server"
    }

    fn kill_both(&mut self) -> &'static str {
        self.nats.kill();
        self.killed.nats += 1;
        self.moments.wait(30);
        self.end_serve();
        self.nats.start_again();
        self.serve_again();
        "both"
    }

    fn end_serve(&mut self) {
        let mut serve = self.serve.take().expect("it runs between two kills");
        assert!(
            serve.still_runs(),
            "`kunder serve` ended by itself\n{}",
            serve.log()
        );
        serve.kill();
        self.killed.serve += 1;
        let left = Standing::of(self.kunder.folder());
        self.killed.caught.count(left.open(), left.waiting);
        adds_up(&left);
    }

    fn serve_again(&mut self) {
        self.serve = Some(self.kunder.serve(&self.nats.url()));
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemClock::default().now().as_duration().as_secs_f64()
}
