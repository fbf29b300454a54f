//! Every border of section A6 that concerns seed 000 is in the demo portfolio, told by the same code that the agents use.

use std::collections::BTreeMap;

use expect_test::expect;
use jiff::civil::date;

use super::*;
use crate::checklist::Checklist;
use crate::customer::Customer;
use crate::definitions::Definitions;
use crate::fact::{CustomerId, FactBody, Stage, field};
use crate::health::{CheckContext, CompiledModel};
use crate::icp::{Fit, fit_of};
use crate::measuring::measure;
use crate::metrics::Metrics;
use crate::money_flow::MoneyFlow;
use crate::names::slug;
use crate::process;

const DAY: Date = date(2026, 3, 2);

fn stockholm() -> TimeZone {
    TimeZone::get("Europe/Stockholm").unwrap()
}

fn customers(day: Date) -> BTreeMap<String, Customer> {
    let mut by_customer: BTreeMap<CustomerId, Vec<Fact>> = BTreeMap::new();
    for fact in generate(day, 7, &stockholm()) {
        by_customer.entry(fact.customer.clone()).or_default().push(fact);
    }
    by_customer
        .into_iter()
        .map(|(id, facts)| (id.0.clone(), Customer::fold(id, 1, facts)))
        .collect()
}

fn customer(name: &str) -> Customer {
    customers(DAY).remove(&slug(name)).unwrap()
}

fn metrics(name: &str) -> Metrics {
    Metrics::of(&customer(name), DAY, &stockholm(), &Definitions::shipped())
}

/// By the shipped model.
fn band(customer: &Customer, day: Date, metrics: &Metrics) -> String {
    let definitions = Definitions::shipped();
    let model = CompiledModel::compile(&definitions.health, &definitions.metrics.body).unwrap();
    let now = stockholm().to_timestamp(day.at(12, 0, 0, 0)).unwrap();
    let measured = measure(customer, &definitions.metrics.body, metrics, now, &stockholm());
    let context = CheckContext {
        now,
        today: day,
        customer_since: None,
        previous: None,
        overrides: &[],
    };
    let result = model.check(&measured.values, &context);
    result.band().unwrap().key.clone()
}

fn flow(name: &str) -> MoneyFlow {
    MoneyFlow::of(
        &customer(name),
        DAY,
        &stockholm(),
        &Definitions::shipped().pipeline.body,
    )
}

#[test]
fn the_same_day_and_seed_make_the_same_portfolio() {
    let hash = |day, seed| {
        let facts = serde_json::to_string(&generate(day, seed, &stockholm())).unwrap();
        blake3::hash(facts.as_bytes()).to_hex()[..16].to_owned()
    };
    assert_eq!(hash(DAY, 7), hash(DAY, 7));
    assert_ne!(hash(DAY, 7), hash(DAY, 8));
    expect!["e9689dfba4305dd0"].assert_eq(&hash(DAY, 7));
}

#[test]
fn ids_are_unique_and_nothing_is_observed_on_the_day_itself() {
    let facts = generate(DAY, 7, &stockholm());
    let ids: std::collections::BTreeSet<&str> = facts.iter().map(|fact| fact.id.as_str()).collect();
    assert_eq!(ids.len(), facts.len());
    let start = stockholm().to_timestamp(DAY.at(0, 0, 0, 0)).unwrap();
    assert!(facts.iter().all(|fact| fact.observed < start));
    assert!(facts.windows(2).all(|pair| pair[0].observed <= pair[1].observed));
}

#[test]
fn the_portfolio_at_a_glance() {
    let (definitions, zone) = (Definitions::shipped(), stockholm());
    let mut lines = Vec::new();
    for customer in customers(DAY).values() {
        let metrics = Metrics::of(customer, DAY, &zone, &definitions);
        let stage = customer
            .stage()
            .map(|stage| process::label(stage).sv)
            .unwrap_or_default();
        lines.push(format!(
            "{}: {} {} d, {} sena, {stage}, {}",
            customer.name(),
            band(customer, DAY, &metrics),
            metrics.days_since_contact,
            metrics.overdue_todos,
            metrics
                .value_at_risk
                .moneys()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" + "),
        ));
    }
    expect![[r#"
        Åkerlunda Riksförbund: frisk 5 d, 0 sena, Expansion, 8750.35 EUR + 412800.00 SEK
        Blåklinta Folkbildning: uppmarksamhet 90 d, 0 sena, Partnerskap, 82000.00 SEK
        Fjällhamra Skidallians: akut 91 d, 0 sena, Partnerskap, 238500.00 SEK
        Granåkers Bildningscirkel: frisk 17 d, 0 sena, Partnerskap, 25800.00 SEK
        Hammarkärrs Ungdomsförbund: frisk 6 d, 0 sena, Leverans, 126000.00 SEK
        Kråkholmens Brukshundsvänner: frisk 15 d, 0 sena, Onboarding, 7200.00 SEK
        Lärkmåla Hjälpkår: frisk 8 d, 5 sena, Partnerskap, 148500.00 SEK
        Norrljusa Gymnastikförening: frisk 3 d, 0 sena, Expansion, 180900.00 SEK
        Örnvik Idrottsförbund: frisk 12 d, 0 sena, Partnerskap, 141600.00 SEK
        Örnvik Studieförbund: uppmarksamhet 60 d, 0 sena, Partnerskap, 131500.00 SEK
        Silverån Kanot & Kamratskap: frisk 44 d, 0 sena, Partnerskap, 66300.00 SEK
        Skogsåsens Friluftsförbund: akut 140 d, 0 sena, Partnerskap, 72800.00 SEK
        Stenhöjda Seglarförbund: frisk 33 d, 0 sena, Partnerskap, 109200.00 SEK
        Tallmossa Räddningssällskap: frisk 10 d, 0 sena, Leverans, 91200.00 SEK
        Vindelö Kulturförening: uppmarksamhet 21 d, 6 sena, Partnerskap, 95400.00 SEK"#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn the_same_bands_whatever_day_it_is_made() {
    let (definitions, zone) = (Definitions::shipped(), stockholm());
    // Among them both changes of the clock, a leap day and a new year.
    for day in [
        date(2025, 3, 30),
        date(2025, 3, 31),
        date(2025, 10, 26),
        date(2024, 2, 29),
        date(2026, 1, 1),
        date(1998, 6, 30),
    ] {
        let mut bands: BTreeMap<String, usize> = BTreeMap::new();
        for customer in customers(day).values() {
            let metrics = Metrics::of(customer, day, &zone, &definitions);
            *bands.entry(band(customer, day, &metrics)).or_default() += 1;
        }
        assert_eq!(
            bands,
            BTreeMap::from(
                [("akut", 2), ("frisk", 10), ("uppmarksamhet", 3)].map(|(key, n)| (key.to_owned(), n))
            ),
            "{day}"
        );
    }
}

#[test]
fn fifteen_active_customers_that_fit_but_for_what_is_missing() {
    let icp = Definitions::shipped().icp.body;
    let customers = customers(DAY);
    assert_eq!(customers.len(), 15);
    let mut sectors = std::collections::BTreeSet::new();
    for customer in customers.values() {
        assert!(customer.is_active());
        sectors.insert(customer.field(field::SECTOR).unwrap().to_owned());
        let fit = fit_of(customer, &icp);
        let is_incomplete = customer.name() == "Kråkholmens Brukshundsvänner";
        assert_eq!(matches!(fit, Fit::NotScored(_)), is_incomplete, "{fit:?}");
        assert_eq!(matches!(fit, Fit::Inside(_)), !is_incomplete, "{fit:?}");
    }
    assert_eq!(sectors.len(), 4);
    assert_eq!(
        customer("Blåklinta Folkbildning").field(field::EMPLOYEES),
        Some("30")
    );
    assert_eq!(
        customer("Fjällhamra Skidallians").field(field::EMPLOYEES),
        Some("300")
    );
}

#[test]
fn contacts_stand_on_both_sides_of_each_border_and_of_midnight() {
    let days = |name: &str| metrics(name).days_since_contact;
    assert_eq!(days("Örnvik Studieförbund"), 60);
    assert_eq!(days("Blåklinta Folkbildning"), 90);
    assert_eq!(days("Fjällhamra Skidallians"), 91);
    let never = metrics("Skogsåsens Friluftsförbund");
    assert_eq!(
        (never.touchpoints, never.days_since_contact, never.last_contact),
        (0, 140, None)
    );
    // In universal time this contact was the day before.
    let at = metrics("Fjällhamra Skidallians").last_contact.unwrap();
    assert_eq!(
        TimeZone::UTC.to_datetime(at.at).date().tomorrow().unwrap(),
        at.day
    );
}

#[test]
fn todos_stand_on_both_sides_of_the_border() {
    let five = metrics("Lärkmåla Hjälpkår");
    assert_eq!((five.overdue_todos, five.open_todos), (5, 8));
    assert_eq!(metrics("Vindelö Kulturförening").overdue_todos, 6);
    assert!(customer("Silverån Kanot & Kamratskap").todos.is_empty());
}

#[test]
fn money_falls_ends_is_credited_and_comes_in_two_currencies() {
    let falling = flow("Stenhöjda Seglarförbund");
    assert!(falling.is_falling());
    assert_eq!(
        (falling.recurring.get("SEK"), falling.recurring_before.get("SEK")),
        (7_500.into(), 12_000.into())
    );
    let ended = flow("Granåkers Bildningscirkel");
    assert!(ended.is_falling() && ended.recurring.is_zero());
    assert!(
        customer("Granåkers Bildningscirkel")
            .invoices
            .iter()
            .any(|invoice| invoice.value.credit_note)
    );
    let two = flow("Åkerlunda Riksförbund");
    assert_eq!(two.invoiced.moneys().len(), 2);
    assert_eq!(two.invoiced.get("EUR"), "3400.75".parse().unwrap());
    // 70 % of 12,500.50, to the last decimal.
    assert_eq!(two.weighted.get("EUR"), "8750.35".parse().unwrap());
    assert!(!flow("Örnvik Idrottsförbund").is_falling());
}

#[test]
fn opportunities_are_stale_hot_won_and_lost() {
    let titles = |found: Vec<&crate::money_flow::OpenOpportunity>| -> Vec<(String, i64)> {
        found
            .iter()
            .map(|open| (open.opportunity.value.title.clone(), open.idle_days))
            .collect()
    };
    let silver = flow("Silverån Kanot & Kamratskap");
    assert_eq!(
        titles(silver.stale().collect()),
        [("Digital säkerhetsutbildning".to_owned(), 31)]
    );
    assert!(silver.open.iter().any(|open| open.idle_days == 30));
    let hot = flow("Åkerlunda Riksförbund");
    assert_eq!(
        titles(hot.hot().collect()),
        [("Utrullning till alla distrikt".to_owned(), 9)]
    );
    // Seventy percent is not above seventy.
    assert!(
        hot.open
            .iter()
            .any(|open| open.opportunity.value.probability == 70)
    );
    let all: Vec<_> = customers(DAY).into_values().collect();
    let has = |wanted| {
        all.iter()
            .flat_map(Customer::current_opportunities)
            .any(|current| current.value.status == wanted)
    };
    assert!(has(crate::fact::OpportunityStatus::Won) && has(crate::fact::OpportunityStatus::Lost));
}

#[test]
fn all_four_steps_are_there_and_deliveries_stand_on_both_sides_of_the_last_day() {
    let (definitions, zone) = (Definitions::shipped(), stockholm());
    let stages: std::collections::BTreeSet<Stage> =
        customers(DAY).values().filter_map(Customer::stage).collect();
    assert_eq!(stages.len(), 4);
    let delivery =
        |name: &str| process::delivery(&customer(name), DAY, &zone, &definitions.process.body).unwrap();
    let late = delivery("Tallmossa Räddningssällskap");
    assert_eq!((late.days, late.overdue), (57, true));
    let last = delivery("Hammarkärrs Ungdomsförbund");
    assert_eq!((last.days, last.overdue, last.due), (56, false, DAY));
    for customer in customers(DAY).values() {
        let mut current = None;
        for stage in &customer.stages {
            process::advance(current, stage.value.0).unwrap();
            current = Some(stage.value.0);
        }
    }
}

#[test]
fn one_onboarding_lacks_data_and_everybody_else_is_complete() {
    let onboarding = Definitions::shipped().onboarding.body;
    for customer in customers(DAY).values() {
        let checklist = Checklist::of(customer, &onboarding);
        assert_eq!(
            checklist.complete,
            customer.stage() != Some(Stage::Onboarding),
            "{}",
            customer.name()
        );
    }
    let missing: Vec<String> = Checklist::of(&customer("Kråkholmens Brukshundsvänner"), &onboarding)
        .missing()
        .map(|item| {
            format!(
                "{} ({}): {}",
                item.label.sv,
                item.value.as_deref().unwrap_or("-"),
                item.supplier
            )
        })
        .collect();
    expect![[r#"
        Organisationsnummer (-): Sälj
        Antal anställda (-): Sälj
        Minst tre kontaktpersoner (2): Kunden
        Ekonomikontakt (-): Ekonomi
        Projektkontakt (-): Kunden
        Verifierad e-post eller telefon (-): Kunden
        E-postadress för fakturor (-): Ekonomi
        Hur kunden helst vill bli kontaktad (-): Kunden
        Val om nyhetsbrev (-): Kunden
        Minst en avtalad tjänst (-): Tjänster
        Påskrivet avtal (-): Sälj
        Första kvartalsmötet bokat (-): Kunden"#]]
    .assert_eq(&missing.join("\n"));
}

/// Nothing is older than the customer it is about, its todos and what became of them among it.
#[test]
fn nothing_is_older_than_its_customer() {
    let zone = TimeZone::get("Europe/Stockholm").unwrap();
    for seed in 0..20 {
        let facts = generate(DAY, seed, &zone);
        for fact in &facts {
            let started = facts
                .iter()
                .filter(|other| other.customer == fact.customer)
                .find(|other| matches!(other.body, FactBody::Onboarding { .. }))
                .map(|start| start.observed);
            let is_todo = matches!(fact.body, FactBody::Todo(_) | FactBody::TodoDone { .. });
            assert!(
                !is_todo || Some(fact.observed) >= started,
                "seed {seed}: {}",
                fact.id
            );
        }
    }
}
