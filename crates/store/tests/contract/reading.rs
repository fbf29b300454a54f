//! Rules of facts and of reading them: each once, whatever the order, as of any moment.

use std::sync::Arc;

use jiff::Timestamp;
use kunder_domain::customer::Customer;
use kunder_domain::fact::{CustomerId, Fact, FactBody, Invoice};
use kunder_domain::money::Money;
use kunder_domain::names::Lookup;
use kunder_domain::portfolio::{Portfolio, Span, View};

use crate::bench::{Bench, at, fact, named, website};
use crate::random::Random;

async fn view<B: Bench>(bench: &B, as_of: &str) -> View {
    bench.store().view(at(as_of)).await.unwrap()
}

async fn all<B: Bench>(bench: &B, view: View) -> Vec<Customer> {
    bench.store().read(view, &Span::default()).await.unwrap()
}

fn ids(customers: &[Customer]) -> Vec<&str> {
    customers.iter().map(|customer| customer.id.as_str()).collect()
}

/// A known id with the same content is nothing, with another content it is reported and the stored one stays.
pub async fn a_fact_is_stored_once<B: Bench>() {
    let bench = B::new().await;
    let facts = vec![
        named("f1", "k1", "2026-01-01T00:00:00Z", "Åsen"),
        fact("f2", "k1", "2026-01-02T00:00:00Z", invoice("10.50")),
    ];
    let report = bench.ingest(facts.clone()).await;
    assert_eq!((report.new, report.known, report.conflicts), (2, 0, 0));
    let report = bench.ingest(facts).await;
    assert_eq!((report.new, report.known, report.conflicts), (0, 2, 0));

    let other_moment = named("f1", "k1", "2026-01-01T00:00:00.000000001Z", "Åsen");
    let same_number = fact("f2", "k1", "2026-01-02T00:00:00Z", invoice("10.5"));
    let other_number = fact("f2", "k1", "2026-01-02T00:00:00Z", invoice("10.51"));
    let report = bench.ingest(vec![other_moment, same_number, other_number]).await;
    assert_eq!((report.new, report.known, report.conflicts), (0, 1, 2));
    assert_eq!(report.conflicting, ["f1", "f2"]);
    let read = all(&bench, view(&bench, "2026-02-01T00:00:00Z").await).await;
    assert_eq!(
        read[0].invoices[0].value.amount,
        Money::new("10.50".parse().unwrap(), "SEK")
    );

    let many: Vec<Fact> = (0..30)
        .map(|_| named("f1", "k1", "2026-01-01T00:00:00Z", "Annan"))
        .collect();
    let report = bench.ingest(many).await;
    assert_eq!((report.conflicts, report.conflicting.len()), (30, 20));
}

fn invoice(amount: &str) -> FactBody {
    FactBody::Invoice(Invoice {
        number: "1".to_owned(),
        amount: Money::new(amount.parse().unwrap(), "SEK"),
        credit_note: false,
        text: None,
    })
}

/// Reading as of a moment sees what was observed until then, among the facts there were when the view was made.
pub async fn reading_is_as_of_a_moment<B: Bench>() {
    let bench = B::new().await;
    bench
        .ingest(vec![
            website("f1", "k1", "2026-01-10T00:00:00Z", "gammal"),
            website("f2", "k1", "2026-01-20T00:00:00Z", "ny"),
            website("f3", "k2", "2026-01-20T00:00:00.000000001Z", "två"),
        ])
        .await;
    let site = |customer: &Customer| customer.field("website").map(str::to_owned);
    let seen = async |as_of| {
        let read = all(&bench, view(&bench, as_of).await).await;
        read.iter()
            .map(|customer| site(customer).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(seen("2026-01-09T23:59:59Z").await, [""; 0]);
    assert_eq!(seen("2026-01-10T00:00:00Z").await, ["gammal"]);
    assert_eq!(seen("2026-01-20T00:00:00Z").await, ["ny"]);
    assert_eq!(seen("2026-02-01T00:00:00Z").await, ["ny", "två"]);

    let frozen = view(&bench, "2026-02-01T00:00:00Z").await;
    let before = all(&bench, frozen).await;
    bench
        .ingest(vec![
            website("f4", "k1", "2026-01-25T00:00:00Z", "nyast"),
            website("f5", "k0", "2026-01-01T00:00:00Z", "sen"),
        ])
        .await;
    let after = all(&bench, frozen).await;
    assert_eq!(ids(&after), ["k1", "k2"]);
    assert_eq!(site(&after[0]).unwrap(), "ny");
    assert!(after[0].version > before[0].version, "the version is that of now");
    assert_eq!(after[1], before[1]);
    let one = bench
        .store()
        .customer(frozen, &CustomerId::new("k0"))
        .await
        .unwrap();
    assert_eq!(one, None);
    assert_eq!(
        bench
            .store()
            .customer(frozen, &CustomerId::new("k1"))
            .await
            .unwrap()
            .as_ref(),
        Some(&after[0])
    );
    assert_eq!(seen("2026-02-01T00:00:00Z").await, ["sen", "nyast", "två"]);
}

/// Moments far outside our time come back as they were.
pub async fn far_moments_come_back<B: Bench>() {
    let bench = B::new().await;
    let moments = [
        Timestamp::MIN,
        Timestamp::MAX,
        at("1500-01-01T00:00:00Z"),
        at("9999-12-30T00:00:00Z"),
    ];
    let facts = moments.iter().enumerate().map(|(number, observed)| Fact {
        observed: *observed,
        ..fact(
            &number.to_string(),
            "k",
            "2026-01-01T00:00:00Z",
            FactBody::OnboardingDone,
        )
    });
    bench.ingest(facts.collect()).await;
    let customer = &all(
        &bench,
        View {
            as_of: Timestamp::MAX,
            last_fact: u64::MAX,
        },
    )
    .await[0];
    assert_eq!(customer.onboarded.as_ref().unwrap().observed, Timestamp::MAX);
    let today = &all(&bench, view(&bench, "2026-01-01T00:00:00Z").await).await[0];
    assert_eq!(
        today.onboarded.as_ref().unwrap().observed,
        at("1500-01-01T00:00:00Z")
    );
}

/// Spans cover every customer of the view exactly once, in the order of their ids, none larger than asked.
pub async fn spans_cover_everyone_once<B: Bench>() {
    let bench = B::new().await;
    assert_eq!(
        bench
            .store()
            .spans(view(&bench, "2026-02-01T00:00:00Z").await, 10)
            .await
            .unwrap(),
        []
    );
    let mut random = Random::new(7);
    let names: Vec<String> = (0..97)
        .map(|number| format!("k{}-{number}", random.below(1000)))
        .collect();
    bench
        .ingest(
            names
                .iter()
                .map(|name| website(&format!("f-{name}"), name, "2026-01-01T00:00:00Z", "x"))
                .collect(),
        )
        .await;
    bench
        .ingest(vec![website("future", "zz", "2027-01-01T00:00:00Z", "x")])
        .await;
    let frozen = view(&bench, "2026-02-01T00:00:00Z").await;
    bench
        .ingest(vec![website("late", "k500-late", "2026-01-01T00:00:00Z", "x")])
        .await;
    let mut expected = names.clone();
    expected.sort();
    for size in [0, 1, 7, 96, 97, 98, 1000] {
        let spans = bench.store().spans(frozen, size).await.unwrap();
        assert_eq!(spans.len(), 97_usize.div_ceil(size.max(1)), "{size}");
        let mut covered = Vec::new();
        for span in &spans {
            let page = bench.store().read(frozen, span).await.unwrap();
            assert!(page.len() <= size.max(1));
            covered.extend(page.iter().map(|customer| customer.id.to_string()));
        }
        assert_eq!(covered, expected, "{size}");
    }
}

/// Any order of arrival, with any repeats, in any portions, gives the same customers (S0-23).
pub async fn arrival_order_does_not_matter<B: Bench>() {
    let mut facts = Vec::new();
    for number in 0..60 {
        let customer = format!("k{}", number % 5);
        // Few moments, so that many facts share one and their ids decide.
        let observed = format!("2026-01-0{}T00:00:00Z", 1 + number % 4);
        let id = format!("f{number:02}");
        facts.push(match number % 3 {
            0 => named(&id, &customer, &observed, &format!("namn {number}")),
            1 => website(&id, &customer, &observed, &format!("sida {number}")),
            _ => fact(&id, &customer, &observed, invoice(&format!("{number}.10"))),
        });
    }
    let mut expected: Option<Vec<Customer>> = None;
    for seed in 0..6 {
        let bench = B::new().await;
        let mut random = Random::new(seed);
        let mut arrival = facts.clone();
        arrival.extend((0..20).map(|_| facts[random.below(60) as usize].clone()));
        random.shuffle(&mut arrival);
        while !arrival.is_empty() {
            let portion =
                arrival.split_off(arrival.len() - (1 + random.below(9) as usize).min(arrival.len()));
            assert_eq!(bench.ingest(portion).await.conflicts, 0);
        }
        let mut read = all(&bench, view(&bench, "2026-02-01T00:00:00Z").await).await;
        for customer in &mut read {
            customer.version = 0;
        }
        let names = bench.store().names().await.unwrap();
        for customer in &read {
            assert_eq!(
                names.find(customer.name()),
                Lookup::Found(customer.id.clone()),
                "seed {seed}"
            );
        }
        match &expected {
            None => expected = Some(read),
            Some(expected) => assert_eq!(expected, &read, "seed {seed}"),
        }
    }
}

/// The index of names follows the facts, and is not made again without need.
pub async fn names_follow_the_facts<B: Bench>() {
    let bench = B::new().await;
    let names = async || bench.store().names().await.unwrap();
    let empty = names().await;
    bench
        .ingest(vec![named("f1", "k1", "2026-01-02T00:00:00Z", "Åsens förening")])
        .await;
    let one = names().await;
    assert!(!Arc::ptr_eq(&empty, &one));
    assert_eq!(one.find("Åsens förening"), found("k1"));
    // Neither another field nor an older name changes it.
    bench
        .ingest(vec![website("f2", "k1", "2026-01-03T00:00:00Z", "x")])
        .await;
    bench
        .ingest(vec![named("f3", "k1", "2026-01-01T00:00:00Z", "Gamla namnet")])
        .await;
    assert!(Arc::ptr_eq(&one, &names().await));
    bench
        .ingest(vec![named("f4", "k1", "2026-01-03T00:00:00Z", "Nya namnet")])
        .await;
    let renamed = names().await;
    assert_eq!(renamed.find("Nya namnet"), found("k1"));
    assert_ne!(renamed.find("Åsens förening"), found("k1"));
    bench
        .ingest(vec![website("f5", "utan-namn", "2026-01-03T00:00:00Z", "x")])
        .await;
    assert_eq!(names().await.find("utan-namn"), found("utan-namn"));
}

/// Of two names observed at one moment, that of the greater fact id counts, whichever came first, as in the fold.
pub async fn names_of_one_moment_are_told_apart_by_their_ids<B: Bench>() {
    let facts = [
        named("f1", "k1", "2026-01-02T00:00:00Z", "Första namnet"),
        named("f2", "k1", "2026-01-02T00:00:00Z", "Andra benämningen"),
    ];
    for order in [[0, 1], [1, 0]] {
        let bench = B::new().await;
        for fact in order {
            bench.ingest(vec![facts[fact].clone()]).await;
        }
        let read = all(&bench, view(&bench, "2026-02-01T00:00:00Z").await).await;
        assert_eq!(read[0].name(), "Andra benämningen");
        let names = bench.store().names().await.unwrap();
        assert_eq!(names.find("Andra benämningen"), found("k1"), "{order:?}");
        assert_ne!(names.find("Första namnet"), found("k1"), "{order:?}");
    }
}

/// A customer belongs to the spans of a past day as soon as anything was observed by then, however late it was told.
pub async fn spans_know_what_was_told_late<B: Bench>() {
    let bench = B::new().await;
    bench
        .ingest(vec![
            website("f1", "together", "2027-01-01T00:00:00Z", "x"),
            website("f2", "together", "2025-01-01T00:00:00Z", "x"),
            website("f3", "övrig", "2027-01-01T00:00:00Z", "x"),
        ])
        .await;
    bench
        .ingest(vec![website("f4", "övrig", "2025-01-01T00:00:00Z", "x")])
        .await;
    let past = view(&bench, "2026-01-01T00:00:00Z").await;
    let mut covered = Vec::new();
    for span in bench.store().spans(past, 1).await.unwrap() {
        covered.extend(bench.store().read(past, &span).await.unwrap());
    }
    assert_eq!(ids(&covered), ["together", "övrig"]);
}

fn found(customer: &str) -> Lookup {
    Lookup::Found(CustomerId::new(customer))
}
