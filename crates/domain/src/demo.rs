//! The demo portfolio: 15 invented Swedish associations (S0-02 to S0-04), made the same every time from a day and a seed.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::fact::Fact;

mod cast;
mod history;
mod profile;
mod scenes;
mod writer;

#[cfg(test)]
mod tests;

use crate::dice::Dice;
use cast::CAST;
use writer::Writer;

/// The facts of the demo portfolio as known at the beginning of `day`, oldest first; nothing is observed on `day` itself.
/// Organisations, people, numbers and sums are invented; addresses end in `.example`, organisation numbers have a wrong
/// check digit and telephone numbers come from the range set aside for fiction.
#[must_use]
pub fn generate(day: Date, seed: u64, zone: &TimeZone) -> Vec<Fact> {
    let mut facts = Vec::new();
    for (number, member) in CAST.iter().enumerate() {
        let mut dice = Dice::new(seed, number);
        let mut writer = Writer::new(member, number, day, zone);
        history::write(member, &mut writer, &mut dice);
        scenes::write(member, &mut writer);
        facts.append(&mut writer.into_facts());
    }
    facts.sort_by(|a, b| a.observed.cmp(&b.observed).then_with(|| a.id.cmp(&b.id)));
    facts
}
