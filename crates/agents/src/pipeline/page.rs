//! One page of a pipeline analysis: the money of every customer of a span, and what is to be told of its opportunities.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kunder_agent_core::agent::Work;
use kunder_agent_core::decision::{Decision, Resolution};
use kunder_agent_core::outcome::{Report, Status};
use kunder_domain::change::Change;
use kunder_domain::customer::Customer;
use kunder_domain::fact::CustomerId;
use kunder_domain::metrics::day;
use kunder_domain::money::{Money, Sums};
use kunder_domain::money_flow::{MoneyFlow, OpenOpportunity};

use super::Pipeline;
use super::block::{OpportunityRow, PipelinePage, PipelineRow, Standing};
use crate::customer_health::AT_RISK_ALERT;
use crate::evidence::sources;
use crate::paging::Page;

impl Pipeline {
    pub(super) fn pipeline_page(
        &self,
        work: &Work,
        page: &Page,
        customers: &[Customer],
        current: &BTreeMap<CustomerId, Customer>,
    ) -> Decision<Change> {
        let found = self.read_page(customers, page.view.as_of);
        let mut report = Report::new(Status::Complete, format!("{} customers", found.customers.len()));
        report.sources = sources(customers);
        report.set("pipelinePage", &found);
        let mut decision = Decision::done(Report::new(Status::Complete, ""));
        for customer in current.values() {
            self.tell(&mut decision, work, customer, page.now);
        }
        decision.verdict = Resolution::Done(Box::new(report));
        decision
    }

    /// The money of these customers. Those who left and never brought anything are left out, and prospects with nothing open.
    pub(super) fn read_page(&self, customers: &[Customer], as_of: Timestamp) -> PipelinePage {
        let mut page = PipelinePage::default();
        for customer in customers {
            let flow = self.flow(customer, as_of);
            let coming = !customer.has_left() && !flow.open.is_empty();
            if customer.invoices.is_empty() && !coming && !customer.is_active() {
                continue;
            }
            let notable = flow
                .open
                .iter()
                .filter(|open| !customer.has_left() && (open.stale || open.hot || open.improbable));
            page.opportunities
                .extend(notable.map(|open| self.opportunity(customer, open)));
            page.customers.push(row(customer, &flow));
        }
        page
    }

    pub(super) fn flow(&self, customer: &Customer, as_of: Timestamp) -> MoneyFlow {
        MoneyFlow::of(
            customer,
            day(as_of, &self.zone),
            &self.zone,
            &self.definitions.pipeline.body,
        )
    }

    pub(super) fn opportunity(&self, customer: &Customer, open: &OpenOpportunity) -> OpportunityRow {
        let opportunity = &open.opportunity.value;
        OpportunityRow {
            customer: customer.name().to_owned(),
            customer_id: customer.id.clone(),
            key: opportunity.key.clone(),
            title: opportunity.title.clone(),
            status: opportunity.status,
            value: normal(&opportunity.value),
            probability: opportunity.probability,
            weighted: normal(&open.weighted),
            expected: opportunity.expected,
            quote: opportunity.quote.clone(),
            last_activity: day(open.opportunity.observed, &self.zone),
            idle_days: open.idle_days,
            stale: open.stale,
            hot: open.hot,
            improbable: open.improbable,
            source: open.opportunity.source.clone(),
        }
    }
}

/// With two decimals at least, as every amount of the block.
fn normal(money: &Money) -> Money {
    let mut sums = Sums::default();
    sums.add(money);
    sums.moneys().into_iter().next().unwrap_or_else(|| money.clone())
}

pub(super) fn row(customer: &Customer, flow: &MoneyFlow) -> PipelineRow {
    let is_at_risk = customer.is_active() && customer.alert_open(AT_RISK_ALERT);
    let standing = Standing::of(customer);
    let recurs = |sums: &Sums| match standing {
        Standing::Active => sums.moneys(),
        Standing::Prospect | Standing::Left => Vec::new(),
    };
    let comes = |sums: &Sums| match standing {
        Standing::Active | Standing::Prospect => sums.moneys(),
        Standing::Left => Vec::new(),
    };
    PipelineRow {
        customer: customer.name().to_owned(),
        customer_id: customer.id.clone(),
        active: customer.is_active(),
        standing,
        invoiced: flow.invoiced.moneys(),
        invoiced_ytd: flow.invoiced_year.moneys(),
        recurring_monthly: recurs(&flow.recurring),
        recurring_before: recurs(&flow.recurring_before),
        falling: flow.is_falling() && standing == Standing::Active,
        coming: comes(&flow.pipeline),
        coming_weighted: comes(&flow.weighted),
        at_risk: if is_at_risk {
            flow.value_at_risk().moneys()
        } else {
            Vec::new()
        },
    }
}
