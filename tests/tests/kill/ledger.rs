//! The ledger of a run of kills: what was accepted, what came of it, what arrived; nothing lost, nothing twice.

use std::fmt::Write;
use std::path::Path;

use kunder_agent_core::bus::{Announcement, AnnouncementKind};
use kunder_tests::system::{Kept, Output};
use serde_json::{Value, json};

use crate::plan::Killed;

/// After so many kills something must have been sent twice.
const ENOUGH: u64 = 50;

/// Everything that was ever to be announced: lane, id and subject, one line of JSON each.
pub fn write_outbox(file: &Path, announcements: &[Announcement]) {
    let lines = announcements.iter().map(|announcement| {
        let lane = match announcement.kind {
            AnnouncementKind::Result => "results",
            AnnouncementKind::Event => "events",
            AnnouncementKind::Request => "requests",
            AnnouncementKind::Reply => "replies",
        };
        let line = json!({
            "lane": lane,
            "id": announcement.message_id,
            "subject": announcement.subject,
            "at": announcement.committed_at.as_duration().as_secs_f64(),
        });
        format!("{line}\n")
    });
    std::fs::write(file, lines.collect::<String>()).expect("the data folder takes a file");
}

/// What the account, the book of arrivals and the store say.
pub struct Ledger {
    accounts: Value,
    arrivals: Value,
    /// Stored effects: touchpoints, to-dos, onboardings.
    stored: [i64; 3],
    /// Announcements that wait in the store.
    waiting: u64,
}

impl Ledger {
    pub fn new(accounts: &Output, arrivals: &Output, before: &Kept, after: &Kept) -> Self {
        let parsed = |output: &Output| -> Value {
            serde_json::from_str(output.stdout.lines().next().unwrap_or_default())
                .unwrap_or_else(|_| panic!("no tally in {output}"))
        };
        let grown = |count: fn(&Kept) -> usize| {
            count(after).cast_signed() as i64 - count(before).cast_signed() as i64
        };
        Self {
            accounts: parsed(accounts),
            arrivals: parsed(arrivals),
            stored: [
                grown(Kept::touchpoints),
                grown(Kept::todos),
                grown(Kept::onboardings),
            ],
            waiting: after.standing.waiting,
        }
    }

    /// As a table for people.
    pub fn shown(&self, killed: &Killed) -> String {
        let (accounts, arrivals) = (&self.accounts, &self.arrivals);
        let counts = &accounts["counts"];
        let mut text = String::from("crash ledger\n");
        let mut line = |what: &str, figures: String| {
            writeln!(text, "  {what:<36}{figures}").expect("a text takes a line");
        };
        line(
            "kills (kill -9)",
            format!(
                "{}: kunder serve {} (of these {} while starting), nats-server {}, in {} s",
                killed.total(),
                killed.serve,
                killed.starting,
                killed.nats,
                killed.seconds
            ),
        );
        let caught = &killed.caught;
        line(
            "kills that caught something",
            format!(
                "{}: open tasks {}, committed and not announced {}",
                caught.any, caught.open, caught.unannounced
            ),
        );
        line(
            "downs that announcements waited for",
            arrivals["waited"].to_string(),
        );
        line(
            "tasks acknowledged to senders",
            format!(
                "work queue {}, requests {}, chat {}; events in {}",
                accounts["queue"], accounts["request"], accounts["chat"], accounts["deals"]
            ),
        );
        line(
            "accepted",
            format!(
                "{}: complete {}, partial {}, failed {}, waiting for their day {}",
                counts["accepted"],
                counts["complete"],
                counts["partial"],
                counts["failed"],
                counts["waiting"]
            ),
        );
        let lanes = &arrivals["announcements"];
        line("announcements committed", arrivals["committed"].to_string());
        line(
            "effects at the keyed sink",
            format!(
                "{}: results {}, events {}, requests {}, replies {}",
                arrivals["effects"], lanes["results"], lanes["events"], lanes["requests"], lanes["replies"]
            ),
        );
        line(
            "lost",
            format!(
                "{} outcomes, {} effects",
                accounts["lostCount"], arrivals["lostCount"]
            ),
        );
        line(
            "duplicated at the keyed sink",
            arrivals["duplicatedCount"].to_string(),
        );
        line(
            "un-keyed repeats",
            format!(
                "{}, not flagged {}",
                arrivals["repeats"], arrivals["unflaggedCount"]
            ),
        );
        line(
            "longest pause, all up to result",
            format!("{} s", arrivals["pauseAfterStart"]),
        );
        line(
            "longest pause, kill to result",
            format!("{} s", arrivals["pauseAfterKill"]),
        );
        line(
            "longest time without a result",
            format!("{} s", arrivals["longestWithoutResult"]),
        );
        text
    }

    /// A run in which nothing waited and nothing came twice shows nothing.
    #[track_caller]
    pub fn hit(&self, killed: &Killed) {
        let sum = |of: &Value| {
            let figures = of.as_object().expect("figures by name").values();
            figures.filter_map(Value::as_u64).sum::<u64>()
        };
        let (waited, repeats) = (&self.arrivals["waited"], &self.arrivals["repeats"]);
        assert!(
            waited["nats-server"].as_u64().unwrap_or_default() >= killed.nats / 5,
            "announcements hardly waited for nats-server: {waited}"
        );
        assert!(
            sum(repeats) > 0 || killed.total() < ENOUGH,
            "nothing came twice, so that no flag was seen"
        );
    }

    /// Nothing lost, nothing twice, every repeat says so; and what is stored is what was accepted.
    #[track_caller]
    pub fn balances(&self) {
        let (accounts, arrivals) = (&self.accounts, &self.arrivals);
        for (what, found) in [
            ("lost", &accounts["lost"]),
            ("lost", &arrivals["lost"]),
            ("duplicated", &arrivals["duplicated"]),
            ("repeated and not flagged", &arrivals["unflagged"]),
        ] {
            assert_eq!(found, &json!([]), "{what}");
        }
        let number = |value: &Value| {
            value
                .as_i64()
                .unwrap_or_else(|| panic!("no number in {accounts} {arrivals}"))
        };
        let counts = &accounts["counts"];
        let open = ["queued", "running", "failed"].map(|state| number(&counts[state]));
        assert_eq!(open, [0, 0, 0], "queued, running, failed: {counts}");
        // What still waits are the timers of the onboardings: one per deal.
        assert_eq!(counts["waiting"], accounts["deals"], "waiting: {counts}");
        assert_eq!(self.waiting, 0, "announcements wait");
        let accepted = ["logs", "todos", "deals"].map(|kind| number(&accounts[kind]));
        assert_eq!(self.stored, accepted, "touchpoints, to-dos and onboardings");
        // Who was told what: one request per alert that opened, per opportunity that changed, per deal.
        let told = &arrivals["told"];
        assert_eq!(told["salj.task.pipeline-agent"], accounts["alerts"], "{told}");
        assert_eq!(
            told["salj.task.sales-pipeline-agent"], accounts["opportunities"],
            "{told}"
        );
        assert_eq!(told["tjanster.task"], accounts["deals"], "{told}");
        let enough = number(&accounts["queue"]) > 100
            && number(&accounts["request"]) > 20
            && number(&accounts["chat"]) > 5
            && number(&accounts["replies"]) > 20
            && number(&accounts["deals"]) > 0
            && number(&accounts["alerts"]) > 0;
        assert!(enough, "too little was sent: {accounts}");
    }
}
