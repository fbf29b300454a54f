//! Scorers: a metric's value in, points out, exactly.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::definitions::Input;
use crate::exact::Exact;
use crate::measure::Value;

/// How an input's value becomes points (requirements A7.2 point 2).
#[derive(Clone, Debug)]
pub(crate) enum Scorer {
    Bands(Vec<Piece>),
    Linear { from: Decimal, to: Decimal },
    Map(BTreeMap<String, Exact>),
    Direct,
}

/// From `from` up to, and without, `to`; the last piece has its end too.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub from: Decimal,
    pub to: Option<Decimal>,
    pub points: Exact,
}

impl Scorer {
    /// `None` where the file says no way, or more than one.
    pub fn of(input: &Input) -> Option<Self> {
        let bands = !input.bands.is_empty();
        let map = !input.map.is_empty();
        match (bands, input.linear, map, input.direct) {
            (true, None, false, false) => {
                let piece = |band: &crate::definitions::BandPiece| Piece {
                    from: band.from.0,
                    to: band.to.map(|to| to.0),
                    points: band.points.exact(),
                };
                Some(Self::Bands(input.bands.iter().map(piece).collect()))
            }
            (false, Some(line), false, false) if line.from != line.to => Some(Self::Linear {
                from: line.from.0,
                to: line.to.0,
            }),
            (false, None, true, false) => {
                let points = input
                    .map
                    .iter()
                    .map(|(word, points)| (word.clone(), points.exact()));
                Some(Self::Map(points.collect()))
            }
            (false, None, false, true) => Some(Self::Direct),
            _ => None,
        }
    }

    /// The points of `value`; `None` where the model does not say what such a value is worth.
    pub fn points(&self, value: &Value) -> Option<Exact> {
        match self {
            Self::Bands(pieces) => {
                let number = value.number()?;
                let last = pieces.len() - 1;
                let holds = |(place, piece): &(usize, &Piece)| {
                    number >= piece.from
                        && piece
                            .to
                            .is_none_or(|to| number < to || (*place == last && number == to))
                };
                let (_, piece) = pieces.iter().enumerate().find(holds)?;
                Some(piece.points.clone())
            }
            Self::Linear { from, to } => Some(linear(value.number()?, *from, *to)),
            Self::Map(points) => points.get(value.text()?).cloned(),
            Self::Direct => {
                let number = value.number()?;
                (Decimal::ZERO..=Decimal::ONE_HUNDRED)
                    .contains(&number)
                    .then(|| number.into())
            }
        }
    }
}

fn linear(number: Decimal, from: Decimal, to: Decimal) -> Exact {
    let number = number.clamp(from.min(to), from.max(to));
    let from = Exact::from(from);
    let part = Exact::from(number).minus(&from).times(&Exact::whole(100));
    part.over(&Exact::from(to).minus(&from))
        .expect("a line of no length is refused when loaded")
}
