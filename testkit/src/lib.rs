//! The runtime under a simulated clock, broker and store: what a world of a thousand faults does to it, from a seed.

pub mod broker;
pub mod store;
