//! Messages in and out: the bus inside one process, and NATS with its services, work queue and streams.
#![forbid(unsafe_code)]

mod base64;
pub mod cloud_event;
mod in_process;
mod nats;
mod pattern;

pub use in_process::{InProcessBus, Received, Subscription};
pub use nats::NatsBus;
pub use nats::client::{NatsClient, RemoteError};
pub use nats::config::NatsConfig;
pub use nats::error::BusError;
pub use nats::inspect::{BusReport, StreamReport};
pub use nats::serve::Serving;
pub use pattern::{Pattern, PatternError};
