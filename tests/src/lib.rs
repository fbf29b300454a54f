//! Helpers of the end-to-end tests: a clock that stands still, agents that do as they are told, and the whole system as its users have it.
#![forbid(unsafe_code)]

pub mod manual_clock;
pub mod scripted;
pub mod system;
pub mod world;
