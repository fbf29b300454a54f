//! Tasks whose row cannot be read back: each ends as failed, with the reason, and holds up no other.

use jiff::Timestamp;
use kunder_agent_core::id::TaskId;
use kunder_agent_core::outcome::{OUTCOME_PROTOCOL, Outcome, Report};
use rusqlite::{Connection, OptionalExtension, params};

use crate::commit::{OutcomeRow, finish, join};
use crate::error::Failure;
use crate::moment::moment;
use crate::tasks::{RECORD, Unreadable, records};

/// Ends open tasks whose rows cannot be read.
pub(crate) fn set_aside(
    connection: &Connection,
    unreadable: &[Unreadable],
    now: Timestamp,
) -> Result<(), Failure> {
    for row in unreadable {
        let mut open = connection.prepare_cached(
            "SELECT task_id, agent, now, parent FROM tasks WHERE number = ?1 AND state < 3",
        )?;
        let found: Option<(String, String, i64, Option<String>)> = open
            .query_row(params![row.number], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .optional()?;
        let Some((task, agent, accepted, parent)) = found else {
            continue;
        };
        tracing::error!(
            task,
            number = row.number,
            reason = row.reason,
            "a stored task cannot be read and ends as failed"
        );
        let Ok(task_id) = TaskId::new(task) else {
            continue;
        };
        let outcome = Outcome {
            protocol: OUTCOME_PROTOCOL.to_owned(),
            task_id,
            agent: format!("kunder/{agent}"),
            started_at: moment(accepted).min(now),
            finished_at: now,
            report: Report::failed("The stored task cannot be read.", row.reason.clone()),
            criteria: Vec::new(),
            warnings: Vec::new(),
            cut: Vec::new(),
        };
        finish(connection, row.number, &OutcomeRow::new(&outcome)?)?;
        join(connection, parent.as_deref())?;
    }
    Ok(())
}

/// Says which tasks cannot be read, ended or not, at most `max` of them.
pub(crate) fn named(connection: &Connection, max: usize) -> Result<Vec<String>, Failure> {
    let (_, unreadable) = records(connection, &format!("SELECT {RECORD} FROM tasks"), [])?;
    let said = |row: &Unreadable| format!("task number {}: {}", row.number, row.reason);
    Ok(unreadable.iter().take(max).map(said).collect())
}
