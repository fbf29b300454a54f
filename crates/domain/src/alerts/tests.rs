//! Alert rules: when each opens, what closes it, and at which edges.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::date;

use super::*;
use crate::definitions::Definitions;
use crate::fact::{CustomerId, Fact, FactBody, Subscription, Touchpoint, TouchpointChannel};
use crate::health::Kept;
use crate::measure::Measure;
use crate::money::Money;

const TODAY: Date = date(2026, 11, 26);

fn rules() -> AlertRules {
    let definitions = Definitions::shipped();
    AlertRules::compile(&definitions.alerts.body, &definitions.metrics.body).unwrap()
}

/// Noon, so many days before today.
fn noon(days_ago: i64) -> Timestamp {
    let day = TODAY - days_ago.days();
    day.at(12, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp()
}

fn fact(days_ago: i64, body: FactBody) -> Fact {
    Fact {
        id: format!("{days_ago}/{}", serde_json::to_string(&body).unwrap()),
        customer: CustomerId("a".to_owned()),
        observed: noon(days_ago),
        source: "crm".to_owned(),
        actor: "import".to_owned(),
        body,
    }
}

fn touchpoint(days_ago: i64, summary: &str) -> Fact {
    fact(
        days_ago,
        FactBody::Touchpoint(Touchpoint {
            channel: TouchpointChannel::Call,
            summary: summary.to_owned(),
            with: None,
            quote: None,
        }),
    )
}

fn snapshot(score: &str, severity: u8) -> Snapshot {
    Snapshot {
        model: "m".into(),
        version: 1,
        hash: "h".into(),
        score: Some(score.parse().unwrap()),
        state: Kept::Band(format!("b{severity}")),
        severity: Some(severity),
        rows: BTreeMap::new(),
    }
}

fn record(days_ago: i64, snapshot: Snapshot) -> HealthRecord {
    HealthRecord {
        customer: CustomerId("a".to_owned()),
        day: TODAY - days_ago.days(),
        at: noon(days_ago),
        last_fact: 0,
        snapshot,
    }
}

/// Facts, how it is now, and how it was: oldest first.
struct Case {
    facts: Vec<Fact>,
    now: Snapshot,
    zone: TimeZone,
    history: Vec<HealthRecord>,
    values: BTreeMap<&'static str, Measure>,
}

impl Case {
    fn new(score: &str, severity: u8) -> Self {
        Self {
            facts: vec![fact(400, FactBody::Onboarding { deal: None })],
            now: snapshot(score, severity),
            zone: TimeZone::UTC,
            history: Vec::new(),
            values: BTreeMap::new(),
        }
    }

    fn facts(mut self, facts: impl IntoIterator<Item = Fact>) -> Self {
        self.facts.extend(facts);
        self
    }

    fn was(mut self, days_ago: i64, score: &str, severity: u8) -> Self {
        self.history.push(record(days_ago, snapshot(score, severity)));
        self
    }

    fn opened(self, days_ago: i64, reason: &str, level: Option<i64>) -> Self {
        self.facts([fact(
            days_ago,
            FactBody::Alert {
                reason: reason.to_owned(),
                open: true,
                severity: 2,
                level: level.map(Decimal::from),
            },
        )])
    }

    fn present<'a>(&'a self, customer: &'a Customer) -> Present<'a> {
        Present {
            customer,
            at: noon(0),
            zone: &self.zone,
            rate: AlertRule::default(),
            severity: self.now.severity,
            snapshot: &self.now,
            values: &self.values,
            history: &self.history,
        }
    }

    fn by(&self, rules: &AlertRules) -> Vec<String> {
        let customer = Customer::fold(CustomerId("a".to_owned()), 0, self.facts.clone());
        let changes = rules.changes(&self.present(&customer));
        changes
            .iter()
            .map(|change| format!("{:?} {}: {}", change.kind, change.reason, change.because.en))
            .collect()
    }

    #[track_caller]
    fn says(&self, expected: &[&str]) {
        assert_eq!(self.by(&rules()), expected);
    }
}

#[test]
fn ten_points_within_a_week_are_a_drop_and_less_is_none() {
    let fall = "Open score-drop: The score fell by 10, from 80 on 2026-11-19 to 70";
    Case::new("70", 0).was(7, "80", 0).was(1, "71", 0).says(&[fall]);
    Case::new("141/2", 0).was(7, "80", 0).was(1, "71", 0).says(&[]);
    // The eighth day back no longer counts, and too few weeks say nothing.
    Case::new("70", 0).was(8, "80", 0).was(1, "71", 0).says(&[]);
}

#[test]
fn a_fifth_below_the_own_median_is_a_drop_however_slowly_it_came() {
    let weeks = |now: &str| {
        (1..=10)
            .rev()
            .fold(Case::new(now, 0), |case, week| case.was(week * 8, "50", 0))
    };
    weeks("40").says(&[
        "Open score-drop: The score 40 is at least 20 % below the customer's own median 50 of the last 12 weeks",
    ]);
    weeks("4001/100").says(&[]);
    let few = (1..=6)
        .rev()
        .fold(Case::new("40", 0), |case, week| case.was(week * 8 + 1, "50", 0));
    few.says(&[]);
}

#[test]
fn a_drop_closes_when_it_is_regained_or_has_become_usual_and_never_opens_twice() {
    let open = |now: &str, days_ago| {
        Case::new(now, 0)
            .opened(days_ago, reason::SCORE_DROP, Some(80))
            .was(1, "85", 0)
    };
    open("70", 2).says(&[]);
    open("149/2", 2).says(&[]);
    open("75", 2).says(&["Close score-drop: The customer has recovered"]);
    open("60", 84).says(&["Close score-drop: It has been like this for 84 days"]);
    open("60", 83).says(&[]);
}

#[test]
fn what_another_model_said_is_not_compared() {
    let mut case = Case::new("10", 2).was(1, "90", 0);
    case.history[0].snapshot.hash = "other".into();
    case.says(&[]);
}

#[test]
fn a_worse_band_than_the_day_before_opens_and_a_better_one_closes() {
    let worse = "Open band-worsened: The customer came into a worse band than on 2026-11-25";
    Case::new("50", 2).was(1, "51", 1).says(&[worse]);
    Case::new("50", 1).was(1, "51", 1).says(&[]);
    Case::new("50", 2)
        .opened(3, reason::BAND_WORSENED, Some(1))
        .was(1, "51", 2)
        .says(&[]);
    Case::new("61", 1)
        .opened(3, reason::BAND_WORSENED, Some(1))
        .was(1, "51", 2)
        .says(&["Close band-worsened: The customer has recovered"]);
}

#[test]
fn a_reason_rests_after_it_was_told() {
    let closed = |days_ago| {
        let alert = |open, ago| {
            fact(
                ago,
                FactBody::Alert {
                    reason: reason::BAND_WORSENED.to_owned(),
                    open,
                    severity: 2,
                    level: None,
                },
            )
        };
        Case::new("50", 2)
            .was(1, "51", 1)
            .facts([alert(true, days_ago), alert(false, days_ago - 1)])
    };
    closed(6).says(&[]);
    closed(8).says(&["Open band-worsened: The customer came into a worse band than on 2026-11-25"]);
}

#[test]
fn contacts_at_half_of_the_usual_are_told_of_once() {
    // Four in each window of 28 days before the present one.
    let usual = || (0..24).map(|number| touchpoint(28 + number * 7, "Hej"));
    let now = |contacts: i64| {
        Case::new("90", 0)
            .facts(usual())
            .facts((0..contacts).map(|number| touchpoint(number, "Nu")))
    };
    now(2).says(&["Open engagement-change: 2 contacts in 28 days against the customer's usual 4"]);
    now(3).says(&[]);
    now(2).opened(1, reason::ENGAGEMENT_CHANGE, Some(4)).says(&[]);
    now(3)
        .opened(1, reason::ENGAGEMENT_CHANGE, Some(4))
        .says(&["Close engagement-change: The customer has recovered"]);
    // Who has not been here for all windows has no usual level.
    let mut young = now(0);
    young.facts.remove(0);
    young.facts.truncate(12);
    young.says(&[]);
}

#[test]
fn a_competitor_of_the_customer_is_heard_as_whole_words() {
    let competitors = || {
        fact(
            300,
            FactBody::Profile {
                field: field::COMPETITORS.to_owned(),
                value: "Acme Learning, Bildo".to_owned(),
            },
        )
    };
    let said = |days_ago, text: &str| Case::new("90", 0).facts([competitors(), touchpoint(days_ago, text)]);
    said(29, "De pratar med ACME  learning i vår")
        .says(&["Open competitor: “acme learning” was named on 2026-10-28 (crm)"]);
    said(30, "De pratar med Acme Learning").says(&[]);
    said(1, "De läser bildord").says(&[]);
    said(40, "Bildo")
        .opened(35, reason::COMPETITOR, None)
        .says(&["Close competitor: No competitor was named of late"]);
    said(1, "Bildo igen")
        .opened(35, reason::COMPETITOR, None)
        .says(&[]);
}

#[test]
fn a_subscription_that_ends_while_the_customer_is_not_well_is_a_renewal_risk() {
    let ends = |days: i64, severity| {
        let subscription = FactBody::Subscription(Subscription {
            key: "s".to_owned(),
            name: "Satori".to_owned(),
            monthly: Money::new(100.into(), "SEK"),
            start: TODAY - 300.days(),
            end: Some(TODAY + days.days()),
        });
        Case::new("50", severity).facts([fact(200, subscription)])
    };
    ends(90, 1)
        .says(&["Open renewal-risk: Satori ends on 2027-02-24, in 90 days, and the customer is not well"]);
    ends(91, 1).says(&[]);
    ends(0, 3)
        .says(&["Open renewal-risk: Satori ends on 2026-11-26, in 0 days, and the customer is not well"]);
    ends(-1, 3).says(&[]);
    ends(30, 0).says(&[]);
    ends(30, 0)
        .opened(31, reason::RENEWAL_RISK, None)
        .says(&["Close renewal-risk: The customer is well before the renewal"]);
}

/// S3-41 with D-17 and D-18: above 80, not at it; from 80 % of the limit.
#[test]
fn petras_expansion_needs_more_than_eighty_points_and_a_limit_that_comes_near() {
    let pack = crate::definitions::Pack::find("boekhouding")
        .unwrap()
        .load()
        .unwrap();
    let rules = AlertRules::compile(&pack.alerts.body, &pack.metrics.body).unwrap();
    let share = |score: &str, share: &str| {
        let mut case = Case::new(score, 0);
        let value = crate::measure::Value::Number(share.parse().unwrap());
        case.values.insert(
            "usage_limit_share",
            Measure::new(value, noon(0), "app".to_owned(), 1).unwrap(),
        );
        case.by(&rules)
    };
    assert_eq!(
        share("81", "0.8"),
        ["Open expansion: Health 81 and 0.8 of the usage limit used"]
    );
    assert_eq!(share("80", "0.9"), [""; 0]);
    assert_eq!(share("81", "0.79"), [""; 0]);
    // What is not measured opens nothing, and closes nothing.
    let unknown = Case::new("90", 0).opened(40, reason::EXPANSION, None);
    assert_eq!(unknown.by(&rules), [""; 0]);
}

#[test]
fn who_is_in_no_band_keeps_its_alerts() {
    let mut case = Case::new("50", 2)
        .opened(3, reason::BAND_WORSENED, Some(0))
        .opened(3, reason::SCORE_DROP, Some(80));
    case.now.score = None;
    case.now.severity = None;
    case.says(&[]);
}

/// A day on which a feed was away hides no fall.
#[test]
fn a_fall_over_a_day_without_a_score_is_told() {
    let mut case = Case::new("40", 2).was(3, "90", 0).was(1, "90", 0);
    case.history[1].snapshot.score = None;
    case.history[1].snapshot.severity = None;
    case.says(&[
        "Open score-drop: The score fell by 50, from 90 on 2026-11-23 to 40",
        "Open band-worsened: The customer came into a worse band than on 2026-11-23",
    ]);
    let customer = Customer::fold(CustomerId("a".to_owned()), 0, case.facts.clone());
    let present = case.present(&customer);
    assert!(
        rules().need_history(&present, case.history.last()),
        "the last record alone does not say so"
    );
}
