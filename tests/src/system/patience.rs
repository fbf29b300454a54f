//! Waiting for what must happen: conditions are asked again and again, for at most a minute. The one place that sleeps.

use std::time::{Duration, Instant};

/// How long a test waits for something that must happen.
pub const PATIENCE: Duration = Duration::from_secs(60);

const AGAIN: Duration = Duration::from_millis(10);

/// Measures from its making.
pub struct Stopwatch(Instant);

impl Stopwatch {
    #[must_use]
    pub fn start() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "tests of whole processes wait in real time"
        )]
        Self(Instant::now())
    }

    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Sleeps.
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Asks until there is an answer.
///
/// # Panics
/// When there is none within [`PATIENCE`].
#[track_caller]
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let watch = Stopwatch::start();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            watch.elapsed() < PATIENCE,
            "waited {} s, and not: {what}",
            PATIENCE.as_secs()
        );
        pause(AGAIN);
    }
}
