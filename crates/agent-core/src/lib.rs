//! The runtime that knows no customer: protocol types, the agent and its decision, the ports, the actors.
#![forbid(unsafe_code)]

pub mod agent;
pub mod bus;
pub mod clock;
pub mod criteria;
pub mod decision;
pub mod door;
pub mod envelope;
pub mod event;
pub mod fit;
pub mod id;
pub mod journal;
pub mod letter;
pub mod outcome;
pub mod runtime;
pub mod subject;
pub mod task;
