//! Short ways to write the facts of an invented customer: for tests.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use kunder_domain::fact::{
    Contact, ContactRole, CustomerId, Fact, FactBody, Invoice, Measurement, Opportunity, OpportunityStatus,
    Priority, Reading, Service, ServiceStatus, Stage, Subscription, Todo, Touchpoint, TouchpointChannel,
    field,
};
use kunder_domain::money::Money;

/// Noon in Stockholm on Monday 2025-09-01: the now of the tests.
pub fn now() -> Timestamp {
    "2025-09-01T10:00:00Z".parse().unwrap()
}

/// So many days before [`now`].
pub fn ago(days: i64) -> Timestamp {
    now() - SignedDuration::from_hours(24 * days)
}

/// The day so many days after [`now`].
pub fn day(days: i64) -> Date {
    "2025-09-01"
        .parse::<Date>()
        .unwrap()
        .checked_add(days.days())
        .unwrap()
}

/// `"1234.50 SEK"`.
pub fn money(text: &str) -> Money {
    let (amount, currency) = text.split_once(' ').unwrap();
    Money::new(amount.parse().unwrap(), currency)
}

/// The facts of one customer, written in a chain.
pub struct Build {
    id: CustomerId,
    facts: Vec<Fact>,
}

/// A customer with a name.
pub fn customer(id: &str, name: &str) -> Build {
    Build {
        id: CustomerId::new(id),
        facts: Vec::new(),
    }
    .profile(field::NAME, name)
}

/// All facts of several customers.
pub fn facts(customers: impl IntoIterator<Item = Build>) -> Vec<Fact> {
    customers
        .into_iter()
        .flat_map(|customer| customer.facts)
        .collect()
}

impl Build {
    pub fn facts(self) -> Vec<Fact> {
        self.facts
    }

    /// Any fact, observed so many days ago.
    pub fn fact(mut self, days_ago: i64, body: FactBody) -> Self {
        let id = format!("{}/{}", self.id, self.facts.len());
        let (source, actor) = ("CRM".to_owned(), "Import".to_owned());
        self.facts.push(Fact {
            id,
            customer: self.id.clone(),
            observed: ago(days_ago),
            source,
            actor,
            body,
        });
        self
    }

    pub fn profile(self, field: &str, value: &str) -> Self {
        self.fact(
            400,
            FactBody::Profile {
                field: field.to_owned(),
                value: value.to_owned(),
            },
        )
    }

    pub fn contact(self, name: &str, role: ContactRole) -> Self {
        let contact = Contact {
            key: name.to_lowercase(),
            name: name.to_owned(),
            role,
            email: None,
            phone: None,
            verified: false,
            active: true,
        };
        self.fact(400, FactBody::Contact(contact))
    }

    pub fn meeting(self, days_ago: i64) -> Self {
        let channel = TouchpointChannel::Meeting;
        self.fact(
            days_ago,
            FactBody::Touchpoint(Touchpoint {
                channel,
                summary: "Avstämning".to_owned(),
                quote: None,
                with: None,
            }),
        )
    }

    /// A todo written 200 days ago, due so many days from now.
    pub fn todo(self, key: &str, due_in: i64) -> Self {
        let todo = Todo {
            key: key.to_owned(),
            text: format!("Uppgift {key}"),
            due: Some(day(due_in)),
            owner: None,
            priority: Priority::Normal,
        };
        self.fact(200, FactBody::Todo(todo))
    }

    /// So many todos that were due yesterday.
    pub fn overdue(mut self, count: usize) -> Self {
        for number in 0..count {
            self = self.todo(&format!("sen-{number}"), -1);
        }
        self
    }

    pub fn done(self, days_ago: i64, key: &str) -> Self {
        self.fact(days_ago, FactBody::TodoDone { key: key.to_owned() })
    }

    pub fn invoice(self, days_ago: i64, amount: &str) -> Self {
        let number = format!("F-{}", self.facts.len());
        let amount = money(amount);
        let credit_note = amount.amount.is_sign_negative();
        self.fact(
            days_ago,
            FactBody::Invoice(Invoice {
                number,
                amount,
                credit_note,
                text: None,
            }),
        )
    }

    pub fn subscription(
        self,
        days_ago: i64,
        key: &str,
        monthly: &str,
        start_in: i64,
        end_in: Option<i64>,
    ) -> Self {
        let subscription = Subscription {
            key: key.to_owned(),
            name: key.to_owned(),
            monthly: money(monthly),
            start: day(start_in),
            end: end_in.map(day),
        };
        self.fact(days_ago, FactBody::Subscription(subscription))
    }

    pub fn opportunity(
        self,
        days_ago: i64,
        key: &str,
        status: OpportunityStatus,
        value: &str,
        probability: u8,
    ) -> Self {
        let opportunity = Opportunity {
            key: key.to_owned(),
            title: format!("Affär {key}"),
            status,
            value: money(value),
            probability,
            expected: Some(day(60)),
            quote: None,
        };
        self.fact(days_ago, FactBody::Opportunity(opportunity))
    }

    pub fn service(self, days_ago: i64, key: &str, status: ServiceStatus) -> Self {
        self.fact(
            days_ago,
            FactBody::Service(Service {
                key: key.to_owned(),
                name: key.to_owned(),
                status,
                note: None,
            }),
        )
    }

    pub fn survey(self, days_ago: i64, score: u8) -> Self {
        self.fact(days_ago, FactBody::Survey { score, comment: None })
    }

    /// `logins_per_week=3@5` is a reading of 3 five days ago.
    pub fn readings(self, readings: &str) -> Self {
        readings.split_whitespace().fold(self, |build, text| {
            let (metric, rest) = text.split_once('=').unwrap();
            let (value, days_ago) = rest.split_once('@').unwrap();
            let body = FactBody::Measurement(Measurement {
                metric: metric.to_owned(),
                reading: value
                    .parse()
                    .map_or_else(|_| Reading::Word(value.to_owned()), Reading::Number),
                user: None,
                user_type: None,
            });
            build.fact(days_ago.parse().unwrap(), body)
        })
    }

    pub fn stage(self, days_ago: i64, stage: Stage) -> Self {
        self.fact(
            days_ago,
            FactBody::Stage {
                stage,
                cause: "test".to_owned(),
            },
        )
    }
}
