//! Helpers of the end-to-end tests: a clock that stands still, and agents that do as they are told.
#![forbid(unsafe_code)]

pub mod manual_clock;
pub mod scripted;
