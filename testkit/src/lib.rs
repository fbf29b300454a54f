//! The runtime under a simulated clock, broker and store: what a world of a thousand faults does to it, from a seed.
#![forbid(unsafe_code)]

pub mod broker;
pub mod dice;
pub mod machine;
