//! What a decision may hold: one that is over a limit fails its task with the limit named, and nothing of it is stored.

use super::Core;
use crate::decision::Decision;
use crate::fit::bytes;
use crate::journal::{CommitError, TaskRecord};
use crate::outcome::Outcome;

/// Checks what is stored and announced beside the outcome; the outcome itself is made to fit.
pub(super) fn is_bounded<P, C>(
    core: &Core<P, C>,
    record: &TaskRecord,
    decision: &Decision<C>,
) -> Result<(), CommitError> {
    let config = &core.config;
    let bytes = decision
        .artifacts
        .iter()
        .map(|artifact| artifact.content.len())
        .sum();
    let found = [
        (decision.changes.len(), "facts", config.effects_max),
        (decision.events.len(), "events", config.effects_max),
        (decision.requests.len(), "requests", config.effects_max),
        (decision.artifacts.len(), "files", config.artifacts_max),
        (bytes, "bytes of files", config.artifact_bytes_max),
    ];
    match found.into_iter().find(|(count, _, most)| count > most) {
        Some((count, what, most)) => Err(over(record, count, what, most)),
        None => Ok(()),
    }
}

/// A page's outcome is joined whole, so it is not cut: it has to be small enough as it is.
pub(super) fn page_is_bounded<P, C>(
    core: &Core<P, C>,
    record: &TaskRecord,
    outcome: &Outcome,
) -> Result<(), CommitError> {
    let (size, most) = (bytes(outcome), core.config.page_bytes_max);
    if size > most {
        Err(over(record, size, "bytes of outcome", most))
    } else {
        Ok(())
    }
}

fn over(record: &TaskRecord, count: usize, what: &str, most: usize) -> CommitError {
    CommitError::Invalid {
        task: record.id().clone(),
        reason: format!("its decision holds {count} {what}, at most {most} are allowed"),
    }
}
