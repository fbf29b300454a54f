//! Metrics of stored customers as of a moment, by definitions that the asker brings: what a model would have read that day.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use kunder_agent_core::door::{Refusal, RefusalCode};
use kunder_domain::definitions::Definitions;
use kunder_domain::fact::CustomerId;
use kunder_domain::measure::Measure;
use kunder_domain::measuring::measure;
use kunder_domain::metrics::{Metrics, day};
use kunder_domain::portfolio::{PortfolioError, Span, View};
use serde::{Deserialize, Serialize};

use crate::control::Response;
use crate::service::Service;

/// Customers whose measures travel in one answer.
const SPAN_MAX: usize = 250;

/// What is measured of one customer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MeasuredCustomer {
    pub id: CustomerId,
    pub name: String,
    pub active: bool,
    /// The day of its first fact.
    pub since: Option<Date>,
    pub measures: BTreeMap<String, Measure>,
}

impl Service {
    pub(crate) async fn spans(&self, as_of: Timestamp) -> Result<Response, Refusal> {
        let view = self.store.view(as_of).await.map_err(unread)?;
        let spans = self.store.spans(view, SPAN_MAX).await.map_err(unread)?;
        Ok(Response::Spans { view, spans })
    }

    pub(crate) async fn measure(
        &self,
        files: &BTreeMap<String, String>,
        view: View,
        span: &Span,
    ) -> Result<Vec<MeasuredCustomer>, Refusal> {
        let definitions = Definitions::parse_over_shipped(files)
            .map_err(|errors| Refusal::field("files", errors.to_string()))?;
        let zone = TimeZone::get(&definitions.organisation.body.time_zone)
            .map_err(|error| Refusal::field("files", error.to_string()))?;
        let customers = self.store.read(view, span).await.map_err(unread)?;
        let measured = customers.into_iter().map(|customer| {
            let built_in = Metrics::of(&customer, day(view.as_of, &zone), &zone, &definitions);
            let metrics = &definitions.metrics.body;
            let measured = measure(&customer, metrics, &built_in, view.as_of, &zone);
            let values = measured.values.into_iter();
            MeasuredCustomer {
                name: customer.name().to_owned(),
                active: customer.is_active(),
                since: customer.first_observed.map(|first| day(first, &zone)),
                measures: values
                    .map(|(metric, measure)| (metric.to_owned(), measure))
                    .collect(),
                id: customer.id,
            }
        });
        Ok(measured.collect())
    }
}

fn unread(error: PortfolioError) -> Refusal {
    Refusal::new(RefusalCode::Unavailable, error.to_string())
}
