//! A story names nobody, and a text that does is caught.

use expect_test::expect;
use jiff::civil::date;

use super::*;
use crate::demo;
use crate::fact::{CustomerId, Fact};

const DAY: Date = date(2026, 3, 2);

fn zone() -> TimeZone {
    TimeZone::get("Europe/Stockholm").unwrap()
}

fn customers() -> Vec<Customer> {
    let mut by_customer: std::collections::BTreeMap<CustomerId, Vec<Fact>> =
        std::collections::BTreeMap::new();
    for fact in demo::generate(DAY, 7, &zone()) {
        by_customer.entry(fact.customer.clone()).or_default().push(fact);
    }
    by_customer
        .into_iter()
        .map(|(id, facts)| Customer::fold(id, 1, facts))
        .collect()
}

fn customer() -> Customer {
    customers()
        .into_iter()
        .find(|customer| customer.name() == "Norrljusa Gymnastikförening")
        .unwrap()
}

#[test]
fn a_story_tells_what_was_reached_and_not_by_whom() {
    let story = story(&customer(), DAY, &zone(), &Definitions::shipped()).unwrap();
    let lines: Vec<&str> = story.texts().collect();
    expect![[r#"
        En kund i branschen idrottsorganisationer, 150 anställda eller fler, har nått resultat tillsammans med oss
        A customer in the sector sports organisations, 150 employees or more, has reached results together with us
        Tjänsten ”Tävlingsmodul” blev klar på 5 veckor.
        The service “Tävlingsmodul” was delivered in 5 weeks.
        Tjänsten ”Satori-uppstart” blev klar på 7 veckor.
        The service “Satori-uppstart” was delivered in 7 weeks.
        Kunden ger 10 av 10 på frågan om de skulle rekommendera oss.
        The customer answers 10 of 10 when asked whether they would recommend us.
        Samarbetet har utökats med mer än det började med.
        The cooperation has grown beyond what it began with.
        Samarbetet har pågått i mer än 3 år.
        The cooperation has lasted for more than 3 years.
        Bästa uppstarten vi varit med om"#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn no_story_gives_its_customer_away() {
    let definitions = Definitions::shipped();
    let mut told = 0;
    for customer in customers() {
        let Some(story) = story(&customer, DAY, &zone(), &definitions) else {
            continue;
        };
        told += 1;
        let text = story.texts().collect::<Vec<_>>().join("\n").to_lowercase();
        assert_eq!(reveals(&text, &customer), Vec::<String>::new());
        // Not by the code under test, but letter by letter.
        for secret in customer
            .name()
            .to_lowercase()
            .split(' ')
            .filter(|word| word.chars().count() > 3)
        {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        for secret in [
            field::TOWN,
            field::ORG_NUMBER,
            field::INVOICE_EMAIL,
            field::CONTRACT,
        ] {
            let secret = customer.field(secret).unwrap().to_lowercase();
            assert!(!text.contains(&format!(" {secret}")), "{secret} in {text}");
        }
        for contact in customer.contacts.values() {
            assert!(!text.contains(&contact.value.name.to_lowercase()));
        }
    }
    assert!(told >= 10, "{told}");
}

#[track_caller]
fn check(text: &str, kind: &str) {
    let found = reveals(text, &customer());
    assert!(
        found.iter().any(|finding| finding.starts_with(kind)),
        "{text:?}: {found:?}"
    );
}

#[test]
fn every_way_to_name_the_customer_is_caught() {
    let customer = customer();
    let contact = &customer.contacts.values().next().unwrap().value;
    for text in [
        "NORRLJUSA växer",
        "hos norrljusas ledare",
        "Gymnastikförening",
        "Norrljusagymnasterna",
        "N\u{6f}rrljusa",
        "se norrljusa-gymnastikforening.md",
    ] {
        check(text, "name");
    }
    check("kund norrljusa-gymnastikforening", "id");
    let number = customer.field(field::ORG_NUMBER).unwrap();
    check(&format!("org.nr {number}."), "orgNumber");
    check(&format!("org.nr {}.", number.replace('-', "")), "orgNumber");
    check(
        &format!("Skriv till {}", contact.email.as_deref().unwrap()),
        "email",
    );
    check("info@norrljusa-gymnastikforening.example", "domain");
    check("www.norrljusa-gymnastikforening.example", "domain");
    check(&format!("{} sade", contact.name), "contact");
    check(
        &format!("{}s idé", contact.name.split(' ').next_back().unwrap()),
        "contact",
    );
    check(&format!("ring {}", contact.phone.as_deref().unwrap()), "phone");
    check(
        &format!("ring +46 {}", &contact.phone.as_deref().unwrap()[1..]),
        "phone",
    );
    check("en idrottsorganisation i Norrljusa", "town");
}

#[test]
fn a_text_about_nobody_is_free() {
    let free = "En organisation med 150 anställda eller fler sparar flera timmar i veckan, 9 av 10 rekommenderar oss.";
    assert_eq!(reveals(free, &customer()), Vec::<String>::new());
}

#[test]
fn what_a_customer_said_is_left_out_where_it_names_them() {
    let mut customer = customer();
    let feedback = customer.feedback[0].clone();
    customer.feedback.push(feedback);
    customer.feedback.last_mut().unwrap().value.2 = Some("Vi i Norrljusa är nöjda".to_owned());
    let story = story(&customer, DAY, &zone(), &Definitions::shipped()).unwrap();
    assert!(!story.quotes.is_empty());
    assert!(story.quotes.iter().all(|quote| !quote.contains("Norrljusa")));
}

#[test]
fn a_service_named_after_the_customer_is_left_out() {
    let mut customer = customer();
    for states in customer.services.values_mut() {
        states.last_mut().unwrap().value.name = "Tävlingsmodul för Norrljusa".to_owned();
    }
    let story = story(&customer, DAY, &zone(), &Definitions::shipped()).unwrap();
    assert!(story.texts().all(|text| !text.contains("Norrljusa")), "{story:?}");
}
