//! The runtime and its service in virtual time over the simulated store: what a task meets on its way, case by case.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admission;
mod desk;
mod endings;
mod letters;
mod limits;
mod relay;
mod supervision;
