//! Cancellation: a task that has not ended ends with a blocker that says who cancelled it, and its children with it.

use super::{Runtime, admit, ending};
use crate::door::Refusal;
use crate::id::TaskId;
use crate::journal::{CommitError, TaskStatus};
use crate::outcome::{Report, Status};
use crate::task::Locale;

impl<P: Send + Sync + 'static, C: Send + 'static> Runtime<P, C> {
    /// Cancels a task; one that has ended stays as it is. Returns how it stands afterwards.
    ///
    /// # Errors
    /// 404 for a task that was never accepted, 503 without a store.
    pub async fn cancel(&self, task: &TaskId, by: &str) -> Result<TaskStatus, Refusal> {
        let status = self.status(task).await?;
        let record = self.core.journal.record(task).await.map_err(admit::away)?;
        let (None, Some(record)) = (&status.outcome, record) else {
            return Ok(status);
        };
        let done = status.progress.map_or(0, |(done, _)| done);
        let summary = match record.new.task.locale() {
            Locale::Sv => format!("Avbruten av {by}."),
            Locale::En => format!("Cancelled by {by}."),
        };
        let mut report = Report::failed(summary.clone(), summary);
        if let Some((_, all)) = status.progress.filter(|_| done > 0) {
            report.status = Status::Partial;
            report.blockers.push(match record.new.task.locale() {
                Locale::Sv => format!("{done} av {all} sidor var klara."),
                Locale::En => format!("{done} of {all} pages were done."),
            });
        }
        match ending::end_from_outside(&self.core, &record, report).await {
            Ok(())
            | Err(
                CommitError::AlreadyDone { .. }
                | CommitError::LeaseLost { .. }
                | CommitError::Stale { .. }
                | CommitError::Invalid { .. },
            ) => {}
            Err(CommitError::Unavailable(error)) => return Err(admit::away(error)),
        }
        self.status(task).await
    }
}
