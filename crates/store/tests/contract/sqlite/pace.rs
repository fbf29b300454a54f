//! How fast: facts in, customers out, tasks through. Figures to look at; run with `--release -- --ignored --nocapture pace`.

use jiff::SignedDuration;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::journal::Journal;
use kunder_domain::fact::{Fact, FactBody, Invoice};
use kunder_domain::money::Money;
use kunder_domain::portfolio::Portfolio;
use rust_decimal::Decimal;

use super::SqliteBench;
use crate::bench::{Bench, at, commit, done, fact, named, new_task, run};
use crate::random::Random;

/// Measures; nothing decides on it.
fn timed<T>(what: &str, began: Began, value: T) -> T {
    println!("{what}: {:?}", began.0.elapsed());
    value
}

struct Began(std::time::Instant);

fn begin() -> Began {
    #[expect(clippy::disallowed_methods, reason = "a measurement needs the real time")]
    Began(std::time::Instant::now())
}

fn facts() -> Vec<Fact> {
    let mut random = Random::new(1);
    let mut facts: Vec<Fact> = (0..23_570)
        .map(|number| {
            named(
                &format!("n{number}"),
                &format!("{number:05}"),
                "1997-01-01T00:00:00Z",
                "Namn",
            )
        })
        .collect();
    let first = at("1997-01-01T00:00:00Z");
    facts.extend((0..69_659_i64).map(|number| {
        let customer = if number < 23_570 {
            number
        } else {
            random.below(23_570) as i64
        };
        let invoice = Invoice {
            number: number.to_string(),
            amount: Money::new(Decimal::new(1_000 + random.below(9_000) as i64, 2), "USD"),
            credit_note: false,
            text: None,
        };
        Fact {
            observed: first + SignedDuration::from_hours(24 * random.below(540) as i64),
            ..fact(
                &format!("cdnow.txt/{:016x}/{number}", random.below(1 << 30)),
                &format!("{customer:05}"),
                "1997-01-01T00:00:00Z",
                FactBody::Invoice(invoice),
            )
        }
    }));
    facts
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
async fn pace_of_facts() {
    let bench = SqliteBench::new().await;
    let facts = facts();
    let began = begin();
    let report = timed("ingest 93,229 facts", began, bench.ingest(facts.clone()).await);
    assert_eq!(report.new, 93_229);
    let began = begin();
    let report = timed("ingest them again", began, bench.ingest(facts).await);
    assert_eq!(report.known, 93_229);
    let began = begin();
    let view = bench.store().view(at("1998-06-30T00:00:00Z")).await.unwrap();
    let spans = timed(
        "cut 23,570 customers",
        began,
        bench.store().spans(view, 500).await.unwrap(),
    );
    let began = begin();
    let mut read = 0;
    for span in &spans {
        read += bench.store().read(view, span).await.unwrap().len();
    }
    assert_eq!(timed("read them in pages of 500", began, read), 23_570);
    let began = begin();
    timed("names", began, bench.store().names().await.unwrap());
    let began = begin();
    timed("names again", began, bench.store().names().await.unwrap());
    println!("{:?}", bench.store().sizes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn pace_of_tasks() {
    let bench = SqliteBench::new().await;
    let epoch = bench.store().recover().await.unwrap();
    let began = begin();
    for number in 0..2_000 {
        let name = format!("one-{number}");
        bench.store().accept(new_task(&name)).await.unwrap();
        run(&bench, done(&name, epoch)).await.unwrap();
    }
    timed("2,000 tasks one by one", began, ());
    let began = begin();
    let lanes: Vec<_> = (0..256)
        .map(|lane| {
            let store = bench.store().clone();
            bench.clock().spawn(Box::pin(async move {
                for number in 0..200 {
                    let name = format!("many-{lane}-{number}");
                    store.accept(new_task(&name)).await.unwrap();
                    let end = done(&name, epoch).end;
                    let commit = commit(&name, epoch, end);
                    store.start(&commit.task, epoch);
                    store.commit(commit).await.unwrap();
                }
            }))
        })
        .collect();
    for lane in lanes {
        lane.await.unwrap();
    }
    timed("51,200 tasks in 256 lanes", began, ());
    let began = begin();
    let counts = timed("count 53,200 tasks", began, bench.store().counts().await.unwrap());
    assert_eq!(counts.complete, 53_200);
}
