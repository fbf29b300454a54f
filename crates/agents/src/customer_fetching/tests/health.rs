//! A brief tells health by whatever model the organisation has: rules, or a score, or not yet.

use kunder_domain::definitions::Pack;

use super::*;

/// The lines of the page that rest on the health model, each with its section.
#[track_caller]
fn check(pack: &str, about: Build, locale: Locale, expected: Expect) {
    let agent = CustomerFetching::new(Arc::new(Pack::find(pack).unwrap().load().unwrap()));
    let mut task = task("brief", "k1");
    task.locale = Some(locale);
    let decision = run(&agent, &task, now(), &MemoryPortfolio::new(about.facts())).decision;
    let report = report(&decision);
    let block: BriefBlock = serde_json::from_value(report.blocks["brief"].clone()).unwrap();
    let model = format!("{pack}/health v");
    let mut lines = vec![format!(
        "{}, by {}",
        report.status.as_str(),
        report.definitions[0].id
    )];
    for section in &block.sections {
        let told = section
            .lines
            .iter()
            .filter(|line| line.source.starts_with(&model));
        lines.extend(told.map(|line| format!("{}: {} ({})", section.id, line.text, line.source)));
    }
    expected.assert_eq(&lines.join("\n"));
}

fn accountants(readings: &str) -> Build {
    customer("k1", "Räkenskap AB").meeting(90).readings(readings)
}

const LOW: &str = "queries_per_week=1@3 features_used_28d=0@2 logins_per_week=1@3 emails_opened=0@3 emails_sent=5@3 \
                   tickets_created_30d=4@1 ticket_sentiment=negative@1";
const FINE: &str = "queries_per_week=300@3 features_used_28d=9@2 logins_per_week=40@3 emails_opened=5@3 emails_sent=5@3 \
                    tickets_created_30d=0@1 ticket_sentiment=neutral@1";

#[test]
fn a_score_is_told_with_what_costs_it_most() {
    check(
        "boekhouding",
        accountants(LOW),
        Locale::Sv,
        expect![[r#"
        complete, by boekhouding/health
        overview: Hälsa: Kritisk, 36.25 poäng av 100; använda funktioner 0 (−20) (boekhouding/health v1)
        redFlags: använda funktioner 0 (−20) (boekhouding/health v1)
        redFlags: ton i ärenden negative (−11.25) (boekhouding/health v1)
        talkingPoints: Ta upp: använda funktioner 0 (−20) (boekhouding/health v1)"#]],
    );
}

#[test]
fn a_good_score_warns_of_nothing() {
    check(
        "boekhouding",
        accountants(FINE),
        Locale::En,
        expect![[r#"
        complete, by boekhouding/health
        overview: Health: Healthy, 96.25 points of 100; sentiment of tickets neutral (−3.75) (boekhouding/health v1)"#]],
    );
}

#[test]
fn too_little_is_said_in_words_and_warns_of_nothing() {
    check(
        "boekhouding",
        accountants("queries_per_week=3@1"),
        Locale::Sv,
        expect![[r#"
            complete, by boekhouding/health
            overview: Hälsa: Ej bedömd – bara en del av underlaget finns (0.2 / 0.6 som krävs); det saknas features_used_28d, logins_per_week, email_open_rate, tickets_created_30d, ticket_sentiment (boekhouding/health v1)"#]],
    );
    check(
        "boekhouding",
        customer("k1", "Räkenskap AB").readings("queries_per_week=3@1"),
        Locale::En,
        expect![[r#"
            complete, by boekhouding/health
            overview: Health: Not scored – only a part of the weight rests on values (0.2 / 0.6 needed); missing are features_used_28d, logins_per_week, email_open_rate, tickets_created_30d, ticket_sentiment (boekhouding/health v1)"#]],
    );
}

/// A rule model that has no band for everybody.
#[test]
fn whom_no_rule_fits_is_unclassified() {
    let readings = "decisions_per_week=20@1 participation=0.9@1 open_tickets_14d=0@1";
    check(
        "response",
        accountants(readings),
        Locale::En,
        expect![[r#"
        complete, by response/health
        overview: Health: Unclassified – no rule fits (response/health v1)"#]],
    );
}

/// Every shipped model can be briefed by.
#[test]
fn every_shipped_model_tells_something() {
    for pack in kunder_domain::definitions::PACKS {
        let agent = CustomerFetching::new(Arc::new(pack.load().unwrap()));
        let portfolio = MemoryPortfolio::new(accountants(LOW).facts());
        let decision = run(&agent, &task("brief", "k1"), now(), &portfolio).decision;
        let text = report(&decision).text.clone().unwrap();
        let model = format!("(källa: {}/health v", pack.name);
        assert!(
            text.contains("- Hälsa: ") && text.contains(&model),
            "{}: {text}",
            pack.name
        );
    }
}
