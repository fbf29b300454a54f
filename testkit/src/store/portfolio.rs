//! The portfolio in memory: customers as of a moment.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use kunder_domain::customer::Customer;
use kunder_domain::fact::CustomerId;
use kunder_domain::health::HealthRecord;
use kunder_domain::names::NameIndex;
use kunder_domain::portfolio::{Portfolio, PortfolioError, Span, Undelivered, View};
use kunder_domain::signals::Known;

use super::SimStore;

#[async_trait]
impl Portfolio for SimStore {
    async fn view(&self, as_of: Timestamp) -> Result<View, PortfolioError> {
        Ok(self.memory().facts.view(as_of))
    }

    async fn spans(&self, view: View, size: usize) -> Result<Vec<Span>, PortfolioError> {
        Ok(self.memory().facts.spans(view, size))
    }

    async fn read(&self, view: View, span: &Span) -> Result<Vec<Customer>, PortfolioError> {
        Ok(self.memory().facts.read(view, span))
    }

    async fn customer(&self, view: View, id: &CustomerId) -> Result<Option<Customer>, PortfolioError> {
        Ok(self.memory().facts.customer(view, id))
    }

    async fn touched(&self, view: View, after: u64, limit: usize) -> Result<Vec<CustomerId>, PortfolioError> {
        Ok(self.memory().facts.touched(view, after, limit))
    }

    async fn signals(&self, view: View, span: &Span, day: Date) -> Result<Vec<Known>, PortfolioError> {
        let memory = self.memory();
        let known = memory.facts.known(view, span).into_iter();
        let with_signals = known.map(|known| Known {
            signals: memory.signals.get(&known.customer).cloned(),
            last: memory.health.last(day, &known.customer),
            ..known
        });
        Ok(with_signals.collect())
    }

    async fn health_days(&self, before: Date, limit: usize) -> Result<Vec<Date>, PortfolioError> {
        Ok(self.memory().health.days(before, limit))
    }

    async fn health_records(&self, day: Date, span: &Span) -> Result<Vec<HealthRecord>, PortfolioError> {
        Ok(self.memory().health.records(day, span))
    }

    async fn health_history(
        &self,
        customer: &CustomerId,
        from: Date,
        to: Date,
    ) -> Result<Vec<HealthRecord>, PortfolioError> {
        Ok(self.memory().health.history(customer, from, to))
    }

    async fn names(&self) -> Result<Arc<NameIndex>, PortfolioError> {
        Ok(self.memory().facts.names())
    }

    async fn undelivered(&self) -> Result<Vec<Undelivered>, PortfolioError> {
        let now = self.now();
        Ok(self.memory().outbox.undelivered(now))
    }
}
