//! Reading JSON in which no object gives a name twice: RFC 8259 leaves open which of them would count.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads one value, and the path of the first name that was given twice, `context.customer`.
pub(super) fn read(text: &str) -> serde_json::Result<(Value, Option<String>)> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let mut twice = None;
    let reading = Reading {
        path: "",
        twice: &mut twice,
    };
    let value = reading.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok((value, twice))
}

struct Reading<'p> {
    path: &'p str,
    twice: &'p mut Option<String>,
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

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        loop {
            let path = format!("{}.{}", self.path, values.len());
            let reading = Reading {
                path: &path,
                twice: &mut *self.twice,
            };
            match items.next_element_seed(reading)? {
                Some(value) => values.push(value),
                None => return Ok(Value::Array(values)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let path = match self.path {
                "" => name.clone(),
                around => format!("{around}.{name}"),
            };
            if fields.contains_key(&name) && self.twice.is_none() {
                *self.twice = Some(path.clone());
            }
            let reading = Reading {
                path: &path,
                twice: &mut *self.twice,
            };
            let value = members.next_value_seed(reading)?;
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}
