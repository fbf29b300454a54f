//! How well a number tells those who left from those who stayed: the area under the ROC curve, by ranks, with its sampling
//! noise (DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988).

/// Half the width of a 95 % interval, in standard errors.
pub(super) const Z_95: f64 = 1.959_964;

/// The area and what its variance is computed from.
#[derive(Clone, Debug, PartialEq)]
pub struct Auc {
    /// The chance that one who left has a lower value than one who stayed, a tie counting half: 0 to 1, 0.5 says nothing.
    pub area: f64,
    /// Of each who left, the share of those who stayed with a higher value.
    left: Vec<f64>,
    /// Of each who stayed, the share of those who left with a lower value.
    stayed: Vec<f64>,
}

/// A difference with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gap {
    pub by: f64,
    pub low: f64,
    pub high: f64,
}

impl Auc {
    /// Of values where more is healthier; `lost` says who left. `None` where nobody left, or everybody did.
    ///
    /// Time grows as n log n.
    #[must_use]
    pub fn of(values: &[f64], lost: &[bool]) -> Option<Self> {
        debug_assert_eq!(values.len(), lost.len(), "every value has a label");
        let side = |which: bool| -> Vec<f64> {
            let of_side = values.iter().zip(lost).filter(|(_, lost)| **lost == which);
            of_side.map(|(value, _)| *value).collect()
        };
        let (left, stayed) = (side(true), side(false));
        if left.is_empty() || stayed.is_empty() {
            return None;
        }
        let all = ranks(values);
        // A rank among all less the rank among its own side is how many of the other side are below, ties counting half.
        let below = |which: bool, own: &[f64]| -> Vec<f64> {
            let among_all = all.iter().zip(lost).filter(|(_, lost)| **lost == which);
            let own = ranks(own);
            among_all.zip(own).map(|((all, _), own)| all - own).collect()
        };
        let (many_left, many_stayed) = (left.len() as f64, stayed.len() as f64);
        let left = below(true, &left)
            .iter()
            .map(|count| 1.0 - count / many_stayed)
            .collect();
        let stayed: Vec<f64> = below(false, &stayed)
            .iter()
            .map(|count| count / many_left)
            .collect();
        Some(Self {
            area: mean(&stayed),
            left,
            stayed,
        })
    }

    /// The 95 % interval of the area, within 0 to 1. With one subject on a side there is no spread to tell: 0 to 1.
    #[must_use]
    pub fn interval(&self) -> (f64, f64) {
        let half = self.variance().map_or(1.0, |variance| Z_95 * variance.sqrt());
        ((self.area - half).max(0.0), (self.area + half).min(1.0))
    }

    fn variance(&self) -> Option<f64> {
        Some(
            variance(&self.left)? / self.left.len() as f64
                + variance(&self.stayed)? / self.stayed.len() as f64,
        )
    }

    /// This area less `other`, which must be of the same subjects.
    #[must_use]
    pub fn less(&self, other: &Self) -> Gap {
        let apart = |one: &[f64], other: &[f64]| one.iter().zip(other).map(|(a, b)| a - b).collect();
        let paired = Self {
            area: self.area - other.area,
            left: apart(&self.left, &other.left),
            stayed: apart(&self.stayed, &other.stayed),
        };
        let half = paired.variance().map_or(1.0, |variance| Z_95 * variance.sqrt());
        Gap {
            by: paired.area,
            low: paired.area - half,
            high: paired.area + half,
        }
    }
}

/// The rank of each value from 1, the lowest; ties share the mean of theirs.
#[must_use]
pub(super) fn ranks(values: &[f64]) -> Vec<f64> {
    let order = rising(values);
    let mut ranks = vec![0.0; values.len()];
    let mut begin = 0;
    while let Some(&first) = order.get(begin) {
        let tied = order[begin..]
            .iter()
            .take_while(|place| values[**place] == values[first])
            .count();
        let shared = begin as f64 + (tied as f64 + 1.0) / 2.0;
        for place in &order[begin..begin + tied] {
            ranks[*place] = shared;
        }
        begin += tied;
    }
    ranks
}

/// The places of the values, the lowest first; ties in their order.
pub(super) fn rising(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|one, other| values[*one].total_cmp(&values[*other]));
    order
}

/// 0 of nothing.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / (values.len().max(1)) as f64
}

fn variance(values: &[f64]) -> Option<f64> {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| squares / (values.len() - 1) as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn area(values: &[f64], lost: &[bool]) -> Option<f64> {
        Auc::of(values, lost).map(|auc| auc.area)
    }

    /// By hand: the lost have 1 and 3, the others 2, 3 and 4; of six pairs four are right, one is a tie.
    #[test]
    fn pairs_are_counted_and_a_tie_is_half() {
        let lost = [true, true, false, false, false];
        assert_eq!(area(&[1.0, 3.0, 2.0, 3.0, 4.0], &lost), Some(4.5 / 6.0));
        assert_eq!(area(&[1.0, 1.0, 2.0, 2.0, 2.0], &lost), Some(1.0));
        assert_eq!(area(&[2.0, 2.0, 1.0, 1.0, 1.0], &lost), Some(0.0));
        assert_eq!(area(&[7.0; 5], &lost), Some(0.5));
        assert_eq!(area(&[1.0, 2.0], &[true, true]), None);
        assert_eq!(area(&[], &[]), None);
    }

    /// The example of the variance, by hand: placements of the lost 1 and 1/2, of the others 1/2, 3/4 and 1.
    #[test]
    fn the_interval_is_delongs() {
        let auc = Auc::of(&[1.0, 3.0, 2.0, 3.0, 4.0], &[true, true, false, false, false]).unwrap();
        let variance = 0.125 / 2.0 + 0.0625 / 3.0;
        assert!((auc.variance().unwrap() - variance).abs() < 1e-12);
        assert_eq!(auc.interval(), (0.75 - Z_95 * variance.sqrt(), 1.0));
        let alone = Auc::of(&[1.0, 2.0], &[true, false]).unwrap();
        assert_eq!(alone.interval(), (0.0, 1.0));
        let none = auc.less(&auc);
        assert_eq!((none.by, none.low, none.high), (0.0, 0.0, 0.0));
    }

    /// Every pair looked at, as the definition says.
    fn kernel(left: f64, stayed: f64) -> f64 {
        match left.partial_cmp(&stayed).unwrap() {
            std::cmp::Ordering::Less => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Greater => 0.0,
        }
    }

    fn by_pairs(values: &[f64], lost: &[bool]) -> (f64, f64) {
        let side = |which| {
            let both = values.iter().zip(lost);
            both.filter(move |(_, lost)| **lost == which)
                .map(|(value, _)| *value)
                .collect::<Vec<f64>>()
        };
        let (left, stayed) = (side(true), side(false));
        let of_left: Vec<f64> = left
            .iter()
            .map(|one| stayed.iter().map(|other| kernel(*one, *other)).sum::<f64>() / stayed.len() as f64)
            .collect();
        let of_stayed: Vec<f64> = stayed
            .iter()
            .map(|one| left.iter().map(|other| kernel(*other, *one)).sum::<f64>() / left.len() as f64)
            .collect();
        let spread = |values: &[f64], mean: f64| {
            let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
            squares / (values.len() as f64 - 1.0) / values.len() as f64
        };
        let area = of_left.iter().sum::<f64>() / of_left.len() as f64;
        (area, spread(&of_left, area) + spread(&of_stayed, area))
    }

    proptest! {
        #[test]
        fn ranks_say_what_a_count_of_all_pairs_says(
            subjects in proptest::collection::vec((0_i32..12, any::<bool>()), 4..120)
        ) {
            let values: Vec<f64> = subjects.iter().map(|(value, _)| f64::from(*value)).collect();
            let lost: Vec<bool> = subjects.iter().map(|(_, lost)| *lost).collect();
            let left = lost.iter().filter(|lost| **lost).count();
            prop_assume!(left > 1 && left + 1 < lost.len());
            let auc = Auc::of(&values, &lost).unwrap();
            let (area, variance) = by_pairs(&values, &lost);
            prop_assert!((auc.area - area).abs() < 1e-9, "{} is not {area}", auc.area);
            prop_assert!((auc.variance().unwrap() - variance).abs() < 1e-9);
            let opposite: Vec<f64> = values.iter().map(|value| -value).collect();
            let turned = Auc::of(&opposite, &lost).unwrap();
            prop_assert!((auc.area + turned.area - 1.0).abs() < 1e-9);
            prop_assert!((auc.less(&turned).by - (2.0 * auc.area - 1.0)).abs() < 1e-9);
        }
    }
}
