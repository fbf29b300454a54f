//! KPIs: what was reached against what was to be, computed from stored facts by their definitions (S0-04, S1-33 to S1-45,
//! S2-94 to S2-98, S3-14 to S3-18, S4-42 to S4-45, S4-63). Everything that shows one of these numbers takes it from here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

mod cohort;
mod presence;
mod readings;
mod result;
mod surveys;
mod tally;
#[cfg(test)]
mod tests;
mod value;
mod window;
mod words;

pub use presence::Presence;
pub use result::{Growth, KpiResult, KpiStatus, Part, Scorer, Trend};
pub use surveys::answers;
pub use tally::Tally;
pub use window::Window;

use crate::customer::Customer;
use crate::definitions::{Compute, Kpi, KpiFold, KpiWindow, Kpis};
use crate::exact::Exact;
use cohort::Cohort;

/// What was asked, and what it is asked of.
#[derive(Clone, Copy)]
pub struct KpiEngine<'a> {
    pub kpis: &'a Kpis,
    /// Money in other currencies is left out and told: sums never mix currencies.
    pub currency: &'a str,
    pub zone: &'a TimeZone,
    pub as_of: Timestamp,
}

/// By KPI: the tally of the window, and of the one it is compared with.
pub type Tallies = BTreeMap<String, [Tally; 2]>;

impl<'a> KpiEngine<'a> {
    /// The days a KPI counts, and those it is compared with.
    #[must_use]
    pub fn windows(&self, kpi: &Kpi) -> [Window; 2] {
        let kind = kpi.window.unwrap_or(KpiWindow::Moment);
        let window = Window::of(kind, self.as_of, self.zone);
        [window, window.before(kind, kpi.cadence, self.zone)]
    }

    /// The moments of the mean health score, now and compared with; `None` where no KPI asks for it.
    #[must_use]
    pub fn health_moments(&self) -> Option<[Timestamp; 2]> {
        let kpi = self
            .kpis
            .kpis
            .iter()
            .find(|kpi| kpi.compute == Compute::MeanHealth)?;
        let [_, before] = self.windows(kpi);
        Some([self.as_of, before.end - jiff::SignedDuration::from_nanos(1)])
    }

    /// What these customers add to each KPI. Facts observed after `as_of` must not be among theirs.
    #[must_use]
    pub fn tally(&self, customers: &[Customer]) -> Tallies {
        let mut tallies = Tallies::new();
        for kpi in &self.kpis.kpis {
            let windows = self.windows(kpi);
            let mut both = [Tally::default(), Tally::default()];
            for (tally, window) in both.iter_mut().zip(&windows) {
                for customer in customers {
                    self.take(tally, kpi, customer, window);
                }
            }
            tallies.insert(kpi.id.clone(), both);
        }
        tallies
    }

    /// Adds the scores of a moment, the first or second of [`Self::health_moments`]; `None` is a customer without one.
    pub fn tally_health<'s>(
        &self,
        tallies: &mut Tallies,
        moment: usize,
        scores: impl Iterator<Item = Option<&'s Exact>>,
    ) {
        let mut tally = Tally::default();
        for score in scores {
            match score {
                Some(score) => {
                    tally.add(tally::OVER, score);
                    tally.count(tally::N, 1);
                }
                None => tally.count(tally::APART, 1),
            }
        }
        let asking = self
            .kpis
            .kpis
            .iter()
            .filter(|kpi| kpi.compute == Compute::MeanHealth);
        for kpi in asking {
            if let Some(known) = tallies.entry(kpi.id.clone()).or_default().get_mut(moment) {
                known.merge(&tally);
            }
        }
    }

    fn take(&self, tally: &mut Tally, kpi: &Kpi, customer: &Customer, window: &Window) {
        let (zone, currency) = (self.zone, self.currency);
        let cohort = |who, begins| Cohort {
            who,
            begins,
            window: *window,
            zone,
        };
        match &kpi.compute {
            Compute::Customers | Compute::Growth { .. } => presence::customers(tally, customer, window),
            Compute::CustomerRetention => presence::stayed(tally, customer, window, false),
            Compute::LogoChurn => presence::stayed(tally, customer, window, true),
            Compute::RevenueChurn => presence::revenue_churn(tally, customer, window, zone, currency),
            Compute::Expansion => presence::expansion(tally, customer, window, zone, currency),
            Compute::Mrr => presence::mrr(tally, customer, window, zone, currency),
            Compute::Ltv { margin } => presence::ltv(tally, customer, window, zone, currency, *margin),
            Compute::Cac { cost } => presence::cac(tally, customer, window, cost),
            Compute::LtvToCac { cost, margin } => {
                presence::ltv(tally, customer, window, zone, currency, *margin);
                presence::cac(tally, customer, window, cost);
            }
            Compute::Nps => surveys::nps(tally, customer, window),
            Compute::ResponseRate => surveys::rate(tally, customer, window),
            // Scores are given: see `tally_health`.
            Compute::MeanHealth => {}
            Compute::Reached {
                who,
                begins,
                reaches,
                eligible_days,
                within_days,
            } => cohort(who, begins).reached(tally, customer, reaches, *eligible_days, *within_days),
            Compute::Retention {
                who,
                begins,
                active,
                day,
            } => cohort(who, begins).retention(tally, customer, active, *day),
            Compute::TimeTo {
                who,
                begins,
                reaches,
                unit,
            } => cohort(who, begins).time_to(tally, customer, reaches, *unit),
            Compute::Ratio { over, under } => readings::ratio(tally, customer, window, over, under),
            Compute::Resolution { hours, .. } => readings::measurement(tally, customer, window, hours, true),
            Compute::Measurement { metric, fold } => {
                let spread = matches!(fold, KpiFold::Median | KpiFold::P90);
                readings::measurement(tally, customer, window, metric, spread);
            }
        }
    }
}

/// Adds the tallies of one page to those of others.
pub fn merge(all: &mut Tallies, page: &Tallies) {
    for (id, tallies) in page {
        let known = all.entry(id.clone()).or_default();
        for (known, tally) in known.iter_mut().zip(tallies) {
            known.merge(tally);
        }
    }
}
