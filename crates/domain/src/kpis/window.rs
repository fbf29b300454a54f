//! The days a KPI counts, and the days it is compared with.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::definitions::{Cadence, KpiWindow};
use crate::metrics::day;

/// Whole days of a time zone, both ends inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub from: Date,
    pub to: Date,
    /// The midnight with which `from` begins.
    pub begin: Timestamp,
    /// The midnight with which `to` ends: what is observed then is no longer inside.
    pub end: Timestamp,
}

impl Window {
    /// The window as of a moment.
    #[must_use]
    pub fn of(kind: KpiWindow, as_of: Timestamp, zone: &TimeZone) -> Self {
        let today = day(as_of, zone);
        match kind {
            KpiWindow::Moment => Self::between(today, today, zone),
            KpiWindow::Days(days) => Self::between(back(today, days - 1), today, zone),
            KpiWindow::Year => Self::between(today.first_of_year(), today, zone),
            KpiWindow::Month => {
                // The end of a day is its last instant: a month is over with it.
                let next = as_of.checked_add(SignedDuration::from_secs(1)).unwrap_or(as_of);
                Self::month_before(day(next, zone), zone)
            }
        }
    }

    /// What this window is compared with: the one right before it; a state with the state one cadence earlier.
    #[must_use]
    pub fn before(self, kind: KpiWindow, cadence: Cadence, zone: &TimeZone) -> Self {
        let earlier = match cadence {
            Cadence::Weekly => back(self.to, 7),
            Cadence::Monthly => self.to.checked_sub(1.month()).unwrap_or(Date::MIN),
        };
        match kind {
            KpiWindow::Moment => Self::between(earlier, earlier, zone),
            KpiWindow::Year => Self::between(earlier.first_of_year(), earlier, zone),
            KpiWindow::Month => Self::month_before(self.from, zone),
            KpiWindow::Days(days) => Self::between(back(self.from, days), back(self.from, 1), zone),
        }
    }

    /// The window so many days earlier.
    #[must_use]
    pub fn shifted_back(self, days: i64, zone: &TimeZone) -> Self {
        Self::between(back(self.from, days), back(self.to, days), zone)
    }

    #[must_use]
    pub fn holds(&self, moment: Timestamp) -> bool {
        self.begin <= moment && moment < self.end
    }

    /// The last day before it.
    #[must_use]
    pub fn eve(&self) -> Date {
        back(self.from, 1)
    }

    fn month_before(day: Date, zone: &TimeZone) -> Self {
        let last = back(day.first_of_month(), 1);
        Self::between(last.first_of_month(), last, zone)
    }

    fn between(from: Date, to: Date, zone: &TimeZone) -> Self {
        let midnight = |day: Date, otherwise| {
            let moment = zone.to_timestamp(day.to_datetime(jiff::civil::Time::midnight()));
            moment.unwrap_or(otherwise)
        };
        let next = to.tomorrow().unwrap_or(Date::MAX);
        Self {
            from,
            to,
            begin: midnight(from, Timestamp::MIN),
            end: midnight(next, Timestamp::MAX),
        }
    }
}

/// So many days before.
pub(super) fn back(day: Date, days: i64) -> Date {
    day.checked_sub(days.days()).unwrap_or(Date::MIN)
}
