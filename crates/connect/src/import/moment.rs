//! Days and instants as files write them.

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::error::cited;
use super::expression::Writing;
use super::reading::Reading;

/// A day or an instant, before the zone is known that makes an instant of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Local(DateTime),
    Exact(Timestamp),
}

impl Moment {
    pub(crate) fn timestamp(self, zone: &TimeZone) -> Result<Timestamp, String> {
        match self {
            Self::Exact(timestamp) => Ok(timestamp),
            Self::Local(datetime) => datetime
                .to_zoned(zone.clone())
                .map(|zoned| zoned.timestamp())
                .map_err(|error| error.to_string()),
        }
    }

    pub(crate) fn date(self, zone: &TimeZone) -> Date {
        match self {
            Self::Exact(timestamp) => timestamp.to_zoned(zone.clone()).date(),
            Self::Local(datetime) => datetime.date(),
        }
    }
}

impl Reading for Moment {
    const IS_DATE: bool = true;

    fn read(text: &str, writing: &Writing) -> Result<Self, String> {
        let moment = match &writing.date {
            None => iso_moment(text).ok_or_else(|| {
                format!(
                    "`{}` is not a date such as 2024-05-31; another form is told by `date:`",
                    cited(text)
                )
            })?,
            Some(format) => formatted_moment(text, format)
                .ok_or_else(|| format!("`{}` is not a date of the form {format}", cited(text)))?,
        };
        let year = moment.date(&TimeZone::UTC).year();
        if !(1900..=2199).contains(&year) {
            return Err(format!(
                "`{}` is in the year {year}, not between 1900 and 2199",
                cited(text)
            ));
        }
        Ok(moment)
    }
}

fn iso_moment(text: &str) -> Option<Moment> {
    let exact = text.parse::<Timestamp>().map(Moment::Exact);
    exact
        .or_else(|_| text.parse::<DateTime>().map(Moment::Local))
        .ok()
}

fn formatted_moment(text: &str, format: &str) -> Option<Moment> {
    let parsed = strtime::parse(format, text).ok()?;
    if parsed.offset().is_some() || parsed.timestamp().is_some() {
        return parsed.to_timestamp().ok().map(Moment::Exact);
    }
    let datetime = parsed
        .to_datetime()
        .or_else(|_| parsed.to_date().map(|date| date.to_datetime(Time::MIN)));
    let datetime = datetime.ok()?;
    // Without separators a lost digit would move the others: 1997011 is not the first of January.
    let unpadded = text.bytes().all(|byte| byte.is_ascii_digit())
        && strtime::format(format, datetime).is_ok_and(|padded| padded.len() != text.len());
    (!unpadded).then_some(Moment::Local(datetime))
}

/// Whether a date can be written in this form and read back.
pub(crate) fn is_date_format(format: &str) -> bool {
    let Ok(sample) = "2024-02-29T13:14:15+01:00[Europe/Stockholm]".parse::<Zoned>() else {
        return false;
    };
    let Ok(text) = strtime::format(format, &sample) else {
        return false;
    };
    formatted_moment(&text, format).is_some_and(|moment| moment.date(sample.time_zone()) == sample.date())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_date(text: &str, format: Option<&str>, expected: &str) {
        let zone = TimeZone::get("Europe/Stockholm").unwrap();
        let writing = Writing {
            date: format.map(str::to_owned),
            decimal: '.',
            thousands: None,
        };
        let read = Moment::read(text, &writing);
        let read = read
            .and_then(|moment| moment.timestamp(&zone))
            .map_or_else(|error| error, |at| at.to_string());
        assert_eq!(read, expected);
    }

    #[test]
    fn days_are_midnight_in_the_zone_and_instants_are_kept() {
        check_date("2024-05-31", None, "2024-05-30T22:00:00Z");
        check_date("2024-05-31 13:30", None, "2024-05-31T11:30:00Z");
        check_date("2024-05-31T13:30:00Z", None, "2024-05-31T13:30:00Z");
        check_date("19970101", Some("%Y%m%d"), "1996-12-31T23:00:00Z");
        check_date("1/2/2024", Some("%d/%m/%Y"), "2024-01-31T23:00:00Z");
        check_date(
            "2024-05-31 13:30 -0400",
            Some("%Y-%m-%d %H:%M %z"),
            "2024-05-31T17:30:00Z",
        );
        check_date("852073200", Some("%s"), "1996-12-31T23:00:00Z");
    }

    #[test]
    fn bad_dates_say_what_is_wrong() {
        check_date(
            "19970230",
            Some("%Y%m%d"),
            "`19970230` is not a date of the form %Y%m%d",
        );
        check_date(
            "1997011",
            Some("%Y%m%d"),
            "`1997011` is not a date of the form %Y%m%d",
        );
        check_date(
            "31/5",
            None,
            "`31/5` is not a date such as 2024-05-31; another form is told by `date:`",
        );
        check_date(
            "0201-01-01",
            None,
            "`0201-01-01` is in the year 201, not between 1900 and 2199",
        );
    }

    #[test]
    fn formats_that_give_no_day_are_refused() {
        assert!(is_date_format("%Y%m%d") && is_date_format("%d.%m.%y %H:%M") && is_date_format("%s"));
        assert!(!is_date_format("%Y-%m") && !is_date_format("yyyy-mm-dd") && !is_date_format("%Q"));
    }
}
