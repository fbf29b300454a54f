//! Alerts that rest on contacts: they became rarer, or somebody else was named in them.

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::Date;

use super::{Present, Said, label, median, reason};
use crate::definitions::EngagementChange;
use crate::exact::Exact;
use crate::metrics::{day, days_between};
use crate::names::fold;

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
    if let Some((_, level)) = present.opened(reason::ENGAGEMENT_CHANGE) {
        let usual = level.map(Exact::from);
        return match usual {
            Some(usual) if now >= percent(&usual, rule.regained_percent) => Said::Gone(label(
                "Kontakten är tillbaka på kundens vanliga nivå",
                "Contacts are back at the customer's usual level",
            )),
            _ => Said::Unclear,
        };
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

/// The newest mention of one of these folded phrases.
pub(super) fn named(phrases: &BTreeSet<String>, within_days: i64, present: &Present<'_>) -> Said {
    let today = present.today();
    let since = today.checked_sub((within_days - 1).days()).unwrap_or(Date::MIN);
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
        Some((at, phrase, source))
    });
    match mentions.max_by_key(|(at, ..)| *at) {
        None => Said::Gone(label(
            "Ingen konkurrent har nämnts på sistone",
            "No competitor was named of late",
        )),
        Some((at, phrase, source)) => {
            let at = day(at, present.zone);
            Said::Holds {
                level: None,
                because: label(
                    format!("”{phrase}” nämndes den {at} ({source})"),
                    format!("“{phrase}” was named on {at} ({source})"),
                ),
            }
        }
    }
}

/// Whether the phrase stands in the text as whole words.
fn holds_phrase(text: &str, phrase: &str) -> bool {
    let is_word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    text.match_indices(phrase).any(|(at, found)| {
        !is_word(text[..at].chars().next_back()) && !is_word(text[at + found.len()..].chars().next())
    })
}
