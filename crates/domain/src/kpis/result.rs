//! A KPI as it is told: value, target and status, what it was divided by, and where it was before.

use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};

use super::value::{Computed, compute};
use super::window::Window;
use super::{KpiEngine, Tallies};
use crate::definitions::{Bound, Compute, Kpi, Label, Target};
use crate::exact::Exact;

/// The score and its margin from promoters, passives and detractors; no score without answers.
pub type Scorer = fn(u64, u64, u64) -> (Option<i64>, Option<u64>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KpiStatus {
    /// The target is reached; of a goal for the year, all of it.
    Reached,
    /// Not yet, but as far as the year's goal asks by now.
    OnTrack,
    Behind,
    /// It has a value and no target.
    Watched,
    NotMeasurable,
}

/// A number with what it counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub label: Label,
    pub value: Exact,
}

/// Where it was before.
#[derive(Clone, Debug, PartialEq)]
pub struct Trend {
    pub window: Window,
    pub value: Exact,
    /// Now less before.
    pub change: Exact,
    /// Whether that is what the target asks for; `None` where nothing changed or no target says.
    pub better: Option<bool>,
}

/// One KPI as of a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct KpiResult<'a> {
    pub kpi: &'a Kpi,
    pub window: Window,
    /// Or why there is none.
    pub value: Result<Exact, Label>,
    /// What is to be reached by now.
    pub target: Option<(Bound, Exact)>,
    pub status: KpiStatus,
    /// Customers, users, answers or readings behind it.
    pub n: u64,
    /// Of an NPS, whole points.
    pub margin: Option<u64>,
    /// Numerator and denominator, where it is a quotient.
    pub parts: Option<[Part; 2]>,
    pub also: Vec<Part>,
    pub trend: Option<Trend>,
}

/// A goal for the year, pro rata by a day of it (S0-05).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    pub baseline: u32,
    pub per_year: u32,
}

impl Growth {
    /// That of the first KPI with one.
    #[must_use]
    pub fn of(kpis: &crate::definitions::Kpis) -> Option<Self> {
        kpis.kpis.iter().find_map(|kpi| Self::in_compute(&kpi.compute))
    }

    fn in_compute(compute: &Compute) -> Option<Self> {
        let &Compute::Growth { baseline, per_year } = compute else {
            return None;
        };
        Some(Self { baseline, per_year })
    }

    /// What should have been gained by the end of `day`: 183 of 365 days of 10 are 1830/365.
    #[must_use]
    pub fn by(self, day: Date) -> Exact {
        let (days, year) = (i64::from(day.day_of_year()), i64::from(day.days_in_year()));
        Exact::fraction(i64::from(self.per_year) * days, year).unwrap_or_default()
    }

    /// The same at two decimals, as it is shown.
    #[must_use]
    pub fn shown_by(self, day: Date) -> Decimal {
        let exact = Decimal::from(self.per_year) * Decimal::from(day.day_of_year())
            / Decimal::from(day.days_in_year());
        let mut shown = exact.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
        shown.rescale(2);
        shown
    }

    /// The exact goal decides, the rounded one is shown.
    #[must_use]
    pub fn status(self, gained: &Exact, day: Date) -> KpiStatus {
        if *gained >= Exact::whole(i64::from(self.per_year)) {
            KpiStatus::Reached
        } else if *gained >= self.by(day) {
            KpiStatus::OnTrack
        } else {
            KpiStatus::Behind
        }
    }
}

impl Part {
    pub(super) fn new(label: Label, value: Exact) -> Self {
        Self { label, value }
    }
}

impl Bound {
    #[must_use]
    pub fn is_met(self, value: &Exact, target: &Exact) -> bool {
        match self {
            Self::AtLeast => value >= target,
            Self::AtMost => value <= target,
            Self::Above => value > target,
            Self::Below => value < target,
        }
    }

    fn wants_more(self) -> bool {
        matches!(self, Self::AtLeast | Self::Above)
    }
}

impl<'a> KpiEngine<'a> {
    /// Every KPI in the order of its file, from the tallies of all customers.
    #[must_use]
    pub fn results(&self, tallies: &Tallies, score: Scorer) -> Vec<KpiResult<'a>> {
        let kpis: &'a [Kpi] = &self.kpis.kpis;
        let none = Default::default();
        kpis.iter()
            .map(|kpi| {
                let [now, before] = tallies.get(&kpi.id).unwrap_or(&none);
                let [window, window_before] = self.windows(kpi);
                let computed = compute(kpi, now, score);
                let before = compute(kpi, before, score);
                result(kpi, window, computed, window_before, before)
            })
            .collect()
    }
}

fn result<'a>(
    kpi: &'a Kpi,
    window: Window,
    computed: Computed,
    window_before: Window,
    before: Computed,
) -> KpiResult<'a> {
    let growth = Growth::in_compute(&kpi.compute);
    let target = match (growth, kpi.target) {
        (Some(growth), _) => Some((Bound::AtLeast, growth.by(window.to))),
        (
            None,
            Some(Target {
                bound: Some(bound),
                value,
            }),
        ) => Some((bound, value.exact())),
        (None, _) => None,
    };
    let status = match (&computed.value, growth, &target) {
        (Err(_), _, _) => KpiStatus::NotMeasurable,
        (Ok(value), Some(growth), _) => growth.status(value, window.to),
        (Ok(_), None, None) => KpiStatus::Watched,
        (Ok(value), None, Some((bound, target))) if bound.is_met(value, target) => KpiStatus::Reached,
        (Ok(_), None, Some(_)) => KpiStatus::Behind,
    };
    let trend = computed
        .value
        .as_ref()
        .ok()
        .zip(before.value.ok())
        .map(|(now, value)| {
            let change = now.minus(&value);
            let moved = target.as_ref().filter(|_| !change.is_zero());
            let better = moved.map(|(bound, _)| bound.wants_more() != change.is_negative());
            Trend {
                window: window_before,
                value,
                change,
                better,
            }
        });
    KpiResult {
        kpi,
        window,
        value: computed.value,
        target,
        status,
        n: computed.n,
        margin: computed.margin,
        parts: computed.parts,
        also: computed.also,
        trend,
    }
}
