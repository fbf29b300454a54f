//! The commands of the onboarding agent, one function each: what is learned, which steps follow, what is said.

use jiff::Timestamp;
use kunder_agent_core::decision::{Decision, FollowUp};
use kunder_agent_core::task::Locale;
use kunder_domain::change::Change;
use kunder_domain::fact::{FactBody, Service, ServiceStatus, Stage, field};
use kunder_domain::names::{fold, slug};
use serde_json::json;

use super::case::Case;
use super::{intake, journey, text};
use crate::params::{Bad, Params};

/// A decision, or the failure that names the field.
pub type Decided = Result<Decision<Change>, Bad>;

/// The steps as messages write them.
const STAGES: [(&str, Stage); 6] = [
    ("onboarding", Stage::Onboarding),
    ("delivery", Stage::Delivery),
    ("leverans", Stage::Delivery),
    ("partnership", Stage::Partnership),
    ("partnerskap", Stage::Partnership),
    ("expansion", Stage::Expansion),
];

/// Shows the onboarding, or starts it once (S0-16).
pub fn onboard(mut case: Case<'_>) -> Decision<Change> {
    let before = journey::current(&case.customer).map(|current| current.done.is_some());
    if case.customer.has_left() {
        return left(case);
    }
    if before.is_none() {
        case.start(None, "onboard");
    }
    case.settle();
    let name = case.customer.name();
    let summary = match (case.locale(), before) {
        (Locale::Sv, None) if case.is_rehearsal() => format!("Onboarding för {name} är inte startad"),
        (Locale::En, None) if case.is_rehearsal() => format!("The onboarding of {name} has not been started"),
        (Locale::Sv, None) => format!("Onboarding för {name} är startad"),
        (Locale::Sv, Some(false)) => format!("Onboarding för {name} pågår"),
        (Locale::Sv, Some(true)) => format!("Onboarding för {name} är redan klar"),
        (Locale::En, None) => format!("The onboarding of {name} has been started"),
        (Locale::En, Some(false)) => format!("Onboarding of {name} is under way"),
        (Locale::En, Some(true)) => format!("The onboarding of {name} is already completed"),
    };
    case.finish_with_progress(&summary)
}

/// One that has left is shown, and nothing is started: it comes back with a deal.
fn left(mut case: Case<'_>) -> Decision<Change> {
    let (locale, name) = (case.locale(), case.customer.name().to_owned());
    case.block(match locale {
        Locale::Sv => format!("{name} har lämnat oss: en ny onboarding börjar med en vunnen affär."),
        Locale::En => format!("{name} has left us: a new onboarding starts with a won deal."),
    });
    case.finish_with_progress(&match locale {
        Locale::Sv => format!("{name} har lämnat oss, ingen onboarding är startad"),
        Locale::En => format!("{name} has left us, no onboarding has been started"),
    })
}

/// Opens exactly one onboarding per won deal, however often and under however many ids it is delivered (S0-20).
pub fn deal_won<'a>(params: &Params<'_>, open: impl FnOnce(String) -> Case<'a>) -> Decided {
    let deal = params.needed_plain("dealId")?;
    let mut case = open(format!("deal/{deal}"));
    let locale = case.locale();
    if journey::knows_deal(&case.customer, &deal) {
        let name = case.customer.name().to_owned();
        return Ok(case.finish(match locale {
            Locale::Sv => format!("Onboarding för affären {deal} är redan startad för {name}."),
            Locale::En => format!("The onboarding of deal {deal} was already started for {name}."),
        }));
    }
    let observed = params.past(&["date", "wonAt"], case.work.now, case.zone)?;
    let currency = case.rules.organisation.body.currency.clone();
    let mut found = intake::read(params, &currency)?;
    let expected = case
        .customer
        .opportunities
        .get(&deal)
        .and_then(|states| states.last())
        .map(|state| &state.value);
    found.extend(intake::won_deal(params, expected, &currency)?);
    let active = FactBody::Profile {
        field: field::STATUS.to_owned(),
        value: "active".to_owned(),
    };
    found.push(("profile-status".to_owned(), active));
    case.learn_new(observed, found);
    let unclaimed = journey::current(&case.customer)
        .is_some_and(|current| current.done.is_none() && current.deal.is_none());
    if unclaimed {
        // Somebody started it by hand before the message came: the deal claims it.
        case.learn(
            "onboarding",
            case.work.now,
            FactBody::Onboarding {
                deal: Some(deal.clone()),
            },
        );
    } else {
        case.start(Some(&deal), &format!("salj.deal-won {deal}"));
    }
    case.settle();
    let name = case.customer.name();
    let summary = match (locale, unclaimed) {
        (Locale::Sv, false) => format!("Affären {deal} är vunnen: onboarding för {name} är startad"),
        (Locale::Sv, true) => format!("Affären {deal} hör till den onboarding för {name} som redan pågår"),
        (Locale::En, false) => format!("Deal {deal} was won: the onboarding of {name} has been started"),
        (Locale::En, true) => {
            format!("Deal {deal} belongs to the onboarding of {name} that is already under way")
        }
    };
    Ok(case.finish_with_progress(&summary))
}

/// What Sälj knows lands in the profile (S0-21).
pub fn handover(mut case: Case<'_>, params: &Params<'_>) -> Decided {
    let observed = params.past(&["date"], case.work.now, case.zone)?;
    let found = intake::read(params, &case.rules.organisation.body.currency)?;
    let told = found.len();
    let new = case.learn_new(observed, found);
    case.settle();
    let name = case.customer.name();
    let summary = match case.locale() {
        Locale::Sv => {
            format!("Överlämningen av {name} från Sälj är införd, {new} av {told} uppgifter var nya")
        }
        Locale::En => format!("The handover of {name} from Sälj is noted, {new} of {told} items were new"),
    };
    Ok(case.finish_with_progress(&summary))
}

/// A service begins or goes on; LEVERANS is entered once the checklist is complete (S0-24).
pub fn delivery(mut case: Case<'_>, params: &Params<'_>) -> Decided {
    let observed = params.past(&["date"], case.work.now, case.zone)?;
    params.word(
        &["status"],
        &[("started", ()), ("startad", ()), ("progress", ()), ("pågår", ())],
    )?;
    let service = Service {
        status: ServiceStatus::Started,
        ..service(&case, params)?
    };
    let name = service.name.clone();
    learn_service(&mut case, observed, service);
    case.settle();
    match case.customer.stage() {
        Some(Stage::Onboarding) if !case.onboarding_closed() => refuse_gate(&mut case),
        None => {
            case.enter(Stage::Delivery, "tjanster.delivery");
        }
        Some(Stage::Onboarding | Stage::Delivery | Stage::Partnership | Stage::Expansion) => {}
    }
    let customer = case.customer.name();
    let summary = match case.locale() {
        Locale::Sv => format!("Leveransen av {name} till {customer} är noterad"),
        Locale::En => format!("The delivery of {name} to {customer} is noted"),
    };
    Ok(case.finish_with_progress(&summary))
}

/// A service is completed: LEVERANS leads to PARTNERSKAP once no other is under way, feedback goes to Tjänster,
/// and a success story is looked for (S0-25, S0-27, S0-30).
pub fn service_completed(mut case: Case<'_>, params: &Params<'_>) -> Decided {
    let observed = params.past(&["date"], case.work.now, case.zone)?;
    let service = Service {
        status: ServiceStatus::Completed,
        ..service(&case, params)?
    };
    let (key, name) = (service.key.clone(), service.name.clone());
    let news = learn_service(&mut case, observed, service);
    note_feedback(&mut case, params, observed, &name)?;
    case.settle();
    match case.customer.stage() {
        Some(Stage::Onboarding) => {
            if !case.onboarding_closed() {
                refuse_gate(&mut case);
            }
            case.enter(Stage::Partnership, "tjanster.service-completed");
        }
        None => {
            case.enter(Stage::Partnership, "tjanster.service-completed");
        }
        Some(Stage::Delivery) => {
            let running = running_services(&case);
            case.note(match case.locale() {
                Locale::Sv => format!("Leveransen fortsätter: {running} pågår."),
                Locale::En => format!("The delivery goes on: {running} under way."),
            });
        }
        Some(Stage::Partnership | Stage::Expansion) => {}
    }
    if news {
        let id = case.customer.id.clone();
        let story = FollowUp::new(format!("story-{key}"), "customer-fetching", "story");
        case.follow_up(story.about(id.as_str()));
    }
    let customer = case.customer.name();
    let summary = match case.locale() {
        Locale::Sv => format!("{name} hos {customer} är slutförd"),
        Locale::En => format!("{name} at {customer} is completed"),
    };
    Ok(case.finish_with_progress(&summary))
}

/// A person moves a customer to another step; only legal steps are taken (S0-09, S0-10).
pub fn stage(mut case: Case<'_>, params: &Params<'_>) -> Decided {
    let to = params
        .word(&["stage"], &STAGES)?
        .ok_or_else(|| params.bad("stage", "saknas", "is missing"))?;
    let cause = params.plain("cause")?.unwrap_or_else(|| "stage".to_owned());
    let gated = to == Stage::Delivery
        && case.customer.stage() == Some(Stage::Onboarding)
        && !case.onboarding_closed();
    if gated {
        refuse_gate(&mut case);
    } else {
        case.enter(to, &cause);
    }
    let (locale, name) = (case.locale(), case.customer.name());
    let at = case.customer.stage();
    let at = at.map_or_else(
        || locale.pick("inget steg", "no step").to_owned(),
        |at| text::step(locale, at),
    );
    let summary = match locale {
        Locale::Sv => format!("{name} är i {at}"),
        Locale::En => format!("{name} is in {at}"),
    };
    Ok(case.finish_with_progress(&summary))
}

/// The service a message is about: one that is known by this key or name, or a new one.
fn service(case: &Case<'_>, params: &Params<'_>) -> Result<Service, Bad> {
    let (key, name) = match params.object("service") {
        Ok(Some(object)) => (object.plain("key")?, object.needed_plain("name")?),
        Ok(None) | Err(_) => (None, params.needed_plain("service")?),
    };
    let note = params.plain("note")?;
    let known = case
        .customer
        .services
        .values()
        .filter_map(|states| states.last())
        .find(|state| {
            let (known_key, known_name) = (&state.value.key, &state.value.name);
            key.as_ref() == Some(known_key) || *known_key == name || fold(known_name) == fold(&name)
        });
    Ok(match known {
        Some(known) => Service {
            note,
            ..known.value.clone()
        },
        None => Service {
            key: key.unwrap_or_else(|| slug(&name)),
            name,
            status: ServiceStatus::Agreed,
            note,
        },
    })
}

/// Notes a service's state, and says whether it is news. What ends a service is never undone by an older message that comes late.
fn learn_service(case: &mut Case<'_>, observed: Timestamp, service: Service) -> bool {
    let states = case.customer.services.get(&service.key);
    let completed = states.and_then(|states| {
        states
            .iter()
            .find(|state| state.value.status == ServiceStatus::Completed)
    });
    let overtaken = completed.is_some_and(|completed| observed >= completed.observed);
    let repeated = states.is_some_and(|states| states.iter().any(|state| state.value == service));
    if overtaken || repeated {
        return false;
    }
    let what = format!("service-{}-{}", service.status as u8 + 1, service.key);
    case.learn(&what, observed, FactBody::Service(service));
    true
}

/// Feedback is told to Tjänster once (S0-30); a score with it counts as an answer to the survey.
fn note_feedback(
    case: &mut Case<'_>,
    params: &Params<'_>,
    observed: Timestamp,
    service: &str,
) -> Result<(), Bad> {
    let (text, quote, score) = match params.object("feedback") {
        Ok(Some(feedback)) => (
            feedback.needed_plain("text")?,
            feedback.plain("quote")?,
            feedback.score("score")?,
        ),
        Ok(None) => return Ok(()),
        Err(_) => (params.needed_plain("feedback")?, None, None),
    };
    let data = json!({
        "service": service, "text": text, "quote": quote, "score": score, "source": "Tjänster", "observed": observed,
    });
    let feedback = FactBody::Feedback {
        service: service.to_owned(),
        text,
        quote,
    };
    if case.learn_new(observed, vec![("feedback".to_owned(), feedback)]) == 0 {
        return Ok(());
    }
    if let Some(score) = score {
        case.learn("survey", observed, FactBody::Survey { score, comment: None });
    }
    case.announce("service-feedback", data);
    Ok(())
}

fn refuse_gate(case: &mut Case<'_>) {
    let locale = case.locale();
    let checklist = case.checklist();
    let open = checklist
        .missing()
        .map(|item| locale.pick(&item.label.sv, &item.label.en).to_owned());
    let open: Vec<String> = open.collect();
    case.refuse(text::gate(locale, &open));
}

fn running_services(case: &Case<'_>) -> String {
    let running = case.customer.services.values().filter_map(|states| states.last());
    let names: Vec<&str> = running
        .filter(|state| state.value.status == ServiceStatus::Started)
        .map(|state| state.value.name.as_str())
        .collect();
    names.join(", ")
}
