//! The range of an input as the source writes it, and where it contradicts itself or is silent.

use std::fmt;

use rust_decimal::Decimal;

use crate::definitions::{Clash, Input, MetricDefinition};
use crate::exact::Exact;
use crate::health::Scorer;
use crate::measure::Value;

/// What a source writes, in its order.
pub(super) enum Ranges {
    Numbers(Vec<Range>),
    Words(Vec<(String, Decimal)>),
}

/// From one number to another, both in it unless said otherwise.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Range {
    text: String,
    from: Option<Decimal>,
    to: Option<Decimal>,
    /// `<` and `>` leave out their number.
    open: bool,
    pub points: Decimal,
}

impl Ranges {
    /// Reads `0-10 = 50, <20% = 50, 5+ = 100, 0 = 100` or `negative = 25`.
    pub fn parse(text: &str) -> Option<Self> {
        let pairs: Option<Vec<(&str, Decimal)>> = text.split(',').map(pair).collect();
        let pairs = pairs?;
        let is_word = |text: &str| text.starts_with(|letter: char| letter.is_alphabetic());
        if pairs.iter().all(|(text, _)| is_word(text)) {
            let words = pairs.into_iter().map(|(word, points)| (word.to_owned(), points));
            return Some(Self::Words(words.collect()));
        }
        let ranges: Option<Vec<Range>> = pairs
            .into_iter()
            .map(|(text, points)| range(text, points))
            .collect();
        ranges.map(Self::Numbers)
    }

    /// The points it speaks of.
    pub fn points(&self) -> Vec<Exact> {
        match self {
            Self::Numbers(ranges) => ranges.iter().map(|range| range.points.into()).collect(),
            Self::Words(words) => words.iter().map(|(_, points)| (*points).into()).collect(),
        }
    }

    /// Where it contradicts itself, or leaves out a value that the metric may have.
    pub fn clashes(&self, metric: &MetricDefinition) -> Vec<(Clash, String)> {
        let ranges = match self {
            Self::Numbers(ranges) => ranges,
            Self::Words(words) => {
                let known = |word: &&String| !words.iter().any(|(known, _)| known == *word);
                let left_out = metric.words.iter().filter(known);
                return left_out
                    .map(|word| (Clash::Hole, format!("the source has no points for {word:?}")))
                    .collect();
            }
        };
        let mut found = Vec::new();
        if let (Some(min), Some(first)) = (metric.min, ranges.first())
            && let Some(from) = first
                .from
                .filter(|from| *from > min.0 || (*from == min.0 && first.open))
        {
            let values = if metric.whole && from == min.0 + Decimal::ONE {
                format!("{min} has")
            } else {
                format!("values from {min} to {from} have")
            };
            found.push((Clash::Hole, format!("{values} no points in the source")));
        }
        for pair in ranges.windows(2) {
            found.extend(between(&pair[0], &pair[1], metric.whole));
        }
        if let Some(last) = ranges.last()
            && let Some(to) = last.to
            && metric.max.is_none_or(|max| to < max.0)
        {
            found.push((
                Clash::Hole,
                format!("values above {to} have no points in the source"),
            ));
        }
        found
    }

    /// Where the file gives other points than the source.
    pub fn differences(&self, input: &Input, metric: &MetricDefinition) -> Vec<String> {
        let Some(scorer) = Scorer::of(input) else {
            return Vec::new();
        };
        let cases: Vec<(String, Value, Decimal)> = match self {
            Self::Numbers(ranges) => ranges
                .iter()
                .map(|range| {
                    (
                        range.text.clone(),
                        Value::Number(range.inner(metric)),
                        range.points,
                    )
                })
                .collect(),
            Self::Words(words) => words
                .iter()
                .map(|(word, points)| (word.clone(), Value::Text(word.clone()), *points))
                .collect(),
        };
        let differs = |(text, value, points): (String, Value, Decimal)| {
            let given = scorer.points(&value);
            (given != Some(points.into())).then(|| {
                let given = given.map_or_else(|| "none".to_owned(), |given| given.printed());
                format!("the source gives {points} points for {text}, the file {given}")
            })
        };
        cases.into_iter().filter_map(differs).collect()
    }
}

impl Range {
    /// A value well inside.
    fn inner(&self, metric: &MetricDefinition) -> Decimal {
        let end = |end: Option<crate::definitions::Amount>| end.map(|end| end.0);
        match (self.from.or(end(metric.min)), self.to.or(end(metric.max))) {
            (Some(from), Some(to)) => (from + to) / Decimal::TWO,
            (Some(from), None) => from + Decimal::ONE,
            (None, Some(to)) => to - Decimal::ONE,
            (None, None) => Decimal::ZERO,
        }
    }
}

fn pair(text: &str) -> Option<(&str, Decimal)> {
    let (range, points) = text.split_once('=')?;
    Some((range.trim(), points.trim().parse().ok()?))
}

fn range(text: &str, points: Decimal) -> Option<Range> {
    let percent = text.contains('%');
    let bare = text.replace('%', "");
    let number = |text: &str| {
        let number: Decimal = text.trim().parse().ok()?;
        Some(if percent {
            (number / Decimal::ONE_HUNDRED).normalize()
        } else {
            number
        })
    };
    let (from, to, open) = if let Some(rest) = bare.strip_prefix('<') {
        (None, Some(number(rest)?), true)
    } else if let Some(rest) = bare.strip_prefix('>') {
        (Some(number(rest)?), None, true)
    } else if let Some(rest) = bare.strip_suffix('+') {
        (Some(number(rest)?), None, false)
    } else if let Some((from, to)) = bare.split_once('-') {
        (Some(number(from)?), Some(number(to)?), false)
    } else {
        let only = number(&bare)?;
        (Some(only), Some(only), false)
    };
    Some(Range {
        text: text.to_owned(),
        from,
        to,
        open,
        points,
    })
}

fn between(lower: &Range, upper: &Range, whole: bool) -> Option<(Clash, String)> {
    let (end, begin) = (lower.to?, upper.from?);
    let closed = !lower.open && !upper.open;
    if end > begin || (end == begin && closed) {
        return Some((
            Clash::Edge,
            format!("{begin} is in two ranges of the source, {lower} and {upper}"),
        ));
    }
    let next_whole = whole && closed && begin == end + Decimal::ONE;
    let touching = end == begin && (!lower.open || !upper.open);
    if next_whole || touching {
        return None;
    }
    let what = format!("values between {end} and {begin} have no points in the source");
    Some((Clash::Hole, what))
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
