//! What tasks accepted later have done already: a task acts on a customer by it, though it reads the facts of its own moment.
//!
//! Tasks do not end in the order in which they were accepted. One that was accepted first and runs last would not see the
//! alert that a later one opened or closed, for its view ends at its own moment, and would open or close it a second time.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use kunder_agent_core::agent::GatherError;
use kunder_domain::customer::Customer;
use kunder_domain::fact::CustomerId;
use kunder_domain::health::HealthRecord;

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

/// Records are looked for on so many days back.
const RECORD_DAYS: i64 = 92;

/// What was recorded of a customer's health on the days before, oldest first: a band is left by the last of them.
///
/// # Errors
/// When the store cannot be read.
pub async fn earlier_health(
    customer: &CustomerId,
    today: Date,
    reader: &Reader,
) -> Result<Vec<HealthRecord>, GatherError> {
    let from = today.checked_sub(RECORD_DAYS.days()).unwrap_or(Date::MIN);
    let until = today.yesterday().unwrap_or(today);
    reader
        .health_history(customer, from, until)
        .await
        .map_err(unavailable)
}
