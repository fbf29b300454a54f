//! The two buses against one contract, and NATS against a real nats-server.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod announcing;
mod clauses;
mod clock;
mod contract;
mod door;
mod inbox;
mod queue;
mod restart;
mod server;
mod services;
mod setup;
