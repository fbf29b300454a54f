//! Boekhouding over every combination of its bands, against a table that knows nothing of the engine (D-01).

use super::*;

/// For each input its metric, a value in each of its ranges, and the points the seed gives, as tenths of a half per cent would.
const QUERIES: [(&str, i64); 3] = [("9.99", 50), ("10", 75), ("50", 100)];
const FEATURES: [(&str, i64); 4] = [("0", 0), ("2", 50), ("4", 75), ("5", 100)];
const LOGINS: [(&str, i64); 3] = [("2.9", 50), ("3", 75), ("5", 100)];
const OPENS: [(&str, i64); 3] = [("0.199", 50), ("0.2", 75), ("0.5", 100)];
const TICKETS: [(&str, i64); 3] = [("0", 100), ("2", 75), ("3", 50)];
const SENTIMENT: [(&str, i64); 3] = [("negative", 25), ("neutral", 75), ("positive", 100)];

/// The six values and, in twentieths of a point, `0.4 * mean + 0.3 * mean + 0.3 * mean`: 0.2, 0.15 and 0.15 of each are 4, 3 and 3.
fn combinations() -> Vec<([&'static str; 6], i64)> {
    let mut all = Vec::new();
    for (queries, q) in QUERIES {
        for (features, f) in FEATURES {
            for (logins, l) in LOGINS {
                for (opens, o) in OPENS {
                    for (tickets, t) in TICKETS {
                        for (sentiment, s) in SENTIMENT {
                            let twentieths = 4 * (q + f) + 3 * (l + o) + 3 * (t + s);
                            all.push(([queries, features, logins, opens, tickets, sentiment], twentieths));
                        }
                    }
                }
            }
        }
    }
    all
}

fn inputs(values: &[&str; 6]) -> Measures<'static> {
    let metrics = [
        "queries_per_week",
        "features_used_28d",
        "logins_per_week",
        "email_open_rate",
        "tickets_created_30d",
        "ticket_sentiment",
    ];
    metrics
        .into_iter()
        .zip(values)
        .map(|(metric, value)| (metric, measure(value, 1)))
        .collect()
}

fn scores(model: &CompiledModel, zero_features: bool) -> Vec<Exact> {
    let mut scores = Vec::new();
    for (values, _) in combinations() {
        if zero_features || values[1] != "0" {
            scores.push(model.check(&inputs(&values), &context()).score.unwrap());
        }
    }
    scores
}

#[test]
fn all_combinations_score_as_the_table_says() {
    let model = model("boekhouding");
    let mut seen = 0;
    for (values, twentieths) in combinations() {
        let inputs = inputs(&values);
        let result = model.check(&inputs, &context());
        let score = Exact::fraction(twentieths, 20).unwrap();
        assert_eq!(result.score, Some(score), "{values:?}");
        let band = match twentieths {
            ..800 => "critical",
            800..1200 => "at_risk",
            1200..1600 => "neutral",
            _ => "healthy",
        };
        assert_eq!(result.band().unwrap().key, band, "{values:?}");
        seen += i64::from(values[1] != "0");
    }
    assert_eq!(seen, 729);
}

/// D-01: 46.25 to 100 and 38 distinct scores over the 729; with no feature used, one of the 972 is below 40.
#[test]
fn the_facts_of_the_mean() {
    let model = model("boekhouding");
    let of_the_seed = scores(&model, false);
    assert_eq!(of_the_seed.len(), 729);
    let distinct: BTreeSet<&Exact> = of_the_seed.iter().collect();
    assert_eq!(distinct.len(), 38);
    assert_eq!(distinct.first().unwrap().printed(), "46.25");
    assert_eq!(distinct.last().unwrap().printed(), "100");
    let all = scores(&model, true);
    assert_eq!(all.len(), 972);
    let low: Vec<String> = all
        .iter()
        .filter(|score| **score < Exact::whole(40))
        .map(Exact::printed)
        .collect();
    assert_eq!(low, ["36.25"]);
}

/// D-01: 42.5 to 100 where the worse input of each part counts alone.
#[test]
fn the_facts_of_the_minimum() {
    let model = edited("boekhouding", "aggregate: mean", "aggregate: min");
    let scores = scores(&model, false);
    assert_eq!(*scores.iter().min().unwrap(), half(85));
    assert_eq!(*scores.iter().max().unwrap(), Exact::whole(100));
}
