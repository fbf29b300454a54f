//! What holds for every customer and every shipped model: property tests.

use std::sync::LazyLock;

use super::bands::ladder;
use super::explain::person;
use super::*;
use crate::definitions::MetricFile;

type Values = Vec<(&'static str, Option<Measure>)>;

/// Shipped models with their metrics.
static MODELS: LazyLock<Vec<(CompiledModel, MetricFile)>> = LazyLock::new(|| {
    let load = |pack: &Pack| (model(pack.name), pack.load().unwrap().metrics.body);
    PACKS.iter().map(load).collect()
});

/// What a metric may have: mostly values that it can have, also none, old ones and wrong ones.
fn any_measure(metrics: &'static MetricFile, metric: &'static str) -> impl Strategy<Value = Option<Measure>> {
    let numbers = [
        "0",
        "0.05",
        "0.333333333333",
        "0.2",
        "0.5",
        "0.97",
        "1",
        "2.5",
        "3",
        "7",
        "49.999",
        "61",
        "120",
        "987654321.123456789",
    ];
    let words = metrics
        .find(metric)
        .map(|metric| metric.words.clone())
        .unwrap_or_default();
    let good: Vec<String> = if words.is_empty() {
        numbers.map(str::to_owned).to_vec()
    } else {
        words
    };
    let wrong: Vec<String> = ["-1", "1000", "mauve"].map(str::to_owned).to_vec();
    let text = prop_oneof![12 => select(good), 1 => select(wrong)];
    let days = prop_oneof![5 => 0_i64..14, 1 => -1_i64..200];
    prop::option::weighted(0.9, (text, days).prop_map(|(text, days)| measure(&text, days)))
}

fn any_of(models: std::ops::Range<usize>) -> impl Strategy<Value = (&'static CompiledModel, Values)> {
    models.prop_flat_map(|place| {
        let (model, metrics) = &MODELS[place];
        let names: Vec<&'static str> = model.metrics().into_iter().collect();
        let values: Vec<_> = names.iter().map(|name| any_measure(metrics, name)).collect();
        values.prop_map(move |values| (model, names.iter().copied().zip(values).collect()))
    })
}

/// By every shipped model.
fn any_customer() -> impl Strategy<Value = (&'static CompiledModel, Values)> {
    any_of(0..PACKS.len())
}

fn known(values: &[(&'static str, Option<Measure>)]) -> Measures<'static> {
    let known = values
        .iter()
        .filter_map(|(metric, measure)| Some((*metric, measure.clone()?)));
    known.collect()
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn contributions_sum_to_the_score_exactly_and_as_printed(
        (model, values) in any_customer(),
        caps in prop::collection::vec((0_i64..100, any::<bool>()), 0..3),
    ) {
        let overrides: Vec<Sourced<Override>> = caps.into_iter().map(|(points, cap)| {
            let points = Amount(points.into());
            person(if cap { Effect::Cap(points) } else { Effect::Floor(points) }, date(2027, 1, 1))
        }).collect();
        let measures = known(&values);
        let result = model.check(&measures, &CheckContext { overrides: &overrides, ..context() });
        let rows: Vec<Exact> = result.contributions.iter().map(|row| row.contribution.clone()).collect();
        let sum = Exact::sum(&rows);
        prop_assert_eq!(result.score.clone().unwrap_or(Exact::ZERO), sum.clone());
        if let Some(score) = &result.score {
            prop_assert!(*score >= Exact::ZERO && *score <= Exact::whole(100));
            let weights: Vec<Exact> = result.contributions.iter().map(|row| row.weight.clone()).collect();
            prop_assert_eq!(Exact::sum(&weights), Exact::ONE);
            prop_assert!(result.band().is_some());
            let printed = result.printed_contributions();
            let millionths = |text: &str| text.parse::<rust_decimal::Decimal>().unwrap();
            let total: rust_decimal::Decimal = printed.iter().map(|text| millionths(text)).sum();
            prop_assert_eq!(total, millionths(&score.printed()));
            prop_assert_eq!(print_rows(&rows, &sum), printed);
        } else {
            prop_assert!(model.is_weighted() || result.contributions.is_empty());
            prop_assert!(!model.is_weighted() || result.band().is_none());
        }
        prop_assert!(result.coverage >= Exact::ZERO && result.coverage <= Exact::ONE);
    }

    /// Leaving an input out is the model without that input: its weight goes to the others in proportion.
    #[test]
    fn missing_inputs_redistribute_exactly((model, values) in prop_oneof![any_of(1..3), any_of(4..7)]) {
        let measures = known(&values);
        let result = model.check(&measures, &context());
        prop_assume!(result.score.is_some());
        let compile::Kind::Weighted(weighted) = &model.kind else { return Ok(()) };
        let counts = |place: &usize| result.contributions[*place].points.is_some();
        let rows = |group: &compile::ScoredGroup| group.inputs.iter().copied().filter(counts).collect::<Vec<_>>();
        let own = |group: &compile::ScoredGroup| match &group.weight {
            compile::GroupWeight::Fixed(weight) => weight.clone(),
            compile::GroupWeight::Metric(metric) => Exact::from(measures[metric.as_str()].value.number().unwrap()),
        };
        let (mut over, mut under) = (Exact::ZERO, Exact::ZERO);
        for group in &weighted.groups {
            let rows = rows(group);
            let share = Exact::sum(rows.iter().map(|place| &weighted.inputs[*place].share));
            let points = rows.iter().map(|place| {
                weighted.inputs[*place].share.times(result.contributions[*place].points.as_ref().unwrap())
            });
            let points = Exact::sum(&points.collect::<Vec<_>>());
            if let Some(mean) = points.over(&share) {
                over = over.plus(&own(group).times(&mean));
                under = under.plus(&own(group));
            }
        }
        prop_assert_eq!(over.over(&under), result.score.clone());
    }

    #[test]
    fn changes_sum_to_the_change_of_the_score((model, before) in any_customer(), turn in any::<prop::sample::Index>()) {
        let first = known(&before);
        let mut second = first.clone();
        if let Some(place) = (!second.is_empty()).then(|| turn.index(second.len())) {
            let metric = *second.keys().nth(place).unwrap();
            second.remove(metric);
        }
        let (one, two) = (model.check(&first, &context()), model.check(&second, &context()));
        let change = Snapshot::of(&one).change_to(&Snapshot::of(&two));
        let sum = Exact::sum(change.rows.iter().map(|row| &row.difference));
        prop_assert_eq!(change.difference.clone().unwrap_or(Exact::ZERO), sum);
        prop_assert_eq!(change.difference.is_some(), one.score.is_some() && two.score.is_some());
    }

    /// Within its edge and its exit a score may go up and down as it likes: the band stays.
    #[test]
    fn a_score_within_the_gap_never_flaps(scores in prop::collection::vec(1200_i64..1300, 1..30), start in 800_i64..1200) {
        let model = &MODELS[1].0;
        let ladder = ladder(model);
        let entered = hysteresis::band(ladder, &Exact::fraction(start, 20).unwrap(), None);
        let mut place = entered;
        for score in scores {
            place = hysteresis::band(ladder, &Exact::fraction(score, 20).unwrap(), Some(place));
            prop_assert_eq!(place, entered);
        }
        let left = hysteresis::band(ladder, &Exact::whole(65), Some(place));
        prop_assert_ne!(left, entered);
        // Coming back down into the gap from above does not enter it.
        prop_assert_eq!(hysteresis::band(ladder, &Exact::whole(60), Some(left)), left);
    }
}
