//! Success stories for Marketing: from evidence, and naming nobody (S0-27).

use kunder_agent_core::agent::Work;
use kunder_agent_core::decision::{Decision, Expect};
use kunder_agent_core::event::EventDraft;
use kunder_agent_core::outcome::{Report, Status};
use kunder_agent_core::task::Locale;
use kunder_domain::anonymous::{self, Story, reveals};
use kunder_domain::change::Change;
use kunder_domain::customer::Customer;
use kunder_domain::definitions::Label;
use kunder_domain::fact::{Fact, FactBody};
use kunder_domain::metrics::day;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CustomerFetching;
use crate::asked::moment;
use crate::customer_health::AT_RISK_ALERT;
use crate::evidence::{decided, sources};
use crate::rehearsal::is_rehearsal;

/// A customer whose last answer is at most this has no success to tell.
const DETRACTOR_MAX: u8 = 6;

/// The block `story` of an outcome, and the data of the event: nothing else leaves the house.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoryBlock {
    pub title: StoryText,
    /// What went well, a sentence each.
    pub pieces: Vec<StoryText>,
    /// What the customer said, where it gives nobody away.
    pub quotes: Vec<String>,
}

/// A sentence in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoryText {
    pub sv: String,
    pub en: String,
}

impl StoryBlock {
    fn of(story: &Story) -> Self {
        let text = |label: &Label| StoryText {
            sv: label.sv.clone(),
            en: label.en.clone(),
        };
        Self {
            title: text(&story.title),
            pieces: story.pieces.iter().map(text).collect(),
            quotes: story.quotes.clone(),
        }
    }
}

/// Drafts the story and sends it, once for each state of the evidence.
pub fn story(agent: &CustomerFetching, work: &Work, customer: &Customer) -> Decision<Change> {
    let locale = work.task.locale();
    let today = day(moment(work, &agent.zone), &agent.zone);
    if let Some(reason) = no_success(locale, customer) {
        return Decision::done(with_evidence(agent, customer, untold(locale, customer, reason)));
    }
    let Some(story) = anonymous::story(customer, today, &agent.zone, &agent.definitions) else {
        let reason = locale.pick(
            "ingen slutförd tjänst och inget nöjt svar",
            "no completed service and no satisfied answer",
        );
        return Decision::done(with_evidence(agent, customer, untold(locale, customer, reason)));
    };
    let found = giveaways(&story, work, customer);
    if !found.is_empty() {
        return Decision::done(with_evidence(agent, customer, refused(locale, &found)));
    }
    let told = blake3::hash(texts(&story).as_bytes()).to_hex()[..16].to_owned();
    if customer
        .told
        .get("story")
        .is_some_and(|known| known.value == told)
    {
        return Decision::done(with_evidence(
            agent,
            customer,
            told_before(locale, customer, &story),
        ));
    }
    let rehearsal = is_rehearsal(work, &agent.zone);
    let mut decision = Decision::done(with_evidence(
        agent,
        customer,
        sent(locale, customer, &story, rehearsal),
    ));
    decision.expects.push(Expect {
        entity: customer.id.0.clone(),
        version: customer.version,
    });
    decision.change(Fact {
        id: format!("told-story/task/{}/{}", work.task.task_id, customer.id),
        customer: customer.id.clone(),
        observed: work.now,
        source: "Customer-Fetching".to_owned(),
        actor: work
            .task
            .requested_by
            .clone()
            .unwrap_or_else(|| "Customer-Fetching".to_owned()),
        body: FactBody::Told {
            what: "story".to_owned(),
            hash: told,
        },
    });
    let data =
        serde_json::to_value(StoryBlock::of(&story)).expect("a story is plain text and always serializes");
    // Not about a customer: the subject of an event would name it.
    decision.events.push(EventDraft::general("story", data));
    decision
}

fn texts(story: &Story) -> String {
    story.texts().collect::<Vec<_>>().join("\n")
}

/// What would give the customer away, in the story and in the id of the task that travels with it.
fn giveaways(story: &Story, work: &Work, customer: &Customer) -> Vec<String> {
    let mut found = reveals(&texts(story), customer);
    let in_id = reveals(work.task.task_id.as_str(), customer);
    found.extend(in_id.into_iter().map(|finding| format!("taskId: {finding}")));
    found
}

fn with_evidence(agent: &CustomerFetching, customer: &Customer, mut report: Report) -> Report {
    report.sources = sources([customer]);
    report.definitions = vec![decided(&agent.definitions.icp)];
    report
}

/// Why a customer is no success now, whatever was reached before.
fn no_success(locale: Locale, customer: &Customer) -> Option<&'static str> {
    let unhappy = customer
        .surveys
        .last()
        .is_some_and(|survey| survey.value <= DETRACTOR_MAX);
    if customer.has_left() {
        Some(locale.pick("kunden har lämnat", "the customer has left"))
    } else if customer.alert_open(AT_RISK_ALERT) {
        Some(locale.pick("kunden är i riskzonen", "the customer is at risk"))
    } else if unhappy {
        Some(locale.pick(
            "det senaste svaret var inte nöjt",
            "the latest answer was not satisfied",
        ))
    } else {
        None
    }
}

fn untold(locale: Locale, customer: &Customer, reason: &str) -> Report {
    let name = customer.name();
    let summary = match locale {
        Locale::Sv => format!("Det finns inget att berätta om {name} än: {reason}."),
        Locale::En => format!("There is nothing to tell about {name} yet: {reason}."),
    };
    Report::new(Status::Complete, summary)
}

fn refused(locale: Locale, found: &[String]) -> Report {
    let blocker = match locale {
        Locale::Sv => format!(
            "Berättelsen skickades inte, den röjer kunden: {}.",
            found.join(", ")
        ),
        Locale::En => format!(
            "The story was not sent, it gives the customer away: {}.",
            found.join(", ")
        ),
    };
    Report::failed(
        locale.pick("Berättelsen skickades inte.", "The story was not sent."),
        blocker,
    )
}

fn told_before(locale: Locale, customer: &Customer, story: &Story) -> Report {
    let name = customer.name();
    let summary = match locale {
        Locale::Sv => format!("Berättelsen om {name} är redan skickad till Marketing."),
        Locale::En => format!("The story of {name} has already been sent to Marketing."),
    };
    spoken(locale, summary, story)
}

fn sent(locale: Locale, customer: &Customer, story: &Story, rehearsal: bool) -> Report {
    let name = customer.name();
    let summary = match (locale, rehearsal) {
        (Locale::Sv, false) => format!("En anonym berättelse om {name} är skickad till Marketing."),
        (Locale::Sv, true) => format!("En anonym berättelse om {name} kan skickas till Marketing."),
        (Locale::En, false) => format!("An anonymous story of {name} has been sent to Marketing."),
        (Locale::En, true) => format!("An anonymous story of {name} can be sent to Marketing."),
    };
    spoken(locale, summary, story)
}

fn spoken(locale: Locale, summary: String, story: &Story) -> Report {
    let mut lines = vec![
        summary.clone(),
        String::new(),
        locale.pick(&story.title.sv, &story.title.en).to_owned(),
    ];
    lines.extend(
        story
            .pieces
            .iter()
            .map(|piece| format!("- {}", locale.pick(&piece.sv, &piece.en))),
    );
    lines.extend(story.quotes.iter().map(|quote| match locale {
        Locale::Sv => format!("- ”{quote}”"),
        Locale::En => format!("- “{quote}”"),
    }));
    let mut report = Report::new(Status::Complete, summary);
    report.text = Some(lines.join("\n"));
    report.set("story", &StoryBlock::of(story));
    report
}
