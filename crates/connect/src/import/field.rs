//! One field of a record: an expression, and the type its text is read as; checked when the mapping is loaded.

use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::error::FieldError;
use super::expression::{Expression, Origin};
use super::reading::Reading;
use super::row::Row;

#[derive(Debug)]
pub(crate) struct Field<T> {
    expression: Expression,
    reads: PhantomData<fn() -> T>,
}

impl<T> Clone for Field<T> {
    fn clone(&self) -> Self {
        Self {
            expression: self.expression.clone(),
            reads: PhantomData,
        }
    }
}

impl<T: Reading> Field<T> {
    /// The value of this row, `None` where it is empty.
    pub(crate) fn get(&self, row: &Row) -> Result<Option<T>, FieldError> {
        let Some(text) = self.expression.text(row)? else {
            return Ok(None);
        };
        let value = T::read(&text, &self.expression.writing);
        value.map(Some).map_err(|message| self.error(message))
    }

    /// The value of this row, which must be there.
    pub(crate) fn need(&self, row: &Row) -> Result<T, FieldError> {
        self.get(row)?.ok_or_else(|| self.error("is empty"))
    }

    /// An error that names this field's column.
    pub(crate) fn error(&self, message: impl Into<String>) -> FieldError {
        FieldError::new(self.expression.blamed(), message)
    }
}

/// The value of a field that the mapping may leave out.
pub(crate) fn get<T: Reading>(field: Option<&Field<T>>, row: &Row) -> Result<Option<T>, FieldError> {
    field.map_or(Ok(None), |field| field.get(row))
}

impl<'de, T: Reading> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expression = Expression::deserialize(deserializer)?;
        let (date, decimal) = expression.says;
        if date && !T::IS_DATE {
            return Err(D::Error::custom(
                "`date` says nothing here: the value is not a date",
            ));
        }
        if decimal && !T::IS_DECIMAL {
            return Err(D::Error::custom(
                "`decimal` and `thousands` say nothing here: the value is not an amount",
            ));
        }
        if let Origin::Constant(value) = &expression.origin
            && !value.trim().is_empty()
            && !expression.is_mapped()
        {
            T::read(value.trim(), &expression.writing).map_err(D::Error::custom)?;
        }
        Ok(Self {
            expression,
            reads: PhantomData,
        })
    }
}

/// Names the columns it reads, and whether the file must have them.
pub(crate) trait Reads {
    fn reads<'a>(&'a self, columns: &mut Vec<(&'a str, bool)>);
}

impl Reads for Expression {
    fn reads<'a>(&'a self, columns: &mut Vec<(&'a str, bool)>) {
        columns.extend(self.columns().into_iter().map(|column| (column, !self.optional)));
    }
}

impl<T> Reads for Field<T> {
    fn reads<'a>(&'a self, columns: &mut Vec<(&'a str, bool)>) {
        self.expression.reads(columns);
    }
}

impl<R: Reads> Reads for Option<R> {
    fn reads<'a>(&'a self, columns: &mut Vec<(&'a str, bool)>) {
        if let Some(field) = self {
            field.reads(columns);
        }
    }
}
