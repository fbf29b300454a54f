//! KPIs by examples computed by hand: facts in, one line per KPI out.

use expect_test::{Expect, expect};
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::*;
use crate::customer::Customer;
use crate::definitions::{Definitions, SHIPPED};
use crate::fact::{CustomerId, Fact, FactBody, Measurement, Reading, Stage, Subscription, field};
use crate::money::Money;

mod cohorts;
mod counts;
mod money;
mod pages;

fn zone() -> TimeZone {
    TimeZone::get("Europe/Stockholm").unwrap()
}

/// A moment written `2025-02-01` (its noon) or `2025-02-01 08:30`, in Stockholm.
fn at(text: &str) -> Timestamp {
    let (day, time) = text.split_once(' ').unwrap_or((text, "12:00"));
    let moment: jiff::civil::DateTime = format!("{day}T{time}").parse().unwrap();
    zone().to_timestamp(moment).unwrap()
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

/// One customer with what is known of it.
struct Built {
    id: String,
    facts: Vec<Fact>,
}

fn customer(id: &str, since: &str) -> Built {
    Built {
        id: id.to_owned(),
        facts: Vec::new(),
    }
    .fact(
        since,
        FactBody::Profile {
            field: field::NAME.to_owned(),
            value: id.to_owned(),
        },
    )
}

impl Built {
    fn fact(mut self, when: &str, body: FactBody) -> Self {
        self.facts.push(Fact {
            id: format!("{}/{}", self.id, self.facts.len()),
            customer: CustomerId::new(&self.id),
            observed: at(when),
            source: "CRM".to_owned(),
            actor: "Import".to_owned(),
            body,
        });
        self
    }

    fn status(self, when: &str, status: &str) -> Self {
        self.fact(
            when,
            FactBody::Profile {
                field: field::STATUS.to_owned(),
                value: status.to_owned(),
            },
        )
    }

    fn pays(self, key: &str, crowns: i64, start: &str, end: Option<&str>) -> Self {
        self.pays_in("SEK", key, crowns, start, end)
    }

    fn pays_in(self, currency: &str, key: &str, amount: i64, start: &str, end: Option<&str>) -> Self {
        let subscription = Subscription {
            key: key.to_owned(),
            name: key.to_owned(),
            monthly: Money::new(Decimal::from(amount), currency),
            start: date(start),
            end: end.map(date),
        };
        self.fact(start, FactBody::Subscription(subscription))
    }

    fn read(self, when: &str, metric: &str, number: &str) -> Self {
        self.user(when, metric, number, None, None)
    }

    fn user(self, when: &str, metric: &str, number: &str, user: Option<&str>, kind: Option<&str>) -> Self {
        self.fact(
            when,
            FactBody::Measurement(Measurement {
                metric: metric.to_owned(),
                reading: Reading::Number(number.parse().unwrap()),
                user: user.map(str::to_owned),
                user_type: kind.map(str::to_owned),
            }),
        )
    }

    fn survey(self, when: &str, score: u8) -> Self {
        self.fact(when, FactBody::Survey { score, comment: None })
    }

    fn sent(self, when: &str) -> Self {
        self.fact(when, FactBody::SurveySent { name: None })
    }
}

fn fold(customers: Vec<Built>, as_of: Timestamp) -> Vec<Customer> {
    let known = |built: Built| {
        let facts = built.facts.into_iter().filter(|fact| fact.observed <= as_of);
        Customer::fold(CustomerId::new(built.id), 1, facts.collect())
    };
    customers.into_iter().map(known).collect()
}

/// A file of one KPI with this id, window, and computation.
fn kpi(rest: &str) -> Kpis {
    let rest = rest.replace('\n', "\n    ");
    let text = format!(
        "id: t/kpis\nversion: 1\nupdated: 2026-01-01\nsource: S1-33\nkpis:\n  - id: it\n    label: {{ sv: Det, en: It }}\n    source: S1-33\n    unit: percent\n    cadence: monthly\n    {rest}\n"
    );
    let mut files: BTreeMap<String, String> = SHIPPED
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    files.insert("kpis.yaml".to_owned(), text);
    Definitions::parse(&files).unwrap().kpis.body
}

/// Plain, so that the engine's own words are seen, not those of the runtime.
fn score(promoters: u64, passives: u64, detractors: u64) -> (Option<i64>, Option<u64>) {
    let n = i64::try_from(promoters + passives + detractors).unwrap();
    let difference = i64::try_from(promoters).unwrap() - i64::try_from(detractors).unwrap();
    ((n > 0).then(|| 100 * difference / n), None)
}

fn shown(result: &KpiResult<'_>) -> String {
    let part = |part: &Part| format!("{} {}", part.value.printed(), part.label.en);
    let mut lines = vec![match &result.value {
        Ok(value) => format!("{} {:?}, n {}", value.printed(), result.status, result.n),
        Err(reason) => format!("{:?}: {}", result.status, reason.en),
    }];
    lines[0].push_str(&format!(", {} to {}", result.window.from, result.window.to));
    if let Some([over, under]) = result.parts.as_ref().filter(|_| result.value.is_ok()) {
        lines.push(format!("{} / {}", part(over), part(under)));
    }
    lines.extend(result.also.iter().map(part));
    if let Some(trend) = &result.trend {
        let (change, before) = (trend.change.printed(), trend.value.printed());
        let (from, to) = (trend.window.from, trend.window.to);
        lines.push(format!(
            "{change} from {before}, {from} to {to}, better {:?}",
            trend.better
        ));
    }
    lines.join("\n")
}

/// The one KPI of a file, of these customers, as of the end of a day.
fn check(rest: &str, customers: Vec<Built>, day: &str, expected: Expect) {
    let kpis = kpi(rest);
    let zone = zone();
    let as_of = at(&format!("{day} 23:59:59.999999999"));
    let engine = KpiEngine {
        kpis: &kpis,
        currency: "SEK",
        zone: &zone,
        as_of,
    };
    let tallies = engine.tally(&fold(customers, as_of));
    let results = engine.results(&tallies, score);
    expected.assert_eq(&shown(&results[0]));
}
