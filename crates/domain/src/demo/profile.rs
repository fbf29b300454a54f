//! Who a customer of the demo is: profile and contacts, invented.

use jiff::ToSpan;

use super::cast::{Member, Scene};
use super::writer::{From, Writer};
use crate::dice::Dice;
use crate::fact::{Contact, ContactRole, FactBody, field};

const FIRST_NAMES: [&str; 12] = [
    "Signe",
    "Torbjörn",
    "Åsa",
    "Gösta",
    "Märta",
    "Elof",
    "Ylva",
    "Sixten",
    "Hjördis",
    "Ragnar",
    "Viola",
    "Östen",
];
const LAST_NAMES: [&str; 12] = [
    "Granvik",
    "Lövmark",
    "Sjöhage",
    "Åkerdal",
    "Björkenstam",
    "Fjällgren",
    "Stenbäcken",
    "Ängslund",
    "Tallhed",
    "Videsjö",
    "Hagmyra",
    "Norrbölj",
];
const GOALS: [&str; 5] = [
    "Samla medlemsarbetet på ett ställe och minska dubbelarbetet",
    "Få fler ideella ledare att stanna kvar",
    "Bättre underlag till styrelsen varje kvartal",
    "Korta tiden från anmälan till första aktivitet",
    "Göra det enkelt för lokalavdelningarna att rapportera",
];

/// Writes who they are; gives the names of the contacts.
pub(super) fn write(member: &Member, writer: &mut Writer<'_>, dice: &mut Dice) -> Vec<String> {
    let days = member.started;
    writer.profile(days, From::Sales, field::NAME, member.name);
    writer.profile(days, From::Sales, field::STATUS, "active");
    writer.profile(days, From::Sales, field::SECTOR, member.sector);
    writer.profile(days, From::Sales, field::TOWN, member.town);
    writer.profile(days, From::Sales, field::GOALS, *dice.pick(&GOALS[..]));
    writer.profile(days, From::Sales, field::ACCOUNT_OWNER, "Klara Kund");
    let is_complete = member.scene != Scene::Incomplete;
    if is_complete {
        writer.profile(days, From::Sales, field::EMPLOYEES, member.employees.to_string());
        writer.profile(days, From::Sales, field::ORG_NUMBER, org_number(writer.number));
        writer.profile(
            days,
            From::Sales,
            field::WEBSITE,
            format!("https://www.{}.example", writer.slug),
        );
        writer.profile(
            days,
            From::Sales,
            field::BACKGROUND,
            "Kom till oss via en rekommendation",
        );
        writer.profile(
            days - 2,
            From::Finance,
            field::INVOICE_EMAIL,
            format!("faktura@{}.example", writer.slug),
        );
        writer.profile(
            days - 3,
            From::Us,
            field::PREFERRED_CHANNEL,
            *dice.pick(&["mail", "phone", "meeting"]),
        );
        writer.profile(days - 3, From::Us, field::NEWSLETTER, *dice.pick(&["yes", "no"]));
        writer.profile(
            days - 4,
            From::Sales,
            field::CONTRACT,
            format!("AVT-{:03}", writer.number + 1),
        );
        let meeting = writer.ago(days).checked_add(55.days()).unwrap_or(writer.day);
        writer.profile(
            days - 5,
            From::Us,
            field::FIRST_QUARTERLY_MEETING,
            meeting.to_string(),
        );
    }
    let roles = [
        ContactRole::DecisionMaker,
        ContactRole::Technical,
        ContactRole::Finance,
        ContactRole::Project,
    ];
    let roles = if is_complete { &roles[..] } else { &roles[..2] };
    let mut names = Vec::new();
    for (place, role) in roles.iter().enumerate() {
        // Every contact of a customer has a first name of its own.
        let first = FIRST_NAMES[(writer.number * 5 + place * 3) % FIRST_NAMES.len()];
        let name = format!("{first} {}", dice.pick(&LAST_NAMES));
        let email = format!(
            "{}@{}.example",
            crate::names::slug(&name).replace('-', "."),
            writer.slug
        );
        let phone = format!("070-174 06 {:02}", (writer.number * 4 + place) % 95 + 5);
        let key = format!("{}/{}", writer.slug, place + 1);
        let contact = Contact {
            key,
            name: name.clone(),
            role: *role,
            email: Some(email),
            phone: is_complete.then_some(phone),
            verified: is_complete && place != 1,
            active: true,
        };
        writer.put(days - 1, From::Sales, FactBody::Contact(contact));
        names.push(name);
    }
    names
}

/// An organisation number with a check digit that no real one has.
fn org_number(number: usize) -> String {
    let digits = format!("80249{:04}", 1_000 + number * 37);
    let sum: u32 = digits
        .bytes()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte - b'0') * if place % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    let wrong = (10 - sum % 10 + 1) % 10;
    format!("{}-{}{wrong}", &digits[..6], &digits[6..])
}
