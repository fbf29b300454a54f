//! Health records in memory: one per day and customer.

use std::collections::BTreeMap;

use jiff::civil::Date;
use kunder_domain::fact::CustomerId;
use kunder_domain::health::{HealthRecord, SameHealth};
use kunder_domain::portfolio::Span;
use kunder_domain::signals::LastRecord;

#[derive(Default)]
pub(super) struct Health {
    days: BTreeMap<Date, BTreeMap<CustomerId, HealthRecord>>,
}

impl Health {
    pub fn insert(&mut self, record: HealthRecord) {
        let day = self.days.entry(record.day).or_default();
        if day
            .get(&record.customer)
            .is_none_or(|known| record.replaces(known))
        {
            day.insert(record.customer.clone(), record);
        }
    }

    pub fn again(&mut self, same: &SameHealth) {
        let earlier = self.days.get(&same.of).into_iter().flatten();
        let records: Vec<HealthRecord> = earlier.filter_map(|(_, record)| same.again(record)).collect();
        records.into_iter().for_each(|record| self.insert(record));
    }

    pub fn last(&self, day: Date, customer: &CustomerId) -> Option<LastRecord> {
        let record = self.days.get(&day)?.get(customer)?;
        Some(LastRecord {
            hash: record.snapshot.hash.to_string(),
            severity: record.snapshot.severity,
        })
    }

    pub fn days(&self, before: Date, limit: usize) -> Vec<Date> {
        let days = self.days.range(..before).rev().map(|(day, _)| *day);
        days.take(limit).collect()
    }

    pub fn records(&self, day: Date, span: &Span) -> Vec<HealthRecord> {
        let records = self.days.get(&day).into_iter().flatten();
        let inside = records.filter(|(customer, _)| span.holds(customer));
        inside.map(|(_, record)| record.clone()).collect()
    }

    pub fn history(&self, customer: &CustomerId, from: Date, to: Date) -> Vec<HealthRecord> {
        if from > to {
            return Vec::new();
        }
        let days = self.days.range(from..=to).map(|(_, day)| day);
        days.filter_map(|day| day.get(customer)).cloned().collect()
    }
}
