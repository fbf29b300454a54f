//! A customer's health in words: its band, or why it is in none, in Swedish, English or Dutch.

use kunder_domain::definitions::UNCLASSIFIED;
use kunder_domain::health::{CompiledModel, HealthResult, Kept, State, Why};

/// States that are no band.
pub const NO_BAND: [&str; 3] = ["not_scored", UNCLASSIFIED, "in_grace"];

/// The text in this language; English where it is neither of the others.
#[must_use]
pub fn pick<'t>(language: &str, sv: &'t str, en: &'t str, nl: &'t str) -> &'t str {
    match language {
        "sv" => sv,
        "nl" => nl,
        _ => en,
    }
}

/// The band's key, or the name of a state that is none.
#[must_use]
pub fn kept_key(kept: &Kept) -> &str {
    match kept {
        Kept::Band(key) => key,
        Kept::NotScored => NO_BAND[0],
        Kept::Unclassified => NO_BAND[1],
        Kept::InGrace => NO_BAND[2],
    }
}

/// The band's label, or the state in words.
#[must_use]
pub fn kept_label(model: &CompiledModel, kept: &Kept, language: &str) -> String {
    let text = match kept {
        Kept::Band(key) => {
            let band = model.bands.iter().find(|band| band.key == *key);
            band.map_or(key.as_str(), |band| band.label.in_locale(language))
        }
        Kept::NotScored => pick(language, "Ej bedömd", "Not scored", "Niet beoordeeld"),
        Kept::Unclassified => pick(language, "Oklassad", "Unclassified", "Niet ingedeeld"),
        Kept::InGrace => pick(language, "Ny kund", "New customer", "Nieuwe klant"),
    };
    text.to_owned()
}

/// `36.25 points of 100`.
#[must_use]
pub fn points(score: &str, language: &str) -> String {
    let of = pick(language, "poäng av 100", "points of 100", "punten van 100");
    format!("{score} {of}")
}

/// Why the customer is in no band; `None` where it is in one.
#[must_use]
pub fn no_band(result: &HealthResult<'_>, language: &str) -> Option<String> {
    match &result.state {
        State::Band(_) => None,
        State::NotScored(why) => Some(not_scored(result, why, language)),
        State::Unclassified => {
            Some(pick(language, "ingen regel passar", "no rule fits", "geen regel past").to_owned())
        }
        State::InGrace { until } => {
            let from = pick(
                language,
                "bedöms från",
                "is scored from",
                "wordt beoordeeld vanaf",
            );
            Some(format!("{from} {until}"))
        }
    }
}

fn not_scored(result: &HealthResult<'_>, why: &Why, language: &str) -> String {
    let lacks = pick(language, "det saknas", "missing are", "er ontbreekt");
    match why {
        Why::Missing(names) => format!("{lacks} {}", names.join(", ")),
        Why::Coverage { is, needs } => {
            let rests = pick(
                language,
                "bara en del av underlaget finns",
                "only a part of the weight rests on values",
                "maar een deel van het gewicht is bekend",
            );
            let needed = pick(language, "som krävs", "needed", "nodig");
            format!(
                "{rests} ({} / {} {needed}); {lacks} {}",
                is.printed(),
                needs.printed(),
                result.missing.join(", ")
            )
        }
    }
}
