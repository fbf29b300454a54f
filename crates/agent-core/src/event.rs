//! Events: something that happened, told to whoever listens. CloudEvents 1.0 attributes; the bus writes them in binary mode.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An event as it is announced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Always `1.0`.
    pub specversion: String,
    /// Unique together with `source`; the same cause gives the same id.
    pub id: String,
    /// `/kunder/agents/customer-health`.
    pub source: String,
    /// `kunder.customer-health.at-risk.v1`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `customer/<id>` where it concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    pub time: Timestamp,
    pub datacontenttype: String,
    /// The task that caused it.
    pub taskid: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    pub data: Value,
}

/// What an agent announces; id, source and time come from its task.
#[derive(Clone, Debug, PartialEq)]
pub struct EventDraft {
    /// `at-risk`, `recovered` …: the last token of the subject.
    pub kind: &'static str,
    /// What sets it apart from other events of the same kind and task, usually the customer's id.
    pub key: String,
    /// `customer/<id>` where it concerns one.
    pub subject: Option<String>,
    pub data: Value,
}

impl EventDraft {
    /// An event about one customer.
    #[must_use]
    pub fn about(kind: &'static str, customer: &str, data: Value) -> Self {
        Self {
            kind,
            key: customer.to_owned(),
            subject: Some(format!("customer/{customer}")),
            data,
        }
    }

    /// An event about all of them.
    #[must_use]
    pub fn general(kind: &'static str, data: Value) -> Self {
        Self {
            kind,
            key: String::new(),
            subject: None,
            data,
        }
    }
}
