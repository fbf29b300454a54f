//! What rows say about people and work: contacts, touchpoints, todos, services, feedback, measurements, surveys.

use kunder_domain::fact::{
    self, Contact, ContactRole, FactBody, Measurement, Priority, Service, ServiceStatus, Todo, Touchpoint,
    TouchpointChannel,
};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::error::FieldError;
use super::expression::Writing;
use super::field::{Field, Reads, get};
use super::moment::Moment;
use super::reading::{Reading, Whole, Word, yes_or_no};
use super::record::{Made, RowContext};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContactFields {
    pub key: Option<Field<String>>,
    name: Field<String>,
    role: Option<Field<Word<ContactRole>>>,
    email: Option<Field<String>>,
    phone: Option<Field<String>>,
    verified: Option<Field<bool>>,
    active: Option<Field<bool>>,
}

impl ContactFields {
    pub(crate) fn body(&self, context: &RowContext<'_>) -> Result<FactBody, FieldError> {
        let row = context.row;
        Ok(FactBody::Contact(Contact {
            key: key(self.key.as_ref(), context)?,
            name: self.name.need(row)?,
            role: get(self.role.as_ref(), row)?.map_or(ContactRole::Other, |role| role.0),
            email: get(self.email.as_ref(), row)?,
            phone: get(self.phone.as_ref(), row)?,
            verified: get(self.verified.as_ref(), row)?.unwrap_or(false),
            active: get(self.active.as_ref(), row)?.unwrap_or(true),
        }))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TouchpointFields {
    channel: Option<Field<Word<TouchpointChannel>>>,
    summary: Field<String>,
    quote: Option<Field<String>>,
    with: Option<Field<String>>,
}

impl TouchpointFields {
    pub(crate) fn body(&self, context: &RowContext<'_>) -> Result<FactBody, FieldError> {
        let row = context.row;
        Ok(FactBody::Touchpoint(Touchpoint {
            channel: get(self.channel.as_ref(), row)?.map_or(TouchpointChannel::Other, |channel| channel.0),
            summary: self.summary.need(row)?,
            quote: get(self.quote.as_ref(), row)?,
            with: get(self.with.as_ref(), row)?,
        }))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TodoFields {
    pub key: Option<Field<String>>,
    text: Field<String>,
    due: Option<Field<Moment>>,
    owner: Option<Field<String>>,
    priority: Option<Field<Word<Priority>>>,
    done: Option<Field<Done>>,
}

/// The day a todo was done, or only whether it was.
#[derive(Debug)]
pub(crate) enum Done {
    At(Moment),
    Known(bool),
}

impl Reading for Done {
    const IS_DATE: bool = true;

    fn read(text: &str, writing: &Writing) -> Result<Self, String> {
        match yes_or_no(text) {
            Some(done) => Ok(Self::Known(done)),
            None => Moment::read(text, writing).map(Self::At),
        }
    }
}

impl TodoFields {
    pub(crate) fn make(&self, context: &RowContext<'_>) -> Result<Vec<Made>, FieldError> {
        let row = context.row;
        let todo = Todo {
            key: key(self.key.as_ref(), context)?,
            text: self.text.need(row)?,
            due: get(self.due.as_ref(), row)?.map(|due| due.date(context.zone)),
            owner: get(self.owner.as_ref(), row)?,
            priority: get(self.priority.as_ref(), row)?.map_or(Priority::Normal, |priority| priority.0),
        };
        let done = match (&self.done, get(self.done.as_ref(), row)?) {
            (Some(field), Some(Done::At(moment))) => {
                let at = moment
                    .timestamp(context.zone)
                    .map_err(|message| field.error(message))?;
                Some(Made {
                    body: FactBody::TodoDone {
                        key: todo.key.clone(),
                    },
                    observed: Some(at),
                })
            }
            (_, Some(Done::Known(true))) => Some(
                FactBody::TodoDone {
                    key: todo.key.clone(),
                }
                .into(),
            ),
            (_, Some(Done::At(_) | Done::Known(false)) | None) => None,
        };
        Ok([Some(FactBody::Todo(todo).into()), done]
            .into_iter()
            .flatten()
            .collect())
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceFields {
    pub key: Option<Field<String>>,
    name: Field<String>,
    status: Field<Word<ServiceStatus>>,
    note: Option<Field<String>>,
}

impl ServiceFields {
    pub(crate) fn body(&self, context: &RowContext<'_>) -> Result<FactBody, FieldError> {
        let row = context.row;
        Ok(FactBody::Service(Service {
            key: key(self.key.as_ref(), context)?,
            name: self.name.need(row)?,
            status: self.status.need(row)?.0,
            note: get(self.note.as_ref(), row)?,
        }))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeedbackFields {
    service: Field<String>,
    text: Field<String>,
    quote: Option<Field<String>>,
}

impl FeedbackFields {
    pub(crate) fn body(&self, context: &RowContext<'_>) -> Result<FactBody, FieldError> {
        let row = context.row;
        Ok(FactBody::Feedback {
            service: self.service.need(row)?,
            text: self.text.need(row)?,
            quote: get(self.quote.as_ref(), row)?,
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MeasurementFields {
    metric: Field<String>,
    number: Option<Field<Decimal>>,
    word: Option<Field<String>>,
    user: Option<Field<String>>,
    user_type: Option<Field<String>>,
}

impl MeasurementFields {
    /// # Errors
    /// Where it is not said once what was read.
    pub(crate) fn check(&self) -> Result<(), String> {
        match (&self.number, &self.word) {
            (Some(_), None) | (None, Some(_)) => Ok(()),
            (Some(_), Some(_)) => {
                Err("the measurement has a `number` and a `word`: one of them is too much".to_owned())
            }
            (None, None) => Err(
                "the measurement says neither `number` nor `word`: one of them is what was read".to_owned(),
            ),
        }
    }

    pub(crate) fn body(&self, context: &RowContext<'_>) -> Result<FactBody, FieldError> {
        let row = context.row;
        let reading = match (&self.number, &self.word) {
            (Some(number), _) => fact::Reading::Number(number.need(row)?),
            (None, Some(word)) => fact::Reading::Word(word.need(row)?),
            (None, None) => return Err(self.metric.error("nothing was read")),
        };
        Ok(FactBody::Measurement(Measurement {
            metric: self.metric.need(row)?,
            reading,
            user: get(self.user.as_ref(), row)?,
            user_type: get(self.user_type.as_ref(), row)?,
        }))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SurveyFields {
    score: Field<Whole<10>>,
    comment: Option<Field<String>>,
}

impl SurveyFields {
    pub(crate) fn body(&self, context: &RowContext<'_>) -> Result<FactBody, FieldError> {
        let row = context.row;
        Ok(FactBody::Survey {
            score: self.score.need(row)?.0,
            comment: get(self.comment.as_ref(), row)?,
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SurveySentFields {
    name: Option<Field<String>>,
}

impl SurveySentFields {
    pub(crate) fn body(&self, context: &RowContext<'_>) -> Result<FactBody, FieldError> {
        Ok(FactBody::SurveySent {
            name: get(self.name.as_ref(), context.row)?,
        })
    }
}

/// The key of what the row is about: its own field, else the key of the row.
pub(crate) fn key(field: Option<&Field<String>>, context: &RowContext<'_>) -> Result<String, FieldError> {
    field.map_or_else(|| Ok(context.key.text()), |field| field.need(context.row))
}

impl Reads for ContactFields {
    fn reads<'a>(&'a self, columns: &mut Vec<(&'a str, bool)>) {
        let Self {
            key,
            name,
            role,
            email,
            phone,
            verified,
            active,
        } = self;
        let fields: [&'a dyn Reads; 7] = [key, name, role, email, phone, verified, active];
        fields.iter().for_each(|field| field.reads(columns));
    }
}

impl Reads for TouchpointFields {
    fn reads<'a>(&'a self, columns: &mut Vec<(&'a str, bool)>) {
        let Self {
            channel,
            summary,
            quote,
            with,
        } = self;
        let fields: [&'a dyn Reads; 4] = [channel, summary, quote, with];
        fields.iter().for_each(|field| field.reads(columns));
    }
}

impl Reads for TodoFields {
    fn reads<'a>(&'a self, columns: &mut Vec<(&'a str, bool)>) {
        let Self {
            key,
            text,
            due,
            owner,
            priority,
            done,
        } = self;
        let fields: [&'a dyn Reads; 6] = [key, text, due, owner, priority, done];
        fields.iter().for_each(|field| field.reads(columns));
    }
}

impl Reads for ServiceFields {
    fn reads<'a>(&'a self, columns: &mut Vec<(&'a str, bool)>) {
        let Self {
            key,
            name,
            status,
            note,
        } = self;
        let fields: [&'a dyn Reads; 4] = [key, name, status, note];
        fields.iter().for_each(|field| field.reads(columns));
    }
}

impl Reads for FeedbackFields {
    fn reads<'a>(&'a self, columns: &mut Vec<(&'a str, bool)>) {
        let Self { service, text, quote } = self;
        let fields: [&'a dyn Reads; 3] = [service, text, quote];
        fields.iter().for_each(|field| field.reads(columns));
    }
}

impl Reads for MeasurementFields {
    fn reads<'a>(&'a self, columns: &mut Vec<(&'a str, bool)>) {
        let Self {
            metric,
            number,
            word,
            user,
            user_type,
        } = self;
        let fields: [&'a dyn Reads; 5] = [metric, number, word, user, user_type];
        fields.iter().for_each(|field| field.reads(columns));
    }
}

impl Reads for SurveyFields {
    fn reads<'a>(&'a self, columns: &mut Vec<(&'a str, bool)>) {
        let Self { score, comment } = self;
        let fields: [&'a dyn Reads; 2] = [score, comment];
        fields.iter().for_each(|field| field.reads(columns));
    }
}

impl Reads for SurveySentFields {
    fn reads<'a>(&'a self, columns: &mut Vec<(&'a str, bool)>) {
        let Self { name } = self;
        name.reads(columns);
    }
}
