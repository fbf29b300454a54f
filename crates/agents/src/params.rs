//! Parameters of an instruction, checked: what is wrong fails the task with the name of the field.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use kunder_agent_core::outcome::Report;
use kunder_agent_core::task::Locale;
use serde_json::{Map, Value};

mod values;

pub use values::Entry;

/// A failure that names the field.
pub type Bad = Box<Report>;

/// How far ahead of ours a sender's clock may be, in seconds.
const CLOCK_SKEW_S: i64 = 300;

/// The parameters of one object, `params` or one item of a list in it.
pub struct Params<'a> {
    fields: &'a Map<String, Value>,
    /// What leads to them, `params` or `params.actionItems[0]`.
    path: String,
    locale: Locale,
}

impl<'a> Params<'a> {
    #[must_use]
    pub fn new(fields: &'a Map<String, Value>, locale: Locale) -> Self {
        Self {
            fields,
            path: "params".to_owned(),
            locale,
        }
    }

    /// A failure that says what is wrong with a field.
    #[must_use]
    pub fn bad(&self, name: &str, sv: &str, en: &str) -> Bad {
        let summary = self
            .locale
            .pick("Uppgiften kunde inte läsas.", "The task could not be read.");
        Box::new(Report::failed(
            summary,
            format!("`{}.{name}` {}", self.path, self.locale.pick(sv, en)),
        ))
    }

    /// The first of several names of a field that has a value; null is none.
    fn value(&self, names: &[&'static str]) -> Option<(&'static str, &'a Value)> {
        names
            .iter()
            .find_map(|name| Some((*name, self.fields.get(*name).filter(|value| !value.is_null())?)))
    }

    /// A text that is not blank.
    ///
    /// # Errors
    /// When it is no text.
    pub fn text(&self, names: &[&'static str]) -> Result<Option<&'a str>, Bad> {
        let Some((name, value)) = self.value(names) else {
            return Ok(None);
        };
        let text = value
            .as_str()
            .ok_or_else(|| self.bad(name, "ska vara text", "must be text"))?;
        Ok(Some(text.trim()).filter(|text| !text.is_empty()))
    }

    /// # Errors
    /// When it is missing, blank or no text.
    pub fn needed_text(&self, names: &[&'static str]) -> Result<&'a str, Bad> {
        self.text(names)?
            .ok_or_else(|| self.bad(names[0], "saknas", "is missing"))
    }

    /// A day, `yyyy-mm-dd`.
    ///
    /// # Errors
    /// When it is none.
    pub fn date(&self, names: &[&'static str]) -> Result<Option<Date>, Bad> {
        let Some((name, value)) = self.value(names) else {
            return Ok(None);
        };
        let date = value.as_str().and_then(|text| text.trim().parse().ok());
        date.map(Some).ok_or_else(|| {
            self.bad(
                name,
                "ska vara ett datum, åååå-mm-dd",
                "must be a date, yyyy-mm-dd",
            )
        })
    }

    /// A moment that has passed: RFC 3339, or a day, which is its noon. `now` where it is left out.
    ///
    /// # Errors
    /// When it is neither, or lies ahead.
    pub fn past(&self, names: &[&'static str], now: Timestamp, zone: &TimeZone) -> Result<Timestamp, Bad> {
        let Some((name, value)) = self.value(names) else {
            return Ok(now);
        };
        let wrong = || {
            self.bad(
                name,
                "ska vara en tidpunkt (RFC 3339) eller ett datum",
                "must be a time (RFC 3339) or a date",
            )
        };
        let text = value.as_str().map(str::trim).ok_or_else(wrong)?;
        if let Ok(moment) = text.parse::<Timestamp>() {
            if moment.as_second() > now.as_second() + CLOCK_SKEW_S {
                return Err(self.bad(name, "ligger i framtiden", "lies in the future"));
            }
            return Ok(moment.min(now));
        }
        let day: Date = text.parse().map_err(|_| wrong())?;
        if day > now.to_zoned(zone.clone()).date() {
            return Err(self.bad(name, "ligger i framtiden", "lies in the future"));
        }
        let noon = day.at(12, 0, 0, 0).to_zoned(zone.clone()).map_err(|_| wrong())?;
        Ok(noon.timestamp().min(now))
    }

    /// Several texts: a list of them, or one.
    ///
    /// # Errors
    /// When it is neither.
    pub fn texts(&self, names: &[&'static str]) -> Result<Vec<&'a str>, Bad> {
        let Some((name, value)) = self.value(names) else {
            return Ok(Vec::new());
        };
        let wrong = || {
            self.bad(
                name,
                "ska vara text eller en lista av texter",
                "must be text or a list of texts",
            )
        };
        let texts = match value {
            Value::String(text) => vec![text.trim()],
            Value::Array(items) => items
                .iter()
                .map(|item| item.as_str().map(str::trim).ok_or_else(wrong))
                .collect::<Result<_, _>>()?,
            _ => return Err(wrong()),
        };
        Ok(texts.into_iter().filter(|text| !text.is_empty()).collect())
    }

    /// A list of objects.
    ///
    /// # Errors
    /// When it is something else.
    pub fn objects(&self, names: &[&'static str]) -> Result<Vec<Params<'a>>, Bad> {
        let Some((name, value)) = self.value(names) else {
            return Ok(Vec::new());
        };
        let wrong = || self.bad(name, "ska vara en lista av objekt", "must be a list of objects");
        let items = value.as_array().ok_or_else(wrong)?;
        let objects = items.iter().enumerate().map(|(place, item)| {
            let fields = item.as_object().ok_or_else(wrong)?;
            Ok(Params {
                fields,
                path: format!("{}.{name}[{place}]", self.path),
                locale: self.locale,
            })
        });
        objects.collect()
    }

    /// One of a set of words, without regard to case.
    ///
    /// # Errors
    /// When it is none of them; the failure lists them.
    pub fn word<T: Copy>(&self, names: &[&'static str], words: &[(&str, T)]) -> Result<Option<T>, Bad> {
        let Some((name, _)) = self.value(names) else {
            return Ok(None);
        };
        let text = self.text(&[name])?.unwrap_or_default().to_lowercase();
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => Ok(Some(*value)),
            None => {
                let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                let all = all.join(", ");
                Err(self.bad(
                    name,
                    &format!("ska vara ett av: {all}"),
                    &format!("must be one of: {all}"),
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        let value = json!({
            "summary": 7, "due": "i morgon", "time": "2025-09-02T00:00:00Z", "day": "2025-09-02",
            "participants": [1], "actionItems": [{"text": "x"}, {"text": " "}], "kind": "fax",
        });
        let params = Params::new(value.as_object().unwrap(), Locale::Sv);
        let now: Timestamp = "2025-09-01T10:00:00Z".parse().unwrap();
        let zone = TimeZone::get("Europe/Stockholm").unwrap();
        let found = [
            params.needed_text(&["text"]).unwrap_err(),
            params.text(&["summary"]).unwrap_err(),
            params.date(&["due"]).unwrap_err(),
            params.past(&["time"], now, &zone).unwrap_err(),
            params.past(&["day"], now, &zone).unwrap_err(),
            params.past(&["due"], now, &zone).unwrap_err(),
            params.texts(&["participants"]).unwrap_err(),
            params.objects(&["kind"]).map(|_| ()).unwrap_err(),
            params.objects(&["actionItems"]).unwrap()[1]
                .needed_text(&["text"])
                .unwrap_err(),
            params.word(&["kind"], &[("mail", 1), ("call", 2)]).unwrap_err(),
        ];
        let blockers: Vec<&str> = found.iter().map(|report| report.blockers[0].as_str()).collect();
        expect![[r#"
            `params.text` saknas
            `params.summary` ska vara text
            `params.due` ska vara ett datum, åååå-mm-dd
            `params.time` ligger i framtiden
            `params.day` ligger i framtiden
            `params.due` ska vara en tidpunkt (RFC 3339) eller ett datum
            `params.participants` ska vara text eller en lista av texter
            `params.kind` ska vara en lista av objekt
            `params.actionItems[1].text` saknas
            `params.kind` ska vara ett av: mail, call"#]]
        .assert_eq(&blockers.join("\n"));
    }

    #[test]
    fn a_day_is_its_noon_and_never_later_than_now() {
        let value = json!({"earlier": "2025-08-31", "today": "2025-09-01", "skewed": "2025-09-01T08:04:00Z"});
        let params = Params::new(value.as_object().unwrap(), Locale::En);
        let now: Timestamp = "2025-09-01T08:00:00Z".parse().unwrap();
        let zone = TimeZone::get("Europe/Stockholm").unwrap();
        let past = |name: &'static str| params.past(&[name], now, &zone).unwrap().to_string();
        assert_eq!(past("earlier"), "2025-08-31T10:00:00Z");
        assert_eq!(past("today"), "2025-09-01T08:00:00Z");
        assert_eq!(past("skewed"), "2025-09-01T08:00:00Z");
        assert_eq!(past("missing"), "2025-09-01T08:00:00Z");
    }
}
