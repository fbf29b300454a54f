//! The runtime under a simulated clock, broker and store: what a world of a thousand faults does to it, from a seed.
#![forbid(unsafe_code)]

pub mod broker;
pub mod chaos;
pub mod day;
pub mod dice;
pub mod faults;
pub mod faulty_journal;
pub mod machine;
pub mod plan;
pub mod run;
pub mod store;
pub mod verdict;
pub mod watched;
pub mod witness;
pub mod world;
