//! Acceptance criteria (S3-56, D-37): a metric, a comparison and a value, or prose that nothing can measure.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::outcome::Outcome;

/// What makes a result acceptable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Criterion {
    Measured(Measure),
    /// Words; its verdict is `unknown`.
    Prose(String),
}

/// `metric` is `responseTime`, or a dotted path into the outcome such as `customers.critical` or `pipeline.invoiced`;
/// a list counts as its length, money as its amount.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Measure {
    pub metric: String,
    pub op: Op,
    pub value: Value,
    /// For `responseTime`: `ms`, `s` (default), `min`, `h`. For money: the currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Op {
    #[serde(rename = "<")]
    Less,
    #[serde(rename = "<=")]
    AtMost,
    #[serde(rename = "=", alias = "==")]
    Equal,
    #[serde(rename = "!=")]
    NotEqual,
    #[serde(rename = ">=")]
    AtLeast,
    #[serde(rename = ">")]
    Greater,
}

/// A criterion with its verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    pub criterion: Criterion,
    pub verdict: Judgement,
    /// What was found, where it could be measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Value>,
    /// Why it is `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Judgement {
    Met,
    Unmet,
    Unknown,
}

/// Criteria a task may have.
pub const CRITERIA_MAX: usize = 100;

/// Judges one criterion by the outcome, which is also given as JSON, and the moment the task was accepted.
#[must_use]
pub fn judge(criterion: &Criterion, outcome: &Outcome, whole: &Value, accepted_at: Timestamp) -> Verdict {
    let Criterion::Measured(measure) = criterion else {
        return unknown(criterion, "prose cannot be measured");
    };
    let found = if measure.metric == "responseTime" || measure.metric == "response_time" {
        match response_time(measure.unit.as_deref(), outcome.finished_at, accepted_at) {
            Some(time) => time,
            None => return unknown(criterion, "the unit of a response time is ms, s, min or h"),
        }
    } else {
        match lookup(whole, measure) {
            Ok(found) => found,
            Err(reason) => return unknown(criterion, &reason),
        }
    };
    match compare(&found, measure.op, &measure.value) {
        Some(holds) => Verdict {
            criterion: criterion.clone(),
            verdict: if holds { Judgement::Met } else { Judgement::Unmet },
            found: Some(found),
            reason: None,
        },
        None => Verdict {
            found: Some(found),
            ..unknown(
                criterion,
                "the value found cannot be compared with the one asked for",
            )
        },
    }
}

fn unknown(criterion: &Criterion, reason: &str) -> Verdict {
    Verdict {
        criterion: criterion.clone(),
        verdict: Judgement::Unknown,
        found: None,
        reason: Some(reason.to_owned()),
    }
}

fn response_time(unit: Option<&str>, finished: Timestamp, accepted: Timestamp) -> Option<Value> {
    let ms = finished
        .as_millisecond()
        .saturating_sub(accepted.as_millisecond()) as f64;
    let scale = match unit.unwrap_or("s") {
        "ms" => 1.0,
        "s" => 1_000.0,
        "min" => 60_000.0,
        "h" => 3_600_000.0,
        _ => return None,
    };
    Some(Value::from(ms / scale))
}

fn lookup(outcome: &Value, measure: &Measure) -> Result<Value, String> {
    let mut at = outcome;
    for part in measure.metric.split('.') {
        let next = match at {
            Value::Array(items) => part.parse::<usize>().ok().and_then(|index| items.get(index)),
            other => other.get(part),
        };
        at = next.ok_or_else(|| format!("the outcome has no `{}`", measure.metric))?;
    }
    match at {
        Value::Null => Err(format!("`{}` has no value", measure.metric)),
        Value::Array(items) => Ok(Value::from(items.len())),
        Value::Object(fields) => {
            let amount = fields
                .get("amount")
                .ok_or_else(|| format!("`{}` is not a single value", measure.metric))?;
            let currency = fields.get("currency").and_then(Value::as_str);
            match measure.unit.as_deref() {
                Some(unit) if currency.is_some_and(|currency| currency != unit) => Err(format!(
                    "`{}` is in {}, not {unit}",
                    measure.metric,
                    currency.unwrap_or("?")
                )),
                _ => Ok(amount.clone()),
            }
        }
        value => Ok(value.clone()),
    }
}

fn compare(found: &Value, op: Op, wanted: &Value) -> Option<bool> {
    let number = |value: &Value| {
        value
            .as_f64()
            .or_else(|| value.as_str().and_then(|text| text.parse::<f64>().ok()))
    };
    let order = match (number(found), number(wanted)) {
        (Some(found), Some(wanted)) => found.partial_cmp(&wanted)?,
        _ => match (found, wanted) {
            (Value::String(found), Value::String(wanted)) => found.cmp(wanted),
            (Value::Bool(found), Value::Bool(wanted)) => found.cmp(wanted),
            _ => return None,
        },
    };
    Some(match op {
        Op::Less => order.is_lt(),
        Op::AtMost => order.is_le(),
        Op::Equal => order.is_eq(),
        Op::NotEqual => order.is_ne(),
        Op::AtLeast => order.is_ge(),
        Op::Greater => order.is_gt(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::TaskId;
    use crate::outcome::{OUTCOME_PROTOCOL, Report, Status};

    #[track_caller]
    fn check(criterion: serde_json::Value, expected: Judgement) {
        let mut report = Report::new(Status::Complete, "s");
        report.customers.critical = 2;
        report.actions = Vec::new();
        report.set(
            "pipeline",
            &serde_json::json!({"invoiced": {"amount": "2500315.63", "currency": "USD"}}),
        );
        let outcome = Outcome {
            protocol: OUTCOME_PROTOCOL.to_owned(),
            task_id: TaskId::new("t").unwrap(),
            agent: "kunder/x".to_owned(),
            started_at: Timestamp::UNIX_EPOCH,
            finished_at: Timestamp::from_millisecond(1_500).unwrap(),
            report,
            criteria: Vec::new(),
            warnings: Vec::new(),
            cut: Vec::new(),
        };
        let criterion: Criterion = serde_json::from_value(criterion).unwrap();
        assert_eq!(
            judge(
                &criterion,
                &outcome,
                &serde_json::to_value(&outcome).unwrap(),
                Timestamp::UNIX_EPOCH
            )
            .verdict,
            expected,
            "{criterion:?}"
        );
    }

    /// D-37: met, unmet, or unknown where nothing can measure it.
    #[test]
    fn criteria_are_judged_one_by_one() {
        use Judgement::{Met, Unknown, Unmet};
        check(
            serde_json::json!({"metric": "customers.critical", "op": "<=", "value": 2}),
            Met,
        );
        check(
            serde_json::json!({"metric": "customers.critical", "op": "<", "value": 2}),
            Unmet,
        );
        check(
            serde_json::json!({"metric": "pipeline.invoiced", "op": "=", "value": "2500315.63", "unit": "USD"}),
            Met,
        );
        check(
            serde_json::json!({"metric": "pipeline.invoiced", "op": "=", "value": "2500315.63", "unit": "SEK"}),
            Unknown,
        );
        check(
            serde_json::json!({"metric": "responseTime", "op": "<", "value": 2, "unit": "s"}),
            Met,
        );
        check(
            serde_json::json!({"metric": "responseTime", "op": "<", "value": 1500, "unit": "ms"}),
            Unmet,
        );
        check(
            serde_json::json!({"metric": "responseTime", "op": "<", "value": 2, "unit": "days"}),
            Unknown,
        );
        check(
            serde_json::json!({"metric": "actions", "op": "==", "value": 0}),
            Met,
        );
        check(
            serde_json::json!({"metric": "status", "op": "=", "value": "complete"}),
            Met,
        );
        check(
            serde_json::json!({"metric": "nps.score", "op": ">", "value": 50}),
            Unknown,
        );
        check(
            serde_json::json!({"metric": "nowhere", "op": ">", "value": 50}),
            Unknown,
        );
        check(serde_json::json!("kunden är nöjd"), Unknown);
    }
}
