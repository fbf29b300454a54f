//! Goals against what is: growth of the number of customers, pro rata by the day of the year (S0-04, S0-05).

use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::definitions::Kpis;

/// Where growth stands on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    pub customers: u32,
    pub baseline: u32,
    /// Customers above the baseline; negative below it.
    pub gained: i64,
    /// What should have been gained by this day of the year, at two decimals.
    pub target: Decimal,
    /// What should be gained by the end of the year.
    pub target_year: u32,
    pub status: GrowthStatus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrowthStatus {
    /// The year's goal is reached.
    Reached,
    OnTrack,
    Behind,
}

/// Compares the number of active customers with the goal of the calendar year. The exact goal decides, the rounded one is shown.
#[must_use]
pub fn growth(day: Date, customers: u32, kpis: &Kpis) -> Growth {
    let per_year = kpis.customers_growth_per_year;
    let days = Decimal::from(day.days_in_year());
    let exact = Decimal::from(per_year) * Decimal::from(day.day_of_year()) / days;
    let gained = i64::from(customers) - i64::from(kpis.customers_baseline);
    let status = if gained >= i64::from(per_year) {
        GrowthStatus::Reached
    } else if Decimal::from(gained) >= exact {
        GrowthStatus::OnTrack
    } else {
        GrowthStatus::Behind
    };
    let mut target = exact.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    target.rescale(2);
    Growth {
        customers,
        baseline: kpis.customers_baseline,
        gained,
        target,
        target_year: per_year,
        status,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::definitions::Definitions;

    #[test]
    fn the_target_is_pro_rata() {
        let kpis = Definitions::shipped().kpis.body;
        let target = |day| growth(day, 15, &kpis).target.to_string();
        assert_eq!(target(date(2025, 7, 2)), "5.01");
        assert_eq!(target(date(2025, 1, 1)), "0.03");
        assert_eq!(target(date(2025, 12, 31)), "10.00");
        assert_eq!(target(date(2024, 12, 31)), "10.00");
    }

    #[test]
    fn the_exact_target_decides() {
        let kpis = Definitions::shipped().kpis.body;
        let status = |customers| growth(date(2025, 7, 2), customers, &kpis).status;
        assert_eq!(status(20), GrowthStatus::Behind);
        assert_eq!(status(21), GrowthStatus::OnTrack);
        assert_eq!(status(25), GrowthStatus::Reached);
        assert_eq!(status(14), GrowthStatus::Behind);
    }
}
