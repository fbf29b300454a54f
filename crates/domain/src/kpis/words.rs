//! What a KPI's parts are called, and why it cannot be measured, in Swedish and English.

use crate::definitions::{ClockHours, Compute, Label, Milestone, Under, Who};
use crate::fact::Stage;

pub(super) fn say(sv: impl Into<String>, en: impl Into<String>) -> Label {
    Label {
        sv: sv.into(),
        en: en.into(),
        nl: None,
    }
}

pub(super) fn nobody_says(names: &[&str]) -> Label {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let names = names.join(", ");
    say(format!("fakta saknas: {names}"), format!("no facts: {names}"))
}

/// Nobody of those who are counted began at all.
pub(super) fn nobody_began(who: &Who, begins: &Milestone) -> Label {
    let Label { sv, en, .. } = nobody_says(&[milestone(begins)]);
    match who {
        Who::UsersOf(kind) => say(format!("{sv} för {kind}"), format!("{en} of {kind}")),
        Who::Customers | Who::Users => say(sv, en),
    }
}

pub(super) fn nobody_eligible() -> Label {
    say("ingen började då", "nobody began then")
}

pub(super) fn no_money_at_start() -> Label {
    say(
        "inget återkommande vid början i organisationens valuta (fakta `subscription`)",
        "no recurring money at the start in the organisation's currency (facts `subscription`)",
    )
}

pub(super) fn p90() -> Label {
    say("90:e percentilen", "90th percentile")
}

pub(super) fn calendar(hours: ClockHours) -> Label {
    match hours {
        ClockHours::Calendar => say("ärenden, i kalendertimmar", "tickets, in calendar hours"),
        ClockHours::Business => say("ärenden, i arbetstimmar", "tickets, in business hours"),
    }
}

/// What facts tell a milestone.
pub(super) fn milestone(milestone: &Milestone) -> &str {
    match milestone {
        Milestone::Customer => "customer",
        Milestone::Onboarding => "onboarding",
        Milestone::Onboarded => "onboardingDone",
        Milestone::Stage(Stage::Onboarding) => "stage onboarding",
        Milestone::Stage(Stage::Delivery) => "stage delivery",
        Milestone::Stage(Stage::Partnership) => "stage partnership",
        Milestone::Stage(Stage::Expansion) => "stage expansion",
        Milestone::Measurement(name) => name,
    }
}

fn who(who: &Who) -> Label {
    match who {
        Who::Customers => say("kunder", "customers"),
        Who::Users => say("användare", "users"),
        Who::UsersOf(kind) => say(format!("användare ({kind})"), format!("users ({kind})")),
    }
}

/// Numerator and denominator.
pub(super) fn parts(compute: &Compute) -> [Label; 2] {
    match compute {
        Compute::CustomerRetention => [
            say("kvar vid slutet", "still there at the end"),
            say("kunder vid början", "customers at the start"),
        ],
        Compute::LogoChurn => [
            say("tappade i fönstret", "lost in the window"),
            say("kunder vid början", "customers at the start"),
        ],
        Compute::RevenueChurn => [
            say(
                "återkommande hos dem som slutat",
                "recurring money of those who ended all of it",
            ),
            say(
                "återkommande per månad vid början",
                "recurring per month at the start",
            ),
        ],
        Compute::Expansion => [
            say("ökning hos dem som fanns", "increase from those who were there"),
            say(
                "återkommande per månad vid början",
                "recurring per month at the start",
            ),
        ],
        Compute::Ltv { .. } => [
            say(
                "återkommande per månad vid början, gånger marginal",
                "recurring per month at the start, times the margin",
            ),
            say("tappade kunder i fönstret", "customers lost in the window"),
        ],
        Compute::Cac { cost } => [
            say(format!("kostnad (`{cost}`)"), format!("cost (`{cost}`)")),
            say("nya kunder i fönstret", "new customers in the window"),
        ],
        Compute::Nps | Compute::ResponseRate => [
            say("besvarade", "answered"),
            say("skickade i fönstret", "sent in the window"),
        ],
        Compute::Reached {
            who: of,
            reaches,
            eligible_days,
            within_days,
            ..
        } => {
            let (of, name) = (who(of), milestone(reaches));
            let within = within_days.map_or_else(
                || say("", ""),
                |days| say(format!(" inom {days} dagar"), format!(" within {days} days")),
            );
            [
                say(
                    format!("nådde `{name}`{}", within.sv),
                    format!("reached `{name}`{}", within.en),
                ),
                say(
                    format!("{} som började minst {eligible_days} dagar tidigare", of.sv),
                    format!("{} who began at least {eligible_days} days earlier", of.en),
                ),
            ]
        }
        Compute::Retention { who: of, day, .. } => {
            let of = who(of);
            [
                say(format!("aktiva på dag {day}"), format!("active on day {day}")),
                say(
                    format!("{} vars dag {day} ligger i fönstret", of.sv),
                    format!("{} whose day {day} is in the window", of.en),
                ),
            ]
        }
        Compute::TimeTo { who: of, reaches, .. } => {
            let (of, name) = (who(of), milestone(reaches));
            [
                say(format!("nådde `{name}`"), format!("reached `{name}`")),
                say(
                    format!("{} som började i fönstret", of.sv),
                    format!("{} who began in the window", of.en),
                ),
            ]
        }
        Compute::Ratio { over, under } => {
            let sum = |name: &str| say(format!("summan av `{name}`"), format!("sum of `{name}`"));
            let under = match under {
                Under::Sum(name) => sum(name),
                Under::Newest(names) => {
                    let names = names.join("` + `");
                    say(format!("senaste `{names}`"), format!("newest `{names}`"))
                }
            };
            [sum(over), under]
        }
        Compute::Customers
        | Compute::Growth { .. }
        | Compute::Mrr
        | Compute::LtvToCac { .. }
        | Compute::MeanHealth
        | Compute::Resolution { .. }
        | Compute::Measurement { .. } => [say("täljare", "numerator"), say("nämnare", "denominator")],
    }
}

/// Whom the denominator leaves out.
pub(super) fn apart(compute: &Compute) -> Label {
    match compute {
        Compute::LogoChurn | Compute::CustomerRetention => say(
            "kom och gick i fönstret, räknas inte",
            "came and left in the window, not counted",
        ),
        Compute::RevenueChurn
        | Compute::Expansion
        | Compute::Mrr
        | Compute::Ltv { .. }
        | Compute::LtvToCac { .. } => say(
            "kunder med annan valuta, som inte räknas",
            "customers with another currency, which is not counted",
        ),
        Compute::Nps | Compute::ResponseRate => say("svar utan utskick", "answers to nothing sent"),
        Compute::MeanHealth => say("kunder utan poäng", "customers without a score"),
        Compute::Reached { .. } | Compute::Retention { .. } => {
            say("för nya för att räknas", "too new to be counted")
        }
        Compute::Customers
        | Compute::Growth { .. }
        | Compute::Cac { .. }
        | Compute::TimeTo { .. }
        | Compute::Ratio { .. }
        | Compute::Resolution { .. }
        | Compute::Measurement { .. } => say("ord i stället för tal", "words in place of numbers"),
    }
}
