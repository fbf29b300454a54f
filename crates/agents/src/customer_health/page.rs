//! One page of a health check: every active customer of a span judged, alerts opened and closed; and the log book's decisions.

use std::collections::BTreeMap;

use kunder_agent_core::agent::Work;
use kunder_agent_core::decision::{Decision, Expect, Resolution};
use kunder_agent_core::outcome::{Report, Status};
use kunder_domain::alerts::AlertChangeKind;
use kunder_domain::change::Change;
use kunder_domain::customer::Customer;
use kunder_domain::fact::CustomerId;
use kunder_domain::health::HealthRecord;
use kunder_domain::metrics::day;

use super::alerts::Crossing;
use super::logbook::{self, Entry};
use super::reading::Past;
use super::rows::{HealthPage, HealthRow};
use super::todos::{self, Finish};
use super::{
    ADD_TODO, CustomerHealth, FINISH_TODO, LIST_TODOS, LOG_TOUCHPOINT, MEETING_PROTOCOL, OVERRIDE, WITHDRAW,
};
use crate::asked::moment;
use crate::evidence::{decided, sources};
use crate::paging::Page;
use crate::params::Bad;
use crate::rehearsal::is_rehearsal;

impl CustomerHealth {
    pub(super) fn health_page(
        &self,
        work: &Work,
        page: &Page,
        customers: &[Customer],
        past: &Past,
        current: &BTreeMap<CustomerId, Customer>,
    ) -> Decision<Change> {
        let (as_of, locale) = (page.view.as_of, work.task.locale());
        let mut decision = Decision::done(Report::new(Status::Complete, ""));
        let mut found = HealthPage {
            movement: self.movement(customers, as_of),
            answers: self.answers(customers, as_of),
            ..HealthPage::default()
        };
        let mut records = Vec::new();
        for customer in customers {
            if !customer.is_active() {
                // Whoever has left is in no list; alerts that are open still are closed.
                if let Some(now) = current.get(&customer.id) {
                    let mut row = self.look(customer, as_of, past, locale).row;
                    self.alarm(&mut decision, work, page, now, &mut row, past, &mut found);
                }
                continue;
            }
            let mut look = self.look(customer, as_of, past, locale);
            if let Some(now) = current.get(&customer.id) {
                self.alarm(&mut decision, work, page, now, &mut look.row, past, &mut found);
            }
            for metric in look.fed {
                if !found.fed.contains(&metric) {
                    found.fed.insert(metric);
                }
            }
            found.rows.push(look.row);
            records.push(HealthRecord {
                customer: customer.id.clone(),
                day: day(as_of, &self.zone),
                at: as_of,
                last_fact: page.view.last_fact,
                snapshot: look.snapshot,
            });
        }
        if !records.is_empty() && !page.is_rehearsal(&work.task) {
            decision.change(Change::Health(records));
        }
        let mut report = Report::new(Status::Complete, format!("{} customers", found.rows.len()));
        report.sources = sources(customers);
        report.set("healthPage", &found);
        decision.verdict = Resolution::Done(Box::new(report));
        decision
    }

    /// Opens and closes the alerts of a customer as it is now; its row says which are open then.
    #[expect(clippy::too_many_arguments, reason = "all of a page meets here")]
    fn alarm(
        &self,
        decision: &mut Decision<Change>,
        work: &Work,
        page: &Page,
        now: &Customer,
        row: &mut HealthRow,
        past: &Past,
        found: &mut HealthPage,
    ) {
        let look = self.look(now, page.now, past, work.task.locale());
        let active = now.is_active();
        let crossing = look.crossing.filter(|_| active);
        if let Some(crossing) = crossing {
            self.change_alert(decision, work, crossing, now, &look.row, page.now);
            let told = match crossing {
                Crossing::Opened => &mut found.alerted,
                Crossing::Recovered => &mut found.recovered,
                Crossing::Damped => &mut found.damped,
            };
            told.push(row.customer_id.clone());
        }
        row.open_alert = crossing.map_or(look.row.open_alert, |crossing| crossing == Crossing::Opened);
        row.alerts.clone_from(&look.row.alerts);
        for change in &look.changes {
            let Some(line) = self.apply(decision, work, change, now, &look.row, page.now) else {
                if found.damped.last() != Some(&row.customer_id) {
                    found.damped.push(row.customer_id.clone());
                }
                continue;
            };
            if decision
                .expects
                .last()
                .is_none_or(|expect| expect.entity != now.id.as_str())
            {
                decision.expects.push(Expect {
                    entity: now.id.as_str().to_owned(),
                    version: now.version,
                });
            }
            row.alerts.retain(|reason| *reason != line.reason);
            if change.kind == AlertChangeKind::Open {
                row.alerts.push(line.reason.clone());
                found.alerts.opened.push(line);
            } else {
                found.alerts.closed.push(line);
            }
        }
    }

    /// The commands of the log book.
    pub(super) fn log(&self, work: &Work, customers: &[Customer], past: &Past) -> Decision<Change> {
        let today = day(moment(work, &self.zone), &self.zone);
        let command = work.task.command().unwrap_or_default();
        if command == LIST_TODOS {
            return Decision::done(todos::list(work.task.locale(), customers, today));
        }
        if command == FINISH_TODO {
            return match todos::finish(work, customers, today) {
                Ok(Finish::Done(place, entry)) => self.enter(work, &customers[place], past, entry),
                Ok(Finish::Answer(report)) | Err(report) => Decision::done(*report),
            };
        }
        let Some(customer) = customers.first() else {
            return Decision::done(Report::failed("no customer", "no customer was read"));
        };
        match self.entry(work, command, customer, past) {
            Ok(entry) => self.enter(work, customer, past, entry),
            Err(report) => Decision::done(*report),
        }
    }

    fn entry(&self, work: &Work, command: &str, customer: &Customer, past: &Past) -> Result<Entry, Bad> {
        match command {
            LOG_TOUCHPOINT => logbook::touchpoint(work, customer, &self.zone),
            MEETING_PROTOCOL => logbook::protocol(work, customer, &self.zone),
            ADD_TODO => todos::add(work, customer),
            OVERRIDE => self.make_exception(work, customer, past),
            WITHDRAW => self.withdraw_exception(work, customer, past),
            other => Err(Box::new(Report::failed(
                other,
                format!("`instruction.command` is unknown: {other}"),
            ))),
        }
    }

    /// Stores what was told, and closes the customer's alert where it has recovered by it.
    fn enter(&self, work: &Work, customer: &Customer, past: &Past, entry: Entry) -> Decision<Change> {
        let locale = work.task.locale();
        let mut report = Report::new(Status::Complete, entry.summary);
        report.sources = sources([customer]);
        if is_rehearsal(work, &self.zone) {
            report.recommendations.push(
                locale
                    .pick(
                        "Inget sparades: det här var en provkörning.",
                        "Nothing was stored: this was a dry run.",
                    )
                    .to_owned(),
            );
            return Decision::done(report);
        }
        let mut after = customer.clone();
        for fact in &entry.facts {
            after.learn(fact.clone());
        }
        let look = self.look(&after, work.now, past, locale);
        let mut decision = Decision::done(Report::new(Status::Complete, ""));
        decision.changes = entry.facts.into_iter().map(Change::from).collect();
        if look.crossing == Some(Crossing::Recovered) {
            self.change_alert(
                &mut decision,
                work,
                Crossing::Recovered,
                &after,
                &look.row,
                work.now,
            );
            let recovered = locale.pick("är inte längre i riskzonen", "is no longer at risk");
            report.summary = format!("{} {} {recovered}.", report.summary, after.name());
        } else {
            decision.expects.push(Expect {
                entity: customer.id.as_str().to_owned(),
                version: customer.version,
            });
        }
        report.text = Some(report.summary.clone());
        report
            .definitions
            .push(decided(self.models.definition(self.models.active(customer))));
        decision.verdict = Resolution::Done(Box::new(report));
        decision
    }
}
