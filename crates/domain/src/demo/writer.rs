//! Writes the facts of one customer, dated in days before the portfolio's day.

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use rust_decimal::Decimal;

use super::cast::Member;
use crate::fact::{
    CustomerId, Fact, FactBody, Invoice, Opportunity, OpportunityStatus, Touchpoint, TouchpointChannel,
};
use crate::money::Money;
use crate::names::slug;

/// Where the demo's facts say that they come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Sales,
    Admin,
    Finance,
    Services,
    Us,
}

impl From {
    fn source(self) -> &'static str {
        match self {
            Self::Sales => "Demo Sälj (påhittad)",
            Self::Admin => "Demo Admin (påhittad)",
            Self::Finance => "Demo Ekonomi (påhittad)",
            Self::Services => "Demo Tjänster (påhittad)",
            Self::Us => "Demo Kunder (påhittad)",
        }
    }

    /// An invented colleague.
    fn actor(self) -> &'static str {
        match self {
            Self::Sales => "Selma Sälj",
            Self::Admin => "Adam Admin",
            Self::Finance => "Elna Ekonomi",
            Self::Services => "Tore Tjänster",
            Self::Us => "Klara Kund",
        }
    }
}

pub(super) struct Writer<'a> {
    pub slug: String,
    pub number: usize,
    pub day: Date,
    zone: &'a TimeZone,
    facts: Vec<Fact>,
    numbers: BTreeMap<&'static str, usize>,
}

const MORNING: i64 = 9 * 60;

impl<'a> Writer<'a> {
    pub fn new(member: &Member, number: usize, day: Date, zone: &'a TimeZone) -> Self {
        Self {
            slug: slug(member.name),
            number,
            day,
            zone,
            facts: Vec::new(),
            numbers: BTreeMap::new(),
        }
    }

    pub fn into_facts(self) -> Vec<Fact> {
        self.facts
    }

    /// The day so many days before the portfolio's.
    pub fn ago(&self, days: i64) -> Date {
        self.day.checked_sub(days.days()).unwrap_or(Date::MIN)
    }

    /// A fact observed in the morning of that day.
    pub fn put(&mut self, days: i64, from: From, body: FactBody) {
        self.put_at(days, MORNING, from, body);
    }

    /// A fact observed so many minutes after midnight.
    pub fn put_at(&mut self, days: i64, minute: i64, from: From, body: FactBody) {
        let kind = kind(&body);
        let number = self.numbers.entry(kind).or_insert(0);
        *number += 1;
        let id = format!("demo/{}/{kind}/{number}", self.slug);
        let moment = DateTime::from_parts(self.ago(days), jiff::civil::Time::midnight());
        let moment = moment.checked_add(minute.minutes()).unwrap_or(moment);
        let observed = self.zone.to_timestamp(moment).unwrap_or(Timestamp::MIN);
        let (source, actor) = (from.source().to_owned(), from.actor().to_owned());
        self.facts.push(Fact {
            id,
            customer: CustomerId::new(&self.slug),
            observed,
            source,
            actor,
            body,
        });
    }

    pub fn profile(&mut self, days: i64, from: From, field: &str, value: impl Into<String>) {
        self.put(
            days,
            from,
            FactBody::Profile {
                field: field.to_owned(),
                value: value.into(),
            },
        );
    }

    pub fn touchpoint(
        &mut self,
        days: i64,
        minute: i64,
        channel: TouchpointChannel,
        summary: &str,
        with: &str,
    ) {
        let (summary, with) = (summary.to_owned(), Some(with.to_owned()));
        self.put_at(
            days,
            minute,
            From::Admin,
            FactBody::Touchpoint(Touchpoint {
                channel,
                summary,
                quote: None,
                with,
            }),
        );
    }

    pub fn invoice(&mut self, days: i64, amount: Decimal, currency: &str, text: &str) {
        let number = format!(
            "D{:02}-{:03}",
            self.number + 1,
            self.numbers.get("invoice").unwrap_or(&0) + 1
        );
        let (amount, credit_note, text) = (
            Money::new(amount, currency),
            amount.is_sign_negative(),
            Some(text.to_owned()),
        );
        self.put(
            days,
            From::Finance,
            FactBody::Invoice(Invoice {
                number,
                amount,
                credit_note,
                text,
            }),
        );
    }

    /// A state of an opportunity in crowns.
    pub fn opportunity(
        &mut self,
        days: i64,
        key: &str,
        title: &str,
        status: OpportunityStatus,
        crowns: i64,
        probability: u8,
    ) {
        let value = Money::new(Decimal::new(crowns * 100, 2), "SEK");
        self.put_opportunity(days, key, title, status, value, probability, None);
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "an opportunity is this much, and only scenes write one"
    )]
    pub fn put_opportunity(
        &mut self,
        days: i64,
        key: &str,
        title: &str,
        status: OpportunityStatus,
        value: Money,
        probability: u8,
        quote: Option<&str>,
    ) {
        let key = format!("{}/{key}", self.slug);
        let expected = self.day.checked_add(90.days()).ok();
        let (title, quote) = (title.to_owned(), quote.map(str::to_owned));
        let opportunity = Opportunity {
            key,
            title,
            status,
            value,
            probability,
            expected,
            quote,
        };
        self.put(days, From::Sales, FactBody::Opportunity(opportunity));
    }
}

fn kind(body: &FactBody) -> &'static str {
    match body {
        FactBody::Profile { .. } => "profile",
        FactBody::Contact(_) => "contact",
        FactBody::Touchpoint(_) => "touchpoint",
        FactBody::Todo(_) => "todo",
        FactBody::TodoDone { .. } => "todo-done",
        FactBody::Invoice(_) => "invoice",
        FactBody::Subscription(_) => "subscription",
        FactBody::Opportunity(_) => "opportunity",
        FactBody::Service(_) => "service",
        FactBody::Feedback { .. } => "feedback",
        FactBody::Survey { .. } => "survey",
        FactBody::Stage { .. } => "stage",
        FactBody::Onboarding { .. } => "onboarding",
        FactBody::OnboardingDone => "onboarding-done",
        // The demo writes none of the others.
        _ => "other",
    }
}
