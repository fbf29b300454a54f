//! What a brief is written from: the customer, the day, and everything the rules make of them.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use kunder_agent_core::task::Locale;
use kunder_domain::checklist::Checklist;
use kunder_domain::customer::{Customer, Sourced};
use kunder_domain::definitions::{Definitions, Label};
use kunder_domain::health::HealthRecord;
use kunder_domain::metrics::{Metrics, day};
use kunder_domain::money_flow::MoneyFlow;

use super::CustomerFetching;
use super::brief::BriefLine;
use crate::health_models::Judged;
use crate::wording;

/// Letters of a quoted text that are shown: a brief is one page.
const LETTERS_MAX: usize = 110;

/// One customer on one day.
pub struct Sheet<'a> {
    pub customer: &'a Customer,
    pub definitions: &'a Definitions,
    pub zone: &'a TimeZone,
    pub locale: Locale,
    pub today: Date,
    pub flow: MoneyFlow,
    pub metrics: Metrics,
    pub health: Judged<'a>,
    pub checklist: Checklist,
}

impl<'a> Sheet<'a> {
    #[must_use]
    pub fn new(
        agent: &'a CustomerFetching,
        customer: &'a Customer,
        last: Option<&HealthRecord>,
        at: Timestamp,
        locale: Locale,
    ) -> Self {
        let (definitions, zone) = (&*agent.definitions, &agent.zone);
        let today = day(at, zone);
        let flow = MoneyFlow::of(customer, today, zone, &definitions.pipeline.body);
        let metrics = Metrics::with_flow(customer, today, zone, definitions, &flow);
        let measured = agent.models.measured_beside(customer, &metrics, at);
        let previous = last.map(|last| &last.snapshot);
        let health = agent.models.judged_by(customer, &measured, at, previous, locale);
        let checklist = Checklist::of(customer, &definitions.onboarding.body);
        Self {
            customer,
            definitions,
            zone,
            locale,
            today,
            flow,
            metrics,
            health,
            checklist,
        }
    }

    /// Whether the customer has left: nothing is offered to it and no contact is due.
    #[must_use]
    pub fn has_left(&self) -> bool {
        self.customer.has_left()
    }

    #[must_use]
    pub fn say<'b>(&self, label: &'b Label) -> &'b str {
        self.locale.pick(&label.sv, &label.en)
    }

    #[must_use]
    pub fn pick<'b>(&self, sv: &'b str, en: &'b str) -> &'b str {
        self.locale.pick(sv, en)
    }

    #[must_use]
    pub fn day(&self, at: Timestamp) -> Date {
        day(at, self.zone)
    }

    /// A line that rests on one fact.
    #[must_use]
    pub fn told<T>(&self, fact: &Sourced<T>, text: String) -> BriefLine {
        BriefLine {
            text,
            source: fact.source.clone(),
            date: self.day(fact.observed),
        }
    }

    /// A line that rests on several facts: their sources, and the day of the newest; nothing where there are none.
    #[must_use]
    pub fn of_all<'b, T: 'b>(
        &self,
        facts: impl IntoIterator<Item = &'b Sourced<T>>,
        text: String,
    ) -> Option<BriefLine> {
        let mut sources: Vec<&str> = Vec::new();
        let mut newest = None;
        for fact in facts {
            newest = newest.max(Some(fact.observed));
            if !sources.contains(&fact.source.as_str()) {
                sources.push(&fact.source);
            }
        }
        sources.sort_unstable();
        Some(BriefLine {
            text,
            source: sources.join(", "),
            date: self.day(newest?),
        })
    }

    /// A line that rests on the customer's health model.
    #[must_use]
    pub fn by_model(&self, text: String) -> BriefLine {
        self.by_rule(&self.health.model.id, self.health.model.version, text)
    }

    /// A line that rests on a rule of ours, by the name and version of its file, today.
    #[must_use]
    pub fn by_rule(&self, rule: &str, version: u32, text: String) -> BriefLine {
        BriefLine {
            text,
            source: format!("{rule} v{version}"),
            date: self.today,
        }
    }
}

/// A text on one line, cut where it is long.
#[must_use]
pub fn short(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= LETTERS_MAX {
        return text;
    }
    let kept: String = text.chars().take(LETTERS_MAX).collect();
    let kept = kept.rsplit_once(' ').map_or(kept.as_str(), |(whole, _)| whole);
    format!("{} …", kept.trim_end_matches([',', '.', ';', ':']))
}

/// What somebody said, in the quotation marks of the language.
#[must_use]
pub fn quoted(locale: Locale, text: &str) -> String {
    wording::quoted(locale, &short(text))
}
