//! Messages to agents of other processes that did not arrive: a blocker in words.

use kunder_agent_core::task::Locale;
use kunder_domain::portfolio::Undelivered;

use crate::wording::count;

/// That messages to an agent of another process did not arrive, if so.
#[must_use]
pub fn blocker(undelivered: &[Undelivered], process: &str, agent: &str, locale: Locale) -> Option<String> {
    let prefix = format!("{process}.task.{agent}.");
    let missed = || undelivered.iter().filter(|one| one.subject.starts_with(&prefix));
    let oldest = missed().min_by_key(|one| one.since)?;
    let number = missed().count();
    let since = oldest.since.strftime("%Y-%m-%d %H:%M UTC");
    Some(match locale {
        Locale::Sv => format!(
            "{} till {process}/{agent} har inte kunnat lämnas, det äldsta sedan {since}: {}",
            count(number, "meddelande", "meddelanden"),
            oldest.reason
        ),
        Locale::En => format!(
            "{} to {process}/{agent} could not be delivered, the oldest since {since}: {}",
            count(number, "message", "messages"),
            oldest.reason
        ),
    })
}
