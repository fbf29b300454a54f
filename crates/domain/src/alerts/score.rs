//! Alerts that rest on health: the score fell, the band is worse, a subscription ends while the customer is not well.

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::{Present, Said, label, median, reason};
use crate::definitions::{BandWorsened, RenewalRisk, ScoreDrop};
use crate::exact::Exact;
use crate::metrics::{day, days_between};
use crate::signals::after;

/// A median of fewer scores says nothing.
const MEDIAN_LEAST: usize = 7;

pub(super) fn drop(rule: &ScoreDrop, present: &Present<'_>) -> Said {
    let Some(now) = &present.snapshot.score else {
        return Said::Unclear;
    };
    if let Some((since, level)) = present.opened(reason::SCORE_DROP) {
        let regained =
            level.is_some_and(|level| *now >= Exact::from(level).minus(&Exact::whole(rule.regained_points)));
        return closed(regained, since, rule.forget_days, present);
    }
    let today = present.today();
    let scores = |days: i64| {
        let since = today.checked_sub(days.days()).unwrap_or(today);
        let records = present
            .comparable()
            .filter(move |record| record.day >= since && record.day < today);
        records.filter_map(|record| Some((record.day, record.snapshot.score.as_ref()?)))
    };
    // Of equal ones the latest: the shortest fall.
    let best = scores(rule.within_days).max_by(|(_, one), (_, other)| one.cmp(other));
    if let Some((since, best)) = best {
        let fall = best.minus(now);
        if fall >= Exact::whole(rule.points) {
            let (fall, best, now) = (fall.printed(), best.printed(), now.printed());
            let because = label(
                format!("Poängen föll med {fall}, från {best} den {since} till {now}"),
                format!("The score fell by {fall}, from {best} on {since} to {now}"),
            );
            return Said::Holds {
                level: best_level(&best),
                because,
            };
        }
    }
    let weeks: Vec<Exact> = scores(rule.median_weeks * 7)
        .map(|(_, score)| score.clone())
        .collect();
    let Some(median) = Some(weeks)
        .filter(|weeks| weeks.len() >= MEDIAN_LEAST)
        .and_then(median)
    else {
        return Said::Unclear;
    };
    let share = Exact::fraction(100 - rule.below_median_percent, 100).unwrap_or(Exact::ONE);
    if *now > median.times(&share) || median.is_zero() {
        return Said::Unclear;
    }
    let (middle, now) = (median.printed(), now.printed());
    let (weeks, percent) = (rule.median_weeks, rule.below_median_percent);
    let because = label(
        format!(
            "Poängen {now} ligger minst {percent} % under kundens egen median {middle} de senaste {weeks} veckorna"
        ),
        format!(
            "The score {now} is at least {percent} % below the customer's own median {middle} of the last {weeks} weeks"
        ),
    );
    Said::Holds {
        level: best_level(&middle),
        because,
    }
}

/// A printed score as a number.
fn best_level(printed: &str) -> Option<Decimal> {
    printed.parse().ok()
}

pub(super) fn worsened(rule: &BandWorsened, present: &Present<'_>) -> Said {
    let Some(now) = present.severity else {
        return Said::Unclear;
    };
    if let Some((since, level)) = present.opened(reason::BAND_WORSENED) {
        let better = level.is_some_and(|level| Decimal::from(now) <= level);
        return closed(better, since, rule.forget_days, present);
    }
    let earlier = present.comparable().filter(|record| record.day < present.today());
    let last = earlier
        .rev()
        .find_map(|record| Some((record.snapshot.severity?, record.day)));
    let Some((before, day)) = last else {
        return Said::Unclear;
    };
    if now <= before {
        return Said::Unclear;
    }
    let because = label(
        format!("Kunden har kommit i ett sämre band än den {day}"),
        format!("The customer came into a worse band than on {day}"),
    );
    Said::Holds {
        level: Some(before.into()),
        because,
    }
}

/// Closes an alert that has recovered, or that is so old that the present is how the customer is.
pub(super) fn closed(recovered: bool, since: Timestamp, forget_days: i64, present: &Present<'_>) -> Said {
    if recovered {
        return Said::Gone(label("Kunden har återhämtat sig", "The customer has recovered"));
    }
    let old = since.checked_add(SignedDuration::from_hours(24 * forget_days));
    if old.is_ok_and(|old| old <= present.at) {
        let (sv, en) = (
            format!("Så har det varit i {forget_days} dagar"),
            format!("It has been like this for {forget_days} days"),
        );
        return Said::Gone(label(sv, en));
    }
    Said::Unclear
}

pub(super) fn renewal(rule: &RenewalRisk, present: &Present<'_>) -> Said {
    let today = day(present.at, present.zone);
    let current = present
        .customer
        .subscriptions
        .values()
        .filter_map(|states| states.last());
    let ends = current.filter_map(|subscription| {
        let end = subscription.value.end?;
        let days = days_between(today, end);
        (0..=rule.days)
            .contains(&days)
            .then_some((days, end, &subscription.value.name))
    });
    let first = ends.min();
    match (first, present.severity) {
        (None, _) => Said::Gone(label("Inget avtal löper snart ut", "No subscription ends soon")),
        (Some(_), None) => Said::Unclear,
        (Some(_), Some(severity)) if severity < rule.severity => Said::Gone(label(
            "Kunden mår bra inför förnyelsen",
            "The customer is well before the renewal",
        )),
        (Some((days, end, name)), Some(_)) => Said::Holds {
            level: None,
            because: label(
                format!("{name} löper ut den {end}, om {days} dagar, och kunden mår inte bra"),
                format!("{name} ends on {end}, in {days} days, and the customer is not well"),
            ),
        },
    }
}

/// The next day on which a subscription comes near its end, or is past it.
pub(super) fn renewal_until(rule: &RenewalRisk, present: &Present<'_>) -> Date {
    let today = present.today();
    let ends = present
        .customer
        .subscriptions
        .values()
        .filter_map(|states| states.last()?.value.end);
    let days = ends.flat_map(|end| [after(end, -rule.days), after(end, 1)]);
    days.filter(|on| *on > today).min().unwrap_or(Date::MAX)
}
