//! The block `pipeline`: totals, customers in the order of their value, and the opportunities that need somebody.

use std::cmp::Reverse;

use jiff::civil::Date;
use kunder_domain::customer::Customer;
use kunder_domain::fact::{CustomerId, OpportunityStatus};
use kunder_domain::money::{Money, Sums};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// All of a pipeline analysis. A single amount is in the one currency there is; where there are several, in the
/// organisation's own, and the list beside it has them all. Currencies are never added up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PipelineBlock {
    pub as_of: Date,
    /// All that was invoiced up to `asOf`, credit notes taken off.
    pub invoiced: Money,
    pub invoiced_by_currency: Vec<Money>,
    /// The same, of the calendar year of `asOf`.
    pub invoiced_ytd: Money,
    pub invoiced_ytd_by_currency: Vec<Money>,
    pub recurring_monthly: Money,
    pub recurring_monthly_by_currency: Vec<Money>,
    /// Open opportunities at their full value.
    pub coming: Money,
    pub coming_by_currency: Vec<Money>,
    /// Open opportunities, each times its probability.
    pub coming_weighted: Money,
    pub coming_weighted_by_currency: Vec<Money>,
    /// What would be lost with the customers whose at-risk alert is open.
    pub at_risk: Money,
    pub at_risk_by_currency: Vec<Money>,
    /// By total value, the greatest first: invoiced, a year of what recurs, and what is coming, weighted.
    pub customers: Vec<PipelineRow>,
    /// Open opportunities without activity for longer than the pipeline's rules allow, the longest first.
    pub stale: Vec<OpportunityRow>,
    /// Open opportunities above the probability that the rules call hot, the likeliest first.
    pub hot: Vec<OpportunityRow>,
    /// Customers whose recurring money is lower than one window ago, in the order of `customers`.
    pub falling: Vec<PipelineRow>,
}

/// One customer's money.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PipelineRow {
    /// The name.
    pub customer: String,
    pub customer_id: CustomerId,
    /// False for prospects and for those who left.
    pub active: bool,
    /// What may be counted of it.
    #[serde(default)]
    pub standing: Standing,
    pub invoiced: Vec<Money>,
    pub invoiced_ytd: Vec<Money>,
    pub recurring_monthly: Vec<Money>,
    /// As it was one window ago.
    pub recurring_before: Vec<Money>,
    /// Whether recurring money of any currency is lower than it was.
    pub falling: bool,
    pub coming: Vec<Money>,
    pub coming_weighted: Vec<Money>,
    /// What would be lost with this customer, where an at-risk alert is open.
    pub at_risk: Vec<Money>,
}

/// Whether a customer is ours. Of those who left only what they were invoiced is counted, of prospects not what recurs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    #[default]
    Active,
    Prospect,
    Left,
}

impl Standing {
    #[must_use]
    pub fn of(customer: &Customer) -> Self {
        if customer.has_left() {
            Self::Left
        } else if customer.is_prospect() {
            Self::Prospect
        } else {
            Self::Active
        }
    }
}

/// One open opportunity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpportunityRow {
    pub customer: String,
    pub customer_id: CustomerId,
    pub key: String,
    pub title: String,
    pub status: OpportunityStatus,
    pub value: Money,
    /// Whole percent.
    pub probability: u8,
    pub weighted: Money,
    pub expected: Option<Date>,
    pub quote: Option<String>,
    pub last_activity: Date,
    pub idle_days: i64,
    pub stale: bool,
    pub hot: bool,
    /// Its probability is not one that an open opportunity may have.
    pub improbable: bool,
    pub source: String,
}

/// What one page of an analysis hands to the whole: the block `pipelinePage`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PipelinePage {
    pub customers: Vec<PipelineRow>,
    /// Open opportunities that are stale, hot or improbable.
    pub opportunities: Vec<OpportunityRow>,
}

impl PipelineBlock {
    /// Joins pages; `home` is the organisation's currency.
    #[must_use]
    pub fn of(pages: Vec<PipelinePage>, as_of: Date, home: &str) -> Self {
        let (mut customers, mut opportunities) = (Vec::new(), Vec::new());
        for page in pages {
            customers.extend(page.customers);
            opportunities.extend(page.opportunities);
        }
        customers.sort_by_cached_key(|row: &PipelineRow| {
            (
                Reverse(value(row).largest()),
                row.customer.to_lowercase(),
                row.customer_id.clone(),
            )
        });
        opportunities.sort_by_cached_key(|row: &OpportunityRow| {
            (
                Reverse(row.weighted.amount),
                row.customer_id.clone(),
                row.key.clone(),
            )
        });
        let total = |of: fn(&PipelineRow) -> &Vec<Money>| {
            let mut sums = Sums::default();
            customers.iter().flat_map(of).for_each(|money| sums.add(money));
            sums.moneys()
        };
        let invoiced = total(|row| &row.invoiced);
        let invoiced_ytd = total(|row| &row.invoiced_ytd);
        let recurring = total(|row| &row.recurring_monthly);
        let coming = total(|row| &row.coming);
        let weighted = total(|row| &row.coming_weighted);
        let at_risk = total(|row| &row.at_risk);
        let main = main_currency([&invoiced, &recurring, &coming], home);
        let pick = |moneys: &[Money]| single(moneys, &main, home);
        let mut stale: Vec<_> = opportunities.iter().filter(|row| row.stale).cloned().collect();
        stale.sort_by_key(|row| Reverse(row.idle_days));
        let mut hot: Vec<_> = opportunities.iter().filter(|row| row.hot).cloned().collect();
        hot.sort_by_key(|row| Reverse(row.probability));
        Self {
            as_of,
            invoiced: pick(&invoiced),
            invoiced_ytd: pick(&invoiced_ytd),
            recurring_monthly: pick(&recurring),
            coming: pick(&coming),
            coming_weighted: pick(&weighted),
            at_risk: pick(&at_risk),
            invoiced_by_currency: invoiced,
            invoiced_ytd_by_currency: invoiced_ytd,
            recurring_monthly_by_currency: recurring,
            coming_by_currency: coming,
            coming_weighted_by_currency: weighted,
            at_risk_by_currency: at_risk,
            falling: customers
                .iter()
                .filter(|row| row.falling && row.active)
                .cloned()
                .collect(),
            customers,
            stale,
            hot,
        }
    }
}

/// A customer's whole value: invoiced, a year of what recurs, and what is coming, weighted.
fn value(row: &PipelineRow) -> Sums {
    let mut value = Sums::default();
    row.invoiced
        .iter()
        .chain(&row.coming_weighted)
        .for_each(|money| value.add(money));
    for month in &row.recurring_monthly {
        value.add(&Money::new(month.amount * Decimal::from(12), &month.currency));
    }
    value
}

/// The one currency of all amounts, else the organisation's.
fn main_currency(totals: [&Vec<Money>; 3], home: &str) -> String {
    let mut currencies: Vec<&str> = totals
        .into_iter()
        .flatten()
        .map(|money| money.currency.as_str())
        .collect();
    currencies.sort_unstable();
    currencies.dedup();
    match currencies.as_slice() {
        [one] => (*one).to_owned(),
        _ => home.to_owned(),
    }
}

fn single(moneys: &[Money], main: &str, home: &str) -> Money {
    let none = |currency: &str| Money::new(Decimal::new(0, 2), currency);
    match moneys {
        [] => none(main),
        [one] => one.clone(),
        several => several
            .iter()
            .find(|money| money.currency == home)
            .cloned()
            .unwrap_or_else(|| none(home)),
    }
}
