//! The brief: one page with everything before a meeting, every line with its source and date (S0-14, S0-18, S3-59).

use jiff::SignedDuration;
use jiff::civil::Date;
use kunder_agent_core::agent::Work;
use kunder_agent_core::decision::{Artifact, Decision, FollowUp, RequestDraft};
use kunder_agent_core::event::EventDraft;
use kunder_agent_core::id::Address;
use kunder_agent_core::outcome::{Nps, Report, Status};
use kunder_agent_core::task::Locale;
use kunder_domain::change::Change;
use kunder_domain::customer::Customer;
use kunder_domain::health::HealthRecord;
use kunder_domain::kpis::{self, Window};
use kunder_domain::names::slug;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::sheet::Sheet;
use super::{CustomerFetching, agenda, flags, markdown, money, overview, voices};
use crate::asked::moment;
use crate::evidence::{decided, sources};
use crate::rehearsal::is_rehearsal;

/// Whom briefs are offered to (S0-34); any number of others listen to the event.
const MEETING_PREP: &str = "admin/meeting-prep-agent";

/// The block `brief` of an outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BriefBlock {
    pub customer: String,
    pub customer_id: String,
    /// The day it tells of.
    pub as_of: Date,
    /// Where the page is, below the data folder.
    pub path: String,
    /// In the order of the page; a section without lines is one of which nothing is known.
    pub sections: Vec<BriefSection>,
}

/// A section of the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BriefSection {
    /// `overview`, `todos`, `money`, `opportunities`, `voices`, `agenda`, `redFlags`, `greenFlags`, `contacts`, `talkingPoints`.
    pub id: String,
    pub title: String,
    pub lines: Vec<BriefLine>,
    /// How many lines more there are than fit on the page.
    pub more: usize,
}

/// A claim, where it comes from, and when that was observed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BriefLine {
    pub text: String,
    pub source: String,
    pub date: Date,
}

impl BriefSection {
    /// A section with its first `shown` lines.
    #[must_use]
    pub fn new(id: &str, title: &str, mut lines: Vec<BriefLine>, shown: usize) -> Self {
        let more = lines.len().saturating_sub(shown);
        lines.truncate(shown);
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            lines,
            more,
        }
    }
}

/// Writes the brief, announces it and offers it to those who prepare meetings.
pub fn brief(
    agent: &CustomerFetching,
    work: &Work,
    customer: &Customer,
    last: Option<&HealthRecord>,
) -> Decision<Change> {
    let locale = work.task.locale();
    let sheet = Sheet::new(agent, customer, last, moment(work, &agent.zone), locale);
    let block = BriefBlock {
        customer: customer.name().to_owned(),
        customer_id: customer.id.0.clone(),
        as_of: sheet.today,
        path: path(work, agent, customer, sheet.today),
        sections: sections(&sheet),
    };
    let page = markdown::page(locale, &block);
    let mut report = report(agent, &sheet, &block, &page);
    let window = agent.definitions.kpis.body.nps_window();
    let window = Window::of(window, moment(work, &agent.zone), &agent.zone);
    report.nps = Nps::of(kpis::answers(customer, &window));
    let mut decision = Decision::done(report);
    decision.artifacts.push(Artifact {
        path: block.path.clone(),
        content: page.clone().into_bytes(),
    });
    let told = json!({
        "customerId": customer.id, "customer": customer.name(), "asOf": block.as_of, "path": block.path, "markdown": page,
    });
    decision.events.push(EventDraft::about(
        "brief-ready",
        customer.id.as_str(),
        told.clone(),
    ));
    let patience = SignedDuration::from_secs(agent.definitions.process.body.coordination_timeout_s);
    decision.requests.push(RequestDraft {
        to: Address::parse(MEETING_PREP, "admin"),
        key: "brief".to_owned(),
        instruction: FollowUp::new("", "", "use-brief").instruction,
        customer: Some(customer.id.0.clone()),
        context: told,
        deadline: work.now.checked_add(patience).ok(),
    });
    decision
}

fn report(agent: &CustomerFetching, sheet: &Sheet<'_>, block: &BriefBlock, page: &str) -> Report {
    let (name, path) = (&block.customer, &block.path);
    let summary = match sheet.locale {
        Locale::Sv => format!("Allt om {name} på en sida: {path}."),
        Locale::En => format!("Everything about {name} on one page: {path}."),
    };
    let mut report = Report::new(Status::Complete, summary);
    report.artifacts.push(path.clone());
    report.sources = sources([sheet.customer]);
    let definitions = &agent.definitions;
    report.definitions = vec![
        decided(agent.models.definition(sheet.health.model)),
        decided(&definitions.onboarding),
        decided(&definitions.pipeline),
    ];
    report.text = Some(page.to_owned());
    report.set("brief", block);
    report
}

/// Where the page is put. A rehearsal leaves today's page alone: it has its day's own, else its task's.
fn path(work: &Work, agent: &CustomerFetching, customer: &Customer, today: Date) -> String {
    let folder = folder(customer);
    if !is_rehearsal(work, &agent.zone) {
        return format!("customers/{folder}/brief.md");
    }
    if work.task.as_of.is_some() {
        return format!("customers/{folder}/brief-{today}.md");
    }
    let task = blake3::hash(work.task.task_id.as_str().as_bytes()).to_hex();
    format!("tasks/{}/brief.md", &task[..16])
}

/// Where a customer's files are: the slug of its name, and of its id where that is another, so that two of one name stay apart.
fn folder(customer: &Customer) -> String {
    let (name, id) = (slug(customer.name()), slug(customer.id.as_str()));
    if name == id { name } else { format!("{name}-{id}") }
}

fn sections(sheet: &Sheet<'_>) -> Vec<BriefSection> {
    let red = flags::red(sheet);
    let points = agenda::talking_points(sheet, &red);
    let section = |id, sv, en, lines, shown| BriefSection::new(id, sheet.pick(sv, en), lines, shown);
    vec![
        section(
            "overview",
            "Snabböversikt",
            "Overview",
            overview::overview(sheet),
            7,
        ),
        section(
            "todos",
            "Öppna åtaganden",
            "Open commitments",
            overview::todos(sheet),
            5,
        ),
        section("money", "Ekonomi", "Money", money::money(sheet), 4),
        section(
            "opportunities",
            "Möjligheter",
            "Opportunities",
            money::opportunities(sheet),
            4,
        ),
        section(
            "voices",
            "Citat och teman",
            "Quotes and themes",
            voices::voices(sheet),
            6,
        ),
        section(
            "agenda",
            "Att fråga, följa upp och erbjuda",
            "To ask, follow up and offer",
            agenda::agenda(sheet),
            6,
        ),
        section("redFlags", "Röda flaggor", "Red flags", red, 4),
        section(
            "greenFlags",
            "Gröna flaggor",
            "Green flags",
            flags::green(sheet),
            4,
        ),
        section(
            "contacts",
            "Nyckelkontakter",
            "Key contacts",
            voices::contacts(sheet),
            4,
        ),
        section(
            "talkingPoints",
            "Tre samtalspunkter",
            "Three talking points",
            points,
            3,
        ),
    ]
}
