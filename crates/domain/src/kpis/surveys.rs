//! Surveys: answers by the three groups, and how many of those sent were answered (S1-40, S3-45 to S3-47).

use jiff::Timestamp;

use super::tally::{APART, OVER, Tally, UNDER};
use super::window::Window;
use crate::customer::Customer;

pub(super) const PROMOTERS: &str = "promoters";
pub(super) const PASSIVES: &str = "passives";
pub(super) const DETRACTORS: &str = "detractors";

/// The answers in a window: every one counts, also several of one customer, for an answer does not tell who in the
/// customer's organisation gave it.
pub fn answers<'a>(customer: &'a Customer, window: &'a Window) -> impl Iterator<Item = u8> + 'a {
    let surveys = customer.surveys.iter();
    surveys
        .filter(|survey| window.holds(survey.observed))
        .map(|survey| survey.value)
}

/// 9 and 10 promote, 7 and 8 are passive, the rest detract.
pub(super) fn nps(tally: &mut Tally, customer: &Customer, window: &Window) {
    for answer in answers(customer, window) {
        let group = match answer {
            9.. => PROMOTERS,
            7..=8 => PASSIVES,
            _ => DETRACTORS,
        };
        tally.count(group, 1);
    }
    rate(tally, customer, window);
}

/// Of the surveys sent in the window those answered by its end. An answer belongs to the newest one sent before it that has
/// none yet; an answer in the window to nothing sent is counted apart, so that the rate is never above 1.
pub(super) fn rate(tally: &mut Tally, customer: &Customer, window: &Window) {
    let mut open: Vec<Timestamp> = Vec::new();
    let mut sent = customer
        .surveys_sent
        .iter()
        .map(|sent| sent.observed)
        .filter(|at| *at < window.end)
        .peekable();
    for answered in customer.surveys.iter().map(|survey| survey.observed) {
        if answered >= window.end {
            break;
        }
        while let Some(at) = sent.next_if(|at| *at <= answered) {
            open.push(at);
        }
        match open.pop() {
            Some(at) if window.holds(at) => tally.count(OVER, 1),
            Some(_) => {}
            None if window.holds(answered) => tally.count(APART, 1),
            None => {}
        }
    }
    let counted = customer
        .surveys_sent
        .iter()
        .filter(|sent| window.holds(sent.observed));
    tally.count(UNDER, counted.count());
}
