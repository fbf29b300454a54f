//! The composition root: configuration, clock, routing, relay, the ways in, and the command line.
#![forbid(unsafe_code)]

pub mod app;
pub mod chat;
pub mod checks;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod control;
pub mod doctor;
pub mod letters;
pub mod measured;
pub mod metrics;
pub mod progress;
pub mod relay;
pub mod routing;
pub mod schema;
pub mod service;
pub mod socket;
pub mod store;
pub mod storms;
