//! The customer a task asks for: found, or a question back, or a failure with suggestions; never a guess (S0-19).

use jiff::Timestamp;
use kunder_agent_core::agent::{GatherError, Work};
use kunder_agent_core::outcome::{Question, QuestionOption, Report, Status};
use kunder_agent_core::task::{Locale, Task};
use kunder_domain::customer::Customer;
use kunder_domain::fact::CustomerId;
use kunder_domain::names::{Lookup, NameIndex};
use kunder_domain::portfolio::{PortfolioError, View};

use crate::Reader;
use crate::commands::folded;

/// Words that people put before a name, folded.
const LEADING: [&str; 5] = ["om", "for", "about", "on", "pa"];

/// What asking for a customer came to.
pub enum Asked {
    Customer(Box<Customer>),
    /// Not one customer: this is the answer.
    Answer(Box<Report>),
}

/// The moment a task looks at: the end of its day in `zone` where it names one, else its now.
#[must_use]
pub fn moment(work: &Work, zone: &jiff::tz::TimeZone) -> Timestamp {
    let Some(day) = work.task.as_of else {
        return work.now;
    };
    let end = day
        .tomorrow()
        .ok()
        .and_then(|next| next.to_zoned(zone.clone()).ok());
    let end = end.map_or(work.now, |end| {
        end.timestamp() - jiff::SignedDuration::from_nanos(1)
    });
    end.min(work.now)
}

/// The id of the customer that a task names, if there is exactly one.
pub async fn lane(task: &Task, reader: &Reader) -> Option<String> {
    match find(&*reader.names().await.ok()?, task.customer()?) {
        Lookup::Found(id) => Some(id.0),
        Lookup::Ambiguous(_) | Lookup::Unknown(_) => None,
    }
}

/// Reads the customer that a task names.
///
/// # Errors
/// When the store cannot be read.
pub async fn asked(work: &Work, view: View, reader: &Reader) -> Result<Asked, GatherError> {
    let locale = work.task.locale();
    let Some(text) = work.task.customer().filter(|text| !text.trim().is_empty()) else {
        let summary = locale.pick("Ingen kund angiven.", "No customer given.");
        let blocker = locale.pick(
            "Ange kundens namn efter kommandot eller i `context.customer`.",
            "Write the customer's name after the command or in `context.customer`.",
        );
        return Ok(Asked::Answer(Box::new(Report::failed(summary, blocker))));
    };
    let names = reader.names().await.map_err(unavailable)?;
    let lookup = find(&names, text);
    if let Lookup::Found(id) = &lookup {
        if let Some(customer) = reader.customer(view, id).await.map_err(unavailable)? {
            return Ok(Asked::Customer(Box::new(customer)));
        }
        let summary = match locale {
            Locale::Sv => format!("Inget var känt om {text} den dagen."),
            Locale::En => format!("Nothing was known of {text} on that day."),
        };
        let report = Report::failed(summary.clone(), summary);
        return Ok(Asked::Answer(Box::new(report)));
    }
    Ok(Asked::Answer(Box::new(unresolved(locale, text, &lookup))))
}

/// Finds whom a text means. `om Örebro` and `about Örebro` are Örebro, unless somebody is called just that.
fn find(names: &NameIndex, text: &str) -> Lookup {
    let whole = names.find(text);
    let Lookup::Unknown(suggestions) = &whole else {
        return whole;
    };
    let rest = text.trim_start().split_once(char::is_whitespace);
    let Some((_, rest)) = rest.filter(|(first, _)| LEADING.contains(&folded(first).as_str())) else {
        return whole;
    };
    match names.find(rest) {
        Lookup::Unknown(closer) if closer.is_empty() => Lookup::Unknown(suggestions.clone()),
        found => found,
    }
}

/// The store cannot be read.
#[must_use]
pub fn unavailable(error: PortfolioError) -> GatherError {
    GatherError::Unavailable(error.0)
}

fn unresolved(locale: Locale, text: &str, lookup: &Lookup) -> Report {
    match lookup {
        Lookup::Found(CustomerId(id)) => Report::failed(id.clone(), id.clone()),
        Lookup::Ambiguous(candidates) => {
            let names: Vec<&str> = candidates.iter().map(|(_, name)| name.as_str()).collect();
            let question = match locale {
                Locale::Sv => format!("Vilken kund menas med ”{text}”: {}?", names.join(", ")),
                Locale::En => format!("Which customer is meant by “{text}”: {}?", names.join(", ")),
            };
            let mut report = Report::new(Status::Partial, question.clone());
            report.blockers.push(question.clone());
            report.text = Some(question.clone());
            let options = candidates
                .iter()
                .map(|(id, name)| QuestionOption {
                    id: id.0.clone(),
                    label: name.clone(),
                })
                .collect();
            report.question = Some(Question {
                text: question,
                options,
            });
            report
        }
        Lookup::Unknown(suggestions) => {
            let summary = match locale {
                Locale::Sv => format!("Ingen kund heter ”{text}”."),
                Locale::En => format!("No customer is called “{text}”."),
            };
            let mut report = Report::failed(summary.clone(), summary);
            if suggestions.is_empty() {
                report.recommendations.push(newcomers(locale).to_owned());
            } else {
                report.recommendations.push(match locale {
                    Locale::Sv => format!("Menades någon av dessa? {}", suggestions.join(", ")),
                    Locale::En => format!("Did you mean one of these? {}", suggestions.join(", ")),
                });
            }
            report
        }
    }
}

/// How customers come to be known: not by being named.
pub(crate) fn newcomers(locale: Locale) -> &'static str {
    locale.pick(
        "Nya kunder kommer in när Sälj vinner en affär (salj.deal-won) eller genom import.",
        "New customers come in when Sälj wins a deal (salj.deal-won) or by import.",
    )
}
