//! What to do in the meeting: ask, follow up, offer; and three points to talk about (S0-14, A9).

use kunder_agent_core::task::Locale;
use kunder_domain::checklist::Item;
use kunder_domain::customer::TodoState;
use kunder_domain::fact::ServiceStatus;
use kunder_domain::metrics::overdue_todos;

use super::brief::BriefLine;
use super::flags::survey_text;
use super::money::ranked;
use super::overview::{due_text, ranked_todos};
use super::sheet::{Sheet, quoted, short};
use super::voices::quotes;

/// Of each kind at most so many.
const EACH: usize = 2;

/// Questions, open threads and offers, each marked as what it is.
#[must_use]
pub fn agenda(sheet: &Sheet<'_>) -> Vec<BriefLine> {
    let mut lines: Vec<BriefLine> = ask(sheet).into_iter().take(EACH).collect();
    lines.extend(follow_up(sheet).into_iter().take(EACH));
    lines.extend(offer(sheet).into_iter().take(EACH));
    lines
}

/// What the checklist lacks, what the customer itself can supply first; nothing of one that has left.
fn ask(sheet: &Sheet<'_>) -> Vec<BriefLine> {
    if sheet.has_left() {
        return Vec::new();
    }
    let header = &sheet.definitions.onboarding.header;
    let mut missing: Vec<&Item> = sheet.checklist.missing().collect();
    missing.sort_by_key(|item| item.supplier != "Kunden");
    let lines = missing.into_iter().map(|item| {
        let text = format!(
            "{}: {}",
            sheet.pick("Fråga om", "Ask about"),
            sheet.say(&item.label)
        );
        sheet.by_rule(&header.id, header.version, text)
    });
    lines.collect()
}

fn follow_up(sheet: &Sheet<'_>) -> Vec<BriefLine> {
    let mark = sheet.pick("Följ upp", "Follow up");
    let marked = |text: &str| {
        let text = short(text);
        // A todo often says itself that it is about following up.
        if text.to_lowercase().starts_with(&mark.to_lowercase()) {
            text
        } else {
            format!("{mark}: {text}")
        }
    };
    let mut overdue: Vec<_> = overdue_todos(sheet.customer, sheet.today).collect();
    overdue.sort_by_key(|state| (state.todo.value.due, state.todo.value.key.clone()));
    let promised = overdue
        .into_iter()
        .map(|state| sheet.told(&state.todo, marked(&state.todo.value.text)));
    let running = sheet
        .customer
        .services
        .values()
        .filter_map(|states| states.last());
    let running = running
        .filter(|state| state.value.status == ServiceStatus::Started)
        .map(|state| {
            let text = match sheet.locale {
                Locale::Sv => format!("{mark}: leveransen av {}", short(&state.value.name)),
                Locale::En => format!("{mark}: the delivery of {}", short(&state.value.name)),
            };
            sheet.told(state, text)
        });
    let stale = sheet.flow.stale().filter(|_| !sheet.has_left());
    let stale = stale.map(|open| sheet.told(&open.opportunity, marked(&open.opportunity.value.title)));
    promised.chain(running).chain(stale).collect()
}

fn offer(sheet: &Sheet<'_>) -> Vec<BriefLine> {
    if sheet.has_left() {
        return Vec::new();
    }
    let open = ranked(sheet).into_iter().filter(|open| !open.stale).map(|open| {
        let text = format!(
            "{}: {}",
            sheet.pick("Erbjud", "Offer"),
            short(&open.opportunity.value.title)
        );
        sheet.told(&open.opportunity, text)
    });
    open.collect()
}

/// The three things most worth saying, each of another kind: what worries, what we promised, what can come,
/// what they said, what we do not know.
#[must_use]
pub fn talking_points(sheet: &Sheet<'_>, red: &[BriefLine]) -> Vec<BriefLine> {
    let points = [
        red.first().map(|line| worry(sheet, line)),
        ranked_todos(sheet).first().map(|state| promise(sheet, state)),
        ranked(sheet).first().filter(|_| !sheet.has_left()).map(|open| {
            let title = short(&open.opportunity.value.title);
            sheet.told(
                &open.opportunity,
                format!(
                    "{}: {title}",
                    sheet.pick("Prata om nästa steg", "Talk about the next step")
                ),
            )
        }),
        quotes(sheet).first().map(|quote| {
            let said = quoted(sheet.locale, &quote.value);
            sheet.told(
                quote,
                format!("{}: {said}", sheet.pick("Knyt an till", "Come back to")),
            )
        }),
        ask(sheet).into_iter().next(),
    ];
    points.into_iter().flatten().take(3).collect()
}

fn worry(sheet: &Sheet<'_>, line: &BriefLine) -> BriefLine {
    let mut point = BriefLine {
        text: format!("{}: {}", sheet.pick("Ta upp", "Bring up"), line.text),
        ..line.clone()
    };
    let answer = sheet.customer.surveys.last();
    if let Some(answer) = answer.filter(|answer| line.text == survey_text(sheet, answer.value)) {
        let score = answer.value;
        point.text = match sheet.locale {
            Locale::Sv => format!("Ta upp: gav {score} av 10 på frågan om de skulle rekommendera oss"),
            Locale::En => format!("Bring up: gave {score} of 10 when asked whether they would recommend us"),
        };
    }
    point
}

fn promise(sheet: &Sheet<'_>, state: &TodoState) -> BriefLine {
    let todo = &state.todo.value;
    let mut text = format!(
        "{}: {}",
        sheet.pick("Berätta hur det går med", "Report progress on"),
        short(&todo.text)
    );
    if let Some(due) = todo.due {
        let due = due_text(sheet, due);
        text.push_str(&format!(" ({due})"));
    }
    sheet.told(&state.todo, text)
}
