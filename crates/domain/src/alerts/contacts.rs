//! Alerts that rest on contacts: they became rarer, or somebody else was named in them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;

use super::score::closed;
use super::{Present, Said, label, median, reason};
use crate::definitions::EngagementChange;
use crate::exact::Exact;
use crate::metrics::{day, days_between};
use crate::names::fold;
use crate::signals::after;

pub(super) fn rarer(rule: &EngagementChange, present: &Present<'_>) -> Said {
    let today = present.today();
    // Counts by window, the present one first.
    let mut counts = vec![0_i64; usize::try_from(rule.windows).unwrap_or(0) + 1];
    for touchpoint in &present.customer.touchpoints {
        let back = days_between(day(touchpoint.observed, present.zone), today);
        let window = usize::try_from(back.div_euclid(rule.window_days));
        if let Some(count) = window.ok().and_then(|window| counts.get_mut(window)) {
            *count += 1;
        }
    }
    let now = Exact::whole(counts[0]);
    let percent = |of: &Exact, percent: i64| Exact::fraction(percent, 100).unwrap_or(Exact::ONE).times(of);
    if let Some((since, level)) = present.opened(reason::ENGAGEMENT_CHANGE) {
        let usual = level.map(Exact::from);
        let regained = usual.is_some_and(|usual| now >= percent(&usual, rule.regained_percent));
        return closed(regained, since, rule.forget_days, present);
    }
    // A customer younger than the windows has no usual level yet.
    let days = rule.window_days * (rule.windows + 1);
    let first = present
        .customer
        .first_observed
        .map(|first| day(first, present.zone));
    let young = first.is_none_or(|first| days_between(first, today) < days - 1);
    let Some(usual) = median(counts[1..].iter().map(|count| Exact::whole(*count)).collect()) else {
        return Said::Unclear;
    };
    if young || usual < Exact::whole(rule.median_least) || now > percent(&usual, rule.falls_to_percent) {
        return Said::Unclear;
    }
    let (window, middle) = (rule.window_days, usual.printed());
    let because = label(
        format!(
            "{} kontakter på {window} dagar mot kundens vanliga {middle}",
            counts[0]
        ),
        format!(
            "{} contacts in {window} days against the customer's usual {middle}",
            counts[0]
        ),
    );
    Said::Holds {
        level: middle.parse().ok(),
        because,
    }
}

/// The next day on which a contact passes from one window into another, or on which the customer has been here long enough.
pub(super) fn rarer_until(rule: &EngagementChange, present: &Present<'_>) -> Date {
    let today = present.today();
    let whole = rule.window_days * (rule.windows + 1);
    let moves = present.customer.touchpoints.iter().filter_map(|touchpoint| {
        let on = day(touchpoint.observed, present.zone);
        let back = days_between(on, today);
        let next = (back.div_euclid(rule.window_days) + 1) * rule.window_days;
        (back < whole).then(|| after(on, next))
    });
    let old = present
        .customer
        .first_observed
        .map(|first| after(day(first, present.zone), whole - 1));
    moves
        .chain(old)
        .filter(|on| *on > today)
        .min()
        .unwrap_or(Date::MAX)
}

/// The day on which the newest mention is too old.
pub(super) fn named_until(phrases: &BTreeSet<String>, within_days: i64, present: &Present<'_>) -> Date {
    newest_mention(phrases, within_days, present)
        .map_or(Date::MAX, |(at, ..)| after(day(at, present.zone), within_days))
}

/// Whether one of these folded phrases was named of late.
pub(super) fn named(phrases: &BTreeSet<String>, within_days: i64, present: &Present<'_>) -> Said {
    let Some((at, phrase, source)) = newest_mention(phrases, within_days, present) else {
        return Said::Gone(label(
            "Ingen konkurrent har nämnts på sistone",
            "No competitor was named of late",
        ));
    };
    let at = day(at, present.zone);
    Said::Holds {
        level: None,
        because: label(
            format!("”{phrase}” nämndes den {at} ({source})"),
            format!("“{phrase}” was named on {at} ({source})"),
        ),
    }
}

/// When, which phrase, and by which source.
fn newest_mention<'p>(
    phrases: &'p BTreeSet<String>,
    within_days: i64,
    present: &'p Present<'_>,
) -> Option<(Timestamp, &'p str, &'p str)> {
    if phrases.is_empty() {
        return None;
    }
    let since = after(present.today(), 1 - within_days);
    let customer = present.customer;
    let touchpoints = customer
        .touchpoints
        .iter()
        .map(|one| (one.observed, one.value.summary.as_str(), one.source.as_str()));
    let feedback = customer.feedback.iter().flat_map(|one| {
        let (_, text, quote) = &one.value;
        let quote = quote
            .iter()
            .map(|quote| (one.observed, quote.as_str(), one.source.as_str()));
        quote.chain([(one.observed, text.as_str(), one.source.as_str())])
    });
    let recent = touchpoints
        .chain(feedback)
        .filter(|(at, ..)| day(*at, present.zone) >= since && *at <= present.at);
    let mentions = recent.filter_map(|(at, text, source)| {
        let text = fold(text);
        let phrase = phrases.iter().find(|phrase| holds_phrase(&text, phrase))?;
        Some((at, phrase.as_str(), source))
    });
    mentions.max_by_key(|(at, ..)| *at)
}

/// Whether the phrase stands in the text as whole words.
fn holds_phrase(text: &str, phrase: &str) -> bool {
    let is_word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    text.match_indices(phrase).any(|(at, found)| {
        !is_word(text[..at].chars().next_back()) && !is_word(text[at + found.len()..].chars().next())
    })
}
