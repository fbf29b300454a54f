//! The whole system as its users have it: the real `kunder`, a real nats-server, and clients in Python; each in a folder of its own and ended with the test.

mod kunder;
mod nats;
mod output;
mod patience;
mod portfolio;
mod python;

pub use kunder::{Kunder, QUIET, Serve, binary};
pub use nats::Nats;
pub use output::Output;
pub use patience::{PATIENCE, Stopwatch, eventually, pause};
pub use portfolio::{Kept, Standing, open_tasks};
pub use python::Python;
