//! The two buses against one contract, and NATS against a real nats-server.

mod announcing;
mod clock;
mod contract;
mod door;
mod inbox;
mod queue;
mod restart;
mod server;
mod services;
mod setup;
