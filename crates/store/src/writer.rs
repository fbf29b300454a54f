//! The one writer: a thread that takes operations in order and commits many of them with one flush.
//!
//! Each operation has a savepoint, so that a bad one fails alone, and is answered after the commit is on disk.

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use kunder_agent_core::id::TaskId;
use rusqlite::{Connection, params};
use tokio::sync::{mpsc, oneshot};

use crate::error::Failure;
use crate::moment::signed;
use crate::seal::Mover;

/// Operations that may wait; further callers wait for a place.
const WAITING_MAX: usize = 1024;
/// Operations that share one commit at most.
const GROUP_MAX: usize = 256;

/// Whether an operation needs the disk before it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flush {
    /// Survives a power loss.
    Disk,
    /// Survives the end of the process; after a power loss it may be as if it had not happened, and the caller is fine with that.
    Later,
}

/// The handle of the writing thread; dropped, it lets the thread finish what waits and joins it.
#[derive(Debug)]
pub(crate) struct Writer {
    sender: Option<mpsc::Sender<Box<dyn Operation>>>,
    starts: Arc<Starts>,
    thread: Option<JoinHandle<()>>,
}

/// Starts of tasks that are not written yet. They are taken before the operations of a group run, and after those were received:
/// so a start precedes every commit that was sent after it, and never waits for a place in the channel.
/// There are never more than tasks at work.
#[derive(Debug, Default)]
struct Starts(Mutex<Vec<Start>>);

#[derive(Debug)]
struct Start {
    task: TaskId,
    epoch: u64,
}

impl Starts {
    fn push(&self, start: Start) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(start);
    }

    fn take(&self) -> Vec<Start> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put_back(&self, mut starts: Vec<Start>) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        starts.append(&mut waiting);
        *waiting = starts;
    }
}

/// Something to write.
trait Operation: Send {
    fn flush(&self) -> Flush;
    /// Runs inside a savepoint; false undoes it.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Tells the caller, after the group was committed or could not be.
    fn answer(self: Box<Self>, committed: Result<(), String>);
}

struct Work<T, F> {
    flush: Flush,
    work: Option<F>,
    result: Option<Result<T, Failure>>,
    caller: oneshot::Sender<Result<T, Failure>>,
}

impl<T: Send, F: FnOnce(&Connection) -> Result<T, Failure> + Send> Operation for Work<T, F> {
    fn flush(&self) -> Flush {
        self.flush
    }

    fn run(&mut self, connection: &Connection) -> bool {
        let Some(work) = self.work.take() else {
            return false;
        };
        // A defect in one operation must not end the writer of all.
        let result = catch_unwind(AssertUnwindSafe(|| work(connection)))
            .unwrap_or_else(|_| Err(Failure::Unavailable("the operation panicked".to_owned())));
        let kept = result.is_ok();
        self.result = Some(result);
        kept
    }

    fn answer(self: Box<Self>, committed: Result<(), String>) {
        let missing = || Err(Failure::Unavailable("the operation was not run".to_owned()));
        let result = match committed {
            Ok(()) => self.result.unwrap_or_else(missing),
            Err(reason) => Err(Failure::Unavailable(reason)),
        };
        // A caller that has gone does not want to know.
        let _ = self.caller.send(result);
    }
}

/// Wakes the writer so that it writes the starts.
struct Wake;

impl Operation for Wake {
    fn flush(&self) -> Flush {
        Flush::Later
    }

    fn run(&mut self, _: &Connection) -> bool {
        true
    }

    fn answer(self: Box<Self>, _: Result<(), String>) {}
}

impl Writer {
    /// Starts the thread that owns `connection`.
    pub(crate) fn new(connection: Connection, mover: Mover) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let starts = Arc::new(Starts::default());
        let theirs = Arc::clone(&starts);
        // SQLite waits for the disk, so its writer is a thread of its own and no task of the runtime: the one thread outside the clock.
        let thread = std::thread::Builder::new()
            .name("kunder-store".to_owned())
            .spawn(move || {
                // Dropped in the order against this: the file is closed before the sole right to it ends.
                let mut mover = mover;
                let connection = connection;
                write_groups(&connection, receiver, &theirs, &mut mover);
            })?;
        Ok(Self {
            sender: Some(sender),
            starts,
            thread: Some(thread),
        })
    }

    /// Runs `work` in the order of the calls; returns after its commit.
    pub(crate) async fn write<T, F>(&self, flush: Flush, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        let stopped = || Failure::Unavailable("the writer has stopped".to_owned());
        let (caller, answered) = oneshot::channel();
        let operation = Work {
            flush,
            work: Some(work),
            result: None,
            caller,
        };
        let sender = self.sender.as_ref().ok_or_else(stopped)?;
        sender.send(Box::new(operation)).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// Notes a start; written with the next group, without being waited for.
    pub(crate) fn start(&self, task: TaskId, epoch: u64) {
        self.starts.push(Start { task, epoch });
        if let Some(sender) = &self.sender {
            // A full channel means that a group is still to come, and it takes the starts along.
            let _ = sender.try_send(Box::new(Wake));
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.sender.take();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer of the store panicked");
        }
    }
}

fn write_groups(
    connection: &Connection,
    mut receiver: mpsc::Receiver<Box<dyn Operation>>,
    starts: &Starts,
    mover: &mut Mover,
) {
    let mut flushed = Flush::Disk;
    while let Some(first) = receiver.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP_MAX
            && let Ok(operation) = receiver.try_recv()
        {
            group.push(operation);
        }
        let begun = starts.take();
        let committed = write_group(connection, &mut group, &begun, &mut flushed);
        if let Err(reason) = &committed {
            tracing::error!(reason, operations = group.len(), "cannot commit to the store");
            starts.put_back(begun);
        }
        for operation in group {
            operation.answer(committed.clone());
        }
        if let Err(error) = mover.after_commit(connection) {
            tracing::error!(%error, cause = error.source().map(ToString::to_string), "the log of the store grows");
        }
    }
    if let Err(error) = mover.at_end(connection) {
        tracing::warn!(%error, cause = error.source().map(ToString::to_string), "the log of the store is left as it is");
    }
}

/// One transaction; `Err` when none of it is stored.
fn write_group(
    connection: &Connection,
    group: &mut [Box<dyn Operation>],
    starts: &[Start],
    flushed: &mut Flush,
) -> Result<(), String> {
    let flush = if group.iter().any(|operation| operation.flush() == Flush::Disk) {
        Flush::Disk
    } else {
        Flush::Later
    };
    let text = |error: rusqlite::Error| error.to_string();
    let result = set_flush(connection, flush, flushed)
        .and_then(|()| execute(connection, "BEGIN IMMEDIATE"))
        .and_then(|()| start_all(connection, starts))
        .map_err(text)
        .and_then(|()| run_all(connection, group))
        .and_then(|()| execute(connection, "COMMIT").map_err(text));
    if result.is_err() && !connection.is_autocommit() {
        // Where this fails too, the next BEGIN says so to the next group.
        let _ = execute(connection, "ROLLBACK");
    }
    result
}

fn run_all(connection: &Connection, group: &mut [Box<dyn Operation>]) -> Result<(), String> {
    let text = |error: rusqlite::Error| error.to_string();
    for operation in group {
        execute(connection, "SAVEPOINT operation").map_err(text)?;
        let kept = operation.run(connection);
        if connection.is_autocommit() {
            // Some errors, such as a full disk, end the whole transaction and not only the operation.
            return Err("the disk is full or failing: the transaction was undone".to_owned());
        }
        if !kept {
            execute(connection, "ROLLBACK TO operation").map_err(text)?;
        }
        execute(connection, "RELEASE operation").map_err(text)?;
    }
    Ok(())
}

fn start_all(connection: &Connection, starts: &[Start]) -> rusqlite::Result<()> {
    // Only the holder of the lease starts tasks, and only queued ones.
    let mut statement = connection.prepare_cached(
        "UPDATE tasks SET state = 1, tries = tries + 1, epoch = ?2
         WHERE task_id = ?1 AND state = 0 AND ?2 = (SELECT value FROM meta WHERE key = 'epoch')",
    )?;
    for start in starts {
        statement.execute(params![start.task.as_str(), signed(start.epoch)])?;
    }
    Ok(())
}

fn set_flush(connection: &Connection, wanted: Flush, current: &mut Flush) -> rusqlite::Result<()> {
    if wanted != *current {
        match wanted {
            Flush::Disk => connection.execute_batch("PRAGMA synchronous = FULL")?,
            Flush::Later => connection.execute_batch("PRAGMA synchronous = NORMAL")?,
        }
        *current = wanted;
    }
    Ok(())
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}

#[cfg(test)]
mod tests;
