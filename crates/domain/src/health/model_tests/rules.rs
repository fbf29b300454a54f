//! The rules of seed 000 at their borders (S0-11, D-05, D-26).

use expect_test::{Expect, expect};

use super::*;

/// Every metric of the shipped model, none of them missing.
fn contact(days: i64, touchpoints: i64, overdue: i64) -> String {
    format!(
        "days_since_contact={days} touchpoints={touchpoints} overdue_todos={overdue} open_todos={overdue} \
         open_opportunities=0 stale_opportunities=0"
    )
}

/// The band, and every rule that holds with its reason.
#[track_caller]
fn check(values: &str, expected: Expect) {
    let model = model("satori");
    let measures = measures(values);
    let result = model.check(&measures, &context());
    let value = |name: &str| {
        let measured = measures.get(name).and_then(|measure| measure.value.number());
        measured.or_else(|| model.param(name))
    };
    let reasons = result.rules.iter().map(|rule| {
        let text = rule.because_of(&value).sv;
        format!("\n{}: {text}", rule.id)
    });
    let reasons: Vec<String> = reasons.collect();
    let band = result.band().map_or("none", |band| band.key.as_str());
    assert_eq!(result.score, None);
    expected.assert_eq(&format!("{band}{}", reasons.concat()));
}

#[test]
fn the_borders_of_recency_and_todos() {
    check(&contact(59, 3, 5), expect!["frisk"]);
    check(
        &contact(60, 3, 0),
        expect![[r#"
            uppmarksamhet
            contact_due: 60 dagar sedan senaste kontakt (varning från 60)"#]],
    );
    check(
        &contact(90, 3, 0),
        expect![[r#"
            uppmarksamhet
            contact_due: 90 dagar sedan senaste kontakt (varning från 60)"#]],
    );
    check(
        &contact(91, 3, 0),
        expect![[r#"
            akut
            contact_critical: 91 dagar sedan senaste kontakt (gräns 90)"#]],
    );
    check(
        &contact(3, 3, 6),
        expect![[r#"
            uppmarksamhet
            todos_overdue: 6 försenade todos (högst 5)"#]],
    );
}

#[test]
fn every_rule_that_holds_is_a_reason_and_the_worst_decides() {
    check(
        &contact(120, 3, 9),
        expect![[r#"
            akut
            contact_critical: 120 dagar sedan senaste kontakt (gräns 90)
            todos_overdue: 9 försenade todos (högst 5)"#]],
    );
}

#[test]
fn silence_from_the_start_is_not_health() {
    check(
        &contact(91, 0, 0),
        expect![[r#"
            akut
            never_contacted_critical: Ingen har haft kontakt sedan kunden lades upp för 91 dagar sedan (gräns 90)"#]],
    );
    check(
        &contact(60, 0, 0),
        expect![[r#"
            uppmarksamhet
            never_contacted: Ingen har haft kontakt sedan kunden lades upp för 60 dagar sedan (varning från 60)"#]],
    );
}

#[test]
fn a_missing_metric_is_never_healthy() {
    check(
        "days_since_contact=1 touchpoints=1",
        expect![[r#"
            uppmarksamhet
            todos_overdue: ? försenade todos (högst 5)"#]],
    );
}
