//! Success stories without the customer in them (S0-27): what may be told, and a check of what a text gives away.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::customer::{Customer, Sourced};
use crate::definitions::{Definitions, Label};
use crate::fact::{OpportunityStatus, ServiceStatus, field};
use crate::icp::sector_of;
use crate::metrics::{day, days_between};
use crate::names::{fold_bare, slug};

/// Words of a name longer than this give it away.
const TELLING_LETTERS: usize = 3;
/// Answers from here count as promoters.
const PROMOTER_SCORE_MIN: u8 = 9;

/// A story that names nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// One sentence: who, in general words, and what was reached.
    pub title: Label,
    /// What went well, a sentence each.
    pub pieces: Vec<Label>,
    /// What the customer said, where it gives nobody away.
    pub quotes: Vec<String>,
}

impl Story {
    /// Every text of it, for checking.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let labels = std::iter::once(&self.title).chain(&self.pieces);
        labels
            .flat_map(|label| [label.sv.as_str(), label.en.as_str()])
            .chain(self.quotes.iter().map(String::as_str))
    }
}

/// The story of a customer; `None` where there is no success to tell. Every sentence that would give the customer away is left out.
#[must_use]
pub fn story(customer: &Customer, today: Date, zone: &TimeZone, definitions: &Definitions) -> Option<Story> {
    let safe =
        |label: &Label| reveals(&label.sv, customer).is_empty() && reveals(&label.en, customer).is_empty();
    let delivery_days = definitions.process.body.delivery_days;
    let pieces: Vec<Label> = successes(customer, today, zone, delivery_days)
        .into_iter()
        .filter(|piece| safe(piece))
        .collect();
    if pieces.is_empty() {
        return None;
    }
    let title = titles(customer, definitions)
        .into_iter()
        .find(|title| safe(title))?;
    let quotes = praise(customer)
        .filter(|quote| reveals(quote, customer).is_empty())
        .cloned()
        .collect();
    Some(Story {
        title,
        pieces,
        quotes,
    })
}

/// What was said together with a promoter's score. Words alone do not tell praise from a wish or a complaint.
fn praise(customer: &Customer) -> impl Iterator<Item = &String> {
    let praised = |feedback: &Sourced<(String, String, Option<String>)>| {
        customer.surveys.iter().any(|survey| {
            survey.value >= PROMOTER_SCORE_MIN
                && survey.observed == feedback.observed
                && survey.source == feedback.source
        })
    };
    let praise = customer.feedback.iter().filter(move |feedback| praised(feedback));
    praise.filter_map(|feedback| feedback.value.2.as_ref())
}

/// From the most telling title to the least.
fn titles(customer: &Customer, definitions: &Definitions) -> Vec<Label> {
    let size = customer
        .field(field::EMPLOYEES)
        .and_then(|text| text.trim().parse::<u32>().ok())
        .map(size_band);
    let sector = customer
        .field(field::SECTOR)
        .and_then(|text| sector_of(text, &definitions.icp.body));
    let mut titles = Vec::new();
    if let (Some(sector), Some(size)) = (sector, &size) {
        titles.push(Label {
            sv: format!(
                "En kund i branschen {}, {}, har nått resultat tillsammans med oss",
                sector.label.sv, size.sv
            ),
            en: format!(
                "A customer in the sector {}, {}, has reached results together with us",
                sector.label.en, size.en
            ),
            nl: None,
        });
    }
    if let Some(size) = size {
        titles.push(Label {
            sv: format!("En kund med {} har nått resultat tillsammans med oss", size.sv),
            en: format!("A customer with {} has reached results together with us", size.en),
            nl: None,
        });
    }
    titles.push(Label {
        sv: "En av våra kunder har nått resultat tillsammans med oss".to_owned(),
        en: "One of our customers has reached results together with us".to_owned(),
        nl: None,
    });
    titles
}

/// Bands wide enough that a number of employees points at nobody.
fn size_band(employees: u32) -> Label {
    let (sv, en) = match employees {
        0..=49 => ("färre än 50 anställda", "fewer than 50 employees"),
        50..=149 => ("50–149 anställda", "50–149 employees"),
        150.. => ("150 anställda eller fler", "150 employees or more"),
    };
    Label {
        sv: sv.to_owned(),
        en: en.to_owned(),
        nl: None,
    }
}

/// A delivery that took longer than `delivery_days` is told without its length: that was no success.
fn successes(customer: &Customer, today: Date, zone: &TimeZone, delivery_days: i64) -> Vec<Label> {
    let mut pieces = Vec::new();
    for states in customer.services.values() {
        let Some(last) = states
            .last()
            .filter(|last| last.value.status == ServiceStatus::Completed)
        else {
            continue;
        };
        let name = &last.value.name;
        let started = states
            .iter()
            .find(|state| state.value.status == ServiceStatus::Started);
        let days = started.map(|started| days_between(day(started.observed, zone), day(last.observed, zone)));
        let weeks = days.filter(|days| *days <= delivery_days).map(|days| days / 7);
        pieces.push(match weeks.filter(|weeks| *weeks > 0) {
            Some(weeks) => Label {
                sv: format!(
                    "Tjänsten ”{name}” blev klar på {weeks} {}.",
                    if weeks == 1 { "vecka" } else { "veckor" }
                ),
                en: format!(
                    "The service “{name}” was delivered in {weeks} {}.",
                    if weeks == 1 { "week" } else { "weeks" }
                ),
                nl: None,
            },
            None => Label {
                sv: format!("Tjänsten ”{name}” blev klar."),
                en: format!("The service “{name}” was delivered."),
                nl: None,
            },
        });
    }
    if let Some(survey) = customer
        .surveys
        .last()
        .filter(|survey| survey.value >= PROMOTER_SCORE_MIN)
    {
        pieces.push(Label {
            sv: format!(
                "Kunden ger {} av 10 på frågan om de skulle rekommendera oss.",
                survey.value
            ),
            en: format!(
                "The customer answers {} of 10 when asked whether they would recommend us.",
                survey.value
            ),
            nl: None,
        });
    }
    if customer
        .current_opportunities()
        .any(|current| current.value.status == OpportunityStatus::Won)
    {
        pieces.push(Label {
            sv: "Samarbetet har utökats med mer än det började med.".to_owned(),
            en: "The cooperation has grown beyond what it began with.".to_owned(),
            nl: None,
        });
    }
    let years = customer
        .first_observed
        .map_or(0, |first| days_between(day(first, zone), today) / 365);
    if !pieces.is_empty() && years >= 1 {
        pieces.push(Label {
            sv: format!("Samarbetet har pågått i mer än {years} år."),
            en: format!(
                "The cooperation has lasted for more than {years} {}.",
                if years == 1 { "year" } else { "years" }
            ),
            nl: None,
        });
    }
    pieces
}

/// What in a text points at the customer: `name`, `id`, `orgNumber`, `email`, `phone`, `domain`, `contact`, `town`, each once with
/// the words that gave it away. Empty for a text that may leave the house. Stricter than S0-27 where that is simpler: the town
/// counts alone, not only beside the sector.
#[must_use]
pub fn reveals(text: &str, customer: &Customer) -> Vec<String> {
    let text = Text::of(text);
    let mut found = Vec::new();
    let mut note = |kind: &str, word: &str, is_there: bool| {
        let finding = format!("{kind}: {word}");
        if is_there && !found.contains(&finding) {
            found.push(finding);
        }
    };
    for word in name_words(customer.name()) {
        note("name", &word, text.has_stem(&word));
    }
    // A name of nothing but short words is told by all of them together.
    let name = fold_bare(customer.name());
    note("name", &name, text.has_phrase(&name));
    let slug = slug(customer.name());
    note("name", &slug, text.lower.contains(&slug));
    let id = customer.id.as_str().to_lowercase();
    note("id", &id, text.has_phrase(&fold_bare(&id)));
    for (kind, number) in numbers(customer) {
        note(
            kind,
            &number,
            text.digits.iter().any(|digits| digits.contains(&number)),
        );
    }
    for address in addresses(customer) {
        note("email", &address, text.lower.contains(&address));
        let domain = address.rsplit('@').next().unwrap_or_default();
        note(
            "domain",
            domain,
            domain.contains('.') && text.lower.contains(domain),
        );
    }
    if let Some(website) = customer.field(field::WEBSITE) {
        let domain = domain(website);
        note(
            "domain",
            &domain,
            domain.contains('.') && text.lower.contains(&domain),
        );
    }
    for name in people(customer) {
        for word in words(&name) {
            let long_enough = word.chars().count() >= TELLING_LETTERS;
            note("contact", &word, long_enough && text.has_word(&word));
        }
        note("contact", &fold_bare(&name), text.has_phrase(&fold_bare(&name)));
    }
    if let Some(town) = customer.field(field::TOWN) {
        let town = fold_bare(town);
        note(
            "town",
            &town,
            !town.is_empty() && (text.has_phrase(&town) || text.has_stem(&town)),
        );
    }
    found
}

/// A text in the forms it is searched in.
struct Text {
    /// Lower case, as written.
    lower: String,
    /// Without diacritics and punctuation, a blank at each end and between words.
    phrase: String,
    words: Vec<String>,
    /// Runs of digits, written apart or not.
    digits: Vec<String>,
}

impl Text {
    fn of(text: &str) -> Self {
        let words = words(text);
        let phrase = format!(" {} ", words.join(" "));
        let lower = text.to_lowercase();
        Self {
            digits: digit_runs(&lower),
            lower,
            phrase,
            words,
        }
    }

    fn has_word(&self, word: &str) -> bool {
        self.words
            .iter()
            .any(|known| known == word || known.strip_suffix('s') == Some(word))
    }

    /// A word that begins with this one, or a compound that holds it.
    fn has_stem(&self, stem: &str) -> bool {
        self.words
            .iter()
            .any(|word| word.starts_with(stem) || (stem.len() > 4 && word.contains(stem)))
    }

    fn has_phrase(&self, phrase: &str) -> bool {
        let phrase = words(phrase).join(" ");
        !phrase.is_empty()
            && (self.phrase.contains(&format!(" {phrase} ")) || self.phrase.contains(&format!(" {phrase}s ")))
    }
}

fn words(text: &str) -> Vec<String> {
    let bare = fold_bare(text);
    bare.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn name_words(name: &str) -> Vec<String> {
    words(name)
        .into_iter()
        .filter(|word| word.chars().count() > TELLING_LETTERS)
        .collect()
}

/// Runs of digits with the signs that numbers are written with taken out.
fn digit_runs(text: &str) -> Vec<String> {
    let runs = text.split(|letter: char| !letter.is_ascii_digit() && !"- +()/\u{a0}".contains(letter));
    let digits = runs.map(|run| run.chars().filter(char::is_ascii_digit).collect::<String>());
    digits.filter(|run| !run.is_empty()).collect()
}

/// The organisation number and telephone numbers, as digits; telephone numbers without country code and leading zero.
fn numbers(customer: &Customer) -> Vec<(&'static str, String)> {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let mut numbers: Vec<(&'static str, String)> = Vec::new();
    numbers.extend(
        customer
            .field(field::ORG_NUMBER)
            .map(|number| ("orgNumber", digits(number))),
    );
    for contact in customer.contacts.values() {
        if let Some(phone) = &contact.value.phone {
            let digits = digits(phone);
            let local = if phone.trim().starts_with("+46") {
                &digits[2..]
            } else {
                digits.trim_start_matches('0')
            };
            numbers.push(("phone", local.to_owned()));
        }
    }
    numbers.retain(|(_, number)| number.len() >= 5);
    numbers
}

fn addresses(customer: &Customer) -> Vec<String> {
    let contacts = customer
        .contacts
        .values()
        .filter_map(|contact| contact.value.email.as_deref());
    let addresses = contacts.chain(customer.field(field::INVOICE_EMAIL));
    addresses
        .map(|address| address.trim().to_lowercase())
        .filter(|address| address.contains('@'))
        .collect()
}

fn domain(website: &str) -> String {
    let website = website.trim().to_lowercase();
    let host = website.split("://").last().unwrap_or_default();
    let host = host.split(['/', '?', '#', ':']).next().unwrap_or_default();
    host.strip_prefix("www.").unwrap_or(host).to_owned()
}

/// Contacts, and those named in touchpoints.
fn people(customer: &Customer) -> Vec<String> {
    let contacts = customer
        .contacts
        .values()
        .map(|contact| contact.value.name.clone());
    contacts
        .chain(
            customer
                .touchpoints
                .iter()
                .filter_map(|touchpoint| touchpoint.value.with.clone()),
        )
        .collect()
}

#[cfg(test)]
mod tests;
