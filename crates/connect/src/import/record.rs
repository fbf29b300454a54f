//! One record of a mapping: what a row yields, when, and from when on it was so.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kunder_domain::fact::{CustomerId, Fact, FactBody, field as profile_field};
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::bodies::{
    ContactFields, FeedbackFields, MeasurementFields, ServiceFields, SurveyFields, SurveySentFields,
    TodoFields, TouchpointFields,
};
use super::error::FieldError;
use super::fact_id::{self, RowKey};
use super::field::{Field, Reads};
use super::mapping_file::Only;
use super::moment::Moment;
use super::money_bodies::{InvoiceFields, OpportunityFields, SubscriptionFields};
use super::row::Row;

/// A record as it is written: exactly one of the kinds, and what goes with it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordFile {
    profile: Option<BTreeMap<String, Field<String>>>,
    contact: Option<ContactFields>,
    touchpoint: Option<TouchpointFields>,
    todo: Option<TodoFields>,
    invoice: Option<InvoiceFields>,
    subscription: Option<SubscriptionFields>,
    opportunity: Option<OpportunityFields>,
    service: Option<ServiceFields>,
    feedback: Option<FeedbackFields>,
    measurement: Option<MeasurementFields>,
    survey: Option<SurveyFields>,
    survey_sent: Option<SurveySentFields>,
    observed: Option<Field<Moment>>,
    actor: Option<Field<String>>,
    only: Option<Only>,
    once: Option<Spanned<bool>>,
}

#[derive(Debug)]
pub(crate) struct Record {
    kind: Kind,
    /// The place among the records of its kind, so that two touchpoints of one row are two facts.
    place: u32,
    observed: Field<Moment>,
    actor: Option<Field<String>>,
    only: Option<Only>,
    /// One fact per customer and content, whatever the date.
    once: bool,
}

#[derive(Debug)]
enum Kind {
    Profile(BTreeMap<String, Field<String>>),
    Contact(ContactFields),
    Touchpoint(TouchpointFields),
    Todo(TodoFields),
    Invoice(InvoiceFields),
    Subscription(SubscriptionFields),
    Opportunity(OpportunityFields),
    Service(ServiceFields),
    Feedback(FeedbackFields),
    Measurement(MeasurementFields),
    Survey(SurveyFields),
    SurveySent(SurveySentFields),
}

/// What every record of a row shares.
pub(crate) struct RowContext<'a> {
    pub row: &'a Row,
    pub key: &'a RowKey,
    pub zone: &'a TimeZone,
    pub source: &'a str,
    pub customer: &'a str,
    pub actor: &'a str,
}

/// The body of a fact, and when it was so if that is not when the record was.
pub(crate) struct Made {
    pub body: FactBody,
    pub observed: Option<Timestamp>,
}

impl From<FactBody> for Made {
    fn from(body: FactBody) -> Self {
        Self { body, observed: None }
    }
}

impl RecordFile {
    /// # Errors
    /// What the keys of the record say together that cannot be.
    pub(crate) fn check(
        self,
        observed: Option<&Field<Moment>>,
        row_key_named: bool,
    ) -> Result<Record, String> {
        let kinds = [
            self.profile.map(Kind::Profile),
            self.contact.map(Kind::Contact),
            self.touchpoint.map(Kind::Touchpoint),
            self.todo.map(Kind::Todo),
            self.invoice.map(Kind::Invoice),
            self.subscription.map(Kind::Subscription),
            self.opportunity.map(Kind::Opportunity),
            self.service.map(Kind::Service),
            self.feedback.map(Kind::Feedback),
            self.measurement.map(Kind::Measurement),
            self.survey.map(Kind::Survey),
            self.survey_sent.map(Kind::SurveySent),
        ];
        let mut kinds = kinds.into_iter().flatten();
        let (Some(kind), None) = (kinds.next(), kinds.next()) else {
            return Err(
                "a record needs exactly one of `profile`, `contact`, `touchpoint`, `todo`, `invoice`, \
                        `subscription`, `opportunity`, `service`, `feedback`, `measurement`, `survey` and `survey_sent`"
                    .to_owned(),
            );
        };
        let name = kind.name();
        if kind.lacks_key() && !row_key_named {
            return Err(format!(
                "the {name} has no `key`, which tells a later state of it from another one; \
                 name its column, or name `key` columns for the rows"
            ));
        }
        if let Kind::Profile(fields) = &kind {
            check_profile(fields)?;
        }
        if let Kind::Measurement(fields) = &kind {
            fields.check()?;
        }
        let once = self.once.is_some_and(|once| once.value);
        if once && !kind.is_state() {
            return Err(format!("`once` says nothing for the {name}: every row is one"));
        }
        let observed = self.observed.or_else(|| observed.cloned());
        let observed = observed.ok_or_else(|| {
            format!("the {name} has no `observed`, the day from which it was so; write it here or for the whole mapping")
        })?;
        Ok(Record {
            kind,
            place: 0,
            observed,
            actor: self.actor,
            only: self.only,
            once,
        })
    }
}

/// A field that differs from one the agents know only in its spelling would be kept and never used.
fn check_profile(fields: &BTreeMap<String, Field<String>>) -> Result<(), String> {
    const KNOWN: [&str; 15] = [
        profile_field::NAME,
        profile_field::STATUS,
        profile_field::ORG_NUMBER,
        profile_field::EMPLOYEES,
        profile_field::SECTOR,
        profile_field::TOWN,
        profile_field::WEBSITE,
        profile_field::INVOICE_EMAIL,
        profile_field::PREFERRED_CHANNEL,
        profile_field::NEWSLETTER,
        profile_field::CONTRACT,
        profile_field::FIRST_QUARTERLY_MEETING,
        profile_field::GOALS,
        profile_field::BACKGROUND,
        profile_field::ACCOUNT_OWNER,
    ];
    if fields.is_empty() {
        return Err("the profile names no fields".to_owned());
    }
    let folded = |name: &str| name.to_lowercase().replace(['_', '-', ' '], "");
    for name in fields.keys() {
        let known = KNOWN.iter().find(|known| folded(known) == folded(name));
        if let Some(known) = known.filter(|known| *known != name) {
            return Err(format!("the profile field `{name}` is spelled `{known}`"));
        }
    }
    Ok(())
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Self::Profile(_) => "profile",
            Self::Contact(_) => "contact",
            Self::Touchpoint(_) => "touchpoint",
            Self::Todo(_) => "todo",
            Self::Invoice(_) => "invoice",
            Self::Subscription(_) => "subscription",
            Self::Opportunity(_) => "opportunity",
            Self::Service(_) => "service",
            Self::Feedback(_) => "feedback",
            Self::Measurement(_) => "measurement",
            Self::Survey(_) => "survey",
            Self::SurveySent(_) => "survey-sent",
        }
    }

    /// Whether a fact says how something is, so that a later one replaces it; else it says that something happened.
    fn is_state(&self) -> bool {
        match self {
            Self::Profile(_)
            | Self::Contact(_)
            | Self::Todo(_)
            | Self::Subscription(_)
            | Self::Opportunity(_)
            | Self::Service(_) => true,
            Self::Touchpoint(_)
            | Self::Invoice(_)
            | Self::Feedback(_)
            | Self::Measurement(_)
            | Self::Survey(_)
            | Self::SurveySent(_) => false,
        }
    }

    fn lacks_key(&self) -> bool {
        match self {
            Self::Contact(fields) => fields.key.is_none(),
            Self::Todo(fields) => fields.key.is_none(),
            Self::Subscription(fields) => fields.key.is_none(),
            Self::Opportunity(fields) => fields.key.is_none(),
            Self::Service(fields) => fields.key.is_none(),
            Self::Profile(_)
            | Self::Touchpoint(_)
            | Self::Invoice(_)
            | Self::Feedback(_)
            | Self::Measurement(_)
            | Self::Survey(_)
            | Self::SurveySent(_) => false,
        }
    }

    fn make(&self, context: &RowContext<'_>) -> Result<Vec<Made>, FieldError> {
        let body = match self {
            Self::Profile(fields) => return profile(fields, context.row),
            Self::Todo(fields) => return fields.make(context),
            Self::Contact(fields) => fields.body(context)?,
            Self::Touchpoint(fields) => fields.body(context)?,
            Self::Invoice(fields) => fields.body(context)?,
            Self::Subscription(fields) => fields.body(context)?,
            Self::Opportunity(fields) => fields.body(context)?,
            Self::Service(fields) => fields.body(context)?,
            Self::Feedback(fields) => fields.body(context)?,
            Self::Measurement(fields) => fields.body(context)?,
            Self::Survey(fields) => fields.body(context)?,
            Self::SurveySent(fields) => fields.body(context)?,
        };
        Ok(vec![body.into()])
    }
}

/// One fact per field that is not empty.
fn profile(fields: &BTreeMap<String, Field<String>>, row: &Row) -> Result<Vec<Made>, FieldError> {
    let mut made = Vec::with_capacity(fields.len());
    for (field, value) in fields {
        if let Some(value) = value.get(row)? {
            made.push(
                FactBody::Profile {
                    field: field.clone(),
                    value,
                }
                .into(),
            );
        }
    }
    Ok(made)
}

impl Record {
    /// Gives each record its place among those of its kind.
    pub(crate) fn number(records: &mut [Record]) {
        let mut places: BTreeMap<&'static str, u32> = BTreeMap::new();
        for record in records {
            let place = places.entry(record.kind.name()).or_default();
            record.place = *place;
            *place += 1;
        }
    }

    pub(crate) fn is_state(&self) -> bool {
        self.kind.is_state()
    }

    /// The facts of this record for one row, none where `only` leaves it out.
    pub(crate) fn facts(&self, context: &RowContext<'_>) -> Result<Vec<Fact>, FieldError> {
        let row = context.row;
        if let Some(only) = &self.only
            && !only.takes(row)?
        {
            return Ok(Vec::new());
        }
        let made = self.kind.make(context)?;
        if made.is_empty() {
            return Ok(Vec::new());
        }
        let observed = self.observed.need(row)?;
        let observed = observed
            .timestamp(context.zone)
            .map_err(|message| self.observed.error(message))?;
        let actor = super::field::get(self.actor.as_ref(), row)?;
        let actor = actor.as_deref().unwrap_or(context.actor);
        Ok(made
            .into_iter()
            .map(|made| self.fact(context, made, observed, actor))
            .collect())
    }

    fn fact(&self, context: &RowContext<'_>, made: Made, observed: Timestamp, actor: &str) -> Fact {
        let Made { body, observed: own } = made;
        let observed = own.unwrap_or(observed);
        let id = if self.kind.is_state() {
            let since = (!self.once).then_some(observed);
            fact_id::of_state(context.source, context.customer, &body, since)
        } else {
            fact_id::of_event(context.source, self.kind.name(), self.place, context.key)
        };
        Fact {
            id,
            customer: CustomerId::new(context.customer),
            observed,
            source: context.source.to_owned(),
            actor: actor.to_owned(),
            body,
        }
    }
}

impl Reads for Record {
    fn reads<'a>(&'a self, columns: &mut Vec<(&'a str, bool)>) {
        let Self {
            kind,
            place: _,
            observed,
            actor,
            only,
            once: _,
        } = self;
        observed.reads(columns);
        actor.reads(columns);
        only.reads(columns);
        match kind {
            Kind::Profile(fields) => fields.values().for_each(|field| field.reads(columns)),
            Kind::Contact(fields) => fields.reads(columns),
            Kind::Touchpoint(fields) => fields.reads(columns),
            Kind::Todo(fields) => fields.reads(columns),
            Kind::Invoice(fields) => fields.reads(columns),
            Kind::Subscription(fields) => fields.reads(columns),
            Kind::Opportunity(fields) => fields.reads(columns),
            Kind::Service(fields) => fields.reads(columns),
            Kind::Feedback(fields) => fields.reads(columns),
            Kind::Measurement(fields) => fields.reads(columns),
            Kind::Survey(fields) => fields.reads(columns),
            Kind::SurveySent(fields) => fields.reads(columns),
        }
    }
}
