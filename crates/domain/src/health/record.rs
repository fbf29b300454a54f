//! Health as it was said of a customer on a day: what stays when the facts move on (S2-47).

use jiff::Timestamp;
use jiff::civil::Date;

use super::Snapshot;
use crate::fact::CustomerId;

/// One customer's health on one day. Of several records of a day the one of the latest moment stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthRecord {
    pub customer: CustomerId,
    /// Where the organisation is.
    pub day: Date,
    /// The moment it was said of.
    pub at: Timestamp,
    /// The number of the last fact it rests on: with the moment, the view that gives it again.
    pub last_fact: u64,
    pub snapshot: Snapshot,
}

impl HealthRecord {
    /// Whether it takes the place of `other`, of the same customer and day: the later moment does, at one moment the one that knew more.
    #[must_use]
    pub fn replaces(&self, other: &Self) -> bool {
        (self.at, self.last_fact) >= (other.at, other.last_fact)
    }
}
