//! Facts in memory: append-only, each id once; versions and names of customers follow from them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use kunder::store::{CONFLICTS_NAMED_MAX, FactCounts, IngestReport};
use kunder_domain::customer::Customer;
use kunder_domain::fact::{CustomerId, Fact, FactBody, field};
use kunder_domain::names::NameIndex;
use kunder_domain::portfolio::{Span, View};

/// Facts that many stores begin with. They are folded and indexed once, and shared until a store learns more of a customer.
#[derive(Clone, Default)]
pub struct InitialFacts(Facts);

impl InitialFacts {
    /// Facts recorded at one moment, in this order.
    #[must_use]
    pub fn new(facts: Vec<Fact>, recorded: Timestamp) -> Self {
        let mut initial = Facts::default();
        initial.ingest(facts, recorded);
        initial.names();
        let view = View {
            as_of: Timestamp::MAX,
            last_fact: initial.newest,
        };
        initial.read(view, &Span::default());
        initial.shared = Arc::new(std::mem::take(&mut initial.own));
        Self(initial)
    }

    pub(super) fn facts(&self) -> Facts {
        self.0.clone()
    }
}

/// All facts, by customer.
#[derive(Clone, Default)]
pub(super) struct Facts {
    /// The last number that was given. A known fact uses one up too, as in SQLite.
    last: u64,
    /// The number of the newest fact.
    newest: u64,
    recorded: Option<Timestamp>,
    count: u64,
    sources: BTreeMap<String, u64>,
    customers: BTreeMap<Arc<str>, Folded>,
    /// By id: those the store began with, and those it learned.
    shared: Arc<HashMap<String, Arc<Stored>>>,
    own: HashMap<String, Arc<Stored>>,
    /// Made again only after a name has changed or a customer has come.
    names: Option<Arc<NameIndex>>,
}

struct Stored {
    number: u64,
    fact: Fact,
}

/// A customer's facts, and what they were folded to last.
#[derive(Clone)]
struct Folded {
    known: Arc<Known>,
    fold: Option<Arc<Fold>>,
}

#[derive(Clone)]
struct Known {
    id: CustomerId,
    /// The number of its newest fact.
    version: u64,
    first_fact: u64,
    first_observed: Timestamp,
    last_observed: Timestamp,
    /// The name observed last, with that moment and the fact's id.
    name: Option<(Timestamp, String, String)>,
    /// In the order of their numbers.
    facts: Vec<Arc<Stored>>,
}

/// A customer folded from some of its facts; the same for every view that sees exactly those.
struct Fold {
    /// Among so many facts, from the first one on,
    among: usize,
    /// those observed up to a moment from here
    from: Timestamp,
    /// to before here.
    until: Option<Timestamp>,
    /// `None` where none was observed by then.
    customer: Option<Customer>,
}

impl Facts {
    pub(super) fn ingest(&mut self, facts: Vec<Fact>, recorded: Timestamp) -> IngestReport {
        let mut report = IngestReport::default();
        for fact in facts {
            self.last += 1;
            match self.by_id(&fact.id) {
                None => {
                    report.new += 1;
                    self.insert(fact, recorded);
                }
                Some(stored) if stored.fact == fact => report.known += 1,
                Some(_) => {
                    report.conflicts += 1;
                    if report.conflicting.len() < CONFLICTS_NAMED_MAX {
                        report.conflicting.push(fact.id);
                    }
                }
            }
        }
        report
    }

    fn by_id(&self, id: &str) -> Option<&Arc<Stored>> {
        self.own.get(id).or_else(|| self.shared.get(id))
    }

    fn insert(&mut self, fact: Fact, recorded: Timestamp) {
        let number = self.last;
        self.newest = number;
        self.recorded = Some(recorded);
        self.count += 1;
        match self.sources.get_mut(&fact.source) {
            Some(count) => *count += 1,
            None => {
                self.sources.insert(fact.source.clone(), 1);
            }
        }
        let stored = Arc::new(Stored { number, fact });
        self.own.insert(stored.fact.id.clone(), Arc::clone(&stored));
        let renamed = match self.customers.get_mut(stored.fact.customer.as_str()) {
            Some(customer) => Arc::make_mut(&mut customer.known).add(stored),
            None => {
                let customer = Folded {
                    known: Arc::new(Known::new(stored)),
                    fold: None,
                };
                self.customers.insert(customer.known.id.as_str().into(), customer);
                true
            }
        };
        if renamed {
            self.names = None;
        }
    }

    /// The version of a customer; 0 where nothing is known of it.
    pub(super) fn version(&self, customer: &str) -> u64 {
        self.customers
            .get(customer)
            .map_or(0, |customer| customer.known.version)
    }

    pub(super) fn view(&self, as_of: Timestamp) -> View {
        View {
            as_of,
            last_fact: self.newest,
        }
    }

    pub(super) fn spans(&self, view: View, size: usize) -> Vec<Span> {
        let seen = |customer: &&Folded| {
            customer.known.first_observed <= view.as_of && customer.known.first_fact <= view.last_fact
        };
        let customers: Vec<&CustomerId> = self
            .customers
            .values()
            .filter(seen)
            .map(|customer| &customer.known.id)
            .collect();
        let mut after = None;
        let spans = customers.chunks(size.max(1)).map(|page| {
            let upto = page.last().map(|&last| last.clone());
            Span {
                after: std::mem::replace(&mut after, upto.clone()),
                upto,
            }
        });
        spans.collect()
    }

    pub(super) fn read(&mut self, view: View, span: &Span) -> Vec<Customer> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let after = span.after.as_ref().map(CustomerId::as_str);
        let upto = span.upto.as_ref().map(CustomerId::as_str);
        if after >= upto && upto.is_some() {
            return Vec::new();
        }
        let bounds = (
            after.map_or(Unbounded, Excluded),
            upto.map_or(Unbounded, Included),
        );
        let customers = self.customers.range_mut::<str, _>(bounds);
        customers
            .filter_map(|(_, customer)| customer.read(view))
            .collect()
    }

    pub(super) fn customer(&mut self, view: View, id: &CustomerId) -> Option<Customer> {
        self.customers.get_mut(id.as_str())?.read(view)
    }

    pub(super) fn known(&self, view: View, span: &Span) -> Vec<kunder_domain::signals::Known> {
        let customers = self.customers.values().map(|customer| &customer.known);
        let seen = customers.filter(|known| {
            span.holds(&known.id) && known.first_observed <= view.as_of && known.first_fact <= view.last_fact
        });
        let known = seen.map(|known| kunder_domain::signals::Known {
            customer: known.id.clone(),
            version: known.version,
            last_observed: known.last_observed,
            signals: None,
            last: None,
        });
        known.collect()
    }

    pub(super) fn touched(&self, view: View, after: u64, limit: usize) -> Vec<CustomerId> {
        let news = |stored: &Arc<Stored>| {
            let Stored { number, fact } = &**stored;
            *number > after && *number <= view.last_fact && fact.observed <= view.as_of && fact.body.is_news()
        };
        let customers = self.customers.values().map(|customer| &customer.known);
        let touched = customers.filter(|known| known.version > after && known.facts.iter().any(news));
        touched.map(|known| known.id.clone()).take(limit).collect()
    }

    pub(super) fn names(&mut self) -> Arc<NameIndex> {
        let customers = &self.customers;
        let make = || {
            let named = customers
                .values()
                .map(|customer| (customer.known.id.clone(), customer.known.name()));
            Arc::new(NameIndex::new(named))
        };
        Arc::clone(self.names.get_or_insert_with(make))
    }

    pub(super) fn counts(&self) -> FactCounts {
        FactCounts {
            facts: self.count,
            customers: self.customers.len() as u64,
            newest: self.recorded,
            sources: self
                .sources
                .iter()
                .map(|(source, count)| (source.clone(), *count))
                .collect(),
        }
    }
}

impl Known {
    fn new(first: Arc<Stored>) -> Self {
        let mut known = Self {
            id: first.fact.customer.clone(),
            version: 0,
            first_fact: first.number,
            first_observed: first.fact.observed,
            last_observed: first.fact.observed,
            name: None,
            facts: Vec::new(),
        };
        known.add(first);
        known
    }

    /// Whether its name is another one now.
    fn add(&mut self, stored: Arc<Stored>) -> bool {
        let Stored { number, fact } = &*stored;
        self.version = *number;
        self.first_observed = self.first_observed.min(fact.observed);
        self.last_observed = self.last_observed.max(fact.observed);
        let mut renamed = false;
        if let FactBody::Profile { field: known, value } = &fact.body
            && known == field::NAME
        {
            let newer = self
                .name
                .as_ref()
                .is_none_or(|(observed, id, _)| (*observed, id.as_str()) < (fact.observed, fact.id.as_str()));
            if newer {
                self.name = Some((fact.observed, fact.id.clone(), value.clone()));
                renamed = true;
            }
        }
        self.facts.push(stored);
        renamed
    }

    fn name(&self) -> String {
        self.name
            .as_ref()
            .map_or_else(|| self.id.as_str().to_owned(), |(_, _, name)| name.clone())
    }

    /// Folds the facts that a view sees among the first so many.
    fn fold(&self, as_of: Timestamp, among: usize) -> Fold {
        let mut from = Timestamp::MIN;
        let mut until: Option<Timestamp> = None;
        let mut seen = Vec::with_capacity(among);
        for stored in &self.facts[..among] {
            let observed = stored.fact.observed;
            if observed <= as_of {
                from = from.max(observed);
                seen.push(stored.fact.clone());
            } else {
                until = Some(until.map_or(observed, |first| first.min(observed)));
            }
        }
        let customer = (!seen.is_empty()).then(|| Customer::fold(self.id.clone(), 0, seen));
        Fold {
            among,
            from,
            until,
            customer,
        }
    }
}

impl Folded {
    /// The customer in a view, with the version of now: what a decision over a frozen page expects is that nobody writes
    /// between its reading and its commit.
    fn read(&mut self, view: View) -> Option<Customer> {
        let Known { version, facts, .. } = &*self.known;
        let among = facts.partition_point(|stored| stored.number <= view.last_fact);
        let fits = |fold: &&Arc<Fold>| {
            fold.among == among
                && fold.from <= view.as_of
                && fold.until.is_none_or(|until| view.as_of < until)
        };
        let fold = match self.fold.as_ref().filter(fits) {
            Some(fold) => fold,
            None => self.fold.insert(Arc::new(self.known.fold(view.as_of, among))),
        };
        let mut customer = fold.customer.clone()?;
        customer.version = *version;
        Some(customer)
    }
}
