//! An NPS that a message states is never taken over: the score is computed from its counts, and one that disagrees is flagged (S3-62).

use kunder_agent_core::agent::Work;
use kunder_agent_core::decision::{Decision, Resolution};
use kunder_agent_core::outcome::Nps;
use kunder_agent_core::task::Locale;
use serde_json::{Map, Value};

/// More answers than this nobody counted.
const ANSWERS_MAX: u64 = 1_000_000_000;

/// Reads `nps` of the task's context and of its parameters, where an event of another process has its fields; a score that
/// its counts contradict, and counts that cannot be read, become a blocker with both numbers.
#[must_use]
pub fn flagged<C>(work: &Work, mut decision: Decision<C>) -> Decision<C> {
    let task = &work.task;
    let stated = [
        ("context.nps", task.context.more.get("nps")),
        ("params.nps", task.instruction.params.get("nps")),
    ];
    if let Resolution::Done(report) = &mut decision.verdict {
        for (place, value) in stated {
            let wrong = value.and_then(|value| disagreement(place, value, task.locale()));
            if let Some(wrong) = wrong {
                report.block(wrong);
            }
        }
    }
    decision
}

/// What is wrong with a stated NPS; `None` where score and counts agree, and where nothing is stated.
fn disagreement(place: &str, stated: &Value, locale: Locale) -> Option<String> {
    let unreadable = || match locale {
        Locale::Sv => {
            format!("`{place}` används inte: `promoters`, `passives` och `detractors` ska vara antal")
        }
        Locale::En => {
            format!("`{place}` is not used: `promoters`, `passives` and `detractors` must be counts")
        }
    };
    if stated.is_null() {
        return None;
    }
    let Some(fields) = stated.as_object() else {
        return Some(unreadable());
    };
    let score = fields.get("score").filter(|score| !score.is_null());
    let counts = ["promoters", "passives", "detractors"].map(|name| count(fields, name));
    let [Some(promoters), Some(passives), Some(detractors)] = counts else {
        return Some(unreadable());
    };
    let computed = Nps::from_counts(promoters, passives, detractors).score;
    let agrees = match (score, computed) {
        (None, _) => true,
        (Some(score), Some(computed)) => score.as_i64() == Some(computed),
        (Some(_), None) => false,
    };
    if agrees {
        return None;
    }
    let score = score.map(Value::to_string).unwrap_or_default();
    let computed = computed.map_or_else(|| "–".to_owned(), |computed| computed.to_string());
    Some(match locale {
        Locale::Sv => format!(
            "`{place}` säger NPS {score}, men {promoters} ambassadörer, {passives} passiva och {detractors} kritiker ger {computed}; det beräknade gäller"
        ),
        Locale::En => format!(
            "`{place}` says NPS {score}, but {promoters} promoters, {passives} passives and {detractors} detractors make {computed}; what is computed counts"
        ),
    })
}

fn count(fields: &Map<String, Value>, name: &str) -> Option<u64> {
    fields.get(name)?.as_u64().filter(|count| *count <= ANSWERS_MAX)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    fn check(stated: &Value, expected: Expect) {
        let said = disagreement("context.nps", stated, Locale::En);
        expected.assert_eq(said.as_deref().unwrap_or("agrees"));
    }

    /// S3-62: the seed's example says 52 and its counts make 50.
    #[test]
    fn a_stated_score_is_never_taken_over() {
        let example = json!({"score": 52, "promoters": 30, "passives": 15, "detractors": 5});
        check(
            &example,
            expect![
                "`context.nps` says NPS 52, but 30 promoters, 15 passives and 5 detractors make 50; what is computed counts"
            ],
        );
        let right = json!({"score": 50, "promoters": 30, "passives": 15, "detractors": 5});
        check(&right, expect!["agrees"]);
        let counts = json!({"score": null, "promoters": 30, "passives": 15, "detractors": 5});
        check(&counts, expect!["agrees"]);
        let nobody = json!({"score": 0, "promoters": 0, "passives": 0, "detractors": 0});
        check(
            &nobody,
            expect![
                "`context.nps` says NPS 0, but 0 promoters, 0 passives and 0 detractors make –; what is computed counts"
            ],
        );
        for unreadable in [
            json!(52),
            json!({"score": 52}),
            json!({"score": 52, "promoters": -1, "passives": 15, "detractors": 5}),
            json!({"score": 52, "promoters": u64::MAX, "passives": 15, "detractors": 5}),
        ] {
            let said = disagreement("context.nps", &unreadable, Locale::Sv).unwrap();
            assert!(said.contains("används inte"), "{unreadable}: {said}");
        }
        check(&Value::Null, expect!["agrees"]);
    }
}
