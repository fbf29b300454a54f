//! How a question to another process ends: with an answer, or with silence (S0-32).

use kunder_agent_core::task::Locale;
use kunder_domain::fact::{Coordination, CoordinationState, FactBody};
use serde_json::json;

use super::case::Case;
use super::steps::Decided;
use super::{journey, reach};
use crate::params::Params;

/// Tjänster has answered; the answer belongs to the journey also when it comes late (S0-32).
pub fn coordination_answer(mut case: Case<'_>, params: &Params<'_>) -> Decided {
    let key = params.needed_plain("taskId")?;
    let Some(standing) = case
        .customer
        .coordinations
        .get(&key)
        .and_then(|states| journey::standing(states))
    else {
        return Err(Box::new(reach::unknown_question(case.work)));
    };
    let asked = standing.value.clone();
    let status = params.plain("status")?;
    let failed = status.as_deref() == Some("failed");
    let said = params
        .plain("summary")?
        .or(params.plain("answer")?)
        .or(status)
        .unwrap_or_default();
    if asked.state != CoordinationState::Answered {
        let answer = Coordination {
            state: CoordinationState::Answered,
            answer: Some(said.clone()),
            ..asked.clone()
        };
        case.learn(
            &format!("coordination-2-answered-{key}"),
            case.work.now,
            FactBody::Coordination(answer),
        );
    }
    if failed {
        case.refuse(match case.locale() {
            Locale::Sv => format!("{} kan inte: {said}", asked.with),
            Locale::En => format!("{} cannot: {said}", asked.with),
        });
    }
    case.settle();
    let summary = match case.locale() {
        Locale::Sv => format!("{} har svarat om {}", asked.with, case.customer.name()),
        Locale::En => format!("{} has answered about {}", asked.with, case.customer.name()),
    };
    Ok(case.finish_with_progress(&summary))
}

/// The time for an answer is over: without one the onboarding is blocked (S0-32).
pub fn coordination_timeout(mut case: Case<'_>, params: &Params<'_>) -> Decided {
    let key = params.needed_plain("key")?;
    let Some(standing) = case
        .customer
        .coordinations
        .get(&key)
        .and_then(|states| journey::standing(states))
    else {
        return Err(Box::new(reach::unknown_question(case.work)));
    };
    let asked = standing.value.clone();
    let due = asked.deadline.is_none_or(|deadline| deadline <= case.work.now);
    if asked.state == CoordinationState::Asked && due {
        let since = standing.observed;
        let late = Coordination {
            state: CoordinationState::TimedOut,
            ..asked.clone()
        };
        case.learn(
            &format!("coordination-3-timed-out-{key}"),
            case.work.now,
            FactBody::Coordination(late),
        );
        let data = json!({ "with": asked.with, "request": key, "asked": since, "deadline": asked.deadline });
        case.announce("onboarding-blocked", data);
    }
    case.settle();
    let (with, name) = (&asked.with, case.customer.name());
    let summary = match (case.locale(), asked.state, due) {
        (Locale::Sv, CoordinationState::Answered, _) => format!("{with} har redan svarat om {name}"),
        (Locale::En, CoordinationState::Answered, _) => format!("{with} has already answered about {name}"),
        (Locale::Sv, _, true) => format!("{with} har inte svarat i tid om {name}"),
        (Locale::En, _, true) => format!("{with} has not answered in time about {name}"),
        (Locale::Sv, _, false) => format!("{with} har fortfarande tid att svara om {name}"),
        (Locale::En, _, false) => format!("{with} still has time to answer about {name}"),
    };
    Ok(case.finish_with_progress(&summary))
}
