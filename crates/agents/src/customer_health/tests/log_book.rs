//! The log book: contacts, protocols and todos (S0-22, S0-23).

use super::alerts::alerts_of;
use super::*;

/// S0-23: a touchpoint moves the last contact, closes the alert, and its order of arrival does not matter.
#[test]
fn a_touchpoint_closes_the_alert() {
    let portfolio = MemoryPortfolio::new(facts([customer("a", "Alfa IF").meeting(91)]));
    alerts_of(&portfolio, "t1");
    let old =
        json!({"customer": "Alfa IF", "text": "Mejl från i våras", "kind": "mail", "time": "2025-05-01"});
    check(
        &asked_with("t2", LOG_TOUCHPOINT, old),
        &portfolio,
        expect![[r#"
        complete: Kontakten är noterad: Alfa IF 2025-05-01.
        expects a at 3
        stores t2/0 of a at 2025-05-01T10:00:00Z from manual: {"kind":"touchpoint","channel":"mail","summary":"Mejl från i våras"}"#]],
    );
    let new = json!({"customer": "Alfa IF", "text": "Ringde Anna", "kind": "call", "with": "Anna Ek", "quote": "Vi är nöjda"});
    check(
        &asked_with("t3", LOG_TOUCHPOINT, new),
        &portfolio,
        expect![[r#"
        complete: Kontakten är noterad: Alfa IF 2025-09-01. Alfa IF är inte längre i riskzonen.
        expects a at 4
        stores t3/0 of a at 2025-09-01T10:00:00Z from manual: {"kind":"touchpoint","channel":"call","summary":"Ringde Anna","quote":"Vi är nöjda","with":"Anna Ek"}
        stores t3/alert/a of a at 2025-09-01T10:00:00Z from customer-health: {"kind":"alert","reason":"at-risk","open":false,"severity":0}
        tells recovered of customer/a: {"band":"frisk","customer":"Alfa IF","customerId":"a","reasons":[],"severity":0,"valueAtRisk":[]}"#]],
    );
    assert_eq!(alerts_of(&portfolio, "t4"), [""; 0]);
}

/// S0-22.
#[test]
fn a_protocol_is_a_meeting_and_what_is_to_be_done() {
    let portfolio = MemoryPortfolio::new(facts([customer("a", "Alfa IF").meeting(70)]));
    let protocol = json!({
        "customer": "Alfa IF", "id": "m-17", "date": "2025-08-29", "summary": "Kvartalsmöte",
        "participants": ["Anna Ek", "Bo Al"],
        "actionItems": [{"text": "Skicka offert", "due": "2025-09-05", "owner": "Cia"}, {"text": "Boka nästa möte"}],
    });
    check(
        &asked_with("t1", MEETING_PROTOCOL, protocol.clone()),
        &portfolio,
        expect![[r#"
        complete: Mötet är noterat: Alfa IF 2025-08-29, 2 att göra.
        expects a at 2
        stores meeting-protocol/a/Admin/m-17/0 of a at 2025-08-29T10:00:00Z from Admin: {"kind":"touchpoint","channel":"meeting","summary":"Kvartalsmöte","with":"Anna Ek, Bo Al"}
        stores meeting-protocol/a/Admin/m-17/1 of a at 2025-08-29T10:00:00Z from Admin: {"kind":"todo","key":"67cf4bde-1","text":"Skicka offert","due":"2025-09-05","owner":"Cia","priority":"normal"}
        stores meeting-protocol/a/Admin/m-17/2 of a at 2025-08-29T10:00:00Z from Admin: {"kind":"todo","key":"67cf4bde-2","text":"Boka nästa möte","priority":"normal"}"#]],
    );
    let before = portfolio.facts().len();
    run(
        &agent(),
        &asked_with("t2", MEETING_PROTOCOL, protocol),
        now(),
        &portfolio,
    );
    assert_eq!(
        portfolio.facts().len(),
        before,
        "the same protocol by another task is the same meeting"
    );
}

#[test]
fn what_cannot_be_read_names_its_field() {
    let portfolio = MemoryPortfolio::new(facts([customer("a", "Alfa IF").meeting(70)]));
    let bad = [
        asked_with("t1", LOG_TOUCHPOINT, json!({"customer": "Alfa IF"})),
        asked_with(
            "t2",
            LOG_TOUCHPOINT,
            json!({"customer": "Alfa IF", "text": "x", "kind": "fax"}),
        ),
        asked_with("t3", LOG_TOUCHPOINT, json!({"text": "x"})),
        asked_with(
            "t4",
            MEETING_PROTOCOL,
            json!({"customer": "Alfa IF", "summary": "x", "actionItems": [{"due": "x", "text": "y"}]}),
        ),
        asked_with(
            "t5",
            ADD_TODO,
            json!({"customer": "Alfa IF", "text": "x", "due": "i morgon"}),
        ),
        asked_with("t6", FINISH_TODO, json!({"customer": "Alfa IF"})),
        asked_with("t7", LOG_TOUCHPOINT, json!({"customer": "Beta", "text": "x"})),
        asked_with("t8", HEALTH_PAGE, json!({"page": 1})),
        asked_with("t9", "dance", json!({})),
    ];
    let lines: Vec<String> = bad
        .iter()
        .map(|task| shown(&run(&agent(), task, now(), &portfolio)))
        .collect();
    expect![[r#"
        failed: Uppgiften kunde inte läsas.
        blocker: `params.summary` saknas
        failed: Uppgiften kunde inte läsas.
        blocker: `params.kind` ska vara ett av: meeting, call, mail, chat, other, möte, samtal, mejl, email, chatt, annat
        failed: Ingen kund angiven.
        blocker: Ange kundens namn efter kommandot eller i `context.customer`.
        failed: Uppgiften kunde inte läsas.
        blocker: `params.actionItems[0].due` ska vara ett datum, åååå-mm-dd
        failed: Uppgiften kunde inte läsas.
        blocker: `params.due` ska vara ett datum, åååå-mm-dd
        failed: Uppgiften kunde inte läsas.
        blocker: `params.key` saknas
        failed: Ingen kund heter ”Beta”.
        blocker: Ingen kund heter ”Beta”.
        failed: `health-page` is an inner step of customer-health
        blocker: `health-page` is an inner step of customer-health
        failed: customer-health has no command `dance`
        blocker: customer-health has no command `dance`"#]].assert_eq(&lines.join("\n"));
}

#[test]
fn todos_are_added_listed_and_finished() {
    let portfolio = MemoryPortfolio::new(facts([
        customer("a", "Alfa IF").meeting(1).todo("a1", -3).todo("a2", 4),
        customer("b", "Beta SK").meeting(1),
    ]));
    let add = json!({"customer": "Beta SK", "text": "Skicka avtal", "due": "2025-09-03", "owner": "Cia", "priority": "hög"});
    check(
        &asked_with("t1", ADD_TODO, add),
        &portfolio,
        expect![[r#"
            complete: Todo tillagd för Beta SK: Skicka avtal [27be3780]
            expects b at 2
            stores t1/0 of b at 2025-09-01T10:00:00Z from manual: {"kind":"todo","key":"27be3780","text":"Skicka avtal","due":"2025-09-03","owner":"Cia","priority":"high"}"#]],
    );
    let listed = run(&agent(), &task("t2", LIST_TODOS), now(), &portfolio);
    expect![[r#"
        3 öppna todos, varav försenade: 1.
        - 2025-08-29 FÖRSENAD · Alfa IF: Uppgift a1 [a1]
        - 2025-09-03 · Beta SK: Skicka avtal (Cia) [27be3780]
        - 2025-09-05 · Alfa IF: Uppgift a2 [a2]"#]]
    .assert_eq(listed.report().text.as_ref().unwrap());
    check(
        &asked_with("t3", FINISH_TODO, json!({"text": "uppgift"})),
        &portfolio,
        expect![[r#"
        partial: Flera todos stämmer med ”uppgift”. Vilken är klar?
        blocker: Flera todos stämmer med ”uppgift”. Vilken är klar?"#]],
    );
    check(
        &asked_with("t4", FINISH_TODO, json!({"text": "skicka AVTAL"})),
        &portfolio,
        expect![[r#"
            complete: Klart för Beta SK: Skicka avtal.
            expects b at 3
            stores t4/0 of b at 2025-09-01T10:00:00Z from manual: {"kind":"todoDone","key":"27be3780"}"#]],
    );
    check(
        &asked_with("t5", FINISH_TODO, json!({"customer": "Alfa IF", "key": "a1"})),
        &portfolio,
        expect![[r#"
            complete: Klart för Alfa IF: Uppgift a1.
            expects a at 4
            stores t5/0 of a at 2025-09-01T10:00:00Z from manual: {"kind":"todoDone","key":"a1"}"#]],
    );
    check(
        &asked_with("t6", FINISH_TODO, json!({"key": "a1"})),
        &portfolio,
        expect!["complete: Redan gjord: Uppgift a1"],
    );
    check(
        &asked_with("t7", FINISH_TODO, json!({"key": "flyga"})),
        &portfolio,
        expect![[r#"
        failed: Ingen öppen todo stämmer med ”flyga”.
        blocker: Ingen öppen todo stämmer med ”flyga”."#]],
    );
}

/// Telling a second time that something is done is no failure, by its words as by its key.
#[test]
fn a_todo_that_is_done_stays_done() {
    let portfolio = MemoryPortfolio::new(facts([customer("a", "Alfa IF")
        .meeting(1)
        .todo("a1", -3)
        .todo("a2", 4)]));
    for (number, text) in ["Uppgift A1", "uppgift a1", "a1", "GIFT A1"]
        .into_iter()
        .enumerate()
    {
        let task = asked_with(&format!("t{number}"), FINISH_TODO, json!({"text": text}));
        let finished = run(&agent(), &task, now(), &portfolio);
        let expected = if number == 0 {
            "Klart för Alfa IF: Uppgift a1."
        } else {
            "Redan gjord: Uppgift a1"
        };
        assert_eq!(finished.report().summary, expected);
        assert_eq!(finished.report().status, Status::Complete);
    }
}

/// The words before a name are no part of it, unless somebody is called so.
#[test]
fn words_before_a_name_are_left_out_where_nobody_is_called_so() {
    let portfolio = MemoryPortfolio::new(facts([
        customer("a", "Alfa IF"),
        customer("o", "Om Världen"),
        customer("v", "Världen"),
    ]));
    let found = |text: &str| {
        let task = asked_with("t1", ADD_TODO, json!({"customer": text, "text": "x"}));
        run(&agent(), &task, now(), &portfolio).report().summary.clone()
    };
    for text in [
        "om Alfa IF",
        "För Alfa IF",
        "about Alfa IF",
        "for Alfa IF",
        "on  Alfa IF",
    ] {
        assert!(
            found(text).starts_with("Todo tillagd för Alfa IF:"),
            "{text}: {}",
            found(text)
        );
    }
    assert!(
        found("om världen").starts_with("Todo tillagd för Om Världen:"),
        "{}",
        found("om världen")
    );
    assert_eq!(found("om Xyzzy"), "Ingen kund heter ”om Xyzzy”.");
}
