//! The success metrics that Huvudstrategi asks for (S0-26, D-07), and what the summary of each health check tells of
//! retention and growth (S0-28). Movements are those of the last 365 days.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use kunder_agent_core::agent::Work;
use kunder_agent_core::decision::Decision;
use kunder_agent_core::outcome::{CustomerCounts, Nps, Report, Status};
use kunder_agent_core::task::Locale;
use kunder_domain::change::Change;
use kunder_domain::customer::Customer;
use kunder_domain::fact::{OpportunityStatus, field};
use kunder_domain::kpis::{GrowthStatus, growth};
use kunder_domain::metrics::day;
use kunder_domain::money::{Money, Sums};
use kunder_domain::money_flow::recurring;
use rust_decimal::{Decimal, RoundingStrategy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alerts::AT_RISK_ALERT;
use super::reading::Past;
use super::{CustomerHealth, rows, words};
use crate::evidence::{decided, sources};
use crate::paging::{Page, Pages};

/// Length of the window in which movements are counted.
const WINDOW_DAYS: i64 = 365;

/// Who came, stayed and left, and how recurring money moved, among some customers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Movement {
    /// Customers today.
    pub active: u64,
    /// Customers when the window began.
    pub base: u64,
    /// Those of `base` who still are.
    pub kept: u64,
    /// Customers lost in the window.
    pub lost: u64,
    /// Customers who came in the window and still are.
    pub new: u64,
    /// Recurring per month today.
    pub recurring: Vec<Money>,
    /// Recurring per month when the window began, of the customers of then.
    pub recurring_before: Vec<Money>,
    /// Opportunities won in the window, at their full value.
    pub won: Vec<Money>,
    /// Customers who won us an opportunity in the window.
    pub expanded: u64,
    /// At-risk alerts that are open.
    pub open_alerts: u64,
}

/// What one page of the strategy metrics hands to the whole: the block `strategyPage`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StrategyPage {
    pub customers: CustomerCounts,
    pub answers: Vec<u8>,
    pub movement: Movement,
}

/// The block `strategy`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StrategyMetrics {
    pub as_of: Date,
    pub customers: CustomerCounts,
    pub growth: GrowthGoal,
    pub retention: Retention,
    pub nps: Nps,
    pub expansion: Expansion,
    pub open_alerts: u64,
}

/// Growth of the number of customers against the goal of the calendar year (S0-04, S0-05).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrowthGoal {
    pub baseline: u32,
    /// Customers above the baseline; negative below it.
    pub gained: i64,
    /// What should have been gained by now, a decimal written as text.
    #[schemars(with = "String")]
    pub target: Decimal,
    pub target_year: u32,
    /// `reached`, `onTrack` or `behind`.
    pub status: String,
}

/// How many customers of a year ago we still have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Retention {
    pub base: u64,
    pub kept: u64,
    pub lost: u64,
    pub new: u64,
    /// `kept` of `base` in percent at two decimals, written as text; null where there were none.
    #[schemars(with = "Option<String>")]
    pub percent: Option<Decimal>,
}

/// How customers grow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Expansion {
    pub recurring_monthly: Vec<Money>,
    pub recurring_monthly_before: Vec<Money>,
    pub won: Vec<Money>,
    /// Customers who won us an opportunity in the window.
    pub customers: u64,
}

/// The answers of the last 365 days to the question whether they would recommend us: every answer counts, also several
/// of one customer, for an answer does not tell who in the customer's organisation gave it.
pub(super) fn answers(customer: &Customer, as_of: Timestamp) -> impl Iterator<Item = u8> {
    let from = as_of - SignedDuration::from_hours(24 * WINDOW_DAYS);
    customer
        .surveys
        .iter()
        .filter(move |survey| survey.observed > from)
        .map(|survey| survey.value)
}

impl Retention {
    pub(super) fn of(movement: &Movement) -> Self {
        let percent = (movement.base > 0).then(|| {
            let exact = Decimal::from(movement.kept * 100) / Decimal::from(movement.base);
            let mut percent = exact.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
            percent.rescale(2);
            percent
        });
        Self {
            base: movement.base,
            kept: movement.kept,
            lost: movement.lost,
            new: movement.new,
            percent,
        }
    }
}

impl Expansion {
    pub(super) fn of(movement: &Movement) -> Self {
        Self {
            recurring_monthly: movement.recurring.clone(),
            recurring_monthly_before: movement.recurring_before.clone(),
            won: movement.won.clone(),
            customers: movement.expanded,
        }
    }
}

impl Movement {
    pub(super) fn add(&mut self, other: &Self) {
        self.active += other.active;
        self.base += other.base;
        self.kept += other.kept;
        self.lost += other.lost;
        self.new += other.new;
        self.expanded += other.expanded;
        self.open_alerts += other.open_alerts;
        for (sum, more) in [
            (&mut self.recurring, &other.recurring),
            (&mut self.recurring_before, &other.recurring_before),
            (&mut self.won, &other.won),
        ] {
            let mut sums = Sums::default();
            sum.iter().chain(more).for_each(|money| sums.add(money));
            *sum = sums.moneys();
        }
    }
}

impl CustomerHealth {
    /// How these customers moved in the window that ends at `as_of`. Prospects are none yet.
    pub(super) fn movement(&self, customers: &[Customer], as_of: Timestamp) -> Movement {
        let today = day(as_of, &self.zone);
        let start = today.checked_sub(WINDOW_DAYS.days()).unwrap_or(Date::MIN);
        let mut movement = Movement::default();
        let (mut now, mut before, mut won) = (Sums::default(), Sums::default(), Sums::default());
        for customer in customers
            .iter()
            .filter(|customer| customer.field(field::STATUS) != Some("prospect"))
        {
            let since = customer.first_observed.map_or(today, |at| day(at, &self.zone));
            let was_there = since <= start;
            if customer.is_active() {
                movement.active += 1;
                movement.base += u64::from(was_there);
                movement.kept += u64::from(was_there);
                movement.new += u64::from(!was_there);
                movement.open_alerts += u64::from(customer.alert_open(AT_RISK_ALERT));
                now.add_all(&recurring(customer, today, &self.zone));
            } else {
                let left = customer
                    .profile
                    .get(field::STATUS)
                    .map(|status| day(status.observed, &self.zone));
                if left.is_none_or(|left| left <= start) {
                    continue;
                }
                movement.lost += 1;
                movement.base += u64::from(was_there);
            }
            before.add_all(&recurring(customer, start, &self.zone));
            let sums = self.won_since(customer, start);
            movement.expanded += u64::from(customer.is_active() && !sums.is_zero());
            won.add_all(&sums);
        }
        movement.recurring = now.moneys();
        movement.recurring_before = before.moneys();
        movement.won = won.moneys();
        movement
    }

    fn won_since(&self, customer: &Customer, start: Date) -> Sums {
        let mut sums = Sums::default();
        for opportunity in customer.current_opportunities() {
            let is_won = opportunity.value.status == OpportunityStatus::Won;
            if is_won && day(opportunity.observed, &self.zone) > start {
                sums.add(&opportunity.value.value);
            }
        }
        sums
    }

    pub(super) fn strategy_page(&self, page: &Page, customers: &[Customer], past: &Past) -> Decision<Change> {
        let as_of = page.view.as_of;
        let active: Vec<&Customer> = customers.iter().filter(|customer| customer.is_active()).collect();
        let rows: Vec<_> = active
            .iter()
            .map(|customer| self.look(customer, as_of, past, Locale::Sv).row)
            .collect();
        let found = StrategyPage {
            customers: rows::counts(&rows),
            answers: active
                .iter()
                .flat_map(|customer| answers(customer, as_of))
                .collect(),
            movement: self.movement(customers, as_of),
        };
        let mut report = Report::new(Status::Complete, format!("{} customers", rows.len()));
        report.sources = sources(customers);
        report.set("strategyPage", &found);
        Decision::done(report)
    }

    pub(super) fn join_strategy(&self, work: &Work, as_of: Timestamp) -> Decision<Change> {
        let locale = work.task.locale();
        let pages: Pages<StrategyPage> = Pages::read(work, "strategyPage");
        let (mut customers, mut movement) = (CustomerCounts::default(), Movement::default());
        for page in &pages.found {
            customers.total_managed += page.customers.total_managed;
            customers.healthy += page.customers.healthy;
            customers.neutral += page.customers.neutral;
            customers.at_risk += page.customers.at_risk;
            customers.critical += page.customers.critical;
            customers.not_scored += page.customers.not_scored;
            movement.add(&page.movement);
        }
        let as_of = day(as_of, &self.zone);
        let metrics = StrategyMetrics {
            as_of,
            customers,
            growth: self.growth_goal(as_of, movement.active),
            retention: Retention::of(&movement),
            nps: Nps::of(pages.found.iter().flat_map(|page| page.answers.iter().copied())),
            expansion: Expansion::of(&movement),
            open_alerts: movement.open_alerts,
        };
        let mut report = Report::new(Status::Complete, words::strategy_summary(&metrics, locale));
        report.customers = customers;
        report.nps = metrics.nps;
        report.text = Some(words::strategy(&metrics, locale));
        report.definitions = vec![decided(&self.definitions.health), decided(&self.definitions.kpis)];
        pages.account(&mut report);
        report.set("strategy", &metrics);
        Decision::done(report)
    }

    fn growth_goal(&self, on: Date, active: u64) -> GrowthGoal {
        let customers = u32::try_from(active).unwrap_or(u32::MAX);
        let growth = growth(on, customers, &self.definitions.kpis.body);
        let status = match growth.status {
            GrowthStatus::Reached => "reached",
            GrowthStatus::OnTrack => "onTrack",
            GrowthStatus::Behind => "behind",
        };
        GrowthGoal {
            baseline: growth.baseline,
            gained: growth.gained,
            target: growth.target,
            target_year: growth.target_year,
            status: status.to_owned(),
        }
    }
}
