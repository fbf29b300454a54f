//! Headers as the client has them, to and from our own.

use std::str::FromStr;

use async_nats::header::{HeaderMap, HeaderName, HeaderValue};

use crate::broker::{Headers, PublishError};

/// All headers with all their values; those of one name stand together.
pub(crate) fn from_client(given: Option<&HeaderMap>) -> Headers {
    let named = given.into_iter().flat_map(HeaderMap::iter);
    named
        .flat_map(|(name, values)| {
            let name: &str = name.as_ref();
            values
                .iter()
                .map(move |value| (name.to_owned(), value.as_str().to_owned()))
        })
        .collect()
}

pub(crate) fn to_client(headers: &Headers) -> Result<HeaderMap, PublishError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let unsendable =
            || PublishError::InvalidSubject(format!("header `{}` cannot be sent", name.escape_debug()));
        let name = HeaderName::from_str(name).map_err(|_| unsendable())?;
        map.append(name, HeaderValue::from_str(value).map_err(|_| unsendable())?);
    }
    Ok(map)
}

/// A header, whatever the case of its name.
pub(crate) fn find<'a>(headers: Option<&'a HeaderMap>, name: &str) -> Option<&'a str> {
    let mut all = headers.into_iter().flat_map(HeaderMap::iter);
    let (_, values) = all.find(|(other, _)| {
        let other: &str = other.as_ref();
        other.eq_ignore_ascii_case(name)
    })?;
    values.first().map(HeaderValue::as_str)
}
