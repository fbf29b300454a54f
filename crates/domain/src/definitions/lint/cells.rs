//! Rule models by cells: between the numbers that conditions compare with, nothing changes, so that one value of each cell
//! stands for all of it. Exact, no sampling.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use crate::condition::{Number, Truth};
use crate::definitions::{HealthModel, MetricDefinition, MetricFile, UNCLASSIFIED};
use crate::health::Compound;

/// More cells than this are not looked at.
const CELLS_MAX: usize = 50_000;

/// What is odd in the rules.
pub(super) struct Found {
    /// Rules that never decide.
    pub never: Vec<String>,
    /// Rules with another band inside a later one.
    pub inside: Vec<(String, String)>,
    /// Values of one metric for which no rule holds though rules hold below and above.
    pub holes: Vec<String>,
}

/// A value, or everything between two values.
#[derive(Clone, Debug)]
struct Cell {
    from: Option<Decimal>,
    to: Option<Decimal>,
    /// One value in it.
    within: Decimal,
}

struct Axis<'a> {
    metric: &'a str,
    cells: Vec<Cell>,
}

/// `None` where a condition compares metrics with each other, or where there are too many cells.
pub(super) fn examine(body: &HealthModel, metrics: &MetricFile) -> Option<Found> {
    let names: BTreeSet<&str> = metrics
        .ids()
        .chain(body.params.keys().map(String::as_str))
        .collect();
    let rules: Option<Vec<Compound>> = body
        .rules
        .iter()
        .map(|rule| Compound::compile(rule, &names).ok())
        .collect();
    let rules = rules?;
    let axes = axes(&rules, body, metrics)?;
    let sizes: Vec<usize> = axes.iter().map(|axis| axis.cells.len()).collect();
    let count = sizes
        .iter()
        .try_fold(1_usize, |count, size| count.checked_mul(*size))?;
    if count > CELLS_MAX || count == 0 {
        return None;
    }
    // Which rules hold in each cell, in mixed-radix order of the axes.
    let mut held = Vec::with_capacity(count);
    for number in 0..count {
        let places = places(number, &sizes);
        let value = |name: &str| {
            let axis = axes.iter().position(|axis| axis.metric == name);
            let metric = axis.map(|axis| axes[axis].cells[places[axis]].within);
            metric.or_else(|| body.params.get(name).map(|number| Decimal::from(*number)))
        };
        let holds: Option<Vec<bool>> = rules.iter().map(|rule| rule.decide(&value)).collect();
        held.push(holds?);
    }
    let decided: BTreeSet<usize> = held.iter().filter_map(|holds| first(holds)).collect();
    let never = (0..rules.len()).filter(|rule| !decided.contains(rule));
    Some(Found {
        never: never.map(|rule| body.rules[rule].id.clone()).collect(),
        inside: inside(body, &held),
        holes: if body.otherwise == UNCLASSIFIED {
            holes(&axes, &sizes, &held)
        } else {
            Vec::new()
        },
    })
}

fn first(holds: &[bool]) -> Option<usize> {
    holds.iter().position(|holds| *holds)
}

fn places(mut number: usize, sizes: &[usize]) -> Vec<usize> {
    let place = |size: &usize| {
        let place = number % size;
        number /= size;
        place
    };
    sizes.iter().map(place).collect()
}

fn inside(body: &HealthModel, held: &[Vec<bool>]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for inner in 0..body.rules.len() {
        for outer in inner + 1..body.rules.len() {
            let differ = body.rules[inner].band != body.rules[outer].band;
            let within = held.iter().all(|holds| !holds[inner] || holds[outer]);
            let somewhere = held.iter().any(|holds| holds[inner]);
            if differ && within && somewhere {
                found.push((body.rules[inner].id.clone(), body.rules[outer].id.clone()));
            }
        }
    }
    found
}

fn holes(axes: &[Axis<'_>], sizes: &[usize], held: &[Vec<bool>]) -> Vec<String> {
    let mut found = Vec::new();
    let mut stride = 1;
    for (axis, size) in axes.iter().zip(sizes) {
        let mut open: BTreeSet<usize> = BTreeSet::new();
        // Every line along this axis, from its first cell.
        for start in (0..held.len()).filter(|number| (number / stride) % size == 0) {
            let decided = |place: usize| first(&held[start + place * stride]).is_some();
            let (Some(low), Some(high)) = (
                (0..*size).find(|p| decided(*p)),
                (0..*size).rfind(|p| decided(*p)),
            ) else {
                continue;
            };
            open.extend((low..high).filter(|place| !decided(*place)));
        }
        found.extend(spans(&open).into_iter().map(|(from, to)| {
            let (from, to) = (&axis.cells[from], &axis.cells[to]);
            let name =
                |end: Option<Decimal>| end.map_or_else(|| "…".to_owned(), |end| end.normalize().to_string());
            format!("{} from {} to {}", axis.metric, name(from.from), name(to.to))
        }));
        stride *= size;
    }
    found
}

/// Runs of neighbours.
fn spans(places: &BTreeSet<usize>) -> Vec<(usize, usize)> {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for place in places {
        match spans.last_mut() {
            Some((_, last)) if *last + 1 == *place => *last = *place,
            _ => spans.push((*place, *place)),
        }
    }
    spans
}

fn axes<'a>(rules: &[Compound], body: &HealthModel, metrics: &'a MetricFile) -> Option<Vec<Axis<'a>>> {
    let mut edges: BTreeMap<String, BTreeSet<Decimal>> = BTreeMap::new();
    for condition in rules.iter().flat_map(Compound::conditions) {
        collect(condition.tree(), body, &mut edges)?;
    }
    let axis = |(name, edges): (String, BTreeSet<Decimal>)| {
        let metric = metrics.find(&name)?;
        Some(Axis {
            metric: &metric.id,
            cells: cells(&edges.into_iter().collect::<Vec<_>>(), metric),
        })
    };
    edges.into_iter().map(axis).collect()
}

/// The numbers that each metric is compared with; `None` for a comparison of another form.
fn collect(truth: &Truth, body: &HealthModel, edges: &mut BTreeMap<String, BTreeSet<Decimal>>) -> Option<()> {
    let constant = |number: &Number| match number {
        Number::Literal(number) => Some(*number),
        Number::Name(name) => body.params.get(name).map(|number| Decimal::from(*number)),
        Number::Minus(_) | Number::Sum(..) | Number::Difference(..) => None,
    };
    match truth {
        Truth::Always(_) => Some(()),
        Truth::Not(inner) => collect(inner, body, edges),
        Truth::And(left, right) | Truth::Or(left, right) => {
            collect(left, body, edges)?;
            collect(right, body, edges)
        }
        Truth::Compare(left, _, right) => {
            let (name, edge) = match (left, right, constant(left), constant(right)) {
                (_, _, Some(_), Some(_)) => return Some(()),
                (Number::Name(name), _, None, Some(edge)) | (_, Number::Name(name), Some(edge), None) => {
                    (name, edge)
                }
                _ => return None,
            };
            edges.entry(name.clone()).or_default().insert(edge);
            Some(())
        }
    }
}

/// The line cut at `edges`, as far as the metric can be there.
fn cells(edges: &[Decimal], metric: &MetricDefinition) -> Vec<Cell> {
    let mut cells = Vec::new();
    let bounds = || edges.iter().copied().map(Some);
    let below = std::iter::once(None).chain(bounds());
    let above = bounds().chain(std::iter::once(None));
    for (from, to) in below.zip(above) {
        if let Some(within) = between(from, to, metric) {
            cells.push(Cell { from, to, within });
        }
        if let Some(edge) = to.filter(|edge| is_possible(*edge, metric)) {
            cells.push(Cell {
                from: Some(edge),
                to: Some(edge),
                within: edge,
            });
        }
    }
    cells
}

fn is_possible(value: Decimal, metric: &MetricDefinition) -> bool {
    metric.min.is_none_or(|min| min.0 <= value)
        && metric.max.is_none_or(|max| value <= max.0)
        && (!metric.whole || value.fract().is_zero())
}

/// A value above `from` and below `to` that the metric may have.
fn between(from: Option<Decimal>, to: Option<Decimal>, metric: &MetricDefinition) -> Option<Decimal> {
    let candidates = match (from, to) {
        (Some(from), Some(to)) => vec![(from + to) / Decimal::TWO, from.floor() + Decimal::ONE],
        (Some(from), None) => vec![from.floor() + Decimal::ONE],
        (None, Some(to)) => vec![to.ceil() - Decimal::ONE],
        (None, None) => vec![Decimal::ZERO],
    };
    // The metric's own ends: between 0 and 1 there may be no whole number beyond an edge.
    let ends = [metric.min, metric.max].into_iter().flatten().map(|end| end.0);
    let middle = |end: Decimal| match (from, to) {
        (Some(from), _) if end > from => Some((from + end) / Decimal::TWO),
        (_, Some(to)) if end < to => Some((to + end) / Decimal::TWO),
        _ => None,
    };
    let ends: Vec<Decimal> = ends.flat_map(|end| [Some(end), middle(end)]).flatten().collect();
    let inside = |value: &Decimal| from.is_none_or(|from| from < *value) && to.is_none_or(|to| *value < to);
    candidates
        .into_iter()
        .chain(ends)
        .find(|value| inside(value) && is_possible(*value, metric))
}
