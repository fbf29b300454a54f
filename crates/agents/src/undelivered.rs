//! Messages to agents of other processes that did not arrive: a blocker in words.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use kunder_agent_core::task::Locale;
use kunder_domain::metrics::day;
use kunder_domain::portfolio::Undelivered;

use crate::wording::count;

/// How long a message that did not arrive is told of: what is older is no news.
const TOLD_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Whose messages, and what they are called: one and several, in both languages.
#[derive(Clone, Copy, Debug)]
pub struct Missed<'a> {
    /// `salj`.
    pub process: &'a str,
    pub agent: &'a str,
    pub sv: [&'a str; 2],
    pub en: [&'a str; 2],
}

/// That messages of the last week to an agent of another process did not arrive, if so.
#[must_use]
pub fn blocker(
    undelivered: &[Undelivered],
    about: &Missed<'_>,
    now: Timestamp,
    zone: &TimeZone,
    locale: Locale,
) -> Option<String> {
    let Missed { process, agent, .. } = about;
    let prefix = format!("{process}.task.{agent}.");
    let oldest = now.checked_sub(TOLD_FOR).unwrap_or(Timestamp::MIN);
    let missed: Vec<Timestamp> = undelivered
        .iter()
        .filter(|one| one.subject.starts_with(&prefix) && one.since >= oldest)
        .map(|one| one.since)
        .collect();
    let since = day(*missed.iter().min()?, zone);
    let [one, many] = match locale {
        Locale::Sv => about.sv,
        Locale::En => about.en,
    };
    let number = count(missed.len(), one, many);
    Some(match locale {
        Locale::Sv => {
            format!("{process}/{agent} har inte tagit emot {number} sedan {since}: ingen lyssnar")
        }
        Locale::En => format!("{process}/{agent} has not received {number} since {since}: nobody listens"),
    })
}
