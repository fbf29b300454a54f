//! What rows say about money: invoiced, recurring, coming.

use std::fmt;

use kunder_domain::fact::{FactBody, Invoice, Opportunity, OpportunityStatus, Subscription};
use kunder_domain::money::Money;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Deserializer, Error, IntoDeserializer, MapAccess, Visitor};

use super::bodies::key;
use super::error::FieldError;
use super::field::{Field, Reads, get};
use super::moment::Moment;
use super::reading::{Currency, Whole, Word};
use super::record::RowContext;
use super::row::Row;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvoiceFields {
    number: Option<Field<String>>,
    amount: Field<Decimal>,
    currency: Field<Currency>,
    credit_note: Option<CreditNote>,
    text: Option<Field<String>>,
}

/// How a credit note is known.
#[derive(Debug)]
enum CreditNote {
    /// `credit_note: negative`: every negative amount is one.
    Negative,
    Marked(Field<bool>),
}

impl InvoiceFields {
    pub(crate) fn body(&self, context: &RowContext<'_>) -> Result<FactBody, FieldError> {
        let row = context.row;
        let amount = self.amount.need(row)?;
        let negative = amount < Decimal::ZERO;
        let credit_note = match &self.credit_note {
            None => false,
            Some(CreditNote::Negative) => negative,
            Some(CreditNote::Marked(field)) => field.get(row)?.unwrap_or(false),
        };
        if negative && !credit_note {
            return Err(self.amount.error(format!(
                "the amount {amount} is negative and not marked as a credit note; `credit_note:` in the mapping tells which are"
            )));
        }
        if credit_note && amount > Decimal::ZERO {
            return Err(self
                .amount
                .error(format!("a credit note's amount is negative, not {amount}")));
        }
        Ok(FactBody::Invoice(Invoice {
            number: key(self.number.as_ref(), context)?,
            amount: money(amount, &self.currency, row)?,
            credit_note,
            text: get(self.text.as_ref(), row)?,
        }))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubscriptionFields {
    pub key: Option<Field<String>>,
    name: Field<String>,
    monthly: Field<Decimal>,
    currency: Field<Currency>,
    start: Field<Moment>,
    end: Option<Field<Moment>>,
}

impl SubscriptionFields {
    pub(crate) fn body(&self, context: &RowContext<'_>) -> Result<FactBody, FieldError> {
        let row = context.row;
        let start = self.start.need(row)?.date(context.zone);
        let end = get(self.end.as_ref(), row)?.map(|end| end.date(context.zone));
        if let (Some(field), Some(end)) = (&self.end, end)
            && end < start
        {
            return Err(field.error(format!(
                "the subscription ends on {end}, before it starts on {start}"
            )));
        }
        Ok(FactBody::Subscription(Subscription {
            key: key(self.key.as_ref(), context)?,
            name: self.name.need(row)?,
            monthly: money(not_negative(&self.monthly, row)?, &self.currency, row)?,
            start,
            end,
        }))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpportunityFields {
    pub key: Option<Field<String>>,
    title: Field<String>,
    status: Field<Word<OpportunityStatus>>,
    value: Field<Decimal>,
    currency: Field<Currency>,
    probability: Field<Whole<100>>,
    expected: Option<Field<Moment>>,
    quote: Option<Field<String>>,
}

impl OpportunityFields {
    pub(crate) fn body(&self, context: &RowContext<'_>) -> Result<FactBody, FieldError> {
        let row = context.row;
        Ok(FactBody::Opportunity(Opportunity {
            key: key(self.key.as_ref(), context)?,
            title: self.title.need(row)?,
            status: self.status.need(row)?.0,
            value: money(not_negative(&self.value, row)?, &self.currency, row)?,
            probability: self.probability.need(row)?.0,
            expected: get(self.expected.as_ref(), row)?.map(|expected| expected.date(context.zone)),
            quote: get(self.quote.as_ref(), row)?,
        }))
    }
}

fn money(amount: Decimal, currency: &Field<Currency>, row: &Row) -> Result<Money, FieldError> {
    Ok(Money {
        amount,
        currency: currency.need(row)?.0,
    })
}

fn not_negative(field: &Field<Decimal>, row: &Row) -> Result<Decimal, FieldError> {
    let amount = field.need(row)?;
    if amount < Decimal::ZERO {
        return Err(field.error(format!("the amount {amount} is negative")));
    }
    Ok(amount)
}

impl<'de> Deserialize<'de> for CreditNote {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CreditNoteVisitor)
    }
}

struct CreditNoteVisitor;

impl<'de> Visitor<'de> for CreditNoteVisitor {
    type Value = CreditNote;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`negative`, a column's name, or {column: …}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<CreditNote, E> {
        if text == "negative" {
            return Ok(CreditNote::Negative);
        }
        let name: StrDeserializer<'_, E> = text.into_deserializer();
        Field::deserialize(name).map(CreditNote::Marked)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<CreditNote, A::Error> {
        Field::deserialize(MapAccessDeserializer::new(map)).map(CreditNote::Marked)
    }
}

impl Reads for CreditNote {
    fn reads<'a>(&'a self, columns: &mut Vec<(&'a str, bool)>) {
        match self {
            Self::Negative => {}
            Self::Marked(field) => field.reads(columns),
        }
    }
}

impl Reads for InvoiceFields {
    fn reads<'a>(&'a self, columns: &mut Vec<(&'a str, bool)>) {
        let Self {
            number,
            amount,
            currency,
            credit_note,
            text,
        } = self;
        let fields: [&'a dyn Reads; 5] = [number, amount, currency, credit_note, text];
        fields.iter().for_each(|field| field.reads(columns));
    }
}

impl Reads for SubscriptionFields {
    fn reads<'a>(&'a self, columns: &mut Vec<(&'a str, bool)>) {
        let Self {
            key,
            name,
            monthly,
            currency,
            start,
            end,
        } = self;
        let fields: [&'a dyn Reads; 6] = [key, name, monthly, currency, start, end];
        fields.iter().for_each(|field| field.reads(columns));
    }
}

impl Reads for OpportunityFields {
    fn reads<'a>(&'a self, columns: &mut Vec<(&'a str, bool)>) {
        let Self {
            key,
            title,
            status,
            value,
            currency,
            probability,
            expected,
            quote,
        } = self;
        let fields: [&'a dyn Reads; 8] = [key, title, status, value, currency, probability, expected, quote];
        fields.iter().for_each(|field| field.reads(columns));
    }
}
