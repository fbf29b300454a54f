//! Won deals and handovers (S0-20, S0-21).

use expect_test::expect;
use serde_json::json;

use super::*;

fn won(id: &str) -> Ask {
    ask(
        id,
        "deal-won",
        json!({
            "dealId": "D-7",
            "customer": { "name": "Örebro Idrottsförbund", "orgNumber": "802400-0001", "employees": 120, "town": "Örebro" },
            "value": { "amount": "120000.00", "currency": "SEK" },
            "contacts": [{ "name": "Åsa Öman", "role": "beslutsfattare", "email": "asa@orebro.example", "verified": true }],
            "services": ["Satori-uppstart"],
        }),
    )
}

#[test]
fn a_won_deal_opens_one_onboarding_however_often_it_is_delivered() {
    check(
        vec![],
        [won("k-1"), won("k-2")],
        expect![[r#"
            complete: Affären D-7 är vunnen: onboarding för Örebro Idrottsförbund är startad; 6 av 19 punkter är klara.
              expects orebro-idrottsforbund at 0
              fact profile-employees/deal/D-7/orebro-idrottsforbund (Sälj, Sälj): {"kind":"profile","field":"employees","value":"120"}
              fact profile-name/deal/D-7/orebro-idrottsforbund (Sälj, Sälj): {"kind":"profile","field":"name","value":"Örebro Idrottsförbund"}
              fact profile-orgNumber/deal/D-7/orebro-idrottsforbund (Sälj, Sälj): {"kind":"profile","field":"orgNumber","value":"802400-0001"}
              fact profile-town/deal/D-7/orebro-idrottsforbund (Sälj, Sälj): {"kind":"profile","field":"town","value":"Örebro"}
              fact contact-asa-oman/deal/D-7/orebro-idrottsforbund (Sälj, Sälj): {"kind":"contact","key":"asa-oman","name":"Åsa Öman","role":"decision_maker","email":"asa@orebro.example","verified":true,"active":true}
              fact service-1-agreed-satori-uppstart/deal/D-7/orebro-idrottsforbund (Sälj, Sälj): {"kind":"service","key":"satori-uppstart","name":"Satori-uppstart","status":"agreed"}
              fact profile-dealValue/deal/D-7/orebro-idrottsforbund (Sälj, Sälj): {"kind":"profile","field":"dealValue","value":"120000.00 SEK"}
              fact profile-status/deal/D-7/orebro-idrottsforbund (Sälj, Sälj): {"kind":"profile","field":"status","value":"active"}
              fact onboarding/deal/D-7/orebro-idrottsforbund (Sälj, Sälj): {"kind":"onboarding","deal":"D-7"}
              fact stage-1-onboarding/deal/D-7/orebro-idrottsforbund (Sälj, Sälj): {"kind":"stage","stage":"onboarding","cause":"salj.deal-won D-7"}
              fact coordination-1-asked-k-b1d71a29fed261bb0a21e26db5c4a2ff/deal/D-7/orebro-idrottsforbund (Sälj, Sälj): {"kind":"coordination","key":"k-b1d71a29fed261bb0a21e26db5c4a2ff","with":"tjanster/service-delivery-agent","state":"asked","deadline":"2025-09-04T10:00:00Z"}
              event stage-changed [orebro-idrottsforbund/onboarding]: {"actor":"Sälj","at":"2025-09-01T10:00:00Z","cause":"salj.deal-won D-7","customer":"Örebro Idrottsförbund","customerId":"orebro-idrottsforbund","from":null,"to":"onboarding"}
              event onboarding-started [orebro-idrottsforbund]: {"actor":"Sälj","cause":"salj.deal-won D-7","customer":"Örebro Idrottsförbund","customerId":"orebro-idrottsforbund","deal":"D-7","missing":["sector","goals","three_contacts","technical","finance","project","invoice_email","preferred_channel","newsletter","contract","opportunity","first_quarterly_meeting"],"started":"2025-09-01T10:00:00Z"}
              follow-up onboarding coordination-timeout about orebro-idrottsforbund at 2025-09-04T10:00:00Z: {"key":"k-b1d71a29fed261bb0a21e26db5c4a2ff"}
              request tjanster/service-delivery-agent coordinate-onboarding by 2025-09-04T10:00:00Z: {"customer":"Örebro Idrottsförbund","customerId":"orebro-idrottsforbund","deadline":"2025-09-04T10:00:00Z","deal":"D-7","services":["Satori-uppstart"],"started":"2025-09-01T10:00:00Z"}

            complete: Onboarding för affären D-7 är redan startad för Örebro Idrottsförbund.
              expects orebro-idrottsforbund at 11
        "#]],
    );
}

#[test]
fn a_second_deal_of_a_customer_opens_a_second_onboarding_without_a_second_step() {
    let second = won("k-2").with(|task| {
        task.instruction.params.insert("dealId".to_owned(), json!("D-8"));
    });
    check_outline(
        vec![],
        [won("k-1"), second],
        expect![[r#"
        complete: Affären D-7 är vunnen: onboarding för Örebro Idrottsförbund är startad; 6 av 19 punkter är klara. [stage-changed, onboarding-started]
          null→"onboarding"
        complete: Affären D-8 är vunnen: onboarding för Örebro Idrottsförbund är startad; 6 av 19 punkter är klara. [onboarding-started]"#]],
    );
}

#[test]
fn an_onboarding_started_by_hand_is_claimed_by_its_deal() {
    let facts = nearly_complete(&[field::CONTRACT]).facts();
    let asks = [
        ask("k-0", "onboard", orebro(json!({}))),
        won("k-1").day(1),
        won("k-2").day(2),
        ask("k-3", "onboard", orebro(json!({}))).day(3),
    ];
    check_outline(
        facts,
        asks,
        expect![[r#"
            complete: Onboarding för Örebro Idrottsförbund är startad; 16 av 19 punkter är klara. [stage-changed, onboarding-started]
              null→"onboarding"
            complete: Affären D-7 hör till den onboarding för Örebro Idrottsförbund som redan pågår; 17 av 19 punkter är klara. []
            complete: Onboarding för affären D-7 är redan startad för Örebro Idrottsförbund. []
            complete: Onboarding för Örebro Idrottsförbund pågår; 17 av 19 punkter är klara. []"#]],
    );
}

#[test]
fn a_claimed_onboarding_began_when_it_was_started_by_hand() {
    let asks = [ask("k-0", "onboard", orebro(json!({}))), won("k-1").day(9)];
    let decision = decide(nearly_complete(&[field::CONTRACT]).facts(), asks).remove(1);
    let block = &report(&decision).blocks["onboarding"];
    assert_eq!(
        (&block["started"], &block["deal"]),
        (&json!("2025-09-01"), &json!("D-7"))
    );
    assert_eq!(
        block["coordination"]["state"], "asked",
        "what was asked before belongs to it"
    );
}

#[test]
fn who_it_is_follows_from_the_registration_number_then_the_name() {
    let ids = |name: &str, number: &str| {
        let facts = customer("orebro-idrottsforbund", "Örebro Idrottsförbund")
            .profile(field::ORG_NUMBER, "802400-0001")
            .facts();
        let params = json!({ "dealId": "D-7", "customer": { "name": name, "orgNumber": number } });
        let decision = decide(facts, [ask("k-1", "deal-won", params)]).remove(0);
        format!(
            "{} at {}",
            decision.expects[0].entity, decision.expects[0].version
        )
    };
    assert_eq!(
        ids("ÖREBRO IDROTTSFÖRBUND", "8024000001"),
        "orebro-idrottsforbund at 2"
    );
    assert_eq!(
        ids("Örebro Idrottsförbunds", "802400-0001"),
        "orebro-idrottsforbund at 2"
    );
    assert_eq!(
        ids("Örebro Idrottsförbund", "802400-9999"),
        "orebro-idrottsforbund-8024009999 at 0"
    );
    assert_eq!(
        ids("Örebro Idrottsförening Ängen", "802400-9999"),
        "orebro-idrottsforening-angen at 0"
    );
}

#[test]
fn a_message_that_lacks_something_says_what() {
    let blocker = |params: serde_json::Value| {
        let decision = decide(vec![], [ask("k-1", "deal-won", params)]).remove(0);
        assert!(decision.changes.is_empty() && decision.events.is_empty());
        format!(
            "{}: {}",
            report(&decision).status.as_str(),
            report(&decision).blockers.join(" ")
        )
    };
    let named = json!({ "name": "Ängen" });
    let found = [
        blocker(json!({})),
        blocker(json!({ "customer": named })),
        blocker(json!({ "dealId": "D" })),
        blocker(json!({ "dealId": "D", "customer": { "orgNumber": "1" } })),
        blocker(json!({ "dealId": "D", "customer": named, "contacts": "Åsa" })),
        blocker(json!({ "dealId": "D", "customer": named, "contacts": [{ "role": "project" }] })),
        blocker(json!({ "dealId": "D", "customer": named, "contacts": [{ "name": "Bo", "role": "kung" }] })),
        blocker(
            json!({ "dealId": "D", "customer": named, "value": { "amount": "1e40", "currency": "SEK" } }),
        ),
        blocker(
            json!({ "dealId": "D", "customer": named, "value": { "amount": "10", "currency": "kronor" } }),
        ),
        blocker(json!({ "dealId": "D", "customer": named, "date": written(1) })),
        blocker(
            json!({ "dealId": "D", "customer": named, "opportunities": [{ "title": "Kurs", "probability": 101, "value": 5 }] }),
        ),
        blocker(json!({ "dealId": "D", "customer": named, "goals": { "a": 1 } })),
    ];
    expect![[r#"
        failed: `params.customer` saknas
        failed: `params.dealId` saknas
        failed: `params.customer` saknas
        failed: `params.customer.name` saknas
        failed: `params.contacts` ska vara en lista av objekt
        failed: `params.contacts[0].name` saknas
        failed: `params.contacts[0].role` ska vara ett av: decision_maker, beslutsfattare, technical, teknik, finance, ekonomi, project, projekt, other, annan
        failed: `params.value` ska vara ett belopp: {"amount":"1000.00","currency":"SEK"}
        failed: `params.value` ska vara ett belopp: {"amount":"1000.00","currency":"SEK"}
        failed: `params.date` ligger i framtiden
        failed: `params.opportunities[0].probability` ska vara hela procent, 0 till 100
        failed: `params.goals` ska vara text"#]].assert_eq(&found.join("\n"));
}

#[test]
fn a_handover_lands_in_the_profile_with_salj_as_its_source_and_once() {
    let handover = |id: &str| {
        ask(
            id,
            "handover",
            orebro(json!({
                "actor": "Sara Säljare",
                "goals": ["Fler medlemmar", "Mindre administration"],
                "background": "Bytte system 2023",
                "profile": { "preferredChannel": "phone" },
                "contacts": [{ "name": "Per Ek", "role": "teknik" }],
                "opportunities": [{ "title": "Kurser hösten", "value": 40000, "probability": 30, "quote": "Vi vill ha kurser" }],
            })),
        )
    };
    let facts = customer("orebro-idrottsforbund", "Örebro Idrottsförbund").facts();
    check(
        facts,
        [handover("k-1"), handover("k-2")],
        expect![[r#"
        complete: Överlämningen av Örebro Idrottsförbund från Sälj är införd, 5 av 5 uppgifter var nya; 4 av 19 punkter är klara.
          expects orebro-idrottsforbund at 1
          fact profile-preferredChannel/task/k-1/orebro-idrottsforbund (Sälj, Sara Säljare): {"kind":"profile","field":"preferredChannel","value":"phone"}
          fact profile-background/task/k-1/orebro-idrottsforbund (Sälj, Sara Säljare): {"kind":"profile","field":"background","value":"Bytte system 2023"}
          fact profile-goals/task/k-1/orebro-idrottsforbund (Sälj, Sara Säljare): {"kind":"profile","field":"goals","value":"Fler medlemmar; Mindre administration"}
          fact contact-per-ek/task/k-1/orebro-idrottsforbund (Sälj, Sara Säljare): {"kind":"contact","key":"per-ek","name":"Per Ek","role":"technical","verified":false,"active":true}
          fact opportunity-kurser-hosten/task/k-1/orebro-idrottsforbund (Sälj, Sara Säljare): {"kind":"opportunity","key":"kurser-hosten","title":"Kurser hösten","status":"discussed","value":{"amount":"40000","currency":"SEK"},"probability":30,"quote":"Vi vill ha kurser"}

        complete: Överlämningen av Örebro Idrottsförbund från Sälj är införd, 0 av 5 uppgifter var nya; 4 av 19 punkter är klara.
          expects orebro-idrottsforbund at 6
    "#]],
    );
}

#[test]
fn a_handover_of_an_unknown_customer_is_not_guessed() {
    let facts = customer("orebro-idrottsforbund", "Örebro Idrottsförbund").facts();
    check_outline(
        facts,
        [ask(
            "k-1",
            "handover",
            json!({ "customer": "Xyz AB", "goals": "x" }),
        )],
        expect![[r#"
            failed: Ingen kund heter ”Xyz AB”. []
              Ingen kund heter ”Xyz AB”."#]],
    );
}

/// S0-20: a deal is one deal, whatever its customer is called in the message.
#[test]
fn a_deal_under_another_name_opens_no_second_onboarding() {
    let renamed = won("k-2").with(|task| {
        task.instruction
            .params
            .insert("customer".to_owned(), json!({ "name": "Helt Annat Namn" }));
    });
    check_outline(
        vec![],
        [won("k-1"), renamed],
        expect![[r#"
        complete: Affären D-7 är vunnen: onboarding för Örebro Idrottsförbund är startad; 6 av 19 punkter är klara. [stage-changed, onboarding-started]
          null→"onboarding"
        complete: Onboarding för affären D-7 är redan startad för Örebro Idrottsförbund. []"#]],
    );
}

/// One that has left is shown, and comes back only with a deal.
#[test]
fn no_onboarding_of_one_that_has_left_is_started_by_hand() {
    let facts = nearly_complete(&[]).profile(field::STATUS, "churned").facts();
    let decisions = decide(
        facts.clone(),
        [ask("k-0", "onboard", orebro(json!({}))), won("k-1")],
    );
    assert!(decisions[0].changes.is_empty() && decisions[0].requests.is_empty());
    assert!(
        decisions[1]
            .events
            .iter()
            .any(|event| event.kind == "onboarding-started")
    );
    check_outline(
        facts,
        [ask("k-0", "onboard", orebro(json!({})))],
        expect![[r#"
            partial: Örebro Idrottsförbund har lämnat oss, ingen onboarding är startad; 17 av 19 punkter är klara. []
              Örebro Idrottsförbund har lämnat oss: en ny onboarding börjar med en vunnen affär."#]],
    );
}
