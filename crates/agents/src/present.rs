//! What tasks accepted later have done already: a task acts on a customer by it, though it reads the facts of its own moment.
//!
//! Tasks do not end in the order in which they were accepted. One that was accepted first and runs last would not see the
//! alert that a later one opened or closed, for its view ends at its own moment, and would open or close it a second time.

use jiff::{SignedDuration, Timestamp};
use kunder_agent_core::agent::GatherError;
use kunder_domain::customer::Customer;

use crate::Reader;
use crate::asked::unavailable;

/// How far beyond its own moment a task looks.
pub const LOOK_AHEAD: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Brings what a customer's alerts are, and what was told of it, up to the present; everything else stays as it was read.
/// The version stays too: what is committed between the two reads makes the decision stale.
///
/// # Errors
/// When the store cannot be read.
pub async fn catch_up(customer: &mut Customer, as_of: Timestamp, reader: &Reader) -> Result<(), GatherError> {
    let until = as_of.checked_add(LOOK_AHEAD).unwrap_or(Timestamp::MAX);
    let view = reader.view(until).await.map_err(unavailable)?;
    if let Some(present) = reader.customer(view, &customer.id).await.map_err(unavailable)? {
        customer.alerts = present.alerts;
        customer.alert_openings = present.alert_openings;
        customer.told = present.told;
    }
    Ok(())
}
