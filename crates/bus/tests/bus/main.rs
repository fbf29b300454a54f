//! The two buses against one contract, and NATS against a real nats-server.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod advisories;
mod announcing;
mod clauses;
mod clock;
mod contract;
mod cuts;
mod deleted;
mod door;
mod inbox;
mod permissions;
mod proxy;
mod queue;
mod restart;
mod restarts;
mod server;
mod services;
mod setup;
mod slow;
mod versions;
