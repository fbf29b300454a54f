//! Storms of events: of one kind about one customer, so many are taken at a time; further ones come again later.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use kunder_agent_core::door::{Refusal, RefusalCode};
use kunder_domain::definitions::StormRule;

/// Customers that are remembered at most; the longest quiet one is forgotten first.
const REMEMBERED_MAX: usize = 10_000;

/// What an event counts as: its process, its kind, the customer it names.
pub(crate) type Key = (String, String, String);

/// The events that were taken of late.
#[derive(Debug, Default)]
pub struct Storms {
    rule: StormRule,
    taken: Mutex<BTreeMap<Key, VecDeque<Timestamp>>>,
    put_off: AtomicU64,
}

impl Storms {
    #[must_use]
    pub fn new(rule: StormRule) -> Self {
        Self {
            rule,
            taken: Mutex::default(),
            put_off: AtomicU64::new(0),
        }
    }

    /// Whether one more may be taken now.
    ///
    /// # Errors
    /// 429 with when to try again.
    pub(crate) fn check(&self, key: &Key, now: Timestamp) -> Result<(), Refusal> {
        let window = SignedDuration::from_secs(self.rule.window_s);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(moments) = taken.get_mut(key) else {
            return Ok(());
        };
        while moments
            .front()
            .is_some_and(|first| now.duration_since(*first) >= window)
        {
            moments.pop_front();
        }
        let (process, kind, customer) = key;
        match moments.front() {
            Some(first) if moments.len() >= self.rule.most => {
                let message = format!(
                    "{} events `{process}.{kind}` about customer {customer} were taken within {} s, at most {} are",
                    moments.len(),
                    self.rule.window_s,
                    self.rule.most
                );
                let mut refusal = Refusal::new(RefusalCode::Busy, message);
                let left = window.saturating_sub(now.duration_since(*first));
                refusal.retry_after_ms = Some(u64::try_from(left.as_millis()).unwrap_or(0).max(1));
                Err(refusal.hint("send it again later; process.yaml says how many are taken"))
            }
            _ => Ok(()),
        }
    }

    /// Notes that one was taken.
    pub(crate) fn note(&self, key: Key, now: Timestamp) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.len() >= REMEMBERED_MAX && !taken.contains_key(&key) {
            let quiet = taken
                .iter()
                .min_by_key(|(_, moments)| moments.back().copied())
                .map(|(key, _)| key.clone());
            quiet.and_then(|quiet| taken.remove(&quiet));
        }
        let moments = taken.entry(key).or_default();
        moments.push_back(now);
        if moments.len() > self.rule.most {
            moments.pop_front();
        }
    }

    /// Counts one that was put off.
    pub(crate) fn count(&self, (process, kind, _): &Key) {
        tracing::warn!(process, kind, "an event of a storm is put off");
        self.put_off.fetch_add(1, Ordering::Relaxed);
    }

    /// How often one was put off.
    pub(crate) fn put_off(&self) -> u64 {
        self.put_off.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(customer: &str) -> Key {
        ("salj".to_owned(), "handover".to_owned(), customer.to_owned())
    }

    #[test]
    fn of_one_kind_about_one_customer_so_many_are_taken_within_the_window() {
        let storms = Storms::new(StormRule {
            most: 3,
            window_s: 60,
        });
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        for second in 0..3 {
            storms.check(&key("a"), at(second)).unwrap();
            storms.note(key("a"), at(second));
        }
        let refusal = storms.check(&key("a"), at(10)).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.retry_after_ms),
            (RefusalCode::Busy, Some(50_000))
        );
        assert!(
            refusal.message.contains("`salj.handover` about customer a"),
            "{refusal}"
        );
        storms.check(&key("b"), at(10)).unwrap();
        assert!(storms.check(&key("a"), at(59)).is_err());
        storms.check(&key("a"), at(60)).unwrap();
        storms.count(&key("a"));
        assert_eq!(storms.put_off(), 1);
    }

    #[test]
    fn no_more_customers_are_remembered_than_the_limit() {
        let storms = Storms::new(StormRule {
            most: 1,
            window_s: 60,
        });
        for number in 0..REMEMBERED_MAX + 2 {
            let at = Timestamp::from_nanosecond(number as i128).unwrap();
            storms.note(key(&number.to_string()), at);
        }
        assert_eq!(storms.taken.lock().unwrap().len(), REMEMBERED_MAX);
        let now = Timestamp::from_second(1).unwrap();
        assert!(storms.check(&key(&REMEMBERED_MAX.to_string()), now).is_err());
        storms.check(&key("0"), now).unwrap();
    }
}
