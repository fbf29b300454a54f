//! From a tally to a value, or to why there is none: what cannot be measured is never zero.

use super::cohort::ROLLING;
use super::presence::{CONTRACTION, COST, NEW};
use super::result::{Part, Scorer};
use super::surveys::{DETRACTORS, PASSIVES, PROMOTERS};
use super::tally::{APART, FED, N, OVER, Tally, UNDER};
use super::words::{self, say};
use crate::definitions::{Compute, Kpi, KpiFold, Label, Under};
use crate::exact::Exact;

/// A value with what stands around it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Computed {
    pub value: Result<Exact, Label>,
    pub n: u64,
    pub margin: Option<u64>,
    /// Numerator and denominator, where it is a quotient.
    pub parts: Option<[Part; 2]>,
    pub also: Vec<Part>,
}

/// A hundred times a share.
fn percent(share: &Exact) -> Exact {
    share.times(&Exact::whole(100))
}

fn exact(number: u64) -> Exact {
    Exact::whole(i64::try_from(number).unwrap_or(i64::MAX))
}

/// `found`, or why there is none where somebody feeds it.
fn fed(tally: &Tally, names: &[&str], found: Option<Exact>, empty: Label) -> Result<Exact, Label> {
    if tally.sum(FED).is_zero() {
        return Err(words::nobody_says(names));
    }
    found.ok_or(empty)
}

pub(super) fn compute(kpi: &Kpi, tally: &Tally, score: Scorer) -> Computed {
    let [over, under] = words::parts(&kpi.compute);
    let share = || tally.ratio(OVER, UNDER).map(|share| percent(&share));
    let mut computed = Computed {
        value: Err(say("ingen räknar det", "nothing computes it")),
        n: tally.number(UNDER),
        margin: None,
        parts: Some([
            Part::new(over, tally.sum(OVER)),
            Part::new(under, tally.sum(UNDER)),
        ]),
        also: Vec::new(),
    };
    match &kpi.compute {
        Compute::Customers | Compute::Growth { .. } => {
            computed.n = tally.number(N);
            let known = (computed.n > 0).then(|| tally.sum(OVER));
            computed.value = known.ok_or_else(|| say("ingen kund är känd", "no customer is known"));
            computed.parts = None;
            if let (Compute::Growth { baseline, .. }, Ok(customers)) = (&kpi.compute, &computed.value) {
                computed
                    .also
                    .push(Part::new(say("kunder", "customers"), customers.clone()));
                let baseline = exact(u64::from(*baseline));
                computed.value = Ok(customers.minus(&baseline));
                computed
                    .also
                    .push(Part::new(say("utgångsläge", "baseline"), baseline));
            }
        }
        Compute::CustomerRetention | Compute::LogoChurn => {
            computed.value =
                share().ok_or_else(|| say("inga kunder vid början", "no customers at the start"));
        }
        Compute::RevenueChurn | Compute::Expansion => {
            computed.n = tally.number(N);
            computed.value = share().ok_or_else(words::no_money_at_start);
            if kpi.compute == Compute::RevenueChurn {
                let label = say("minskning hos dem som är kvar", "contraction of those who stayed");
                computed.also.push(Part::new(label, tally.sum(CONTRACTION)));
            }
        }
        Compute::Mrr => {
            computed.n = tally.number(N);
            computed.value = fed(
                tally,
                &["subscription"],
                Some(tally.sum(OVER)),
                words::no_money_at_start(),
            );
            computed.parts = None;
        }
        Compute::Ltv { .. } | Compute::Cac { .. } | Compute::LtvToCac { .. } => {
            unit_economics(kpi, tally, &mut computed)
        }
        Compute::Nps => {
            let groups = [PROMOTERS, PASSIVES, DETRACTORS];
            let [promoters, passives, detractors] = groups.map(|group| tally.number(group));
            computed.n = promoters + passives + detractors;
            let (score, margin) = score(promoters, passives, detractors);
            computed.value = score
                .map(Exact::whole)
                .ok_or_else(|| say("inga svar i fönstret", "no answers in the window"));
            computed.margin = margin;
            computed.parts = None;
            let labels = [
                say("ambassadörer", "promoters"),
                say("passiva", "passives"),
                say("kritiker", "detractors"),
            ];
            let parts = labels.into_iter().zip([promoters, passives, detractors]);
            computed
                .also
                .extend(parts.map(|(label, count)| Part::new(label, exact(count))));
            if let Some(rate) = share() {
                let label = say("svarsfrekvens, procent", "response rate, percent");
                computed.also.push(Part::new(label, rate));
            }
        }
        Compute::ResponseRate => {
            computed.value = share().ok_or_else(|| {
                say(
                    "ingen enkät skickades i fönstret (fakta `surveySent`)",
                    "no survey was sent in the window (facts `surveySent`)",
                )
            });
        }
        Compute::MeanHealth => {
            computed.n = tally.number(N);
            computed.value = tally.ratio(OVER, N).ok_or_else(|| {
                say(
                    "ingen kund har poäng: hälsomodellen ger band utan poäng, eller mätvärden saknas",
                    "no customer has a score: the health model gives bands without one, or measurements are missing",
                )
            });
            computed.parts = None;
        }
        Compute::Reached {
            who, begins, reaches, ..
        }
        | Compute::TimeTo {
            who, begins, reaches, ..
        } => {
            let median = matches!(kpi.compute, Compute::TimeTo { .. });
            let found = if median { tally.median() } else { share() };
            computed.value = begun(
                tally,
                words::nobody_began(who, begins),
                found,
                words::milestone(reaches),
                median,
            );
            if let Some(p90) = tally.p90() {
                computed.also.push(Part::new(words::p90(), p90));
            }
        }
        Compute::Retention {
            who, begins, active, ..
        } => {
            computed.value = begun(tally, words::nobody_began(who, begins), share(), active, false);
            if let Some(rolling) = tally.ratio(ROLLING, UNDER).filter(|_| computed.value.is_ok()) {
                let label = say(
                    "rullande (den dagen eller senare), procent",
                    "rolling (on that day or later), percent",
                );
                computed.also.push(Part::new(label, percent(&rolling)));
            }
        }
        Compute::Ratio { over, under } => {
            let empty = match under {
                Under::Sum(name) => {
                    computed.n = tally.number(N);
                    words::nobody_says(&[name.as_str()])
                }
                Under::Newest(names) => {
                    words::nobody_says(&names.iter().map(String::as_str).collect::<Vec<_>>())
                }
            };
            let found = if kpi.unit == "percent" {
                share()
            } else {
                tally.ratio(OVER, UNDER)
            };
            computed.value = fed(tally, &[over.as_str()], found, empty);
        }
        Compute::Resolution { hours, calendar } => {
            computed.n = tally.number(N);
            computed.value = tally
                .median()
                .ok_or_else(|| words::nobody_says(&[hours.as_str()]));
            computed.parts = None;
            computed
                .also
                .extend(tally.p90().map(|p90| Part::new(words::p90(), p90)));
            computed
                .also
                .push(Part::new(words::calendar(*calendar), exact(computed.n)));
        }
        Compute::Measurement { metric, fold } => {
            computed.n = tally.number(N);
            let found = match fold {
                KpiFold::Sum => (computed.n > 0).then(|| tally.sum(OVER)),
                KpiFold::Mean => tally.ratio(OVER, N),
                KpiFold::Median => tally.median(),
                KpiFold::P90 => tally.p90(),
            };
            computed.value = found.ok_or_else(|| words::nobody_says(&[metric.as_str()]));
            computed.parts = None;
        }
    }
    let apart = tally.sum(APART);
    if !apart.is_zero() {
        computed.also.push(Part::new(words::apart(&kpi.compute), apart));
    }
    computed
}

/// The value of a cohort, or who is missing: nobody began, nobody long enough ago, nobody says who reached it.
fn begun(
    tally: &Tally,
    nobody: Label,
    found: Option<Exact>,
    reaches: &str,
    is_time: bool,
) -> Result<Exact, Label> {
    if tally.sum(N).is_zero() {
        return Err(nobody);
    }
    if tally.sum(UNDER).is_zero() {
        return Err(words::nobody_eligible());
    }
    if is_time && tally.sum(OVER).is_zero() && !tally.sum(FED).is_zero() {
        return Err(say("ingen har nått det än", "nobody has reached it yet"));
    }
    fed(tally, &[reaches], found, words::nobody_eligible())
}

/// Lifetime value, the cost of a new customer, and one over the other (S4-63).
fn unit_economics(kpi: &Kpi, tally: &Tally, computed: &mut Computed) {
    let ltv = if tally.sum(OVER).is_zero() {
        Err(words::no_money_at_start())
    } else {
        tally.ratio(OVER, UNDER).ok_or_else(|| {
            say(
                "ingen kund tappades: livslängden kan inte räknas",
                "no customer was lost: a lifetime cannot be told",
            )
        })
    };
    let cac = |cost: &str| {
        let none = say("ingen ny kund i fönstret", "no new customer in the window");
        fed(tally, &[cost], tally.ratio(COST, NEW), none)
    };
    computed.n = tally.number(N);
    match &kpi.compute {
        Compute::Cac { cost } => {
            let [over, under] = words::parts(&kpi.compute);
            computed.n = tally.number(NEW);
            computed.parts = Some([Part::new(over, tally.sum(COST)), Part::new(under, tally.sum(NEW))]);
            computed.value = cac(cost);
        }
        Compute::LtvToCac { cost, .. } => {
            let (ltv, cac) = (ltv, cac(cost));
            for (label, value) in [("LTV", &ltv), ("CAC", &cac)] {
                let part = |value: &Exact| Part::new(say(label, label), value.clone());
                computed.also.extend(value.as_ref().ok().map(part));
            }
            computed.parts = None;
            let zero = || {
                say(
                    "kundanskaffningen kostade inget",
                    "winning customers cost nothing",
                )
            };
            computed.value = ltv.and_then(|ltv| ltv.over(&cac?).ok_or_else(zero));
        }
        _ => computed.value = ltv,
    }
}
