//! A pipeline analysis in words: the totals, and who needs something done.

use kunder_agent_core::task::Locale;
use kunder_domain::definitions::PipelineRules;
use kunder_domain::fact::{Opportunity, OpportunityStatus};
use kunder_domain::money::Money;

use super::block::{OpportunityRow, PipelineBlock, PipelineRow, Standing};
use crate::wording::{amount, amounts, count, quoted, shortened, zeros};

/// Lines in each group at most.
const SHOWN: usize = 10;

pub(super) fn summary(block: &PipelineBlock, locale: Locale) -> String {
    let as_of = block.as_of;
    if block.customers.is_empty() {
        return match locale {
            Locale::Sv => format!(
                "Pipeline-analys {as_of}: det finns inga kunder än. Läs in kunder med `kunder import`, eller börja med en onboarding."
            ),
            Locale::En => format!(
                "Pipeline analysis {as_of}: there are no customers yet. Import them with `kunder import`, or start with an onboarding."
            ),
        };
    }
    let invoiced = total(&block.invoiced_by_currency, &block.invoiced, locale);
    let recurring = total(
        &block.recurring_monthly_by_currency,
        &block.recurring_monthly,
        locale,
    );
    let weighted = total(&block.coming_weighted_by_currency, &block.coming_weighted, locale);
    match locale {
        Locale::Sv => format!(
            "Pipeline-analys {as_of}: {invoiced} fakturerat, {recurring} återkommande per månad, {weighted} på väg in (viktat)."
        ),
        Locale::En => format!(
            "Pipeline analysis {as_of}: {invoiced} invoiced, {recurring} recurring per month, {weighted} coming (weighted)."
        ),
    }
}

pub(super) fn report(block: &PipelineBlock, rules: &PipelineRules, summary: &str, locale: Locale) -> String {
    let mut lines = vec![summary.to_owned()];
    if block.customers.is_empty() {
        return lines.concat();
    }
    lines.push(String::new());
    lines.extend(totals(block, locale));
    let hot = match locale {
        Locale::Sv => format!("HETA, över {} %", rules.hot_percent),
        Locale::En => format!("HOT, above {} %", rules.hot_percent),
    };
    group(&mut lines, &hot, &block.hot, locale, |row| {
        format!(
            "- {}: {}, {}{}",
            row.customer,
            row.title,
            chance(row, locale),
            said(row, locale)
        )
    });
    let stale = match locale {
        Locale::Sv => format!("STILLASTÅENDE, utan aktivitet i över {} dagar", rules.stale_days),
        Locale::En => format!("STALE, no activity for more than {} days", rules.stale_days),
    };
    group(&mut lines, &stale, &block.stale, locale, |row| {
        format!(
            "- {}: {}, {}, {}",
            row.customer,
            row.title,
            idle(row, locale),
            chance(row, locale)
        )
    });
    let falling = match locale {
        Locale::Sv => format!(
            "MINSKANDE ÅTERKOMMANDE INTÄKTER, jämfört med {} dagar sedan",
            rules.recurring_window_days
        ),
        Locale::En => format!(
            "FALLING RECURRING REVENUE, against {} days ago",
            rules.recurring_window_days
        ),
    };
    group(&mut lines, &falling, &block.falling, locale, |row| {
        format!("- {}: {}", row.customer, fall(row, locale))
    });
    let customers = locale.pick("KUNDER efter värde", "CUSTOMERS by value");
    group(&mut lines, customers, &block.customers, locale, |row| {
        customer(row, locale)
    });
    lines.join("\n")
}

fn totals(block: &PipelineBlock, locale: Locale) -> Vec<String> {
    let names = match locale {
        Locale::Sv => [
            "Fakturerat",
            "Fakturerat i år",
            "Återkommande per månad",
            "Möjligheter",
            "Möjligheter, viktat",
            "I riskzonen",
        ],
        Locale::En => [
            "Invoiced",
            "Invoiced this year",
            "Recurring per month",
            "Opportunities",
            "Opportunities, weighted",
            "At risk",
        ],
    };
    let moneys = [
        (&block.invoiced_by_currency, &block.invoiced),
        (&block.invoiced_ytd_by_currency, &block.invoiced_ytd),
        (&block.recurring_monthly_by_currency, &block.recurring_monthly),
        (&block.coming_by_currency, &block.coming),
        (&block.coming_weighted_by_currency, &block.coming_weighted),
        (&block.at_risk_by_currency, &block.at_risk),
    ];
    let lines = names
        .iter()
        .zip(moneys)
        .map(|(name, (all, one))| format!("{name}: {}", total(all, one, locale)));
    lines.collect()
}

/// All currencies, or a zero in the one that counts.
fn total(all: &[Money], one: &Money, locale: Locale) -> String {
    if all.is_empty() {
        amount(one, locale)
    } else {
        amounts(all, locale)
    }
}

/// A heading with its number, and the first lines; nothing where there is nothing.
fn group<T>(lines: &mut Vec<String>, title: &str, rows: &[T], locale: Locale, line: impl Fn(&T) -> String) {
    if rows.is_empty() {
        return;
    }
    lines.push(String::new());
    lines.push(format!("{title} ({})", rows.len()));
    lines.extend(shortened(rows.iter().map(line), SHOWN, locale));
}

fn customer(row: &PipelineRow, locale: Locale) -> String {
    let names = match locale {
        Locale::Sv => [
            "fakturerat",
            "återkommande per månad",
            "på väg in",
            "viktat",
            "i riskzonen",
        ],
        Locale::En => ["invoiced", "recurring per month", "coming", "weighted", "at risk"],
    };
    let moneys = [
        &row.invoiced,
        &row.recurring_monthly,
        &row.coming,
        &row.coming_weighted,
        &row.at_risk,
    ];
    let parts: Vec<String> = names
        .iter()
        .zip(moneys)
        .filter(|(_, moneys)| moneys.iter().any(|money| !money.amount.is_zero()))
        .map(|(name, moneys)| format!("{name} {}", amounts(moneys, locale)))
        .collect();
    let standing = match row.standing {
        Standing::Active => "",
        Standing::Prospect => locale.pick(" (prospekt)", " (prospect)"),
        Standing::Left => locale.pick(" (har lämnat)", " (has left)"),
    };
    let parts = if parts.is_empty() {
        "–".to_owned()
    } else {
        parts.join(", ")
    };
    format!("- {}{standing}: {parts}", row.customer)
}

/// `80 % av 1 500 EUR, väntas 2025-10-31`
pub(super) fn chance(row: &OpportunityRow, locale: Locale) -> String {
    let value = amount(&row.value, locale);
    let expected = match (row.expected, locale) {
        (Some(day), Locale::Sv) => format!(", väntas {day}"),
        (Some(day), Locale::En) => format!(", expected {day}"),
        (None, _) => String::new(),
    };
    format!(
        "{} % {} {value}{expected}",
        row.probability,
        locale.pick("av", "of")
    )
}

pub(super) fn idle(row: &OpportunityRow, locale: Locale) -> String {
    let days = usize::try_from(row.idle_days).unwrap_or_default();
    match locale {
        Locale::Sv => format!("ingen aktivitet på {}", count(days, "dag", "dagar")),
        Locale::En => format!("no activity for {}", count(days, "day", "days")),
    }
}

pub(super) fn fall(row: &PipelineRow, locale: Locale) -> String {
    let before = amounts(&row.recurring_before, locale);
    let now = if row.recurring_monthly.is_empty() {
        zeros(&row.recurring_before, locale)
    } else {
        amounts(&row.recurring_monthly, locale)
    };
    match locale {
        Locale::Sv => format!("återkommande {now} per månad, var {before}"),
        Locale::En => format!("recurring {now} per month, was {before}"),
    }
}

fn said(row: &OpportunityRow, locale: Locale) -> String {
    row.quote
        .as_ref()
        .map_or(String::new(), |quote| format!(" – {}", quoted(locale, quote)))
}

pub(super) fn recommendations(block: &PipelineBlock, locale: Locale) -> Vec<String> {
    let mut recommendations = Vec::new();
    if block.customers.is_empty() {
        recommendations.push(
            locale
                .pick(
                    "Läs in kunder med `kunder import`.",
                    "Import customers with `kunder import`.",
                )
                .to_owned(),
        );
    }
    if let Some(row) = block.hot.first() {
        recommendations.push(match locale {
            Locale::Sv => format!(
                "Involvera sälj i {} hos {}: {}.",
                row.title,
                row.customer,
                chance(row, locale)
            ),
            Locale::En => format!(
                "Involve Sales in {} at {}: {}.",
                row.title,
                row.customer,
                chance(row, locale)
            ),
        });
    }
    if let Some(row) = block.falling.first() {
        recommendations.push(match locale {
            Locale::Sv => format!("Risk för churn hos {}: {}.", row.customer, fall(row, locale)),
            Locale::En => format!("Risk of churn at {}: {}.", row.customer, fall(row, locale)),
        });
    }
    if let Some(row) = block.stale.first() {
        recommendations.push(match locale {
            Locale::Sv => format!(
                "Ta upp {} hos {} igen eller stäng: {}.",
                row.title,
                row.customer,
                idle(row, locale)
            ),
            Locale::En => format!(
                "Revive or close {} at {}: {}.",
                row.title,
                row.customer,
                idle(row, locale)
            ),
        });
    }
    if block
        .at_risk_by_currency
        .iter()
        .any(|money| !money.amount.is_zero())
    {
        let at_risk = amounts(&block.at_risk_by_currency, locale);
        recommendations.push(match locale {
            Locale::Sv => format!("{at_risk} ligger hos kunder i riskzonen: kontakta dem först."),
            Locale::En => format!("{at_risk} is with customers at risk: contact them first."),
        });
    }
    recommendations
}

/// That a probability is outside what the rules allow for an open opportunity.
pub(super) fn improbable(row: &OpportunityRow, rules: &PipelineRules, locale: Locale) -> String {
    let (min, max) = (rules.probability_percent_min, rules.probability_percent_max);
    match locale {
        Locale::Sv => format!(
            "Rätta sannolikheten för {} hos {}: {} % är utanför {min}–{max} %.",
            row.title, row.customer, row.probability
        ),
        Locale::En => format!(
            "Correct the probability of {} at {}: {} % is outside {min}–{max} %.",
            row.title, row.customer, row.probability
        ),
    }
}

/// What is at stake with a customer, by the alert that was told.
pub(super) fn alerted(command: &str, row: &PipelineRow, locale: Locale) -> String {
    let at_stake = amounts(&row.at_risk, locale);
    let (recurring, weighted) = (
        amounts(&row.recurring_monthly, locale),
        amounts(&row.coming_weighted, locale),
    );
    let (sv, en) = match command {
        super::RENEWAL_RISK => ("s förnyelse är i fara", "'s renewal is at risk"),
        super::EXPANSION => (" vill kanske ha mer", " may want more"),
        _ => (" är i riskzonen", " is at risk"),
    };
    let customer = &row.customer;
    match locale {
        Locale::Sv => format!(
            "{customer}{sv}: {at_stake} står på spel – {recurring} återkommande per månad, {weighted} på väg in (viktat)."
        ),
        Locale::En => format!(
            "{customer}{en}: {at_stake} is at stake – {recurring} recurring per month, {weighted} coming (weighted)."
        ),
    }
}

/// What to do about it.
pub(super) fn raise(command: &str, locale: Locale) -> &'static str {
    match command {
        super::RENEWAL_RISK => locale.pick(
            "Ta upp förnyelsen med kunden och med sälj",
            "Raise the renewal with the customer and with Sales",
        ),
        super::EXPANSION => locale.pick(
            "Se med sälj vad kunden har nytta av",
            "See with Sales what the customer has use for",
        ),
        _ => locale.pick("Ta upp kunden med sälj", "Raise this customer with Sales"),
    }
}

/// What to do about the opportunities of a customer at risk.
pub(super) fn rescue(opportunities: &[OpportunityRow], locale: Locale) -> Vec<String> {
    if opportunities.is_empty() {
        let none = locale.pick(
            "Inga öppna möjligheter: börja med relationen, inte med ett erbjudande.",
            "No open opportunities: start with the relationship, not with an offer.",
        );
        return vec![none.to_owned()];
    }
    let lines = opportunities.iter().map(|row| match locale {
        Locale::Sv => format!(
            "Vänta med {} tills läget är avstämt: {}.",
            row.title,
            chance(row, locale)
        ),
        Locale::En => format!(
            "Hold {} until the situation is clear: {}.",
            row.title,
            chance(row, locale)
        ),
    });
    lines.collect()
}

/// A new or changed opportunity in one sentence.
pub(super) fn news(customer: &str, opportunity: &Opportunity, is_new: bool, locale: Locale) -> String {
    let value = amount(&opportunity.value, locale);
    let (title, status, probability) = (
        &opportunity.title,
        status(opportunity.status, locale),
        opportunity.probability,
    );
    let kind = match (is_new, locale) {
        (true, Locale::Sv) => "Ny möjlighet",
        (false, Locale::Sv) => "Ändrad möjlighet",
        (true, Locale::En) => "New opportunity",
        (false, Locale::En) => "Changed opportunity",
    };
    let quote = opportunity
        .quote
        .as_ref()
        .map_or(String::new(), |quote| format!(" {}", quoted(locale, quote)));
    format!("{kind}, {customer}: {title}, {status}, {value}, {probability} %.{quote}")
}

fn status(status: OpportunityStatus, locale: Locale) -> &'static str {
    match status {
        OpportunityStatus::Discussed => locale.pick("diskuterad", "discussed"),
        OpportunityStatus::Proposed => locale.pick("offererad", "proposed"),
        OpportunityStatus::Negotiation => locale.pick("i förhandling", "in negotiation"),
        OpportunityStatus::Won => locale.pick("vunnen", "won"),
        OpportunityStatus::Lost => locale.pick("förlorad", "lost"),
    }
}
