//! What Sälj hands over, as facts: profile fields, contacts, services, opportunities (S0-20, S0-21).

use std::collections::BTreeSet;

use kunder_domain::fact::{
    Contact, ContactRole, FactBody, Opportunity, OpportunityStatus, Service, ServiceStatus, field,
};
use kunder_domain::names::slug;

use crate::params::{Bad, Entry, Params};

/// Names in a message that are not fields of the profile.
const NOT_PROFILE: [&str; 15] = [
    "dealId",
    "customer",
    "customerId",
    "id",
    "contacts",
    "services",
    "opportunities",
    "profile",
    "value",
    "title",
    "date",
    "actor",
    "source",
    "eventId",
    "note",
];

/// The roles of contacts, as messages write them.
const ROLES: [(&str, ContactRole); 10] = [
    ("decision_maker", ContactRole::DecisionMaker),
    ("beslutsfattare", ContactRole::DecisionMaker),
    ("technical", ContactRole::Technical),
    ("teknik", ContactRole::Technical),
    ("finance", ContactRole::Finance),
    ("ekonomi", ContactRole::Finance),
    ("project", ContactRole::Project),
    ("projekt", ContactRole::Project),
    ("other", ContactRole::Other),
    ("annan", ContactRole::Other),
];

/// The statuses of opportunities, as messages write them.
const STATUSES: [(&str, OpportunityStatus); 5] = [
    ("discussed", OpportunityStatus::Discussed),
    ("proposed", OpportunityStatus::Proposed),
    ("negotiation", OpportunityStatus::Negotiation),
    ("won", OpportunityStatus::Won),
    ("lost", OpportunityStatus::Lost),
];

/// The customer that a message is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arriving {
    pub id: Option<String>,
    pub name: String,
    pub org_number: Option<String>,
}

/// Reads which customer a message is about; a plain text is its name.
///
/// # Errors
/// When the customer or its name is missing.
pub fn arriving(params: &Params<'_>) -> Result<Arriving, Bad> {
    let outer_id = params.plain("customerId")?;
    if let Ok(Some(name)) = params.text(&["customer"]) {
        return Ok(Arriving {
            id: outer_id,
            name: name.to_owned(),
            org_number: None,
        });
    }
    let customer = params
        .object("customer")?
        .ok_or_else(|| params.bad("customer", "saknas", "is missing"))?;
    let id = customer.plain("id")?.or(outer_id);
    Ok(Arriving {
        id,
        name: customer.needed_plain("name")?,
        org_number: customer.plain(field::ORG_NUMBER)?,
    })
}

/// Reads everything a message says of its customer, each with what it is about; what it says twice counts the first time.
///
/// # Errors
/// The first field that cannot be used.
pub fn read(params: &Params<'_>, currency: &str) -> Result<Vec<(String, FactBody)>, Bad> {
    let mut found = Vec::new();
    if let Ok(Some(customer)) = params.object("customer") {
        told(&customer, currency, &mut found)?;
    }
    if let Some(profile) = params.object("profile")? {
        fields_of(&profile, &mut found)?;
    }
    told(params, currency, &mut found)?;
    let mut seen = BTreeSet::new();
    found.retain(|(what, _)| seen.insert(what.clone()));
    Ok(found)
}

fn told(object: &Params<'_>, currency: &str, found: &mut Vec<(String, FactBody)>) -> Result<(), Bad> {
    fields_of(object, found)?;
    for entry in object.entries("contacts")? {
        found.push(contact(&entry)?);
    }
    for entry in object.entries("services")? {
        found.push(service(&entry)?);
    }
    for entry in object.objects(&["opportunities"])? {
        found.push(opportunity(&entry, currency)?);
    }
    Ok(())
}

/// The won deal itself: an opportunity that we knew of is won; of one that is new to us the value is noted.
///
/// # Errors
/// A value that is no money.
pub fn won_deal(
    params: &Params<'_>,
    known: Option<&Opportunity>,
    currency: &str,
) -> Result<Option<(String, FactBody)>, Bad> {
    let value = params.money("value", currency)?;
    let Some(known) = known else {
        return Ok(value.map(|value| {
            (
                "profile-dealValue".to_owned(),
                FactBody::Profile {
                    field: "dealValue".to_owned(),
                    value: value.to_string(),
                },
            )
        }));
    };
    let value = value.unwrap_or_else(|| known.value.clone());
    let won = Opportunity {
        status: OpportunityStatus::Won,
        probability: 100,
        value,
        ..known.clone()
    };
    Ok(Some((
        format!("opportunity-{}", won.key),
        FactBody::Opportunity(won),
    )))
}

fn fields_of(fields: &Params<'_>, found: &mut Vec<(String, FactBody)>) -> Result<(), Bad> {
    for name in fields.names().filter(|name| !NOT_PROFILE.contains(name)) {
        if let Some(value) = fields.plain(name)? {
            found.push((
                format!("profile-{name}"),
                FactBody::Profile {
                    field: name.to_owned(),
                    value,
                },
            ));
        }
    }
    Ok(())
}

fn contact(entry: &Entry<'_>) -> Result<(String, FactBody), Bad> {
    let contact = match entry {
        Entry::Name(name) => Contact {
            key: slug(name),
            name: (*name).to_owned(),
            role: ContactRole::Other,
            email: None,
            phone: None,
            verified: false,
            active: true,
        },
        Entry::Object(fields) => {
            let name = fields.needed_plain("name")?;
            Contact {
                key: fields.plain("key")?.unwrap_or_else(|| slug(&name)),
                name,
                role: fields.word(&["role"], &ROLES)?.unwrap_or_default(),
                email: fields.plain("email")?,
                phone: fields.plain("phone")?,
                verified: fields.truth("verified")?.unwrap_or(false),
                active: fields.truth("active")?.unwrap_or(true),
            }
        }
    };
    Ok((format!("contact-{}", contact.key), FactBody::Contact(contact)))
}

fn service(entry: &Entry<'_>) -> Result<(String, FactBody), Bad> {
    let (key, name, note) = match entry {
        Entry::Name(name) => (slug(name), (*name).to_owned(), None),
        Entry::Object(fields) => {
            let name = fields.needed_plain("name")?;
            (
                fields.plain("key")?.unwrap_or_else(|| slug(&name)),
                name,
                fields.plain("note")?,
            )
        }
    };
    let service = Service {
        key,
        name,
        status: ServiceStatus::Agreed,
        note,
    };
    Ok((
        format!("service-1-agreed-{}", service.key),
        FactBody::Service(service),
    ))
}

fn opportunity(fields: &Params<'_>, currency: &str) -> Result<(String, FactBody), Bad> {
    let title = fields.needed_plain("title")?;
    let opportunity = Opportunity {
        key: fields.plain("key")?.unwrap_or_else(|| slug(&title)),
        title,
        status: fields
            .word(&["status"], &STATUSES)?
            .unwrap_or(OpportunityStatus::Discussed),
        value: fields
            .money("value", currency)?
            .ok_or_else(|| fields.bad("value", "saknas", "is missing"))?,
        probability: fields
            .percent("probability")?
            .ok_or_else(|| fields.bad("probability", "saknas", "is missing"))?,
        expected: fields.date(&["expected"])?,
        quote: fields.plain("quote")?,
    };
    Ok((
        format!("opportunity-{}", opportunity.key),
        FactBody::Opportunity(opportunity),
    ))
}
