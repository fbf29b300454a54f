//! The question to Tjänster: answer, silence, and answers nobody asked for (S0-32).

use expect_test::expect;
use serde_json::json;

use super::*;

/// The task id of the question that the task `k-1` asks.
fn question() -> String {
    TaskId::derived("k-1", "tjanster/service-delivery-agent/coordinate-onboarding").to_string()
}

fn onboard(id: &str) -> Ask {
    ask(id, "onboard", orebro(json!({})))
}

fn timeout(id: &str) -> Ask {
    ask(id, "coordination-timeout", orebro(json!({ "key": question() })))
}

fn answer(id: &str) -> Ask {
    ask(
        id,
        "coordination-answer",
        json!({ "taskId": question(), "status": "complete", "summary": "Start den 15 september, Kim leder" }),
    )
}

#[test]
fn an_answer_belongs_to_the_journey_and_the_timer_then_does_nothing() {
    let facts = nearly_complete(&[field::CONTRACT]).facts();
    check(
        facts,
        [
            onboard("k-1"),
            answer("k-2").day(1),
            answer("k-3").day(1),
            timeout("k-4").day(3),
        ],
        expect![[r#"
            complete: Onboarding för Örebro Idrottsförbund är startad; 16 av 19 punkter är klara.
              expects orebro-idrottsforbund at 16
              fact onboarding/task/k-1/orebro-idrottsforbund (Onboarding, Onboarding): {"kind":"onboarding","deal":null}
              fact stage-1-onboarding/task/k-1/orebro-idrottsforbund (Onboarding, Onboarding): {"kind":"stage","stage":"onboarding","cause":"onboard"}
              fact coordination-1-asked-k-b1d71a29fed261bb0a21e26db5c4a2ff/task/k-1/orebro-idrottsforbund (Onboarding, Onboarding): {"kind":"coordination","key":"k-b1d71a29fed261bb0a21e26db5c4a2ff","with":"tjanster/service-delivery-agent","state":"asked","deadline":"2025-09-04T10:00:00Z"}
              event stage-changed [orebro-idrottsforbund/onboarding]: {"actor":"Onboarding","at":"2025-09-01T10:00:00Z","cause":"onboard","customer":"Örebro Idrottsförbund","customerId":"orebro-idrottsforbund","from":null,"to":"onboarding"}
              event onboarding-started [orebro-idrottsforbund]: {"actor":"Onboarding","cause":"onboard","customer":"Örebro Idrottsförbund","customerId":"orebro-idrottsforbund","deal":null,"missing":["contract"],"started":"2025-09-01T10:00:00Z"}
              follow-up onboarding coordination-timeout about orebro-idrottsforbund at 2025-09-04T10:00:00Z: {"key":"k-b1d71a29fed261bb0a21e26db5c4a2ff"}
              request tjanster/service-delivery-agent coordinate-onboarding by 2025-09-04T10:00:00Z: {"customer":"Örebro Idrottsförbund","customerId":"orebro-idrottsforbund","deadline":"2025-09-04T10:00:00Z","deal":null,"services":["satori-uppstart"],"started":"2025-09-01T10:00:00Z"}

            complete: tjanster/service-delivery-agent har svarat om Örebro Idrottsförbund; 16 av 19 punkter är klara.
              expects orebro-idrottsforbund at 19
              fact coordination-2-answered-k-b1d71a29fed261bb0a21e26db5c4a2ff/task/k-2/orebro-idrottsforbund (Tjänster, Tjänster): {"kind":"coordination","key":"k-b1d71a29fed261bb0a21e26db5c4a2ff","with":"tjanster/service-delivery-agent","state":"answered","deadline":"2025-09-04T10:00:00Z","answer":"Start den 15 september, Kim leder"}

            complete: tjanster/service-delivery-agent har svarat om Örebro Idrottsförbund; 16 av 19 punkter är klara.
              expects orebro-idrottsforbund at 20

            complete: tjanster/service-delivery-agent har redan svarat om Örebro Idrottsförbund; 16 av 19 punkter är klara.
              expects orebro-idrottsforbund at 20
        "#]],
    );
}

#[test]
fn silence_is_a_blocker_of_every_onboarding_outcome_until_the_answer_comes() {
    let facts = nearly_complete(&[field::CONTRACT]).facts();
    let asks = [
        onboard("k-1"),
        timeout("k-2").day(2),
        timeout("k-3").day(3),
        onboard("k-4").day(4),
        ask("k-5", "handover", orebro(json!({ "background": "x" })))
            .day(4)
            .english(),
        answer("k-6").day(5),
        onboard("k-7").day(6),
    ];
    check_outline(
        facts,
        asks,
        expect![[r#"
        complete: Onboarding för Örebro Idrottsförbund är startad; 16 av 19 punkter är klara. [stage-changed, onboarding-started]
          null→"onboarding"
        complete: tjanster/service-delivery-agent har fortfarande tid att svara om Örebro Idrottsförbund; 16 av 19 punkter är klara. []
        partial: tjanster/service-delivery-agent har inte svarat i tid om Örebro Idrottsförbund; 16 av 19 punkter är klara. [onboarding-blocked]
          tjanster/service-delivery-agent har inte svarat sedan 2025-09-01.
        partial: Onboarding för Örebro Idrottsförbund pågår; 16 av 19 punkter är klara. []
          tjanster/service-delivery-agent har inte svarat sedan 2025-09-01.
        partial: The handover of Örebro Idrottsförbund from Sälj is noted, 1 of 1 items were new; 16 of 19 items are done. []
          tjanster/service-delivery-agent has not answered since 2025-09-01.
        complete: tjanster/service-delivery-agent har svarat om Örebro Idrottsförbund; 16 av 19 punkter är klara. []
        complete: Onboarding för Örebro Idrottsförbund pågår; 16 av 19 punkter är klara. []"#]],
    );
}

#[test]
fn the_announcement_of_silence_says_who_and_since_when() {
    let decisions = decide(
        nearly_complete(&[]).facts(),
        [onboard("k-1"), timeout("k-2").day(3)],
    );
    expect![[r#"
        partial: tjanster/service-delivery-agent har inte svarat i tid om Örebro Idrottsförbund; 17 av 19 punkter är klara.
          blocker: tjanster/service-delivery-agent har inte svarat sedan 2025-09-01.
          expects orebro-idrottsforbund at 21
          fact coordination-3-timed-out-k-b1d71a29fed261bb0a21e26db5c4a2ff/task/k-2/orebro-idrottsforbund (Onboarding, Onboarding): {"kind":"coordination","key":"k-b1d71a29fed261bb0a21e26db5c4a2ff","with":"tjanster/service-delivery-agent","state":"timed_out","deadline":"2025-09-04T10:00:00Z"}
          event onboarding-blocked [orebro-idrottsforbund]: {"asked":"2025-09-01T10:00:00Z","customer":"Örebro Idrottsförbund","customerId":"orebro-idrottsforbund","deadline":"2025-09-04T10:00:00Z","request":"k-b1d71a29fed261bb0a21e26db5c4a2ff","with":"tjanster/service-delivery-agent"}
    "#]].assert_eq(&show(&decisions[1]));
}

#[test]
fn an_answer_that_nobody_asked_for_fails() {
    let stray = ask(
        "k-2",
        "coordination-answer",
        json!({ "taskId": "k-unknown", "summary": "ja" }),
    );
    let empty = ask("k-3", "coordination-answer", json!({ "summary": "ja" }));
    let other = ask(
        "k-4",
        "coordination-answer",
        orebro(json!({ "taskId": "k-unknown", "summary": "ja" })),
    );
    check_outline(
        nearly_complete(&[]).facts(),
        [onboard("k-1"), stray, empty, other],
        expect![[r#"
            complete: Onboarding för Örebro Idrottsförbund är startad; 17 av 19 punkter är klara. [stage-changed, onboarding-started, onboarding-completed]
              null→"onboarding"
            failed: Svaret hör inte till någon fråga. []
              Ingen fråga med taskId ”k-unknown” har ställts.
            failed: Uppgiften kunde inte läsas. []
              `params.taskId` saknas
            failed: Svaret hör inte till någon fråga. []
              Ingen fråga med taskId ”k-unknown” har ställts."#]],
    );
}

/// S3-62: other agents speak the Output Protocol too; an NPS in theirs that contradicts itself is told, never taken.
#[test]
fn an_answer_with_an_nps_that_is_wrong_is_flagged() {
    let nps = |score| json!({ "score": score, "promoters": 30, "passives": 15, "detractors": 5 });
    let answer = |id, score| {
        let said = json!({ "taskId": question(), "status": "complete", "summary": "Ja", "nps": nps(score) });
        ask(id, "coordination-answer", said)
    };
    check_outline(
        nearly_complete(&[]).facts(),
        [onboard("k-1"), answer("k-2", 52), answer("k-3", 50)],
        expect![[r#"
            complete: Onboarding för Örebro Idrottsförbund är startad; 17 av 19 punkter är klara. [stage-changed, onboarding-started, onboarding-completed]
              null→"onboarding"
            partial: tjanster/service-delivery-agent har svarat om Örebro Idrottsförbund; 17 av 19 punkter är klara. []
              `params.nps` säger NPS 52, men 30 ambassadörer, 15 passiva och 5 kritiker ger 50; det beräknade gäller
            complete: tjanster/service-delivery-agent har svarat om Örebro Idrottsförbund; 17 av 19 punkter är klara. []"#]],
    );
}

#[test]
fn a_no_is_an_answer_and_a_blocker_of_its_outcome() {
    let no = ask(
        "k-2",
        "coordination-answer",
        json!({ "taskId": question(), "status": "failed", "summary": "Ingen har tid" }),
    );
    check_outline(
        nearly_complete(&[]).facts(),
        [onboard("k-1"), no],
        expect![[r#"
            complete: Onboarding för Örebro Idrottsförbund är startad; 17 av 19 punkter är klara. [stage-changed, onboarding-started, onboarding-completed]
              null→"onboarding"
            partial: tjanster/service-delivery-agent har svarat om Örebro Idrottsförbund; 17 av 19 punkter är klara. []
              tjanster/service-delivery-agent kan inte: Ingen har tid"#]],
    );
}

#[test]
fn an_answer_that_was_sent_in_time_but_read_late_still_counts() {
    let facts = nearly_complete(&[field::CONTRACT]).facts();
    let asks = [
        onboard("k-1"),
        timeout("k-2").day(3),
        answer("k-3").day(2),
        onboard("k-4").day(4),
    ];
    let decisions = decide(facts, asks);
    assert_eq!(report(&decisions[1]).blockers.len(), 1);
    assert_eq!(report(&decisions[3]).blockers, Vec::<String>::new());
    assert_eq!(
        report(&decisions[3]).blocks["onboarding"]["coordination"]["state"],
        "answered"
    );
}
