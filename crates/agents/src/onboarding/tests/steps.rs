//! The four steps: gates, legal transitions, and the clock of the delivery (S0-06 to S0-10, S0-24, S0-25, S0-30).

use expect_test::expect;
use kunder_domain::fact::Stage;
use serde_json::json;

use super::*;

fn started(id: &str) -> Ask {
    ask(
        id,
        "delivery",
        orebro(json!({ "service": "Satori-uppstart", "status": "started" })),
    )
}

fn completed(id: &str) -> Ask {
    let feedback =
        json!({ "text": "Nöjda med utbildningen", "quote": "Äntligen ett system som fungerar", "score": 9 });
    ask(
        id,
        "service-completed",
        orebro(json!({ "service": "Satori-uppstart", "feedback": feedback })),
    )
}

fn onboard(id: &str) -> Ask {
    ask(id, "onboard", orebro(json!({})))
}

#[test]
fn a_delivery_waits_for_the_checklist_and_begins_when_it_is_complete() {
    let facts = nearly_complete(&[field::CONTRACT, field::NEWSLETTER]).facts();
    let asks = [
        onboard("k-1"),
        started("k-2").day(3),
        ask("k-3", "handover", orebro(json!({ "contract": "A-17" }))).day(4),
        ask("k-4", "handover", orebro(json!({ "newsletter": false }))).day(5),
    ];
    check_outline(
        facts,
        asks,
        expect![[r#"
        complete: Onboarding för Örebro Idrottsförbund är startad; 15 av 19 punkter är klara. [stage-changed, onboarding-started]
          null→"onboarding"
        partial: Leveransen av satori-uppstart till Örebro Idrottsförbund är noterad; 15 av 19 punkter är klara. []
          Leveransen kan inte börja förrän checklistan är komplett; detta saknas: Val om nyhetsbrev, Påskrivet avtal.
        complete: Överlämningen av Örebro Idrottsförbund från Sälj är införd, 1 av 1 uppgifter var nya; 16 av 19 punkter är klara. []
        complete: Överlämningen av Örebro Idrottsförbund från Sälj är införd, 1 av 1 uppgifter var nya; 17 av 19 punkter är klara. [onboarding-completed, stage-changed]
          "onboarding"→"delivery""#]],
    );
}

#[test]
fn completion_leads_to_partnership_with_feedback_and_a_story_once() {
    let facts = nearly_complete(&[]).facts();
    check(
        facts,
        [
            onboard("k-1"),
            started("k-2").day(1),
            completed("k-3").day(50),
            completed("k-4").day(51),
        ],
        expect![[r#"
            complete: Onboarding för Örebro Idrottsförbund är startad; 17 av 19 punkter är klara.
              expects orebro-idrottsforbund at 17
              fact onboarding/task/k-1/orebro-idrottsforbund (Onboarding, Onboarding): {"kind":"onboarding","deal":null}
              fact stage-1-onboarding/task/k-1/orebro-idrottsforbund (Onboarding, Onboarding): {"kind":"stage","stage":"onboarding","cause":"onboard"}
              fact coordination-1-asked-k-b1d71a29fed261bb0a21e26db5c4a2ff/task/k-1/orebro-idrottsforbund (Onboarding, Onboarding): {"kind":"coordination","key":"k-b1d71a29fed261bb0a21e26db5c4a2ff","with":"tjanster/service-delivery-agent","state":"asked","deadline":"2025-09-04T10:00:00Z"}
              fact onboarding-done/task/k-1/orebro-idrottsforbund (Onboarding, Onboarding): {"kind":"onboardingDone"}
              event stage-changed [orebro-idrottsforbund/onboarding]: {"actor":"Onboarding","at":"2025-09-01T10:00:00Z","cause":"onboard","customer":"Örebro Idrottsförbund","customerId":"orebro-idrottsforbund","from":null,"to":"onboarding"}
              event onboarding-started [orebro-idrottsforbund]: {"actor":"Onboarding","cause":"onboard","customer":"Örebro Idrottsförbund","customerId":"orebro-idrottsforbund","deal":null,"missing":[],"started":"2025-09-01T10:00:00Z"}
              event onboarding-completed [orebro-idrottsforbund]: {"actor":"Onboarding","cause":"task/k-1","completed":"2025-09-01T10:00:00Z","customer":"Örebro Idrottsförbund","customerId":"orebro-idrottsforbund","deal":null,"firstReview":"2025-10-15","started":"2025-09-01T10:00:00Z"}
              follow-up onboarding coordination-timeout about orebro-idrottsforbund at 2025-09-04T10:00:00Z: {"key":"k-b1d71a29fed261bb0a21e26db5c4a2ff"}
              request tjanster/service-delivery-agent coordinate-onboarding by 2025-09-04T10:00:00Z: {"customer":"Örebro Idrottsförbund","customerId":"orebro-idrottsforbund","deadline":"2025-09-04T10:00:00Z","deal":null,"services":["satori-uppstart"],"started":"2025-09-01T10:00:00Z"}

            complete: Leveransen av satori-uppstart till Örebro Idrottsförbund är noterad; 17 av 19 punkter är klara.
              expects orebro-idrottsforbund at 21
              fact service-2-satori-uppstart/task/k-2/orebro-idrottsforbund (Tjänster, Tjänster): {"kind":"service","key":"satori-uppstart","name":"satori-uppstart","status":"started"}
              fact stage-2-delivery/task/k-2/orebro-idrottsforbund (Tjänster, Tjänster): {"kind":"stage","stage":"delivery","cause":"task/k-2"}
              event stage-changed [orebro-idrottsforbund/delivery]: {"actor":"Tjänster","at":"2025-09-02T10:00:00Z","cause":"task/k-2","customer":"Örebro Idrottsförbund","customerId":"orebro-idrottsforbund","from":"onboarding","to":"delivery"}

            complete: satori-uppstart hos Örebro Idrottsförbund är slutförd; 17 av 19 punkter är klara.
              expects orebro-idrottsforbund at 23
              fact service-3-satori-uppstart/task/k-3/orebro-idrottsforbund (Tjänster, Tjänster): {"kind":"service","key":"satori-uppstart","name":"satori-uppstart","status":"completed"}
              fact feedback/task/k-3/orebro-idrottsforbund (Tjänster, Tjänster): {"kind":"feedback","service":"satori-uppstart","text":"Nöjda med utbildningen","quote":"Äntligen ett system som fungerar"}
              fact survey/task/k-3/orebro-idrottsforbund (Tjänster, Tjänster): {"kind":"survey","score":9,"comment":null}
              fact stage-3-partnership/task/k-3/orebro-idrottsforbund (Tjänster, Tjänster): {"kind":"stage","stage":"partnership","cause":"task/k-3"}
              event service-feedback [orebro-idrottsforbund]: {"customer":"Örebro Idrottsförbund","customerId":"orebro-idrottsforbund","observed":"2025-10-21T10:00:00Z","quote":"Äntligen ett system som fungerar","score":9,"service":"satori-uppstart","source":"Tjänster","text":"Nöjda med utbildningen"}
              event stage-changed [orebro-idrottsforbund/partnership]: {"actor":"Tjänster","at":"2025-10-21T10:00:00Z","cause":"task/k-3","customer":"Örebro Idrottsförbund","customerId":"orebro-idrottsforbund","from":"delivery","to":"partnership"}
              follow-up customer-fetching story about orebro-idrottsforbund: {}

            complete: satori-uppstart hos Örebro Idrottsförbund är slutförd; 17 av 19 punkter är klara.
              expects orebro-idrottsforbund at 27
        "#]],
    );
}

#[test]
fn a_service_completed_before_the_checklist_moves_nothing_until_it_is_legal() {
    let facts = nearly_complete(&[field::CONTRACT]).facts();
    let asks = [
        onboard("k-1"),
        completed("k-2").day(3),
        ask("k-3", "handover", orebro(json!({ "contract": "A-17" }))).day(4),
    ];
    check_outline(
        facts,
        asks,
        expect![[r#"
        complete: Onboarding för Örebro Idrottsförbund är startad; 16 av 19 punkter är klara. [stage-changed, onboarding-started]
          null→"onboarding"
        partial: satori-uppstart hos Örebro Idrottsförbund är slutförd; 16 av 19 punkter är klara. [service-feedback]
          Leveransen kan inte börja förrän checklistan är komplett; detta saknas: Påskrivet avtal.
          Partnerskap kan inte följa på Onboarding; tillåtet nu: Leverans.
        complete: Överlämningen av Örebro Idrottsförbund från Sälj är införd, 1 av 1 uppgifter var nya; 17 av 19 punkter är klara. [onboarding-completed, stage-changed, stage-changed]
          "onboarding"→"delivery"
          "delivery"→"partnership""#]],
    );
}

#[test]
fn a_delivery_lasts_until_the_last_service_is_completed() {
    let facts = nearly_complete(&[]).facts();
    let course = |id: &str, command: &str| {
        ask(
            id,
            command,
            orebro(json!({ "service": "Kurs", "status": "started" })),
        )
    };
    let asks = [
        onboard("k-1"),
        started("k-2").day(1),
        course("k-3", "delivery").day(2),
        completed("k-4").day(50),
        course("k-5", "service-completed").day(52),
    ];
    check_outline(
        facts,
        asks,
        expect![[r#"
        complete: Onboarding för Örebro Idrottsförbund är startad; 17 av 19 punkter är klara. [stage-changed, onboarding-started, onboarding-completed]
          null→"onboarding"
        complete: Leveransen av satori-uppstart till Örebro Idrottsförbund är noterad; 17 av 19 punkter är klara. [stage-changed]
          "onboarding"→"delivery"
        complete: Leveransen av Kurs till Örebro Idrottsförbund är noterad; 17 av 19 punkter är klara. []
        complete: satori-uppstart hos Örebro Idrottsförbund är slutförd; 17 av 19 punkter är klara. [service-feedback]
        complete: Kurs hos Örebro Idrottsförbund är slutförd; 17 av 19 punkter är klara. [stage-changed]
          "delivery"→"partnership""#]],
    );
}

#[test]
fn steps_that_are_not_legal_are_refused_with_what_is() {
    let to = |stage: Option<Stage>, wanted: &str| {
        let mut build = nearly_complete(&[]);
        if let Some(stage) = stage {
            build = build.stage(30, stage);
        }
        let decision = decide(
            build.facts(),
            [ask("k-1", "stage", orebro(json!({ "stage": wanted })))],
        )
        .remove(0);
        let refused = report(&decision).blockers.join(" ");
        let taken = if decision.changes.is_empty() {
            "stays"
        } else {
            "moves"
        };
        format!(
            "{stage:?} to {wanted}: {} {taken} {refused}",
            report(&decision).status.as_str()
        )
    };
    let stages = [
        None,
        Some(Stage::Onboarding),
        Some(Stage::Delivery),
        Some(Stage::Partnership),
        Some(Stage::Expansion),
    ];
    let all = stages.iter().flat_map(|from| {
        ["onboarding", "delivery", "partnership", "expansion"].map(|wanted| to(*from, wanted))
    });
    expect![[r#"
        None to onboarding: complete moves 
        None to delivery: failed stays Leverans kan inte följa på inget steg; tillåtet nu: Onboarding.
        None to partnership: failed stays Partnerskap kan inte följa på inget steg; tillåtet nu: Onboarding.
        None to expansion: failed stays Expansion kan inte följa på inget steg; tillåtet nu: Onboarding.
        Some(Onboarding) to onboarding: failed stays Onboarding kan inte följa på Onboarding; tillåtet nu: Leverans.
        Some(Onboarding) to delivery: complete moves 
        Some(Onboarding) to partnership: failed stays Partnerskap kan inte följa på Onboarding; tillåtet nu: Leverans.
        Some(Onboarding) to expansion: failed stays Expansion kan inte följa på Onboarding; tillåtet nu: Leverans.
        Some(Delivery) to onboarding: failed stays Onboarding kan inte följa på Leverans; tillåtet nu: Partnerskap.
        Some(Delivery) to delivery: failed stays Leverans kan inte följa på Leverans; tillåtet nu: Partnerskap.
        Some(Delivery) to partnership: complete moves 
        Some(Delivery) to expansion: failed stays Expansion kan inte följa på Leverans; tillåtet nu: Partnerskap.
        Some(Partnership) to onboarding: failed stays Onboarding kan inte följa på Partnerskap; tillåtet nu: Expansion.
        Some(Partnership) to delivery: failed stays Leverans kan inte följa på Partnerskap; tillåtet nu: Expansion.
        Some(Partnership) to partnership: failed stays Partnerskap kan inte följa på Partnerskap; tillåtet nu: Expansion.
        Some(Partnership) to expansion: complete moves 
        Some(Expansion) to onboarding: failed stays Onboarding kan inte följa på Expansion; tillåtet nu: Partnerskap.
        Some(Expansion) to delivery: failed stays Leverans kan inte följa på Expansion; tillåtet nu: Partnerskap.
        Some(Expansion) to partnership: complete moves 
        Some(Expansion) to expansion: failed stays Expansion kan inte följa på Expansion; tillåtet nu: Partnerskap."#]].assert_eq(&all.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_delivery_without_an_onboarding_is_noted_and_refused() {
    let facts = nearly_complete(&[]).facts();
    check_outline(
        facts,
        [started("k-1"), completed("k-2").day(1), onboard("k-3").day(2)],
        expect![[r#"
            partial: Leveransen av satori-uppstart till Örebro Idrottsförbund är noterad; 17 av 19 punkter är klara. []
              Leverans kan inte följa på inget steg; tillåtet nu: Onboarding.
            partial: satori-uppstart hos Örebro Idrottsförbund är slutförd; 17 av 19 punkter är klara. [service-feedback]
              Partnerskap kan inte följa på inget steg; tillåtet nu: Onboarding.
            complete: Onboarding för Örebro Idrottsförbund är startad; 17 av 19 punkter är klara. [stage-changed, onboarding-started, onboarding-completed]
              null→"onboarding""#]],
    );
}

#[test]
fn the_gate_cannot_be_passed_by_hand() {
    let facts = nearly_complete(&[field::CONTRACT]).facts();
    check_outline(
        facts,
        [
            onboard("k-1"),
            ask("k-2", "stage", orebro(json!({ "stage": "leverans" }))),
        ],
        expect![[r#"
            complete: Onboarding för Örebro Idrottsförbund är startad; 16 av 19 punkter är klara. [stage-changed, onboarding-started]
              null→"onboarding"
            failed: Örebro Idrottsförbund är i Onboarding; 16 av 19 punkter är klara. []
              Leveransen kan inte börja förrän checklistan är komplett; detta saknas: Påskrivet avtal."#]],
    );
}

#[test]
fn a_delivery_is_overdue_from_day_57() {
    let clock = |day: i64| {
        let decision = decide(
            nearly_complete(&[]).facts(),
            [onboard("k-1"), started("k-2"), onboard("k-3").day(day)],
        )
        .remove(2);
        let block = &report(&decision).blocks["onboarding"]["delivery"];
        format!(
            "day {} of {}, due {}, overdue {}",
            block["day"], block["of"], block["due"], block["overdue"]
        )
    };
    expect![[r#"
        day 0 of 56, due "2025-10-27", overdue false
        day 56 of 56, due "2025-10-27", overdue false
        day 57 of 56, due "2025-10-27", overdue true"#]]
    .assert_eq(&[0, 56, 57].map(clock).join("\n"));
}

#[test]
fn the_clock_starts_on_the_day_the_delivery_says() {
    let mut late = started("k-2").day(10);
    late.task
        .instruction
        .params
        .insert("date".to_owned(), json!(written(4)));
    let decision = decide(nearly_complete(&[]).facts(), [onboard("k-1"), late]).remove(1);
    assert_eq!(report(&decision).blocks["onboarding"]["delivery"]["day"], 6);
}

#[test]
fn progress_after_the_end_opens_nothing_again() {
    let facts = nearly_complete(&[]).facts();
    let progress = ask(
        "k-4",
        "delivery",
        orebro(json!({ "service": "satori-uppstart", "status": "progress", "note": "x" })),
    );
    check_outline(
        facts,
        [
            onboard("k-1"),
            started("k-2"),
            completed("k-3").day(9),
            progress.day(10),
        ],
        expect![[r#"
            complete: Onboarding för Örebro Idrottsförbund är startad; 17 av 19 punkter är klara. [stage-changed, onboarding-started, onboarding-completed]
              null→"onboarding"
            complete: Leveransen av satori-uppstart till Örebro Idrottsförbund är noterad; 17 av 19 punkter är klara. [stage-changed]
              "onboarding"→"delivery"
            complete: satori-uppstart hos Örebro Idrottsförbund är slutförd; 17 av 19 punkter är klara. [service-feedback, stage-changed]
              "delivery"→"partnership"
            complete: Leveransen av satori-uppstart till Örebro Idrottsförbund är noterad; 17 av 19 punkter är klara. []"#]],
    );
}

/// What is past is told as past: a delivery that ended late, a review that was booked, and sectors by their names.
#[test]
fn what_is_past_is_told_as_past() {
    let delivered = nearly_complete(&[field::SECTOR])
        .profile(field::SECTOR, "ideell_sektor")
        .service(80, "satori-uppstart", kunder_domain::fact::ServiceStatus::Started)
        .service(
            10,
            "satori-uppstart",
            kunder_domain::fact::ServiceStatus::Completed,
        )
        .facts();
    let text = |english: bool| {
        let first = ask("k-1", "onboard", orebro(json!({}))).day(-90);
        let mut last = ask("k-2", "onboard", orebro(json!({}))).day(60);
        if english {
            last = last.english();
        }
        let decision = decide(delivered.clone(), [first, last]).remove(1);
        report(&decision).text.clone().unwrap()
    };
    let (sv, en) = (text(false), text(true));
    for line in [
        ", blev klar för sent",
        "Första kvartalsmötet var bokat till 2025-10-15.",
        "Bransch: ideell sektor (",
    ] {
        assert!(sv.contains(line), "{line}: {sv}");
    }
    for line in [
        ", was completed late",
        "review was booked for 2025-10-15.",
        "Sector: non-profit sector (",
        "is under way",
    ] {
        assert!(en.contains(line), "{line}: {en}");
    }
}
