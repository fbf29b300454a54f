//! The port for time, timers, randomness and spawning. Nothing else reads a clock or starts a task.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;

use async_trait::async_trait;
use jiff::Timestamp;

/// A boxed future that a clock runs.
pub type Job = Pin<Box<dyn Future<Output = ()> + Send + 'static>>;
/// A computation that may take long or never end.
pub type Computation = Box<dyn FnOnce() -> Box<dyn Any + Send> + Send + 'static>;

/// What became of a computation.
pub enum Computed {
    Done(Box<dyn Any + Send>),
    /// It panicked, with this text.
    Panicked(String),
}

/// Time, timers, seeded randomness and spawning.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// The time now, UTC.
    fn now(&self) -> Timestamp;

    /// Waits until `at`; at once if that is past.
    async fn sleep_until(&self, at: Timestamp);

    /// Sixty-four bits of randomness.
    fn random(&self) -> u64;

    /// Runs a future beside the others; the handle ends when it ended, with the text of its panic if it panicked.
    fn spawn(&self, job: Job) -> Handle;

    /// Runs a computation where its hang cannot stall the runtime's own threads.
    /// Dropping the returned future abandons the computation.
    async fn compute(&self, computation: Computation) -> Computed;
}

/// The end of a spawned future: `Ok` when it returned, the panic's text when it panicked.
pub struct Handle(pub Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'static>>);

impl Future for Handle {
    type Output = Result<(), String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}
