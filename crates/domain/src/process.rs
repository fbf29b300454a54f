//! The four steps of the core process and their clocks (S0-06 to S0-10).

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use thiserror::Error;

use crate::customer::Customer;
use crate::definitions::{Label, Process};
use crate::fact::Stage;
use crate::metrics::{day, days_between};

/// A step that may not follow the present one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{} cannot follow {}; what can: {}", label(*.wanted).en, from_words(*.current), legal_words(*.current))]
pub struct IllegalTransition {
    pub current: Option<Stage>,
    pub wanted: Stage,
}

/// The steps that may follow. Expansion is reached from partnership only, and leads back to it (S0-09).
#[must_use]
pub fn legal_after(current: Option<Stage>) -> &'static [Stage] {
    match current {
        None => &[Stage::Onboarding],
        Some(Stage::Onboarding) => &[Stage::Delivery],
        Some(Stage::Delivery) => &[Stage::Partnership],
        Some(Stage::Partnership) => &[Stage::Expansion],
        Some(Stage::Expansion) => &[Stage::Partnership],
    }
}

/// Whether a customer may go from `current` to `wanted`.
///
/// # Errors
/// When it may not; the error names the steps that are legal.
pub fn advance(current: Option<Stage>, wanted: Stage) -> Result<(), IllegalTransition> {
    if legal_after(current).contains(&wanted) {
        Ok(())
    } else {
        Err(IllegalTransition { current, wanted })
    }
}

/// The step as a person reads it.
#[must_use]
pub fn label(stage: Stage) -> Label {
    let (sv, en) = match stage {
        Stage::Onboarding => ("Onboarding", "Onboarding"),
        Stage::Delivery => ("Leverans", "Delivery"),
        Stage::Partnership => ("Partnerskap", "Partnership"),
        Stage::Expansion => ("Expansion", "Expansion"),
    };
    Label {
        sv: sv.to_owned(),
        en: en.to_owned(),
        nl: None,
    }
}

/// Where a running delivery stands (S0-07).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub started: Date,
    /// Its last day in time.
    pub due: Date,
    /// Whole days since it started.
    pub days: i64,
    /// From the day after the last: day 57 of 56.
    pub overdue: bool,
}

/// The running delivery of a customer; `None` in every other step.
#[must_use]
pub fn delivery(customer: &Customer, today: Date, zone: &TimeZone, process: &Process) -> Option<Delivery> {
    let entered = customer
        .stages
        .last()
        .filter(|entered| entered.value.0 == Stage::Delivery)?;
    let started = day(entered.observed, zone);
    let due = started
        .checked_add(process.delivery_days.days())
        .unwrap_or(Date::MAX);
    let days = days_between(started, today);
    Some(Delivery {
        started,
        due,
        days,
        overdue: days > process.delivery_days,
    })
}

/// The day by which the first quarterly review is held (A9): so many months after the onboarding began.
#[must_use]
pub fn first_review_due(customer: &Customer, zone: &TimeZone, process: &Process) -> Option<Date> {
    let started = day(customer.onboardings.last()?.observed, zone);
    started.checked_add(process.first_review_months.months()).ok()
}

fn from_words(current: Option<Stage>) -> String {
    current.map_or_else(|| "no step".to_owned(), |stage| label(stage).en)
}

fn legal_words(current: Option<Stage>) -> String {
    legal_after(current)
        .iter()
        .map(|stage| label(*stage).en)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_legal_steps_are_legal() {
        let stages = [
            Stage::Onboarding,
            Stage::Delivery,
            Stage::Partnership,
            Stage::Expansion,
        ];
        let mut legal = Vec::new();
        for current in std::iter::once(None).chain(stages.map(Some)) {
            for wanted in stages {
                if advance(current, wanted).is_ok() {
                    legal.push(format!("{} > {}", from_words(current), label(wanted).en));
                }
            }
        }
        assert_eq!(
            legal,
            [
                "no step > Onboarding",
                "Onboarding > Delivery",
                "Delivery > Partnership",
                "Partnership > Expansion",
                "Expansion > Partnership",
            ]
        );
        let error = advance(Some(Stage::Delivery), Stage::Expansion).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Expansion cannot follow Delivery; what can: Partnership"
        );
    }
}
