//! What a KPI file must satisfy beyond its shape.

use rust_decimal::Decimal;

use super::check::{DAYS_MAX, Faults};
use super::kpi_file::{Bound, Compute, Kpi, KpiWindow, Kpis, Milestone, Under, Who};

/// KPIs of one file. Each page of a task carries two tallies of each.
const KPIS_MAX: usize = 100;
const CUSTOMERS_MAX: u32 = 1_000_000;

pub(super) fn kpis(body: &Kpis, faults: &mut Faults<'_>) {
    faults.unique("kpis:", "KPI", body.kpis.iter().map(|kpi| kpi.id.as_str()));
    if body.kpis.is_empty() {
        faults.add(&["kpis:"], "there is no KPI".to_owned(), "write at least one");
    }
    if body.kpis.len() > KPIS_MAX {
        let what = format!("there are {} KPIs", body.kpis.len());
        faults.add(&["kpis:"], what, "write at most 100");
    }
    for kpi in &body.kpis {
        words(kpi, faults);
        target(kpi, faults);
        window(kpi, faults);
        numbers(kpi, faults);
        milestones(kpi, faults);
    }
}

/// The words that lead to a key of a KPI.
fn at<'a>(word: &'a str, key: &'a str) -> [&'a str; 3] {
    ["kpis:", word, key]
}

fn id_word(kpi: &Kpi) -> String {
    format!("id: {}", kpi.id)
}

fn words(kpi: &Kpi, faults: &mut Faults<'_>) {
    let word = id_word(kpi);
    let is_name = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    if !kpi.id.chars().all(is_name) || !kpi.id.starts_with(|letter: char| letter.is_ascii_lowercase()) {
        let what = format!("the KPI {:?} has no plain name", kpi.id);
        faults.add(
            &["kpis:", &word],
            what,
            "write small letters of a to z, digits and `_`",
        );
    }
    faults.label(&at(&word, "label:"), &kpi.label);
    for (key, text) in [("unit:", &kpi.unit), ("source:", &kpi.source)] {
        if text.trim().is_empty() {
            let what = format!("the {} of {:?} is empty", key.trim_end_matches(':'), kpi.id);
            faults.add(&at(&word, key), what, "write it");
        }
    }
    if kpi.compute.is_share() && kpi.unit != "percent" {
        let what = format!("{:?} is a share and its unit is {:?}", kpi.id, kpi.unit);
        faults.add(&at(&word, "unit:"), what, "write `unit: percent`");
    }
    for name in kpi.compute.measurements() {
        if name.trim().is_empty() {
            let what = format!("{:?} reads a measurement without a name", kpi.id);
            faults.add(&at(&word, "compute:"), what, "name the measurement");
        }
    }
}

fn target(kpi: &Kpi, faults: &mut Faults<'_>) {
    let word = id_word(kpi);
    let Some(target) = &kpi.target else { return };
    let path = at(&word, "target:");
    let Some(bound) = target.bound else {
        let what = format!("the target of {:?} has no direction", kpi.id);
        let mend = format!(
            "write `target: {{ at_least: {0} }}`, or at_most, above or below",
            target.value
        );
        return faults.add(&path, what, &mend);
    };
    if matches!(kpi.compute, Compute::Growth { .. }) {
        let what = format!("the target of {:?} is its goal for the year", kpi.id);
        return faults.add(&path, what, "remove it, and write `per_year`");
    }
    let can_grow = matches!(kpi.compute, Compute::Expansion);
    let top = Decimal::ONE_HUNDRED;
    let beyond = match bound {
        Bound::AtLeast => target.value.0 > top,
        Bound::Above => target.value.0 >= top,
        Bound::AtMost | Bound::Below => false,
    };
    if kpi.compute.is_share() && !can_grow && beyond {
        let what = format!(
            "the target of {:?} cannot be reached: a share is at most 100 percent",
            kpi.id
        );
        faults.add(&path, what, "write it in percent, below 100");
    }
}

fn window(kpi: &Kpi, faults: &mut Faults<'_>) {
    use KpiWindow::{Days, Moment, Month, Year};
    let word = id_word(kpi);
    let Some(window) = kpi.window else {
        let what = format!("the KPI {:?} has no window", kpi.id);
        let mend = "write `window: moment`, `month`, `year` or `{ days: 30 }`";
        return faults.add(&["kpis:", &word], what, mend);
    };
    let path = at(&word, "window:");
    let (fits, mend) = match &kpi.compute {
        Compute::Customers | Compute::Mrr | Compute::MeanHealth => {
            (window == Moment, "it tells a state: write `window: moment`")
        }
        Compute::Growth { .. } => (window == Year, "its goal is for the year: write `window: year`"),
        Compute::Ltv { .. } | Compute::LtvToCac { .. } => (
            window == Month,
            "it rests on a month's churn: write `window: month`",
        ),
        Compute::CustomerRetention
        | Compute::LogoChurn
        | Compute::RevenueChurn
        | Compute::Expansion
        | Compute::Cac { .. }
        | Compute::Nps
        | Compute::ResponseRate
        | Compute::Reached { .. }
        | Compute::Retention { .. }
        | Compute::TimeTo { .. }
        | Compute::Ratio { .. }
        | Compute::Resolution { .. }
        | Compute::Measurement { .. } => (
            matches!(window, Days(_) | Month),
            "it counts what happened: write `window: month` or `{ days: 30 }`",
        ),
    };
    if !fits {
        let what = format!("the window of {:?} does not fit what it computes", kpi.id);
        faults.add(&path, what, mend);
    }
    if let Days(days) = window
        && !(1..=DAYS_MAX).contains(&days)
    {
        let what = format!("the window of {:?} is {days} days", kpi.id);
        faults.add(&path, what, "write a whole number from 1 to 3650");
    }
}

fn numbers(kpi: &Kpi, faults: &mut Faults<'_>) {
    let word = id_word(kpi);
    let mut days = |key: &str, days: i64, least: i64| {
        if !(least..=DAYS_MAX).contains(&days) {
            let what = format!("{key} of {:?} is {days}", kpi.id);
            let mend = format!("write a whole number from {least} to {DAYS_MAX}");
            faults.add(&at(&word, &format!("{key}:")), what, &mend);
        }
    };
    match &kpi.compute {
        Compute::Reached {
            eligible_days,
            within_days,
            ..
        } => {
            days("eligible_days", *eligible_days, 0);
            if let Some(within) = within_days {
                days("within_days", *within, 0);
                if within > eligible_days {
                    let what = format!(
                        "{:?} counts who still has time: within_days is above eligible_days",
                        kpi.id
                    );
                    faults.add(&at(&word, "within_days:"), what, "write at most eligible_days");
                }
            }
        }
        Compute::Retention { day, .. } => days("day", *day, 1),
        Compute::Growth { baseline, per_year } => {
            for (key, value) in [("baseline", *baseline), ("per_year", *per_year)] {
                if value > CUSTOMERS_MAX {
                    let what = format!("{key} of {:?} is {value}", kpi.id);
                    faults.add(&at(&word, &format!("{key}:")), what, "write at most 1000000");
                }
            }
        }
        Compute::Ltv { margin: Some(margin) }
        | Compute::LtvToCac {
            margin: Some(margin), ..
        } if margin.0 <= Decimal::ZERO || margin.0 > Decimal::ONE => {
            let what = format!("the margin of {:?} is {margin}", kpi.id);
            faults.add(&at(&word, "margin:"), what, "write a share above 0 and at most 1");
        }
        Compute::Ratio {
            under: Under::Newest(names),
            ..
        } if names.is_empty() => {
            let what = format!("{:?} is divided by nothing", kpi.id);
            faults.add(&at(&word, "newest:"), what, "name a measurement");
        }
        _ => {}
    }
}

fn milestones(kpi: &Kpi, faults: &mut Faults<'_>) {
    let word = id_word(kpi);
    let (who, begins, reaches) = match &kpi.compute {
        Compute::Reached {
            who, begins, reaches, ..
        }
        | Compute::TimeTo {
            who, begins, reaches, ..
        } => (who, begins, Some(reaches)),
        Compute::Retention { who, begins, .. } => (who, begins, None),
        _ => return,
    };
    if reaches == Some(begins) {
        let what = format!("{:?} begins with what is to be reached", kpi.id);
        faults.add(&at(&word, "reaches:"), what, "name two different milestones");
    }
    let of_users = !matches!(who, Who::Customers);
    let is_measured = |milestone: &Milestone| matches!(milestone, Milestone::Measurement(_));
    if of_users && ![Some(begins), reaches].into_iter().flatten().all(is_measured) {
        let what = format!("{:?} counts users by what is known of customers only", kpi.id);
        faults.add(
            &at(&word, "who:"),
            what,
            "use milestones `{ measurement: NAME }`, or count customers",
        );
    }
}
