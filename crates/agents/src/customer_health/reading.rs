//! What a page of a health check reads: its customers, how they were on the days before, and those whose alerts may have to
//! change as they are now.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;
use kunder_agent_core::agent::{GatherError, Work};
use kunder_domain::customer::Customer;
use kunder_domain::fact::CustomerId;
use kunder_domain::health::HealthRecord;
use kunder_domain::metrics::day;
use kunder_domain::portfolio::{PortfolioError, View};

use super::{CustomerHealth, Facts, HEALTH_PAGE, NAME};
use crate::Reader;
use crate::asked::unavailable;
use crate::paging::{self, Page};
use crate::present::catch_up;

/// A customer's last record is looked for on so many days with records at most.
const LAST_RECORD_DAYS: usize = 14;

/// How customers were on the days before.
#[derive(Default)]
pub struct Past {
    last: BTreeMap<CustomerId, HealthRecord>,
    history: BTreeMap<CustomerId, Vec<HealthRecord>>,
}

impl Past {
    pub(super) fn last(&self, customer: &CustomerId) -> Option<&HealthRecord> {
        self.last.get(customer)
    }

    /// Oldest first; where the days before were of no use only the last.
    pub(super) fn history(&self, customer: &CustomerId) -> &[HealthRecord] {
        let whole = self.history.get(customer).map(Vec::as_slice);
        whole.unwrap_or_else(|| self.last(customer).map_or(&[][..], std::slice::from_ref))
    }
}

impl CustomerHealth {
    pub(super) async fn page(&self, work: &Work, reader: &Reader) -> Result<Facts, GatherError> {
        let page = paging::page(work, NAME)?;
        let customers = customers(&page, reader).await.map_err(unavailable)?;
        let mut past = self.last(&page, &customers, reader).await.map_err(unavailable)?;
        let mut current = BTreeMap::new();
        if work.task.command() == Some(HEALTH_PAGE) {
            self.read_history(&page, &customers, &mut past, reader)
                .await
                .map_err(unavailable)?;
            if !page.is_rehearsal(&work.task) {
                current = self.current(&page, &customers, &past, reader).await?;
            }
        }
        Ok(Facts::Page {
            page,
            customers,
            past,
            current,
        })
    }

    /// The last record of each customer before the day.
    async fn last(
        &self,
        page: &Page,
        customers: &[Customer],
        reader: &Reader,
    ) -> Result<Past, PortfolioError> {
        let today = day(page.view.as_of, &self.zone);
        Ok(Past {
            last: last_records(page, today, customers.len(), reader).await?,
            ..Past::default()
        })
    }

    /// The days before, of those whose alerts rest on them.
    async fn read_history(
        &self,
        page: &Page,
        customers: &[Customer],
        past: &mut Past,
        reader: &Reader,
    ) -> Result<(), PortfolioError> {
        let at = page.view.as_of;
        let today = day(at, &self.zone);
        let since = today
            .checked_sub(self.alerts.history_days().days())
            .unwrap_or(Date::MIN);
        let until = today.yesterday().unwrap_or(today);
        for customer in customers.iter().filter(|customer| customer.is_active()) {
            if self.needs_history(customer, at, past) {
                let history = reader.health_history(&customer.id, since, until).await?;
                past.history.insert(customer.id.clone(), history);
            }
        }
        Ok(())
    }

    /// Those whose alerts may have to change, as they are now and not when the list was frozen.
    async fn current(
        &self,
        page: &Page,
        customers: &[Customer],
        past: &Past,
        reader: &Reader,
    ) -> Result<BTreeMap<CustomerId, Customer>, GatherError> {
        let now = reader.view(page.view.as_of).await.map_err(unavailable)?;
        let mut current = BTreeMap::new();
        for customer in customers
            .iter()
            .filter(|customer| self.may_change_alerts(customer, now.as_of, past))
        {
            if let Some(mut customer) = reader.customer(now, &customer.id).await.map_err(unavailable)? {
                catch_up(&mut customer, now.as_of, reader).await?;
                current.insert(customer.id.clone(), customer);
            }
        }
        Ok(current)
    }
}

/// The last record before a day of each of so many customers of a page.
pub(super) async fn last_records(
    page: &Page,
    before: Date,
    customers: usize,
    reader: &Reader,
) -> Result<BTreeMap<CustomerId, HealthRecord>, PortfolioError> {
    let mut last = BTreeMap::new();
    for on in reader.health_days(before, LAST_RECORD_DAYS).await? {
        if last.len() >= customers {
            break;
        }
        for record in records(page, on, reader).await? {
            last.entry(record.customer.clone()).or_insert(record);
        }
    }
    Ok(last)
}

async fn customers(page: &Page, reader: &Reader) -> Result<Vec<Customer>, PortfolioError> {
    let Some(only) = &page.only else {
        return reader.read(page.view, &page.span).await;
    };
    let mut customers = Vec::with_capacity(only.len());
    for id in only {
        customers.extend(reader.customer(page.view, id).await?);
    }
    Ok(customers)
}

async fn records(page: &Page, on: Date, reader: &Reader) -> Result<Vec<HealthRecord>, PortfolioError> {
    let Some(only) = &page.only else {
        return reader.health_records(on, &page.span).await;
    };
    let mut records = Vec::with_capacity(only.len());
    for id in only {
        records.extend(reader.health_history(id, on, on).await?);
    }
    Ok(records)
}

/// The customers with news since a fact, or `None` where they are so many that all are to be looked at.
pub(super) async fn touched(
    view: View,
    after: u64,
    reader: &Reader,
) -> Result<Option<Vec<CustomerId>>, PortfolioError> {
    let most = paging::PAGE_CUSTOMERS;
    let touched = reader.touched(view, after, most + 1).await?;
    Ok((touched.len() <= most).then_some(touched))
}
