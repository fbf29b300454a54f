//! Wakes actors when a timer falls due, and ends tasks whose deadline has passed.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Core, ending};
use crate::journal::JournalError;

/// Tasks ended for their deadline in one go.
const EXPIRED_BATCH: usize = 256;
/// Looks again after this time even if nothing is known to fall due.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

/// Keeps time until the runtime drains.
pub(super) async fn keep_time<P: Send + Sync + 'static, C: Send + 'static>(core: Arc<Core<P, C>>) {
    let mut failures = 0_u32;
    while !core.is_draining() {
        let now = core.now();
        let until = match tick(&core, now).await {
            Ok(next) => {
                failures = 0;
                next
            }
            Err(error) => {
                failures += 1;
                tracing::warn!(%error, failures, "the timekeeper cannot reach the store");
                now + SignedDuration::try_from(core.backoff(failures)).unwrap_or(LONGEST)
            }
        };
        tokio::select! {
            biased;
            () = core.timers.notified() => {}
            () = core.clock.sleep_until(until) => {}
        }
    }
}

/// Ends what has expired and wakes the actors for what has fallen due; returns when to look again.
/// Both are asked about the same `now`, so that nothing falls due between the two questions.
async fn tick<P: Send + Sync + 'static, C: Send + 'static>(
    core: &Core<P, C>,
    now: Timestamp,
) -> Result<Timestamp, JournalError> {
    loop {
        let expired = core.journal.expired(now, EXPIRED_BATCH).await?;
        let ended = expired.len();
        for record in expired {
            ending::expire(core, &record).await?;
        }
        if ended < EXPIRED_BATCH {
            break;
        }
    }
    core.nudge_all();
    let next = core.journal.next_due(now).await?;
    Ok(next
        .unwrap_or(Timestamp::MAX)
        .min(now.checked_add(LONGEST).unwrap_or(Timestamp::MAX)))
}
