//! The port for reading: customers as of a moment, from one consistent snapshot.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::customer::Customer;
use crate::fact::CustomerId;
use crate::health::HealthRecord;
use crate::names::NameIndex;
use crate::signals::Known;

/// What is read: facts observed up to `as_of`, among those numbered up to `last_fact`. Two reads of one view agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct View {
    pub as_of: Timestamp,
    pub last_fact: u64,
}

/// A span of customers in the order of their ids: those above `after`, up to and including `upto`; open where `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    pub after: Option<CustomerId>,
    pub upto: Option<CustomerId>,
}

impl Span {
    #[must_use]
    pub fn holds(&self, id: &CustomerId) -> bool {
        self.after.as_ref().is_none_or(|after| id > after) && self.upto.as_ref().is_none_or(|upto| id <= upto)
    }
}

/// A message for another process that could not be delivered, or not yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Undelivered {
    /// `salj`.
    pub destination: String,
    /// The subject it is for.
    pub subject: String,
    /// When it was committed.
    pub since: Timestamp,
    pub reason: String,
}

/// The store cannot be read.
#[derive(Debug, Error)]
#[error("cannot read the store: {0}")]
pub struct PortfolioError(pub String);

/// Everything agents read.
#[async_trait]
pub trait Portfolio: Send + Sync + 'static {
    /// Freezes what is known now.
    async fn view(&self, as_of: Timestamp) -> Result<View, PortfolioError>;

    /// Cuts all customers of a view into spans of at most `size`, in the order of their ids; no customer is in two.
    async fn spans(&self, view: View, size: usize) -> Result<Vec<Span>, PortfolioError>;

    /// The customers of a span that have facts in the view, in the order of their ids, active or not.
    async fn read(&self, view: View, span: &Span) -> Result<Vec<Customer>, PortfolioError>;

    /// One customer; `None` where nothing is known of it in the view.
    async fn customer(&self, view: View, id: &CustomerId) -> Result<Option<Customer>, PortfolioError>;

    /// Customers with facts numbered above `after` that are in the view, in the order of their ids, at most `limit`.
    /// What our own agents noted of a customer does not count as news of it.
    async fn touched(&self, view: View, after: u64, limit: usize) -> Result<Vec<CustomerId>, PortfolioError>;

    /// Every customer of a span that is in the view, with the signals kept of it and its health record of a day, in the order
    /// of their ids.
    async fn signals(&self, view: View, span: &Span, day: Date) -> Result<Vec<Known>, PortfolioError>;

    /// The latest days before `before` that have health records, newest first, at most `limit`.
    async fn health_days(&self, before: Date, limit: usize) -> Result<Vec<Date>, PortfolioError>;

    /// The health records of a day, of the customers of a span, in the order of their ids.
    async fn health_records(&self, day: Date, span: &Span) -> Result<Vec<HealthRecord>, PortfolioError>;

    /// The health records of one customer from one day to another, both among them, oldest first.
    async fn health_history(
        &self,
        customer: &CustomerId,
        from: Date,
        to: Date,
    ) -> Result<Vec<HealthRecord>, PortfolioError>;

    /// All names known now, ready for look-up.
    async fn names(&self) -> Result<Arc<NameIndex>, PortfolioError>;

    /// Requests to other processes whose deadline has passed undelivered.
    async fn undelivered(&self) -> Result<Vec<Undelivered>, PortfolioError>;
}
