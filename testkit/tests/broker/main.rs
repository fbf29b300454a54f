//! Our rules of announcing and accepting over the simulated broker: the contract of every bus, and what faults do.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accepting;
mod announcing;
#[path = "../../../crates/bus/tests/bus/clauses.rs"]
mod clauses;
#[path = "../../../crates/bus/tests/bus/door.rs"]
#[expect(dead_code, reason = "not all that this door can is asked for here")]
mod door;
mod faults;
mod simulated;
