//! Opportunities as other processes are told of them (S0-29, S0-33): each new or changed one once.
//!
//! What was told is a fact of the customer, with a hash of the opportunity's state: an analysis tells what differs from it.

use jiff::{SignedDuration, Timestamp};
use kunder_agent_core::agent::Work;
use kunder_agent_core::decision::{Decision, Expect, RequestDraft};
use kunder_agent_core::event::EventDraft;
use kunder_agent_core::id::Address;
use kunder_agent_core::task::Instruction;
use kunder_domain::change::Change;
use kunder_domain::customer::{Customer, Sourced};
use kunder_domain::fact::{Fact, FactBody, Opportunity};
use serde_json::json;

use super::{NAME, Pipeline, words};

/// An opportunity in a state that was not told.
#[derive(Debug)]
pub(super) struct Untold<'a> {
    opportunity: &'a Sourced<Opportunity>,
    what: String,
    hash: String,
    is_new: bool,
}

/// The opportunities of a customer that are new or changed since they were told. One that was closed before it was
/// ever told is nobody's news, nor is one that was told after `at`, by a task that knew more.
pub(super) fn untold(customer: &Customer, at: Timestamp) -> Vec<Untold<'_>> {
    let current = customer.current_opportunities().filter_map(|opportunity| {
        let what = format!("opportunity/{}", opportunity.value.key);
        let hash = state_hash(&opportunity.value);
        let told = customer.told.get(&what);
        if told.is_some_and(|told| told.observed > at) {
            return None;
        }
        let told = told.map(|told| told.value.as_str());
        let is_news = match told {
            None => opportunity.value.status.is_open() && !customer.has_left(),
            Some(told) => told != hash,
        };
        is_news.then_some(Untold {
            opportunity,
            what,
            hash,
            is_new: told.is_none(),
        })
    });
    current.collect()
}

fn state_hash(opportunity: &Opportunity) -> String {
    let state = serde_json::to_vec(opportunity).expect("an opportunity is plain data and always serializes");
    blake3::hash(&state).to_hex()[..16].to_owned()
}

impl Pipeline {
    /// Tells Sälj of every opportunity of `customer` that is new or changed, and stores that it was told.
    pub(super) fn tell(
        &self,
        decision: &mut Decision<Change>,
        work: &Work,
        customer: &Customer,
        now: Timestamp,
    ) {
        let news = untold(customer, now);
        if news.is_empty() {
            return;
        }
        let id = customer.id.as_str();
        decision.expects.push(Expect {
            entity: id.to_owned(),
            version: customer.version,
        });
        for one in news {
            let key = format!("{id}/{}", one.opportunity.value.key);
            decision.change(Fact {
                id: format!("{}/told/{key}", work.task.task_id),
                customer: customer.id.clone(),
                observed: now,
                source: NAME.to_owned(),
                actor: format!("kunder/{NAME}"),
                body: FactBody::Told {
                    what: one.what,
                    hash: one.hash,
                },
            });
            let Opportunity {
                key: opportunity,
                title,
                status,
                value,
                probability,
                expected,
                quote,
            } = &one.opportunity.value;
            let data = json!({
                "customerId": customer.id,
                "customer": customer.name(),
                "opportunity": opportunity,
                "title": title,
                "status": status,
                "value": value,
                "probability": probability,
                "expected": expected,
                "change": if one.is_new { "new" } else { "changed" },
                "evidence": {
                    "quote": quote,
                    "source": one.opportunity.source,
                    "actor": one.opportunity.actor,
                    "observed": one.opportunity.observed,
                },
            });
            decision.events.push(EventDraft {
                kind: "opportunity-changed",
                key: key.clone(),
                subject: Some(format!("customer/{id}")),
                data: data.clone(),
            });
            let patience = SignedDuration::from_secs(self.definitions.process.body.coordination_timeout_s);
            decision.requests.push(RequestDraft {
                to: Address::parse("salj/sales-pipeline-agent", "kunder"),
                key: format!("opportunity/{key}"),
                instruction: Instruction {
                    command: Some("opportunity-changed".to_owned()),
                    text: Some(words::news(
                        customer.name(),
                        &one.opportunity.value,
                        one.is_new,
                        work.task.locale(),
                    )),
                    params: data.as_object().cloned().unwrap_or_default(),
                },
                customer: Some(id.to_owned()),
                context: json!({}),
                deadline: now.checked_add(patience).ok(),
            });
        }
    }
}
