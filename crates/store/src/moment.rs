//! Moments and numbers as SQLite holds them: nanoseconds since 1970, and signed 64-bit numbers.

use jiff::Timestamp;

/// Nanoseconds since 1970 UTC; moments before 1677 or after 2262 become the first or the last that can be told.
pub(crate) fn nanos(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(if at < Timestamp::UNIX_EPOCH {
        i64::MIN
    } else {
        i64::MAX
    })
}

/// The moment so many nanoseconds after 1970 UTC.
pub(crate) fn moment(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanos))
        .expect("64 bits of nanoseconds lie inside the years of a timestamp")
}

/// A number for SQLite, which knows 63 bits of it; more is more than any row's.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number from SQLite; those we store are never negative.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_return_and_far_ones_stop_at_the_border() {
        for text in [
            "2026-03-01T08:00:00.123456789Z",
            "1969-12-31T23:59:59.999999999Z",
            "1700-01-01T00:00:00Z",
        ] {
            let at: Timestamp = text.parse().unwrap();
            assert_eq!(moment(nanos(at)), at);
        }
        assert_eq!(nanos(Timestamp::MAX), i64::MAX);
        assert_eq!(nanos(Timestamp::MIN), i64::MIN);
        assert!(moment(i64::MAX) > moment(0));
    }
}
