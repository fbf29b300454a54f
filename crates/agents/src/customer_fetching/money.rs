//! The sections about money: invoiced, recurring, coming, and the opportunities with what the customer said (S0-13, S0-14).

use jiff::ToSpan;
use kunder_agent_core::task::Locale;
use kunder_domain::fact::OpportunityStatus;
use kunder_domain::money_flow::OpenOpportunity;

use super::brief::BriefLine;
use super::sheet::{Sheet, quoted, short};
use crate::wording::{amount, amounts};

/// How far ahead coming money is told.
const MONTHS_AHEAD: i32 = 6;

/// Invoiced this year and in all, recurring, and the next six months.
#[must_use]
pub fn money(sheet: &Sheet<'_>) -> Vec<BriefLine> {
    let (customer, flow, locale) = (sheet.customer, &sheet.flow, sheet.locale);
    let mut lines = Vec::new();
    let (year, all) = (
        amounts(&flow.invoiced_year.moneys(), locale),
        amounts(&flow.invoiced.moneys(), locale),
    );
    let text = match locale {
        Locale::Sv => format!("Fakturerat i år {year}, totalt {all}"),
        Locale::En => format!("Invoiced this year {year}, in all {all}"),
    };
    lines.extend(sheet.of_all(&customer.invoices, text));
    if !flow.recurring.is_zero() && customer.is_active() {
        let monthly = amounts(&flow.recurring.moneys(), locale);
        let text = match (locale, flow.is_falling()) {
            (Locale::Sv, false) => format!("Återkommande {monthly} i månaden"),
            (Locale::Sv, true) => {
                format!(
                    "Återkommande {monthly} i månaden, ned från {}",
                    amounts(&flow.recurring_before.moneys(), locale)
                )
            }
            (Locale::En, false) => format!("Recurring {monthly} a month"),
            (Locale::En, true) => {
                format!(
                    "Recurring {monthly} a month, down from {}",
                    amounts(&flow.recurring_before.moneys(), locale)
                )
            }
        };
        lines.extend(sheet.of_all(customer.subscriptions.values().flatten(), text));
    }
    // Nothing is to come from one that has left.
    if !sheet.has_left() {
        lines.extend(coming(sheet));
    }
    lines
}

fn coming(sheet: &Sheet<'_>) -> Option<BriefLine> {
    let last = sheet.today.checked_add(MONTHS_AHEAD.months()).ok()?;
    let soon = |open: &&OpenOpportunity| {
        open.opportunity
            .value
            .expected
            .is_some_and(|expected| expected <= last)
    };
    let coming: Vec<&OpenOpportunity> = sheet.flow.open.iter().filter(soon).collect();
    let weighted = amounts(&sheet.flow.weighted_until(last).moneys(), sheet.locale);
    let each: Vec<String> = coming
        .iter()
        .take(3)
        .map(|open| {
            format!(
                "{} {} %",
                short(&open.opportunity.value.title),
                open.opportunity.value.probability
            )
        })
        .collect();
    let each = each.join(", ");
    let text = match sheet.locale {
        Locale::Sv => format!("Kommande sex månader {weighted}, viktat med sannolikheten ({each})"),
        Locale::En => format!("Coming six months {weighted}, weighted by probability ({each})"),
    };
    sheet.of_all(coming.iter().map(|open| &open.opportunity), text)
}

/// Open opportunities, the most likely money first.
#[must_use]
pub fn opportunities(sheet: &Sheet<'_>) -> Vec<BriefLine> {
    ranked(sheet)
        .into_iter()
        .map(|open| sheet.told(&open.opportunity, opportunity(sheet, open)))
        .collect()
}

/// Open opportunities, the most likely money first; of equal ones by key.
#[must_use]
pub fn ranked<'a>(sheet: &'a Sheet<'_>) -> Vec<&'a OpenOpportunity> {
    let mut open: Vec<&OpenOpportunity> = sheet.flow.open.iter().collect();
    open.sort_by(|a, b| {
        b.weighted
            .amount
            .cmp(&a.weighted.amount)
            .then_with(|| a.opportunity.value.key.cmp(&b.opportunity.value.key))
    });
    open
}

fn opportunity(sheet: &Sheet<'_>, open: &OpenOpportunity) -> String {
    let opportunity = &open.opportunity.value;
    let mut text = format!(
        "{}: {}, {} %, {}",
        short(&opportunity.title),
        amount(&opportunity.value, sheet.locale),
        opportunity.probability,
        status(sheet, opportunity.status),
    );
    if let Some(expected) = opportunity.expected {
        text.push_str(&match sheet.locale {
            Locale::Sv => format!(", väntas {expected}"),
            Locale::En => format!(", expected {expected}"),
        });
    }
    if let Some(quote) = &opportunity.quote {
        text.push_str(&match sheet.locale {
            Locale::Sv => format!("; kunden: {}", quoted(sheet.locale, quote)),
            Locale::En => format!("; the customer: {}", quoted(sheet.locale, quote)),
        });
    }
    text
}

fn status<'a>(sheet: &Sheet<'_>, status: OpportunityStatus) -> &'a str {
    let (sv, en) = match status {
        OpportunityStatus::Discussed => ("diskuterad", "discussed"),
        OpportunityStatus::Proposed => ("offererad", "proposed"),
        OpportunityStatus::Negotiation => ("i förhandling", "in negotiation"),
        OpportunityStatus::Won => ("vunnen", "won"),
        OpportunityStatus::Lost => ("förlorad", "lost"),
    };
    sheet.locale.pick(sv, en)
}
