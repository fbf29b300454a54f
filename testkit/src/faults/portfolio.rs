//! Reading through a store that goes wrong by chance.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use kunder_agent_core::journal::JournalError;
use kunder_domain::customer::Customer;
use kunder_domain::fact::CustomerId;
use kunder_domain::health::HealthRecord;
use kunder_domain::names::NameIndex;
use kunder_domain::portfolio::{Portfolio, PortfolioError, Span, Undelivered, View};
use kunder_domain::signals::Known;

use super::FaultyStore;

fn unread(error: JournalError) -> PortfolioError {
    PortfolioError(error.0)
}

#[async_trait]
impl Portfolio for FaultyStore {
    async fn view(&self, as_of: Timestamp) -> Result<View, PortfolioError> {
        self.read().await.map_err(unread)?;
        self.store.view(as_of).await
    }

    async fn spans(&self, view: View, size: usize) -> Result<Vec<Span>, PortfolioError> {
        self.read().await.map_err(unread)?;
        self.store.spans(view, size).await
    }

    async fn read(&self, view: View, span: &Span) -> Result<Vec<Customer>, PortfolioError> {
        Self::read(self).await.map_err(unread)?;
        Portfolio::read(&self.store, view, span).await
    }

    async fn customer(&self, view: View, id: &CustomerId) -> Result<Option<Customer>, PortfolioError> {
        self.read().await.map_err(unread)?;
        self.store.customer(view, id).await
    }

    async fn touched(&self, view: View, after: u64, limit: usize) -> Result<Vec<CustomerId>, PortfolioError> {
        self.read().await.map_err(unread)?;
        self.store.touched(view, after, limit).await
    }

    async fn signals(&self, view: View, span: &Span, day: Date) -> Result<Vec<Known>, PortfolioError> {
        self.read().await.map_err(unread)?;
        self.store.signals(view, span, day).await
    }

    async fn health_days(&self, before: Date, limit: usize) -> Result<Vec<Date>, PortfolioError> {
        self.read().await.map_err(unread)?;
        self.store.health_days(before, limit).await
    }

    async fn health_records(&self, day: Date, span: &Span) -> Result<Vec<HealthRecord>, PortfolioError> {
        self.read().await.map_err(unread)?;
        self.store.health_records(day, span).await
    }

    async fn health_history(
        &self,
        customer: &CustomerId,
        from: Date,
        to: Date,
    ) -> Result<Vec<HealthRecord>, PortfolioError> {
        self.read().await.map_err(unread)?;
        self.store.health_history(customer, from, to).await
    }

    async fn names(&self) -> Result<Arc<NameIndex>, PortfolioError> {
        self.read().await.map_err(unread)?;
        self.store.names().await
    }

    async fn undelivered(&self) -> Result<Vec<Undelivered>, PortfolioError> {
        self.read().await.map_err(unread)?;
        self.store.undelivered().await
    }
}
