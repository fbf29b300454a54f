//! The onboarding checklist on one customer (S0-06, S0-12): what is done and by which source, what is missing and who has it.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::customer::{Customer, Sourced};
use crate::definitions::{Evidence, Label, Onboarding};
use crate::fact::{Contact, field};

/// The checklist of one customer.
#[derive(Clone, Debug, PartialEq)]
pub struct Checklist {
    /// In the file's order.
    pub items: Vec<Item>,
    /// Whether every required item is done.
    pub complete: bool,
}

/// One item.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub id: String,
    pub label: Label,
    pub group: Label,
    pub done: bool,
    /// What is known: the field's value, a name, a number of things. Present on a missing item where something is there, but not enough.
    pub value: Option<String>,
    /// Where that comes from, and when it was observed.
    pub source: Option<String>,
    pub observed: Option<Timestamp>,
    /// Who can supply it.
    pub supplier: String,
    pub required: bool,
}

impl Checklist {
    #[must_use]
    pub fn of(customer: &Customer, onboarding: &Onboarding) -> Self {
        let mut items = Vec::new();
        for group in &onboarding.groups {
            for item in &group.items {
                let found = look(customer, &item.done_when);
                items.push(Item {
                    id: item.id.clone(),
                    label: item.label.clone(),
                    group: group.label.clone(),
                    done: found.done,
                    value: found.value,
                    source: found.source,
                    observed: found.observed,
                    supplier: item.supplier.clone(),
                    required: item.required,
                });
            }
        }
        let complete = items.iter().all(|item| item.done || !item.required);
        Self { items, complete }
    }

    /// Required items that are not done.
    pub fn missing(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.required && !item.done)
    }

    /// How many items are done.
    #[must_use]
    pub fn done(&self) -> usize {
        self.items.iter().filter(|item| item.done).count()
    }
}

/// Why an item could never be missing; a definition with such an item is refused.
pub(crate) fn pointless(evidence: &Evidence) -> Option<&'static str> {
    match evidence {
        Evidence::Field(name) => name.trim().is_empty().then_some("names no field"),
        Evidence::Contacts(0) | Evidence::Services(0) | Evidence::Opportunities(0) => Some("asks for none"),
        Evidence::VerifiedContact(false) => Some("asks for no verified contact"),
        Evidence::Contacts(_)
        | Evidence::Services(_)
        | Evidence::Opportunities(_)
        | Evidence::Role(_)
        | Evidence::VerifiedContact(true) => None,
    }
}

#[derive(Default)]
struct Found {
    done: bool,
    value: Option<String>,
    source: Option<String>,
    observed: Option<Timestamp>,
}

impl Found {
    /// `value` told by the newest of `facts`.
    fn told<'a, T: 'a>(done: bool, value: String, facts: impl Iterator<Item = &'a Sourced<T>>) -> Self {
        let newest = facts.max_by_key(|fact| fact.observed);
        let Some(newest) = newest else {
            return Self {
                done,
                ..Self::default()
            };
        };
        let (source, observed) = (Some(newest.source.clone()), Some(newest.observed));
        Self {
            done,
            value: Some(value),
            source,
            observed,
        }
    }

    fn at_least<'a, T: 'a>(wanted: usize, facts: &[&'a Sourced<T>]) -> Self {
        Self::told(
            facts.len() >= wanted,
            facts.len().to_string(),
            facts.iter().copied(),
        )
    }
}

fn look(customer: &Customer, evidence: &Evidence) -> Found {
    match evidence {
        Evidence::Field(name) => customer.profile.get(name).map_or_else(Found::default, |value| {
            let text = value.value.trim();
            if text.is_empty() {
                return Found::default();
            }
            Found::told(readable(name, text), text.to_owned(), std::iter::once(value))
        }),
        Evidence::Contacts(wanted) => Found::at_least(*wanted, &contacts(customer, |_| true)),
        Evidence::Role(role) => named(&contacts(customer, |contact| contact.role == *role)),
        Evidence::VerifiedContact(_) => {
            let reachable = |contact: &Contact| contact.email.is_some() || contact.phone.is_some();
            named(&contacts(customer, |contact| {
                contact.verified && reachable(contact)
            }))
        }
        Evidence::Services(wanted) => {
            let services: Vec<_> = customer
                .services
                .values()
                .filter_map(|states| states.last())
                .collect();
            Found::at_least(*wanted, &services)
        }
        Evidence::Opportunities(wanted) => {
            let open: Vec<_> = customer
                .current_opportunities()
                .filter(|open| open.value.status.is_open())
                .collect();
            Found::at_least(*wanted, &open)
        }
    }
}

fn contacts(customer: &Customer, fits: impl Fn(&Contact) -> bool) -> Vec<&Sourced<Contact>> {
    customer
        .contacts
        .values()
        .filter(|contact| contact.value.active && fits(&contact.value))
        .collect()
}

fn named(contacts: &[&Sourced<Contact>]) -> Found {
    let names: Vec<&str> = contacts
        .iter()
        .map(|contact| contact.value.name.as_str())
        .collect();
    Found::told(!contacts.is_empty(), names.join(", "), contacts.iter().copied())
}

/// Whether a field that has a form is in it: "about forty" is not a number of employees.
fn readable(name: &str, text: &str) -> bool {
    match name {
        field::EMPLOYEES => text.parse::<u32>().is_ok_and(|employees| employees > 0),
        field::FIRST_QUARTERLY_MEETING => text.parse::<Date>().is_ok(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::Definitions;
    use crate::fact::{ContactRole, CustomerId, Fact, FactBody};

    fn item(id: &str, bodies: Vec<FactBody>) -> Item {
        let facts = bodies.into_iter().enumerate().map(|(number, body)| Fact {
            id: number.to_string(),
            customer: CustomerId::new("k"),
            observed: "2026-01-01T12:00:00Z".parse().unwrap(),
            source: "Sälj".into(),
            actor: "S".into(),
            body,
        });
        let customer = Customer::fold(CustomerId::new("k"), 1, facts.collect());
        let checklist = Checklist::of(&customer, &Definitions::shipped().onboarding.body);
        checklist.items.into_iter().find(|item| item.id == id).unwrap()
    }

    fn profile(field: &str, value: &str) -> Vec<FactBody> {
        vec![FactBody::Profile {
            field: field.into(),
            value: value.into(),
        }]
    }

    fn contact(number: usize, verified: bool, active: bool) -> FactBody {
        let (key, name) = (number.to_string(), format!("Person {number}"));
        let email = Some("p@example".to_owned());
        FactBody::Contact(Contact {
            key,
            name,
            role: ContactRole::Finance,
            email,
            phone: None,
            verified,
            active,
        })
    }

    #[test]
    fn a_field_is_done_with_its_source_when_it_says_something() {
        let done = item("employees", profile("employees", "120"));
        assert_eq!(
            (done.done, done.value.as_deref(), done.source.as_deref()),
            (true, Some("120"), Some("Sälj"))
        );
        assert!(done.observed.is_some());
        for (id, field, value) in [
            ("employees", "employees", "ungefär fyrtio"),
            ("employees", "employees", "0"),
            ("contract", "contract", "  "),
            ("first_quarterly_meeting", "firstQuarterlyMeeting", "i vår"),
        ] {
            assert!(!item(id, profile(field, value)).done, "{value:?}");
        }
        let missing = item("contract", Vec::new());
        assert_eq!(
            (missing.done, missing.source, missing.supplier.as_str()),
            (false, None, "Sälj")
        );
    }

    #[test]
    fn contacts_count_while_they_are_active() {
        let contacts = |number: usize| {
            (0..number)
                .map(|number| contact(number, false, true))
                .collect::<Vec<_>>()
        };
        assert!(!item("three_contacts", contacts(2)).done);
        assert!(item("three_contacts", contacts(3)).done);
        let mut with_one_gone = contacts(2);
        with_one_gone.push(contact(2, true, false));
        assert!(!item("three_contacts", with_one_gone.clone()).done);
        assert!(!item("verified_contact", with_one_gone).done);
        assert!(item("verified_contact", vec![contact(0, true, true)]).done);
        assert!(item("finance", contacts(1)).done && !item("technical", contacts(1)).done);
    }
}
