//! One task at work on one customer: what it learns, the steps it takes, and the decision that comes of it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kunder_agent_core::agent::Work;
use kunder_agent_core::decision::{Decision, Due, Expect, FollowUp, RequestDraft};
use kunder_agent_core::event::EventDraft;
use kunder_agent_core::id::{Address, TaskId};
use kunder_agent_core::outcome::{Report, Status};
use kunder_agent_core::task::Locale;
use kunder_domain::change::Change;
use kunder_domain::checklist::Checklist;
use kunder_domain::customer::Customer;
use kunder_domain::definitions::Definitions;
use kunder_domain::fact::{Coordination, CoordinationState, Fact, FactBody, Stage, field};
use kunder_domain::metrics::day;
use kunder_domain::process;
use serde_json::{Value, json};

use super::block::Frame;
use super::{journey, text};
use crate::asked::moment;
use crate::{evidence, rehearsal};

/// The agent of Tjänster that onboardings are coordinated with (S0-32).
pub const SERVICE_DELIVERY: &str = "tjanster/service-delivery-agent";

/// A task at work on one customer.
pub struct Case<'a> {
    pub work: &'a Work,
    pub rules: &'a Definitions,
    pub zone: &'a TimeZone,
    /// The customer as it will be once this is committed.
    pub customer: Customer,
    /// What facts and transitions of this task are named after: `task/…` or `deal/…`.
    pub cause: String,
    /// Where its facts come from.
    source: String,
    actor: String,
    report: Report,
    decision: Decision<Change>,
    refused: bool,
}

impl<'a> Case<'a> {
    /// `cause` names the facts: the same cause never makes two.
    #[must_use]
    pub fn new(
        work: &'a Work,
        rules: &'a Definitions,
        zone: &'a TimeZone,
        customer: Customer,
        cause: String,
        source: &str,
    ) -> Self {
        let actor = work
            .task
            .param("actor")
            .or(work.task.requested_by.as_deref())
            .unwrap_or(source)
            .to_owned();
        let mut report = Report::new(Status::Complete, "");
        report.sources = evidence::sources([&customer]);
        report.definitions = vec![
            evidence::decided(&rules.onboarding),
            evidence::decided(&rules.process),
        ];
        let mut decision = Decision::done(Report::new(Status::Complete, ""));
        decision.expects.push(Expect {
            entity: customer.id.0.clone(),
            version: customer.version,
        });
        Self {
            work,
            rules,
            zone,
            customer,
            cause,
            source: source.to_owned(),
            actor,
            report,
            decision,
            refused: false,
        }
    }

    #[must_use]
    pub fn locale(&self) -> Locale {
        self.work.task.locale()
    }

    /// Whether only the outcome is committed.
    #[must_use]
    pub fn is_rehearsal(&self) -> bool {
        rehearsal::is_rehearsal(self.work, self.zone)
    }

    fn frame(&self) -> Frame<'a> {
        let today = day(moment(self.work, self.zone), self.zone);
        Frame {
            locale: self.locale(),
            today,
            zone: self.zone,
            rules: self.rules,
        }
    }

    /// Notes a fact; `what` sets it apart from the others of this cause.
    pub fn learn(&mut self, what: &str, observed: Timestamp, body: FactBody) {
        let fact = Fact {
            id: format!("{what}/{}/{}", self.cause, self.customer.id),
            customer: self.customer.id.clone(),
            observed,
            source: self.source.clone(),
            actor: self.actor.clone(),
            body,
        };
        self.customer.learn(fact.clone());
        self.decision.change(fact);
    }

    /// Notes facts, except what is known already: a message that says nothing new changes nothing.
    /// A customer's name is never changed by another process's spelling of it.
    /// Returns how many were new.
    pub fn learn_new(&mut self, observed: Timestamp, found: Vec<(String, FactBody)>) -> usize {
        let before = self.decision.changes.len();
        for (what, body) in found {
            if !self.knows(&body) {
                self.learn(&what, observed, body);
            }
        }
        self.decision.changes.len() - before
    }

    fn knows(&self, body: &FactBody) -> bool {
        let customer = &self.customer;
        match body {
            FactBody::Profile { field, value } => customer
                .profile
                .get(field)
                .is_some_and(|known| field == field::NAME || known.value == *value),
            FactBody::Contact(contact) => customer
                .contacts
                .get(&contact.key)
                .is_some_and(|known| known.value == *contact),
            FactBody::Service(service) => customer.services.get(&service.key).is_some_and(|states| {
                let beyond = |state: &kunder_domain::fact::Service| state.status > service.status;
                states.iter().any(|state| beyond(&state.value))
                    || states.last().is_some_and(|state| state.value == *service)
            }),
            FactBody::Opportunity(opportunity) => {
                let states = customer.opportunities.get(&opportunity.key);
                states
                    .and_then(|states| states.last())
                    .is_some_and(|state| state.value == *opportunity)
            }
            FactBody::Feedback { service, text, quote } => customer
                .feedback
                .iter()
                .any(|known| known.value == (service.clone(), text.clone(), quote.clone())),
            _ => false,
        }
    }

    #[must_use]
    pub fn checklist(&self) -> Checklist {
        Checklist::of(&self.customer, &self.rules.onboarding.body)
    }

    /// Announces something about this customer.
    pub fn announce(&mut self, kind: &'static str, mut data: Value) {
        data["customerId"] = json!(self.customer.id);
        data["customer"] = json!(self.customer.name());
        self.decision
            .events
            .push(EventDraft::about(kind, self.customer.id.as_str(), data));
    }

    /// Enters a step where that is legal (S0-10); announces it with cause and actor. Otherwise says what is legal, and nothing changes.
    pub fn enter(&mut self, to: Stage, cause: &str) -> bool {
        let from = self.customer.stage();
        if let Err(illegal) = process::advance(from, to) {
            self.refuse(text::illegal(self.locale(), illegal));
            return false;
        }
        let what = format!("stage-{}-{}", to as u8 + 1, text::token(to));
        self.learn(
            &what,
            self.work.now,
            FactBody::Stage {
                stage: to,
                cause: cause.to_owned(),
            },
        );
        let data = json!({
            "customerId": self.customer.id, "customer": self.customer.name(),
            "from": from, "to": to, "cause": cause, "actor": self.actor, "at": self.work.now,
        });
        let mut event = EventDraft::about("stage-changed", self.customer.id.as_str(), data);
        event.key = format!("{}/{}", self.customer.id, text::token(to));
        self.decision.events.push(event);
        true
    }

    /// Starts an onboarding: the fact, the step where it is legal, the event, and the question to Tjänster with its timer.
    pub fn start(&mut self, deal: Option<&str>, cause: &str) {
        let now = self.work.now;
        self.learn(
            "onboarding",
            now,
            FactBody::Onboarding {
                deal: deal.map(str::to_owned),
            },
        );
        if process::advance(self.customer.stage(), Stage::Onboarding).is_ok() {
            self.enter(Stage::Onboarding, cause);
        }
        let missing: Vec<String> = self.checklist().missing().map(|item| item.id.clone()).collect();
        let data =
            json!({ "deal": deal, "started": now, "cause": cause, "actor": self.actor, "missing": missing });
        self.announce("onboarding-started", data);
        self.coordinate(deal);
    }

    fn coordinate(&mut self, deal: Option<&str>) {
        let to = Address::parse(SERVICE_DELIVERY, "tjanster");
        let timeout = jiff::SignedDuration::from_secs(self.rules.process.body.coordination_timeout_s);
        let deadline = self.work.now.checked_add(timeout).unwrap_or(Timestamp::MAX);
        let draft_key = "coordinate-onboarding";
        // The runtime derives the request's task id in the same way: its answer is known by it.
        let key = TaskId::derived(self.work.task.task_id.as_str(), &format!("{to}/{draft_key}")).to_string();
        let services: Vec<&str> = self
            .customer
            .services
            .values()
            .filter_map(|states| states.last())
            .map(|state| state.value.name.as_str())
            .collect();
        let context = json!({
            "customerId": self.customer.id, "customer": self.customer.name(), "deal": deal,
            "started": self.work.now, "services": services, "deadline": deadline,
        });
        let mut instruction = FollowUp::new("", "", "coordinate-onboarding").instruction;
        instruction
            .params
            .insert("customerId".to_owned(), json!(self.customer.id));
        let customer = Some(self.customer.id.0.clone());
        let request = RequestDraft {
            to: to.clone(),
            key: draft_key.to_owned(),
            instruction,
            customer,
            context,
            deadline: Some(deadline),
        };
        self.decision.requests.push(request);
        let timer = FollowUp::new("coordination-timeout", "onboarding", "coordination-timeout")
            .param("key", key.clone())
            .about(self.customer.id.as_str())
            .at(deadline)
            .due(Due::Never);
        self.decision.follow_ups.push(timer);
        let asked = Coordination {
            key: key.clone(),
            with: to.to_string(),
            state: CoordinationState::Asked,
            deadline: Some(deadline),
            answer: None,
        };
        self.learn(
            &format!("coordination-1-asked-{key}"),
            self.work.now,
            FactBody::Coordination(asked),
        );
    }

    /// A task for one of our own agents.
    pub fn follow_up(&mut self, follow_up: FollowUp) {
        self.decision.follow_ups.push(follow_up);
    }

    /// Says what stands in the way.
    pub fn block(&mut self, blocker: String) {
        self.report.block(blocker);
    }

    /// Says that something asked for was not done.
    pub fn refuse(&mut self, blocker: String) {
        self.refused = true;
        self.report.block(blocker);
    }

    /// Says something to the reader.
    pub fn note(&mut self, note: String) {
        self.report.recommendations.push(note);
    }

    /// Takes every step that has become legal: closes a complete checklist, and lets delivery and partnership follow (S0-06, S0-24, S0-25).
    pub fn settle(&mut self) {
        let cause = self.cause.clone();
        let running = journey::current(&self.customer).filter(|current| current.done.is_none());
        if let Some(current) = running
            && self.checklist().complete
        {
            let (started, deal) = (current.started, current.deal.map(str::to_owned));
            self.learn("onboarding-done", self.work.now, FactBody::OnboardingDone);
            let (first_review, _) = self.frame().first_review(&self.customer, started);
            let data = json!({
                "deal": deal, "started": started, "completed": self.work.now, "cause": cause, "actor": self.actor,
                "firstReview": first_review,
            });
            self.announce("onboarding-completed", data);
        }
        let delivery = journey::delivery(&self.customer);
        if self.customer.stage() == Some(Stage::Onboarding) && delivery.is_some() && self.onboarding_closed()
        {
            self.enter(Stage::Delivery, &cause);
        }
        if self.customer.stage() == Some(Stage::Delivery)
            && delivery.is_some_and(|delivery| delivery.completed.is_some())
        {
            self.enter(Stage::Partnership, &cause);
        }
    }

    /// Whether the step ONBOARDING may be left: its checklist was completed (S0-06).
    #[must_use]
    pub fn onboarding_closed(&self) -> bool {
        match journey::current(&self.customer) {
            Some(current) => current.done.is_some(),
            None => self.checklist().complete,
        }
    }

    /// The decision: report, block and words as the customer will be. A rehearsal commits nothing else.
    /// The summary is a sentence without its stop; how far the checklist is follows.
    #[must_use]
    pub fn finish_with_progress(self, summary: &str) -> Decision<Change> {
        let block = self.frame().block(&self.customer, &self.checklist());
        let progress = text::progress(self.locale(), &block);
        self.finish(format!("{summary}; {progress}."))
    }

    /// As [`Case::finish_with_progress`], with a whole sentence.
    #[must_use]
    pub fn finish(mut self, summary: String) -> Decision<Change> {
        let checklist = self.checklist();
        let locale = self.locale();
        let block = self.frame().block(&self.customer, &checklist);
        for states in journey::coordinations(&self.customer) {
            if let Some(blocker) = text::unanswered(locale, self.zone, states) {
                self.report.block(blocker);
            }
        }
        if block.started.is_some() {
            self.report.actions.extend(text::actions(locale, &block));
            self.report
                .recommendations
                .extend(text::next_steps(locale, &block, self.frame().today));
        }
        let mut report = self.report;
        if self.refused && self.decision.changes.is_empty() {
            report.status = Status::Failed;
        }
        report.text = Some(text::page(locale, &summary, &block, &report));
        report.summary = summary;
        report.set("onboarding", &block);
        let mut decision = self.decision;
        decision.verdict = kunder_agent_core::decision::Resolution::Done(Box::new(report));
        rehearsal::committable(self.work, self.zone, decision)
    }
}
