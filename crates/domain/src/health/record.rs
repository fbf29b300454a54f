//! Health as it was said of a customer on a day: what stays when the facts move on (S2-47).

use jiff::Timestamp;
use jiff::civil::Date;

use super::Snapshot;
use crate::fact::CustomerId;
use crate::portfolio::Span;

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

/// Records of a day that say what those of an earlier one do: of every customer of the span that has one there, but those excepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SameHealth {
    pub day: Date,
    pub at: Timestamp,
    pub last_fact: u64,
    /// The earlier day.
    pub of: Date,
    pub span: Span,
    /// In the order of their ids.
    pub except: Vec<CustomerId>,
}

impl SameHealth {
    /// The record that follows from one of the earlier day; `None` where it does not follow.
    #[must_use]
    pub fn again(&self, record: &HealthRecord) -> Option<HealthRecord> {
        let follows = record.day == self.of
            && self.span.holds(&record.customer)
            && self.except.binary_search(&record.customer).is_err();
        follows.then(|| HealthRecord {
            day: self.day,
            at: self.at,
            last_fact: self.last_fact,
            ..record.clone()
        })
    }
}
