//! The checks of health that nobody has to ask for: of all customers once a day, and of those with news when it comes.
//! Once a week all are checked, and once a month the records of the day before are computed again from all facts (D-28).
//!
//! Each has an id of its day or of its news, so that a restart asks for none twice.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use kunder_agent_core::envelope::Envelope;
use kunder_agent_core::id::TaskId;
use kunder_agent_core::task::Task;
use kunder_agents::customer_health::{NEWS_AFTER, RECORD};
use kunder_domain::metrics::day;
use serde_json::Value;
use tokio::sync::watch;

use crate::config::ChecksConfig;
use crate::service::Service;

/// What comes together is looked at together.
const GATHERED: SignedDuration = SignedDuration::from_millis(20);
/// A check that could not be asked for, or that looks whether there is news, comes again after this.
const AGAIN: SignedDuration = SignedDuration::from_secs(5);
/// What the store keeps the last fact under that was looked at.
const LOOKED_AT: &str = "health.looked_at";

/// Asks for the checks until it is stopped.
pub struct Checks {
    pub service: Service,
    pub zone: TimeZone,
    pub config: ChecksConfig,
    pub stop: watch::Receiver<bool>,
}

impl Checks {
    pub async fn run(mut self) {
        let news = self.service.store.news();
        let mut looked_at = self.looked_at().await;
        let mut checked = None;
        loop {
            let now = self.service.clock.now();
            let mut next = self.next(now);
            let today = day(now, &self.zone);
            if checked != Some(today) {
                match self.daily(now, today).await {
                    Ok(true) => checked = Some(today),
                    Ok(false) => {}
                    Err(()) => next = next.min(now + AGAIN),
                }
            }
            if self.config.news {
                match self.news(looked_at).await {
                    Ok(upto) => looked_at = Some(upto),
                    Err(()) => next = next.min(now + AGAIN),
                }
            }
            tokio::select! {
                biased;
                _ = self.stop.changed() => return,
                () = news.notified(), if self.config.news => self.service.clock.sleep_until(self.service.clock.now() + GATHERED).await,
                () = self.service.clock.sleep_until(next) => {}
            }
        }
    }

    /// The last fact that was looked at; `None` where nobody has looked yet.
    async fn looked_at(&mut self) -> Option<u64> {
        loop {
            match self.service.store.setting(LOOKED_AT).await {
                Ok(number) => return number?.parse().ok(),
                Err(error) => tracing::warn!(%error, "the checks wait for the store"),
            }
            tokio::select! {
                biased;
                _ = self.stop.changed() => return None,
                () = self.service.clock.sleep_until(self.service.clock.now() + AGAIN) => {}
            }
        }
    }

    /// The day's check, once its time has come; whether it was asked for.
    async fn daily(&self, now: Timestamp, today: Date) -> Result<bool, ()> {
        if !self.config.daily || self.moment(today).is_none_or(|due| now < due) {
            return Ok(false);
        }
        self.ask(RECORD, &today.to_string(), None).await?;
        // Of the first day of a week and of a month that is served: one that was missed is caught up.
        let week = today.iso_week_date();
        self.ask("health-check", &format!("{}-W{}", week.year(), week.week()), None)
            .await?;
        let yesterday = today.yesterday().map_err(|_| ())?;
        let month = today.strftime("%Y-%m").to_string();
        self.ask(
            "verify-health",
            &month,
            Some(("day", yesterday.to_string().into())),
        )
        .await?;
        Ok(true)
    }

    /// A check of the customers that there is news of; returns the last fact that is looked at then.
    async fn news(&self, looked_at: Option<u64>) -> Result<u64, ()> {
        let view = self
            .service
            .store
            .view(self.service.clock.now())
            .await
            .map_err(|_| ())?;
        let upto = view.last_fact;
        let Some(after) = looked_at else {
            // What was there before anybody looked is the daily check's.
            self.service
                .store
                .set_setting(LOOKED_AT, &upto.to_string())
                .await
                .map_err(|_| ())?;
            return Ok(upto);
        };
        if after >= upto {
            return Ok(after);
        }
        let touched = self.service.store.touched(view, after, 1).await.map_err(|_| ())?;
        if !touched.is_empty() {
            self.ask(
                RECORD,
                &format!("news/{after}/{upto}"),
                Some((NEWS_AFTER, after.into())),
            )
            .await?;
        }
        self.service
            .store
            .set_setting(LOOKED_AT, &upto.to_string())
            .await
            .map_err(|_| ())?;
        Ok(upto)
    }

    async fn ask(&self, command: &str, which: &str, param: Option<(&str, Value)>) -> Result<(), ()> {
        let id = TaskId::derived(&format!("checks/{command}"), which);
        let mut task = Task::new(id, "customer-health", command);
        task.requested_by = Some("kunder".to_owned());
        let params = param.into_iter().map(|(name, value)| (name.to_owned(), value));
        task.instruction.params.extend(params);
        let envelope = Envelope {
            task,
            warnings: Vec::new(),
        };
        match self.service.accept(envelope, None).await {
            Ok(receipt) => {
                if !receipt.known {
                    tracing::info!(task = %receipt.task_id, command, which, "asked for a check");
                }
                Ok(())
            }
            Err(refusal) => {
                tracing::warn!(
                    command,
                    which,
                    "a check was refused and is asked for again: {}",
                    refusal.message
                );
                Err(())
            }
        }
    }

    /// When the day's check is due.
    fn moment(&self, on: Date) -> Option<Timestamp> {
        let time: Time = self.config.at;
        Some(on.to_datetime(time).to_zoned(self.zone.clone()).ok()?.timestamp())
    }

    /// The next moment at which a daily check is due.
    fn next(&self, now: Timestamp) -> Timestamp {
        let today = day(now, &self.zone);
        let days = [Some(today), today.tomorrow().ok()].into_iter().flatten();
        let due = days.filter_map(|on| self.moment(on)).find(|due| *due > now);
        due.unwrap_or(now + SignedDuration::from_hours(24))
    }
}
