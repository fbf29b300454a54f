//! Messages in and out: the bus inside one process, and NATS with its services, work queue and streams.
#![forbid(unsafe_code)]

mod accept;
mod announce;
mod base64;
pub mod broker;
pub mod cloud_event;
mod headers;
mod in_process;
mod letter;
mod nats;
mod pattern;
mod tail;

pub use accept::{Acceptor, Ended, Source};
pub use announce::Announcer;
pub use in_process::{InProcessBus, Received, Subscription};
pub use nats::NatsBus;
pub use nats::client::{NatsClient, RemoteError};
pub use nats::config::NatsConfig;
pub use nats::error::BusError;
pub use nats::inspect::{BusReport, StreamReport};
pub use nats::serve::Serving;
pub use pattern::{Pattern, PatternError};
