//! Reading JSON in which no object gives a name twice: RFC 8259 leaves open which of them would count.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::parts::clip;

/// The library reads an object that begins with such a name as something else than an object.
const RESERVED: &str = "$serde_json::private::";

/// Reads one value, and the place of the first name that was given twice, `context.customer`.
pub(super) fn read(text: &str) -> serde_json::Result<(Value, Option<String>)> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let mut twice = None;
    let value = Reading(&mut twice).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok((value, twice))
}

/// Reads a value; notes where in it a name was given twice, if none was noted before.
struct Reading<'t>(&'t mut Option<String>);

impl Reading<'_> {
    /// Reads what stands within this value. Its place is told on the way back, so that it costs nothing where all is well.
    fn within<T>(&mut self, segment: impl FnOnce() -> String, read: impl FnOnce(Reading<'_>) -> T) -> T {
        let noted = self.0.is_some();
        let value = read(Reading(&mut *self.0));
        if !noted && let Some(place) = self.0 {
            *place = format!("{}.{place}", segment());
        }
        value
    }
}

impl<'de> DeserializeSeed<'de> for Reading<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        loop {
            let number = values.len();
            let item = self.within(|| number.to_string(), |reading| items.next_element_seed(reading))?;
            match item {
                Some(value) => values.push(value),
                None => return Ok(Value::Array(values)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if name.starts_with(RESERVED) {
                return Err(A::Error::custom(format_args!(
                    "the name `{}` cannot be used",
                    clip(&name)
                )));
            }
            if fields.contains_key(&name) && self.0.is_none() {
                *self.0 = Some(clip(&name));
            }
            let value = self.within(|| clip(&name), |reading| members.next_value_seed(reading))?;
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}
