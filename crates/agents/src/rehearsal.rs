//! Tasks that only show what would be: a dry run, or an answer as of a past day. They commit their outcome and nothing else.

use jiff::tz::TimeZone;
use kunder_agent_core::agent::Work;
use kunder_agent_core::decision::Decision;
use kunder_domain::metrics::day;

/// Whether a task commits nothing but its outcome (design, section 2).
#[must_use]
pub fn is_rehearsal(work: &Work, zone: &TimeZone) -> bool {
    work.task.dry_run || work.task.as_of.is_some_and(|asked| asked < day(work.now, zone))
}

/// The decision as it may be committed: of a rehearsal only the outcome and its artifacts are left.
#[must_use]
pub fn committable<C>(work: &Work, zone: &TimeZone, decision: Decision<C>) -> Decision<C> {
    if !is_rehearsal(work, zone) {
        return decision;
    }
    let Decision {
        verdict, artifacts, ..
    } = decision;
    Decision {
        verdict,
        artifacts,
        expects: Vec::new(),
        changes: Vec::new(),
        events: Vec::new(),
        follow_ups: Vec::new(),
        requests: Vec::new(),
    }
}
